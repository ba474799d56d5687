"""The set-up: standard library only, never takes a half-made environment for a whole one, can be interrupted and
repeated.
"""

import errno
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from course_utils import __main__, lock, setup
from course_utils.lock import alone
from course_utils.paths import ROOT
from course_utils.setup import LACKS, READY, SetupError, ensure, missing, requirements, satisfied

PROJECT = (
    '[project]\nname = "tiny"\ndependencies = [\n   '
    ' "no-such-thing>=1.2,<3",\n]\n\n[project.optional-dependencies]\ntest = [\n    "no-test-thing>=1",\n]\n'
)
PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"
posix = pytest.mark.skipif(os.name != "posix", reason="links and rights as POSIX has them")


def test_requirements_are_those_of_pyproject():
    try:
        import tomllib
    except ImportError:
        tomllib = pytest.importorskip("tomli")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert requirements() == project["dependencies"]
    assert requirements("test") == project["dependencies"] + project["optional-dependencies"]["test"]
    assert missing("test") == []


def test_a_course_that_is_not_whole_is_one_sentence(tmp_path):
    with pytest.raises(SetupError, match=r"^The file .*pyproject\.toml cannot be read \(No such file.*\): [^\n]*$"):
        ensure("run", tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("requirement", ["a>=1.2", "a>=1.2,<2", "a<2", "a>1.2", "a<=1.10", "a", "a>=2024.1"])
@pytest.mark.parametrize("version", ["1.2", "1.2.0", "1.10", "2.0", "2.0.0", "0.9.9", "1.3+cpu", "2024.3.1"])
def test_ranges_agree_with_packaging(requirement, version, monkeypatch):
    monkeypatch.setattr(setup.importlib.metadata, "version", lambda name: version)
    assert satisfied(requirement) == Requirement(requirement).specifier.contains(version)


@pytest.mark.parametrize("version", [None, "", "unknown"])
def test_a_folder_without_metadata_is_missing(monkeypatch, version):
    monkeypatch.setattr(setup.importlib.metadata, "version", lambda name: version)
    assert not satisfied("a>=1")


def test_what_is_not_installed_is_missing():
    assert not satisfied("no-such-thing>=1")


@pytest.mark.process
def test_before_the_set_up_only_the_standard_library_is_imported():
    code = (
        "import sys; before = set(sys.modules); import course_utils.__main__, course_utils.terminal; "
        "import course_utils.commands; course_utils.commands.parser(); "
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - {'course_utils'}; "
        "print(sorted(new - sys.stdlib_module_names))"
    )
    result = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.process
@pytest.mark.parametrize("command", [[], ["lab"], ["test"], ["run"], ["transfer"]])
def test_help_needs_no_set_up(command):
    result = subprocess.run(
        [sys.executable, "-S", "-m", "course_utils", *command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0 and result.stdout.startswith("usage: python3 -m course_utils") and not result.stderr


# --- what is made, completed, made anew or left alone: with an environment of files instead of a real one ---------


class Project:
    """A small project; instead of `python -m venv` and pip there are functions that write a few files."""

    def __init__(self, root, monkeypatch):
        self.root, self.home, self.said, self.commands, self.outcomes = root, root / ".venv", [], [], []
        self.site = self.home / "site-packages"
        (root / "pyproject.toml").write_text(PROJECT)
        monkeypatch.setattr(setup, "_run", self.run)
        monkeypatch.setattr(setup, "_ask", self.ask)

    def run(self, command, lock=None):
        self.commands.append([str(part) for part in command])
        assert lock is not None and os.fstat(lock)  # a child would hold it too
        if "venv" in command:
            python = self.home / PYTHON
            python.parent.mkdir(parents=True)
            python.touch()
            (self.site / "pip").mkdir(parents=True)
            return 0
        if "--target" in command:
            return 0
        if isinstance(outcome := self.outcomes.pop(0) if self.outcomes else 0, BaseException):
            raise outcome
        if outcome == 0:
            for package in re.findall(r"no-\w+-thing", (self.root / "pyproject.toml").read_text()):
                (self.site / package).mkdir(exist_ok=True)
        return max(outcome, 0)  # -1: pip ends well, but the packages are elsewhere

    def ask(self, python, group, root):
        if not python.exists():
            return "has a Python that cannot be started (gone)"
        lacking = [
            requirement
            for requirement in requirements(group, root)
            if not (self.site / requirement.partition(">")[0]).exists()
        ]
        return (
            READY
            if not lacking
            else LACKS + ", ".join(lacking)
            if (self.site / "pip").exists()
            else "has no pip for its Python"
        )

    def ensure(self, group="run"):
        self.said.clear()
        return ensure(group, self.root, self.said.append)

    def installs(self):
        return sum("-e" in command for command in self.commands)

    def needs_more(self):
        """What a newer version of the course may do."""
        (self.root / "pyproject.toml").write_text(PROJECT.replace("[\n", '[\n    "no-new-thing>=2",\n', 1))


@pytest.fixture
def project(tmp_path, monkeypatch):
    yield Project(tmp_path, monkeypatch)
    assert not (tmp_path / ".venv.lock").exists()


def test_sets_up_once_and_completes_later(project):
    python = project.ensure()
    assert python == project.home / PYTHON and project.installs() == 1
    assert any("1/2" in line for line in project.said) and project.said[-1] == "Set-up complete."
    for group in ("run", "test"):  # one installation serves both
        assert project.ensure(group) == python and project.installs() == 1 and project.said == []
    project.needs_more()  # completed, not made anew
    keepsake = project.home / "keepsake"
    keepsake.touch()
    assert (
        project.ensure() == python and project.installs() == 2 and "completing" in project.said[0] and keepsake.exists()
    )
    assert project.ensure() == python and project.installs() == 2


def test_the_running_python_is_enough():
    assert ensure("test") is None


@pytest.mark.parametrize("outcome", [KeyboardInterrupt(), 1])
def test_an_interrupted_set_up_is_made_anew(project, outcome):
    project.outcomes.append(outcome)
    with pytest.raises(KeyboardInterrupt if outcome != 1 else SetupError):
        project.ensure()
    half = project.home / "left_over"
    half.touch()
    assert not (project.home / "complete").exists()
    project.ensure()
    assert (
        not half.exists()
        and any("was not finished last time; making it anew" in line for line in project.said)
        and project.installs() == 2
    )


def test_an_interrupted_completion_is_made_anew(project):
    project.ensure()
    project.needs_more()
    project.outcomes.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        project.ensure()
    assert not (project.home / "complete").exists()


@pytest.mark.parametrize(
    "outcome, message",
    [(1, "check the network"), (-1, "has ended well, but .venv lacks no-new-thing>=2: look with .*config list")],
)
def test_a_refused_completion_keeps_what_was_whole(project, outcome, message):
    """Offline, say, pip gives up in good order; or its settings send the packages elsewhere."""
    python = project.ensure()
    project.needs_more()
    project.outcomes.append(outcome)
    with pytest.raises(SetupError, match=message):
        project.ensure()
    (project.root / "pyproject.toml").write_text(PROJECT)
    assert project.ensure() == python and project.installs() == 2


def test_packages_that_went_elsewhere_are_no_whole_environment(project):
    project.outcomes.append(-1)
    with pytest.raises(SetupError, match="lacks no-such-thing>=1.2,<3, no-test-thing"):
        project.ensure()
    assert not (project.home / "complete").exists()


def break_python(home):
    (home / PYTHON).unlink()


def break_pip(home):
    (home / "site-packages" / "pip").rmdir()
    (home / "site-packages" / "no-such-thing").rmdir()


@pytest.mark.parametrize("breaks, reason", [(break_python, "cannot be started"), (break_pip, "has no pip")])
def test_ours_is_made_anew_where_it_is_of_no_use(project, breaks, reason, tally):
    python = project.ensure()
    breaks(project.home)
    tally("broken environments")
    assert project.ensure() == python and re.fullmatch(
        rf"Setting up: \.venv {reason if 'pip' in reason else 'has a Python that ' + reason}.*; making it anew\.",
        project.said[0],
    )
    assert project.installs() == 2
    assert project.ensure() == python and project.installs() == 2


@pytest.mark.parametrize(
    "breaks, reason",
    [(break_python, "has a Python that cannot be started"), (break_pip, "has no pip"), (None, "lacks no-new-thing")],
)
def test_somebody_elses_environment_is_left_alone(project, breaks, reason, tally):
    python = project.ensure()
    for name in ("complete", "made_by_course_utils"):
        (project.home / name).unlink()
    assert project.ensure() == python  # it lacks nothing: it will do
    breaks(project.home) if breaks else project.needs_more()
    before = sorted(project.home.rglob("*"))
    tally("broken environments")
    with pytest.raises(
        SetupError, match=f"was not made by the course and {reason}.*remove or rename it.*repeat the command"
    ) as caught:
        project.ensure()
    assert (
        sorted(project.home.rglob("*")) == before
        and project.installs() == 1
        and ("pip install -e" in str(caught.value)) == (breaks is None)
    )


def test_a_file_instead_of_the_folder(project):
    project.home.write_text("mine")
    with pytest.raises(SetupError, match="was not made by the course"):
        project.ensure()
    assert project.home.read_text() == "mine"


def test_stopped_before_its_first_file(project):
    project.home.mkdir()
    assert project.ensure() and project.installs() == 1


@posix
@pytest.mark.parametrize("exists", [False, True])
def test_a_link_to_another_disk_stays_one(project, exists):
    place = project.root / "elsewhere"
    project.home.symlink_to(place)
    if exists:
        place.mkdir()
    assert project.ensure() and (place / "complete").exists()
    break_python(project.home)
    assert project.ensure() and project.home.is_symlink() and (place / "complete").exists() and project.installs() == 2


def test_half_emptied_is_still_ours(project, monkeypatch):
    """Stopped while the old environment is removed: our mark goes last."""
    project.ensure()
    break_python(project.home)
    (project.home / "pyvenv.cfg").touch()

    def stop(entry):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup.shutil, "rmtree", stop)
        patch.setattr(
            Path, "iterdir", lambda path: iter([path / "made_by_course_utils", path / "pyvenv.cfg", path / "bin"])
        )
        with pytest.raises(KeyboardInterrupt):
            project.ensure()
    assert (project.home / "made_by_course_utils").exists() and not (project.home / "complete").exists()
    assert project.ensure() and project.installs() == 2


def test_two_at_once(project):
    """The second waits for the first and installs nothing."""
    threads = [threading.Thread(target=ensure, args=("run", project.root, project.said.append)) for _ in range(2)]
    held = alone(project.root / ".venv.lock", lambda: None, None)
    with held:
        for thread in threads:
            thread.start()
        while sum("waiting" in line for line in project.said) < 2:
            threading.Event().wait(0.01)
    for thread in threads:
        thread.join()
    assert project.installs() == 1


def test_without_ensurepip_the_running_pip_helps(project, monkeypatch):
    original = setup.importlib.util.find_spec
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else original(name))
    project.ensure()
    made, helped, _ = project.commands
    assert (
        "--without-pip" in made
        and helped[1:5] == ["-m", "pip", "install", "--target"]
        and helped[-1] == "pip"
        and "site-packages" in helped[-2]
    )
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    (project.home / "complete").unlink()
    with pytest.raises(SetupError, match="neither ensurepip nor pip"):
        project.ensure()


def test_a_failed_installation_is_one_sentence(monkeypatch):
    monkeypatch.setattr(setup, "_run", lambda command, lock: 3)
    with pytest.raises(SetupError, match="check the network.*pip's own settings.*repeat the command"):
        setup._pip(["python"])


def test_old_python_is_refused(monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 1))
    with pytest.raises(SetupError, match="3.10 or newer"):
        ensure("run")


