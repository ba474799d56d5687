"""What is put to the check of `pool_back`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch
import torch.nn.functional as nnf


def unpool_loop(signal, x):
    result = torch.zeros_like(x)
    for n, c, i, j in np.ndindex(*signal.shape):
        window = x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        a, b = max(((a, b) for a in (0, 1) for b in (0, 1)), key=lambda place: window[place])
        result[n, c, 2 * i + a, 2 * j + b] = signal[n, c, i, j]
    return result


def unpool_scatter(signal, x):
    places = nnf.max_pool2d(x, 2, 2, return_indices=True)[1]
    return torch.zeros_like(x).flatten(2).scatter(2, places.flatten(2), signal.flatten(2)).view_as(x)


def unpool_by_autograd(signal, x):
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        return torch.autograd.grad(nnf.max_pool2d(x, 2), x, signal, create_graph=True)[0]


RIGHT = [unpool_loop, unpool_scatter, unpool_by_autograd]

# --- wrong in ways that values alone do not show ------------------------------------------------------------

HIDDEN = [
    (lambda signal, x: unpool_scatter(signal, x.mul_(2)), "in_place"),
    (lambda signal, x: unpool_scatter(signal.data, x), "detached"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (
        lambda signal, x: nnf.pad(torch.kron(signal, torch.ones(2, 2).to(x)), (0, x.shape[3] % 2, 0, x.shape[2] % 2)),
        "upsampled",
    ),
    (lambda signal, x: nnf.max_unpool2d(signal, nnf.max_pool2d(x, 2, return_indices=True)[1], 2, 2), "no_output_size"),
    (lambda signal, x: unpool_loop(signal.clamp(min=0), x), "rectified"),
    (lambda signal, x: unpool_loop(signal, x.clamp(min=0)), "searched_from_zero"),
    (lambda signal, x: unpool_loop(signal, x.abs()), "absolute"),
]

EQUIVALENT = {
    "max_unpool2d also takes the whole shape": (
        "3: return nnf.max_unpool2d(signal, switches, 2, output_size=x.shape[:])",
        "3: return nnf.max_unpool2d(signal, switches, 2, output_size=x.shape[0:])",
    ),
    "the places of the maxima stay": ("2: x = x + 1e-05",),
    "no two values are so near to each other that float32 makes them equal": ("2: x = x.float()",),
}
