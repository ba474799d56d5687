"""Check of lesson 7: the direction of L-BFGS, by two loops over the pairs of the last steps."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial


def _dot(one, other):
    return (one * other).sum()


def _by_matrices(gradient, steps, changes):
    """−Q g with an explicit matrix: Q' = (1 − ρ s yᵀ) Q (1 − ρ y sᵀ) + ρ s sᵀ for each pair, the oldest first."""
    unit = torch.eye(gradient.numel(), dtype=torch.float64)
    pairs = [(s.flatten().double(), y.flatten().double()) for s, y in zip(steps, changes)]
    Q = unit * (_dot(*pairs[-1]) / _dot(pairs[-1][1], pairs[-1][1])) if pairs else unit
    for s, y in pairs:
        share = 1 / _dot(s, y)
        left = unit - share * torch.outer(s, y)
        Q = left @ Q @ left.T + share * torch.outer(s, s)
    return (-Q @ gradient.flatten().double()).reshape(gradient.shape).to(gradient)


def _trials():
    """Steps on a bowl whose curvatures differ fourfold: from none to five pairs; large and tiny numbers; one value."""
    generator, trials = torch.Generator().manual_seed(71), []
    for number, (count, shape, size) in enumerate(
        [(1, (1, 3, 2, 3), 1.0), (3, (1, 3, 3, 2), 1.0), (0, (1, 3, 2, 2), 1.0), (1, (1, 1, 1, 1), 1.0)]
        + [(2, (1, 3, 4, 3), 1e-4), (5, (1, 3, 3, 4), 1e4), (4, (1, 3, 2, 5), 1.0)]
    ):
        dtype = (torch.float64, torch.float32)[number % 2]
        gradient, *steps = (
            torch.randn(shape, generator=generator, dtype=torch.float64) * size for _ in range(count + 1)
        )
        mixing = torch.randn(gradient.numel(), gradient.numel(), generator=generator, dtype=torch.float64)
        bowl = torch.linalg.qr(mixing).Q
        bowl = bowl @ (bowl * torch.linspace(1, 4, len(bowl), dtype=torch.float64)).T
        changes = [(bowl @ s.flatten()).reshape(shape) for s in steps]
        arguments = gradient.to(dtype), [s.to(dtype) for s in steps], [y.to(dtype) for y in changes]
        words = "no pair yet" if not count else "one pair" if count == 1 else f"{count} pairs"
        trials.append(Trial(f"{words}, a picture of {shape[2]} × {shape[3]}, {str(dtype)[6:]}", arguments))
    return trials


def _two_loops(
    *,
    choose=lambda pairs: pairs,
    first=reversed,
    second=lambda pairs: pairs,
    share=lambda s, y, q: _dot(s, q) / _dot(s, y),
    take=lambda s, y: y,
    scale=lambda pairs: _dot(*pairs[-1]) / _dot(pairs[-1][1], pairs[-1][1]),
    back=lambda s, y, q: _dot(y, q) / _dot(s, y),
    add=lambda share, back: share - back,
    sign=-1,
):
    """The two loops with one part replaced."""

    def function(gradient, steps, changes):
        pairs = choose([*enumerate(zip(steps, changes))])
        result, shares = sign * gradient, {}
        for number, (s, y) in first(pairs):
            shares[number] = share(s, y, result)
            result = result - shares[number] * take(s, y)
        if pairs:
            result = result * scale([pair for _, pair in pairs])
        for number, (s, y) in second(pairs):
            result = result + add(shares[number], back(s, y, result)) * s
        return result

    return function


QUESTION = "What should the direction be for a gradient that is the newest y itself?"

