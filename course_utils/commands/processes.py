"""The processes that commands start: their environment, and how a command becomes one of them."""

import os
import subprocess
import sys

from course_utils.paths import JUPYTER, ROOT


def environment():
    """The environment of the processes that commands start: they find the package, and their kernels run this Python.

    Otherwise the kernel "python3" might run another Python, for which the user has once installed a kernel.
    """
    ours = {"PYTHONPATH": ROOT, "JUPYTER_PATH": JUPYTER}
    return {**os.environ, **{name: before_others(path, name) for name, path in ours.items()}}


def before_others(path, name):
    """The value of a variable that lists paths, with `path` before the others."""
    others = [other for other in os.environ.get(name, "").split(os.pathsep) if other and other != str(path)]
    return os.pathsep.join([str(path), *others])


def go_on_as(command, variables):
    """Become another program if the system can do that; otherwise run the program and return its exit code."""
    command = [str(part) for part in command]
    if os.name == "posix":  # signals then reach the program itself
        sys.stdout.flush()
        os.execve(command[0], command, variables)
    child = subprocess.Popen(command, env=variables)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child receives it too, and decides; we wait for the child
            continue
