"""What a unit sees: its receptive field, its projection back to the pixels, and what happens when a part is hidden.

M. Zeiler, R. Fergus: Visualizing and understanding convolutional networks, ECCV 2014, arXiv:1311.2901.
A unit is one position of one channel of a layer: channel k, position (y, x), row before column, counted from 0.
"""
import functools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.vgg import LAYERS, VGG19

BACKWARD_RULES = {      # what a rectification makes of the signal g on its way back; x was its input on the way there
    "deconvnet": lambda g, x: g.clamp(min=0),                       # Zeiler & Fergus 2014, section 2.1
    "gradient": lambda g, x: g * (x > 0),                           # Simonyan, Vedaldi & Zisserman 2014, section 4
    "guided": lambda g, x: g.clamp(min=0) * (x > 0),                # Springenberg et al. 2015
}


class DeconvnetError(ValueError):
    """A request whose answer would be silently wrong; the message says why and what to do."""


# --- receptive fields --------------------------------------------------------------------------------------

class Field(NamedTuple):
    """Along each axis, unit y sees the pixels start + y·jump … start + y·jump + size − 1."""
    size: int           # pixels that a unit sees
    jump: int           # pixels between the fields of neighbouring units
    start: int          # first pixel of unit 0; negative: it sees padding


class Box(NamedTuple):
    """Rows top … bottom − 1 and columns left … right − 1 of a picture; what lies outside it is padding."""
    top: int
    left: int
    bottom: int
    right: int

    def clip(self, height, width):
        """The part inside a picture of this size."""
        return Box(max(self.top, 0), max(self.left, 0), min(self.bottom, height), min(self.right, width))

    def share_outside(self, height, width):
        """How much of the box is padding, from 0 to 1."""
        top, left, bottom, right = self.clip(height, width)
        return 1 - (bottom - top) * (right - left) / ((self.bottom - self.top) * (self.right - self.left))


def receptive_field(layer, net=None):
    """Receptive field of the units of a layer.

    It begins with size 1, jump 1, start 0: a pixel. A layer with kernel κ, stride s and padding p then gives
    size + (κ − 1)·jump, start − p·jump and jump·s, in this order (Araujo, Norris & Sim, Distill 2019, section 2).

    Args:
        layer: name of a layer.
        net: None for VGG-19, or an `nn.Sequential`, whose layers are named '0', '1', …
    Returns:
        Field(size, jump, start), in pixels.
    """
    size, jump, start = 1, 1, 0
    for _, module in chain(net or _vgg19(), layer):
        kernel, stride, padding = geometry(module)
        size, start, jump = size + (kernel - 1) * jump, start - padding * jump, jump * stride
    return Field(size, jump, start)


def map_size(layer, height, width, net=None):
    """(H', W') of the feature maps of a layer for pictures of H × W pixels."""
    for _, module in chain(net or _vgg19(), layer):
        kernel, stride, padding = geometry(module)
        height, width = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    return height, width


def patch_box(layer, y, x, net=None):
    """`Box` of the pixels that unit (y, x) of a layer sees; it may reach beyond the picture (see `Box.clip` and `cut`)."""
    size, jump, start = receptive_field(layer, net)
    top, left = start + y * jump, start + x * jump
    return Box(top, left, top + size, left + size)


def cut(image, box, padding=1.0):
    """The part of a picture in a box, (1, 3, H', W'); pixels that the picture does not have get the value `padding`."""
    patch = image.new_full((*image.shape[:2], box.bottom - box.top, box.right - box.left), padding)
    top, left, bottom, right = box.clip(*image.shape[2:])
    patch[:, :, top - box.top:bottom - box.top, left - box.left:right - box.left] = image[:, :, top:bottom, left:right]
    return patch


@functools.cache
def _vgg19():
    with torch.device("meta"):          # the layers without their weights
        return VGG19()


