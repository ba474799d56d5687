"""A better guide for the first steps: Gram matrices compared by optimal transport.

One channel by itself, f times as strong as a unit one, has the Gram matrix f², and the style cost is (f² − a²)². That is flat near
f = 0 and steep as f³ far above the target, so no one step suits both. (f − a)² has the same minimum and the same curvature
everywhere. Its form for many channels is the squared Bures–Wasserstein distance between the Gram matrices, which is also the optimal
transport cost between two Gaussians of mean zero with these covariances (Dowson & Landau 1982; `match_colours` uses the same map).
"""
import math

import torch
from torch.autograd.function import once_differentiable

from course_utils.inputs import check_number, check_tensor
from course_utils.losses import CONTENT_LAYER, content_loss, gram_matrix, style_loss

STRENGTH = 0.3          # of the distance beside the other terms; measured on a few pairs: 0.3 and 1 do nearly the same
CONTENT = 0.02          # the first steps go far: content is asked for with at least this share of the distance, both of a blank picture
WORTHWHILE = 20         # times the content cost: where the distance counts for less, J itself leads as well
NEGLIGIBLE = 0.01       # layers with a smaller share of the style cost have nothing to say in the first steps
SOFTNESS = 1e-3         # of the largest eigenvalue of A: ε below


class Transport:
    """J with the transport distance in place of E_l in the layer that costs most: features -> what to minimise, a tensor.

    How much a term costs is taken at a blank picture, one without any activations: λ^l ‖A^l‖² / (4 C²) for the style of a layer.

    Args:
        cost: a `Cost`.
    """

    def __init__(self, cost):
        self.cost = cost
        blank = {layer: weight * style_loss(torch.zeros_like(cost.style_targets[layer]), cost.style_targets[layer]).item()
                 for layer, weight in cost.layer_weights.items()}
        self.worthwhile = all(map(math.isfinite, blank.values()))
        if not self.worthwhile:
            return                              # the network is broken: J itself says so
        self.leading = max(blank, key=blank.get)
        self.others = [layer for layer in blank if layer != self.leading and blank[layer] > NEGLIGIBLE * sum(blank.values())]
        target = cost.style_targets[self.leading][0]
        self.distance = Distance(target)
        self.strength = STRENGTH * cost.layer_weights[self.leading] * target.trace().item() / (4 * len(target)**2)
        blank_distance = cost.beta * self.strength * target.trace().item()
        blank_content = cost.content_target.square().mean().item()
        self.worthwhile = blank_distance > WORTHWHILE * cost.alpha * blank_content
        self.alpha = max(cost.alpha, CONTENT * blank_distance / blank_content) if cost.alpha and blank_content else cost.alpha

    def __call__(self, features):
        def gram(layer):
            return gram_matrix(features[layer], divide=True)
        style = self.strength * self.distance(gram(self.leading)[0])
        style = style + sum(self.cost.layer_weights[layer] * style_loss(gram(layer), self.cost.style_targets[layer]).sum() for layer in self.others)
        return self.alpha * content_loss(features[CONTENT_LAYER], self.cost.content_target, "mean").sum() + self.cost.beta * style


class Distance:
    """tr G + tr A − 2 tr (A^½ G A^½)^½ as a function of G, softened: G -> a number that can be differentiated once.

    The gradient of the distance is 1 − T, where T = A^½ (A^½ G A^½)^(−½) A^½ is the map with T G T = A. A layer has more channels than a
    small picture has positions, so G and A are singular, and T does not exist. With r the square roots of the eigenvalues of A^½ G A^½,
    the inverse root is therefore 1/(r + ε), r itself becomes r − ε ln(1 + r/ε), whose derivative that is, and tr G becomes tr T_A G
    with T_A the softened map at G = A: convex still, and smallest, 0, at G = A.

    Args:
        target: A, positive semi-definite, (C, C).
        softness: ε as a share of the largest eigenvalue of A.
    """

    def __init__(self, target, softness=SOFTNESS):
        check_tensor("The target", target, "C, C", values="finite")
        check_number("softness", softness, 0)
        target = target.detach()
        values, vectors = torch.linalg.eigh(target.cpu().double())
        values = values.clamp(min=0)
        self.epsilon = softness * values.max().item()
        share = values / (values + self.epsilon) if self.epsilon else torch.ones_like(values)
        self.root, self.at_target = (((vectors * diagonal) @ vectors.T).to(target) for diagonal in (values.sqrt(), share))
        self.constant = (2 * _soft(values, self.epsilon).sum() - (share * values).sum()).item()

    def __call__(self, gram):
        check_tensor("A Gram matrix", gram, f"{len(self.root)}, {len(self.root)}", like=self.root, same_type=True)
        return _Distance.apply(gram, self)

    def value_and_gradient(self, gram):
        """The number and its derivative (C, C); where `gram` is not finite, neither are they."""
        product = self.root @ gram @ self.root
        if not bool(product.isfinite().all()):              # eigh would raise an error of its own
            return product.sum() * float("nan"), product
        on = "cpu" if product.device.type == "mps" else product.device      # MPS has no eigenvalues
        values, vectors = (part.to(product) for part in torch.linalg.eigh(product.to(on)))
        roots = values.clamp(min=0).sqrt()
        transport = self.root @ (vectors / (roots + self.epsilon).clamp(min=1e-30)) @ vectors.T @ self.root
        value = (self.at_target * gram).sum() - 2 * _soft(roots, self.epsilon).sum() + self.constant
        return value, self.at_target - transport


class _Distance(torch.autograd.Function):
    """`Distance.value_and_gradient` for autograd."""

    @staticmethod
    def forward(ctx, gram, distance):
        value, gradient = distance.value_and_gradient(gram)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx, outer):
        gradient, = ctx.saved_tensors
        return outer * gradient, None


def _soft(roots, epsilon):
    """r − ε ln(1 + r/ε): r where it is large beside ε, r²/(2ε) where it is small."""
    return roots - epsilon * torch.log1p(roots / epsilon) if epsilon else roots
