"""The script that asks what holds a long descent back: its model is the Gauss–Newton model of the cost."""

import copy
import sys

import pytest
import torch

from course_utils.cost import Content, Style, painting_cost
from course_utils.losses import gram_matrix, style_loss
from course_utils.paths import ROOT

sys.path.append(str(ROOT / "tests" / "benchmarks"))

import curvature


@pytest.fixture(scope="module")
def model(net):
    torch.manual_seed(0)
    photo, painting, image = torch.rand(3, 1, 3, 32, 48, dtype=torch.float64)
    return curvature.Model(painting_cost(copy.deepcopy(net).double(), photo, painting), image)


def residuals(cost, image):
    """The vector whose squares add up to J, by formulas of its own."""
    features, parts = cost.net.features(image, cost.layers), []
    for term in cost.terms:
        for layer, weight in term.layers.items():
            if isinstance(term, Content):
                part = (features[layer] - term.targets[layer]) / features[layer].numel() ** 0.5
            elif isinstance(term, Style):
                maps = features[layer][0].flatten(1)
                part = (maps @ maps.T / maps.shape[1] - term.targets[layer][0]) / (2 * len(maps))
            parts.append((part * (term.weight * weight) ** 0.5).flatten())
    return torch.cat(parts)


def test_the_walk_is_the_network(model):
    cost, image = model.cost, model.image
    for layer, maps in cost.features(image).items():
        torch.testing.assert_close(model.found[layer], maps, rtol=1e-12, atol=1e-9)
    # with all choices given, the network is affine: its change along a line is its derivative, however long the line
    far, _ = curvature.passed(cost.net, image + 10, model.last, model.choices)
    change, _ = curvature.passed(cost.net, torch.full_like(image, 10), model.last, model.choices, constants=False)
    for layer in cost.layers:
        torch.testing.assert_close(far[layer], model.found[layer] + change[layer], rtol=1e-10, atol=1e-7)


def test_the_model(model):
    """Value, gradient and curvature against autograd through a residual vector."""
    cost, image = model.cost, model.image.requires_grad_()
    found = residuals(cost, image)
    assert model.value == pytest.approx(found.square().sum().item(), rel=1e-10)
    assert float(model.changes(torch.zeros_like(image), residuals=True)) == pytest.approx(model.value, rel=1e-10)
    direction = torch.randn(image.shape, dtype=image.dtype, generator=torch.Generator().manual_seed(1))
    dummy = torch.zeros_like(found, requires_grad=True)
    (back,) = torch.autograd.grad(found, image, dummy, create_graph=True)
    (forward,) = torch.autograd.grad(back, dummy, direction)  # J v, as the derivative of Jᵀ u with respect to u
    (wanted,) = torch.autograd.grad(found, image, 2 * forward)
    image.requires_grad_(False)
    product = model.product(direction)
    torch.testing.assert_close(product, wanted, rtol=1e-8, atol=float(wanted.abs().max()) * 1e-10)
    # the model's decrease along a direction: slope and curvature
    promised = float((model.gradient * direction).sum() + (direction * product).sum() / 2)
    there = float(model.changes(direction, residuals=True))
    assert there - model.value == pytest.approx(promised, rel=1e-6)


def test_conjugate_gradients_go_down(model):
    values = [float(model.changes(found, residuals=True)) for found in model.directions(lambda x: x)]
    assert len(values) == curvature.PRODUCTS and values == sorted(values, reverse=True) and values[0] < model.value


def test_shares_that_are_kept(model):
    """A tiny step keeps the promise everywhere. With all choices frozen, the activations change by their derivative."""
    kept = model.kept(model.image - 1e-7 * model.gradient / model.gradient.abs().max())
    assert all(share == pytest.approx(1, abs=1e-4) for share in kept.values())
    candidate = (model.image + 0.05 * torch.sign(-model.gradient)).clamp(0, 1)
    layers = list(model.cost.layers)
    here, change = torch.autograd.functional.jvp(
        lambda image: tuple(model.cost.net.features(image, layers)[layer] for layer in layers),
        model.image,
        candidate - model.image,
    )
    maps = {layer: one + other for layer, one, other in zip(layers, here, change)}
    style = next(term for term in model.cost.terms if isinstance(term, Style))
    exact = sum(
        weight * style_loss(gram_matrix(maps[layer], divide=True), style.targets[layer]).item()
        for layer, weight in style.layers.items()
    )
    content = float(model.cost.parts(candidate, maps)["content"])
    promised = model.value - float(model.changes(candidate - model.image, residuals=True))
    assert model.kept(candidate)["both"] == pytest.approx(
        (model.value - style.weight * exact - content) / promised, rel=1e-9
    )


@pytest.mark.long
def test_the_command(tmp_path, capsys):
    threads = torch.get_num_threads()
    try:
        found = curvature.main(
            ["--pairs", "4", "--size", "32", "--start", "3", "--steps", "2", "--evaluations", "4"]
            + ["--json", str(tmp_path / "found.json")]
        )
    finally:
        torch.set_num_threads(threads)
    (pair,) = found["pairs"]
    totals = [pair["totals"][3], *(step["total"] for step in pair["steps"])]
    assert totals == sorted(totals, reverse=True) and len(totals) == 3
    assert (tmp_path / "found.json").exists() and "frozen: both" in capsys.readouterr().out
