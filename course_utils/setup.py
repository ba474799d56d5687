"""Set up what is missing. Standard library only: this runs on a bare Python, before torch is there.

`ensure(group)` returns a Python that has everything: the running one if it does, else that of `.venv`, which is made
beside the notebooks. Two files in `.venv` say what it is: `made_by_course_utils` from its first moment, `complete` once the
installation has come to its end. One without `complete` is made anew, one without either is somebody else's and left alone.
"""
import ast
import contextlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED_GB = 8           # PyTorch's build for Linux brings CUDA along
OURS, COMPLETE = "made_by_course_utils", "complete"


class SetupError(RuntimeError):
    """The set-up cannot go on; the message is one sentence that says what to do."""


def requirements(group="run", root=ROOT):
    """Requirement strings of pyproject.toml: the dependencies, and for 'test' its extra as well.

    tomllib came with Python 3.11; the lists in our file are Python literals as they stand.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    names = ["dependencies"] + (["test"] if group == "test" else [])
    return [requirement for name in names
            for requirement in ast.literal_eval(re.search(rf"^{name} = (\[.*?\n\])", text, re.S | re.M)[1])]


def satisfied(requirement):
    """True when the running interpreter has the package in the range, of the form 'name>=1.2,<3'."""
    name, limits = re.fullmatch(r"([\w.-]+)((?:,?[<>]=?[\d.]+)*)", requirement.replace(" ", "")).groups()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    if version is None:                     # a folder without metadata, left by an interrupted pip
        return False
    version = _numbers(version)
    for sign, limit in re.findall(r"([<>]=?)([\d.]+)", limits):
        limit = _numbers(limit)
        if not {">=": version >= limit, ">": version > limit, "<": version < limit, "<=": version <= limit}[sign]:
            return False
    return True


def missing(group="run", root=ROOT):
    """Requirements of the group that the running interpreter lacks."""
    return [requirement for requirement in requirements(group, root) if not satisfied(requirement)]


def ensure(group="run", root=ROOT, say=print):
    """Path of a Python that has everything the group needs; installs it into `.venv` where necessary.

    Raises:
        SetupError: no pip, a failed installation, a strange `.venv`; the message says what to do.
    """
    if sys.version_info < (3, 10):
        raise SetupError(f"The course needs Python 3.10 or newer; this is {sys.version.split()[0]}: install a newer one.")
    if not missing(group, root):
        return Path(sys.executable)
    home = root / ".venv"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if _usable(home, python, group, root):
        return python
    with _one_at_a_time(root / ".venv.lock", say):
        if _usable(home, python, group, root):          # another set-up has finished meanwhile
            return python
        whole = (home / COMPLETE).exists()
        if whole:
            say("Setting up: the environment in .venv lacks something; completing it.")
        elif home.exists() and not (home / OURS).exists():
            raise SetupError(f"The folder {home} was not made by the course and lacks packages: remove or rename it, or run "
                             f"`{python} -m pip install -e \"{root}[test]\"`, then repeat the command.")
        else:
            _create(home, python, say)
        _install(python, root, whole, say)
    say("Set-up complete.")
    return python


def _numbers(version):
    """(1, 26, 4) of '1.26.4.post1+cpu': enough to compare releases; trailing zeros do not count."""
    return tuple(int(part) for part in re.sub(r"(\.0+)+$", "", re.match(r"\d+(?:\.\d+)*", version)[0]).split("."))


@contextlib.contextmanager
def _one_at_a_time(path, say):
    """Hold a lock that the system frees even when the process is killed."""
    with open(path, "w", encoding="utf-8") as file:
        if os.name == "posix":
            import fcntl
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another set-up of this course is running; waiting for it …")
                fcntl.flock(file, fcntl.LOCK_EX)
        else:
            import msvcrt
            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)        # gives up after 10 seconds
                    break
                except OSError:
                    say("Another set-up of this course is running; waiting for it …")
        yield


def _usable(home, python, group, root):
    """Whether the environment is whole, or somebody else's, and its interpreter lacks nothing: it is asked the same question."""
    if not python.exists() or ((home / OURS).exists() and not (home / COMPLETE).exists()):
        return False
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; " \
           f"from course_utils.setup import missing; sys.exit(bool(missing({group!r}, Path({str(root)!r}))))"
    return subprocess.run([python, "-c", code]).returncode == 0


def _create(home, python, say):
    """A new, empty environment with pip."""
    if home.exists():
        say("Setting up: .venv was not finished last time; making it anew.")
    free = shutil.disk_usage(home.parent).free / 1e9
    if free < NEEDED_GB:
        say(f"Note: only {free:.1f} GB are free here, and up to {NEEDED_GB} GB may be needed.")
    say(f"Setting up 1/2: making the environment .venv with Python {sys.version.split()[0]} …")
    with_pip = importlib.util.find_spec("ensurepip") is not None
    if not with_pip and importlib.util.find_spec("pip") is None:
        raise SetupError("This Python has neither ensurepip nor pip: install pip first (Debian, Ubuntu: apt install python3-venv).")
    try:
        if home.exists():
            shutil.rmtree(home)
        home.mkdir()
        (home / OURS).touch()
        venv.create(home, with_pip=with_pip)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"The environment {home} could not be made ({error}): check that the folder can be written, "
                         "and on Debian or Ubuntu that python3-venv is installed.") from error
    if not with_pip:        # Debian without python3-venv: this interpreter's pip puts one there
        packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        _pip([sys.executable, "-m", "pip", "install", "--target", packages, "pip"])


def _install(python, root, whole, say):
    """Install everything, the tests' packages too: beside PyTorch they are small."""
    say("Setting up 2/2: installing PyTorch, JupyterLab and the rest from the package index. This happens once and takes "
        "minutes (on Linux a download of several gigabytes); interrupt it if you must, and repeat the command later.")
    complete = root / ".venv" / COMPLETE
    complete.unlink(missing_ok=True)
    try:
        _pip([python, "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location", "-e", f"{root}[test]"])
    except SetupError:
        if whole:               # pip has given up in good order: what was whole before still is
            complete.touch()
        raise
    complete.touch()


def _pip(command):
    if subprocess.run([str(part) for part in command]).returncode != 0:
        raise SetupError("The installation failed, see above: check the network and the free disk space, and whether PyTorch "
                         "exists for this Python and system, then repeat the command.")
