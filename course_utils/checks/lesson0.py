"""Checks of lesson 0: from pixels to a tensor and back."""
import torch

from course_utils.checks.core import Exercise, Misconception, Trial

SIZES = [(4, 4), (3, 5), (6, 2), (1, 1), (7, 11)]


def _pixels():
    generator = torch.Generator().manual_seed(0)
    return [Trial(f"{height} × {width} pixels", (torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8),))
            for height, width in SIZES]


def _images():
    """Values on both sides of [0, 1]; none lies halfway between two grey levels, where two ways of rounding differ."""
    generator = torch.Generator().manual_seed(1)
    trials = []
    for height, width in SIZES:
        levels = torch.randint(-60, 320, (1, 3, height, width), generator=generator)
        offset = torch.rand(levels.shape, generator=generator) * 0.8 - 0.4
        trials.append(Trial(f"a picture of {height} × {width} pixels, some values outside [0, 1]", ((levels + offset) / 255,)))
    return trials


def _to_tensor(pixels):
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 255


def _to_pixels(image):
    return image[0].clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0)


to_tensor = Exercise("to_tensor", _to_tensor, _pixels, [
    Misconception("reshaped", lambda pixels: pixels.reshape(1, 3, *pixels.shape[:2]).float() / 255,
                  "you reshape, and that puts the numbers into other places: red, green and blue of one pixel end up "
                  "side by side in one channel. Move the axis with permute(2, 0, 1)."),
    Misconception("reshaped_no_batch", lambda pixels: pixels.reshape(3, *pixels.shape[:2]).float() / 255,
                  "you reshape, and that puts the numbers into other places; and the batch axis is missing. "
                  "Move the axis with permute(2, 0, 1), then add one with unsqueeze(0)."),
    Misconception("transposed", lambda pixels: pixels.permute(2, 1, 0)[None].float() / 255,
                  "height and width have changed places: the picture lies on its side. The new order of the axes is (2, 0, 1)."),
    Misconception("channels_last", lambda pixels: pixels[None].float() / 255,
                  "the channels are still the last axis. torch's convolutions want them before height and width: permute(2, 0, 1)."),
    Misconception("no_batch", lambda pixels: pixels.permute(2, 0, 1).float() / 255,
                  "the batch axis is missing: a network takes several pictures at once, so one picture has the shape "
                  "(1, 3, H, W). Add it with unsqueeze(0) or [None]."),
    Misconception("not_scaled", lambda pixels: pixels.permute(2, 0, 1)[None].float(),
                  "your values run from 0 to 255; divide by 255 so that white is 1."),
    Misconception("scaled_by_256", lambda pixels: pixels.permute(2, 0, 1)[None].float() / 256,
                  "you divide by 256, so white becomes 0.996. The largest value of 8 bits is 255."),
    Misconception("centred", lambda pixels: pixels.permute(2, 0, 1)[None].float() / 127.5 - 1,
                  "your values run from −1 to 1, as some other networks want them; ours takes 0 to 1: divide by 255."),
    Misconception("stretched", lambda pixels: pixels.permute(2, 0, 1)[None].float() / pixels.max(),
                  "you divide by the largest value of this picture, so a dark picture turns bright. Divide by 255, whatever is in it."),
    Misconception("floor_division", lambda pixels: (pixels.permute(2, 0, 1)[None] // 255).float(),
                  "// divides whole numbers and throws the rest away: nearly all becomes 0. Convert to float before you divide."),
    Misconception("float64", lambda pixels: pixels.permute(2, 0, 1)[None].double() / 255,
                  "your tensor is float64. The network's weights are float32, and the two do not mix: use .float()."),
    Misconception("reversed", lambda pixels: _to_tensor(pixels).flip(1),
                  "red and blue have changed places (BGR). Keep the order RGB: our network turns the channels itself."),
])

to_pixels = Exercise("to_pixels", _to_pixels, _images, [
    Misconception("truncated", lambda image: (image[0].clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0),
                  "converting to uint8 cuts the fraction off, so 254.9 becomes 254 and every picture gets darker. Round first."),
    Misconception("neither", lambda image: (image[0] * 255).to(torch.uint8).permute(1, 2, 0),
                  "two things are missing: clamp to [0, 1], or values outside wrap around; and round, or the fraction is cut off."),
    Misconception("clamped_to_255", lambda image: (image[0].clamp(0, 255) * 255).round().int().to(torch.uint8).permute(1, 2, 0),
                  "you clamp to 0 … 255 before you multiply: the picture runs from 0 to 1 there. Clamp to [0, 1], or clamp afterwards."),
    Misconception("not_scaled", lambda image: image[0].clamp(0, 1).round().to(torch.uint8).permute(1, 2, 0),
                  "your values are 0 and 1 only: multiply by 255 before you round."),
    Misconception("rounded_early", lambda image: image[0].clamp(0, 1).round().mul(255).to(torch.uint8).permute(1, 2, 0),
                  "you round before you multiply by 255, so only black and full colour are left. Multiply first."),
    Misconception("reversed", lambda image: _to_pixels(image).flip(2),
                  "red and blue have changed places (BGR). A file has the order red, green, blue."),
    Misconception("not_clamped", lambda image: (image[0] * 255).round().int().to(torch.uint8).permute(1, 2, 0),
                  "values outside [0, 1] wrap around: a little whiter than white becomes black. Clamp before you convert."),
    Misconception("stretched", lambda image: ((image[0] - image.min()) / (image.max() - image.min()) * 255).round().to(torch.uint8).permute(1, 2, 0),
                  "you stretch the values to fill the range. That changes the contrast of every picture; clamp to [0, 1] instead."),
    Misconception("batch_kept", lambda image: image.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1),
                  "the batch axis is still there: a file holds one picture, (H, W, 3). Take image[0]."),
    Misconception("channels_first", lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8),
                  "the channels still come first. Files and matplotlib want (H, W, 3): permute(1, 2, 0)."),
    Misconception("reshaped", lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8).reshape(*image.shape[2:], 3),
                  "you reshape, which shuffles the colours. Move the axis with permute(1, 2, 0)."),
    Misconception("transposed", lambda image: image[0].clamp(0, 1).mul(255).round().to(torch.uint8).permute(2, 1, 0),
                  "height and width have changed places: the picture lies on its side. The new order of the axes is (1, 2, 0)."),
    Misconception("times_256", lambda image: image[0].clamp(0, 1).mul(256).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0),
                  "you multiply by 256. 8 bits hold 0 to 255, so white, 1.0, is 255."),
    Misconception("times_256_truncated", lambda image: image[0].mul(256).clamp(0, 255).to(torch.uint8).permute(1, 2, 0),
                  "you multiply by 256 and cut the fraction off. Multiply by 255 and round to the nearest whole number."),
    Misconception("still_float", lambda image: image[0].clamp(0, 1).mul(255).round().permute(1, 2, 0),
                  "your values are right, but still floating-point numbers. A file wants bytes: .to(torch.uint8)."),
])
