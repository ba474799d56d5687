"""Checks of lesson 3: mean activations, the rescaling by them, what undoes it behind the last layer, and powers of two."""
import math
from functools import reduce

import torch
import torch.nn.functional as F

from course_utils.checks.core import Exercise, Misconception, Trial, random_trials


def _kept(value, *_):
    return value


def _channel_sums(x):
    return x.sum((0, 2, 3))


def _positions(x):
    return x[0, 0].numel()


def _mean(*, parts=_kept, prepare=F.relu, total=_channel_sums, count=lambda x: x[:, 0].numel(),
          join=lambda totals, counts: sum(totals) / sum(counts)):
    """The sum of the parts' totals over that of their counts, with one part of the calculation replaced."""
    def function(given):
        prepared = [prepare(x) for x in parts(given)]
        return join([total(x) for x in prepared], [count(x) for x in prepared])
    return function


def _means(totals, counts):
    return torch.stack([total / count for total, count in zip(totals, counts)])


UNEVEN = "you average the means of the {}, which differ in size: add up all values, and divide once by how many there are."
DIVIDED_ONCE = "divide once, after the loop: the sum of all values by the number of all values."
OVER_ALL = "divide by the number of all values of a channel: N·H·W, added up over the parts."
RELU_LATE = "you take the mean first and apply the ReLU to it: negative values then cancel positive ones. Apply it to the values."
LOST = "{}: begin with zeros before the loop, and add inside of it with +=."

