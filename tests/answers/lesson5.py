"""The bank of lesson 5: misconceptions as students write them; right answers and hidden mistakes are in lesson5_right."""
import numpy as np
import torch
import torch.nn.functional as nnf

from answers.lesson5_right import HIDDEN, RIGHT, cost_by_hand, flow_loop, gram_bmm, mean_gram, style_loop       # noqa: F401, read by test_checks
from course_utils.checks import lesson5

# --- the same misconceptions, written as a student would ------------------------------------------------------


def tutorial(F):
    """The PyTorch tutorial's."""
    a, b, c, d = F.size()
    features = F.view(a * b, c * d)
    G = torch.mm(features, features.t())
    return G.div(a * b * c * d)


def coursera(F):
    """The Coursera exercise's, for one picture."""
    _, C, H, W = F.shape
    unrolled = F.view(C, H * W)
    return unrolled @ unrolled.T


def tensorflow(F):
    """The TensorFlow tutorial's, for its layout (N, H, W, C)."""
    G = torch.einsum("bijc,bijd->bcd", F, F)
    return G / (F.shape[1] * F.shape[2])


def cs231n(F, normalize=True):
    N, C, H, W = F.size()
    rows = F.view(N, C, H * W)
    G = torch.bmm(rows, rows.permute(0, 2, 1))
    return G / (H * W * C) if normalize else G


def upper_loop(F):
    C = F.shape[1]
    G = torch.zeros(len(F), C, C, dtype=F.dtype)
    for k in range(C):
        for m in range(k, C):
            G[:, k, m] = (F[:, k] * F[:, m]).sum((1, 2))
    return G


def no_diagonal_loop(F):
    C = F.shape[1]
    G = torch.zeros(len(F), C, C, dtype=F.dtype)
    for k in range(C):
        for m in range(k):
            G[:, k, m] = G[:, m, k] = (F[:, k] * F[:, m]).sum((1, 2))
    return G


def first_row_loop(F):
    G = torch.zeros(len(F), F.shape[1], F.shape[1], dtype=F.dtype)
    for m in range(F.shape[1]):
        G[:, 0, m] = (F[:, 0] * F[:, m]).sum((1, 2))
    return G


def covariance(F):
    return torch.stack([torch.cov(picture.flatten(1)) for picture in F])


def lecture_notes(F, S):
    """1/(2 C H W) Σ (G − A), without both squares."""
    return (mean_gram(F) - mean_gram(S)).sum((1, 2)) / (2 * F.shape[1])


