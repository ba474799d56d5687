"""Receptive fields: which pixels a unit sees.

A unit is one position of one channel of a layer: channel k, position (y, x), row before column, counted from 0.
"""

import functools
from typing import NamedTuple

import torch
from torch import nn

from course_utils.inputs import check_number, check_tensor, short
from course_utils.vgg import VGG, VGG19, Centre

WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)  # layers whose units see a square of units of the layer before
POINTWISE = (Centre, nn.ReLU, nn.Identity, nn.Dropout)  # layers whose units see a single unit of the layer before


class UnitError(ValueError):
    """A unit does not exist, or the answer would be wrong without a sign of it; the message says why and what to do."""


class Field(NamedTuple):
    """Along each axis, unit y sees the pixels start + y·jump … start + y·jump + size − 1."""

    size: int  # pixels that a unit sees
    jump: int  # pixels between the fields of neighbouring units
    start: int  # first pixel of unit 0; a negative start means that the unit sees padding


class Box(NamedTuple):
    """Rows top … bottom − 1 and columns left … right − 1 of a picture; the part outside the picture is padding."""

    top: int
    left: int
    bottom: int
    right: int

    def clip(self, height, width):
        """The part of the box inside a picture of this size; it is empty if the box lies outside the picture."""
        _check_whole(1, height=height, width=width)
        _check_whole(None, **self._asdict())
        top, left = min(max(self.top, 0), height), min(max(self.left, 0), width)
        return Box(top, left, max(min(self.bottom, height), top), max(min(self.right, width), left))

    def share_outside(self, height, width):
        """The share of the box that is padding, from 0 to 1. Raises UnitError for a box without pixels."""
        check_box(self)
        top, left, bottom, right = self.clip(height, width)
        return 1 - (bottom - top) * (right - left) / ((self.bottom - self.top) * (self.right - self.left))


def receptive_field(layer: str, net=None) -> Field:
    """Receptive field of the units of a layer.

    We begin with a pixel: size 1, jump 1, start 0. A layer with kernel κ, stride s and padding p then gives
    size + (κ − 1)·jump, start − p·jump and jump·s, in this order (Araujo, Norris & Sim, Distill 2019, section 2).

    Args:
        layer: name of a layer.
        net: None for VGG-19, another `VGG`, or an `nn.Sequential`, whose layers are named '0', '1', …
    Returns:
        Field(size, jump, start), in pixels.

    >>> receptive_field("relu4_2")
    Field(size=84, jump=8, start=-38)
    """
    size, jump, start = 1, 1, 0
    for _, module in chain(_vgg19() if net is None else net, layer):
        kernel, stride, padding = geometry(module)
        size, start, jump = size + (kernel - 1) * jump, start - padding * jump, jump * stride
    return Field(size, jump, start)


def map_size(layer: str, height: int, width: int, net=None) -> tuple[int, int]:
    """(H', W') of the feature maps of a layer for pictures of H × W pixels; (0, 0) if the picture is too small."""
    _check_whole(0, height=height, width=width)
    for _, module in chain(_vgg19() if net is None else net, layer):
        kernel, stride, padding = geometry(module)
        height, width = (
            _positions(side, kernel, stride, padding, getattr(module, "ceil_mode", False)) for side in (height, width)
        )
        if min(height, width) < 1:
            return 0, 0
    return height, width


def _positions(side, kernel, stride, padding, up):
    """The number of windows along a side.

    With `up`, a last window counts that ends beyond the maps, if it begins on the maps or on the padding before them.
    """
    rest = side + 2 * padding - kernel
    if not up:
        return rest // stride + 1
    count = -(-rest // stride) + 1
    return count - ((count - 1) * stride >= side + padding)


def patch_box(layer: str, y: int, x: int, net=None) -> Box:
    """`Box` of the pixels that unit (y, x) of a layer sees.

    The box may reach beyond the picture (see `Box.clip` and `cut`).
    """
    _check_whole(None, y=y, x=x)
    size, jump, start = receptive_field(layer, net)
    top, left = start + y * jump, start + x * jump
    return Box(top, left, top + size, left + size)


def cut(image: torch.Tensor, box: Box, padding=1.0) -> torch.Tensor:
    """The part of a picture (N, C, H, W) in a box, (N, C, H', W'); pixels outside the picture are `padding`."""
    check_tensor("The picture", image, "N, C, H, W", error=UnitError)
    check_number("padding", padding, error=UnitError)
    check_box(box)
    patch = image.new_full((*image.shape[:2], box.bottom - box.top, box.right - box.left), padding)
    top, left, bottom, right = box.clip(*image.shape[2:])
    patch[:, :, top - box.top : bottom - box.top, left - box.left : right - box.left] = image[
        :, :, top:bottom, left:right
    ]
    return patch


def _check_whole(least, **values):
    for what, value in values.items():
        check_number(what, value, -(2**63) if least is None else least, 2**63, whole=True, error=UnitError)


def check_box(box):
    """Raise UnitError unless this is a `Box` with pixels in it."""
    if not isinstance(box, Box):
        raise UnitError(f"A part of a picture is given by a Box, such as patch_box() makes, not by {short(box)}.")
    _check_whole(None, **box._asdict())
    _check_whole(1, **{"The height of the box": box.bottom - box.top, "The width of the box": box.right - box.left})


@functools.cache
def _vgg19():
    with torch.device("meta"):  # the layers without their weights
        return VGG19()


def chain(net, layer):
    """[(name, module)] of the layers up to `layer`, for a network that is a plain chain (a `VGG` with its `centre`)."""
    if isinstance(net, VGG) or isinstance(net, nn.Sequential) and type(net).forward is nn.Sequential.forward:
        modules = list(net._modules.items())  # named_children() would leave out a module's second occurrence
    else:
        raise UnitError(
            f"The way through a {type(net).__name__} is not visible from outside: a rectification that is called as a "
            "function would be missed, and the result would be a plain gradient. Give its layers as an nn.Sequential."
        )
    names = [name for name, _ in modules]
    if not isinstance(layer, str) or layer not in names:
        names = names[isinstance(net, VGG) :]
        raise UnitError(
            f"The network has no layer {short(layer)}: choose from"
            f" {', '.join([*map(repr, names[:2]), '…', *map(repr, names[-1:])])}."
        )
    return modules[: names.index(layer) + 1]


def geometry(module):
    """(kernel, stride, padding) of a layer, in positions of the layer before it."""
    if isinstance(module, POINTWISE):
        return 1, 1, 0
    if not isinstance(module, WINDOWED):
        raise UnitError(f"{type(module).__name__} has no receptive field of a fixed size: end before it.")
    values = [getattr(module, name) for name in ("kernel_size", "stride", "padding")]
    square = all(
        isinstance(value, int) or isinstance(value, tuple) and len({*value}) == 1 for value in values
    )  # no text such as 'same'
    if not square or getattr(module, "dilation", 1) not in (1, (1, 1)):
        raise UnitError(f"{module} is not supported: square kernels, whole-number padding, no dilation.")
    return tuple(value[0] if isinstance(value, tuple) else value for value in values)
