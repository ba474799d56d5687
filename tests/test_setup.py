"""The set-up: standard library only, never takes a half-made environment for a whole one, can be interrupted and repeated."""
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from course_utils import setup
from course_utils.setup import ROOT, SetupError, ensure, missing, requirements, satisfied

PROJECT = '[project]\nname = "tiny"\ndependencies = [\n    "no-such-thing>=1.2,<3",\n]\n\n[project.optional-dependencies]\ntest = [\n    "no-test-thing>=1",\n]\n'


def test_requirements_are_those_of_pyproject():
    try:
        import tomllib
    except ImportError:
        tomllib = pytest.importorskip("tomli")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert requirements() == project["dependencies"]
    assert requirements("test") == project["dependencies"] + project["optional-dependencies"]["test"]
    assert missing("test") == []


@pytest.mark.parametrize("requirement", ["a>=1.2", "a>=1.2,<2", "a<2", "a>1.2", "a<=1.10", "a", "a>=2024.1"])
@pytest.mark.parametrize("version", ["1.2", "1.2.0", "1.10", "2.0", "2.0.0", "0.9.9", "1.3+cpu", "2024.3.1"])
def test_ranges_agree_with_packaging(requirement, version, monkeypatch):
    monkeypatch.setattr(setup.importlib.metadata, "version", lambda name: version)
    assert satisfied(requirement) == Requirement(requirement).specifier.contains(version)


def test_a_folder_without_metadata_is_missing(monkeypatch):
    monkeypatch.setattr(setup.importlib.metadata, "version", lambda name: None)
    assert not satisfied("a>=1")


def test_what_is_not_installed_is_missing():
    assert not satisfied("no-such-thing>=1")


def test_before_the_set_up_only_the_standard_library_is_imported():
    code = ("import sys; before = set(sys.modules); import course_utils.__main__; course_utils.__main__.parser(); "
            "new = {name.split('.')[0] for name in set(sys.modules) - before} - {'course_utils'}; "
            "print(sorted(new - sys.stdlib_module_names))")
    result = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [[], ["lab"], ["test"], ["run"], ["transfer"]])
def test_help_needs_no_set_up(command):
    result = subprocess.run([sys.executable, "-S", "-m", "course_utils", *command, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0 and result.stdout.startswith("usage: python3 -m course_utils") and not result.stderr


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project, and in place of pip a function that 'installs' by writing the metadata of its packages."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    calls = []

    def pip(command):
        calls.append([str(part) for part in command])
        if isinstance(outcomes and outcomes[0], BaseException):
            raise outcomes.pop(0)
        site = next(Path(tmp_path, ".venv").rglob("site-packages"))
        for package in re.findall(r"no-\w+-thing", (tmp_path / "pyproject.toml").read_text()):
            folder = site / f"{package.replace('-', '_')}-2.5.dist-info"
            folder.mkdir(exist_ok=True)
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.5\n")

    outcomes = []
    monkeypatch.setattr(setup, "_pip", pip)
    return tmp_path, calls, outcomes, []


def test_sets_up_once_and_completes_later(project):
    root, calls, _, said = project
    python = ensure("run", root, said.append)
    assert python.exists() and str(root) in str(python) and len(calls) == 1
    assert any("1/2" in line for line in said) and said[-1] == "Set-up complete."
    said.clear()
    for group in ("run", "test"):                           # one installation serves both
        assert ensure(group, root, said.append) == python and len(calls) == 1 and said == []
    add_requirement(root)                                   # completed, not made anew
    ensure("run", root, said.append)
    assert len(calls) == 2 and "completing" in said[0]
    ensure("run", root, said.append)
    assert len(calls) == 2


def add_requirement(root):
    """What a newer version of the course may do."""
    (root / "pyproject.toml").write_text(PROJECT.replace('[\n', '[\n    "no-new-thing>=2",\n', 1))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SetupError("The installation failed")])
def test_an_interrupted_set_up_is_made_anew(project, error):
    root, calls, outcomes, said = project
    outcomes.append(error)
    with pytest.raises(type(error)):
        ensure("run", root, said.append)
    half = root / ".venv" / "left_over"
    half.touch()
    assert not (root / ".venv" / "complete").exists()
    ensure("run", root, said.append)
    assert not half.exists() and any("made anew" in line or "making it anew" in line for line in said) and len(calls) == 2


def test_an_interrupted_completion_is_made_anew(project):
    root, calls, outcomes, said = project
    ensure("run", root, said.append)
    add_requirement(root)
    outcomes.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        ensure("run", root, said.append)
    assert not (root / ".venv" / "complete").exists()


def test_a_refused_completion_keeps_what_was_whole(project):
    """Offline, say: pip gives up in good order."""
    root, calls, outcomes, said = project
    python = ensure("run", root, said.append)
    add_requirement(root)
    outcomes.append(SetupError("no network"))
    with pytest.raises(SetupError):
        ensure("run", root, said.append)
    (root / "pyproject.toml").write_text(PROJECT)
    assert ensure("run", root, said.append) == python and len(calls) == 2


def test_somebody_elses_environment_is_left_alone(project):
    root, calls, _, said = project
    (root / ".venv").mkdir()
    (root / ".venv" / "mine.txt").touch()
    with pytest.raises(SetupError, match="was not made by the course"):
        ensure("run", root, said.append)
    assert (root / ".venv" / "mine.txt").exists() and calls == []


def test_two_at_once(project):
    """The second waits for the first and installs nothing."""
    root, calls, _, said = project
    threads = [threading.Thread(target=ensure, args=("run", root, said.append)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(calls) == 1 and any("waiting" in line for line in said)


def test_without_ensurepip_the_running_pip_helps(project, monkeypatch):
    root, calls, _, said = project
    original = setup.importlib.util.find_spec
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else original(name))
    ensure("run", root, said.append)
    assert calls[0][1:5] == ["-m", "pip", "install", "--target"] and calls[0][-1] == "pip" and "site-packages" in calls[0][-2]
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    (root / ".venv" / "complete").unlink()
    with pytest.raises(SetupError, match="neither ensurepip nor pip"):
        ensure("run", root, said.append)


def test_a_failed_installation_is_one_sentence(monkeypatch):
    with pytest.raises(SetupError, match="repeat the command"):
        setup._pip([sys.executable, "-c", "raise SystemExit(3)"])


def test_old_python_is_refused(monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 1))
    with pytest.raises(SetupError, match="3.10 or newer"):
        ensure("run")
