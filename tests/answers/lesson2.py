"""The bank of lesson 2: right answers, hidden mistakes, and misconceptions as students write them."""
import numpy as np
import torch
import torch.nn.functional as nnf

from course_utils.checks import lesson2

# --- right answers, each written differently ---------------------------------------------------------------


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
    rows = x.transpose(0, 1).flatten(1)                 # C × N·H·W
    mean, square = rows.mean(1), rows.square().mean(1)
    scale = gamma * torch.rsqrt(square - mean**2 + eps)
    result = torch.einsum("cm,c->cm", rows, scale) + (beta - mean * scale)[:, None]
    return result.reshape(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)


def batch_norm_channels_last(x, gamma, beta, eps):
    last = x.permute(0, 2, 3, 1)                        # here (C,) does fit the last axis
    centred = last - last.mean((0, 1, 2))
    return (gamma * centred / (centred.square().mean((0, 1, 2)) + eps).sqrt() + beta).permute(0, 3, 1, 2)


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


def fold_by_hand(weight, bias, gamma, beta, mean, variance, eps):
    scale = gamma / torch.sqrt(variance + eps)
    return torch.cat([(weight * scale.view(-1, 1, 1, 1)).flatten(1), (beta + scale * (bias - mean)).unsqueeze(1)], dim=1)


def fold_loop(weight, bias, gamma, beta, mean, variance, eps):
    rows = []
    for k in range(len(weight)):
        s = gamma[k] / (variance[k] + eps) ** 0.5
        rows.append(torch.cat([s * weight[k].reshape(-1), (s * bias[k] + (beta[k] - s * mean[k])).reshape(1)]))
    return torch.stack(rows)


def fold_matrix(weight, bias, gamma, beta, mean, variance, eps):
    rows = torch.hstack([weight.reshape(len(weight), -1), (bias - mean)[:, None]])
    rows = torch.diag(gamma * torch.rsqrt(variance + eps)) @ rows
    return rows + nnf.pad(beta[:, None], (rows.shape[1] - 1, 0))


def fold_by_probing(weight, bias, gamma, beta, mean, variance, eps):
    """The layers themselves, on patches that are zero but for one place, and on a patch of zeros."""
    n = weight[0].numel()
    patches = torch.cat([torch.eye(n, dtype=weight.dtype), torch.zeros(1, n, dtype=weight.dtype)]).reshape(n + 1, *weight.shape[1:])
    out = nnf.batch_norm(nnf.conv2d(patches, weight, bias), mean, variance, gamma, beta, training=False, eps=eps).flatten(1).T
    return torch.cat([out[:, :-1] - out[:, -1:], out[:, -1:]], 1)


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
        parts = [picture[i * size:(i + 1) * size] for i in range(groups)]
        pictures.append(torch.cat([(p - p.mean()) * torch.rsqrt(p.var(correction=0) + eps) for p in parts]))
    return torch.stack(pictures)


RIGHT = {
    lesson2.batch_norm: [
        batch_norm_by_hand, batch_norm_loop, batch_norm_rows, batch_norm_channels_last,
        lambda x, gamma, beta, eps: nnf.batch_norm(x, None, None, gamma, beta, training=True, eps=eps),
    ],
    lesson2.update_running: [running_by_module, running_by_hand, running_lerp, running_numpy],
    lesson2.fold: [fold_by_hand, fold_loop, fold_matrix, fold_by_probing],
    lesson2.group_norm: [
        group_norm_by_hand, group_norm_chunks, group_norm_loop, lambda x, groups, eps: nnf.group_norm(x, groups, eps=eps),
        lambda x, groups, eps: nnf.layer_norm(y := x.unflatten(1, (groups, -1)), y.shape[2:], eps=eps).flatten(1, 2),
    ],
}

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
    deviation = torch.tensor([(row.var(correction=0).item() + eps)**0.5 for row in rows], dtype=x.dtype)[:, None, None]
    return gamma[:, None, None] * (x - x.mean((0, 2, 3), keepdim=True)) / deviation + beta[:, None, None]


def in_place_running(mean, variance, x, momentum):
    mean.mul_(1 - momentum).add_(x.mean((0, 2, 3)), alpha=momentum)
    variance.mul_(1 - momentum).add_(x.var((0, 2, 3)), alpha=momentum)
    return torch.stack((mean, variance))


