"""Check of lesson 3: the power of two that misses a mean by the smallest factor."""

import itertools
import math

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, kept


def _power(exponent=torch.round, *, log=torch.log2, power=torch.exp2, dead=1.0, prepare=kept):
    """2 to the power of the rounded logarithm, and a number for dead channels, with one part replaced."""

    def function(mu):
        result = power(exponent(log(prepare(mu))))
        return result if dead is None else torch.where(mu == 0, torch.full_like(mu, dead), result)

    return function


def _nearest_in_difference(mu):
    below = torch.log2(mu).floor().exp2()
    return torch.where(mu - below < 2 * below - mu, below, 2 * below)


MEANS = {  # no logarithm is within 0.005 of the middle of two whole numbers, where rounding errors would decide
    "means around 1, one dead": [0.36, 1.0, 0.73, 0.0, 1.46, 2.7, 5.0, 0.25, 11.7],
    "means below 1, two dead": [0.0, 0.0013, 0.0058, 0.023, 0.0, 0.125, 0.18, 0.047],
    "means above 50": [93.0, 128.0, 187.0, 5980.0, 1300.0, 2960.0],
    "means from 0.001 to 10,000, one dead": [0.001, 9300.0, 0.0, 0.37, 4.0, 47.0, 745.0],
    "means above 2¹⁵": [3.0e5, 7.0e6, 1.0e5],
    "means below 2⁻¹⁵": [1.1e-5, 4.0e-6, 2.5e-11],
    "means near the middle between two powers": [1.407, 1.42, 2.82, 2.84, 0.7034, 0.71],
    "one dead channel alone": [0.0],
    "three dead channels": [0.0, 0.0, 0.0],
}
IS_DEAD = " And what does a dead channel, μ = 0, get?"
TINY = "a dead channel, μ = 0, gets a tiny power of two. What becomes of its weights when they are divided by that?"
LOGARITHM = "your logarithm has the base {}, your power the base 2. What do they give together for a mean of 8?"

