"""The widget of a lesson without the lesson: a small notebook with the statements that it needs."""

import ast
import re
import symtable
from collections.abc import Mapping
from typing import Any

import nbformat

from course_utils.notebooks import METADATA, NotANotebook
from course_utils.pages import Offline
from course_utils.paths import NOTEBOOKS

OWN = re.compile(r"course_utils\.widgets\.lesson\d\b")  # a further widget stands in a module of its own
SETTLED = "from course_utils.widgets.core import settled"
NUMBER = re.compile(r"^## \d+\. ", re.M)  # of a section
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)")


def needed(sources: Mapping[int, str], target: int) -> list[int]:
    """The numbers of the pieces of code to run so that the piece `target` works, and that number last.

    A piece that only changes what another one has bound (`values.append(1)`) is not seen.

    Args:
        sources: {number of a cell or a statement: its source}, in the order of the notebook.
        target: one of these numbers.
    """
    chosen, wanted = [target], _names(sources[target])[1]
    for number in sorted((number for number in sources if number < target), reverse=True):
        bound, used = _names(sources[number])
        if bound & wanted:
            chosen, wanted = [number, *chosen], wanted - bound | used
    return chosen


def _names(source: str) -> tuple[set[str], set[str]]:
    """The names that a piece of code binds, and those that it takes from the pieces before."""
    bound: set[str] = set()
    used: set[str] = set()
    for statement in ast.parse(source).body:
        top = symtable.symtable(ast.unparse(statement), "cell", "exec")
        inner = list(top.get_children())
        here = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
        for table in inner:  # functions, classes and comprehensions, and what they hold
            inner += table.get_children()
            here |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
        used |= here - bound
        bound |= {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return bound, used


def widget_cell(cells: list[Any]) -> int:
    """The number of the cell that shows a lesson's widget: it ends with a call of what `widgets.lessonN` has.

    Raises:
        NotANotebook: there is no such cell, or there are several.
    """
    imported: set[str] = set()
    found = []
    for number, cell in enumerate(cells):
        if cell.cell_type == "code":
            body = ast.parse(cell.source).body
            imported |= {name for statement in body for name in _of_widgets(statement)}
            if body and _called(body[-1]) in imported:
                found.append(number)
    if len(found) != 1:
        raise NotANotebook(f"The notebook has {len(found)} cells that show a widget: choose a lesson with one.")
    return found[0]


def _of_widgets(statement: ast.stmt) -> set[str]:
    """The names that a statement imports from the widgets of a lesson, or the name that it gives to them."""
    if not isinstance(statement, ast.ImportFrom):
        return set()
    found = {alias.asname or alias.name: f"{statement.module}.{alias.name}" for alias in statement.names}
    return {name for name, path in found.items() if OWN.match(path)}


def _called(statement: ast.stmt) -> str:
    """The first name of what a statement calls and does nothing else: 'explore' of `explore.axes(net)`; else ''."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return ""
    function = statement.value.func
    while isinstance(function, ast.Attribute):
        function = function.value
    return function.id if isinstance(function, ast.Name) else ""


def excerpt(lesson: Any) -> Any:
    """A notebook with the title of a lesson, the text before its widget, and the statements that the widget needs.

    Raises:
        NotANotebook: the lesson does not have one cell that shows a widget.
        PageError: a formula in the text cannot be written for a browser.
    """
    target = widget_cell(lesson.cells)
    title = re.sub(r"^#+ *", "", lesson.cells[0].source.partition("\n")[0])
    above = lesson.cells[target - 1]
    text = above.source if above.cell_type == "markdown" else ""
    text = LINK.sub(r"\1", NUMBER.sub("## ", text))  # there are no other sections here
    words = nbformat.v4.new_markdown_cell(f"# {title}\n\n{text}")
    Offline().preprocess_cell(words, {"metadata": {"path": str(NOTEBOOKS)}}, 0)
    *before, call = _statements(lesson.cells[: target + 1])
    code = nbformat.v4.new_code_cell("\n".join([*before, SETTLED, f"settled({call})"]))
    return nbformat.v4.new_notebook(cells=[words, code], metadata={**METADATA, "title": title})


def _statements(cells: list[Any]) -> list[str]:
    """The statements that the last one of the last cell needs, and that one last."""
    every = [part for cell in cells if cell.cell_type == "code" for part in ast.parse(cell.source).body]
    sources = {number: ast.unparse(part) for number, part in enumerate(every)}
    return [sources[number] for number in needed(sources, len(sources) - 1)]
