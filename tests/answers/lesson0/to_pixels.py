"""What is put to the check of `to_pixels`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch


def pixels_half(image):
    return torch.clamp(image * 255 + 0.5, 0, 255).floor().byte().squeeze(0).permute(1, 2, 0)


def pixels_where(image):
    x = torch.where(image < 0, 0.0, torch.where(image > 1, 1.0, image))
    return torch.round(x[0] * 255).to(torch.uint8).movedim(0, -1)


def pixels_numpy(image):
    array = np.rint(np.clip(image.numpy()[0], 0, 1) * 255).astype(np.uint8)
    return torch.from_numpy(array.transpose(1, 2, 0).copy())


RIGHT = [pixels_half, pixels_where, pixels_numpy]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_pixels(image):
    return image.clamp_(0, 1)[0].mul(255).round().byte().permute(1, 2, 0)


HIDDEN = [
    (in_place_pixels, "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lambda image: torch.clamp(image[0] * 255, 0, 255).byte().permute(1, 2, 0), "truncated"),
    (lambda image: (image[0].relu() * 255).round().int().byte().permute(1, 2, 0), "not_clamped_above"),
    (lambda image: (image[0] * 255).round().clamp(0, 1).byte().permute(1, 2, 0), "clamped_late"),
    (lambda image: (image[0] * 255).clamp(0, 255).ceil().byte().permute(1, 2, 0), "rounded_up"),
    (lambda image: ((image[0] + 1) * 127.5).clamp(0, 255).round().byte().permute(1, 2, 0), "centred"),
    (lambda image: image[0].mul(255).round().clamp(0, 255).permute(1, 2, 0), "still_float"),
]

EQUIVALENT = {
    "image holds one picture, so that its first is its last": (
        "2: grey_levels = (image[-1].clamp(0, 1) * 255).round()",
    ),
    "what lies outside [0, 1] is clamped anyway": (
        "2: image = image.relu()",
        "2: image = image.clamp(-8, 8)",
    ),
    "0.001 is a quarter of a grey level, and becomes 0": ("2: image = image * (abs(image) > 0.001)",),
    "0.00001 is 0.003 grey levels, and the check leaves out the neighbourhood of halves, where roundings differ": (
        "2: image = image + 1e-05",
    ),
    "the image is float32": ("2: image = image.float()",),
}
