"""A guided start: in the first steps, the descent compares Gram matrices by optimal transport.

Consider one channel alone, f times as strong as a channel of unit strength. Its Gram matrix is f², and for a target a²
the style cost is (f² − a²)². This cost is flat near f = 0, and its slope grows like f³ far above the target. So no
single step length suits both regions. The cost (f − a)² has the same minimum, and the same curvature everywhere. Its
form for many channels is the squared Bures–Wasserstein distance between the Gram matrices. This distance is also the
cost of optimal transport between two Gaussians of mean zero with these covariances (Dowson & Landau 1982;
`match_colours` uses the same map).
"""

import math
from collections.abc import Iterator

import torch
from torch.autograd.function import once_differentiable

from course_utils.cost import Content, Cost, Style
from course_utils.descent import CHECKED, NotFinite, Point, evaluate, inverse_frequency, projected_lbfgs
from course_utils.inputs import check_number, check_tensor, short
from course_utils.losses import style_loss

GUIDED = 12  # evaluations that follow the distance; with fewer or more the descent needs more in all (on six pairs)
STRENGTH = 0.3  # weight of the distance beside the other terms; on a few pairs, 0.3 and 1 do nearly the same
# The first steps go far. So the content cost has at least this share of the distance, both without activations.
CONTENT = 0.02
WORTHWHILE = 20  # times the content cost: where the distance is smaller than this, J itself leads as well
NEGLIGIBLE = 0.01  # layers with a smaller share of the style cost do not matter in the first steps
SOFTNESS = 1e-3  # ε below, as a share of the largest eigenvalue of A
# Of `_roots_by_products`: the smallest eigenvalue as a share of the norm, which float32 can tell from 0, and the number
# of steps. A step multiplies a small eigenvalue by 9/4, so that it has become 1 after 20 steps.
LEAST, STEPS = 2e-7, 26


def guided_descent(
    cost: Cost, start: torch.Tensor | Point, evaluations: int, led: bool = True
) -> Iterator[tuple[Point, bool]]:
    """Descend on a cost, first led by `Transport`: an iterator of pairs (`Point`, whether the transport leads).

    After `GUIDED` evaluations, one more evaluation of J at the same picture hands over to J. In both parts the picture
    of a point is the best so far by J.

    Args:
        cost: a `Cost`.
        start: the first picture, (1, 3, H, W); or the `Point` of one of these pairs, from which the descent goes on.
        evaluations: number of evaluations of the network, in all.
        led: the second entry of that pair.
    Raises (at the first `next`):
        NotFinite: the cost or its gradient is not finite; the pair before is the last good one.
    """
    image = start.image if isinstance(start, Point) else start
    precondition = inverse_frequency(image.shape, image.device)
    # nobody may hold a point longer than necessary: its pairs take as much memory as twenty pictures
    waiting: list[torch.Tensor | Point] = [start]
    if led and (transport := Transport(cost)).worthwhile:
        best = start if isinstance(start, Point) else None
        del start

        def guide(image):
            value, gradient, losses = cost(image, transport)
            if not math.isfinite(losses["total"]):
                raise NotFinite("The loss is not a finite number: lower the weights, or check the network.")
            # a rise of J counts as a rise of the guide: the step is taken back
            if best and losses["total"] > best.record["total"]:
                value = max(value, best.value * losses["total"] / max(best.record["total"], 1e-30))
            return value, gradient, losses

        setattr(guide, CHECKED, True)  # as the cost does
        for best in projected_lbfgs(guide, waiting.pop(), min(evaluations, GUIDED), precondition=precondition):
            yield best, True
        if best is None or best.evaluations >= evaluations:
            return
        handed, best = _handed_over(cost, best), None
        waiting.append(handed)
        yield handed, False
        del handed
    else:
        del start
    for point in projected_lbfgs(cost, waiting.pop(), evaluations, precondition=precondition):
        yield point, False


def _handed_over(cost, point):
    """The `Point` of the same picture under J, after one more evaluation.

    The pairs that describe the curvature are kept, in the proportion of the gradients. The gradients of both costs
    point in nearly the same direction, but have different units.
    """
    value, gradient, losses = evaluate(cost, point.image)
    unit = float(gradient.norm() / point.gradient.norm().clamp(min=1e-30))
    return Point(
        point.image, losses, point.evaluations + 1, value, gradient, tuple((s, y * unit) for s, y in point.pairs), 1.0
    )


