"""Right answers to the exercises of lesson 6, each written differently, and hidden mistakes: wrong, though many of their values are right."""
import math

import numpy as np
import torch
import torch.nn.functional as nnf

from answers.lesson5_right import remembering
from course_utils.checks import lesson6
from course_utils.descent import inverse_frequency
from course_utils.losses import content_loss, gram_matrix, style_loss, total_cost

# --- right answers, each written differently ---------------------------------------------------------------


def cost_sum(features, P, targets, alpha, beta, weights):
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * sum(
        weights[name] * style_loss(gram_matrix(features[name], True), a) for name, a in targets.items())


def cost_by_hand(features, P, targets, alpha, beta, weights):
    total = alpha * ((features["relu4_2"] - P) ** 2).mean(dim=(1, 2, 3))
    for name, a in targets.items():
        F = features[name]
        g = torch.einsum("nchw,ndhw->ncd", F, F) / (F.shape[2] * F.shape[3])
        total = total + beta * weights[name] * ((g - a) ** 2).sum((1, 2)) / (2 * F.shape[1]) ** 2
    return total


def cost_one_by_one(features, P, targets, alpha, beta, weights):
    results = []
    for n in range(P.shape[0] if P.shape[0] > 1 else next(iter(features.values())).shape[0]):
        one = {name: F[n:n + 1] for name, F in features.items()}
        style = torch.stack([weights[k] * style_loss(gram_matrix(one[k]) / one[k][0, 0].numel(), targets[k])[0] for k in targets])
        results.append(content_loss(one["relu4_2"], P)[0] * 2 / P[0].numel() * alpha + style.sum() * beta)
    return torch.stack(results)


@torch.enable_grad()          # the caller may have it switched off
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
        results.append(2 * alpha * (picture - P[0]) / picture.numel() + (beta * weight * D @ rows / (len(D) ** 2 * H * W)).reshape(C, H, W))
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
    style = torch.cat([nnf.conv2d(F[n:n + 1], D[:, :, None, None]) for n, D in enumerate(gram_matrix(F, divide=True) - a)])
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


def frequencies(H, W):
    return torch.sqrt(torch.fft.fftfreq(H)[:, None] ** 2 + torch.fft.fftfreq(W)[None, :] ** 2)


def weighted(gradient, offset):
    return torch.fft.ifft2(torch.fft.fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset)).real


def weighted_half(gradient, offset):
    H, W = gradient.shape[-2:]
    f = torch.hypot(torch.fft.fftfreq(H).unsqueeze(1), torch.fft.rfftfreq(W).unsqueeze(0))
    return torch.fft.irfft2(torch.fft.rfft2(gradient) * (1 / (f + offset)), s=(H, W))


def weighted_by_channels(gradient, offset):
    result = torch.empty_like(gradient)
    f = frequencies(*gradient.shape[2:])
    for n in range(gradient.shape[0]):
        for c in range(3):
            spectrum = torch.fft.fft(torch.fft.fft(gradient[n, c], dim=0), dim=1)
            result[n, c] = torch.real(torch.fft.ifft2(spectrum / (f + offset)))
    return result


def weighted_shifted(gradient, offset):
    """The mean in the middle, as one draws a spectrum."""
    H, W = gradient.shape[2:]
    y, x = torch.meshgrid(torch.arange(H) - H // 2, torch.arange(W) - W // 2, indexing="ij")
    f = ((y / H) ** 2 + (x / W) ** 2).sqrt()
    spectrum = torch.fft.fftshift(torch.fft.fft2(gradient), dim=(-2, -1)) / (f + offset)
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1))).real


def weighted_by_indices(gradient, offset):
    """Frequencies by hand, folded at one half."""
    H, W = gradient.shape[2:]
    k, m = torch.arange(H), torch.arange(W)
    f = torch.hypot(torch.minimum(k, H - k)[:, None] / H, torch.minimum(m, W - m) / W)
    return torch.fft.ifftn(torch.fft.fftn(gradient) / (f + offset)).real


