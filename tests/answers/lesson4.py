"""The bank of lesson 4: right answers, hidden mistakes, and misconceptions as students write them."""
import math

import numpy as np
import torch
import torch.nn.functional as nnf

from course_utils.checks import lesson4

# --- right answers, each written differently ---------------------------------------------------------------


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


def gradient_by_autograd(x, P):
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        cost = 0.5 * (leaf.relu() - P).square().sum()
        return torch.autograd.grad(cost, leaf)[0]


def gradient_backward(x, P):
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        (nnf.mse_loss(nnf.relu(leaf), P, reduction="sum") / 2).backward()
    return leaf.grad


def gradient_copy(x, P):
    result = nnf.relu(x) - P
    result[x <= 0] = 0
    return result


def gradient_loop(x, P):
    rows = zip(x.flatten().tolist(), P.flatten().tolist())
    return torch.tensor([value - target if value > 0 else 0.0 for value, target in rows], dtype=x.dtype).reshape(x.shape)


def gradient_numpy(x, P):
    a, p = x.numpy(), P.numpy()
    return torch.from_numpy(np.where(a > 0, np.maximum(a, 0) - p, np.zeros_like(a)))


def weight_loop(alpha, shape):
    count = 1
    for size in shape:
        count *= size
    return 0.5 * alpha * count


def weight_numpy(alpha, shape):
    return torch.from_numpy(np.asarray(alpha.numpy() * np.prod(shape) / 2))


RIGHT = {
    lesson4.content_cost: [cost_loop, cost_by_channel, cost_by_rows, cost_einsum, cost_expanded, cost_of_mse, cost_of_mean,
                           lambda F, P: cost_loop(F, P.detach())],
    lesson4.content_gradient: [
        gradient_by_autograd, gradient_backward, gradient_copy, gradient_loop, gradient_numpy,
        lambda x, P: (x - P) * (x > 0), lambda x, P: torch.where(x > 0, x - P, torch.zeros_like(x)), lambda x, P: x.relu() - P * (x > 0),
        lambda x, P: (x.clamp(min=0) - P).masked_fill(x <= 0, 0), lambda x, P: (x.relu() - P) * x.relu().sign(),
        lambda x, P: (nnf.relu(x) - P) * torch.heaviside(x, torch.zeros_like(x)),
    ],
    lesson4.mean_weight: [
        weight_loop, weight_numpy, lambda alpha, shape: alpha * math.prod(shape) / 2, lambda alpha, shape: alpha / (2 / torch.Size(shape).numel()),
        lambda alpha, shape: torch.tensor(alpha.item() * shape[0] * shape[1] * shape[2] / 2, dtype=torch.float64),
        lambda alpha, shape: alpha * torch.prod(torch.tensor(shape)) / 2, lambda alpha, shape: alpha * torch.empty(shape).numel() * 0.5,
    ],
}

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_cost(F, P):
    F -= P
    return F.square().sum((1, 2, 3)) / 2


def in_place_gradient(x, P):
    x[x <= 0] = 0
    return (x - P) * (x > 0)


def in_place_weight(alpha, shape):
    for size in shape:
        alpha *= size
    return alpha / 2


