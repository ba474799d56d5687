"""The bank of lesson 0: right answers, hidden mistakes, and misconceptions as students write them."""
import numpy as np
import torch

from course_utils.checks import lesson0

# --- right answers, each written differently ---------------------------------------------------------------


def tensor_numpy(pixels):
    return torch.from_numpy((pixels.numpy().astype(np.float32) / 255).transpose(2, 0, 1)[None].copy())


def tensor_loop(pixels):
    planes = [pixels[:, :, k].float() / 255 for k in range(3)]
    return torch.stack(planes)[None]


def tensor_torchvision(pixels):
    from torchvision.transforms.functional import convert_image_dtype
    return convert_image_dtype(torch.einsum("hwc->chw", pixels), torch.float32).unsqueeze(0)


def pixels_half(image):
    return torch.clamp(image * 255 + 0.5, 0, 255).floor().byte().squeeze(0).permute(1, 2, 0)


def pixels_where(image):
    x = torch.where(image < 0, 0.0, torch.where(image > 1, 1.0, image))
    return torch.round(x[0] * 255).to(torch.uint8).movedim(0, -1)


def pixels_numpy(image):
    array = np.rint(np.clip(image.numpy()[0], 0, 1) * 255).astype(np.uint8)
    return torch.from_numpy(array.transpose(1, 2, 0).copy())


RIGHT = {
    lesson0.to_tensor: [tensor_numpy, tensor_loop, tensor_torchvision],
    lesson0.to_pixels: [pixels_half, pixels_where, pixels_numpy],
}

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_pixels(image):
    return image.clamp_(0, 1)[0].mul(255).round().byte().permute(1, 2, 0)


HIDDEN = [
    (lesson0.to_pixels, in_place_pixels, "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lesson0.to_tensor, lambda pixels: torch.tensor(pixels.numpy().transpose(2, 0, 1)).float() / 255.0, "no_batch"),
    (lesson0.to_tensor, lambda pixels: pixels.view(3, *pixels.shape[:2])[None] / 255.0, "reshaped"),
    (lesson0.to_tensor, lambda pixels: pixels.permute(2, 0, 1)[None].float() / 255 / 255, "value"),
    (lesson0.to_tensor, lambda pixels: tensor_numpy(pixels).numpy(), "type"),
    (lesson0.to_pixels, lambda image: torch.clamp(image[0] * 255, 0, 255).byte().permute(1, 2, 0), "truncated"),
]
