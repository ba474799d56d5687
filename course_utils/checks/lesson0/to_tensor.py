"""Check of lesson 0: from the pixels of a file to a tensor."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial
from course_utils.vgg import IMAGENET_MEAN, IMAGENET_STD

SIZES = [(4, 4), (3, 5), (6, 2), (1, 1), (7, 11)]


def _pixels():
    generator = torch.Generator().manual_seed(0)
    trials = [
        Trial(
            f"{height} × {width} pixels",
            (torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8),),
        )
        for height, width in SIZES
    ]
    dark = torch.randint(0, 3, (2, 3, 3), generator=generator, dtype=torch.uint8)
    return [
        *trials,
        Trial("a nearly black picture of 2 × 3 pixels", (dark,)),
    ]


def _to_tensor(pixels):
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 255


def _standardised(pixels):
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (_to_tensor(pixels) - mean) / deviation


to_tensor = Exercise(
    "to_tensor",
    _to_tensor,
    _pixels,
    [
        Misconception(
            "reshaped",
            lambda pixels: pixels.reshape(1, 3, *pixels.shape[:2]).float() / 255,
            "you reshape, and that leaves all numbers in their old order: red, green and blue of one pixel end up "
            "side by side in one channel. Which method of a tensor gives its axes another order?",
        ),
        Misconception(
            "reshaped_no_batch",
            lambda pixels: pixels.reshape(3, *pixels.shape[:2]).float() / 255,
            "you reshape, which leaves all numbers in their old order, so the colours are mixed up; and the batch axis"
            " is missing. Begin with the axes: which method gives them another order?",
        ),
        Misconception(
            "transposed",
            lambda pixels: pixels.permute(2, 1, 0)[None].float() / 255,
            "height and width have changed places: the picture lies on its side. In which order do rows and columns"
            " stand in (H, W, 3), and in (1, 3, H, W)?",
        ),
        Misconception(
            "transposed_no_batch",
            lambda pixels: pixels.permute(2, 1, 0).float() / 255,
            "height and width have changed places, and the batch axis is missing. In which order do rows and columns"
            " stand in (H, W, 3), and in (1, 3, H, W)?",
        ),
        Misconception(
            "channels_last",
            lambda pixels: pixels[None].float() / 255,
            "the channels are still the last axis. The formula of section 2 has the colour k before the row i: how do"
            " you move an axis?",
        ),
        Misconception(
            "scaled_only",
            lambda pixels: pixels.float() / 255,
            "your values are right, but the axes are still (H, W, 3). First move the axis of the colours, then think"
            " of the batch: how many axes has the result?",
        ),
        Misconception(
            "no_batch",
            lambda pixels: pixels.permute(2, 0, 1).float() / 255,
            "the batch axis is missing: a network takes several pictures at once, so one picture has the shape "
            "(1, 3, H, W). How do you add an axis of length 1?",
        ),
        Misconception(
            "no_batch_not_scaled",
            lambda pixels: pixels.permute(2, 0, 1).float(),
            "two steps are missing: the batch axis in front, and the division that makes white 1. Which of the two"
            " changes the numbers, and which the shape?",
        ),
        Misconception(
            "not_scaled",
            lambda pixels: pixels.permute(2, 0, 1)[None].float(),
            "your values run from 0 to 255. What must a byte be divided by, so that white becomes 1?",
        ),
        Misconception(
            "scaled_by_256",
            lambda pixels: pixels.permute(2, 0, 1)[None].float() / 256,
            "you divide by 256, so white becomes 0.996. There are 256 values, but which is the largest?",
        ),
        Misconception(
            "centred",
            lambda pixels: pixels.permute(2, 0, 1)[None].float() / 127.5 - 1,
            "your values run from −1 to 1, as some other networks take them. What are black and white in ours?",
        ),
        Misconception(
            "standardised",
            _standardised,
            "you subtract a mean colour and divide by a deviation, as torchvision's networks need it. Ours takes 0 to 1"
            " and does the rest inside: which of your steps is too much?",
        ),
        Misconception(
            "stretched",
            lambda pixels: pixels.permute(2, 0, 1)[None].float() / pixels.max(),
            "you divide by the largest value of this picture, so a dark picture turns bright (and a black one is"
            " divided by 0). Which divisor is the same for every picture?",
        ),
        Misconception(
            "floor_division",
            lambda pixels: (pixels.permute(2, 0, 1)[None] // 255).float(),
            "only 0 and 1 are left: the division, or a conversion after it, throws the fraction away (as // and .int()"
            " do). At which step do your numbers become floating-point numbers?",
        ),
        Misconception(
            "float64",
            lambda pixels: pixels.permute(2, 0, 1)[None].double() / 255,
            "your tensor is float64. The network's weights are float32, and the two do not mix: where does your"
            " calculation choose the type?",
        ),
        Misconception(
            "reversed",
            lambda pixels: _to_tensor(pixels).flip(1),
            "red and blue have changed places (BGR). Our network takes RGB and reorders inside: which channel is"
            " number 0?",
        ),
    ],
    hints=(
        "Print `pixels.shape` and `pixels.dtype`, and write the shape and the type that the docstring promises"
        " beside them. Which axis has to move, which one is missing, and what has to happen to the numbers?",
        "Three things change, one after the other: the colour axis comes first, a batch axis of length 1 is"
        " added, and the bytes become numbers from 0 to 1. By which number do you divide so that 255 becomes 1?",
        "`pixels.permute(…)` takes the old places of the axes in their new order: colour was axis 2, height 0,"
        " width 1. Then `.unsqueeze(0)` adds the batch axis, and `.float() / 255` makes the numbers.",
    ),
)
