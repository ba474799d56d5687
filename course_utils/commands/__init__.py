"""The commands: each file holds the options of one command, and what the command does.

Imports of packages stand inside the functions, so that the parser needs only the standard library.
"""

import argparse

from course_utils.commands import (
    bank,
    grade,
    handout,
    lab,
    means,
    nbgrader,
    pages,
    plan,
    run,
    show,
    test,
    top,
    transfer,
)
from course_utils.commands.arguments import Parser


def parser():
    """The parser of the command line; the options that it returns have the chosen command as `function`."""
    top_level = Parser(
        prog="python3 -m course_utils",
        description=(
            "The course on neural style transfer. Each command first sets up what is missing (once, into "
            ".venv), then does its work."
        ),
        epilog="`python3 -m course_utils COMMAND --help` tells more.",
    )
    commands = top_level.commands = top_level.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=argparse.ArgumentParser
    )
    for command in (lab, show, test, run, transfer, top, means, plan, pages, handout, bank, grade, nbgrader):
        command.add(commands)
    return top_level
