"""What is put to the check of `content_cost`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf


def cost_loop(F, P):
    costs = []
    for n in range(len(F)):
        target = P[n] if len(P) > 1 else P[0]
        costs.append(0.5 * ((F[n] - target) ** 2).sum())
    return torch.stack(costs)


def cost_by_channel(F, P):
    """Channel by channel, from the other side: P − F has the same square."""
    cost = torch.zeros(len(F), dtype=F.dtype)
    for c in range(F.shape[1]):
        cost = cost + torch.pow(P[:, c] - F[:, c], 2).sum(dim=(1, 2)) / 2
    return cost


def cost_by_rows(F, P):
    D = torch.sub(F, P).reshape(len(F), -1)
    return torch.linalg.vecdot(D, D) * 0.5


def cost_einsum(F, P):
    D = F - P.expand_as(F)
    return torch.einsum("nchw,nchw->n", D, D) / 2


def cost_expanded(F, P):
    """½ (‖F‖² − 2 ⟨F, P⟩ + ‖P‖²)."""
    P = P.expand(F.shape)
    return (F * F).sum((1, 2, 3)) / 2 - (F * P).sum((1, 2, 3)) + (P * P).sum((1, 2, 3)) / 2


def cost_of_mse(F, P):
    return 0.5 * nnf.mse_loss(F, P.expand(F.shape), reduction="none").sum(dim=[1, 2, 3])


def cost_of_mean(F, P):
    return (F - P).square().mean((1, 2, 3)) * F[0].numel() / 2


RIGHT = [
    cost_loop,
    cost_by_channel,
    cost_by_rows,
    cost_einsum,
    cost_expanded,
    cost_of_mse,
    cost_of_mean,
    lambda F, P: cost_loop(F, P.detach()),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_cost(F, P):
    F -= P
    return F.square().sum((1, 2, 3)) / 2


HIDDEN = [
    (in_place_cost, "in_place"),
    (lambda F, P: F.sub_(P).pow(2).sum((1, 2, 3)) / 2, "in_place"),
    (lambda F, P: cost_loop(F, P) + 0 * P.mul_(2).sum(), "in_place"),
    (lambda F, P: torch.tensor([cost.item() for cost in cost_loop(F, P)], dtype=F.dtype), "detached"),
    (torch.no_grad()(cost_einsum), "detached"),
    (lambda F, P: cost_loop(F, P).detach(), "detached"),
    (lambda F, P: torch.from_numpy(((F.detach().numpy() - P.detach().numpy()) ** 2).sum((1, 2, 3)) / 2), "detached"),
    (lambda F, P: cost_loop(F.detach(), P), "detached"),
    (lambda F, P: cost_loop(F.detach(), P.clone().requires_grad_()), "gradient"),
    (lambda F, P: ((F - P) * (F - P).detach()).sum((1, 2, 3)) / 2, "gradient"),
    (lambda F, P: cost_loop(F, F - (F - P).detach()), "gradient"),
    (lambda F, P: cost_loop(F, P) + (F - F.detach()).sum((1, 2, 3)), "gradient"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def last_picture_only(F, P):
    for picture, target in zip(F, P.expand(F.shape)):
        cost = ((picture - target) ** 2).sum() / 2
    return cost


def stops_early(F, P):
    for picture, target in zip(F, P):
        return 0.5 * (picture - target).square().sum()


WRITTEN = [
    (lambda F, P: 0.5 * torch.sum((F - P) ** 2), "batch_summed"),
    (lambda F, P: nnf.mse_loss(F, P.expand(F.shape)), "everything_averaged"),
    (lambda F, P: nnf.mse_loss(F, P.expand(F.shape), reduction="sum"), "batch_summed_no_half"),
    (lambda F, P: nnf.mse_loss(F, P.expand(F.shape), reduction="none").mean((1, 2, 3)), "mean"),
    (lambda F, P: (F - P).norm() ** 2 / 2, "batch_summed"),
    (lambda F, P: (F - P).flatten(1).norm(dim=1), "norm_no_half"),
    (lambda F, P: torch.linalg.vector_norm(F - P, dim=(1, 2, 3)) / 2, "norm"),
    (lambda F, P: torch.dist(F, P), "norm_of_all_no_half"),
    (lambda F, P: nnf.l1_loss(F, P.expand(F.shape), reduction="none").flatten(1).mean(1), "absolute_mean"),
    (lambda F, P: (F - P).pow(2).sum((1, 2, 3)), "no_half"),
    (lambda F, P: ((F - P) / 2).pow(2).sum((1, 2, 3)), "quarter"),
    (lambda F, P: 1 / (4 * F[0].numel()) * (F - P).square().sum((1, 2, 3)), "quarter_mean"),
    (lambda F, P: (F - P).sum((1, 2, 3)) ** 2 / 2, "square_of_sum"),
    (lambda F, P: (F.pow(2) - P.pow(2)).sum((1, 2, 3)) / 2, "squares_subtracted"),
    (lambda F, P: 1 - nnf.cosine_similarity(F.flatten(1), P.flatten(1)), "cosine"),
    (lambda F, P: ((F - P[0]) ** 2).sum((1, 2, 3)) / 2, "first_target"),
    (lambda F, P: (F - P).square().sum(dim=1) / 2, "channels_only"),
    (lambda F, P: (F - P).square().sum(dim=(-1, -2)) / 2, "positions_only"),
    (lambda F, P: (F - P).square() / 2, "not_summed"),
    (lambda F, P: [((f - p) ** 2).sum() / 2 for f, p in zip(F, P.expand(F.shape))], "type"),
    (lambda F, P: (((F - P) ** 2).sum() / 2).item(), "type"),
    (stops_early, "first_picture_alone"),
    (last_picture_only, "last_picture_alone"),
]

EQUIVALENT = {
    "a sum does not depend on the order of its axes": (
        "2: return ((F - P) ** 2).sum((2, 1, 3)) / 2",
        "2: return ((F - P) ** 2).sum((1, 3, 2)) / 2",
    ),
    "the square of a difference does not depend on its sign": ("2: return ((P - F) ** 2).sum((1, 2, 3)) / 2",),
}
