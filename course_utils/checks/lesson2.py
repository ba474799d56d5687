"""Checks of lesson 2: batch normalisation, its running statistics, folding it into a convolution, and its relatives."""
import torch

from course_utils.checks.core import Exercise, Misconception, random_trials


def _maps(draw, N, C, H, W):
    """Feature maps whose channels clearly differ in mean and scale."""
    return draw(N, C, H, W) * torch.linspace(1, 3, C)[:, None, None] + 2 * draw(C, 1, 1)


def _over(*axes):
    """Variance and mean over axes, which are kept with length 1."""
    return lambda x, correction: torch.var_mean(x, axes, correction=correction, keepdim=True)


def _root(variance, eps):
    return (variance + eps).sqrt()


def _outside(variance, eps):
    return variance.sqrt() + eps


def _spreads(variant):
    """What a variance of σ² is mistaken for, where √(σ² + ε) is meant."""
    return [Misconception(name, variant(root=root), hint) for name, root, hint in (
        ("eps_outside", _outside, "ε stands outside of the root: add it to the variance first, √(σ² + ε)."),
        ("eps_missing", lambda variance, eps: variance.sqrt(),
         "ε is missing: a map that is the same everywhere would be divided by zero. Use √(σ² + ε)."),
        ("eps_of_torch", lambda variance, eps: _root(variance, 1e-5),
         "your ε is 1e-5, as torch has it unless told otherwise: use the `eps` that your function is given."),
        ("deviation_in_root", lambda variance, eps: _root(variance.sqrt(), eps),
         "the root holds the standard deviation, which is a root already: put the variance there, √(σ² + ε)."),
        ("root_forgotten", lambda variance, eps: variance + eps, "the root is missing: divide by √(σ² + ε), not by σ² + ε."),
        ("variance_alone", lambda variance, eps: variance, "you divide by the variance itself: add ε to it and take the root, √(σ² + ε)."),
        ("not_divided", lambda variance, eps: variance * 0 + 1, "nothing is divided by the standard deviation: divide by √(σ² + ε)."))]


def _unbiased(variant):
    """The variances of a batch over n − 1: what var and std of torch do unless told otherwise."""
    return [Misconception("unbiased", variant(correction=1),
                          "your variance is over n − 1, torch's default. Here it is the mean of the squares: var(…, correction=0)."),
            Misconception("unbiased_eps_outside", variant(correction=1, root=_outside),
                          "std(…) + ε is wrong twice: torch's std is over n − 1, and ε belongs under the root. Use var(…, correction=0)."),
            Misconception("unbiased_eps_missing", variant(correction=1, root=lambda variance, eps: variance.sqrt()),
                          "you divide by std(…), which is over n − 1 and knows no ε: use √(σ² + ε) with var(…, correction=0)."),
            Misconception("unbiased_deviation_in_root", variant(correction=1, root=lambda variance, eps: _root(variance.sqrt(), eps)),
                          "√(std(…) + ε) is wrong twice: std is a root already, and torch's is over n − 1. Put var(…, correction=0) there.")]


def _norm(*, moments=_over(0, 2, 3), correction=0, root=_root, place=lambda parameter: parameter[:, None, None],
          join=lambda x, m, r, g, b: g * (x - m) / r + b):
    """γ (x − μ) / √(σ² + ε) + β, with one part replaced; `join` gets x, μ, the root, γ and β."""
    def function(x, gamma, beta, eps):
        variance, mean = moments(x, correction)
        return join(x, mean, root(variance, eps), place(gamma), place(beta))
    return function


FLAT = {"moments": lambda x, correction: torch.var_mean(x, (0, 2, 3), correction=correction)}         # parts without kept axes
UNPLACED = {"place": lambda parameter: parameter}
ONE_CHANNEL = "you take one mean and one variance of all values: each channel has its own, so leave axis 1 out, (0, 2, 3)."
WIDTH = "(C,) is lined up with the last axis of x, the columns, and raises an error where W ≠ C. Bring {} to the channels: {}."
PICTURES = "you average the variances of the pictures, and how much their means differ gets lost: use x.var((0, 2, 3){})."
CUT_UP = "x.reshape(C, −1) cuts across the pictures: bring the channels to the front first, x.transpose(0, 1)."
NOT_CENTRED = "the mean is not subtracted: divide x − μ, not x."


