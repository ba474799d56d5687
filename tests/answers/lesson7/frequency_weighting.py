"""What is put to the check of `frequency_weighting`: right answers, hidden mistakes, and what students write."""

import math

import numpy as np
import torch
from torch.fft import fft, fft2, fftfreq, fftn, fftshift, ifft, ifft2, ifftn, ifftshift, irfft2, rfft2, rfftfreq

from answers.remembering import remembering
from course_utils.descent import inverse_frequency


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
            entry = sum(
                math.cos(2 * math.pi * (k * i / H + m * j / W))
                / (math.hypot(min(k, H - k) / H, min(m, W - m) / W) + offset)
                for k in range(H)
                for m in range(W)
            ) / (H * W)
            result += entry * gradient.roll((i, j), dims=(2, 3))
    return result.to(gradient.dtype)


def weighted_by_package(gradient, offset):
    """inverse_frequency, whose factors are divided by their mean over the half spectrum, and that mean again."""
    H, W = gradient.shape[2:]
    mean = (1 / (torch.hypot(torch.fft.fftfreq(H)[:, None], torch.fft.rfftfreq(W)) + offset)).mean()
    return inverse_frequency(gradient.shape, offset=offset)(gradient) * mean


def weighted_in_double(gradient, offset):
    x = gradient.double()
    f = torch.hypot(
        torch.fft.fftfreq(x.shape[-2], dtype=x.dtype)[:, None], torch.fft.fftfreq(x.shape[-1], dtype=x.dtype)[None]
    )
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


