"""Check of lesson 6: the gradient of the total cost at a layer."""

import torch

from course_utils.checks.core import Exercise, Misconception, kept, lengths, random_trials
from course_utils.losses import content_loss, gram_matrix, style_loss


def _back(rows, F):
    return rows.reshape(F.shape)


def _weighted(content, style, alpha, beta, weight):
    return alpha * content + beta * weight * style


def _gradient(
    *,
    slope=torch.sub,
    content=lambda N, C, M: 2 / (C * M),
    style=lambda N, C, M: 1 / (C * C * M),
    matrix=torch.sub,
    divisor=lambda N, C, M: M,
    gram=kept,
    rows=lambda F: F.flatten(2),
    product=lambda D, R, F: D @ R,
    back=_back,
    count=lambda N, H, W: H * W,
    masked="",
    join=_weighted,
    finish=kept,
):
    """α·2/(C·M)·(F − P) + β·weight/(C²·M)·(g − a) F, with one part replaced; `content` and `style` are the factors,
    `count` is M.
    """

    def function(F, P, a, alpha, beta, weight):
        sizes = len(F), F.shape[1], count(len(F), *F.shape[2:])
        R = rows(F)
        g = gram(R @ R.transpose(1, 2) / divisor(*sizes), F)
        parts = content(*sizes) * slope(F, P), back(style(*sizes) * product(matrix(g, a), R, F), F)
        parts = [part * (F > 0) if name in masked else part for name, part in zip("cs", parts)]
        return finish(join(*parts, alpha, beta, weight), F)

    return function


def _costs(F, P, a, alpha, beta, weight):
    return alpha * content_loss(F, P, "mean") + beta * weight * style_loss(gram_matrix(F, divide=True), a)


CONTENT = "what does the derivative of 1/(C·M) Σ (F − P)² with respect to one value of F look like?"
STYLE = "what stands before dF in dE, once both places of F in g are counted?"
BROUGHT = "What shapes do the two factors of the product have, and along which axes does @ add up?"
BOTH_TWOS = "there is a 2 from the square and a 2 from the two places of F in g: "
RELU = "is the derivative of the ReLU, which belongs to the network below: leave it out. Then "

