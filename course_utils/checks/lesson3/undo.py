"""Check of lesson 3: what undoes the rescaling in the linear layer behind the last convolution."""

import torch

from course_utils.checks.core import Exercise, Misconception, kept, random_trials


def _undo(
    *,
    factors=lambda mu, P: mu.repeat_interleave(P),
    join=lambda weight, f: weight * f,
    finish=lambda result, C, P: result,
):
    """The columns times the factors of their channels, with one part replaced."""

    def function(weight, mu):
        C, P = len(mu), weight.shape[1] // len(mu)
        return finish(join(weight, factors(mu, P)), C, P)

    return function


EACH = "mu.repeat_interleave(P) makes one factor for each of them."

# in the second trial K = C, in the third K = C·P, in the fourth P = 1: there, factors along a wrong axis raise no error
undo = Exercise(
    "undo",
    _undo(),
    lambda: random_trials(
        32,
        "{} rows, {} channels of {} positions",
        ((4, 3, 6), (3, 3, 4), (6, 2, 3), (3, 4, 1), (2, 5, 8)),
        lambda draw, K, C, P: (draw(K, C * P), draw(C).exp()),
    ),
    [
        Misconception(
            "divided",
            _undo(join=torch.div),
            "you divide by the means: the maps come in divided already, so multiply the weights to undo it.",
        ),
        Misconception(
            "unchanged", _undo(join=kept), "nothing has changed: multiply the columns of each channel by its mean."
        ),
        Misconception(
            "channels_last",
            _undo(factors=lambda mu, P: mu.repeat(P)),
            "your factors change from column to column: flatten puts all positions of a channel side by side, so use"
            " repeat_interleave.",
        ),
        Misconception(
            "channels_last_divided",
            _undo(factors=lambda mu, P: mu.repeat(P), join=torch.div),
            "the order is wrong, and you divide: multiply by mu.repeat_interleave(P).",
        ),
        Misconception(
            "reordered",
            _undo(finish=lambda result, C, P: result.unflatten(1, (C, P)).transpose(1, 2).flatten(1)),
            "the factors are right, but the columns have changed their order: keep that of the old weights, channel by"
            " channel.",
        ),
        Misconception(
            "not_spread",
            _undo(factors=kept),
            "mu has one number for each channel, the weights have P columns for each: " + EACH,
        ),
        Misconception(
            "along_rows",
            _undo(factors=lambda mu, P: mu[:, None]),
            "you scale rows: a row belongs to a unit of the next layer, P columns side by side to a channel. " + EACH,
        ),
        Misconception(
            "spread_along_rows",
            _undo(factors=lambda mu, P: mu.repeat_interleave(P)[:, None]),
            "your factors lie along the rows: leave [:, None] out, so that each column gets one.",
        ),
        Misconception(
            "cut_up",
            _undo(join=lambda weight, f: (weight.reshape(len(f), -1) * f[:, None]).reshape(weight.shape), factors=kept),
            "reshape(C, …) cuts across the rows: keep their axis, reshape(K, C, P).",
        ),
        Misconception(
            "first_columns",
            _undo(factors=lambda mu, P: torch.cat((mu, torch.ones_like(mu).repeat(P - 1)))),
            "only the first C columns are scaled: each channel has P of them. " + EACH,
        ),
        Misconception(
            "first_positions",
            _undo(factors=lambda mu, P: torch.stack((mu, *[torch.ones_like(mu)] * (P - 1)), 1).flatten()),
            "only one column of each channel is scaled: it has P of them. " + EACH,
        ),
        Misconception(
            "blocks_of_C",
            _undo(
                factors=lambda mu, P: torch.cat((mu.repeat_interleave(len(mu)), torch.ones_like(mu).repeat(P)))[
                    : len(mu) * P
                ]
            ),
            "your blocks are C columns wide: those of channel c are c·P to (c + 1)·P.",
        ),
        *[
            Misconception(
                f"one_factor_{name}",
                _undo(factors=lambda mu, P, factor=factor: factor(mu)),
                "you use one factor for all columns: each channel has its own. " + EACH,
            )
            for name, factor in (
                ("mean", torch.mean),
                ("sum", torch.sum),
                ("first", lambda mu: mu[0]),
                ("last", lambda mu: mu[-1]),
            )
        ],
        Misconception(
            "divided_by_positions",
            _undo(factors=lambda mu, P: mu.repeat_interleave(P) / P),
            "you divide by the number of positions: each column keeps the whole factor.",
        ),
        *[
            Misconception(name, _undo(factors=lambda mu, P, change=change: change(mu).repeat_interleave(P)), hint)
            for name, change, hint in (
                (
                    "relative",
                    lambda mu: mu / mu.mean(),
                    "you divide the means by their own mean: multiply by them as they are.",
                ),
                (
                    "flipped",
                    lambda mu: mu.flip(0),
                    "your means stand in reverse order: the first P columns belong to mu[0].",
                ),
                ("square_root", torch.sqrt, "you use the roots of the means: use the means themselves."),
                ("squared", torch.square, "you multiply by the means twice: once is enough."),
            )
        ],
        Misconception("added", _undo(join=torch.add), "you add the means: multiply by them."),
        *[
            Misconception(
                f"position_{name}",
                _undo(finish=lambda result, C, P, reduce=reduce: reduce(result.unflatten(1, (C, P)), 2)),
                f"you take the {name} over the positions: keep all C·P columns.",
            )
            for name, reduce in (("mean", torch.mean), ("sum", torch.sum))
        ],
        Misconception(
            "position_mean_spread",
            _undo(finish=lambda result, C, P: result.unflatten(1, (C, P)).mean(2).repeat_interleave(P, 1)),
            "you average the weights over the positions: each column keeps its own, times the mean.",
        ),
        Misconception(
            "reshaped",
            _undo(finish=lambda result, C, P: result.unflatten(1, (C, P))),
            "your result is (K, C, P): end with flatten(1).",
        ),
        Misconception(
            "on_its_side",
            _undo(finish=lambda result, C, P: result.T),
            "your result lies on its side: rows and columns stay as they are.",
        ),
    ],
    differentiable=(0, 1),
)
