"""Published optimisation loops, re-created from their descriptions, to be compared with ours on one cost."""
import torch


class _Enough(Exception):
    """Raised inside a closure when the evaluations are used up: torch.optim.LBFGS makes up to 25 in one step."""


def tutorial_loop(cost, image, evaluations):
    """The loop of the PyTorch tutorial 'Neural Transfer': L-BFGS on the photo, clamped at the start of each closure.

    The pixels are counted in grey levels, 0 to 255, the range of Gatys's network. In [0, 1] the same loop diverges on
    many pairs, so this is the better of two peers.

    Args:
        cost: image -> (value, gradient, losses), for images in [0, 1].
    Returns:
        The last picture, clamped to [0, 1] as the tutorial does.
    """
    variable = (image * 255).requires_grad_()
    optimiser = torch.optim.LBFGS([variable])
    used = 0

    def closure():
        nonlocal used
        if used == evaluations:
            raise _Enough
        used += 1
        with torch.no_grad():
            variable.clamp_(0, 255)
        value, gradient, _ = cost(variable / 255)
        variable.grad = gradient / 255
        return torch.tensor(value)

    try:
        while True:
            optimiser.step(closure)
    except _Enough:
        return (variable.detach() / 255).clamp(0, 1)
