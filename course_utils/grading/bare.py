"""A copy of the package that knows no answers, for the process in which students' code runs.

Its checks say nothing, and hold no reference. What a lesson imports from a check's file, such as the programs that a
question compares, is there.
"""

import ast
import shutil
from importlib import import_module
from pathlib import Path

from course_utils.checks.core import Choice, Commission, Exercise
from course_utils.paths import DATA, PACKAGE

LATER = "from course_utils.grading.later import Later"


def copy_package(folder):
    """Write the copy, with a link to the data, into a folder. Returns the Path that has to stand in `sys.path`."""
    folder = Path(folder)
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "jupyter"))
    for path in (folder / PACKAGE.name).glob("checks/lesson*/[!_]*.py"):
        module = import_module(f"{PACKAGE.name}.checks.{path.parent.name}.{path.stem}")
        source = path.read_text(encoding="utf-8")
        path.write_text(without_answer(source, path.stem, getattr(module, path.stem, None)), encoding="utf-8")
    (folder / DATA.name).symlink_to(DATA)
    return folder


def without_answer(source, name, check):
    """The source of a check's file without its answer.

    Where the answer is a function, the check's name is all that stays: the rest serves right and wrong answers.
    """
    others = [node for node in ast.parse(source).body if not (isinstance(node, ast.Assign) and _binds(node, name))]
    kept = ast.unparse(ast.Module(others, [])) if isinstance(check, (Choice, Commission)) else ""
    later = f"{name} = Later({name!r})" if isinstance(check, (Exercise, Choice, Commission)) else ""
    return "\n".join([LATER, kept, later, ""])


def _binds(node, name):
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
