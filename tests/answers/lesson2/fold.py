"""What is put to the check of `fold`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf


def fold_by_hand(weight, bias, gamma, beta, mean, variance, eps):
    scale = gamma / torch.sqrt(variance + eps)
    return torch.cat(
        [(weight * scale.view(-1, 1, 1, 1)).flatten(1), (beta + scale * (bias - mean)).unsqueeze(1)], dim=1
    )


def fold_loop(weight, bias, gamma, beta, mean, variance, eps):
    rows = []
    for k in range(len(weight)):
        s = gamma[k] / (variance[k] + eps) ** 0.5
        rows.append(torch.cat([s * weight[k].reshape(-1), (s * bias[k] + (beta[k] - s * mean[k])).reshape(1)]))
    return torch.stack(rows)


def fold_matrix(weight, bias, gamma, beta, mean, variance, eps):
    rows = torch.hstack([weight.reshape(len(weight), -1), (bias - mean)[:, None]])
    rows = torch.diag(gamma * torch.rsqrt(variance + eps)) @ rows
    return rows + nnf.pad(beta[:, None], (rows.shape[1] - 1, 0))


def fold_by_probing(weight, bias, gamma, beta, mean, variance, eps):
    """The layers themselves, on patches that are zero but for one place, and on a patch of zeros."""
    n = weight[0].numel()
    patches = torch.cat([torch.eye(n, dtype=weight.dtype), torch.zeros(1, n, dtype=weight.dtype)]).reshape(
        n + 1, *weight.shape[1:]
    )
    out = (
        nnf.batch_norm(nnf.conv2d(patches, weight, bias), mean, variance, gamma, beta, training=False, eps=eps)
        .flatten(1)
        .T
    )
    return torch.cat([out[:, :-1] - out[:, -1:], out[:, -1:]], 1)


RIGHT = [fold_by_hand, fold_loop, fold_matrix, fold_by_probing]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def fold_with_layers(weight, bias, gamma, beta, mean, variance, eps):
    conv = torch.nn.Conv2d(weight.shape[1], len(weight), 3, dtype=weight.dtype)
    scale = gamma / (variance + eps).sqrt()
    conv.weight.data, conv.bias.data = weight * scale[:, None, None, None], (bias - mean) * scale + beta
    return torch.cat((conv.weight.flatten(1), conv.bias[:, None]), 1)


def in_place_fold(weight, bias, gamma, beta, mean, variance, eps):
    scale = gamma / (variance + eps).sqrt()
    for k in range(len(weight)):
        weight[k] *= scale[k]
    return torch.cat((weight.flatten(1), ((bias - mean) * scale + beta)[:, None]), 1)


HIDDEN = [
    (in_place_fold, "in_place"),
    (fold_with_layers, "gradient"),
    (lambda weight, *rest: fold_by_hand(weight.detach(), *rest), "gradient"),
    (lambda weight, bias, gamma, *rest: fold_by_hand(weight, bias, gamma.detach(), *rest), "gradient"),
    (torch.no_grad()(fold_by_hand), "detached"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def fold_bias_late(weight, bias, gamma, beta, mean, variance, eps):
    folded = fold_by_hand(weight, torch.zeros_like(bias), gamma, beta, mean, variance, eps)
    return torch.cat((folded[:, :-1], folded[:, -1:] + bias.view(-1, 1)), 1)


def fold_with(factor, shift=lambda bias, mean: bias - mean):
    """The weights times `factor`, of γ and the root; the bias as it should be, but for `shift`."""

    def function(weight, bias, gamma, beta, mean, variance, eps):
        root = torch.sqrt(variance + eps)
        return torch.cat(
            ((weight * factor(gamma, root)).flatten(1), (gamma * shift(bias, mean) / root + beta).view(-1, 1)), 1
        )

    return function


WRITTEN = [
    (
        lambda w, b, g, beta, mean, *rest: torch.cat(
            [
                fold_by_hand(w - mean[:, None, None, None], b, g, beta, mean, *rest)[:, :-1],
                fold_by_hand(w, b, g, beta, 0 * mean, *rest)[:, -1:],
            ],
            1,
        ),
        "weight_centred+no_mean",
    ),
    (fold_bias_late, "bias_not_scaled"),
    (fold_with(lambda gamma, root: (gamma / root)[:, None, None]), "along_channels"),
    (fold_with(lambda gamma, root: gamma / root), "along_columns"),
    (fold_with(lambda gamma, root: 1 / root.view(-1, 1, 1, 1)), "gamma_in_bias"),
    (fold_with(lambda gamma, root: (gamma / root).view(-1, 1, 1, 1), lambda bias, mean: mean - bias), "bias_from_mean"),
    (fold_with(lambda gamma, root: (gamma / root).view(-1, 1, 1, 1), lambda bias, mean: bias), "no_mean"),
    (lambda w, b, g, beta, mean, variance, eps: fold_by_hand(w, b, g, beta, mean, variance, 0), "eps_missing"),
    (lambda w, b, *rest: fold_by_hand(w, 0 * b, *rest), "no_bias"),
    (lambda *arguments: fold_loop(*arguments).roll(1, 1), "bias_first"),
    (
        lambda w, b, g, beta, mean, variance, eps: fold_loop(w, b, g, beta, mean, (variance + eps) ** 2 - eps, eps),
        "root_forgotten",
    ),
]

EQUIVALENT = {
    "a variance is not negative": (
        "2: variance = abs(variance)",
        "2: variance = variance.relu()",
    ),
    "ε is positive": ("2: eps = abs(eps)",),
}
