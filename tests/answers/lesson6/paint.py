"""What is put to the check of `paint`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch

from answers.remembering import remembering
from course_utils.checks import lesson6


def by_while(gradient, image, step, steps):
    done = 0
    while done < steps:
        image = torch.clamp(image - step * gradient(image), min=0.0, max=1.0)
        done += 1
    return image


def recursive(gradient, image, step, steps):
    if steps == 0:
        return image
    return recursive(gradient, torch.nn.functional.hardtanh(image - step * gradient(image), 0.0, 1.0), step, steps - 1)


def in_place_on_a_copy(gradient, image, step, steps):
    image = image.clone()
    for _ in range(steps):
        image -= step * gradient(image)
        image.clamp_(0, 1)
    return image


def by_numpy(gradient, image, step, steps):
    for _ in range(steps):
        image = torch.from_numpy(np.clip(image.numpy() - step * gradient(image).numpy(), 0, 1))
    return image


def by_optimiser(gradient, image, step, steps):
    pixels = image.clone().requires_grad_()
    optimiser = torch.optim.SGD([pixels], lr=step)
    for _ in range(steps):
        pixels.grad = gradient(pixels.detach())
        optimiser.step()
        pixels.data.clamp_(0, 1)
    return pixels.detach()


def of_all(gradient, image, step, steps):
    pictures = [image]
    for _ in range(steps):
        pictures.append((pictures[-1] - step * gradient(pictures[-1])).clamp(0, 1))
    return pictures[-1]


RIGHT = [by_while, recursive, in_place_on_a_copy, by_numpy, by_optimiser, of_all]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place(gradient, image, step, steps):
    for _ in range(steps):
        image -= step * gradient(image)
        image.clamp_(0, 1)
    return image


HIDDEN = [
    (in_place, "in_place"),
    (remembering(lesson6.paint.reference, lambda gradient, image, *rest: image.shape), "value"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def as_written(change):
    def function(gradient, image, step, steps):
        for _ in range(steps):
            image = change(image, gradient(image), step)
        return image

    return function


def returned_inside(gradient, image, step, steps):
    for _ in range(steps):
        image = (image - step * gradient(image)).clamp(0, 1)
        return image


def not_kept(gradient, image, step, steps):
    for _ in range(steps):
        (image - step * gradient(image)).clamp(0, 1)
    return image


def kept_elsewhere(gradient, image, step, steps):
    for _ in range(steps):
        picture = (image - step * gradient(image)).clamp(0, 1)
    return picture


def saved_only(gradient, image, step, steps):
    for _ in range(steps):
        image = image - gradient(image) * step
    return torch.clamp(image, 0, 1)


def slope_before(gradient, image, step, steps):
    g = gradient(image)
    for _ in range(steps):
        image = torch.clamp(image - step * g, 0, 1)
    return image


def from_one(gradient, image, step, steps):
    for _ in range(1, steps):
        image = (image - step * gradient(image)).clamp(0, 1)
    return image


WRITTEN = [
    (as_written(lambda image, g, step: torch.clamp(image + g * step, 0, 1)), "ascent"),
    (as_written(lambda image, g, step: image - g * step), "not_clamped"),
    (as_written(lambda image, g, step: torch.relu(image - g * step)), "clamped_below"),
    (as_written(lambda image, g, step: image - (step * g).clamp(0, 1)), "clamped_gradient"),
    (as_written(lambda image, g, step: image + step * g), "ascent_not_clamped"),
    (as_written(lambda image, g, step: torch.clamp(image - step * g, 0, 255)), "clamped_below"),
    (as_written(lambda image, g, step: (image - 0.25 * g).clamp(0, 1)), "value"),
    (returned_inside, "one_step_only"),
    (kept_elsewhere, "one_step_only"),
    (not_kept, "unmoved"),
    (saved_only, "clamped_at_the_end"),
    (slope_before, "gradient_once"),
    (from_one, "one_step_less"),
    (lambda gradient, image, step, steps: (image - step * gradient).clamp(0, 1), "error"),
    (lambda gradient, image, step, steps: by_while(gradient, image, step, steps).numpy(), "type"),
]

EQUIVALENT = {
    "the number of the step is not used": ("2: for _ in reversed(list(range(steps))):",),
    "the image lies in [0, 1]": (
        "2: image = abs(image)",
        "2: image = image.relu()",
        "2: image = image.clamp(-8, 8)",
    ),
    "the step is positive": ("2: step = abs(step)",),
}
