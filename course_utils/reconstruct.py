"""Pictures from activations: what a layer keeps of a photo.

A. Mahendran, A. Vedaldi: Understanding deep image representations by inverting them, CVPR 2015, arXiv:1412.0035;
Gatys, Ecker & Bethge 2015, arXiv:1508.06576, figure 1.
"""

import math
from collections.abc import Iterator, Sequence

import torch

from course_utils.cost import Content, Cost, Term, check_terms
from course_utils.descent import Point, inverse_frequency, projected_lbfgs
from course_utils.inputs import check_choice, check_tensor
from course_utils.settings import HEAVIEST
from course_utils.transfer import starting_image
from course_utils.vgg import VGG, check_layers, check_network
from course_utils.winograd import prepared

STARTS = ("noise", "grey", "content")


def reconstruction_cost(net: VGG, photo: torch.Tensor, layer: str, more: Sequence[Term] = ()) -> Cost:
    """The `Cost` whose first term is mean (F − P)² / mean P², for the activations P of a photo in one layer.

    The term is the content cost as a share of its value for a silent layer, F = 0.

    Args:
        net: a frozen network from `vgg19()`.
        photo: (1, 3, H, W) in [0, 1].
        layer: name of a layer.
        more: a list of further terms, such as `TotalVariation`.
    Raises:
        ValueError: a photo of the wrong shape or type, too small or outside [0, 1]; an unknown layer, or a layer that
            the photo does not activate.
    """
    check_network(net)
    check_layers([layer], net=net)
    check_terms("more", more)
    term = Content(net, photo, layers={layer: 1.0})
    silent = term.targets[layer].square().mean().item()
    if not 1 / HEAVIEST <= silent < math.inf:
        raise ValueError(
            f"The photo activates nothing in {layer}, or its activations are too large: take another photo, or an"
            " earlier layer."
        )
    term.weight = 1 / silent
    return Cost(net, [term, *more])


def first_picture(start: str, photo: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """The picture to begin with, of the photo's shape: 'noise', an even 'grey', or 'content', which is the photo."""
    check_choice("start", start, STARTS)
    check_tensor("The photo", photo, "1, 3, H, W", values="picture")
    return torch.full_like(photo, 0.5) if start == "grey" else starting_image(start, photo, photo, seed)


def reconstruct(
    net: VGG,
    photo: torch.Tensor,
    layer: str,
    start: str = "noise",
    evaluations: int = 60,
    seed: int = 0,
    *,
    broad_first: bool = True,
    more: Sequence[Term] = (),
) -> Iterator[Point]:
    """Iterator of `Point`: the activations of its pictures in `layer` come closer and closer to the photo's.

    The record of a point is the first term of `reconstruction_cost`, without the terms in `more`.

    Args:
        net, photo, layer: as for `reconstruction_cost`.
        start: one of `STARTS`.
        evaluations: how often cost and gradient are computed.
        seed: of the noise.
        broad_first: whether the descent prefers broad changes to fine ones, by `inverse_frequency`.
        more: terms that are added to the cost, such as [TotalVariation(1e-4)].
    Raises (at the first `next`):
        ValueError: as in `reconstruction_cost`, or an unknown start.
        NotFinite: the network gives no finite numbers.
    """
    check_network(net, least_bits=32)
    check_tensor("The photo", photo, "1, 3, H, W", values="picture")
    photo = photo.to(net.mean)
    check_terms("more", more)
    fast = prepared(net, photo, [layer, *(name for term in more for name in term.layers)])
    cost = reconstruction_cost(fast, photo, layer, more)
    precondition = inverse_frequency(photo.shape, photo.device) if broad_first else None
    for point in projected_lbfgs(cost, first_picture(start, photo, seed), evaluations, precondition=precondition):
        yield point._replace(record=point.record["content"])