def weighted_numpy(gradient, offset):
    f_y, f_x = np.fft.fftfreq(gradient.shape[2]), np.fft.fftfreq(gradient.shape[3])
    f = np.hypot(f_y[:, np.newaxis], f_x[np.newaxis, :])
    result = np.fft.ifft2(np.fft.fft2(gradient.numpy()) / (f + offset)).real
    return torch.from_numpy(result.astype(np.float32))


def weighted_by_convolution(gradient, offset):
    """The factors as a kernel, a sum of cosines, which is laid round the picture at every pixel."""
    H, W = gradient.shape[2:]
    result = torch.zeros_like(gradient, dtype=torch.float64)
    for i in range(H):
        for j in range(W):
            entry = sum(math.cos(2 * math.pi * (k * i / H + m * j / W)) / (math.hypot(min(k, H - k) / H, min(m, W - m) / W) + offset)
                        for k in range(H) for m in range(W)) / (H * W)
            result += entry * gradient.roll((i, j), dims=(2, 3))
    return result.to(gradient.dtype)


def weighted_by_package(gradient, offset):
    """inverse_frequency, whose factors are divided by their mean over the half spectrum, and that mean again."""
    H, W = gradient.shape[2:]
    mean = (1 / (torch.hypot(torch.fft.fftfreq(H)[:, None], torch.fft.rfftfreq(W)) + offset)).mean()
    return inverse_frequency(gradient.shape, offset=offset)(gradient) * mean


def weighted_in_double(gradient, offset):
    x = gradient.double()
    f = torch.hypot(torch.fft.fftfreq(x.shape[-2], dtype=x.dtype)[:, None], torch.fft.fftfreq(x.shape[-1], dtype=x.dtype)[None])
    return torch.fft.ifft2(torch.fft.fft2(x, norm="ortho") / (f + offset), norm="ortho").real.float()


def weighted_by_cosines(gradient, offset):
    """By the matrices of cosines and sines (Hartley): real from beginning to end."""
    def matrix(n):
        angles = 2 * torch.pi * torch.outer(torch.arange(n), torch.arange(n)) / n
        return angles.cos(), angles.sin()

    (Cy, Sy), (Cx, Sx), f = *map(matrix, gradient.shape[2:]), frequencies(*gradient.shape[2:])
    real, imaginary = Cy @ gradient @ Cx - Sy @ gradient @ Sx, -(Sy @ gradient @ Cx + Cy @ gradient @ Sx)
    real, imaginary = real / (f + offset), imaginary / (f + offset)
    back = Cy @ real @ Cx - Sy @ real @ Sx - Sy @ imaginary @ Cx - Cy @ imaginary @ Sx
    return back / f.numel()


RIGHT = {
    lesson6.total_cost: [
        cost_sum, cost_by_hand, cost_one_by_one, lambda *arguments: total_cost(*arguments)["total"],
        lambda features, P, targets, a, b, w: a * nnf.mse_loss(
            features["relu4_2"], P.expand_as(features["relu4_2"]), reduction="none").mean((1, 2, 3)) + sum(
                b * v * style_loss(gram_matrix(features[k], True), targets[k]) for k, v in w.items()),
    ],
    lesson6.cost_gradient: [
        slope_by_autograd, slope_bmm, slope_einsum, slope_by_picture, slope_loop, slope_conv, slope_numpy, slope_channels_last,
        slope_twice_differentiated, lambda F, *rest: slope_bmm(F.double(), *rest).to(F.dtype),
    ],
    lesson6.descent_step: [
        lambda image, gradient, step: torch.clamp(image - step * gradient, min=0.0, max=1.0),
        lambda image, gradient, step: (image - step * gradient).minimum(torch.ones_like(image)).maximum(torch.zeros_like(image)),
        lambda image, gradient, step: torch.nn.functional.hardtanh(torch.add(image, gradient, alpha=-step), 0.0, 1.0),
        lambda image, gradient, step: torch.from_numpy(np.clip(image.numpy() - step * gradient.numpy(), 0, 1)),
        lambda image, gradient, step: image.add(gradient, alpha=-step).clamp_(0, 1),
    ],
    lesson6.frequency_weighting: [
        weighted, weighted_half, weighted_by_channels, weighted_shifted, weighted_by_indices, weighted_numpy, weighted_by_convolution,
        weighted_by_package, weighted_in_double, weighted_by_cosines,
        lambda gradient, offset: torch.stack([weighted(picture[None], offset)[0] for picture in gradient]),
        lambda gradient, offset: torch.vmap(torch.vmap(lambda x: torch.view_as_real(torch.fft.ifft2(
            torch.fft.fft2(x) / (frequencies(*x.shape) + offset)))[..., 0]))(gradient),
    ],
}

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def detached(*arguments):
    return lesson6.total_cost.reference(*arguments).detach()


