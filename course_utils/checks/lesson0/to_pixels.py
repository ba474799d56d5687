"""Check of lesson 0: from a tensor to the pixels of a file."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial
from course_utils.checks.lesson0.to_tensor import SIZES


def _images():
    """Values on both sides of [0, 1]; none lies halfway between two grey levels, where two ways of rounding differ."""
    generator = torch.Generator().manual_seed(1)
    trials = []
    for height, width in SIZES:
        levels = torch.randint(-60, 320, (1, 3, height, width), generator=generator)
        offset = torch.rand(levels.shape, generator=generator) * 0.8 - 0.4
        trials.append(
            Trial(f"a picture of {height} × {width} pixels, some values outside [0, 1]", ((levels + offset) / 255,))
        )
    return trials


def _to_pixels(image):
    return image[0].clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0)


to_pixels = Exercise(
    "to_pixels",
    _to_pixels,
    _images,
    [
        Misconception(
            "truncated",
            lambda image: (image[0].clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0),
            "converting to uint8 cuts the fraction off, so 254.9 becomes 254 and every picture gets darker. Round"
            " first.",
        ),
        Misconception(
            "neither",
            lambda image: (image[0] * 255).to(torch.uint8).permute(1, 2, 0),
            "two things are missing: clamp to [0, 1], or values outside wrap around; and round, or the fraction is cut"
            " off.",
        ),
        Misconception(
            "clamped_to_255",
            lambda image: (image[0].clamp(0, 255) * 255).round().int().to(torch.uint8).permute(1, 2, 0),
            "you clamp to 0 … 255 before you multiply: the picture runs from 0 to 1 there. Clamp to [0, 1], or clamp"
            " afterwards.",
        ),
        Misconception(
            "not_scaled",
            lambda image: image[0].clamp(0, 1).round().to(torch.uint8).permute(1, 2, 0),
            "your values are 0 and 1 only: multiply by 255 before you round.",
        ),
        Misconception(
            "rounded_early",
            lambda image: image[0].clamp(0, 1).round().mul(255).to(torch.uint8).permute(1, 2, 0),
            "you round before you multiply by 255, so only black and full colour are left. Multiply first.",
        ),
        Misconception(
            "reversed",
            lambda image: _to_pixels(image).flip(2),
            "red and blue have changed places (BGR). A file has the order red, green, blue.",
        ),
        Misconception(
            "not_clamped",
            lambda image: (image[0] * 255).round().int().to(torch.uint8).permute(1, 2, 0),
            "values outside [0, 1] wrap around: a little whiter than white becomes black. Clamp before you convert.",
        ),
        Misconception(
            "stretched",
            lambda image: (
                ((image[0] - image.min()) / (image.max() - image.min()) * 255).round().to(torch.uint8).permute(1, 2, 0)
            ),
            "you stretch the values to fill the range. That changes the contrast of every picture; clamp to [0, 1]"
            " instead.",
        ),
        Misconception(
            "batch_kept",
            lambda image: image.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1),
            "the batch axis is still there: a file holds one picture, (H, W, 3). Take image[0].",
        ),
        Misconception(
            "channels_first",
            lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8),
            "the channels still come first. Files and matplotlib want (H, W, 3): permute(1, 2, 0).",
        ),
        Misconception(
            "reshaped",
            lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8).reshape(*image.shape[2:], 3),
            "you reshape, which shuffles the colours. Move the axis with permute(1, 2, 0).",
        ),
        Misconception(
            "transposed",
            lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8).permute(2, 1, 0),
            "height and width have changed places: the picture lies on its side. The new order of the axes is (1,"
            " 2, 0).",
        ),
        Misconception(
            "times_256",
            lambda image: image[0].clamp(0, 1).mul(256).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0),
            "you multiply by 256. 8 bits hold 0 to 255, so white, 1.0, is 255.",
        ),
        Misconception(
            "times_256_truncated",
            lambda image: image[0].mul(256).clamp(0, 255).to(torch.uint8).permute(1, 2, 0),
            "you multiply by 256 and cut the fraction off. Multiply by 255 and round to the nearest whole number.",
        ),
        Misconception(
            "still_float",
            lambda image: image[0].clamp(0, 1).mul(255).round().permute(1, 2, 0),
            "your values are right, but still floating-point numbers. A file wants bytes: .to(torch.uint8).",
        ),
    ],
)
