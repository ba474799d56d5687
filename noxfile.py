"""The two ends of what pyproject.toml admits, each in an environment of its own, made anew: the quick tests and one
lesson.

    pip install "nox[uv]"
    nox                 # both; nox -s oldest or nox -s newest: one of them

Each end downloads PyTorch (on Linux several gigabytes) and leaves its environment in `.nox`.
"""

import subprocess
import sys

import nox

PIP = ["--seed"]  # the tests of the set-up want one
nox.options.default_venv_backend = "uv"  # knows how to take the lower bounds, and is quick
OLDEST = nox.project.load_toml("pyproject.toml")["project"]["requires-python"].removeprefix(">=")
LESSON = "notebooks/00_start_here.ipynb"


def newest_python():
    """'3.13': the newest Python that starts here. Where PyTorch has no build for it yet: nox -s newest --force-python
    3.13.
    """
    return next(
        (
            version
            for version in (f"3.{minor}" for minor in range(30, 9, -1))
            if subprocess.getstatusoutput(f"python{version} --version")[0] == 0
        ),
        f"3.{sys.version_info[1]}",
    )


@nox.session(python=OLDEST, venv_params=PIP)
def oldest(session):
    """The oldest Python, and each requirement at its lower bound; what they need themselves is the newest that fits."""
    check(session, "lowest-direct")


@nox.session(python=newest_python(), venv_params=PIP)
def newest(session):
    """The newest Python here, and the newest of everything."""
    check(session, "highest")


def check(session, resolution):
    session.install("--resolution", resolution, "-r", "pyproject.toml", "--extra", "test")
    session.run("uv", "pip", "list")
    session.run("python", "-c", "import sys; from course_utils.setup import missing; sys.exit(missing('test') or None)")
    for arguments in (["--quick"], ["--", LESSON]):
        session.run(
            "python", "-m", "course_utils", "test", *arguments, env={"COURSE_UTILS_SET_UP": "1"}
        )  # here, not in .venv