power_of_two = Exercise(
    "power_of_two",
    _power(),
    lambda: [
        Trial(f"{label}, {str(dtype).removeprefix('torch.')}", (torch.tensor(values, dtype=dtype),))
        for (label, values), dtype in zip(MEANS.items(), itertools.cycle((torch.float32, torch.float64)))
    ],
    [
        Misconception(
            "dead_0",
            _power(dead=0.0),
            "a dead channel, μ = 0, gets 0 or almost 0. What becomes of weights that are divided by that?",
        ),
        Misconception(
            "dead_eps",
            lambda mu: _power(dead=None)(mu.clamp(min=torch.finfo(mu.dtype).eps)),
            TINY,
        ),
        *[
            Misconception(
                f"dead_tiny_{eps:.0e}",
                _power(dead=None, prepare=lambda mu, eps=eps: mu.clamp(min=eps)),
                TINY,
            )
            for eps in (1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
        ],
        *[
            Misconception(name + end, function(dead), hint + more)
            for dead, end, more in ((1.0, "", ""), (0.0, "_and_dead_0", IS_DEAD))
            for name, function, hint in (
                (
                    "floor",
                    lambda dead: _power(torch.floor, dead=dead),
                    "you round the exponent down. Which power of two is nearest to 7?",
                ),
                (
                    "ceil",
                    lambda dead: _power(torch.ceil, dead=dead),
                    "you round the exponent up. Which power of two is nearest to 5?",
                ),
                (
                    "truncated",
                    lambda dead: _power(torch.trunc, dead=dead),
                    "you cut off the digits after the point, as int does. Which power of two is nearest to 7?",
                ),
                (
                    "truncated_plus_half",
                    lambda dead: _power(lambda x: (x + 0.5).trunc(), dead=dead),
                    "int(x + 0.5) rounds to the nearest only for x above 0. What does it make of −1.9?",
                ),
                (
                    "frexp",
                    lambda dead: _power(lambda x: x.floor() + 1, dead=dead),
                    "you take the next power above: frexp's mantissa lies from 0.5 to 1. What becomes of 4?",
                ),
                (
                    "nearest_in_difference",
                    lambda dead: _power(prepare=_nearest_in_difference, dead=dead),
                    "you take the power with the smallest difference. By what factor does 1 miss 1.46, and 2?",
                ),
                (
                    "exponent",
                    lambda dead: _power(power=kept, dead=dead),
                    "that is the exponent, not the power: what is left to do with it?",
                ),
                (
                    "not_rounded",
                    lambda dead: _power(kept, dead=dead),
                    "nothing is rounded. Which number has to be whole for a power of two?",
                ),
                (
                    "rounded_result",
                    lambda dead: _power(kept, power=lambda x: x.exp2().round(), dead=dead),
                    "you round the mean itself to a whole number. Is 3 a power of two? Which number has to be whole?",
                ),
                (
                    "rounded_first",
                    lambda dead: lambda mu: torch.where(mu == 0, dead, _power(dead=None)(mu.round())),
                    "you round the mean first. What becomes of small ones, and which number has to be whole?",
                ),
                ("natural", lambda dead: _power(log=torch.log, dead=dead), LOGARITHM.format("e")),
                ("decimal", lambda dead: _power(log=torch.log10, dead=dead), LOGARITHM.format("10")),
                (
                    "power_of_e",
                    lambda dead: _power(log=torch.log, power=torch.exp, dead=dead),
                    "those are powers of e. Which base has the exponent of a floating-point number?",
                ),
                (
                    "power_of_10",
                    lambda dead: _power(log=torch.log10, power=lambda x: 10**x, dead=dead),
                    "those are powers of 10. Which base has the exponent of a floating-point number?",
                ),
                (
                    "exp",
                    lambda dead: _power(power=torch.exp, dead=dead),
                    "exp raises e to the exponent. Which base had your logarithm?",
                ),
                (
                    "square",
                    lambda dead: _power(log=torch.square, exponent=kept, power=kept, dead=dead),
                    "that is the square of μ. In a power of two, is the 2 below or above?",
                ),
                (
                    "one_added",
                    lambda dead: _power(log=lambda mu: torch.log2(1 + mu), dead=dead),
                    "you add 1 to the mean, which spares you μ = 0, but what does it make of a mean of 0.01?",
                ),
            )
        ],
        *[
            Misconception(
                f"{name}_of_dead",
                lambda mu, log=log: torch.tensor([2.0 ** round(log(mean)) for mean in mu.tolist()], dtype=mu.dtype),
                f"a dead channel has μ = 0, and {error}. What can stand in its place before you take the logarithm?",
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
            "your factors are inverted. What power is nearest to 8: 8 or 1/8?",
        ),
        *[
            Misconception(
                f"exponent_{name}",
                lambda mu, low=low, high=high: _power(lambda x: x.round().clamp(low, high))(mu),
                "your exponents end at a fixed number. How large does the exponent of a float32 number get?",
            )
            for name, low, high in (("from_minus_15_to_15", -15, 15), ("from_minus_16_to_15", -16, 15))
        ],
        Misconception(
            "border_1.4",
            lambda mu: torch.where(mu == 0, 1.0, torch.frexp(mu / 0.7).exponent.to(mu).sub(1).exp2()),
            "your border between two powers is 1.4, or 0.7. Which number does 1 miss by the same factor as 2?",
        ),
        Misconception(
            "small_become_1",
            _power(prepare=lambda mu: mu.clamp(min=1)),
            "all means below 1 become 1, where only dead channels, μ = 0, do. Which power of two is nearest to 0.27?",
        ),
        Misconception(
            "one_for_all",
            _power(prepare=lambda mu: mu.mean().expand(mu.shape)),
            "all channels get the same power. How many means come in, and how many powers go out?",
        ),
    ],
    hints=(
        "For μ = 2.9, compare the factors by which 2 and 4 miss it. Which one is smaller, and is it the nearest"
        " number?",
        "Powers of two are equally far apart on a logarithmic scale. What does rounding do there, and what is"
        " log2 of 0?",
        "Replace the zeros by 1 first, with `torch.where`. Then `torch.exp2` of the rounded `torch.log2` gives"
        " the power of two, and it is 1 where the mean was 0.",
    ),
)
