"""`handout`: the course for students, without its solutions."""

from course_utils.commands.arguments import whole
from course_utils.commands.refusals import fail, note


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "handout",
        help="write the course for students, without its solutions",
        description=(
            "Write the course for students into a folder, without the solutions and without the tests. Students work "
            "in it as in the whole course. A folder that holds an earlier handout is renewed: it then has the lessons "
            "that you name now, and files that somebody has changed or made stay."
        ),
    )
    parser.add_argument("folder", metavar="FOLDER", help="new or empty, or a handout to renew")
    parser.add_argument(
        "--solutions", action="store_true", help="with the solutions and the guide for instructors, for a colleague"
    )
    parser.add_argument(
        "--lessons", nargs="+", type=whole(0, 99), metavar="LESSON", help="their numbers, such as 3 5 (default: all)"
    )
    parser.set_defaults(function=run)


def run(options):
    from course_utils.files import FileError
    from course_utils.handout import HandoutError, hand_out
    from course_utils.notebooks import NotebookError
    from course_utils.trees import TreeError

    try:
        print(hand_out(options.folder, options.lessons, options.solutions, note))
    except (HandoutError, TreeError, FileError, NotebookError) as error:
        return fail(error, 2)
    return 0
