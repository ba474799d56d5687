"""Check of lesson 4: three programs for the gradient down to the pixels, of which one is right."""

import torch

from course_utils.checks.core import Choice
from course_utils.losses import content_loss
from course_utils.vgg import LAYERS


class _Positive(torch.autograd.Function):
    """A ReLU whose way back is that of a deconvnet: it keeps the positive values of the gradient."""

    @staticmethod
    def forward(context, z):
        return z.relu()

    @staticmethod
    def backward(context, gradient):
        return gradient.relu()


def _deconvnet(net, image, photo, layer):
    leaf = image.detach().clone().requires_grad_()
    x = leaf - net.mean
    for name in LAYERS[: LAYERS.index(layer) + 1]:
        x = _Positive.apply(x) if name in net.rectified else getattr(net, name)(x)
    cost = content_loss(x, net.features(photo, [layer])[layer].detach()).sum()
    return torch.autograd.grad(cost, leaf)[0]


def _attached(net, image, photo, layer):
    leaf = image.detach().clone().requires_grad_()
    moving = photo + (leaf - leaf.detach())  # the photo, but connected to the graph of the generated picture
    F, P = (net.features(picture, [layer])[layer] for picture in (leaf, moving))
    return torch.autograd.grad(content_loss(F, P).sum(), leaf)[0]


def _right(net, image, photo, layer):
    leaf = image.detach().clone().requires_grad_()
    F, P = net.features(leaf, [layer])[layer], net.features(photo, [layer])[layer].detach()
    return torch.autograd.grad(content_loss(F, P).sum(), leaf)[0]


PROGRAMS = {"A": _deconvnet, "B": _right, "C": _attached}  # each (net, image, photo, layer) -> ∂J_C/∂x, (1, 3, H, W)

right_gradient = Choice(
    "right_gradient",
    "B",
    {
        "A": "the slope that A promises is not the slope of the cost. At each ReLU it keeps what is positive in the"
        " gradient, as a deconvnet does. Which values decide where a gradient may pass a ReLU?",
        "B": "right: B alone promises the slope that the small steps find. A keeps the positive part of the gradient at"
        " each ReLU, as a deconvnet does; C lets the target move along with the picture.",
        "C": "the slope that C promises is not the slope of the cost. Its target is not detached: autograd takes P"
        " for something that moves along with the generated picture. What does C give where F and P are equal?",
    },
    hints=(
        "A gradient promises how much the cost changes for a small step in some direction. How can one measure"
        " this change without trusting any of the programs?",
        "Multiply each program's gradient by the direction and sum: that is its promise. What does the central"
        " difference of the cost along the direction say?",
        'Compare `(PROGRAMS[name](double, start, photo, "relu3_1") * direction).sum()` with'
        ' `measured_slope("relu3_1")`. The right one agrees to several digits.',
    ),
)
