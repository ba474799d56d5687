"""Check of lesson 0: which of three programs for the original first layer has the means of red and blue exchanged."""

import torch

from course_utils.checks.core import Choice
from course_utils.vgg import CAFFE_MEAN

_RGB = torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)
_BGR = _RGB.flip(1)

# {letter: picture (N, 3, H, W), RGB in [0, 1] -> input of the original first layer}
programs = {
    "A": lambda image: image.flip(1) * 255 - _RGB,
    "B": lambda image: image.flip(1) * 255 - _BGR,
    "C": lambda image: image * 255 - _RGB,
}

wrong_mean = Choice(
    "wrong_mean",
    "A",
    {
        "A": "A is it: pure red arrives in the last channel, as it should, but the mean colour does not become 0: the"
        " means of red and blue are exchanged. C is wrong the other way round, and B passes both tests.",
        "B": "B makes 0 of the mean colour, in each channel. Would a program with exchanged means do that? Send the"
        " mean colour through the two others.",
        "C": "C makes 0 of the mean colour, so its means fit the order that it has. Send it a picture that is red and"
        " nothing else: which of its channels is the large one, and which should it be?",
    },
    hints=(
        "In a grey pixel all three colours are the same. Why do exchanged means and exchanged colours then give the"
        " same wrong numbers?",
        "A mistake in the means shows where the result should be exactly zero; a mistake in the order of the"
        " colours shows where only one colour is not zero. Which two pixels do you try?",
        "Send the mean colour, `net.mean`, through all three: the right result is (0, 0, 0). Then send pure"
        " red, (1, 0, 0): its large value has to arrive in the last channel. One program fails the first test"
        " only.",
    ),
)
