"""Check of lesson 3: the power of two that is nearest to a mean."""

import math

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, kept


def _power(exponent=torch.round, *, log=torch.log2, power=torch.exp2, dead=1.0, prepare=kept):
    """2 to the rounded logarithm, and a number for dead channels, with one part replaced."""

    def function(mu):
        result = power(exponent(log(prepare(mu))))
        return result if dead is None else torch.where(mu == 0, torch.full_like(mu, dead), result)

    return function


def _nearest_in_difference(mu):
    below = torch.log2(mu).floor().exp2()
    return torch.where(mu - below < 2 * below - mu, below, 2 * below)


MEANS = {  # no logarithm is within 0.02 of the middle of two whole numbers, where rounding errors would decide
    "means around 1, one dead": [0.36, 1.0, 0.73, 0.0, 1.46, 2.7, 5.0, 0.25, 11.7],
    "means below 1, two dead": [0.0, 0.0013, 0.0058, 0.023, 0.0, 0.125, 0.18, 0.047],
    "means above 50": [93.0, 128.0, 187.0, 5980.0, 1300.0, 2960.0],
    "means from 0.001 to 10,000, one dead": [0.001, 9300.0, 0.0, 0.37, 4.0, 47.0, 745.0],
}
IS_DEAD = " And a dead channel, μ = 0, gets the factor 1."
LOGARITHM = "your logarithm has the base {}: use torch.log2, as the powers are those of 2."

power_of_two = Exercise(
    "power_of_two",
    _power(),
    lambda: [
        Trial(f"{label}, {str(dtype).removeprefix('torch.')}", (torch.tensor(values, dtype=dtype),))
        for (label, values), dtype in zip(MEANS.items(), 2 * (torch.float32, torch.float64))
    ],
    [
        Misconception(
            "dead_0",
            _power(dead=0.0),
            "a dead channel, μ = 0, gets 0 or almost 0, and whoever divides by it gets infinity: give it the factor 1.",
        ),
        *[
            Misconception(
                f"dead_tiny_{eps}",
                _power(dead=2.0**exponent),
                "a dead channel, μ = 0, gets a tiny power of two, and dividing by it makes huge numbers: give it the"
                " factor 1.",
            )
            for eps, exponent in (
                ("1e-8", -27),
                ("1e-7", -23),
                ("1e-6", -20),
                ("1e-5", -17),
                ("1e-4", -13),
                ("1e-3", -10),
            )
        ],
        *[
            Misconception(name + end, function(dead), hint + more)
            for dead, end, more in ((1.0, "", ""), (0.0, "_and_dead_0", IS_DEAD))
            for name, function, hint in (
                (
                    "floor",
                    lambda dead: _power(torch.floor, dead=dead),
                    "you round down: take the nearest power, with round.",
                ),
                (
                    "ceil",
                    lambda dead: _power(torch.ceil, dead=dead),
                    "you round up: take the nearest power, with round.",
                ),
                (
                    "truncated",
                    lambda dead: _power(torch.trunc, dead=dead),
                    "you cut off the digits after the point, as int does: use round.",
                ),
                (
                    "truncated_plus_half",
                    lambda dead: _power(lambda x: (x + 0.5).trunc(), dead=dead),
                    "int(x + 0.5) rounds negative numbers up: use round, which holds for means below 1 too.",
                ),
                (
                    "frexp",
                    lambda dead: _power(lambda x: x.floor() + 1, dead=dead),
                    "you take the next power above: frexp has its mantissa from 0.5 to 1.",
                ),
                (
                    "nearest_in_difference",
                    lambda dead: _power(prepare=_nearest_in_difference, dead=dead),
                    (
                        "you take the power with the smallest difference: the nearest in ratio is asked for, so round"
                        " log2(μ)."
                    ),
                ),
                (
                    "exponent",
                    lambda dead: _power(power=kept, dead=dead),
                    "that is the exponent: raise 2 to it, 2 ** exponent.",
                ),
                (
                    "not_rounded",
                    lambda dead: _power(kept, dead=dead),
                    "nothing is rounded: round log2(μ) before you raise 2 to it.",
                ),
                (
                    "rounded_result",
                    lambda dead: _power(kept, power=lambda x: x.exp2().round(), dead=dead),
                    "you round the mean itself to a whole number: round log2(μ), and raise 2 to it.",
                ),
                (
                    "rounded_first",
                    lambda dead: lambda mu: torch.where(mu == 0, dead, _power(dead=None)(mu.round())),
                    "you round the mean first, so that small ones become 0: round log2(μ) only.",
                ),
                ("natural", lambda dead: _power(log=torch.log, dead=dead), LOGARITHM.format("e")),
                ("decimal", lambda dead: _power(log=torch.log10, dead=dead), LOGARITHM.format("10")),
                (
                    "power_of_e",
                    lambda dead: _power(log=torch.log, power=torch.exp, dead=dead),
                    "those are powers of e: use log2 and 2 ** ….",
                ),
                (
                    "power_of_10",
                    lambda dead: _power(log=torch.log10, power=lambda x: 10**x, dead=dead),
                    "those are powers of 10: use log2 and 2 ** ….",
                ),
                (
                    "exp",
                    lambda dead: _power(power=torch.exp, dead=dead),
                    "exp raises e to the exponent: raise 2 to it, 2 ** ….",
                ),
                (
                    "square",
                    lambda dead: _power(log=torch.square, exponent=kept, power=kept, dead=dead),
                    "that is the square of μ: a power of two is 2 to a whole number.",
                ),
                (
                    "one_added",
                    lambda dead: _power(log=lambda mu: torch.log2(1 + mu), dead=dead),
                    "you add 1 to the mean, which changes small ones: round log2(μ), and treat μ = 0 by itself.",
                ),
            )
        ],
        *[
            Misconception(
                f"{name}_of_dead",
                lambda mu, log=log: torch.tensor([2.0 ** round(log(mean)) for mean in mu.tolist()], dtype=mu.dtype),
                f"a dead channel has μ = 0, and {error}: give it the factor 1 before you take the logarithm.",
            )
            for name, log, error in (
                ("logarithm", math.log2, "math.log2(0) raises an error"),
                (
                    "round",
                    lambda mean: torch.tensor(mean).log2().item(),
                    "log2(0) is −∞, which Python's round and int refuse",
                ),
            )
        ],
        Misconception(
            "inverse",
            _power(power=lambda x: (-x).exp2()),
            "your factors are inverted: 2 ** exponent, not 2 ** −exponent.",
        ),
        Misconception(
            "small_become_1",
            _power(prepare=lambda mu: mu.clamp(min=1)),
            "all means below 1 become 1: only dead channels, μ = 0, do. Exponents may be negative.",
        ),
        Misconception(
            "one_for_all",
            _power(prepare=lambda mu: mu.mean().expand(mu.shape)),
            "all channels get the same power: each has its own.",
        ),
    ],
)
