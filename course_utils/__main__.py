"""The command line: python3 -m course_utils COMMAND; `python3 -m course_utils --help` lists the commands.

Until the set-up is complete, only the standard library is imported.
"""

import signal
import sys

if sys.version_info < (3, 10):
    sys.exit("The course needs Python 3.10 or newer; this is %s: install a newer one." % sys.version.split()[0])

import os

INSIDE = "COURSE_UTILS_SET_UP"  # set for the process that goes on after the set-up
PRESSED = []  # not empty once Ctrl-C has been pressed


def main(arguments=None):
    """Run the command line. Returns the exit code: 0, 1 for a failure, 2 for bad input, or 130 after Ctrl-C."""
    try:
        from course_utils import setup
        from course_utils.commands import parser
        from course_utils.commands.processes import go_on_as
        from course_utils.paths import ROOT

        options = parser().parse_args(arguments)
        if os.environ.pop(INSIDE, None):
            return options.function(options)
        try:
            python = setup.ensure("test" if options.command == "test" else "run", say=_say)
        except setup.SetupError as error:
            _say(f"error: {error}")
            return 1
        if python is None:
            return options.function(options)
        arguments = sys.argv[1:] if arguments is None else arguments
        return go_on_as(
            [python, "-m", "course_utils", *arguments], {**setup.own_variables(), "PYTHONPATH": str(ROOT), INSIDE: "1"}
        )
    except KeyboardInterrupt:
        return _interrupted()
    except Exception:
        if not PRESSED:
            raise
        return _interrupted()  # NumPy and others turn a Ctrl-C into errors of their own while they are imported


def _interrupted():
    _say("\nInterrupted: repeat the command to go on.")
    return 130


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _press(*_):
    PRESSED.append(True)
    raise KeyboardInterrupt


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise Ctrl-C is ignored, as under nohup
        signal.signal(signal.SIGINT, _press)
    try:
        from course_utils.terminal import forgive

        forgive()
    except KeyboardInterrupt:
        sys.exit(130)
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done; a Ctrl-C now would only print a traceback
    sys.exit(code)
