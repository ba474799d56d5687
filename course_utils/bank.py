"""The bank: what the checks make of all named wrong answers, of right ones, and of mutants of the lessons' solutions.

The named wrong answers stand in the checks, the right answers in tests/answers. There, EQUIVALENT lists the mutants
that a check rightly accepts: {reason: lines of mutants}.
"""

import ast
import functools
import os
import sys
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import NamedTuple

import nbformat
import torch
from tqdm import tqdm

from course_utils.checks.core import Exercise
from course_utils.excerpts import needed
from course_utils.limited import results
from course_utils.mutants import mutants, steps
from course_utils.notebooks import NOTEBOOKS
from course_utils.paths import ROOT

SECONDS = 30  # that one answer may take
LESSONS = range(9)


class Task(NamedTuple):
    """An answer to one exercise.

    Attributes:
        lesson, name: of the exercise.
        kind: 'wrong' or 'right' for an answer with a name or a number, 'mutant' for a source.
        answer: the name, the number, or the source; the source defines NAME_solution.
        label: what the table calls it.
    """

    lesson: int
    name: str
    kind: str
    answer: object
    label: str


@dataclass
class Row:
    """What has become of the answers to one exercise.

    Attributes:
        tried, fine: {kind: number of answers}, all of them and those with the verdict that they should get.
        bad: sentences about the others.
        survivors: the lines of mutants that have passed.
        equivalent: {line of a mutant: why it does the same as the solution}.
    """

    tried: dict = field(default_factory=lambda: dict.fromkeys(("wrong", "right", "mutant"), 0))
    fine: dict = field(default_factory=lambda: dict.fromkeys(("wrong", "right", "mutant"), 0))
    bad: list = field(default_factory=list)
    survivors: list = field(default_factory=list)
    equivalent: dict = field(default_factory=dict)

    @property
    def left(self):
        """The survivors that are not known as equivalent."""
        return [line for line in self.survivors if line not in self.equivalent]

    @property
    def faults(self):
        """Sentences about all that is not as it should be."""
        killed = [line for line in self.equivalent if line not in self.survivors]
        return [
            *self.bad,
            *[f"this mutant passes: {line}" for line in self.left],
            *[f"EQUIVALENT lists what does not pass, or is not made any more: {line}" for line in killed],
        ]


def exercises(lesson):
    """{name: `Exercise`} of the functions that a lesson asks for."""
    module = import_module(f"course_utils.checks.lesson{lesson}")
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: check for name, check in found.items() if isinstance(check, Exercise)}


@functools.cache
def solutions(lesson):
    """{name of an exercise: (source of what the solution needs, source of the solution)} of a lesson's notebook."""
    (path,) = NOTEBOOKS.glob(f"{lesson:02}_*.ipynb")
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    parts = [part for cell in cells for part in ast.parse(cell.source).body]
    sources, found = {}, {}
    for number, part in enumerate(parts):
        sources[number] = ast.unparse(part)
        if isinstance(part, ast.FunctionDef) and part.name.endswith("_solution"):
            before = [sources[needs] for needs in needed(sources, number)[:-1]]
            found[part.name.removesuffix("_solution")] = "\n".join(before), sources[number]
    return found


def answers(lesson, name):
    """The module with the right answers to an exercise."""
    if (folder := str(ROOT / "tests")) not in sys.path:
        sys.path.insert(0, folder)
    return import_module(f"answers.lesson{lesson}.{name}")


def first_lines(exercise, source):
    """Statements that change one argument of an exercise's solution before its first line."""
    names = [argument.arg for argument in ast.parse(source).body[0].args.args]
    every = [trial.arguments for trial in exercise.trials()]
    for position, (name, *values) in enumerate(zip(names, *every)):
        example = next((value for value in values if not isinstance(value, (list, dict)) or value), None)
        for step in steps(name, example, position in exercise.differentiable):
            yield f"{name} = {step}"


