"""What a unit sees: its projection back to the pixels, and what happens when a part of the picture is hidden.

`receptive_field` and `patch_box` of `course_utils.receptive` say which pixels a unit sees at all.
M. Zeiler, R. Fergus: Visualizing and understanding convolutional networks, ECCV 2014, arXiv:1311.2901.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.inputs import check_number, check_tensor, is_plain, short
from course_utils.receptive import POINTWISE, WINDOWED, UnitError, chain, geometry, map_size, patch_box, receptive_field
from course_utils.vgg import Centre

BACKWARD_RULES = {  # what a rectification makes of the signal g on the way back; x was its input in the forward pass
    "deconvnet": lambda g, x: g.clamp(min=0),  # Zeiler & Fergus 2014, section 2.1
    "gradient": lambda g, x: g * (x > 0),  # Simonyan, Vedaldi & Zisserman 2014, section 4
    "guided": lambda g, x: g.clamp(min=0) * (x > 0),  # Springenberg et al. 2015
}
KNOWN = WINDOWED + POINTWISE


# --- projection --------------------------------------------------------------------------------------------


def project(net, image, layer, channel, position=None, backward_rule="deconvnet", start=None):
    """Project units back to the pixels: put the activation of a unit alone into the layer, and go back layer by layer.

    On the way back a pooling puts each value at the place where the maximum was (its switches). A rectification follows
    `backward_rule`. A convolution becomes its transpose, with the same filters and without bias (section 2.1 of the
    paper). Only the part of the picture that the units see is computed.

    Args:
        net: from `vgg19()`, or an `nn.Sequential` of convolutions, rectifications and poolings that do not overlap.
        image: (N, 3, H, W), with the dtype and on the device of the network. With N = 1 all units look at this picture;
            otherwise unit n looks at picture n.
        layer: name of a layer.
        channel: number of a channel, or a list with one for each unit.
        position: (y, x), or a list with one for each unit; None takes the place where each channel is strongest.
        backward_rule: 'deconvnet', 'gradient' or 'guided'.
        start: the value to begin with; None takes the activation of the unit.
    Returns:
        (units, 3, H, W). About half of the values are negative, because nothing is rectified after the first layer's
        filters.
    Raises:
        UnitError: an unknown layer, channel, position or rule, or a layer that has no exact way back.

    >>> net = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.ReLU())
    >>> _ = nn.init.constant_(net[0].weight, 2.0)
    >>> image = torch.ones(1, 3, 4, 4)
    >>> project(net, image, "1", channel=0, position=(1, 2))[0, 0].sum().item()  # activation 6, times the filter's 2
    12.0
    """
    if not isinstance(backward_rule, str) or backward_rule not in BACKWARD_RULES:
        raise UnitError(f"There is no backward rule {short(backward_rule)}: choose from {', '.join(BACKWARD_RULES)}.")
    if start is not None:
        check_number("start", start, error=UnitError)
    modules = chain(net, layer)
    for name, module in modules:
        _refuse_inexact(name, module)
    _check_image(net, modules, image)
    channels, positions = _units(net, image, layer, channel, position)
    at_once = 8 if len(image) == 1 else 1  # units that share a forward pass; more units would fill the memory
    results = []
    with torch.no_grad():
        for first in range(0, len(channels), at_once):
            group = slice(first, first + at_once)
            one = image if len(image) == 1 else image[group]
            results.append(
                _project(
                    net, modules, one, layer, channels[group], positions[group], BACKWARD_RULES[backward_rule], start
                )
            )
    result = torch.cat(results)
    if not result.isfinite().all():
        raise UnitError(f"The projection is not finite: {image.dtype} cannot hold it, or the picture holds NaN.")
    return result


def _project(net, modules, image, layer, channels, positions, rule, start):
    """Projections (units, 3, H, W) of units that look at one picture."""
    height, width = image.shape[2:]
    jump = receptive_field(layer, net).jump
    boxes = [patch_box(layer, y, x, net) for y, x in positions]
    top, bottom = _window([box.top for box in boxes], [box.bottom for box in boxes], jump, height)
    left, right = _window([box.left for box in boxes], [box.right for box in boxes], jump, width)
    trace, maps = _forward(modules, image[:, :, top:bottom, left:right])
    signal = maps.new_zeros(len(channels), *maps.shape[1:])
    for n, (k, (y, x)) in enumerate(zip(channels, positions)):
        y, x = y - top // jump, x - left // jump
        signal[n, k, y, x] = maps[0, k, y, x] if start is None else start
    for step in reversed(trace):
        signal = _back(signal, *step, rule)
    result = signal.new_zeros(len(channels), image.shape[1], height, width)
    result[:, :, top:bottom, left:right] = signal
    return result


def _window(begins, ends, jump, side):
    """(begin, end) of the pixels along one axis that any of the units sees, a little widened.

    The window begins at a multiple of the jump, so that the poolings of the part see the same pixels as those of the
    whole picture. Its length does not depend on the place of the units, because oneDNN prepares each new shape anew,
    and this takes longer than a projection.
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
            x, switches = F.max_pool2d(
                x, module.kernel_size, module.stride, ceil_mode=module.ceil_mode, return_indices=True
            )
        else:
            x = _through(module, x)
        trace.append((module, before, switches))
    return trace, x


