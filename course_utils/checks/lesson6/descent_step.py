"""Check of lesson 6: one step along a gradient, clamped to [0, 1]."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, kept, lengths


def _steps():
    generator, trials = torch.Generator().manual_seed(7), []
    for number, (batch, height, width) in enumerate(((1, 4, 6), (3, 5, 2), (1, 3, 3), (3, 2, 7), (1, 4, 6))):
        dtype, step = (torch.float32, torch.float64)[number % 2], 0.1 * (number + 2)
        image = torch.rand(batch, 3, height, width, generator=generator, dtype=dtype)
        image.flatten()[::7] = 1.0  # pixels at both bounds
        image.flatten()[3::7] = 0.0
        gradient = torch.randn(image.shape, generator=generator, dtype=dtype) * 3
        trials.append(
            Trial(
                f"{batch} × 3 × {height} × {width}, {str(dtype).removeprefix('torch.')}, step {step:.1f}",
                (image, gradient, step),
            )
        )
    return trials


def _step(*, move=lambda image, gradient, step: image - step * gradient, clamp=lambda moved, image: moved.clamp(0, 1)):
    """clamp(G − η ∂J/∂G), with one part replaced."""
    return lambda image, gradient, step: clamp(move(image, gradient, step), image)


def _stretched(x):
    return (x - x.min()) / (x.max() - x.min())


HELP = "you divide the gradient by {}. That can help, but it is another method: subtract step · gradient."
MOVES = [  # name, where the step leads before the clamp, hint
    (
        "ascent",
        lambda image, g, step: image + step * g,
        "you walk uphill: the gradient points to where the cost grows. Subtract it.",
    ),
    ("no_step", lambda image, g, step: image - g, "the step size is missing: multiply the gradient by `step`."),
    (
        "ascent_no_step",
        lambda image, g, step: image + g,
        "you walk uphill, and the step size is missing: subtract step · gradient.",
    ),
    (
        "sign_only",
        lambda image, g, step: image - step * g.sign(),
        "you use the sign of the gradient only: every pixel moves by the same amount. Gradient descent keeps the size.",
    ),
    ("normalised", lambda image, g, step: image - step * g / g.norm(), HELP.format("its length")),
    ("normalised_each", lambda image, g, step: image - step * g / lengths(g), HELP.format("its length")),
    ("over_largest", lambda image, g, step: image - step * g / g.abs().max(), HELP.format("its largest value")),
    (
        "over_mean",
        lambda image, g, step: image - step * g / g.abs().mean(),
        HELP.format("its mean size, as the step sizes in section 4 are chosen"),
    ),
    (
        "grey_levels",
        lambda image, g, step: image - step / 255 * g,
        "you divide the step by 255; picture and gradient are both in units of 0 to 1 already.",
    ),
    ("divided", lambda image, g, step: image - g / step, "you divide by the step size: multiply the gradient by it."),
    (
        "step_squared",
        lambda image, g, step: image - step * step * g,
        "you multiply by the step size twice: once is enough.",
    ),
    ("step_alone", lambda image, g, step: image - step, "the gradient is missing: subtract step · gradient."),
    (
        "clipped",
        lambda image, g, step: image - step * g.clamp(-1, 1),
        "you clamp the gradient: it is the picture that has to stay in [0, 1].",
    ),
    (
        "multiplied",
        lambda image, g, step: image * (1 - step * g),
        "you multiply the picture by the gradient: subtract step · gradient.",
    ),
    (
        "absolute",
        lambda image, g, step: image - step * g.abs(),
        "you take the size of the gradient: its sign says which way is down.",
    ),
    ("move_alone", lambda image, g, step: -step * g, "you return the step alone: add it to the picture."),
    (
        "averaged",
        lambda image, g, step: image - step * g.mean(0, keepdim=True),
        "you average the gradient over the pictures: each has its own.",
    ),
    (
        "over_pictures",
        lambda image, g, step: image - step * g / len(g),
        "you divide by the number of pictures: each has a gradient of its own.",
    ),
]

descent_step = Exercise(
    "descent_step",
    _step(),
    _steps,
    [
        *[Misconception(name, _step(move=move), hint) for name, move, hint in MOVES],
        Misconception(
            "not_clamped",
            _step(clamp=kept),
            "some pixels leave [0, 1]. No file can hold them, and the cost of what you save is another one. "
            "Clamp what you return, after the step.",
        ),
        *[
            Misconception(
                f"{name}_not_clamped", _step(move=move, clamp=kept), hint + " And clamp the result to [0, 1]."
            )
            for name, move, hint in MOVES
        ],
        *[
            Misconception(name, _step(clamp=clamp), hint)
            for name, clamp, hint in (
                (
                    "clamped_below",
                    lambda x, _: x.clamp(min=0),
                    (
                        "nothing holds the values back at 1 (our pictures run from 0 to 1, not to 255): clamp at both"
                        " ends."
                    ),
                ),
                (
                    "clamped_above",
                    lambda x, _: x.clamp(max=1),
                    "nothing holds the values back at 0: clamp at both ends.",
                ),
                (
                    "clamped_at_minus_1",
                    lambda x, _: x.clamp(-1, 1),
                    "you clamp to [−1, 1]: our pictures run from 0 to 1.",
                ),
                (
                    "squashed",
                    lambda x, _: x.sigmoid(),
                    (
                        "a sigmoid changes every pixel, also those inside [0, 1]. Clamp: it changes only what lies"
                        " outside."
                    ),
                ),
                (
                    "squashed_tanh",
                    lambda x, _: x.tanh(),
                    "tanh changes every pixel, also those inside [0, 1]. Clamp: it changes only what lies outside.",
                ),
                (
                    "mirrored",
                    lambda x, _: x.abs().clamp(max=1),
                    "abs mirrors what falls below 0: clamp, it sets these values to 0.",
                ),
                (
                    "wrapped",
                    lambda x, _: x % 1,
                    "% 1 starts again at 0 what rises above 1: clamp, it sets these values to 1.",
                ),
                (
                    "stretched",
                    lambda x, _: _stretched(x),
                    "you stretch the whole picture to [0, 1], which changes every pixel: clamp.",
                ),
                (
                    "stretched_each",
                    lambda x, _: torch.stack([_stretched(picture) for picture in x]),
                    "you stretch each picture to [0, 1], which changes every pixel: clamp.",
                ),
                (
                    "left_as_it_was",
                    lambda x, image: torch.where((x < 0) | (x > 1), image, x),
                    "a pixel that would leave [0, 1] stays where it was: it should go to the bound, as clamp does it.",
                ),
                (
                    "rounded",
                    lambda x, _: (x.clamp(0, 1) * 255).round() / 255,
                    "you round to 8 bits: that is for the file, a descent needs fractions.",
                ),
            )
        ],
        Misconception(
            "clamped_gradient",
            lambda image, gradient, step: image - (step * gradient).clamp(0, 1),
            "you clamp the step, not the picture: the pixels are what has to stay in [0, 1].",
        ),
        Misconception(
            "unmoved",
            lambda image, gradient, step: image,
            "your function returns the picture as it was: subtract step · gradient from it.",
        ),
    ],
)
