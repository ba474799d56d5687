"""Reconstructions from one layer: the cost against its definition, the descent, the starts; the widget without a
browser.
"""

import copy
import json

import pytest
import torch

from bounds import DOUBLE, rounding
from course_utils import long_runs
from course_utils.cost import Style, TotalVariation
from course_utils.images import load_square
from course_utils.reconstruct import STARTS, first_picture, reconstruct, reconstruction_cost
from course_utils.widgets import lesson4
from events import PATIENCE, held


@pytest.fixture(scope="module")
def photo():
    return load_square("animal_cat", 64)


@pytest.fixture(scope="module")
def double(net):
    return copy.deepcopy(net).double()


@pytest.mark.parametrize("layer", ["relu1_2", "relu3_1", "conv2_1", "pool4"])
def test_cost_and_gradient(double, photo, layer):
    noise = 1e-3 * torch.rand(1, 3, 32, 34, generator=torch.Generator().manual_seed(1)).double()  # no ties of maxima
    small, start = photo[:, :, 10:42, 10:44].double(), load_square("animal_koala", 64)[:, :, :32, :34].double() + noise
    cost = reconstruction_cost(double, small, layer)
    value, gradient, record = cost(start)
    F, P = (double.features(image, [layer])[layer] for image in (start, small))
    assert value == record["total"] and value == pytest.approx(float(((F - P) ** 2).sum() / (P**2).sum()), rel=DOUBLE)
    direction = torch.randn(start.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    slope = (cost(start + 1e-7 * direction)[0] - cost(start - 1e-7 * direction)[0]) / 2e-7
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-3)
    assert cost(small)[0] == 0 and not cost(small)[1].any()


@pytest.mark.long
def test_reconstruction_comes_closer(net, photo):
    ends = {}
    for layer, least in (("relu1_2", 0.02), ("relu4_2", 0.4)):
        points = list(reconstruct(net, photo, layer, evaluations=25))
        shares = [point.record for point in points]
        assert [point.evaluations for point in points] == list(range(1, 26))
        assert all(b <= a for a, b in zip(shares, shares[1:])) and shares[-1] < least < shares[0]
        assert all(0 <= point.image.min() and point.image.max() <= 1 for point in points)
        assert shares[-1] == pytest.approx(
            reconstruction_cost(net, photo, layer)(points[-1].image)[0], rel=rounding(net)
        )
        ends[layer] = points[-1].image
    *_, grey = reconstruct(net, photo, "relu4_2", "grey", evaluations=25)
    rough = [(image.diff(dim=3) ** 2).mean() for image in (ends["relu4_2"], grey.image)]
    assert rough[1] < rough[0] / 4  # the grain comes from the start
    assert (ends["relu1_2"] - photo).norm() < (ends["relu4_2"] - photo).norm()


def test_starts(net, photo):
    assert STARTS == ("noise", "grey", "content")
    assert torch.equal(first_picture("noise", photo, 3), first_picture("noise", photo, 3))
    assert not torch.equal(first_picture("noise", photo, 3), first_picture("noise", photo, 4))
    assert (first_picture("grey", photo) == 0.5).all() and torch.equal(first_picture("content", photo), photo)
    (only,) = reconstruct(net, photo, "relu4_2", "content", 10)  # a minimum: nothing moves
    assert only.record == 0 and torch.equal(only.image, photo)
    with pytest.raises(ValueError, match="start is one of"):
        first_picture("blue", photo)


def test_refusals(net, photo):
    with pytest.raises(ValueError, match="no layer 'relu9_1'"):
        next(reconstruct(net, photo, "relu9_1"))
    with pytest.raises(ValueError, match="too small"):
        next(reconstruct(net, photo[:, :, :8, :8], "relu5_1"))
    dark = copy.deepcopy(net)
    dark.conv1_1.weight.zero_()
    dark.conv1_1.bias.fill_(-1)
    with pytest.raises(ValueError, match="activates nothing"):
        next(reconstruct(dark, photo, "relu1_1"))


def test_states_at_the_corners(net):
    for layer, start in (("relu1_1", "noise"), ("relu5_4", "grey"), ("relu3_1", "content")):
        drawn = list(lesson4.states(net, "fish_3", layer, 64, start, 3))
        assert len(drawn) == (1 if start == "content" else 3)
        photo, picture, says = drawn[-1]
        assert (
            layer in says
            and start in says
            and photo.shape == picture.shape
            and torch.equal(photo, picture) == (start == "content")
        )