@torch.no_grad()
def step_back(signal, module, before, switches=None, backward_rule="deconvnet"):
    """One layer of the way back: from the signal behind the layer to the signal before it.

    This is section 2.1 of Zeiler & Fergus 2014.

    Args:
        signal: (N, C', H', W'), the signal behind the layer, one for each unit.
        module: a convolution, a rectification or a pooling that does not overlap, as in `project`.
        before: (1, C, H, W), the layer's input in the forward pass.
        switches: (1, C, H', W') int64, for a max pooling: the places of its maxima, from
            `max_pool2d(…, return_indices=True)`.
        backward_rule: 'deconvnet', 'gradient' or 'guided'.
    Returns:
        (N, C, H, W), the signal before the layer, without a graph.
    Raises:
        UnitError: a layer without an exact way back, or a signal that does not fit the layer's output.
    """
    if not isinstance(backward_rule, str) or backward_rule not in BACKWARD_RULES:
        raise UnitError(f"There is no backward rule {short(backward_rule)}: choose from {', '.join(BACKWARD_RULES)}.")
    _refuse_inexact("of this step", module)
    check_tensor("The signal", signal, "N, C, H, W", error=UnitError)
    check_tensor("The layer's input", before, "1, C, H, W", like=signal, same_type=True, error=UnitError)
    sides, channels = map_size("0", *before.shape[2:], nn.Sequential(module)), (before.shape[1],) * 2
    if isinstance(module, nn.Conv2d):
        channels = module.in_channels, module.out_channels
        check_tensor("The filters", module.weight, like=signal, same_type=True, error=UnitError)
    if (before.shape[1], *signal.shape[1:]) != (*channels, *sides):
        raise UnitError(
            f"A signal of shape {tuple(signal.shape)} does not belong to this {type(module).__name__}, whose input had"
            f" the shape {tuple(before.shape)}: give both as they were at this layer."
        )
    if isinstance(module, nn.MaxPool2d):
        good = isinstance(switches, torch.Tensor) and switches.dtype == torch.int64 and not switches.is_meta
        last = before.shape[2] * before.shape[3]
        if not good or switches.shape != (1, *signal.shape[1:]) or not ((switches >= 0) & (switches < last)).all():
            raise UnitError(
                "A pooling needs its switches, the places that max_pool2d(…, return_indices=True) gives for this input,"
                f" not {short(switches)}."
            )
    return _back(signal, module, before, switches, BACKWARD_RULES[backward_rule])


def _back(signal, module, x, switches, rule):
    """The signal before a layer, from the signal behind it; x (1, …) was the layer's input in the forward pass."""
    if isinstance(module, nn.ReLU):
        return rule(signal, x)
    if isinstance(module, nn.MaxPool2d):
        # without output_size, maps with odd sides would shift
        return F.max_unpool2d(
            signal, switches.expand_as(signal), module.kernel_size, module.stride, output_size=x.shape[-2:]
        )
    if isinstance(module, nn.Conv2d):
        kernel, stride, padding = geometry(module)
        rest = [
            side - ((after - 1) * stride - 2 * padding + kernel) for side, after in zip(x.shape[-2:], signal.shape[-2:])
        ]
        return F.conv_transpose2d(signal, module.weight, None, stride, padding, rest, module.groups)
    return signal