def chain(net, layer):
    """[(name, module)] of the first layers up to `layer`, for a network that is a plain chain of layers."""
    if isinstance(net, VGG19):
        modules = [(name, getattr(net, name)) for name in LAYERS]
    elif isinstance(net, nn.Sequential):
        modules = list(net.named_children())
    else:
        raise DeconvnetError(f"The way through a {type(net).__name__} is not visible from outside: a rectification that is called as a "
                             "function would be passed over, and the result be a plain gradient. Give its layers as an nn.Sequential.")
    names = [name for name, _ in modules]
    if layer not in names:
        raise DeconvnetError(f"The network has no layer {layer!r}: choose from {', '.join(names[:2])}, …, {names[-1]}.")
    return modules[:names.index(layer) + 1]


def geometry(module):
    """(kernel, stride, padding) of a layer, in positions of the layer before."""
    if isinstance(module, (nn.ReLU, nn.Identity, nn.Dropout)):
        return 1, 1, 0
    if not isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        raise DeconvnetError(f"{type(module).__name__} has no receptive field of a fixed size: end before it.")
    values = [getattr(module, name) for name in ("kernel_size", "stride", "padding")]
    sides = {value if isinstance(value, tuple) else (value, value) for value in values if not isinstance(value, str)}
    if len({*map(type, values)} & {str}) or any(a != b for a, b in sides) or getattr(module, "dilation", 1) not in (1, (1, 1)) \
            or getattr(module, "ceil_mode", False):
        raise DeconvnetError(f"{module} is not supported: square kernels, whole-number padding, no dilation, no ceil_mode.")
    return tuple(value[0] if isinstance(value, tuple) else value for value in values)


# --- projection --------------------------------------------------------------------------------------------

def project(net, image, layer, channel, position=None, backward_rule="deconvnet", seed=None):
    """Project units back to the pixels: put their activation alone into the layer, and go back layer by layer.

    On the way back a pooling puts each value at the place where the maximum was (its switches), a rectification follows
    `backward_rule`, and a convolution becomes its transpose, the same filters without bias (section 2.1 of the paper).
    Only the part of the picture that the units see is computed.

    Args:
        net: from `vgg19()`, or an `nn.Sequential` of convolutions, rectifications and poolings that do not overlap.
        image: (N, 3, H, W). N = 1: all units look at this picture; else unit n looks at picture n.
        layer: name of a layer.
        channel: a number, or one for each unit.
        position: (y, x), or one for each unit; None takes where each channel is strongest.
        backward_rule: 'deconvnet', 'gradient' or 'guided'.
        seed: the value to begin with; None takes the activation of the unit.
    Returns:
        (units, 3, H, W); about half the values are negative, since nothing is rectified after the first layer's filters.
    Raises:
        DeconvnetError: no such layer, channel, position or rule, or a layer that has no exact way back.
    """
    if backward_rule not in BACKWARD_RULES:
        raise DeconvnetError(f"There is no backward rule {backward_rule!r}: choose from {', '.join(BACKWARD_RULES)}.")
    modules = chain(net, layer)
    for name, module in modules:
        _refuse_inexact(name, module)
    channels, positions = _units(net, image, layer, channel, position)
    with torch.no_grad():
        if len(image) == 1:
            return _project(net, modules, image, layer, channels, positions, BACKWARD_RULES[backward_rule], seed)
        units = zip(image.split(1), channels, positions)
        return torch.cat([_project(net, modules, one, layer, [k], [yx], BACKWARD_RULES[backward_rule], seed) for one, k, yx in units])


