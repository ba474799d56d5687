"""`plan`: how long each lesson takes, the course map, and plans for a class."""

from course_utils.commands.refusals import fail


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
        "--write",
        action="store_true",
        help="renew the minutes in the lessons, the README and the guide for instructors, and the course map",
    )
    parser.add_argument(
        "--teach", action="store_true", help="print the plans for one lecture, for two weeks and for a term as well"
    )
    parser.set_defaults(function=run)


def run(options):
    from course_utils import plan
    from course_utils.teaching import GUIDE, GuideError, Plans

    if options.teach and not GUIDE.exists():
        return fail(f"There is no '{GUIDE}', from which the plans are made: take the whole course.", 2)
    if options.write:
        try:
            for path in plan.write():
                print(f"renewed {path.relative_to(plan.ROOT)}")
        except GuideError as error:
            return fail(error, 2)
    found = plan.loads()
    print(plan.table(found))
    if options.teach:
        plans = Plans(found, GUIDE.read_text(encoding="utf-8")).plans()
        print("", *(f"{name}\n\n{text}\n" for name, text in plans.items()), sep="\n")
    return 0
