"""What is put to the check of `to_tensor`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch


def tensor_numpy(pixels):
    return torch.from_numpy((pixels.numpy().astype(np.float32) / 255).transpose(2, 0, 1)[None].copy())


def tensor_loop(pixels):
    planes = [pixels[:, :, k].float() / 255 for k in range(3)]
    return torch.stack(planes)[None]


def tensor_torchvision(pixels):
    from torchvision.transforms.functional import convert_image_dtype

    return convert_image_dtype(torch.einsum("hwc->chw", pixels), torch.float32).unsqueeze(0)


RIGHT = [tensor_numpy, tensor_loop, tensor_torchvision]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lambda pixels: torch.tensor(pixels.numpy().transpose(2, 0, 1)).float() / 255.0, "no_batch"),
    (lambda pixels: pixels.view(3, *pixels.shape[:2])[None] / 255.0, "reshaped"),
    (lambda pixels: pixels.permute(2, 0, 1)[None].float() / 255 / 255, "value"),
    (lambda pixels: tensor_numpy(pixels).numpy(), "type"),
    (lambda pixels: (pixels.movedim(-1, 0)[None] / 255).int().float(), "floor_division"),
    (lambda pixels: pixels.transpose(0, 2)[None] / 255, "transposed"),
    (lambda pixels: torch.tensor(pixels.numpy().transpose(2, 0, 1), dtype=torch.float32), "no_batch_not_scaled"),
    (lambda pixels: ((pixels / 255 - 0.5) / 0.5).permute(2, 0, 1)[None], "centred"),
]

EQUIVALENT = {
    "a division of whole numbers gives float32, too": ("2: return pixels.permute(2, 0, 1).unsqueeze(0) / 255",),
}
