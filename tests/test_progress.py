"""Hints in steps, solutions, and the small file that remembers what a student has done."""

import json
import re
import types

import pytest

from course_utils import exercises, progress
from course_utils.checks import asked, lesson3
from test_checks import ANSWERS, CHECKS, EXERCISES

RIGHT = ANSWERS["lesson3/rescale"].RIGHT[0]
WRONG = lesson3.rescale.misconceptions[0].function


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Path of the file; each test begins without one."""
    path = tmp_path / progress.NAME
    monkeypatch.setenv(progress.VARIABLE, str(path))
    monkeypatch.setattr(progress, "_here", {})
    monkeypatch.setattr(asked, "_warned", set())
    return path


def unwritten(*_):
    raise NotImplementedError


def test_an_exercise_is_open_then_tried_then_right(place, capsys):
    lesson3.rescale(unwritten)
    assert capsys.readouterr().out.startswith("○ rescale: not tried yet") and not place.exists()
    lesson3.rescale(WRONG)
    lesson3.rescale(RIGHT, solution=True)
    lesson3.rescale(RIGHT, example=True)
    assert progress.of("rescale") == {"tries": 1, "right": False, "hints": 0, "solution": False}
    lesson3.rescale(RIGHT)
    lesson3.rescale(WRONG)  # it was right once
    lesson3.induction("A")
    capsys.readouterr()
    lesson3.progress()
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "Lesson 3: 1 of 6 exercises are right."
    assert "✓ 3.2 Rescale a layer (3.a, 3 tries)" in out and "✗ 3.3 The induction step (3.c, 1 try)" in out
    assert "○ 3.5 ★ The nearest power of two (3.f)" in out and not [line for line in out if line.startswith("   3.a")]
    assert json.loads(place.read_text())["rescale"]["tries"] == 3


def test_all_objectives(place, capsys):
    for task in exercises.tasks(3):
        progress.note(task.name, tries=1, right=True)
    lesson3.progress()
    assert capsys.readouterr().out.endswith("You have practised all objectives of this lesson.\n")


def test_hints_come_one_by_one_and_the_solution_last(place, capsys):
    for step in (1, 2, 3, 3):
        lesson3.rescale.hint()
        out = capsys.readouterr().out
        assert out.startswith(f"Hint {step} of 3: ") and ("check.rescale.solution()" in out) == (step == 3)
    assert progress.of("rescale")["hints"] == 3
    lesson3.rescale.solution()
    out = capsys.readouterr().out
    assert out.startswith("def rescale_solution(") and "SOLUTION" not in out and progress.of("rescale")["solution"]


def test_a_solution_before_the_hints_is_shown_when_it_is_called_for_again(place, capsys):
    lesson3.rescale.solution()
    assert "check.rescale.hint()" in (out := capsys.readouterr().out) and "def " not in out
    assert not progress.of("rescale")["solution"]
    lesson3.rescale.solution()
    assert "def rescale_solution" in capsys.readouterr().out


def test_whoever_is_right_sees_the_solution_at_once(place, capsys):
    lesson3.rescale(RIGHT)
    lesson3.rescale.solution()
    assert "def rescale_solution" in capsys.readouterr().out


def test_a_copy_without_solutions_says_so(monkeypatch, capsys):
    task = exercises.task("rescale")
    monkeypatch.setattr(exercises, "task", lambda name: exercises.Task(**{**vars(task), "solution": ""}))
    lesson3.rescale.solution()
    assert capsys.readouterr().out == "This copy of the course has no solutions: ask your instructor.\n"


def test_the_hints_are_named_from_the_second_wrong_try_on(place, capsys):
    for number in (1, 2):
        lesson3.rescale(WRONG)
        assert ("check.rescale.hint() gives the next hint." in capsys.readouterr().out) == (number == 2)


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_each_check_has_three_hints_and_the_first_two_ask(check):
    assert len(check.hints) == 3 and all(hint.endswith("?") for hint in check.hints[:2])
    assert all(len(hint) < 420 and "  " not in hint for hint in check.hints)


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_each_check_finds_its_exercise_and_solution(check):
    task = exercises.task(check.name)
    assert f"check.{check.name}(" in task.solution and "SOLUTION" not in task.solution


@pytest.mark.parametrize("check", EXERCISES.values(), ids=lambda check: check.name)
def test_the_reference_itself_is_refused(check):
    """It is the package's own function; an answer may not call it."""
    assert check.judge(check.reference).reason in ("taken", "ready_made")
    assert check.judge(lambda *arguments: check.reference(*arguments)).reason in ("taken", "ready_made")


@pytest.mark.parametrize("content", ["no JSON", "[1]", '{"rescale": 3}', ""])
def test_a_broken_file_is_put_aside(place, capsys, content):
    place.write_text(content)
    lesson3.rescale(RIGHT)
    assert "was put aside as 'my_progress.broken.json'" in capsys.readouterr().out
    assert place.with_suffix(".broken.json").read_text() == content and progress.of("rescale")["right"]


def test_a_file_that_cannot_be_written_is_no_fault_of_the_answer(place, monkeypatch, capsys):
    def fail(path, contents):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress, "replace_file", fail)
    assert lesson3.rescale(RIGHT)
    assert "(Your progress cannot be kept in 'my_progress.json': No space left on device.)" in capsys.readouterr().out


def test_nothing_is_kept_outside_a_kernel(monkeypatch, tmp_path):
    monkeypatch.delenv(progress.VARIABLE)
    monkeypatch.chdir(tmp_path)
    kernels = types.SimpleNamespace(IPKernelApp=types.SimpleNamespace(initialized=lambda: False))
    monkeypatch.setitem(__import__("sys").modules, "ipykernel.kernelapp", kernels)
    lesson3.rescale(RIGHT)
    assert list(tmp_path.iterdir()) == [] and progress.of("rescale")["right"]
    kernels.IPKernelApp.initialized = lambda: True
    lesson3.rescale(RIGHT)
    assert [path.name for path in tmp_path.iterdir()] == [progress.NAME]


def test_every_objective_has_an_exercise_and_the_other_way_round():
    for lesson in range(9):
        tasks, ids = exercises.tasks(lesson), exercises.objectives(lesson)
        assert {key for task in tasks for key in task.objectives} == set(ids)
        assert [task.number for task in tasks] == [f"{lesson}.{n}" for n in range(1, len(tasks) + 1)]
        assert all(re.fullmatch(r"[a-zβ].*[^;.]", text) for text in ids.values())
