"""Verdicts and points: what the judge says of each exercise of a submission."""

import ast
import warnings
from dataclasses import dataclass

from course_utils.checks import words
from course_utils.checks.core import Exercise, Result
from course_utils.exercises import tasks
from course_utils.grading import slices
from course_utils.grading.judging import Lost, OutOfTime
from course_utils.grading.wire import Failed

RIGHT, PARTLY, WRONG, UNTRIED, ERROR, TIME = "right", "partly", "wrong", "not tried", "error", "time"
ANSWER = "_answer"  # the name of an answer that has none
KINDS = {"unwritten": UNTRIED, "error": ERROR, "gradient_error": ERROR, "time": TIME}  # reason of a result: verdict


@dataclass(frozen=True)
class Grade:
    """The verdict on one exercise of one student."""

    student: str
    lesson: int
    exercise: str
    verdict: str
    points: float
    most: float  # points for a right answer
    reason: str  # one line


def grades(submission, answers):
    """The grades of a submission, one for each exercise of its lesson, as they are found.

    Args:
        submission: Submission.
        answers: Answers, in whose process the answers run.
    """
    found, unreadable = slices.statements([source for _, source in submission.cells])
    for task in tasks(submission.lesson):
        result = judge(task, submission.cells, found, unreadable, answers)
        verdict = RIGHT if result else KINDS.get(result.reason, PARTLY if result.share else WRONG)
        points = task.points * (1.0 if result else result.share if verdict == PARTLY else 0.0)
        reason = " ".join(result.message.split())[:1000]
        yield Grade(submission.student, submission.lesson, task.name, verdict, points, task.points, reason)


def best(every):
    """The grades without doubles: where a student has handed in a lesson twice, the better answer of each exercise."""
    chosen = {}
    for grade in every:
        key = grade.student, grade.lesson, grade.exercise
        if key not in chosen or grade.points > chosen[key].points:
            chosen[key] = grade
    return list(chosen.values())


def judge(task, cells, found, unreadable, answers):
    """The `Result` for one exercise.

    Args:
        task: Task.
        cells: (id, source) of the student's cells.
        found, unreadable: what `slices.statements` returns of them.
        answers: Answers.
    """
    its = _cells(task, cells, found)
    for number in its & set(unreadable):
        return Result(False, f"the cell cannot be read: {words.describe(unreadable[number])}.", "error")
    last = max(its, default=-1)
    name, found = _given(task, its, found, last)
    needed = slices.needed(found, name, last)
    defining = [one for one in needed if name in one.binds]
    if not defining:
        return Result(False, f"the notebook gives no value to {name}.", "unwritten")
    if defining[-1].source in [one.source for one in slices.statements([task.stub])[0]]:
        return Result(False, "the cell is as it was handed out.", "unwritten")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about values that an answer returns
            return _judged(task.check, name, needed, defining[-1], answers)
    except Lost as lost:
        return Result(False, f"your answer {lost}", "time" if isinstance(lost, OutOfTime) else "error")


def _given(task, its, found, last):
    """(name of the answer, statements). What is given to the check under another name, or none, is named in them."""
    answers = [(number, asked(one.source, task.name)) for number, one in enumerate(found) if one.cell in its]
    number, answer = next((pair for pair in reversed(answers) if pair[1] is not None), (0, task.name))
    if answer == task.name:
        return task.name, found
    named = slices.statement(ast.parse(f"{ANSWER} = ({answer})").body[0], last)
    return ANSWER, [*found[:number], named, *found[number:]]


def asked(statement, name):
    """The answer that a statement gives to the check of this name, as text, such as "gram" in check.gram(gram).

    None for other statements, and for solutions and examples of the lesson.
    """
    for node in ast.walk(ast.parse(statement)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name and node.args:
            return None if node.keywords or isinstance(node.args[0], ast.Starred) else ast.unparse(node.args[0])
    return None


def _cells(task, cells, found):
    """The numbers of the cells that hold the answer: by their id, by the call of the check, or else by the name."""
    calls = {one.cell: answer for one in found if (answer := asked(one.source, task.name)) is not None}
    return (
        {number for number, (cell, _) in enumerate(cells) if cell == task.cell}
        | {number for number, answer in calls.items() if answer == task.name}
        or set(calls)
        or {one.cell for one in found if task.name in one.binds}
    )


def _judged(check, name, needed, defining, answers):
    literal = _literal(defining.source)
    if not isinstance(check, Exercise) and literal is not None:
        return _checked(check.judge, *literal)
    with answers.of(needed, name) as remote:
        if not remote.defined:
            reason = words.describe(remote.error) if remote.error else "its cell gives it no value"
            return Result(False, f"the answer has no value: {reason}.", "error")
        return _checked(check.judge, remote.given)


def _literal(source):
    """(value,) of a statement that gives a name a value written out, such as a letter; otherwise None."""
    try:
        node = ast.parse(source).body[0]
        return (ast.literal_eval(node.value),) if isinstance(node, ast.Assign) else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _checked(judge, given):
    """The verdict; a value that makes the check itself fail, such as one of a strange type, is no right answer."""
    try:
        return judge(given)
    except Failed:
        raise
    except Exception as error:
        return Result(False, f"the check cannot compare this result: {words.describe(error)}.", "error")
