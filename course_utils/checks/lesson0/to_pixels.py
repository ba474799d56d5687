"""Check of lesson 0: from a tensor to the pixels of a file."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial
from course_utils.checks.lesson0.to_tensor import SIZES
from course_utils.vgg import IMAGENET_MEAN, IMAGENET_STD


def _images():
    """Values inside and outside [0, 1]; none lies halfway between two grey levels, where ways of rounding differ."""
    generator = torch.Generator().manual_seed(1)

    def near(least, most, height, width):
        levels = torch.randint(least, most, (1, 3, height, width), generator=generator)
        return (levels + torch.rand(levels.shape, generator=generator) * 0.8 - 0.4) / 255

    trials = [
        Trial(f"a picture of {height} × {width} pixels, some values outside [0, 1]", (near(-60, 320, height, width),))
        for height, width in SIZES
    ]
    return [
        *trials,
        Trial("a picture of 2 × 3 pixels with values from −400 to 400", (near(-102_000, 102_000, 2, 3),)),
        Trial("a picture of 3 × 2 pixels, nearly black", (near(0, 3, 3, 2),)),
    ]


def _to_pixels(image):
    return image[0].clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0)


def _from_standard(image):
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return _to_pixels(image * deviation + mean)


def _bytes(levels):
    """Grey levels (1, 3, H, W) as uint8 (H, W, 3); values outside 0 … 255 are wrapped around."""
    return levels[0].int().to(torch.uint8).permute(1, 2, 0)


to_pixels = Exercise(
    "to_pixels",
    _to_pixels,
    _images,
    [
        Misconception(
            "truncated",
            lambda image: (image[0].clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0),
            "converting to uint8 cuts the fraction off, so 254.9 becomes 254 and every picture gets darker. What has to"
            " happen before the conversion?",
        ),
        Misconception(
            "rounded_up",
            lambda image: (image[0].clamp(0, 1) * 255).ceil().to(torch.uint8).permute(1, 2, 0),
            "your values are rounded up, so 3.1 becomes 4 and every picture gets brighter. Which grey level is the"
            " nearest?",
        ),
        Misconception(
            "neither",
            lambda image: (image[0] * 255).to(torch.uint8).permute(1, 2, 0),
            "values outside [0, 1] wrap around, and the fraction of the others is cut off. What does the formula of"
            " section 3 do first, and what last?",
        ),
        Misconception(
            "not_clamped_above",
            lambda image: _bytes((image.clamp(min=0) * 255).round()),
            "values below 0 become black, but values above 1 wrap around. Where is the upper end of the range: do you"
            " clamp before or after you multiply?",
        ),
        Misconception(
            "clamped_to_255",
            lambda image: _bytes((image.clamp(0, 255) * 255).round()),
            "values above 1 wrap around, for example because you clamp to 0 … 255 while the picture still runs from 0"
            " to 1. What is white at the place where you clamp?",
        ),
        Misconception(
            "not_clamped_below",
            lambda image: _bytes((image.clamp(max=1) * 255).round()),
            "values above 1 become full colour, but values below 0 wrap around. What should become of −0.1?",
        ),
        Misconception(
            "clamped_late",
            lambda image: (image[0] * 255).clamp(0, 1).round().to(torch.uint8).permute(1, 2, 0),
            "only 0 and 1 are left: you clamp to [0, 1] when the values already run to 255. Which range fits there?",
        ),
        Misconception(
            "not_scaled",
            lambda image: image[0].clamp(0, 1).round().to(torch.uint8).permute(1, 2, 0),
            "your values are 0 and 1 only, but a byte runs from 0 to 255. Which step is missing before you round?",
        ),
        Misconception(
            "rounded_early",
            lambda image: image[0].clamp(0, 1).round().mul(255).to(torch.uint8).permute(1, 2, 0),
            "only black and full colour are left: at the moment when you round, the values still run from 0 to 1. Where"
            " does the rounding belong?",
        ),
        Misconception(
            "reversed",
            lambda image: _to_pixels(image).flip(2),
            "red and blue have changed places (BGR). A file has the order red, green, blue: which of your steps turns"
            " it round?",
        ),
        Misconception(
            "not_clamped",
            lambda image: _bytes((image * 255).round()),
            "values outside [0, 1] wrap around: a little whiter than white becomes black. What has to happen to them"
            " before you convert?",
        ),
        Misconception(
            "stretched",
            lambda image: (
                ((image[0] - image.min()) / (image.max() - image.min()) * 255).round().to(torch.uint8).permute(1, 2, 0)
            ),
            "you stretch the values to fill the range, and that changes the contrast of every picture. Which values may"
            " change, and which must stay?",
        ),
        Misconception(
            "centred",
            lambda image: _to_pixels((image + 1) / 2),
            "you take −1 for black, as some other networks do. What are black and white in ours?",
        ),
        Misconception(
            "standardised",
            _from_standard,
            "you multiply by a deviation and add a mean colour, as for torchvision's networks. Our pictures run from 0"
            " to 1: which of your steps is too much?",
        ),
        Misconception(
            "batch_kept",
            lambda image: image.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1),
            "the batch axis is still there, but a file holds one picture, (H, W, 3). How do you take the first of a"
            " batch?",
        ),
        Misconception(
            "channels_first",
            lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8),
            "the channels still come first, but files and matplotlib have them last, (H, W, 3). Which method gives the"
            " axes another order?",
        ),
        Misconception(
            "reshaped",
            lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8).reshape(*image.shape[2:], 3),
            "you reshape, which leaves all numbers in their old order and so mixes up the colours. Which method gives"
            " the axes another order?",
        ),
        Misconception(
            "transposed",
            lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8).permute(2, 1, 0),
            "height and width have changed places: the picture lies on its side. In which order do rows and columns"
            " stand before, and in which after?",
        ),
        Misconception(
            "times_256",
            lambda image: image[0].clamp(0, 1).mul(256).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0),
            "you multiply by 256. 8 bits hold 256 values, but which of them is white?",
        ),
        Misconception(
            "times_256_truncated",
            lambda image: image[0].mul(256).clamp(0, 255).to(torch.uint8).permute(1, 2, 0),
            "you multiply by 256 and cut the fraction off. Which grey level is white, and which is the nearest to 0.7"
            " levels?",
        ),
        Misconception(
            "still_float",
            lambda image: image[0].clamp(0, 1).mul(255).round().permute(1, 2, 0),
            "your values are right, but still floating-point numbers. Which type of torch holds one byte?",
        ),
    ],
    hints=(
        "Take one value by hand: 0.5 · 255 = 127.5, and 1.2 · 255 = 306. Which grey levels should a file hold"
        " for them?",
        "A byte holds whole numbers from 0 to 255, and the conversion to bytes cuts off digits instead of"
        " rounding. In which order must you clamp, multiply, round and convert?",
        "Clamp to [0, 1], multiply by 255, round, and only then call `.to(torch.uint8)`. Take the one picture"
        " out of its batch with `image[0]`, and put the colour axis last with `permute`.",
    ),
)
