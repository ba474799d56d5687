"""Question of lesson 1: which of three deconvnets, each built wrongly in one way, lacks the rectification."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.checks.core import Choice
from course_utils.deconvnet import step_back
from course_utils.receptive import chain


def three_deconvnets(net):
    """Three deconvnets for a network, each wrong in one way: {'A': way, 'B': way, 'C': way}.

    A way is a function of image (1, 3, H, W), layer, unit = (channel, row, column) and start, the value that is put
    into the unit (1 unless given); it returns the projection, (1, 3, H, W).
    """

    def deconvnet(**instead):
        def way(image, layer, unit, start=1.0):
            with torch.no_grad():
                return _projected(net, image, layer, unit, start, instead)

        return way

    return {
        "A": deconvnet(Conv2d=_unflipped),
        "B": deconvnet(ReLU=lambda signal, *_: signal),
        "C": deconvnet(Conv2d=_with_biases),
    }


def _projected(net, image, layer, unit, start, instead):
    x, trace = image, []
    for _, module in chain(net, layer):
        before, switches = x, None
        if isinstance(module, nn.MaxPool2d):
            x, switches = F.max_pool2d(x, 2, return_indices=True)
        else:
            x = module(x)
        trace.append((module, before, switches))
    signal = torch.zeros_like(x)
    signal[(0, *unit)] = start
    for module, before, switches in reversed(trace):
        signal = instead.get(type(module).__name__, step_back)(signal, module, before, switches)
    return signal


def _unflipped(signal, module, *_):
    return F.conv2d(signal, module.weight.transpose(0, 1), padding=1)


def _with_biases(signal, module, *_):
    """Biases as torch draws them for a new ConvTranspose2d, the same at every call."""
    generator = torch.Generator().manual_seed(module.in_channels)
    width = module.weight[0].numel() ** -0.5
    bias = (2 * torch.rand(module.in_channels, generator=generator) - 1) * width
    return F.conv_transpose2d(signal, module.weight, bias.to(signal), padding=1)


no_rectification = Choice(
    "no_rectification",
    "B",
    {
        "A": "A does rectify: with a start of −1 its picture is empty. Project a unit of relu1_1 and compare the"
        " picture with the filter of its channel: what is wrong in A instead?",
        "B": "B lacks the rectification. From a start of −1 a right deconvnet makes an empty picture, because its"
        " first step sets the −1 to zero. B makes the picture of +1 with the opposite sign. A does not flip its"
        " filters, and C adds biases.",
        "C": "C gives a picture even where the start is 0. A missing rectification alone cannot make something out of"
        " nothing: what can? Now find out what A and B make of a start of −1.",
    },
    hints=(
        "What does a way back without biases give for a start of 0, and what does a rectification make of a"
        " negative signal?",
        "Three mistakes, three tests: a start of 0 finds the biases, a start of −1 finds the rectification, and"
        " a projection from the first layer, set beside its filter, finds the flip. Which numbers do you expect"
        " from a right one?",
        "Call each way with `start=0.0` and `start=-1.0` and print `.norm()`. What comes back from 0 has biases."
        " From −1 a rectified way without biases gives nothing at all, so look for the way that gives something"
        " although it gives nothing from 0.",
    ),
)
