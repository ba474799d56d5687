"""What students get of a lesson: a version without its results, or one without its solutions.

The student's own copies lie in my_lessons/. They have no results, so that students can answer a question before they
see its answer. The course never replaces what somebody has written in a copy.
"""

import copy
import hashlib
import json
import re
from pathlib import Path

import nbformat

from course_utils.files import replace_file
from course_utils.inputs import reason
from course_utils.notebooks import clear
from course_utils.paths import COPIES, NOTEBOOKS

MARK = "course_copy"  # key in a copy's metadata: the digest of the lesson that it was made from
SOLUTION = "solution"  # the tag of a cell that holds one


class CopyError(RuntimeError):
    """A copy cannot be made; the message says what to do."""


def digest(notebook) -> str:
    """SHA-256 of the kinds and sources of all cells; it changes when somebody writes, but not when cells are run."""
    parts = [f"{cell.cell_type}\0{cell.source.strip()}" for cell in notebook.cells]
    return hashlib.sha256("\0\0".join(parts).encode(errors="replace")).hexdigest()


def without_results(notebook):
    """A copy of a notebook without outputs, marked with its `digest`."""
    blank = copy.deepcopy(notebook)
    clear(blank)
    blank.metadata[MARK] = digest(blank)
    return blank


def without_solutions(notebook):
    """A copy of a notebook without the cells that have the tag `solution`, and so without their outputs.

    Raises:
        CopyError: a mark of a solution is left, so the tag is missing somewhere.
    """
    from nbconvert.preprocessors import TagRemovePreprocessor

    unsolved, _ = TagRemovePreprocessor(remove_cell_tags={SOLUTION}).preprocess(copy.deepcopy(notebook), {})
    for cell in unsolved.cells:
        if re.search("(BEGIN|END) SOLUTION", json.dumps(cell)):
            raise CopyError(f"The cell '{cell.get('id')}' holds a solution and has no tag '{SOLUTION}': add the tag.")
    return unsolved


def renew(folder: Path = COPIES, lessons: Path = NOTEBOOKS) -> list[str]:
    """Copy each lesson that has no copy yet, and each new edition of a lesson in whose copy nobody has written.

    Returns:
        A sentence for each lesson that has a new edition but whose copy holds somebody's work; this copy stays.
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
    """'replace', 'keep' (the copy is the newest edition), or 'written in' (the copy holds somebody's work)."""
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
