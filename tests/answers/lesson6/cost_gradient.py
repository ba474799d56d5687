"""What is put to the check of `cost_gradient`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf

from answers.remembering import remembering
from course_utils.losses import content_loss, gram_matrix, style_loss


@torch.enable_grad()  # the caller may have it switched off
def slope_by_autograd(F, P, a, alpha, beta, weight):
    F = F.clone().requires_grad_()
    J = alpha * content_loss(F, P, "mean") + beta * weight * style_loss(gram_matrix(F, divide=True), a)
    return torch.autograd.grad(J.sum(), F)[0]


def slope_bmm(F, P, a, alpha, beta, weight):
    N, C, H, W = F.size()
    M = H * W
    maps = F.view(N, C, M)
    g = torch.bmm(maps, maps.permute(0, 2, 1)) / M
    content = 2 * (F - P) / (C * M)
    style = torch.bmm(g - a, maps).view(N, C, H, W) / (C**2 * M)
    return alpha * content + beta * weight * style


def slope_einsum(F, P, a, alpha, beta, weight):
    M = F[0, 0].numel()
    g = torch.einsum("ncij,ndij->ncd", F, F) / M
    return alpha * 2 / P.numel() * (F - P) + beta * weight / (a.numel() * M) * torch.einsum("ncd,ndij->ncij", g - a, F)


def slope_by_picture(F, P, a, alpha, beta, weight):
    results = []
    for picture in F:
        C, H, W = picture.shape
        rows = picture.reshape(C, -1)
        D = rows @ rows.T / rows.shape[1] - a[0]
        results.append(
            2 * alpha * (picture - P[0]) / picture.numel()
            + (beta * weight * D @ rows / (len(D) ** 2 * H * W)).reshape(C, H, W)
        )
    return torch.stack(results)


def slope_loop(F, P, a, alpha, beta, weight):
    N, C, H, W = F.shape
    result = 2 * alpha * (F - P) / (C * H * W)
    for k in range(C):
        for m in range(C):
            difference = (F[:, k] * F[:, m]).mean((1, 2)) - a[0, k, m]
            result[:, k] = result[:, k] + beta * weight * difference[:, None, None] * F[:, m] / (C * C * H * W)
    return result


def slope_conv(F, P, a, alpha, beta, weight):
    """The product by g − a as a convolution of 1 × 1."""
    C, M = F.shape[1], F.shape[2] * F.shape[3]
    style = torch.cat(
        [nnf.conv2d(F[n : n + 1], D[:, :, None, None]) for n, D in enumerate(gram_matrix(F, divide=True) - a)]
    )
    return 2 * alpha / (C * M) * (F - P) + beta * weight / C**2 / M * style


def slope_numpy(F, P, a, alpha, beta, weight):
    maps = F.numpy().reshape(*F.shape[:2], -1)
    D = maps @ maps.transpose(0, 2, 1) / maps.shape[2] - a.numpy()
    style = (D @ maps).reshape(F.shape) / (maps.shape[1] ** 2 * maps.shape[2])
    return torch.from_numpy(alpha * 2 * (F.numpy() - P.numpy()) / P.numel() + beta * weight * style)


def slope_channels_last(F, P, a, alpha, beta, weight):
    """With the rows of positions that the package has, (N, M, C)."""
    rows = F.permute(0, 2, 3, 1).flatten(1, 2)
    C, M = rows.shape[2], rows.shape[1]
    style = (rows @ (rows.mT @ rows / M - a) / (C**2 * M)).mT.reshape(F.shape)
    return alpha * 2 / (C * M) * (F - P) + beta * weight * style


def slope_twice_differentiated(F, P, a, alpha, beta, weight):
    """Through (B + Bᵀ) F of lesson 5, with B = ∂E/∂G of the undivided Gram matrix."""
    C, M = F.shape[1], F[0, 0].numel()
    B = 2 * beta * weight / (4 * C**2) * (gram_matrix(F) / M - a) / M
    return alpha * 2 * (F - P) / (C * M) + ((B + B.mT) @ F.flatten(2)).view_as(F)


RIGHT = [
    slope_bmm,
    slope_einsum,
    slope_by_picture,
    slope_loop,
    slope_conv,
    slope_numpy,
    slope_channels_last,
    slope_twice_differentiated,
    lambda F, *rest: slope_bmm(F.double(), *rest).to(F.dtype),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_slope(F, P, a, alpha, beta, weight):
    result = slope_bmm(F, P, a, alpha, beta, weight)
    F -= P
    return result


remembered_target = remembering(lambda a: a, lambda a: a.shape)

HIDDEN = [
    (slope_by_autograd, "taken"),
    (in_place_slope, "in_place"),
    (lambda F, P, *rest: slope_bmm(F, P, *rest).mul_(1) + 0 * F.copy_(P.expand(F.shape)), "in_place"),
    (remembering(slope_bmm, lambda F, *rest: F.shape), "value"),
    (lambda F, P, a, *rest: slope_bmm(F, P, remembered_target(a), *rest), "value"),
    (lambda F, P, a, *rest: slope_bmm(F.float(), P.float(), a.float(), *rest).to(F.dtype), "precision"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def slope(
    *, content=lambda F, P, C, M: 2 * (F - P) / (C * M), style=lambda D, maps, C, M: D @ maps / (C**2 * M), join=None
):
    """As one writes it, with a part of one's own."""

    def function(F, P, a, alpha, beta, weight):
        N, C, H, W = F.shape
        M = H * W
        maps = F.reshape(N, C, M)
        g = maps @ maps.transpose(1, 2) / M
        style_part = style(g - a, maps, C, M).reshape(N, C, H, W)
        return (join or (lambda c, s: alpha * c + beta * weight * s))(content(F, P, C, M), style_part)

    return function


