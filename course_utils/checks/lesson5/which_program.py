"""Check of lesson 5: which of three programs can take the place of the lesson's style cost, and with which weights."""

import torch

from course_utils.checks.core import Choice


def _joined(F, S):
    """One Gram matrix for all pictures of the batch; for a single picture this is the lesson's cost."""
    rows, others = F.transpose(0, 1).flatten(1), S[0].flatten(1)
    difference = rows @ rows.T / rows.shape[1] - others @ others.T / others.shape[1]
    return (difference.square().sum() / (4 * len(rows) ** 2)).expand(len(F))


def _over_values(F, S):
    """CS231n's cost: Gram matrices divided by C·M, and no factor."""
    rows, others = F.flatten(2), S.flatten(2)
    difference = rows @ rows.mT / rows[0].numel() - others @ others.mT / others[0].numel()
    return difference.square().sum((1, 2))


def _undivided(F, S):
    """The paper's cost, with the generated picture's M for both matrices; for equal sizes it is the lesson's cost."""
    rows, others = F.flatten(2), S.flatten(2)
    difference = torch.matmul(rows, rows.mT) - others @ others.mT
    return difference.square().sum((1, 2)) / (2 * rows[0].numel()) ** 2


programs = {"first": _joined, "second": _over_values, "third": _undivided}

which_program = Choice(
    "which_program",
    "C",
    {
        "A": "the first agrees with losses.style_loss as long as you give it one picture. Give it three that differ,"
        " and then each of them alone: whose cost changes, and whose should not?",
        "B": "the second is the right program, but look again at the weights: is its cost larger or smaller than"
        " that of losses.style_loss, and what has to be done so that λ times the cost stays the same?",
        "C": "right: the second gives each picture a cost of its own, whatever the size of the painting, and that"
        " is 4 times losses.style_loss for every picture, as in CS231n. So λ/4 keeps the weighted sum.",
        "D": "the third agrees with losses.style_loss as long as picture and painting have one size. Lay the painting"
        " out as four tiles, painting.tile(1, 1, 2, 2): what should happen to the cost, and what does?",
    },
    hints=(
        "A cost of one picture must not depend on the pictures beside it. How does one test that?",
        "Tiling a painting does not change its mean Gram matrix. Which program notices the tiles, and by which"
        " factor does the remaining one differ from yours?",
        "Divide each program's result by `cost_of_layer(pictures, painting)`. The factor must be the same for"
        " all pictures, and for the tiled painting. If its cost is k times yours, your λ has to be divided by k.",
    ),
)
