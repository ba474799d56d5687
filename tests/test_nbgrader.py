"""nbgrader, from the source notebooks to the gradebook."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from nbgrader.utils import determine_grade

from course_utils import exercises
from course_utils.__main__ import main
from course_utils.checks.core import Result
from course_utils.grading.nbgrader_judge import outputs
from course_utils.grading.nbgrader_source import CourseError, source_notebook, with_solution, write_course
from course_utils.grading.points import NotPassed, points
from course_utils.notebooks import read, select
from course_utils.paths import ROOT

EVERY = [task for number in exercises.lessons() for task in exercises.tasks(number)]
NAME = "05_style_cost"


def run_nbgrader(folder, *arguments):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # nbgrader calls alembic
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def hand_in(folder, student, notebook, changes, without=()):
    """Hand in a copy of a notebook, in which some answers are others and some cells are gone."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-answer")
        if cell.metadata.get("nbgrader", {}).get("solution") and name in changes:
            cell.source = changes[name]
    notebook.cells = [
        cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") not in without
    ]
    path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def scores(folder):
    """{student: {exercise: points}} of the gradebook. No grade is left to a person."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        grades = {
            submission.student.id: [grade for notebook in submission.notebooks for grade in notebook.grades]
            for submission in gradebook.assignment_submissions(NAME)
        }
        assert not any(grade.needs_manual_grade for own in grades.values() for grade in own)
        return {student: {grade.name: grade.auto_score for grade in own} for student, own in grades.items()}


@pytest.mark.process
@pytest.mark.long
def test_a_course_is_released_handed_in_and_graded(tmp_path, capsys):
    assert main(["nbgrader", str(tmp_path), "5"]) == 0
    assert f"nbgrader generate_assignment {NAME}" in capsys.readouterr().out
    run_nbgrader(tmp_path, "generate_assignment", NAME)
    source, released = (nbformat.read(tmp_path / stage / NAME / f"{NAME}.ipynb", 4) for stage in ("source", "release"))
    text = "\n".join(cell.source for cell in released.cells)
    assert "SOLUTION" not in text and "HIDDEN" not in text and "_solution" not in text
    hand_in(tmp_path, "untouched", released, {})
    hand_in(tmp_path, "solved", source, {})
    wrong = {"gram": "def gram(F):\n    return F.flatten(2)", "unchanged": 'unchanged = "A"'}
    hand_in(
        tmp_path,
        "wrong",
        source,
        wrong,
        without=("gram_gradient", "style_cost-answer", "which_program", "which_program-answer"),
    )
    cheats = {
        "gram": "import os\n\ndef gram(F):\n    os._exit(0)",
        "unchanged": "unchanged = check.unchanged.right",
        "layer_cost": (
            "import sys\n\nimport course_utils.grading.points\n\n"
            "check.layer_cost = lambda function: True\n"
            "course_utils.grading.points.points = lambda *arguments: 1.0\n\n"
            "def layer_cost(F, S):\n    return sys._getframe(1).f_locals['self'].reference(F, S)"
        ),
        "gram_gradient": "raise SystemExit",
    }
    hand_in(tmp_path, "cheating", source, cheats)
    run_nbgrader(tmp_path, "autograde", NAME)
    names = [task.name for task in exercises.tasks(5)]
    lost = {
        "untouched": names,
        "solved": [],
        "wrong": ["gram", "unchanged", "style_cost", "which_program"],
        "cheating": list(cheats),
    }
    assert scores(tmp_path) == {
        student: {name: 0.0 if name in own else 1.0 for name in names} for student, own in lost.items()
    }


@pytest.mark.parametrize("number", exercises.lessons())
def test_source_notebooks_are_what_nbgrader_takes(number):
    notebook = source_notebook(read(select([f"{number:02}_"])[0]), number)
    nbformat.validate(notebook)
    about = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    names = [task.name for task in exercises.tasks(number)]
    assert [each["grade_id"] for each in about] == [part for name in names for part in (f"{name}-answer", name)]
    assert [each["points"] for each in about if each["grade"]] == [task.points for task in exercises.tasks(number)]
    assert all(each["locked"] == each["grade"] != each["solution"] for each in about)
    for cell in notebook.cells:
        marked = "### BEGIN SOLUTION" in cell.source
        assert marked == cell.metadata.get("nbgrader", {}).get("solution", False)
        assert "](../data" not in cell.source and "solution" not in cell.metadata.get("tags", [])
        assert not cell.get("outputs")
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.name)
def test_a_released_exercise_is_the_one_of_the_lesson(task):
    """Without the solution, the code that is left is the lesson's."""
    cell = nbformat.v4.new_code_cell(with_solution(task))
    clear = ClearSolutions(code_stub={"python": "# YOUR CODE HERE"})
    assert clear._replace_solution_region(cell, "python")
    code = cell.source.replace("# YOUR CODE HERE", "")
    assert compile(with_solution(task), "cell", "exec")
    assert "".join(f"{code}check.{task.name}({task.name})".split()) == "".join(task.stub.split())


def test_hidden_tests_count_where_nbgrader_itself_runs_them():
    cell = source_notebook(read(select(["05_"])[0]), 5).cells
    (check,) = [each for each in cell if each.metadata.get("nbgrader", {}).get("grade_id") == "gram"]
    names = {"gram": lambda F: F.flatten(2) @ F.flatten(2).mT}
    exec("from course_utils.checks import lesson5 as check", names)
    *body, last = check.source.splitlines()[2:-1]
    exec("\n".join(body), names)
    assert eval(last, names) == 1
    names["gram"] = lambda F: F
    with pytest.raises(NotPassed, match="shape"):
        eval(last, names)
    resources = {}
    ClearHiddenTests().preprocess_cell(check, resources, 0)
    assert check.source == "check.gram(gram)"


@pytest.mark.parametrize(
    "result, earned",
    (
        (Result(True, "right"), 2.0),
        (Result(False, "no", "value"), 0.0),
        (Result(False, "half", "value", 0.5), 1.0),
        (Result(False, "a third", "value", 1 / 3), 2 / 3),
    ),
)
def test_nbgrader_reads_the_points_off_a_cell(result, earned):
    about = {"grade": True, "solution": False, "points": 2.0}
    cell = nbformat.v4.new_code_cell("check", metadata={"nbgrader": about}, outputs=outputs(result, 2.0))
    assert determine_grade(cell) == (pytest.approx(earned, rel=1e-5), 2.0)
    if earned:
        assert points(result, 2.0) == earned


def test_a_course_is_written_again_but_never_over_other_files(tmp_path, capsys):
    paths = select(["00_", "08_"])
    made = write_course(tmp_path, paths)
    assert write_course(tmp_path, paths) == made == [tmp_path / "source" / p.stem / p.name for p in paths]
    made[1].write_text("{}")
    with pytest.raises(CourseError, match="has other contents"):
        write_course(tmp_path, paths)
    assert main(["nbgrader", str(tmp_path), "8"]) == 2 and "remove it" in capsys.readouterr().err
    assert made[1].read_text() == "{}"