def _picture_variances(x, correction):
    """The mean of the pictures' variances, in place of the variance of the batch."""
    return _over(2, 3)(x, correction)[0].mean(0, keepdim=True)


def _cut(x, correction):
    """The variance and mean of each row of x.reshape(C, −1), which holds no one channel."""
    return [moment[:, None, None] for moment in torch.var_mean(x.reshape(x.shape[1], -1), 1, correction=correction)]


def _in_rows(rows, late):
    """A normalisation of rows(x) as C × N·H·W, put into the shape of x as it is, with γ and β before that or, when late, after."""
    def function(x, gamma, beta, eps):
        def place(parameter):
            return parameter[:, None, None].expand(x.shape).reshape(len(parameter), -1) if late else parameter[:, None]
        return _norm(moments=_over(1), place=place)(rows(x).reshape(len(gamma), -1), gamma, beta, eps).reshape(x.shape)
    return function


# in the second trial W = C, in the third N = C = H: there, values along a wrong axis raise no error
batch_norm = Exercise("batch_norm", _norm(), lambda: random_trials(
    20, "x of {} × {} × {} × {}, ε = {}", ((1, 4, 3, 5, 0.1), (3, 5, 4, 5, 0.01), (3, 3, 3, 6, 0.3), (1, 2, 6, 4, 0.05)),
    lambda draw, N, C, H, W, eps: (_maps(draw, N, C, H, W), *draw(2, C), eps)), [
    Misconception("per_location", _norm(moments=_over(0)), "you normalise each position by itself: average over them too, (0, 2, 3)."),
    Misconception("layer", _norm(moments=_over(1, 2, 3)), "that is layer norm: average over the batch, not over the channels, (0, 2, 3)."),
    Misconception("instance", _norm(moments=_over(2, 3)), "that is instance norm: average over the batch as well, (0, 2, 3)."),
    Misconception("everything", _norm(moments=_over(0, 1, 2, 3)), ONE_CHANNEL),
    Misconception("over_channels", _norm(moments=_over(1)), "axis 1, the channels, is the one not to average over: (0, 2, 3)."),
    *[Misconception(f"over_0_and_{axis}", _norm(moments=_over(0, axis)),
                    "you average over one axis of the picture only: rows and columns both belong to it, (0, 2, 3).") for axis in (2, 3)],
    Misconception("statistics_cut_up", _norm(moments=_cut), CUT_UP),
    *[Misconception(name + ("", "_late")[late], _in_rows(rows, late), hint) for late in (0, 1) for name, rows, hint in (
        ("cut_up", lambda x: x, CUT_UP), ("not_brought_back", lambda x: x.transpose(0, 1),
         "the channels are still in front when you reshape: go back to (C, N, H, W) first, then transpose(0, 1)."))],
    *[Misconception(name, _norm(moments=lambda x, correction, variance=variance: (variance(x, correction), _over(2, 3)(x, 0)[1])),
                    "you subtract each picture's own mean: mean and variance are both those of the whole batch, (0, 2, 3).")
      for name, variance in (("picture_means", lambda x, correction: _over(0, 2, 3)(x, correction)[0]), ("from_picture_means", _picture_variances))],
    *[Misconception(f"averaged_variances_{less}", _norm(moments=lambda x, correction: (_picture_variances(x, correction), _over(0, 2, 3)(x, 0)[1]),
                    correction=less), PICTURES.format(", correction=0")) for less in (0, 1)],
    Misconception("first_picture", _norm(moments=lambda x, correction: _over(0, 2, 3)(x[:1], correction)),
                  "you use the statistics of the first picture for all: take those of the whole batch."),
    Misconception("statistics_along_width", _norm(**FLAT), WIDTH.format("μ and σ²", "keepdim=True")),
    Misconception("parameters_along_width", _norm(**UNPLACED), WIDTH.format("γ and β", "gamma[:, None, None]")),
    Misconception("all_along_width", _norm(**FLAT, **UNPLACED), WIDTH.format("all four", "keepdim=True and gamma[:, None, None]")),
    *[Misconception(f"parameters_along_{name}", _norm(place=lambda parameter, shape=shape: parameter.reshape(shape)),
                    f"γ and β lie along the {name} of x: with gamma[:, None, None] they lie along its channels.")
      for name, shape in (("rows", (-1, 1)), ("batch", (-1, 1, 1, 1)))],
    *_spreads(_norm), *_unbiased(_norm),
    Misconception("mean_of_squares", _norm(moments=lambda x, correction: (_over(0, 2, 3)(x * x, 0)[1], _over(0, 2, 3)(x, 0)[1])),
                  "your variance is the mean of x²: subtract the mean of x first, then square."),
    Misconception("inference", _norm(root=lambda variance, eps: (1 + eps)**0.5, join=lambda x, m, r, g, b: g * x / r + b),
                  "you normalise by fresh running statistics, mean 0 and variance 1: in training those of the batch count (training=True)."),
    Misconception("swapped", _norm(join=lambda x, m, r, g, b: b * (x - m) / r + g),
                  "γ and β have changed places: γ multiplies, β is added."),
    Misconception("no_parameters", _norm(join=lambda x, m, r, g, b: (x - m) / r), "γ and β are missing: multiply by γ, then add β."),
    Misconception("no_beta", _norm(join=lambda x, m, r, g, b: g * (x - m) / r), "β is missing: add it at the end."),
    Misconception("no_gamma", _norm(join=lambda x, m, r, g, b: (x - m) / r + b), "γ is missing: multiply by it before you add β."),
    Misconception("beta_scaled", _norm(join=lambda x, m, r, g, b: g * ((x - m) / r + b)), "γ multiplies β as well: add β last."),
    Misconception("beta_subtracted", _norm(join=lambda x, m, r, g, b: g * (x - m) / r - b), "you subtract β: the formula adds it."),
    Misconception("scaled_before_centring", _norm(join=lambda x, m, r, g, b: (g * x - m) / r + b),
                  "γ multiplies x before the mean is subtracted: put brackets, γ · (x − μ)."),
    Misconception("not_centred", _norm(join=lambda x, m, r, g, b: g * x / r + b), NOT_CENTRED),
], differentiable=(0, 1, 2))


