"""Check of lesson 5: the style cost of one layer."""

import torch
import torch.nn.functional as nnf

from course_utils.checks.core import Exercise, Misconception, kept, random_trials
from course_utils.checks.lesson5.gram import centred, correlation, diagonal, variant


def _means(F):
    """The Gram matrix, divided by the number of positions."""
    return variant(divisor=lambda N, C, H, W: H * W)(F)


def _sum(D):
    return D.sum((1, 2))


def quarter(C):
    return 1 / (4 * C**2)


def distance(
    *,
    grams=lambda F, S: (_means(F), _means(S)),
    difference=torch.sub,
    power=torch.square,
    total=_sum,
    factor=quarter,
    finish=kept,
):
    """1/(4 C²) Σ (G/M − A/M')² of two feature maps, with one part replaced; `finish` gets the cost and N."""

    def function(F, S):
        return finish(factor(F.shape[1]) * total(power(difference(*grams(F, S)))), len(F))

    return function


def _divided(one, other=None):
    """Both Gram matrices, divided by numbers that depend on C, H, W of F and on H', W' of S."""

    def grams(F, S):
        sizes = (*F.shape[1:], *S.shape[2:])
        return variant()(F) / one(*sizes), variant()(S) / (other or one)(*sizes)

    return grams


def _resized(F, S, mode, **more):
    return nnf.interpolate(S, F.shape[2:], mode=mode, **more)


def _cropped(F, S):
    H, W = map(min, F.shape[2:], S.shape[2:])
    return _means(F[..., :H, :W]), _means(S[..., :H, :W])


def _channel_means(F):
    """The mean of each channel instead of the Gram matrix, (N, C, 1)."""
    return F.mean((2, 3))[:, :, None]


E = "1/(4·C²) Σ (G/(H·W) − A/(H'·W'))²"
NO_QUARTER, NO_FACTOR = lambda C: 1 / C**2, lambda C: 1

