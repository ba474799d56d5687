"""The bank of lesson 1: right answers, hidden mistakes, and misconceptions as students write them."""
import numpy as np
import torch
import torch.nn.functional as nnf

from course_utils.checks import lesson1

# --- right answers, each written differently ---------------------------------------------------------------


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


def unpool_loop(signal, x):
    result = torch.zeros_like(x)
    for n, c, i, j in np.ndindex(*signal.shape):
        window = x[n, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
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
    return torch.stack([order, torch.div(place, maps.shape[3], rounding_mode="floor"), place.remainder(maps.shape[3])], dim=-1)


def strongest_numpy(maps, k):
    flat = maps.flatten(2).numpy()
    order = np.argsort(-flat.max(2), axis=0)[:k]
    places = np.take_along_axis(flat.argmax(2), order, 0)
    return torch.from_numpy(np.stack([order, *np.unravel_index(places, maps.shape[2:])], 2).swapaxes(0, 1).copy())


RIGHT = {
    lesson1.field_of: [field_backwards, field_recursive, field_arrays],
    lesson1.pool_back: [unpool_loop, unpool_scatter, unpool_by_autograd],
    lesson1.conv_back: [
        lambda y, weight: nnf.conv2d(y, weight.transpose(0, 1).flip(2, 3), padding=1),
        lambda y, weight: torch.nn.grad.conv2d_input((len(y), weight.shape[1], *y.shape[2:]), weight, y, padding=1),
        lambda y, weight: nnf.fold(torch.einsum("nkp,kq->nqp", y.flatten(2), weight.flatten(1)), y.shape[2:], 3, padding=1),
    ],
    lesson1.strongest: [strongest_loop, strongest_sorted, strongest_numpy],
}

# --- wrong in ways that values alone do not show ------------------------------------------------------------

HIDDEN = [
    (lesson1.pool_back, lambda signal, x: unpool_scatter(signal, x.mul_(2)), "in_place"),
    (lesson1.pool_back, lambda signal, x: unpool_scatter(signal.data, x), "detached"),
    (lesson1.conv_back, lambda y, weight: nnf.conv_transpose2d(y.mul_(2), weight, padding=1) / 2, "in_place"),
    (lesson1.conv_back, torch.no_grad()(lesson1.conv_back.reference), "detached"),
    (lesson1.conv_back, lambda y, weight: lesson1.conv_back.reference((y + y.detach()) / 2, weight), "gradient"),
    (lesson1.strongest, lambda maps, k: strongest_sorted(maps.relu_(), k), "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lesson1.field_of, lambda layers: field_backwards(layers[::-1]), "reversed"),
    (lesson1.field_of, lambda layers: field_backwards([(k, s, 0) for k, s, _ in layers]), "padding_ignored"),
    (lesson1.field_of, lambda layers: tuple(field_backwards(layers).tolist()), "type"),
    (lesson1.pool_back, lambda signal, x: nnf.pad(torch.kron(signal, torch.ones(2, 2).to(x)), (0, x.shape[3] % 2, 0, x.shape[2] % 2)), "upsampled"),
    (lesson1.pool_back, lambda signal, x: nnf.max_unpool2d(signal, nnf.max_pool2d(x, 2, return_indices=True)[1], 2, 2), "no_output_size"),
    (lesson1.pool_back, lambda signal, x: unpool_loop(signal.clamp(min=0), x), "rectified"),
    (lesson1.conv_back, lambda y, weight: nnf.conv2d(y, weight.swapaxes(0, 1), padding="same"), "not_flipped"),
    (lesson1.conv_back, lambda y, weight: nnf.conv2d(y, weight.permute(1, 0, 3, 2), padding=1), "transposed_in_space"),
    (lesson1.conv_back, nnf.conv_transpose2d, "not_cropped"),
    (lesson1.strongest, lambda maps, k: strongest_sorted(-maps, k), "weakest"),
    (lesson1.strongest, lambda maps, k: strongest_loop(maps, k)[..., [0, 2, 1]], "swapped"),
]
