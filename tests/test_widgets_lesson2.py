"""The widget of lesson 2 without a browser: drawn groups against index sets, statistics against torch's layers,
controls that agree.
"""

import itertools
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from course_utils.widgets import lesson2
from events import PATIENCE

SUBSETS = ["".join(axes) for length in range(5) for axes in itertools.combinations("NCHW", length)]


def share(axes, groups, one, other):
    """By definition: whether two places (n, c, i, j) of the drawn tensor have the same statistics."""
    size = 4 // groups
    return all(
        a == b or axis in axes and (axis != "C" or a // size == b // size) for axis, a, b in zip("NCHW", one, other)
    )


def mates(axes, groups, chosen):
    """All (n, c, i, j) that share their statistics with the chosen one."""
    return {place for place in np.ndindex(3, 4, 3, 4) if share(axes, groups, place, chosen)}


def painted(figure, gid):
    """Colours of the cells of a collection, and which of them are strong."""
    (collection,) = (part for part in figure.axes[0].collections if part.get_gid() == gid)
    colours = collection.get_facecolors()[:, :3]
    return colours, (np.abs(colours - to_rgb(lesson2.STRONG)) < 1e-6).all(1)


@pytest.mark.parametrize("axes", SUBSETS)
def test_block_paints_the_values_that_share_their_statistics(axes):
    for groups, layout, chosen in (
        (1, "NCHW", (0, 1, 1, 2)),
        (2, "NHWC", (2, 3, 2, 3)),
        (4, "NCHW", (1, 0, 0, 0)),
        (1, "NHWC", (1, 2, 0, 1)),
    ):
        figure, says = lesson2.block(axes, groups, chosen, layout)
        wanted = mates(axes, groups, chosen)
        colours, strong = painted(figure, "towers")
        assert {place for place, is_strong in zip(np.ndindex(3, 4, 3, 4), strong) if is_strong} == wanted
        _, in_memory = painted(figure, "memory")
        memory = torch.arange(144).reshape(3, 4, 3, 4)
        memory = memory if layout == "NCHW" else memory.permute(0, 2, 3, 1)
        flat = [np.ravel_multi_index(place, (3, 4, 3, 4)) for place in wanted]
        assert in_memory[torch.isin(memory.reshape(-1), torch.tensor(flat)).numpy()].all() and in_memory.sum() == len(
            wanted
        )
        assert (
            isinstance(figure, Figure) and f" of {len(wanted)} value" in says and f"{144 // len(wanted)} group" in says
        )
        title = " ".join(text.get_text() for text in figure.axes[0].texts)
        assert f"{144 // len(wanted)} group" in title and lesson2.torch_call(axes, groups, layout) in title


@pytest.mark.parametrize(
    "axes, groups", [(axes, groups) for axes in SUBSETS for groups in (1, 2, 4) if groups == 1 or "C" in axes]
)
def test_neighbouring_groups_differ_in_colour(axes, groups):
    colours, _ = painted(lesson2.block(axes, groups)[0], "towers")
    colours, shape = colours.reshape(3, 4, 3, 4, 3), (3, 4, 3, 4)
    for place in np.ndindex(shape):
        others = [tuple(np.add(place, step)) for step in np.eye(4, dtype=int)]
        for other in (other for other in others if all(a < b for a, b in zip(other, shape))):
            assert share(axes, groups, place, other) == (colours[place] == colours[other]).all(), (place, other)


def test_memory_strip_lies_as_torch_lays_it_out():
    x = torch.zeros(3, 4, 3, 4)
    x[:, 1] = 1
    _, strong = painted(lesson2.block("NHW", layout="NHWC")[0], "memory")
    assert np.array_equal(strong, x.permute(0, 2, 3, 1).reshape(-1).numpy() > 0)
    assert np.flatnonzero(strong)[:3].tolist() == [1, 5, 9]  # C apart
    assert "36 separate places" in lesson2.block("NHW", layout="NHWC")[1] and "3 runs of 12" in lesson2.block("NHW")[1]
    for layout, strides in (("NCHW", (48, 12, 4, 1)), ("NHWC", (48, 1, 16, 4))):
        said = [text.get_text() for text in lesson2.block("NHW", layout=layout)[0].axes[0].texts]
        assert any(all(f"+{stride}" in text for stride in strides) for text in said)


@pytest.mark.parametrize("axes, groups, layout", [*itertools.product(SUBSETS, (1, 2, 4), ("NCHW", "NHWC"))])
def test_the_call_in_the_title_takes_the_means_of_the_groups(axes, groups, layout):
    x = torch.randn(3, 4, 3, 4, dtype=torch.float64)
    stored = x if layout == "NCHW" else x.permute(0, 2, 3, 1)
    means = eval(lesson2.torch_call(axes, groups, layout), {"x": stored})
    rows, _ = lesson2.together(x, axes, groups)
    assert means.numel() == len(rows)
    for row in rows:  # of each group, whatever the order
        assert (means - row.mean()).abs().min() < 1e-12
    if axes:
        chosen = (2, 1, 0, 3)
        wanted = torch.stack([x[place] for place in mates(axes, groups, chosen)]).mean()
        assert (means - wanted).abs().min() < 1e-12


@pytest.mark.parametrize("layout, address", [("NCHW", 48 + 3 * 12 + 2 * 4 + 1), ("NHWC", 48 + 2 * 16 + 1 * 4 + 3)])
def test_the_chosen_value_is_outlined(layout, address):
    axis = lesson2.block("NHW", chosen=(1, 3, 2, 1), layout=layout)[0].axes[0]
    cells = {part.get_gid(): part.get_paths() for part in axis.collections}
    outlines = {patch.get_gid(): patch.get_path().vertices for patch in axis.patches if patch.get_gid()}
    assert np.allclose(outlines["chosen"], cells["towers"][48 + 3 * 12 + 2 * 4 + 1].vertices)
    assert np.allclose(outlines["chosen in memory"], cells["memory"][address].vertices)
    corners = [path.vertices[0] for path in cells["towers"]]
    assert len({tuple(np.round(corner, 6)) for corner in corners}) == 144  # no cell hides another


def test_names_of_methods():
    names = {
        ("NHW", 2): "batch norm",
        ("CHW", 1): "layer norm",
        ("HW", 1): "instance norm",
        ("CHW", 2): "group norm",
        ("N", 1): "per position",
        ("C", 1): "at each position over the channels",
        ("WH", 4): "instance norm",
        ("", 1): "each value alone",
    }
    for (axes, groups), name in names.items():
        assert lesson2.method(axes, groups) == name
        assert name in lesson2.block(axes, groups)[1]
    assert "instance norm" in lesson2.block("CHW", 4)[1] and lesson2.method("NW") == "over N, W"


def torch_statistics(x, axes, groups):
    """Mean and deviation of each group, by torch's own layers where there are some."""
    cut = x.unflatten(1, (groups if "C" in axes else 1, -1))
    dims = [{"N": 0, "C": 2, "H": 3, "W": 4}[axis] for axis in axes]
    variance, mean = torch.var_mean(cut, dims, correction=0)
    return mean.flatten(), variance.flatten().sqrt()


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("axes", SUBSETS[1:])
def test_rows_hold_the_groups(axes, groups):
    x = torch.randn(3, 8, 5, 6, dtype=torch.float64)
    rows, kept = lesson2.together(x, axes, groups)
    mean, deviation = torch_statistics(x, axes, groups)
    assert torch.allclose(rows.mean(1), mean) and torch.allclose(rows.std(1, correction=0), deviation)
    for number in {0, len(rows) // 2, len(rows) - 1}:  # the label leads to the same values
        found = dict(part.split(" = ") for part in lesson2._label(number, kept).split(", ") if " = " in part)
        values = x.unflatten(1, (groups if "C" in axes else 1, -1))
        for dimension, name in reversed([*enumerate(("n", "group", "c", "i", "j"))]):
            if name in found:
                values = values.select(dimension, int(found[name]))
        assert torch.equal(values.flatten().sort()[0], rows[number].sort()[0])


def test_normalised_rows_are_those_of_torchs_layers():
    x = torch.randn(3, 8, 5, 6, dtype=torch.float64) * 7 + 2
    layers = {
        "NHW": F.batch_norm(x, None, None, training=True),
        "CHW": F.layer_norm(x, x.shape[1:]),
        "HW": F.instance_norm(x),
        "CHW2": F.group_norm(x, 2),
        "CHW4": F.group_norm(x, 4),
    }
    for key, y in layers.items():
        axes, groups = key.rstrip("24"), int(key[3:] or 1)
        rows, _ = lesson2.together(x, axes, groups)
        assert torch.allclose(lesson2.normalize(rows, 1), lesson2.together(y, axes, groups)[0], atol=1e-12)


def numbers(text):
    return [float(found.replace("−", "-").replace(",", "")) for found in re.findall(r"−?[\d,]*\d(?:\.\d+)?", text)]


@pytest.mark.parametrize(
    "axes, groups", [("NHW", 1), ("CHW", 1), ("CHW", 2), ("HW", 4), ("N", 1), ("C", 2), ("NCHW", 2), ("NW", 1)]
)
def test_layer_statistics_say_what_torch_finds(axes, groups):
    features = torch.randn(4, 8, 9, 7, generator=torch.Generator().manual_seed(2)) * 5 + torch.arange(8).view(
        1, 8, 1, 1
    )
    figure, text = lesson2.layer_statistics(features, axes, groups)
    mean, deviation = torch_statistics(features, axes, groups)
    shape, means, deviations, after = re.split(r"Means: |; standard deviations: |\. After normalising: ", text)
    assert (
        f"{len(mean):,} group" in shape
        and f" of {features.numel() // len(mean):,} value" in shape
        and lesson2.method(axes, groups) in shape
    )
    for said, values in ((means, mean), (deviations, deviation)):
        assert numbers(said)[0] == pytest.approx(values.min().item(), rel=6e-3) and numbers(said)[-1] == pytest.approx(
            values.max().item(), rel=6e-3
        )
    assert "largest |mean| 0.000" in after and numbers(after)[1:] == pytest.approx(
        [1.0] * (len(numbers(after)) - 1), abs=1e-3
    )
    before, after = (
        next(panel for panel in figure.axes if title in panel.get_title()) for title in ("values of", "normalised")
    )
    assert len(before.patches) + len(before.lines) == len(after.patches) + len(after.lines) == min(3, len(mean))
    assert len(figure.legends[0].get_texts()) == min(3, len(mean))


def test_values_alone_have_no_variance():
    features = torch.randn(2, 4, 3, 5)
    for axes, x in (("", features), ("N", features[:1])):  # nothing to average over, and one picture only
        figure, text = lesson2.layer_statistics(x, axes)
        assert "standard deviations: 0." in text and "standard deviations 0.000" in text and "becomes 0" in text
        assert f"{x.numel()} groups of 1 value " in text and isinstance(figure, Figure)
    figure, text = lesson2.layer_statistics(torch.ones(2, 4, 3, 5), "NHW")  # constant maps
    assert "Means: 1; standard deviations: 0." in text


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: lesson2.block("NX"), "no 'X'"),
        (lambda: lesson2.block("CHW", 3), "cannot be divided"),
        (lambda: lesson2.block("N", layout="NCWH"), "layout"),
        (lambda: lesson2.block("N", chosen=(3, 0, 0, 0)), r"no value x\[3"),
        (lambda: lesson2.layer_statistics(torch.zeros(4, 3, 2), "N"), "shape"),
        (lambda: lesson2.layer_statistics(torch.full((1, 4, 2, 2), float("nan")), "N"), "finite"),
        (lambda: lesson2.layer_statistics(torch.zeros(1, 6, 2, 2), "C", 4), "cannot be divided"),
    ],
)
def test_what_cannot_be_shown_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture
def view(net, monkeypatch):
    monkeypatch.setattr(lesson2, "SIZE", 56)  # in pixels: light
    view = lesson2.axes("conv1_1", net)
    assert view.job.wait(PATIENCE) == "finished"
    return view


