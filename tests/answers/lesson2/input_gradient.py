"""What is put to the check of `input_gradient`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf

KEPT = {"dim": (0, 2, 3), "keepdim": True}


def gradient_by_hand(g, x, gamma, eps):
    sigma = torch.sqrt(x.var(unbiased=False, **KEPT) + eps)
    hat = (x - x.mean(**KEPT)) / sigma
    return gamma.view(1, -1, 1, 1) * (g - g.mean(**KEPT) - hat * (g * hat).mean(**KEPT)) / sigma


def gradient_by_jacobian(g, x, gamma, eps):
    maps = []
    for k in range(x.shape[1]):
        row, m = x[:, k].flatten(), x[:, k].numel()
        sigma = (row.var(correction=0) + eps) ** 0.5
        hat = (row - row.mean()) / sigma
        jacobian = (torch.eye(m, dtype=x.dtype) - 1 / m - torch.outer(hat, hat) / m) / sigma
        maps.append((gamma[k] * jacobian @ g[:, k].flatten()).view_as(x[:, k]))
    return torch.stack(maps, 1)


def gradient_in_steps(g, x, gamma, eps):
    """The way of Ioffe & Szegedy: through x̂, the variance and the mean, one after the other."""
    m = x[:, 0].numel()
    centred = x - x.mean(**KEPT)
    variance = (centred**2).mean(**KEPT)
    to_hat = g * gamma[:, None, None]
    to_variance = (to_hat * centred).sum(**KEPT) * -0.5 * (variance + eps) ** -1.5
    to_mean = -(to_hat.sum(**KEPT)) / (variance + eps).sqrt()
    return to_hat / (variance + eps).sqrt() + to_variance * 2 * centred / m + to_mean / m


def gradient_by_autograd(g, x, gamma, eps):
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        y = nnf.batch_norm(x, None, None, gamma, training=True, eps=eps)
        return torch.autograd.grad(y, x, g)[0]


RIGHT = [gradient_by_hand, gradient_by_jacobian, gradient_in_steps]


def in_place_gradient(g, x, gamma, eps):
    right = gradient_by_hand(g, x, gamma, eps)
    g -= g.mean(**KEPT)
    return right


HIDDEN = [(in_place_gradient, "in_place")]


def without(term):
    """The way in steps, with one of them left out."""

    def function(g, x, gamma, eps):
        m = x[:, 0].numel()
        centred = x - x.mean(**KEPT)
        root = (centred.pow(2).mean(**KEPT) + eps) ** 0.5
        to_hat = g * gamma[:, None, None]
        through = {
            "mean": -to_hat.sum(**KEPT) / root / m,
            "deviation": -(to_hat * centred).sum(**KEPT) * centred / root**3 / m,
        }
        return to_hat / root + sum(part for name, part in through.items() if name not in term)

    return function


WRITTEN = [
    (gradient_by_autograd, "ready_made"),
    (without(["mean", "deviation"]), "constant"),
    (without(["mean"]), "no_mean"),
    (without(["deviation"]), "no_deviation"),
    (lambda g, x, gamma, eps: gradient_by_hand(g, x, gamma * 0 + 1, eps), "no_gamma"),
    (lambda g, x, gamma, eps: gradient_by_hand(g * gamma[:, None, None], x, gamma, eps), "gamma_twice"),
    (lambda g, x, gamma, eps: gradient_by_jacobian(g, x, gamma, 1e-5), "eps_of_torch"),
    (
        lambda g, x, gamma, eps: torch.cat(
            [gradient_by_hand(a, b, gamma, eps) for a, b in zip(g.split(1), x.split(1))]
        ),
        "instance",
    ),
    (lambda g, x, gamma, eps: without(["deviation"])(g, x, gamma * 0 + 1, eps), "value"),
    (lambda *arguments: list(gradient_by_hand(*arguments)), "type"),
]

EQUIVALENT = {
    "a sum does not depend on the order of its axes": (
        "2: variance, centre = torch.var_mean(x, (2, 0, 3), correction=0, keepdim=True)",
        "2: variance, centre = torch.var_mean(x, (0, 3, 2), correction=0, keepdim=True)",
        "5: mean = lambda t: t.mean((2, 0, 3), keepdim=True)",
        "5: mean = lambda t: t.mean((0, 3, 2), keepdim=True)",
    ),
    "x̂ stands in two factors, and both change their signs": ("4: xhat = (centre - x) / sigma",),
    "what is added to g is subtracted with its mean, and the mean of x̂ is 0": ("2: g = g + 1e-05",),
    "what is added to all values is subtracted with the mean": ("2: x = x + 1e-05",),
    "ε is positive": ("2: eps = abs(eps)",),
}