def _refuse_inexact(name, module):
    """Raise UnitError for a layer through which the way back would be wrong without anyone noticing."""
    if not isinstance(module, KNOWN):
        raise UnitError(
            f"The layer {name} is a {type(module).__name__}, and a deconvnet has no way back through it: end before it."
        )
    kind = next(kind for kind in KNOWN if isinstance(module, kind))
    if type(module).forward is not kind.forward or not is_plain(module):
        raise UnitError(
            f"The layer {name} does more than a plain {kind.__name__}: its way back is not known. Take plain layers,"
            " without hooks."
        )
    if isinstance(module, nn.Dropout) and module.training:
        raise UnitError(f"The layer {name} drops activations at random: call net.eval() first.")
    if isinstance(module, nn.AvgPool2d):
        raise UnitError(
            f"The layer {name} averages: it has no switches to go back by. Take a network with max pooling."
        )
    kernel, stride, padding = geometry(module)
    if isinstance(module, nn.MaxPool2d) and (stride < kernel or padding):
        raise UnitError(
            f"The pooling windows of layer {name} overlap or are padded: unpooling would overwrite values where windows"
            " share a maximum. Take a network whose windows do not overlap."
        )
    if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros":
        raise UnitError(f"The layer {name} pads with {module.padding_mode!r}; only zeros have a plain transpose.")


def _check_image(net, modules, image):
    """Raise UnitError unless the picture fits the network."""
    conv = next((module for _, module in modules if isinstance(module, nn.Conv2d)), None)
    if conv is not None:
        wanted, like, good = conv.in_channels, conv.weight, isinstance(image, torch.Tensor)
        if (
            not good
            or image.ndim != 4
            or image.shape[1] != wanted
            or image.dtype != like.dtype
            or image.device != like.device
        ):
            found = f"{tuple(image.shape)} as {image.dtype} on {image.device}" if good else short(image)
            raise UnitError(
                f"The network takes pictures (N, {wanted}, H, W) as {like.dtype} on {like.device}, not {found}."
            )
    check_tensor("The picture", image, "N, C, H, W", values="finite", error=UnitError)


