"""Set up what is missing. Standard library only: this runs on a bare Python, before torch is there.

`ensure(group)` finds a Python that has everything: the running one if it does, else that of `.venv`, which is made
beside the notebooks. Two files in `.venv` say what it is: `made_by_course_utils` from its first moment, `complete` once
the installation has come to its end. One without `complete`, or of no use any more, is made anew; one without either is
somebody else's and left alone.
"""

import ast
import errno
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from course_utils.lock import alone
from course_utils.paths import ROOT

OLDEST = (3, 10)  # Python
NEEDED_GB = 8  # PyTorch's build for Linux brings CUDA along
OURS, COMPLETE = "made_by_course_utils", "complete"
WAITING = "Another set-up of this course is running; waiting for it …"
READY, LACKS, ABSENT, UNFINISHED = "has everything", "lacks ", "is not there", "was not finished last time"
# what shows a Python the packages of others, or lets pip install elsewhere or less than it is told to
FOREIGN = {
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONPLATLIBDIR",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_PYTHON",
    "PIP_DRY_RUN",
    "PIP_NO_DEPS",
    "PIP_NO_BUILD_ISOLATION",
    "PIP_REQUIRE_VIRTUALENV",
}


class SetupError(RuntimeError):
    """The set-up cannot go on; the message is one sentence that says what to do."""


def requirements(group="run", root=ROOT):
    """Requirement strings of pyproject.toml: the dependencies, and for 'test' its extra as well.

    tomllib came with Python 3.11; the lists in our file are Python literals as they stand. Raises SetupError.
    """
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"The file {root / 'pyproject.toml'} cannot be read ({error.strerror or error}): "
            "see to that, or unpack the course again, then repeat the command."
        ) from error
    names = ["dependencies"] + (["test"] if group == "test" else [])
    return [
        requirement
        for name in names
        for requirement in ast.literal_eval(re.search(rf"^{name} = (\[.*?\n\])", text, re.S | re.M)[1])
    ]


def satisfied(requirement):
    """True when the running interpreter has the package in the range, of the form 'name>=1.2,<3'."""
    name, limits = re.fullmatch(r"([\w.-]+)((?:,?[<>]=?[\d.]+)*)", requirement.replace(" ", "")).groups()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    if not re.match(r"\d", version or ""):  # a folder without metadata, left by an interrupted pip
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


def own_variables():
    """The environment variables without those that would mix packages of others into `.venv`, or send its own away."""
    return {**{name: value for name, value in os.environ.items() if name not in FOREIGN}, "PIP_USER": "0"}


def ensure(group="run", root=ROOT, say=print):
    """Path of the Python that has everything the group needs, None for the running one; installs it where necessary.

    Raises:
        SetupError: no pip, a failed installation, a strange `.venv`, a folder that cannot be written.
    """
    if sys.version_info < OLDEST:
        raise SetupError(
            f"The course needs Python {_dotted(OLDEST)} or newer; this is {sys.version.split()[0]}: "
            "install a newer one."
        )
    if not missing(group, root):
        return None
    home = root / ".venv"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    try:
        if _state(home, python, group, root) == READY:
            return python
        with alone(root / ".venv.lock", lambda: say(WAITING), say) as lock:
            state = _state(home, python, group, root)
            if state == READY:  # another set-up has finished meanwhile
                return python
            if state != ABSENT and not (home / OURS).exists():
                install = f', or run `{python} -m pip install -e "{root}[test]"`' if state.startswith(LACKS) else ""
                raise SetupError(
                    f"The folder {home} was not made by the course and {state}: "
                    f"remove or rename it{install}, then repeat the command."
                )
            whole = state.startswith(LACKS)
            if whole:
                say("Setting up: the environment in .venv lacks something; completing it.")
            else:
                if state != ABSENT:
                    say(f"Setting up: .venv {state}; making it anew.")
                _create(home, lock, say)
            _install(home, python, root, whole, lock, say)
    except OSError as error:
        raise SetupError(
            f"The set-up cannot write to the folder {root} ({error.strerror or error}): make room there, "
            "or copy the course to a folder that you may write to, then repeat the command."
        ) from error
    say("Set-up complete.")
    return python


def report(group, root):
    """What the running interpreter is good for: READY, LACKS with the names, or what is wrong with it (see `_ask`)."""
    lacking = missing(group, Path(root))
    if not lacking:
        return READY
    try:
        import pip._internal.cli.main  # noqa: F401  (some damaged ones fail here only)
    except ImportError:
        return f"has no pip for its Python {sys.version.split()[0]}"
    return LACKS + ", ".join(lacking)


def _numbers(version):
    """(1, 26, 4) of '1.26.4.post1+cpu': enough to compare releases; trailing zeros do not count."""
    return tuple(int(part) for part in re.sub(r"(\.0+)+$", "", re.match(r"\d+(?:\.\d+)*", version)[0]).split("."))


