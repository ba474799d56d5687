"""What a student has done: a small file beside the notebooks, which nobody else reads.

The file holds, for each exercise, how often it was tried, whether it was right once, how many hints were shown, and
whether the solution was; and for each question, the last answer. Only a notebook's kernel writes it. With
COURSE_UTILS_PROGRESS=off nothing is kept, and with another value the file has that path.
"""

import json
import os
import sys
from pathlib import Path

from course_utils import exercises
from course_utils.files import replace_file
from course_utils.inputs import reason
from course_utils.lock import alone

NAME, VARIABLE = "my_progress.json", "COURSE_UTILS_PROGRESS"
EMPTY = {"tries": 0, "right": False, "hints": 0, "solution": False}
PLAIN = str.maketrans("", "", "*$")  # the signs of emphasis and of formulas, which a printed line does not need

_here = {}  # of this process, where no file is kept


def of(name):
    """What is known of an exercise: a dictionary with the keys of `EMPTY`."""
    return {**EMPTY, **_read(_place()).get(name, {})}


def note(name, **changes):
    """Keep changes of an exercise, such as `right=True`; `tries` and `hints` are added. Returns what is known now."""

    def change(entry):
        entry = {**EMPTY, **entry}
        return {**entry, **{key: _joined(key, entry[key], value) for key, value in changes.items()}}

    return _change(name, change)


def answer(key, letter):
    """Keep the answer to a question."""
    _change(key, lambda _: {"answer": letter})


def answers():
    """{key of a question: letter} of the answers that are kept."""
    return {key: entry["answer"] for key, entry in _read(_place()).items() if "answer" in entry}


def report(lesson):
    """Print which exercises of a lesson are right (✓), tried (✗) and open (○), and which objectives they practise."""
    known = _read(_place())
    tasks = [(task, {**EMPTY, **known.get(task.name, {})}) for task in exercises.tasks(lesson)]
    right = {task.name for task, found in tasks if found["right"]}
    print(f"Lesson {lesson}: {len(right)} of {len(tasks)} exercises are right.")
    for task, found in tasks:
        mark = "✓" if found["right"] else "✗" if found["tries"] else "○"
        counts = ((found["tries"], "try", "tries"), (found["hints"], "hint", "hints"))
        used = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        used += ["solution seen"] * found["solution"]
        star = "★ " * task.further
        print(f"{mark} {task.number} {star}{task.title} ({', '.join([*task.objectives, *used])})")
    still = [
        f"{key}  {text.translate(PLAIN)}"
        for key, text in exercises.objectives(lesson).items()
        if not all(task.name in right for task, _ in tasks if key in task.objectives)
    ]
    if still:
        print("Still to practise:", *still, sep="\n   ")
    else:
        print("You have practised all objectives of this lesson.")


def _joined(key, before, value):
    return before + value if key in ("tries", "hints") else before or value


def _change(name, change):
    """Replace what is known of `name` by change(what was known); returns it.

    Where the file cannot be written, a sentence is printed, and this process alone remembers.
    """
    path = _place()
    try:
        if path is not None:
            with alone(path.with_suffix(".lock"), busy=lambda: None, note=lambda _: None):
                known = _read(path)
                known[name] = change(known.get(name, {}))
                replace_file(path, json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")
                return known[name]
    except OSError as error:
        print(f"(Your progress cannot be kept in '{path.name}': {reason(error)}.)")
    _here[name] = change(_here.get(name, {}))
    return _here[name]


def _place():
    """Path of the file, or None where nothing is kept: outside a notebook, and where the variable says 'off'."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen:
        return None if chosen == "off" else Path(chosen)
    kernel = sys.modules.get("ipykernel.kernelapp")
    return Path.cwd() / NAME if kernel and kernel.IPKernelApp.initialized() else None


def _read(path):
    """{name: what is known}. A file that cannot be read as such is put aside, with a sentence."""
    if path is None:
        return _here
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and all(isinstance(entry, dict) for entry in found.values()):
            return found
    except FileNotFoundError:
        return {}
    except OSError as error:
        print(f"(Your progress cannot be read from '{path.name}': {reason(error)}.)")
        return {}
    except ValueError:
        pass  # what is no JSON is put aside as well
    aside = path.with_suffix(".broken.json")
    print(f"('{path.name}' cannot be read: it was put aside as '{aside.name}', and a new one begins.)")
    path.replace(aside)
    return {}
