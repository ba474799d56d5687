"""How long a lesson takes, and which lesson needs which, for the headers, the README, the course map and the guide.

The minutes of a lesson are the sum of four parts: words / 200 to read, lines of code / 10 to understand, the minutes of
the exercises, and the minutes of the computer, which the header gives (measured on two cores). Sections marked ★ are
counted separately.
"""

import json
import math
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.files import replace_file
from course_utils.paths import DATA, NOTEBOOKS, ROOT
from course_utils.questions import coming_back, question
from course_utils.teaching import GUIDE, Plans

WORDS, LINES = 200, 10  # words and lines of code that are read in a minute
MAP = DATA / "examples" / "course_map.svg"
EXERCISE = re.compile(r"^\*Difficulty [●○]{3} · (\d+) minutes · ", re.M)
COMPUTING = re.compile(r"(\d+) for the computer")
OBJECTIVE = re.compile(r"^- \*\*\d\.[a-z]\*\* .*$", re.M)
TIME = re.compile(r"^\*\*Time:\*\* .*$", re.M)
UNSEEN = re.compile(r"!\[[^\]]*\]\([^)]*\)")  # the description of a picture, for those who do not see it
ASKED = re.compile(r"^check\.predict\(\"(\w+)\"\)", re.M)
SECTION = re.compile(r"^(?=## )", re.M)
PLACES = {
    0: (0, 1),
    1: (1.4, 2),
    2: (1.4, 0),
    3: (3.1, 0),
    4: (3.1, 2),
    5: (4.7, 0.4),
    6: (6.2, 1.2),
    7: (7.7, 2),
    8: (7.7, 0.4),
}
IDEAS = {  # (from, to): the idea that the later lesson takes from the earlier one
    (0, 1): "a picture\nis a tensor",
    (0, 2): "feature\nmaps",
    (1, 4): "what a layer\nsees and keeps",
    (2, 3): "the mean over\nall positions",
    (3, 5): "channels\nthat count\nalike",
    (4, 5): "a cost in a layer,\nand its gradient",
    (4, 6): "the content cost",
    (5, 6): "the\nstyle\ncost",
    (6, 7): "the loop\nthat\npaints",
    (6, 8): "the cost\nis a sum",
}


@dataclass
class Part:
    """Words, lines of code and minutes of exercises of some sections."""

    words: int = 0
    lines: int = 0
    exercises: int = 0

    @property
    def reading(self) -> int:
        """Minutes to read the words and to understand the code."""
        return math.ceil(self.words / WORDS + self.lines / LINES)


@dataclass
class Load:
    """The load of a lesson on its reader.

    Attributes:
        number, title: of the lesson.
        main, further: the sections without and with a ★ in their title.
        sections: {title: number of words in the section}.
        computing: minutes of the computer.
        exercises, predictions, figures: the number of each.
        objectives: the lines of the first cell that say what the reader can do afterwards.
    """

    number: int
    title: str
    computing: int
    main: Part = field(default_factory=Part)
    further: Part = field(default_factory=Part)
    sections: dict[str, int] = field(default_factory=dict)
    exercises: int = 0
    predictions: int = 0
    figures: int = 0
    objectives: list[str] = field(default_factory=list)

    @property
    def short(self) -> str:
        """The title without its explanation."""
        return re.split(r",| in ", self.title)[0]

    @property
    def minutes(self) -> int:
        """Minutes of the main line, in steps of five."""
        return 5 * math.ceil((self.main.reading + self.main.exercises + self.computing) / 5)

    @property
    def more(self) -> int:
        """Minutes of the sections marked ★, in steps of five."""
        return 5 * math.ceil((self.further.reading + self.further.exercises) / 5)

    @property
    def header(self) -> str:
        """The line of the first cell that gives the minutes."""
        line = f"**Time:** about {self.minutes} minutes: {self.main.reading} to read, "
        line += f"{self.main.exercises} for the exercises, {self.computing} for the computer."
        if self.more:
            line += f" The sections marked ★ can be skipped; they take {self.more} minutes more."
        return line


def load(notebook) -> Load:
    """The load of a notebook, which is given as nbformat reads it. The solutions do not count."""
    first = notebook.cells[0].source
    number, title = re.match(r"# Lesson (\d) · (.*)", first).groups()
    computing = COMPUTING.search(first)
    result = Load(int(number), title, int(computing[1]) if computing else 0, objectives=OBJECTIVE.findall(first))
    part, section = result.main, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for text in SECTION.split(cell.source):
                if text.startswith("## "):
                    section = text.partition("\n")[0].removeprefix("## ")
                    part = result.further if "★" in section else result.main
                words, minutes = len(UNSEEN.sub("", text).split()), [int(found) for found in EXERCISE.findall(text)]
                part.words += words
                part.exercises += sum(minutes)
                result.exercises += len(minutes)
                result.predictions += len(re.findall(r"\*\*Predict\b", text))
                result.figures += len(re.findall(r"^\*Figure \d\.\d+\. ", text, re.M))
                if section:
                    result.sections[section] = result.sections.get(section, 0) + words
        elif "solution" not in cell.metadata.get("tags", []):
            part.lines += sum(bool(line.strip()) for line in cell.source.splitlines())
            asked = [question(int(number), name) for name in ASKED.findall(cell.source)]
            asked += coming_back(int(number), {}) if cell.source.startswith("check.recall()") else []
            part.words += sum(len(each.plain.split()) for each in asked)
            result.figures += len(re.findall(r"\"Figure \d\.\d+\. ", cell.source))
    return result


