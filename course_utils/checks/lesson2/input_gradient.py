"""Check of lesson 2: the gradient of batch normalisation with respect to its input."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, easy, random_trials
from course_utils.checks.lesson2.moments import NHWC, deviation, eps_outside, feature_maps, moments_over
from course_utils.checks.pairs import pairs


def _mean_over(*axes):
    return lambda values: values.mean(axes, keepdim=True)


def _backward(
    *,
    moments=moments_over(0, 2, 3),
    correction=0,
    root=deviation,
    mean=_mean_over(0, 2, 3),
    place=lambda gamma: gamma[:, None, None],
    join=lambda g, h, r, scale, mean: scale / r * (g - mean(g) - h * mean(g * h)),
):
    """γ/σ (g − mean(g) − x̂ mean(g x̂)), with one part replaced; `join` gets g, x̂, σ, γ and the mean."""

    def function(g, x, gamma, eps):
        variance, centre = moments(x, correction)
        sigma = root(variance, eps)
        return join(g, (x - centre) / sigma, sigma, place(gamma), mean)

    return function


def _along(*axes):
    return {"moments": moments_over(*axes), "mean": _mean_over(*axes)}


def _total(values):
    return values.sum((0, 2, 3), keepdim=True)


TERMS = {  # for `pairs`
    name: (says, {"join": join})
    for name, says, join in (
        ("no_mean", "the way through μ is missing", lambda g, h, r, s, mean: s / r * (g - h * mean(g * h))),
        ("no_deviation", "the way through σ is missing", lambda g, h, r, s, mean: s / r * (g - mean(g))),
        ("constant", "μ and σ are taken for constants", lambda g, h, r, s, mean: s / r * g),
        (
            "plus",
            "the way through σ has the wrong sign",
            lambda g, h, r, s, mean: s / r * (g - mean(g) + h * mean(g * h)),
        ),
        ("no_gamma", "γ is missing", lambda g, h, r, s, mean: (g - mean(g) - h * mean(g * h)) / r),
        ("no_sigma", "nothing is divided by σ", lambda g, h, r, s, mean: s * (g - mean(g) - h * mean(g * h))),
    )
}
AXES = {
    name: (says, _along(*axes))
    for name, says, axes in (
        ("per_location", "each position has means of its own", (0,)),
        ("layer", "all channels of a picture share their means", (1, 2, 3)),
        ("instance", "each picture has means of its own", (2, 3)),
        ("everything", "all channels share their means", (0, 1, 2, 3)),
    )
}

# in the second trial W = C, in the third N = C = H; one channel, a negative γ, large and small values are there, too
input_gradient = Exercise(
    "input_gradient",
    _backward(),
    lambda: random_trials(
        24,
        "x of {} × {} × {} × {}, ε = {}, about {}",
        (
            (2, 4, 3, 5, 0.1, 1),
            (3, 5, 4, 5, 0.01, 1),
            (3, 3, 3, 6, 0.3, 1),
            (2, 4, 6, 2, 1e-3, 1000),
            (4, 1, 2, 3, 0.1, 1),
            (1, 3, 3, 4, 1e-6, 0.001),
        ),
        lambda draw, N, C, H, W, eps, size: (
            size * (draw(N, C, H, W) + draw(C, 1, 1)),
            size * feature_maps(draw, N, C, H, W),
            size * draw(C),
            eps,
        ),
    ),
    [
        Misconception(
            "constant",
            _backward(**TERMS["constant"][1]),
            "you take μ and σ for constants, as at inference. In training they depend on x: through which two further"
            " ways does x reach the loss?",
        ),
        Misconception(
            "no_mean",
            _backward(**TERMS["no_mean"][1]),
            "the way through μ is missing: every value of a map moves the mean that is subtracted from all. What does"
            " step 4.3 say of it?",
        ),
        Misconception(
            "no_deviation",
            _backward(**TERMS["no_deviation"][1]),
            "the way through σ is missing: every value of a map changes the σ that divides all. Which term of step 4.3"
            " is that?",
        ),
        Misconception(
            "plus",
            _backward(**TERMS["plus"][1]),
            "the way through σ has the wrong sign: does a larger σ make the normalised values larger or smaller?",
        ),
        Misconception(
            "no_gamma",
            _backward(**TERMS["no_gamma"][1]),
            "γ is missing: by what is the normalised value multiplied on its way to y?",
        ),
        Misconception(
            "gamma_twice",
            _backward(join=lambda g, h, r, s, mean: s * s / r * (g - mean(g) - h * mean(g * h))),
            "γ is in your result twice: a gradient passes through it only once.",
        ),
        Misconception(
            "no_sigma",
            _backward(**TERMS["no_sigma"][1]),
            "nothing is divided by σ: what stands in front of the whole bracket of step 4.3?",
        ),
        Misconception(
            "times_sigma",
            _backward(join=lambda g, h, r, s, mean: s * r * (g - mean(g) - h * mean(g * h))),
            "you multiply by σ: if the input grows, does the gradient with respect to it grow or shrink?",
        ),
        Misconception(
            "by_variance",
            _backward(join=lambda g, h, r, s, mean: s / r**2 * (g - mean(g) - h * mean(g * h))),
            "you divide by the variance: σ is its root. Compare the factor in front with that of step 4.3.",
        ),
        Misconception(
            "totals",
            _backward(mean=_total),
            "you subtract sums where step 4.3 has 1/m: how many values share one μ?",
        ),
        *[
            Misconception(
                name,
                _backward(join=join),
                "one of your two averages is a sum, and lacks 1/m: go through both terms of step 4.3 once more.",
            )
            for name, join in (
                ("total_gradient", lambda g, h, r, s, mean: s / r * (g - _total(g) - h * mean(g * h))),
                ("total_product", lambda g, h, r, s, mean: s / r * (g - mean(g) - h * _total(g * h))),
            )
        ],
        *[
            Misconception(
                name,
                _backward(join=join),
                "the values in the last term are not normalised: does step 4.3 have x, x − μ or x̂ there?",
            )
            for name, join in (
                ("centred_twice", lambda g, h, r, s, mean: s / r * (g - mean(g) - h * r * mean(g * h * r))),
                ("centred_once", lambda g, h, r, s, mean: s / r * (g - mean(g) - h * mean(g * h * r))),
            )
        ],
        Misconception(
            "not_weighted",
            _backward(join=lambda g, h, r, s, mean: s / r * (g - mean(g) - mean(g * h))),
            "your last term is the same for all values of a map: which factor of step 4.3 belongs to the value x_b"
            " itself?",
        ),
        Misconception(
            "by_gamma",
            lambda g, x, gamma, eps: (g * _normalised(x, eps)).sum((0, 2, 3)),
            "that is the gradient with respect to γ, of shape (C,): here it is wanted with respect to each value of x.",
        ),
        *[
            Misconception(
                name,
                _backward(**replaced),
                f"{says}, where a feature map has one mean over the whole batch: over which axes does a map extend?",
            )
            for name, (says, replaced) in AXES.items()
        ],
        Misconception("channels_last", _backward(**_along(0, 1, 2)), NHWC),
        Misconception(
            "gamma_along_width",
            _backward(place=lambda gamma: gamma),
            "γ is lined up with the last axis of x, the columns, and raises an error where W ≠ C: how do you bring it"
            " to the channels?",
        ),
        Misconception(
            "unbiased",
            _backward(correction=1),
            "your variance is over n − 1, torch's default: with which variance does the layer normalise a batch?",
        ),
        Misconception(
            "eps_outside",
            _backward(root=eps_outside),
            "ε stands outside of the root in your σ: look at its definition above.",
        ),
        Misconception(
            "eps_missing",
            _backward(root=lambda variance, eps: variance.sqrt()),
            "ε is missing in your σ: look at its definition above.",
        ),
        Misconception(
            "eps_of_torch",
            _backward(root=lambda variance, eps: deviation(variance, 1e-5)),
            "your ε is 1e-5, as torch has it unless told otherwise: use the `eps` that your function is given.",
        ),
        *pairs(_backward, AXES, TERMS),
    ],
    ready_made={"grad", "backward"},
    instead="leaves the derivation to autograd. Which means over the map does your formula need?",
    small=lambda: [
        Trial(
            "two pictures of two pixels, two channels",
            (easy(2, 2, 1, 2), easy(2, 2, 1, 2, first=5), torch.tensor([1.0, 2.0]), 1.0),
        )
    ],
    hints=(
        "Change one value of a map a little. Its own output changes; which other outputs change as well, and"
        " through which two numbers?",
        "The formula has three terms: the direct one, one through the mean, and one through the variance. What must"
        " the whole gradient be if g is the same everywhere, and which two terms cancel then?",
        "With x̂ = (x − μ)/σ and means over (0, 2, 3): γ/σ times (g minus the mean of g minus x̂ times the mean"
        " of g · x̂). Write μ, σ and x̂ first, with `keepdim=True`.",
    ),
)


def _normalised(x, eps):
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
    return (x - mean) / deviation(variance, eps)
