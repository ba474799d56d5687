"""A cost is a sum of terms: each against its formula, and one from outside the package everywhere a term can be."""

import copy
import re
import subprocess
import sys

import pytest
import torch

from bounds import DOUBLE, rounding
from course_utils import plots
from course_utils.checkpoint import Checkpoint, StateError
from course_utils.checks import lesson6 as check
from course_utils.cost import Content, Cost, Style, TotalVariation, painting_cost
from course_utils.images import load_image
from course_utils.losses import STYLE_WEIGHTS, gram_matrix, style_loss, total_variation
from course_utils.paths import ROOT
from course_utils.transfer import descend, minimise, transfer
from course_utils.widgets.lesson6 import report

PAIR = ("animal_koala", "van_gogh_night_cafe")
# a term as a reader writes it in a cell
OWN = """
class Palette:
    name, layers = "palette", ("relu1_1",)

    def __init__(self, colours, weight):
        self.colours, self.weight = torch.tensor(colours), weight

    def __call__(self, image, features):
        distances = (image[:, None] - self.colours[None, :, :, None, None].to(image)).square().sum(2)
        return distances.amin(1).mean((1, 2)) + 1e-6 * features["relu1_1"].mean((1, 2, 3))
"""
exec(OWN)
COLOURS = [[0.1, 0.1, 0.4], [0.9, 0.7, 0.2], [0.2, 0.4, 0.2]]
PALETTE = Palette(COLOURS, 1e7)  # noqa: F821
PAINT = f"""
import os, signal, sys, torch
from course_utils.checks import lesson6 as check
from course_utils.checkpoint import Checkpoint
from course_utils.images import load_image
from course_utils.transfer import transfer
{OWN}
torch.set_num_threads(1)
transfer(*(load_image(name, 32) for name in {PAIR}), more=[Palette({COLOURS}, 1e7)], evaluations=20,
         checkpoint=Checkpoint(sys.argv[1], every=0),
         on_state=lambda state: state.evaluations == int(sys.argv[2]) and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.fixture(scope="module")
def pair():
    return [load_image(name, 32) for name in PAIR]


@pytest.fixture(scope="module")
def net64(net):
    return copy.deepcopy(net).double()


@pytest.fixture
def one_thread():
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


def test_an_own_term_takes_twelve_lines():
    assert len(OWN.strip().splitlines()) <= 12


def test_an_own_term_is_painted_with(net, pair):
    plain, own = (
        list(descend(*pair, more=more, evaluations=20, net=net, style_weight=1e-3)) for more in ((), [PALETTE])
    )
    assert own[-1].losses.keys() == {"content", "style", "palette", "total"}
    assert own[-1].losses["total"] == pytest.approx(
        sum(own[-1].losses[name] for name in ("content", "style", "palette")), rel=1e-6
    )
    totals = [state.losses["total"] for state in own]
    assert totals == sorted(totals, reverse=True)
    distance = [PALETTE(states[-1].image, {"relu1_1": torch.zeros(1, 1, 1, 1)}).item() for states in (plain, own)]
    assert distance[1] < 0.8 * distance[0]
    assert "palette" in report(own[-1], 20)


@pytest.mark.process
@pytest.mark.parametrize("last", [5, 12, 16])
def test_killed_and_resumed_to_the_same_bits(net, pair, tmp_path, one_thread, last):
    """While the transport leads, at the hand-over, and after it; the curve of the whole run is drawn."""
    path = tmp_path / "state"
    killed = subprocess.run(
        [sys.executable, "-c", PAINT, str(path), str(last)], cwd=ROOT, capture_output=True, text=True
    )
    assert killed.returncode == -9, killed.stderr
    whole = transfer(*pair, more=[PALETTE], evaluations=20, net=net)
    said = []
    rest = transfer(
        *pair, more=[PALETTE], evaluations=20, net=net, checkpoint=Checkpoint(path, resume=True, say=said.append)
    )
    assert (
        1 <= int(re.search(r"after (\d+) evaluations", said[0])[1]) <= last
    )  # writing takes a share of the time at most
    assert torch.equal(rest.image, whole.image) and rest.history == whole.history
    (axis,) = plots.loss_curves({"own": rest.history}).axes
    labels = [line.get_label() for line in axis.lines]
    assert labels == ["total", "palette", "style", "content"]
    assert list(axis.lines[1].get_ydata()) == pytest.approx([losses["palette"] for _, losses in rest.history])


def test_another_term_is_another_run(net, pair, tmp_path):
    path = tmp_path / "state"
    transfer(*pair, more=[PALETTE], evaluations=5, net=net, checkpoint=Checkpoint(path), on_state=lambda state: True)
    for more, says in (
        ([], "term 'palette': .* there, none here"),
        ([type(PALETTE)(COLOURS, 1e6)], "term 'palette': "),
        ([type(PALETTE)(COLOURS[::-1], 1e7)], "term 'palette': "),
        ([PALETTE, TotalVariation(3.0)], "term 'variation'"),
    ):
        with pytest.raises(StateError, match=says):
            transfer(*pair, more=more, evaluations=5, net=net, checkpoint=Checkpoint(path, resume=True))


def test_it_is_the_published_cost(net64, pair):
    """Gatys's published code: mean squared errors, content weight 1, style weights 1000 / C², Gram matrices
    over H·W.
    """
    photo, painting = (image.double() for image in pair)
    image, style = photo.flip(3), 0
    F, P, S = (net64.features(picture, [*STYLE_WEIGHTS, "relu4_2"]) for picture in (image, photo, painting))
    for layer in STYLE_WEIGHTS:
        g, a = (
            torch.einsum("ihw,jhw->ij", maps[layer][0], maps[layer][0]) / maps[layer][0, 0].numel() for maps in (F, S)
        )
        style += 1000 / len(g) ** 2 * ((g - a) ** 2).mean().item()
    content = ((F["relu4_2"] - P["relu4_2"]) ** 2).mean().item()
    expected = {"content": 2 * content, "style": 3 * style, "total": 2 * content + 3 * style}
    assert painting_cost(net64, photo, painting, content_weight=2, style_weight=3).losses(image) == pytest.approx(
        expected, rel=DOUBLE
    )
    targets = {layer: gram_matrix(maps, divide=True) for layer, maps in S.items() if layer in STYLE_WEIGHTS}
    exercise = check.total_cost.reference(F, P["relu4_2"], targets, 2.0, 3.0, STYLE_WEIGHTS)
    assert exercise.item() == pytest.approx(expected["total"], rel=DOUBLE)


def test_gradient_of_all_terms_together(net64, pair):
    photo, painting = (image.double() for image in pair)
    generator = torch.Generator().manual_seed(0)
    image = 0.1 + 0.8 * torch.rand(photo.shape, generator=generator, dtype=torch.float64)
    cost = painting_cost(net64, photo, painting, variation_weight=50.0, more=[PALETTE], style_weight=1e-3)
    value, gradient, losses = cost(image)
    assert value == pytest.approx(sum(losses.values()) / 2, rel=DOUBLE)
    direction, h = torch.randn(image.shape, dtype=torch.float64, generator=generator), 1e-7
    slope = (cost.losses(image + h * direction)["total"] - cost.losses(image - h * direction)["total"]) / (2 * h)
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-3)


def test_content_of_several_layers(net64, pair):
    photo, other = pair[0].double(), pair[0].double().flip(3)
    layers = {"relu2_1": 0.5, "conv3_1": 3.0}
    cost = Cost(net64, [Content(net64, photo, 2.0, layers)])
    P, F = (net64.features(image, layers) for image in (photo, other))
    expected = 2 * sum(weight * (F[layer] - P[layer]).square().mean().item() for layer, weight in layers.items())
    assert cost.losses(other) == pytest.approx({"content": expected, "total": expected}, rel=DOUBLE)
    assert cost.losses(photo)["total"] == 0


def test_several_paintings(net64, pair):
    """As far from each as the sum of costs says, but for a constant: the same gradient."""
    paintings = [load_image(name, size).double() for name, size in ((PAIR[1], 32), ("van_gogh_langlois_bridge", 40))]
    shares, layers = (3, 1), {layer: STYLE_WEIGHTS[layer] for layer in ("relu1_1", "relu2_1")}
    several = Cost(net64, [Style(net64, paintings, 1.0, layers, shares)])
    single = [Cost(net64, [Style(net64, painting, 1.0, layers)]) for painting in paintings]
    images = [pair[0].double(), pair[0].double().flip(2)]
    gaps = []
    for image in images:
        value, gradient, _ = several(image)
        values, gradients, _ = zip(*(cost(image) for cost in single))
        gaps.append(0.75 * values[0] + 0.25 * values[1] - value)
        mixed = 0.75 * gradients[0] + 0.25 * gradients[1]
        assert (gradient - mixed).norm() < DOUBLE * mixed.norm()
    A = [net64.features(painting, layers) for painting in paintings]
    constant = (
        sum(
            weight * style_loss(*(gram_matrix(maps[layer], divide=True) for maps in A)).item()
            for layer, weight in layers.items()
        )
        * 0.75
        * 0.25
    )
    assert gaps == pytest.approx([constant, constant], rel=1e-9)  # differences of numbers a thousand times as large
    for bad in ([1], [1, -1], [0, 0], "ab"):
        with pytest.raises(ValueError, match="share"):
            Style(net64, paintings, shares=bad)


def test_total_variation(net, pair):
    """Of every size the same weight; it makes pictures smoother, as the formula says."""
    image = pair[0]
    height, width = image.shape[2:]
    value = TotalVariation(1.0)(image, {}).item()
    assert value == pytest.approx(255**2 * total_variation(image).item() / (3 * height * width), rel=1e-6)
    ends = [list(descend(*pair, evaluations=16, net=net, variation_weight=weight))[-1] for weight in (0, 1e5)]
    assert "variation" not in ends[0].losses and ends[1].losses["variation"] > 0
    assert total_variation(ends[1].image) < 0.7 * total_variation(ends[0].image)


def test_a_cost_without_style_is_minimised(net, pair):
    """Then no transport leads."""
    cost = Cost(net, [Content(net, pair[0]), TotalVariation(10.0)])
    states = list(minimise(cost, torch.full_like(pair[0], 0.5), 6))
    assert [state.evaluations for state in states] == [*range(1, 7)] and states[-1].losses["total"] < states[0].losses[
        "total"
    ]
    assert cost.losses(states[-1].image) == pytest.approx(states[-1].losses, rel=rounding(net))


@pytest.mark.parametrize(
    "value, says",
    [
        (lambda image: 3.0, "not 3.0"),
        (lambda image: image, r"shape \(1,\), not \(1, 3"),
        (lambda image: image.mean(), r"not \(\)"),
    ],
)
def test_a_term_gives_one_number_for_each_picture(net, pair, value, says):
    class Bad:
        name, weight, layers = "bad", 1.0, ()

        def __call__(self, image, features):
            return value(image)

    with pytest.raises(ValueError, match=f"The term 'bad' must give one number for each picture.*{says}"):
        Cost(net, [Bad()]).losses(pair[0])