def _blend(old, new, momentum):
    return (1 - momentum) * old + momentum * new


def _running(*, blend=_blend, average=lambda x: x.mean((0, 2, 3)), spread=lambda x, *means: x.var((0, 2, 3)), join=torch.stack):
    """Both running statistics, with one part replaced; `spread` also gets the running means before and after the update."""
    def function(mean, variance, x, momentum):
        updated = blend(mean, average(x), momentum)
        return join((updated, blend(variance, spread(x, mean, updated), momentum)))
    return function


def _over_n(x, *means):
    return x.var((0, 2, 3), correction=0)


def _about(x, mean, less):
    """The variance from another mean than that of the batch, over n − less."""
    return (x - mean[:, None, None]).square().sum((0, 2, 3)) / (x[:, 0].numel() - less)


# in the second trial W = C; no batch of one picture: there, dividing by N − 1 gives infinity, which no hint can tell from others
update_running = Exercise("update_running", _running(), lambda: random_trials(
    21, "x of {} × {} × {} × {}, momentum {}", ((3, 4, 2, 3, 0.1), (2, 3, 4, 3, 0.3), (4, 2, 1, 5, 0.2), (3, 5, 3, 2, 0.4)),
    lambda draw, N, C, H, W, momentum: (draw(C), draw(C).exp(), _maps(draw, N, C, H, W), momentum)), [
    Misconception("momentum_flipped", _running(blend=lambda old, new, m: _blend(new, old, m)),
                  "momentum stands on the wrong side: in torch it is the weight of the new batch, and 1 − momentum that of the old."),
    Misconception("flipped_and_over_n", _running(blend=lambda old, new, m: _blend(new, old, m), spread=_over_n),
                  "momentum is the weight of the new batch, 1 − momentum that of the old. And the variance of the batch is over n − 1."),
    Misconception("over_n", _running(spread=_over_n),
                  "your variance of the batch is over n: that is right for normalising, but the running one is unbiased, over n − 1."),
    Misconception("corrected_twice", _running(spread=lambda x, *means: x.var((0, 2, 3)) * (n := x[:, 0].numel()) / (n - 1)),
                  "you correct the variance twice: torch's var is over n − 1 already, so leave n / (n − 1) out."),
    Misconception("correction_inverted", _running(spread=lambda x, *means: _over_n(x) * ((n := x[:, 0].numel()) - 1) / n),
                  "your correction stands upside down: the variance over n is too small, so multiply it by n / (n − 1)."),
    Misconception("old_corrected", lambda mean, variance, x, momentum: _running()(mean, variance * (n := x[:, 0].numel()) / (n - 1), x, momentum),
                  "n / (n − 1) is for the variance of the batch alone: the old running one has been corrected already."),
    *[Misconception(f"variance_replaced_{less}", lambda mean, variance, x, momentum, less=less: torch.stack(
                        (_running()(mean, variance, x, momentum)[0], x.var((0, 2, 3), correction=less))),
                    "your variance is that of the batch alone: momentum is for the variance too, as for the mean.") for less in (0, 1)],
    *[Misconception(name, _running(spread=lambda x, *means, factor=factor: _over_n(x) * factor(x[:, 0].numel(), len(x), x.numel())),
                    "your variance has a wrong count in it: each channel has n = N·H·W values, so n − 1 is N·H·W − 1.")
      for name, factor in (("count_of_pictures", lambda n, N, _: N / (N - 1)), ("over_pictures", lambda n, N, _: n / (N - 1)),
                           ("count_of_positions", lambda n, N, _: n / (n - N)), ("over_positions", lambda n, N, _: n / (n / N - 1)),
                           ("count_of_all", lambda n, N, size: size / (size - 1)), ("over_all", lambda n, N, size: n / (size - 1)))],
    *[Misconception(f"averaged_variances_{less}", _running(spread=lambda x, *means, less=less: x.var((2, 3), correction=less).mean(0)),
                    PICTURES.format("")) for less in (0, 1)],
    Misconception("deviation", _running(spread=lambda x, *means: x.std((0, 2, 3))),
                  "you keep standard deviations: use var in place of std."),
    Misconception("mean_of_squares", _running(spread=lambda x, *means: x.square().mean((0, 2, 3))),
                  "your variance is the mean of x²: subtract the mean of the batch first, and divide by n − 1."),
    *[Misconception(f"from_{('old', 'new')[k]}_mean_{less}", _running(spread=lambda x, *means, k=k, less=less: _about(x, means[k], less)),
                    "you measure the variance of the batch from the running mean: measure it from the mean of the batch itself.")
      for k in (0, 1) for less in (0, 1)],
    Misconception("variance_first", _running(join=lambda rows: torch.stack(rows[::-1])), "the mean comes first, then the variance."),
    Misconception("on_its_side", _running(join=lambda rows: torch.stack(rows, 1)), "your result is (C, 2): stack along axis 0, for (2, C)."),
    Misconception("one_row", _running(join=torch.cat), "your result is one long row: use torch.stack in place of torch.cat, for (2, C)."),
    Misconception("old_ignored", _running(blend=lambda old, new, m: new),
                  "you return those of the batch alone: add (1 − momentum) · old to momentum · new."),
    Misconception("old_lost", _running(blend=lambda old, new, m: m * new), "the old ones are lost: add (1 − momentum) · old."),
    Misconception("old_unweighted", _running(blend=lambda old, new, m: old + m * new),
                  "the old ones keep their full weight, so the running ones grow without end: multiply them by 1 − momentum."),
    Misconception("new_unweighted", _running(blend=lambda old, new, m: (1 - m) * old + new),
                  "the new ones count in full: multiply them by momentum."),
    Misconception("away", _running(blend=lambda old, new, m: old + m * (old - new)),
                  "you move away from the batch: add momentum · (new − old)."),
    Misconception("momentum_of_torch", _running(blend=lambda old, new, m: _blend(old, new, 0.1)),
                  "your momentum is 0.1, as torch has it unless told otherwise: use the one that your function is given."),
    Misconception("everything", _running(average=torch.mean, spread=lambda x, *means: x.var()), ONE_CHANNEL),
    Misconception("per_picture", _running(average=lambda x: x.mean((2, 3)), spread=lambda x, *means: x.var((2, 3))),
                  "each picture gets statistics of its own: take them over the batch as well, (0, 2, 3)."),
    *[Misconception(f"per_location_{less}", _running(average=lambda x: x.mean(0), spread=lambda x, *means, less=less: x.var(0, correction=less)),
                    "each position gets statistics of its own: take them over rows and columns as well, (0, 2, 3).") for less in (0, 1)],
])


