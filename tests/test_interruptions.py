"""Whatever stops a command, and whenever: the same command works afterwards, and nothing has to be cleaned by hand."""

import json
import os
import subprocess
import sys

import pytest

from course_utils.paths import ROOT

pytestmark = [
    pytest.mark.process,
    pytest.mark.long,
    pytest.mark.skipif(os.name != "posix", reason="kills, forks and limits of files are POSIX's"),
]


def test_sixty_six_interruptions(tally):
    """tests/interruptions.py says what is done: kill -9, Ctrl-C, a full disk and a folder that is gone, at random
    moments.
    """
    process = subprocess.Popen(
        [sys.executable, "tests/interruptions.py", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    out, err = process.communicate()
    *trials, last = map(json.loads, out.splitlines())
    assert process.returncode == 0 and last == {"trials": 66} and len(trials) == 66, err
    wrong = [trial for trial in trials if trial["problems"]]
    for trial in trials:
        tally(f"interruptions: {trial['command']}, {trial['how']}")
    assert wrong == []
