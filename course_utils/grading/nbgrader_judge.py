"""nbgrader's step of execution, replaced by our judge: no cell of a student runs in the process that counts points."""

import atexit
import functools

from nbconvert.preprocessors import Preprocessor
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook
from traitlets import Bool

from course_utils.exercises import lessons, tasks
from course_utils.grading import slices
from course_utils.grading.grades import judge
from course_utils.grading.judging import Answers
from course_utils.grading.nbgrader_source import points_cell
from course_utils.grading.points import NotPassed, points
from course_utils.grading.submissions import cells_of


class Judge(Preprocessor):
    """Gives each cell that counts points the output from which nbgrader reads them."""

    enabled = Bool(True)

    def preprocess(self, nb, resources):
        known = {task.name: task for lesson in lessons() for task in tasks(lesson)}
        nb.cells += _missing(nb, resources["nbgrader"], known)
        cells = cells_of(nb)
        found, unreadable = slices.statements([source for _, source in cells])
        for cell in nb.cells:
            about = cell.metadata.get("nbgrader", {})
            if about.get("grade") and about["grade_id"] in known:
                result = judge(known[about["grade_id"]], cells, found, unreadable, _answers())
                cell.outputs = outputs(result, about["points"])
        return nb, resources


def _missing(nb, about, known):
    """The cells that count points of exercises and are not in a notebook, because a student has deleted them."""
    there = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
    with Gradebook(about["db_url"]) as gradebook:
        assigned = gradebook.find_notebook(about["notebook"], about["assignment"])
        return [
            new_code_cell(
                f"# The points of {cell.name}, whose cell was deleted.", metadata=points_cell(cell.name, cell.max_score)
            )
            for cell in assigned.grade_cells
            if cell.name in known and cell.name not in there
        ]


def outputs(result, most):
    """The outputs of a cell for a `Result`: the message, and the points or an error."""
    try:
        earned = points(result, most)
    except NotPassed as error:
        message = str(error)
        return [new_output("error", ename=type(error).__name__, evalue=message, traceback=[message])]
    said = new_output("stream", name="stdout", text=f"{result.message}\n")
    return [said, new_output("execute_result", data={"text/plain": f"{earned:g}"}, execution_count=None)]


@functools.cache
def _answers():
    """The process for the answers of all students, which ends with nbgrader."""
    answers = Answers()
    atexit.register(answers.__exit__)
    return answers.__enter__()