def _fold(*, root=_root, factor=lambda gamma, root: gamma / root, filters=lambda weight, scale: weight * scale[:, None, None, None],
          shift=lambda b, m, s, beta: (b - m) * s + beta, join=lambda filters, bias: torch.cat((filters.flatten(1), bias[:, None]), 1)):
    """s = γ/√(σ² + ε) times the filters, and the bias (b − μ) s + β, with one part replaced."""
    def function(weight, bias, gamma, beta, mean, variance, eps):
        scale = factor(gamma, root(variance, eps))
        return join(filters(weight, scale), shift(bias, mean, scale, beta))
    return function


# in the second trial K = 3, in the third K = C: there, factors along a wrong axis of the filters raise no error
fold = Exercise("fold", _fold(), lambda: random_trials(
    22, "{} filters with {} channels, ε = {}", ((4, 2, 0.1), (3, 5, 0.01), (5, 5, 0.3), (2, 3, 0.05)),
    lambda draw, K, C, eps: (draw(K, C, 3, 3), *draw(4, K), draw(K).exp(), eps)), [
    *_spreads(_fold),
    Misconception("bias_not_scaled", _fold(shift=lambda b, m, s, beta: b - m * s + beta), "multiply the old bias by γ/√(σ² + ε) too."),
    Misconception("mean_not_scaled", _fold(shift=lambda b, m, s, beta: b * s - m + beta),
                  "subtract μ from b before you multiply by γ/√(σ² + ε)."),
    Misconception("neither_scaled", _fold(shift=lambda b, m, s, beta: b - m + beta),
                  "b − μ has to be multiplied by γ/√(σ² + ε), as the weights."),
    Misconception("no_mean", _fold(shift=lambda b, m, s, beta: b * s + beta), "the mean is missing: subtract it from the old bias, b − μ."),
    Misconception("mean_added", _fold(shift=lambda b, m, s, beta: (b + m) * s + beta), "you add the mean: the normalisation subtracts it."),
    Misconception("bias_from_mean", _fold(shift=lambda b, m, s, beta: (m - b) * s + beta), "you subtract the bias from the mean: it is b − μ."),
    Misconception("no_bias", _fold(shift=lambda b, m, s, beta: beta - m * s), "the old bias is forgotten: it is (b − μ) · γ/√(σ² + ε) + β."),
    Misconception("no_beta", _fold(shift=lambda b, m, s, beta: (b - m) * s), "β is missing: add it to the new bias."),
    Misconception("beta_scaled", _fold(shift=lambda b, m, s, beta: (b - m + beta) * s), "β is scaled as well: add it last."),
    Misconception("bias_kept", _fold(shift=lambda b, m, s, beta: b), "the bias is the old one: the new one is (b − μ) · γ/√(σ² + ε) + β."),
    Misconception("no_gamma", _fold(factor=lambda gamma, root: 1 / root), "γ is missing: the factor of each filter is γ/√(σ² + ε)."),
    Misconception("gamma_in_bias", lambda w, b, gamma, *rest: _fold()(w / gamma[:, None, None, None], b, gamma, *rest),
                  "γ is in the bias only: multiply the weights by it too, as you divide both by the root."),
    Misconception("gamma_in_weights", lambda w, b, gamma, beta, mean, *rest: _fold()(w, mean + (b - mean) / gamma, gamma, beta, mean, *rest),
                  "γ is in the weights only: multiply b − μ by it too, as you divide both by the root."),
    Misconception("swapped", lambda weight, bias, gamma, beta, *rest: _fold()(weight, bias, beta, gamma, *rest),
                  "γ and β have changed places: γ multiplies, β is added."),
    Misconception("weight_kept", _fold(filters=lambda weight, scale: weight), "the weights are the old ones: multiply them by γ/√(σ² + ε)."),
    Misconception("weight_centred", lambda w, b, g, beta, mean, *rest: _fold()(w - mean[:, None, None, None], b, g, beta, mean, *rest),
                  "you subtract the mean from the weights: it is the mean of what the convolution gives out, so it goes into the bias alone."),
    *[Misconception(f"along_{name}", _fold(filters=lambda weight, scale, shape=shape: weight * scale.reshape(shape)),
                    "γ/√(σ² + ε) lies along a wrong axis of the filters: each filter has one factor, scale[:, None, None, None].")
      for name, shape in (("channels", (-1, 1, 1)), ("rows", (-1, 1)), ("columns", (-1,)))],
    Misconception("bias_first", _fold(join=lambda filters, bias: torch.cat((bias[:, None], filters.flatten(1)), 1)),
                  "the bias comes first: it belongs at the end of each row."),
    Misconception("one_row", _fold(join=lambda filters, bias: torch.cat((filters.flatten(), bias))),
                  "your result is one long row: make a row of each filter, flatten(1), with its bias as the last column."),
], differentiable=(0, 1, 2, 3))


