"""What is put to the check of `group_norm`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf


def group_norm_by_hand(x, groups, eps):
    N, C, H, W = x.shape
    parts = x.reshape(N, groups, -1)
    centred = parts - parts.mean(2, keepdim=True)
    return (centred / (centred.pow(2).mean(2, keepdim=True) + eps).sqrt()).reshape(N, C, H, W)


def group_norm_chunks(x, groups, eps):
    results = []
    for part in x.chunk(groups, dim=1):
        mean, variance = part.mean((1, 2, 3), keepdim=True), part.var((1, 2, 3), unbiased=False, keepdim=True)
        results.append((part - mean) / (variance + eps) ** 0.5)
    return torch.cat(results, dim=1)


def group_norm_loop(x, groups, eps):
    size, pictures = x.shape[1] // groups, []
    for picture in x:
        parts = [picture[i * size : (i + 1) * size] for i in range(groups)]
        pictures.append(torch.cat([(p - p.mean()) * torch.rsqrt(p.var(correction=0) + eps) for p in parts]))
    return torch.stack(pictures)


def group_norm_rows(x, groups, eps):
    rows = x.reshape(len(x) * groups, -1)
    variance, mean = torch.var_mean(rows, 1, correction=0, keepdim=True)
    return ((rows - mean) * (variance + eps).rsqrt()).view_as(x)


def group_norm_by_layer_norm(x, groups, eps):
    grouped = x.unflatten(1, (groups, -1))
    return nnf.layer_norm(grouped, grouped.shape[2:], eps=eps).flatten(1, 2)


RIGHT = [
    group_norm_by_hand,
    group_norm_chunks,
    group_norm_loop,
    group_norm_rows,
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def filled_groups(x, groups, eps):
    for part in x.chunk(groups, 1):
        part[:] = nnf.group_norm(part, 1, eps=eps)
    return x


def one_picture_detached(x, groups, eps):
    return torch.cat(
        [group_norm_by_hand(picture.detach() if n else picture, groups, eps) for n, picture in enumerate(x.split(1))]
    )


HIDDEN = [
    (filled_groups, "in_place"),
    (one_picture_detached, "gradient"),
    (lambda x, groups, eps: group_norm_by_hand(x.data, groups, eps), "detached"),
    (lambda x, groups, eps: group_norm_by_hand((x + x.detach()) / 2, groups, eps), "gradient"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def every_gth_channel(x, groups, eps):
    result = torch.zeros_like(x)
    for g in range(groups):
        part = x[:, g::groups]
        result[:, g::groups] = (part - part.mean((1, 2, 3), keepdim=True)) / (
            part.var((1, 2, 3), unbiased=False, keepdim=True) + eps
        ).sqrt()
    return result


def group_with(split, axes):
    def function(x, groups, eps):
        y = split(x, groups)
        return ((y - y.mean(axes, True)) / (y.var(axes, keepdim=True, unbiased=False) + eps).sqrt()).reshape(x.shape)

    return function


def parts_by_std(x, groups, eps):
    parts = x.reshape(len(x), groups, -1)
    return ((parts - parts.mean(2, keepdim=True)) / (parts.std(2, keepdim=True) + eps)).view_as(x)


WRITTEN = [
    (group_norm_by_layer_norm, "ready_made"),
    (lambda x, groups, eps: nnf.group_norm(x, groups, eps=eps), "ready_made"),
    (every_gth_channel, "interleaved"),
    (parts_by_std, "unbiased_eps_outside"),
    (group_with(lambda x, groups: x.reshape(groups, -1), 1), "batch_reshaped"),
    (group_with(lambda x, groups: x.reshape(len(x), groups, -1, *x.shape[2:]), (2, 3)), "columns_apart"),
    (
        lambda x, groups, eps: torch.cat(
            [nnf.layer_norm(part, part.shape[1:], eps=eps) for part in x.split(groups, 1)], 1
        ),
        "groups_as_size",
    ),
    (lambda x, groups, eps: nnf.instance_norm(x, eps=eps), "instance"),
    (lambda x, groups, eps: nnf.layer_norm(x, x.shape[1:], eps=eps), "layer"),
    (lambda x, groups, eps: nnf.batch_norm(x, None, None, training=True, eps=eps), "batch_norm"),
    (lambda x, groups, eps: nnf.group_norm(x, groups), "eps_of_torch"),
]

EQUIVALENT = {
    "a sum does not depend on the order of its axes": (
        "3: mean = parts.mean((3, 2, 4), keepdim=True)",
        "3: mean = parts.mean((2, 4, 3), keepdim=True)",
        "4: variance = parts.var((3, 2, 4), correction=0, keepdim=True)",
        "4: variance = parts.var((2, 4, 3), correction=0, keepdim=True)",
    ),
    "what is added to all values is subtracted with the mean": ("2: x = x + 1e-05",),
    "ε is positive": ("2: eps = abs(eps)",),
}
