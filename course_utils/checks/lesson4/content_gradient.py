"""Check of lesson 4: the gradient of the content cost, through the ReLU."""

import torch

from course_utils.checks.core import Exercise, Misconception, kept, random_trials
from course_utils.checks.lesson4.content_cost import cost_variant


def _slope(
    *, difference=lambda z, P: z.relu() - P, mask=lambda z, P: z > 0, factor=lambda n: 1, change=kept, finish=kept
):
    """(relu(z) − P) · [z > 0], with one part replaced; `change` gets the difference and the mask, `factor` the number
    of values.
    """

    def function(z, P):
        allowed = mask(z, P).to(z)
        return finish(factor(z.numel()) * change(difference(z, P), allowed) * allowed)

    return function


def _all(z, P):
    return torch.ones_like(z)


MASK = "the step through the ReLU is missing: by how much does F change where z is negative, and z changes a little?"
NO_MASK = " And where is the slope of the ReLU?"

# z is exactly 0 in about a quarter of the places; in the third trial C = H = W; then large and tiny values, a single
# channel, and a P that no ReLU has passed
content_gradient = Exercise(
    "content_gradient",
    _slope(),
    lambda: random_trials(
        41,
        "{} channels, {} × {} positions, values of about {}, those of P {}",
        (
            (4, 3, 5, 1, "after a ReLU"),
            (3, 6, 4, 1, "after a ReLU"),
            (4, 4, 4, 1, "after a ReLU"),
            (6, 2, 5, 1, "of both signs"),
            (1, 3, 4, 100, "after a ReLU"),
            (3, 2, 4, 1e-4, "of both signs"),
        ),
        lambda draw, C, H, W, scale, kind: (
            draw(1, C, H, W).where(draw(1, C, H, W).abs() > 0.3, torch.zeros(())) * scale,
            (kept if kind == "of both signs" else torch.relu)(draw(1, C, H, W) + 0.6) * scale,
        ),
    ),
    [
        Misconception("no_mask", _slope(mask=_all), MASK),
        Misconception(
            "before_relu",
            _slope(difference=torch.sub, mask=_all),
            "you leave the ReLU out: P is compared with what comes out of it. What comes out where z is negative, and"
            " how does that change with z?",
        ),
        *[
            Misconception(
                f"before_relu_{name}",
                _slope(difference=torch.sub, mask=mask),
                "P is compared with what comes out of the ReLU, not with z. And whose ReLU does the gradient pass?",
            )
            for name, mask in (("mask_of_target", lambda z, P: P > 0), ("mask_inverted", lambda z, P: z <= 0))
        ],
        *[
            Misconception(f"mask_{name}", _slope(mask=mask), hint)
            for name, mask, hint in (
                (
                    "of_target",
                    lambda z, P: P > 0,
                    "you look where P is positive: P is a constant. Through whose ReLU does the gradient pass?",
                ),
                (
                    "of_both",
                    lambda z, P: (z > 0) & (P > 0),
                    "you look where P is positive, too. Through whose ReLU does the gradient pass?",
                ),
                (
                    "of_difference",
                    lambda z, P: z.relu() > P,
                    (
                        "you keep what is positive in the gradient, as a deconvnet does. Where P is larger than F,"
                        " which sign must the gradient have?"
                    ),
                ),
                (
                    "of_negative_difference",
                    lambda z, P: z.relu() < P,
                    "you keep what is negative in the gradient. Where F is larger than P, which sign must it have?",
                ),
                (
                    "with_zero",
                    lambda z, P: z >= 0,
                    (
                        "you let the gradient through where z is exactly 0. Which slope does torch give its ReLU at the"
                        " corner?"
                    ),
                ),
                (
                    "half_at_zero",
                    lambda z, P: torch.heaviside(z, torch.tensor(0.5).to(z)),
                    "your slope of the ReLU at z = 0 is ½: torch has 0, z > 0.",
                ),
                (
                    "not_zero",
                    lambda z, P: z != 0,
                    "you leave out only the zeros of z. What does the ReLU make of a negative value?",
                ),
                (
                    "inverted",
                    lambda z, P: z <= 0,
                    "your mask is turned round: on which side of 0 does the ReLU let values through?",
                ),
                (
                    "negative",
                    lambda z, P: z < 0,
                    "your mask is turned round: on which side of 0 does the ReLU let values through?",
                ),
                (
                    "above_one",
                    lambda z, P: z > 1,
                    "your mask begins at 1. From which value on does the ReLU let values through?",
                ),
                (
                    "sign",
                    lambda z, P: z.sign(),
                    "sign(z) is −1 where z is negative. What is the slope of the ReLU there?",
                ),
                (
                    "value",
                    lambda z, P: z.relu(),
                    "you multiply by relu(z), the value of the ReLU. What is its slope?",
                ),
                (
                    "value_before",
                    lambda z, P: z,
                    "you multiply by z. What is the slope of the ReLU, which the chain rule needs?",
                ),
            )
        ],
        *[
            Misconception(name + end, _slope(mask=mask, **part), hint + more)
            for end, mask, more in (("", lambda z, P: z > 0, ""), ("_no_mask", _all, NO_MASK))
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
                    {"difference": lambda z, P: z.relu() + P},
                    "you add P: the derivative of ½ (F − P)² is F − P.",
                ),
                (
                    "target_alone",
                    {"difference": lambda z, P: P},
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
            _slope(difference=lambda z, P: z.relu()),
            "P is missing: the derivative of ½ (F − P)² is F − P.",
        ),
        Misconception(
            "rectified_difference",
            lambda z, P: (z - P).relu(),
            "you apply the ReLU to the difference. Which of the two, z or P, passes a ReLU, and when?",
        ),
        Misconception(
            "target_rectified",
            _slope(difference=lambda z, P: z.relu() - P.relu()),
            "you apply the ReLU to P: take P as it is given. What if somebody compares with values before a ReLU?",
        ),
        *[
            Misconception(
                f"cut_{name}",
                _slope(**part),
                f"on small and large values alike the rule is the same, but yours {words}. Where does that number come"
                " from?",
            )
            for name, words, part in (
                ("above_6", "stops at 6", {"difference": lambda z, P: z.clamp(0, 6) - P}),
                ("below", "begins at 1/1000", {"mask": lambda z, P: z > 1e-3}),
            )
        ],
        Misconception(
            "input_alone",
            _slope(difference=lambda z, P: z, mask=_all),
            "you return z. Take the two steps one after the other: first with respect to F, then through the ReLU.",
        ),
        Misconception(
            "mask_alone", lambda z, P: (z > 0).to(z), "you return the slope of the ReLU: multiply it by F − P."
        ),
        Misconception("mask_as_truth", lambda z, P: z > 0, "you return where z is positive: multiply that by F − P."),
        Misconception(
            "cost",
            lambda z, P: cost_variant()(z.relu(), P),
            "you return the cost itself: its derivative with respect to z has one number for each value of z.",
        ),
        Misconception(
            "summed",
            _slope(finish=torch.sum),
            "you add up the gradient: each value of z has its own, so leave the sum out.",
        ),
        *[
            Misconception(name + end, _slope(mask=mask, finish=finish), hint + more)
            for end, mask, more in (("", lambda z, P: z > 0, ""), ("_no_mask", _all, NO_MASK))
            for name, finish, hint in (
                (
                    "per_channel",
                    lambda g: g.sum((2, 3)),
                    "you add up over positions: each value of z has a gradient of its own.",
                ),
                (
                    "per_position",
                    lambda g: g.sum(1),
                    "you add up over channels: each value of z has a gradient of its own.",
                ),
                (
                    "no_batch",
                    lambda g: g[0],
                    "the axis of the batch is lost: the gradient has the shape of z, (1, C, H, W).",
                ),
                ("flat", torch.flatten, "your gradient is one long row: give it the shape of z with reshape(z.shape)."),
                (
                    "rows",
                    lambda g: g.flatten(2),
                    "rows and columns are one axis: give the gradient the shape of z with reshape(z.shape).",
                ),
            )
        ],
    ],
    ready_made={"grad", "backward"},
    instead="leaves the derivation to autograd. What are the two factors of the chain rule?",
    hints=(
        "Take one value: z = 2, P = 5, and then z = −2, P = 5. How does the cost change when z grows a little?",
        "The chain rule has two factors: the slope of ½(F − P)² at F, and the slope of the ReLU at z. What are"
        " the two where z is negative?",
        "(relu(z) − P) times the mask of the places where z is greater than 0. At z = 0 autograd takes the slope 0.",
    ),
)
