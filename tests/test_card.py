"""What the descent does on a graphics card, counted without one: the processor waits twice an evaluation at most."""

from typing import NamedTuple

import pytest
import torch

from bounds import DOUBLE
from course_utils.cost import Content, Cost, Style, TiledCost, TotalVariation
from course_utils.descent import NotFinite, evaluate, inverse_frequency, projected_lbfgs
from course_utils.transfer import _states
from course_utils.transport import GUIDED, BuresWasserstein, Transport, _roots_by_products, _soft_by_squares
from course_utils.vgg import VGG, VGG19_BLOCKS
from networks import gap
from pretended import CARD, Watch

WAITS = 2  # of an evaluation with the step before it: one for its numbers, one for the slope
MEMORY = 3


def random(*shape, seed=0, dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture
def parts():
    """A network of 8 channels, the terms of a cost, one of them with a mask, and the first picture."""
    net = VGG([(count, 8) for count, _ in VGG19_BLOCKS], "average").requires_grad_(False)
    for seed, parameter in enumerate(net.parameters()):
        parameter.copy_(0.6 * (random(*parameter.shape, seed=seed) - 0.48))  # activations stay of one size
    photo, painting = random(1, 3, 48, 32), random(1, 3, 48, 48, seed=1) ** 2
    mask = torch.zeros(1, 1, 48, 32)
    mask[..., :20] = 1
    style, region = Style(net, painting), Style(net, painting**2, layers={"relu2_1": 1.0}, mask=mask, name="region")
    return net, [Content(net, photo, 1e-6), style, region, TotalVariation(1e-6)], photo


def on_card(cost, photo):
    """A `Watch`, with the cost and the picture on its card."""
    watch = Watch()
    watch.pretend_all(cost)
    return watch, watch.pretend(photo)


class Seen(NamedTuple):
    """What was seen of an evaluation and the step before it."""

    waits: list
    moves: list
    operations: list
    bytes: int  # that the card holds afterwards
    better: bool  # whether the picture was kept


def each_evaluation(watch, points):
    """[`Seen`] of each evaluation after the first, which prepares everything."""
    found, before = [], None
    with watch:
        for point in points():
            found.append(Seen(watch.waits, watch.moves, watch.operations, watch.bytes, point.image is not before))
            before = point.image
            watch.clear()
    return found[1:]


@pytest.mark.parametrize("led", [False, True], ids=["J", "transport"])
def test_an_evaluation_waits_once(parts, led):
    """Value, losses, and whether the gradient is finite come together; the eigenvalues of the guide do not come."""
    net, terms, photo = parts
    cost = Cost(net, terms)
    watch, photo = on_card(cost, photo)
    with watch:
        guide = Transport(cost) if led else None
        watch.clear()
        assert cost(photo, guide)[0] > 0
        assert watch.waits == ["tolist"] and not watch.moves
        watch.clear()
        evaluate(cost, photo)
        assert watch.waits == ["tolist"] and not watch.moves


def test_no_gradient_is_trusted_unseen(parts):
    """The value is NaN where the gradient is not finite, though the cost itself is 0."""

    class Root(TotalVariation):
        def __call__(self, image, features):
            return image.sqrt().sum((1, 2, 3))

    cost = Cost(parts[0], [Root(1.0)])
    value, gradient, losses = cost(torch.zeros(1, 3, 16, 16))
    assert value != value and gradient.isinf().all() and losses["total"] == 0
    with pytest.raises(NotFinite):
        evaluate(cost, torch.zeros(1, 3, 16, 16))


@pytest.mark.long
@pytest.mark.parametrize(
    "kind, options, evaluations",
    [(Cost, {}, GUIDED + 3), (Cost, {"precision": "bfloat16"}, 4), (TiledCost, {"tile": 32}, 4)],
    ids=["whole", "bfloat16", "tiled"],
)
def test_two_waits_and_nothing_moves(parts, kind, options, evaluations):
    """Led by the transport, at the hand-over, and after it."""
    net, terms, photo = parts
    cost, ways = kind(net, terms, **options), []
    watch, photo = on_card(cost, photo)

    def points():
        for state, point, led in _states(cost, photo, evaluations, 0.0):
            ways.append(led)
            yield point

    found = each_evaluation(watch, points)
    assert len(ways) == evaluations and ways.count(True) == min(evaluations, GUIDED)
    assert [seen.moves for seen in found] == [[]] * len(found)
    assert max(len(seen.waits) for seen in found) <= WAITS, [seen.waits for seen in found]


@pytest.mark.parametrize("led", [False, True], ids=["J", "transport"])
def test_once_the_memory_is_full_each_step_is_the_same(parts, led):
    """The same operations with the same shapes, which could be recorded once as a graph; and no memory that grows."""
    net, terms, photo = parts
    cost = Cost(net, terms)
    watch, photo = on_card(cost, photo)

    def points():
        transport = Transport(cost) if led else None

        def function(image):
            return cost(image, transport)

        yield from projected_lbfgs(
            function, photo, MEMORY + 6, memory=MEMORY, precondition=inverse_frequency(photo.shape, photo.device)
        )

    *before, one, other, third = each_evaluation(watch, points)
    assert one.operations == other.operations == third.operations and len(one.operations) > 100
    # a step that is taken back leaves its picture and its gradient until the next
    for better in (True, False):
        assert len({seen.bytes for seen in (*before, one, other, third)[MEMORY:] if seen.better == better}) <= 1


NOTICED = {
    "item": (lambda x: x.sum().item(), ["_local_scalar_dense"], []),
    "bool": (lambda x: bool(x.isfinite().all()), ["_local_scalar_dense"], []),
    "tolist": (lambda x: torch.stack([x.sum(), x.norm()]).tolist(), ["tolist"], []),
    "cpu": (lambda x: x.cpu(), ["cpu"], []),
    "to": (lambda x: x.to("cpu"), ["to"], []),
    "nonzero": (lambda x: x.nonzero(), ["nonzero"], []),
    "mask": (lambda x: x[x > 0.5], ["index.Tensor"], []),
    "equal": (lambda x: torch.equal(x, x + 1), ["equal"], []),
    "eigh": (lambda x: torch.linalg.eigh(x @ x.T), ["_linalg_eigh"], []),
    "numbers": (lambda x: x * torch.tensor([1.0, 2.0, 3.0], device=x.device), [], ["tensor"]),
    "new_tensor": (lambda x: x.new_tensor([1.0]), [], ["new_tensor"]),
    "mixed": (lambda x: x * ONES, [], ["mul.Tensor of a tensor of the processor"]),
    "moved": (lambda x: x * ONES.to(x), [], ["to"]),
    "nothing": (lambda x: (2 * x).clamp(0, 1) + torch.zeros(3, device=x.device) + x.new_ones(3), [], []),
}
ONES = torch.ones(3)


@pytest.mark.parametrize("name", NOTICED)
def test_the_watch_notices(name):
    function, waits, moves = NOTICED[name]
    watch = Watch()
    x = watch.pretend(random(3, 3))
    assert x.device == CARD and x.is_cuda and watch.bytes == 36
    with watch:
        found = function(x)
        del found
    assert watch.waits == waits and watch.moves == moves and watch.bytes == 36


# --- the guide without eigenvalues ---------------------------------------------------------------------------------


def covariance(size, rank, seed, dtype=torch.float64):
    rows = random(rank, size, seed=seed, dtype=dtype)
    return rows.T @ rows / rank


@pytest.mark.parametrize("rank", [5, 60])
def test_the_roots_by_products_are_those_by_eigenvalues(rank):
    """Also of matrices of low rank. In float64 the iteration ends within DOUBLE of the roots, and ε is 1e-3 of the
    largest: an inverse root magnifies rounding by 1e6 at most.
    """
    matrix = covariance(20, rank, 0)
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp(min=0).sqrt()
    epsilon = 1e-3 * roots.max().item()
    soft, inverse = _soft_by_squares(roots, epsilon)
    found = _roots_by_products(matrix, epsilon)
    assert found[0].item() == pytest.approx(soft.sum().item(), rel=1e-6)
    assert gap(found[1], (vectors * inverse) @ vectors.T) < 1e-6


@pytest.mark.parametrize("rank", [5, 60])
def test_the_distance_of_the_card(rank):
    """Nothing waits; the minimum is 0 at the target; the gradient is the slope along a line."""
    watch, target, gram = Watch(), covariance(20, rank, 0), covariance(20, rank, 1)
    with watch:
        distance = BuresWasserstein(watch.pretend(target))
        watch.clear()
        at_target, middle = (distance.value_and_gradient(watch.pretend(one)) for one in (target, gram))
        h, line = 1e-4, covariance(20, 20, 2)
        ahead, behind = (distance.value_and_gradient(watch.pretend(gram + sign * h * line))[0] for sign in (1, -1))
    assert not watch.waits
    assert at_target[0].held.abs() < 1e-6 * target.trace() and gap(at_target[1].held + 1, torch.ones(20, 20)) < 1e-6
    assert middle[0].held > 1e-3 * target.trace()
    here = BuresWasserstein(target, products=True).value_and_gradient(gram)  # the same on a processor
    assert gap(middle[0].held, here[0]) < DOUBLE and gap(middle[1].held, here[1]) < DOUBLE
    slope = (ahead.held - behind.held) / (2 * h)
    assert slope.item() == pytest.approx((middle[1].held * line).sum().item(), rel=1e-3)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("rank", [3, 200])
def test_the_roots_stay_finite_in_float32(rank, scale):
    """Also where rounding makes eigenvalues negative: the picture's Gram matrix is much larger than the painting's."""
    target, gram = covariance(64, rank, 0, torch.float32), scale * covariance(64, rank, 1, torch.float32)
    distance = BuresWasserstein(target)
    soft, inverse = _roots_by_products(distance.root @ gram @ distance.root, distance.epsilon)
    assert soft.isfinite() and inverse.isfinite().all()


def test_roots_of_nothing():
    soft, inverse = _roots_by_products(torch.zeros(4, 4), 0.0)
    assert soft.abs() < 1e-6 and inverse.isfinite().all()
    assert not _roots_by_products(torch.full((4, 4), float("nan")), 1e-3)[0].isfinite()
