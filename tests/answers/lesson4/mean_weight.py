"""What is put to the check of `mean_weight`: right answers, hidden mistakes, and what students write."""

import math

import numpy as np
import torch


def weight_loop(alpha, shape):
    count = 1
    for size in shape:
        count *= size
    return 0.5 * alpha * count


def weight_numpy(alpha, shape):
    return torch.from_numpy(np.asarray(alpha.numpy() * np.prod(shape) / 2))


RIGHT = [
    weight_loop,
    weight_numpy,
    lambda alpha, shape: alpha * math.prod(shape) / 2,
    lambda alpha, shape: alpha / (2 / torch.Size(shape).numel()),
    lambda alpha, shape: torch.tensor(alpha.item() * shape[0] * shape[1] * shape[2] / 2, dtype=torch.float64),
    lambda alpha, shape: alpha * torch.prod(torch.tensor(shape)) / 2,
    lambda alpha, shape: alpha * torch.empty(shape).numel() * 0.5,
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_weight(alpha, shape):
    for size in shape:
        alpha *= size
    return alpha / 2


HIDDEN = [
    (in_place_weight, "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lambda alpha, shape: alpha / (shape[0] * shape[1] * shape[2]), "divided_no_half"),
    (lambda alpha, shape: 2 * alpha / math.prod(shape), "divided"),
    (lambda alpha, shape: alpha * np.prod(shape), "no_half"),
    (lambda alpha, shape: alpha * shape[0] * shape[1] ** 2 / 2, "square_of_height"),
    (lambda alpha, shape: alpha * math.prod(shape[1:]) / 2, "positions"),
    (lambda alpha, shape: alpha * len(shape) / 2, "axes_counted"),
    (lambda alpha, shape: alpha * sum(shape) / 2, "axes_added"),
    (lambda alpha, shape: torch.tensor(float(alpha) * math.prod(shape) / 2), "float32"),
    (lambda alpha, shape: torch.Tensor([alpha * math.prod(shape) / 2]), "shape"),
    (lambda alpha, shape: alpha.item() * math.prod(shape) / 2, "type"),
    (lambda alpha, shape: alpha * (math.prod(shape) // 2), "count_rounded"),
    (lambda alpha, shape: alpha.reshape(1) * math.prod(shape) / 2, "vector"),
    (lambda alpha, shape: alpha * math.prod(shape) ** 0.5 / 2, "root"),
    (lambda alpha, shape: alpha / 2, "half_alone"),
    (lambda alpha, shape: abs(alpha) * math.prod(shape) / 2, "alpha_absolute"),
]

EQUIVALENT = {
    "the factors of a product may change their places": (
        "2: H, C, W = shape",
        "2: C, W, H = shape",
    ),
}
