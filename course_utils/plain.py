"""Plain methods of descent, with which lesson 7 compares the course's method: gradient descent, Adam, unbounded L-BFGS.

Each method is an iterator of pictures: it yields the picture that it would save after 1, 2, … evaluations of cost and
gradient. A method that never tests its steps saves the picture after its last step. A method that tests its steps saves
the best picture.
"""

from collections.abc import Callable, Iterator

import torch

from course_utils.descent import GREY_LEVEL, evaluate, projected_lbfgs
from course_utils.inputs import check_number, check_tensor


def gradient_descent(
    function: Callable, start: torch.Tensor, evaluations: int, *, first_step: float = 4 * GREY_LEVEL
) -> Iterator[torch.Tensor]:
    """Gradient descent: steps against the gradient, all with the same factor; each picture is clamped to [0, 1].

    Args:
        function: image -> (value as a float, gradient, record), such as a `Cost`.
        start: the first picture.
        evaluations: how many times the function is called.
        first_step: mean change of a value in the first step, which sets the factor.
    Raises:
        ValueError: no picture to start from, or a number outside its range.
        NotFinite: the function returned NaN or infinity.
    """
    _check(start, evaluations, first_step)
    image, factor = start.detach(), None
    for _ in range(evaluations):
        _, gradient, _ = evaluate(function, image)
        factor = first_step / gradient.abs().mean().clamp(min=1e-30) if factor is None else factor
        image = (image - factor * gradient).clamp(0, 1)
        yield image


def adam(
    function: Callable, start: torch.Tensor, evaluations: int, *, step: float = 10 * GREY_LEVEL
) -> Iterator[torch.Tensor]:
    """torch.optim.Adam, clamped to [0, 1] after each step (Kingma & Ba 2015, arXiv:1412.6980).

    `step` is Adam's learning rate. For the other arguments see `gradient_descent`.
    """
    _check(start, evaluations, step)
    variable = start.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([variable], lr=step)
    for _ in range(evaluations):
        _, variable.grad, _ = evaluate(function, variable.detach())
        optimiser.step()
        variable.data.clamp_(0, 1)
        yield variable.detach().clone()


def bare_lbfgs(
    function: Callable, start: torch.Tensor, evaluations: int, *, memory: int = 10, first_step: float = 0.0
) -> Iterator[torch.Tensor]:
    """torch.optim.LBFGS on grey levels, without bounds and without a test of its steps.

    The code of Gatys et al. does the same (https://github.com/leongatys/PytorchNeuralStyleTransfer, with a memory of
    100). `memory` is the number of curvature pairs. In torch's first step the changes of all values add up to one grey
    level. With a `first_step` above 0, the mean change of a value is `first_step` instead. For the other arguments see
    `gradient_descent`.
    """
    _check(start, evaluations, first_step, least=0)
    check_number("memory", memory, 1, whole=True)
    variable = (start.detach() / GREY_LEVEL).contiguous().requires_grad_()
    optimiser = torch.optim.LBFGS([variable], lr=1, max_iter=1, history_size=memory)

    def closure():
        value, gradient, _ = evaluate(function, variable.detach() * GREY_LEVEL)
        variable.grad = (gradient * GREY_LEVEL).contiguous()
        return value

    for number in range(evaluations):
        by_hand = first_step and not number
        optimiser.param_groups[0]["lr"] = first_step / GREY_LEVEL * start.numel() if by_hand else 1
        optimiser.step(closure)
        yield variable.detach() * GREY_LEVEL


def unbounded_lbfgs(
    function: Callable,
    start: torch.Tensor,
    evaluations: int,
    *,
    precondition: Callable | None = None,
    width: float = 10.0,
    first_step: float = 4 * GREY_LEVEL,
) -> Iterator[torch.Tensor]:
    """`projected_lbfgs` in a box so wide that no value of a picture comes near its walls.

    A comparison with it shows what the box is worth. `width` is the width of the box, whose middle is 0.5;
    `precondition` and `first_step` are as in `projected_lbfgs`. For the other arguments see `gradient_descent`.
    """
    _check(start, evaluations, first_step)
    check_number("width", width, 1)

    def widened(small):
        value, gradient, record = evaluate(function, (small - 0.5) * width + 0.5)
        return value, gradient * width, record

    first = (start.detach() - 0.5) / width + 0.5
    for point in projected_lbfgs(widened, first, evaluations, precondition=precondition, first_step=first_step / width):
        yield (point.image - 0.5) * width + 0.5


def _check(start, evaluations, step, least=1e-30):
    check_tensor("The start", start, values="finite")
    check_number("evaluations", evaluations, 1, whole=True)
    check_number("The step", step, least)
