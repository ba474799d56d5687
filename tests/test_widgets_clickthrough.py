"""One unit number by number: against torch's convolution, against the network, and the view without a browser."""

import copy
import html
import random
import re

import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from bounds import DOUBLE
from course_utils.images import load_square
from course_utils.widgets import clickthrough
from course_utils.widgets.clickthrough import Arithmetic, arithmetic, summed_layers, worked_out
from course_utils.widgets.lesson1 import Seen
from events import PATIENCE

SIDE = 32


@pytest.fixture(scope="module")
def exact(net):
    return copy.deepcopy(net).double()


def side_of(layer):
    return SIDE >> (int(layer[4]) - 1)


def places(layer, count=3):
    """The corners of a map, and places of it drawn at random."""
    last, draw = side_of(layer) - 1, random.Random(layer)
    corners = [(0, 0), (0, last), (last, 0), (last, last)]
    return corners + [(draw.randint(0, last), draw.randint(0, last)) for _ in range(count)]


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_1", "conv1_2", "relu2_1", "conv4_1", "relu5_4"])
def test_the_sum_is_the_networks_activation_and_torchs_convolution(exact, layer):
    maps = exact.features(load_square("animal_cat", SIDE).double(), [layer])[layer][0]
    draw = random.Random(1)
    for row, column in places(layer):
        channel = draw.choice([0, exact.channels[layer] - 1, draw.randrange(exact.channels[layer])])
        unit = arithmetic(exact, "animal_cat", layer, channel, row, column, SIDE)
        bound = DOUBLE * unit.products.abs().sum().item() + 1e-300
        assert abs(unit.activation - maps[channel, row, column].item()) <= bound
        bias = torch.tensor([unit.bias], dtype=torch.float64)
        by_torch = F.conv2d(unit.window[None], unit.filter[None], bias).item()
        assert abs(unit.total - by_torch) <= bound
        assert abs(unit.sums.sum().item() + unit.bias - unit.total) <= bound
        assert unit.activation == (unit.total if layer.startswith("conv") else max(unit.total, 0))


@pytest.mark.parametrize("layer, before", [("relu1_1", "the photo"), ("conv2_1", "pool1"), ("relu3_2", "relu3_1")])
def test_the_window_is_what_the_unit_reads(exact, layer, before):
    """Value by value, by indices alone; beyond the edge lies 0, the mean colour."""
    photo = load_square("fish_3", SIDE).double()
    read = exact.centre(photo)[0] if before == "the photo" else exact.features(photo, [before])[before][0]
    for row, column in places(layer):
        unit = arithmetic(exact, "fish_3", layer, 5, row, column, SIDE)
        assert unit.before == before and unit.window.shape == unit.filter.shape == (len(read), 3, 3)
        assert unit.convolution == layer.replace("relu", "conv")
        assert torch.equal(unit.filter, getattr(exact, unit.convolution).weight[5])
        for i in range(3):
            for j in range(3):
                y, x = row + i - 1, column + j - 1
                inside = 0 <= y < read.shape[1] and 0 <= x < read.shape[2]
                assert bool(unit.outside[i, j]) != inside
                wanted = read[:, y, x] if inside else torch.zeros(len(read), dtype=torch.float64)
                assert (unit.window[:, i, j] - wanted).abs().max() <= DOUBLE * read.abs().max()


def test_the_number_of_float32_is_that_of_the_network_but_for_rounding(net):
    """27 products of float32, summed in float64: the network's own sum is off by its rounding alone."""
    maps = net.features(load_square("animal_cat", SIDE), ["relu1_1"])["relu1_1"][0]
    for row, column in places("relu1_1"):
        unit = arithmetic(net, "animal_cat", "relu1_1", 15, row, column, SIDE)
        bound = 28 * torch.finfo(torch.float32).eps * (unit.products.abs().sum().item() + abs(unit.bias))
        assert abs(unit.activation - maps[15, row, column].item()) <= bound


