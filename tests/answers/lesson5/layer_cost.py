"""What is put to the check of `layer_cost`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf

from answers.lesson5.gram import cs231n, gram_bmm, gram_by_picture, tutorial
from answers.remembering import remembering


def mean_gram(F):
    return torch.einsum("nchw,ndhw->ncd", F, F) / (F.shape[2] * F.shape[3])


def cost_by_hand(F, S):
    G, A = gram_bmm(F) / F[0, 0].numel(), gram_bmm(S.contiguous()) / S[0, 0].numel()
    return ((G - A) ** 2).sum(dim=(1, 2)) / (4 * F.shape[1] ** 2)


def cost_loop(F, S):
    target, costs = gram_by_picture(S)[0] / S[0, 0].numel(), []
    for picture in F:
        rows = picture.flatten(1)
        costs.append(torch.pow(rows @ rows.T / rows.shape[1] - target, 2).sum() / (2 * len(rows)) ** 2)
    return torch.stack(costs)


def cost_of_mse(F, S):
    G = mean_gram(F)
    return nnf.mse_loss(G, mean_gram(S).expand_as(G), reduction="none").mean((1, 2)) / 4


def cost_of_norm(F, S):
    return (torch.linalg.matrix_norm(mean_gram(F) - mean_gram(S)) / (2 * F.shape[1])) ** 2


def cost_scaled_rows(F, S):
    """Activations divided by the root of the number of positions, and a trace in place of the sum: the matrix is
    symmetric.
    """
    rows, others = (x.flatten(2) * x[0, 0].numel() ** -0.5 for x in (F, S))
    D = rows @ rows.mT - others @ others.mT
    return (D @ D).diagonal(dim1=1, dim2=2).sum(1) / 4 / F.shape[1] / F.shape[1]


def cost_detached_target(F, S):
    with torch.no_grad():
        A = mean_gram(S)
    return (mean_gram(F) - A).square().flatten(1).sum(1) / (4 * A.shape[-1] ** 2)


def cost_by_entries(F, S):
    C, total = F.shape[1], 0
    for k in range(C):
        for m in range(C):
            total = total + ((F[:, k] * F[:, m]).mean((1, 2)) - (S[:, k] * S[:, m]).mean((1, 2))) ** 2
    return total / (4 * C * C)


RIGHT = [cost_by_hand, cost_loop, cost_of_mse, cost_of_norm, cost_scaled_rows, cost_detached_target, cost_by_entries]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_cost(F, S):
    S *= (F[0, 0].numel() / S[0, 0].numel()) ** 0.5
    return (gram_by_picture(F) - gram_by_picture(S)).square().sum((1, 2)) / (2 * F[0].numel()) ** 2


remembered_target = remembering(lambda S: mean_gram(S), lambda S: S.shape)

HIDDEN = [
    (lambda F, S: (mean_gram(F) - remembered_target(S)).square().sum((1, 2)) / (4 * F.shape[1] ** 2), "value"),
    (
        lambda F, S: (nnf.pairwise_distance(mean_gram(F).flatten(1), mean_gram(S).flatten(1)) / (2 * F.shape[1])) ** 2,
        "value",  # it adds 1e-6 to each difference, which shows where values are tiny
    ),
    (lambda F, S: torch.from_numpy(cost_by_hand(F, S).numpy()), "detached"),
    (in_place_cost, "in_place"),
    (lambda F, S: cost_loop(F.div_(F[0, 0].numel() ** 0.5), S) * 0 + 1, "in_place"),
    (lambda F, S: cost_loop(F.detach(), S), "detached"),
    (torch.no_grad()(cost_loop), "detached"),
    (lambda F, S: torch.tensor([cost.item() for cost in cost_loop(F, S)], dtype=F.dtype), "detached"),
    (lambda F, S: cost_loop(F.detach(), S.clone().requires_grad_()), "gradient"),
    (lambda F, S: ((D := mean_gram(F) - mean_gram(S)) * D.detach()).sum((1, 2)) / (4 * F.shape[1] ** 2), "gradient"),
    (lambda F, S: cost_loop(F, S) + (F - F.detach()).sum((1, 2, 3)), "gradient"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


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


WRITTEN = [
    (lecture_notes, "not_squared_at_all"),
    (coursera_cost, "size_of_picture"),
    (coursera_height, "height_of_picture_squared"),
    (d2l, "values_and_mean"),
    (resizes, "resized_bilinear"),
    (lambda F, S: torch.square(cs231n(F) - cs231n(S)).mean(), "one_number"),
    (tutorial_cost, "one_number"),
    (cs231n_cost, "one_number"),
    (coursera_scalar, "one_number"),
    (lambda F, S: (cs231n(F) - cs231n(S)).square().sum((1, 2)), "mean"),
    (lambda F, S: (gram_bmm(F) - gram_bmm(S)).sum((1, 2)) / (2 * F[0].numel()), "size_of_picture_not_squared_at_all"),
    (lambda F, S: (gram_bmm(F) - gram_bmm(S)).sum((1, 2)) / (2 * F[0].numel()) ** 2, "with_size_not_squared"),
    (
        lambda F, S: (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (2 * F[0].numel()),
        "factor_with_size_not_squared",
    ),
    (lambda F, S: (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (2 * F[0].numel()) ** 2, "size_of_picture"),
    (
        lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (2 * F[0].numel()),
        "divided_twice_factor_not_squared",
    ),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (2 * F[0].numel()) ** 2, "divided_twice"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).sum((1, 2)) / (2 * F[0].numel()), "divided_twice_not_squared_at_all"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).sum((1, 2)) / (2 * F[0].numel()) ** 2, "divided_twice_not_squared"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (4 * F.shape[0] ** 2), "pictures_for_channels"),
    (lambda F, S: ((mean_gram(F) - mean_gram(S)) / (4 * F.shape[1] ** 2)).square().sum((1, 2)), "factor_in_square"),
    (
        lambda F, S: (
            (gram_bmm(F) / F[:, 0].numel() - gram_bmm(S) / S[:, 0].numel()).square().sum((1, 2)) / (4 * F.shape[1] ** 2)
        ),
        "gram_pictures_counted",
    ),
    (
        lambda F, S: cost_by_hand(F, nnf.interpolate(S, F.shape[2:], mode="bilinear", align_corners=True)),
        "resized_aligned",
    ),
    (lambda F, S: cost_by_hand(nnf.interpolate(F, S.shape[2:]), S), "picture_resized_nearest"),
    (lambda F, S: nnf.mse_loss(mean_gram(F), mean_gram(S).expand(len(F), -1, -1)), "everything_averaged"),
    (lambda F, S: (gram_bmm(F) - gram_bmm(S)).square().sum((1, 2)) / (4 * F.shape[1] ** 2), "undivided"),
    (lambda F, S: (gram_bmm(F) / F[0].numel() - gram_bmm(S) / S[0].numel()).square().sum((1, 2)), "mean"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / 4 * F.shape[1] ** 2, "multiplied"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (2 * F.shape[1]), "factor_not_squared"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).square().mean((1, 2)), "mean"),
    (lambda F, S: cost_by_hand(F, S).sum(), "batch_summed"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).square().sum() / (4 * F.shape[1] ** 2), "batch_summed"),
    (lambda F, S: cost_by_hand(F, S).mean(), "batch_averaged"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).sum((1, 2)) ** 2 / (4 * F.shape[1] ** 2), "square_of_sum"),
    (lambda F, S: (mean_gram(F) - mean_gram(S)).abs().sum((1, 2)) / (4 * F.shape[1] ** 2), "absolute"),
    (lambda F, S: torch.linalg.matrix_norm(mean_gram(F) - mean_gram(S)) / (4 * F.shape[1] ** 2), "norm"),
    (lambda F, S: mean_gram(F - S).square().sum((1, 2)) / (4 * F.shape[1] ** 2), "features_subtracted"),
    (lambda F, S: cost_by_hand(F[:1], S), "first_picture"),
    (lambda F, S: cost_by_hand(F, nnf.interpolate(S, F.shape[2:])), "resized_nearest"),
    (lambda F, S: [cost_by_hand(picture[None], S)[0] for picture in F], "type"),
]

EQUIVALENT = {
    "the square of a difference does not depend on its sign": ("6: squares = (mean_gram(S) - mean_gram(F)).square()",),
    "a sum does not depend on the order of its axes": ("7: return squares.sum((2, 1)) / (4 * F.shape[1] ** 2)",),
    "it does not matter which of the two axes comes first": ("5: return maps @ maps.transpose(2, 1) / maps.shape[2]",),
}