def sources(view):
    """The drawn block and the statistics, as encoded pictures."""
    return re.findall(r'src="([^"]*)"', view.picture.value)


@pytest.mark.long
def test_each_control_redraws(view):
    for control, value, drawn, live in (
        (view.ticks["N"], False, True, True),
        (view.order, "NHWC", True, False),
        *((view.place[letter], place, True, False) for letter, place in zip("ncij", (2, 3, 0, 3))),
        (view.layer, "conv2_1", False, True),
        (view.count, 1, False, True),
        (view.method, "layer norm", True, True),
        (view.groups, 4, True, True),
        (view.ticks["C"], False, True, True),
        (view.ticks["H"], False, True, True),
        (view.ticks["W"], False, True, True),
    ):
        before = sources(view)
        control.value = value
        assert view.job.wait(PATIENCE) == "finished"
        assert [now != old for now, old in zip(sources(view), before, strict=True)] == [drawn, live], control
    assert (
        view.messages.outputs == ()
        and "1 × 128 × 28 × 28 values" in view.text.value
        and "conv2_1 before the ReLU" in view.text.value
    )
    assert "each value alone: 144 groups" in view.text.value and "x[2, 3, 0, 3]" in view.text.value
    descriptions = re.findall(r'alt="([^"]*)"', view.picture.value)
    assert len(descriptions) == 2 and min(map(len, descriptions)) > 20


