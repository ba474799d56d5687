"""The bank of lesson 6: misconceptions as students write them; right answers and hidden mistakes are in lesson6_more."""
import numpy as np
import torch
import torch.nn.functional as nnf
from torch.fft import fft, fft2, fftfreq, fftn, fftshift, ifft, ifft2, ifftn, ifftshift, irfft2, rfft2, rfftfreq

from answers.lesson6_more import HIDDEN, RIGHT, cost_by_hand, cost_sum, frequencies, slope_bmm, slope_einsum, weighted       # noqa: F401, for test_checks
from course_utils.checks import lesson6
from course_utils.descent import inverse_frequency
from course_utils.losses import content_loss, gram_matrix, style_loss, total_cost

# --- the total cost -------------------------------------------------------------------------------------------


def forgets_sum(features, P, targets, alpha, beta, weights):
    for name, a in targets.items():
        style = weights[name] * style_loss(gram_matrix(features[name], divide=True), a)
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * style


def returns_early(features, P, targets, alpha, beta, weights):
    total = alpha * content_loss(features["relu4_2"], P, "mean")
    for name, a in targets.items():
        total += beta * weights[name] * style_loss(gram_matrix(features[name], divide=True), a)
        return total


def plain_gram(features, P, targets, alpha, beta, weights):
    style = sum(weights[k] * style_loss(features[k].flatten(2) @ features[k].flatten(2).mT, targets[k]) for k in targets)
    return alpha * (features["relu4_2"] - P).square().mean((1, 2, 3)) + beta * style


def last_of_weights(features, P, targets, alpha, beta, weights):
    for name, weight in weights.items():
        style = weight * style_loss(gram_matrix(features[name], True), targets[name])
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * style


def zipped(features, P, targets, alpha, beta, weights):
    style = 0
    for (name, a), weight in zip(targets.items(), weights.values()):
        style = style + weight * style_loss(gram_matrix(features[name], divide=True), a)
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * style


def as_they_come(features, P, targets, alpha, beta, weights):
    style = 0
    for name, a in targets.items():
        style = style + weights[name] * style_loss(gram_matrix(features[name]), a)
    return alpha * content_loss(features["relu4_2"], P) + beta * style


def short_functions(features, P, targets, alpha, beta, weights):
    """Those of section 2."""
    def gram(F):
        _, C, H, W = F.shape
        rows = F.reshape(C, H * W)
        return rows @ rows.T / (H * W)

    style = 0
    for name, a in targets.items():
        style = style + weights[name] * (gram(features[name]) - a).square().sum() / (4 * features[name].shape[1] ** 2)
    return alpha * (features["relu4_2"] - P).square().mean() + beta * style


# --- the gradient at a layer ----------------------------------------------------------------------------------


def slope(*, content=lambda F, P, C, M: 2 * (F - P) / (C * M), style=lambda D, maps, C, M: D @ maps / (C**2 * M), join=None):
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
    return alpha * 2 / (C * F[0, 0].numel()) * (F - P) + beta * weight / (C**2 * F[0, 0].numel()) * torch.einsum("cd,ndhw->nchw", D, F)


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


# --- the weighting of frequencies ------------------------------------------------------------------------------


def with_gain(gain):
    def function(gradient, offset):
        return ifft2(fft2(gradient) * gain(frequencies(*gradient.shape[2:]), offset)).real
    return function


def with_axes(f_y, f_x, join=lambda y, x: (y**2 + x**2).sqrt()):
    def function(gradient, offset):
        H, W = gradient.shape[-2:]
        f = join(f_y(H, W)[:, None], f_x(H, W)[None, :])
        return torch.real(ifft2(fft2(gradient) / (f + offset)))
    return function


def rows_(H, W):
    return fftfreq(H)


def columns_(H, W):
    return fftfreq(W)


