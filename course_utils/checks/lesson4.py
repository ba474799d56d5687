"""Checks of lesson 4: the content cost, its gradient through the ReLU, and the weight that makes a mean of the sum."""
import math

import torch
import torch.nn.functional as nnf

from course_utils.checks.core import Exercise, Misconception, Trial, random_trials


def _kept(value, *_):
    return value


def _half(*_):
    return 1 / 2


def _each(values):
    """The sum over each picture."""
    return values.sum((1, 2, 3))


def _cost(*, prepare=lambda F, P: (F, P), difference=torch.sub, power=torch.square, reduce=_each, factor=_half, finish=_kept):
    """½ Σ (F − P)² for each picture, with one part replaced; `factor` gets N, C, H and W, `finish` the cost and N."""
    def function(F, P):
        return finish(factor(*F.shape) * reduce(power(difference(*prepare(F, P)))), len(F))
    return function


def _one(*_):
    return 1


def _repeated(cost, N):
    return cost.expand(N)


def _unit(x):
    """Each picture divided by its length."""
    return x / x.flatten(1).norm(dim=1)[:, None, None, None]


def _grams(F):
    return F.flatten(2) @ F.flatten(2).transpose(1, 2)


def _cosine(F, P):
    return 1 - nnf.cosine_similarity(F.flatten(1), P.flatten(1))


SUM = "the formula has the sum, ½ Σ (F − P)²."
EACH = "each picture has a cost of its own, so sum over the axes (1, 2, 3)."
AXES = "sum over the axes (1, 2, 3), which leaves one number for each picture."
HALVE = " And take half of it."
DIVISOR = "nothing but 2 divides the sum here, ½ Σ (F − P)²."
LENGTH = "you take {} of F − P, with a root: leave the root out, ½ Σ (F − P)²."
BOTH = "and the ½ is missing: ½ Σ (F − P)²."

