"""What is put to the check of `update_running`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch
import torch.nn.functional as nnf

from answers.lesson2.batch_norm import KEPT


def running_by_module(mean, variance, x, momentum):
    layer = torch.nn.BatchNorm2d(len(mean), momentum=momentum, dtype=x.dtype)
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)
    layer(x)
    return torch.stack([layer.running_mean, layer.running_var])


def running_by_hand(mean, variance, x, momentum):
    n = x.shape[0] * x.shape[2] * x.shape[3]
    new_mean = x.sum((0, 2, 3)) / n
    new_variance = ((x - new_mean[:, None, None]) ** 2).sum((0, 2, 3)) / (n - 1)
    return torch.stack([mean + momentum * (new_mean - mean), variance + momentum * (new_variance - variance)])


def running_lerp(mean, variance, x, momentum):
    rows = x.movedim(1, 0).flatten(1)
    return torch.lerp(torch.stack((mean, variance)), torch.stack((rows.mean(1), rows.var(1))), momentum)


def running_numpy(mean, variance, x, momentum):
    maps = x.numpy().swapaxes(0, 1).reshape(len(mean), -1)
    new = np.stack([maps.mean(1), maps.var(1, ddof=1)]).astype(maps.dtype)
    return torch.from_numpy((1 - momentum) * np.stack([mean.numpy(), variance.numpy()]) + momentum * new).to(x.dtype)


RIGHT = [running_by_module, running_by_hand, running_lerp, running_numpy]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_running(mean, variance, x, momentum):
    mean.mul_(1 - momentum).add_(x.mean((0, 2, 3)), alpha=momentum)
    variance.mul_(1 - momentum).add_(x.var((0, 2, 3)), alpha=momentum)
    return torch.stack((mean, variance))


def running_by_torch(mean, variance, x, momentum):
    nnf.batch_norm(x, mean, variance, training=True, momentum=momentum)  # writes into mean and variance
    return torch.stack((mean, variance))


HIDDEN = [
    (in_place_running, "in_place"),
    (running_by_torch, "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def running_with(
    new_variance, new_mean=lambda x: x.mean((0, 2, 3)), old=lambda momentum: 1 - momentum, new=lambda momentum: momentum
):
    return lambda mean, variance, x, momentum: torch.stack(
        (old(momentum) * mean + new(momentum) * new_mean(x), old(momentum) * variance + new(momentum) * new_variance(x))
    )


def corrects_the_sum(mean, variance, x, momentum):
    n = x.numel() // len(mean)
    mean, variance = running_with(lambda x: x.var((0, 2, 3), unbiased=False))(mean, variance, x, momentum)
    return torch.stack((mean, variance * n / (n - 1)))


def updates_mean_first(mean, variance, x, momentum):
    mean = (1 - momentum) * mean + momentum * x.mean((0, 2, 3))
    new = ((x - mean.view(1, -1, 1, 1)) ** 2).mean((0, 2, 3))
    return torch.stack((mean, (1 - momentum) * variance + momentum * new))


WRITTEN = [
    (
        lambda mean, variance, x, m: torch.stack(
            [m * mean + (1 - m) * x.mean((0, 2, 3)), (1 - m) * variance + m * x.var((0, 2, 3), correction=0)]
        ),
        "momentum_flipped+over_n",
    ),
    (
        running_with(lambda x: x.reshape(-1, x.shape[1]).var(0), lambda x: x.reshape(-1, x.shape[1]).mean(0)),
        "rows_of_channels",
    ),
    (running_with(lambda x: x.var((0, 2, 3)), old=lambda m: m, new=lambda m: 1 - m), "momentum_flipped"),
    (running_with(lambda x: x.var((0, 2, 3), unbiased=False)), "over_n"),
    (running_with(lambda x: x.std((0, 2, 3))), "deviation"),
    (running_with(lambda x: (x - x.mean(**KEPT)).pow(2).sum((0, 2, 3)) / (len(x) - 1)), "over_pictures"),
    (running_with(lambda x: (x - x.mean(**KEPT)).pow(2).sum((0, 2, 3)) / (x.numel() - 1)), "over_all"),
    (running_with(lambda x: x.var((0, 2, 3), unbiased=False) * len(x) / (len(x) - 1)), "count_of_pictures"),
    (running_with(lambda x: x.var((0, 2, 3)) * x[:, 0].numel() / (x[:, 0].numel() - 1)), "corrected_twice"),
    (
        running_with(lambda x: x.var((0, 2, 3), correction=0) * (x[:, 0].numel() - 1) / x[:, 0].numel()),
        "correction_inverted",
    ),
    (corrects_the_sum, "old_corrected"),
    (updates_mean_first, "from_new_mean_0"),
    (running_with(torch.var, torch.mean), "everything"),
    (
        lambda mean, variance, x, m: torch.stack(((1 - m) * mean + m * x.mean((0, 2, 3)), x.var((0, 2, 3)))),
        "variance_replaced_1",
    ),
    (running_with(lambda x: x.var(0), lambda x: x.mean(0)), "per_location_1"),
    (lambda *a: running_by_hand(*a).flip(0), "variance_first"),
    (lambda *arguments: running_by_hand(*arguments).T, "on_its_side"),
    (lambda *arguments: tuple(running_by_hand(*arguments)), "type"),
]

EQUIVALENT = {
    "a sum does not depend on the order of its axes": (
        "3: new = torch.stack([x.mean((2, 0, 3)), x.var((0, 2, 3))])",
        "3: new = torch.stack([x.mean((0, 3, 2)), x.var((0, 2, 3))])",
        "3: new = torch.stack([x.mean((0, 2, 3)), x.var((2, 0, 3))])",
        "3: new = torch.stack([x.mean((0, 2, 3)), x.var((0, 3, 2))])",
    ),
    "a variance is not negative": (
        "2: variance = abs(variance)",
        "2: variance = variance.relu()",
    ),
    "momentum is positive": ("2: momentum = abs(momentum)",),
}