def test_further_terms_and_the_preference(net, photo):
    plain, smooth, even = (
        [*reconstruct(net, photo, "relu2_2", evaluations=4, **options)]
        for options in ({}, {"more": [TotalVariation(1e-3)]}, {"broad_first": False})
    )
    roughness = [TotalVariation(1.0)(points[-1].image, {}).item() for points in (plain, smooth)]
    assert roughness[1] < roughness[0] / 2 and smooth[0].record == plain[0].record
    assert not torch.equal(plain[-1].image, even[-1].image)
    (*_, styled) = reconstruct(net, photo, "relu1_2", "grey", 2, more=[Style(net, photo, weight=1e-9)])
    assert styled.record > 0  # the style's layers lie deeper than the content's
    with pytest.raises(ValueError, match="more must be a list of terms"):
        next(reconstruct(net, photo, "relu1_2", more="rough"))


def test_the_long_runs(net):
    entry, pictures = long_runs._run(net, "animal_cat", "relu1_2", "grey", True, 10, size=32)
    assert [*pictures] == [10] and entry["rows"][0][0] == 10 and len(entry["rows"][0]) == 4
    stored = json.loads(long_runs.FILE.read_text(encoding="utf-8"))["runs"]
    assert [(run["photo"], run["layer"], run["start"], run["broad first"]) for run in stored] == [
        run[:4] for run in long_runs.RUNS
    ]
    assert all([row[0] for row in run["rows"]] == [*long_runs.MOMENTS][: len(run["rows"])] for run in stored)
    first = long_runs.stored()["animal_cat", "relu5_2", "noise", True][10]
    assert [10, first.left, first.colour_error, first.grain] == stored[0]["rows"][0]


def test_colour_error_by_hand():
    """Half of a grey picture is 0.2 too bright, what averages out within a square costs nothing."""
    grey = torch.full((1, 3, 32, 32), 0.5)
    noise = torch.rand(grey.shape, generator=torch.Generator().manual_seed(1))
    squares = [noise[0, k, i : i + 16, j : j + 16].mean() - 0.5 for k in range(3) for i in (0, 16) for j in (0, 16)]
    brighter = grey.clone()
    brighter[..., 16:] += 0.2
    far = torch.stack(squares).square().mean().sqrt()
    assert long_runs.colour_error(brighter, grey) == pytest.approx((0.2**2 / 2) ** 0.5 / far.item(), rel=1e-4)
    assert long_runs.colour_error(grey, grey) == 0 and long_runs.colour_error(noise, grey) == 1
    checks = (torch.arange(32) % 2).expand_as(grey).float()  # 0 and 1 by turns: grey on average
    assert long_runs.colour_error(checks, grey) == 0


def test_grain_by_hand():
    """Of one bright pixel 8/9 vanish, and from its eight neighbours 1/9 each; at the edge the mean is over fewer."""
    dot = torch.zeros(1, 3, 9, 9)
    dot[:, :, 4, 4] = 0.9
    twice = torch.zeros(1, 3, 9, 9)
    twice[:, :, 4, 4] = 0.45
    assert long_runs.grain(dot, twice) == pytest.approx(2, rel=1e-6)
    corner = torch.zeros(1, 3, 9, 9)
    corner[:, :, 0, 0] = 0.9  # its mean is over 4, that of two neighbours over 6, that of the third over 9
    inner, outer = 8**2 + 8, 9**2 * ((3 / 4) ** 2 + 2 / 6**2 + 1 / 9**2)
    assert long_runs.grain(corner, dot) == pytest.approx((outer / inner) ** 0.5, rel=1e-6)


def test_edges_alike():
    """By hand on a ramp; and the trap that lesson 4 tells of: with zeros around it, an even grey has edges."""
    ramp = torch.linspace(0, 1, 12).expand(1, 3, 12, 12)
    assert long_runs.edges_alike(ramp, ramp) == pytest.approx(1)
    assert long_runs.edges_alike(1 - ramp / 2, ramp) == pytest.approx(-1)  # the contrast does not matter
    inside = long_runs._edges(ramp)[-12 * 11 :].view(12, 11)[:, 2:-2]  # of a whole window: the slope itself
    assert torch.allclose(inside, torch.full_like(inside, 1 / 11))
    cat, koala = load_square("animal_cat", 96), load_square("animal_koala", 96)
    grey = torch.full_like(cat, 0.5)
    trap = torch.corrcoef(torch.stack([long_runs._edges(grey, zeros=True), long_runs._edges(cat, zeros=True)]))
    assert trap[0, 1].item() == pytest.approx(0.555, abs=0.002) and not long_runs._edges(grey).any()
    assert abs(long_runs.edges_alike(koala, cat)) < 0.1
    assert [*long_runs.stored_paintings()] == [*long_runs.STYLED_LAYERS]
    assert all(image.shape == cat.shape for image in long_runs.stored_paintings().values())