CONTENT_PARTS = [  # name, replaced parts, hint
    *[
        ("content_" + name, {"content": factor}, hint + CONTENT)
        for name, factor, hint in (
            (
                "half",
                lambda N, C, M: 1 / (C * M),
                "in the content part the 2 is missing, which comes from the derivative of a square: ",
            ),
            (
                "not_averaged",
                lambda N, C, M: 2,
                "the content cost is a mean, so divide its gradient by the C·M values of a picture: ",
            ),
            (
                "of_paper",
                lambda N, C, M: 1,
                "F − P is the gradient of the paper's ½ Σ (F − P)²; here the cost is the mean of the squares: ",
            ),
            (
                "sign",
                lambda N, C, M: -2 / (C * M),
                "the content part has the wrong sign, and leads away from the photo: ",
            ),
            ("over_positions", lambda N, C, M: 2 / M, "the content cost is a mean over C·M values, not over M: "),
            (
                "over_batch",
                lambda N, C, M: 2 / (N * C * M),
                "F.numel() counts all pictures; each has a mean of its own, over C·M values: ",
            ),
            (
                "over_positions_half",
                lambda N, C, M: 1 / M,
                "in the content part you divide by M only, and forget the 2 of the square: ",
            ),
            (
                "over_batch_half",
                lambda N, C, M: 1 / (N * C * M),
                "in the content part you forget the 2 of the square, and divide by N: ",
            ),
            (
                "quarter",
                lambda N, C, M: 1 / (2 * C * M),
                "the content part is four times too small, for the 2 of the square multiplies: ",
            ),
            ("doubled", lambda N, C, M: 4 / (C * M), "the content part is twice too large: "),
            ("over_channels", lambda N, C, M: 2 / C, "the content cost is a mean over C·M values, not over C: "),
            (
                "channels_squared",
                lambda N, C, M: 2 / (C * C * M),
                "C² belongs to the style part; look at the content part again: ",
            ),
            (
                "channels_squared_half",
                lambda N, C, M: 1 / (C * C * M),
                "1/(C²·M) belongs to the style part; look at the content part again: ",
            ),
            ("divided_twice", lambda N, C, M: 2 / (C * M) ** 2, "you divide the content part by C·M twice: "),
            ("multiplied", lambda N, C, M: 2 / C * M, "2 / C * M multiplies by M, so put brackets around C * M: "),
            ("inverted", lambda N, C, M: 2 * C * M, "you multiply the content part by C·M, so divide by it: "),
        )
    ],
    *[
        ("content_" + name, {"slope": slope}, hint + CONTENT)
        for name, slope, hint in (
            ("no_target", lambda F, P: F, "in the content part P is missing: "),
            ("target_alone", lambda F, P: -P.expand(F.shape), "in the content part F is missing: "),
            ("added", torch.add, "you add P in the content part; subtract it: "),
            (
                "still_squared",
                lambda F, P: (F - P).square(),
                "(F − P)² is the cost, and its derivative has no square: ",
            ),
            ("absolute", lambda F, P: (F - P).abs(), "the content part loses its sign, so leave abs out: "),
            (
                "signs",
                lambda F, P: (F - P).sign(),
                "the sign of F − P is the derivative of |F − P|; the cost here is a mean of squares: ",
            ),
            ("rectified", lambda F, P: (F - P).relu(), "you rectify F − P, but both signs count: "),
            (
                "averaged",
                lambda F, P: (F - P).mean(0, keepdim=True).expand(F.shape),
                "you average the content part over the pictures: each has its own: ",
            ),
            (
                "first",
                lambda F, P: (F[:1] - P).expand(F.shape),
                "the content part is that of the first picture for all: each has its own: ",
            ),
            (
                "summed",
                lambda F, P: (F - P).sum((1, 2, 3), keepdim=True),
                "you add up F − P, but every value has a derivative of its own: ",
            ),
            (
                "cost",
                lambda F, P: (F - P).square().sum((1, 2, 3), keepdim=True) / 2,
                "you add the content cost, a number, and not its derivative: ",
            ),
        )
    ],
    ("content_masked", {"masked": "c"}, f"[F > 0] in the content part {RELU}{CONTENT}"),
]

