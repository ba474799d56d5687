"""The whole bank of misconceptions: every wrong answer gets its own hint, every right one passes, however it is written."""
from importlib import import_module
from pathlib import Path

import pytest
import torch

from course_utils import checks
from course_utils.checks import lesson6
from course_utils.checks.core import Exercise

LESSONS = sorted(path.stem for path in Path(checks.__file__).parent.glob("lesson*.py"))        # each has its bank in answers/
EXERCISES = [exercise for lesson in LESSONS for exercise in vars(import_module(f"course_utils.checks.{lesson}")).values()
             if isinstance(exercise, Exercise)]
REAL = [exercise for exercise in EXERCISES if exercise.reference(*exercise.trials()[0].arguments).is_floating_point()]
ANSWERS = [import_module(f"answers.{lesson}") for lesson in LESSONS]
RIGHT = {exercise: answers for module in ANSWERS for exercise, answers in module.RIGHT.items()}
BANK = [pytest.param(exercise, wrong, id=f"{exercise.name}-{wrong.name}") for exercise in EXERCISES for wrong in exercise.misconceptions]
EACH = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


def numbered(cases):
    """The cases as parameters, each with the exercise's name and a number for an id."""
    return [pytest.param(*case, id=f"{case[0].name}-{number}") for number, case in enumerate(cases)]


@pytest.mark.parametrize("exercise, wrong", BANK)
def test_every_misconception_gets_its_hint(exercise, wrong):
    result = exercise.judge(wrong.function)
    assert not result and result.reason == wrong.name and result.message == wrong.hint


@EACH
def test_every_misconception_has_its_own_name(exercise):
    names = [wrong.name for wrong in exercise.misconceptions]
    assert len(set(names)) == len(names)


@EACH
def test_general_refusals(exercise):
    def unwritten(*arguments):
        raise NotImplementedError

    def broken(*arguments):
        return arguments[0].no_such_thing

    for answer, reason in ((unwritten, "unwritten"), (broken, "error"), (lambda *_: None, "nothing"), (lambda *_: 3.0, "type"),
                           (lambda *_: torch.zeros(1, 2), "shape"), (lambda *a: exercise.reference(*a).to(torch.complex64), "dtype"),
                           (lambda *a: exercise.reference(*a) * 0 + 1, "value"), (lambda *_: quit(), "error"),   # noqa: PLR1722
                           (lambda *a: exercise.reference(*a).to("meta"), "device")):
        assert exercise.judge(answer).reason == reason


@pytest.mark.parametrize("exercise", REAL, ids=lambda exercise: exercise.name)
def test_not_a_number_is_named(exercise):
    for factor in (float("nan"), float("inf")):
        assert exercise.judge(lambda *arguments: exercise.reference(*arguments) * factor).reason == "not_finite"
    assert exercise.judge(lambda *arguments: exercise.reference(*arguments) / 0).reason == "not_finite"


@pytest.mark.parametrize("exercise, answer", numbered((exercise, answer) for exercise, answers in RIGHT.items() for answer in answers))
def test_right_answers_pass(exercise, answer):
    result = exercise.judge(answer)
    assert result, result.message
    with torch.no_grad():                   # the caller's gradient mode does not matter
        assert exercise.judge(answer)


@EACH
def test_every_exercise_has_three_right_answers(exercise):
    assert len(RIGHT[exercise]) >= 3


@pytest.mark.parametrize("exercise, answer, reason", numbered(case for module in ANSWERS for case in module.HIDDEN))
def test_hidden_mistakes(exercise, answer, reason):
    assert exercise.judge(answer).reason == reason


@pytest.mark.parametrize("exercise, answer, reason", numbered(case for module in ANSWERS for case in module.WRITTEN))
def test_misconceptions_as_students_write_them(exercise, answer, reason):
    assert exercise.judge(answer).reason == reason


def test_the_verdict_is_printed_once(capsys):
    result = lesson6.descent_step(lesson6.descent_step.reference)
    assert bool(result) and capsys.readouterr().out.startswith("✓ descent_step: right")
    assert not lesson6.descent_step(lambda image, gradient, step: image)
    assert capsys.readouterr().out.startswith("✗ descent_step: your function returns the picture as it was")


def test_a_division_by_zero_is_named():
    assert lesson6.descent_step.judge(lambda image, gradient, step: (image - step * gradient).clamp(0, 1) / 0).reason == "not_finite"


def test_errors_are_described_in_one_line():
    def broken(image, gradient, step):
        raise RuntimeError("first line\nsecond line")
    message = lesson6.descent_step.judge(broken).message
    assert "RuntimeError: first line" in message and "second line" not in message
