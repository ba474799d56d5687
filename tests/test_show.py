"""The command `show`, and the small notebook that it cuts from a lesson."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

import nbformat
import pytest

import browser
from course_utils.__main__ import main
from course_utils.excerpts import excerpt, needed, widget_cell
from course_utils.notebooks import NOTEBOOKS, NotANotebook, read
from course_utils.paths import ROOT
from course_utils.server import LARGEST
from course_utils.widgets import core

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
SHOWS = "from course_utils.widgets.lesson0 import pixels\npixels('animal_cat')"


def small(*cells):
    """A notebook of code cells below a title."""
    code = [nbformat.v4.new_code_cell(source) for source in cells]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Lesson 4 · A test\n\nWords."), *code])


@pytest.mark.parametrize(
    "pieces, expected",
    [
        (["a = 1", "b = 2", "a"], [0, 2]),
        (["a = 1", "a = 2", "a"], [1, 2]),  # the nearest
        (["a = 1", "b = a", "c = b", "c"], [0, 1, 2, 3]),
        (["import torch as t", "import os", "t.zeros(1)"], [0, 2]),
        (["a = 1", "def f():\n    return a", "f()"], [0, 1, 2]),
        (["a = 1", "def f(a):\n    return a", "f(1)"], [1, 2]),  # its own a
        (["n = 3", "a = [k * n for k in range(2)]", "a"], [0, 1, 2]),
        (["a = 1", "a = a + 1", "a"], [0, 1, 2]),
        (["class A:\n    pass", "A().__doc__"], [0, 1]),
        (["a = 1", "3"], [1]),
    ],
)
def test_what_a_piece_needs(pieces, expected):
    sources = dict(enumerate(pieces))
    assert needed(sources, len(pieces) - 1) == expected
    names = {}
    for number in expected:
        exec(sources[number], names)  # what is left out is not missed


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_excerpt_of_a_lesson(path):
    """The title, the text before the widget, and code that only the widget's cell and assignments above have."""
    lesson = read(path)
    words, code = excerpt(lesson).cells
    nbformat.validate(excerpt(lesson))
    assert words.source.startswith(f"# Lesson {int(path.name[:2])} · ") and "## Explore" in words.source
    assert "](" not in words.source and "$" not in words.source
    lines = code.source.splitlines()
    assert lines[-2] == "from course_utils.widgets.core import settled" and lines[-1].startswith("settled(")
    assert len(lines) <= 20 and not re.search(r"\b(print|show)\(", code.source)
    compile(code.source, path.name, "exec")


def test_the_cell_of_the_widget_is_the_one_that_stores_one():
    for path in PATHS:
        cells = read(path).cells
        stored = [number for number, cell in enumerate(cells) if "[Widget: " in str(cell.get("outputs"))]
        assert widget_cell(cells) in stored, path.name


@pytest.mark.parametrize("cells, count", [((), 0), (("pixels(1)", "a = 1"), 0), ((SHOWS, SHOWS), 2)])
def test_a_notebook_without_one_widget_is_refused(cells, count):
    with pytest.raises(NotANotebook, match=f"has {count} cells that show a widget: choose"):
        excerpt(small(*cells))


def test_links_and_formulas_of_the_text():
    notebook = small(SHOWS)
    text = "## 6. Explore\n\nSee [section 2](#2.-A-map-(two)), [lesson 1](01_a.ipynb) and $x^2$."
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(text))
    words = excerpt(notebook).cells[0].source
    assert words.startswith("# Lesson 4 · A test\n\n## Explore\n\nSee section 2, lesson 1 and <math ")


def test_settled_waits_for_all_jobs():
    goes_on, done = threading.Event(), []
    job = core.Job(lambda: iter([goes_on.wait()]), lambda item: None, lambda state, error: done.append(state)).start()
    threading.Timer(0.05, goes_on.set).start()
    assert core.settled("view") == "view" and done == ["finished"] and not job.running


@pytest.mark.parametrize("lesson", ["-1", "100", "one", "0.5", "٣", ""])
def test_bad_lessons(capsys, lesson, tally):
    with pytest.raises(SystemExit) as end:
        main(["show", "--port=8961", "--", lesson])
    assert end.value.code == 2 and "is not a whole number from 0 to" in capsys.readouterr().err
    tally("options of commands")


def test_a_lesson_that_there_is_not(capsys, tally):
    assert main(["show", "99", "--port=8961"]) == 2
    error = capsys.readouterr().err
    every = ", ".join(str(int(path.name[:2])) for path in PATHS)
    assert error == f"error: There is no lesson 99: choose from {every}.\n"
    tally("options of commands")


def test_a_port_that_is_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["show", "0", f"--port={port}"]) == 2
    assert capsys.readouterr().err == f"error: Port {port} is in use or not allowed: choose another with --port.\n"


def test_without_voila(capsys, monkeypatch):
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "voila" else original(name))
    assert main(["show", "0"]) == 2
    assert re.fullmatch(
        r'error: Voilà is not installed: run `.* -m pip install "voila>=.*"`\.\n', capsys.readouterr().err
    )


def test_the_last_word_about_the_page(monkeypatch, tmp_path):
    """For this machine alone, with a token, and with room for a photo, whatever settings say."""
    from voila.app import Voila

    from course_utils import widget_server

    path, seen = tmp_path / "a.ipynb", []
    nbformat.write(small(SHOWS), path)
    (tmp_path / "voila.json").write_text('{"Voila": {"ip": "0.0.0.0", "token": "", "auto_token": false}}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(Voila, "listen", lambda self: (seen.append(self), self.launch_browser()))
    monkeypatch.setattr(widget_server.webbrowser, "open", lambda address: seen.append(address) or True)
    try:
        widget_server.serve(path, 8961, in_browser=True)
    finally:
        Voila.clear_instance()
    app, address = seen
    assert app.ip == "127.0.0.1" and app.app.settings["websocket_max_message_size"] == LARGEST
    assert re.fullmatch(r"http://127\.0\.0\.1:8961/\?token=\w{48}", address) and app.identity_provider.auth_enabled


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_the_page_is_for_those_with_the_token_until_ctrl_c(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-m", "course_utils", "show", "0", "--no-browser", "--port", "8962"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = re.search(r"http://127\.0\.0\.1:8962/\?token=\w{48}", process.stdout.readline())[0]
        with urllib.request.urlopen(address.partition("?")[0]) as answer:
            assert "/login" in answer.url  # and not the page
        with pytest.raises(urllib.error.HTTPError, match="40[134]"):
            urllib.request.urlopen(f"{address.partition('?')[0]}voila/files/lesson0.ipynb")
        assert list(tmp_path.glob("widget*/lesson0.ipynb"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=browser.patience())
    finally:
        process.kill()
    assert process.returncode == 0 and "Traceback" not in err and list(tmp_path.glob("widget*")) == []
