"""The transport distance of the first steps: value, gradient and map against closed forms, and its hand-over to J."""

import copy
import gc
import math

import pytest
import torch

from bounds import DOUBLE
from course_utils import cost as module
from course_utils.checkpoint import Checkpoint
from course_utils.colour import square_root
from course_utils.cost import Cost, painting_cost
from course_utils.descent import Point, inverse_frequency, projected_lbfgs
from course_utils.images import load_image
from course_utils.losses import CONTENT_LAYER, STYLE_WEIGHTS, content_loss, gram_matrix, style_loss
from course_utils.transfer import TransferError, descend, transfer
from course_utils.transport import GUIDED, STRENGTH, BuresWasserstein, Transport, _handed_over
from course_utils.winograd import prepared
from networks import gap


@pytest.fixture(scope="module")
def small():
    return load_image("animal_koala", (32, 40)), load_image("van_gogh_night_cafe", (32, 36))


@pytest.fixture(scope="module")
def net64(net):
    return copy.deepcopy(net).double()


@pytest.fixture(scope="module")
def small64(small):
    """With a little noise: no two values are so near that rounding decides where a maximum lies."""
    generator = torch.Generator().manual_seed(0)
    return tuple(
        0.99 * picture.double() + 0.01 * torch.rand(picture.shape, generator=generator).double() for picture in small
    )