def _project(net, modules, image, layer, channels, positions, rule, seed):
    """Projections of units that look at one picture."""
    height, width = image.shape[2:]
    jump = receptive_field(layer, net).jump
    boxes = [patch_box(layer, y, x, net) for y, x in positions]
    top, bottom = _window([box.top for box in boxes], [box.bottom for box in boxes], jump, height)
    left, right = _window([box.left for box in boxes], [box.right for box in boxes], jump, width)
    trace, maps = _forward(modules, _centred(net, image[:, :, top:bottom, left:right]))
    signal = maps.new_zeros(len(channels), *maps.shape[1:])
    for n, (k, (y, x)) in enumerate(zip(channels, positions)):
        y, x = y - top // jump, x - left // jump
        signal[n, k, y, x] = maps[0, k, y, x] if seed is None else seed
    for step in reversed(trace):
        signal = _back(signal, *step, rule)
    result = signal.new_zeros(len(channels), 3, height, width)
    result[:, :, top:bottom, left:right] = signal
    return result


def _window(begins, ends, jump, side):
    """(begin, end) of the pixels along one axis that all units see, a little widened.

    It begins at a multiple of the jump, so that the poolings of the part meet the same pixels as those of the whole, and
    has the same length wherever the units lie: oneDNN prepares each new shape anew, which takes longer than a projection.
    """
    length = min((max(ends) - min(begins) + 2 * jump - 1) // jump * jump, side)
    begin = max(min(min(begins), side - length), 0) // jump * jump
    return begin, min(max(begin + length, max(ends)), side)


def _forward(modules, x):
    """[(module, its input, its switches)] and the last activation."""
    trace = []
    for _, module in modules:
        before, switches = x, None
        if isinstance(module, nn.MaxPool2d):
            x, switches = F.max_pool2d(x, module.kernel_size, module.stride, return_indices=True)
        else:
            x = x.clamp(min=0) if isinstance(module, nn.ReLU) else module(x)        # never in place
        trace.append((module, before, switches))
    return trace, x


def _back(signal, module, x, switches, rule):
    """The signal before a layer from the signal after it; x (1, …) was the layer's input."""
    if isinstance(module, nn.ReLU):
        return rule(signal, x)
    if isinstance(module, nn.MaxPool2d):
        # without output_size the contents of odd sizes would shift
        return F.max_unpool2d(signal, switches.expand_as(signal), module.kernel_size, module.stride, output_size=x.shape[-2:])
    if isinstance(module, nn.Conv2d):
        kernel, stride, padding = geometry(module)
        rest = [side - ((after - 1) * stride - 2 * padding + kernel) for side, after in zip(x.shape[-2:], signal.shape[-2:])]
        return F.conv_transpose2d(signal, module.weight, None, stride, padding, rest, module.groups)
    return signal


def _refuse_inexact(name, module):
    """Raise DeconvnetError for a layer through which the way back would be wrong without anyone's noticing."""
    if isinstance(module, nn.Dropout) and module.training:
        raise DeconvnetError(f"The layer {name} drops activations at random: call net.eval() first.")
    if isinstance(module, nn.AvgPool2d):
        raise DeconvnetError(f"The layer {name} averages: it has no switches to go back by. Take a network with max pooling.")
    if not isinstance(module, (nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Identity, nn.Dropout)):
        raise DeconvnetError(f"The layer {name} is a {type(module).__name__}, and a deconvnet has no way back through it: end before it.")
    kernel, stride, padding = geometry(module)
    if isinstance(module, nn.MaxPool2d) and (stride < kernel or padding):
        raise DeconvnetError(f"The pooling windows of layer {name} overlap or are padded: unpooling would overwrite values where windows "
                             "share a maximum. Take a network whose windows do not overlap.")
    if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros":
        raise DeconvnetError(f"The layer {name} pads with {module.padding_mode!r}; only zeros have a plain transpose.")


def _units(net, image, layer, channel, position):
    """Lists of channels and positions, one entry for each unit, within the layer's bounds."""
    if image.ndim != 4 or min(map_size(layer, *image.shape[2:], net)) < 1:
        raise DeconvnetError(f"A picture of the shape {tuple(image.shape)} is too small for {layer}, or not (N, 3, H, W).")
    channels = [int(k) for k in torch.as_tensor(channel).reshape(-1)]
    if position is None:
        positions = _strongest(net, image, layer, channels)
    else:
        positions = [(int(y), int(x)) for y, x in torch.as_tensor(position).reshape(-1, 2)]
    units = max(len(channels), len(positions), len(image))
    if {len(channels), len(positions), len(image)} - {1, units}:
        raise DeconvnetError(f"{len(channels)} channels, {len(positions)} positions and {len(image)} pictures do not go together: "
                             "give one of each for every unit, or one for all.")
    channels, positions = (entries * (units // len(entries)) for entries in (channels, positions))
    many = next(module.out_channels for _, module in reversed(chain(net, layer)) if isinstance(module, nn.Conv2d))
    height, width = map_size(layer, *image.shape[2:], net)
    for k, (y, x) in zip(channels, positions):
        if not (0 <= k < many and 0 <= y < height and 0 <= x < width):
            raise DeconvnetError(f"{layer} has no unit (channel {k}, row {y}, column {x}) for this picture: it has {many} channels "
                                 f"of {height} × {width} positions, counted from 0.")
    return channels, positions


def _strongest(net, image, layer, channels):
    """Where the channels are strongest: in the one picture, or each in its own."""
    with torch.no_grad():
        maps = _forward(chain(net, layer), _centred(net, image))[1]
    picked = [maps[n if len(image) > 1 else 0, k] for n, k in enumerate(channels * (len(image) if len(channels) == 1 else 1))]
    return [divmod(one.argmax().item(), one.shape[1]) for one in picked]


def _centred(net, image):
    return image - net.mean if isinstance(net, VGG19) else image


# --- occlusion ---------------------------------------------------------------------------------------------

class Occlusion(NamedTuple):
    """Scores against the place of the grey square (section 4.2 of the paper)."""
    scores: torch.Tensor        # (rows, columns): the score when the square stands there
    before: float               # the score of the whole picture
    rows: list                  # centres of the square, in pixels
    columns: list
    channel: int


def occlusion_map(net, image, layer, channel=None, position=None, *, size=32, stride=16, batch_size=16):
    """How a score falls when a square of the mean colour hides a part of the picture.

    Args:
        net: from `vgg19()`.
        image: (1, 3, H, W) in [0, 1].
        layer: name of a layer.
        channel: number of a channel; None takes the feature map with the largest sum.
        position: (y, x): the score is the activation of that unit; None: the sum of the feature map, as in the paper.
        size, stride: of the square and between its places, in pixels.
        batch_size: hidden pictures that are computed together.
    Raises:
        DeconvnetError: a square that does not fit into the picture.
    """
    height, width = image.shape[2:]
    if image.shape[0] != 1 or not 0 < size <= min(height, width) or stride < 1:
        raise DeconvnetError(f"A square of {size} pixels, every {stride} pixels, does not fit pictures of the shape {tuple(image.shape)}: "
                             "give one picture and a smaller square.")
    tops, lefts = (range(0, side - size + 1, stride) for side in (height, width))
    places = [(top, left) for top in tops for left in lefts]
    with torch.no_grad():
        maps = net.features(image, [layer])[layer]
        if channel is None:
            channel = maps.sum((2, 3)).argmax().item()

        def score(maps):
            return maps[:, channel].sum((1, 2)) if position is None else maps[:, channel, position[0], position[1]]

        scores = []
        for first in range(0, len(places), batch_size):
            hidden = image.repeat(len(places[first:first + batch_size]), 1, 1, 1)
            for one, (top, left) in zip(hidden, places[first:first + batch_size]):
                one[:, top:top + size, left:left + size] = net.mean[0]
            scores.append(score(net.features(hidden, [layer])[layer]))
    middle = (size - 1) / 2
    return Occlusion(torch.cat(scores).reshape(len(tops), len(lefts)).cpu(), score(maps).item(),
                     [top + middle for top in tops], [left + middle for left in lefts], channel)
