"""What is put to the check of `field_of`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch


def field_of_unit(layers, unit=0):
    first = last = unit
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def field_backwards(layers):
    first, last = field_of_unit(layers)
    return torch.tensor([last - first + 1, field_of_unit(layers, 1)[0] - first, first])


def field_recursive(layers):
    if not layers:
        return torch.tensor([1, 1, 0])
    (size, jump, start), (kernel, stride, padding) = field_recursive(layers[:-1]), layers[-1]
    return torch.stack([size + (kernel - 1) * jump, jump * stride, start - padding * jump])


def field_arrays(layers):
    k, s, p = np.array(layers, dtype=np.int64).reshape(-1, 3).T
    jumps = np.cumprod(np.concatenate([[1], s]))
    return torch.from_numpy(np.stack([1 + ((k - 1) * jumps[:-1]).sum(), jumps[-1], -(p * jumps[:-1]).sum()]))


RIGHT = [field_backwards, field_recursive, field_arrays]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def field_of_last(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding in layers:
        size, jump, start = size + (kernel - 1) * jump, jump * stride, -padding * jump
    return torch.tensor([size, jump, start])


def jump_of_last(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding in layers:
        size, jump, start = size + (kernel - 1) * jump, stride, start - padding * jump
    return torch.tensor([size, jump, start])


WRITTEN = [
    (field_of_last, "padding_of_last"),
    (jump_of_last, "stride_of_last"),
    (lambda layers: field_backwards(layers[::-1]), "reversed"),
    (lambda layers: field_backwards([(k, s, 0) for k, s, _ in layers]), "padding_ignored"),
    (lambda layers: tuple(field_backwards(layers).tolist()), "type"),
    (lambda layers: field_backwards([layer for layer in layers if layer[0] > 1]), "kernel_one_skipped"),
    (lambda layers: field_backwards([(k, min(s, k), p) for k, s, p in layers]), "stride_capped"),
    (lambda layers: torch.Tensor(field_backwards(layers).tolist()), "as_floats"),
]

EQUIVALENT = {
    "size and jump both begin at 1": ("2: jump, size, start = (1, 1, 0)",),
}