# in the first trial all parts have the same height and width, so that torch.cat works; in the second, one part has W = C
mean_activation = Exercise("mean_activation", _mean(), lambda: random_trials(
    30, "{} channels, N, H and W of the parts: {}", ((4, ((3, 2, 3), (1, 2, 3))), (3, ((1, 4, 5), (3, 5, 3), (2, 2, 7))),
                                                     (2, ((1, 3, 4), (1, 2, 5))), (5, ((3, 4, 3), (2, 3, 5), (1, 6, 2), (3, 2, 4)))),
    lambda draw, C, sizes: ([draw(N, C, H, W) + torch.linspace(-0.6, 0.7, C)[:, None, None] + n / 3 for n, (N, H, W) in enumerate(sizes)],)), [
    Misconception("before_relu", _mean(prepare=_kept),
                  "you average the values before the ReLU: the mean may then be negative or zero. Apply the ReLU first."),
    Misconception("relu_of_mean", lambda parts: _mean(prepare=_kept)(parts).relu(), RELU_LATE),
    *[Misconception(f"relu_of_means_of_{name}", _mean(prepare=lambda x, axes=axes: x.mean(axes, keepdim=True).relu()), RELU_LATE)
      for name, axes in (("pictures", (2, 3)), ("parts", (0, 2, 3)))],
    Misconception("mean_of_parts", _mean(join=lambda totals, counts: _means(totals, counts).mean(0)), UNEVEN.format("parts")),
    Misconception("mean_of_pictures", _mean(total=lambda x: x.mean((2, 3)).sum(0), count=len), UNEVEN.format("pictures")),
    Misconception("parts_weighted_by_positions", _mean(total=lambda x: x.sum((2, 3)).mean(0), count=_positions),
                  "you average over the pictures of a part, so that parts weigh by H·W alone: their number of values is N·H·W."),
    Misconception("last_dropped", _mean(parts=lambda parts: parts[:-1]), "the last part is left out: it counts, even where it is smaller."),
    Misconception("first_only", _mean(parts=lambda parts: parts[:1]), "you use the first part only: put the `return` behind the loop."),
    Misconception("last_only", _mean(parts=lambda parts: parts[-1:]), LOST.format("only the last part is left at the end")),
    Misconception("last_sum", _mean(join=lambda totals, counts: totals[-1] / sum(counts)),
                  LOST.format("the count is of all parts, but the sum is that of the last")),
    *[Misconception(f"{name}_count", _mean(join=lambda totals, counts, n=n: sum(totals) / counts[n]),
                    f"you divide by the number of values in the {name} part: " + DIVIDED_ONCE) for name, n in (("first", 0), ("last", -1))],
    *[Misconception(f"size_of_{name}", _mean(count=lambda x: (len(x), _positions(x)), join=lambda totals, counts, n=n: sum(
                        totals) / (sum(N for N, _ in counts) * counts[n][1])),
                    f"you take height and width of the {name} part for all: ask each part for its own.") for name, n in (("first", 0), ("last", -1))],
    Misconception("means_summed", _mean(join=lambda totals, counts: _means(totals, counts).sum(0)),
                  "you add up the means of the parts: " + DIVIDED_ONCE),
    Misconception("sum_over_parts", _mean(count=lambda x: 1), "you divide by the number of parts: " + OVER_ALL),
    *[Misconception(f"halfway_{n}", _mean(join=lambda totals, counts, start=start: reduce(
                        lambda old, new: (old + new) / 2, _means(totals, counts), *start)),
                    "you go half the way to each new part's mean, so that the last parts count most: " + DIVIDED_ONCE)
      for n, start in enumerate(((), (0,)))],
    Misconception("not_divided", _mean(join=lambda totals, counts: sum(totals)), "you return the sum: " + OVER_ALL),
    Misconception("over_pictures", _mean(count=len), "you divide by the number of pictures only: " + OVER_ALL),
    Misconception("over_positions", _mean(count=_positions), "you divide by the number of positions only: " + OVER_ALL),
    Misconception("over_positions_summed", _mean(total=lambda x: x.mean((2, 3)).sum(0), count=lambda x: 1, join=lambda totals, counts: sum(totals)),
                  "you divide by the number of positions, but not by that of the pictures: " + OVER_ALL),
    Misconception("channels_counted", _mean(count=torch.numel), "numel() counts the values of all channels: " + OVER_ALL),
    Misconception("n_minus_1", _mean(join=lambda totals, counts: sum(totals) / (sum(counts) - 1)),
                  "you divide by n − 1: that belongs to a variance. A mean is over n."),
    Misconception("active_only", _mean(count=lambda x: (x > 0).sum((0, 2, 3))),
                  "you average over the positive values only: the zeros that the ReLU leaves count too, so divide by N·H·W."),
    Misconception("absolute", _mean(prepare=torch.abs), "you average absolute values: the ReLU sets the negative ones to zero."),
    *[Misconception(f"share_of_active_{n}", _mean(prepare=prepare), "you count how often a channel is active: average F.relu(x), not x > 0.")
      for n, prepare in enumerate((lambda x: x > 0, lambda x: (x > 0).to(x)))],
    Misconception("root_mean_square", lambda parts: _mean(total=lambda x: _channel_sums(x * x))(parts).sqrt(),
                  "that is the root of the mean square: average the values themselves."),
    Misconception("mean_square", _mean(total=lambda x: _channel_sums(x * x)), "you average squares: average the values themselves."),
    Misconception("maximum", _mean(total=lambda x: x.amax((0, 2, 3)), join=lambda totals, counts: torch.stack(totals).amax(0)),
                  "you take the largest value: take the mean of all."),
    Misconception("median", _mean(total=lambda x: x.transpose(0, 1).flatten(1), join=lambda rows, counts: torch.cat(rows, 1).median(1).values),
                  "you take the median: take the mean, the sum divided by the number of values."),
    Misconception("everything", _mean(total=torch.sum, count=torch.numel), "you take one mean of all channels: each has its own, sum((0, 2, 3))."),
    Misconception("same_for_all", _mean(total=lambda x: x.sum().expand(x.shape[1]), count=torch.numel),
                  "all channels get the same mean: each has its own, sum((0, 2, 3))."),
    Misconception("concatenated", lambda parts: _mean()([torch.cat(parts)]),
                  "pictures of different sizes cannot be joined or added: sum each part over its positions, and add up these sums and their counts."),
    Misconception("per_location", _mean(total=lambda x: x.sum(0), count=len),
                  "each position gets a mean of its own, and parts of different sizes cannot be added: sum over positions too, (0, 2, 3)."),
    Misconception("per_picture", _mean(total=lambda x: x.mean((2, 3)), join=lambda rows, counts: torch.cat(rows)),
                  "each picture gets means of its own: take them over all pictures."),
    Misconception("per_part", _mean(join=_means), "each part gets means of its own: take them over all parts."),
])


