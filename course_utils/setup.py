"""Set up what is missing. Standard library only: this runs on a bare Python, before torch is there.

`ensure(group)` returns the Python that has everything: the running one if it does, else that of `.venv`, which is
made beside the notebooks. `.venv` counts as whole only once the file `complete` stands in it; that file is
removed before every installation and written after it, so an interrupted set-up is made anew and never used.
"""
import ast
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED_GB = 8           # PyTorch's build for Linux brings CUDA along


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
        version = _numbers(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False
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
        SetupError: no pip, a failed installation; the message says what to do.
    """
    if sys.version_info < (3, 10):
        raise SetupError(f"The course needs Python 3.10 or newer; this is {sys.version.split()[0]}: install a newer one.")
    if not missing(group, root):
        return Path(sys.executable)
    home = root / ".venv"
    python, complete = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"), home / "complete"
    if complete.exists() and python.exists():
        if not _lacks(python, group, root):
            return python
        say("Setting up: the environment in .venv lacks something; completing it.")
    else:
        _create(home, python, say)
    complete.unlink(missing_ok=True)
    _install(python, group, root, say)
    complete.write_text("This environment was installed to the end.\n", encoding="utf-8")
    say("Set-up complete.")
    return python


def _numbers(version):
    """(1, 26, 4) of '1.26.4.post1+cpu': enough to compare releases."""
    return tuple(int(part) for part in re.match(r"\d+(?:\.\d+)*", version)[0].split("."))


def _lacks(python, group, root):
    """Whether another interpreter lacks something: it is asked the same question."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; " \
           f"from course_utils.setup import missing; sys.exit(bool(missing({group!r}, Path({str(root)!r}))))"
    return subprocess.run([python, "-c", code]).returncode != 0


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
        venv.create(home, with_pip=with_pip, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"The environment {home} could not be made ({error}): check that the folder can be written, "
                         "and on Debian or Ubuntu that python3-venv is installed.") from error
    if not with_pip:        # Debian without python3-venv: this interpreter's pip puts one there
        _pip([sys.executable, "-m", "pip", "--python", str(python), "install", "pip"])


def _install(python, group, root, say):
    say("Setting up 2/2: installing PyTorch, JupyterLab and the rest from the package index. This happens once and "
        "takes minutes (on Linux some 5 GB are downloaded); interrupt it if you must, and repeat the command later.")
    target = f"{root}[test]" if group == "test" else str(root)
    _pip([python, "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location", "-e", target])


def _pip(command):
    if subprocess.run([str(part) for part in command]).returncode != 0:
        raise SetupError("The installation failed, see above: check the network and the free disk space, then repeat the command.")
