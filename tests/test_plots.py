"""Figures whose content follows from a rule: the rule."""

import torch

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
