"""The student's own copies of the lessons, in my_lessons/: without results, so that a question can be answered before
its answer is seen. Nothing that somebody has written is replaced.
"""

import copy
import hashlib
from pathlib import Path

import nbformat

from course_utils.files import replace_file
from course_utils.inputs import reason
from course_utils.notebooks import clear
from course_utils.paths import COPIES, NOTEBOOKS

MARK = "course_copy"  # key in a copy's metadata: the digest of the lesson that it was made from


class CopyError(RuntimeError):
    """A copy that cannot be made; the message says what to do."""


def digest(notebook) -> str:
    """SHA-256 of all cells' kinds and sources: it changes when somebody writes, and stays when cells are run."""
    parts = [f"{cell.cell_type}\0{cell.source.strip()}" for cell in notebook.cells]
    return hashlib.sha256("\0\0".join(parts).encode(errors="replace")).hexdigest()


def without_results(notebook):
    """A copy of a notebook with no outputs, marked with its `digest`."""
    blank = copy.deepcopy(notebook)
    clear(blank)
    blank.metadata[MARK] = digest(blank)
    return blank


def renew(folder: Path = COPIES, lessons: Path = NOTEBOOKS) -> list[str]:
    """Copy each lesson that is not there yet, and each new edition of one in which nobody has written.

    Returns:
        A sentence for each lesson that has a new edition while the copy holds somebody's work; the copy stays.
    Raises:
        CopyError: the folder cannot be written.
    """
    kept = []
    try:
        folder.mkdir(exist_ok=True)
        for path in sorted(lessons.glob("*.ipynb")):
            blank, target = without_results(nbformat.read(path, 4)), folder / path.name
            state = _state(target, blank.metadata[MARK])
            if state == "replace":
                replace_file(target, (nbformat.writes(blank) + "\n").encode())
            elif state == "written in":
                name = f"{folder.name}/{path.name}"
                kept.append(
                    f"{name} holds your work and stays. For the lesson's new edition, rename it and start again."
                )
    except OSError as error:
        raise CopyError(
            f"The lessons cannot be copied to '{folder}' ({reason(error)}): make room, or make the folder writable."
        ) from error
    return kept


def _state(target, newest):
    """What to do with a copy: 'replace', 'keep' (it is the newest edition), or it is 'written in'."""
    if not target.exists():
        return "replace"
    try:
        theirs = nbformat.read(target, 4)
        made_from = theirs.metadata.get(MARK)
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError):
        return "written in"  # half a file may still hold an answer
    if made_from == newest:
        return "keep"
    return "replace" if made_from == digest(theirs) else "written in"
