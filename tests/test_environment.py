"""The environment check names each missing thing with its fix, and works without the packages."""

import subprocess
import sys

import pytest

from course_utils import environment, images, paths, vgg
from course_utils.environment import check_environment
from course_utils.paths import ROOT


def test_all_is_there(capsys):
    assert check_environment() and capsys.readouterr().out.count("✓") == 5


@pytest.mark.parametrize(
    "what, breaks, fix",
    [
        (
            "Python",
            lambda patch, tmp: patch.setattr(environment.sys, "version_info", (3, 8, 1)),
            "install a newer Python",
        ),
        (
            "packages",
            lambda patch, tmp: patch.setattr(environment, "missing", lambda group: ["torch>=2.4"]),
            '-m pip install "torch>=2.4"',
        ),
        ("weights", lambda patch, tmp: patch.setattr(vgg, "CAFFE_SHA256", "0"), "pip install --force-reinstall"),
        ("photos", lambda patch, tmp: patch.setattr(paths, "DATA", tmp), "git checkout -- data"),
        ("folder", lambda patch, tmp: patch.setattr(paths, "BUILD", tmp / "no" / "such"), "The notebooks write to"),
    ],
)
def test_each_missing_thing_is_named_with_its_fix(what, breaks, fix, monkeypatch, tmp_path, capsys):
    images.catalogue()
    breaks(monkeypatch, tmp_path)
    assert not check_environment()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("✗") and what in last and fix in last


@pytest.mark.process
def test_works_on_a_bare_python():
    result = subprocess.run(
        [sys.executable, "-S", "-c", "from course_utils.environment import check_environment; check_environment()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and "✗ the Python packages: run `" in result.stdout and "jupyterlab" in result.stdout