class Transport:
    """J with the transport distance instead of E_l in the layer that costs most: (image, features) -> a number.

    The distance replaces E_l in each term `Style`, and the content cost gets at least the weight that `CONTENT` sets.
    Other terms stay as they are. The size of a term is its value without any activations; for the style of a layer this
    is λ^l ‖A^l‖² / (4 C²). Where regions have styles of their own, a guide in each left 0.87 to 0.96 of what J alone
    left after 30 evaluations (two pairs, two masks, two weightings, 128 pixels).

    Args:
        cost: a `Cost`.
        products: as for `BuresWasserstein`.
    Attributes:
        worthwhile: whether the descent should follow the distance; False for a cost without a `Style`.
    """

    def __init__(self, cost: Cost, products: bool | None = None):
        self.cost, self.worthwhile = cost, False
        self.content: Content | None = next((term for term in cost.terms if isinstance(term, Content)), None)
        self.styles = [_Led(term, products) for term in cost.terms if isinstance(term, Style)]
        if not self.styles or not all(style.finite for style in self.styles):
            return  # a network that gives no finite numbers is reported by J itself
        blank_distance = sum(style.blank for style in self.styles)
        content_weight, blank_content = 0.0, 0.0
        if self.content is not None:
            content_weight = self.content.weight
            blank_content = sum(
                weight * self.content.targets[layer].square().mean().item()
                for layer, weight in self.content.layers.items()
            )
        self.worthwhile = blank_distance > WORTHWHILE * content_weight * blank_content
        wanted = CONTENT * blank_distance / blank_content if blank_content else 0
        self.content_weight = max(content_weight, wanted) if content_weight else content_weight

    def __call__(self, image: torch.Tensor, features: dict[str, torch.Tensor]) -> torch.Tensor:
        first, *others = self.styles
        value = first(features)
        for style in others:
            value = value + style(features)
        if self.content is not None:
            value = self.content_weight * self.content(image, features).sum() + value
        for term in self.cost.terms:
            if not isinstance(term, Style) and term is not self.content:
                value = value + term.weight * term(image, features).sum()
        return value