COST_PARTS = [  # what goes wrong between the difference of two Gram matrices and the cost: name, replaced parts, hint
    (
        "mean",
        {"factor": NO_QUARTER},
        (
            "your cost is 4 times too large: divide the sum of the squares by 4·C². A mean, or Gram matrices over"
            " C·H·W, divide by C² only."
        ),
    ),
    (
        "mean_and_factor",
        {"factor": lambda C: 1 / (4 * C**4)},
        "you divide by C² twice: divide the sum by 4·C², nothing else by C.",
    ),
    (
        "factor_in_square",
        {"factor": lambda C: 1 / (16 * C**4)},
        "4·C² stands inside of the square: put it outside, or 2·C inside.",
    ),
    (
        "pictures_for_channels",
        {"factor": NO_FACTOR, "finish": lambda cost, N: cost / (4 * N**2)},
        "shape[0] is the number of pictures: C is shape[1].",
    ),
    ("half_mean", {"factor": lambda C: 1 / (2 * C**2)}, "your cost is twice too large: the factor is 1/(4·C²)."),
    ("channels_not_squared", {"factor": lambda C: 1 / (4 * C)}, "you divide by 4·C: the matrix has C² entries, 4·C²."),
    (
        "factor_not_squared",
        {"factor": lambda C: 1 / (2 * C)},
        "the square on the factor is lost, as in some lecture notes: (1/(2·C))² = 1/(4·C²).",
    ),
    ("quarter_only", {"factor": lambda C: 1 / 4}, "C² is missing: the factor is 1/(4·C²)."),
    ("no_factor", {"factor": NO_FACTOR}, "the factor 1/(4·C²) is missing."),
    ("over_channels", {"factor": lambda C: 1 / C}, "you divide by C: the factor is 1/(4·C²)."),
    ("multiplied", {"factor": lambda C: C**2 / 4}, "1 / 4 * C**2 multiplies by C²: put brackets, 1 / (4 * C**2)."),
    ("half_only", {"factor": lambda C: 1 / 2}, "that ½ belongs to the content cost: the factor is 1/(4·C²)."),
    ("inverted", {"factor": lambda C: 4 * C**2}, "you multiply by 4·C²: divide by it."),
    ("negative", {"factor": lambda C: -1 / (4 * C**2)}, "your cost is negative: leave the minus out."),
    ("absolute", {"power": torch.abs}, "you add up absolute values: square the differences."),
    (
        "absolute_mean",
        {"power": torch.abs, "factor": NO_QUARTER},
        "that is a mean of absolute values: square the differences, and divide by 4·C².",
    ),
    (
        "absolute_no_factor",
        {"power": torch.abs, "factor": NO_FACTOR},
        "you add up absolute values: square the differences, and divide by 4·C².",
    ),
    (
        "not_squared",
        {"power": kept},
        "the squares inside of the sum are lost, as in some lecture notes: differences then cancel.",
    ),
    (
        "not_squared_at_all",
        {"power": kept, "factor": lambda C: 1 / (2 * C)},
        "both squares are lost, as in some lecture notes: square each difference, and the factor too, 1/(4·C²).",
    ),
    ("not_squared_no_factor", {"power": kept, "factor": NO_FACTOR}, "square the differences, and divide by 4·C²."),
    (
        "square_of_sum",
        {"power": kept, "total": lambda D: _sum(D).square()},
        "you square the sum, in which differences cancel: square each of them.",
    ),
    ("norm", {"total": lambda D: _sum(D).sqrt()}, "you take the root of the sum, a length: leave the root out."),
    (
        "norm_no_factor",
        {"total": lambda D: _sum(D).sqrt(), "factor": NO_FACTOR},
        "that is the length of the difference: leave the root out, and divide by 4·C².",
    ),
    (
        "root",
        {"total": lambda D: _sum(D).sqrt(), "factor": lambda C: 1 / (2 * C)},
        "you take the root of the cost: leave it out.",
    ),
    ("squared_twice", {"power": lambda D: D**4}, "you square twice: once is enough."),
    (
        "squares_subtracted",
        {"difference": lambda G, A: G**2 - A**2, "power": kept},
        "you subtract the squares: subtract first, then square.",
    ),
    ("added", {"difference": torch.add}, "you add the painting's matrix: subtract it."),
    ("product", {"difference": torch.mul, "power": kept}, "you multiply the two matrices: square their difference."),
    ("no_target", {"difference": lambda G, A: G}, "the painting is missing: subtract its matrix."),
    (
        "target_alone",
        {"difference": lambda G, A: A.expand(G.shape)},
        "only the painting's matrix is left: subtract it from that of the picture.",
    ),
    ("rectified", {"difference": lambda G, A: (G - A).relu()}, "you rectify the difference: both signs count."),
    (
        "upper",
        {"total": lambda D: _sum(D.triu())},
        "you add up the upper triangle only: all C² entries count, each pair of channels twice.",
    ),
    (
        "upper_doubled",
        {"total": lambda D: 2 * _sum(D.triu())},
        "twice the upper triangle counts the diagonal twice: add up all C² entries.",
    ),
    (
        "above_diagonal",
        {"total": lambda D: _sum(D.triu(1))},
        "you add up above the diagonal only: all C² entries count.",
    ),
    (
        "diagonal",
        {"total": lambda D: D.diagonal(dim1=1, dim2=2).sum(1)},
        "you add up the diagonal only: the pairs of channels are the style.",
    ),
    ("beside_diagonal", {"total": lambda D: _sum(diagonal(D, 0))}, "you leave the diagonal out: all C² entries count."),
    ("first_row", {"total": lambda D: D[:, 0].sum(1)}, "you add up row 0 only: all C² entries count."),
    ("not_summed", {"total": kept}, "nothing is added up: sum over the axes (1, 2)."),
    ("one_axis", {"total": lambda D: D.sum(1)}, "you add up over one axis only: sum over the axes (1, 2)."),
    (
        "over_batch",
        {"total": lambda D: D.sum(0)},
        "you add up over the batch: sum over the axes (1, 2), for one number for each picture.",
    ),
    ("kept", {"total": lambda D: D.sum((1, 2), keepdim=True)}, "your result has three axes: leave keepdim=True out."),
    ("batch_summed", {"total": torch.sum}, "you add up the costs of all pictures: each has its own, sum((1, 2))."),
    (
        "batch_averaged",
        {"finish": lambda cost, N: cost.mean()},
        "you average over the pictures: each has a cost of its own, sum((1, 2)).",
    ),
    (
        "everything_averaged",
        {"total": torch.mean, "factor": NO_FACTOR},
        (
            "that is the mean of all squares, as mse_loss has it: each picture has a cost of its own, sum((1, 2)) /"
            " (4·C²)."
        ),
    ),
    (
        "everything_averaged_and_factor",
        {"total": torch.mean},
        "each picture has a cost of its own: sum over the axes (1, 2) in place of a mean.",
    ),
    (
        "batch_sum_repeated",
        {"total": torch.sum, "finish": lambda cost, N: cost.expand(N)},
        "all pictures get the same cost: each has its own, sum((1, 2)).",
    ),
    (
        "batch_mean_repeated",
        {"finish": lambda cost, N: cost.mean().expand(N)},
        "all pictures get the same cost: each has its own, sum((1, 2)).",
    ),
    (
        "over_pictures",
        {"finish": lambda cost, N: cost / N},
        "you divide by the number of pictures: the cost of one does not depend on the others.",
    ),
    *[
        (f"{name}_picture{end}", {"finish": finish}, hint.format(name) + " Each has its own, sum((1, 2)).")
        for name, place in (("first", slice(1)), ("last", slice(-1, None)))
        for end, finish, hint in (
            ("", lambda cost, N, place=place: cost[place], "only the {} picture has a cost."),
            ("_alone", lambda cost, N, place=place: cost[place][0], "only the {} picture has a cost."),
            (
                "_repeated",
                lambda cost, N, place=place: cost[place].expand(N),
                "all pictures get the cost of the {} one.",
            ),
        )
    ],
]


