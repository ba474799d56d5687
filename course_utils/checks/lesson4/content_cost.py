"""Check of lesson 4: the content cost of Gatys et al., half a sum of squares."""

import torch
import torch.nn.functional as nnf

from course_utils.checks.core import Exercise, Misconception, Trial, easy, kept, lengths, random_trials


def _half(*_):
    return 1 / 2


def _each(values):
    """The sum over each picture."""
    return values.sum((1, 2, 3))


def cost_variant(
    *, prepare=lambda F, P: (F, P), difference=torch.sub, power=torch.square, reduce=_each, factor=_half, finish=kept
):
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
    return x / lengths(x)


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

# in the second trial P has one picture for three, in the third N = C, in the fourth N = C = H = W: there, sums over
# wrong axes keep the shape; then large values, tiny ones, a single channel
content_cost = Exercise(
    "content_cost",
    cost_variant(),
    lambda: random_trials(
        40,
        "F of {0} × {2} × {3} × {4}, P of {1} × {2} × {3} × {4}, values of about {5}",
        (
            (1, 1, 4, 3, 5, 1),
            (3, 1, 2, 5, 4, 1),
            (3, 3, 3, 2, 6, 1),
            (3, 1, 3, 3, 3, 1),
            (1, 1, 5, 4, 2, 100),
            (2, 2, 6, 3, 4, 1e-3),
            (2, 2, 1, 4, 3, 1),
        ),
        lambda draw, N, M, C, H, W, scale: (scale * (draw(N, C, H, W) + 0.3), scale * 1.3 * draw(M, C, H, W)),
    ),
    [
        Misconception("batch_summed", cost_variant(reduce=torch.sum), "you add up the costs of all pictures: " + EACH),
        Misconception(
            "batch_summed_no_half",
            cost_variant(reduce=torch.sum, factor=_one),
            "you add up the costs of all pictures: " + EACH + HALVE,
        ),
        Misconception(
            "batch_averaged", cost_variant(finish=lambda cost, N: cost.mean()), "you average over the pictures: " + EACH
        ),
        Misconception(
            "everything_averaged",
            cost_variant(reduce=torch.mean, factor=_one),
            "that is the mean of all values, as mse_loss has it: " + EACH,
        ),
        Misconception(
            "everything_averaged_half", cost_variant(reduce=torch.mean), "you take one mean of the whole batch: " + EACH
        ),
        *[
            Misconception(
                f"{name}_repeated",
                cost_variant(reduce=reduce, factor=factor, finish=_repeated),
                "all pictures get the same cost, that of the whole batch: " + EACH,
            )
            for name, reduce, factor in (
                ("batch_sum", torch.sum, _half),
                ("batch_mean", torch.sum, lambda N, *_: 1 / (2 * N)),
                ("mean_of_all", torch.mean, _one),
                ("half_mean_of_all", torch.mean, _half),
            )
        ],
        Misconception(
            "over_pictures",
            cost_variant(factor=lambda N, *_: 1 / (2 * N)),
            "you divide by the number of pictures: the cost of one picture does not depend on the others.",
        ),
        Misconception(
            "mean",
            cost_variant(reduce=lambda values: values.mean((1, 2, 3)), factor=_one),
            "you take the mean of the squares: " + SUM,
        ),
        *[
            Misconception(name, cost_variant(factor=factor), hint + DIVISOR)
            for name, factor, hint in (
                ("half_mean", lambda N, C, H, W: 1 / (2 * C * H * W), "you take half the mean: "),
                (
                    "quarter_mean",
                    lambda N, C, H, W: 1 / (4 * C * H * W),
                    "1/(4·C·H·W) is the factor of another course: ",
                ),
                ("over_channels", lambda N, C, H, W: 1 / (2 * C), "you divide by the number of channels: "),
                ("over_channels_no_half", lambda N, C, H, W: 1 / C, "you divide by the number of channels: "),
                ("over_positions", lambda N, C, H, W: 1 / (2 * H * W), "you divide by the number of positions: "),
                ("over_positions_no_half", lambda N, C, H, W: 1 / (H * W), "you divide by the number of positions: "),
                (
                    "over_root",
                    lambda N, C, H, W: 1 / (2 * (C * H * W) ** 0.5),
                    "you divide by the root of the number of values: ",
                ),
                (
                    "over_root_no_half",
                    lambda N, C, H, W: 1 / (C * H * W) ** 0.5,
                    "you divide by the root of the number of values: ",
                ),
            )
        ],
        Misconception(
            "no_half", cost_variant(factor=_one), "the ½ is missing: it cancels the 2 of the derivative, ½ Σ (F − P)²."
        ),
        Misconception(
            "quarter",
            cost_variant(factor=lambda *_: 1 / 4),
            "your factor is ¼: take ½ of the sum, and halve nothing before you square it.",
        ),
        Misconception("doubled", cost_variant(factor=lambda *_: 2), "you multiply by 2: the factor is ½."),
        Misconception(
            "negative",
            cost_variant(factor=lambda *_: -1 / 2),
            "your cost is negative: the smaller it is, the worse the picture. Leave the minus out.",
        ),
        Misconception(
            "absolute",
            cost_variant(power=torch.abs),
            "you add up absolute values: square the differences, ½ Σ (F − P)².",
        ),
        Misconception(
            "absolute_no_half",
            cost_variant(power=torch.abs, factor=_one),
            "you add up absolute values: square the differences instead, " + BOTH,
        ),
        Misconception(
            "absolute_mean",
            cost_variant(power=torch.abs, reduce=lambda values: values.mean((1, 2, 3)), factor=_one),
            "that is the mean of absolute values, as l1_loss has it: square the differences and add up, ½ Σ (F − P)².",
        ),
        Misconception(
            "not_squared",
            cost_variant(power=kept),
            "the differences are not squared, so that they cancel: ½ Σ (F − P)².",
        ),
        Misconception(
            "not_squared_no_half",
            cost_variant(power=kept, factor=_one),
            "the differences are not squared, so that they cancel, " + BOTH,
        ),
        *[
            Misconception(
                "square_of_sum" + end,
                cost_variant(power=kept, reduce=lambda values: _each(values).square(), factor=factor),
                "you square the sum, in which differences cancel: square each difference first, then add up." + more,
            )
            for end, factor, more in (("", _half, ""), ("_no_half", _one, HALVE))
        ],
        Misconception(
            "squared_twice", cost_variant(power=lambda d: d**4), "you square twice: once is enough, ½ Σ (F − P)²."
        ),
        *[
            Misconception(name + end, cost_variant(reduce=reduce, factor=factor), LENGTH.format(words))
            for end, factor in (("", _half), ("_no_half", _one))
            for name, words, reduce in (
                ("norm", "the length", lambda values: _each(values).sqrt()),
                ("norm_of_all", "the length", lambda values: values.sum().sqrt()),
                ("norms_of_columns", "the lengths of the rows", lambda values: values.sum(3).sqrt().sum((1, 2))),
                (
                    "norms_of_positions",
                    "the lengths of the columns of channels",
                    lambda values: values.sum(1).sqrt().sum((1, 2)),
                ),
                ("root_mean_square", "the root mean square", lambda values: values.mean((1, 2, 3)).sqrt()),
            )
        ],
        Misconception(
            "squares_subtracted",
            cost_variant(difference=lambda F, P: F**2 - P**2, power=kept),
            "you subtract the squares: subtract first, then square, (F − P)².",
        ),
        Misconception(
            "squares_subtracted_no_half",
            cost_variant(difference=lambda F, P: F**2 - P**2, power=kept, factor=_one),
            "you subtract the squares: subtract first, then square; " + BOTH,
        ),
        Misconception(
            "added",
            cost_variant(difference=torch.add),
            "you add P: subtract it, so that equal activations cost nothing.",
        ),
        Misconception(
            "product",
            cost_variant(difference=torch.mul, power=kept),
            "you multiply F by P: the cost is in their difference, ½ Σ (F − P)².",
        ),
        Misconception(
            "product_no_half",
            cost_variant(difference=torch.mul, power=kept, factor=_one),
            "that is the inner product: take ½ Σ (F − P)².",
        ),
        Misconception(
            "squared_product",
            cost_variant(difference=torch.mul),
            "you multiply F by P: subtract P from F, then square.",
        ),
        Misconception(
            "no_target",
            cost_variant(difference=lambda F, P: F),
            "the content picture is missing: subtract P from F before you square.",
        ),
        *[
            Misconception(
                name,
                cost_variant(difference=difference),
                f"you rectify the difference, so that F may {verb} P for nothing: both signs count.",
            )
            for name, difference, verb in (
                ("rectified", lambda F, P: (F - P).relu(), "fall short of"),
                ("rectified_backwards", lambda F, P: (P - F).relu(), "exceed"),
            )
        ],
        Misconception(
            "rectified_inputs",
            cost_variant(prepare=lambda F, P: (F.relu(), P.relu())),
            "you apply the ReLU to F and P: take them as they are given.",
        ),
        Misconception(
            "rectified_generated",
            cost_variant(prepare=lambda F, P: (F.relu(), P)),
            "you apply the ReLU to F: take it as it is given.",
        ),
        Misconception(
            "positive_only",
            cost_variant(prepare=lambda F, P: (F, P.where(F > 0, F))),
            "you leave out the places where F is not positive: that mask is part of the gradient. The cost counts all"
            " places.",
        ),
        *[
            Misconception(
                "relative" + end,
                lambda F, P, factor=factor: factor() * _each((F - P) ** 2) / _each(P**2),
                "you divide by Σ P²: " + DIVISOR,
            )
            for end, factor in (("", _half), ("_no_half", _one))
        ],
        Misconception(
            "cosine", _cosine, "that is a cosine distance, which takes no notice of the strength: take ½ Σ (F − P)²."
        ),
        Misconception(
            "unit_length",
            cost_variant(prepare=lambda F, P: (_unit(F), _unit(P)), factor=_one),
            "you divide F and P by their lengths: their strength counts too, so take them as they are given.",
        ),
        *[
            Misconception(
                f"{name}_first",
                cost_variant(prepare=lambda F, P, axes=axes: (F.sum(axes, keepdim=True), P.sum(axes, keepdim=True))),
                f"you add up over {words} before you subtract, so that it no longer matters {where} something is: "
                "subtract value from value.",
            )
            for name, axes, words, where in (
                ("positions", (2, 3), "positions", "where"),
                ("channels", (1,), "channels", "in which channel"),
            )
        ],
        Misconception(
            "channel_means_first",
            cost_variant(prepare=lambda F, P: (F.mean((2, 3), keepdim=True), P.mean((2, 3), keepdim=True))),
            "you average each channel before you subtract, so that it no longer matters where something is: subtract"
            " value from value.",
        ),
        Misconception(
            "gram",
            cost_variant(prepare=lambda F, P: (_grams(F), _grams(P)), reduce=lambda values: values.sum((1, 2))),
            "you compare Gram matrices: that is the style cost. Here each value of F is compared with the one of P at"
            " its place.",
        ),
        Misconception(
            "deviation",
            cost_variant(difference=lambda F, P: F - P - (F - P).mean((1, 2, 3), keepdim=True)),
            "you subtract the mean of the differences, as a variance does: square the differences as they are.",
        ),
        Misconception(
            "first_target",
            cost_variant(prepare=lambda F, P: (F, P[:1])),
            "you compare all pictures with the first of P: where P has N pictures, each belongs to one of F.",
        ),
        Misconception(
            "target_averaged",
            cost_variant(prepare=lambda F, P: (F, P.mean(0, keepdim=True))),
            "you average P over its pictures: where P has N pictures, each belongs to one of F.",
        ),
        *[
            Misconception(
                "all_pairs" + end,
                lambda F, P, total=total: total((F[:, None] - P).square().sum((2, 3, 4)) / 2),
                "you compare every picture of F with every one of P: the first belongs to the first, and so on.",
            )
            for end, total in (("", kept), ("_summed", lambda pairs: pairs.sum(1)))
        ],
        *[
            Misconception(f"{name}_picture{end}", cost_variant(finish=finish), hint.format(name) + EACH)
            for name, place in (("first", slice(1)), ("last", slice(-1, None)))
            for end, finish, hint in (
                ("", lambda cost, N, place=place: cost[place], "only the {} picture has a cost: "),
                ("_alone", lambda cost, N, place=place: cost[place][0], "only the {} picture has a cost: "),
                (
                    "_repeated",
                    lambda cost, N, place=place: cost[place].expand(N),
                    "all pictures get the cost of the {} one: ",
                ),
            )
        ],
        *[
            Misconception(name + end, cost_variant(reduce=reduce, factor=factor), hint + AXES + more)
            for end, factor, more in (("", _half, ""), ("_no_half", _one, HALVE))
            for name, reduce, hint in (
                ("not_summed", kept, "nothing is added up: "),
                ("channels_only", lambda values: values.sum(1), "you add up over channels only: "),
                ("positions_only", lambda values: values.sum((2, 3)), "you add up over positions only: "),
                ("columns_only", lambda values: values.sum(-1), "you add up over columns only: "),
                ("batch_only", lambda values: values.sum(0), "you add up over the batch: "),
                ("per_channel", lambda values: values.sum((0, 2, 3)), "(0, 2, 3) leaves a number for each channel: "),
                ("wrong_axes", lambda values: values.sum((0, 1, 2)), "(0, 1, 2) leaves a number for each column: "),
                ("wrong_rows", lambda values: values.sum((0, 1, 3)), "(0, 1, 3) leaves a number for each row: "),
                (
                    "kept",
                    lambda values: values.sum((1, 2, 3), keepdim=True),
                    "the result has four axes, leave keepdim=True out: ",
                ),
                (
                    "column",
                    lambda values: values.flatten(1).sum(1, keepdim=True),
                    "the result has two axes, leave keepdim=True out: ",
                ),
            )
        ],
    ],
    differentiable=(0,),
    small=lambda: [
        Trial("a picture of two pixels, two channels", (easy(1, 2, 1, 2), easy(1, 2, 1, 2, first=3))),
        Trial("two pictures of two pixels", (easy(2, 1, 1, 2), easy(2, 1, 1, 2, first=3))),
    ],
    hints=(
        "How many numbers does the function return for a batch of three pictures, and which axes must be gone?",
        "P may hold one photo for all pictures. Does `F - P` still do the right thing, and over which axes do you sum?",
        "Square the difference, sum over the axes (1, 2, 3), and halve. No mean is taken anywhere.",
    ),
)
