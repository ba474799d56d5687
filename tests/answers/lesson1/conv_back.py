"""What is put to the check of `conv_back`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf

from course_utils.checks import lesson1


def by_offsets(y, weight):
    """The formula as it stands: a sum over the nine offsets."""
    H, W = y.shape[2:]
    padded, total = nnf.pad(y, (1, 1, 1, 1)), 0
    for row in range(3):
        for column in range(3):
            moved = padded[:, :, 2 - row : 2 - row + H, 2 - column : 2 - column + W]
            total = total + torch.einsum("nkhw,kc->nchw", moved, weight[:, :, row, column])
    return total


def by_autograd(y, weight):
    x = y.new_zeros(len(y), weight.shape[1], *y.shape[2:]).requires_grad_()
    return torch.autograd.grad(nnf.conv2d(x, weight, padding=1), x, y, create_graph=True)[0]


RIGHT = [
    lambda y, weight: nnf.conv2d(y, weight.transpose(0, 1).flip(2, 3), padding=1),
    lambda y, weight: by_offsets(y, weight),
    lambda y, weight: nnf.fold(torch.einsum("nkp,kq->nqp", y.flatten(2), weight.flatten(1)), y.shape[2:], 3, padding=1),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------

HIDDEN = [
    (lambda y, weight: nnf.conv_transpose2d(y, weight, padding=1), "ready_made"),
    (
        lambda y, weight: torch.nn.grad.conv2d_input((len(y), weight.shape[1], *y.shape[2:]), weight, y, padding=1),
        "ready_made",
    ),
    (by_autograd, "ready_made"),
    (lambda y, weight: nnf.conv_transpose2d(y.mul_(2), weight, padding=1) / 2, "in_place"),
    (torch.no_grad()(lesson1.conv_back.reference), "detached"),
    (lambda y, weight: lesson1.conv_back.reference((y + y.detach()) / 2, weight), "gradient"),
    (lambda y, weight: lesson1.conv_back.reference(y, weight.detach()), "gradient"),
    (lambda y, weight: lesson1.conv_back.reference(y, weight.data), "gradient"),
    (lambda y, weight: lesson1.conv_back.reference(y, weight.squeeze()), "error"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lambda y, weight: nnf.conv2d(y, weight.swapaxes(0, 1), padding="same"), "not_flipped"),
    (lambda y, weight: nnf.conv2d(y, weight.permute(1, 0, 3, 2), padding=1), "transposed_in_space"),
    (nnf.conv_transpose2d, "not_cropped"),
    (lambda y, w: nnf.conv2d(y, w.flip(2, 3).reshape(w.shape[1], w.shape[0], 3, 3), padding=1), "reshaped"),
    (lambda y, w: nnf.conv2d(y, w.flip(2, 3).transpose(0, 1).detach(), padding=1), "gradient"),
]

EQUIVALENT = {
    "it does not matter which of the two axes comes first": (
        "2: return nnf.conv2d(y, weight.flip(2, 3).transpose(1, 0), padding=1)",
        "2: return nnf.conv2d(y, weight.flip(3, 2).transpose(0, 1), padding=1)",
    ),
}
