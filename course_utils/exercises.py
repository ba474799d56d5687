"""The exercises and objectives of a lesson, as its notebook tells of them."""

import functools
import json
import re
from dataclasses import dataclass

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
        solution: source of the folded solution; '' in a copy without solutions.
    """

    number: str
    title: str
    further: bool
    minutes: int
    objectives: tuple
    kind: str
    name: str
    solution: str


def objectives(lesson):
    """{id: text} of a lesson's objectives, such as {'3.a': 'write down the rule …'}."""
    return dict(OBJECTIVE.findall(_cells(lesson)[0][1]))


@functools.cache
def tasks(lesson):
    """The list of `Task` of a lesson, in their order."""
    found, heading = [], None
    for kind, source, solved in _cells(lesson):
        if kind == "markdown":
            heading = HEADING.search(source) or heading
        elif heading and (checked := CHECKED.search(source)):
            number, star, title, _, minutes, ids, way = heading.groups()
            if solved:
                found[-1] = Task(**{**vars(found[-1]), "solution": FENCE.sub("", source).strip()})
            elif not found or found[-1].name != checked[1]:
                ids = tuple(ids.split(", "))
                found.append(Task(number, title, bool(star), int(minutes), ids, way, checked[1], ""))
    return found


def task(name):
    """The `Task` whose check has this name. Raises KeyError if no lesson has it."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for each in tasks(int(path.name[:2])):
            if each.name == name:
                return each
    raise KeyError(name)


def _cells(lesson):
    """(type, source, whether it is a folded solution) of each cell of a lesson."""
    (path,) = NOTEBOOKS.glob(f"{lesson:02}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        (cell["cell_type"], "".join(cell["source"]), "solution" in cell["metadata"].get("tags", [])) for cell in cells
    ]
