"""The transport distance of the first steps: value, gradient and map against closed forms, and its hand-over to J."""
import pytest
import torch

from course_utils import transfer as module
from course_utils.checkpoint import Checkpoint
from course_utils.colour import square_root
from course_utils.images import load_image
from course_utils.losses import CONTENT_LAYER, STYLE_WEIGHTS
from course_utils.transfer import Cost, descend, transfer
from course_utils.transport import SMALLEST_ROOT, Transport, transport_distance


@pytest.fixture(scope="module")
def small():
    return load_image("animal_koala", 48), load_image("van_gogh_night_cafe", 40)


def covariance(size, seed, rank=None):
    rows = torch.randn(size, rank or 3 * size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return rows @ rows.T / rows.shape[1]


def distance(gram, target):
    """Value and gradient of the package."""
    gram = gram.clone().requires_grad_()
    value = transport_distance(gram, square_root(target))
    return value.item(), torch.autograd.grad(value, gram)[0]


def test_one_channel():
    """(f − a)², and its derivative by f² is 1 − a/f."""
    for f, a in ((0.5, 2.0), (3.0, 2.0), (2.0, 2.0)):
        value, gradient = distance(torch.tensor([[f * f]], dtype=torch.float64), torch.tensor([[a * a]], dtype=torch.float64))
        assert value == pytest.approx((f - a) ** 2, abs=1e-12)
        assert gradient.item() == pytest.approx(1 - a / (f * (1 + SMALLEST_ROOT)), abs=1e-12)


def test_channels_of_their_own():
    """Diagonal matrices: the sum of (f − a)²."""
    f, a = torch.rand(2, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.2
    assert distance(torch.diag(f**2), torch.diag(a**2))[0] == pytest.approx((f - a).square().sum().item(), rel=1e-12)


def test_value_against_the_nuclear_norm():
    """tr (A^½ G A^½)^½ = Σ singular values of A^½ G^½; zero only where G = A; the same both ways round."""
    G, A = covariance(7, 2), covariance(7, 3)
    expected = G.trace() + A.trace() - 2 * torch.linalg.svdvals(square_root(A) @ square_root(G)).sum()
    assert distance(G, A)[0] == pytest.approx(expected.item(), rel=1e-10) and distance(A, G)[0] == pytest.approx(expected.item(), rel=1e-10)
    assert distance(A, A)[0] == pytest.approx(0, abs=1e-10) and expected > 0.1


def test_gradient_against_small_steps_and_the_map(monkeypatch):
    from course_utils import transport
    monkeypatch.setattr(transport, "SMALLEST_ROOT", 0)
    G, A, direction = covariance(7, 2), covariance(7, 3), covariance(7, 4) - covariance(7, 5)
    gradient, h = distance(G, A)[1], 1e-5
    slope = (distance(G + h * direction, A)[0] - distance(G - h * direction, A)[0]) / (2 * h)
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-7)
    T = torch.eye(7) - gradient                 # moves a Gaussian with covariance G onto one with A
    assert torch.allclose(T @ G @ T, A, atol=1e-10) and torch.allclose(T, T.T, atol=1e-12)


def test_a_picture_with_nothing_in_it_yet():
    """Empty, of low rank, not finite: bounded, or honestly not finite."""
    A = covariance(7, 3)
    for G in (torch.zeros(7, 7, dtype=torch.float64), covariance(7, 2, rank=2)):
        value, gradient = distance(G, A)
        assert gradient.isfinite().all() and value > 0
    value, gradient = distance(torch.full((7, 7), float("nan"), dtype=torch.float64), A)
    assert value != value and gradient.isnan().any()


def test_the_layer_that_costs_most_leads(net, small):
    transport = Transport(Cost(net, *small))
    assert transport.leading == "relu4_1" and "relu5_1" not in transport.others
    deep = Transport(Cost(net, *small, layer_weights={"relu2_1": 1e-9, "relu5_1": 1.0}))
    assert deep.leading == "relu5_1" and deep.others == []


def test_objective_and_losses_go_their_own_ways(net, small):
    """The gradient is that of the objective, the losses are those of J."""
    cost = Cost(net, *small)
    value, gradient, losses = cost(small[0], lambda features: features[CONTENT_LAYER].square().sum() / 7)
    image = small[0].clone().requires_grad_()
    expected = net.features(image, [CONTENT_LAYER])[CONTENT_LAYER].square().sum() / 7
    assert value == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(gradient, torch.autograd.grad(expected, image)[0], rtol=1e-3, atol=gradient.abs().max().item() * 1e-4)
    assert losses == pytest.approx(cost.losses(small[0]), rel=1e-5, abs=1e-3)


def test_the_guide_is_worth_it(net, small, monkeypatch):
    """Lower after the same evaluations, with the same cost, than without."""
    guided = list(descend(*small, net=net, evaluations=24))[-1].losses["total"]
    monkeypatch.setattr(module, "GUIDED", 0)
    assert guided < list(descend(*small, net=net, evaluations=24))[-1].losses["total"]


def test_a_bad_guide_is_dropped(net, small, monkeypatch):
    """It leads uphill: J goes on from the last good picture, and every evaluation is counted."""
    usual = Transport.__call__

    def misleads(self, features):
        return -usual(self, features)
    monkeypatch.setattr(Transport, "__call__", misleads)
    states = list(descend(*small, net=net, evaluations=12))
    totals = [state.losses["total"] for state in states]
    assert totals == sorted(totals, reverse=True) and totals[-1] < totals[0] / 2
    counts = [state.evaluations for state in states]
    assert counts == sorted(set(counts)) and counts[-1] == 12 and len(counts) == 11         # the one uphill is not shown


@pytest.mark.parametrize("options", [{"start": "noise"}, {"style_weight": 0.0}, {"content_weight": 0.0}, {"style_weight": 1e-3}, {"start": "content"},
                                     {"layer_weights": {"relu1_1": 2.0}}, {"layer_weights": dict.fromkeys(STYLE_WEIGHTS, 1.0)}], ids=str)
def test_every_setting_goes_down(net, small, options):
    totals = [state.losses["total"] for state in descend(*small, net=net, evaluations=14, **options)]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < totals[0] or options == {"style_weight": 0.0}


@pytest.mark.parametrize("last", [3, 7, 8, 9, 10])
def test_resumed_beside_the_hand_over(net, small, tmp_path, last):
    """Before, at and after the last guided evaluation: the same picture to the bit."""
    options = {"evaluations": 11, "net": net}
    whole, path = transfer(*small, **options), tmp_path / "state"
    transfer(*small, **options, checkpoint=Checkpoint(path), on_state=lambda state: state.evaluations == last)
    rest = transfer(*small, **options, checkpoint=Checkpoint(path, resume=True))
    assert torch.equal(rest.image, whole.image) and rest.history == whole.history
