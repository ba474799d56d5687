"""The tests' own safety net: bad notebooks fail, nothing reaches the network, and a missing browser is never passed
over on CI.
"""

import base64
import io
import os
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from PIL import Image

import conftest
from course_utils.setup import ROOT

V4 = nbformat.v4
pytestmark = pytest.mark.process


def stored(source, text="", tags=()):
    """An executed code cell that printed `text`."""
    outputs = [V4.new_output("stream", text=text)] if text else []
    return V4.new_code_cell(source, outputs=outputs, execution_count=1, metadata={"tags": list(tags)})


def run_pytest(*arguments, **environment):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "course_utils",
            "test",
            "--",
            "-q",
            "-n0",
            "-p",
            "no:cacheprovider",
            *map(str, arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def shows(left, right):
    """An output with a picture that is half of this grey level, half of that one."""
    picture = Image.new("L", (80, 80), left)
    picture.paste(right, (40, 0, 80, 80))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return V4.new_output(
        "display_data",
        {
            "text/plain": "<IPython.core.display.HTML object>",
            "text/html": (
                f'<img alt="two greys" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
            ),
        },
    )


BAD = {
    "unknown magic": ([stored("%no_such_magic\nassert False")], "no_such_magic"),
    "promised exception": ([stored("1 + 1;", tags=["raises-exception"])], "raised nothing"),
    "dead kernel": ([stored("import os; os._exit(1)")], "kernel died"),
    "other output": ([stored("print(2)", "1\n")], "outputs differ"),
    "other alt text": (
        [
            V4.new_code_cell(
                'from IPython.display import HTML, display; display(HTML(\'<img alt="a cat"'
                ' src="data:image/webp;base64,AAAA">\'))',
                execution_count=1,
                outputs=[
                    V4.new_output(
                        "display_data",
                        {
                            "text/html": '<img alt="a dog" src="data:image/webp;base64,BBBB">',
                            "text/plain": "<IPython.core.display.HTML object>",
                        },
                    )
                ],
            )
        ],
        "a dog",
    ),
    "other picture": (
        [
            V4.new_code_cell(
                f"from IPython.display import HTML, display; display(HTML({shows(90, 200).data['text/html']!r}))",
                execution_count=1,
                outputs=[shows(200, 90)],
            )
        ],
        "Picture 1 does not look like the stored one",
    ),
    "exercise without its lesson": ([stored("check.gram(gram)")], "What stands above gram could not be tried"),
    "network": ([stored("import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=1)")], "offline"),
    "network, hidden": (
        [stored("import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError:\n    pass")],
        "tried to reach the network",
    ),
    "datagram": (
        [
            stored(
                "import socket\ntry:\n    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1',"
                " 9))\nexcept OSError:\n    pass"
            )
        ],
        "tried to reach the network",
    ),
    "name": (
        [stored("import socket\ntry:\n    socket.gethostbyname('localhost.example')\nexcept OSError:\n    pass")],
        "tried to reach the network",
    ),
}
GOOD = [
    stored("print(1);", "1\n"),
    stored("import time; time.sleep(1.5)"),
    stored("1 + 1;"),
    stored("1 / 0", tags=["raises-exception", "nbval-ignore-output"]),
    stored(
        "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()).close()"
    ),
]


def test_bad_notebooks_fail(tmp_path):
    for name, (cells, _) in BAD.items():
        nbformat.write(V4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    result = run_pytest(tmp_path, "--no-header")
    assert f"{len(BAD)} failed" in result.stdout and "passed" not in result.stdout.splitlines()[-1], result.stdout
    for name, (_, message) in BAD.items():
        assert message in result.stdout, name


def test_good_notebooks_pass_however_slow_the_machine(tmp_path):
    nbformat.write(V4.new_notebook(cells=GOOD), tmp_path / "good.ipynb")
    result = run_pytest(tmp_path, "--nbval-cell-timeout=0.01", "--nbval-kernel-startup-timeout=0.01")
    assert f"{len(GOOD)} passed" in result.stdout and result.returncode == 0, result.stdout


def without_browser(folder):
    """A PATH with no program in it; browsers in fixed places remain."""
    import browser

    if any(os.path.exists(place) for place in browser.PLACES):
        pytest.fail(
            "This machine has a browser in a fixed place: the rule for machines without one cannot be tried here."
        )
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    "processes, cores, each", [(2, 2, "1"), (2, 8, "4"), (3, 2, "1"), (0, 8, None), (None, 8, None)]
)
def test_several_processes_share_the_cores(monkeypatch, processes, cores, each):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    monkeypatch.setattr(os, "environ", {})
    conftest.pytest_configure(SimpleNamespace(option=SimpleNamespace(numprocesses=processes)))
    assert os.environ.get("OMP_NUM_THREADS") == each


@pytest.mark.parametrize("processes", [0, 2])
def test_without_a_browser_the_last_line_says_so(tmp_path, processes):
    """Also where the counts come from two processes, as the table of what was tried does."""
    result = run_pytest(
        f"-n{processes}",
        "tests/test_browser.py",
        "tests/test_bad_files.py",
        "-k",
        "lesson_0 or never_executed",
        CI="",
        **without_browser(tmp_path),
    )
    assert result.returncode == 0 and "4 passed" in result.stdout and "28  files with code in them" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Left out: 1 tests in a browser. Install Chromium")


def test_on_ci_a_missing_browser_is_a_failure(tmp_path):
    result = run_pytest("tests/test_browser.py", "-k", "lesson_0", CI="true", **without_browser(tmp_path))
    assert (
        result.returncode == 1
        and "No Chromium, Chrome or Edge is installed" in result.stdout
        and "skipped" not in result.stdout
    )


def test_what_was_not_chosen_is_not_missed(tmp_path):
    result = run_pytest(
        "tests/test_browser.py", "tests/test_environment.py", "-k", "all_is_there", CI="", **without_browser(tmp_path)
    )
    assert result.returncode == 0 and "Left out" not in result.stdout
