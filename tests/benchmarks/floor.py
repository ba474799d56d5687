"""The machine's own rate: the convolutions of one evaluation, each timed by itself, and nothing else.

An evaluation needs, at each of the 13 convolutions up to conv5_1, the convolution forward and the one backward to its
input. Both are timed with contiguous tensors and with channels_last ones; the faster layout counts, for each by itself.
The sum of these times is the floor: no loop that computes the same convolutions with PyTorch in float32 can take less,
and what a loop takes more is ReLU, pooling, Gram matrices, the optimiser, memory traffic and Python.
"""

import torch
import torch.nn.functional as F

from course_utils.losses import STYLE_LAYERS
from course_utils.vgg import CONVOLUTIONS, LAYERS

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DEEPEST = [name for name in CONVOLUTIONS if LAYERS.index(name) < LAYERS.index(STYLE_LAYERS[-1])]


def shapes(net, height, width):
    """(name, weight, (h, w) of its maps) for each convolution that an evaluation needs."""
    for name in DEEPEST:
        scale = 2 ** (int(name[4]) - 1)
        yield name, getattr(net, name), (height // scale, width // scale)


@torch.no_grad()
def times(net, height, width, clock):
    """{name: {layout: [forward, backward]}} of one pass over the convolutions; `clock` gives seconds.

    Each is called once to warm up and then timed once: call this in every round and take medians.
    """
    result = {}
    generator = torch.Generator().manual_seed(0)
    for name, layer, (h, w) in shapes(net, height, width):
        maps, gradient = (
            torch.rand(1, channels, h, w, generator=generator).to(layer.weight)
            for channels in (layer.in_channels, layer.out_channels)
        )
        for layout, memory_format in LAYOUTS.items():
            x, g, weight = (tensor.contiguous(memory_format=memory_format) for tensor in (maps, gradient, layer.weight))
            calls = (
                lambda: F.conv2d(x, weight, layer.bias, padding=1),
                lambda: torch.ops.aten.convolution_backward(
                    g, x, weight, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1, (True, False, False)
                ),
            )
            for call in calls:
                call()
                began = clock()
                call()
                result.setdefault(name, {}).setdefault(layout, []).append(clock() - began)
    return result


def best_rate(net, height, width, rounds, median):
    """Operations per second of the convolution that is fastest by this measure, forward or backward, in any layout."""
    return max(
        2 * layer.weight.numel() * h * w / median(one[name][layout][way] for one in rounds)
        for name, layer, (h, w) in shapes(net, height, width)
        for layout in LAYOUTS
        for way in (0, 1)
    )


def floor(rounds, median):
    """Seconds of the convolutions alone: the sum, over convolutions and directions, of the faster layout's median."""
    return sum(
        min(median(one[name][layout][way] for one in rounds) for layout in LAYOUTS)
        for name in DEEPEST
        for way in (0, 1)
    )
