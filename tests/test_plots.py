"""Figures whose content follows from a rule: the rule."""

import torch
from matplotlib.text import Text

from course_utils import plots


def shown(figure):
    """Numbers of the maps in a figure of `feature_maps`, row by row."""
    return [int(axis.get_title().rsplit(" ", 1)[1]) for axis in figure.axes]


def test_feature_maps_shows_strong_maps_that_differ():
    ramp = torch.arange(24.0).reshape(4, 6)
    wave = ramp.sin()
    maps = torch.stack([0.9 * ramp, 10 + wave, ramp.flip(1), ramp, 0.1 * wave, torch.zeros(4, 6)])[None]
    maps = torch.cat([maps, torch.zeros(1, 10, 4, 6)], 1)  # a quarter of 16 channels are the first four
    means = maps[0].mean((1, 2)).topk(4)
    assert sorted(means.indices.tolist()) == [0, 1, 2, 3]
    first = shown(plots.feature_maps({"a": maps}, 2))
    assert first[0] in (2, 3) and first[1] == 1  # the ramps are alike, the wave is not
    assert set(shown(plots.feature_maps({"a": maps}, 4))) == {0, 1, 2, 3}
    assert len(set(shown(plots.feature_maps({"a": maps, "b": maps[:, :3]}, 3))[3:])) == 3


def test_feature_maps_takes_maps_of_one_position_and_dead_ones():
    assert sorted(shown(plots.feature_maps({"a": torch.ones(1, 4, 1, 1)}, 4))) == [0, 1, 2, 3]
    assert sorted(shown(plots.feature_maps({"a": torch.zeros(1, 3, 2, 2)}, 3))) == [0, 1, 2]


def names(figure):
    """{name: its box in pixels, without the line to its curve} of the names beside the curves."""
    figure.draw_without_rendering()
    (axis,) = figure.axes
    return {text.get_text(): Text.get_window_extent(text) for text in axis.texts}


def test_curves_are_named_at_their_ends_and_no_two_names_overlap():
    runs = {name: [(1, {"total": 9.0}), (2, {"total": 1 + 0.001 * n})] for n, name in enumerate("abcde")}
    for figure in (
        plots.loss_curves(runs),
        plots.labelled_curves({name: [n, 3] for n, name in enumerate("abc")}, "xy"),
    ):
        found = names(figure)
        assert [*found] == sorted(found) and figure.axes[0].get_legend() is None  # from below, where they differ
        boxes = list(found.values())
        assert all(low.y1 <= high.y0 + 1 for low, high in zip(boxes, boxes[1:]))
        frame = figure.axes[0].get_window_extent()
        assert all(box.x0 > frame.x1 and box.y1 <= frame.y1 + box.height for box in boxes)
        for text, line in zip(figure.axes[0].texts, figure.axes[0].get_lines()):
            assert text.get_color() == line.get_color()


def test_a_curve_without_an_end_and_too_many_curves():
    assert set(names(plots.labelled_curves({"a": [1, float("nan")], "b": [float("nan")] * 2}, "xy"))) == {"a"}
    many = plots.labelled_curves({str(n): [1, 2] for n in range(6)}, "xy")
    assert names(many) == {} and len(many.axes[0].get_legend().get_texts()) == 6


def test_a_loss_of_zero_has_no_place_on_a_logarithmic_scale():
    figure = plots.loss_curves({"a": [(1, {"total": 0.0}), (2, {"total": 0.0})], "b": [(1, {"total": 2.0})]})
    assert set(names(figure)) == {"b"}
    figure = plots.loss_curves({"a": [(1, {"total": 0.0}), (2, {"total": 0.0})]})  # on a linear scale it has one
    assert len(names(figure)) == 1 and figure.axes[0].get_yscale() == "linear"