def running_by_torch(mean, variance, x, momentum):
    nnf.batch_norm(x, mean, variance, training=True, momentum=momentum)         # writes into mean and variance
    return torch.stack((mean, variance))


def fold_with_layers(weight, bias, gamma, beta, mean, variance, eps):
    conv = torch.nn.Conv2d(weight.shape[1], len(weight), 3, dtype=weight.dtype)
    scale = gamma / (variance + eps).sqrt()
    conv.weight.data, conv.bias.data = weight * scale[:, None, None, None], (bias - mean) * scale + beta
    return torch.cat((conv.weight.flatten(1), conv.bias[:, None]), 1)


def in_place_fold(weight, bias, gamma, beta, mean, variance, eps):
    scale = gamma / (variance + eps).sqrt()
    for k in range(len(weight)):
        weight[k] *= scale[k]
    return torch.cat((weight.flatten(1), ((bias - mean) * scale + beta)[:, None]), 1)


def filled_groups(x, groups, eps):
    for part in x.chunk(groups, 1):
        part[:] = nnf.group_norm(part, 1, eps=eps)
    return x


def one_picture_detached(x, groups, eps):
    return torch.cat([group_norm_by_hand(picture.detach() if n else picture, groups, eps) for n, picture in enumerate(x.split(1))])


