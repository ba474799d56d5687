"""Check of lesson 5: the style cost, a weighted sum over layers."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, random_trials
from course_utils.checks.lesson5.gram import gram
from course_utils.checks.lesson5.layer_cost import COST_PARTS, distance, quarter
from course_utils.losses import STYLE_WEIGHTS


def _layers(
    *,
    over=lambda grams, targets, weights: weights,
    weigh=lambda weights, layer: weights[layer],
    cost=None,
    combine=sum,
    **parts,
):
    """Σ λ E over the layers that `over` names, with one part replaced; further parts are those of E."""
    cost = cost or distance(grams=_as_given, **parts)

    def function(grams, targets, weights):
        return combine(
            [weigh(weights, layer) * cost(grams[layer], targets[layer]) for layer in over(grams, targets, weights)]
        )

    return function


def _as_given(G, A):
    return G, A


DICTIONARIES = ("grams", "targets", "weights")


def _zipped(*names, weighted=True, order=list):
    """Dictionaries that are walked through side by side, as if all had the same order.

    The layers of the first dictionary are looked up in the others.
    """

    def function(*dictionaries):
        given, total = (
            {
                name: {layer: values[layer] for layer in order(values)}
                for name, values in zip(DICTIONARIES, dictionaries)
            },
            0,
        )
        for layer, *values in zip(given[names[0]], *[given[name].values() for name in names[1:]]):
            own = dict(zip(names[1:], values))
            G, A, weight = (
                own[name] if name in own else given[name][layer] if weighted or name != "weights" else None
                for name in given
            )
            total = total + (weight if weighted else 1) * distance(grams=_as_given)(G, A)
        return total

    return function


def _channels_of(which, place):
    """The sum with the C of one layer for all."""

    def function(grams, targets, weights):
        C = grams[list((grams, targets, weights)[which])[place]].shape[1]
        return _layers(factor=lambda _: quarter(C))(grams, targets, weights)

    return function


NAMES = {1: "relu1_1", 2: "relu2_1", 3: "relu3_1", 4: "relu4_2", 5: "relu5_1"}


def _dictionaries(draw, N, sizes, of_weights, of_targets, of_grams, negative=None, size=1):
    """Gram matrices of layers with these numbers of channels; each dictionary holds layers of its own choice and order,
    given by number; the weight of one may be negative, and is small then; `size` is that of the entries.
    """
    grams, targets = (
        [gram.reference(draw(batch, C, 3, 4) + shift) * size / 12 for C in sizes]
        for batch, shift in ((N, 0.3), (1, 0.0))
    )
    return (
        {NAMES[n]: grams[n - 1] for n in of_grams},
        {NAMES[n]: targets[n - 1] for n in of_targets},
        {NAMES[n]: (0.5 + abs(draw(1).item())) * (-0.02 if n == negative else 1) for n in of_weights},
    )


def _by_hand():
    """Two layers, of one channel and of two, in different orders."""
    one, two = torch.ones(1, 1, 1), torch.tensor([[[2.0, 1.0], [1.0, 3.0]]])
    return [
        Trial(
            "two layers, of one channel and of two",
            (
                {"relu1_1": 5 * one, "relu2_1": two},
                {"relu2_1": two.flip(1, 2) - 4, "relu1_1": one},
                {"relu2_1": 0.5, "relu1_1": 3.0},
            ),
        )
    ]


ORDER = (
    "the dictionaries have their layers in different orders: loop over `weights`, and look the rest up by name,"
    " grams[layer]."
)
EXTRA = " And you count layers that have no weight: loop over `weights`."
ADD = "add up over the layers, Σ λ E."
OVER = (
    ("", lambda grams, targets, weights: weights, ""),
    ("_over_grams", lambda grams, targets, weights: grams, EXTRA),
)

TWO = (  # a second mistake beside one of E: name, the weight of a layer, what to say
    ("unweighted", lambda w, layer: 1, "the weights are missing"),
    ("weights_squared", lambda w, layer: w[layer] ** 2, "each weight counts twice"),
    ("divided_by_weights", lambda w, layer: 1 / w[layer], "you divide by the weights"),
    ("weights_normalised", lambda w, layer: w[layer] / sum(w.values()), "you divide by the sum of the weights"),
    ("averaged", lambda w, layer: w[layer] / len(w), "you average over the layers"),
    ("absolute_weights", lambda w, layer: abs(w[layer]), "the weights lose their signs"),
)
PAIRED = (
    "mean",
    "half_mean",
    "channels_not_squared",
    "factor_not_squared",
    "quarter_only",
    "no_factor",
    "absolute",
    "not_squared",
    "norm",
    "upper",
    "diagonal",
    "pictures_for_channels",
    "batch_summed",
    "batch_averaged",
)

# in all trials but the first and third all layers have the same C: there, the matrix of a wrong layer raises no error;
# in the fifth `targets` lacks a layer of `grams` and holds another; the sixth is like the second, with other numbers;
# the last has a layer of one channel whose weight is negative
style_cost = Exercise(
    "style_cost",
    _layers(),
    lambda: random_trials(
        53,
        "batch {0}, layers of {1} channels, in `weights` the layers {2}, in `targets` {3}, in `grams` {4}",
        (
            (1, (3, 5, 2), (2, 1, 3), (1, 3, 2), (1, 2, 3)),
            (3, (4, 4, 4), (3, 1, 2), (2, 1, 3), (1, 2, 3)),
            (3, (2, 4, 3), (3, 2), (1, 3, 2), (1, 2, 3), None, 300),
            (2, (3, 3, 3, 3, 3), (5, 1, 4, 3), (2, 4, 1, 5, 3), (1, 2, 3, 4, 5)),
            (2, (3, 3, 3, 3), (3, 1), (1, 4, 3), (2, 1, 3)),
            (3, (4, 4, 4), (2, 1), (2, 1, 3), (1, 2, 3), None, 1e-4),
            (2, (3, 1, 4, 2), (4, 2, 1), (1, 4, 2), (2, 1, 4), 2),
        ),
        _dictionaries,
    ),
    [
        Misconception(
            "all_layers",
            _layers(over=OVER[1][1]),
            "you loop over layers that have no weight, which raises a KeyError: loop over `weights`.",
        ),
        Misconception(
            "all_costs",
            _layers(over=OVER[1][1], weigh=lambda weights, layer: weights.get(layer, 0)),
            "you compute costs of layers that have no weight, and those need not be in both dictionaries: loop over"
            " `weights`.",
        ),
        Misconception(
            "names_made_up",
            _layers(over=lambda grams, targets, weights: [f"relu{n}_1" for n in range(1, len(weights) + 1)]),
            "you make up the names of the layers: `weights` holds them, so loop over it.",
        ),
        Misconception(
            "averaged_by_grams",
            lambda *dictionaries: _layers()(*dictionaries) / len(dictionaries[0]),
            "you divide by the number of layers in `grams`: " + ADD,
        ),
        Misconception(
            "weight_one",
            _layers(over=OVER[1][1], weigh=lambda weights, layer: weights.get(layer, 1)),
            "a layer without a weight counts as if its weight were 1: it does not count, so loop over `weights`.",
        ),
        *[
            Misconception(name + end, _layers(over=over, **parts), hint + more)
            for end, over, more in OVER
            for name, parts, hint in COST_PARTS
        ],
        Misconception(
            "absolute_weights",
            _layers(weigh=lambda w, layer: abs(w[layer])),
            "you take the weights without their signs. A negative weight drives a layer away from the painting: what"
            " should the sum do with it?",
        ),
        *[
            Misconception(f"{one}_and_{name}", _layers(weigh=weigh, **parts), f"two things at once: {said}, and {hint}")
            for one, weigh, said in TWO
            for name, parts, hint in COST_PARTS
            if name in PAIRED
        ],
        *[
            Misconception(
                f"{which}_only_and_{name}",
                _layers(over=lambda g, t, w, place=place: list(w)[place:][:1], **parts),
                f"two things at once: only the {which} layer counts, and {hint}",
            )
            for which, place in (("last", -1), ("first", 0))
            for name, parts, hint in COST_PARTS
            if name in PAIRED
        ],
        *[
            Misconception(name + end, _layers(over=over, weigh=weigh), hint + more)
            for end, over, more in OVER
            for name, weigh, hint in (
                (
                    "unweighted",
                    lambda w, layer: 1,
                    "the weights are missing: multiply the cost of each layer by weights[layer].",
                ),
                (
                    "weights_squared",
                    lambda w, layer: w[layer] ** 2,
                    "each weight counts twice, as if it stood inside of the square: once is enough.",
                ),
                (
                    "root_of_weights",
                    lambda w, layer: w[layer] ** 0.5,
                    "you take the roots of the weights: take them as they are.",
                ),
                ("divided_by_weights", lambda w, layer: 1 / w[layer], "you divide by the weights: multiply by them."),
                (
                    "weights_normalised",
                    lambda w, layer: w[layer] / sum(w.values()),
                    "you divide by the sum of the weights: take them as they are.",
                ),
                ("averaged", lambda w, layer: w[layer] / len(w), "you average over the layers: " + ADD),
                (
                    "equal_weights",
                    lambda w, layer: 1 / len(w),
                    "every layer counts the same, as in another course: multiply by weights[layer].",
                ),
                (
                    "package_weights",
                    lambda w, layer: STYLE_WEIGHTS[layer],
                    (
                        "you use the λ of the package, STYLE_WEIGHTS: use those that your function is given,"
                        " weights[layer]."
                    ),
                ),
                (
                    "sum_of_weights",
                    lambda w, layer: sum(w.values()),
                    "every layer gets the sum of the weights: multiply it by its own, weights[layer].",
                ),
                (
                    "first_weight",
                    lambda w, layer: next(iter(w.values())),
                    "every layer gets the first weight: multiply it by its own, weights[layer].",
                ),
            )
        ],
        *[
            Misconception(name + end, _layers(over=over, combine=combine), hint + ADD + more)
            for end, over, more in OVER
            for name, combine, hint in (
                ("layers_multiplied", lambda costs: torch.stack(costs).prod(0), "you multiply the layers: "),
                ("largest", lambda costs: torch.stack(costs).amax(0), "only the most expensive layer counts: "),
                ("stacked", torch.stack, "your result has a row for each layer: "),
                ("stacked_last", lambda costs: torch.stack(costs, 1), "your result has a column for each layer: "),
                ("joined", torch.cat, "your result is one long row of all layers: "),
                ("root_of_sum", lambda costs: sum(costs).sqrt(), "you take the root of the sum, leave it out: "),
            )
        ],
        Misconception(
            "weight_on_gram",
            lambda grams, targets, weights: _layers(weigh=lambda w, layer: 1)(
                {layer: weight * grams[layer] for layer, weight in weights.items()}, targets, weights
            ),
            "you multiply the picture's Gram matrix by the weight: multiply the cost of the layer by it.",
        ),
        *[
            Misconception(
                f"{name}_of_{DICTIONARIES[which]}",
                _layers(over=lambda *dictionaries, which=which, place=place: list(dictionaries[which])[place:][:1]),
                hint,
            )
            for which in (2, 0, 1)
            for name, place, hint in (
                (
                    "last",
                    -1,
                    "only the last layer counts, for the loop overwrites the sum: add to it, total = total + ….",
                ),
                ("first", 0, "only the first layer counts: put the `return` behind the loop."),
            )
        ],
        *[
            Misconception(
                f"{name}_left_out",
                _layers(over=lambda g, t, w, part=part: list(w)[part]),
                f"the {name} layer is left out: take all of `weights`.",
            )
            for name, part in (("first", slice(1, None)), ("last", slice(-1)))
        ],
        *[
            Misconception(
                f"channels_of_{name}_of_{DICTIONARIES[which]}",
                _channels_of(which, place),
                f"you take the C of the {name} layer for all: each layer has its own, grams[layer].shape[1].",
            )
            for which in (2, 0)
            for name, place in (("first", 0), ("last", -1))
        ],
        *[
            Misconception(
                "_and_".join(names), _zipped(*names), f"you go through {' and '.join(names)} side by side, but " + ORDER
            )
            for names in (
                ("grams", "targets"),
                ("grams", "weights"),
                ("grams", "targets", "weights"),
                ("targets", "weights"),
                ("weights", "grams"),
                ("weights", "targets"),
            )
        ],
        *[
            Misconception(
                "_and_".join(names) + "_sorted",
                _zipped(*names, order=sorted),
                f"you sort {' and '.join(names)} and go through them side by side, but they need not hold the same"
                " layers: loop over `weights`, and look the rest up by name, grams[layer].",
            )
            for names in (
                ("grams", "targets", "weights"),
                ("grams", "weights"),
                ("weights", "grams"),
                ("weights", "targets"),
            )
        ],
        *[
            Misconception(
                "_and_".join(names) + "_unweighted",
                _zipped(*names, weighted=False),
                f"you go through {' and '.join(names)} side by side, but {ORDER} And multiply by weights[layer].",
            )
            for names in (
                ("grams", "targets"),
                ("weights", "grams"),
                ("weights", "targets"),
                ("grams", "targets", "weights"),
            )
        ],
    ],
    differentiable=(0,),
    small=_by_hand,
    hints=(
        "Which of the three dictionaries says which layers count?",
        "Go through the layers of `weights` by name. What is the cost of one layer, if its Gram matrices are"
        " divided already, and what is C there?",
        "For each layer and its weight: squares of `grams[layer] - targets[layer]`, summed over (1, 2), divided"
        " by 4 C², times the weight; add them up and return the sum.",
    ),
)
