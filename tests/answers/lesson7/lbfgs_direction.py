"""What is put to the check of `lbfgs_direction`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch


def two_loops(gradient, steps, changes):
    q, shares = gradient.clone(), []
    for s, y in zip(reversed(steps), reversed(changes)):
        share = (s * q).sum() / (s * y).sum()
        q = q - share * y
        shares.append(share)
    if steps:
        q = q * (steps[-1] * changes[-1]).sum() / (changes[-1] * changes[-1]).sum()
    for s, y, share in zip(steps, changes, reversed(shares)):
        q = q + (share - (y * q).sum() / (s * y).sum()) * s
    return -q


def by_indices(gradient, steps, changes):
    """With ρ and numbers of pairs, as in Nocedal & Wright."""
    m = len(steps)
    rho = [1 / torch.sum(steps[i] * changes[i]) for i in range(m)]
    alpha, r = [0] * m, -gradient
    for i in range(m - 1, -1, -1):
        alpha[i] = rho[i] * torch.sum(steps[i] * r)
        r = r - alpha[i] * changes[i]
    gamma = torch.sum(steps[-1] * changes[-1]) / changes[-1].square().sum() if m else 1.0
    r = gamma * r
    for i in range(m):
        beta = rho[i] * torch.sum(changes[i] * r)
        r = r + steps[i] * (alpha[i] - beta)
    return r


def by_recursion(gradient, steps, changes):
    """Q' g = (1 − ρ s yᵀ) Q (1 − ρ y sᵀ) g + ρ s ⟨s, g⟩, as the formula reads."""
    if not steps:
        return -gradient

    def times_q(vector, count):
        if not count:
            return vector * torch.sum(steps[-1] * changes[-1]) / torch.sum(changes[-1] ** 2)
        s, y = steps[count - 1], changes[count - 1]
        share = torch.sum(s * vector) / torch.sum(s * y)
        inner = times_q(vector - share * y, count - 1)
        return inner - torch.sum(y * inner) / torch.sum(s * y) * s + share * s

    return -times_q(gradient, len(steps))


def in_numpy(gradient, steps, changes):
    flat = [x.double().numpy().ravel() for x in (gradient, *steps, *changes)]
    g, s, y = flat[0], flat[1 : len(steps) + 1], flat[len(steps) + 1 :]
    Q = np.eye(len(g)) * (s[-1] @ y[-1] / (y[-1] @ y[-1]) if s else 1)
    for a, b in zip(s, y):
        left = np.eye(len(g)) - np.outer(a, b) / (a @ b)
        Q = left @ Q @ left.T + np.outer(a, a) / (a @ b)
    return torch.from_numpy(-Q @ g).reshape(gradient.shape).to(gradient.dtype)


RIGHT = [two_loops, by_indices, by_recursion, in_numpy]


def pops(gradient, steps, changes):
    result = two_loops(gradient, steps, changes)
    while steps:
        steps.pop()
    return result


def in_place(gradient, steps, changes):
    return gradient.copy_(two_loops(gradient, steps, changes))


HIDDEN = [(pops, "in_place"), (in_place, "in_place")]


# --- as a student would write them --------------------------------------------------------------------------------


def written(first=reversed, second=list, gamma=True, sign=-1, inner="share - back", use=slice(None)):
    def function(gradient, steps, changes):
        pairs = list(zip(steps, changes))[use]
        q, kept = gradient, {}
        for s, y in first(pairs):
            kept[id(s)] = torch.dot(s.flatten(), q.flatten()) / torch.dot(s.flatten(), y.flatten())
            q = q - kept[id(s)] * y
        if pairs and gamma:
            s, y = pairs[-1]
            q = q * torch.dot(s.flatten(), y.flatten()) / torch.dot(y.flatten(), y.flatten())
        for s, y in second(pairs):
            back = torch.dot(y.flatten(), q.flatten()) / torch.dot(s.flatten(), y.flatten())
            q = q + {"share - back": kept[id(s)] - back, "share": kept[id(s)], "back": -back}[inner] * s
        return sign * q

    return function


def secant(gradient, steps, changes):
    """The formula of one unknown, value by value."""
    return -gradient * steps[-1] / changes[-1] if steps else -gradient


def no_case_without_pairs(gradient, steps, changes):
    return two_loops(gradient, steps, changes) * (steps[-1] == steps[-1])


WRITTEN = [
    (written(sign=1), "uphill"),
    (lambda gradient, steps, changes: -gradient, "gradient_only"),
    (written(use=slice(-1, None)), "newest_only"),
    (written(use=slice(0, 1)), "oldest_only"),
    (written(first=list), "oldest_first"),
    (written(second=reversed), "newest_first_twice"),
    (written(first=list, second=reversed), "both_reversed"),
    (written(gamma=False), "no_scale"),
    (written(inner="share"), "nothing_subtracted"),
    (written(inner="back"), "second_share_only"),
    (written(second=lambda pairs: []), "first_loop_only"),
    (secant, "value"),
    (no_case_without_pairs, "error"),
    (lambda gradient, steps, changes: two_loops(gradient, changes, steps), "swapped"),
    (lambda gradient, steps, changes: two_loops(gradient, steps, changes).flatten(), "shape"),
]

EQUIVALENT = {
    "broadcasting brings the axes of length 1 back": (
        "2: steps = [each.squeeze() for each in steps]",
        "2: changes = [each.squeeze() for each in changes]",
    ),
}
