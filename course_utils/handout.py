"""A handout: the course as an instructor gives it to students, from the one source that also holds the solutions.

It has what a student needs to work as in the whole course: the lessons, the package, the data, and a README. The files
depend on the course alone, so two handouts of the same course have the same bytes.
"""

import os
import re
from pathlib import Path

import nbformat

from course_utils.copies import CopyError, without_solutions
from course_utils.files import expanded
from course_utils.inputs import one_line, reason
from course_utils.notebooks import lesson, numbered, read
from course_utils.paths import ROOT
from course_utils.teaching import GUIDE
from course_utils.trees import RECORD, write

FOLDERS = ("course_utils", "data")
FILES = (".gitignore", "LICENSE", "environment.yml", "pyproject.toml")
# what students read of the README, up to the first subsection of each
SECTIONS = ("Start", "The lessons", "Paint in the studio", "Paint from the terminal", "Licence")
LESSON_LINK = re.compile(r"\[([^\]]*)\]\((?:notebooks/)?(\d\d_\w+\.ipynb)(?:#[^)]*)?\)")


class HandoutError(ValueError):
    """A handout cannot be made; the message is one sentence that says what to do."""


def hand_out(folder, lessons=None, solutions=False, note=lambda sentence: None, root: Path = ROOT) -> Path:
    """Write a handout into a folder, or renew the handout there; see `course_utils.trees.write`.

    Args:
        folder: its path.
        lessons: numbers of the lessons that it has, or None for all of them.
        solutions: whether it has the solutions and the guide for instructors.
        note: called with a sentence about each file that stays because somebody has changed it.
        root: folder of the course.
    Returns:
        The folder's path, without links.
    Raises:
        HandoutError: a lesson holds a solution without a tag, the course is a handout itself, or the folder lies where
            the course would hand it out.
        TreeError: the folder holds files of others, or cannot be written.
        FileError: `folder` is no path.
        NotANotebook: a lesson does not exist, or cannot be read.
    """
    target = Path(os.path.realpath(expanded(folder)))
    for inside in (root / name for name in (*FOLDERS, "notebooks")):
        if target.is_relative_to(inside):
            raise HandoutError(
                f"'{one_line(folder)}' lies in {inside.name}/, which is handed out: choose another place."
            )
    try:
        contents = files(lessons, solutions, root)
    except OSError as error:
        raise HandoutError(f"The course cannot be read ({reason(error)}): unpack it again.") from error
    return write(folder, contents, note)


def files(lessons=None, solutions=False, root: Path = ROOT) -> dict[str, bytes]:
    """{path, with slashes: contents} of everything in a handout; arguments and errors as in `hand_out`."""
    if (root / RECORD).exists():
        raise HandoutError("This folder is a handout itself: hand out from the whole course.")
    notebooks = root / "notebooks"
    chosen = [lesson(number, notebooks) for number in sorted(set(lessons or numbered(notebooks)))]
    names = {path.name for path in chosen}
    found = {f"notebooks/{path.name}": _lesson(path, names, solutions) for path in chosen}
    for folder in FOLDERS:
        found |= {path.relative_to(root).as_posix(): path.read_bytes() for path in _inside(root / folder)}
    guide = [GUIDE.relative_to(ROOT).as_posix()] if solutions else []
    found |= {name: (root / name).read_bytes() for name in (*FILES, *guide)}
    found["README.md"] = readme((root / "README.md").read_text(encoding="utf-8"), names).encode()
    return found


def readme(text: str, names: set[str]) -> str:
    """The README of a handout with these notebooks, made from that of the course."""
    start, *sections = re.split(r"^(?=## )", text, flags=re.M)
    titled = {section.partition("\n")[0].removeprefix("## "): section.partition("\n### ")[0] for section in sections}
    kept = [start, *(titled[title] for title in SECTIONS)]
    rows = re.compile(r"^\| \[.*\]\(notebooks/(\d\d_\w+\.ipynb)\).*\n", re.M)
    return rows.sub(lambda row: row[0] if row[1] in names else "", "\n\n".join(part.strip() for part in kept) + "\n")


def _lesson(path, names, solutions):
    """The bytes of a notebook; where it links a lesson that the handout lacks, only the words are left."""
    notebook = read(path)
    if not solutions:
        try:
            notebook = without_solutions(notebook)
        except CopyError as error:
            raise HandoutError(f"{path.name}: {error}") from error
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LESSON_LINK.sub(lambda link: link[0] if link[2] in names else link[1], cell.source)
    return (nbformat.writes(notebook) + "\n").encode()


def _inside(folder):
    """The files in a folder and below, in a fixed order, without those that Python or an editor has left."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if (
            path.is_file()
            and not any(part.startswith((".", "__pycache__")) for part in parts)
            and path.suffix != ".pyc"
        ):
            yield path
