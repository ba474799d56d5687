"""The widget of lesson 3 without a browser: one filter scaled, undone or not."""

import copy

import pytest
import torch
from matplotlib.figure import Figure

from bounds import rounding
from course_utils.images import load_square
from course_utils.normalization import normalize_weights
from course_utils.vgg import CONVOLUTIONS, LAYERS
from course_utils.widgets import lesson3
from events import PATIENCE
from networks import gap


@pytest.fixture(scope="module")
def scaled(net):
    return lesson3.Scaled(net)


def output(says):
    return says.split("and the output, relu5_4, ")[1]


@pytest.mark.long
@pytest.mark.parametrize("layer, channel", [("conv1_1", 0), ("conv1_2", 63), ("conv3_1", 5), ("conv5_3", 511)])
def test_undone_powers_of_two_change_nothing(scaled, layer, channel):
    for factor in (1 / 64, 4, 64):
        figure, says = lesson3.scale_filter(scaled, "animal_cat", layer, channel, factor, undo=True)
        assert (
            isinstance(figure, Figure)
            and output(says) == "is the same to the last bit."
            and "Undone in the next layer" in says
        )
    assert (
        output(lesson3.scale_filter(scaled, "animal_cat", layer, channel, 1, undo=False)[1])
        == "is the same to the last bit."
    )


def test_not_undone(scaled):
    _, says = lesson3.scale_filter(scaled, "animal_cat", "conv3_1", 5, 16, undo=False)
    assert output(says).startswith("changes by ") and "Not undone" in says
    assert (
        output(lesson3.scale_filter(scaled, "animal_cat", "conv3_1", 5, 3, undo=True)[1])
        == "is the same but for rounding."
    )
    negative = lesson3.scale_filter(scaled, "animal_cat", "conv3_1", 5, -4, undo=True)[1]
    assert output(negative).startswith("changes by ") and "negative factor" in negative


@pytest.mark.parametrize("undo", [True, False])
@pytest.mark.parametrize("layer", ["conv1_1", "conv2_2", "conv5_3"])
def test_against_weights_that_are_changed_in_the_network(net, scaled, layer, undo):
    changed, following = copy.deepcopy(net), CONVOLUTIONS[CONVOLUTIONS.index(layer) + 1]
    for parameter in (getattr(changed, layer).weight, getattr(changed, layer).bias):
        parameter[7] *= 3
    if undo:
        getattr(changed, following).weight[:, 7] /= 3
    found = scaled.scaled("fish_3", layer, 7, 3, undo)
    expected = changed.features(load_square("fish_3", lesson3.SIDE), list(found))
    assert list(found) == list(LAYERS[LAYERS.index(layer) : LAYERS.index(scaled.last) + 1])
    for name in found:
        assert gap(found[name], expected[name]) < rounding(net, name), name


def titles_and_bars(figure):
    """What the maps are called, and the heights of the bars: those without undoing, and those as it is now."""
    maps = [axis for axis in figure.axes if axis.images]
    (bars,) = (axis for axis in figure.axes if axis.containers)
    without, now = ([bar.get_height() for bar in group] for group in bars.containers)
    return [axis.get_title() for axis in maps], without, now, bars.get_ylim()


def test_undoing_shows_the_same_maps_on_the_same_scale(scaled):
    """So that both states can be compared, also where nothing is left to be seen."""
    bare, undone = (
        titles_and_bars(lesson3.scale_filter(scaled, "animal_cat", "conv4_4", 5, 4, undo)[0]) for undo in (False, True)
    )
    assert bare[0] == undone[0] and bare[3] == undone[3]
    assert bare[1] == bare[2] == undone[1] and max(undone[2]) == 0 < min(bare[1])
    other = titles_and_bars(lesson3.scale_filter(scaled, "animal_cat", "conv4_4", 5, 1 / 64, undo=False)[0])
    assert other[0] == bare[0]


def test_each_measure_is_named(scaled):
    """The text has the change of the means and that of the activations; the bars show the second."""
    figure, says = lesson3.scale_filter(scaled, "animal_cat", "conv4_4", 5, 4, undo=False)
    before, after = (
        scaled.usual("animal_cat")["relu5_1"],
        scaled.scaled("animal_cat", "conv4_4", 5, 4, False)["relu5_1"],
    )
    means = [maps.mean((0, 2, 3)) for maps in (before, after)]
    of_means = (means[1] - means[0]).abs().sum() / means[0].sum()
    of_activations = (after - before).norm() / before.norm()
    assert f"the means of relu5_1 change by {of_means:.1%} of their sum" in says
    assert f"its activations by {of_activations:.1%} of their length (the bars)" in says
    assert abs(titles_and_bars(figure)[2][0] - 100 * of_activations.item()) < 0.01


