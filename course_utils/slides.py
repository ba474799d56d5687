"""Lessons as slides for a projector, in one file each, which asks no network for anything.

Nothing in a lesson says where a slide begins: that follows from its headings, figures, formulas and results. A slide
has a heading and what is to be seen: sentences that begin in bold, lists, tables, formulas with the sentence before
them, questions to predict and exercises. Each result stands on a slide of its own, so that a question is asked before
its answer is seen. The code, the solutions and the other sentences are left to the lecturer. The template `slides` of
nbconvert makes the page.
"""

import re
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import Preprocessor
from traitlets.config import Config

from course_utils.notebooks import read
from course_utils.pages import LESSON_LINK, Offline
from course_utils.paths import JUPYTER

FULL = 700  # characters on a slide, about
ROWS = 7  # rows of a table on a slide
FEW = 5  # lines of text that fit below a figure
FORMULA_COUNTS, ROW_COUNTS = 160, 90  # characters whose place a formula takes, and a row of a table
SUFFIX = ".slides.html"
PICTURE, CAPTION = re.compile(r"!\[[^\]]*\]\([^)]*\)$"), re.compile(r"\*Figure \d\.\d+\. .*\*$", re.S)
SEEN = re.compile(r"\*\*|\||> |- |\d+\. |<")  # how a block begins that is to be seen
LEFT_OUT = re.compile(r"\*\*(Glossary|References)\.\*\*")
PREDICT = re.compile(r"\*\*Predict\b")
NOT_YET = re.compile(r"○ \w+: not tried yet")
CHOICE = re.compile(r"^  ([A-Z])  (.*)$", re.M)  # of a question to predict, in the text that stands for its widget
DISPLAY = re.compile(r"\$\$.*?\$\$", re.S)
LINK = re.compile(r"\]\([^)]*\)")


def blocks(text: str) -> list[str]:
    """The blocks of a text in Markdown, which blank lines divide; a formula stays with the sentence before it."""
    found, inside = [""], ""
    for line in text.splitlines():
        for mark in ("```", "$$"):
            if line.count(mark) % 2 and inside in ("", mark):
                inside = "" if inside else mark
        if inside or line.strip():
            found[-1] += f"{line}\n"
        else:
            found.append("")
        if line.startswith("#") and not inside:
            found.append("")
    joined: list[str] = []
    for block in (block.rstrip() for block in found if block.strip()):
        if block.startswith("$$") and joined and not joined[-1].startswith("#"):
            joined[-1] += f"\n\n{block}"
        else:
            joined.append(block)
    return joined


def size(block: str) -> int:
    """The place that a block takes on a slide, in characters."""
    if block.startswith("|"):
        return ROW_COUNTS * block.count("\n")
    words, *formulas = DISPLAY.split(block)
    return len(LINK.sub("]", words)) + FORMULA_COUNTS * len(formulas)


class Deck:
    """Slides in the making: each is one cell, whose metadata holds its number and the title of its section."""

    def __init__(self):
        self.cells, self.text, self.section = [], [], ""

    def begin(self, heading: str) -> None:
        """A new slide with a heading; one that follows a heading directly stands below it."""
        if not _only_heading(self.text):
            self.close()
        self.text.append(heading)
        if heading.startswith("## "):
            self.section = heading.removeprefix("## ")

    def put(self, block: str) -> None:
        """A block on this slide, or on the next one if this one is full."""
        if self.text and not _only_heading(self.text) and size(block) + sum(map(size, self.text)) > FULL:
            self.close()
        self.text.append(block)

    def alone(self, block: str) -> None:
        """A block on a slide of its own, or below a heading that stands alone."""
        if not _only_heading(self.text):
            self.close()
        self.text.append(block)
        self.close()

    def result(self, outputs: list) -> None:
        """A slide with results of a cell."""
        self.close()
        self._add(nbformat.v4.new_code_cell(outputs=outputs))

    def close(self) -> None:
        """End the slide, if it has begun."""
        if self.text:
            self._add(nbformat.v4.new_markdown_cell("\n\n".join(self.text)))
        self.text = []

    def _add(self, cell):
        said = cell.source.startswith("## ")  # by the heading itself
        cell.metadata["slide"] = {"number": len(self.cells) + 1, "section": "" if said else self.section}
        self.cells.append(cell)


