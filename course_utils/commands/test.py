"""`test`: all the tests, or the quick ones."""

import os
import sys

from course_utils.commands.processes import environment, go_on_as
from course_utils.commands.refusals import fail
from course_utils.paths import ROOT


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "test",
        help="run all the tests",
        description=(
            "Run all the tests: the package, every notebook "
            "and, where a Chromium, Chrome or Edge is installed, the course in a real browser."
        ),
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only the tests that need no browser, kernel or other process, and no more than a second or two",
    )
    parser.add_argument(
        "pytest", nargs="*", metavar="ARGUMENT", help="arguments for pytest, after a `--`, such as: -- -k transfer -x"
    )
    parser.set_defaults(function=run)


def run(options):
    if not (ROOT / "tests").is_dir():
        return fail(
            "This copy of the course has no tests: run them in the whole course, which has the folder tests/.", 2
        )
    os.chdir(ROOT)
    # the repairs of nbval are named here, so that they also apply to a single notebook
    path = os.pathsep.join([str(ROOT / "tests"), environment()["PYTHONPATH"]])
    return go_on_as(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            "pyproject.toml",
            "-p",
            "nbval_repairs",
            *["--quick"] * options.quick,
            *options.pytest,
        ],
        {**environment(), "PYTHONPATH": path},
    )
