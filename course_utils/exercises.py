"""The exercises and objectives of a lesson, as its notebook tells of them."""

import functools
import json
import re
from dataclasses import dataclass, replace
from importlib import import_module

from course_utils.paths import NOTEBOOKS

OBJECTIVE = re.compile(r"^- \*\*(\d\.[a-z])\*\* (?:★ )?(.*?)[;.]$", re.M)
HEADING = re.compile(
    r"### Exercise (\d\.\d) · (★ )?(.+)\n"
    r"\*Difficulty ([●○]{3}) · (\d+) minutes · objectives? ([\d.a-z, ]+) · (\w+)\*"
)
CHECKED = re.compile(r"^check\.(\w+)\((?:\1\)$|.*solution=True)", re.M)
FENCE = re.compile(r"^### (BEGIN|END) SOLUTION\n?", re.M)


@dataclass(frozen=True)
class Task:
    """An exercise of a notebook.

    Attributes:
        number, title: such as '3.2' and 'Rescale a layer'.
        further: whether it is marked with a ★.
        minutes: that it takes.
        objectives: ids of the objectives that it practises, such as ('3.a',).
        kind: 'write', 'prove', 'diagnose', 'predict' or 'choose'.
        name: of its check.
        cell, stub: id and source of the cell that the student fills in.
        points: for a right answer: what the cell's metadata say, {"points": 2}, or else 1.
        solution: source of the folded solution; '' in a copy without solutions.
    """

    number: str
    title: str
    further: bool
    minutes: int
    objectives: tuple
    kind: str
    name: str
    cell: str
    stub: str
    points: float
    solution: str

    @property
    def lesson(self):
        """The number of its lesson."""
        return int(self.number.partition(".")[0])

    @property
    def check(self):
        """Its check in `course_utils.checks`."""
        return getattr(import_module(f"course_utils.checks.lesson{self.lesson}"), self.name)


def objectives(lesson):
    """{id: text} of a lesson's objectives, such as {'3.a': 'write down the rule …'}."""
    return dict(OBJECTIVE.findall("".join(_cells(lesson)[0]["source"])))


@functools.cache
def tasks(lesson):
    """The list of `Task` of a lesson, in their order."""
    found, heading = [], None
    for cell in _cells(lesson):
        source, metadata = "".join(cell["source"]), cell["metadata"]
        if cell["cell_type"] == "markdown":
            heading = HEADING.search(source) or heading
        elif heading and (checked := CHECKED.search(source)):
            number, star, title, _, minutes, ids, way = heading.groups()
            if "solution" in metadata.get("tags", []):
                found[-1] = replace(found[-1], solution=FENCE.sub("", source).strip())
            elif not found or found[-1].name != checked[1]:
                about = number, title, bool(star), int(minutes), tuple(ids.split(", ")), way, checked[1]
                found.append(Task(*about, cell.get("id", ""), source, float(metadata.get("points", 1)), ""))
    return found


def task(name):
    """The `Task` whose check has this name. Raises KeyError if no lesson has it."""
    for lesson in lessons():
        for each in tasks(lesson):
            if each.name == name:
                return each
    raise KeyError(name)


def lessons():
    """The numbers of the lessons."""
    return [int(path.name[:2]) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


def _cells(lesson):
    """The cells of a lesson, as the file has them."""
    (path,) = NOTEBOOKS.glob(f"{lesson:02}_*.ipynb")
    return json.loads(path.read_text(encoding="utf-8"))["cells"]