def _only_heading(text):
    return all(block.startswith("#") for block in text)


class Slides(Preprocessor):
    """nbconvert's preprocessor that makes a notebook of slides from a lesson: a cell is a slide."""

    def preprocess(self, nb, resources):
        """Returns a new notebook, and the resources as they are."""
        text = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
        title = re.search(r"^# (.*)", text, re.M)
        title = title[1] if title else resources["metadata"]["name"]
        lesson, deck = re.match(r"Lesson (\d+)", title), Deck()
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                _read(deck, LESSON_LINK.sub(rf"\1{SUFFIX}", cell.source))
            elif cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", []):
                _show(deck, cell.outputs, lesson)
        deck.close()
        made = nbformat.v4.new_notebook(cells=deck.cells, metadata={**nb.metadata, "title": title})
        return made, resources


def _read(deck, text):
    """Put the text of a cell on slides."""
    whole, first, every = False, False, blocks(text)
    for number, block in enumerate(every):
        following = every[number + 1] if number + 1 < len(every) else ""
        if block.startswith("#"):
            deck.begin(block)
            whole, first = block.startswith("### Exercise"), True
        elif PICTURE.match(block) and CAPTION.match(following):
            deck.alone(f"{block}\n\n{following}")
        elif CAPTION.match(block) or LEFT_OUT.match(block):
            continue
        elif block.startswith("|") and "\n" in block:
            for part in _parts(block):
                deck.put(part)
        elif whole or first or SEEN.match(block) or PREDICT.search(block) or "$$" in block:
            deck.put(block)
            first = False


def _parts(table):
    """A table in parts of at most so many rows, each below the same heads."""
    head, rule, *rows = table.splitlines()
    for start in range(0, len(rows), ROWS):
        yield "\n".join([head, rule, *rows[start : start + ROWS]])


def _asked(text):
    """A question with choices in Markdown."""
    question, *choices = CHOICE.sub(r"- **\1** \2", text).splitlines()
    return "\n".join([f"**{question}**", "", *choices])


def _show(deck, outputs, lesson):
    """Put the results of a cell on slides: a figure, with the text below it if this is short."""
    figures = [output for output in outputs if "<img" in output.get("data", {}).get("text/html", "")]
    texts = [output for output in outputs if output.get("name") == "stdout" and not NOT_YET.match(output.text)]
    for text in (output.get("data", {}).get("text/plain", "") for output in outputs):
        if CHOICE.search(text):
            for block in text.split("\n\n")[:-1]:  # the last one says how to answer
                deck.put(_asked(block))
        elif text.startswith("[Widget: ") and deck.section.endswith("Explore") and lesson:
            deck.put(f"The widget alone: `python3 -m course_utils show {lesson[1]}`")
    deck.close()
    if len(figures) == 1 and sum(output.text.count("\n") for output in texts) <= FEW:
        return deck.result(figures + texts)
    for output in figures + texts:
        deck.result([output])


def slides(path: Path) -> str:
    """The HTML of a lesson's slides, with its pictures inside.

    Raises:
        NotANotebook: the file cannot be read.
        PageError: a formula cannot be written.
    """
    settings = {"HTMLExporter": {"template_name": "slides", "exclude_input": True, "exclude_output_prompt": True}}
    exporter = HTMLExporter(config=Config(settings), extra_template_basedirs=[str(JUPYTER / "nbconvert" / "templates")])
    for preprocessor in (Slides, Offline):
        exporter.register_preprocessor(preprocessor, enabled=True)
    about = {"name": path.stem, "path": str(path.parent.resolve())}
    return exporter.from_notebook_node(read(path), resources={"metadata": about})[0]