def of_section_3(F, P, a, alpha, beta, weight):
    """The lesson's lines, for one picture."""
    C, M = F.shape[1], F.shape[2] * F.shape[3]
    rows = F.reshape(C, M)
    g = rows @ rows.T / M
    return alpha * 2 / (C * M) * (F - P) + beta * weight * ((g - a) @ rows / (C**2 * M)).reshape(F.shape)


def squeezed(F, P, a, alpha, beta, weight):
    maps = F.squeeze(0)
    rows, M = maps.reshape(len(maps), -1), F.shape[2] * F.shape[3]
    style = (rows @ rows.T / M - a.squeeze(0)) @ rows / (F.shape[1] ** 2 * M)
    return alpha * 2 / P.numel() * (F - P) + beta * weight * style.reshape(F.shape)


def merged_batch(F, P, a, alpha, beta, weight):
    C, M = F.shape[1], F.shape[2] * F.shape[3]
    rows = F.transpose(0, 1).reshape(C, -1)
    D = rows @ rows.T / M - a
    return alpha * 2 / (C * M) * (F - P) + beta * weight / (C**2 * M) * torch.einsum("cd,ndhw->nchw", D[0], F)


def merged_mean(F, P, a, alpha, beta, weight):
    C = F.shape[1]
    rows = F.transpose(0, 1).flatten(1)
    D = (rows @ rows.T / rows.shape[1] - a)[0]
    return alpha * 2 / (C * F[0, 0].numel()) * (F - P) + beta * weight / (C**2 * F[0, 0].numel()) * torch.einsum(
        "cd,ndhw->nchw", D, F
    )


def transposed_product(F, P, a, alpha, beta, weight):
    C, M = F.shape[1], F.shape[2] * F.shape[3]
    maps = F.flatten(2)
    g = maps @ maps.mT / M
    style = (maps.mT @ (g - a)).reshape(F.shape) / (C**2 * M)
    return alpha * 2 * (F - P) / (C * M) + beta * weight * style


def channels_viewed(F, P, a, alpha, beta, weight):
    N, C, H, W = F.shape
    maps = F.permute(0, 2, 3, 1).contiguous().view(N, C, H * W)
    g = maps @ maps.mT / (H * W)
    return alpha * 2 * (F - P) / (C * H * W) + beta * weight * ((g - a) @ maps).view(N, C, H, W) / (C**2 * H * W)


def of_batch_mean(F, P, a, alpha, beta, weight):
    """Autograd of the mean over the batch."""
    with torch.enable_grad():
        F = F.clone().requires_grad_()
        J = alpha * content_loss(F, P, "mean") + beta * weight * style_loss(gram_matrix(F, divide=True), a)
        return torch.autograd.grad(J.mean(), F)[0]


def of_paper(F, P, a, alpha, beta, weight):
    """Equations 2 and 6, with the sums of the paper, and the target turned into one."""
    C, M = F.shape[1], F.shape[2] * F.shape[3]
    maps = F.flatten(2)
    G, A = maps @ maps.mT, a * M
    mask = F > 0
    return alpha * (F - P) * mask + beta * weight * ((G - A) @ maps).reshape(F.shape) / (C * M) ** 2 * mask