lbfgs_direction = Exercise(
    "lbfgs_direction",
    _by_matrices,
    _trials,
    [
        Misconception(
            "uphill",
            _two_loops(sign=1),
            "your direction leads uphill: it is right but for its sign. Which way does the cost fall?",
        ),
        Misconception(
            "gradient_only",
            lambda gradient, steps, changes: -gradient,
            "you step along the gradient, as if no pair were known. What do steps and changes say about how steep the"
            " cost is?",
        ),
        Misconception(
            "scaled_gradient",
            lambda gradient, steps, changes: (
                -gradient * (_dot(steps[-1], changes[-1]) / _dot(changes[-1], changes[-1])) if steps else -gradient
            ),
            "you only scale the gradient: all waves and all pixels get the same factor. The scale is where the loops"
            " begin; what do the pairs add to it?",
        ),
        Misconception(
            "newest_only",
            _two_loops(choose=lambda pairs: pairs[-1:]),
            "with one pair you are right, with several only the newest one counts. Which loop runs over all of them,"
            " and in which order?",
        ),
        Misconception(
            "oldest_only",
            _two_loops(choose=lambda pairs: pairs[:1]),
            "with one pair you are right, with several only the oldest one counts. Does the first loop go on after its"
            " first pair?",
        ),
        Misconception(
            "oldest_first",
            _two_loops(first=lambda pairs: pairs),
            "your first loop begins with the oldest pair. The outermost factors of Q belong to the newest one: which"
            " pair meets the gradient first?",
        ),
        Misconception(
            "newest_first_twice",
            _two_loops(second=reversed),
            "your second loop begins with the newest pair. It undoes what the first one has wrapped: in which order"
            " does one unwrap?",
        ),
        Misconception(
            "both_reversed",
            _two_loops(first=lambda pairs: pairs, second=reversed),
            "both of your loops run in the wrong direction. Q is built from the oldest pair outward to the newest:"
            " which pair meets the gradient first?",
        ),
        Misconception(
            "no_scale",
            _two_loops(scale=lambda pairs: 1),
            "between the loops the scale is missing: you begin with Q = 1, as if the cost were as steep as a parabola"
            " x²/2. Which multiple of the newest y comes nearest to s?",
        ),
        Misconception(
            "scale_upside_down",
            _two_loops(scale=lambda pairs: _dot(pairs[-1][1], pairs[-1][1]) / _dot(*pairs[-1])),
            "between the loops your scale is upside down: where the gradient changes fast, a step has to be short."
            " Which of the two products belongs below?",
        ),
        Misconception(
            "other_scale",
            _two_loops(scale=lambda pairs: _dot(pairs[-1][0], pairs[-1][0]) / _dot(*pairs[-1])),
            "between the loops you scale by ⟨s, s⟩/⟨s, y⟩. That is a step length, too, but another one than the text"
            " takes. With which of the two is Q y as near to s as a multiple can be?",
        ),
        Misconception(
            "scale_of_oldest",
            _two_loops(scale=lambda pairs: _dot(*pairs[0]) / _dot(pairs[0][1], pairs[0][1])),
            "between the loops you take the scale of the oldest pair. Which pair knows the curvature where the picture"
            " is now?",
        ),
        Misconception(
            "first_loop_only",
            _two_loops(second=lambda pairs: []),
            "the second loop is missing: the first one takes away what the pairs know, and nothing puts it back."
            f" {QUESTION}",
        ),
        Misconception(
            "nothing_subtracted",
            _two_loops(add=lambda share, back: share),
            "in the second loop you add the share of the first one as it is. What is the product of y with the vector"
            " by then, and is that already in there?",
        ),
        Misconception(
            "second_share_only",
            _two_loops(add=lambda share, back: -back),
            "in the second loop the shares of the first one are forgotten. Where have you kept them?",
        ),
        Misconception(
            "added",
            _two_loops(add=lambda share, back: share + back),
            "in the second loop you add the two shares. Look at the factor (1 − ρ s yᵀ): with which sign does y come"
            " in?",
        ),
        Misconception(
            "swapped",
            lambda gradient, steps, changes: _two_loops()(gradient, changes, steps),
            "you have s and y the other way round: that is an estimate of the Hessian itself, and not of its inverse."
            " Which of the two is a change of the picture?",
        ),
        Misconception(
            "steps_taken_away",
            _two_loops(take=lambda s, y: s),
            "in the first loop you take away a multiple of s. The factor there is (1 − ρ y sᵀ): which vector is left"
            " when it meets the gradient?",
        ),
        Misconception(
            "products_swapped",
            _two_loops(share=lambda s, y, q: _dot(y, q) / _dot(s, y), back=lambda s, y, q: _dot(s, q) / _dot(s, y)),
            "the products of the two loops are swapped: the first one has ⟨s, ·⟩, the second ⟨y, ·⟩. Which of them"
            " stands on the right in each of the two factors?",
        ),
    ],
    hints=(
        "What should the direction be when there are no pairs yet?",
        "There are two loops: one from the newest pair to the oldest, one back. Which numbers of the first loop"
        " does the second need, and which scale lies between the two?",
        "First loop: α = ⟨s, q⟩/⟨s, y⟩, then q − α y. Between: times ⟨s, y⟩/⟨y, y⟩ of the newest pair. Second"
        " loop, from the oldest: β = ⟨y, q⟩/⟨s, y⟩, then q + (α − β) s. Return −q.",
    ),
)
