"""Check of lesson 6: the loop that paints, gradient descent on the pixels within [0, 1]."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, kept, lengths


def _slope(target):
    """A gradient that couples all values of a picture, so that it matters when the values are clamped."""

    def gradient(image):
        return 2 * (image - target) + 4 * (image.mean((1, 2, 3), keepdim=True) - 0.4)

    return gradient


def _descents():
    generator, trials = torch.Generator().manual_seed(7), []
    sizes = ((1, 4, 6), (3, 5, 2), (1, 3, 3), (3, 2, 7), (1, 4, 6))
    for number, ((batch, height, width), steps) in enumerate(zip(sizes, (3, 4, 1, 2, 5))):
        dtype, step = (torch.float32, torch.float64)[number % 2], 0.1 * (number + 1)
        image = torch.rand(batch, 3, height, width, generator=generator, dtype=dtype)
        image.flatten()[::7] = 1.0  # pixels at both bounds
        image.flatten()[3::7] = 0.0
        image.flatten()[5::7] *= 1e-3  # nearly black
        target = 0.5 + torch.randn(image.shape, generator=generator, dtype=dtype)  # many lie outside the box
        label = f"{batch} × 3 × {height} × {width}, {str(dtype).removeprefix('torch.')}, {steps} steps of {step:.1f}"
        trials.append(Trial(label, (_slope(target), image, step, steps)))
    return trials


def _paint(
    *,
    move=lambda image, gradient, step: image - step * gradient,
    clamp=lambda moved, image: moved.clamp(0, 1),
    counted=kept,
    finish=kept,
):
    """x ← clamp(x − step · ∂J/∂x), again and again, with one part replaced."""

    def function(gradient, image, step, steps):
        for _ in range(counted(steps)):
            image = clamp(move(image, gradient(image), step), image)
        return finish(image)

    return function


def _gradient_once(gradient, image, step, steps):
    slope = gradient(image)
    for _ in range(steps):
        image = (image - step * slope).clamp(0, 1)
    return image


def _from_the_start(gradient, image, step, steps):
    moved = image
    for _ in range(steps):
        moved = (image - step * gradient(moved)).clamp(0, 1)
    return moved


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
        HELP.format("its mean size"),
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

paint = Exercise(
    "paint",
    _paint(),
    _descents,
    [
        *[Misconception(name, _paint(move=move), hint) for name, move, hint in MOVES],
        Misconception(
            "not_clamped",
            _paint(clamp=kept),
            "some pixels leave [0, 1]. No file can hold them, and the cost of what you save is another one. "
            "Clamp what you return, after the step.",
        ),
        *[
            Misconception(
                f"{name}_not_clamped", _paint(move=move, clamp=kept), hint + " And clamp the result to [0, 1]."
            )
            for name, move, hint in MOVES
        ],
        *[
            Misconception(name, _paint(clamp=clamp), hint)
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
            _paint(move=lambda image, g, step: image - (step * g).clamp(0, 1), clamp=kept),
            "you clamp the step, not the picture: the pixels are what has to stay in [0, 1].",
        ),
        Misconception(
            "unmoved",
            lambda gradient, image, step, steps: image,
            "your function returns the picture as it was: is the moved picture kept under the name that is returned?",
        ),
        *[
            Misconception(name, function, hint)
            for name, function, hint in (
                (
                    "gradient_once",
                    _gradient_once,
                    "you compute the gradient once, before the loop. After a step the picture is another one: where"
                    " does the slope at the new place come from?",
                ),
                (
                    "from_the_start",
                    _from_the_start,
                    "every step sets out from the first picture again. From which picture should the second step"
                    " set out?",
                ),
                (
                    "clamped_at_the_end",
                    _paint(clamp=kept, finish=lambda image: image.clamp(0, 1)),
                    "you clamp once, after the loop. Until then pixels lie outside [0, 1], and the gradients are"
                    " those of pictures that nobody can see. Where does the clamp belong?",
                ),
                (
                    "one_step_only",
                    _paint(counted=lambda steps: min(steps, 1)),
                    "only one step is taken. Does `return` stand inside the loop?",
                ),
                ("one_step_less", _paint(counted=lambda steps: steps - 1), "you take one step too few: count them."),
                ("one_step_more", _paint(counted=lambda steps: steps + 1), "you take one step too many: count them."),
            )
        ],
    ],
    hints=(
        "One step: in which direction does the picture move, and how far?",
        "The pixels must stay between 0 and 1 after *each* step, and the caller's picture must stay as it is."
        " Which operations make a new tensor, and which change the old one?",
        "In a loop over `range(steps)`: image = (image − step · gradient(image)).clamp(0, 1). After the loop,"
        " return it.",
    ),
)
