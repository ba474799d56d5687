"""Submitted notebooks: whose they are, and what stands in them."""

import re
from dataclasses import dataclass
from pathlib import Path

from course_utils.exercises import lessons
from course_utils.notebooks import NotANotebook, read


class NoSubmissions(ValueError):
    """There is nothing to grade; the message says what to give."""


@dataclass(frozen=True)
class Submission:
    """A student's copy of a lesson: its cells with code, without the course's solutions."""

    student: str
    lesson: int
    path: Path
    cells: tuple  # of (id, source)


def find(folder):
    """(the submissions in a folder, sentences about files that are none).

    A notebook in a folder within `folder` belongs to the student of that name, at any depth. A notebook that lies in
    `folder` itself belongs to the student whom its file is named after; if it has a lesson's name, to the one whom
    `folder` is named after. Hidden folders are left out.

    Raises NoSubmissions.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NoSubmissions(f"'{folder}' is no folder: give the folder that holds the submitted notebooks.")
    found, notes = [], []
    for path in sorted(folder.rglob("*.ipynb")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts) or not path.is_file():
            continue
        try:
            notebook = read(path)
            lesson = lesson_of(notebook)
        except (NotANotebook, RecursionError):  # the latter where brackets have no end
            notes.append(f"'{path}' is left out, because it is no notebook that can be read.")
            continue
        if lesson is None:
            notes.append(f"'{path}' is left out, because it is no copy of a lesson.")
            continue
        found.append(Submission(_student(folder, parts), lesson, path, cells_of(notebook)))
    if not found:
        raise NoSubmissions(" ".join([f"'{folder}' holds no copy of a lesson: give another folder.", *notes]))
    return found, notes


def _student(folder, parts):
    if len(parts) > 1:
        return parts[0]
    stem = Path(parts[0]).stem
    return folder.resolve().name if re.match(r"\d\d_", stem) and int(stem[:2]) in lessons() else stem


def lesson_of(notebook):
    """The number of the lesson of which a notebook is a copy, or None."""
    text = "\n".join(cell.source for cell in notebook.cells)
    match = re.search(r"^# Lesson (\d+)\b", text, re.M) or re.search(
        r"^from course_utils\.checks import lesson(\d+) as", text, re.M
    )
    return int(match[1]) if match and int(match[1]) in lessons() else None


def cells_of(notebook):
    """The cells with code. One that holds a solution of the course has no text."""
    return tuple(
        (cell.get("id", ""), "" if "solution" in cell.metadata.get("tags", []) else cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code"
    )