def _dotted(version):
    return ".".join(map(str, version))


def _state(home, python, group, root):
    """ABSENT, UNFINISHED, or what `_ask` says of the environment."""
    if not home.exists() or home.is_dir() and not any(home.iterdir()):  # or we were stopped before its first file
        return ABSENT
    if (home / OURS).exists() and not (home / COMPLETE).exists():
        return UNFINISHED
    return _ask(python, group, root)


def _ask(python, group, root):
    """READY, LACKS with the names, or what is wrong with an interpreter's environment: words to follow '.venv'."""
    code = (
        "import sys; version = sys.version.split()[0]; "
        f"sys.version_info >= {OLDEST} or sys.exit(print('has the old Python', version)); "
        f"sys.path.insert(0, {str(ROOT)!r}); from course_utils.setup import report; "
        f"print(report({group!r}, {str(root)!r}))"
    )
    try:
        asked = subprocess.run(
            [python, "-c", code],
            env=own_variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        if error.errno in (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE):  # nothing is wrong with it
            raise SetupError(
                f"No process can be started now ({error.strerror}): close other programs, then repeat the command."
            ) from error
        return f"has a Python that cannot be started ({error.strerror})"
    if asked.returncode in (-2, -9, -15):  # SIGINT, SIGKILL, SIGTERM
        raise SetupError(f"{python} was stopped from outside: repeat the command.")
    if asked.returncode or not asked.stdout.strip():
        reason = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        return f"has a Python that cannot be started ({reason[-1]})"
    return asked.stdout.strip().splitlines()[-1]


def _create(home, lock, say):
    """A new environment with pip. What was there goes first, its mark last: a half emptied one is still ours."""
    free = shutil.disk_usage(home.parent).free / 1e9
    if free < NEEDED_GB:
        say(f"Note: only {free:.1f} GB are free here, and up to {NEEDED_GB} GB may be needed.")
    say(f"Setting up 1/2: making the environment .venv with Python {sys.version.split()[0]} …")
    with_pip = importlib.util.find_spec("ensurepip") is not None
    if not with_pip and importlib.util.find_spec("pip") is None:
        raise SetupError(
            "This Python has neither ensurepip nor pip: install pip first (Debian, Ubuntu: apt install python3-venv)."
        )
    place = home.resolve()  # a link to another disk stays one
    place.mkdir(exist_ok=True)
    (place / COMPLETE).unlink(missing_ok=True)
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != OURS:
            entry.unlink()
    (place / OURS).touch()
    # the command itself, so that it links or copies the interpreter as it does for everybody
    if _run([sys.executable, "-m", "venv", *["--without-pip"] * (not with_pip), place], lock) != 0:
        raise SetupError(
            f"The environment {home} could not be made, see above: check that the folder can be written, "
            "and on Debian or Ubuntu that python3-venv is installed."
        )
    if not with_pip:  # Debian without python3-venv: this interpreter's pip puts one there
        packages = place / "lib" / f"python{_dotted(sys.version_info[:2])}" / "site-packages"
        _pip([sys.executable, "-m", "pip", "install", "--target", packages, "pip"], lock)


def _install(home, python, root, whole, lock, say):
    """Install everything, the tests' packages too: beside PyTorch they are small."""
    say(
        "Setting up 2/2: installing PyTorch, JupyterLab and the rest from the package index. This happens once and"
        " takes minutes (on Linux a download of several gigabytes); interrupt it if you must, and repeat the command"
        " later."
    )
    (home / COMPLETE).unlink(missing_ok=True)
    try:
        _pip(
            [
                python,
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-warn-script-location",
                "-e",
                f"{root}[test]",
            ],
            lock,
        )
        if (state := _ask(python, "test", root)) != READY:
            raise SetupError(
                f"pip has ended well, but .venv {state}: look with `{python} -m pip config list` for "
                "settings that send packages elsewhere or hold them back, then repeat the command."
            )
    except SetupError:
        if whole:  # pip has given up in good order: what was whole before still is
            (home / COMPLETE).touch()
        raise
    (home / COMPLETE).touch()


def _pip(command, lock=None):
    if _run(command, lock) != 0:
        raise SetupError(
            "The installation failed, see above: check the network, the free disk space, pip's own "
            f"settings (`{command[0]} -m pip config list`), and whether PyTorch exists for this Python "
            "and system, then repeat the command."
        )


def _run(command, lock=None):
    """Exit code of a command. It holds our lock too: if we are killed and it goes on, the next set-up waits for it."""
    command, held = [str(part) for part in command], [lock] if lock and os.name == "posix" else ()
    try:
        return subprocess.run(command, env=own_variables(), pass_fds=held).returncode
    except OSError as error:
        raise SetupError(
            f"'{command[0]}' cannot be started ({error.strerror}): copy the course to a folder whose "
            "programs may run, then repeat the command there."
        ) from error
