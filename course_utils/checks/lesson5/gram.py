"""Check of lesson 5: the Gram matrix."""

import numpy as np
import torch
import torch.nn.functional as nnf

from course_utils.checks.core import Exercise, Misconception, kept, random_trials


def _rows(F):
    """Each channel as a row of its H·W values, (N, C, H·W)."""
    return F.flatten(2)


def _outer(rows):
    return rows @ rows.transpose(1, 2)


def variant(*, prepare=kept, rows=_rows, product=_outer, divisor=lambda N, C, H, W: 1, finish=kept):
    """Σ_ij a_ijk a_ijk' for each picture, with one part replaced; `divisor` gets N, C, H and W, `finish` the matrices
    and N.
    """

    def function(F):
        return finish(product(rows(prepare(F))) / divisor(*F.shape), len(F))

    return function


def _repeated(matrix, N):
    return matrix.expand(N, *matrix.shape[1:])


def _letters(equation):
    """The product of F with itself that einsum computes for these letters."""
    return variant(rows=kept, product=lambda F: torch.einsum(equation, F, F))


def _joined(F):
    """Each channel as one row of the values of all pictures."""
    return F.transpose(0, 1).reshape(1, F.shape[1], -1)


def _cut(F):
    return F.reshape(1, F.shape[1], -1)


def centred(F):
    return F - F.mean((2, 3), keepdim=True)


def _one_row(G, *_):
    """Row 0 alone; the others are zero."""
    return torch.cat((G[:, :1], torch.zeros_like(G[:, 1:])), 1)


def diagonal(G, factor):
    """The matrix with its diagonal multiplied by a number."""
    return G + (factor - 1) * torch.diag_embed(G.diagonal(dim1=1, dim2=2))


def correlation(F):
    unit = nnf.normalize(_rows(F), dim=2)
    return _outer(unit)


BATCH = (
    "The axis of the batch has to stay in front: @ then makes one matrix for each picture. Which axes of F become one?"
)
NOT_DIVIDED = "Here the Gram matrix is the plain sum over positions."
CHANNELS = (
    "Each channel should be one row, and each entry of the product should belong to two"
    " channels: which axis must be summed over?"
)
WHOLE = "Fill the whole matrix, C² places: [k, k'] is the same as [k', k]."
LETTERS = "in einsum both factors need the same {}."
PLACES = "What has to be multiplied are two values at the same position: " + LETTERS
PICTURES = "you multiply pictures by one another{}. Multiply each by itself only; " + LETTERS.format("letter n")

MERGED = (  # how the pictures of a batch are mixed up: the matrices, and the hint
    ("joined", variant(rows=_joined), "you add up over all pictures. "),
    ("averaged", variant(rows=_joined, divisor=lambda N, *_: N), "you average over the pictures. "),
    ("cut_up", variant(rows=_cut), "reshape(C, −1) cuts across the pictures. "),
    ("first", lambda F: variant()(F[:1]), "only the first picture counts. "),
    ("last", lambda F: variant()(F[-1:]), "only the last picture counts. "),
    ("mean_picture", lambda F: variant()(F.mean(0, keepdim=True)), "you average the activations over the batch. "),
    (
        "joined_over_all",
        variant(rows=_joined, divisor=lambda N, C, H, W: N * C * H * W),
        "you merge the pictures, and divide. ",
    ),
)