STYLE_PARTS = [
    *[
        ("style_" + name, {"style": factor}, hint + STYLE)
        for name, factor, hint in (
            (
                "half",
                lambda N, C, M: 1 / (2 * C * C * M),
                "F stands in g twice, and both places give the same; you count one of them: ",
            ),
            ("quarter", lambda N, C, M: 1 / (4 * C * C * M), "in the style part 1/4 is too much, for " + BOTH_TWOS),
            (
                "not_over_positions",
                lambda N, C, M: 1 / C**2,
                "in the style part 1/M is missing, which comes from g, a mean over M positions: ",
            ),
            (
                "not_over_positions_quarter",
                lambda N, C, M: 1 / (4 * C**2),
                "in the style part 1/M is missing, and 1/4 is too much, for " + BOTH_TWOS,
            ),
            ("not_over_channels", lambda N, C, M: 1 / M, "in the style part 1/C² is missing, from the 1/(4·C²) of E: "),
            (
                "positions_squared",
                lambda N, C, M: 1 / (C * M) ** 2,
                "1/M² is the paper's, whose Gram matrices are sums, but g is divided already: ",
            ),
            ("doubled", lambda N, C, M: 2 / (C * C * M), "the style part is twice too large: "),
            (
                "over_batch",
                lambda N, C, M: 1 / (N * C * C * M),
                "you divide the style part by N, but each picture has a gradient of its own: ",
            ),
            (
                "sign",
                lambda N, C, M: -1 / (C * C * M),
                "the style part has the wrong sign, and leads away from the painting: ",
            ),
            ("channels_not_squared", lambda N, C, M: 1 / (C * M), "in the style part C has to be squared, as in E: "),
            (
                "four_times",
                lambda N, C, M: 4 / (C * C * M),
                "your factor goes with a mean of squares, but E has 1/(4·C²): ",
            ),
            (
                "not_over_positions_half",
                lambda N, C, M: 1 / (2 * C**2),
                "in the style part 1/M is missing, and the second place of F in g: ",
            ),
            (
                "not_over_channels_quarter",
                lambda N, C, M: 1 / (4 * M),
                "in the style part 1/C² is missing, and 1/4 is too much, for " + BOTH_TWOS,
            ),
            (
                "not_over_channels_half",
                lambda N, C, M: 1 / (2 * M),
                "in the style part 1/C² is missing, and the second place of F in g: ",
            ),
            (
                "channels_not_squared_half",
                lambda N, C, M: 1 / (2 * C * M),
                "in the style part square C, and count both places of F in g: ",
            ),
            (
                "channels_not_squared_quarter",
                lambda N, C, M: 1 / (4 * C * M),
                "in the style part square C, and 1/4 is too much, for " + BOTH_TWOS,
            ),
            ("no_factor", lambda *_: 1, "in the style part the factor is missing: "),
            ("quarter_only", lambda *_: 1 / 4, "the factor of the style part is not 1/4: "),
            ("over_channels", lambda N, C, M: 1 / C, "the factor of the style part is not 1/C: "),
            (
                "like_content",
                lambda N, C, M: 2 / (C * M),
                "2/(C·M) belongs to the content part; look at the style part again: ",
            ),
            (
                "of_paper",
                lambda N, C, M: 1 / (2 * C * M) ** 2,
                "1/(4·C²·M²) is the factor of the paper's cost; look at the gradient again: ",
            ),
            (
                "multiplied",
                lambda N, C, M: M / C**2,
                "1 / C**2 * M multiplies by M, so put brackets around the denominator: ",
            ),
            (
                "square_on_positions",
                lambda N, C, M: 1 / (C * M * M),
                "in the style part the square stands on M, but belongs to C: ",
            ),
            ("inverted", lambda N, C, M: C * C * M, "you multiply the style part by C²·M, so divide by it: "),
            (
                "pictures_for_channels",
                lambda N, C, M: 1 / (N * N * M),
                "shape[0] and len(F) are the number of pictures, but C is F.shape[1]: ",
            ),
        )
    ],
    *[
        ("style_" + name, {"matrix": matrix}, hint + STYLE)
        for name, matrix, hint in (
            ("no_target", lambda g, a: g, "in the style part the target a is missing: "),
            ("target_alone", lambda g, a: -a.expand(g.shape), "in the style part g is missing: "),
            ("added", torch.add, "in the style part you add a; subtract it: "),
            (
                "still_squared",
                lambda g, a: (g - a).square(),
                "the square of g − a is the cost, and its derivative has no square: ",
            ),
            ("absolute", lambda g, a: (g - a).abs(), "g − a may well be negative, so leave abs out: "),
            ("rectified", lambda g, a: (g - a).relu(), "g − a may well be negative, so leave the ReLU out: "),
            (
                "upper",
                lambda g, a: (g - a).triu(),
                "you use the upper triangle of g − a only, but all pairs of channels count: ",
            ),
            (
                "diagonal",
                lambda g, a: torch.diag_embed((g - a).diagonal(dim1=1, dim2=2)),
                "you use the diagonal of g − a only, but all pairs count: ",
            ),
            (
                "own_channel",
                lambda g, a: torch.diag_embed((g - a).sum(2)),
                "you multiply each channel by a number, but @ brings all channels in: ",
            ),
        )
    ],
    *[
        ("gram_" + name, {"divisor": divisor}, hint + STYLE)
        for name, divisor, hint in (
            ("undivided", lambda *_: 1, "your g is the sum over the positions, but a is a mean, so divide g by M: "),
            ("over_values", lambda N, C, M: C * M, "you divide g by C·M, but a is divided by M only: "),
            ("over_channels", lambda N, C, M: C, "you divide g by C instead of M: "),
            (
                "over_batch",
                lambda N, C, M: N * M,
                "you divide g by N·M, but it is the mean over the M positions of one picture: ",
            ),
        )
    ],
    *[
        ("gram_undivided_" + name, {"divisor": lambda *_: 1, "style": style}, hint + STYLE)
        for name, style, hint in (
            (
                "paper",
                lambda N, C, M: 1 / (C * M) ** 2,
                "the paper's 1/(C²·M²) is for two sums, but a is a mean here, so divide g by M: ",
            ),
            (
                "paper_quarter",
                lambda N, C, M: 1 / (2 * C * M) ** 2,
                "the paper's 1/(4·C²·M²) is for two sums, but a is a mean here: divide g by M: ",
            ),
            ("no_positions", lambda N, C, M: 1 / C**2, "neither g nor its derivative is divided by M: "),
        )
    ],
    *[
        ("gram_" + name, {"gram": gram}, hint + STYLE)
        for name, gram, hint in (
            (
                "joined",
                lambda g, F: g.sum(0, keepdim=True),
                "you add up the Gram matrices of all pictures, but each has its own: ",
            ),
            (
                "averaged",
                lambda g, F: g.mean(0, keepdim=True),
                "you average the Gram matrices over the batch, but each picture has its own: ",
            ),
            (
                "first",
                lambda g, F: g[:1],
                "the Gram matrix of the first picture serves for all, but each has its own: ",
            ),
            (
                "centred",
                lambda g, F: g - F.mean((2, 3))[:, :, None] * F.mean((2, 3))[:, None],
                "g holds covariances; do not subtract the means: ",
            ),
        )
    ],
    (
        "sizes_swapped",
        {"divisor": lambda N, C, M: C, "style": lambda N, C, M: 1 / (C * M * M)},
        "C and M have changed places: " + STYLE,
    ),
    ("style_masked", {"masked": "s"}, f"[F > 0] in the style part {RELU}{STYLE}"),
    (
        "style_first",
        {"rows": lambda F: F[:1].flatten(2), "back": lambda R, F: R.reshape(F[:1].shape)},
        "the style part is that of the first picture for all: each has its own: " + STYLE,
    ),
    (
        "style_cost",
        {
            "matrix": lambda g, a: (g - a).square().sum((1, 2), keepdim=True) / 4,
            "product": lambda D, R, F: D * torch.ones_like(R),
            "style": lambda N, C, M: 1 / C**2,
        },
        "you add the style cost, a number, and not its derivative: " + STYLE,
    ),
    *[
        ("style_" + name, {"rows": rows, "back": back}, hint + BROUGHT)
        for name, hint, rows, back in (
            (
                "torn_up",
                "reshape(N, M, C) tears the channels up. ",
                lambda F: F.reshape(len(F), -1, F.shape[1]).mT,
                lambda R, F: R.mT.reshape(F.shape),
            ),
            (
                "torn_at_start",
                "reshape(N, M, C) tears the channels up. ",
                lambda F: F.reshape(len(F), -1, F.shape[1]).mT,
                _back,
            ),
            (
                "channels_last",
                "you bring the channels to the end and reshape as if they came first. ",
                lambda F: F.permute(0, 2, 3, 1).reshape(*F.shape[:2], -1),
                _back,
            ),
            (
                "not_brought_back",
                (
                    "your product is (N, M, C), as Fᵀ (g − a) is, and reshape(F.shape) tears the channels up: transpose"
                    " it first. "
                ),
                lambda F: F.flatten(2),
                lambda R, F: R.mT.reshape(F.shape),
            ),
            (
                "turned",
                "transpose(2, 3) turns each map on its side, and reshape does not turn it back. ",
                lambda F: F.mT.flatten(2),
                _back,
            ),
            (
                "turned_at_end",
                "your maps lie on their side: rows are H, columns W. ",
                lambda F: F.flatten(2),
                lambda R, F: R.reshape(*F.shape[:2], F.shape[3], F.shape[2]).mT,
            ),
            (
                "cut_up",
                "reshape(C, −1) cuts across the pictures: keep the axis of the batch. ",
                lambda F: F.reshape(1, F.shape[1], -1),
                _back,
            ),
            (
                "flat",
                "your style part is (N, C, M): give it the shape of F before you add. ",
                lambda F: F.flatten(2),
                kept,
            ),
        )
    ],
    *[
        ("style_" + name, {"product": product}, hint + BROUGHT)
        for name, product, hint in (
            ("on_rows", lambda D, R, F: D @ F, "(g − a) @ F acts on the rows of each map. "),
            ("on_columns", lambda D, R, F: F @ D, "F @ (g − a) acts on the columns of each map. "),
            (
                "on_positions",
                lambda D, R, F: R @ D,
                "F.flatten(2) @ (g − a) acts on positions: (g − a) stands on the left. ",
            ),
            ("pointwise", lambda D, R, F: D * F, "* multiplies entry by entry: @ is the product of matrices. "),
            ("pointwise_rows", lambda D, R, F: D * R, "* multiplies entry by entry: @ is the product of matrices. "),
        )
    ],
]

