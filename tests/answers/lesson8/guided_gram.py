"""What is put to the check of `guided_gram`: right answers, hidden mistakes, and what students write."""

import torch

from answers.remembering import remembering


def by_maps(F, T):
    guided = (F * (T / T.square().sum().sqrt())).flatten(2)
    return guided @ guided.mT


def by_einsum(F, T):
    return torch.einsum("nkhw,nlhw,hw->nkl", F, F, T[0, 0] ** 2) / (T**2).sum()


def by_positions(F, T):
    total = 0
    for i in range(F.shape[2]):
        for j in range(F.shape[3]):
            total = total + T[0, 0, i, j] ** 2 * F[:, :, i, j, None] * F[:, None, :, i, j]
    return total / torch.sum(T * T)


def by_pictures(F, T):
    rows = T.flatten().unsqueeze(0)
    return torch.stack([(p.flatten(1) * rows) @ (p.flatten(1) * rows).T for p in F]) / T.pow(2).sum()


def _pair(F, T):
    maps = (F * T).flatten(2)
    return maps, maps.transpose(1, 2)


RIGHT = [
    by_maps,
    by_einsum,
    by_positions,
    by_pictures,
    lambda F, T: torch.bmm(*_pair(F, T)) / torch.linalg.norm(T) ** 2,
]


def in_place(F, T):
    F *= T / T.square().sum().sqrt()
    return F.flatten(2) @ F.flatten(2).mT


HIDDEN = [
    (in_place, "in_place"),
    (remembering(by_maps, lambda F, T: F.shape), "value"),
    (lambda F, T: by_maps(F.float(), T.float()).to(F.dtype), "precision"),
    (torch.no_grad()(by_maps), "detached"),
    (lambda F, T: (F * T).flatten(2) @ (F * T).flatten(2).mT.detach() / T.square().sum(), "gradient"),
]


def mean_over_region(F, T):
    return (F * T).flatten(2) @ F.flatten(2).mT / T.sum()


WRITTEN = [
    (mean_over_region, "not_squared"),
    (lambda F, T: (F * T).flatten(2) @ (F * T).flatten(2).mT, "not_divided"),
    (lambda F, T: (F * T).flatten(2) @ (F * T).flatten(2).mT / (F.shape[2] * F.shape[3]), "over_positions"),
    (lambda F, T: (F * T).flatten(2) @ (F * T).flatten(2).mT / T.sum(), "over_sum"),
    (lambda F, T: (F * T).flatten(2) @ (F * T).flatten(2).mT / T.norm(), "over_root"),
    (lambda F, T: F.flatten(2) @ F.flatten(2).mT / F[0, 0].numel(), "whole"),
    (lambda F, T: F.flatten(2) @ F.flatten(2).mT, "whole_not_divided"),
    (lambda F, T: by_maps(F, 1 - T), "outside"),
    (lambda F, T: by_maps(F, T**2), "twice"),
    (lambda F, T: by_maps(F, (T > 0.5).to(T)), "hard"),
    (lambda F, T: by_maps(F, T)[0], "shape"),
    (lambda F, T: by_maps(F, T).flatten(1), "shape"),
]

EQUIVALENT = {
    "it does not matter which of the two axes comes first": (
        "3: return maps @ maps.transpose(2, 1) / T.square().sum()",
    ),
    "T runs from 0 to 1": (
        "2: T = abs(T)",
        "2: T = T.relu()",
        "2: T = T.clamp(-8, 8)",
    ),
    "broadcasting brings the axes of length 1 back": ("2: T = T.squeeze()",),
}
