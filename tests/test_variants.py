"""The script that says what was tried to shorten a long descent: its variants are what their names say."""

import math
import sys

import pytest
import torch
from torch import nn

from course_utils import descent, transport
from course_utils.cost import painting_cost
from course_utils.images import load_image, to_8bit
from course_utils.paths import ROOT
from course_utils.transfer import minimise, starting_image
from course_utils.winograd import prepared

sys.path.append(str(ROOT / "tests" / "benchmarks"))

import variants


def layer_pairs(softness):
    """(torch's own layer, the softened one) of both kinds."""
    yield nn.MaxPool2d(2), variants.Softened(variants._Pooling, softness)
    yield nn.ReLU(), variants.Softened(variants._Rectifier, softness)


@pytest.mark.parametrize("shape", [(1, 2, 6, 8), (1, 3, 5, 7)])
def test_softened_layers_have_the_values_of_the_network(shape):
    """And in the limit also its derivative, where no two values are equal."""
    maps = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for softness in (0.5, 1e-6):
        for layer, soft in layer_pairs(softness):
            slopes = []
            for each in (layer, soft):
                image = maps.clone().requires_grad_()
                outer = torch.arange(each(image).numel(), dtype=torch.float64).view(each(image).shape) + 1
                assert torch.equal(each(image), layer(maps))
                slopes += torch.autograd.grad(each(image), image, outer)
            if softness == 1e-6:
                torch.testing.assert_close(*slopes, rtol=0, atol=1e-6)
            else:
                assert not torch.allclose(*slopes)


def test_a_softened_pooling_hands_on_the_whole_slope():
    """The four shares of a window add up to 1, and the largest value has the largest."""
    maps = torch.randn(1, 2, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    outer = torch.rand(1, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (slopes,) = torch.autograd.grad(variants._Pooling.apply(maps, 0.5), maps, outer)
    windows = [values.detach().unfold(2, 2, 2).unfold(3, 2, 2).flatten(4) for values in (maps, slopes)]
    torch.testing.assert_close(windows[1].sum(4), outer)
    assert torch.equal(windows[0].argmax(4), windows[1].argmax(4))
    shares = torch.softmax(windows[0] / (0.5 * maps.detach().abs().mean()), dim=4)  # torch's own
    torch.testing.assert_close(windows[1], shares * outer.unsqueeze(4))


def parabola(image):
    """Its minimum lies at 0.5, in the box."""
    return (image - 0.5).square().sum().item(), 2 * (image - 0.5), {"total": (image - 0.5).square().sum().item()}


def test_what_is_changed_while_a_descent_runs():
    start = torch.full((1, 1, 2, 2), 0.4)

    def first_step():
        _, second = transport.projected_lbfgs(parabola, start, 2)
        return second

    usual = first_step().image - start
    with variants.longer(1.5):
        torch.testing.assert_close(first_step().image - start, 1.5 * usual)
    with variants.longer(100):  # far beyond the minimum, where J is higher
        assert torch.equal(first_step().image, start)
        with variants.accepting():
            assert first_step().value > parabola(start)[0]
    for memory in (1, 3):
        with variants.remembering(memory):
            assert len(list(transport.projected_lbfgs(bowl, start, 6))[-1].pairs) == memory
    torch.testing.assert_close(first_step().image - start, usual)  # nothing stays changed
    assert math.isfinite(descent.ARMIJO)


def bowl(image):
    """Steeper with each value, so that a descent needs many steps."""
    steepness = torch.tensor([1.0, 5.0, 20.0, 80.0]).view(1, 1, 2, 2)
    away = image - 0.7
    return (steepness * away**4).sum().item(), 4 * steepness * away**3, None


def test_evaluations_for_a_loss():
    """Interpolation is exact where the loss is a power of the evaluations."""
    totals = {count: 7 / count**0.5 for count in (20, 50, 100)}
    assert variants.reached(totals, 7 / 64**0.5) == pytest.approx(64)
    assert variants.reached(totals, totals[100]) == pytest.approx(100)
    assert variants.reached(totals, 0.99 * totals[100]) is None


@pytest.mark.long
def test_the_command(net, tmp_path, capsys):
    threads = torch.get_num_threads()
    try:
        found = variants.main(
            ["--pairs", "1", "--size", "32", "--counts", "2", "4", "--json", str(tmp_path / "a.json")]
        )
    finally:
        torch.set_num_threads(threads)
    (pair,) = found["pairs"]
    assert set(pair["totals"]) == {"", *variants.VARIANTS}
    content, style = (to_8bit(load_image(name, 32)) for name in pair["pair"])
    cost = painting_cost(prepared(net, content, ["relu5_1"]), content, style)
    usual = {
        state.evaluations: state.losses["total"]
        for state in minimise(cost, starting_image("colour", content, style), 4)
    }
    assert pair["totals"][""] == {count: pytest.approx(usual[count], rel=1e-3) for count in (2, 4)}  # the course's own
    for name in ("steps 0.8 times as long", "softened poolings", "softened rectifiers"):
        assert pair["totals"][name] != pair["totals"][""]
    assert (tmp_path / "a.json").exists() and "another start" in capsys.readouterr().out
