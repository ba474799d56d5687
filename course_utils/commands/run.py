"""`run`: the notebooks, without a browser."""

import os

from course_utils.commands.processes import environment
from course_utils.commands.refusals import fail


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "run",
        help="execute the notebooks without a browser",
        description=(
            "Execute the notebooks from fresh kernels and show the progress. The results go "
            "to build/: the executed notebooks and the pictures they painted."
        ),
    )
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="paths, or beginnings of names such as 06 (default: all)"
    )
    parser.add_argument("--in-place", action="store_true", help="renew the notebooks in notebooks/ instead")
    parser.set_defaults(function=run)


def run(options):
    from course_utils.notebooks import NotANotebook, NotebookError, execute, select

    os.environ.update(environment(), COURSE_UTILS_PROGRESS="off")
    try:
        for path in select(options.notebooks):
            execute(path, in_place=options.in_place)
    except NotebookError as error:
        return fail(error, 2 if isinstance(error, NotANotebook) else 1)
    return 0