WHOLE = "J = α J_C + β·weight·E, and its gradient is the same sum of two parts."
JOINS = [  # name, how content and style are combined, hint
    (
        "swapped",
        lambda c, s, a, b, w: b * c + a * w * s,
        "α and β have changed places: α belongs to the content, β to the style.",
    ),
    ("unweighted", lambda c, s, a, b, w: a * c + b * s, "`weight` is missing: it multiplies the style part."),
    ("no_beta", lambda c, s, a, b, w: a * c + w * s, "β is missing: it multiplies the style part."),
    ("no_alpha", lambda c, s, a, b, w: c + b * w * s, "α is missing: it multiplies the content part."),
    ("neither", lambda c, s, a, b, w: c + w * s, "α and β are missing: " + WHOLE),
    ("nothing_weighted", lambda c, s, a, b, w: c + s, "α, β and `weight` are missing: " + WHOLE),
    ("content_only", lambda c, s, a, b, w: a * c, "the style part is missing: add β·weight times the gradient of E."),
    ("style_only", lambda c, s, a, b, w: b * w * s, "the content part is missing: add α times the gradient of J_C."),
    (
        "weight_on_both",
        lambda c, s, a, b, w: w * (a * c + b * s),
        "`weight` multiplies the content too: it belongs to the style part alone.",
    ),
    (
        "weight_on_content",
        lambda c, s, a, b, w: w * a * c + b * s,
        "`weight` multiplies the content part: it belongs to the style part.",
    ),
    (
        "weight_squared",
        lambda c, s, a, b, w: a * c + b * w * w * s,
        "`weight` counts twice: the style part gets it once.",
    ),
    (
        "divided_by_weight",
        lambda c, s, a, b, w: a * c + b / w * s,
        "you divide by `weight`: multiply the style part by it.",
    ),
    (
        "swapped_unweighted",
        lambda c, s, a, b, w: b * c + a * s,
        "α and β have changed places, and `weight` is missing: " + WHOLE,
    ),
    ("swapped_with_weight", lambda c, s, a, b, w: b * w * c + a * s, "the numbers have changed places: " + WHOLE),
    ("alpha_alone", lambda c, s, a, b, w: a * c + s, "β and `weight` are missing: they multiply the style part."),
    ("beta_alone", lambda c, s, a, b, w: c + b * s, "α and `weight` are missing: " + WHOLE),
    (
        "alpha_around_all",
        lambda c, s, a, b, w: a * (c + b * w * s),
        "α multiplies the style too: it belongs to the content part alone.",
    ),
    (
        "beta_around_all",
        lambda c, s, a, b, w: b * (a * c + w * s),
        "β multiplies the content too: it belongs to the style part alone.",
    ),
    (
        "both_around_all",
        lambda c, s, a, b, w: b * w * (a * c + s),
        "β and `weight` multiply the content too: they belong to the style part.",
    ),
    ("content_alone", lambda c, s, a, b, w: c, "the style part is missing, and so is α: " + WHOLE),
    ("style_alone", lambda c, s, a, b, w: s, "the content part is missing, and so are β and `weight`: " + WHOLE),
    ("style_and_weight", lambda c, s, a, b, w: w * s, "the content part is missing, and so is β: " + WHOLE),
    ("style_and_beta", lambda c, s, a, b, w: b * s, "the content part is missing, and so is `weight`: " + WHOLE),
    (
        "negative",
        lambda c, s, a, b, w: -a * c - b * w * s,
        "the sign is the wrong way round: the minus comes later, in the step of the descent.",
    ),
    (
        "complement",
        lambda c, s, a, b, w: a * c + (1 - a) * w * s,
        "the style part gets 1 − α: it has a weight of its own, β·weight.",
    ),
    (
        "doubled",
        lambda c, s, a, b, w: 2 * (a * c + b * w * s),
        f"everything is twice too large: the parts are {CONTENT[:-1]} and {STYLE}",
    ),
    (
        "tuple",
        lambda c, s, a, b, w: (a * c, b * w * s),
        "your function returns a tuple: one gradient is asked for, the sum of both parts.",
    ),
    ("stacked", lambda c, s, a, b, w: torch.stack((a * c, b * w * s)), "your function returns both parts: add them."),
]

