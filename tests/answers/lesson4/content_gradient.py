"""What is put to the check of `content_gradient`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch
import torch.nn.functional as nnf


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
    return torch.tensor([value - target if value > 0 else 0.0 for value, target in rows], dtype=x.dtype).reshape(
        x.shape
    )


def gradient_numpy(x, P):
    a, p = x.numpy(), P.numpy()
    return torch.from_numpy(np.where(a > 0, np.maximum(a, 0) - p, np.zeros_like(a)))


RIGHT = [
    gradient_copy,
    gradient_loop,
    gradient_numpy,
    lambda x, P: (x - P) * (x > 0),
    lambda x, P: torch.where(x > 0, x - P, torch.zeros_like(x)),
    lambda x, P: x.relu() - P * (x > 0),
    lambda x, P: (x.clamp(min=0) - P).masked_fill(x <= 0, 0),
    lambda x, P: (x.relu() - P) * x.relu().sign(),
    lambda x, P: (nnf.relu(x) - P) * torch.heaviside(x, torch.zeros_like(x)),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_gradient(x, P):
    x[x <= 0] = 0
    return (x - P) * (x > 0)


HIDDEN = [
    (gradient_by_autograd, "ready_made"),
    (gradient_backward, "ready_made"),
    (in_place_gradient, "in_place"),
    (lambda x, P: (x.relu_() - P) * (x > 0), "in_place"),
    (lambda x, P: (nnf.relu(x, inplace=True) - P) * (x > 0), "in_place"),
    (lambda x, P: P.neg_().add_(x.relu()) * (x > 0), "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def gradient_of_mean(x, P):
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(nnf.mse_loss(leaf.relu(), P), leaf)[0]


def gradient_by_features(x, P):
    """With respect to F in place of x."""
    with torch.enable_grad():
        F = x.relu().requires_grad_()
        return torch.autograd.grad((F - P).square().sum() / 2, F)[0]


WRITTEN = [
    (gradient_of_mean, "of_mean"),
    (gradient_by_features, "no_mask"),
    (lambda x, P: nnf.relu(x) - P, "no_mask"),
    (lambda x, P: x - P, "before_relu"),
    (lambda x, P: nnf.relu(x.relu() - P), "mask_of_difference"),
    (lambda x, P: nnf.relu(x - P), "rectified_difference"),
    (lambda x, P: (nnf.relu6(x) - P) * (x > 0), "cut_above_6"),
    (lambda x, P: (x.clamp(0, 8) - P) * (x > 0), "value"),
    (lambda x, P: (x.relu() - P) * (x > 1e-3), "cut_below"),
    (lambda x, P: (x.relu() - P.abs()) * (x > 0), "value"),
    (lambda x, P: (x.relu() - P.relu()) * (x > 0), "target_rectified"),
    (lambda x, P: (x - P) * (x >= 0), "mask_with_zero"),
    (lambda x, P: (x.relu() - P) * (P > 0).float(), "mask_of_target"),
    (lambda x, P: (P - x) * (x > 0), "sign"),
    (lambda x, P: P - x.relu(), "sign_no_mask"),
    (lambda x, P: 2 * (x - P) * (x > 0), "doubled"),
    (lambda x, P: (x.relu() - P) * x.sign(), "mask_sign"),
    (lambda x, P: (x.relu() - P) * x.relu(), "mask_value"),
    (lambda x, P: ((x.relu() - P) ** 2).sum((1, 2, 3)) / 2, "cost"),
    (lambda x, P: torch.where(x > 0, 1, 0).to(x), "mask_alone"),
    (lambda x, P: ((x - P) * (x > 0))[0], "no_batch"),
    (lambda x, P: (x - P)[x > 0], "shape"),
    (lambda x, P: x > 0, "mask_as_truth"),
    (lambda x, P: torch.where(x < 0, 0, x - P), "mask_with_zero"),
    (lambda x, P: x.relu(), "without_target"),
]

EQUIVALENT = {
    "where z is not positive, the mask makes 0 of it": (
        "2: return (z - P) * (z > 0)",
        "2: return (z.abs() - P) * (z > 0)",
        "2: z = z.relu()",
    ),
    "broadcasting brings the axes of length 1 back": (
        "2: z = z.squeeze()",
        "2: P = P.squeeze()",
    ),
}
