"""The script that measures a graphics card, in the mode that a processor can run."""

import json
import sys

import pytest
import torch

from course_utils.paths import ROOT

sys.path.append(str(ROOT / "tests" / "benchmarks"))

import device


@pytest.fixture(autouse=True)
def one_thread():
    usual = torch.get_num_threads()
    yield
    torch.set_num_threads(usual)


@pytest.mark.long
def test_all_parts_on_a_processor(tmp_path, capsys):
    path = tmp_path / "device.json"
    assert device.main(["--device", "cpu", "--quick", "--json", str(path)]) == 0, capsys.readouterr().out
    found, shown = json.loads(path.read_text(encoding="utf-8")), capsys.readouterr().out
    assert set(device.PARTS) < set(found) and all(check["good"] for check in found["checks"])
    assert len(found["checks"]) == 10 and "10 of 10 checks passed." in shown
    assert max(found["waits"]["waits"][1:]) <= device.WAITS and found["speed"]["64"]["cost"]["rounds"]["ours"]


def test_a_check_that_fails_is_named(capsys, monkeypatch):
    monkeypatch.setattr(device, "DOUBLE", -1.0)
    assert device.main(["--device", "cpu", "--quick", "--parts", "tiles"]) == 1
    shown = capsys.readouterr().out
    assert "FAILED: gradient in tiles" in shown and "0 of 1 checks passed." in shown