# in the second trial P has one picture for three, in the third N = C, in the fourth N = C = H = W: there, sums over wrong axes keep the shape
content_cost = Exercise("content_cost", _cost(), lambda: random_trials(
    40, "F of {0} × {2} × {3} × {4}, P of {1} × {2} × {3} × {4}",
    ((1, 1, 4, 3, 5), (3, 1, 2, 5, 4), (3, 3, 3, 2, 6), (3, 1, 3, 3, 3), (1, 1, 5, 4, 2), (2, 2, 6, 3, 4)),
    lambda draw, N, M, C, H, W: (draw(N, C, H, W) + 0.3, 1.3 * draw(M, C, H, W))), [
    Misconception("batch_summed", _cost(reduce=torch.sum), "you add up the costs of all pictures: " + EACH),
    Misconception("batch_summed_no_half", _cost(reduce=torch.sum, factor=_one),
                  "you add up the costs of all pictures: " + EACH + HALVE),
    Misconception("batch_averaged", _cost(finish=lambda cost, N: cost.mean()), "you average over the pictures: " + EACH),
    Misconception("everything_averaged", _cost(reduce=torch.mean, factor=_one), "that is the mean of all values, as mse_loss has it: " + EACH),
    Misconception("everything_averaged_half", _cost(reduce=torch.mean), "you take one mean of the whole batch: " + EACH),
    *[Misconception(f"{name}_repeated", _cost(reduce=reduce, factor=factor, finish=_repeated),
                    "all pictures get the same cost, that of the whole batch: " + EACH) for name, reduce, factor in (
        ("batch_sum", torch.sum, _half), ("batch_mean", torch.sum, lambda N, *_: 1 / (2 * N)), ("mean_of_all", torch.mean, _one),
        ("half_mean_of_all", torch.mean, _half))],
    Misconception("over_pictures", _cost(factor=lambda N, *_: 1 / (2 * N)),
                  "you divide by the number of pictures: the cost of one picture does not depend on the others."),
    Misconception("mean", _cost(reduce=lambda values: values.mean((1, 2, 3)), factor=_one), "you take the mean of the squares: " + SUM),
    *[Misconception(name, _cost(factor=factor), hint + DIVISOR) for name, factor, hint in (
        ("half_mean", lambda N, C, H, W: 1 / (2 * C * H * W), "you take half the mean: "),
        ("quarter_mean", lambda N, C, H, W: 1 / (4 * C * H * W), "1/(4·C·H·W) is the factor of another course: "),
        ("over_channels", lambda N, C, H, W: 1 / (2 * C), "you divide by the number of channels: "),
        ("over_channels_no_half", lambda N, C, H, W: 1 / C, "you divide by the number of channels: "),
        ("over_positions", lambda N, C, H, W: 1 / (2 * H * W), "you divide by the number of positions: "),
        ("over_positions_no_half", lambda N, C, H, W: 1 / (H * W), "you divide by the number of positions: "),
        ("over_root", lambda N, C, H, W: 1 / (2 * (C * H * W) ** 0.5), "you divide by the root of the number of values: "),
        ("over_root_no_half", lambda N, C, H, W: 1 / (C * H * W) ** 0.5, "you divide by the root of the number of values: "))],
    Misconception("no_half", _cost(factor=_one), "the ½ is missing: it cancels the 2 of the derivative, ½ Σ (F − P)²."),
    Misconception("quarter", _cost(factor=lambda *_: 1 / 4), "your factor is ¼: take ½ of the sum, and halve nothing before you square it."),
    Misconception("doubled", _cost(factor=lambda *_: 2), "you multiply by 2: the factor is ½."),

    Misconception("negative", _cost(factor=lambda *_: -1 / 2),
                  "your cost is negative: the smaller it is, the worse the picture. Leave the minus out."),
    Misconception("absolute", _cost(power=torch.abs), "you add up absolute values: square the differences, ½ Σ (F − P)²."),
    Misconception("absolute_no_half", _cost(power=torch.abs, factor=_one), "you add up absolute values: square the differences instead, " + BOTH),
    Misconception("absolute_mean", _cost(power=torch.abs, reduce=lambda values: values.mean((1, 2, 3)), factor=_one),
                  "that is the mean of absolute values, as l1_loss has it: square the differences and add up, ½ Σ (F − P)²."),
    Misconception("not_squared", _cost(power=_kept), "the differences are not squared, so that they cancel: ½ Σ (F − P)²."),
    Misconception("not_squared_no_half", _cost(power=_kept, factor=_one), "the differences are not squared, so that they cancel, " + BOTH),
    *[Misconception("square_of_sum" + end, _cost(power=_kept, reduce=lambda values: _each(values).square(), factor=factor),
                    "you square the sum, in which differences cancel: square each difference first, then add up." + more)
      for end, factor, more in (("", _half, ""), ("_no_half", _one, HALVE))],
    Misconception("squared_twice", _cost(power=lambda d: d**4), "you square twice: once is enough, ½ Σ (F − P)²."),
    *[Misconception(name + end, _cost(reduce=reduce, factor=factor), LENGTH.format(words))
      for end, factor in (("", _half), ("_no_half", _one)) for name, words, reduce in (
        ("norm", "the length", lambda values: _each(values).sqrt()), ("norm_of_all", "the length", lambda values: values.sum().sqrt()),
        ("norms_of_columns", "the lengths of the rows", lambda values: values.sum(3).sqrt().sum((1, 2))),
        ("norms_of_positions", "the lengths of the columns of channels", lambda values: values.sum(1).sqrt().sum((1, 2))),
        ("root_mean_square", "the root mean square", lambda values: values.mean((1, 2, 3)).sqrt()))],
    Misconception("squares_subtracted", _cost(difference=lambda F, P: F**2 - P**2, power=_kept),
                  "you subtract the squares: subtract first, then square, (F − P)²."),
    Misconception("squares_subtracted_no_half", _cost(difference=lambda F, P: F**2 - P**2, power=_kept, factor=_one),
                  "you subtract the squares: subtract first, then square; " + BOTH),
    Misconception("added", _cost(difference=torch.add), "you add P: subtract it, so that equal activations cost nothing."),
    Misconception("product", _cost(difference=torch.mul, power=_kept), "you multiply F by P: the cost is in their difference, ½ Σ (F − P)²."),
    Misconception("product_no_half", _cost(difference=torch.mul, power=_kept, factor=_one), "that is the inner product: take ½ Σ (F − P)²."),
    Misconception("squared_product", _cost(difference=torch.mul), "you multiply F by P: subtract P from F, then square."),
    Misconception("no_target", _cost(difference=lambda F, P: F), "the content picture is missing: subtract P from F before you square."),
    *[Misconception(name, _cost(difference=difference), "you rectify the difference, so that F may {} P for nothing: "
                    "both signs count.".format(verb)) for name, difference, verb in (
        ("rectified", lambda F, P: (F - P).relu(), "fall short of"), ("rectified_backwards", lambda F, P: (P - F).relu(), "exceed"))],
    Misconception("rectified_inputs", _cost(prepare=lambda F, P: (F.relu(), P.relu())),
                  "you apply the ReLU to F and P: take them as they are given."),
    Misconception("rectified_generated", _cost(prepare=lambda F, P: (F.relu(), P)), "you apply the ReLU to F: take it as it is given."),
    Misconception("positive_only", _cost(prepare=lambda F, P: (F, P.where(F > 0, F))),
                  "you leave out the places where F is not positive: that mask is part of the gradient. The cost counts all places."),
    *[Misconception("relative" + end, lambda F, P, factor=factor: factor() * _each((F - P) ** 2) / _each(P**2),
                    "you divide by Σ P²: " + DIVISOR) for end, factor in (("", _half), ("_no_half", _one))],
    Misconception("cosine", _cosine, "that is a cosine distance, which takes no notice of the strength: take ½ Σ (F − P)²."),
    Misconception("unit_length", _cost(prepare=lambda F, P: (_unit(F), _unit(P)), factor=_one),
                  "you divide F and P by their lengths: their strength counts too, so take them as they are given."),
    *[Misconception(f"{name}_first", _cost(prepare=lambda F, P, axes=axes: (F.sum(axes, keepdim=True), P.sum(axes, keepdim=True))),
                    "you add up over {} before you subtract, so that it no longer matters {} something is: "
                    "subtract value from value.".format(words, where))
      for name, axes, words, where in (("positions", (2, 3), "positions", "where"), ("channels", (1,), "channels", "in which channel"))],
    Misconception("channel_means_first", _cost(prepare=lambda F, P: (F.mean((2, 3), keepdim=True), P.mean((2, 3), keepdim=True))),
                  "you average each channel before you subtract, so that it no longer matters where something is: subtract value from value."),
    Misconception("gram", _cost(prepare=lambda F, P: (_grams(F), _grams(P)), reduce=lambda values: values.sum((1, 2))),
                  "you compare Gram matrices: that is the style cost. Here each value of F is compared with the one of P at its place."),
    Misconception("deviation", _cost(difference=lambda F, P: F - P - (F - P).mean((1, 2, 3), keepdim=True)),
                  "you subtract the mean of the differences, as a variance does: square the differences as they are."),
    Misconception("first_target", _cost(prepare=lambda F, P: (F, P[:1])),
                  "you compare all pictures with the first of P: where P has N pictures, each belongs to one of F."),
    Misconception("target_averaged", _cost(prepare=lambda F, P: (F, P.mean(0, keepdim=True))),
                  "you average P over its pictures: where P has N pictures, each belongs to one of F."),
    *[Misconception("all_pairs" + end, lambda F, P, total=total: total((F[:, None] - P).square().sum((2, 3, 4)) / 2),
                    "you compare every picture of F with every one of P: the first belongs to the first, and so on.")
      for end, total in (("", _kept), ("_summed", lambda pairs: pairs.sum(1)))],
    *[Misconception(f"{name}_picture{end}", _cost(finish=finish), hint.format(name) + EACH)
      for name, place in (("first", slice(1)), ("last", slice(-1, None))) for end, finish, hint in (
        ("", lambda cost, N, place=place: cost[place], "only the {} picture has a cost: "),
        ("_alone", lambda cost, N, place=place: cost[place][0], "only the {} picture has a cost: "),
        ("_repeated", lambda cost, N, place=place: cost[place].expand(N), "all pictures get the cost of the {} one: "))],
    *[Misconception(name + end, _cost(reduce=reduce, factor=factor), hint + AXES + more)
      for end, factor, more in (("", _half, ""), ("_no_half", _one, HALVE))
      for name, reduce, hint in (
        ("not_summed", _kept, "nothing is added up: "), ("channels_only", lambda values: values.sum(1), "you add up over channels only: "),
        ("positions_only", lambda values: values.sum((2, 3)), "you add up over positions only: "),
        ("columns_only", lambda values: values.sum(-1), "you add up over columns only: "),
        ("batch_only", lambda values: values.sum(0), "you add up over the batch: "),
        ("per_channel", lambda values: values.sum((0, 2, 3)), "(0, 2, 3) leaves a number for each channel: "),
        ("wrong_axes", lambda values: values.sum((0, 1, 2)), "(0, 1, 2) leaves a number for each column: "),
        ("wrong_rows", lambda values: values.sum((0, 1, 3)), "(0, 1, 3) leaves a number for each row: "),
        ("kept", lambda values: values.sum((1, 2, 3), keepdim=True), "the result has four axes, leave keepdim=True out: "),
        ("column", lambda values: values.flatten(1).sum(1, keepdim=True), "the result has two axes, leave keepdim=True out: "))],
], differentiable=(0,))


