"""What is put to the check of `power_of_two`: right answers, hidden mistakes, and what students write."""

import math

import numpy as np
import torch


def power_frexp(mu):
    mantissa, exponent = torch.frexp(mu)
    exponent = torch.where(mantissa < 0.5**0.5, exponent - 1, exponent)  # √½ misses ½ and 1 by the same factor
    return torch.where(mu > 0, torch.ldexp(torch.ones_like(mu), exponent), 1.0)


def power_by_math(whole, log=math.log2, dead=1.0):
    return lambda mu: torch.tensor(
        [2.0 ** whole(log(m)) if m or dead is None else dead for m in mu.tolist()], dtype=mu.dtype
    )


def power_masked(mu):
    result = torch.ones_like(mu)
    alive = mu > 0
    result[alive] = 2 ** torch.log2(mu[alive]).round()
    return result


def power_numpy(mu):
    array = mu.numpy()
    safe = np.where(array == 0, 1, array)
    return torch.from_numpy(np.exp2(np.rint(np.log2(safe))).astype(array.dtype))


def power_tried(mu):
    """All powers that come into question, and the one whose ratio to the mean is nearest to 1."""
    powers = 2.0 ** torch.arange(-40, 40, dtype=mu.dtype)
    ratio = powers / mu.where(mu > 0, torch.ones_like(mu))[:, None]
    return powers[torch.maximum(ratio, 1 / ratio).argmin(1)]


RIGHT = [
    power_frexp,
    power_by_math(round),
    power_masked,
    power_numpy,
    power_tried,
    lambda mu: torch.where(mu == 0, torch.ones_like(mu), torch.exp2(torch.floor(torch.log2(mu) + 0.5))),
    lambda mu: torch.round(torch.log(mu.masked_fill(mu == 0, 1)) / math.log(2)).exp2(),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_power(mu):
    mu[mu == 0] = 1
    return torch.log2(mu).round().exp2()


HIDDEN = [
    (in_place_power, "in_place"),
    (lambda mu: mu.where(mu > 0, 1).log2_().round_().exp2_() + 0 * mu.clamp_(min=1e-9), "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def linear_nearest(mu):
    result = []
    for m in mu.tolist():
        below = 2.0 ** math.floor(math.log2(m)) if m else 1.0
        result.append(below if not m or m - below < 2 * below - m else 2 * below)
    return torch.tensor(result, dtype=mu.dtype)


WRITTEN = [
    (lambda mu: 2 ** mu.where(mu > 0, 1).log2().clamp(-15, 15).round(), "exponent_from_minus_15_to_15"),
    (lambda mu: 2 ** mu.where(mu > 0, 1).add(1e-5).log2().round(), "value"),
    (power_by_math(lambda x: math.floor(x) + (2 ** (x % 1) > 1.4)), "border_1.4"),
    (lambda mu: mu.new_tensor([2.0 ** round(math.log2(m)) if m else 1.0 for m in mu[mu.argmax() :].tolist()]), "shape"),
    (linear_nearest, "nearest_in_difference"),
    (power_by_math(int), "truncated"),
    (power_by_math(lambda x: int(x + 0.5)), "truncated_plus_half"),
    (lambda mu: torch.where(mu > 0, torch.ldexp(mu**0, torch.frexp(mu).exponent), 1), "frexp"),
    (lambda mu: 2 ** mu.log2().round(), "dead_0"),
    (lambda mu: 2 ** torch.log2(mu + 1e-12).round(), "dead_tiny_1e-12"),
    (lambda mu: 2 ** torch.log2(mu.clamp(min=torch.finfo(mu.dtype).eps)).round(), "dead_eps"),
    (lambda mu: 2 ** torch.log2(mu.clamp(min=1e-6)).round(), "dead_tiny_1e-06"),
    (lambda mu: 2 ** torch.log2(mu + 1e-8).round(), "dead_tiny_1e-08"),
    (lambda mu: 2 ** torch.log2(mu).floor(), "floor_and_dead_0"),
    (lambda mu: 2 ** torch.log2(mu.maximum(torch.ones_like(mu))).round(), "small_become_1"),
    (lambda mu: torch.where(mu > 0, torch.log2(mu).round(), 1), "exponent"),
    (lambda mu: torch.where(mu > 0, torch.log2(mu).round(), 0), "exponent_and_dead_0"),
    (lambda mu: torch.where(mu > 0, 2 ** torch.log(mu).round(), 1), "natural"),
    (lambda mu: torch.log(mu).round().exp(), "power_of_e_and_dead_0"),
    (torch.round, "rounded_result_and_dead_0"),
    (lambda mu: mu**2, "square_and_dead_0"),
    (lambda mu: torch.log2(mu).round(), "not_finite"),
    (lambda mu: 1 / 2 ** torch.log2(mu).round(), "not_finite"),
    (power_by_math(round, dead=None), "logarithm_of_dead"),
    (lambda mu: torch.stack([torch.tensor(2.0).to(mu) ** round(math.log2(m)) for m in mu]), "logarithm_of_dead"),
    (lambda mu: torch.tensor([2.0 ** round(m.log2().item()) for m in mu], dtype=mu.dtype), "round_of_dead"),
]

EQUIVALENT = {
    "means of activations are not negative": (
        "2: alive = torch.where(mu != 0, mu, torch.ones_like(mu))",
        "2: mu = abs(mu)",
        "2: mu = mu.relu()",
    ),
}
