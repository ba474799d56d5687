"""What is put to the check of `batch_norm`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf


def batch_norm_by_hand(x, gamma, beta, eps):
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    return gamma.view(1, -1, 1, 1) * (x - mean) / torch.sqrt(variance + eps) + beta.view(1, -1, 1, 1)


def batch_norm_loop(x, gamma, beta, eps):
    maps = []
    for c in range(x.shape[1]):
        values = x[:, c]
        maps.append(gamma[c] * (values - values.mean()) / (values.var(unbiased=False) + eps) ** 0.5 + beta[c])
    return torch.stack(maps, dim=1)


def batch_norm_rows(x, gamma, beta, eps):
    rows = x.transpose(0, 1).flatten(1)  # C × N·H·W
    mean, square = rows.mean(1), rows.square().mean(1)
    scale = gamma * torch.rsqrt(square - mean**2 + eps)
    result = torch.einsum("cm,c->cm", rows, scale) + (beta - mean * scale)[:, None]
    return result.reshape(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)


def batch_norm_channels_last(x, gamma, beta, eps):
    last = x.permute(0, 2, 3, 1)  # here (C,) does fit the last axis
    centred = last - last.mean((0, 1, 2))
    return (gamma * centred / (centred.square().mean((0, 1, 2)) + eps).sqrt() + beta).permute(0, 3, 1, 2)


RIGHT = [
    batch_norm_by_hand,
    batch_norm_loop,
    batch_norm_rows,
    batch_norm_channels_last,
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_norm(x, gamma, beta, eps):
    x -= x.mean((0, 2, 3), keepdim=True)
    return gamma[:, None, None] * x / (x.square().mean((0, 2, 3), keepdim=True) + eps).sqrt() + beta[:, None, None]


def constant_statistics(x, gamma, beta, eps):
    with torch.no_grad():
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
    return gamma[:, None, None] * (x - mean) / (variance + eps).sqrt() + beta[:, None, None]


def constant_deviation(x, gamma, beta, eps):
    rows = x.transpose(0, 1).flatten(1)
    deviation = torch.tensor([(row.var(correction=0).item() + eps) ** 0.5 for row in rows], dtype=x.dtype)[
        :, None, None
    ]
    return gamma[:, None, None] * (x - x.mean((0, 2, 3), keepdim=True)) / deviation + beta[:, None, None]


HIDDEN = [
    (in_place_norm, "in_place"),
    (constant_statistics, "gradient"),
    (constant_deviation, "gradient"),
    (torch.no_grad()(batch_norm_by_hand), "detached"),
    (lambda x, gamma, beta, eps: batch_norm_by_hand(x, gamma.data, beta, eps), "gradient"),
    (lambda x, gamma, beta, eps: batch_norm_by_hand(x, gamma, beta.detach(), eps), "gradient"),
    (
        lambda x, gamma, beta, eps: torch.from_numpy(batch_norm_by_hand(x, gamma, beta, eps).detach().numpy()),
        "detached",
    ),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def forgets_keepdim(x, gamma, beta, eps):
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return gamma * (x - mean) / torch.sqrt(variance + eps) + beta


KEPT = {"dim": (0, 2, 3), "keepdim": True}


def norm_with(variance, mean=lambda x: x.mean(**KEPT), root=lambda variance, eps: (variance + eps).sqrt()):
    return lambda x, gamma, beta, eps: (
        gamma.view(-1, 1, 1) * (x - mean(x)) / root(variance(x), eps) + beta.view(-1, 1, 1)
    )


def norm_of_rows(x, gamma, beta, eps, bring=lambda x: x):
    rows = bring(x).reshape(x.shape[1], -1)
    rows = (rows - rows.mean(1, keepdim=True)) / (rows.var(1, keepdim=True, unbiased=False) + eps).sqrt()
    return gamma.view(-1, 1, 1) * rows.view_as(x) + beta.view(-1, 1, 1)


def norm_in_columns(x, gamma, beta, eps):
    rows = x.reshape(-1, x.shape[1])
    rows = (rows - rows.mean(0)) / (rows.var(0, correction=0) + eps).sqrt()
    return (gamma * rows + beta).reshape(x.shape)


WRITTEN = [
    (norm_in_columns, "rows_of_channels_late"),
    (lambda x, gamma, beta, eps: nnf.batch_norm(x, None, None, gamma, beta, True, 0.1, eps), "ready_made"),
    (lambda x, gamma, beta, eps: torch.native_batch_norm(x, gamma, beta, None, None, True, 0.1, eps)[0], "ready_made"),
    (forgets_keepdim, "all_along_width"),
    (norm_with(lambda x: x.var(0, unbiased=False), lambda x: x.mean(0)), "per_location"),
    (norm_with(lambda x: x.std(**KEPT), root=lambda deviation, eps: deviation + eps), "unbiased_eps_outside"),
    (norm_with(lambda x: x.std(**KEPT)), "unbiased_deviation_in_root"),
    (norm_with(lambda x: x.std(**KEPT, unbiased=False)), "deviation_in_root"),
    (norm_with(lambda x: x.var(**KEPT, unbiased=False), lambda x: x.mean((2, 3), True)), "picture_means"),
    (
        norm_with(lambda x: (x - x.mean((2, 3), True)).square().mean(**KEPT), lambda x: x.mean((2, 3), True)),
        "from_picture_means",
    ),
    (norm_with(lambda x: x.var((2, 3), unbiased=False).mean(0).view(-1, 1, 1)), "averaged_variances_0"),
    (norm_with(lambda x: x.var((2, 3)).mean(0).view(-1, 1, 1)), "averaged_variances_1"),
    (norm_of_rows, "cut_up_late"),
    (lambda *arguments: norm_of_rows(*arguments, lambda x: x.permute(1, 0, 2, 3)), "not_brought_back_late"),
    (
        norm_with(
            *[
                lambda x, f=f: f(x.reshape(x.shape[1], -1)).view(-1, 1, 1)
                for f in (lambda rows: rows.var(1, unbiased=False), lambda rows: rows.mean(1))
            ]
        ),
        "statistics_cut_up",
    ),
    (lambda x, *rest: torch.cat([batch_norm_by_hand(picture[None], *rest) for picture in x]), "instance"),
    (lambda *arguments: list(batch_norm_by_hand(*arguments)), "type"),
    (lambda x, gamma, beta, eps: nnf.batch_norm(x, gamma * 0, gamma * 0 + 1, gamma, beta, eps=eps), "inference"),
    (lambda x, gamma, beta, eps: nnf.batch_norm(x, None, None, gamma, beta, training=True), "eps_of_torch"),
    (lambda x, gamma, beta, eps: nnf.batch_norm(x, None, None, training=True, eps=eps), "no_parameters"),
    (lambda x, gamma, beta, eps: nnf.instance_norm(x, weight=gamma, bias=beta, eps=eps), "instance"),
    (lambda x, gamma, beta, eps: nnf.group_norm(x, 1, gamma, beta, eps), "layer"),
    (lambda x, gamma, beta, eps: batch_norm_loop(x, beta, gamma, eps), "swapped"),
    (lambda x, gamma, beta, eps: batch_norm_by_hand(x, gamma, beta, eps).numpy(), "type"),
]

EQUIVALENT = {
    "a sum does not depend on the order of its axes": (
        "2: mean = x.mean((2, 0, 3), keepdim=True)",
        "2: mean = x.mean((0, 3, 2), keepdim=True)",
        "3: variance = x.var((2, 0, 3), correction=0, keepdim=True)",
        "3: variance = x.var((0, 3, 2), correction=0, keepdim=True)",
    ),
    "what is added to all values is subtracted with the mean": ("2: x = x + 1e-05",),
    "ε is positive": ("2: eps = abs(eps)",),
}