def _along(axis):
    """Puts one number for each channel, filter, row or column of the weights, (K, C, 3, 3), along that axis."""
    shape = {"filters": (-1, 1, 1, 1), "channels": (-1, 1, 1), "rows": (-1, 1), "columns": (-1,)}[axis]
    return lambda mu: mu.reshape(shape)


def _rescale(*, into=torch.mul, out=torch.div, shift=lambda b, m_in, m_out: b / m_out, place=(_along("channels"), _along("filters")),
             join=lambda filters, bias: torch.cat((filters.flatten(1), bias[:, None]), 1)):
    """W μ_in / μ_out and b / μ_out, with one part replaced."""
    def function(weight, bias, mu_in, mu_out):
        return join(out(into(weight, place[0](mu_in)), place[1](mu_out)), shift(bias, mu_in, mu_out))
    return function


def _other(size, shift):
    """'Weight normalisation' by the size of each filter; `shift` gets the old bias, μ_out and that size."""
    def function(weight, bias, mu_in, mu_out):
        sizes = size(weight.flatten(1))
        return torch.cat((weight.flatten(1) / sizes[:, None], shift(bias, mu_out, sizes)[:, None]), 1)
    return function


AXES = "{} along a wrong axis of the weights, (K, C, 3, 3): its axis of filters is the first, that of channels the second. Use {}."
IN, OUT = "mu_in[:, None, None]", "mu_out[:, None, None, None]"
OTHER = ("you divide each filter by {} of its weights. 'Weight normalisation' has two meanings: here "
         "the mean activations count, W · μ_in / μ_out and b / μ_out.")

