"""Check of lesson 4: the weight that makes a mean of squares of half their sum."""

import math

import torch

from course_utils.checks.core import Exercise, Misconception, Trial


def _weight(convert):
    """A weight from α, C, H and W."""
    return lambda alpha, shape: convert(alpha, *shape)


def _number(wrong):
    """A weight that is `wrong`(α, n) for n = C·H·W."""
    return lambda alpha, shape: wrong(alpha, math.prod(shape))


COUNT = "a mean divides by the number of all values; "
TIMES = "write both costs with the same Σ (F − P)². Which factor stands before each?"
UPSIDE = "A mean is smaller than the sum, so its weight has to be larger: "

# in the second trial C·H·W is odd, in the third the maps are square, in the fourth α is negative, in the fifth there is
# one channel
mean_weight = Exercise(
    "mean_weight",
    _weight(lambda a, C, H, W: a * C * H * W / 2),
    lambda: [
        Trial(f"α = {alpha}, shape = {shape}", (torch.tensor(alpha, dtype=torch.float64), shape))
        for alpha, shape in (
            (0.3, (4, 3, 5)),
            (1.7e4, (3, 5, 7)),
            (2.5, (6, 4, 4)),
            (-0.04, (512, 6, 9)),
            (1e-6, (1, 4, 2)),
        )
    ],
    [
        *[
            Misconception(name, _number(wrong), hint)
            for name, wrong, hint in (
                (
                    "divided",
                    lambda a, n: a / (n / 2),
                    "you convert the other way round, from the mean to the sum. " + UPSIDE + TIMES,
                ),
                ("divided_no_half", lambda a, n: a / n, "you divide by the number of values. " + UPSIDE + TIMES),
                ("divided_half", lambda a, n: a / (2 * n), "you divide by the number of values. " + UPSIDE + TIMES),
                (
                    "divided_quarter",
                    lambda a, n: a / (4 * n),
                    "1/(4·C·H·W) is the factor of another course. Here the cost has to stay the same: " + TIMES,
                ),
                (
                    "no_half",
                    lambda a, n: a * n,
                    "almost right: J_C is not the sum, but half of it. Where does that ½ go?",
                ),
                ("doubled", lambda a, n: a * n * 2, "you multiply by 2, but the ½ of the cost stays a ½: " + TIMES),
                ("quarter", lambda a, n: a * n / 4, "you halve twice: the cost has one ½, so " + TIMES),
                ("half_alone", lambda a, n: a / 2, "the number of values is missing: " + COUNT + TIMES),
                ("unchanged", lambda a, n: a * 1, "nothing has changed: " + COUNT + TIMES),
                ("twice_alone", lambda a, n: a * 2, "the number of values is missing: " + COUNT + TIMES),
                (
                    "root",
                    lambda a, n: a * n**0.5 / 2,
                    "you take the root of C·H·W: the sum has no root in it, so " + TIMES,
                ),
                ("root_no_half", lambda a, n: a * n**0.5, "you take the root of C·H·W: " + TIMES),
                (
                    "root_of_half",
                    lambda a, n: a * (n / 2) ** 0.5,
                    "you take a root: the squares stand in both costs alike. What is left to convert?",
                ),
                (
                    "count_squared",
                    lambda a, n: a * n**2 / 2,
                    "you multiply by C·H·W twice: once is enough, for the one mean.",
                ),
                (
                    "count_squared_no_half",
                    lambda a, n: a * n**2,
                    "you multiply by C·H·W twice, once is enough; and the ½ is missing: " + TIMES,
                ),
                (
                    "all_squared",
                    lambda a, n: a * (n / 2) ** 2,
                    "you square the factor: the values are squared in the sum already.",
                ),
                (
                    "alpha_forgotten",
                    lambda a, n: a * 0 + n / 2,
                    "α is missing: when α doubles, the new weight has to double, too.",
                ),
                (
                    "alpha_and_half_forgotten",
                    lambda a, n: a * 0 + n,
                    "you return the number of values. Where are α and the ½?",
                ),
                ("alpha_inverted", lambda a, n: n / (2 * a), "you divide by α: " + TIMES),
                ("alpha_squared", lambda a, n: a**2 * n / 2, "α counts twice: once is enough."),
                (
                    "alpha_absolute",
                    lambda a, n: a.abs() * n / 2,
                    "you drop the sign of α. To lead a picture away from a photo, one takes a negative weight. What"
                    " does yours do then?",
                ),
                ("alpha_added", lambda a, n: a + n / 2, "you add α: " + TIMES),
                ("n_minus_1", lambda a, n: a * (n - 1) / 2, "n − 1 belongs to a variance: the mean is over n = C·H·W."),
                (
                    "negative",
                    lambda a, n: -a * n / 2,
                    "the sign is turned round: the weight of the mean has the sign of α.",
                ),
                ("rounded", lambda a, n: a * n // 2, "// cuts off the digits after the point: divide with /."),
                ("count_rounded", lambda a, n: a * (n // 2), "// cuts off the half of an odd C·H·W: divide with /."),
                ("half_rounded", lambda a, n: a * n * (1 // 2), "1 // 2 is 0: divide with /."),
                (
                    "float32",
                    lambda a, n: (a * n / 2).float(),
                    (
                        "the number is right, but torch.tensor makes float32 of it: add dtype=torch.float64, or"
                        " calculate with α itself."
                    ),
                ),
            )
        ],
        *[
            Misconception(
                name + end,
                _weight(lambda a, C, H, W, count=count, divisor=divisor: a * count(C, H, W) / divisor),
                hint + TIMES,
            )
            for end, divisor in (("", 2), ("_no_half", 1), ("_doubled", 0.5))
            for name, count, hint in (
                ("channels", lambda C, H, W: C, "you count channels only: " + COUNT),
                ("positions", lambda C, H, W: H * W, "you count positions only: " + COUNT),
                ("rows", lambda C, H, W: H, "you count rows only: " + COUNT),
                ("columns", lambda C, H, W: W, "you count columns only: " + COUNT),
                ("channels_and_rows", lambda C, H, W: C * H, "the columns are missing: " + COUNT),
                ("channels_and_columns", lambda C, H, W: C * W, "the rows are missing: " + COUNT),
                (
                    "square_of_height",
                    lambda C, H, W: C * H * H,
                    "you count H·H positions: maps need not be square, H·W. So ",
                ),
                (
                    "square_of_width",
                    lambda C, H, W: C * W * W,
                    "you count W·W positions: maps need not be square, H·W. So ",
                ),
                (
                    "channels_squared",
                    lambda C, H, W: C**2 * H * W,
                    "C counts twice, as in the style cost: once is enough. So ",
                ),
                (
                    "axes_added",
                    lambda C, H, W: C + H + W,
                    "you add the sizes: their product is the number of values. So ",
                ),
                (
                    "axes_counted",
                    lambda C, H, W: 3,
                    "len(shape) is the number of axes: take the product of the sizes. So ",
                ),
            )
        ],
        *[
            Misconception(
                name, _weight(lambda a, C, H, W, count=count: a * 2 / count(C, H, W)), "you divide. " + UPSIDE + TIMES
            )
            for name, count in (("over_channels", lambda C, H, W: C), ("over_positions", lambda C, H, W: H * W))
        ],
        Misconception(
            "four_sizes",
            lambda alpha, shape: [alpha * C * H * W / 2 for _, C, H, W in [shape]][0],
            "shape has three numbers, (C, H, W): there is no axis of the batch in it.",
        ),
        Misconception(
            "vector",
            lambda alpha, shape: (alpha * math.prod(shape) / 2)[None],
            "your result has an axis: return one number, without brackets around it.",
        ),
    ],
    hints=(
        "How many values does the mean run over, for activations of shape (C, H, W)?",
        "Half the sum is how many times the mean? Write α · ½ · sum = α' · mean, and put in sum = (number of"
        " values) · mean. What is α'?",
        "α' = α times the number of values, divided by 2. Return a tensor: `alpha` is one already, so multiply"
        " it by the three sizes.",
    ),
)