def hand_made(count, layer="relu1_1"):
    """A unit whose input channel c contributes (−1)^c·9·c."""
    filters = torch.ones(count, 3, 3, dtype=torch.float64)
    window = filters * ((-1.0) ** torch.arange(count) * torch.arange(count))[:, None, None]
    return Arithmetic(layer, 3, 4, 5, "conv1_1", "the photo", window, filters[0] < 0, filters, 1.0)


def test_the_arithmetic_by_hand():
    unit = hand_made(3)
    assert unit.sums.tolist() == [0, -9, 18] and unit.total == 10 and unit.activation == 10 and unit.most() == [0, 1, 2]
    assert hand_made(6).most() == [5, 4, 3, 2] and hand_made(6).most(1) == [5] and hand_made(6).most(9) == [*range(6)]
    assert hand_made(6).total == 9 * (-1 + 2 - 3 + 4 - 5) + 1 == -26 and hand_made(6).activation == 0
    assert hand_made(6, "conv1_1").activation == -26
    with pytest.raises(ValueError, match="number of input channels"):
        unit.most(0)
    assert clickthrough._last_line(unit, [0, 1, 2]) == "0 − 9 + 18 + 1 (bias) = 10, rectified 10"
    assert clickthrough._last_line(hand_made(6, "conv1_1"), [5, 4, 3, 2]) == (
        "−45 + 36 − 27 + 18 − 9 (2 more) + 1 (bias) = −26"
    )


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_1", "relu2_2", "conv5_4"])
def test_the_drawing_shows_the_numbers(net, layer):
    seen = Seen(net)
    for row, column in places(layer, 1):
        figure, alt = worked_out(seen, "animal_cat", layer, 7, row, column, SIDE)
        assert isinstance(figure, Figure) and f"Unit ({row}, {column}) of channel 7 of {layer}" in alt
        unit = arithmetic(net, "animal_cat", layer, 7, row, column, SIDE)
        chosen = unit.most()
        where, sums = figure.subfigs
        (_, maps), squares = where.axes, sums.axes
        assert len(squares) == 4 * len(chosen) == (12 if layer.endswith("1_1") and layer[4] == "1" else 16)
        for line, c in enumerate(chosen):
            for axis, values in zip(squares[4 * line :], (unit.window[c], unit.filter[c], unit.products[c])):
                shown = [text.get_text() for text in axis.texts]
                assert shown == [clickthrough._digits(value, 3) for value in values.flatten().tolist()]
            assert squares[4 * line + 3].texts[0].get_text() == f"sum {clickthrough._digits(unit.sums[c].item())}"
        drawn = torch.from_numpy(maps.get_images()[0].get_array().data)
        own = net.features(load_square("animal_cat", SIDE), [layer])[layer][0, 7]
        assert drawn.shape == own.shape == (side_of(layer),) * 2
        scale = unit.products.abs().sum().item() + own.abs().max().item()
        assert (drawn - own).abs().max() <= 1e-3 * scale
        assert ("together" in alt) == (len(unit.window) > 4) and ("Rectified" in alt) == layer.startswith("relu")
        assert ("beyond the edge" in alt) == bool(unit.outside.any())


def test_numbers_are_short_and_have_no_minus_zero():
    cases = {-0.0: "0", 1234.5: "1,234", -1234.5: "−1,234", 0.00012345678: "0.0001235", 3: "3", -99.126: "−99.13"}
    assert {value: clickthrough._digits(value) for value in cases} == cases
    assert clickthrough._digits(5320.4, 3) == "5,320" and clickthrough._digits(-0.24681, 3) == "−0.247"


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(layer="pool1"), "The layer is one of 'conv1_1'"),
        (dict(layer=3), "The layer is one of 'conv1_1'"),
        (dict(channel=64), "The channel must be a whole number from 0 to 63"),
        (dict(channel=-1), "The channel must be"),
        (dict(row=SIDE), "The row must be a whole number from 0 to 31"),
        (dict(row=1.5), "The row must be"),
        (dict(column=-1), "The column must be"),
        (dict(column=None), "The column must be"),
        (dict(source="animal_cot"), "animal_cot"),
        (dict(net=torch.nn.ReLU()), "The network must be one from"),
    ],
)
def test_units_that_do_not_exist_are_refused(net, change, message):
    good = dict(net=net, source="animal_cat", layer="relu1_1", channel=0, row=0, column=0, size=SIDE)
    with pytest.raises(ValueError, match=message):
        arithmetic(**(good | change))


