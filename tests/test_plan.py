"""The minutes that lessons promise, their figures, and the course map."""

import re

import nbformat
import pytest

from course_utils import plan
from course_utils.notebooks import NOTEBOOKS
from course_utils.paths import ROOT

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
LIMITS = {"minutes": 90, "words of a section": 1200}
RENEW = "run `python3 -m course_utils plan --write`"


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def small(*cells):
    """A notebook with a title and cells: text in Markdown, or code where it begins with '>'."""
    first = "# Lesson 4 · A test, and its meaning\n\n**Time:** 3 for the computer."
    written = [nbformat.v4.new_markdown_cell(first)]
    for text in cells:
        new = nbformat.v4.new_code_cell if text.startswith(">") else nbformat.v4.new_markdown_cell
        written.append(new(text.removeprefix(">")))
    return nbformat.v4.new_notebook(cells=written)


def test_load_by_hand():
    """396 words and the 15 of the first cell make 2.055 minutes, 21 lines 2.1; upwards 5; with 25 + 3: 33, so 35."""
    exercise = "### Exercise 4.1 · Think\n*Difficulty ●○○ · 25 minutes · objective 4.a · write*"
    main = "## 1. One\n" + "word " * (393 - len(exercise.split())) + "\n\n" + exercise
    further = "## 2. ★ Two\n" + "word " * 400 + "\n\n**Predict:** *Figure 4.1. Nothing.*\n\n*Figure 4.2. All.*"
    picture = "![Words that are not counted.](../data/examples/a.webp)"
    solution = nbformat.v4.new_code_cell("a = 1\n" * 50, metadata={"tags": ["solution"]})
    given = small(main + picture, ">" + "a = 1\n\n" * 21, further, '>show(a,\n     "Figure 4.3. More.", "alt")')
    given.cells.insert(2, solution)
    found = plan.load(given)
    assert (found.number, found.title, found.short, found.computing) == (4, "A test, and its meaning", "A test", 3)
    words = len(given.cells[0].source.split()) + len(main.split())
    assert (found.main.words, found.main.lines, found.main.exercises) == (words, 21, 25)
    assert found.main.reading == 5 and found.minutes == 35 and found.more == 5
    assert (found.further.words, found.further.lines) == (len(further.split()), 2)
    assert (found.exercises, found.predictions, found.figures) == (1, 1, 2)
    assert list(found.sections) == ["1. One", "2. ★ Two"]
    assert found.header == (
        "**Time:** about 35 minutes: 5 to read, 25 for the exercises, 3 for the computer. "
        "The sections marked ★ can be skipped; they take 5 minutes more."
    )


def test_the_header_says_what_the_lesson_asks(notebook):
    assert plan.load(notebook).header in notebook.cells[0].source.split("\n"), RENEW


def test_no_lesson_asks_too_much(notebook):
    found = plan.load(notebook)
    assert found.minutes <= LIMITS["minutes"] and max(found.sections.values()) <= LIMITS["words of a section"]


def test_readme_and_map_say_the_same():
    assert [path.name for path in plan.renewed(plan.loads())] == [], RENEW
    assert plan.description(plan.loads()) in plan.MAP.read_text(encoding="utf-8"), RENEW
    for place in ("README.md", "notebooks/00_start_here.ipynb"):
        assert plan.MAP.name in (ROOT / place).read_text(encoding="utf-8")


def test_the_map_leads_where_lessons_need(notebook):
    """From each lesson that a lesson needs, by its own words, arrows lead to it; no arrow goes back."""
    found = plan.load(notebook)
    needed = re.search(r"^\*\*You need\*\* (.*)", notebook.cells[0].source, re.M)[1]
    reached = {found.number}
    for _ in plan.IDEAS:
        reached |= {source for source, target in plan.IDEAS if target in reached}
    assert {int(number) for number in re.findall(r"[Ll]essons? (\d)", needed)} <= reached
    assert all(source < target for source, target in plan.IDEAS)


def test_what_is_skipped_is_not_needed(notebook):
    """An exercise of a ★ section is marked as such, and an objective without a ★ has an exercise in the main line."""
    starred, practised = False, set()
    for cell in notebook.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("## "):
                starred = "★" in line
            if line.startswith("### Exercise"):
                assert ("★" in line) == starred, line
            if line.startswith("*Difficulty") and not starred:
                practised |= set(re.findall(r"\d\.[a-z]", line))
    assert practised == set(re.findall(r"^- \*\*(\d\.[a-z])\*\* (?!★)", notebook.cells[0].source, re.M))


def captions(notebook):
    """All captions, in reading order: of pictures in the text, and of those that a cell shows."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield from re.findall(r"^\*(Figure .*)\*$", cell.source, re.M)
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            yield from re.findall(r"<figcaption><i>(.*?)</i></figcaption>", html, re.S)


def test_every_figure_has_a_number_and_a_caption(notebook):
    found, number = list(captions(notebook)), plan.load(notebook).number
    assert [caption.split(". ")[0] for caption in found] == [f"Figure {number}.{n + 1}" for n in range(len(found))]
    assert all(len(caption.split()) >= 6 and caption[-1] in ".?!" for caption in found)
    pictures = sum(cell.source.count("](../data/examples/") for cell in notebook.cells if cell.cell_type == "markdown")
    shown = sum(
        output.get("data", {}).get("text/html", "").count("<img")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert pictures + shown == len(found) == plan.load(notebook).figures