RIGHT = [
    weighted,
    weighted_half,
    weighted_by_channels,
    weighted_shifted,
    weighted_by_indices,
    weighted_numpy,
    weighted_by_convolution,
    weighted_in_double,
    weighted_by_cosines,
    lambda gradient, offset: torch.stack([weighted(picture[None], offset)[0] for picture in gradient]),
    lambda gradient, offset: torch.vmap(
        torch.vmap(
            lambda x: torch.view_as_real(torch.fft.ifft2(torch.fft.fft2(x) / (frequencies(*x.shape) + offset)))[..., 0]
        )
    )(gradient),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_weighting(gradient, offset):
    return gradient.copy_(weighted(gradient, offset))


remembered_factors = remembering(
    lambda shape, offset: 1 / (frequencies(*shape[2:]) + offset), lambda shape, offset: shape
)

HIDDEN = [
    (weighted_by_package, "taken"),
    (in_place_weighting, "in_place"),
    (
        lambda gradient, offset: (
            torch.fft.ifft2(torch.fft.fft2(gradient) * remembered_factors(gradient.shape, offset)).real
        ),
        "value",
    ),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


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


WRITTEN = [
    (with_gain(lambda f, o: f + o), "multiplied"),
    (with_gain(lambda f, o: 1 / f), "not_finite"),
    (with_gain(lambda f, o: 1 / f + o), "not_finite"),
    (with_gain(lambda f, o: torch.nan_to_num(1 / f, posinf=0.0)), "no_offset_mean_removed"),
    (with_gain(lambda f, o: 1 / f.clamp(min=o)), "clamped"),
    (with_gain(lambda f, o: f / f.sum() / (f + o)), "value"),
    (with_gain(lambda f, o: 1 / (f**2 + o)), "squares"),
    (with_gain(lambda f, o: 1 / torch.sqrt(f + o)), "root"),
    (with_gain(lambda f, o: 1 / torch.where(f == 0, torch.tensor(o), f)), "at_zero_only"),
    (with_gain(lambda f, o: 1 / (f + 0.05)), "fixed"),
    (with_gain(lambda f, o: 1 / (f + o) / (1 / (f + o)).mean()), "normalised_over_all"),
    (with_gain(lambda f, o: 1 / (2 * torch.pi * f + o)), "angular"),
    (lambda gradient, offset: inverse_frequency(gradient.shape, offset=offset)(gradient), "normalised"),
    (lambda gradient, offset: inverse_frequency(gradient.shape)(gradient), "package"),
    (with_axes(rows_, columns_, lambda y, x: y.abs() + x.abs()), "taxicab"),
    (with_axes(rows_, columns_, torch.add), "signed_sum"),
    (with_axes(rows_, columns_, lambda y, x: y**2 + x**2), "squares"),
    (with_axes(rows_, columns_, torch.maximum), "value"),
    (lambda gradient, offset: ifft(fft(gradient) / (fftfreq(gradient.shape[3]) + offset)).real, "signed"),
    (with_axes(lambda H, W: torch.arange(H) / H, lambda H, W: torch.arange(W) / W), "unwrapped"),
    (with_axes(lambda H, W: torch.arange(H), lambda H, W: torch.arange(W)), "index"),
    (with_axes(lambda H, W: fftfreq(H, d=1 / H), lambda H, W: fftfreq(W, d=1 / W)), "per_picture"),
    (with_axes(lambda H, W: torch.linspace(0, 0.5, H), lambda H, W: torch.linspace(0, 0.5, W)), "line_1"),
    (with_axes(lambda H, W: 0 * fftfreq(H), columns_), "columns_only"),
    (centred_by_hand, "shifted"),
    (drawn_spectrum, "not_shifted_back"),
    (shifted_everywhere, "shifted_all"),
    (half_without_size, "no_size"),
    (half_factors, "half_of_factors"),
    (half_spectrum, "half_of_spectrum"),
    (square_only, "sides_swapped"),
    (sides_swapped, "sides_swapped"),
    (of_all_axes, "all_axes"),
    (lambda gradient, offset: ifft(fft(gradient) / (fftfreq(gradient.shape[3]).abs() + offset)).real, "columns_only"),
    (lambda gradient, offset: ifft(fft(gradient) / (frequencies(*gradient.shape[2:]) + offset)).real, "across_only"),
    (lambda gradient, offset: ifft2(fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset)), "dtype"),
    (lambda gradient, offset: ifft2(fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset)).abs(), "magnitude"),
    (lambda gradient, offset: ifft2(fft2(gradient) * (frequencies(*gradient.shape[2:]) + offset)), "multiplied"),
    (lambda gradient, offset: fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset), "no_inverse"),
    (
        lambda gradient, offset: ifft2(fft2(gradient, norm="ortho") / (frequencies(*gradient.shape[2:]) + offset)).real,
        "root_too_small",
    ),
    (
        lambda gradient, offset: (
            ifft2(fft2(gradient) / (frequencies(*gradient.shape[2:]) + offset), norm="forward").real
        ),
        "too_large",
    ),
    (
        lambda gradient, offset: ifft2(fft2(gradient).real / (frequencies(*gradient.shape[2:]) + offset)).real,
        "real_spectrum",
    ),
    (lambda gradient, offset: -weighted(gradient, offset), "negative"),
    (lambda gradient, offset: gradient, "unchanged"),
    (lambda gradient, offset: weighted(gradient, offset).clamp(0, 1), "clamped_to_box"),
    (lambda gradient, offset: gradient / (gradient.abs() + offset), "by_value"),
    (lambda gradient, offset: weighted(gradient, offset)[0], "alone"),
    (lambda gradient, offset: weighted(gradient.double(), offset), "dtype"),
    (lambda gradient, offset: np.fft.ifft2(np.fft.fft2(gradient)).real, "type"),
]

EQUIVALENT = {
    "the hypotenuse does not depend on the order of the sides": (
        "3: f = torch.hypot(torch.fft.fftfreq(W)[None, :], torch.fft.fftfreq(H)[:, None])",
    ),
    "broadcasting puts the missing axis in front": (
        "3: f = torch.hypot(torch.fft.fftfreq(H)[:, None], torch.fft.fftfreq(W)[:,])",
        "3: f = torch.hypot(torch.fft.fftfreq(H)[:, None], torch.fft.fftfreq(W)[None,])",
    ),
    "the gradient is float32": ("2: gradient = gradient.float()",),
    "the offset is positive": ("2: offset = abs(offset)",),
}
