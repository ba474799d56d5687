"""Check of lesson 4: the gradient of the content cost, through the ReLU."""

import torch

from course_utils.checks.core import Exercise, Misconception, kept, random_trials
from course_utils.checks.lesson4.content_cost import cost_variant


def _slope(
    *, difference=lambda x, P: x.relu() - P, mask=lambda x, P: x > 0, factor=lambda n: 1, change=kept, finish=kept
):
    """(relu(x) − P) · [x > 0], with one part replaced; `change` gets the difference and the mask, `factor` the number
    of values.
    """

    def function(x, P):
        allowed = mask(x, P).to(x)
        return finish(factor(x.numel()) * change(difference(x, P), allowed) * allowed)

    return function


def _all(x, P):
    return torch.ones_like(x)


MASK = "the ReLU lets a gradient through only where x is positive: multiply by [x > 0]."
NO_MASK = " And multiply by [x > 0], the slope of the ReLU."

# x is exactly 0 in about a quarter of the places, and so is P; in the third trial C = H = W
content_gradient = Exercise(
    "content_gradient",
    _slope(),
    lambda: random_trials(
        41,
        "{} channels, {} × {} positions",
        ((4, 3, 5), (3, 6, 4), (4, 4, 4), (6, 2, 5)),
        lambda draw, *shape: (
            draw(1, *shape).where(draw(1, *shape).abs() > 0.3, torch.zeros(())),
            (draw(1, *shape) + 0.6).relu(),
        ),
    ),
    [
        Misconception("no_mask", _slope(mask=_all), MASK),
        Misconception(
            "before_relu",
            _slope(difference=torch.sub, mask=_all),
            "you leave the ReLU out: P is what comes out of it, so take relu(x) − P, and multiply by [x > 0].",
        ),
        *[
            Misconception(
                f"before_relu_{name}",
                _slope(difference=torch.sub, mask=mask),
                "take relu(x) − P in place of x − P; and it is x that decides where the gradient passes, [x > 0].",
            )
            for name, mask in (("mask_of_target", lambda x, P: P > 0), ("mask_inverted", lambda x, P: x <= 0))
        ],
        *[
            Misconception(f"mask_{name}", _slope(mask=mask), hint)
            for name, mask, hint in (
                (
                    "of_target",
                    lambda x, P: P > 0,
                    "you ask where P is positive: the gradient passes the ReLU of the generated picture, [x > 0].",
                ),
                ("of_both", lambda x, P: (x > 0) & (P > 0), "you ask that P is positive too: only x decides, [x > 0]."),
                (
                    "of_difference",
                    lambda x, P: x.relu() > P,
                    (
                        "you keep what is positive in the gradient, as a deconvnet does: it is x that decides, [x > 0],"
                        " and negative values count too."
                    ),
                ),
                (
                    "of_negative_difference",
                    lambda x, P: x.relu() < P,
                    "you keep what is negative in the gradient: it is x that decides, [x > 0].",
                ),
                (
                    "with_zero",
                    lambda x, P: x >= 0,
                    (
                        "you let the gradient through where x is exactly 0: torch's ReLU has the slope 0 there, so"
                        " write x > 0."
                    ),
                ),
                (
                    "half_at_zero",
                    lambda x, P: torch.heaviside(x, torch.tensor(0.5).to(x)),
                    "your slope of the ReLU at x = 0 is ½: torch has 0, x > 0.",
                ),
                (
                    "not_zero",
                    lambda x, P: x != 0,
                    "you leave out only the zeros of x: negative values are closed too, [x > 0].",
                ),
                (
                    "inverted",
                    lambda x, P: x <= 0,
                    "your mask is turned round: the gradient passes where x is positive, [x > 0].",
                ),
                (
                    "negative",
                    lambda x, P: x < 0,
                    "your mask is turned round: the gradient passes where x is positive, [x > 0].",
                ),
                ("above_one", lambda x, P: x > 1, "your mask begins at 1: the ReLU opens at 0, [x > 0]."),
                (
                    "sign",
                    lambda x, P: x.sign(),
                    "sign(x) is −1 where x is negative: the slope of the ReLU is 0 there, [x > 0].",
                ),
                (
                    "value",
                    lambda x, P: x.relu(),
                    "you multiply by relu(x): its slope is asked for, 1 where x > 0, else 0.",
                ),
                ("value_before", lambda x, P: x, "you multiply by x: the slope of the ReLU is 1 where x > 0, else 0."),
            )
        ],
        *[
            Misconception(name + end, _slope(mask=mask, **part), hint + more)
            for end, mask, more in (("", lambda x, P: x > 0, ""), ("_no_mask", _all, NO_MASK))
            for name, part, hint in (
                ("sign", {"factor": lambda n: -1}, "the sign is turned round: the derivative of ½ (F − P)² is F − P."),
                ("doubled", {"factor": lambda n: 2}, "a factor 2 is too much: it cancels the ½ of the cost."),
                ("half", {"factor": lambda n: 1 / 2}, "a ½ is too much: the 2 of the derivative has cancelled it."),
                (
                    "of_mean",
                    {"factor": lambda n: 2 / n},
                    "that is the gradient of a mean of squares: the cost is half a sum, so leave 2/(C·H·W) out.",
                ),
                ("over_values", {"factor": lambda n: 1 / n}, "you divide by C·H·W: the cost is a sum, not a mean."),
                (
                    "over_twice_values",
                    {"factor": lambda n: 1 / (2 * n)},
                    "you divide by 2·C·H·W: the cost is ½ times a sum, whose derivative is F − P.",
                ),
                (
                    "absolute",
                    {"change": lambda d, m: d.abs()},
                    "you take the absolute value: the gradient may be negative, F − P.",
                ),
                (
                    "sign_only",
                    {"change": lambda d, m: d.sign()},
                    "you keep only the sign, as for a cost of absolute values: here it is F − P itself.",
                ),
                (
                    "squared",
                    {"change": lambda d, m: d.square()},
                    "you square the difference, as in the cost: its derivative is F − P.",
                ),
                (
                    "half_squared",
                    {"change": lambda d, m: d.square() / 2},
                    "those are the terms of the cost: the derivative of ½ (F − P)² is F − P.",
                ),
                (
                    "root",
                    {"change": lambda d, m: d / d.norm()},
                    "you divide by the length of F − P, as for a cost with a root: leave it out.",
                ),
                (
                    "l1_normalised",
                    {"change": lambda d, m: d / (d * m).abs().sum()},
                    "you divide by the sum of absolute values: leave that out.",
                ),
                (
                    "added",
                    {"difference": lambda x, P: x.relu() + P},
                    "you add P: the derivative of ½ (F − P)² is F − P.",
                ),
                (
                    "target_alone",
                    {"difference": lambda x, P: P},
                    "only P is left: the derivative of ½ (F − P)² is F − P.",
                ),
            )
        ],
        Misconception(
            "normalised",
            _slope(change=lambda d, m: d / (d * m).norm()),
            "you divide the gradient by its length: leave that out.",
        ),
        Misconception(
            "without_target",
            _slope(difference=lambda x, P: x.relu()),
            "P is missing: the derivative of ½ (F − P)² is F − P.",
        ),
        Misconception(
            "input_alone",
            _slope(difference=lambda x, P: x, mask=_all),
            "you return x: the gradient is (relu(x) − P) · [x > 0].",
        ),
        Misconception(
            "mask_alone", lambda x, P: (x > 0).to(x), "you return the slope of the ReLU: multiply it by F − P."
        ),
        Misconception("mask_as_truth", lambda x, P: x > 0, "you return where x is positive: multiply that by F − P."),
        Misconception(
            "cost",
            lambda x, P: cost_variant()(x.relu(), P),
            "you return the cost itself: its derivative by x is asked for, one number for each value of x.",
        ),
        Misconception(
            "summed",
            _slope(finish=torch.sum),
            "you add up the gradient: each value of x has its own, so leave the sum out.",
        ),
        *[
            Misconception(name + end, _slope(mask=mask, finish=finish), hint + more)
            for end, mask, more in (("", lambda x, P: x > 0, ""), ("_no_mask", _all, NO_MASK))
            for name, finish, hint in (
                (
                    "per_channel",
                    lambda g: g.sum((2, 3)),
                    "you add up over positions: each value of x has a gradient of its own.",
                ),
                (
                    "per_position",
                    lambda g: g.sum(1),
                    "you add up over channels: each value of x has a gradient of its own.",
                ),
                (
                    "no_batch",
                    lambda g: g[0],
                    "the axis of the batch is lost: the gradient has the shape of x, (1, C, H, W).",
                ),
                ("flat", torch.flatten, "your gradient is one long row: give it the shape of x with reshape(x.shape)."),
                (
                    "rows",
                    lambda g: g.flatten(2),
                    "rows and columns are one axis: give the gradient the shape of x with reshape(x.shape).",
                ),
            )
        ],
    ],
)
