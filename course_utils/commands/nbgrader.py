"""`nbgrader`: the lessons as a course that nbgrader releases, collects and grades."""

from course_utils.commands.arguments import whole
from course_utils.commands.refusals import fail


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "nbgrader",
        help="write the lessons as a course for nbgrader",
        description=(
            "Write source notebooks for nbgrader, with points, locked cells and solutions inside the exercises, and "
            "settings with which nbgrader grades them by the course's checks, in processes of their own."
        ),
    )
    parser.add_argument("folder", metavar="FOLDER", help="folder of the nbgrader course")
    parser.add_argument(
        "lessons", nargs="*", type=whole(0, 99), metavar="LESSON", help="numbers, such as 3 5 (default: all)"
    )
    parser.set_defaults(function=run)


def run(options):
    from course_utils.grading.nbgrader_source import CourseError, write_course
    from course_utils.notebooks import NotebookError, lesson, select

    try:
        made = write_course(options.folder, [lesson(number) for number in options.lessons] or select())
    except (CourseError, NotebookError) as error:
        return fail(error, 2)
    print(*made, sep="\n")
    print(f"Next, in {options.folder}: nbgrader generate_assignment {made[0].stem}")
    return 0
