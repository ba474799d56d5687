"""What is put to the check of `strongest`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch


def strongest_loop(maps, k):
    result = []
    for c in range(maps.shape[1]):
        best = sorted(range(len(maps)), key=lambda n: maps[n, c].max().item(), reverse=True)[:k]
        result.append([[n, *divmod(maps[n, c].argmax().item(), maps.shape[3])] for n in best])
    return torch.tensor(result)


def strongest_sorted(maps, k):
    values, places = maps.flatten(2).transpose(0, 1).max(2)
    order = values.argsort(dim=1, descending=True)[:, :k]
    place = torch.take_along_dim(places, order, 1)
    return torch.stack(
        [order, torch.div(place, maps.shape[3], rounding_mode="floor"), place.remainder(maps.shape[3])], dim=-1
    )


def strongest_numpy(maps, k):
    flat = maps.flatten(2).numpy()
    order = np.argsort(-flat.max(2), axis=0)[:k]
    places = np.take_along_axis(flat.argmax(2), order, 0)
    return torch.from_numpy(np.stack([order, *np.unravel_index(places, maps.shape[2:])], 2).swapaxes(0, 1).copy())


RIGHT = [strongest_loop, strongest_sorted, strongest_numpy]

# --- wrong in ways that values alone do not show ------------------------------------------------------------

HIDDEN = [
    (lambda maps, k: strongest_sorted(maps.relu_(), k), "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lambda maps, k: strongest_sorted(-maps, k), "weakest"),
    (lambda maps, k: strongest_loop(maps, k)[..., [0, 2, 1]], "swapped"),
    (lambda maps, k: torch.Tensor(strongest_loop(maps, k).tolist()), "as_floats"),
    (lambda maps, k: strongest_loop(maps, k).to(maps.dtype), "as_maps"),
    (lambda maps, k: strongest_loop(maps.squeeze(), k), "error"),
]

EQUIVALENT = {
    "the order of the activations stays": ("2: maps = maps + 1e-05",),
    "no two values are so near to each other that float32 makes them equal": ("2: maps = maps.float()",),
}
