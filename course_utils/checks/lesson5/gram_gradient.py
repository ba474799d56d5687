"""Check of lesson 5: what flows back through the Gram matrix, derived by hand."""

import torch

from course_utils.checks.core import Exercise, Misconception, kept, random_trials, unrecorded
from course_utils.checks.lesson5.gram import diagonal, variant


def _flow(
    *,
    matrix=lambda B: B + B.mT,
    join=torch.matmul,
    factor=lambda C, M: 1,
    rows=lambda F: F[0].flatten(1),
    finish=lambda rows, F: rows.reshape(F.shape),
):
    """(B + Bᵀ) F, with one part replaced; `factor` gets C and the number of positions."""

    def function(F, B):
        return finish(factor(F.shape[1], F[0, 0].numel()) * join(matrix(B), rows(F)), F)

    return function


class ByHand(Exercise):
    """An exercise that autograd cannot solve, because answers run while autograd records nothing."""

    def adapted(self, function):
        return unrecorded(function)


def _by_autograd(F, B):
    leaf = F.clone().requires_grad_()
    return torch.autograd.grad((B * variant()(leaf)[0]).sum(), leaf)[0]


BOTH = (
    "At which places of G does one value of F have a part? Each gives a term of its own, and B need not be symmetric."
)
HALF = " And you count only one of the two places at which F stands in G."
SIDE = (
    "The matrix has a row and a column for each channel: what must stand in the rows of the"
    " other factor, and on which side?"
)

