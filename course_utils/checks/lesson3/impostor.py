"""Question of lesson 3: which of three rescaled networks does not compute the same as the original."""

import copy
from collections import OrderedDict

import torch
from torch import nn

from course_utils.checks.core import Choice
from course_utils.means import mean_activations
from course_utils.normalization import normalize_weights

LAST = "pool2"  # the networks are the layers up to this one, with a linear layer behind


def networks(net, pictures):
    """{'original', 'A', 'B', 'C': a network}; each network gives three numbers for a picture.

    Args:
        net: a `VGG`, whose first two blocks are used.
        pictures: list of (1, 3, H, W), over which the means are taken.
    """
    children = OrderedDict(list(net.named_children())[: [*net._modules].index(LAST) + 1])
    head = nn.Linear(4 * net.channels[LAST], 3, device=net.mean.device)
    generator = torch.Generator().manual_seed(0)
    head.weight.data = torch.randn(head.weight.shape, generator=generator).to(head.weight) / 1000
    original = nn.Sequential(children | {"mean": nn.AdaptiveAvgPool2d(2), "flat": nn.Flatten(), "scores": head})
    original = copy.deepcopy(original).double().requires_grad_(False)
    pictures = [picture.double() for picture in pictures]
    means = mean_activations(original, pictures, progress=False)
    scales = {
        name: torch.empty_like(mean).log_normal_(0, 1.5, generator=generator) for name, mean in means.mean.items()
    }
    return {
        "original": original,
        "A": normalize_weights(original, scales),
        "B": normalize_weights(original, means, power_of_two=True),
        "C": _never_undone(original, pictures),
    }


def _never_undone(original, pictures):
    """Layer by layer, measure the means and divide by them; nothing undoes the factors."""
    result = copy.deepcopy(original)
    for name, layer in result.named_children():
        if isinstance(layer, nn.Conv2d):
            mean = mean_activations(result, pictures, progress=False).mean[name]
            mean = torch.where(mean > 0, mean, 1.0)
            layer.weight /= mean[:, None, None, None]
            layer.bias /= mean
    return result


impostor = Choice(
    "impostor",
    "C",
    {
        "A": "Its means are far from one, but its output is the original's, digit by digit: any positive factors can be"
        " undone. Does the question ask for the means or for what the network computes?",
        "B": "Its means miss one by up to a factor of √2, but its output is the original's, digit by digit. Does the"
        " question ask for the means or for what the network computes?",
        "C": "Right: all its means are one, and yet its scores are others. Its layers were measured and divided"
        " one after the other, and no factor was undone. Only the outputs show it.",
    },
    hints=(
        "The proof says what stays the same and what it does not need. Which of the two does it promise for"
        " every positive factor: means of one, or the output?",
        "Means of one can be reached by a network that computes something else. So which measurement decides,"
        " and how large a difference counts in float64?",
        'Compute `suspects[name](picture)` for "A", "B" and "C", and compare each with'
        ' `suspects["original"](picture)`. Two agree to about ten digits.',
    ),
)
