"""A better guide for the first steps: Gram matrices compared by optimal transport.

One channel by itself, f times as strong as a unit one, has the Gram matrix f², and the style cost is (f² − a²)². That is flat near
f = 0 and steep as f³ far above the target, so no one step suits both. (f − a)² has the same minimum and the same curvature
everywhere. Its form for many channels is the squared Bures–Wasserstein distance between the Gram matrices, which is also the optimal
transport cost between two Gaussians of mean zero with these covariances (Dowson & Landau 1982; `match_colours` uses the same map).
"""
import torch

from course_utils.colour import square_root
from course_utils.losses import CONTENT_LAYER, content_loss, gram_matrix, style_loss

STRENGTH = 0.3          # of the distance beside the other terms; measured on a few pairs: 0.3 and 1 do nearly the same
NEGLIGIBLE = 0.01       # layers with a smaller share of the style cost have nothing to say in the first steps
SMALLEST_ROOT = 1e-3    # of the largest: the map is bounded in directions in which the picture has nothing yet


class Transport:
    """J with the transport distance in place of E_l in the layer that costs most: features -> what to minimise, a tensor.

    How much a layer costs is taken at a picture without any activations, λ^l ‖A^l‖² / (4 C²), so it depends on the painting alone.

    Args:
        cost: a `Cost`.
    """

    def __init__(self, cost):
        self.cost = cost
        blank = {layer: weight * style_loss(torch.zeros_like(cost.style_targets[layer]), cost.style_targets[layer]).item()
                 for layer, weight in cost.layer_weights.items()}
        self.leading = max(blank, key=blank.get)
        self.others = [layer for layer in blank if layer != self.leading and blank[layer] > NEGLIGIBLE * sum(blank.values())]
        target = cost.style_targets[self.leading][0]
        self.root = square_root(target.cpu().double()).to(target)
        self.strength = STRENGTH * cost.layer_weights[self.leading] * target.trace().item() / (4 * len(target)**2)

    def __call__(self, features):
        def gram(layer):
            return gram_matrix(features[layer], divide=True)
        style = self.strength * transport_distance(gram(self.leading)[0], self.root)
        style = style + sum(self.cost.layer_weights[layer] * style_loss(gram(layer), self.cost.style_targets[layer]).sum() for layer in self.others)
        return self.cost.alpha * content_loss(features[CONTENT_LAYER], self.cost.content_target, "mean").sum() + self.cost.beta * style


def transport_distance(gram, root):
    """tr G + tr A − 2 tr (A^½ G A^½)^½, the squared Bures–Wasserstein distance.

    Its gradient by G is 1 − T, where T = A^½ (A^½ G A^½)^(−½) A^½ is the map with T G T = A. Where G has hardly anything yet, T is kept
    bounded; where G is not finite, neither is the distance.

    Args:
        gram: G, positive semi-definite, (C, C).
        root: A^½, (C, C), from `colour.square_root`.
    Returns:
        (), a number that can be differentiated by `gram`.
    """
    return _Distance.apply(gram, root)


class _Distance(torch.autograd.Function):

    @staticmethod
    def forward(ctx, gram, root):
        product = root @ gram @ root
        if not bool(product.isfinite().all()):              # eigh would raise an error of its own
            ctx.save_for_backward(product)
            return product.sum() * float("nan")
        on = "cpu" if product.device.type == "mps" else product.device      # MPS has no eigenvalues
        values, vectors = (part.to(product) for part in torch.linalg.eigh(product.to(on)))
        roots = values.clamp(min=0).sqrt()
        transport = root @ (vectors / (roots + SMALLEST_ROOT * roots.max()).clamp(min=1e-30)) @ vectors.T @ root
        ctx.save_for_backward(torch.eye(len(gram)).to(gram) - transport)
        return gram.trace() + root.square().sum() - 2 * roots.sum()

    @staticmethod
    def backward(ctx, outer):
        gradient, = ctx.saved_tensors
        return outer * gradient, None