# in the second trial K = 3, in the third K = C, in the fourth C = 3, in the fifth all: there, means along a wrong axis raise no error
rescale = Exercise("rescale", _rescale(), lambda: random_trials(
    31, "{} filters with {} channels", ((4, 2), (3, 5), (5, 5), (2, 3), (3, 3)),
    lambda draw, K, C: (draw(K, C, 3, 3), draw(K), draw(C).exp(), draw(K).exp())), [
    Misconception("naive", _rescale(into=_kept),
                  "you divide by μ_out only: the input of this layer is divided by μ_in already, so multiply its channels by μ_in."),
    Misconception("not_divided", _rescale(out=_kept), "the weights are not divided by μ_out: divide them as you divide the bias."),
    Misconception("nothing_divided", _rescale(out=_kept, shift=_kept),
                  "nothing is divided by μ_out: divide the weights and the bias of each filter by it."),
    Misconception("weight_inverted", _rescale(into=torch.div, out=torch.mul),
                  "the factor of the weights stands upside down: multiply by μ_in and divide by μ_out."),
    Misconception("inverted", _rescale(into=torch.div, out=torch.mul, shift=lambda b, m_in, m_out: b * m_out),
                  "all factors stand upside down: the weights are multiplied by μ_in / μ_out, the bias is divided by μ_out."),
    Misconception("divided_by_both", _rescale(into=torch.div), "you divide by μ_in: multiply by it, to undo the division of the layer before."),
    Misconception("multiplied_by_both", _rescale(out=torch.mul), "you multiply the weights by μ_out: divide them by it."),
    Misconception("all_multiplied", _rescale(out=torch.mul, shift=lambda b, m_in, m_out: b * m_out), "you multiply by μ_out: divide by it."),
    Misconception("bias_kept", _rescale(shift=_kept), "the bias is the old one: divide it by μ_out, as the whole sum in the ReLU."),
    Misconception("naive_bias_kept", _rescale(into=_kept, shift=_kept), "multiply the weights by μ_in, and divide the bias by μ_out too."),
    Misconception("bias_inverted", _rescale(shift=lambda b, m_in, m_out: b * m_out), "you multiply the bias by μ_out: divide it."),
    Misconception("bias_lost", _rescale(shift=lambda b, *_: b * 0), "the bias is lost: the new one is b / μ_out."),
    *[Misconception(name, _rescale(shift=shift), "you subtract the mean, as batch normalisation does: here it is only divided, b / μ_out.")
      for name, shift in (("bias_centred", lambda b, m_in, m_out: (b - m_out) / m_out), ("bias_less_mu_out", lambda b, m_in, m_out: b - m_out))],
    *[Misconception(f"bias_times_{name}", _rescale(shift=lambda b, m_in, m_out, f=f: b * f(m_in) / m_out),
                    "you multiply the bias by μ_in too: only what comes from the layer before needs that. Divide the bias, b / μ_out.")
      for name, f in (("mu_in", _kept), ("mean_of_mu_in", torch.mean), ("sum_of_mu_in", torch.sum))],
    Misconception("weight_kept", _rescale(into=_kept, out=_kept), "the weights are the old ones: multiply them by μ_in and divide them by μ_out."),
    Misconception("unchanged", _rescale(into=_kept, out=_kept, shift=_kept), "nothing has changed: W · μ_in / μ_out and b / μ_out are asked for."),
    Misconception("swapped", lambda weight, bias, mu_in, mu_out: _rescale()(weight, bias, mu_out, mu_in),
                  "μ_in and μ_out have changed places: μ_in has one number for each channel, μ_out one for each filter."),
    *[Misconception(f"mu_in_along_{axis}", _rescale(place=(_along(axis), _along("filters"))), AXES.format("μ_in lies", IN))
      for axis in ("filters", "rows", "columns")],
    *[Misconception(f"mu_out_along_{axis}", _rescale(place=(_along("channels"), _along(axis))), AXES.format("μ_out lies", OUT))
      for axis in ("channels", "rows", "columns")],
    *[Misconception(f"{one}_and_{other}", _rescale(place=(_along(one), _along(other))), AXES.format("μ_in and μ_out lie", f"{IN} and {OUT}"))
      for one, other in (("filters", "channels"), ("columns", "columns"))],
    Misconception("mu_in_repeated", _rescale(place=(lambda mu: mu.repeat(9).reshape(-1, 3, 3), _along("filters"))),
                  "mu_in.repeat(9) changes from weight to weight: flatten puts the nine of a channel side by side, so use repeat_interleave(9)."),
    Misconception("one_mu_in", _rescale(place=(torch.mean, _along("filters"))),
                  f"you use one number for all channels: each has its own μ_in, {IN}."),
    Misconception("one_mu_out", _rescale(place=(_along("channels"), torch.mean), shift=lambda b, m_in, m_out: b / m_out.mean()),
                  f"you use one number for all filters: each has its own μ_out, {OUT}."),
    *[Misconception(f"{name}_{biases}", _other(size, shift), OTHER.format(words))
      for name, size, words in (("norm", lambda rows: rows.norm(dim=1), "the length"), ("sum", lambda rows: rows.sum(1), "the sum"),
                                ("absolute_sum", lambda rows: rows.abs().sum(1), "the absolute sum"))
      for biases, shift in (("alone", lambda b, m, s: b), ("of_all", lambda b, m, s: b / s), ("of_weights", lambda b, m, s: b / m))],
    Misconception("square_root", lambda weight, bias, mu_in, mu_out: _rescale()(weight, bias, mu_in.sqrt(), mu_out.sqrt()),
                  "you use the square roots of the means: use the means themselves."),
    Misconception("bias_first", lambda *four: _rescale()(*four).roll(1, 1), "the bias comes first: it belongs at the end of each row."),
    Misconception("one_row", _rescale(join=lambda filters, bias: torch.cat((filters.flatten(), bias))),
                  "your result is one long row: make a row of each filter, flatten(1), with its bias as the last column."),
    Misconception("on_its_side", lambda *four: _rescale()(*four).T, "your result lies on its side: each filter is a row, its bias the last column."),
], differentiable=(0, 1, 2, 3))