def test_the_value_in_the_black_frame_is_chosen_without_drawing_the_statistics_anew(view, monkeypatch):
    monkeypatch.setattr(lesson2, "layer_statistics", lambda *_: pytest.fail("drawn again"))
    for letter, place in zip("ncij", (1, 2, 2, 0)):
        view.place[letter].value = place
    assert view.job.wait(PATIENCE) == "finished" and "The group of x[1, 2, 2, 0] is orange" in view.text.value
    view.place["c"].set_state({"value": 9})  # there are four feature maps
    assert view.place["c"].value == 3
    view.compare.value = True
    assert view.job.wait(PATIENCE) == "finished" and view.differences.value == "c: 2 → 3"


def test_methods_and_axes_agree(view):
    def ticked():
        return "".join(axis for axis, tick in view.ticks.items() if tick.value)

    assert (view.method.value, ticked(), view.groups.disabled) == ("batch norm", "NHW", True)
    for name, axes, groups in (
        ("group norm", "CHW", 2),
        ("layer norm", "CHW", 1),
        ("per position", "N", 1),
        ("instance norm", "HW", 1),
        ("batch norm", "NHW", 1),
    ):
        view.method.value = name
        assert (ticked(), view.groups.value, view.groups.disabled) == (axes, groups, "C" not in axes)
        assert view.method.value == name
    for tick, on, name in (
        ("N", False, "instance norm"),
        ("C", True, "layer norm"),
        ("W", False, "own choice"),
        ("W", True, "layer norm"),
        ("C", False, "instance norm"),
        ("H", False, "own choice"),
        ("W", False, "own choice"),
        ("N", True, "per position"),
    ):
        view.ticks[tick].value = on
        assert view.method.value == name, tick
    view.method.value = "layer norm"
    view.groups.value = 4
    assert view.method.value == "group norm"
    view.method.value = "own choice"  # leaves the axes as they are
    assert ticked() == "CHW" and view.groups.value == 4
    assert view.job.wait(PATIENCE) == "finished" and "group norm" in view.text.value and view.messages.outputs == ()


@pytest.mark.long
def test_activations_are_computed_once(view, net, monkeypatch):
    monkeypatch.setattr(type(net), "features", lambda *_: pytest.fail("computed again"))
    for control, value in ((view.count, 3), (view.order, "NHWC"), (view.method, "instance norm")):
        control.value = value
        assert view.job.wait(PATIENCE) == "finished"
    assert "3 × 64 × 56 × 56 values make 192 groups" in view.text.value


def test_errors_reach_the_reader_and_the_next_drawing_recovers(view):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson2, "layer_statistics", lambda *_: 1 / 0)
        view.count.value = 2
        with pytest.raises(ZeroDivisionError):
            view.job.wait(PATIENCE)
    assert "ZeroDivisionError" in view.messages.outputs[0]["text"] and view.picture.value == view.text.value == ""
    view.count.value = 1
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == () and "1 × 64" in view.text.value


def test_stored_as_plain_text_and_every_control_has_a_label(view):
    assert view._repr_mimebundle_()["text/plain"].startswith("[Widget: pick the axes")
    for control in (*view.controls.values(), view.method):
        assert control.description
