"""What is put to the check of `style_cost`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf

from answers.remembering import remembering


def style_loop(grams, targets, weights):
    total = 0
    for layer in weights:
        C = grams[layer].shape[1]
        total = total + weights[layer] * ((grams[layer] - targets[layer]) ** 2).sum((1, 2)) / (4 * C**2)
    return total


def style_of_common_layers(grams, targets, weights):
    first = next(iter(grams.values()))
    cost = torch.zeros(len(first), dtype=first.dtype)
    for layer, G in grams.items():
        if layer in weights:
            cost = cost + weights[layer] * torch.pow(G - targets[layer], 2).mean((1, 2)) / 4
    return cost


def style_stacked(grams, targets, weights):
    costs = [
        (grams[layer] - targets[layer]).flatten(1).square().sum(1) / (2 * len(targets[layer][0])) ** 2
        for layer in weights
    ]
    factors = torch.tensor(list(weights.values()), dtype=costs[0].dtype)
    return factors @ torch.stack(costs)


def style_by_picture(grams, targets, weights):
    N = len(next(iter(grams.values())))
    return torch.stack(
        [
            sum(
                weight * torch.dist(grams[layer][n], targets[layer][0]) ** 2 / (4 * grams[layer].shape[2] ** 2)
                for layer, weight in weights.items()
            )
            for n in range(N)
        ]
    )


RIGHT = [
    style_loop,
    style_of_common_layers,
    style_stacked,
    style_by_picture,
    lambda grams, targets, weights: sum(
        w / (4 * grams[k].shape[1] ** 2) * (grams[k] - targets[k]).square().sum((1, 2)) for k, w in weights.items()
    ),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def pops_layers(grams, targets, weights):
    total = 0
    while weights:
        layer, weight = weights.popitem()
        total = total + weight * (grams[layer] - targets[layer]).square().mean((1, 2)) / 4
    return total


def in_place_style(grams, targets, weights):
    for layer in weights:
        grams[layer] -= targets[layer]
    return sum(weight * grams[layer].square().mean((1, 2)) / 4 for layer, weight in weights.items())


def drops_layers(grams, targets, weights):
    for layer in list(grams):
        if layer not in weights:
            del grams[layer]
    return sum(weights[layer] * (G - targets[layer]).square().mean((1, 2)) / 4 for layer, G in grams.items())


remembered_layer = remembering(lambda layer, A: A, lambda layer, A: (layer, A.shape, A.dtype))

HIDDEN = [
    (
        lambda grams, targets, weights: style_loop(
            grams, {k: remembered_layer(k, A) for k, A in targets.items()}, weights
        ),
        "value",
    ),
    (pops_layers, "in_place"),
    (in_place_style, "in_place"),
    (drops_layers, "in_place"),
    (torch.no_grad()(style_loop), "detached"),
    (lambda grams, *rest: style_loop({k: G.detach() for k, G in grams.items()}, *rest), "detached"),
    (
        lambda grams, *rest: style_loop({k: G.detach() if k == "relu1_1" else G for k, G in grams.items()}, *rest),
        "gradient",
    ),
    (
        lambda grams, *rest: torch.from_numpy(style_loop({k: G.detach() for k, G in grams.items()}, *rest).numpy()),
        "detached",
    ),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def style_with(term, start=0.0):
    def function(grams, targets, weights):
        total = start
        for layer, weight in weights.items():
            total = total + term(grams[layer], targets[layer], weight)
        return total

    return function


def layer_term(G, A):
    return (G - A).square().sum((1, 2)) / (4 * G.shape[1] ** 2)


def overwrites(grams, targets, weights):
    for layer, weight in weights.items():
        total = weight * layer_term(grams[layer], targets[layer])
    return total


def returns_early(grams, targets, weights):
    total = 0
    for layer, weight in weights.items():
        total = total + weight * layer_term(grams[layer], targets[layer])
        return total


def over_all(grams, targets, weights):
    return sum(weights[layer] * layer_term(grams[layer], targets[layer]) for layer in grams)


def side_by_side(grams, targets, weights):
    return sum(w * layer_term(G, A) for G, A, w in zip(grams.values(), targets.values(), weights.values()))


def sorted_side_by_side(grams, targets, weights):
    return sum(
        w * layer_term(G, A)
        for (_, G), (_, A), (_, w) in zip(sorted(grams.items()), sorted(targets.items()), sorted(weights.items()))
    )


def counted_names(grams, targets, weights):
    names = [f"relu{i}_1" for i in range(1, len(weights) + 1)]
    return sum(weights[name] * layer_term(grams[name], targets[name]) for name in names)


def costs_first(grams, targets, weights):
    costs = {layer: layer_term(grams[layer], targets[layer]) for layer in grams}
    return sum(weights[layer] * costs[layer] for layer in weights)


WRITTEN = [
    (style_with(lambda G, A, w: abs(w) * layer_term(G, A)), "absolute_weights"),
    (style_with(lambda G, A, w: (G - A).square().mean((1, 2))), "unweighted_and_mean"),
    (style_with(lambda G, A, w: (G - A).square().sum((1, 2))), "unweighted_and_no_factor"),
    (
        lambda grams, targets, weights: sum(
            w * layer_term(grams[k], targets[k]) for k, w in weights.items() if k.endswith("_1")
        ),
        "value",
    ),
    (
        lambda grams, targets, weights: (
            style_with(lambda G, A, w: w * (G - A).square().mean((1, 2)))(grams, targets, weights) / len(weights)
        ),
        "averaged_and_mean",
    ),
    (overwrites, "last_of_weights"),
    (returns_early, "first_of_weights"),
    (over_all, "all_layers"),
    (side_by_side, "grams_and_targets_and_weights"),
    (sorted_side_by_side, "grams_and_targets_and_weights_sorted"),
    (counted_names, "names_made_up"),
    (costs_first, "all_costs"),
    (
        lambda grams, targets, weights: sum(weights[k] * layer_term(grams[k], A) for k, A in targets.items()),
        "all_layers",
    ),
    (
        lambda grams, targets, weights: sum(weights.get(k, 0) * layer_term(grams[k], A) for k, A in targets.items()),
        "all_costs",
    ),
    (lambda grams, targets, weights: style_loop(grams, targets, weights) / len(grams), "averaged_by_grams"),
    (style_with(lambda G, A, w: w * (G - A).square().sum((1, 2)) / (4 * G.shape[0] ** 2)), "pictures_for_channels"),
    (style_with(lambda G, A, w: w * torch.square(G - A).sum()), "one_number"),
    (style_with(lambda G, A, w: layer_term(G, A)), "unweighted"),
    (style_with(lambda G, A, w: layer_term(G, A).sum() * w), "batch_summed"),
    (style_with(lambda G, A, w: layer_term(G, A).mean() * w), "batch_averaged"),
    (style_with(lambda G, A, w: w * (G - A).square().mean((1, 2))), "mean"),
    (style_with(lambda G, A, w: w * (G - A).square().sum((1, 2))), "no_factor"),
    (style_with(lambda G, A, w: layer_term(w * G, w * A)), "weights_squared"),
    (style_with(lambda G, A, w: layer_term(w * G, A)), "weight_on_gram"),
    (style_with(lambda G, A, w: w * nnf.mse_loss(G, A.expand_as(G))), "everything_averaged"),
    (style_with(lambda G, A, w: w * (G - A).sum((1, 2)) / (4 * G.shape[1] ** 2)), "not_squared"),
    (style_with(lambda G, A, w: w * (G - A).square().sum((1, 2)) / 4 * G.shape[1] ** 2), "multiplied"),
    (lambda grams, targets, weights: style_loop(grams, targets, weights) / len(weights), "averaged"),
    (lambda grams, targets, weights: style_loop(grams, targets, weights) / sum(weights.values()), "weights_normalised"),
    (
        lambda grams, targets, weights: sum(weights.get(k, 1.0) * layer_term(G, targets[k]) for k, G in grams.items()),
        "weight_one",
    ),
    (lambda grams, targets, weights: sum(layer_term(G, targets[k]) for k, G in grams.items()), "unweighted_over_grams"),
    (
        lambda grams, targets, weights: sum(
            weights[k] * layer_term(G, A) for (k, G), A in zip(grams.items(), targets.values())
        ),
        "grams_and_targets",
    ),
    (
        lambda grams, targets, weights: torch.stack([w * layer_term(grams[k], targets[k]) for k, w in weights.items()]),
        "stacked",
    ),
    (lambda grams, targets, weights: [w * layer_term(grams[k], targets[k]) for k, w in weights.items()], "type"),
    (lambda grams, targets, weights: style_loop(grams, targets, weights).item(), "type"),
]

EQUIVALENT = {
    "a sum does not depend on the order of its terms": ("3: for layer, weight in reversed(list(weights.items())):",),
    "the square of a difference does not depend on its sign": (
        "4: squares = (targets[layer] - grams[layer]).square()",
    ),
    "a sum does not depend on the order of its axes": (
        "5: total = total + weight * squares.sum((2, 1)) / (4 * squares.shape[1] ** 2)",
    ),
    "a Gram matrix has as many rows as columns": (
        "5: total = total + weight * squares.sum((1, 2)) / (4 * squares.shape[2] ** 2)",
    ),
    "broadcasting brings the axes of length 1 back": (
        "2: targets = {key: each.squeeze() for key, each in targets.items()}",
    ),
}