def _slope(*, difference=lambda x, P: x.relu() - P, mask=lambda x, P: x > 0, factor=_one, change=_kept, finish=_kept):
    """(relu(x) − P) · [x > 0], with one part replaced; `change` gets the difference and the mask, `factor` the number of values."""
    def function(x, P):
        allowed = mask(x, P).to(x)
        return finish(factor(x.numel()) * change(difference(x, P), allowed) * allowed)
    return function


def _all(x, P):
    return torch.ones_like(x)


MASK = "the ReLU lets a gradient through only where x is positive: multiply by [x > 0]."
NO_MASK = " And multiply by [x > 0], the slope of the ReLU."

# x is exactly 0 in about a quarter of the places, and so is P; in the third trial C = H = W
content_gradient = Exercise("content_gradient", _slope(), lambda: random_trials(
    41, "{} channels, {} × {} positions", ((4, 3, 5), (3, 6, 4), (4, 4, 4), (6, 2, 5)),
    lambda draw, *shape: (draw(1, *shape).where(draw(1, *shape).abs() > 0.3, torch.zeros(())), (draw(1, *shape) + 0.6).relu())), [
    Misconception("no_mask", _slope(mask=_all), MASK),
    Misconception("before_relu", _slope(difference=torch.sub, mask=_all),
                  "you leave the ReLU out: P is what comes out of it, so take relu(x) − P, and multiply by [x > 0]."),
    *[Misconception(f"before_relu_{name}", _slope(difference=torch.sub, mask=mask),
                    "take relu(x) − P in place of x − P; and it is x that decides where the gradient passes, [x > 0].")
      for name, mask in (("mask_of_target", lambda x, P: P > 0), ("mask_inverted", lambda x, P: x <= 0))],
    *[Misconception(f"mask_{name}", _slope(mask=mask), hint) for name, mask, hint in (
        ("of_target", lambda x, P: P > 0, "you ask where P is positive: the gradient passes the ReLU of the generated picture, [x > 0]."),
        ("of_both", lambda x, P: (x > 0) & (P > 0), "you ask that P is positive too: only x decides, [x > 0]."),
        ("of_difference", lambda x, P: x.relu() > P,
         "you keep what is positive in the gradient, as a deconvnet does: it is x that decides, [x > 0], and negative values count too."),
        ("of_negative_difference", lambda x, P: x.relu() < P, "you keep what is negative in the gradient: it is x that decides, [x > 0]."),
        ("with_zero", lambda x, P: x >= 0, "you let the gradient through where x is exactly 0: torch's ReLU has the slope 0 there, so write x > 0."),
        ("half_at_zero", lambda x, P: torch.heaviside(x, torch.tensor(0.5).to(x)), "your slope of the ReLU at x = 0 is ½: torch has 0, x > 0."),
        ("not_zero", lambda x, P: x != 0, "you leave out only the zeros of x: negative values are closed too, [x > 0]."),
        ("inverted", lambda x, P: x <= 0, "your mask is turned round: the gradient passes where x is positive, [x > 0]."),
        ("negative", lambda x, P: x < 0, "your mask is turned round: the gradient passes where x is positive, [x > 0]."),
        ("above_one", lambda x, P: x > 1, "your mask begins at 1: the ReLU opens at 0, [x > 0]."),
        ("sign", lambda x, P: x.sign(), "sign(x) is −1 where x is negative: the slope of the ReLU is 0 there, [x > 0]."),
        ("value", lambda x, P: x.relu(), "you multiply by relu(x): its slope is asked for, 1 where x > 0, else 0."),
        ("value_before", lambda x, P: x, "you multiply by x: the slope of the ReLU is 1 where x > 0, else 0."))],
    *[Misconception(name + end, _slope(mask=mask, **part), hint + more)
      for end, mask, more in (("", lambda x, P: x > 0, ""), ("_no_mask", _all, NO_MASK)) for name, part, hint in (
        ("sign", {"factor": lambda n: -1}, "the sign is turned round: the derivative of ½ (F − P)² is F − P."),
        ("doubled", {"factor": lambda n: 2}, "a factor 2 is too much: it cancels the ½ of the cost."),
        ("half", {"factor": lambda n: 1 / 2}, "a ½ is too much: the 2 of the derivative has cancelled it."),
        ("of_mean", {"factor": lambda n: 2 / n}, "that is the gradient of a mean of squares: the cost is half a sum, so leave 2/(C·H·W) out."),
        ("over_values", {"factor": lambda n: 1 / n}, "you divide by C·H·W: the cost is a sum, not a mean."),
        ("over_twice_values", {"factor": lambda n: 1 / (2 * n)}, "you divide by 2·C·H·W: the cost is ½ times a sum, whose derivative is F − P."),
        ("absolute", {"change": lambda d, m: d.abs()}, "you take the absolute value: the gradient may be negative, F − P."),
        ("sign_only", {"change": lambda d, m: d.sign()}, "you keep only the sign, as for a cost of absolute values: here it is F − P itself."),
        ("squared", {"change": lambda d, m: d.square()}, "you square the difference, as in the cost: its derivative is F − P."),
        ("half_squared", {"change": lambda d, m: d.square() / 2}, "those are the terms of the cost: the derivative of ½ (F − P)² is F − P."),
        ("root", {"change": lambda d, m: d / d.norm()}, "you divide by the length of F − P, as for a cost with a root: leave it out."),
        ("l1_normalised", {"change": lambda d, m: d / (d * m).abs().sum()}, "you divide by the sum of absolute values: leave that out."),
        ("added", {"difference": lambda x, P: x.relu() + P}, "you add P: the derivative of ½ (F − P)² is F − P."),
        ("target_alone", {"difference": lambda x, P: P}, "only P is left: the derivative of ½ (F − P)² is F − P."))],
    Misconception("normalised", _slope(change=lambda d, m: d / (d * m).norm()), "you divide the gradient by its length: leave that out."),
    Misconception("without_target", _slope(difference=lambda x, P: x.relu()), "P is missing: the derivative of ½ (F − P)² is F − P."),
    Misconception("input_alone", _slope(difference=lambda x, P: x, mask=_all), "you return x: the gradient is (relu(x) − P) · [x > 0]."),
    Misconception("mask_alone", lambda x, P: (x > 0).to(x), "you return the slope of the ReLU: multiply it by F − P."),
    Misconception("mask_as_truth", lambda x, P: x > 0, "you return where x is positive: multiply that by F − P."),
    Misconception("cost", lambda x, P: _cost()(x.relu(), P),
                  "you return the cost itself: its derivative by x is asked for, one number for each value of x."),
    Misconception("summed", _slope(finish=torch.sum), "you add up the gradient: each value of x has its own, so leave the sum out."),
    *[Misconception(name + end, _slope(mask=mask, finish=finish), hint + more)
      for end, mask, more in (("", lambda x, P: x > 0, ""), ("_no_mask", _all, NO_MASK)) for name, finish, hint in (
        ("per_channel", lambda g: g.sum((2, 3)), "you add up over positions: each value of x has a gradient of its own."),
        ("per_position", lambda g: g.sum(1), "you add up over channels: each value of x has a gradient of its own."),
        ("no_batch", lambda g: g[0], "the axis of the batch is lost: the gradient has the shape of x, (1, C, H, W)."),
        ("flat", torch.flatten, "your gradient is one long row: give it the shape of x with reshape(x.shape)."),
        ("rows", lambda g: g.flatten(2), "rows and columns are one axis: give the gradient the shape of x with reshape(x.shape)."))],
])


