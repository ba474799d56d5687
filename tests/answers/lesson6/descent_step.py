"""What is put to the check of `descent_step`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch
import torch.nn.functional as nnf

from answers.remembering import remembering
from course_utils.checks import lesson6

RIGHT = [
    lambda image, gradient, step: torch.clamp(image - step * gradient, min=0.0, max=1.0),
    lambda image, gradient, step: (
        (image - step * gradient).minimum(torch.ones_like(image)).maximum(torch.zeros_like(image))
    ),
    lambda image, gradient, step: torch.nn.functional.hardtanh(torch.add(image, gradient, alpha=-step), 0.0, 1.0),
    lambda image, gradient, step: torch.from_numpy(np.clip(image.numpy() - step * gradient.numpy(), 0, 1)),
    lambda image, gradient, step: image.add(gradient, alpha=-step).clamp_(0, 1),
]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_step(image, gradient, step):
    image -= step * gradient
    return image.clamp_(0, 1)


def in_place_gradient(image, gradient, step):
    return (image - gradient.mul_(step)).clamp(0, 1)


HIDDEN = [
    (in_place_step, "in_place"),
    (in_place_gradient, "in_place"),
    (remembering(lesson6.descent_step.reference, lambda image, *rest: image.shape), "value"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------

WRITTEN = [
    (lambda image, gradient, step: torch.clamp(image + gradient * step, 0, 1), "ascent"),
    (lambda image, gradient, step: image - gradient * step, "not_clamped"),
    (lambda image, gradient, step: torch.relu(image - gradient * step), "clamped_below"),
    (lambda image, gradient, step: (image - 0.25 * gradient).clamp(0, 1), "value"),
    (lambda image, gradient, step: image.clamp(0, 1) - step * gradient, "not_clamped"),
    (lambda image, gradient, step: image - (step * gradient).clamp(0, 1), "clamped_gradient"),
    (
        lambda image, gradient, step: (image - step * nnf.normalize(gradient.flatten(1)).view_as(gradient)).clamp(0, 1),
        "normalised_each",
    ),
    (lambda image, gradient, step: image + step * gradient, "ascent_not_clamped"),
    (lambda image, gradient, step: image - torch.clamp(gradient, 0, 1) * step, "value"),
    (lambda image, gradient, step: torch.clamp(image - step * gradient, 0, 255), "clamped_below"),
    (lambda image, gradient, step: np.clip(image.numpy() - step * gradient.numpy(), 0, 1), "type"),
]