def coursera_cost(F, S):
    _, C, H, W = F.shape
    return (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (4 * C**2 * (H * W) ** 2)


def coursera_scalar(F, S):
    """Coursera's as published, for one picture."""
    _, C, H, W = F.shape
    G, A = ((x.view(C, -1) @ x.view(C, -1).T) for x in (F, S))
    return (G - A).square().sum() / (4 * C**2 * (H * W) ** 2)


def tutorial_cost(F, S):
    """The PyTorch tutorial's."""
    return (tutorial(F) - tutorial(S)).square().mean()


def cs231n_cost(F, S):
    """CS231n's, without its weight."""
    return torch.sum((cs231n(F) - cs231n(S)) ** 2)


def coursera_height(F, S):
    _, C, H, W = F.shape
    return (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (4 * C**2 * (H * H) ** 2)


def d2l(F, S):
    """d2l's: Gram matrices over C·H·W, and the mean of the squares."""
    G, A = gram_bmm(F) / F[0].numel(), gram_bmm(S) / S[0].numel()
    return torch.square(G - A).mean((1, 2))


def resizes(F, S):
    S = nnf.interpolate(S, size=F.shape[-2:], mode="bilinear", align_corners=False)
    return cost_by_hand(F, S)


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
    return sum(w * layer_term(G, A) for (_, G), (_, A), (_, w) in zip(sorted(grams.items()), sorted(targets.items()), sorted(weights.items())))


def counted_names(grams, targets, weights):
    names = [f"relu{i}_1" for i in range(1, len(weights) + 1)]
    return sum(weights[name] * layer_term(grams[name], targets[name]) for name in names)


def costs_first(grams, targets, weights):
    costs = {layer: layer_term(grams[layer], targets[layer]) for layer in grams}
    return sum(weights[layer] * costs[layer] for layer in weights)


def maps_of_pictures(F):
    matrices = []
    for picture in F:
        C, M = picture.shape
        matrices.append(picture @ picture.T)
    return torch.stack(matrices)


def three_sizes(F):
    C, H, W = F.shape
    return F.reshape(C, H * W) @ F.reshape(C, H * W).T


WRITTEN = [(exercise, *case) for exercise, cases in {
    lesson5.gram: [
        (tutorial, "merged_over_all"), (coursera, "one_picture"), (cs231n, "over_values"), (upper_loop, "upper"), (no_diagonal_loop, "diagonal_zero"),
        (first_row_loop, "first_row"), (covariance, "covariance_unbiased"), (tensorflow, "shape"),
        (lambda F: F.transpose(0, 1).flatten(1) @ F.transpose(0, 1).flatten(1).T, "joined"), (lambda F: gram_bmm(F).sum(0), "joined"),
        (lambda F: gram_bmm(F).mean(0), "averaged"), (lambda F: gram_bmm(F).mean(0, keepdim=True), "averaged_kept"),
        (lambda F: gram_bmm(F)[0], "first"),
        (lambda F: gram_bmm(F)[:1].repeat(len(F), 1, 1), "first_repeated"), (lambda F: gram_bmm(F) / len(F), "over_pictures"),
        (lambda F: F.reshape(F.shape[1], -1) @ F.reshape(F.shape[1], -1).T, "cut_up"), (lambda F: F.flatten(2) @ F.flatten(2), "not_transposed"),
        (lambda F: F.flatten(2).mT @ F.flatten(2), "position_by_position"), (lambda F: F @ F.mT, "row_by_row"), (lambda F: F @ F, "maps_multiplied"),
        (lambda F: torch.einsum("bchw,bdij->bcd", F, F), "other_positions"), (lambda F: torch.einsum("bchw,bdhv->bcd", F, F), "other_columns"),
        (lambda F: torch.einsum("bchw,edhw->bcd", F, F), "other_pictures"), (lambda F: F.square().sum((2, 3)), "energies"),
        (lambda F: torch.diag_embed(F.square().sum((2, 3))), "diagonal_only"), (lambda F: gram_bmm(F) / F.shape[2] ** 2, "over_square_of_height"),
        (lambda F: torch.stack([torch.corrcoef(picture.flatten(1)) for picture in F]), "correlation"),
        (lambda F: F.reshape(len(F), -1, F.shape[1]).mT @ F.reshape(len(F), -1, F.shape[1]), "reshaped"),
        (lambda F: [picture.flatten(1) @ picture.flatten(1).T for picture in F], "type"),
        (lambda F: F.flatten(1) @ F.flatten(1).T, "flattened_from_1_summed"),
        (lambda F: gram_bmm(F.float()), "dtype"),
        (three_sizes, "three_axes"), (maps_of_pictures, "error"), (lambda F: int("x"), "error"), (lambda F: np.linalg.multi_dot([F]), "error"),
        (lambda F: torch.mm(F.flatten(2).squeeze(0), F.flatten(2).squeeze(0).t()), "one_picture"),
        (lambda F: sum(F[:, :, i, j, None] * F[:, None, :, i, j] for i in range(F.shape[2] - 1) for j in range(F.shape[3])),
         "last_row_of_positions_missing"),
        (lambda F: gram_bmm(F) / (F[0, 0].numel() - 1), "over_positions_minus_1"),
        (lambda F: gram_bmm(F).triu() + gram_bmm(F).triu().mT, "diagonal_doubled"),
        (lambda F: F.sum((2, 3))[:, :, None] * F.sum((2, 3))[:, None], "other_positions"),
    ],
    lesson5.layer_cost: [
        (lecture_notes, "not_squared_at_all"), (coursera_cost, "size_of_picture"), (coursera_height, "height_of_picture_squared"),
        (d2l, "values_and_mean"), (resizes, "resized_bilinear"),
        (lambda F, S: torch.square(cs231n(F) - cs231n(S)).mean(), "one_number"), (tutorial_cost, "one_number"), (cs231n_cost, "one_number"),
        (coursera_scalar, "one_number"), (lambda F, S: (cs231n(F) - cs231n(S)).square().sum((1, 2)), "mean"),
        (lambda F, S: (gram_bmm(F) - gram_bmm(S)).sum((1, 2)) / (2 * F[0].numel()), "size_of_picture_not_squared_at_all"),
        (lambda F, S: (gram_bmm(F) - gram_bmm(S)).sum((1, 2)) / (2 * F[0].numel()) ** 2, "with_size_not_squared"),
        (lambda F, S: (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (2 * F[0].numel()), "factor_with_size_not_squared"),
        (lambda F, S: (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (2 * F[0].numel()) ** 2, "size_of_picture"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (2 * F[0].numel()), "divided_twice_factor_not_squared"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (2 * F[0].numel()) ** 2, "divided_twice"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).sum((1, 2)) / (2 * F[0].numel()), "divided_twice_not_squared_at_all"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).sum((1, 2)) / (2 * F[0].numel()) ** 2, "divided_twice_not_squared"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (4 * F.shape[0] ** 2), "pictures_for_channels"),
        (lambda F, S: ((mean_gram(F) - mean_gram(S)) / (4 * F.shape[1] ** 2)).square().sum((1, 2)), "factor_in_square"),
        (lambda F, S: (gram_bmm(F) / F[:, 0].numel() - gram_bmm(S) / S[:, 0].numel()).square().sum((1, 2)) / (4 * F.shape[1] ** 2),
         "gram_pictures_counted"),
        (lambda F, S: cost_by_hand(F, nnf.interpolate(S, F.shape[2:], mode="bilinear", align_corners=True)), "resized_aligned"),
        (lambda F, S: cost_by_hand(nnf.interpolate(F, S.shape[2:]), S), "picture_resized_nearest"),
        (lambda F, S: nnf.mse_loss(mean_gram(F), mean_gram(S).expand(len(F), -1, -1)), "everything_averaged"),
        (lambda F, S: (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (4 * F.shape[1] ** 2), "undivided"),
        (lambda F, S: (gram_bmm(F) / F[0].numel() - gram_bmm(S) / S[0].numel()).square().sum((1, 2)), "mean"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / 4 * F.shape[1] ** 2, "multiplied"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (2 * F.shape[1]), "factor_not_squared"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).square().mean((1, 2)), "mean"), (lambda F, S: cost_by_hand(F, S).sum(), "batch_summed"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum() / (4 * F.shape[1] ** 2), "batch_summed"),
        (lambda F, S: cost_by_hand(F, S).mean(), "batch_averaged"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).sum((1, 2)) ** 2 / (4 * F.shape[1] ** 2), "square_of_sum"),
        (lambda F, S: (mean_gram(F) - mean_gram(S)).abs().sum((1, 2)) / (4 * F.shape[1] ** 2), "absolute"),
        (lambda F, S: torch.linalg.matrix_norm(mean_gram(F) - mean_gram(S)) / (4 * F.shape[1] ** 2), "norm"),
        (lambda F, S: mean_gram(F - S).square().sum((1, 2)) / (4 * F.shape[1] ** 2), "features_subtracted"),
        (lambda F, S: cost_by_hand(F[:1], S), "first_picture"), (lambda F, S: cost_by_hand(F, nnf.interpolate(S, F.shape[2:])), "resized_nearest"),
        (lambda F, S: [cost_by_hand(picture[None], S)[0] for picture in F], "type"),
    ],
    lesson5.gram_gradient: [
        (lambda F, B: (B @ F[0].flatten(1)).reshape(F.shape), "once"), (lambda F, B: torch.einsum("mk,nmhw->nkhw", B, F), "once_transposed"),
        (lambda F, B: 2 * (B @ F.flatten(2)).reshape(F.shape), "symmetric"),
        (lambda F, B: 2 * torch.einsum("mk,nmhw->nkhw", B, F), "symmetric_transposed"),
        (lambda F, B: 0.5 * torch.einsum("km,nmhw->nkhw", B + B.T, F), "halved"), (lambda F, B: flow_loop(F, B) / F[0, 0].numel(), "over_positions"),
        (lambda F, B: flow_loop(F, B) * (F > 0), "masked"), (lambda F, B: ((B + B.T) @ F.flatten(2))[0], "flat"),
        (lambda F, B: (F.flatten(2).mT @ (B + B.T)).reshape(F.shape), "not_brought_back"), (lambda F, B: (B + B.T) @ F, "on_rows"),
        (lambda F, B: F @ (B + B.T), "on_columns"), (lambda F, B: (B + B.T - torch.diag(B.diagonal())) @ F.flatten(2), "shape"),
        (lambda F, B: ((B + B.T - torch.diag(B.diagonal())) @ F.flatten(2)).reshape(F.shape), "diagonal_once"),
        (lambda F, B: (F[0].flatten(1).T @ B).T.reshape(F.shape), "once_transposed"), (lambda F, B: -flow_loop(F, B), "negative"),
        (lambda F, B: 2 * (B @ F.flatten(2)).reshape(F.shape) / F[0, 0].numel(), "over_positions_symmetric"),
        (lambda F, B: (2 * B.triu() @ F.flatten(2)).reshape(F.shape), "twice_upper"), (lambda F, B: flow_loop(F, 2 * B.T), "doubled"),
        (lambda F, B: 4 * (B @ F.flatten(2)).reshape(F.shape), "four_times"),
        (lambda F, B: ((B.T - B) @ F.flatten(2)).reshape(F.shape), "difference_turned"),
        (lambda F, B: flow_loop(F, B) / len(B) ** 2 / F[0, 0].numel(), "of_cost_and_positions"),
        (lambda F, B: torch.einsum("nkhw,km->nkhw", F, B + B.T), "own_channel"),
        (lambda F, B: (B + B.T) @ F[0].flatten(1) @ F[0].flatten(1).T, "of_gram"), (lambda F, B: (gram_bmm(F)[0] * B).sum(), "value"),
    ],
    lesson5.style_cost: [
        (overwrites, "last_of_weights"), (returns_early, "first_of_weights"), (over_all, "all_layers"),
        (side_by_side, "grams_and_targets_and_weights"), (sorted_side_by_side, "grams_and_targets_and_weights_sorted"),
        (counted_names, "names_made_up"), (costs_first, "all_costs"),
        (lambda grams, targets, weights: sum(weights[k] * layer_term(grams[k], A) for k, A in targets.items()), "all_layers"),
        (lambda grams, targets, weights: sum(weights.get(k, 0) * layer_term(grams[k], A) for k, A in targets.items()), "all_costs"),
        (lambda grams, targets, weights: style_loop(grams, targets, weights) / len(grams), "averaged_by_grams"),
        (style_with(lambda G, A, w: w * (G - A).square().sum((1, 2)) / (4 * G.shape[0] ** 2)), "pictures_for_channels"),
        (style_with(lambda G, A, w: w * torch.square(G - A).sum()), "one_number"),
        (style_with(lambda G, A, w: layer_term(G, A)), "unweighted"), (style_with(lambda G, A, w: layer_term(G, A).sum() * w), "batch_summed"),
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
        (lambda grams, targets, weights: sum(weights.get(k, 1.0) * layer_term(G, targets[k]) for k, G in grams.items()), "weight_one"),
        (lambda grams, targets, weights: sum(layer_term(G, targets[k]) for k, G in grams.items()), "unweighted_over_grams"),
        (lambda grams, targets, weights: sum(weights[k] * layer_term(G, A) for (k, G), A in zip(grams.items(), targets.values())),
         "grams_and_targets"),
        (lambda grams, targets, weights: torch.stack([w * layer_term(grams[k], targets[k]) for k, w in weights.items()]), "stacked"),
        (lambda grams, targets, weights: [w * layer_term(grams[k], targets[k]) for k, w in weights.items()], "type"),
        (lambda grams, targets, weights: style_loop(grams, targets, weights).item(), "type"),
    ],
}.items() for case in cases]
