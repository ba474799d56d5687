"""The bank of lesson 3: right answers, hidden mistakes, and misconceptions as students write them."""
import math

import numpy as np
import torch
import torch.nn.functional as nnf

from course_utils.checks import lesson3

# --- right answers, each written differently ---------------------------------------------------------------


def mean_loop(parts):
    total, count = 0, 0
    for x in parts:
        N, _, H, W = x.shape
        total = total + x.clamp(min=0).sum(dim=(0, 2, 3))
        count += N * H * W
    return total / count


def mean_by_channel(parts):
    result = torch.zeros(parts[0].shape[1], dtype=parts[0].dtype)
    for c in range(len(result)):
        values = torch.cat([x[:, c].reshape(-1) for x in parts])
        result[c] = torch.where(values > 0, values, 0).mean()
    return result


def mean_rows(parts):
    return torch.cat([x.transpose(0, 1).flatten(1) for x in parts], dim=1).relu().mean(1)


def mean_weighted(parts):
    sizes = torch.tensor([x.shape[0] * x.shape[2] * x.shape[3] for x in parts], dtype=parts[0].dtype)
    means = torch.stack([torch.maximum(x, torch.zeros_like(x)).mean((0, 2, 3)) for x in parts])
    return torch.einsum("p,pc->c", sizes / sizes.sum(), means)


def mean_updated(parts):
    """The mean so far, moved towards each new part's by its share: no sum that grows without end."""
    mean, count = torch.zeros(parts[0].shape[1]).to(parts[0]), 0
    for x in parts:
        rows = nnf.relu(x).permute(1, 0, 2, 3).flatten(1)
        count += rows.shape[1]
        mean = torch.lerp(mean, rows.mean(1), rows.shape[1] / count)
    return mean


