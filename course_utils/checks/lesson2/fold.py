"""Check of lesson 2: batch normalisation folded into the convolution before it."""

import torch

from course_utils.checks.core import Exercise, Misconception, random_trials
from course_utils.checks.lesson2.moments import deviation, mistaken_deviations


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


# in the second trial K = 3, in the third K = C: there, factors along a wrong axis of the filters raise no error
fold = Exercise(
    "fold",
    _fold(),
    lambda: random_trials(
        22,
        "{} filters with {} channels, ε = {}",
        ((4, 2, 0.1), (3, 5, 0.01), (5, 5, 0.3), (2, 3, 0.05)),
        lambda draw, K, C, eps: (draw(K, C, 3, 3), *draw(4, K), draw(K).exp(), eps),
    ),
    [
        *mistaken_deviations(_fold),
        Misconception(
            "bias_not_scaled",
            _fold(shift=lambda b, m, s, beta: b - m * s + beta),
            "multiply the old bias by γ/√(σ² + ε) too.",
        ),
        Misconception(
            "mean_not_scaled",
            _fold(shift=lambda b, m, s, beta: b * s - m + beta),
            "subtract μ from b before you multiply by γ/√(σ² + ε).",
        ),
        Misconception(
            "neither_scaled",
            _fold(shift=lambda b, m, s, beta: b - m + beta),
            "b − μ has to be multiplied by γ/√(σ² + ε), as the weights.",
        ),
        Misconception(
            "no_mean",
            _fold(shift=lambda b, m, s, beta: b * s + beta),
            "the mean is missing: subtract it from the old bias, b − μ.",
        ),
        Misconception(
            "mean_added",
            _fold(shift=lambda b, m, s, beta: (b + m) * s + beta),
            "you add the mean: the normalisation subtracts it.",
        ),
        Misconception(
            "bias_from_mean",
            _fold(shift=lambda b, m, s, beta: (m - b) * s + beta),
            "you subtract the bias from the mean: it is b − μ.",
        ),
        Misconception(
            "no_bias",
            _fold(shift=lambda b, m, s, beta: beta - m * s),
            "the old bias is forgotten: it is (b − μ) · γ/√(σ² + ε) + β.",
        ),
        Misconception(
            "no_beta", _fold(shift=lambda b, m, s, beta: (b - m) * s), "β is missing: add it to the new bias."
        ),
        Misconception(
            "beta_scaled", _fold(shift=lambda b, m, s, beta: (b - m + beta) * s), "β is scaled as well: add it last."
        ),
        Misconception(
            "bias_kept",
            _fold(shift=lambda b, m, s, beta: b),
            "the bias is the old one: the new one is (b − μ) · γ/√(σ² + ε) + β.",
        ),
        Misconception(
            "no_gamma",
            _fold(factor=lambda gamma, root: 1 / root),
            "γ is missing: the factor of each filter is γ/√(σ² + ε).",
        ),
        Misconception(
            "gamma_in_bias",
            lambda w, b, gamma, *rest: _fold()(w / gamma[:, None, None, None], b, gamma, *rest),
            "γ is in the bias only: multiply the weights by it too, as you divide both by the root.",
        ),
        Misconception(
            "gamma_in_weights",
            lambda w, b, gamma, beta, mean, *rest: _fold()(w, mean + (b - mean) / gamma, gamma, beta, mean, *rest),
            "γ is in the weights only: multiply b − μ by it too, as you divide both by the root.",
        ),
        Misconception(
            "swapped",
            lambda weight, bias, gamma, beta, *rest: _fold()(weight, bias, beta, gamma, *rest),
            "γ and β have changed places: γ multiplies, β is added.",
        ),
        Misconception(
            "weight_kept",
            _fold(filters=lambda weight, scale: weight),
            "the weights are the old ones: multiply them by γ/√(σ² + ε).",
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
                "γ/√(σ² + ε) lies along a wrong axis of the filters: each filter has one factor, scale[:, None, None,"
                " None].",
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
    ],
    differentiable=(0, 1, 2, 3),
)
