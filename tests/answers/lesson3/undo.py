"""What is put to the check of `undo`: right answers, hidden mistakes, and what students write."""

import torch


def undo_outer(weight, mu):
    columns = weight.unflatten(1, (len(mu), -1))
    return (columns * mu[:, None]).flatten(1)


def undo_loop(weight, mu):
    P = weight.shape[1] // len(mu)
    return torch.cat([weight[:, c * P : (c + 1) * P] * mu[c] for c in range(len(mu))], dim=1)


def undo_copy(weight, mu):
    result, P = weight.clone(), weight.shape[1] // mu.numel()
    for c, factor in enumerate(mu):
        result[:, c * P : (c + 1) * P] *= factor
    return result


RIGHT = [
    undo_outer,
    undo_loop,
    undo_copy,
    lambda weight, mu: weight * mu.repeat_interleave(weight.shape[1] // len(mu)),
    lambda weight, mu: torch.einsum("kcp,c->kcp", weight.reshape(len(weight), len(mu), -1), mu).reshape(weight.shape),
    lambda weight, mu: weight @ torch.diag(torch.kron(mu, torch.ones(weight.shape[1] // len(mu)).to(mu))),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_undo(weight, mu):
    P = weight.shape[1] // len(mu)
    for c in range(len(mu)):
        weight[:, c * P : (c + 1) * P] *= mu[c]
    return weight


def undo_with_layer(weight, mu):
    layer = torch.nn.Linear(*reversed(weight.shape), dtype=weight.dtype)
    layer.weight.data = undo_outer(weight, mu)
    return layer.weight


HIDDEN = [
    (in_place_undo, "in_place"),
    (undo_with_layer, "gradient"),
    (lambda weight, mu: undo_loop(weight, mu.tolist()), "gradient"),
    (lambda weight, mu: undo_outer(weight.data, mu.data), "detached"),
    (lambda weight, mu: undo_outer((weight + weight.detach()) / 2, mu), "gradient"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def loops_over_channels(weight, mu):
    result = weight.clone()
    for c in range(len(mu)):
        result[:, c] = weight[:, c] * mu[c]
    return result


WRITTEN = [
    (lambda weight, mu: weight * torch.tile(mu, (weight.shape[1] // len(mu),)), "channels_last"),
    (lambda weight, mu: (weight.view(len(weight), -1, len(mu)) * mu).view_as(weight), "channels_last"),
    (loops_over_channels, "first_columns"),
    (lambda weight, mu: weight * mu, "not_spread"),
    (lambda weight, mu: mu.view(-1, 1) * weight, "along_rows"),
    (lambda weight, mu: undo_loop(weight, 1 / mu), "divided"),
    (lambda weight, mu: torch.diag(mu) @ weight, "along_rows"),
    (lambda weight, mu: weight.unflatten(1, (len(mu), -1)) * mu[None, :, None], "reshaped"),
    (lambda weight, mu: (weight.view(len(mu), -1) * mu.view(-1, 1)).view(weight.shape), "cut_up"),
    (lambda weight, mu: undo_outer(weight, mu).view(len(weight), len(mu), -1).mean(-1), "position_mean"),
    (lambda weight, mu: weight * mu.mean(), "one_factor_mean"),
]