# --- what the surroundings bring along ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.EROFS, "Read-only file system"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
@pytest.mark.parametrize("call", ["open", "mkdir"])
def test_a_folder_that_cannot_be_written(project, monkeypatch, error, call, tally):
    def refuse(path, *_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(*(lock.os, "open") if call == "open" else (Path, "mkdir"), refuse)
        with pytest.raises(SetupError, match=rf"cannot write to the folder .*\({error.strerror}\).*repeat the command"):
            project.ensure()
    tally("surroundings of the set-up")
    assert not project.home.exists() and project.ensure()


@posix
def test_a_file_system_without_locks(project, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert project.ensure() and "has no locks (No locks available)" in project.said[0]


def test_inherited_settings_stay_outside(monkeypatch, tally):
    settings = {
        "PYTHONPATH": "/ros/dist-packages",
        "PYTHONHOME": "/opt/python",
        "PIP_TARGET": "x",
        "PIP_PREFIX": "x",
        "PIP_ROOT": "x",
        "PIP_USER": "1",
    }
    for name, value in {**settings, "PIP_INDEX_URL": "https://mirror.example"}.items():
        monkeypatch.setenv(name, value)
    variables = setup.own_variables()
    assert variables["PIP_USER"] == "0" and variables["PIP_INDEX_URL"] == "https://mirror.example"
    assert not set(settings) - {"PIP_USER"} & set(variables)
    tally("surroundings of the set-up", len(settings))


def test_an_older_package_on_the_path_does_not_win(tmp_path, monkeypatch):
    """The process that goes on in the environment sees neither the user's PYTHONPATH nor our question again."""
    gone_on = []
    monkeypatch.delenv(__main__.INSIDE, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(setup, "ensure", lambda *_, **__: Path("/course/.venv/bin/python"))
    monkeypatch.setattr(
        "course_utils.commands.processes.go_on_as", lambda command, variables: gone_on.append((command, variables)) or 0
    )
    assert __main__.main(["test", "--quick"]) == 0
    ((command, variables),) = gone_on
    assert (
        command[1:] == ["-m", "course_utils", "test", "--quick"]
        and variables["PYTHONPATH"] == str(ROOT)
        and variables[__main__.INSIDE] == "1"
    )


def test_a_lock_is_waited_for_and_goes(tmp_path):
    path, busy = tmp_path / "lock", []
    with alone(path, busy.append, None) as handle:
        child = os.dup(handle)  # as a child process that inherits it
        with (
            pytest.raises(RuntimeError, match="busy"),
            alone(path, lambda: (_ for _ in ()).throw(RuntimeError("busy")), None),
        ):
            pass
    assert not path.exists()
    with alone(path, busy.append, None):  # another file of the same name, though the child still holds the old one
        pass
    os.close(child)
    path.touch()  # what a kill leaves holds nobody up
    with alone(path, busy.append, None):
        assert path.exists()
    assert not path.exists() and busy == []


def test_a_lock_whose_file_its_holder_removed(tmp_path, monkeypatch):
    """The file was opened before its holder removed it: the next must not hold another one of that name."""
    path, original, calls = tmp_path / "lock", lock._hold, []

    def hold(handle, note):
        if not calls.append(handle) and len(calls) == 1:
            path.unlink()  # by the holder, in the moment between
        return original(handle, note)

    monkeypatch.setattr(lock, "_hold", hold)
    with alone(path, None, None) as handle:
        assert len(calls) == 2 and os.path.samestat(os.fstat(handle), os.stat(path))


# --- a real environment -------------------------------------------------------------------------------------------


def install(root, *packages):
    site = next((root / ".venv").rglob("site-packages"))
    for package in packages:
        folder = site / f"{package.replace('-', '_')}-2.5.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.5\n")


@pytest.mark.process
@posix
def test_a_real_environment(tmp_path, monkeypatch, tally):
    """As `python -m venv` makes it, and asked with its own packages only, whatever the user's settings are."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "older" / "no_such_thing-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "older" / "no_such_thing-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: no-such-thing\nVersion: 1.0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "older"))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setattr(setup, "_pip", lambda command, lock: install(tmp_path, "no-such-thing", "no-test-thing"))
    home, said = tmp_path / ".venv", []
    python = ensure("run", tmp_path, said.append)
    assert (
        python == home / PYTHON and python.is_symlink() and (home / "complete").exists()
    )  # a copy may not find its library
    assert setup._ask(python, "test", tmp_path) == READY and ensure("test", tmp_path) == python
    assert (
        subprocess.run([python, "-m", "pip", "--version"], env=setup.own_variables(), capture_output=True).returncode
        == 0
    )

    (tmp_path / "pyproject.toml").write_text(PROJECT.replace("[\n", '[\n    "no-new-thing>=2",\n', 1))
    assert setup._ask(python, "run", tmp_path) == "lacks no-new-thing>=2"
    next(home.rglob("site-packages/pip")).rename(tmp_path / "pip")
    assert re.fullmatch(r"has no pip for its Python \d+\.\d+\.\d+\S*", setup._ask(python, "run", tmp_path))

    other = tmp_path / "program"
    for contents, reason in (
        (None, "No such file"),
        (b"", "No such file|exit code|Exec format"),
        (b"\x7fELF", "Exec format"),
        (b"#!/bin/sh\necho cannot open shared object file >&2; exit 127", "cannot open shared object file"),
        (b"#!/bin/sh\n", "exit code 0"),
    ):
        other.write_bytes(contents or b"")
        other.chmod(0o755)
        python.unlink()
        python.symlink_to(other if contents is not None else tmp_path / "gone")
        assert re.fullmatch(
            rf"has a Python that cannot be started \(.*({reason}).*\)", setup._ask(python, "run", tmp_path)
        )
        tally("broken environments")
    other.chmod(0o644)
    assert setup._ask(python, "run", tmp_path) == "has a Python that cannot be started (Permission denied)"
    with pytest.raises(SetupError, match="cannot be started .*Permission denied.*repeat the command"):
        setup._run([python])