def _published(grams, power, exponent):
    """The formula with some power of the factor 1/(2·C·H·W) of the picture."""
    return lambda F, S: _sum(power(grams(F) - grams(S))) / (2 * F[0].numel()) ** exponent


UNDIVIDED = _divided(lambda *sizes: 1)
UNDIVIDED_PARTS = (
    "mean",
    "factor_not_squared",
    "no_factor",
    "quarter_only",
    "absolute",
    "not_squared",
    "not_squared_at_all",
    "norm",
)
LOST = ", as in some lecture notes: it is 1/(2·C·H·W)² Σ (G − A)², and for two sizes " + E + "."
OWN = "each Gram matrix by its own number of positions, H·W and H'·W'."
DIFFERENT = "painting and picture may differ in size, and their Gram matrices are of one shape all the same: "

# in the second trial both sizes are equal, in the fifth the numbers of positions: there, what needs equal sizes raises
# no error;
# the sixth has the sizes of the fourth and other numbers, the seventh one channel and large numbers
layer_cost = Exercise(
    "layer_cost",
    distance(),
    lambda: random_trials(
        51,
        "F of {} × {} × {} × {}, S of {} × {}",
        (
            (1, 4, 3, 5, 4, 2),
            (3, 3, 4, 5, 4, 5),
            (3, 5, 2, 3, 3, 4),
            (1, 3, 3, 3, 5, 2),
            (2, 4, 6, 2, 3, 4),
            (1, 3, 3, 3, 5, 2, 1e-3),
            (2, 1, 2, 3, 4, 2, 100.0),
        ),
        lambda draw, N, C, H, W, h, w, scale=1.0: (
            scale * (draw(N, C, H, W) + 0.4),
            scale * (1.3 * draw(1, C, h, w) - 0.2),
        ),
    ),
    [
        *[Misconception(name, distance(**parts), hint) for name, parts, hint in COST_PARTS],
        Misconception(
            "undivided", distance(grams=UNDIVIDED), "your Gram matrices grow with the picture: divide " + OWN
        ),
        *[
            Misconception("undivided_" + name, distance(grams=UNDIVIDED, **parts), hint + " And divide " + OWN)
            for name, parts, hint in COST_PARTS
            if name in UNDIVIDED_PARTS
        ],
        *[
            Misconception(name, distance(grams=_divided(*divisors)), hint + "Divide " + OWN)
            for name, divisors, hint in (
                ("size_of_picture", (lambda C, H, W, h, w: H * W,), "you divide both matrices by the picture's H·W. "),
                (
                    "size_of_painting",
                    (lambda C, H, W, h, w: h * w,),
                    "you divide both matrices by the painting's H'·W'. ",
                ),
                (
                    "sizes_swapped",
                    (lambda C, H, W, h, w: h * w, lambda C, H, W, h, w: H * W),
                    "each matrix is divided by the size of the other. ",
                ),
                ("picture_only", (lambda C, H, W, h, w: H * W, lambda *_: 1), "the painting's matrix is not divided. "),
                ("painting_only", (lambda *_: 1, lambda C, H, W, h, w: h * w), "the picture's matrix is not divided. "),
                (
                    "geometric",
                    (lambda C, H, W, h, w: (H * W * h * w) ** 0.5,),
                    "you divide by both sizes, after the squares. ",
                ),
                (
                    "positions_not_squared",
                    (lambda C, H, W, h, w: (H * W) ** 0.5,),
                    "H·W stands outside of the square. ",
                ),
                (
                    "root_of_positions",
                    (lambda C, H, W, h, w: (H * W) ** 0.5, lambda C, H, W, h, w: (h * w) ** 0.5),
                    "you divide by roots. ",
                ),
                (
                    "positions_squared",
                    (lambda C, H, W, h, w: (H * W) ** 2, lambda C, H, W, h, w: (h * w) ** 2),
                    "you divide by the squares of H·W. ",
                ),
                (
                    "square_of_height",
                    (lambda C, H, W, h, w: H * H, lambda C, H, W, h, w: h * h),
                    "you count H·H positions, but maps need not be square. ",
                ),
                (
                    "square_of_width",
                    (lambda C, H, W, h, w: W * W, lambda C, H, W, h, w: w * w),
                    "you count W·W positions, but maps need not be square. ",
                ),
                (
                    "height_of_picture_squared",
                    (lambda C, H, W, h, w: H * H,),
                    "you divide both matrices by H·H, but maps need not be square. ",
                ),
                ("by_channels", (lambda C, *_: C,), "you divide the matrices by C. "),
            )
        ],
        *[
            Misconception(
                "size_of_picture_" + name,
                distance(grams=_divided(lambda C, H, W, h, w: H * W), **parts),
                hint + " And divide " + OWN,
            )
            for name, parts, hint in COST_PARTS
            if name in UNDIVIDED_PARTS
        ],
        *[
            Misconception(name, _published(*parts), hint + LOST)
            for name, hint, *parts in (
                ("factor_with_size_not_squared", "the square on the factor is lost", variant(), torch.square, 1),
                ("with_size_not_squared", "the squares inside of the sum are lost", variant(), kept, 2),
            )
        ],
        *[
            Misconception(
                name,
                _published(_means, *parts),
                f"you divide by H·W twice, in the matrices and in the factor{hint}. It is {E}.",
            )
            for name, hint, *parts in (
                ("divided_twice", "", torch.square, 2),
                ("divided_twice_factor_not_squared", ", whose square is lost", torch.square, 1),
                ("divided_twice_not_squared", ", and the squares inside of the sum are lost", kept, 2),
                ("divided_twice_not_squared_at_all", ", and both squares are lost, as in some lecture notes", kept, 1),
            )
        ],
        Misconception(
            "values_and_mean",
            distance(
                grams=_divided(lambda C, H, W, h, w: C * H * W, lambda C, H, W, h, w: C * h * w), factor=NO_QUARTER
            ),
            "that is the convention of d2l, Gram matrices over C·H·W and the mean of squares: here it is " + E + ".",
        ),
        *[
            Misconception(f"gram_{name}", distance(grams=lambda F, S, f=f: (f(F), f(S))), hint)
            for name, f, hint in (
                (
                    "joined",
                    lambda F: _means(F.transpose(0, 1).flatten(1)[None, :, :, None]).expand(len(F), -1, -1),
                    "your Gram matrix mixes the pictures of the batch: keep the axis of the batch, F.flatten(2).",
                ),
                (
                    "averaged",
                    lambda F: _means(F).mean(0, keepdim=True),
                    "you average the Gram matrices over the batch: each picture has its own.",
                ),
                (
                    "pictures_counted",
                    lambda F: _means(F) / len(F),
                    "F[:, 0].numel() is N·H·W: divide by the positions of one picture, F[0, 0].numel().",
                ),
                (
                    "cut_up",
                    lambda F: _means(F.reshape(1, F.shape[1], -1, 1)),
                    "reshape(C, −1) cuts across the pictures: keep the axis of the batch.",
                ),
                (
                    "centred",
                    lambda F: _means(centred(F)),
                    "you compare covariances: do not subtract the means, take the values as they are.",
                ),
                (
                    "correlation",
                    lambda F: correlation(centred(F)),
                    "you compare correlations: how strong the channels are counts too, so use Gram matrices.",
                ),
                (
                    "cosine",
                    correlation,
                    "you divide each channel by its length: how strong it is counts too. Divide " + OWN,
                ),
                (
                    "of_means",
                    _channel_means,
                    "you compare the means of the channels: compare Gram matrices, which hold the pairs of channels.",
                ),
                (
                    "of_pairs_of_means",
                    lambda F: _channel_means(F) @ _channel_means(F).mT,
                    "you average before you multiply: multiply at each position, then average.",
                ),
                (
                    "reshaped",
                    lambda F: _means(F.reshape(len(F), -1, 1, F.shape[1]).permute(0, 3, 1, 2)),
                    "reshape(N, H·W, C) tears the channels up: use flatten(2).transpose(1, 2).",
                ),
                (
                    "channels_last",
                    lambda F: _means(F.permute(0, 2, 3, 1).reshape(F.shape)),
                    "you bring the channels to the end and reshape as if they came first: flatten(2) is enough.",
                ),
                (
                    "rectified_input",
                    lambda F: _means(F.relu()),
                    "you apply the ReLU to F and S: take the activations as they are given.",
                ),
                (
                    "of_positions",
                    lambda F: F.flatten(2).mT @ F.flatten(2) / F[0, 0].numel(),
                    (
                        "you compare positions, (N, H·W, H·W): the Gram matrix compares channels, maps @"
                        " maps.transpose(1, 2)."
                    ),
                ),
            )
        ],
        *[
            Misconception(name, distance(grams=grams), DIFFERENT + hint)
            for name, grams, hint in (
                *[
                    (
                        f"resized_{mode}",
                        lambda F, S, mode=mode: (_means(F), _means(_resized(F, S, mode))),
                        "do not resize its activations.",
                    )
                    for mode in ("bilinear", "nearest", "bicubic")
                ],
                (
                    "resized_aligned",
                    lambda F, S: (_means(F), _means(_resized(F, S, "bilinear", align_corners=True))),
                    "do not resize its activations.",
                ),
                *[
                    (
                        f"picture_resized{end}",
                        lambda F, S, how=how: (_means(_resized(S, F, **how)), _means(S)),
                        "do not resize the picture's activations.",
                    )
                    for end, how in (
                        ("", {"mode": "bilinear"}),
                        ("_nearest", {"mode": "nearest"}),
                        ("_aligned", {"mode": "bilinear", "align_corners": True}),
                    )
                ],
                (
                    "pooled",
                    lambda F, S: (_means(F), _means(nnf.adaptive_avg_pool2d(S, F.shape[2:]))),
                    "do not pool its activations.",
                ),
                ("cropped", _cropped, "do not cut off what is beyond."),
            )
        ],
        Misconception(
            "features_subtracted",
            distance(grams=lambda F, S: (_means(F - S), 0)),
            "you subtract activations, place by place: take both Gram matrices first, which have the same shape for"
            " every size.",
        ),
        Misconception(
            "features_compared",
            lambda F, S: (F - S).square().sum((1, 2, 3)) / 2,
            "that is the content cost, which compares place by place: compare the Gram matrices.",
        ),
    ],
    differentiable=(0,),
    hints=(
        "The painting has another size. By what must each Gram matrix be divided before the two can be compared?",
        "Each picture has one cost: which axes of the difference of the Gram matrices does the sum run over,"
        " and which number stands below the line?",
        "For F and for S: flatten, multiply by the transpose, divide by the number of positions of *that*"
        " picture. Then the squared differences, summed over (1, 2), divided by 4 C².",
    ),
)