HIDDEN = [
    (lesson4.content_cost, in_place_cost, "in_place"), (lesson4.content_cost, lambda F, P: F.sub_(P).pow(2).sum((1, 2, 3)) / 2, "in_place"),
    (lesson4.content_cost, lambda F, P: cost_loop(F, P) + 0 * P.mul_(2).sum(), "in_place"),
    (lesson4.content_cost, lambda F, P: torch.tensor([cost.item() for cost in cost_loop(F, P)], dtype=F.dtype), "detached"),
    (lesson4.content_cost, torch.no_grad()(cost_einsum), "detached"), (lesson4.content_cost, lambda F, P: cost_loop(F, P).detach(), "detached"),
    (lesson4.content_cost, lambda F, P: torch.from_numpy(((F.detach().numpy() - P.detach().numpy()) ** 2).sum((1, 2, 3)) / 2), "detached"),
    (lesson4.content_cost, lambda F, P: cost_loop(F.detach(), P), "detached"),
    (lesson4.content_cost, lambda F, P: cost_loop(F.detach(), P.clone().requires_grad_()), "gradient"),
    (lesson4.content_cost, lambda F, P: ((F - P) * (F - P).detach()).sum((1, 2, 3)) / 2, "gradient"),
    (lesson4.content_cost, lambda F, P: cost_loop(F, F - (F - P).detach()), "gradient"),
    (lesson4.content_cost, lambda F, P: cost_loop(F, P) + (F - F.detach()).sum((1, 2, 3)), "gradient"),
    (lesson4.content_gradient, in_place_gradient, "in_place"), (lesson4.content_gradient, lambda x, P: (x.relu_() - P) * (x > 0), "in_place"),
    (lesson4.content_gradient, lambda x, P: (nnf.relu(x, inplace=True) - P) * (x > 0), "in_place"),
    (lesson4.content_gradient, lambda x, P: P.neg_().add_(x.relu()) * (x > 0), "in_place"),
    (lesson4.mean_weight, in_place_weight, "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def last_picture_only(F, P):
    for picture, target in zip(F, P.expand(F.shape)):
        cost = ((picture - target) ** 2).sum() / 2
    return cost


def stops_early(F, P):
    for picture, target in zip(F, P):
        return 0.5 * (picture - target).square().sum()


def gradient_of_mean(x, P):
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(nnf.mse_loss(leaf.relu(), P), leaf)[0]


def gradient_by_features(x, P):
    """With respect to F in place of x."""
    with torch.enable_grad():
        F = x.relu().requires_grad_()
        return torch.autograd.grad((F - P).square().sum() / 2, F)[0]


WRITTEN = [(exercise, *case) for exercise, cases in {
    lesson4.content_cost: [
        (lambda F, P: 0.5 * torch.sum((F - P) ** 2), "batch_summed"), (lambda F, P: nnf.mse_loss(F, P.expand(F.shape)), "everything_averaged"),
        (lambda F, P: nnf.mse_loss(F, P.expand(F.shape), reduction="sum"), "batch_summed_no_half"),
        (lambda F, P: nnf.mse_loss(F, P.expand(F.shape), reduction="none").mean((1, 2, 3)), "mean"),
        (lambda F, P: (F - P).norm() ** 2 / 2, "batch_summed"), (lambda F, P: (F - P).flatten(1).norm(dim=1), "norm_no_half"),
        (lambda F, P: torch.linalg.vector_norm(F - P, dim=(1, 2, 3)) / 2, "norm"), (lambda F, P: torch.dist(F, P), "norm_of_all_no_half"),
        (lambda F, P: nnf.l1_loss(F, P.expand(F.shape), reduction="none").flatten(1).mean(1), "absolute_mean"),
        (lambda F, P: (F - P).pow(2).sum((1, 2, 3)), "no_half"), (lambda F, P: ((F - P) / 2).pow(2).sum((1, 2, 3)), "quarter"),
        (lambda F, P: 1 / (4 * F[0].numel()) * (F - P).square().sum((1, 2, 3)), "quarter_mean"),
        (lambda F, P: (F - P).sum((1, 2, 3)) ** 2 / 2, "square_of_sum"),
        (lambda F, P: (F.pow(2) - P.pow(2)).sum((1, 2, 3)) / 2, "squares_subtracted"),
        (lambda F, P: 1 - nnf.cosine_similarity(F.flatten(1), P.flatten(1)), "cosine"),
        (lambda F, P: ((F - P[0]) ** 2).sum((1, 2, 3)) / 2, "first_target"), (lambda F, P: (F - P).square().sum(dim=1) / 2, "channels_only"),
        (lambda F, P: (F - P).square().sum(dim=(-1, -2)) / 2, "positions_only"), (lambda F, P: (F - P).square() / 2, "not_summed"),
        (lambda F, P: [((f - p) ** 2).sum() / 2 for f, p in zip(F, P.expand(F.shape))], "type"),
        (lambda F, P: (((F - P) ** 2).sum() / 2).item(), "type"), (stops_early, "first_picture_alone"),
        (last_picture_only, "last_picture_alone"),
    ],
    lesson4.content_gradient: [
        (gradient_of_mean, "of_mean"), (gradient_by_features, "no_mask"), (lambda x, P: nnf.relu(x) - P, "no_mask"),
        (lambda x, P: x - P, "before_relu"), (lambda x, P: nnf.relu(x - P), "mask_of_difference"),
        (lambda x, P: (x - P) * (x >= 0), "mask_with_zero"),
        (lambda x, P: (x.relu() - P) * (P > 0).float(), "mask_of_target"), (lambda x, P: (P - x) * (x > 0), "sign"),
        (lambda x, P: P - x.relu(), "sign_no_mask"),
        (lambda x, P: 2 * (x - P) * (x > 0), "doubled"), (lambda x, P: (x.relu() - P) * x.sign(), "mask_sign"),
        (lambda x, P: (x.relu() - P) * x.relu(), "mask_value"),
        (lambda x, P: ((x.relu() - P) ** 2).sum((1, 2, 3)) / 2, "cost"), (lambda x, P: torch.where(x > 0, 1, 0).to(x), "mask_alone"),
        (lambda x, P: ((x - P) * (x > 0))[0], "no_batch"), (lambda x, P: (x - P)[x > 0], "shape"), (lambda x, P: (x > 0), "mask_as_truth"),
        (lambda x, P: torch.where(x < 0, 0, x - P), "mask_with_zero"), (lambda x, P: x.relu(), "without_target"),
    ],
    lesson4.mean_weight: [
        (lambda alpha, shape: alpha / (shape[0] * shape[1] * shape[2]), "divided_no_half"),
        (lambda alpha, shape: 2 * alpha / math.prod(shape), "divided"),
        (lambda alpha, shape: alpha * np.prod(shape), "no_half"), (lambda alpha, shape: alpha * shape[0] * shape[1] ** 2 / 2, "square_of_height"),
        (lambda alpha, shape: alpha * math.prod(shape[1:]) / 2, "positions"), (lambda alpha, shape: alpha * len(shape) / 2, "axes_counted"),
        (lambda alpha, shape: alpha * sum(shape) / 2, "axes_added"),
        (lambda alpha, shape: torch.tensor(float(alpha) * math.prod(shape) / 2), "float32"),
        (lambda alpha, shape: torch.Tensor([alpha * math.prod(shape) / 2]), "shape"),
        (lambda alpha, shape: alpha.item() * math.prod(shape) / 2, "type"),
        (lambda alpha, shape: alpha * (math.prod(shape) // 2), "count_rounded"),
        (lambda alpha, shape: alpha.reshape(1) * math.prod(shape) / 2, "vector"),
        (lambda alpha, shape: alpha * math.prod(shape) ** 0.5 / 2, "root"), (lambda alpha, shape: alpha / 2, "half_alone"),
    ],
}.items() for case in cases]
