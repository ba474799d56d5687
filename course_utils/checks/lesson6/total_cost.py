"""Check of lesson 6: the total cost, of content and style."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, easy, kept
from course_utils.checks.pairs import pairs
from course_utils.losses import CONTENT_LAYER, STYLE_LAYERS, STYLE_WEIGHTS, content_loss, gram_matrix, style_loss

SHAPES = {"relu1_1": (4, 9, 6), "relu2_2": (6, 4, 3), "relu3_1": (1, 4, 5), CONTENT_LAYER: (5, 2, 3)}  # small stand-ins
NUMBERS = (  # (α, β), another pair for each input, and the size of the values
    *((2.0, 5.0, 1), (0.5, -30.0, 1e-3), (-1.5, 8.0, 1), (3.0, 12.0, 300), (0.8, 6.0, 1)),
)


def _features():
    generator, trials = torch.Generator().manual_seed(6), []
    for number, (alpha, beta, size) in enumerate(NUMBERS):  # the last has the shapes of the first
        dtype, batch = (torch.float32, torch.float64)[number % 2], (1, 3, 3, 1, 1)[number]

        def draw(*shape):
            return size * (torch.randn(shape, generator=generator, dtype=dtype) + 0.3)

        layers = ["relu1_1", "relu2_2", "relu3_1"][: 2 + number % 2] + [CONTENT_LAYER] * (number == 2)
        features = {name: draw(batch, *SHAPES[name]) for name in dict.fromkeys((CONTENT_LAYER, *layers))}
        content_target = draw(1, *SHAPES[CONTENT_LAYER])
        # the painting has another size than the photo
        style_targets = {name: gram_matrix(draw(1, SHAPES[name][0], 7, 5), divide=True) for name in layers}
        weights = {
            name: 3.0 / (1 + place + number) for place, name in enumerate((layers[1], layers[0], *layers[2:]))
        }  # another order
        weights[layers[0]] *= -1 if number == 4 else 1
        label = (
            f"{batch} picture{'s' if batch > 1 else ''}, {len(layers)} style layers,"
            f" values of about {size}, {str(dtype).removeprefix('torch.')}"
        )
        trials.append(Trial(label, (features, content_target, style_targets, alpha, beta, weights)))
    return trials


def _by_hand():
    """One style layer of two channels and two positions, as is the content layer."""
    features = {CONTENT_LAYER: easy(1, 2, 1, 2), "relu1_1": easy(1, 2, 1, 2, first=5)}
    targets = {"relu1_1": torch.tensor([[[2.0, 1.0], [1.0, 3.0]]])}
    return [Trial("one style layer", (features, easy(1, 2, 1, 2, first=3), targets, 2.0, 3.0, {"relu1_1": 0.5}))]


def _total_cost(features, content_target, style_targets, alpha, beta, weights):
    style = sum(
        weights[name] * style_loss(gram_matrix(features[name], divide=True), target)
        for name, target in style_targets.items()
    )
    return alpha * content_loss(features[CONTENT_LAYER], content_target, "mean") + beta * style


def _variant(
    *,
    join=lambda content, style, a, b: a * content + b * style,
    weigh=lambda weights, name: weights[name],
    combine=sum,
    content_cost=lambda F, P: content_loss(F, P, "mean"),
    layer_loss=style_loss,
    gram=lambda F: gram_matrix(F, divide=True),
    over=lambda targets, weights: targets,
):
    """A total cost with one part replaced."""

    def function(features, content_target, style_targets, alpha, beta, weights):
        losses = [
            weigh(weights, name) * layer_loss(gram(features[name]), style_targets[name])
            for name in over(style_targets, weights)
        ]
        return join(content_cost(features[CONTENT_LAYER], content_target), combine(losses), alpha, beta)

    return function


def _distance(factor, power=torch.square):
    """A style cost of one layer; `factor` gets N and C."""
    return lambda g, a: factor(*g.shape[:2]) * power(g - a).sum((1, 2))


MEAN = "Here it is the mean of (F − P)² over each picture: content_loss(F, P, 'mean')."
LAYER = "style_loss(g, a) is the cost of a layer, Σ (g − a)² / (4·C²)."
ONE = "your style cost is one number for the batch: each picture has its own."

JOINS = (
    (
        "swapped",
        lambda c, s, a, b: b * c + a * s,
        "α and β have changed places: α belongs to the content, β to the style.",
    ),
    (
        "alpha_around_all",
        lambda c, s, a, b: a * (c + b * s),
        "α multiplies the style as well: it belongs to the content cost alone.",
    ),
    (
        "beta_around_all",
        lambda c, s, a, b: b * (a * c + s),
        "β multiplies the content as well: it belongs to the style cost alone.",
    ),
    ("no_alpha", lambda c, s, a, b: c + b * s, "α is missing: multiply the content cost by it."),
    (
        "no_beta",
        lambda c, s, a, b: a * c + s,
        "β is missing: multiply the sum over the style layers by it.",
    ),
    ("neither_weight", lambda c, s, a, b: c + s, "α and β are missing: J = α J_C + β Σ_l λ^l E_l."),
    (
        "no_content",
        lambda c, s, a, b: b * s,
        "the content cost is missing: this cost paints a texture and forgets the photo. Add α J_C.",
    ),
    (
        "no_style",
        lambda c, s, a, b: a * c,
        "the style cost is missing: its minimum is the photo itself. Add β Σ_l λ^l E_l.",
    ),
    (
        "subtracted",
        lambda c, s, a, b: a * c - b * s,
        "you subtract the style cost: going down would then lead away from the painting. Add it.",
    ),
    (
        "negative",
        lambda c, s, a, b: -a * c - b * s,
        "the sign is the wrong way round: costs are positive, and zero where nothing differs.",
    ),
    ("multiplied", lambda c, s, a, b: a * c * b * s, "you multiply the two costs: add them."),
    (
        "over_sum",
        lambda c, s, a, b: (a * c + b * s) / (a + b),
        "you divide by α + β: the formula has the plain sum.",
    ),
    (
        "complement",
        lambda c, s, a, b: a * c + (1 - a) * s,
        "the style cost gets 1 − α: it has a weight of its own, β.",
    ),
    (
        "batch_averaged",
        lambda c, s, a, b: (a * c + b * s).mean().expand(c.shape),
        "you average over the pictures of the batch: each of them has a cost of its own.",
    ),
    (
        "batch_summed",
        lambda c, s, a, b: (a * c + b * s).sum().expand(c.shape),
        "you add up the pictures: each of them has a cost of its own.",
    ),
    (
        "over_pictures",
        lambda c, s, a, b: (a * c + b * s) / len(c),
        "you divide by the number of pictures: the cost of one does not depend on the others.",
    ),
    ("style_averaged", lambda c, s, a, b: a * c + b * s.mean(), ONE),
    ("style_summed", lambda c, s, a, b: a * c + b * s.sum(), ONE),
    ("parts", lambda c, s, a, b: {}, "your function returns a dictionary: return the sum of both parts."),
    ("pair", lambda c, s, a, b: (a * c, b * s), "your function returns both parts: add them."),
    (
        "stacked",
        lambda c, s, a, b: torch.stack((a * c, b * s)),
        "your function returns both parts: add them.",
    ),
)
WEIGHTS = (
    (
        "unweighted",
        lambda w, name: 1,
        "every layer counts the same in your sum: multiply each E_l by its λ^l, weights[layer].",
    ),
    (
        "package_weights",
        lambda w, name: STYLE_WEIGHTS[name],
        ("you use the λ^l of the package, STYLE_WEIGHTS: use those that your function is given, weights[layer]."),
    ),
    ("weights_squared", lambda w, name: w[name] ** 2, "each λ^l counts twice: multiply E_l by it once."),
    ("divided_by_weights", lambda w, name: 1 / w[name], "you divide by the λ^l: multiply by them."),
    (
        "weights_normalised",
        lambda w, name: w[name] / sum(w.values()),
        "you divide by the sum of the λ^l: take them as they are.",
    ),
    (
        "weights_side_by_side",
        lambda w, name: list(w.values())[sorted(w).index(name)],
        (
            "you go through style_targets and weights side by side, but their layers stand in different"
            " orders: look each up, weights[layer]."
        ),
    ),
)
CONTENTS = (
    ("content_summed", content_loss, "your content cost is ½ Σ (F − P)², which grows with the picture. "),
    (
        "content_summed_whole",
        lambda F, P: 2 * content_loss(F, P),
        "your content cost is Σ (F − P)², which grows with the picture. ",
    ),
    (
        "content_half",
        lambda F, P: content_loss(F, P, "mean") / 2,
        "the ½ of the paper is too much in your content cost. ",
    ),
    (
        "content_absolute",
        lambda F, P: (F - P).abs().mean((1, 2, 3)),
        "your content cost has absolute values instead of squares. ",
    ),
    (
        "content_batch",
        lambda F, P: (F - P).square().mean(),
        "your content cost is one number for the whole batch. ",
    ),
)
LAYERS = (
    (
        "mean_of_squares",
        "your E_l is the mean of the squares, four times too large: it is their sum over 4·C².",
        lambda N, C: 1 / C**2,
    ),
    ("no_factor", "1/(4·C²) is missing in E_l. " + LAYER, lambda *_: 1),
    ("quarter", "1/C² is missing in E_l. " + LAYER, lambda *_: 1 / 4),
    ("half_mean", "your E_l is twice too large. " + LAYER, lambda N, C: 1 / (2 * C**2)),
    (
        "channels_not_squared",
        "you divide E_l by 4·C: the matrix has C² entries. " + LAYER,
        lambda N, C: 1 / (4 * C),
    ),
    (
        "pictures_for_channels",
        "shape[0] is the number of pictures: C is shape[1]. " + LAYER,
        lambda N, C: 1 / (4 * N**2),
    ),
    (
        "absolute",
        "your E_l has absolute values: square the differences. " + LAYER,
        lambda N, C: 1 / (4 * C**2),
        torch.abs,
    ),
    (
        "not_squared",
        "your E_l has no squares: differences then cancel. " + LAYER,
        lambda N, C: 1 / (4 * C**2),
        kept,
    ),
)
BOTH = {  # the mistakes that we also expect together with another one
    *("swapped", "alpha_around_all", "no_alpha", "no_beta", "neither_weight", "subtracted"),
    *("unweighted", "weights_squared", "divided_by_weights"),
    *("content_summed_whole", "content_half", "content_absolute"),
    *("mean_of_squares", "no_factor", "channels_not_squared", "absolute"),
}
TWO = [  # for `pairs`: mistakes in different parts, each with the sentence that begins its hint
    {name: (hint, {"join": join}) for name, join, hint in JOINS if name in BOTH},
    {name: (hint, {"weigh": weigh}) for name, weigh, hint in WEIGHTS if name in BOTH},
    {name: (hint, {"content_cost": cost}) for name, cost, hint in CONTENTS if name in BOTH},
    {name: (hint, {"layer_loss": _distance(*parts)}) for name, hint, *parts in LAYERS if name in BOTH},
    {"gram_not_divided": ("your Gram matrices are sums over positions", {"gram": gram_matrix})},
]

total_cost = Exercise(
    "total_cost",
    _total_cost,
    _features,
    [
        *[Misconception(name, _variant(join=join), hint) for name, join, hint in JOINS],
        *[Misconception(name, _variant(weigh=weigh), hint) for name, weigh, hint in WEIGHTS],
        *[
            Misconception(name + end, _variant(over=over, combine=combine), hint)
            for end, over in (("", lambda targets, weights: targets), ("_of_weights", lambda targets, weights: weights))
            for name, combine, hint in (
                (
                    "last_layer",
                    lambda losses: losses[-1],
                    "only the last style layer counts: the loop overwrites the sum. Add to it (style = style + …).",
                ),
                (
                    "first_layer",
                    lambda losses: losses[0],
                    "only the first style layer counts: the function returns from inside the loop. Return after it.",
                ),
            )
        ],
        Misconception(
            "averaged",
            _variant(combine=lambda losses: sum(losses) / len(losses)),
            "you take the mean over the layers; the formula has the sum Σ_l λ^l E_l.",
        ),
        Misconception(
            "all_layers",
            _variant(over=lambda *_: STYLE_LAYERS),
            "you loop over STYLE_LAYERS: take the layers of style_targets only.",
        ),
        Misconception(
            "names_in_1",
            _variant(over=lambda targets, weights: [name for name in targets if name.endswith("_1")]),
            "you leave out a style layer whose name does not end in _1: take all layers of style_targets.",
        ),
        Misconception(
            "beta_once",
            _variant(combine=kept, join=lambda c, losses, a, b: a * c + b * losses[0] + sum(losses[1:])),
            "β multiplies the first layer only: put brackets around the sum, β (λ^1 E_1 + λ^2 E_2 + …).",
        ),
        Misconception(
            "content_in_loop",
            _variant(combine=kept, join=lambda c, losses, a, b: len(losses) * a * c + b * sum(losses)),
            "the content cost is added once for each style layer: take it out of the loop.",
        ),
        Misconception(
            "gram_not_divided",
            _variant(gram=gram_matrix),
            "your Gram matrices are sums over positions, the targets are means: photo and "
            "painting differ in size, so divide by H·W, gram_matrix(maps, divide=True).",
        ),
        Misconception(
            "gram_over_values",
            _variant(gram=lambda F: gram_matrix(F, True) / F.shape[1]),
            "you divide the Gram matrices by C·H·W: the targets are divided by H·W only, gram_matrix(maps,"
            " divide=True).",
        ),
        Misconception(
            "defaults",
            _variant(gram=gram_matrix, content_cost=content_loss),
            "as they come, content_loss and gram_matrix take sums, which grow with the picture: give them 'mean' and"
            " divide=True.",
        ),
        *[Misconception(name, _variant(content_cost=cost), hint + MEAN) for name, cost, hint in CONTENTS],
        *[Misconception(name, _variant(layer_loss=_distance(*parts)), hint) for name, hint, *parts in LAYERS],
        Misconception(
            "one_picture",
            _variant(
                gram=lambda F: gram_matrix(F.reshape(1, *F.shape[1:]), True), join=lambda c, s, a, b: (a * c + b * s)[0]
            ),
            "your function takes one picture only. Use content_loss,"
            " gram_matrix and style_loss of the package: they give one number for each picture of the batch.",
        ),
        *pairs(_variant, *TWO),
    ],
    differentiable=(0,),
    small=_by_hand,
    given={"content_loss", "gram_matrix", "style_loss"},
    hints=(
        "J has two parts. Which of the arguments belong to the content, and which to the style?",
        "The style is a sum over the layers of `style_targets`, each with its own λ. Which two functions turn"
        " `features[layer]` and `a` into E?",
        "For each layer: `weights[layer] * style_loss(gram_matrix(features[layer], divide=True), a)`, added up."
        ' Then alpha · content_loss(features["relu4_2"], content_target, "mean") + beta · style.',
    ),
)
