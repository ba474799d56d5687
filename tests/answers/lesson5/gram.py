"""What is put to the check of `gram`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch

from answers.remembering import remembering


def gram_loop(F):
    C, rows = F.shape[1], []
    for n in range(len(F)):
        rows.append(torch.stack([torch.stack([(F[n, k] * F[n, m]).sum() for m in range(C)]) for k in range(C)]))
    return torch.stack(rows)


def gram_bmm(F):
    N, C, H, W = F.size()
    maps = F.view(N, C, H * W)
    return torch.bmm(maps, maps.permute(0, 2, 1))


def gram_by_picture(F):
    return torch.stack([picture.reshape(len(picture), -1) @ picture.reshape(len(picture), -1).T for picture in F])


def gram_broadcast(F):
    return (F.unsqueeze(1) * F.unsqueeze(2)).sum(dim=(-2, -1))


def gram_by_positions(F):
    """The outer products of the columns of channels, one position after the other."""
    total = 0
    for i in range(F.shape[2]):
        for j in range(F.shape[3]):
            total = total + F[:, :, i, j, None] * F[:, None, :, i, j]
    return total


def gram_mirrored(F):
    """The upper triangle, and its mirror image."""
    upper = torch.triu(torch.einsum("nchw,ndhw->ncd", F, F))
    return upper + torch.triu(upper, diagonal=1).transpose(1, 2)


def gram_channels_last(F):
    last = F.permute(0, 2, 3, 1).flatten(1, 2)
    return torch.matmul(last.mT, last)


RIGHT = [
    gram_loop,
    gram_bmm,
    gram_by_picture,
    gram_broadcast,
    gram_by_positions,
    gram_mirrored,
    gram_channels_last,
    lambda F: torch.einsum("nchw,ndhw->ncd", F, F),
    lambda F: F.flatten(2) @ F.flatten(2).mT,
    lambda F: torch.vmap(lambda x: torch.tensordot(x, x, dims=([1, 2], [1, 2])))(F),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_gram(F):
    F.resize_(len(F), F.shape[1], F[0, 0].numel())
    return F @ F.mT


def gram_with_numpy(F):
    rows = F.detach().numpy().reshape(*F.shape[:2], -1)
    return torch.from_numpy(rows @ rows.transpose(0, 2, 1))


def gram_of_numbers(F):
    result = torch.zeros(len(F), F.shape[1], F.shape[1], dtype=F.dtype)
    for n, k, m in np.ndindex(result.shape):
        result[n, k, m] = (F[n, k] * F[n, m]).sum().item()
    return result


HIDDEN = [
    (remembering(gram_bmm, lambda F: F.shape), "value"),
    *[
        (answer, "precision")
        for answer in (
            lambda F: gram_bmm(F.float()).to(F.dtype),
            lambda F: gram_bmm(F) + 1e-10 * torch.eye(F.shape[1], dtype=F.dtype),
        )
    ],
    (lambda F: torch.from_numpy(np.einsum("nchw,ndhw->ncd", F.numpy(), F.numpy())), "detached"),
    (in_place_gram, "in_place"),
    (lambda F: F.mul_(1.5).flatten(2) @ F.flatten(2).mT / 2.25, "in_place"),
    (gram_with_numpy, "detached"),
    (gram_of_numbers, "detached"),
    (torch.no_grad()(gram_bmm), "detached"),
    (lambda F: gram_bmm(F.data), "detached"),
    (lambda F: F.flatten(2) @ F.flatten(2).mT.detach(), "gradient"),
    (lambda F: torch.einsum("nchw,ndhw->ncd", F.detach(), F), "gradient"),
    (lambda F: gram_bmm(F).detach().tril(-1) + gram_bmm(F).triu(), "gradient"),
    (lambda F: gram_bmm(F).detach() + 0 * F.sum(), "gradient"),
]

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


def maps_of_pictures(F):
    matrices = []
    for picture in F:
        C, M = picture.shape
        matrices.append(picture @ picture.T)
    return torch.stack(matrices)


def three_sizes(F):
    C, H, W = F.shape
    return F.reshape(C, H * W) @ F.reshape(C, H * W).T


WRITTEN = [
    (tutorial, "merged_over_all"),
    (coursera, "one_picture"),
    (cs231n, "over_values"),
    (upper_loop, "upper"),
    (no_diagonal_loop, "diagonal_zero"),
    (first_row_loop, "first_row"),
    (covariance, "torch_cov"),
    (tensorflow, "shape"),
    (lambda F: F.transpose(0, 1).flatten(1) @ F.transpose(0, 1).flatten(1).T, "joined"),
    (lambda F: gram_bmm(F).sum(0), "joined"),
    (lambda F: gram_bmm(F).mean(0), "averaged"),
    (lambda F: gram_bmm(F).mean(0, keepdim=True), "averaged_kept"),
    (lambda F: gram_bmm(F)[0], "first"),
    (lambda F: gram_bmm(F)[:1].repeat(len(F), 1, 1), "first_repeated"),
    (lambda F: gram_bmm(F) / len(F), "over_pictures"),
    (lambda F: F.reshape(F.shape[1], -1) @ F.reshape(F.shape[1], -1).T, "cut_up"),
    (lambda F: F.flatten(2) @ F.flatten(2), "not_transposed"),
    (lambda F: F.flatten(2).mT @ F.flatten(2), "position_by_position"),
    (lambda F: F @ F.mT, "row_by_row"),
    (lambda F: F @ F, "maps_multiplied"),
    (lambda F: torch.einsum("bchw,bdij->bcd", F, F), "other_positions"),
    (lambda F: torch.einsum("bchw,bdhv->bcd", F, F), "other_columns"),
    (lambda F: torch.einsum("bchw,edhw->bcd", F, F), "other_pictures"),
    (lambda F: F.square().sum((2, 3)), "energies"),
    (lambda F: torch.diag_embed(F.square().sum((2, 3))), "diagonal_only"),
    (lambda F: gram_bmm(F) / F.shape[2] ** 2, "over_square_of_height"),
    (lambda F: torch.stack([torch.corrcoef(picture.flatten(1)) for picture in F]), "torch_corrcoef"),
    (lambda F: gram_bmm(F - F.mean((2, 3), keepdim=True)) / (F[0, 0].numel() - 1), "covariance_unbiased"),
    (lambda F: gram_bmm(F.clamp(-10, 10)), "value"),
    (lambda F: gram_bmm(F * (F.abs() > 1e-3)), "value"),
    (lambda F: gram_bmm(F).squeeze(1), "shape"),
    (lambda F: F.reshape(len(F), -1, F.shape[1]).mT @ F.reshape(len(F), -1, F.shape[1]), "reshaped"),
    (lambda F: [picture.flatten(1) @ picture.flatten(1).T for picture in F], "type"),
    (lambda F: F.flatten(1) @ F.flatten(1).T, "flattened_from_1_summed"),
    (lambda F: gram_bmm(F.float()), "dtype"),
    (three_sizes, "three_axes"),
    (maps_of_pictures, "error"),
    (lambda F: int("x"), "error"),
    (lambda F: np.linalg.multi_dot([F]), "error"),
    (lambda F: torch.mm(F.flatten(2).squeeze(0), F.flatten(2).squeeze(0).t()), "one_picture"),
    (
        lambda F: sum(
            F[:, :, i, j, None] * F[:, None, :, i, j] for i in range(F.shape[2] - 1) for j in range(F.shape[3])
        ),
        "last_row_of_positions_missing",
    ),
    (lambda F: gram_bmm(F) / (F[0, 0].numel() - 1), "over_positions_minus_1"),
    (lambda F: gram_bmm(F).triu() + gram_bmm(F).triu().mT, "diagonal_doubled"),
    (lambda F: F.sum((2, 3))[:, :, None] * F.sum((2, 3))[:, None], "other_positions"),
]

EQUIVALENT = {
    "it does not matter which of the two axes comes first": ("3: return maps @ maps.transpose(2, 1)",),
}
