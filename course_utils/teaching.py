"""Plans for a class: one lecture, two weeks or a term, with the minutes of each part.

The minutes follow from the lessons (`course_utils.plan`) and from notebooks/INSTRUCTORS.md, which says how long each
demonstration takes. A plan is data: parts such as "read 4" or "demonstration 4", whose kinds are the keys of `KINDS`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from course_utils.paths import NOTEBOOKS

if TYPE_CHECKING:
    from course_utils.plan import Load

GUIDE = NOTEBOOKS / "INSTRUCTORS.md"
CLASS = 90  # minutes
TOLD = 100  # words of a lesson that a lecturer tells in a minute, the formulas at the board among them
QUESTIONS, TALK = 3, 5  # questions to discuss for each lesson, and minutes for each of them
PRESENTED, EXHIBITED = 10, 60  # minutes in which a group presents a section marked ★, and of the last class
LESSON = re.compile(r"^### Lesson (\d)\b", re.M)
DEMONSTRATION = re.compile(r"^\*\*Demonstration, (\d+) minutes\b", re.M)

LECTURE = (
    *("tell 6.1", "tell 0.4", "tell 1.2", "demonstration 1", "question 1"),
    *("tell 4.1", "demonstration 4", "tell 5.1", "tell 5.3", "demonstration 5", "question 5"),
    *("tell 6.2", "tell 6.4", "demonstration 6", "question 6", "demonstration 8"),
)


def _whole(lesson: int) -> str:
    """What one class does with a lesson that everybody has read."""
    return f"demonstration {lesson}, discussion {lesson}, exercises {lesson}"


TWO_WEEKS = (  # (at home before the class, in class)
    ("read 0, exercises 0, read 1", "demonstration 0, discussion 0, demonstration 1, exercises 1"),
    ("read 4", _whole(4)),
    ("read 5", _whole(5)),
    ("read 6", _whole(6)),
    ("read 8, exercises 8", ""),
)
TERM = (
    ("read 0", _whole(0)),
    ("read 1", _whole(1)),
    ("further 1", "present 1"),
    ("read 2", _whole(2)),
    ("read 3", _whole(3)),
    ("further 2, further 3", "present 2, present 3"),
    ("read 4", _whole(4)),
    ("read 5", _whole(5)),
    ("further 4, further 5", "present 4, present 5"),
    ("read 6", _whole(6)),
    ("read 7", _whole(7)),
    ("further 7", "present 7"),
    ("further 6, read 8", "present 6, demonstration 8, exercises 8"),
    ("", "discussion 8, exhibition 8"),
)

# {kind: (what one says of it, its minutes from the load of the lesson, its section and its demonstration)}
KINDS: dict[str, tuple[str, Callable[[Load, str, int], int]]] = {
    "read": ("main line", lambda load, *_: load.main.reading + load.computing),
    "further": ("★", lambda load, *_: load.more),
    "exercises": ("exercises", lambda load, *_: load.main.exercises),
    "demonstration": ("demonstration", lambda load, section, shown: shown),
    "discussion": ("discussion", lambda *_: QUESTIONS * TALK),
    "question": ("one question", lambda *_: TALK),
    "present": ("groups present ★", lambda load, *_: PRESENTED * sum("★" in title for title in load.sections)),
    "tell": ("tell", lambda load, section, shown: math.ceil(load.sections[section] / TOLD)),
    "exhibition": ("the pictures of all", lambda *_: EXHIBITED),
}


class GuideError(RuntimeError):
    """The guide lacks a block; the message says which."""


def with_block(text: str, name: str, content: str) -> str:
    """A text whose block of this name holds the content: what stands between `<!-- NAME -->` and `<!-- end -->`.

    Raises:
        GuideError: the text has no such block.
    """
    pattern = re.compile(rf"(?<=^<!-- {name} -->\n).*?(?=^<!-- end -->$)", re.S | re.M)
    if not pattern.search(text):
        raise GuideError(
            f"The guide has no block {name!r}: put `<!-- {name} -->` and `<!-- end -->` on lines of their own."
        )
    return pattern.sub(lambda _: f"{content}\n", text, count=1)


def demonstrations(guide: str) -> dict[int, int]:
    """{lesson: minutes of its demonstration}, as the guide says."""
    found = {}
    _, *parts = LESSON.split(guide)
    for lesson, text in zip(parts[::2], parts[1::2]):
        if minutes := DEMONSTRATION.search(text):
            found[int(lesson)] = int(minutes[1])
    return found


class Plans:
    """The minutes of all parts, from the loads of the lessons and the text of the guide."""

    def __init__(self, loads: Iterable[Load], guide: str):
        self.loads = {load.number: load for load in loads}
        self.shown = demonstrations(guide)

    def minutes(self, part: str) -> int:
        """Minutes of a part such as 'read 4', or 'tell 4.1' of a section."""
        kind, lesson, section = self._taken_apart(part)
        return KINDS[kind][1](self.loads[lesson], section, self.shown.get(lesson, 0))

    def _taken_apart(self, part):
        kind, place = part.split()
        lesson, _, number = place.partition(".")
        titles = self.loads[int(lesson)].sections
        section = next((title for title in titles if number and title.startswith(f"{number}. ")), "")
        return kind, int(lesson), section

    def lecture(self) -> str:
        """The lecture as a table in Markdown: when each part begins."""
        rows, now = ["| from minute | minutes | what |", "| --- | --- | --- |"], 0
        for part in LECTURE:
            kind, lesson, section = self._taken_apart(part)
            words = (
                f"lesson {lesson}, *{section.partition('. ')[2]}*"
                if section
                else f"{KINDS[kind][0]} of lesson {lesson}"
            )
            rows.append(f"| {now} | {self.minutes(part)} | {words} |")
            now += self.minutes(part)
        return "\n".join([*rows, f"| {now} | {CLASS - now} | left for what comes up |"])

    def course(self, classes: Iterable[tuple[str, str]]) -> str:
        """A sequence of classes as a table in Markdown: what is done at home before each of them, and in it."""
        rows = ["| class | at home before it | minutes | in class | minutes |", "|" + " --- |" * 5]
        sums = [0, 0]
        for number, halves in enumerate(classes, 1):
            cells = [str(number) if halves[1] else "after it"]
            for place, half in enumerate(halves):
                parts = half.split(", ") if half else []
                minutes = sum(map(self.minutes, parts))
                cells += [self._said(parts) or "–", str(minutes or "–")]
                sums[place] += minutes
            rows.append(f"| {' | '.join(cells)} |")
        home, in_class = (f"{minutes / 60:.0f} hours" for minutes in sums)
        return "\n".join([*rows, f"| all | | {home} | | {in_class} |"])

    def _said(self, parts):
        """'lesson 4: demonstration, discussion; lesson 5: main line'."""
        found = [self._taken_apart(part)[:2] for part in parts]
        return "; ".join(
            f"lesson {lesson}: {', '.join(KINDS[kind][0] for kind, _ in group)}"
            for lesson, group in itertools.groupby(found, key=lambda each: each[1])
        )

    def plans(self) -> dict[str, str]:
        """{name of a plan: its table}."""
        return {"lecture": self.lecture(), "two weeks": self.course(TWO_WEEKS), "term": self.course(TERM)}

    def blocks(self) -> dict[str, str]:
        """{name of a block of the guide: its text}: the plans, and the minutes and objectives of each lesson."""
        return {
            **self.plans(),
            **{f"lesson {n}": "\n".join([load.header, "", *load.objectives]) for n, load in self.loads.items()},
        }

    def guide(self, text: str) -> str:
        """The text of the guide with all its blocks renewed."""
        for name, content in self.blocks().items():
            text = with_block(text, name, content)
        return text