def through_numpy(*arguments):
    return torch.from_numpy(lesson6.total_cost.reference(*arguments).detach().numpy())


def half_detached(features, *rest):
    return lesson6.total_cost.reference({name: F.detach() if name == "relu2_1" else F for name, F in features.items()}, *rest)


def in_place_step(image, gradient, step):
    image -= step * gradient
    return image.clamp_(0, 1)


def in_place_gradient(image, gradient, step):
    return (image - gradient.mul_(step)).clamp(0, 1)


def in_place_features(features, *rest):
    result = lesson6.total_cost.reference(features, *rest)
    features["relu1_1"].data.zero_()
    return result


def pops(features, *rest):
    return lesson6.total_cost.reference({"relu4_2": features.pop("relu4_2"), **features}, *rest)


def in_place_slope(F, P, a, alpha, beta, weight):
    result = slope_bmm(F, P, a, alpha, beta, weight)
    F -= P
    return result


def in_place_weighting(gradient, offset):
    return gradient.copy_(weighted(gradient, offset))


remembered_factors = remembering(lambda shape, offset: 1 / (frequencies(*shape[2:]) + offset), lambda shape, offset: shape)
remembered_target = remembering(lambda a: a, lambda a: a.shape)

HIDDEN = [
    (lesson6.total_cost, detached, "detached"),
    (lesson6.total_cost, through_numpy, "detached"),
    (lesson6.total_cost, half_detached, "gradient"),
    (lesson6.total_cost, in_place_features, "in_place"),
    (lesson6.total_cost, pops, "in_place"),
    (lesson6.total_cost, remembering(cost_sum, lambda features, *rest: tuple(len(F) for F in features.values())), "value"),
    (lesson6.cost_gradient, in_place_slope, "in_place"),
    (lesson6.cost_gradient, lambda F, P, *rest: slope_bmm(F, P, *rest).mul_(1) + 0 * F.copy_(P.expand(F.shape)), "in_place"),
    (lesson6.cost_gradient, remembering(slope_bmm, lambda F, *rest: F.shape), "value"),
    (lesson6.cost_gradient, lambda F, P, a, *rest: slope_bmm(F, P, remembered_target(a), *rest), "value"),
    (lesson6.cost_gradient, lambda F, P, a, *rest: slope_bmm(F.float(), P.float(), a.float(), *rest).to(F.dtype), "precision"),
    (lesson6.descent_step, in_place_step, "in_place"),
    (lesson6.descent_step, in_place_gradient, "in_place"),
    (lesson6.descent_step, remembering(lesson6.descent_step.reference, lambda image, *rest: image.shape), "value"),
    (lesson6.frequency_weighting, in_place_weighting, "in_place"),
    (lesson6.frequency_weighting, lambda gradient, offset: torch.fft.ifft2(
        torch.fft.fft2(gradient) * remembered_factors(gradient.shape, offset)).real, "value"),
]
