"""`bank`: whether the checks refuse what is wrong, and accept what is right."""

from course_utils.commands.arguments import whole
from course_utils.commands.refusals import fail


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "bank",
        help="try the checks of the exercises with right and wrong answers",
        description=(
            "Try the check of every exercise with all named wrong answers, with right ones, and with mutants, the"
            " lesson's own solution with one change. Print how many are refused or accepted, as they should be, and"
            " list the mutants that are accepted. The exit code is 1 when a wrong answer gets another hint, when a"
            " right one is refused, or when a mutant passes that tests/answers does not list as equivalent."
        ),
    )
    parser.add_argument("lessons", nargs="*", type=whole(0, 8), metavar="LESSON", help="its number (default: all)")
    parser.add_argument(
        "--processes", type=whole(1, 999), help="how many work at once (default: as many as there are cores)"
    )
    parser.set_defaults(function=run)


def run(options):
    from course_utils import bank

    if not (bank.ROOT / "tests" / "answers").is_dir():
        return fail("The folder tests/answers is missing, which holds the right answers: take the whole repository.", 2)
    found = bank.rows(sorted(set(options.lessons)) or bank.LESSONS, options.processes)
    print(bank.table(found), bank.remarks(found), sep="\n\n")
    return int(any(row.faults for row in found.values()))
