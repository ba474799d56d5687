"""Descent in a box: projected L-BFGS, with an initial inverse Hessian that suits pictures.

Nocedal & Wright, Numerical Optimization (2006): the two-loop recursion is algorithm 7.4, and section 16.7 projects the
step. The function is evaluated only at points inside the box, so each of them is a picture that can be saved.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from course_utils.inputs import check_number, check_tensor, short

GREY_LEVEL = 1 / 255
CHECKED = "gradient_is_checked"  # attribute of a function whose value is NaN where its gradient's norm is not finite
ARMIJO = 1e-4  # least decrease of a step, as a share of what the slope promises (Nocedal & Wright, eq. 3.4)


class Point(NamedTuple):
    """The complete state of the descent after an evaluation: a descent that goes on from it gives the same bits."""

    image: torch.Tensor  # the best picture so far, in [0, 1]
    record: Any  # the caller's record of the losses of that picture
    evaluations: int  # number of evaluations so far
    value: float  # the function's value at that picture
    gradient: torch.Tensor  # the gradient at that picture, of the picture's shape
    pairs: tuple  # of (s, y): how picture and gradient changed in the last steps, oldest first; each of its shape
    step: float  # the share of the next direction that will be tried


class NotFinite(ArithmeticError):
    """The function returned NaN or infinity."""


def inverse_frequency(shape, device=None, offset: float = 0.05) -> Callable[[torch.Tensor], torch.Tensor]:
    """Initial inverse Hessian that is diagonal in frequency, 1 / (f + offset).

    Natural pictures differ most at low frequencies, for their amplitude falls like 1/f (Field 1987,
    doi:10.1364/JOSAA.4.002379). So a picture that becomes a painting has to change most in its broad areas. The
    gradient gives low frequencies too little weight (lesson 7 measures both), and this guess gives them more.

    Args:
        shape: (…, H, W) of the picture.
        device: the device on which the factors are kept.
        offset: in cycles per pixel; it bounds the preference for low frequencies.
    Returns:
        A linear, symmetric and positive definite function, from tensors of that shape to tensors of that shape.
    Raises:
        ValueError: no such shape, or an offset below 1e-6.
    """
    if not isinstance(shape, (tuple, list)) or len(shape) < 2:
        raise ValueError(f"shape must end in the height and width of a picture, not be {short(shape)}.")
    height, width = shape[-2:]
    for side in (height, width):
        check_number("A side of the picture", side, 1, whole=True)
    check_number("offset", offset, 1e-6)
    rows = torch.fft.fftfreq(height, device=device).unsqueeze(1)
    columns = torch.fft.rfftfreq(width, device=device).unsqueeze(0)
    gain = 1 / (torch.hypot(rows, columns) + offset)
    gain = gain / gain.mean()
    return lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * gain, s=(height, width))


def projected_lbfgs(
    function: Callable,
    start: torch.Tensor | Point,
    evaluations: int,
    *,
    memory: int = 10,
    precondition: Callable | None = None,
    first_step: float = 4 * GREY_LEVEL,
) -> Iterator[Point]:
    """Minimise a function of a picture over the box [0, 1], yielding after every evaluation.

    Args:
        function: image -> (value as a float, gradient, record); the record comes back with the point.
        start: the first picture, which is clamped to [0, 1]; or a `Point` of a descent with the same arguments. The
            descent then goes on from this point as if it had never stopped, with the same points.
        evaluations: how many times the function may be called, at least 1. Calls before a `Point` count, too.
        memory: number of curvature pairs (s, y) that are kept.
        precondition: initial inverse Hessian (see `inverse_frequency`); None is the identity.
        first_step: mean change of a value in the first step, when nothing is known about the curvature.
    Yields:
        `Point` with the best picture so far, whose value never rises. The descent ends early when no step decreases
        the value.
    Raises:
        ValueError: no picture to start from, or a number outside its range.
        NotFinite: the function returned NaN or infinity; the point yielded last is the last good one.

    >>> target = torch.tensor([0.2, 2.0]).view(1, 1, 1, 2)  # one value lies outside the box
    >>> def parabola(image):
    ...     return (image - target).square().sum().item(), 2 * (image - target), None
    >>> *_, last = projected_lbfgs(parabola, torch.full_like(target, 0.5), 20)
    >>> last.image.flatten()
    tensor([0.2000, 1.0000])
    """
    check_number("evaluations", evaluations, 1, whole=True)
    check_number("memory", memory, 1, whole=True)
    check_number("first_step", first_step, 1e-30)
    precondition = (lambda x: x) if precondition is None else precondition
    if not isinstance(start, Point):
        check_tensor("The start", start, values="finite")
        image = start.detach().clamp(0, 1)
        value, gradient, record = evaluate(function, image)
        start = Point(image, record, 1, value, gradient, (), 1.0)
        yield start
    image, record, used, value, gradient, known, step = start
    pairs = deque(known, maxlen=memory)
    del start, known  # otherwise the old pairs would stay in memory as long as the descent goes on
    for used in range(used + 1, evaluations + 1):
        while True:
            direction = _direction(image, gradient, pairs, precondition, first_step)
            candidate = (image + step * direction).clamp(0, 1)
            promised = float(_dot(gradient, candidate - image))  # only here the step waits for the device
            if promised < 0 and step > 1e-4:
                break
            if not pairs:
                return  # not even a tiny step along the gradient goes down
            pairs.clear()  # the pairs describe the curvature wrongly: forget them
            step = 1.0
        new_value, new_gradient, new_record = evaluate(function, candidate)
        pairs.append((candidate - image, new_gradient - gradient))
        if new_value <= value + ARMIJO * promised:
            image, value, gradient, record, step = candidate, new_value, new_gradient, new_record, 1.0
        else:
            # the step is taken back; the parabola through both values and the slope has its minimum here
            step *= min(0.5, max(0.1, -promised / (2 * (new_value - value - promised))))
        yield Point(image, record, used, value, gradient, tuple(pairs), step)


def evaluate(function: Callable, image: torch.Tensor) -> tuple[float, torch.Tensor, Any]:
    """(value as a float, gradient, record) of a function at a picture; the gradient has no graph.

    The check of the gradient waits for the device. A function with the attribute `CHECKED` saves this wait.

    Raises:
        NotFinite: the value or the gradient is not finite, or the gradient is too large to be squared.
        ValueError: the function does not return a number, a gradient of the picture's shape, and a record.
    """
    found = function(image)
    try:
        value, gradient, record = found
        value, gradient = float(value), gradient.detach()
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise ValueError(f"The function must return (number, gradient, record), not {short(found)}.") from error
    if gradient.shape != image.shape:
        raise ValueError(
            f"The gradient must have the shape of the picture, {tuple(image.shape)}, not {tuple(gradient.shape)}."
        )
    if not math.isfinite(value) or not (getattr(function, CHECKED, False) or bool(gradient.norm().isfinite())):
        raise NotFinite(
            "The function's value or gradient is not finite, or too large to be squared: scale it down, or look for"
            " NaN."
        )
    return value, gradient, record


def _direction(image, gradient, pairs, precondition, first_step):
    """−Q g on the free pixels, where Q is the L-BFGS inverse Hessian on these pixels.

    Only pairs whose product ⟨s, y⟩ on the free pixels is positive take part: only these keep Q positive definite. Where
    there is none, the mean change of a value is `first_step`. Both are decided on the device, which nobody waits for.
    """
    free = _free(image, gradient)
    bent = [_bent_upward(s, y, free) for s, y in pairs]
    result, shares = -gradient * free, []
    for (s, y), (product, good) in zip(reversed(pairs), reversed(bent)):
        shares.append(torch.where(good, _dot(s, result) / product, 0.0))
        result = result - shares[-1] * (y * free)
    result = precondition(result) * free
    if not pairs:
        return _of_length(result, first_step)
    newest, (bend, known) = pairs[0][1], bent[0]
    for (_, y), (product, good) in zip(pairs, bent):
        newest, bend, known = torch.where(good, y, newest), torch.where(good, product, bend), known | good
    # the newest pair sets the scale (Nocedal & Wright, eq. 7.20)
    scaled = result * (bend / _dot(newest, precondition(newest * free) * free))
    result = torch.where(known, scaled, _of_length(result, first_step))
    for (s, y), (product, good), share in zip(pairs, bent, reversed(shares)):
        result = result + torch.where(good, share - _dot(y, result) / product, 0.0) * (s * free)
    return result


def _free(image, gradient):
    """1 for each value that may move, 0 for one at a bound whose gradient pushes outward."""
    return (~(((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0)))).to(gradient)


def _of_length(direction, mean):
    """A direction whose values have this mean size."""
    return direction * (mean / direction.abs().mean().clamp(min=1e-30))


def _bent_upward(s, y, free):
    """(⟨s, y⟩ on the free pixels, whether it is positive), both on the device."""
    product = _dot(s * free, y)
    return product, product > 1e-10 * (s * free).norm() * (y * free).norm()


def _dot(one, other):
    return torch.dot(one.flatten(), other.flatten())