def _weight(convert):
    """A weight from α, C, H and W."""
    return lambda alpha, shape: convert(alpha, *shape)


def _number(wrong):
    """A weight that is `wrong`(α, n) for n = C·H·W."""
    return lambda alpha, shape: wrong(alpha, math.prod(shape))


COUNT = "a mean is over all C·H·W values, so "
TIMES = "multiply α by C·H·W / 2."
UPSIDE = "A mean is C·H·W times smaller than the sum, so its weight has to be larger: "

# in the second trial C·H·W is odd, in the third the maps are square
mean_weight = Exercise("mean_weight", _weight(lambda a, C, H, W: a * C * H * W / 2), lambda: [
    Trial(f"α = {alpha}, shape = {shape}", (torch.tensor(alpha, dtype=torch.float64), shape))
    for alpha, shape in ((0.3, (4, 3, 5)), (1.7, (3, 5, 7)), (2.5, (6, 4, 4)), (0.04, (64, 6, 9)))], [
    *[Misconception(name, _number(wrong), hint) for name, wrong, hint in (
        ("divided", lambda a, n: a / (n / 2), "that turns it the other way round, from the mean to the sum. " + UPSIDE + TIMES),
        ("divided_no_half", lambda a, n: a / n, "you divide by C·H·W. " + UPSIDE + TIMES),
        ("divided_half", lambda a, n: a / (2 * n), "you divide by C·H·W. " + UPSIDE + TIMES),
        ("divided_quarter", lambda a, n: a / (4 * n), "1/(4·C·H·W) is the factor of another course. Here α · ½ Σ stays the same cost: " + TIMES),
        ("no_half", lambda a, n: a * n, "the ½ of the cost is forgotten: α · ½ Σ is α · ½ · C·H·W times the mean."),
        ("doubled", lambda a, n: a * n * 2, "you multiply by 2, but the ½ of the cost stays a ½: " + TIMES),
        ("quarter", lambda a, n: a * n / 4, "you halve twice: the cost has one ½, so " + TIMES),
        ("half_alone", lambda a, n: a / 2, "the number of values is missing: " + COUNT + TIMES),
        ("unchanged", lambda a, n: a * 1, "nothing has changed: " + COUNT + TIMES),
        ("twice_alone", lambda a, n: a * 2, "the number of values is missing: " + COUNT + TIMES),
        ("root", lambda a, n: a * n**0.5 / 2, "you take the root of C·H·W: the squares stand in the sum already, so " + TIMES),
        ("root_no_half", lambda a, n: a * n**0.5, "you take the root of C·H·W: " + TIMES),
        ("root_of_half", lambda a, n: a * (n / 2) ** 0.5, "you take the root of C·H·W / 2: leave the root out."),
        ("root_of_all", lambda a, n: (a * n / 2) ** 0.5, "you take the root of the weight: leave the root out."),
        ("count_squared", lambda a, n: a * n**2 / 2, "you multiply by C·H·W twice: once is enough, for the one mean."),
        ("count_squared_no_half", lambda a, n: a * n**2, "you multiply by C·H·W twice, once is enough; and the ½ is missing: " + TIMES),
        ("all_squared", lambda a, n: a * (n / 2) ** 2, "you square C·H·W / 2: the squares stand in the sum already."),
        ("alpha_forgotten", lambda a, n: a * 0 + n / 2, "α is missing: multiply C·H·W / 2 by it."),
        ("alpha_and_half_forgotten", lambda a, n: a * 0 + n, "that is the number of values: multiply α by it, and by ½."),
        ("alpha_inverted", lambda a, n: n / (2 * a), "you divide by α: " + TIMES),
        ("alpha_squared", lambda a, n: a**2 * n / 2, "α counts twice: once is enough."),
        ("alpha_added", lambda a, n: a + n / 2, "you add α: " + TIMES),
        ("n_minus_1", lambda a, n: a * (n - 1) / 2, "n − 1 belongs to a variance: the mean is over n = C·H·W."),
        ("negative", lambda a, n: -a * n / 2, "the sign is turned round: a cost of the same size needs a positive weight."),
        ("rounded", lambda a, n: a * n // 2, "// cuts off the digits after the point: divide with /."),
        ("count_rounded", lambda a, n: a * (n // 2), "// cuts off the half of an odd C·H·W: divide with /."),
        ("half_rounded", lambda a, n: a * n * (1 // 2), "1 // 2 is 0: divide with /."),
        ("float32", lambda a, n: (a * n / 2).float(),
         "the number is right, but torch.tensor makes float32 of it: add dtype=torch.float64, or calculate with α itself."))],
    *[Misconception(name + end, _weight(lambda a, C, H, W, count=count, divisor=divisor: a * count(C, H, W) / divisor), hint + TIMES)
      for end, divisor in (("", 2), ("_no_half", 1), ("_doubled", 0.5)) for name, count, hint in (
        ("channels", lambda C, H, W: C, "you count channels only: " + COUNT),
        ("positions", lambda C, H, W: H * W, "you count positions only: " + COUNT),
        ("rows", lambda C, H, W: H, "you count rows only: " + COUNT), ("columns", lambda C, H, W: W, "you count columns only: " + COUNT),
        ("channels_and_rows", lambda C, H, W: C * H, "the columns are missing: " + COUNT),
        ("channels_and_columns", lambda C, H, W: C * W, "the rows are missing: " + COUNT),
        ("square_of_height", lambda C, H, W: C * H * H, "you count H·H positions: maps need not be square, H·W. So "),
        ("square_of_width", lambda C, H, W: C * W * W, "you count W·W positions: maps need not be square, H·W. So "),
        ("channels_squared", lambda C, H, W: C**2 * H * W, "C counts twice, as in the style cost: once is enough. So "),
        ("axes_added", lambda C, H, W: C + H + W, "you add the sizes: their product is the number of values. So "),
        ("axes_counted", lambda C, H, W: 3, "len(shape) is the number of axes: take the product of the sizes. So "))],
    *[Misconception(name, _weight(lambda a, C, H, W, count=count: a * 2 / count(C, H, W)), "you divide. " + UPSIDE + TIMES)
      for name, count in (("over_channels", lambda C, H, W: C), ("over_positions", lambda C, H, W: H * W))],
    Misconception("four_sizes", lambda alpha, shape: [alpha * C * H * W / 2 for _, C, H, W in [shape]][0],
                  "shape has three numbers, (C, H, W): there is no axis of the batch in it."),
    Misconception("vector", lambda alpha, shape: (alpha * math.prod(shape) / 2)[None],
                  "your result has an axis: return one number, without brackets around it."),
])