@pytest.mark.long
def test_it_is_the_rule_of_the_lesson(net, scaled):
    """One filter times 1/μ, undone, is `normalize_weights` with all other means 1."""
    ones = {name: torch.ones(getattr(net, name).out_channels) for name in CONVOLUTIONS}
    ones["conv2_1"][3] = 4
    new = normalize_weights(net, ones)
    maps = new.features(load_square("animal_cat", lesson3.SIDE), ["relu2_1", "relu5_4"])
    found = scaled.scaled("animal_cat", "conv2_1", 3, 1 / 4, True)
    assert all(torch.equal(maps[name], found[name]) for name in maps)


def test_divided_by_its_mean(net, scaled):
    """The mean becomes 1, and undone it is again the rule of the lesson; a silent filter has no such factor."""
    maps = scaled.usual("animal_cat")["relu2_1"][0].mean((1, 2))
    found = scaled.scaled("animal_cat", "conv2_1", 3, 1 / maps[3].item(), False)
    assert abs(found["relu2_1"][0, 3].mean().item() - 1) < rounding(net, "relu2_1")
    figure, says = lesson3.scale_filter(scaled, "animal_cat", "conv2_1", 3, lesson3.MEAN)
    assert f"times {1 / maps[3].item():g}: its mean on this photo goes from {maps[3]:,.1f} to 1.0." in says
    assert "but for rounding" in output(says) or "to the last bit" in output(says)
    with pytest.raises(lesson3.FilterError, match=f"Filter {maps.argmin()} of conv2_1 is silent"):
        lesson3.scale_filter(scaled, "animal_cat", "conv2_1", maps.argmin().item(), lesson3.MEAN)


def test_each_pair_has_a_scale(scaled):
    """The colours of 'after' are those of 'before'; a pointed end says that values go beyond them."""
    figure = lesson3.scale_filter(scaled, "animal_cat", "conv3_1", 5, 4, undo=False)[0]
    pairs = [axis.images[0] for axis in figure.axes if axis.images]
    scales = [image.colorbar for image in pairs if image.colorbar]
    assert len(pairs) == 6 and len(scales) == 3 and scales[0].extend == "max"
    for before, after in zip(pairs[::2], pairs[1::2]):
        assert before.get_clim() == after.get_clim() == (0, before.get_array().max())


def test_refusals(scaled):
    for layer, channel, factor, message in (
        ("conv5_4", 0, 2, "cannot be scaled here"),
        ("relu1_1", 0, 2, "cannot be scaled"),
        ("conv1_1", 64, 2, "cannot be scaled"),
        ("conv1_1", -1, 2, "cannot be scaled"),
        ("conv1_1", 0, 0, "times 0 would be lost"),
        ("conv1_1", 0, float("nan"), "times nan"),
        ("conv1_1", 0, -1e9, "would be lost"),
    ):
        with pytest.raises(lesson3.FilterError, match=message):
            lesson3.scale_filter(scaled, "animal_cat", layer, channel, factor)


def test_the_widget_names_wrong_layers(net):
    with pytest.raises(lesson3.FilterError, match="'relu3_1' is no layer"):
        lesson3.scale_one("relu3_1", 0, net)


@pytest.mark.long
def test_the_widget_redraws(net):
    view = lesson3.scale_one("conv5_1", 511, net)
    assert view.job.wait(PATIENCE) == "finished" and "Not undone" in view.text.value
    for control, value, says in (
        (view.undo, True, "Undone"),
        (view.factor, 10, "times 10"),
        (view.negative, True, "times -10"),
        (view.channel, 2, "Filter 2 "),
        (view.layer, "conv5_2", "Filter 2 of conv5_2"),
        (view.photo, "fish_3", "Filter 2 of conv5_2"),
        (view.channel, 511, "Filter 511"),
        (view.layer, "conv1_1", "Filter 63 of conv1_1"),
        (view.layer, "conv5_3", "Filter 63 of conv5_3"),
        (view.mean, True, "to 1.0"),
    ):
        before, control.value = view.picture.value.split("src=")[1], value
        view.job.wait(PATIENCE)
        assert (
            view.picture.value.split("src=")[1] != before and says in view.text.value
        )  # the picture itself, not its description
    assert view.factor.disabled and view.negative.disabled
    view.mean.value, view.compare.value = False, True
    view.job.wait(PATIENCE)
    assert not view.factor.disabled and view.differences.value == "divide by its mean μ: yes → no"
    assert view.channel.max == 511 and view.messages.outputs == ()
    assert view._repr_mimebundle_()["text/plain"].startswith("[Widget: one filter of VGG-19")


def test_errors_reach_the_reader(net):
    view = lesson3.scale_one("conv5_1", 0, net)
    view.job.wait(PATIENCE)
    view.scaled.usual = lambda source: 1 / 0
    view.channel.value = 1
    with pytest.raises(ZeroDivisionError):
        view.job.wait(PATIENCE)
    assert "ZeroDivisionError" in view.messages.outputs[0]["text"]