def _power(exponent=torch.round, *, log=torch.log2, power=torch.exp2, dead=1.0, prepare=_kept):
    """2 to the rounded logarithm, and a number for dead channels, with one part replaced."""
    def function(mu):
        result = power(exponent(log(prepare(mu))))
        return result if dead is None else torch.where(mu == 0, torch.full_like(mu, dead), result)
    return function


def _nearest_in_difference(mu):
    below = torch.log2(mu).floor().exp2()
    return torch.where(mu - below < 2 * below - mu, below, 2 * below)


MEANS = {           # no logarithm is within 0.02 of the middle of two whole numbers, where rounding errors would decide
    "means around 1, one dead": [0.36, 1.0, 0.73, 0.0, 1.46, 2.7, 5.0, 0.25, 11.7],
    "means below 1, two dead": [0.0, 0.0013, 0.0058, 0.023, 0.0, 0.125, 0.18, 0.047],
    "means above 50": [93.0, 128.0, 187.0, 5980.0, 1300.0, 2960.0],
    "means from 0.001 to 10,000, one dead": [0.001, 9300.0, 0.0, 0.37, 4.0, 47.0, 745.0]}
IS_DEAD = " And a dead channel, μ = 0, gets the factor 1."
LOGARITHM = "your logarithm has the base {}: use torch.log2, as the powers are those of 2."