def covariance(size, seed, rank=None):
    rows = torch.randn(size, rank or 3 * size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return rows @ rows.T / rows.shape[1]


def distance(gram, target, softness=0.0):
    """Value and gradient of the package."""
    gram = gram.clone().requires_grad_()
    value = BuresWasserstein(target, softness)(gram)
    return value.item(), torch.autograd.grad(value, gram)[0]


# --- the distance --------------------------------------------------------------------------------------------------


def test_one_channel():
    """(f − a)², and its derivative by f² is 1 − a/f."""
    for f, a in ((0.5, 2.0), (3.0, 2.0), (2.0, 2.0)):
        value, gradient = distance(
            torch.tensor([[f * f]], dtype=torch.float64), torch.tensor([[a * a]], dtype=torch.float64)
        )
        assert value == pytest.approx((f - a) ** 2, abs=1e-12) and gradient.item() == pytest.approx(
            1 - a / f, abs=1e-12
        )


def test_channels_of_their_own():
    """Diagonal matrices: the sum of (f − a)²."""
    f, a = torch.rand(2, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.2
    assert distance(torch.diag(f**2), torch.diag(a**2))[0] == pytest.approx((f - a).square().sum().item(), rel=1e-12)


def test_value_against_the_nuclear_norm():
    """tr (A^½ G A^½)^½ = Σ singular values of A^½ G^½; zero only where G = A; the same both ways round."""
    G, A = covariance(7, 2), covariance(7, 3)
    expected = G.trace() + A.trace() - 2 * torch.linalg.svdvals(square_root(A) @ square_root(G)).sum()
    assert distance(G, A)[0] == pytest.approx(expected.item(), rel=1e-10) and distance(A, G)[0] == pytest.approx(
        expected.item(), rel=1e-10
    )
    assert distance(A, A)[0] == pytest.approx(0, abs=1e-10) and expected > 0.1


@pytest.mark.parametrize("softness", [0.0, 1e-3, 0.3])
def test_gradient_against_small_steps(softness):
    G, A, direction = covariance(7, 2), covariance(7, 3), covariance(7, 4) - covariance(7, 5)
    gradient, h = distance(G, A, softness)[1], 1e-5
    slope = (distance(G + h * direction, A, softness)[0] - distance(G - h * direction, A, softness)[0]) / (2 * h)
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-7)
    if not softness:
        T = torch.eye(7) - gradient  # moves a Gaussian with covariance G onto one with A
        assert torch.allclose(T @ G @ T, A, atol=1e-10) and torch.allclose(T, T.T, atol=1e-12)


@pytest.mark.parametrize("rank", [None, 3], ids=["full", "rank 3"])
def test_softened_it_is_smallest_at_the_target_and_convex(rank):
    A = covariance(7, 3, rank)
    value, gradient = distance(A, A, 1e-3)
    assert value == pytest.approx(0, abs=1e-9) and gradient.abs().max() < 1e-6
    for seed in range(4, 14):
        G, H = covariance(7, seed, 2 + seed % 4), covariance(7, seed + 20)
        there, middle, here = (distance(matrix, A, 1e-3)[0] for matrix in (G, (G + H) / 2, H))
        assert there > 0 and here > 0 and middle < (there + here) / 2


def test_on_a_real_layer_along_the_pixels(net64, small64):
    """Gram matrices of low rank, as small pictures have them: value and gradient still belong together."""
    photo, painting = small64
    target = BuresWasserstein(gram_matrix(net64.features(painting, ["relu4_1"])["relu4_1"], divide=True)[0])

    def value(image):
        return target(gram_matrix(net64.features(image, ["relu4_1"])["relu4_1"], divide=True)[0])

    image = photo.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(image), image)
    with torch.no_grad():  # the error of the slope: of second order, kinks of ReLU and pooling, cancelling
        for direction in (
            gradient,
            torch.randn(photo.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
        ):
            h = 1e-7 / direction.abs().max()
            slope = (value(photo + h * direction) - value(photo - h * direction)) / (2 * h)
            assert (gradient * direction).sum().item() == pytest.approx(slope.item(), rel=1e-3)


def test_a_picture_with_nothing_in_it_yet():
    """Empty, of low rank, not finite: bounded, or honestly not finite."""
    A = covariance(7, 3)
    for G in (torch.zeros(7, 7, dtype=torch.float64), covariance(7, 2, rank=2)):
        value, gradient = distance(G, A, 1e-3)
        assert gradient.isfinite().all() and value > 0
    value, gradient = distance(torch.full((7, 7), float("nan"), dtype=torch.float64), A)
    assert value != value and gradient.isnan().any()
    assert distance(A, torch.zeros_like(A), 1e-3)[0] == pytest.approx(
        A.trace().item(), rel=1e-6
    )  # a painting without anything


# --- the objective -------------------------------------------------------------------------------------------------


def test_the_objective_written_out(net64, small64):
    weights = {"relu1_1": 50.0, "relu2_1": 0.3, "relu3_1": 30.0, "relu4_1": 2.0}
    cost = painting_cost(net64, *small64, content_weight=3.0, style_weight=0.7, style_layers=weights)
    transport = Transport(cost)
    assert transport.styles[0].leading == "relu4_1" and "relu3_1" in transport.styles[0].beside
    features = cost.features(small64[0].flip(2))
    trace = cost.terms[1].targets["relu4_1"][0].trace().item()
    strength = STRENGTH * 2.0 * trace / (4 * 512**2)
    content = max(3.0, 0.02 * 0.7 * strength * trace / cost.terms[0].targets[CONTENT_LAYER].square().mean().item())
    style = strength * BuresWasserstein(cost.terms[1].targets["relu4_1"][0])(
        gram_matrix(features["relu4_1"], divide=True)[0]
    )
    for layer in transport.styles[0].beside:
        style = (
            style
            + weights[layer] * style_loss(gram_matrix(features[layer], divide=True), cost.terms[1].targets[layer])[0]
        )
    expected = (
        content * content_loss(features[CONTENT_LAYER], cost.terms[0].targets[CONTENT_LAYER], "mean")[0] + 0.7 * style
    )
    assert transport(small64[0].flip(2), features).item() == pytest.approx(expected.item(), rel=DOUBLE)


def test_the_layer_that_costs_most_leads(net, small):
    transport = Transport(painting_cost(net, *small))
    assert (
        transport.styles[0].leading == "relu4_1"
        and "relu5_1" not in transport.styles[0].beside
        and transport.worthwhile
    )
    deep = Transport(painting_cost(net, *small, style_layers={"relu2_1": 1e-9, "relu5_1": 1.0}))
    assert deep.styles[0].leading == "relu5_1" and deep.styles[0].beside == []


def test_it_steps_aside_where_content_decides(net, small):
    assert not Transport(painting_cost(net, *small, style_weight=1e-4)).worthwhile
    one, other = (
        list(descend(*small, net=net, evaluations=3, style_weight=1e-4, start="content"))[-1] for _ in range(2)
    )
    cost = painting_cost(prepared(net, small[0], [CONTENT_LAYER, *STYLE_WEIGHTS]), *small, style_weight=1e-4)
    *_, plain = projected_lbfgs(cost, small[0], 3, precondition=inverse_frequency(small[0].shape))
    assert torch.equal(one.image, plain.image) and torch.equal(one.image, other.image)
    assert Transport(painting_cost(net, *small, content_weight=0.0)).content_weight == 0


# --- the descent ---------------------------------------------------------------------------------------------------


def test_objective_and_losses_go_their_own_ways(net64, small64):
    """The gradient is that of the objective, the losses are those of J."""
    cost = painting_cost(net64, *small64)
    value, gradient, losses = cost(small64[0], lambda image, features: features[CONTENT_LAYER].square().sum() / 7)
    image = small64[0].clone().requires_grad_()
    expected = net64.features(image, [CONTENT_LAYER])[CONTENT_LAYER].square().sum() / 7
    assert value == pytest.approx(expected.item(), rel=DOUBLE)
    assert gap(gradient, torch.autograd.grad(expected, image)[0]) < DOUBLE
    assert losses == pytest.approx(cost.losses(small64[0]), rel=DOUBLE, abs=DOUBLE)


@pytest.mark.long
def test_the_guide_is_worth_it(net, monkeypatch):
    """Lower after the same evaluations, with the same cost, than without: by a quarter, as measured."""
    pair = load_image("animal_koala", 96), load_image("van_gogh_night_cafe", 96)
    guided = list(descend(*pair, net=net, evaluations=24))[-1].losses["total"]
    monkeypatch.setattr(Transport, "worthwhile", property(lambda self: False, lambda self, value: None), raising=False)
    assert guided < list(descend(*pair, net=net, evaluations=24))[-1].losses["total"]


def test_the_hand_over(net64, small64):
    """The same picture, the gradient of J, the pairs in its units, one evaluation more."""
    cost = painting_cost(net64, *small64)
    value, gradient, losses = cost(small64[0])
    s, y = torch.rand(2, *small64[0].shape, dtype=torch.float64)
    point = Point(small64[0], losses, 8, 1.0, gradient / 64, ((s, y),), 0.25)
    new = _handed_over(cost, point)
    assert torch.equal(new.image, small64[0]) and torch.equal(new.gradient, gradient)
    assert new.value == value and new.record == losses
    assert new.evaluations == 9 and new.step == 1.0 and torch.equal(new.pairs[0][0], s)
    assert torch.allclose(new.pairs[0][1], 64 * y, rtol=DOUBLE)


@pytest.mark.long
def test_no_more_pictures_are_held_than_needed(net, small):
    """After the hand-over as many tensors of the picture's size are alive as without a guide."""

    def alive(**options):
        states = descend(*small, net=net, evaluations=40, **options)
        for _ in range(26):
            last = next(states)
        gc.collect()
        count = sum(type(thing) is torch.Tensor and thing.shape == last.image.shape for thing in gc.get_objects())
        states.close()
        return count

    assert alive() <= alive(style_weight=1e-4, start="content") + 1


@pytest.mark.long
@pytest.mark.parametrize("last", [0, 4, GUIDED])
def test_not_finite_beside_the_guide(net, small, last):
    """J alone is NaN, from the beginning, in between or at the hand-over: no such picture counts as good."""
    calls = []

    class Broken(Cost):
        def parts(self, image, features):
            calls.append(1)
            parts = super().parts(image, features)
            return {name: part * math.nan for name, part in parts.items()} if len(calls) > last else parts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Cost", Broken)
        with pytest.raises(TransferError, match=f"After {last} evaluations") as caught:
            list(descend(*small, net=net, evaluations=GUIDED + 4))
    assert (caught.value.state is None) == (last == 0)
    assert last == 0 or math.isfinite(caught.value.state.losses["total"])


@pytest.mark.long
def test_a_bad_guide_does_no_harm(net, small, monkeypatch):
    """It leads uphill: every such step is taken back, and J goes on from the last good picture."""
    usual = Transport.__call__

    def misleads(self, image, features):
        return 1e12 - usual(self, image, features)

    monkeypatch.setattr(Transport, "__call__", misleads)
    states = list(descend(*small, net=net, evaluations=GUIDED + 8))
    totals = [state.losses["total"] for state in states]
    assert totals == sorted(totals, reverse=True) and totals[GUIDED - 1] == totals[0] and totals[-1] < totals[0] / 2
    assert [state.evaluations for state in states] == list(range(1, GUIDED + 9))


@pytest.mark.long
@pytest.mark.parametrize(
    "options",
    [
        {"start": "noise"},
        {"style_weight": 0.0},
        {"content_weight": 0.0},
        {"style_weight": 1e-3},
        {"start": "content"},
        {"style_layers": {"relu1_1": 2.0}},
        {"style_layers": dict.fromkeys(STYLE_WEIGHTS, 1.0)},
    ],
    ids=str,
)
def test_every_setting_goes_down(net, small, options):
    totals = [state.losses["total"] for state in descend(*small, net=net, evaluations=GUIDED + 4, **options)]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < totals[0] or options == {"style_weight": 0.0}


@pytest.fixture(scope="module")
def whole(net, small):
    return transfer(*small, evaluations=GUIDED + 3, net=net)


@pytest.mark.long
@pytest.mark.parametrize("last", [GUIDED - 1, GUIDED, GUIDED + 1])
def test_resumed_beside_the_hand_over(net, small, whole, tmp_path, last):
    """Before, at and after the last guided evaluation: the same picture to the bit."""
    options, path = {"evaluations": GUIDED + 3, "net": net}, tmp_path / "state"
    transfer(*small, **options, checkpoint=Checkpoint(path), on_state=lambda state: state.evaluations == last)
    rest = transfer(*small, **options, checkpoint=Checkpoint(path, resume=True))
    assert torch.equal(rest.image, whole.image) and rest.history == whole.history
