"""Fixtures, nbval's repairs, and the rule for machines without a browser."""
import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import browser
import nbval_repairs  # noqa: F401  (changes nbval where it is imported)

LEFT_OUT = pytest.StashKey()


@pytest.fixture(scope="session")
def net():
    from course_utils.vgg import vgg19
    return vgg19()


@pytest.fixture
def break_cost(monkeypatch):
    """break_cost(call, value): from now on, that evaluation of the cost returns that value."""
    from course_utils.transfer import Cost
    original, calls = Cost.__call__, []

    def apply(call, broken):
        def breaks(*arguments):
            calls.append(arguments)
            value, gradient, losses = original(*arguments)
            return (broken if len(calls) == call else value), gradient, losses
        monkeypatch.setattr(Cost, "__call__", breaks)
    return apply


@pytest.hookimpl(trylast=True)             # after -k and -m have chosen
def pytest_collection_modifyitems(config, items):
    """Where no browser is installed, leave its tests out and say so at the end; on CI they run, and fail."""
    needs = [item for item in items if item.get_closest_marker("browser")]
    if needs and browser.find() is None and os.environ.get("CI", "").lower() not in ("1", "true"):
        config.hook.pytest_deselected(items=needs)
        items[:] = [item for item in items if item not in needs]
        config.stash[LEFT_OUT] = len(needs)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    if count := config.stash.get(LEFT_OUT, 0):
        print(f"Left out: {count} tests in a browser. Install Chromium, Chrome or Edge (Debian, Ubuntu: apt install chromium) "
              "and run the tests again.")
