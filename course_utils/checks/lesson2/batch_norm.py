"""Check of lesson 2: batch normalisation in training."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, easy, kept, random_trials
from course_utils.checks.lesson2.moments import (
    COLUMNS,
    INSTEAD,
    NHWC,
    NOT_CENTRED,
    ONE_CHANNEL,
    PICTURES,
    READY_MADE,
    ROOTS,
    deviation,
    feature_maps,
    mistaken_deviations,
    moments_over,
    unbiased_variances,
)
from course_utils.checks.pairs import pairs


def _norm(
    *,
    moments=moments_over(0, 2, 3),
    correction=0,
    root=deviation,
    place=lambda parameter: parameter[:, None, None],
    join=lambda x, m, r, g, b: g * (x - m) / r + b,
):
    """γ (x − μ) / √(σ² + ε) + β, with one part replaced; `join` gets x, μ, the root, γ and β."""

    def function(x, gamma, beta, eps):
        variance, mean = moments(x, correction)
        return join(x, mean, root(variance, eps), place(gamma), place(beta))

    return function


FLAT = {"moments": lambda x, correction: torch.var_mean(x, (0, 2, 3), correction=correction)}  # parts without kept axes
UNPLACED = {"place": lambda parameter: parameter}
WIDTH = (
    "(C,) is lined up with the last axis of x, the columns, and raises an error where W ≠ C. Bring {} to the"
    " channels: {}."
)
CUT_UP = (
    "x.reshape(C, −1) cuts across the pictures, as the batch stands in front: in which order must the axes stand before"
    " you reshape?"
)


def _picture_variances(x, correction):
    """The mean of the pictures' variances, instead of the variance of the batch."""
    return moments_over(2, 3)(x, correction)[0].mean(0, keepdim=True)


def _cut(x, correction):
    """The variance and mean of each row of x.reshape(C, −1), a row that mixes channels."""
    return [moment[:, None, None] for moment in torch.var_mean(x.reshape(x.shape[1], -1), 1, correction=correction)]


def _in_rows(rows, late):
    """A normalisation of rows(x), C × N·H·W, which is then reshaped to x as it is.

    γ and β are applied before this, or after it when `late` is true.
    """

    def function(x, gamma, beta, eps):
        def place(parameter):
            return parameter[:, None, None].expand(x.shape).reshape(len(parameter), -1) if late else parameter[:, None]

        return _norm(moments=moments_over(1), place=place)(rows(x).reshape(len(gamma), -1), gamma, beta, eps).reshape(
            x.shape
        )

    return function


