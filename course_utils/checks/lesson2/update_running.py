"""Check of lesson 2: the running mean and variance."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, easy, random_trials
from course_utils.checks.lesson2.moments import COLUMNS, NHWC, ONE_CHANNEL, PICTURES, feature_maps


def _blend(old, new, momentum):
    return (1 - momentum) * old + momentum * new


def _running(
    *, blend=_blend, average=lambda x: x.mean((0, 2, 3)), spread=lambda x, *means: x.var((0, 2, 3)), join=torch.stack
):
    """Both running statistics, with one part replaced.

    `spread` also gets the running means before and after the update.
    """

    def function(mean, variance, x, momentum):
        updated = blend(mean, average(x), momentum)
        return join((updated, blend(variance, spread(x, mean, updated), momentum)))

    return function


def _over_n(x, *means):
    return x.var((0, 2, 3), correction=0)


def _about(x, mean, less):
    """The variance around another mean than that of the batch, with the divisor n − less."""
    return (x - mean[:, None, None]).square().sum((0, 2, 3)) / (x[:, 0].numel() - less)


# in the second trial W = C; no batch of one picture: there, dividing by N − 1 gives infinity, which no hint can tell
# from others
update_running = Exercise(
    "update_running",
    _running(),
    lambda: random_trials(
        21,
        "x of {} × {} × {} × {}, momentum {}, about {}",
        (
            (3, 4, 2, 3, 0.1, 1),
            (2, 3, 4, 3, 0.3, 1000),
            (4, 2, 1, 5, 0.2, 1),
            (3, 5, 3, 2, 0.4, 1e-4),
            (3, 1, 2, 4, 0.05, 1),
        ),
        lambda draw, N, C, H, W, momentum, size: (
            size * draw(C),
            size**2 * draw(C).exp(),
            size * feature_maps(draw, N, C, H, W),
            momentum,
        ),
    ),
    [
        Misconception(
            "momentum_flipped",
            _running(blend=lambda old, new, m: _blend(new, old, m)),
            "momentum stands on the wrong side: in torch it is the weight of the new batch, and 1 − momentum that of"
            " the old.",
        ),
        Misconception(
            "flipped_and_over_n",
            _running(blend=lambda old, new, m: _blend(new, old, m), spread=_over_n),
            "momentum is the weight of the new batch, 1 − momentum that of the old. And the variance of the batch is"
            " over n − 1.",
        ),
        Misconception(
            "over_n",
            _running(spread=_over_n),
            "your variance of the batch is over n: that is right for normalising, but the running one is unbiased, over"
            " n − 1.",
        ),
        Misconception(
            "corrected_twice",
            _running(spread=lambda x, *means: x.var((0, 2, 3)) * (n := x[:, 0].numel()) / (n - 1)),
            "you correct the variance twice: torch's var is over n − 1 already, so leave n / (n − 1) out.",
        ),
        Misconception(
            "correction_inverted",
            _running(spread=lambda x, *means: _over_n(x) * ((n := x[:, 0].numel()) - 1) / n),
            "your correction stands upside down: the variance over n is too small, so multiply it by n / (n − 1).",
        ),
        Misconception(
            "old_corrected",
            lambda mean, variance, x, momentum: _running()(
                mean, variance * (n := x[:, 0].numel()) / (n - 1), x, momentum
            ),
            "n / (n − 1) is for the variance of the batch alone: the old running one has been corrected already.",
        ),
        *[
            Misconception(
                f"variance_replaced_{less}",
                lambda mean, variance, x, momentum, less=less: torch.stack(
                    (_running()(mean, variance, x, momentum)[0], x.var((0, 2, 3), correction=less))
                ),
                "your variance is that of the batch alone: momentum is for the variance too, as for the mean.",
            )
            for less in (0, 1)
        ],
        *[
            Misconception(
                name,
                _running(
                    spread=lambda x, *means, factor=factor: _over_n(x) * factor(x[:, 0].numel(), len(x), x.numel())
                ),
                "your variance has a wrong count in it: each channel has n = N·H·W values, so n − 1 is N·H·W − 1.",
            )
            for name, factor in (
                ("count_of_pictures", lambda n, N, _: N / (N - 1)),
                ("over_pictures", lambda n, N, _: n / (N - 1)),
                ("count_of_positions", lambda n, N, _: n / (n - N)),
                ("over_positions", lambda n, N, _: n / (n / N - 1)),
                ("count_of_all", lambda n, N, size: size / (size - 1)),
                ("over_all", lambda n, N, size: n / (size - 1)),
            )
        ],
        *[
            Misconception(
                f"averaged_variances_{less}",
                _running(spread=lambda x, *means, less=less: x.var((2, 3), correction=less).mean(0)),
                PICTURES.format(""),
            )
            for less in (0, 1)
        ],
        Misconception(
            "deviation",
            _running(spread=lambda x, *means: x.std((0, 2, 3))),
            "you keep standard deviations: use var in place of std.",
        ),
        Misconception(
            "mean_of_squares",
            _running(spread=lambda x, *means: x.square().mean((0, 2, 3))),
            "your variance is the mean of x²: subtract the mean of the batch first, and divide by n − 1.",
        ),
        *[
            Misconception(
                f"from_{('old', 'new')[k]}_mean_{less}",
                _running(spread=lambda x, *means, k=k, less=less: _about(x, means[k], less)),
                "you measure the variance of the batch from the running mean: measure it from the mean of the batch"
                " itself.",
            )
            for k in (0, 1)
            for less in (0, 1)
        ],
        Misconception(
            "variance_first",
            _running(join=lambda rows: torch.stack(rows[::-1])),
            "the mean comes first, then the variance.",
        ),
        Misconception(
            "on_its_side",
            _running(join=lambda rows: torch.stack(rows, 1)),
            "your result is (C, 2): stack along axis 0, for (2, C).",
        ),
        Misconception(
            "one_row",
            _running(join=torch.cat),
            "your result is one long row: use torch.stack in place of torch.cat, for (2, C).",
        ),
        Misconception(
            "old_ignored",
            _running(blend=lambda old, new, m: new),
            "you return those of the batch alone: add (1 − momentum) · old to momentum · new.",
        ),
        Misconception(
            "old_lost", _running(blend=lambda old, new, m: m * new), "the old ones are lost: add (1 − momentum) · old."
        ),
        Misconception(
            "old_unweighted",
            _running(blend=lambda old, new, m: old + m * new),
            "the old ones keep their full weight, so the running ones grow without end: multiply them by 1 − momentum.",
        ),
        Misconception(
            "new_unweighted",
            _running(blend=lambda old, new, m: (1 - m) * old + new),
            "the new ones count in full: multiply them by momentum.",
        ),
        Misconception(
            "away",
            _running(blend=lambda old, new, m: old + m * (old - new)),
            "you move away from the batch: add momentum · (new − old).",
        ),
        Misconception(
            "momentum_of_torch",
            _running(blend=lambda old, new, m: _blend(old, new, 0.1)),
            "your momentum is 0.1, as torch has it unless told otherwise: use the one that your function is given.",
        ),
        Misconception("everything", _running(average=torch.mean, spread=lambda x, *means: x.var()), ONE_CHANNEL),
        Misconception(
            "channels_last",
            _running(average=lambda x: x.mean((0, 1, 2)), spread=lambda x, *means: x.var((0, 1, 2))),
            NHWC,
        ),
        Misconception(
            "rows_of_channels",
            _running(
                average=lambda x: x.reshape(-1, x.shape[1]).mean(0),
                spread=lambda x, *means: x.reshape(-1, x.shape[1]).var(0),
            ),
            COLUMNS,
        ),
        Misconception(
            "per_picture",
            _running(average=lambda x: x.mean((2, 3)), spread=lambda x, *means: x.var((2, 3))),
            "each picture gets statistics of its own: take them over the batch as well, (0, 2, 3).",
        ),
        *[
            Misconception(
                f"per_location_{less}",
                _running(average=lambda x: x.mean(0), spread=lambda x, *means, less=less: x.var(0, correction=less)),
                "each position gets statistics of its own: take them over rows and columns as well, (0, 2, 3).",
            )
            for less in (0, 1)
        ],
    ],
    parts={"the mean": lambda result: result[0], "the variance": lambda result: result[1]},
    small=lambda: [
        Trial(
            "two pictures of two pixels, two channels",
            (torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]), easy(2, 2, 1, 2), 0.5),
        )
    ],
    hints=(
        "With momentum 0.1, which share of the old mean is left after one batch, and what happens at momentum 1?",
        "The new value is a weighted sum of what was kept and of what the batch shows. Over which axes do you"
        " measure the batch, and by which number is its sum of squares divided?",
        "(1 − momentum) · old + momentum · new, for the mean and for the variance. `x.var((0, 2, 3))` divides"
        " by n − 1 already. `torch.stack` puts both rows into one tensor.",
    ),
)