HIDDEN = [
    (lesson2.batch_norm, in_place_norm, "in_place"), (lesson2.batch_norm, constant_statistics, "gradient"),
    (lesson2.batch_norm, constant_deviation, "gradient"), (lesson2.batch_norm, torch.no_grad()(batch_norm_by_hand), "detached"),
    (lesson2.batch_norm, lambda x, gamma, beta, eps: batch_norm_by_hand(x, gamma.data, beta, eps), "gradient"),
    (lesson2.batch_norm, lambda x, gamma, beta, eps: batch_norm_by_hand(x, gamma, beta.detach(), eps), "gradient"),
    (lesson2.batch_norm, lambda x, gamma, beta, eps: torch.from_numpy(batch_norm_by_hand(x, gamma, beta, eps).detach().numpy()), "detached"),
    (lesson2.update_running, in_place_running, "in_place"), (lesson2.update_running, running_by_torch, "in_place"),
    (lesson2.fold, in_place_fold, "in_place"), (lesson2.fold, fold_with_layers, "gradient"),
    (lesson2.fold, lambda weight, *rest: fold_by_hand(weight.detach(), *rest), "gradient"),
    (lesson2.fold, lambda weight, bias, gamma, *rest: fold_by_hand(weight, bias, gamma.detach(), *rest), "gradient"),
    (lesson2.fold, torch.no_grad()(fold_by_hand), "detached"),
    (lesson2.group_norm, filled_groups, "in_place"), (lesson2.group_norm, one_picture_detached, "gradient"),
    (lesson2.group_norm, lambda x, groups, eps: group_norm_by_hand(x.data, groups, eps), "detached"),
    (lesson2.group_norm, lambda x, groups, eps: group_norm_by_hand((x + x.detach()) / 2, groups, eps), "gradient"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def forgets_keepdim(x, gamma, beta, eps):
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return gamma * (x - mean) / torch.sqrt(variance + eps) + beta


KEPT = {"dim": (0, 2, 3), "keepdim": True}


def norm_with(variance, mean=lambda x: x.mean(**KEPT), root=lambda variance, eps: (variance + eps).sqrt()):
    return lambda x, gamma, beta, eps: gamma.view(-1, 1, 1) * (x - mean(x)) / root(variance(x), eps) + beta.view(-1, 1, 1)


def norm_of_rows(x, gamma, beta, eps, bring=lambda x: x):
    rows = bring(x).reshape(x.shape[1], -1)
    rows = (rows - rows.mean(1, keepdim=True)) / (rows.var(1, keepdim=True, unbiased=False) + eps).sqrt()
    return gamma.view(-1, 1, 1) * rows.view_as(x) + beta.view(-1, 1, 1)


def running_with(new_variance, new_mean=lambda x: x.mean((0, 2, 3)), old=lambda momentum: 1 - momentum, new=lambda momentum: momentum):
    return lambda mean, variance, x, momentum: torch.stack((old(momentum) * mean + new(momentum) * new_mean(x),
                                                            old(momentum) * variance + new(momentum) * new_variance(x)))


def corrects_the_sum(mean, variance, x, momentum):
    n = x.numel() // len(mean)
    mean, variance = running_with(lambda x: x.var((0, 2, 3), unbiased=False))(mean, variance, x, momentum)
    return torch.stack((mean, variance * n / (n - 1)))


def updates_mean_first(mean, variance, x, momentum):
    mean = (1 - momentum) * mean + momentum * x.mean((0, 2, 3))
    new = ((x - mean.view(1, -1, 1, 1)) ** 2).mean((0, 2, 3))
    return torch.stack((mean, (1 - momentum) * variance + momentum * new))


def fold_bias_late(weight, bias, gamma, beta, mean, variance, eps):
    folded = fold_by_hand(weight, torch.zeros_like(bias), gamma, beta, mean, variance, eps)
    return torch.cat((folded[:, :-1], folded[:, -1:] + bias.view(-1, 1)), 1)


def fold_with(factor, shift=lambda bias, mean: bias - mean):
    """The weights times `factor`, of γ and the root; the bias as it should be, but for `shift`."""
    def function(weight, bias, gamma, beta, mean, variance, eps):
        root = torch.sqrt(variance + eps)
        return torch.cat(((weight * factor(gamma, root)).flatten(1), (gamma * shift(bias, mean) / root + beta).view(-1, 1)), 1)
    return function


def every_gth_channel(x, groups, eps):
    result = torch.zeros_like(x)
    for g in range(groups):
        part = x[:, g::groups]
        result[:, g::groups] = (part - part.mean((1, 2, 3), keepdim=True)) / (part.var((1, 2, 3), unbiased=False, keepdim=True) + eps).sqrt()
    return result


def group_with(split, axes):
    def function(x, groups, eps):
        y = split(x, groups)
        return ((y - y.mean(axes, True)) / (y.var(axes, keepdim=True, unbiased=False) + eps).sqrt()).reshape(x.shape)
    return function


def parts_by_std(x, groups, eps):
    parts = x.reshape(len(x), groups, -1)
    return ((parts - parts.mean(2, keepdim=True)) / (parts.std(2, keepdim=True) + eps)).view_as(x)


WRITTEN = [(exercise, *case) for exercise, cases in {
    lesson2.batch_norm: [
        (forgets_keepdim, "all_along_width"), (norm_with(lambda x: x.var(0, unbiased=False), lambda x: x.mean(0)), "per_location"),
        (norm_with(lambda x: x.std(**KEPT), root=lambda deviation, eps: deviation + eps), "unbiased_eps_outside"),
        (norm_with(lambda x: x.std(**KEPT)), "unbiased_deviation_in_root"), (norm_with(lambda x: x.std(**KEPT, unbiased=False)), "deviation_in_root"),
        (norm_with(lambda x: x.var(**KEPT, unbiased=False), lambda x: x.mean((2, 3), True)), "picture_means"),
        (norm_with(lambda x: (x - x.mean((2, 3), True)).square().mean(**KEPT), lambda x: x.mean((2, 3), True)), "from_picture_means"),
        (norm_with(lambda x: x.var((2, 3), unbiased=False).mean(0).view(-1, 1, 1)), "averaged_variances_0"),
        (norm_with(lambda x: x.var((2, 3)).mean(0).view(-1, 1, 1)), "averaged_variances_1"), (norm_of_rows, "cut_up_late"),
        (lambda *arguments: norm_of_rows(*arguments, lambda x: x.permute(1, 0, 2, 3)), "not_brought_back_late"),
        (norm_with(*[lambda x, f=f: f(x.reshape(x.shape[1], -1)).view(-1, 1, 1) for f in (lambda rows: rows.var(1, unbiased=False),
                                                                                         lambda rows: rows.mean(1))]), "statistics_cut_up"),
        (lambda x, *rest: torch.cat([batch_norm_by_hand(picture[None], *rest) for picture in x]), "instance"),
        (lambda *arguments: list(batch_norm_by_hand(*arguments)), "type"),
        (lambda x, gamma, beta, eps: nnf.batch_norm(x, gamma * 0, gamma * 0 + 1, gamma, beta, eps=eps), "inference"),
        (lambda x, gamma, beta, eps: nnf.batch_norm(x, None, None, gamma, beta, training=True), "eps_of_torch"),
        (lambda x, gamma, beta, eps: nnf.batch_norm(x, None, None, training=True, eps=eps), "no_parameters"),
        (lambda x, gamma, beta, eps: nnf.instance_norm(x, weight=gamma, bias=beta, eps=eps), "instance"),
        (lambda x, gamma, beta, eps: nnf.group_norm(x, 1, gamma, beta, eps), "layer"),
        (lambda x, gamma, beta, eps: batch_norm_loop(x, beta, gamma, eps), "swapped"),
        (lambda x, gamma, beta, eps: batch_norm_by_hand(x, gamma, beta, eps).numpy(), "type"),
    ],
    lesson2.update_running: [
        (running_with(lambda x: x.var((0, 2, 3)), old=lambda m: m, new=lambda m: 1 - m), "momentum_flipped"),
        (running_with(lambda x: x.var((0, 2, 3), unbiased=False)), "over_n"), (running_with(lambda x: x.std((0, 2, 3))), "deviation"),
        (running_with(lambda x: (x - x.mean(**KEPT)).pow(2).sum((0, 2, 3)) / (len(x) - 1)), "over_pictures"),
        (running_with(lambda x: (x - x.mean(**KEPT)).pow(2).sum((0, 2, 3)) / (x.numel() - 1)), "over_all"),
        (running_with(lambda x: x.var((0, 2, 3), unbiased=False) * len(x) / (len(x) - 1)), "count_of_pictures"),
        (running_with(lambda x: x.var((0, 2, 3)) * x[:, 0].numel() / (x[:, 0].numel() - 1)), "corrected_twice"),
        (running_with(lambda x: x.var((0, 2, 3), correction=0) * (x[:, 0].numel() - 1) / x[:, 0].numel()), "correction_inverted"),
        (corrects_the_sum, "old_corrected"), (updates_mean_first, "from_new_mean_0"), (running_with(torch.var, torch.mean), "everything"),
        (lambda mean, variance, x, m: torch.stack(((1 - m) * mean + m * x.mean((0, 2, 3)), x.var((0, 2, 3)))), "variance_replaced_1"),
        (running_with(lambda x: x.var(0), lambda x: x.mean(0)), "per_location_1"), (lambda *a: running_by_hand(*a).flip(0), "variance_first"),
        (lambda *arguments: running_by_hand(*arguments).T, "on_its_side"), (lambda *arguments: tuple(running_by_hand(*arguments)), "type"),
    ],
    lesson2.fold: [
        (fold_bias_late, "bias_not_scaled"), (fold_with(lambda gamma, root: (gamma / root)[:, None, None]), "along_channels"),
        (fold_with(lambda gamma, root: gamma / root), "along_columns"),
        (fold_with(lambda gamma, root: 1 / root.view(-1, 1, 1, 1)), "gamma_in_bias"),
        (fold_with(lambda gamma, root: (gamma / root).view(-1, 1, 1, 1), lambda bias, mean: mean - bias), "bias_from_mean"),
        (fold_with(lambda gamma, root: (gamma / root).view(-1, 1, 1, 1), lambda bias, mean: bias), "no_mean"),
        (lambda w, b, g, beta, mean, variance, eps: fold_by_hand(w, b, g, beta, mean, variance, 0), "eps_missing"),
        (lambda w, b, *rest: fold_by_hand(w, 0 * b, *rest), "no_bias"), (lambda *arguments: fold_loop(*arguments).roll(1, 1), "bias_first"),
        (lambda w, b, g, beta, mean, variance, eps: fold_loop(w, b, g, beta, mean, (variance + eps)**2 - eps, eps), "root_forgotten"),
    ],
    lesson2.group_norm: [
        (every_gth_channel, "interleaved"), (parts_by_std, "unbiased_eps_outside"),
        (group_with(lambda x, groups: x.reshape(groups, -1), 1), "batch_reshaped"),
        (group_with(lambda x, groups: x.reshape(len(x), groups, -1, *x.shape[2:]), (2, 3)), "columns_apart"),
        (lambda x, groups, eps: torch.cat([nnf.layer_norm(part, part.shape[1:], eps=eps) for part in x.split(groups, 1)], 1), "groups_as_size"),
        (lambda x, groups, eps: nnf.instance_norm(x, eps=eps), "instance"),
        (lambda x, groups, eps: nnf.layer_norm(x, x.shape[1:], eps=eps), "layer"),
        (lambda x, groups, eps: nnf.batch_norm(x, None, None, training=True, eps=eps), "batch_norm"),
        (lambda x, groups, eps: nnf.group_norm(x, groups), "eps_of_torch"),
    ],
}.items() for case in cases]