# in the second trial N = C = H·W, in the third N = C = H = W, in the fourth H = W: there, wrong axes raise no error;
# the last but one has the size of the first and large numbers, the last one channel and small numbers
gram = Exercise(
    "gram",
    variant(),
    lambda: random_trials(
        50,
        "F of {} × {} × {} × {}",
        (
            (1, 4, 3, 5),
            (4, 4, 2, 2),
            (3, 3, 3, 3),
            (3, 2, 4, 4),
            (2, 5, 3, 2),
            (3, 6, 2, 3),
            (1, 4, 3, 5, 300.0),
            (3, 1, 2, 4, 1e-3),
        ),
        lambda draw, N, C, H, W, scale=1.0: (
            scale * (draw(N, C, H, W) * torch.linspace(1, 2, C)[:, None, None] + 0.4),
        ),
    ),
    [
        *[
            Misconception(f"{name}{end}", lambda F, matrix=matrix, shape=shape: shape(matrix(F), F), hint + BATCH)
            for name, matrix, hint in MERGED
            for end, shape in (
                ("", lambda G, F: G[0]),
                ("_kept", kept),
                ("_repeated", lambda G, F: _repeated(G, len(F))),
            )
        ],
        *[
            Misconception(
                "merged" + end,
                variant(rows=lambda F: F.flatten(0, 1).flatten(1)[None], divisor=divisor, finish=lambda G, N: G[0]),
                "reshape(N·C, H·W) compares channels of different pictures" + more + BATCH,
            )
            for end, divisor, more in (
                ("", lambda *_: 1, ". "),
                ("_over_all", lambda N, C, H, W: N * C * H * W, ", and you divide. "),
                ("_over_positions", lambda N, C, H, W: H * W, ", and you divide. "),
            )
        ],
        *[
            Misconception(
                "one_picture" + end,
                variant(
                    rows=lambda F: F.view(1, F.shape[1], F.shape[2] * F.shape[3]),
                    divisor=divisor,
                    finish=lambda G, N, take=take: take(G),
                ),
                "your function works for one picture only, and fails for more. " + BATCH + more,
            )
            for end, divisor, take, more in (
                ("", lambda *_: 1, lambda G: G[0], ""),
                ("_kept", lambda *_: 1, kept, ""),
                ("_divided", lambda N, C, H, W: C * H * W, lambda G: G[0], " And do not divide."),
            )
        ],
        Misconception(
            "three_axes",
            lambda F: [None for C, H, W in [F.shape]],
            "F has four axes, N, C, H and W: the batch is the first.",
        ),
        Misconception(
            "over_pictures",
            variant(divisor=lambda N, *_: N),
            "you divide by the number of pictures: the matrix of one does not depend on the others.",
        ),
        *[
            Misconception(name, variant(divisor=divisor), hint + NOT_DIVIDED)
            for name, divisor, hint in (
                ("over_positions", lambda N, C, H, W: H * W, "you divide by H·W, as is done later, in the cost. "),
                ("over_values", lambda N, C, H, W: C * H * W, "you divide by C·H·W, as CS231n and d2l do. "),
                ("over_positions_minus_1", lambda N, C, H, W: H * W - 1, "you divide by H·W − 1. "),
                ("over_all", lambda N, C, H, W: N * C * H * W, "you divide by N·C·H·W, as the PyTorch tutorial does. "),
                ("over_batch_and_positions", lambda N, C, H, W: N * H * W, "you divide by N·H·W. "),
                ("over_channels", lambda N, C, H, W: C, "you divide by C. "),
                ("over_channels_squared", lambda N, C, H, W: C**2, "you divide by C². "),
                ("over_height", lambda N, C, H, W: H, "you divide by H. "),
                ("over_width", lambda N, C, H, W: W, "you divide by W. "),
                ("over_square_of_height", lambda N, C, H, W: H * H, "you divide by H·H. "),
                ("over_square_of_width", lambda N, C, H, W: W * W, "you divide by W·W. "),
                ("over_root", lambda N, C, H, W: (H * W) ** 0.5, "you divide by the root of H·W. "),
                ("half", lambda *_: 2, "you divide by 2. "),
                ("over_twice_values", lambda N, C, H, W: 2 * C * H * W, "you divide by 2·C·H·W. "),
            )
        ],
        *[
            Misconception(name, function, hint + CHANNELS)
            for name, function, hint in (
                ("not_transposed", variant(product=lambda rows: rows @ rows), "the second factor is not transposed. "),
                (
                    "transposed_batch",
                    variant(product=lambda rows: rows @ rows.transpose(0, 1)),
                    "transpose(0, 1) exchanges batch and channels: exchange the last two axes. ",
                ),
                (
                    "transposed_all",
                    variant(product=lambda rows: rows @ rows.permute(2, 1, 0)),
                    ".T turns all three axes round, the batch too: exchange the last two only. ",
                ),
                (
                    "position_by_position",
                    variant(product=lambda rows: rows.transpose(1, 2) @ rows),
                    "you compare positions: transpose the second factor. ",
                ),
                (
                    "maps_multiplied",
                    variant(rows=kept, product=lambda F: F @ F),
                    "you multiply each map by itself: flatten it into a row first. ",
                ),
                (
                    "row_by_row",
                    variant(rows=kept, product=lambda F: F @ F.transpose(2, 3)),
                    "you compare the rows of each map: flatten it first. ",
                ),
                (
                    "column_by_column",
                    variant(rows=kept, product=lambda F: F.transpose(2, 3) @ F),
                    "you compare the columns of each map: flatten it first. ",
                ),
                ("rows_summed", _letters("nchw,ncgw->nhg"), "you compare rows of the picture. "),
                ("columns_summed", _letters("nchw,nchv->nwv"), "you compare columns of the picture. "),
                ("over_rows_only", _letters("nchw,ndhw->ncdw"), "you add up over rows only, and columns are left. "),
                ("over_columns_only", _letters("nchw,ndhw->ncdh"), "you add up over columns only, and rows are left. "),
                (
                    "flattened_from_1",
                    variant(rows=lambda F: F.flatten(1)[:, :, None]),
                    "flatten(1) mixes channels and positions. ",
                ),
                (
                    "flattened_from_1_summed",
                    variant(rows=lambda F: F.flatten(1)[None], finish=lambda G, N: G[0]),
                    "you compare pictures. ",
                ),
            )
        ],
        *[
            Misconception(name, _letters(equation), hint)
            for name, equation, hint in (
                (
                    "other_columns",
                    "nchw,ndhv->ncd",
                    "you multiply each column by every other. " + PLACES.format("letter w"),
                ),
                ("other_rows", "nchw,ndgw->ncd", "you multiply each row by every other. " + PLACES.format("letter h")),
                (
                    "other_positions",
                    "nchw,ndgv->ncd",
                    "you add up before you multiply, so that it no longer matters where something is. "
                    + PLACES.format("letters h and w"),
                ),
                ("other_pictures", "nchw,mdhw->ncd", PICTURES.format("")),
                ("pair_of_pictures", "nchw,mdhw->nmcd", PICTURES.format("")),
                ("all_summed", "nchw,mdhw->cd", PICTURES.format(", and add them up")),
                ("batch_last", "nchw,ndhw->cdn", "the batch comes last: it is the first axis, (N, C, C)."),
                ("batch_between", "nchw,ndhw->cnd", "the batch stands in the middle: it is the first axis, (N, C, C)."),
                (
                    "not_summed",
                    "nchw,ndhw->ncdhw",
                    "nothing is added up: sum over rows and columns, the last two axes.",
                ),
                (
                    "energies",
                    "nchw,nchw->nc",
                    "those are the squares of each channel alone: all pairs of channels are asked for, (N, C, C).",
                ),
                (
                    "energies_of_positions",
                    "nchw,nchw->nhw",
                    "you add up over channels: add up over positions, for all pairs of channels.",
                ),
            )
        ],
        *[
            Misconception(name, variant(rows=rows), hint)
            for name, rows, hint in (
                (
                    "reshaped",
                    lambda F: F.reshape(len(F), -1, F.shape[1]).transpose(1, 2),
                    (
                        "reshape(N, H·W, C) tears the channels up, for it only cuts the values in their order: use"
                        " flatten(2).transpose(1, 2)."
                    ),
                ),
                (
                    "channels_last",
                    lambda F: F.permute(0, 2, 3, 1).reshape(len(F), F.shape[1], -1),
                    (
                        "you bring the channels to the end and reshape as if they came first: leave the permute out,"
                        " flatten(2) is enough."
                    ),
                ),
                (
                    "batch_and_channels",
                    lambda F: F.transpose(0, 1).reshape(len(F), F.shape[1], -1),
                    (
                        "you exchange batch and channels and reshape as if you had not: leave the transpose out,"
                        " flatten(2) is enough."
                    ),
                ),
            )
        ],
        Misconception(
            "maps_transposed",
            lambda F: F.flatten(2) @ F.transpose(2, 3).flatten(2).transpose(1, 2),
            "transpose(2, 3) turns each map on its side, so that other positions meet: flatten first, then"
            " transpose(1, 2).",
        ),
        *[
            Misconception(name, variant(finish=finish), hint + WHOLE)
            for name, finish, hint in (
                ("upper", lambda G, N: G.triu(), "below the diagonal there are zeros. "),
                ("lower", lambda G, N: G.tril(), "above the diagonal there are zeros. "),
                ("above_diagonal", lambda G, N: G.triu(1), "on and below the diagonal there are zeros. "),
                ("below_diagonal", lambda G, N: G.tril(-1), "on and above the diagonal there are zeros. "),
                (
                    "diagonal_zero",
                    lambda G, N: diagonal(G, 0),
                    "the diagonal is zero: a channel is compared with itself too. ",
                ),
                ("diagonal_only", lambda G, N: G - diagonal(G, 0), "beside the diagonal there are zeros. "),
                ("first_row", _one_row, "only row 0 is filled. "),
                ("first_column", lambda G, N: _one_row(G.mT).mT, "only column 0 is filled. "),
                (
                    "last_row_missing",
                    lambda G, N: torch.cat((G[:, :-1], torch.zeros_like(G[:, -1:])), 1),
                    "the last row is zero. ",
                ),
                (
                    "last_channel_missing",
                    lambda G, N: nnf.pad(G[:, :-1, :-1], (0, 1, 0, 1)),
                    "the last row and column are zero. ",
                ),
            )
        ],
        Misconception(
            "diagonal_doubled",
            variant(finish=lambda G, N: diagonal(G, 2)),
            "the diagonal is doubled, as when a triangle and its transpose are added: both hold the diagonal, and once"
            " is enough.",
        ),
        Misconception(
            "diagonal_halved",
            variant(finish=lambda G, N: diagonal(G, 0.5)),
            "the diagonal is halved: [k, k] is the whole sum of squares.",
        ),
        *[
            Misconception(
                f"{name}_of_positions_missing",
                variant(prepare=lambda F, part=part: F[part]),
                f"the {name.replace('_', ' ')} of positions is left out: add up over all H·W.",
            )
            for name, part in (
                ("last_row", np.s_[:, :, :-1]),
                ("last_column", np.s_[..., :-1]),
                ("first_row", np.s_[:, :, 1:]),
                ("first_column", np.s_[..., 1:]),
            )
        ],
        *[
            Misconception(
                name,
                variant(prepare=centred, divisor=divisor),
                "you subtract each channel's mean: that is a covariance. " + NOT_DIVIDED,
            )
            for name, divisor in (
                ("centred", lambda *_: 1),
                ("covariance", lambda N, C, H, W: H * W),
                ("covariance_unbiased", lambda N, C, H, W: H * W - 1),
            )
        ],
        *[  # for one channel torch makes a number of the rows, not a matrix
            Misconception(
                name,
                lambda F, function=function: torch.stack([function(picture.flatten(1)) for picture in F]),
                hint + NOT_DIVIDED,
            )
            for name, function, hint in (
                ("torch_cov", torch.cov, "torch.cov subtracts each channel's mean, and divides by H·W − 1. "),
                ("torch_corrcoef", torch.corrcoef, "torch.corrcoef subtracts each channel's mean, and divides. "),
            )
        ],
        Misconception(
            "centred_over_channels",
            variant(prepare=lambda F: F - F.mean(1, keepdim=True)),
            "you subtract the mean over the channels: multiply the activations as they are.",
        ),
        Misconception(
            "centred_over_all",
            variant(prepare=lambda F: F - F.mean((1, 2, 3), keepdim=True)),
            "you subtract the mean of each picture: multiply the activations as they are.",
        ),
        Misconception(
            "correlation",
            lambda F: correlation(centred(F)),
            "those are correlations, from −1 to 1: how strong the channels are counts too. " + NOT_DIVIDED,
        ),
        Misconception(
            "cosine", correlation, "you divide each channel by its length: how strong it is counts too. " + NOT_DIVIDED
        ),
        Misconception(
            "normalised_over_channels",
            variant(prepare=nnf.normalize),
            "`normalize` divides each position by its length: take F as it is.",
        ),
        Misconception(
            "unit_energy",
            variant(finish=lambda G, N: G / G.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]),
            "you divide by the sum of all squares. " + NOT_DIVIDED,
        ),
        *[
            Misconception(name, variant(prepare=prepare, finish=finish), hint)
            for name, prepare, finish, hint in (
                (
                    "rectified_input",
                    torch.relu,
                    kept,
                    "you apply the ReLU to F: take the activations as they are given.",
                ),
                (
                    "absolute_input",
                    torch.abs,
                    kept,
                    "you take absolute values of F: take the activations as they are given.",
                ),
                (
                    "squared_input",
                    torch.square,
                    kept,
                    "you square F, and then multiply: the product of two channels is enough.",
                ),
                (
                    "rectified",
                    kept,
                    lambda G, N: G.relu(),
                    "you set negative entries to zero: two channels may well exclude each other.",
                ),
                ("absolute", kept, lambda G, N: G.abs(), "you take absolute values: an entry may well be negative."),
                ("squared", kept, lambda G, N: G.square(), "you square the matrix: that comes later, in the cost."),
                (
                    "negative",
                    kept,
                    lambda G, N: -G,
                    "the sign is turned round: the diagonal holds sums of squares, which are never negative.",
                ),
                (
                    "doubled",
                    kept,
                    lambda G, N: G + G.mT,
                    (
                        "your matrix is twice the right one, for example because it is added to its transpose:"
                        " how often should a term of the sum count?"
                    ),
                ),
                (
                    "flat",
                    kept,
                    lambda G, N: G.flatten(1),
                    "your result is a row for each picture: the matrices have the shape (N, C, C).",
                ),
                (
                    "pooled",
                    lambda F: F.mean((2, 3), keepdim=True),
                    kept,
                    (
                        "you average each channel before you multiply, so that it no longer matters what fires where:"
                        " multiply at each position, then add up."
                    ),
                ),
            )
        ],
    ],
    differentiable=(0,),
    hints=(
        "Write the maps as a table with a row for each channel. Which two rows meet in G[k, k']?",
        "A sum of products of two rows, for all pairs of rows, is one product of matrices. What stands to the"
        " right of the table?",
        "`maps = F.flatten(2)` has the shape (N, C, H·W). Multiply it by its own transpose, `maps.transpose(1,"
        " 2)`, with `@`.",
    ),
)