# in the second trial W = C, in the third N = C = H: there, values along a wrong axis raise no error;
# one channel, one column, large and small values are there, too
AXES = {
    name: (says, {"moments": moments_over(*axes)})
    for name, says, axes in (
        ("per_location", "each position has a mean of its own", (0,)),
        ("layer", "all channels of a picture share one mean", (1, 2, 3)),
        ("instance", "each picture has a mean of its own", (2, 3)),
        ("everything", "all channels share one mean", (0, 1, 2, 3)),
        ("channels_last", "the axes are those of channels last", (0, 1, 2)),
    )
}
COUNTS = {"unbiased": ("the variance is over n − 1", {"correction": 1})}
JOINS = {
    name: (says, {"join": join})
    for name, says, join in (
        ("no_parameters", "γ and β are missing", lambda x, m, r, g, b: (x - m) / r),
        ("no_beta", "β is missing", lambda x, m, r, g, b: g * (x - m) / r),
        ("no_gamma", "γ is missing", lambda x, m, r, g, b: (x - m) / r + b),
        ("swapped", "γ and β have changed places", lambda x, m, r, g, b: b * (x - m) / r + g),
        ("beta_scaled", "γ multiplies β as well", lambda x, m, r, g, b: g * ((x - m) / r + b)),
        ("beta_subtracted", "β is subtracted", lambda x, m, r, g, b: g * (x - m) / r - b),
        ("not_centred", "the mean is not subtracted", lambda x, m, r, g, b: g * x / r + b),
    )
}
batch_norm = Exercise(
    "batch_norm",
    _norm(),
    lambda: random_trials(
        20,
        "x of {} × {} × {} × {}, ε = {}, about {}",
        (
            (1, 4, 3, 5, 0.1, 1),
            (3, 5, 4, 5, 0.01, 1),
            (3, 3, 3, 6, 0.3, 1),
            (1, 2, 6, 4, 0.05, 1),
            (4, 1, 2, 3, 0.1, 1),
            (2, 3, 2, 4, 0.01, 1000),
            (3, 2, 4, 1, 0.2, 1),
            (2, 4, 3, 2, 1e-6, 0.001),
        ),
        lambda draw, N, C, H, W, eps, size: (size * feature_maps(draw, N, C, H, W), *(size * draw(2, C)), eps),
    ),
    [
        Misconception(
            "per_location",
            _norm(moments=moments_over(0)),
            "you normalise each position by itself: which axes hold the positions of a feature map?",
        ),
        Misconception(
            "layer",
            _norm(moments=moments_over(1, 2, 3)),
            "that is layer norm, one mean for each picture: whose mean is it in batch normalisation?",
        ),
        Misconception(
            "instance",
            _norm(moments=moments_over(2, 3)),
            "that is instance norm: each picture gets a mean of its own. Which axis is left to average over?",
        ),
        Misconception("everything", _norm(moments=moments_over(0, 1, 2, 3)), ONE_CHANNEL),
        Misconception(
            "over_channels",
            _norm(moments=moments_over(1)),
            "you average over axis 1, the channels: what is a feature map, and which axis counts them?",
        ),
        Misconception("channels_last", _norm(moments=moments_over(0, 1, 2)), NHWC),
        *[
            Misconception(
                f"rows_of_channels{end}",
                _norm(
                    moments=lambda x, correction: torch.var_mean(x.reshape(-1, x.shape[1]), 0, correction=correction),
                    **parts,
                ),
                COLUMNS,
            )
            for end, parts in (
                ("", {"join": lambda x, m, r, g, b: g * ((x.reshape(-1, x.shape[1]) - m) / r).view_as(x) + b}),
                (
                    "_late",
                    {
                        "place": kept,
                        "join": lambda x, m, r, g, b: (g * (x.reshape(-1, x.shape[1]) - m) / r + b).view_as(x),
                    },
                ),
            )
        ],
        *[
            Misconception(
                f"over_0_and_{axis}",
                _norm(moments=moments_over(0, axis)),
                "you average over one axis of the picture only: rows and columns both belong to a feature map.",
            )
            for axis in (2, 3)
        ],
        Misconception("statistics_cut_up", _norm(moments=_cut), CUT_UP),
        *[
            Misconception(name + ("", "_late")[late], _in_rows(rows, late), hint)
            for late in (0, 1)
            for name, rows, hint in (
                ("cut_up", lambda x: x, CUT_UP),
                (
                    "not_brought_back",
                    lambda x: x.transpose(0, 1),
                    (
                        "the channels are still in front when you reshape: go back to (C, N, H, W) first, then"
                        " transpose(0, 1)."
                    ),
                ),
            )
        ],
        *[
            Misconception(
                name,
                _norm(
                    moments=lambda x, correction, variance=variance: (
                        variance(x, correction),
                        moments_over(2, 3)(x, 0)[1],
                    )
                ),
                "you subtract each picture's own mean: mean and variance are both those of the whole batch.",
            )
            for name, variance in (
                ("picture_means", lambda x, correction: moments_over(0, 2, 3)(x, correction)[0]),
                ("from_picture_means", _picture_variances),
            )
        ],
        *[
            Misconception(
                f"averaged_variances_{less}",
                _norm(
                    moments=lambda x, correction: (_picture_variances(x, correction), moments_over(0, 2, 3)(x, 0)[1]),
                    correction=less,
                ),
                PICTURES.format(", over n"),
            )
            for less in (0, 1)
        ],
        Misconception(
            "first_picture",
            _norm(moments=lambda x, correction: moments_over(0, 2, 3)(x[:1], correction)),
            "you use the statistics of the first picture for all: take those of the whole batch.",
        ),
        Misconception("statistics_along_width", _norm(**FLAT), WIDTH.format("μ and σ²", "keepdim=True")),
        Misconception("parameters_along_width", _norm(**UNPLACED), WIDTH.format("γ and β", "gamma[:, None, None]")),
        Misconception(
            "all_along_width",
            _norm(**FLAT, **UNPLACED),
            WIDTH.format("all four", "keepdim=True and gamma[:, None, None]"),
        ),
        *[
            Misconception(
                f"parameters_along_{name}",
                _norm(place=lambda parameter, shape=shape: parameter.reshape(shape)),
                f"γ and β lie along the {name} of x: with gamma[:, None, None] they lie along its channels.",
            )
            for name, shape in (("rows", (-1, 1)), ("batch", (-1, 1, 1, 1)))
        ],
        *mistaken_deviations(_norm),
        *unbiased_variances(_norm),
        Misconception(
            "mean_of_squares",
            _norm(moments=lambda x, correction: (moments_over(0, 2, 3)(x * x, 0)[1], moments_over(0, 2, 3)(x, 0)[1])),
            "your variance is the mean of x²: subtract the mean of x first, then square.",
        ),
        Misconception(
            "inference",
            _norm(root=lambda variance, eps: (1 + eps) ** 0.5, join=lambda x, m, r, g, b: g * x / r + b),
            "you normalise by mean 0 and variance 1, the values of a fresh layer: in training those of the batch count"
            " (training=True).",
        ),
        Misconception(
            "swapped",
            _norm(join=lambda x, m, r, g, b: b * (x - m) / r + g),
            "γ and β have changed places: γ multiplies, β is added.",
        ),
        Misconception(
            "no_parameters",
            _norm(join=lambda x, m, r, g, b: (x - m) / r),
            "γ and β are missing: multiply by γ, then add β.",
        ),
        Misconception("no_beta", _norm(join=lambda x, m, r, g, b: g * (x - m) / r), "β is missing: add it at the end."),
        Misconception(
            "no_gamma",
            _norm(join=lambda x, m, r, g, b: (x - m) / r + b),
            "γ is missing: multiply by it before you add β.",
        ),
        Misconception(
            "beta_scaled",
            _norm(join=lambda x, m, r, g, b: g * ((x - m) / r + b)),
            "γ multiplies β as well: add β last.",
        ),
        Misconception(
            "beta_subtracted",
            _norm(join=lambda x, m, r, g, b: g * (x - m) / r - b),
            "you subtract β: the formula adds it.",
        ),
        Misconception(
            "scaled_before_centring",
            _norm(join=lambda x, m, r, g, b: (g * x - m) / r + b),
            "γ multiplies x before the mean is subtracted: put brackets, γ · (x − μ).",
        ),
        Misconception("not_centred", _norm(join=lambda x, m, r, g, b: g * x / r + b), NOT_CENTRED),
        *[
            wrong
            for wrong in pairs(_norm, AXES, COUNTS, ROOTS, JOINS)
            if (not wrong.name.startswith("unbiased+") or wrong.name.partition("+")[2] in JOINS)
            and wrong.name not in {f"per_location+{name}" for name in ("unbiased", "eps_missing", "variance_alone")}
        ],
    ],
    differentiable=(0, 1, 2),
    small=lambda: [
        Trial(
            "two pictures of two pixels, two channels",
            (easy(2, 2, 1, 2), torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]), 1.0),
        )
    ],
    ready_made=READY_MADE,
    instead=INSTEAD,
    hints=(
        "How many means are there for x of shape (N, C, H, W), and over which three axes does each of them run?",
        "The mean and the variance of one map run over all pictures and positions. Which shape must they keep,"
        " so that `x - mean` and `gamma * …` find the right channel?",
        "`x.mean((0, 2, 3), keepdim=True)` and `x.var((0, 2, 3), correction=0, keepdim=True)`; divide by the"
        " root of variance plus eps. `gamma[:, None, None]` and `beta[:, None, None]` then stand for their"
        " channels.",
    ),
)
