"""The benchmark of pictures: its measures against independent ones, its stored table against the script."""

import json

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from course_utils.commands import parser
from course_utils.images import paintings
from course_utils.paths import DATA, ROOT


@pytest.fixture
def wall(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    import wall

    return wall


def test_kl_is_that_of_torch(wall):
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(1, 5, 6, 7, generator=generator, dtype=torch.float64) for _ in range(2)]
    ours, theirs = (wall.gaussian(scale * features + scale) for scale, features in zip((1.0, 2.0), draws))
    assert ours[0] == pytest.approx(draws[0].mean((0, 2, 3)) + 1) and torch.linalg.eigvalsh(ours[1]).min() > 0
    expected = kl_divergence(*(MultivariateNormal(*found) for found in (ours, theirs))).item()
    assert wall.kl(*ours, *theirs) == pytest.approx(expected)  # float64
    assert wall.kl(*ours, *ours) == pytest.approx(0, abs=1e-9)


def test_the_stored_table_belongs_to_the_script(wall):
    table = json.loads((DATA / "examples" / "wall.json").read_text(encoding="utf-8"))
    assert [tuple(pair) for pair in table["pairs"]] == wall.PAIRS and len(table["pairs"]) == 10
    assert {painting for _, painting in wall.PAIRS} == set(paintings())
    assert (table["size"], table["evaluations"]) == (wall.SIZE, wall.EVALUATIONS)
    assert list(table["measures"])[-len(wall.WAYS) :] == list(wall.WAYS)
    for row in table["measures"].values():
        assert list(row) == list(wall.MEASURES) and all(len(values) == 10 for values in row.values())
    assert table["measures"]["the photo"]["content"] == [0.0] * 10


def test_what_the_command_does_is_one_of_the_settings(wall):
    options = parser().parse_args(["transfer", "-", "-", "-o", "none.png"])
    assert wall.Way(options.pooling, options.style_weight, options.style_strength) in wall.WAYS.values()
