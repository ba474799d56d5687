"""The commands, one to a file: its options, and what it does. The imports of each stand inside it: to build the parser
needs the standard library only.
"""

import argparse

from course_utils.commands import lab, means, pages, plan, run, show, test, top, transfer
from course_utils.commands.arguments import Parser


def parser():
    """The parser of the command line; what it returns has the chosen command as `function`."""
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
    for command in (lab, show, test, run, transfer, top, means, plan, pages):
        command.add(commands)
    return top_level
