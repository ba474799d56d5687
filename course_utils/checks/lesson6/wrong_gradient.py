"""Check of lesson 6: which of three costs computes a wrong gradient."""

import torch

from course_utils.checks.core import Choice
from course_utils.cost import painting_cost
from course_utils.losses import STYLE_WEIGHTS, gram_matrix, style_loss


def three_costs(net, photo, painting):
    """{'A', 'B', 'C': a function of a picture (1, 3, H, W) -> (J as a float, ∂J/∂x)}: all three compute the same J, and
    one of them a wrong gradient. The network and the pictures are taken as they are; give float64 for finite
    differences.
    """
    whole = painting_cost(net, photo, painting, content_weight=1, style_weight=1, variation_weight=0)
    targets = {
        layer: gram_matrix(maps, divide=True) for layer, maps in net.features(painting, list(STYLE_WEIGHTS)).items()
    }

    def packaged(image):
        value, gradient, _ = whole(image)
        return float(value), gradient

    def term_by_term(image):
        x = image.clone().requires_grad_()
        total = whole.parts(x, whole.features(x))["total"].sum()
        return total.item(), torch.autograd.grad(total, x)[0]

    def one_place(image):
        """F occurs twice in F Fᵀ; here one of the two is cut off from the gradient."""
        x = image.clone().requires_grad_()
        features = whole.features(x)
        style = 0
        for layer, weight in STYLE_WEIGHTS.items():
            rows = features[layer].flatten(2)
            gram = rows @ rows.detach().mT / rows.shape[2]
            style = style + weight * style_loss(gram, targets[layer]).sum()
        content = whole.parts(x, features)["content"].sum()
        return whole.losses(image)["total"], torch.autograd.grad(content + style, x)[0]

    return {"A": term_by_term, "B": packaged, "C": one_place}


wrong_gradient = Choice(
    "wrong_gradient",
    "C",
    {
        "A": "the slope of A along a direction agrees with the difference of two costs. Have you divided the difference"
        " by 2h, and taken float64?",
        "B": "the slope of B agrees with the difference of two costs: it is the package's own. Compare all three along"
        " the same direction.",
        "C": "right. Its slope is about half of what the costs say: F stands in the Gram matrix twice, and this program"
        " lets only one of the two places carry the gradient back. The descent would still go down, only with"
        " the wrong proportion of style to content.",
    },
    hints=(
        "A wrong gradient can still point downhill. Which number would it get wrong, then?",
        "Section 3 compares a slope with a central difference, along some direction v. What should the quotient"
        " of the two be, for a right gradient?",
        "For each letter: `(suspect(x)[1] * v).sum()`, divided by (J(x + h v) − J(x − h v)) / (2 h), where J is"
        " `suspect(…)[0]`. The quotient of a right one is 1.",
    ),
)
