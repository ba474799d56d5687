"""The bank of lesson 6: right answers, hidden mistakes, and misconceptions as students write them."""
import torch

from course_utils.checks import lesson6
from course_utils.losses import content_loss, gram_matrix, style_loss

# --- right answers, each written differently ---------------------------------------------------------------


def cost_sum(features, P, targets, alpha, beta, weights):
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * sum(
        weights[name] * style_loss(gram_matrix(features[name], True), a) for name, a in targets.items())


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
        one = {name: F[n:n + 1] for name, F in features.items()}
        style = torch.stack([weights[k] * style_loss(gram_matrix(one[k]) / one[k][0, 0].numel(), targets[k])[0] for k in targets])
        results.append(content_loss(one["relu4_2"], P)[0] * 2 / P[0].numel() * alpha + style.sum() * beta)
    return torch.stack(results)


@torch.enable_grad()          # the caller may have it switched off
def gradient_by_autograd(F, a):
    F = F.clone().requires_grad_()
    rows = F.flatten(2)[0]
    return torch.autograd.grad((rows @ rows.T / rows.shape[1] - a).square().sum() / (4 * len(a)**2), F)[0]


def gradient_einsum(F, a):
    g = torch.einsum("ncij,ndij->cd", F, F) / F[0, 0].numel()
    return torch.einsum("cd,ndij->ncij", g - a, F) / (a.numel() * F[0, 0].numel())


def gradient_loop(F, a):
    K, M = F.shape[1], F.shape[2] * F.shape[3]
    result = torch.zeros_like(F)
    for k in range(K):
        for m in range(K):
            result[0, k] += ((F[0, k] * F[0, m]).sum() / M - a[k, m]) * F[0, m] / (K * K * M)
    return result


RIGHT = {
    lesson6.total_cost: [cost_sum, cost_by_hand, cost_one_by_one],
    lesson6.style_gradient: [gradient_by_autograd, gradient_einsum, gradient_loop],
    lesson6.descent_step: [
        lambda image, gradient, step: torch.clamp(image - step * gradient, min=0.0, max=1.0),
        lambda image, gradient, step: (image - step * gradient).minimum(torch.ones_like(image)).maximum(torch.zeros_like(image)),
        lambda image, gradient, step: torch.nn.functional.hardtanh(torch.add(image, gradient, alpha=-step), 0.0, 1.0),
    ],
}

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def detached(*arguments):
    return lesson6.total_cost.reference(*arguments).detach()


def through_numpy(*arguments):
    return torch.from_numpy(lesson6.total_cost.reference(*arguments).detach().numpy())


def half_detached(features, *rest):
    return lesson6.total_cost.reference({name: F.detach() if name == "relu2_1" else F for name, F in features.items()}, *rest)


def in_place_step(image, gradient, step):
    image -= step * gradient
    return image.clamp_(0, 1)


def in_place_gradient(image, gradient, step):
    return (image - gradient.mul_(step)).clamp(0, 1)


def in_place_features(features, *rest):
    result = lesson6.total_cost.reference(features, *rest)
    features["relu1_1"].data.zero_()
    return result


def pops(features, *rest):
    return lesson6.total_cost.reference({"relu4_2": features.pop("relu4_2"), **features}, *rest)


HIDDEN = [
    (lesson6.total_cost, detached, "detached"),
    (lesson6.total_cost, through_numpy, "detached"),
    (lesson6.total_cost, half_detached, "gradient"),
    (lesson6.total_cost, in_place_features, "in_place"),
    (lesson6.total_cost, pops, "in_place"),
    (lesson6.descent_step, in_place_step, "in_place"),
    (lesson6.descent_step, in_place_gradient, "in_place"),
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
    style = sum(weights[k] * style_loss(features[k].flatten(2) @ features[k].flatten(2).mT, targets[k]) for k in targets)
    return alpha * (features["relu4_2"] - P).square().mean((1, 2, 3)) + beta * style


WRITTEN = [
    (lesson6.total_cost, forgets_sum, "last_layer"),
    (lesson6.total_cost, returns_early, "first_layer"),
    (lesson6.total_cost, plain_gram, "gram_not_divided"),
    (lesson6.descent_step, lambda image, gradient, step: torch.clamp(image + gradient * step, 0, 1), "ascent"),
    (lesson6.descent_step, lambda image, gradient, step: image - gradient * step, "not_clamped"),
    (lesson6.descent_step, lambda image, gradient, step: torch.relu(image - gradient * step), "clamped_below"),
    (lesson6.descent_step, lambda image, gradient, step: (image - 0.25 * gradient).clamp(0, 1), "value"),
    (lesson6.style_gradient, lambda F, a: 0.5 * gradient_einsum(F, a), "half"),
]
