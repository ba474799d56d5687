"""Check of lesson 0: which of three programs prepares a picture for the original VGG-19."""

import torch

from course_utils.checks.core import Choice
from course_utils.vgg import CAFFE_MEAN

_RGB = torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)
_BGR = _RGB.flip(1)

# {letter: picture (N, 3, H, W), RGB in [0, 1] -> what the original first layer is given}
programs = {
    "A": lambda image: image.flip(1) * 255 - _RGB,
    "B": lambda image: image.flip(1) * 255 - _BGR,
    "C": lambda image: image * 255 - _RGB,
}

right_program = Choice(
    "right_program",
    "B",
    {
        "A": "A does put blue first, but it subtracts the mean of red from it. Send it a picture of the mean colour,"
        " which has to become 0 in each channel. What does A make of it?",
        "B": "B is right: the mean colour becomes 0 in all channels, and pure red arrives in the last one. Each test"
        " alone lets a wrong program pass: A puts red in the last channel too, and C maps the mean colour to 0.",
        "C": "C maps the mean colour to 0, but that is not enough. Send it a picture that is red and nothing else:"
        " which channel of the result is the large one, and which should it be?",
    },
)