# in the second trial C = H·W, in the third C = H = W, in the fourth C = H, in the fifth C = W: there, wrong axes raise
# no error;
# the last but one has the size of the first and large numbers, and the last has one channel and small numbers
gram_gradient = ByHand(
    "gram_gradient",
    _flow(),
    lambda: random_trials(
        52,
        "{} channels, {} × {} positions",
        ((4, 3, 5), (6, 2, 3), (3, 3, 3), (5, 5, 2), (4, 2, 4), (9, 3, 3), (4, 3, 5, 100.0), (1, 2, 3, 1e-3)),
        lambda draw, C, H, W, scale=1.0: (scale * (draw(1, C, H, W) + 0.3), scale * draw(C, C)),
    ),
    [
        Misconception(
            "autograd",
            unrecorded(_by_autograd),
            "autograd is switched off here, so it finds no graph to go back through: derive the formula on paper, and"
            " compute it from F and B. Which places of G does one value of F have a part in?",
        ),
        *[
            Misconception(name, _flow(matrix=matrix), hint)
            for name, matrix, hint in (
                ("once", kept, "you return B F, the part of one place of F in G. " + BOTH),
                ("once_transposed", lambda B: B.mT, "you return Bᵀ F, the part of one place of F in G. " + BOTH),
                ("symmetric", lambda B: 2 * B, "2 B F is right only where B is symmetric. " + BOTH),
                ("symmetric_transposed", lambda B: 2 * B.mT, "2 Bᵀ F is right only where B is symmetric. " + BOTH),
                (
                    "halved",
                    lambda B: (B + B.mT) / 2,
                    (
                        "your result is half of the right one: do the parts of the two places of F add up, or is"
                        " their mean taken?"
                    ),
                ),
                (
                    "doubled",
                    lambda B: 2 * (B + B.mT),
                    (
                        "your result is twice the right one: how many places does a value of F have in G, and"
                        " how often have you counted them?"
                    ),
                ),
                ("four_times", lambda B: 4 * B, "4 B F is too large by a factor of 2 even for a symmetric B. " + BOTH),
                (
                    "difference",
                    lambda B: B - B.mT,
                    (
                        "you subtract the part of the second place: which sign does a product give to the"
                        " derivative with respect to its second factor?"
                    ),
                ),
                (
                    "difference_turned",
                    lambda B: B.mT - B,
                    (
                        "you subtract the part of the first place: which sign does a product give to the"
                        " derivative with respect to its first factor?"
                    ),
                ),
                (
                    "negative",
                    lambda B: -B - B.mT,
                    (
                        "the sign is turned round: if L grows with G, and all of F is positive, should your"
                        " result be positive or negative?"
                    ),
                ),
                (
                    "diagonal_once",
                    lambda B: diagonal((B + B.mT)[None], 0.5)[0],
                    "you count the diagonal once. It holds G_kk = Σ F_kj²: what is the derivative of a square?",
                ),
                (
                    "diagonal_zero",
                    lambda B: diagonal((B + B.mT)[None], 0)[0],
                    "the diagonal is left out: what is the derivative of G_kk = Σ F_kj² with respect to F_kj?",
                ),
                (
                    "diagonal_only",
                    lambda B: torch.diag(2 * B.diagonal()),
                    "you use the diagonal only: each channel gets something from every other.",
                ),
                (
                    "upper",
                    lambda B: (B + B.mT).triu(),
                    "you use the upper triangle only: does a channel not meet the channels before it, too?",
                ),
                (
                    "lower",
                    lambda B: (B + B.mT).tril(),
                    "you use the lower triangle only: does a channel not meet the channels after it, too?",
                ),
                (
                    "from_upper",
                    lambda B: 2 * (B.triu() + B.triu(1).mT),
                    (
                        "you fill B up from its upper triangle, but B need not be symmetric: what do the entries"
                        " below the diagonal say?"
                    ),
                ),
                (
                    "from_lower",
                    lambda B: 2 * (B.tril() + B.tril(-1).mT),
                    (
                        "you fill B up from its lower triangle, but B need not be symmetric: what do the entries"
                        " above the diagonal say?"
                    ),
                ),
                (
                    "twice_upper",
                    lambda B: 2 * B.triu(),
                    "you use twice the upper triangle of B: what do the entries below the diagonal say?",
                ),
                (
                    "twice_lower",
                    lambda B: 2 * B.tril(),
                    "you use twice the lower triangle of B: what do the entries above the diagonal say?",
                ),
                (
                    "upper_and_transpose",
                    lambda B: B.triu() + B.triu().mT,
                    "you use the upper triangle of B and its mirror image: what do the entries below the diagonal say?",
                ),
                (
                    "lower_and_transpose",
                    lambda B: B.tril() + B.tril().mT,
                    "you use the lower triangle of B and its mirror image: what do the entries above the diagonal say?",
                ),
                (
                    "own_channel",
                    lambda B: torch.diag((B + B.mT).sum(1)),
                    (
                        "you multiply each channel by a number: with which channels does G multiply it, and do"
                        " they not give it a part?"
                    ),
                ),
                (
                    "multiplied",
                    lambda B: B @ B.mT,
                    (
                        "you multiply B by its transpose. Two places of F in G give two terms: how are the terms"
                        " of a derivative put together?"
                    ),
                ),
                (
                    "multiplied_other_way",
                    lambda B: B.mT @ B,
                    (
                        "you multiply B by its transpose. Two places of F in G give two terms: how are the terms"
                        " of a derivative put together?"
                    ),
                ),
                (
                    "entry_by_entry",
                    lambda B: B * B.mT,
                    (
                        "you multiply B by its transpose. Two places of F in G give two terms: how are the terms"
                        " of a derivative put together?"
                    ),
                ),
                ("absolute", lambda B: (B + B.mT).abs(), "you take absolute values: B may well be negative."),
                ("rectified_matrix", lambda B: (B + B.mT).relu(), "you rectify the matrix: B may well be negative."),
                (
                    "flipped",
                    lambda B: B + B.flip(0, 1),
                    (
                        "flip turns B end for end: which row and column does the entry [0, 1] have afterwards,"
                        " and which should it have?"
                    ),
                ),
            )
        ],
        *[
            Misconception(name + end, _flow(matrix=matrix, factor=factor), hint + more)
            for end, matrix, more in (
                ("", lambda B: B + B.mT, ""),
                ("_once", kept, HALF),
                (
                    "_symmetric",
                    lambda B: 2 * B,
                    " And 2 B is right for a symmetric B only: what happens to another one?",
                ),
            )
            for name, factor, hint in (
                ("over_positions", lambda C, M: 1 / M, "you divide by H·W: here G is the plain sum over positions."),
                (
                    "over_values",
                    lambda C, M: 1 / (C * M),
                    "you divide by C·H·W: here G is the plain sum over positions.",
                ),
                (
                    "of_cost",
                    lambda C, M: 1 / (4 * C**2),
                    (
                        "1/(4·C²) belongs to the cost: B holds all that comes from there. Does G itself divide"
                        " by anything here?"
                    ),
                ),
                (
                    "of_paper",
                    lambda C, M: 1 / (C * M) ** 2,
                    "1/(C·H·W)² belongs to the paper's cost: B holds all that comes from there.",
                ),
                (
                    "of_cost_and_positions",
                    lambda C, M: 1 / (C**2 * M),
                    "1/(C²·H·W) belongs to the cost's gradient: B holds all that comes from there.",
                ),
                ("over_channels", lambda C, M: 1 / C, "you divide by C: does G itself divide by anything here?"),
                (
                    "over_channels_squared",
                    lambda C, M: 1 / C**2,
                    "you divide by C²: does G itself divide by anything here?",
                ),
                (
                    "of_root",
                    lambda C, M: 1 / M**0.5,
                    "you divide by the root of H·W: does G itself divide by anything here?",
                ),
            )
        ],
        *[
            Misconception(
                name + end, lambda F, B, matrix=matrix, function=function: function(F, matrix(B)), hint + more
            )
            for end, matrix, more in (("", lambda B: B + B.mT, ""), ("_once", kept, HALF))
            for name, function, hint in (
                (
                    "masked",
                    lambda F, M: (M @ F.flatten(2)).reshape(F.shape) * (F > 0),
                    ("[F > 0] comes from the ReLU, as in the paper: this exercise stops at F itself, so leave it out."),
                ),
                (
                    "rectified_input",
                    lambda F, M: (M @ F.relu().flatten(2)).reshape(F.shape),
                    "you apply the ReLU to F: take the activations as they are given.",
                ),
                (
                    "rectified",
                    lambda F, M: (M @ F.flatten(2)).reshape(F.shape).relu(),
                    "you rectify the gradient: it may well be negative.",
                ),
                ("on_rows", lambda F, M: M @ F, "B @ F acts on the rows of each map: flatten F first. " + SIDE),
                ("on_columns", lambda F, M: F @ M, "F @ B acts on the columns of each map: flatten F first. " + SIDE),
                (
                    "on_positions",
                    lambda F, M: (F.flatten(2) @ M).reshape(F.shape),
                    "F.flatten(2) @ B acts on positions. " + SIDE,
                ),
                ("pointwise", lambda F, M: F * M, "* multiplies place by place: use @. " + SIDE),
                (
                    "not_brought_back",
                    lambda F, M: (F[0].flatten(1).T @ M).reshape(F.shape),
                    "your product is (H·W, C), and reshape(F.shape) tears the channels up: transpose it first. " + SIDE,
                ),
                (
                    "torn_up",
                    lambda F, M: (M @ F.reshape(-1, F.shape[1]).T).T.reshape(F.shape),
                    "reshape(H·W, C) tears the channels up, for it only cuts the values in their order: use"
                    " F.flatten(2). " + SIDE,
                ),
                (
                    "torn_at_start",
                    lambda F, M: (M @ F.reshape(-1, F.shape[1]).T).reshape(F.shape),
                    "reshape(H·W, C) tears the channels up, for it only cuts the values in their order: use"
                    " F.flatten(2). " + SIDE,
                ),
                ("flat", lambda F, M: M @ F[0].flatten(1), "give your result the shape of F: reshape(F.shape)."),
                ("flat_kept", lambda F, M: M @ F.flatten(2), "give your result the shape of F: reshape(F.shape)."),
                (
                    "no_batch",
                    lambda F, M: (M @ F[0].flatten(1)).reshape(F.shape[1:]),
                    "the axis of the batch is lost: reshape(F.shape).",
                ),
                (
                    "on_its_side",
                    lambda F, M: (M @ F[0].flatten(1)).T,
                    "your result is (H·W, C): transpose it, and reshape(F.shape).",
                ),
                (
                    "summed",
                    lambda F, M: (M @ F[0].flatten(1)).sum(1),
                    "you add up over positions: each value of F has a gradient of its own.",
                ),
                (
                    "of_gram",
                    lambda F, M: M @ variant()(F)[0],
                    (
                        "you multiply by the Gram matrix: what is left of a product of two values of F when you"
                        " take the derivative with respect to one?"
                    ),
                ),
            )
        ],
        Misconception(
            "matrix_alone",
            lambda F, B: B + B.mT,
            "F is missing: the derivative of a product with respect to one factor holds the other one.",
        ),
        Misconception(
            "value",
            lambda F, B: (B * variant()(F)[0]).sum(),
            "that is Σ B G, a number: what is asked for is its derivative with respect to each value of F.",
        ),
        Misconception(
            "activations_alone",
            lambda F, B: 2 * F,
            "B is missing: how much L changes depends on the entry of G that changes, and B says how.",
        ),
    ],
    hints=(
        "Take C = 2 and one position, F = (a, b). Write the four entries of G and their derivatives with"
        " respect to a. In how many entries does a stand?",
        "F stands in G once as a row and once as a column. Each gives a term; B need not be symmetric, so which"
        " two matrices appear?",
        "The sum of B and its transpose, multiplied by the maps (C, H·W) from the left, in the shape of F.",
    ),
)