def centred_by_hand(gradient, offset):
    H, W = gradient.shape[2:]
    y, x = torch.meshgrid(torch.arange(H) - H // 2, torch.arange(W) - W // 2, indexing="ij")
    f = torch.sqrt((y / H) ** 2 + (x / W) ** 2)
    return ifft2(fft2(gradient) / (f + offset)).real


def drawn_spectrum(gradient, offset):
    """Shifted as one draws it, and left so."""
    f = fftshift(frequencies(*gradient.shape[2:]))
    return ifft2(fftshift(fft2(gradient), dim=(-2, -1)) / (f + offset)).real


def shifted_everywhere(gradient, offset):
    f = fftshift(frequencies(*gradient.shape[2:]))
    return ifft2(ifftshift(fftshift(fft2(gradient)) / (f + offset), dim=(-2, -1))).real


def half_without_size(gradient, offset):
    f = torch.hypot(fftfreq(gradient.shape[2])[:, None], rfftfreq(gradient.shape[3])[None])
    return irfft2(rfft2(gradient) / (f + offset))


def half_factors(gradient, offset):
    f = torch.hypot(fftfreq(gradient.shape[2])[:, None], rfftfreq(gradient.shape[3])[None])
    return ifft2(fft2(gradient) / (f + offset)).real


def half_spectrum(gradient, offset):
    return irfft2(rfft2(gradient) * (1 / (frequencies(*gradient.shape[2:]) + offset)), s=gradient.shape[2:])


def square_only(gradient, offset):
    f = fftfreq(gradient.shape[3])
    return ifft2(fft2(gradient) / (torch.hypot(f[:, None], f[None]) + offset)).real


def sides_swapped(gradient, offset):
    H, W = gradient.shape[2:]
    return ifft2(fft2(gradient) / (frequencies(W, H) + offset)).real


def of_all_axes(gradient, offset):
    N, C, H, W = gradient.shape
    f = torch.sqrt(sum(g**2 for g in torch.meshgrid(*map(fftfreq, (N, C, H, W)), indexing="ij")))
    return ifftn(fftn(gradient) / (f + offset)).real


WRITTEN = [(exercise, *case) for exercise, cases in {
    lesson6.total_cost: [
        (forgets_sum, "last_layer"), (returns_early, "first_layer"), (plain_gram, "gram_not_divided"), (last_of_weights, "last_layer_of_weights"),
        (zipped, "weights_side_by_side"), (as_they_come, "defaults"), (short_functions, "one_picture"), (total_cost, "parts"),
        (lambda *arguments: tuple(total_cost(*arguments).values())[:2], "pair"), (lambda *arguments: cost_sum(*arguments).sum(), "one_number"),
        (lambda *arguments: cost_sum(*arguments).mean(), "one_number"), (lambda *arguments: -cost_sum(*arguments), "negative"),
        (lambda *arguments: cost_by_hand(*arguments) / len(arguments[0]["relu4_2"]), "over_pictures"),
        (lambda features, P, targets, a, b, w: cost_sum(features, P, targets, b, a, w), "swapped"),
        (lambda features, P, targets, a, b, w: total_cost(features, P, targets, a, b)["total"], "package_weights"),
        (lambda features, P, targets, a, b, w: total_cost(features, P, targets, weights=w)["total"], "neither_weight"),
        (lambda features, P, targets, a, b, w: total_cost(features, P, targets, a, b, w)["content"], "no_style"),
        (lambda features, P, targets, a, b, w: a * (features["relu4_2"] - P).square().mean() + b * sum(
            w[k] * style_loss(gram_matrix(features[k], True), targets[k]) for k in targets), "content_batch"),
        (lambda features, P, targets, a, b, w: a * nnf.mse_loss(features["relu4_2"], P.expand_as(features["relu4_2"])) + b * sum(
            w[k] * nnf.mse_loss(gram_matrix(features[k], True), targets[k].expand_as(gram_matrix(features[k]))) for k in targets), "one_number"),
    ],
    lesson6.cost_gradient: [
        (of_section_3, "one_picture"), (merged_batch, "gram_joined"), (merged_mean, "gram_averaged"), (of_batch_mean, "over_pictures"),
        (squeezed, "one_picture_squeezed"),
        (transposed_product, "style_not_brought_back"), (channels_viewed, "style_channels_last"), (of_paper, "masked_and_content_of_paper"),
        *[(slope(content=content), f"content_{name}") for name, content in (
            ("half", lambda F, P, C, M: (F - P) / (C * M)), ("not_averaged", lambda F, P, C, M: 2 * (F - P)), ("of_paper", lambda F, P, C, M: F - P),
            ("over_positions", lambda F, P, C, M: 2 / M * (F - P)), ("over_positions_half", lambda F, P, C, M: (F - P) / M),
            ("no_target", lambda F, P, C, M: 2 * F / (C * M)), ("over_batch", lambda F, P, C, M: 2 * (F - P) / F.numel()),
            ("multiplied", lambda F, P, C, M: 2 / C * M * (F - P)), ("sign", lambda F, P, C, M: 2 * (P - F) / (C * M)),
            ("still_squared", lambda F, P, C, M: (F - P) ** 2 / (C * M) * 2))],
        *[(slope(style=style), f"style_{name}") for name, style in (
            ("half", lambda D, maps, C, M: D @ maps / (2 * C**2 * M)), ("quarter", lambda D, maps, C, M: D @ maps / (4 * C**2 * M)),
            ("not_over_positions", lambda D, maps, C, M: D @ maps / C**2), ("not_over_channels", lambda D, maps, C, M: D @ maps / M),
            ("channels_not_squared", lambda D, maps, C, M: D @ maps / (C * M)), ("four_times", lambda D, maps, C, M: 4 * D @ maps / (C**2 * M)),
            ("positions_squared", lambda D, maps, C, M: D @ maps / (C * M) ** 2), ("sign", lambda D, maps, C, M: -D @ maps / (C**2 * M)),
            ("pictures_for_channels", lambda D, maps, C, M: D @ maps / len(maps) ** 2 / M), ("on_positions", lambda D, maps, C, M: maps @ D),
            ("not_brought_back", lambda D, maps, C, M: maps.mT @ D / (C**2 * M)), ("multiplied", lambda D, maps, C, M: 1 / C**2 * M * D @ maps))],
        (slope(join=lambda c, s: c + s), "nothing_weighted"), (slope(join=lambda c, s: (c, s)), "tuple"),
        (slope(content=lambda F, P, C, M: (F - P) / (C * M), style=lambda D, maps, C, M: D @ maps / (2 * C**2 * M)), "content_half_and_style_half"),
        (lambda F, P, a, alpha, beta, weight: slope_bmm(F, P, a, beta, alpha, weight), "swapped"),
        (lambda F, P, a, alpha, beta, weight: slope_bmm(F, P, a, alpha, beta, 1), "unweighted"),
        (lambda F, P, a, alpha, beta, weight: slope_bmm(F, P, a, alpha * weight, beta, weight), "weight_on_both"),
        (lambda F, P, a, alpha, beta, weight: slope_einsum(F, P, a, 0, beta, weight), "style_only"),
        (lambda F, P, a, alpha, beta, weight: slope_einsum(F, P, a, alpha, 0, weight), "content_only"),
        (lambda F, P, a, *numbers: slope_einsum(F, P, a * F[0, 0].numel(), *numbers), "value"),
        (lambda F, P, a, *numbers: slope_einsum(F, P, 0 * a, *numbers), "style_no_target"),
        (lambda F, *rest: slope_bmm(F, *rest) * (F > 0), "masked"),
        (lambda F, *rest: slope_bmm(F, *rest).flatten(2), "flat"),
        (lambda F, *rest: slope_bmm(F, *rest).float(), "dtype"), (lambda F, *rest: slope_bmm(F[:1], *rest), "first"),
        (lambda F, *rest: [slope_bmm(picture[None], *rest)[0] for picture in F], "type"), (lambda F, *rest: slope_bmm(F, *rest).mean(0), "shape"),
        (lambda F, P, a, alpha, beta, w: alpha * content_loss(F, P, "mean") + beta * w * style_loss(gram_matrix(F, True), a), "value"),
        (lambda F, P, a, alpha, beta, weight: 2 * alpha * (F - P) / P.numel() + beta * weight / P.numel() / F.shape[1] * (
            gram_matrix(F, True) - a) @ F, "style_on_rows"),
        (lambda F, P, a, alpha, beta, w: 2 * alpha * (F - P) / P.numel() + beta * w * (gram_matrix(F, True) - a) @ F.flatten(2), "style_flat"),
        (lambda F, P, a, alpha, beta, w: beta * w * (gram_matrix(F, True) - a) @ F.flatten(2) + 2 * alpha * (F - P), "style_flat_first"),
    ],
    lesson6.descent_step: [
        (lambda image, gradient, step: torch.clamp(image + gradient * step, 0, 1), "ascent"),
        (lambda image, gradient, step: image - gradient * step, "not_clamped"),
        (lambda image, gradient, step: torch.relu(image - gradient * step), "clamped_below"),
        (lambda image, gradient, step: (image - 0.25 * gradient).clamp(0, 1), "value"),
        (lambda image, gradient, step: image.clamp(0, 1) - step * gradient, "not_clamped"),
        (lambda image, gradient, step: image - (step * gradient).clamp(0, 1), "clamped_gradient"),
        (lambda image, gradient, step: (image - step * nnf.normalize(gradient.flatten(1)).view_as(gradient)).clamp(0, 1), "normalised_each"),
        (lambda image, gradient, step: image + step * gradient, "ascent_not_clamped"),
        (lambda image, gradient, step: image - torch.clamp(gradient, 0, 1) * step, "value"),
        (lambda image, gradient, step: torch.clamp(image - step * gradient, 0, 255), "clamped_below"),
        (lambda image, gradient, step: np.clip(image.numpy() - step * gradient.numpy(), 0, 1), "type"),
    ],
    lesson6.frequency_weighting: [
        (with_gain(lambda f, o: f + o), "multiplied"), (with_gain(lambda f, o: 1 / f), "not_finite"),
        (with_gain(lambda f, o: 1 / f + o), "not_finite"),
        (with_gain(lambda f, o: torch.nan_to_num(1 / f, posinf=0.0)), "no_offset_mean_removed"),
        (with_gain(lambda f, o: 1 / f.clamp(min=o)), "clamped"), (with_gain(lambda f, o: f / f.sum() / (f + o)), "value"),
        (with_gain(lambda f, o: 1 / (f**2 + o)), "squares"), (with_gain(lambda f, o: 1 / torch.sqrt(f + o)), "root"),
        (with_gain(lambda f, o: 1 / torch.where(f == 0, torch.tensor(o), f)), "at_zero_only"),
        (with_gain(lambda f, o: 1 / (f + 0.05)), "fixed"),
        (with_gain(lambda f, o: 1 / (f + o) / (1 / (f + o)).mean()), "normalised_over_all"),
        (with_gain(lambda f, o: 1 / (2 * torch.pi * f + o)), "angular"),
        (lambda gradient, offset: inverse_frequency(gradient.shape, offset=offset)(gradient), "normalised"),
        (lambda gradient, offset: inverse_frequency(gradient.shape)(gradient), "package"),
        (with_axes(rows_, columns_, lambda y, x: y.abs() + x.abs()), "taxicab"), (with_axes(rows_, columns_, torch.add), "signed_sum"),
        (with_axes(rows_, columns_, lambda y, x: y**2 + x**2), "squares"), (with_axes(rows_, columns_, torch.maximum), "value"),
        (lambda gradient, offset: ifft(fft(gradient) / (fftfreq(gradient.shape[3]) + offset)).real, "signed"),
        (with_axes(lambda H, W: torch.arange(H) / H, lambda H, W: torch.arange(W) / W), "unwrapped"),
        (with_axes(lambda H, W: torch.arange(H), lambda H, W: torch.arange(W)), "index"),
        (with_axes(lambda H, W: fftfreq(H, d=1 / H), lambda H, W: fftfreq(W, d=1 / W)), "per_picture"),
        (with_axes(lambda H, W: torch.linspace(0, 0.5, H), lambda H, W: torch.linspace(0, 0.5, W)), "line_1"),
        (with_axes(lambda H, W: 0 * fftfreq(H), columns_), "columns_only"), (centred_by_hand, "shifted"), (drawn_spectrum, "not_shifted_back"),
        (shifted_everywhere, "shifted_all"), (half_without_size, "no_size"), (half_factors, "half_of_factors"), (half_spectrum, "half_of_spectrum"),
        (square_only, "sides_swapped"), (sides_swapped, "sides_swapped"), (of_all_axes, "all_axes"),
        (lambda gradient, offset: ifft(fft(gradient) / (fftfreq(gradient.shape[3]).abs() + offset)).real, "columns_only"),
        (lambda gradient, offset: ifft(fft(gradient) / (frequencies(*gradient.shape[2:]) + offset)).real, "across_only"),
        (lambda gradient, offset: ifft2(fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset)), "dtype"),
        (lambda gradient, offset: ifft2(fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset)).abs(), "magnitude"),
        (lambda gradient, offset: ifft2(fft2(gradient) * (frequencies(*gradient.shape[2:]) + offset)), "multiplied"),
        (lambda gradient, offset: fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset), "no_inverse"),
        (lambda gradient, offset: ifft2(fft2(gradient, norm="ortho") / (frequencies(*gradient.shape[2:]) + offset)).real, "root_too_small"),
        (lambda gradient, offset: ifft2(fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset), norm="forward").real, "too_large"),
        (lambda gradient, offset: ifft2(fft2(gradient).real / (frequencies(*gradient.shape[2:]) + offset)).real, "real_spectrum"),
        (lambda gradient, offset: -weighted(gradient, offset), "negative"), (lambda gradient, offset: gradient, "unchanged"),
        (lambda gradient, offset: weighted(gradient, offset).clamp(0, 1), "clamped_to_box"),
        (lambda gradient, offset: gradient / (gradient.abs() + offset), "by_value"),
        (lambda gradient, offset: weighted(gradient, offset)[0], "alone"),
        (lambda gradient, offset: weighted(gradient.double(), offset), "dtype"),
        (lambda gradient, offset: np.fft.ifft2(np.fft.fft2(gradient)).real, "type"),
    ],
}.items() for case in cases]