power_of_two = Exercise("power_of_two", _power(), lambda: [
    Trial(f"{label}, {str(dtype).removeprefix('torch.')}", (torch.tensor(values, dtype=dtype),))
    for (label, values), dtype in zip(MEANS.items(), 2 * (torch.float32, torch.float64))], [
    Misconception("dead_0", _power(dead=0.0),
                  "a dead channel, μ = 0, gets 0 or almost 0, and whoever divides by it gets infinity: give it the factor 1."),
    *[Misconception(f"dead_tiny_{eps}", _power(dead=2.0**exponent),
                    "a dead channel, μ = 0, gets a tiny power of two, and dividing by it makes huge numbers: give it the factor 1.")
      for eps, exponent in (("1e-8", -27), ("1e-7", -23), ("1e-6", -20), ("1e-5", -17), ("1e-4", -13), ("1e-3", -10))],
    *[Misconception(name + end, function(dead), hint + more) for dead, end, more in ((1.0, "", ""), (0.0, "_and_dead_0", IS_DEAD))
      for name, function, hint in (
        ("floor", lambda dead: _power(torch.floor, dead=dead), "you round down: take the nearest power, with round."),
        ("ceil", lambda dead: _power(torch.ceil, dead=dead), "you round up: take the nearest power, with round."),
        ("truncated", lambda dead: _power(torch.trunc, dead=dead), "you cut off the digits after the point, as int does: use round."),
        ("truncated_plus_half", lambda dead: _power(lambda x: (x + 0.5).trunc(), dead=dead),
         "int(x + 0.5) rounds negative numbers up: use round, which holds for means below 1 too."),
        ("frexp", lambda dead: _power(lambda x: x.floor() + 1, dead=dead), "you take the next power above: frexp has its mantissa from 0.5 to 1."),
        ("nearest_in_difference", lambda dead: _power(prepare=_nearest_in_difference, dead=dead),
         "you take the power with the smallest difference: the nearest in ratio is asked for, so round log2(μ)."),
        ("exponent", lambda dead: _power(power=_kept, dead=dead), "that is the exponent: raise 2 to it, 2 ** exponent."),
        ("not_rounded", lambda dead: _power(_kept, dead=dead), "nothing is rounded: round log2(μ) before you raise 2 to it."),
        ("rounded_result", lambda dead: _power(_kept, power=lambda x: x.exp2().round(), dead=dead),
         "you round the mean itself to a whole number: round log2(μ), and raise 2 to it."),
        ("rounded_first", lambda dead: lambda mu: torch.where(mu == 0, dead, _power(dead=None)(mu.round())),
         "you round the mean first, so that small ones become 0: round log2(μ) only."),
        ("natural", lambda dead: _power(log=torch.log, dead=dead), LOGARITHM.format("e")),
        ("decimal", lambda dead: _power(log=torch.log10, dead=dead), LOGARITHM.format("10")),
        ("power_of_e", lambda dead: _power(log=torch.log, power=torch.exp, dead=dead), "those are powers of e: use log2 and 2 ** …."),
        ("power_of_10", lambda dead: _power(log=torch.log10, power=lambda x: 10**x, dead=dead), "those are powers of 10: use log2 and 2 ** …."),
        ("exp", lambda dead: _power(power=torch.exp, dead=dead), "exp raises e to the exponent: raise 2 to it, 2 ** …."),
        ("square", lambda dead: _power(log=torch.square, exponent=_kept, power=_kept, dead=dead),
         "that is the square of μ: a power of two is 2 to a whole number."),
        ("one_added", lambda dead: _power(log=lambda mu: torch.log2(1 + mu), dead=dead),
         "you add 1 to the mean, which changes small ones: round log2(μ), and treat μ = 0 by itself."))],
    *[Misconception(f"{name}_of_dead", lambda mu, log=log: torch.tensor([2.0 ** round(log(mean)) for mean in mu.tolist()], dtype=mu.dtype),
                    f"a dead channel has μ = 0, and {error}: give it the factor 1 before you take the logarithm.") for name, log, error in (
        ("logarithm", math.log2, "math.log2(0) raises an error"),
        ("round", lambda mean: torch.tensor(mean).log2().item(), "log2(0) is −∞, which Python's round and int refuse"))],
    Misconception("inverse", _power(power=lambda x: (-x).exp2()), "your factors are inverted: 2 ** exponent, not 2 ** −exponent."),
    Misconception("small_become_1", _power(prepare=lambda mu: mu.clamp(min=1)),
                  "all means below 1 become 1: only dead channels, μ = 0, do. Exponents may be negative."),
    Misconception("one_for_all", _power(prepare=lambda mu: mu.mean().expand(mu.shape)), "all channels get the same power: each has its own."),
])


def _undo(*, factors=lambda mu, P: mu.repeat_interleave(P), join=lambda weight, f: weight * f, finish=lambda result, C, P: result):
    """The columns times the factors of their channels, with one part replaced."""
    def function(weight, mu):
        C, P = len(mu), weight.shape[1] // len(mu)
        return finish(join(weight, factors(mu, P)), C, P)
    return function


EACH = "mu.repeat_interleave(P) makes one factor for each of them."