def _units(net, image, layer, channel, position):
    """Lists of channels and positions, one entry for each unit, within the layer's bounds."""
    height, width = map_size(layer, *image.shape[2:], net)
    if min(height, width) < 1:
        raise UnitError(f"A picture of {image.shape[2]} × {image.shape[3]} pixels is too small for {layer}.")
    channels = _whole_numbers(channel, "channel").flatten().tolist()
    places = None if position is None else _whole_numbers(position, "position")
    if places is not None and (places.shape[-1:] != (2,) or places.ndim > 2):
        raise UnitError("A position is (row, column), and several of them a list of such pairs.")
    positions = [None] if places is None else [tuple(place) for place in places.reshape(-1, 2).tolist()]
    units = max(len(channels), len(positions), len(image))
    if not channels or {len(channels), len(positions), len(image)} - {1, units}:
        raise UnitError(
            f"{len(channels)} channels, {len(positions)} positions and {len(image)} pictures do not go together: "
            "give one of each for every unit, or one for all."
        )
    channels, positions = (entries * (units // len(entries)) for entries in (channels, positions))
    many = next(
        (module.out_channels for _, module in reversed(chain(net, layer)) if isinstance(module, nn.Conv2d)),
        image.shape[1],
    )
    for k, (y, x) in zip(channels, (place or (0, 0) for place in positions)):
        if not (0 <= k < many and 0 <= y < height and 0 <= x < width):
            raise UnitError(
                f"{layer} has no unit (channel {k}, row {y}, column {x}) for this picture: it has {many} channels "
                f"of {height} × {width} positions, counted from 0."
            )
    if position is None:
        pictures = range(units) if len(image) > 1 else [0] * units
        positions = [
            divmod(_maps(net, image[n : n + 1], layer)[0, k].argmax().item(), width) for n, k in zip(pictures, channels)
        ]
    return channels, positions


def _whole_numbers(values, what):
    try:
        numbers = torch.as_tensor(values).cpu().to_dense()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UnitError(f"{short(values)} is no {what}: give whole numbers.") from error
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise UnitError(f"{short(values)} is no {what}: give whole numbers.")
    return numbers


@torch.no_grad()
def _maps(net, image, layer):
    """The feature maps (N, C, H', W') of a layer; the layers before it keep nothing."""
    for _, module in chain(net, layer):
        image = _through(module, image)
    return image


def _through(module, x):
    """The output of a layer, which is never computed in place."""
    return x.clamp(min=0) if isinstance(module, nn.ReLU) else module(x)


# --- occlusion ---------------------------------------------------------------------------------------------


class Occlusion(NamedTuple):
    """The score for each place of the grey square (section 4.2 of the paper)."""

    scores: torch.Tensor  # (rows, columns): the score when the square stands at this place
    before: float  # the score of the whole picture
    rows: list  # centres of the square, in pixels
    columns: list
    channel: int


def occlusion_map(net, image, layer, channel=None, position=None, *, size=32, stride=16, batch_size=16):
    """How a score falls when a square of the mean colour hides a part of the picture.

    Args:
        net: from `vgg19()`, or an `nn.Sequential`, for which the square is mid-grey.
        image: (1, 3, H, W) in [0, 1].
        layer: name of a layer.
        channel: number of a channel; None takes the feature map with the largest sum.
        position: (y, x) takes the activation of this unit as the score; None takes the sum of the feature map, as in
            the paper.
        size: side of the square, in pixels.
        stride: distance between its places, in pixels; the last place is always at the border.
        batch_size: number of pictures with a square that are computed together.
    Returns:
        `Occlusion`.
    Raises:
        UnitError: no such unit, or a square that does not fit into the picture.
    """
    _check_image(net, chain(net, layer), image)
    image, (height, width) = image.detach(), image.shape[2:]
    size, stride, batch_size = numbers = _whole_numbers(
        [size, stride, batch_size], "size, stride or batch size"
    ).tolist()
    if len(image) != 1 or min(numbers) < 1 or size > min(height, width):
        raise UnitError(
            f"A square of {size} pixels, every {stride} pixels, {batch_size} at a time, does not fit "
            f"{len(image)} picture(s) of {height} × {width} pixels: give one picture, and numbers above 0."
        )
    before = _maps(net, image, layer)
    if channel is None:
        channel = before.sum((2, 3)).argmax().item()
    channels, places = _units(net, image, layer, channel, (0, 0) if position is None else position)
    if len(channels) != 1:
        raise UnitError(f"The score is that of one unit, not of {len(channels)}: give one channel and one position.")
    (channel,), (place,) = channels, places

    def score(maps):
        return maps[:, channel].sum((1, 2)) if position is None else maps[:, channel, place[0], place[1]]

    tops, lefts = (sorted({*range(0, side - size + 1, stride), side - size}) for side in (height, width))
    squares = [(top, left) for top in tops for left in lefts]
    grey = next((module.mean[0] for _, module in chain(net, layer) if isinstance(module, Centre)), 0.5)
    scores = []
    for first in range(0, len(squares), batch_size):
        group = squares[first : first + batch_size]
        hidden = image.repeat(len(group), 1, 1, 1)
        for one, (top, left) in zip(hidden, group):
            one[:, top : top + size, left : left + size] = grey
        scores.append(score(_maps(net, hidden, layer)))
    scores, middle = torch.cat(scores), (size - 1) / 2
    if not scores.isfinite().all():
        raise UnitError("The scores are not finite: look for NaN in the weights of the network.")
    return Occlusion(
        scores.reshape(len(tops), len(lefts)).cpu(),
        score(before).item(),
        [top + middle for top in tops],
        [left + middle for left in lefts],
        channel,
    )
