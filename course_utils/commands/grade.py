"""`grade`: the verdicts and points of submitted notebooks."""

from course_utils.commands.arguments import whole
from course_utils.commands.refusals import fail, note


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "grade",
        help="grade submitted notebooks",
        description=(
            "Grade the lessons that students have handed in. A student's code runs in a process of its own, with "
            "limits of time, memory, files and network; the course's own checks judge what it computes. A folder "
            "within FOLDER holds one student's notebooks. A notebook in FOLDER itself is one student's, too."
        ),
    )
    parser.add_argument("folder", metavar="FOLDER", help="folder with the submitted notebooks")
    parser.add_argument("--csv", metavar="FILE", help="write all verdicts and points to a table, such as points.csv")
    parser.add_argument(
        "--seconds", type=whole(1, 3600), default=60, help="time that one answer may take (default: %(default)s)"
    )
    parser.add_argument(
        "--memory", type=whole(1, 1024), default=4, help="GiB of memory that one answer may take (default: %(default)s)"
    )
    parser.set_defaults(function=run)


def run(options):
    try:
        import resource  # noqa: F401
    except ImportError:
        return fail("Windows has no limits for processes: grade on Linux, on macOS or in WSL.", 2)
    from course_utils.files import FileError, check_writable
    from course_utils.grading.submissions import NoSubmissions, find

    try:
        target = check_writable(options.csv, [".csv"]) if options.csv else None
        submissions, notes = find(options.folder)
    except (NoSubmissions, FileError) as error:
        return fail(error, 2)
    for sentence in notes:
        note(sentence)
    from course_utils.grading.judging import NoProcess

    try:
        every = _graded(submissions, options)
    except NoProcess as error:
        return fail(error, 1)
    print("\n" + totals(every))
    if target:
        _write(target, every)
    return 0


def _graded(submissions, options):
    """All grades; each is printed when it is known."""
    from course_utils.grading.grades import best, grades
    from course_utils.grading.judging import Answers, Limits

    every = []
    with Answers(Limits(options.seconds, options.memory * 2**30)) as answers:
        for submission in submissions:
            for grade in grades(submission, answers):
                every.append(grade)
                print(row(grade))
    if answers.held and not {"files", "calls"} <= set(answers.held):
        note(
            "This system does not keep a student's code from your files and from the network: grade in a container, or"
            " under an account that owns nothing."
        )
    return best(every)


def row(grade):
    """A line of the table on the screen."""
    from course_utils.inputs import one_line

    student, reason = one_line(grade.student), one_line(grade.reason)
    points = f"{grade.points:g}/{grade.most:g}"
    line = f"{student:16}  {grade.lesson}  {grade.exercise:20}  {grade.verdict:9}  {points:>5}  {reason}"
    return line if len(line) <= 120 else line[:119] + "…"


def totals(every):
    """The points of each student in each lesson and in all, as a table."""
    lessons = sorted({grade.lesson for grade in every})
    students = sorted({grade.student for grade in every})
    lines = [["student", *(f"lesson {lesson}" for lesson in lessons), "all"]]
    for student in students:
        own = [grade for grade in every if grade.student == student]
        sums = [_sum([grade for grade in own if grade.lesson == lesson]) for lesson in lessons]
        lines.append([student, *sums, _sum(own)])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)


def _sum(own):
    points, most = (sum(values) for values in zip(*((grade.points, grade.most) for grade in own))) if own else (0, 0)
    return f"{points:g}/{most:g}" if own else "-"


def _write(path, every):
    import csv
    import io

    from course_utils.files import replace_file

    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["student", "lesson", "exercise", "verdict", "points", "reason"])
    table.writerows(
        [grade.student, grade.lesson, grade.exercise, grade.verdict, f"{grade.points:g}", grade.reason]
        for grade in every
    )
    replace_file(path, text.getvalue().encode("utf-8-sig", errors="replace"))  # spreadsheets then read it as UTF-8
