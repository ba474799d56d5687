"""The processes that commands start: their environment, and becoming one of them."""

import os
import subprocess
import sys

from course_utils.paths import JUPYTER, ROOT


def environment():
    """Environment for the processes that the commands start: they find the package, and their kernels are this Python.

    Without the latter "python3" may be another Python, for which the user once installed a kernel.
    """
    ours = {"PYTHONPATH": ROOT, "JUPYTER_PATH": JUPYTER}
    return {**os.environ, **{name: before_others(path, name) for name, path in ours.items()}}


def before_others(path, name):
    """The value of a variable that lists paths, with this one before the others."""
    others = [other for other in os.environ.get(name, "").split(os.pathsep) if other and other != str(path)]
    return os.pathsep.join([str(path), *others])


def go_on_as(command, variables):
    """Become another program, where the system can do that; else run it. Its exit code, if it comes back."""
    command = [str(part) for part in command]
    if os.name == "posix":  # signals then reach the program itself
        sys.stdout.flush()
        os.execve(command[0], command, variables)
    child = subprocess.Popen(command, env=variables)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child gets it too, and we wait for what it makes of it
            continue
