"""Check of lesson 2: batch normalisation folded into the convolution before it."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, easy, random_trials
from course_utils.checks.lesson2.moments import ROOTS, deviation, mistaken_deviations
from course_utils.checks.pairs import pairs


def _fold(
    *,
    root=deviation,
    factor=lambda gamma, root: gamma / root,
    filters=lambda weight, scale: weight * scale[:, None, None, None],
    shift=lambda b, m, s, beta: (b - m) * s + beta,
    join=lambda filters, bias: torch.cat((filters.flatten(1), bias[:, None]), 1),
):
    """s = γ/√(σ² + ε) times the filters, and the bias (b − μ) s + β, with one part replaced."""

    def function(weight, bias, gamma, beta, mean, variance, eps):
        scale = factor(gamma, root(variance, eps))
        return join(filters(weight, scale), shift(bias, mean, scale, beta))

    return function


FACTORS = {"no_gamma": ("γ is missing", {"factor": lambda gamma, root: 1 / root})}  # these are for `pairs`
FILTERS = {
    name: (says, {"filters": filters})
    for name, says, filters in (
        ("weight_kept", "the weights are the old ones", lambda weight, scale: weight),
        (
            "weight_divided",
            "the weights are divided where they should be multiplied",
            lambda weight, scale: weight / scale[:, None, None, None],
        ),
    )
}
SHIFTS = {
    name: (says, {"shift": shift})
    for name, says, shift in (
        ("bias_not_scaled", "the old bias has kept its size", lambda b, m, s, beta: b - m * s + beta),
        ("mean_not_scaled", "the mean is subtracted in its old size", lambda b, m, s, beta: b * s - m + beta),
        ("neither_scaled", "the bias is shifted but not scaled", lambda b, m, s, beta: b - m + beta),
        ("no_mean", "the mean is missing", lambda b, m, s, beta: b * s + beta),
        ("mean_added", "the mean is added", lambda b, m, s, beta: (b + m) * s + beta),
        ("no_bias", "the old bias is forgotten", lambda b, m, s, beta: beta - m * s),
        ("no_beta", "β is missing", lambda b, m, s, beta: (b - m) * s),
        ("beta_subtracted", "β is subtracted", lambda b, m, s, beta: (b - m) * s - beta),
        ("beta_scaled", "β is scaled as well", lambda b, m, s, beta: (b - m + beta) * s),
        ("bias_kept", "the bias is the old one", lambda b, m, s, beta: b),
    )
}

# in the second trial K = 3, in the third K = C: there, factors along a wrong axis of the filters raise no error;
# one filter, one channel, large and small variances are there, too
fold = Exercise(
    "fold",
    _fold(),
    lambda: random_trials(
        22,
        "{} filters with {} channels, ε = {}, about {}",
        ((4, 2, 0.1, 1), (3, 5, 0.01, 1), (5, 5, 0.3, 1), (2, 3, 1e-6, 0.001), (1, 3, 0.05, 1), (4, 1, 1e-3, 1000)),
        lambda draw, K, C, eps, size: (
            size * draw(K, C, 3, 3),
            *(size * draw(4, K)),
            size * draw(K).exp(),
            eps,
        ),
    ),
    [
        *mistaken_deviations(_fold),
        Misconception(
            "bias_not_scaled",
            _fold(shift=lambda b, m, s, beta: b - m * s + beta),
            "the old bias has kept its size: what does batch normalisation do to all that the convolution gives out?",
        ),
        Misconception(
            "mean_not_scaled",
            _fold(shift=lambda b, m, s, beta: b * s - m + beta),
            "the mean is subtracted in its old size: in which order does the layer subtract and multiply?",
        ),
        Misconception(
            "neither_scaled",
            _fold(shift=lambda b, m, s, beta: b - m + beta),
            "the bias is shifted but not scaled: what does the layer do after the mean is subtracted?",
        ),
        Misconception(
            "no_mean",
            _fold(shift=lambda b, m, s, beta: b * s + beta),
            "the mean is missing in your bias: what does the layer subtract, and where can that number go?",
        ),
        Misconception(
            "mean_added",
            _fold(shift=lambda b, m, s, beta: (b + m) * s + beta),
            "you add the mean: the normalisation subtracts it.",
        ),
        Misconception(
            "bias_from_mean",
            _fold(shift=lambda b, m, s, beta: (m - b) * s + beta),
            "you subtract the bias from the mean: which of the two does the layer take away?",
        ),
        Misconception(
            "no_bias",
            _fold(shift=lambda b, m, s, beta: beta - m * s),
            "the old bias is forgotten: what does the convolution give out on a black input, and what becomes of it?",
        ),
        Misconception(
            "no_beta", _fold(shift=lambda b, m, s, beta: (b - m) * s), "β is missing: add it to the new bias."
        ),
        Misconception(
            "beta_scaled", _fold(shift=lambda b, m, s, beta: (b - m + beta) * s), "β is scaled as well: add it last."
        ),
        Misconception(
            "beta_subtracted",
            _fold(shift=SHIFTS["beta_subtracted"][1]["shift"]),
            "you subtract β: the layer adds it at the end.",
        ),
        Misconception(
            "bias_kept",
            _fold(shift=lambda b, m, s, beta: b),
            "the bias is the old one: what do both layers together give out where the input is 0?",
        ),
        Misconception(
            "no_gamma",
            _fold(factor=lambda gamma, root: 1 / root),
            "γ is missing: by which two numbers does the layer change the size of a value?",
        ),
        Misconception(
            "gamma_in_bias",
            lambda w, b, gamma, *rest: _fold()(w / gamma[:, None, None, None], b, gamma, *rest),
            "γ is in the bias only: the weights have been divided by the root, and what comes next?",
        ),
        Misconception(
            "gamma_in_weights",
            lambda w, b, gamma, beta, mean, *rest: _fold()(w, mean + (b - mean) / gamma, gamma, beta, mean, *rest),
            "γ is in the weights only: the bias passes through the same layer as what the weights give.",
        ),
        Misconception(
            "swapped",
            lambda weight, bias, gamma, beta, *rest: _fold()(weight, bias, beta, gamma, *rest),
            "γ and β have changed places: γ multiplies, β is added.",
        ),
        Misconception(
            "weight_divided",
            _fold(filters=FILTERS["weight_divided"][1]["filters"]),
            "the weights are divided by the factor of the layer: if γ is twice as large, what becomes of the output?",
        ),
        Misconception(
            "weight_kept",
            _fold(filters=lambda weight, scale: weight),
            "the weights are the old ones: if an output is doubled by the layer, what must happen to its filter?",
        ),
        Misconception(
            "weight_centred",
            lambda w, b, g, beta, mean, *rest: _fold()(w - mean[:, None, None, None], b, g, beta, mean, *rest),
            "you subtract the mean from the weights: it is the mean of what the convolution gives out, so it goes into"
            " the bias alone.",
        ),
        *[
            Misconception(
                f"along_{name}",
                _fold(filters=lambda weight, scale, shape=shape: weight * scale.reshape(shape)),
                "your factors lie along a wrong axis of the weights: which axis of (K, C, 3, 3) counts the filters?",
            )
            for name, shape in (("channels", (-1, 1, 1)), ("rows", (-1, 1)), ("columns", (-1,)))
        ],
        Misconception(
            "bias_first",
            _fold(join=lambda filters, bias: torch.cat((bias[:, None], filters.flatten(1)), 1)),
            "the bias comes first: it belongs at the end of each row.",
        ),
        Misconception(
            "one_row",
            _fold(join=lambda filters, bias: torch.cat((filters.flatten(), bias))),
            "your result is one long row: make a row of each filter, flatten(1), with its bias as the last column.",
        ),
        *pairs(_fold, ROOTS, FACTORS, FILTERS, SHIFTS),
    ],
    differentiable=(0, 1, 2, 3),
    parts={"the weights": lambda result: result[:, :-1], "the bias": lambda result: result[:, -1]},
    small=lambda: [
        Trial(
            "one filter with one channel",
            (easy(1, 1, 3, 3), *map(torch.tensor, ([1.0], [4.0], [5.0], [2.0], [3.0])), 1.0),
        )
    ],
    hints=(
        "Write s(Wx + b − m) + β, and multiply out. Which terms hold x, and which do not?",
        "The first kind makes the new weights, the second kind the new bias. On which index of the weights does"
        " s depend: on the filter or on the input channel?",
        "scale = gamma / (variance + eps).sqrt(); the weights are multiplied by `scale[:, None, None, None]`,"
        " and the bias is (bias − mean) · scale + beta. `torch.cat` puts `weight.flatten(1)` and the bias as a"
        " column side by side.",
    ),
)
