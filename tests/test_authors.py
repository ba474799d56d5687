"""The script that holds the course against the authors' own log: the pair is built as theirs, the table is right."""

import math
import sys

import pytest
import torch

from course_utils.paths import ROOT

sys.path.append(str(ROOT / "tests" / "benchmarks"))

import authors


def test_their_sizes():
    """592 × 444 and 576 × 456 pixels, as their notebook prints, from pictures of their proportions."""
    sizes = {(768, 1024): (444, 592), (1014, 1280): (456, 576)}
    for (height, width), wanted in sizes.items():
        assert authors.of_area(torch.rand(1, 3, height, width), 512).shape[2:] == wanted


def test_table():
    ours = {1: 9.0, 2: 5.0, 3: 4.0}
    assert authors.first_below(ours, 5.0) == 2 and authors.first_below(ours, 3.9) is None
    log = {1: 10.0, 50: 6.0, 75: 5.0, 100: 3.0}
    assert authors.compare(log, ours) == [(50, 6.0, 2), (100, 3.0, None)]
    assert sorted(authors.LOG.values(), reverse=True) == [*authors.LOG.values()]


@pytest.mark.long
def test_a_bundled_pair(tmp_path, capsys):
    given = ["--side", "40", "--evaluations", "3", "--bare-evaluations", "50", "--json", str(tmp_path / "found.json")]
    threads = torch.get_num_threads()
    try:
        result = authors.main(given)
    finally:
        torch.set_num_threads(threads)
    assert len(result["ours"]) == 3 and len(result["log"]) == 50 and (tmp_path / "found.json").exists()
    assert all(map(math.isfinite, result["ours"].values()))
    assert result["log"][1] > result["ours"][1] > result["ours"][3]  # the photo; the photo in other colours
    assert "| bare L-BFGS" in capsys.readouterr().out


def test_both_pictures_or_none(capsys):
    with pytest.raises(SystemExit):
        authors.arguments(["--content", "animal_cat"])
    assert "together" in capsys.readouterr().err
