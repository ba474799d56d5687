"""Check of lesson 8: the Gram matrix of a region."""

import torch

from course_utils.checks.core import Exercise, Misconception, random_trials


def _weighted(weight, below, rows=lambda F: F.flatten(2)):
    """Σ_i weight_i a_i a_iᵀ / below, with weight (1, 1, M) and a number made of T (1, 1, M)."""

    def function(F, T):
        maps, guide = rows(F), T.flatten(2)
        return (maps * weight(guide)) @ maps.transpose(1, 2) / below(guide)

    return function


def _squares(T):
    return T.square()


def _sum_of_squares(T):
    return T.square().sum()


def _joined(F):
    """Each channel as one row of the values of all pictures."""
    return F.transpose(0, 1).flatten(1)[None]


def _mixed(F, T):
    guide = (T / T.square().sum().sqrt()).expand(len(F), 1, *T.shape[2:])
    rows = _joined(F * guide)
    return (rows @ rows.transpose(1, 2)).expand(len(F), -1, -1)


BELOW = "Which number makes the weights T_i² sum up to 1?"

guided_gram = Exercise(
    "guided_gram",
    _weighted(_squares, _sum_of_squares),
    lambda: random_trials(
        80,
        "F of {} × {} × {} × {}, about {}",
        ((1, 4, 3, 5, 1), (3, 2, 4, 4, 1000), (2, 1, 2, 3, 1), (1, 3, 6, 2, 1e-3), (1, 4, 3, 5, 1)),
        lambda draw, N, C, H, W, size: (
            size * (draw(N, C, H, W) + 0.3),
            # where the values are tiny, the region ends in the last column
            (0.1 + 0.4 * draw(1, 1, H, W).abs()).clamp(max=1) * torch.tensor([1.0] * (W - 1) + [min(size, 1)]),
        ),
    ),
    [
        Misconception(
            "not_squared",
            _weighted(lambda T: T, lambda T: T.sum()),
            "you weight the products with T. T multiplies both factors of a product: how often does it count then?",
        ),
        Misconception(
            "not_squared_over_squares",
            _weighted(lambda T: T, _sum_of_squares),
            "you weight the products with T and divide by the sum of T². T multiplies both factors of a product.",
        ),
        Misconception(
            "not_divided",
            _weighted(_squares, lambda T: 1),
            f"you do not divide, so that a large region counts more. {BELOW}",
        ),
        Misconception(
            "over_positions",
            _weighted(_squares, lambda T: T.numel()),
            f"you divide by the number of all positions, those outside the region too. {BELOW}",
        ),
        Misconception("over_sum", _weighted(_squares, lambda T: T.sum()), f"you divide by the sum of T. {BELOW}"),
        Misconception(
            "over_root",
            _weighted(_squares, lambda T: T.square().sum().sqrt()),
            f"you divide by the root of the sum of T². It stands in both factors of a product. {BELOW}",
        ),
        Misconception(
            "over_square",
            _weighted(_squares, lambda T: T.sum().square()),
            f"you divide by the square of a sum, not by the sum of squares. {BELOW}",
        ),
        Misconception(
            "whole",
            _weighted(torch.ones_like, lambda T: T.numel()),
            "T does not count: this is the Gram matrix of the whole picture, divided by its positions.",
        ),
        Misconception(
            "whole_not_divided",
            _weighted(torch.ones_like, lambda T: 1),
            "T does not count: this is the Gram matrix of the whole picture.",
        ),
        Misconception(
            "outside",
            _weighted(lambda T: (1 - T).square(), lambda T: (1 - T).square().sum()),
            "this is the Gram matrix of the other region, with 1 − T.",
        ),
        Misconception(
            "twice",
            _weighted(lambda T: T.square().square(), lambda T: T.square().square().sum()),
            "you multiply the maps by T²: T itself is enough, since each product holds two maps.",
        ),
        Misconception(
            "twice_over_squares",
            _weighted(lambda T: T.square().square(), _sum_of_squares),
            "you multiply the maps by T²: T itself is enough, since each product holds two maps.",
        ),
        Misconception(
            "hard",
            _weighted(lambda T: (T > 0.5).to(T), lambda T: (T > 0.5).sum()),
            "you round T to 0 and 1: a position at the seam may belong to both regions in part.",
        ),
        Misconception(
            "one_factor",
            lambda F, T: (F * (T / T.square().sum().sqrt())).flatten(2) @ F.flatten(2).transpose(1, 2),
            "you multiply one of the two factors by T only, and the root of the sum of T² is in one of them only.",
        ),
        Misconception(
            "mixed",
            _mixed,
            "you add up over all pictures of the batch: the matrix of one does not depend on the others.",
        ),
    ],
    differentiable=(0,),
    hints=(
        "What should the result be for T = 1 everywhere, and what for T = 0 outside a single position?",
        "Each map is multiplied by T before the products are taken. So how often does T stand in a product, and"
        " which sum makes the result independent of the region's size?",
        "maps = (F * T).flatten(2); the products of all pairs of maps, as in lesson 5; divided by the sum of"
        " the squares of T.",
    ),
)
