"""The benchmark of pictures: its stored table against the script."""

import json

import pytest

from course_utils.commands import parser
from course_utils.images import paintings
from course_utils.paths import DATA, ROOT


@pytest.fixture
def wall(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    import wall

    return wall


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