class _Led:
    """A term `Style` whose costliest layer is compared by transport: features -> a tensor.

    Attributes:
        finite: False when the network gives no finite numbers; then the other attributes do not exist.
        blank: the distance without any activations.
    """

    def __init__(self, term: Style, products: bool | None = None):
        self.term, layers, targets = term, term.layers, term.targets
        costs = {
            layer: weight * style_loss(torch.zeros_like(targets[layer]), targets[layer]).item()
            for layer, weight in layers.items()
        }
        self.finite = all(map(math.isfinite, costs.values()))
        if not self.finite:
            return
        self.leading = max(costs, key=lambda layer: costs[layer])
        self.beside = [
            layer for layer in costs if layer != self.leading and costs[layer] > NEGLIGIBLE * sum(costs.values())
        ]
        target = targets[self.leading][0]
        self.distance = BuresWasserstein(target, products=products)
        self.strength = STRENGTH * layers[self.leading] * target.trace().item() / (4 * len(target) ** 2)
        self.blank = term.weight * self.strength * target.trace().item()

    def __call__(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        term = self.term
        value = self.strength * self.distance(term.gram(features[self.leading])[0])
        value = value + sum(
            term.layers[layer] * style_loss(term.gram(features[layer]), term.targets[layer]).sum()
            for layer in self.beside
        )
        return term.weight * value


class BuresWasserstein:
    """tr G + tr A − 2 tr (A^½ G A^½)^½ as a function of G, softened: G -> a number that can be differentiated once.

    The gradient of the distance is 1 − T, where T = A^½ (A^½ G A^½)^(−½) A^½ is the map with T G T = A. A layer has
    more channels than a small picture has positions. So G and A are singular, and T does not exist. Let r be the square
    roots of the eigenvalues of A^½ G A^½. On a processor we replace the inverse root 1/r by 1/(r + ε), and r by
    r − ε ln(1 + r/ε), so that the derivative with respect to r² stays half the inverse root. We replace tr G by
    tr T_A G, where T_A is the softened map at G = A. The softened distance is still convex, and has its minimum 0 at
    G = A.

    On a card, eigenvalues would make the descent wait. There 1/(r² + ε²)^½ and (r² + ε²)^½ − ε take the places of the
    two, with the same properties: matrix products alone compute them. (On six pairs of 96 pixels, the loss after 40
    evaluations was 0.96 to 1.02 of that by the other softening.)

    Args:
        target: A, positive semi-definite, (C, C).
        softness: ε as a share of the largest eigenvalue of A.
        products: whether to compute as on a card; None does so where the target is on one.
    """

    def __init__(self, target: torch.Tensor, softness: float = SOFTNESS, products: bool | None = None):
        check_tensor("The target", target, "C, C", values="finite")
        check_number("softness", softness, 0)
        if products is not None and not isinstance(products, bool):
            raise ValueError(f"products must be True, False or None, not {short(products)}.")
        target = target.detach()
        values, vectors = torch.linalg.eigh(target.cpu().double())
        values = values.clamp(min=0)
        self.epsilon = softness * values.max().item()
        self.products = target.device.type != "cpu" if products is None else products  # and no eigenvalues
        soft, inverse = (_soft_by_squares if self.products else _soft)(values, self.epsilon)
        share = values * inverse if self.epsilon else torch.ones_like(values)
        self.root, self.at_target = (
            ((vectors * diagonal) @ vectors.T).to(target) for diagonal in (values.sqrt(), share)
        )
        self.constant = (2 * soft.sum() - (share * values).sum()).item()

    def __call__(self, gram: torch.Tensor) -> torch.Tensor:
        check_tensor("A Gram matrix", gram, f"{len(self.root)}, {len(self.root)}", like=self.root, same_type=True)
        return _BuresWasserstein.apply(gram, self)

    def value_and_gradient(self, gram: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The distance and its derivative (C, C) with respect to `gram`; neither is finite where `gram` is not."""
        product = self.root @ gram @ self.root
        soft, inverse = (_roots_by_products if self.products else _roots_by_eigenvalues)(product, self.epsilon)
        value = (self.at_target * gram).sum() - 2 * soft + self.constant
        return value, self.at_target - self.root @ inverse @ self.root


def _roots_by_products(matrix: torch.Tensor, epsilon: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(tr (M + ε²)^½ − C ε, (M + ε²)^(−½)) by matrix products alone, always the same ones, so that no device waits.

    The coupled Newton–Schulz iteration (Higham 2008, Functions of Matrices, equation 6.35): with N = M + ε² divided by
    its norm, Y = N and Z = 1 at the beginning, Y W and W Z with W = (3 − Z Y) / 2 tend to N^½ and N^(−½).

    Args:
        matrix: M, symmetric and positive semi-definite up to rounding, (C, C).
        epsilon: from 0; it is raised where ε² is less than `LEAST` of the norm of M.
    Returns:
        (), (C, C); not finite where M is not.
    """
    one = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    shift = (LEAST * matrix.norm()).clamp(min=max(epsilon**2, 1e-18))  # its square is above 0 in float32, too
    shifted = matrix + shift * one
    norm = shifted.norm()
    root, inverse = shifted / norm, one
    for _ in range(STEPS):
        step = 1.5 * one - 0.5 * (inverse @ root)
        root, inverse = root @ step, step @ inverse
    return norm.sqrt() * root.trace() - len(matrix) * shift.sqrt(), inverse / norm.sqrt()


def _roots_by_eigenvalues(matrix, epsilon):
    """(the sum of what replaces r, the matrix with what replaces 1/r), as `_soft` gives both, of M on a processor."""
    if not bool(matrix.isfinite().all()):  # otherwise eigh would raise an error of its own
        return matrix.sum() * float("nan"), matrix
    values, vectors = torch.linalg.eigh(matrix)
    soft, inverse = _soft(values.clamp(min=0).sqrt(), epsilon)
    return soft.sum(), (vectors * inverse) @ vectors.T


class _BuresWasserstein(torch.autograd.Function):
    """`BuresWasserstein.value_and_gradient` for autograd."""

    @staticmethod
    def forward(ctx, gram, distance):
        value, gradient = distance.value_and_gradient(gram)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx, outer):
        (gradient,) = ctx.saved_tensors
        return outer * gradient, None


def _soft(roots, epsilon):
    """(r − ε ln(1 + r/ε), 1/(r + ε)): about (r, 1/r) where r is large, and (r²/(2ε), 1/ε) where it is small."""
    soft = roots - epsilon * torch.log1p(roots / epsilon) if epsilon else roots
    return soft, 1 / (roots + epsilon).clamp(min=1e-30)


def _soft_by_squares(roots, epsilon):
    """((r² + ε²)^½ − ε, 1/(r² + ε²)^½), which `_roots_by_products` computes from a matrix without its roots."""
    soft = (roots.square() + epsilon**2).sqrt()
    return soft - epsilon, 1 / soft.clamp(min=1e-30)
