"""What is put to the check of `total_cost`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf

from answers.remembering import remembering
from course_utils.checks import lesson6
from course_utils.losses import STYLE_WEIGHTS, content_loss, gram_matrix, style_loss


def parts(features, P, targets, alpha=1.0, beta=1.0, weights=STYLE_WEIGHTS):
    """Content, style and their sum, as a dictionary."""
    content = alpha * content_loss(features["relu4_2"], P, "mean")
    style = beta * sum(
        weights[name] * style_loss(gram_matrix(features[name], divide=True), a) for name, a in targets.items()
    )
    return {"content": content, "style": style, "total": content + style}


def cost_sum(features, P, targets, alpha, beta, weights):
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * sum(
        weights[name] * style_loss(gram_matrix(features[name], True), a) for name, a in targets.items()
    )


def cost_by_hand(features, P, targets, alpha, beta, weights):
    total = alpha * ((features["relu4_2"] - P) ** 2).mean(dim=(1, 2, 3))
    for name, a in targets.items():
        F = features[name]
        g = torch.einsum("nchw,ndhw->ncd", F, F) / (F.shape[2] * F.shape[3])
        total = total + beta * weights[name] * ((g - a) ** 2).sum((1, 2)) / (2 * F.shape[1]) ** 2
    return total


def cost_one_by_one(features, P, targets, alpha, beta, weights):
    results = []
    for n in range(P.shape[0] if P.shape[0] > 1 else next(iter(features.values())).shape[0]):
        one = {name: F[n : n + 1] for name, F in features.items()}
        style = torch.stack(
            [weights[k] * style_loss(gram_matrix(one[k]) / one[k][0, 0].numel(), targets[k])[0] for k in targets]
        )
        results.append(content_loss(one["relu4_2"], P)[0] * 2 / P[0].numel() * alpha + style.sum() * beta)
    return torch.stack(results)


RIGHT = [
    cost_sum,
    cost_by_hand,
    cost_one_by_one,
    lambda *arguments: parts(*arguments)["total"],
    lambda features, P, targets, a, b, w: (
        a * nnf.mse_loss(features["relu4_2"], P.expand_as(features["relu4_2"]), reduction="none").mean((1, 2, 3))
        + sum(b * v * style_loss(gram_matrix(features[k], True), targets[k]) for k, v in w.items())
    ),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def detached(*arguments):
    return lesson6.total_cost.reference(*arguments).detach()


def through_numpy(*arguments):
    return torch.from_numpy(lesson6.total_cost.reference(*arguments).detach().numpy())


def half_detached(features, *rest):
    return lesson6.total_cost.reference(
        {name: F.detach() if name == "relu2_2" else F for name, F in features.items()}, *rest
    )


def in_place_features(features, *rest):
    result = lesson6.total_cost.reference(features, *rest)
    features["relu1_1"].data.zero_()
    return result


def pops(features, *rest):
    return lesson6.total_cost.reference({"relu4_2": features.pop("relu4_2"), **features}, *rest)


HIDDEN = [
    (detached, "detached"),
    (through_numpy, "detached"),
    (half_detached, "gradient"),
    (in_place_features, "in_place"),
    (pops, "in_place"),
    (remembering(cost_sum, lambda features, *rest: tuple(len(F) for F in features.values())), "value"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def forgets_sum(features, P, targets, alpha, beta, weights):
    for name, a in targets.items():
        style = weights[name] * style_loss(gram_matrix(features[name], divide=True), a)
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * style


def returns_early(features, P, targets, alpha, beta, weights):
    total = alpha * content_loss(features["relu4_2"], P, "mean")
    for name, a in targets.items():
        total += beta * weights[name] * style_loss(gram_matrix(features[name], divide=True), a)
        return total


def plain_gram(features, P, targets, alpha, beta, weights):
    style = sum(
        weights[k] * style_loss(features[k].flatten(2) @ features[k].flatten(2).mT, targets[k]) for k in targets
    )
    return alpha * (features["relu4_2"] - P).square().mean((1, 2, 3)) + beta * style


def last_of_weights(features, P, targets, alpha, beta, weights):
    for name, weight in weights.items():
        style = weight * style_loss(gram_matrix(features[name], True), targets[name])
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * style


def zipped(features, P, targets, alpha, beta, weights):
    style = 0
    for (name, a), weight in zip(targets.items(), weights.values()):
        style = style + weight * style_loss(gram_matrix(features[name], divide=True), a)
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * style


def as_they_come(features, P, targets, alpha, beta, weights):
    style = 0
    for name, a in targets.items():
        style = style + weights[name] * style_loss(gram_matrix(features[name]), a)
    return alpha * content_loss(features["relu4_2"], P) + beta * style


def short_functions(features, P, targets, alpha, beta, weights):
    """Those of section 2."""

    def gram(F):
        _, C, H, W = F.shape
        rows = F.reshape(C, H * W)
        return rows @ rows.T / (H * W)

    style = 0
    for name, a in targets.items():
        style = style + weights[name] * (gram(features[name]) - a).square().sum() / (4 * features[name].shape[1] ** 2)
    return alpha * (features["relu4_2"] - P).square().mean() + beta * style


WRITTEN = [
    (
        lambda f, P, targets, a, b, weights: cost_sum(f, P, targets, b, a, dict.fromkeys(weights, 1)),
        "swapped+unweighted",
    ),
    (
        lambda features, P, targets, *rest: cost_sum(
            features, P, {n: a for n, a in targets.items() if n[6:] == "1"}, *rest
        ),
        "names_in_1",
    ),
    (forgets_sum, "last_layer"),
    (returns_early, "first_layer"),
    (plain_gram, "gram_not_divided"),
    (last_of_weights, "last_layer_of_weights"),
    (zipped, "weights_side_by_side"),
    (as_they_come, "defaults"),
    (short_functions, "one_picture"),
    (parts, "parts"),
    (lambda *arguments: tuple(parts(*arguments).values())[:2], "pair"),
    (lambda *arguments: cost_sum(*arguments).sum(), "one_number"),
    (lambda *arguments: cost_sum(*arguments).mean(), "one_number"),
    (lambda *arguments: -cost_sum(*arguments), "negative"),
    (lambda *arguments: cost_by_hand(*arguments) / len(arguments[0]["relu4_2"]), "over_pictures"),
    (lambda features, P, targets, a, b, w: cost_sum(features, P, targets, b, a, w), "swapped"),
    (lambda features, P, targets, a, b, w: parts(features, P, targets, a, b)["total"], "package_weights"),
    (lambda features, P, targets, a, b, w: parts(features, P, targets, weights=w)["total"], "neither_weight"),
    (lambda features, P, targets, a, b, w: parts(features, P, targets, a, b, w)["content"], "no_style"),
    (
        lambda features, P, targets, a, b, w: (
            a * (features["relu4_2"] - P).square().mean()
            + b * sum(w[k] * style_loss(gram_matrix(features[k], True), targets[k]) for k in targets)
        ),
        "content_batch",
    ),
    (
        lambda features, P, targets, a, b, w: (
            a * nnf.mse_loss(features["relu4_2"], P.expand_as(features["relu4_2"]))
            + b
            * sum(
                w[k] * nnf.mse_loss(gram_matrix(features[k], True), targets[k].expand_as(gram_matrix(features[k])))
                for k in targets
            )
        ),
        "one_number",
    ),
]

EQUIVALENT = {
    "a sum does not depend on the order of its terms": ("3: for layer, a in reversed(list(style_targets.items())):",),
}
