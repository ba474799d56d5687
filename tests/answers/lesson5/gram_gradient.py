"""What is put to the check of `gram_gradient`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf

from answers.lesson5.gram import gram_bmm
from answers.remembering import remembering


def flow_loop(F, B):
    result = torch.zeros_like(F)
    for k in range(len(B)):
        for m in range(len(B)):
            result[0, k] += (B[k, m] + B[m, k]) * F[0, m]
    return result


def flow_numpy(F, B):
    b, rows = B.numpy(), F.numpy()[0].reshape(len(B), -1)
    return torch.from_numpy((b @ rows + b.T @ rows).reshape(F.shape))


def flow_symmetric(F, B):
    """Twice the symmetric part."""
    symmetric = (B + B.T) / 2
    return (2 * symmetric @ F.flatten(2)).view_as(F)


RIGHT = [
    flow_loop,
    flow_numpy,
    flow_symmetric,
    lambda F, B: torch.einsum("km,nmhw->nkhw", B + B.T, F),
    lambda F, B: nnf.conv2d(F, (B + B.T)[:, :, None, None]),
    lambda F, B: (F.flatten(2).mT @ (B + B.T)).mT.reshape(F.shape),
    lambda F, B: ((B + B.T) @ F.permute(2, 3, 1, 0)).permute(3, 2, 0, 1),
    lambda F, B: torch.tensordot(B + B.T, F[0], 1)[None],
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_flow(F, B):
    B += B.T.clone()
    return (B @ F.flatten(2)).reshape(F.shape)


HIDDEN = [
    (remembering(flow_loop, lambda F, B: F.shape), "value"),
    (lambda F, B: flow_loop(F.float(), B.float()).to(F.dtype), "precision"),
    (in_place_flow, "in_place"),
    (lambda F, B: F.copy_(flow_loop(F, B)), "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def flow_by_autograd(F, B):
    with torch.enable_grad():
        leaf = F.detach().clone().requires_grad_()
        rows = leaf[0].flatten(1)
        return torch.autograd.grad((B * (rows @ rows.T)).sum(), leaf)[0]


def flow_backward(F, B):
    F = F.clone().requires_grad_()
    (B * gram_bmm(F)[0]).sum().backward()
    return F.grad


WRITTEN = [
    (flow_by_autograd, "autograd"),
    (flow_backward, "autograd"),
    (lambda F, B: flow_loop(F.clamp(-10, 10), B), "value"),
    (lambda F, B: flow_loop(F * (F.abs() > 1e-2), B), "value"),
    (lambda F, B: (B @ F[0].flatten(1)).reshape(F.shape), "once"),
    (lambda F, B: torch.einsum("mk,nmhw->nkhw", B, F), "once_transposed"),
    (lambda F, B: 2 * (B @ F.flatten(2)).reshape(F.shape), "symmetric"),
    (lambda F, B: 2 * torch.einsum("mk,nmhw->nkhw", B, F), "symmetric_transposed"),
    (lambda F, B: 0.5 * torch.einsum("km,nmhw->nkhw", B + B.T, F), "halved"),
    (lambda F, B: flow_loop(F, B) / F[0, 0].numel(), "over_positions"),
    (lambda F, B: flow_loop(F, B) * (F > 0), "masked"),
    (lambda F, B: ((B + B.T) @ F.flatten(2))[0], "flat"),
    (lambda F, B: (F.flatten(2).mT @ (B + B.T)).reshape(F.shape), "not_brought_back"),
    (lambda F, B: (B + B.T) @ F, "on_rows"),
    (lambda F, B: F @ (B + B.T), "on_columns"),
    (lambda F, B: (B + B.T - torch.diag(B.diagonal())) @ F.flatten(2), "shape"),
    (lambda F, B: ((B + B.T - torch.diag(B.diagonal())) @ F.flatten(2)).reshape(F.shape), "diagonal_once"),
    (lambda F, B: (F[0].flatten(1).T @ B).T.reshape(F.shape), "once_transposed"),
    (lambda F, B: -flow_loop(F, B), "negative"),
    (lambda F, B: 2 * (B @ F.flatten(2)).reshape(F.shape) / F[0, 0].numel(), "over_positions_symmetric"),
    (lambda F, B: (2 * B.triu() @ F.flatten(2)).reshape(F.shape), "twice_upper"),
    (lambda F, B: flow_loop(F, 2 * B.T), "doubled"),
    (lambda F, B: 4 * (B @ F.flatten(2)).reshape(F.shape), "four_times"),
    (lambda F, B: ((B.T - B) @ F.flatten(2)).reshape(F.shape), "difference_turned"),
    (lambda F, B: flow_loop(F, B) / len(B) ** 2 / F[0, 0].numel(), "of_cost_and_positions"),
    (lambda F, B: torch.einsum("nkhw,km->nkhw", F, B + B.T), "own_channel"),
    (lambda F, B: (B + B.T) @ F[0].flatten(1) @ F[0].flatten(1).T, "of_gram"),
    (lambda F, B: (gram_bmm(F)[0] * B).sum(), "value"),
]