def loads() -> list[Load]:
    """The loads of all lessons, in their order."""
    import nbformat

    return [load(nbformat.read(path, 4)) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


def table(found: list[Load]) -> str:
    """The loads as a table in Markdown."""
    rows = ["| lesson | words | lines of code | longest section | exercises | predictions | figures | minutes | ★ |"]
    rows.append("|" + " --- |" * 9)
    for each in found:
        words, lines = each.main.words + each.further.words, each.main.lines + each.further.lines
        longest, count = max(each.sections.values()), each.exercises
        cells = (each.number, words, lines, longest, count, each.predictions, each.figures, each.minutes, each.more)
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows)


def description(found: list[Load]) -> str:
    """The course map in words, for those who do not see it."""
    leads: dict[int, list[str]] = {}
    for (source, target), idea in IDEAS.items():
        leads.setdefault(source, []).append(f"{' '.join(idea.split())} to lesson {target}")
    parts = [
        f"lesson {each.number}, {each.short}, {each.minutes} minutes"
        + (f" (leads by {', by '.join(leads[each.number])})" if each.number in leads else "")
        for each in found
    ]
    return f"A map of the course: {'; '.join(parts)}."


def draw(found: list[Load], path: Path = MAP) -> None:
    """Draw the course map as SVG: lessons with their minutes, and arrows with the ideas that lead on."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(-0.55, 8.25), ylim=(-0.5, 2.5))
    axis.axis("off")
    boxes = {}
    for each in found:
        x, y = PLACES[each.number]
        boxes[each.number] = axis.text(
            x,
            y,
            f"{each.number}\n{textwrap.fill(each.short, 14)}\n{each.minutes} minutes",
            ha="center",
            va="center",
            fontsize=12,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": "#fff3d6", "edgecolor": "#7a5c00"},
        )
    for (source, target), idea in IDEAS.items():
        if source not in boxes or target not in boxes:  # a handout may have some lessons only
            continue
        arrow = {"arrowstyle": "-|>", "color": "#444444", "patchA": boxes[source].get_bbox_patch()}
        arrow["patchB"] = boxes[target].get_bbox_patch()
        axis.annotate("", PLACES[target], PLACES[source], arrowprops=arrow)
        x, y = ((a + b) / 2 for a, b in zip(PLACES[source], PLACES[target]))
        axis.text(
            x, y, idea, ha="center", va="center", fontsize=9.5, style="italic", bbox={"color": "white", "pad": 1.5}
        )
    metadata = {"Date": None, "Title": "Course map", "Description": description(found)}
    with matplotlib.rc_context({"svg.hashsalt": "course map"}):
        figure.savefig(path, format="svg", metadata=metadata)


def renewed(found: list[Load]) -> dict[Path, str]:
    """{file: its text with the present minutes}, for each notebook, README and guide whose text changes."""
    texts = {}
    for path, each in zip(sorted(NOTEBOOKS.glob("*.ipynb")), found):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for number, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] == "markdown":
                text = _mapped("".join(cell["source"]), found)
                text = text if number else TIME.sub(lambda _: each.header, text)
                cell["source"] = text.splitlines(keepends=True)
        texts[path] = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for each in found:
        row = re.compile(rf"^(\| \[{each.number} · .* \| )\d+( \|)$", re.M)
        readme = row.sub(lambda match: f"{match[1]}{each.minutes}{match[2]}", readme)
    texts[ROOT / "README.md"] = _mapped(readme, found)
    if GUIDE.exists():  # students may have the course without it
        guide = GUIDE.read_text(encoding="utf-8")
        texts[GUIDE] = Plans(found, guide).guide(guide)
    return {path: text for path, text in texts.items() if text != path.read_text(encoding="utf-8")}


def _mapped(text, found):
    """A text whose pictures of the course map have the present description."""
    return re.sub(rf"!\[[^\]]*\](?=\([./]*data/examples/{MAP.name}\))", lambda _: f"![{description(found)}]", text)


def write() -> list[Path]:
    """Renew the minutes in all files, and the course map. Returns the files that have changed."""
    found = loads()
    texts = renewed(found)
    for path, text in texts.items():
        replace_file(path, text.encode())
    before = MAP.read_bytes() if MAP.exists() else b""
    draw(found)
    return [*texts, *[MAP] * (MAP.read_bytes() != before)]
