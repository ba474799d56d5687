"""The command line: python3 -m course_utils lab | test | run | transfer | top.

Until the set-up is done only the standard library is imported.
"""
import sys

if sys.version_info < (3, 10):
    sys.exit("The course needs Python 3.10 or newer; this is %s: install a newer one." % sys.version.split()[0])

import os

from course_utils import setup
from course_utils.cli import go_on_as, parser

INSIDE = "COURSE_UTILS_SET_UP"      # set for the process that goes on after the set-up


def main(arguments=None):
    options = parser().parse_args(arguments)
    try:
        if os.environ.pop(INSIDE, None):
            return options.function(options)
        python = setup.ensure("test" if options.command == "test" else "run", say=_say)
        if str(python) == sys.executable:
            return options.function(options)
    except setup.SetupError as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _say("\nInterrupted: repeat the command to go on.")
        return 130
    arguments = sys.argv[1:] if arguments is None else arguments
    return go_on_as([python, "-m", "course_utils", *arguments], **{INSIDE: "1"})


def _say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