def test_poolings_are_left_out(net):
    assert len(summed_layers(net)) == 32 and not [name for name in summed_layers(net) if name.startswith("pool")]


# --- the view


@pytest.fixture
def view(net, monkeypatch):
    monkeypatch.setattr(clickthrough, "SIZE", SIDE)
    monkeypatch.setattr(clickthrough.worked_out, "__defaults__", (SIDE,))
    view = clickthrough.numbers(net=net)
    assert view.job.wait(PATIENCE) == "finished"
    return view


@pytest.mark.long
def test_every_control_draws_anew(view):
    for control, value, says in (
        (view.row, 0, r"Unit \(0, "),
        (view.column, 31, r"Unit \(0, 31\)"),
        (view.channel, 63, "channel 63 of relu1_1"),
        (view.photo, "fish_3", ""),
        (view.layer, "conv3_1", "of conv3_1 reads 3 × 3 × 128 = 1,152 values of pool2"),
        (view.channel, 255, "channel 255"),
        (view.layer, "relu1_1", "channel 63 of relu1_1"),  # which has no more
        (view.layer, "conv5_4", "of conv5_4"),
    ):
        before = view.picture.value
        control.value = value
        assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
        assert view.picture.value != before and "<img alt=" in view.picture.value and re.search(says, view.text.value)
    assert view.row.max == view.column.max == 1


@pytest.mark.long
def test_random_settings(view, net):
    draw = random.Random(4)
    for _ in range(8):
        view.layer.value = draw.choice(view.layer.options)
        view.channel.value = draw.choice([0, view.channel.max, draw.randint(0, view.channel.max)])
        view.photo.value = draw.choice(view.photo.options)[1]
        view.row.value, view.column.value = (draw.randint(0, slider.max) for slider in (view.row, view.column))
        assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
        unit = arithmetic(
            net, view.photo.value, view.layer.value, view.channel.value, view.row.value, view.column.value, SIDE
        )
        assert html.escape(clickthrough.says(unit)) in view.text.value


@pytest.mark.long
def test_the_strongest_place_is_the_maps(view, net):
    view.layer.value = "relu2_1"
    for channel in (0, 69, 127):
        view.channel.value = channel
        view.strongest.click()
        assert view.job.wait(PATIENCE) == "finished"
        unit = arithmetic(net, "animal_cat", "relu2_1", channel, view.row.value, view.column.value, SIDE)
        own = net.features(load_square("animal_cat", SIDE), ["relu2_1"])["relu2_1"][0, channel]
        assert own.max().item() == pytest.approx(unit.activation, rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("name, act", [("_map", "strongest"), ("worked_out", "row"), ("_map", "layer")])
def test_a_callback_broken_on_purpose_is_told(view, monkeypatch, name, act):
    def broken(*_, **__):
        raise ValueError("This callback is broken on purpose.")

    def use():
        if act == "strongest":
            view.strongest.click()
        else:
            getattr(view, act).value = 1 if act == "row" else "conv1_2"

    view.row.value = 0
    view.job.wait(PATIENCE)
    with monkeypatch.context() as patch:
        patch.setattr(clickthrough, name, broken)
        use()
        if name == "worked_out":
            with pytest.raises(ValueError, match="on purpose"):
                view.job.wait(PATIENCE)
            assert view.picture.value == view.text.value == ""
        else:
            view.job.wait(PATIENCE)
        assert [output["text"] for output in view.messages.outputs] == ["This callback is broken on purpose.\n"]
    view.channel.value = 2
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == () and "channel 2 of" in view.text.value


@pytest.mark.parametrize("given", [dict(layer="pool1"), dict(channel=64), dict(channel="a"), dict(source="animal_cot")])
def test_arguments_that_the_widget_cannot_take(net, given):
    with pytest.raises(ValueError, match=r"^The field '\w+' [^\n]+\.$"):
        clickthrough.numbers(**(dict(net=net) | given))
