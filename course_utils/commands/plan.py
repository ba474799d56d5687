"""`plan`: how long each lesson takes, and the course map."""


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "plan",
        help="say how long each lesson takes",
        description=(
            "Print for each lesson its words, lines of code, exercises, predictions, figures and minutes. The minutes "
            "are words / 200, plus lines of code / 10, plus the minutes of the exercises and of the computer."
        ),
    )
    parser.add_argument(
        "--write", action="store_true", help="renew the minutes in the lessons and the README, and the course map"
    )
    parser.set_defaults(function=run)


def run(options):
    from course_utils import plan

    if options.write:
        for path in plan.write():
            print(f"renewed {path.relative_to(plan.ROOT)}")
    print(plan.table(plan.loads()))
    return 0
