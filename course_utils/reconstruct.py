"""Pictures from activations: what a layer still knows of a photo.

A. Mahendran, A. Vedaldi: Understanding deep image representations by inverting them, CVPR 2015, arXiv:1412.0035;
Gatys, Ecker & Bethge 2015, arXiv:1508.06576, figure 1.
"""
import math

import torch

from course_utils.descent import inverse_frequency, projected_lbfgs
from course_utils.inputs import check_choice, check_tensor
from course_utils.losses import content_loss
from course_utils.transfer import starting_image
from course_utils.vgg import check_layers, check_network

STARTS = ("noise", "grey", "content")


class ContentCost:
    """J_C of a picture against the activations of a photo in one layer, as a share of ½ ‖P‖², its value for a silent layer, F = 0.

    Args:
        net: a frozen network from `vgg19()`.
        photo: (1, 3, H, W) in [0, 1].
        layer: name of a layer.
    Raises:
        ValueError: a photo of the wrong shape or type, too small or outside [0, 1]; no such layer, or one that the photo does not excite.
    """

    def __init__(self, net, photo, layer):
        check_network(net)
        check_layers([layer])
        check_tensor("The photo", photo, "1, 3, H, W", values="picture")
        self.net, self.layer = net, layer
        with torch.no_grad():
            self.target = net.features(photo, [layer])[layer]
        self.scale = float(self.target.square().sum()) / 2
        if not 0 < self.scale < math.inf:
            raise ValueError(f"The photo excites nothing in {layer}, or more than can be counted: take another photo, or a layer before it.")

    @torch.enable_grad()        # gradient mode belongs to a thread; the caller's may have it switched off
    def __call__(self, image):
        """(share, gradient by the pixels, share)."""
        check_tensor("The picture", image, "1, 3, H, W")
        image = image.detach().requires_grad_()
        cost = content_loss(self.net.features(image, [self.layer])[self.layer], self.target).sum() / self.scale
        gradient, = torch.autograd.grad(cost, image)
        return cost.item(), gradient, cost.item()


def first_picture(start, photo, seed=0):
    """The picture to begin with, like `photo`: 'noise', 'grey', or 'content', the photo itself."""
    check_choice("start", start, STARTS)
    check_tensor("The photo", photo, "1, 3, H, W", values="picture")
    return torch.full_like(photo, 0.5) if start == "grey" else starting_image(start, photo, None, seed)


def reconstruct(net, photo, layer, start="noise", evaluations=60, seed=0):
    """Iterator of `Point`: pictures whose activations in `layer` come closer and closer to the photo's; `record` is the share of `ContentCost`.

    Args:
        net, photo, layer: as for `ContentCost`.
        start: one of `STARTS`.
        evaluations: how often cost and gradient are computed.
        seed: of the noise.
    Raises (at the first `next`):
        ValueError: as `ContentCost`; or an unknown start.
        NotFinite: the network gives no finite numbers.
    """
    check_network(net, least_bits=32)
    check_tensor("The photo", photo, "1, 3, H, W", values="picture")
    photo = photo.to(net.mean)
    yield from projected_lbfgs(ContentCost(net, photo, layer), first_picture(start, photo, seed), evaluations,
                               precondition=inverse_frequency(photo.shape, photo.device))