MASK = (
    "[F > 0], as in the paper's formulas, is the derivative of the ReLU that made F; it belongs to the network below:"
    " leave it out."
)
EACH = "each picture has a gradient of its own."
VALUES = "each value of F has a derivative of its own."
PARTS = {name: (parts, hint) for name, parts, hint in CONTENT_PARTS + STYLE_PARTS}
COMBINED = [  # two mistakes at once
    *[
        (one, other)
        for one in (
            "content_half",
            "content_not_averaged",
            "content_of_paper",
            "content_sign",
            "content_no_target",
            "content_over_positions",
            "content_over_batch",
        )
        for other in (
            "style_half",
            "style_quarter",
            "style_not_over_positions",
            "style_not_over_positions_quarter",
            "style_not_over_channels",
            "style_positions_squared",
            "style_no_target",
            "style_sign",
            "style_doubled",
            "style_over_batch",
            "gram_undivided",
        )
        if one[8:] != other[6:] or one[8:] not in ("sign", "over_batch")
    ],
    ("content_averaged", "gram_averaged"),
    ("style_quarter", "gram_undivided"),
    ("style_half", "gram_undivided"),
    ("gram_averaged", "style_over_batch"),
    ("content_of_paper", "gram_undivided_no_positions"),
    ("content_half", "gram_undivided_no_positions"),
]
WITH_JOINS = (
    "content_half",
    "content_of_paper",
    "content_not_averaged",
    "style_half",
    "style_quarter",
    "style_not_over_positions",
    "style_no_target",
    "gram_undivided",
)