def mean_numpy(parts):
    columns = np.concatenate([np.maximum(x.numpy(), 0).transpose(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in parts])
    return torch.from_numpy(columns.mean(0))


def rescale_by_views(weight, bias, mu_in, mu_out):
    new = weight * mu_in.view(1, -1, 1, 1) / mu_out.view(-1, 1, 1, 1)
    return torch.hstack([new.reshape(len(weight), -1), (bias / mu_out).unsqueeze(1)])


def rescale_loop(weight, bias, mu_in, mu_out):
    rows = []
    for k in range(weight.shape[0]):
        channels = [weight[k, c].flatten() * mu_in[c] / mu_out[k] for c in range(weight.shape[1])]
        rows.append(torch.cat([*channels, (bias[k] / mu_out[k]).reshape(1)]))
    return torch.stack(rows)


def rescale_einsum(weight, bias, mu_in, mu_out):
    new = torch.einsum("kcij,c,k->kcij", weight, mu_in, 1 / mu_out)
    return torch.cat((new.flatten(1), torch.einsum("k,k->k", bias, mu_out.reciprocal())[:, None]), dim=1)


def rescale_diagonal(weight, bias, mu_in, mu_out):
    """The whole row at once: D_out⁻¹ (W | b) D, where D is D_in, each entry nine times, and 1 for the bias."""
    rows = torch.cat((weight.flatten(1), bias.view(-1, 1)), 1)
    return torch.diag(mu_out**-1) @ rows @ torch.diag(torch.cat((mu_in.repeat_interleave(9), torch.ones(1).to(bias))))


def undo_outer(weight, mu):
    columns = weight.unflatten(1, (len(mu), -1))
    return (columns * mu[:, None]).flatten(1)


def undo_loop(weight, mu):
    P = weight.shape[1] // len(mu)
    return torch.cat([weight[:, c * P:(c + 1) * P] * mu[c] for c in range(len(mu))], dim=1)


def undo_copy(weight, mu):
    result, P = weight.clone(), weight.shape[1] // mu.numel()
    for c, factor in enumerate(mu):
        result[:, c * P:(c + 1) * P] *= factor
    return result


def power_frexp(mu):
    mantissa, exponent = torch.frexp(mu)
    exponent = torch.where(mantissa < 0.5**0.5, exponent - 1, exponent)         # √½ is the middle, as ratios go
    return torch.where(mu > 0, torch.ldexp(torch.ones_like(mu), exponent), 1.0)


def power_by_math(whole, log=math.log2, dead=1.0):
    return lambda mu: torch.tensor([2.0 ** whole(log(m)) if m or dead is None else dead for m in mu.tolist()], dtype=mu.dtype)


def power_masked(mu):
    result = torch.ones_like(mu)
    alive = mu > 0
    result[alive] = 2 ** torch.log2(mu[alive]).round()
    return result


def power_numpy(mu):
    array = mu.numpy()
    safe = np.where(array == 0, 1, array)
    return torch.from_numpy(np.exp2(np.rint(np.log2(safe))).astype(array.dtype))


def power_tried(mu):
    """All powers that come into question, and the one whose ratio to the mean is nearest to 1."""
    powers = 2.0 ** torch.arange(-20, 20, dtype=mu.dtype)
    ratio = powers / mu.where(mu > 0, torch.ones_like(mu))[:, None]
    return powers[torch.maximum(ratio, 1 / ratio).argmin(1)]


RIGHT = {
    lesson3.mean_activation: [mean_loop, mean_by_channel, mean_rows, mean_weighted, mean_updated, mean_numpy],
    lesson3.rescale: [rescale_by_views, rescale_loop, rescale_einsum, rescale_diagonal],
    lesson3.undo: [
        undo_outer, undo_loop, undo_copy, lambda weight, mu: weight * mu.repeat_interleave(weight.shape[1] // len(mu)),
        lambda weight, mu: torch.einsum("kcp,c->kcp", weight.reshape(len(weight), len(mu), -1), mu).reshape(weight.shape),
        lambda weight, mu: weight @ torch.diag(torch.kron(mu, torch.ones(weight.shape[1] // len(mu)).to(mu))),
    ],
    lesson3.power_of_two: [
        power_frexp, power_by_math(round), power_masked, power_numpy, power_tried,
        lambda mu: torch.where(mu == 0, torch.ones_like(mu), torch.exp2(torch.floor(torch.log2(mu) + 0.5))),
        lambda mu: torch.round(torch.log(mu.masked_fill(mu == 0, 1)) / math.log(2)).exp2(),
    ],
}

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_mean(parts):
    return sum(x.relu_().sum((0, 2, 3)) for x in parts) / sum(x[:, 0].numel() for x in parts)


def parts_popped(parts):
    total, count = 0, 0
    while parts:
        x = parts.pop()
        total, count = total + x.relu().sum((0, 2, 3)), count + x[:, 0].numel()
    return total / count


def in_place_rescale(weight, bias, mu_in, mu_out):
    weight *= mu_in[:, None, None]
    weight /= mu_out[:, None, None, None]
    return torch.cat((weight.flatten(1), (bias / mu_out)[:, None]), 1)


def rescale_with_layers(weight, bias, mu_in, mu_out):
    conv = torch.nn.Conv2d(weight.shape[1], len(weight), 3, dtype=weight.dtype)
    conv.weight.data, conv.bias.data = weight * mu_in[:, None, None] / mu_out[:, None, None, None], bias / mu_out
    return torch.cat((conv.weight.flatten(1), conv.bias[:, None]), 1)


def rescale_items(weight, bias, mu_in, mu_out):
    rows = [torch.cat((weight[k].flatten(), bias[k:k + 1])) / mu_out[k].item() for k in range(len(weight))]
    return torch.stack(rows) * nnf.pad(mu_in.repeat_interleave(9), (0, 1), value=1.0)


def in_place_undo(weight, mu):
    P = weight.shape[1] // len(mu)
    for c in range(len(mu)):
        weight[:, c * P:(c + 1) * P] *= mu[c]
    return weight


def undo_with_layer(weight, mu):
    layer = torch.nn.Linear(*reversed(weight.shape), dtype=weight.dtype)
    layer.weight.data = undo_outer(weight, mu)
    return layer.weight


def in_place_power(mu):
    mu[mu == 0] = 1
    return torch.log2(mu).round().exp2()


HIDDEN = [
    (lesson3.mean_activation, in_place_mean, "in_place"), (lesson3.mean_activation, parts_popped, "in_place"),
    (lesson3.mean_activation, lambda parts: mean_rows([nnf.relu(x, inplace=True) for x in parts]), "in_place"),
    (lesson3.mean_activation, lambda parts: parts.sort(key=len) or mean_loop(parts), "in_place"),
    (lesson3.rescale, in_place_rescale, "in_place"),
    (lesson3.rescale, rescale_with_layers, "gradient"), (lesson3.rescale, rescale_items, "gradient"),
    (lesson3.rescale, lambda *four: torch.from_numpy(rescale_by_views(*[a.detach() for a in four]).numpy()), "detached"),
    (lesson3.rescale, torch.no_grad()(rescale_loop), "detached"),
    (lesson3.rescale, lambda weight, *rest: rescale_by_views(weight.data, *rest), "gradient"),
    (lesson3.rescale, lambda weight, bias, *means: rescale_by_views(weight, bias, *[mu.detach() for mu in means]), "gradient"),
    (lesson3.undo, in_place_undo, "in_place"), (lesson3.undo, undo_with_layer, "gradient"),
    (lesson3.undo, lambda weight, mu: undo_loop(weight, mu.tolist()), "gradient"),
    (lesson3.undo, lambda weight, mu: undo_outer(weight.data, mu.data), "detached"),
    (lesson3.undo, lambda weight, mu: undo_outer((weight + weight.detach()) / 2, mu), "gradient"),
    (lesson3.power_of_two, in_place_power, "in_place"),
    (lesson3.power_of_two, lambda mu: mu.where(mu > 0, 1).log2_().round_().exp2_() + 0 * mu.clamp_(min=1e-9), "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def forgets_plus(parts):
    for x in parts:
        mean = nnf.relu(x).mean((0, 2, 3))
    return mean


def returns_early(parts):
    total, count = 0, 0
    for x in parts:
        total = total + nnf.relu(x).sum((0, 2, 3))
        count += x.numel() / x.shape[1]
        return total / count


def size_before_loop(parts):
    total, pictures, (_, _, H, W) = 0, 0, parts[0].shape
    for x in parts:
        total, pictures = total + torch.relu(x).sum((0, 2, 3)), pictures + len(x)
    return total / (pictures * H * W)


def exponential(parts):
    mean = nnf.relu(parts[0]).mean((0, 2, 3))
    for x in parts[1:]:
        mean = 0.5 * mean + 0.5 * nnf.relu(x).mean((0, 2, 3))
    return mean


def positive_values(parts):
    channels = range(parts[0].shape[1])
    values = [torch.cat([x[:, c].flatten() for x in parts]) for c in channels]
    return torch.stack([v[v > 0].mean() for v in values])


def rescale_with(weights, biases=torch.div):
    return lambda w, b, mu_in, mu_out: torch.cat([weights(w, mu_in, mu_out).flatten(1), biases(b, mu_out).unsqueeze(1)], 1)


def loops_over_channels(weight, mu):
    result = weight.clone()
    for c in range(len(mu)):
        result[:, c] = weight[:, c] * mu[c]
    return result


def linear_nearest(mu):
    result = []
    for m in mu.tolist():
        below = 2.0 ** math.floor(math.log2(m)) if m else 1.0
        result.append(below if not m or m - below < 2 * below - m else 2 * below)
    return torch.tensor(result, dtype=mu.dtype)


WRITTEN = [(exercise, *case) for exercise, cases in {
    lesson3.mean_activation: [
        (forgets_plus, "last_only"), (returns_early, "first_only"),
        (lambda parts: sum(x.relu().sum(dim=[0, 2, 3]) for x in parts) / sum(x.size(0) for x in parts), "over_pictures"),
        (size_before_loop, "size_of_first"), (exponential, "halfway_0"), (positive_values, "active_only"),
        (lambda parts: mean_loop(parts[:len(parts) - 1]), "last_dropped"), (lambda parts: torch.cat(parts).relu().mean((0, 2, 3)), "concatenated"),
        (lambda parts: torch.cat([x.transpose(0, 1).flatten(1) for x in parts], 1).mean(1), "before_relu"),
        (lambda parts: torch.cat([x.transpose(0, 1).flatten(1) for x in parts], 1).mean(1).clamp(min=0), "relu_of_mean"),
        (lambda parts: sum(nnf.relu(x.mean((0, 2, 3))) for x in parts) / len(parts), "relu_of_means_of_parts"),
        (lambda parts: sum(nnf.relu(x).mean((0, 2, 3)) for x in parts) / len(parts), "mean_of_parts"),
        (lambda parts: sum(nnf.relu(x).mean((0, 2, 3)) for x in parts), "means_summed"),
        (lambda parts: torch.cat([nnf.adaptive_avg_pool2d(x.relu(), 1) for x in parts]).flatten(1).mean(0), "mean_of_pictures"),
        (lambda parts: torch.cat([x.relu().flatten() for x in parts]).mean(), "everything"),
        (lambda parts: torch.cat([x.relu().mean((2, 3)) for x in parts], 0), "per_picture"),
        (lambda parts: [x.relu().mean((0, 2, 3)) for x in parts], "type"),
    ],
    lesson3.rescale: [
        (lambda w, b, mu_in, mu_out: torch.cat([w.flatten(1), b.view(-1, 1)], 1) / mu_out.view(-1, 1), "naive"),
        (rescale_with(lambda w, mu_in, mu_out: w * mu_in / mu_out), "columns_and_columns"),
        (rescale_with(lambda w, *_: w / w.square().sum(dim=(1, 2, 3), keepdim=True).sqrt(), lambda b, _: b), "norm_alone"),    # Salimans & Kingma
        (rescale_with(lambda w, mu_in, mu_out: w * mu_in.view(-1, 1, 1) / mu_out.view(-1, 1, 1)), "mu_out_along_channels"),
        (rescale_with(lambda w, mu_in, mu_out: w.flatten(1) * mu_in.repeat(9) / mu_out[:, None]), "mu_in_repeated"),
        (rescale_with(lambda w, mu_in, mu_out: w * mu_in[:, None, None] / mu_out.view(-1, 1, 1, 1), torch.sub), "bias_less_mu_out"),
        (lambda w, b, mu_in, mu_out: rescale_einsum(w, b * mu_in.mean(), mu_in, mu_out), "bias_times_mean_of_mu_in"),
        (lambda w, b, mu_in, mu_out: rescale_loop(w, b, 1 / mu_in, 1 / mu_out), "inverted"),
        (lambda w, b, mu_in, mu_out: rescale_loop(w, b, 1 / mu_in, mu_out), "divided_by_both"),
        (lambda w, b, mu_in, mu_out: rescale_einsum(w, b * mu_out, mu_in, mu_out), "bias_kept"),
        (lambda w, b, mu_in, mu_out: rescale_einsum(w, b - mu_out, mu_in, mu_out), "bias_centred"),
        (lambda w, b, mu_in, mu_out: rescale_einsum(w, 0 * b, mu_in, mu_out), "bias_lost"),
        (lambda w, b, mu_in, mu_out: (w * mu_in[:, None, None] / mu_out[:, None, None, None], b / mu_out), "type"),
        (lambda *arguments: rescale_loop(*arguments).roll(1, dims=1), "bias_first"),
    ],
    lesson3.undo: [
        (lambda weight, mu: weight * torch.tile(mu, (weight.shape[1] // len(mu),)), "channels_last"),
        (lambda weight, mu: (weight.view(len(weight), -1, len(mu)) * mu).view_as(weight), "channels_last"), (loops_over_channels, "first_columns"),
        (lambda weight, mu: weight * mu, "not_spread"), (lambda weight, mu: mu.view(-1, 1) * weight, "along_rows"),
        (lambda weight, mu: undo_loop(weight, 1 / mu), "divided"), (lambda weight, mu: torch.diag(mu) @ weight, "along_rows"),
        (lambda weight, mu: weight.unflatten(1, (len(mu), -1)) * mu[None, :, None], "reshaped"),
        (lambda weight, mu: (weight.view(len(mu), -1) * mu.view(-1, 1)).view(weight.shape), "cut_up"),
        (lambda weight, mu: undo_outer(weight, mu).view(len(weight), len(mu), -1).mean(-1), "position_mean"),
        (lambda weight, mu: weight * mu.mean(), "one_factor_mean"),
    ],
    lesson3.power_of_two: [
        (linear_nearest, "nearest_in_difference"), (power_by_math(int), "truncated"), (power_by_math(lambda x: int(x + 0.5)), "truncated_plus_half"),
        (lambda mu: torch.where(mu > 0, torch.ldexp(mu**0, torch.frexp(mu).exponent), 1), "frexp"), (lambda mu: 2 ** mu.log2().round(), "dead_0"),
        (lambda mu: 2 ** torch.log2(mu + 1e-12).round(), "dead_0"),
        (lambda mu: 2 ** torch.log2(mu.clamp(min=torch.finfo(mu.dtype).eps)).round(), "dead_0"),
        (lambda mu: 2 ** torch.log2(mu.clamp(min=1e-6)).round(), "dead_tiny_1e-6"), (lambda mu: 2 ** torch.log2(mu + 1e-8).round(), "dead_tiny_1e-8"),
        (lambda mu: 2 ** torch.log2(mu).floor(), "floor_and_dead_0"),
        (lambda mu: 2 ** torch.log2(mu.maximum(torch.ones_like(mu))).round(), "small_become_1"),
        (lambda mu: torch.where(mu > 0, torch.log2(mu).round(), 1), "exponent"),
        (lambda mu: torch.where(mu > 0, torch.log2(mu).round(), 0), "exponent_and_dead_0"),
        (lambda mu: torch.where(mu > 0, 2 ** torch.log(mu).round(), 1), "natural"), (lambda mu: torch.log(mu).round().exp(), "power_of_e_and_dead_0"),
        (torch.round, "rounded_result_and_dead_0"), (lambda mu: mu**2, "square_and_dead_0"), (lambda mu: torch.log2(mu).round(), "not_finite"),
        (lambda mu: 1 / 2 ** torch.log2(mu).round(), "not_finite"), (power_by_math(round, dead=None), "logarithm_of_dead"),
        (lambda mu: torch.stack([torch.tensor(2.0).to(mu) ** round(math.log2(m)) for m in mu]), "logarithm_of_dead"),
        (lambda mu: torch.tensor([2.0 ** round(m.log2().item()) for m in mu], dtype=mu.dtype), "round_of_dead"),
    ],
}.items() for case in cases]