def _grouped(*, split=lambda x, groups: x.unflatten(1, (groups, -1)), moments=_over(2, 3, 4), correction=0, root=_root,
             join=lambda x, m, r: (x - m) / r, merge=lambda y, x: y.reshape(x.shape)):
    """(x − μ) / √(σ² + ε) for x of N × groups × channels of a group × H × W, with one part replaced."""
    def function(x, groups, eps):
        parts = split(x, groups)
        variance, mean = moments(parts, correction)
        return merge(join(parts, mean, root(variance, eps)), x)
    return function


group_norm = Exercise("group_norm", _grouped(), lambda: random_trials(
    23, "x of {} × {} × {} × {}, groups = {}, ε = {}",
    ((1, 6, 3, 4, 2, 0.1), (3, 6, 4, 3, 3, 0.01), (3, 8, 2, 5, 4, 0.3), (1, 5, 5, 2, 1, 0.05), (2, 4, 3, 2, 4, 0.2)),
    lambda draw, N, C, H, W, groups, eps: (_maps(draw, N, C, H, W), groups, eps)), [
    Misconception("interleaved", _grouped(split=lambda x, groups: x.unflatten(1, (-1, groups)), moments=_over(1, 3, 4)),
                  "you group channels that lie apart: neighbours belong together. Split with reshape(N, groups, C // groups, H, W)."),
    Misconception("groups_as_size", _grouped(split=lambda x, groups: x.unflatten(1, (-1, groups))),
                  "you make groups of `groups` channels each: it is the number of groups, and each has C // groups channels."),
    Misconception("batch", _grouped(moments=_over(0, 2, 3, 4)),
                  "you average over the batch: here each picture counts by itself, so leave axis 0 out."),
    Misconception("batch_reshaped", _grouped(split=lambda x, groups: x.reshape(1, groups, -1, 1, 1)),
                  "reshape(groups, …) cuts up the whole batch, across pictures: keep its axis, reshape(N, groups, …)."),
    Misconception("layer", _grouped(moments=_over(1, 2, 3, 4)), "that is layer norm: all channels share one mean. Each group has its own."),
    Misconception("instance", _grouped(moments=_over(3, 4)), "that is instance norm: each channel has its own mean. A group shares one."),
    Misconception("batch_norm", _grouped(moments=_over(0, 3, 4)), "that is batch norm: here each group of each picture has its own mean."),
    *[Misconception(name, _grouped(moments=_over(*axes)),
                    "you average over the channels only, at each position: rows and columns belong to it too.")
      for name, axes in (("at_each_position", (2,)), ("all_at_each_position", (1, 2)))],
    Misconception("columns_apart", _grouped(moments=_over(2, 3)),
                  "with the groups split off, axes 2 and 3 are the channels of a group and the rows: columns belong to it too, (2, 3, 4)."),
    Misconception("everything", _grouped(moments=_over(0, 1, 2, 3, 4)),
                  "you take one mean of all values: each group of each picture has its own."),
    Misconception("channel_means", _grouped(moments=lambda x, correction: (_over(2, 3, 4)(x, 0)[0], _over(3, 4)(x, 0)[1])),
                  "you subtract each channel's own mean: the channels of a group share one, as they share the variance."),
    Misconception("not_centred", _grouped(join=lambda x, m, r: x / r), NOT_CENTRED),
    *_spreads(_grouped), *_unbiased(_grouped),
    Misconception("not_merged", _grouped(merge=lambda y, x: y), "your result still has the axis of the groups: end with reshape(x.shape)."),
], differentiable=(0,))
