"""Check of lesson 0: from the pixels of a file to a tensor."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial

SIZES = [(4, 4), (3, 5), (6, 2), (1, 1), (7, 11)]


def _pixels():
    generator = torch.Generator().manual_seed(0)
    return [
        Trial(
            f"{height} × {width} pixels",
            (torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8),),
        )
        for height, width in SIZES
    ]


def _to_tensor(pixels):
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 255


to_tensor = Exercise(
    "to_tensor",
    _to_tensor,
    _pixels,
    [
        Misconception(
            "reshaped",
            lambda pixels: pixels.reshape(1, 3, *pixels.shape[:2]).float() / 255,
            "you reshape, and that puts the numbers into other places: red, green and blue of one pixel end up "
            "side by side in one channel. Move the axis with permute(2, 0, 1).",
        ),
        Misconception(
            "reshaped_no_batch",
            lambda pixels: pixels.reshape(3, *pixels.shape[:2]).float() / 255,
            "you reshape, and that puts the numbers into other places; and the batch axis is missing. "
            "Move the axis with permute(2, 0, 1), then add one with unsqueeze(0).",
        ),
        Misconception(
            "transposed",
            lambda pixels: pixels.permute(2, 1, 0)[None].float() / 255,
            "height and width have changed places: the picture lies on its side. The new order of the axes is (2,"
            " 0, 1).",
        ),
        Misconception(
            "channels_last",
            lambda pixels: pixels[None].float() / 255,
            "the channels are still the last axis. torch's convolutions want them before height and width: permute(2,"
            " 0, 1).",
        ),
        Misconception(
            "no_batch",
            lambda pixels: pixels.permute(2, 0, 1).float() / 255,
            "the batch axis is missing: a network takes several pictures at once, so one picture has the shape "
            "(1, 3, H, W). Add it with unsqueeze(0) or [None].",
        ),
        Misconception(
            "not_scaled",
            lambda pixels: pixels.permute(2, 0, 1)[None].float(),
            "your values run from 0 to 255; divide by 255 so that white is 1.",
        ),
        Misconception(
            "scaled_by_256",
            lambda pixels: pixels.permute(2, 0, 1)[None].float() / 256,
            "you divide by 256, so white becomes 0.996. The largest value of 8 bits is 255.",
        ),
        Misconception(
            "centred",
            lambda pixels: pixels.permute(2, 0, 1)[None].float() / 127.5 - 1,
            "your values run from −1 to 1, as some other networks want them; ours takes 0 to 1: divide by 255.",
        ),
        Misconception(
            "stretched",
            lambda pixels: pixels.permute(2, 0, 1)[None].float() / pixels.max(),
            "you divide by the largest value of this picture, so a dark picture turns bright. Divide by 255, whatever"
            " is in it.",
        ),
        Misconception(
            "floor_division",
            lambda pixels: (pixels.permute(2, 0, 1)[None] // 255).float(),
            "// divides whole numbers and throws the rest away: nearly all becomes 0. Convert to float before you"
            " divide.",
        ),
        Misconception(
            "float64",
            lambda pixels: pixels.permute(2, 0, 1)[None].double() / 255,
            "your tensor is float64. The network's weights are float32, and the two do not mix: use .float().",
        ),
        Misconception(
            "reversed",
            lambda pixels: _to_tensor(pixels).flip(1),
            "red and blue have changed places (BGR). Keep the order RGB: our network turns the channels itself.",
        ),
    ],
)
