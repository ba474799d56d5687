"""The commands: exit codes, one sentence for bad input, the same bytes for the same seed, no half file."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from PIL import Image

import browser
from course_utils import notebooks
from course_utils.__main__ import main
from course_utils.setup import ROOT

PAIR = ["animal_koala", "van_gogh_night_cafe"]


def command(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "course_utils", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, **options)


def test_transfer_writes_the_same_bytes_again(tmp_path):
    first = command("transfer", *PAIR, "-o", tmp_path / "a.png", "--size", 64, "--evaluations", 6, "--seed", 5, "--start", "noise",
                    "--device", "cpu")
    assert first.returncode == 0 and "6/6" in first.stderr and "loss" in first.stderr and "done" in first.stdout
    quiet = command("transfer", *PAIR, "-o", tmp_path / "b.png", "--size", 64, "--evaluations", 6, "--seed", 5, "--start", "noise",
                    "--quiet", "--device", "cpu")
    assert quiet.returncode == 0 and quiet.stdout == quiet.stderr == ""
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert max(Image.open(tmp_path / "a.png").size) == 64


def paint(tmp_path, *options, content=PAIR[0], style=PAIR[1], output="out.png"):
    return main(["transfer", str(content), str(style), "-o", str(tmp_path / output), "--size", "48", "--evaluations", "3", "--quiet", *options])


def test_options_change_the_picture(tmp_path):
    pictures = set()
    for name, options in {"plain": [], "weight": ["--style-weight", "0.001"], "size": ["--size", "40"], "evaluations": ["--evaluations", "2"],
                          "start": ["--start", "content"], "seed": ["--start", "noise"], "seed 1": ["--start", "noise", "--seed", "1"],
                          "colours": ["--colours", "photo"], "pooling": ["--pooling", "average"]}.items():
        assert paint(tmp_path, *options, output=f"{name}.png") == 0
        pictures.add((tmp_path / f"{name}.png").read_bytes())
    assert len(pictures) == 9


def test_paths_work_as_well(tmp_path):
    Image.new("RGB", (60, 50), "teal").save(tmp_path / "mine.jpg")
    assert paint(tmp_path, content=tmp_path / "mine.jpg") == 0 and (tmp_path / "out.png").exists()


def bad_inputs(folder):
    (folder / "note.txt").write_text("no picture")
    (folder / "note.png").write_text("no picture either")
    Image.effect_noise((80, 80), 50).save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:1000])
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    (folder / "file").touch()
    (folder / "empty.png").touch()
    return {
        "missing": ({"content": folder / "nowhere.jpg"}, "no file"), "text": ({"content": folder / "note.txt"}, "not a picture"),
        "text named png": ({"style": folder / "note.png"}, "not a picture"), "cut": ({"content": folder / "cut.jpg"}, "cut off"),
        "dot": ({"content": folder / "dot.png"}, "1 × 1"), "name": ({"style": "van_gogh_sunflower"}, "no bundled picture"),
        "empty": ({"content": folder / "empty.png"}, "empty"), "folder": ({"content": folder}, "folder"),
        "nowhere to write": ({"output": "no/such/out.png"}, "does not exist"), "file as folder": ({"output": "file/out.png"}, "does not exist"),
        "format": ({"output": "out.tiff"}, "let the name end in"), "folder as output": ({"output": "."}, "format|folder"),
        "device": ({"options": ["--device", "abacus"]}, "no device"), "meta": ({"options": ["--device", "meta"]}, "no device"),
        "small": ({"options": ["--size", "18"]}, "at least 16"), "long name": ({"content": "x" * 300}, "cannot be read|no file"),
        "long output": ({"output": "x" * 300 + ".png"}, "cannot be written"),
    }


@pytest.mark.parametrize("case", ["missing", "text", "text named png", "cut", "dot", "name", "empty", "folder", "nowhere to write",
                                  "file as folder", "format", "folder as output", "device", "meta", "small", "long name", "long output"])
def test_bad_input(tmp_path, capsys, case):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    arguments, message = bad_inputs(tmp_path / "in")[case]
    options = arguments.pop("options", [])
    if case == "file as folder":
        (tmp_path / "out" / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    assert paint(tmp_path / "out", *options, **arguments) == 2
    shown = capsys.readouterr()
    assert re.search(message, shown.err) and shown.err.startswith("error: ") and shown.err.count("\n") == 1 and shown.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_bad_input_as_a_process(tmp_path):
    result = command("transfer", "nowhere.jpg", PAIR[1], "-o", tmp_path / "out.png")
    assert result.returncode == 2 and "Traceback" not in result.stderr and os.listdir(tmp_path) == []


def test_unwritable_place(tmp_path, capsys, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr("course_utils.images.tempfile.TemporaryFile", refuse)       # root may write anywhere
    assert paint(tmp_path) == 2 and "Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--size", "0"], ["--size", "200000"], ["--seed", "-1"], ["--seed", "1" + "0" * 20],
                                     ["--evaluations", "many"], ["--style-weight", "-1"], ["--style-weight", "nan"], ["--start", "blue"], ["--no-such-option"]])
def test_bad_options(tmp_path, capsys, options):
    with pytest.raises(SystemExit) as end:
        paint(tmp_path, *options)
    assert end.value.code == 2 and "error:" in capsys.readouterr().err and os.listdir(tmp_path) == []


def test_not_finite_writes_the_last_good_picture(tmp_path, capsys, break_cost):
    break_cost(3, float("inf"))
    assert paint(tmp_path) == 1
    assert "The last good picture is in" in capsys.readouterr().err and (tmp_path / "out.png").exists()


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
@pytest.mark.parametrize("presses", [1, 5])
def test_ctrl_c_writes_the_best_picture(tmp_path, presses):
    process = subprocess.Popen([sys.executable, "-m", "course_utils", "transfer", *PAIR, "-o", str(tmp_path / "out.png"), "--size", "96",
                                "--evaluations", "5000"], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    seen = ""
    while "loss" not in seen and process.poll() is None:
        seen += process.stderr.read(40)
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "stopped early" in out and Image.open(tmp_path / "out.png").size[0] > 0


@pytest.mark.parametrize("moment", ["course_utils.images.load_image", "course_utils.vgg.vgg19"])
def test_ctrl_c_before_there_is_a_picture(tmp_path, capsys, monkeypatch, moment):
    def interrupt(*_, **__):
        raise KeyboardInterrupt
    monkeypatch.setattr(moment, interrupt)
    assert paint(tmp_path) == 130 and "Interrupted" in capsys.readouterr().err and os.listdir(tmp_path) == []


def test_what_the_set_up_tells_its_child_does_not_leak(monkeypatch):
    """A terminal inside JupyterLab must set up for itself."""
    monkeypatch.setenv("COURSE_UTILS_SET_UP", "1")
    monkeypatch.setattr("course_utils.cli.run_tests", lambda options: 0 if "COURSE_UTILS_SET_UP" not in os.environ else 1)
    assert main(["test"]) == 0


def test_lab_serves_lesson_0():
    with browser.lab("--port", "8931") as address:
        base, token = re.match(r"(http://[^/]+)/lab/tree/notebooks/00_start_here.ipynb\?token=(\w+)", address).groups()
        assert "<title>JupyterLab</title>" in urllib.request.urlopen(address).read().decode()
        contents = json.load(urllib.request.urlopen(f"{base}/api/contents/notebooks/00_start_here.ipynb?token={token}"))
        assert contents["content"]["cells"][0]["source"].startswith("# Lesson 0")


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "BUILD", tmp_path / "build")

    def write(*sources):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        path = tmp_path / "small.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path
    return write


def test_run_is_reproducible(notebook, tmp_path):
    path = notebook("print('hello')", "import ipywidgets, time; ipywidgets.IntSlider()", "import course_utils; time.time() > 0")
    assert main(["run", str(path)]) == 0
    assert "outputs" not in json.loads(path.read_text())["cells"][0] or json.loads(path.read_text())["cells"][0]["outputs"] == []
    built = (tmp_path / "build" / "notebooks" / "small.ipynb").read_bytes()
    assert main(["run", "--in-place", str(path)]) == 0
    assert path.read_bytes() == built and b"hello" in built and b"model_id" not in built
    time.sleep(0.01)
    assert main(["run", "--in-place", str(path)]) == 0 and path.read_bytes() == built


def test_run_says_what_failed(notebook, tmp_path, capsys):
    path = notebook("a = 1", "b = a / 0", "c = 2")
    executed = nbformat.read(path, as_version=4)
    for count, cell in enumerate(executed.cells, start=1):          # as our notebooks are stored
        cell.execution_count = count
    nbformat.write(executed, path)
    before = path.read_bytes()
    assert main(["run", "--in-place", str(path)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "small.ipynb, code cell 2: ZeroDivisionError" in error and path.read_bytes() == before
    assert (tmp_path / "build" / "notebooks" / "small.ipynb").exists()


def test_run_chooses_by_the_beginning_of_names(capsys):
    assert [path.stem for path in notebooks.select(["06"])] == ["06_style_transfer"]
    assert [path.stem for path in notebooks.select()][0] == "00_start_here"
    assert main(["run", "99"]) == 2 and "There is no notebook '99'" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["# no notebook", "{}", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}'])
def test_run_refuses_what_is_no_notebook(tmp_path, capsys, content):
    (tmp_path / "a.ipynb").write_text(content)
    assert main(["run", str(tmp_path / "a.ipynb")]) == 2 and "is not a notebook" in capsys.readouterr().err