# some values of F and P are exactly 0; in the third trial N = C, in the fourth C = W, in the last C = H: there, wrong
# axes raise no error;
# the fifth has the size of the first and other numbers
cost_gradient = Exercise(
    "cost_gradient",
    _gradient(),
    lambda: random_trials(
        62,
        "F of {} × {} × {} × {}, about {}",
        (
            (1, 4, 3, 5, 1),
            (3, 2, 4, 3, 100),
            (3, 3, 2, 4, 1, -1),
            (1, 5, 2, 5, 1e-3, 1, -1),
            (1, 4, 3, 5, 1),
            (2, 1, 3, 2, 1, 1, 1, -1),
        ),
        lambda draw, N, C, H, W, size, *signs: (
            size * (draw(N, C, H, W) + 0.3) * (draw(N, C, H, W).abs() > 0.3),
            size * (draw(1, C, H, W) + 0.4),
            gram_matrix(size * draw(1, C, 6, 7), divide=True),
            *(sign * (0.4 + abs(draw(1).item())) for sign in (*signs, 1, 1, 1)[:3]),
        ),
    ),
    [
        *[Misconception(name, _gradient(**parts), hint) for name, parts, hint in CONTENT_PARTS + STYLE_PARTS],
        Misconception(
            "style_flat_first",
            _gradient(back=kept, join=lambda c, s, a, b, w: b * w * s + a * c),
            PARTS["style_flat"][1],
        ),
        *[Misconception(name, _gradient(join=join), hint) for name, join, hint in JOINS],
        *[
            Misconception(
                f"{one}_and_{other}",
                _gradient(**PARTS[one][0], **PARTS[other][0]),
                f"{PARTS[one][1]} And {PARTS[other][1]}",
            )
            for one, other in COMBINED
        ],
        *[
            Misconception(f"{name}_and_{part}", _gradient(join=join, **PARTS[part][0]), f"{hint} And {PARTS[part][1]}")
            for name, join, hint in JOINS[:8]
            for part in WITH_JOINS
            if name[:7] not in ("content", "style_o") or (name[0] == part[0])
        ],
        Misconception("masked", _gradient(masked="cs"), MASK),
        *[
            Misconception(
                f"masked_and_{part}", _gradient(masked="cs", **PARTS[part][0]), f"{MASK} And {PARTS[part][1]}"
            )
            for part in WITH_JOINS
        ],
        *[
            Misconception(f"masked_and_{name}", _gradient(masked="cs", join=join), f"{MASK} And {hint}")
            for name, join, hint in JOINS[:8]
        ],
        *[
            Misconception(name, _gradient(count=count), hint + "M = H·W, the positions of one picture.")
            for name, count, hint in (
                ("height_squared", lambda N, H, W: H * H, "you count H·H positions: "),
                ("width_squared", lambda N, H, W: W * W, "you count W·W positions: "),
                ("height", lambda N, H, W: H, "you count H positions: "),
                ("width", lambda N, H, W: W, "you count W positions: "),
                ("positions_of_batch", lambda N, H, W: N * H * W, "your M counts the positions of all pictures: "),
            )
        ],
        Misconception(
            "pictures_for_channels",
            _gradient(content=lambda N, C, M: 2 / (N * M), style=lambda N, C, M: 1 / (N * N * M)),
            "shape[0] and len(F) are the number of pictures: C is F.shape[1], in both parts.",
        ),
        *[
            Misconception(
                "one_picture" + end,
                _gradient(rows=rows, product=product),
                "your function works for one picture only: F.flatten(2) keeps the axis of the batch, and @ makes one"
                " matrix for each picture.",
            )
            for end, rows, product in (
                ("", lambda F: F.reshape(1, F.shape[1], F.shape[2] * F.shape[3]), lambda D, R, F: D @ R),
                ("_squeezed", lambda F: F.squeeze(0).flatten(1)[None], lambda D, R, F: D @ R),
                ("_squeezed_later", lambda F: F.flatten(2), lambda D, R, F: D[0] @ F.squeeze(0).flatten(1)),
            )
        ],
        Misconception(
            "three_axes",
            lambda F, *_: [None for C, H, W in [F.shape]],
            "F has four axes, N, C, H and W: the batch is the first.",
        ),
        Misconception(
            "rectified_features",
            lambda F, *rest: _gradient()(F.relu(), *rest),
            "you apply the ReLU to F: take it as it is given.",
        ),
        *[
            Misconception(name, _gradient(finish=finish), hint)
            for name, finish, hint in (
                ("rectified", lambda D, F: D.relu(), "you rectify the gradient: it may well be negative."),
                (
                    "absolute",
                    lambda D, F: D.abs(),
                    "you take absolute values: the sign says in which direction the cost grows.",
                ),
                ("signs", lambda D, F: D.sign(), "you return signs only: the size of the gradient counts too."),
                (
                    "unit_length",
                    lambda D, F: D / lengths(D),
                    "you divide the gradient by its length: leave it as it is.",
                ),
                (
                    "unit_length_of_all",
                    lambda D, F: D / D.norm(),
                    "you divide the gradient by its length: leave it as it is.",
                ),
                (
                    "over_pictures",
                    lambda D, F: D / len(F),
                    "you divide by the number of pictures, as if the cost were their mean: " + EACH,
                ),
                ("batch_averaged", lambda D, F: D.mean(0, keepdim=True), "you average over the pictures: " + EACH),
                (
                    "batch_averaged_repeated",
                    lambda D, F: D.mean(0, keepdim=True).expand(D.shape),
                    "you average over the pictures: " + EACH,
                ),
                ("batch_summed", lambda D, F: D.sum(0, keepdim=True), "you add up over the pictures: " + EACH),
                (
                    "batch_summed_repeated",
                    lambda D, F: D.sum(0, keepdim=True).expand(D.shape),
                    "you add up over the pictures: " + EACH,
                ),
                (
                    "first_alone",
                    lambda D, F: D[0],
                    "you return the gradient of the first picture, without the axis of the batch: " + EACH,
                ),
                ("first", lambda D, F: D[:1], "you return the gradient of the first picture only: " + EACH),
                (
                    "first_repeated",
                    lambda D, F: D[:1].expand(D.shape),
                    "all pictures get the gradient of the first: " + EACH,
                ),
                (
                    "flat",
                    lambda D, F: D.flatten(2),
                    "the values are right; give them the shape of F again: reshape(F.shape).",
                ),
                (
                    "flat_pictures",
                    lambda D, F: D.flatten(1),
                    "the values are right; give them the shape of F again: reshape(F.shape).",
                ),
                (
                    "positions_first",
                    lambda D, F: D.flatten(2).mT,
                    "your result is (N, M, C): transpose it, and reshape(F.shape).",
                ),
                (
                    "channels_last",
                    lambda D, F: D.permute(0, 2, 3, 1),
                    "your result is (N, H, W, C): bring the channels forward, permute(0, 3, 1, 2).",
                ),
                (
                    "on_its_side",
                    lambda D, F: D.mT,
                    "height and width have changed places: give your result the shape of F.",
                ),
                ("over_positions", lambda D, F: D.sum((2, 3)), "you add up over positions: " + VALUES),
                ("over_channels", lambda D, F: D.sum(1), "you add up over channels: " + VALUES),
                ("over_values", lambda D, F: D.sum((1, 2, 3)), "you add up over each picture: " + VALUES),
            )
        ],
        *[
            Misconception(
                name,
                lambda *arguments, finish=finish: finish(_costs(*arguments)),
                "you return the cost itself: the exercise asks for its derivative with respect to F, one number for"
                " each value of F.",
            )
            for name, finish in (("value", kept), ("value_summed", torch.sum), ("value_averaged", torch.mean))
        ],
    ],
    given={"gram_matrix"},
    hints=(
        "J is a sum, so its derivative is a sum, too. What is the derivative of the content part, a mean over C"
        " · M values?",
        "For the style part, lesson 5 gave the derivative through a Gram matrix. What is B here, and what do"
        " the division by M and the factor 1/(4 C²) make of it?",
        "Content: 2 (F − P) / (C M). Style: (g − a) times the maps, divided by C² M, in the shape of F."
        " Multiply by alpha and by beta · weight, and add.",
    ),
)