def tasks(lesson, name):
    """All answers to an exercise, as a list of `Task`."""
    exercise, (before, source) = exercises(lesson)[name], solutions(lesson)[name]
    found = [("wrong", wrong.name, wrong.name) for wrong in exercise.misconceptions]
    found += [("right", number, f"number {number}") for number in range(len(answers(lesson, name).RIGHT))]
    found += [
        ("mutant", f"{before}\n{mutant.source}", mutant.line)
        for mutant in mutants(source, first_lines(exercise, source))
    ]
    return [Task(lesson, name, *answer) for answer in found]


def verdict(task):
    """(whether a check accepts an answer, the reason for which it refuses it)."""
    torch.set_num_threads(1)
    exercise = exercises(task.lesson)[task.name]
    if task.kind == "wrong":
        answer = next(wrong.function for wrong in exercise.misconceptions if wrong.name == task.answer)
    elif task.kind == "right":
        answer = answers(task.lesson, task.name).RIGHT[task.answer]
    else:
        namespace = {}
        exec(task.answer, namespace)
        answer = namespace[f"{task.name}_solution"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a mutant may call what will not work one day
        result = exercise.judge(answer)
    return bool(result), result.reason


def judge(row, task, result):
    """Enter the result of a task into the row of its exercise. A mutant that takes too long or dies is refused."""
    passed, reason = result if isinstance(result, tuple) else (False, result)
    row.tried[task.kind] += 1
    if passed == (task.kind == "right") and (task.kind != "wrong" or reason == task.answer):
        row.fine[task.kind] += 1
    elif task.kind == "mutant":
        row.survivors.append(task.label)
    elif task.kind == "right":
        row.bad.append(f"the right answer {task.label} is refused ({reason})")
    else:
        row.bad.append(f"the wrong answer {task.label} " + ("passes" if passed else f"gets the hint of '{reason}'"))


def rows(lessons=LESSONS, processes=None):
    """{(number of a lesson, name of an exercise): `Row`}, in the order of the lessons; shows a progress bar."""
    every = [task for lesson in lessons for name in exercises(lesson) for task in tasks(lesson, name)]
    found = {(task.lesson, task.name): Row() for task in every}
    for (lesson, name), row in found.items():
        listed = getattr(answers(lesson, name), "EQUIVALENT", {})
        row.equivalent = {line: reason for reason, lines in listed.items() for line in lines}
    with tqdm(total=len(every), unit=" answers", leave=False, disable=None) as bar:
        for number, result in results(verdict, every, processes or cores(), SECONDS):
            judge(found[every[number].lesson, every[number].name], every[number], result)
            bar.update()
    return found


def cores():
    """How many processes work at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- the text ---------------------------------------------------------------------------------------------------

HEAD = (
    "| exercise | wrong answers with their own hint | right answers accepted | mutants | refused | equivalent | left |"
)


def table(found):
    """The rows as a table in Markdown, with a sentence on all mutants below it."""
    lines = [HEAD, "|" + " --- |" * 7]
    for (lesson, name), row in found.items():
        cells = [f"{lesson} · {name}"]
        cells += [f"{row.fine[kind]} of {row.tried[kind]}" for kind in ("wrong", "right")]
        equivalent = len(row.survivors) - len(row.left)
        cells += [row.tried["mutant"], row.fine["mutant"], equivalent, len(row.left)]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    refused = sum(row.fine["mutant"] for row in found.values())
    others = refused + sum(len(row.left) for row in found.values())
    lines.append(f"\nOf {others:,} mutants that are not equivalent, {refused:,} are refused ({refused / others:.1%}).")
    return "\n".join(lines)


def remarks(found):
    """The equivalent mutants of each exercise with the reasons, and then what is not as it should be."""
    lines = []
    for (lesson, name), row in found.items():
        reasons = {}
        for line in row.survivors:
            reasons.setdefault(row.equivalent.get(line), []).append(line)
        reasons.pop(None, None)
        for reason, equivalent in reasons.items():
            lines += [f"{lesson} · {name}, equivalent: {reason}", *[f"    {line}" for line in equivalent]]
    lines += [f"{lesson} · {name}: {fault}" for (lesson, name), row in found.items() for fault in row.faults]
    return "\n".join(lines)
