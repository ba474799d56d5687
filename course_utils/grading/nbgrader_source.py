"""The lessons as source notebooks for nbgrader, and the settings with which nbgrader grades them by our checks.

nbgrader releases a source notebook without its solutions, and grades what comes back cell by cell. It would run the
checks in one kernel with the student's code, which can change them. So our settings name `nbgrader_judge.Judge`, which
judges the answers in processes of their own, as `grade` does.
"""

import ast
import base64
import copy
import mimetypes
import re
from pathlib import Path

import nbformat

from course_utils.exercises import tasks
from course_utils.files import replace_file
from course_utils.inputs import reason
from course_utils.notebooks import clear, read
from course_utils.paths import NOTEBOOKS, ROOT

PICTURE = re.compile(r"\]\((\.\./data/[^)]+)\)")
LESSON = re.compile(r"\]\((\d\d_\w+)\.ipynb")
SCHEMA = {"schema_version": 3, "cell_type": "code", "task": False}  # of nbgrader's metadata, since nbgrader 0.6
SETTINGS = '''\
"""Settings of nbgrader for the course on neural style transfer."""

import sys

sys.path.insert(0, {root!r})  # the course, with its checks

c = get_config()  # noqa: F821  (nbgrader defines it)
c.CourseDirectory.course_id = "style_transfer"
c.ClearSolutions.code_stub = {{"python": "# YOUR CODE HERE"}}
c.Autograde.autograde_preprocessors = [
    "course_utils.grading.nbgrader_judge.Judge",  # instead of nbgrader.preprocessors.Execute
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
'''


class CourseError(ValueError):
    """A course for nbgrader cannot be written; the message says what to do."""


def write_course(folder, paths):
    """Write an nbgrader course: the settings, and each lesson as an assignment of its name.

    Args:
        folder: of the course. A file there that has other contents is left alone, and an error.
        paths: of the lessons.
    Returns:
        The paths of the source notebooks.
    Raises:
        CourseError: a file exists with other contents, or cannot be written.
    """
    folder = Path(folder)
    contents = {folder / "nbgrader_config.py": SETTINGS.format(root=str(ROOT))}
    sources = {}
    for path in paths:
        text = nbformat.writes(source_notebook(read(path), int(path.name[:2]))) + "\n"
        sources[folder / "source" / path.stem / path.name] = text
    try:
        for path, text in (contents | sources).items():
            if path.exists() and path.read_text(encoding="utf-8") != text:
                raise CourseError(f"'{path}' has other contents: remove it, or choose another folder.")
        for path, text in (contents | sources).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text.encode())
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(
            f"'{folder}' cannot be written ({reason(error)}): make room, or choose another folder."
        ) from error
    return list(sources)


def source_notebook(notebook, lesson):
    """A lesson as a source notebook of nbgrader.

    Each exercise becomes two cells. The first holds the solution inside the student's function, between nbgrader's
    marks. The second, which is locked, calls the check and counts the points.

    Args:
        notebook: the lesson.
        lesson: its number.
    """
    notebook, cells = copy.deepcopy(notebook), []
    clear(notebook)
    by_cell = {task.cell: task for task in tasks(lesson)}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            _self_contained(cell)
        if "solution" in cell.metadata.get("tags", []):
            continue
        cells += _exercise(cell, by_cell[cell.id]) if cell.id in by_cell else [cell]
    notebook.cells = cells
    return notebook


def _exercise(cell, task):
    """The cell for the answer, and the locked one for the points."""
    answer = nbformat.v4.new_code_cell(with_solution(task), id=cell.id)
    check = nbformat.v4.new_code_cell(
        f"check.{task.name}({task.name})\n"
        "### BEGIN HIDDEN TESTS\n"
        "from course_utils.grading.points import points\n\n"
        f"points(check.{task.name}.judge({task.name}), {task.points:g})\n"
        "### END HIDDEN TESTS",
        id=f"{cell.id}-points"[:64],
    )
    flags = {"grade": False, "solution": True, "locked": False, "grade_id": f"{task.name}-answer"}
    answer.metadata["nbgrader"] = {**SCHEMA, **flags}
    check.metadata.update(points_cell(task.name, task.points))
    return [answer, check]


def points_cell(name, most):
    """The metadata of the cell that counts the points of an exercise."""
    flags = {"grade": True, "solution": False, "locked": True, "grade_id": name, "points": most}
    return {"nbgrader": {**SCHEMA, **flags}}


def with_solution(task):
    """The source of an exercise's cell, without its check and with its solution between nbgrader's marks."""
    stub = task.stub.rpartition(f"check.{task.name}(")[0].rstrip()
    code, _, given = task.solution.rpartition(f"check.{task.name}(")
    given = given.rpartition(", solution=True)")[0]
    functions = {node.name: node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    if given in functions and f"def {task.name}(" in stub:
        last = "    raise NotImplementedError"
        head, _, rest = stub.rpartition(last)
        return f"{head}{_marked(_body(code, functions[given]), '    ')}\n{last}{rest}"
    own = "" if given == task.name else f"{task.name} = {given}"
    solution = f"{code.strip()}\n{own}".strip()
    return f"{stub}\n{_marked(solution, '')}"


def _marked(code, indent):
    return f"{indent}### BEGIN SOLUTION\n{code}\n{indent}### END SOLUTION"


def _body(code, function):
    """The lines of a function's body, with the comments above its first statement."""
    lines, first = code.splitlines(), function.body[0].lineno - 1
    while lines[first - 1].strip().startswith("#"):
        first -= 1
    return "\n".join(lines[first : function.end_lineno])


def _self_contained(cell):
    """Put the pictures of a text into its cell, and let its links to lessons lead to their folders."""
    for target in PICTURE.findall(cell.source):
        path = NOTEBOOKS / target
        kind = mimetypes.guess_type(path.name)[0] or "image/webp"
        cell.setdefault("attachments", {})[path.name] = {kind: base64.b64encode(path.read_bytes()).decode()}
        cell.source = cell.source.replace(f"]({target})", f"](attachment:{path.name})")
    cell.source = LESSON.sub(lambda match: f"](../{match[1]}/{match[1]}.ipynb", cell.source)