@pytest.mark.parametrize("measure", [long_runs.colour_error, long_runs.grain, long_runs.edges_alike])
def test_measures_refuse(measure, photo):
    for wrong in (photo[0], photo[:, :, :2], photo[:, :, :32], photo * 255, None):
        for pair in ((wrong, photo), (photo, wrong)):
            with pytest.raises(ValueError, match="must"):
                measure(*pair)


@pytest.mark.long
def test_the_widget(net):
    view = lesson4.reconstruction("animal_cat", "relu2_1", 64, 4, net)
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and view.text.value.startswith("finished: Evaluation 4 of 4")
    assert (
        "<img alt=" in view.picture.value
        and view.stop.disabled
        and not view.start.disabled
        and view.progress.value == 4
    )
    for control, value in (
        (view.layer, "relu1_1"),
        (view.from_where, "grey"),
        (view.photo, "fish_3"),
        (view.evaluations, 2),
        (view.size, 96),
    ):
        before, control.value = view.picture.value.split("src=")[1], value
        view.start.click()
        view.job.wait(PATIENCE)
        assert view.picture.value.split("src=")[1] != before  # the picture itself, not its description
    for wrong in (dict(layer="conv1_1"), dict(size=128)):
        with pytest.raises(ValueError, match="Layers are relu1_1 to relu5_4, sizes 64"):
            lesson4.reconstruction(net=net, **wrong)
    assert view._repr_mimebundle_()["text/plain"].startswith("[Widget: a photo comes back")


@pytest.mark.long
def test_the_picture_before_stays_beside_the_new_one(net, monkeypatch):
    """Over a run that gave no picture, too."""
    view = lesson4.reconstruction("animal_cat", "relu2_1", 64, 3, net)
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and view.shown.before.value == ""
    first = view.picture.value
    assert "no picture before this one" in view.shown.differences.value
    with monkeypatch.context() as broken:
        broken.setattr(lesson4, "reconstruct", lambda *arguments: iter([1 / 0]))
        view.start.click()
        with pytest.raises(ZeroDivisionError):
            view.job.wait(PATIENCE)
    assert view.picture.value == first
    view.layer.value, view.size.value, view.evaluations.value = "relu1_2", 96, 2
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and first in view.shown.before.value
    assert view.shown.differences.value == (
        "layer: relu2_1 → relu1_2; size, pixels: 64 → 96; evaluations: 3 → 2; evaluations done: 3 → 2"
    )
    view.shown.compare.value = False
    assert view.shown.before.value == "" and "Evaluation 2 of 2, relu1_2" in view.picture.value


def test_stop_keeps_the_picture(net):
    view = lesson4.reconstruction("animal_cat", "relu2_1", 64, 1000, net)
    view.layer.value = "relu1_2"
    assert view.later.value == ""  # nothing runs yet
    with held(view, 2):
        view.layer.value = "relu2_1"
        assert view.later.value.startswith("layer: the new setting counts from the next start.")
        assert ", relu1_2, " in view.text.value
        view.stop.click()
    assert view.job.wait(PATIENCE) == "stopped" and view.text.value.startswith(
        f"stopped: Evaluation {view.progress.value} of 1000"
    )
    assert f"Evaluation {view.progress.value} of 1000" in view.picture.value


def test_errors_reach_the_reader(net, monkeypatch):
    view = lesson4.reconstruction("animal_cat", "relu2_1", 64, 3, net)
    monkeypatch.setattr(lesson4, "reconstruct", lambda *arguments: iter([1 / 0]))
    view.start.click()
    with pytest.raises(ZeroDivisionError):
        view.job.wait(PATIENCE)
    assert "ZeroDivisionError" in view.messages.outputs[0]["text"] and not view.start.disabled