# in the second trial K = C, in the third K = C·P, in the fourth P = 1: there, factors along a wrong axis raise no error
undo = Exercise("undo", _undo(), lambda: random_trials(
    32, "{} rows, {} channels of {} positions", ((4, 3, 6), (3, 3, 4), (6, 2, 3), (3, 4, 1), (2, 5, 8)),
    lambda draw, K, C, P: (draw(K, C * P), draw(C).exp())), [
    Misconception("divided", _undo(join=torch.div), "you divide by the means: the maps come in divided already, so multiply the weights to undo it."),
    Misconception("unchanged", _undo(join=_kept), "nothing has changed: multiply the columns of each channel by its mean."),
    Misconception("channels_last", _undo(factors=lambda mu, P: mu.repeat(P)),
                  "your factors change from column to column: flatten puts all positions of a channel side by side, so use repeat_interleave."),
    Misconception("channels_last_divided", _undo(factors=lambda mu, P: mu.repeat(P), join=torch.div),
                  "the order is wrong, and you divide: multiply by mu.repeat_interleave(P)."),
    Misconception("reordered", _undo(finish=lambda result, C, P: result.unflatten(1, (C, P)).transpose(1, 2).flatten(1)),
                  "the factors are right, but the columns have changed their order: keep that of the old weights, channel by channel."),
    Misconception("not_spread", _undo(factors=_kept), "mu has one number for each channel, the weights have P columns for each: " + EACH),
    Misconception("along_rows", _undo(factors=lambda mu, P: mu[:, None]),
                  "you scale rows: a row belongs to a unit of the next layer, P columns side by side to a channel. " + EACH),
    Misconception("spread_along_rows", _undo(factors=lambda mu, P: mu.repeat_interleave(P)[:, None]),
                  "your factors lie along the rows: leave [:, None] out, so that each column gets one."),
    Misconception("cut_up", _undo(join=lambda weight, f: (weight.reshape(len(f), -1) * f[:, None]).reshape(weight.shape), factors=_kept),
                  "reshape(C, …) cuts across the rows: keep their axis, reshape(K, C, P)."),
    Misconception("first_columns", _undo(factors=lambda mu, P: torch.cat((mu, torch.ones_like(mu).repeat(P - 1)))),
                  "only the first C columns are scaled: each channel has P of them. " + EACH),
    Misconception("first_positions", _undo(factors=lambda mu, P: torch.stack((mu, *[torch.ones_like(mu)] * (P - 1)), 1).flatten()),
                  "only one column of each channel is scaled: it has P of them. " + EACH),
    Misconception("blocks_of_C", _undo(factors=lambda mu, P: torch.cat((mu.repeat_interleave(len(mu)), torch.ones_like(mu).repeat(P)))[:len(mu) * P]),
                  "your blocks are C columns wide: those of channel c are c·P to (c + 1)·P."),
    *[Misconception(f"one_factor_{name}", _undo(factors=lambda mu, P, factor=factor: factor(mu)),
                    "you use one factor for all columns: each channel has its own. " + EACH)
      for name, factor in (("mean", torch.mean), ("sum", torch.sum), ("first", lambda mu: mu[0]), ("last", lambda mu: mu[-1]))],
    Misconception("divided_by_positions", _undo(factors=lambda mu, P: mu.repeat_interleave(P) / P),
                  "you divide by the number of positions: each column keeps the whole factor."),
    *[Misconception(name, _undo(factors=lambda mu, P, change=change: change(mu).repeat_interleave(P)), hint) for name, change, hint in (
        ("relative", lambda mu: mu / mu.mean(), "you divide the means by their own mean: multiply by them as they are."),
        ("flipped", lambda mu: mu.flip(0), "your means stand in reverse order: the first P columns belong to mu[0]."),
        ("square_root", torch.sqrt, "you use the roots of the means: use the means themselves."),
        ("squared", torch.square, "you multiply by the means twice: once is enough."))],
    Misconception("added", _undo(join=torch.add), "you add the means: multiply by them."),
    *[Misconception(f"position_{name}", _undo(finish=lambda result, C, P, reduce=reduce: reduce(result.unflatten(1, (C, P)), 2)),
                    f"you take the {name} over the positions: keep all C·P columns.") for name, reduce in (("mean", torch.mean), ("sum", torch.sum))],
    Misconception("position_mean_spread", _undo(finish=lambda result, C, P: result.unflatten(1, (C, P)).mean(2).repeat_interleave(P, 1)),
                  "you average the weights over the positions: each column keeps its own, times the mean."),
    Misconception("reshaped", _undo(finish=lambda result, C, P: result.unflatten(1, (C, P))), "your result is (K, C, P): end with flatten(1)."),
    Misconception("on_its_side", _undo(finish=lambda result, C, P: result.T), "your result lies on its side: rows and columns stay as they are."),
], differentiable=(0, 1))
