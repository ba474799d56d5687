"""Fixtures, nbval's repairs, the rings of tests, and the rule for machines without a browser."""

import collections
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

os.environ["COURSE_UTILS_PROGRESS"] = "off"  # what a maintainer has solved changes no cell

import nbval.plugin

import browser
import nbval_repairs  # noqa: F401  (changes nbval where it is imported)

LEFT_OUT, TALLY = pytest.StashKey(), pytest.StashKey()
NO_BROWSER = "tests in a browser"
LONGEST = [
    "06_style_transfer",
    "07_full_speed",
    "test_browser",
    "test_interruptions",
    "test_browser_pages",
    "05_style_cost",
    "03_weight_normalization",
    "01_what_a_layer_sees",
    "04_content_cost",
    "08_studio",
    "test_widgets_lesson8",
    "test_repairs",
    "test_grading",
    "test_nbgrader",
    "test_means",
    "test_commands",
    "test_handout",
    "test_slides",
    "test_teaching",
    "test_transfer",
    "test_transport",
    "test_bad_pictures",
]


@pytest.fixture(scope="session")
def net():
    from course_utils.vgg import vgg19

    return vgg19()


@pytest.fixture
def break_cost(monkeypatch):
    """break_cost(call, value): from now on, that evaluation of the cost returns that value."""
    from course_utils.cost import Cost

    original, calls = Cost.__call__, []

    def apply(call, broken):
        def breaks(*arguments):
            calls.append(arguments)
            value, gradient, losses = original(*arguments)
            return (broken if len(calls) == call else value), gradient, losses

        monkeypatch.setattr(Cost, "__call__", breaks)

    return apply


def pytest_xdist_auto_num_workers(config):
    """Two processes for a run of all files; a named file runs here."""
    return 0 if config.args_source is config.ArgsSource.ARGS else 2


def pytest_configure(config):
    """Several processes share the cores, unless OMP_NUM_THREADS is set."""
    if processes := getattr(config.option, "numprocesses", None):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // processes)))


def pytest_addoption(parser):
    parser.addoption(
        "--quick",
        action="store_true",
        help="only what needs no browser, kernel or other process, and no more than a second or two",
    )


@pytest.hookimpl(trylast=True)  # after -k and -m have chosen
def pytest_collection_modifyitems(config, items):
    """Leave out what the quick ring leaves out and, where no browser is installed, the tests in one: on CI these run,
    and fail.
    """
    rings = {}
    if config.getoption("quick"):
        rings = {
            "cells of notebooks": lambda item: isinstance(item, nbval.plugin.IPyNbCell),
            **{
                words: lambda item, mark=mark: item.get_closest_marker(mark)
                for mark, words in (
                    ("browser", "tests in a browser"),
                    ("process", "tests with other processes"),
                    ("long", "long tests"),
                )
            },
        }
    elif browser.find() is None and os.environ.get("CI", "").lower() not in ("1", "true"):
        rings = {NO_BROWSER: lambda item: item.get_closest_marker("browser")}
    for words, belongs in rings.items():
        if gone := [item for item in items if belongs(item)]:
            config.hook.pytest_deselected(items=gone)
            items[:] = [item for item in items if not belongs(item)]
            config.stash.setdefault(LEFT_OUT, {})[words] = len(gone)
    # the longest first, so that two processes end at about the same time
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(autouse=True)
def quick_stays_quick(request, monkeypatch):
    """In the quick ring a test that starts a process has forgotten its mark."""
    if request.config.getoption("quick"):

        def refuse(*arguments, **options):
            pytest.fail("This test starts another process: mark it with pytest.mark.process.")

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
        monkeypatch.setattr(os, "fork", refuse, raising=False)


@pytest.fixture(scope="session")
def tally(request):
    """tally("damaged pictures", 300): counts what a test has tried, by kind; the end of the run prints the table."""
    counts = request.config.stash.setdefault(TALLY, collections.Counter())
    return lambda kind, number=1: counts.update({kind: number})


def pytest_sessionfinish(session):
    """Each of the two processes hands its counts to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput.update(
            left_out=session.config.stash.get(LEFT_OUT, {}), tally=dict(session.config.stash.get(TALLY, {}))
        )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    given = getattr(node, "workeroutput", {})
    node.config.stash.setdefault(LEFT_OUT, {}).update(given.get("left_out", {}))
    node.config.stash.setdefault(TALLY, collections.Counter()).update(given.get("tally", {}))


def pytest_terminal_summary(terminalreporter, config):
    if counts := config.stash.get(TALLY, None):
        terminalreporter.section("tried by kind")
        for kind, number in sorted(counts.items()):
            terminalreporter.line(f"{number:7,}  {kind}")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """The last line says what was left out."""
    if counts := config.stash.get(LEFT_OUT, None):
        left_out = ", ".join(f"{number} {words}" for words, number in counts.items())
        print(
            f"Left out: {left_out}. "
            + (
                "Run all of them with `python3 -m course_utils test`."
                if config.getoption("quick")
                else "Install Chromium, Chrome or Edge (Debian, Ubuntu: apt install chromium) and run the tests again."
            )
        )
