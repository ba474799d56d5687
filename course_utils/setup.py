"""Set up what is missing. This module runs on a bare Python, before torch is installed, so it needs no package.

`ensure(group)` finds a Python that has everything. It takes the running Python if this has everything, and otherwise
the Python of `.venv`, an environment that it makes beside the notebooks. Two files in `.venv` say what the environment
is: `made_by_course_utils` is there from the first moment, and `complete` once the installation has come to its end. The
set-up makes an environment anew when `complete` is missing or the environment no longer works. An environment with
neither file belongs to somebody else, and is left alone.
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
# variables that show a Python the packages of others, or let pip install elsewhere or less than we tell it to
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
    """Requirement strings of pyproject.toml: the dependencies, and for the group 'test' those of the extra 'test', too.

    Python has tomllib only from 3.11 on, but the lists in our file are also Python literals. Raises SetupError when the
    file cannot be read.
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
    """Whether the running interpreter has the package of a requirement such as 'name>=1.2,<3', in its range."""
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
    """The environment variables, without those that would mix foreign packages into `.venv` or send its own away."""
    return {**{name: value for name, value in os.environ.items() if name not in FOREIGN}, "PIP_USER": "0"}


def ensure(group="run", root=ROOT, say=print):
    """Path of the Python that has everything that the group needs, or None for the running Python.

    Where necessary, the packages are installed.

    Raises:
        SetupError: there is no pip, the installation failed, `.venv` is somebody else's, or a folder cannot be written.
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
    """The state of the running interpreter: READY, LACKS with the names, or what is wrong with it (see `_ask`)."""
    lacking = missing(group, Path(root))
    if not lacking:
        return READY
    try:
        import pip._internal.cli.main  # noqa: F401  (some damaged installations of pip fail only here)
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
    if not home.exists() or home.is_dir() and not any(home.iterdir()):  # an empty one was stopped before its first file
        return ABSENT
    if (home / OURS).exists() and not (home / COMPLETE).exists():
        return UNFINISHED
    return _ask(python, group, root)


def _ask(python, group, root):
    """READY, LACKS with the names, or what is wrong with an interpreter's environment, in words that follow '.venv'."""
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
        if error.errno in (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE):  # the interpreter itself is fine
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
    """Make a new environment with pip. The old contents are removed first, but not the mark that it is ours.

    So an environment that was emptied halfway is still recognised as ours.
    """
    free = shutil.disk_usage(home.parent).free / 1e9
    if free < NEEDED_GB:
        say(f"Note: only {free:.1f} GB are free here, and up to {NEEDED_GB} GB may be needed.")
    say(f"Setting up 1/2: making the environment .venv with Python {sys.version.split()[0]} …")
    with_pip = importlib.util.find_spec("ensurepip") is not None
    if not with_pip and importlib.util.find_spec("pip") is None:
        raise SetupError(
            "This Python has neither ensurepip nor pip: install pip first (Debian, Ubuntu: apt install python3-venv)."
        )
    place = home.resolve()  # a link to another disk stays a link
    place.mkdir(exist_ok=True)
    (place / COMPLETE).unlink(missing_ok=True)
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != OURS:
            entry.unlink()
    (place / OURS).touch()
    # we run the command itself, so that it links or copies the interpreter as usual
    if _run([sys.executable, "-m", "venv", *["--without-pip"] * (not with_pip), place], lock) != 0:
        raise SetupError(
            f"The environment {home} could not be made, see above: check that the folder can be written, "
            "and on Debian or Ubuntu that python3-venv is installed."
        )
    if not with_pip:  # Debian without python3-venv: the pip of this interpreter installs a pip there
        packages = place / "lib" / f"python{_dotted(sys.version_info[:2])}" / "site-packages"
        _pip([sys.executable, "-m", "pip", "install", "--target", packages, "pip"], lock)


def _install(home, python, root, whole, lock, say):
    """Install everything, with the packages of the tests: compared with PyTorch they are small."""
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
        if whole:  # pip has ended by itself: an environment that was whole before still is
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
    """Run a command; returns its exit code.

    The command holds our lock, too: if we are killed and the command goes on, the next set-up waits for it.
    """
    command, held = [str(part) for part in command], [lock] if lock and os.name == "posix" else ()
    try:
        return subprocess.run(command, env=own_variables(), pass_fds=held).returncode
    except OSError as error:
        raise SetupError(
            f"'{command[0]}' cannot be started ({error.strerror}): copy the course to a folder whose "
            "programs may run, then repeat the command there."
        ) from error