WRITTEN = [
    (of_section_3, "one_picture"),
    (merged_batch, "gram_joined"),
    (merged_mean, "gram_averaged"),
    (of_batch_mean, "over_pictures"),
    (squeezed, "one_picture_squeezed"),
    (transposed_product, "style_not_brought_back"),
    (channels_viewed, "style_channels_last"),
    (of_paper, "masked_and_content_of_paper"),
    *[
        (slope(content=content), f"content_{name}")
        for name, content in (
            ("half", lambda F, P, C, M: (F - P) / (C * M)),
            ("not_averaged", lambda F, P, C, M: 2 * (F - P)),
            ("of_paper", lambda F, P, C, M: F - P),
            ("over_positions", lambda F, P, C, M: 2 / M * (F - P)),
            ("over_positions_half", lambda F, P, C, M: (F - P) / M),
            ("no_target", lambda F, P, C, M: 2 * F / (C * M)),
            ("over_batch", lambda F, P, C, M: 2 * (F - P) / F.numel()),
            ("multiplied", lambda F, P, C, M: 2 / C * M * (F - P)),
            ("sign", lambda F, P, C, M: 2 * (P - F) / (C * M)),
            ("still_squared", lambda F, P, C, M: (F - P) ** 2 / (C * M) * 2),
        )
    ],
    *[
        (slope(style=style), f"style_{name}")
        for name, style in (
            ("half", lambda D, maps, C, M: D @ maps / (2 * C**2 * M)),
            ("quarter", lambda D, maps, C, M: D @ maps / (4 * C**2 * M)),
            ("not_over_positions", lambda D, maps, C, M: D @ maps / C**2),
            ("not_over_channels", lambda D, maps, C, M: D @ maps / M),
            ("channels_not_squared", lambda D, maps, C, M: D @ maps / (C * M)),
            ("four_times", lambda D, maps, C, M: 4 * D @ maps / (C**2 * M)),
            ("positions_squared", lambda D, maps, C, M: D @ maps / (C * M) ** 2),
            ("sign", lambda D, maps, C, M: -D @ maps / (C**2 * M)),
            ("pictures_for_channels", lambda D, maps, C, M: D @ maps / len(maps) ** 2 / M),
            ("on_positions", lambda D, maps, C, M: maps @ D),
            ("not_brought_back", lambda D, maps, C, M: maps.mT @ D / (C**2 * M)),
            ("multiplied", lambda D, maps, C, M: 1 / C**2 * M * D @ maps),
        )
    ],
    (slope(join=lambda c, s: c + s), "nothing_weighted"),
    (slope(join=lambda c, s: (c, s)), "tuple"),
    (
        slope(content=lambda F, P, C, M: (F - P) / (C * M), style=lambda D, maps, C, M: D @ maps / (2 * C**2 * M)),
        "content_half_and_style_half",
    ),
    (lambda F, P, a, alpha, beta, weight: slope_bmm(F, P, a, beta, alpha, weight), "swapped"),
    (lambda F, P, a, alpha, beta, weight: slope_bmm(F, P, a, alpha, beta, 1), "unweighted"),
    (lambda F, P, a, alpha, beta, weight: slope_bmm(F, P, a, alpha * weight, beta, weight), "weight_on_both"),
    (lambda F, P, a, alpha, beta, weight: slope_einsum(F, P, a, 0, beta, weight), "style_only"),
    (lambda F, P, a, alpha, beta, weight: slope_einsum(F, P, a, alpha, 0, weight), "content_only"),
    (lambda F, P, a, *numbers: slope_einsum(F, P, a * F[0, 0].numel(), *numbers), "value"),
    (lambda F, P, a, *numbers: slope_einsum(F, P, 0 * a, *numbers), "style_no_target"),
    (lambda F, *rest: slope_bmm(F, *rest) * (F > 0), "masked"),
    (lambda F, *rest: slope_bmm(F, *rest).flatten(2), "flat"),
    (lambda F, *rest: slope_bmm(F, *rest).float(), "dtype"),
    (lambda F, *rest: slope_bmm(F[:1], *rest), "first"),
    (lambda F, *rest: [slope_bmm(picture[None], *rest)[0] for picture in F], "type"),
    (lambda F, *rest: slope_bmm(F, *rest).mean(0), "shape"),
    (
        lambda F, P, a, alpha, beta, w: (
            alpha * content_loss(F, P, "mean") + beta * w * style_loss(gram_matrix(F, True), a)
        ),
        "value",
    ),
    (
        lambda F, P, a, alpha, beta, weight: (
            2 * alpha * (F - P) / P.numel() + beta * weight / P.numel() / F.shape[1] * (gram_matrix(F, True) - a) @ F
        ),
        "style_on_rows",
    ),
    (
        lambda F, P, a, alpha, beta, w: (
            2 * alpha * (F - P) / P.numel() + beta * w * (gram_matrix(F, True) - a) @ F.flatten(2)
        ),
        "style_flat",
    ),
    (
        lambda F, P, a, alpha, beta, w: beta * w * (gram_matrix(F, True) - a) @ F.flatten(2) + 2 * alpha * (F - P),
        "style_flat_first",
    ),
]

EQUIVALENT = {
    "it does not matter which of the two axes comes first": ("4: g = maps @ maps.transpose(2, 1) / M",),
    "broadcasting brings the axes of length 1 back": (
        "2: P = P.squeeze()",
        "2: a = a.squeeze()",
    ),
}
