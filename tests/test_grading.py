"""Grading: a right answer gets its points, and a way to cheat costs the points of its own exercise and nothing else."""

import csv
import re
import socket
import threading
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
import torch

from course_utils import exercises
from course_utils.__main__ import main
from course_utils.checks import core, lesson5
from course_utils.grading import slices, wire
from course_utils.grading.bare import without_answer
from course_utils.grading.confinement import CALLS, _program
from course_utils.grading.grades import Grade, asked, best, grades
from course_utils.grading.judging import Answers, Limits
from course_utils.grading.submissions import NoSubmissions, find
from course_utils.notebooks import select

GRAM = """
    def gram(F):
        maps = F.flatten(2)
        return maps @ maps.mT
"""
LAYER_COST = """
    def layer_cost(F, S):
        def mean_gram(x):
            maps = x.flatten(2)
            return maps @ maps.mT / maps.shape[2]

        return (mean_gram(F) - mean_gram(S)).square().sum((1, 2)) / (4 * F.shape[1] ** 2)
"""


def text(code):
    """Code of these tests without its indentation, as it stands in a cell."""
    lines = code.strip("\n").splitlines() or [""]
    width = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[width:] for line in lines)


def lesson(number, answers, others=()):
    """A copy of a lesson with {exercise: code} in the exercises' cells, and with code in new cells at the top."""
    notebook = nbformat.read(select([f"{number:02}_"])[0], 4)
    for cell in notebook.cells:
        for task in exercises.tasks(number):
            if cell.id == task.cell and task.name in answers:
                cell.source = text(answers[task.name]) + f"\n\n\ncheck.{task.name}({task.name})"
    notebook.cells[2:2] = [nbformat.v4.new_code_cell(text(code)) for code in others]
    return notebook


def hand_in(folder, student, notebook, name="lesson.ipynb"):
    path = folder / student / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def graded(answers, folder, number, given, others=()):
    """{exercise: Grade} of one submission."""
    hand_in(folder, "somebody", lesson(number, given, others))
    (submission,), _ = find(folder)
    return {grade.exercise: grade for grade in grades(submission, answers)}


@pytest.fixture(scope="module")
def answers():
    with Answers(Limits(seconds=60)) as process:
        yield process


@pytest.fixture(scope="module")
def hasty_answers():
    """A process for answers that are to run out of their time."""
    with Answers(Limits(seconds=3)) as process:
        yield process


def told(grade):
    return f"{grade.verdict}: {grade.reason}"


# --- cheats -----------------------------------------------------------------------------------------------------

DEEP = "+".join(["1"] * 5000)
CHEATS = {  # in the cell of gram: the verdict, and a part of the reason
    "a tensor that is equal to all": (
        """
        import torch

        class Equal(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return True

        def gram(F):
            return torch.zeros(1).as_subclass(Equal)
        """,
        "wrong: your function returns Equal, a tensor of a class of its own",
    ),
    "the reference of the check": ("gram = check.gram.reference", "error: the answer has no value: AttributeError"),
    "the reference of the file": (
        """
        from course_utils.checks.lesson5.gram import gram as theirs

        gram = theirs.reference
        """,
        "error: the answer has no value: AttributeError",
    ),
    "the parts of the reference": (
        """
        from course_utils.checks.lesson5.gram import variant

        gram = variant()
        """,
        "error: the answer has no value: ImportError",
    ),
    "all objects in memory": (
        """
        import gc

        def gram(F):
            (exercise,) = [each for each in gc.get_objects() if getattr(each, "misconceptions", None)]
            return exercise.reference(F)
        """,
        "error: your function raised ValueError: not enough values to unpack",
    ),
    "the frame of the caller": (
        """
        import sys

        def gram(F):
            frame = sys._getframe()
            while frame:
                for value in frame.f_locals.values():
                    if hasattr(value, "reference"):
                        return value.reference(F)
                frame = frame.f_back
        """,
        "wrong: your function returns nothing",
    ),
    "the package's own function": (
        """
        from course_utils import losses

        def gram(F):
            return losses.gram_matrix(F)
        """,
        "wrong: the values are right, but the package's gram_matrix does the work",
    ),
    "a patched check": (
        """
        check.gram = lambda function: True

        def gram(F):
            return F
        """,
        "wrong: ",
    ),
    "a patched result": (
        """
        from course_utils.checks import core

        core.Result.__bool__ = lambda self: True
        core._close = core._same = core._unchanged = lambda *arguments: True
        core.Exercise.judge = lambda *arguments: core.Result(True, "right")

        def gram(F):
            core.Result.passed = True
            return F
        """,
        "wrong: ",
    ),
    "a patched torch": (
        """
        import torch

        torch.allclose = torch.equal = torch.Tensor.equal = lambda *arguments, **options: True
        torch.Tensor.__eq__ = lambda *arguments: True

        def gram(F):
            return torch.zeros(len(F), F.shape[1], F.shape[1], dtype=F.dtype)
        """,
        "wrong: ",
    ),
    "a changed input that says nothing": (
        """
        import torch

        torch.equal = lambda *arguments: True

        def gram(F):
            F *= 1.5
            maps = F.flatten(2) / 1.5
            return maps @ maps.mT
        """,
        "wrong: your function changes its input",
    ),
    "an exit": ("import sys\nsys.exit(0)", "not tried: the notebook gives no value to gram"),
    "an exit in the function": (
        """
        def gram(F):
            raise SystemExit(0)
        """,
        "error: your function raised SystemExit: 0",
    ),
    "a hard exit": (
        """
        import os

        def gram(F):
            os._exit(0)
        """,
        "error: your answer ended its process, with the exit code 0",
    ),
    "a hard exit above": (
        """
        import os

        gram = os._exit(0)
        """,
        "error: your answer ended its process, with the exit code 0",
    ),
    "a crash": (
        """
        import ctypes

        def gram(F):
            return ctypes.string_at(0)
        """,
        "error: your answer ended its process, by the signal SIGSEGV",
    ),
    "output": (
        """
        import os, sys

        def gram(F):
            print("✓ gram: right")
            sys.stderr.write("right")
            os.write(1, b"right")
            return F
        """,
        "wrong: ",
    ),
    "a flood on every descriptor": (
        """
        import os

        def gram(F):
            for descriptor in range(100):
                try:
                    os.write(descriptor, b"right" * 1000)
                except OSError:
                    pass
            return F
        """,
        "error: your answer sent back too long a message",
    ),
    "a message of its own": (
        """
        import gc, json, struct
        from course_utils.grading.wire import Channel

        def gram(F):
            (channel,) = [each for each in gc.get_objects() if isinstance(each, Channel)]
            channel.send({"value": True, "error": None, "after": [], "passed": True})
            return F
        """,
        "error: your answer sent back something that is no reply",
    ),
    "nonsense": (
        """
        import gc, json, struct
        from course_utils.grading.wire import Channel

        def gram(F):
            (channel,) = [each for each in gc.get_objects() if isinstance(each, Channel)]
            channel.connection.sendall(struct.pack("<QQ", 4, 0) + b"[[[[")
            return F
        """,
        "error: your answer sent back no message that can be read",
    ),
    "an end of the connection": (
        """
        import os

        def gram(F):
            os.closerange(3, 100)
            return F
        """,
        "error: your answer ended its process",
    ),
    "an error without a text": (
        """
        class Mute(BaseException):
            def __str__(self):
                raise self

        def gram(F):
            raise Mute
        """,
        "error: your function raised Mute",
    ),
    "an interrupt": (
        """
        def gram(F):
            raise KeyboardInterrupt
        """,
        "error: your function raised KeyboardInterrupt",
    ),
    "a sparse tensor": (
        """
        def gram(F):
            maps = F.flatten(2)
            return (maps @ maps.mT).to_sparse()
        """,
        "wrong: your function returns a sparse tensor",
    ),
    "a type that no comparison knows": (
        """
        import torch

        def gram(F):
            return F.to(torch.float8_e5m2)
        """,
        "wrong: your function returns Tensor, a tensor of a class of its own",
    ),
    "code that is nested too deeply": (
        f"""
        x = {DEEP}

        def gram(F):
            return F
        """,
        "",
    ),
    "a syntax error": ("def gram(F:\n    return F", "error: the cell cannot be read: SyntaxError"),
    "no cell": ("", "not tried: the notebook gives no value to gram"),
}


@pytest.mark.process
@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_costs_its_point_and_nothing_else(name, answers, tmp_path):
    code, verdict = CHEATS[name]
    found = graded(answers, tmp_path, 5, {"gram": code, "layer_cost": LAYER_COST, "unchanged": 'unchanged = "D"'})
    assert told(found["gram"]).startswith(verdict) and found["gram"].points == 0
    assert [found[other].verdict for other in ("layer_cost", "unchanged", "style_cost")] == [
        "right",
        "right",
        "not tried",
    ]
    assert found["layer_cost"].points == found["unchanged"].points == 1


FORBIDDEN = {  # exercise: (lesson, code, a part of the reason)
    "batch_norm": (
        2,
        """
        def batch_norm(x, gamma, beta, eps):
            return nnf.batch_norm(x, None, None, gamma, beta, True, 0.1, eps)
        """,
        "batch_norm",
    ),
    "group_norm": (
        2,
        """
        def group_norm(x, groups, eps):
            return nn.GroupNorm(groups, x.shape[1], eps, affine=False, dtype=x.dtype)(x)
        """,
        "group_norm",
    ),
    "content_gradient": (
        4,
        """
        def content_gradient(z, P):
            with torch.enable_grad():
                leaf = z.clone().requires_grad_()
                return torch.autograd.grad((leaf.relu() - P).square().sum() / 2, leaf)[0]
        """,
        "grad leaves the derivation to autograd",
    ),
    "gram_gradient": (
        5,
        """
        def gram_gradient(F, B):
            leaf = F.clone().requires_grad_()
            rows = leaf.flatten(2)[0]
            return torch.autograd.grad((B * (rows @ rows.T)).sum(), leaf)[0]
        """,
        "autograd is switched off here",
    ),
    "no_rectification": (1, "no_rectification = check.no_rectification.right", "AttributeError"),
    "commission": (6, "commission = {'start': 3}", "nothing can be painted"),
}


@pytest.mark.process
@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_the_text_forbids_costs_the_point(name, answers, tmp_path):
    number, code, reason = FORBIDDEN[name]
    grade = graded(answers, tmp_path, number, {name: code})[name]
    assert grade.points == 0 and grade.verdict in ("wrong", "error") and reason in grade.reason


# --- limits -----------------------------------------------------------------------------------------------------

SLOW = {
    "an endless loop": "    while True:\n        pass",
    "an endless loop that hears no signal": (
        "    import signal\n    signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True:\n        pass"
    ),
    "a long sleep": "    import time\n    time.sleep(1000)",
    "a thread that holds everything up": (
        "    import threading\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()"
    ),
}


@pytest.mark.process
@pytest.mark.parametrize("name", SLOW)
def test_an_answer_has_a_limited_time(name, hasty_answers, tmp_path):
    found = graded(hasty_answers, tmp_path, 5, {"gram": f"def gram(F):\n{SLOW[name]}", "unchanged": 'unchanged = "D"'})
    assert told(found["gram"]).startswith("time: your answer ") and found["gram"].points == 0
    assert found["unchanged"].verdict == "right"


@pytest.mark.process
def test_an_argument_that_is_a_function_is_not_called_for_ever(answers, tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.grading.judging.MOST_CALLS", 20)
    code = "def paint(gradient, image, step, steps):\n    while True:\n        gradient(image)"
    assert graded(answers, tmp_path, 6, {"paint": code})["paint"].verdict == "time"
    code = code.replace("gradient(image)", "gradient(image.new_zeros(2**22, 1, 1, 1))")
    assert "no reply" in graded(answers, tmp_path, 6, {"paint": code})["paint"].reason


@pytest.mark.process
def test_an_answer_has_limited_memory(tmp_path):
    code = "def gram(F):\n    return [bytearray(2**28) for _ in range(16)]"
    with Answers(Limits(seconds=60, memory=2**30)) as process:
        found = graded(process, tmp_path, 5, {"gram": code, "layer_cost": LAYER_COST})
    assert told(found["gram"]).startswith("error: your function raised MemoryError")
    assert found["layer_cost"].verdict == "right"


@pytest.mark.process
def test_an_answer_cannot_fill_the_disk(answers, tmp_path):
    code = """
        def gram(F):
            with open("large", "wb") as file:
                for _ in range(100):
                    file.write(bytes(2**20))
            return F
    """
    grade = graded(answers, tmp_path, 5, {"gram": code})["gram"]
    assert grade.verdict == "error" and "File too large" in grade.reason


ACTS = {  # what an answer is kept from where the kernel can do that: the act, and which of the kernel's means it is
    "a process": ("os.fork() or os._exit(0)", "calls"),
    "a program": ("subprocess.run(['true'])", "calls"),
    "the network": ("socket.socket()", "calls"),
    "a signal": ("os.kill(os.getppid(), 0)", "calls"),
    "a limit": ("resource.prlimit(os.getppid(), resource.RLIMIT_CPU)", "calls"),
    "rights of a file": ("os.chmod(HERE, 0o600)", "calls"),
    "to read": ("open(HERE).read()", "files"),
    "to write": ("open(HERE, 'a')", "files"),
    "to remove": ("os.remove(HERE)", "files"),
}


@pytest.fixture(scope="module")
def held(answers):
    """What the kernel takes from the process of an answer."""
    with answers.of([], "nothing"):
        return answers.held


@pytest.mark.process
@pytest.mark.parametrize("name", ACTS)
def test_the_kernel_keeps_an_answer_in_its_place(name, answers, held, tmp_path):
    """A kernel without such means leaves the verdict on the values."""
    act, means = ACTS[name]
    code = f"""
        import os, resource, socket, subprocess

        HERE = {str(tmp_path / "somebody" / "lesson.ipynb")!r}

        def gram(F):
            try:
                {act}
            except PermissionError:
                raise RuntimeError("kept out")
            maps = F.flatten(2)
            return maps @ maps.mT
    """
    grade = graded(answers, tmp_path, 5, {"gram": code})["gram"]
    kept_out = "error: your function raised RuntimeError: kept out"
    assert told(grade).startswith(kept_out if means in held else "right")


@pytest.mark.process
def test_processes_that_an_answer_leaves_behind_cost_nothing_else(hasty_answers, tmp_path, monkeypatch):
    code = """
        import os, time

        def gram(F):
            for _ in range(4):
                os.fork()
            time.sleep(1000)
    """
    assert graded(hasty_answers, tmp_path, 5, {"gram": code})["gram"].verdict in ("error", "time")
    monkeypatch.setattr(hasty_answers, "limits", Limits(seconds=60))
    assert graded(hasty_answers, tmp_path, 5, {"gram": GRAM})["gram"].verdict == "right"


@pytest.mark.process
def test_the_process_of_the_answers_is_started_anew_where_it_has_ended(answers, tmp_path):
    graded(answers, tmp_path, 5, {"gram": GRAM})
    answers.process.kill()
    assert graded(answers, tmp_path, 5, {"gram": GRAM})["gram"].verdict == "right"


def test_the_filter_of_system_calls_jumps_to_its_own_steps():
    for calls in CALLS.values():
        steps = _program(calls)
        assert len(steps) == 13 + 2 * sum(map(len, calls["forbidden"].values()))
        assert all(len(step) == 8 for step in steps)
        for number, step in enumerate(steps):
            if step[0] & 7 == 5:  # a jump
                assert number + 1 + max(step[2:4]) < len(steps)


# --- right and wrong answers ------------------------------------------------------------------------------------


def solved(number):
    """A copy of a lesson in which the folded solutions are the answers."""
    notebook = lesson(number, {})
    for task in exercises.tasks(number):
        (place,) = [place for place, cell in enumerate(notebook.cells) if cell.id == task.cell]
        code = task.solution.replace(f"{task.name}_solution", task.name).replace(", solution=True", "")
        setting = "" if f"def {task.name}(" in task.stub else task.stub.replace(f"check.{task.name}({task.name})", "")
        notebook.cells[place].source = setting + code
        del notebook.cells[place + 1]
    return notebook


@pytest.mark.process
@pytest.mark.long
@pytest.mark.parametrize("number", exercises.lessons())
def test_solutions_get_all_points(number, answers, tmp_path):
    hand_in(tmp_path, "somebody", solved(number))
    (submission,), _ = find(tmp_path)
    found = list(grades(submission, answers))
    assert [told(grade) for grade in found if grade.verdict != "right"] == []
    assert [grade.exercise for grade in found] == [task.name for task in exercises.tasks(number)]


@pytest.mark.parametrize("number", exercises.lessons())
def test_a_lesson_as_it_is_handed_out_gets_no_points(number, tmp_path):
    """Its folded solutions do not count, and no process is needed."""
    found = graded(None, tmp_path, number, {})
    assert {grade.verdict for grade in found.values()} == {"not tried"}


FOLDER = Path(__file__).parent
ANSWERS = [  # those that ask no check for its reference
    path for path in sorted(FOLDER.glob("answers/lesson*/*.py")) if "course_utils.checks" not in path.read_text("utf-8")
]


def self_contained(path):
    """The cells of a module of answers, with the modules of answers that it imports instead of these imports."""
    source = path.read_text("utf-8")
    imported = re.findall(r"^from answers\.(\S+) import", source, re.M)
    above = [cell for name in imported for cell in self_contained(FOLDER / "answers" / f"{name.replace('.', '/')}.py")]
    return [*above, re.sub(r"^from answers.*$", "", source, flags=re.M)]


@pytest.mark.process
@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_an_answer_elsewhere_is_told_what_it_is_told_here(path, answers):
    """Two answers of each kind: the process between answer and check changes no word of the verdict."""
    module = import_module(f"answers.{path.parent.name}.{path.stem}")
    check = getattr(import_module(f"course_utils.checks.{path.parent.name}"), path.stem)
    cells = self_contained(path)
    for kind in ("RIGHT", "HIDDEN", "WRITTEN"):
        for number, answer in enumerate(getattr(module, kind, [])[:2]):
            place = f"{kind}[{number}]" + "[0]" * (kind != "RIGHT")
            with answers.of(slices.statements([*cells, f"_answer = {place}"])[0], "_answer") as remote:
                assert remote.error is None
                here = check.judge(answer if kind == "RIGHT" else answer[0])
                there = check.judge(remote.given)
            assert vars(there) == vars(here)


def line(F, slope=2, start=torch.sum):
    return torch.stack([torch.stack([x.mean() * slope, start(x)]) for x in F])


LINE = core.Exercise(
    "line",
    line,
    lambda: core.random_trials(1, "{} × {}", ((2, 3), (3, 4)), lambda draw, *size: (draw(*size),)),
    misconceptions=[core.Misconception("slope", lambda F: line(F, slope=1), "the slope is 2.")],
    parts={"the slopes": lambda result: result[:, 0], "the starts": lambda result: result[:, 1]},
)


def test_right_parts_have_their_share():
    for answer, share in (
        (lambda F: line(F, slope=1), 0.5),
        (lambda F: line(F, start=torch.max), 0.5),
        (lambda F: line(F, slope=3, start=torch.max), 0),
        (lambda F: line(F).double()[:, :1], 0),
        (lambda F: line(F)[0], 0),
        (lambda F: line(F).to("meta"), 0),
    ):
        result = LINE.judge(answer)
        assert not result and result.share == share
    assert LINE.judge(line).share == 0 and LINE.judge(lambda F: F.no_such_thing).share == 0


@pytest.mark.process
def test_right_parts_get_their_points(answers, tmp_path, monkeypatch):
    monkeypatch.setattr(lesson5, "gram", LINE)
    task = exercises.tasks(5)[0]
    monkeypatch.setattr("course_utils.grading.grades.tasks", lambda number: [replace(task, points=3.0)])
    for start, verdict, points in (("sum", "right", 3), ("max", "partly", 1.5), ("sum() * 0 + torch", "error", 0)):
        code = f"""
            import torch

            def gram(F):
                return torch.stack([torch.stack([x.mean() * 2, x.{start}()]) for x in F])
        """
        grade = graded(answers, tmp_path, 5, {"gram": code})["gram"]
        assert (grade.verdict, grade.points, grade.most) == (verdict, points, 3)


@pytest.mark.process
def test_half_a_fold_gets_half_a_point(answers, tmp_path):
    code = """
        def fold(weight, bias, gamma, beta, mean, variance, eps):
            scale = gamma / (variance + eps).sqrt()
            return torch.cat([(weight * scale[:, None, None, None]).flatten(1), bias[:, None]], dim=1)
    """
    grade = graded(answers, tmp_path, 2, {"fold": code})["fold"]
    assert (grade.verdict, grade.points, grade.most) == ("partly", 0.5, 1)


@pytest.mark.process
def test_an_answer_has_what_it_needs_of_the_notebook(answers, tmp_path):
    """Helpers above and below, constants, imports and lines for the terminal; other cells may fail."""
    above = """
        %matplotlib inline
        !ls
        import math as m
        SETTINGS = {}
        for name in ("power", "other"):
            SETTINGS[name] = m.floor(1.5)
        FACTORS = []
        FACTORS.append(1)
    """
    code = """
        def gram(F):
            display(F)
            maps = flat(F) ** SETTINGS["power"] * FACTORS[0]
            return maps @ maps.mT
    """
    notebook = lesson(5, {"gram": code}, [above, "1 / 0", "this is no Python", "while True: pass"])
    notebook.cells.append(nbformat.v4.new_code_cell("def flat(F):\n    return F.flatten(2)"))
    hand_in(tmp_path, "somebody", notebook)
    (submission,), _ = find(tmp_path)
    assert next(grades(submission, answers)).verdict == "right"


@pytest.mark.process
def test_an_answer_is_found_by_its_cell_or_by_its_check(answers, tmp_path):
    notebook = lesson(5, {})
    for cell in notebook.cells:
        if cell.id == exercises.tasks(5)[0].cell:  # another id, and another name
            cell.update(id="another", source=text(GRAM).replace("gram", "mine") + "\ncheck.gram(mine)")
        elif cell.id == exercises.tasks(5)[1].cell:  # no name
            cell.source = 'check.unchanged("d")'
        elif cell.id == exercises.tasks(5)[2].cell:  # no call
            cell.source = text(LAYER_COST)
    hand_in(tmp_path, "somebody", notebook)
    (submission,), _ = find(tmp_path)
    assert [grade.verdict for grade in grades(submission, answers)][:4] == ["right", "right", "right", "not tried"]


def test_what_is_given_to_a_check():
    assert asked("check.gram(gram)", "gram") == "gram" and asked("assert check.gram(lambda F: F)", "gram")
    assert asked("check.gram(gram_solution, solution=True)", "gram") is None
    assert asked("check.gram(*functions)", "gram") is None and asked("check.gram(gram := one)", "gram")
    assert asked("check.gram.hint()", "gram") is None and asked("gram(F)", "gram") is None


@pytest.mark.parametrize(
    "name, needed",
    (
        ("answer", ["import torch", "x = 2", "def helper(y):", "def answer(F):"]),
        ("total", ["x = 1", "total = 0", "for x in range(3):"]),
        ("nothing", []),
    ),
)
def test_what_a_name_needs(name, needed):
    cells = """
        import torch
        import math
        x = 1
        total = 0
        for x in range(3):
            total += x
        x = 2
        torch.manual_seed(0)
        def helper(y):
            z = y
            return torch.ones(x) * z
        z = math.pi
        def answer(F):
            return helper(F)
    """
    found, errors = slices.statements([text(cells), "def answer(F): return 0"])
    assert [one.source.splitlines()[0] for one in slices.needed(found, name, 0)] == needed and errors == {}


# --- what lies in a folder --------------------------------------------------------------------------------------


def test_whose_notebooks_lie_where(tmp_path):
    for student, name in (
        ("anna", "lesson.ipynb"),
        ("bert/week 5", "05_style_cost (1).ipynb"),
        (".", "carla_05.ipynb"),
        (".", "05_style_cost.ipynb"),
        ("anna/.ipynb_checkpoints", "lesson-checkpoint.ipynb"),
    ):
        hand_in(tmp_path, student, lesson(5, {}), name)
    (tmp_path / "anna" / "broken.ipynb").write_text("{")
    (tmp_path / "anna" / "endless.ipynb").write_text("[" * 100_000)
    (tmp_path / "anna" / "folder.ipynb").mkdir()
    hand_in(tmp_path, "anna", nbformat.v4.new_notebook(), "own.ipynb")
    found, notes = find(tmp_path)
    assert sorted(one.student for one in found) == sorted(["anna", "bert", "carla_05", tmp_path.name])
    assert {one.lesson for one in found} == {5} and len(notes) == 3
    for folder in (tmp_path / "anna" / ".ipynb_checkpoints" / "none", tmp_path / "bert" / "empty"):
        with pytest.raises(NoSubmissions):
            find(folder)


def test_the_better_of_two_answers_counts():
    one, other = (Grade("anna", 5, "gram", verdict, points, 1, "") for verdict, points in (("wrong", 0), ("right", 1)))
    assert best([one, other]) == best([other, one]) == [other]


@pytest.mark.process
def test_the_command_prints_and_writes_a_table(tmp_path, capsys):
    folder, table = tmp_path / "all", tmp_path / "points.csv"
    hand_in(folder, "anna", lesson(5, {"gram": GRAM, "unchanged": 'unchanged = "D"'}))
    hand_in(folder, "bert", lesson(5, {"gram": GRAM.replace("return", "return 2 *")}))
    hand_in(folder, "bert", lesson(0, {}), "zero.ipynb")
    assert main(["grade", str(folder), "--csv", str(table), "--seconds", "60"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^anna +5  gram +right +1/1  right, on all", shown, re.M)
    assert re.search(r"^student +lesson 0 +lesson 5 +all\nanna +- +2/6 +2/6\nbert +0/3 +0/6 +0/9$", shown, re.M)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 15 and list(rows[0]) == ["student", "lesson", "exercise", "verdict", "points", "reason"]
    assert [row["points"] for row in rows if row["student"] == "anna"] == ["1", "1", "0", "0", "0", "0"]
    (wrong,) = [row for row in rows if (row["student"], row["exercise"]) == ("bert", "gram")]
    assert wrong["verdict"] == "wrong" and "twice the right one" in wrong["reason"]


@pytest.mark.process
def test_the_command_says_where_no_process_can_be_started(tmp_path, capfd, monkeypatch):
    hand_in(tmp_path, "anna", lesson(5, {"gram": GRAM}))
    monkeypatch.setattr("course_utils.grading.judging.BOOT", "raise SystemExit('no such module')")
    assert main(["grade", str(tmp_path)]) == 1
    assert "no such module" in (said := capfd.readouterr().err) and "error: The process for the answers" in said


def test_the_command_says_what_to_give(tmp_path, capsys):
    for arguments in ([str(tmp_path / "none")], [str(tmp_path)], [str(tmp_path), "--csv", str(tmp_path / "x.xlsx")]):
        assert main(["grade", *arguments]) == 2
        assert re.fullmatch(r"error: .*: (give|let) .*\n", capsys.readouterr().err)


# --- between the processes --------------------------------------------------------------------------------------


class Own(RuntimeError):
    pass


@pytest.mark.parametrize(
    "value",
    (
        *(None, ..., True, 3, 0.1, "ä", float("inf"), [1, (2.5, {"a": [None]}), {}]),
        *(torch.rand(2, 3), torch.zeros(0, 4), torch.tensor(3j), torch.rand(3).bool(), torch.arange(3)[None, ::2]),
        *(torch.rand(3, 1).mT, torch.randn(2, dtype=torch.complex64).conj(), torch.rand(2).bfloat16()),
        *(KeyError("x"), NotImplementedError(), ValueError("a", 1), FileNotFoundError(2, "no such file"), Own("it")),
    ),
    ids=lambda value: type(value).__name__,
)
def test_plain_values_arrive_as_they_were(value):
    here, there = (wire.Channel(end, None, lambda function: None) for end in socket.socketpair())
    with here.connection, there.connection:
        here.send(value)
        found = there.receive()
    assert type(found).__name__ == type(value).__name__ and str(found) == str(value)
    if isinstance(value, BaseException):
        assert type(found).__mro__[1:] == type(value).__mro__[1:] and (type(value) is Own or found.args == value.args)
    elif isinstance(value, torch.Tensor):
        assert found.dtype == value.dtype and torch.equal(found, value.resolve_conj())
    else:
        assert found == value


@pytest.mark.parametrize(
    "header",
    (
        b"{", b"[", b"[[1], []]", b'[{"kind": "tensor"}, []]', b"[" * 100_000, b'[{"kind": "list"}, []]',
        b'[{"kind": "tensor", "dtype": "float32", "shape": [2], "place": 0}, [4]]',
        b'[{"kind": "tensor", "dtype": "float32", "shape": [-1], "place": 0}, [4]]',
        b'[{"kind": "tensor", "dtype": "load", "shape": [1], "place": 0}, [4]]',
        b'[{"kind": "tensor", "dtype": "float32", "shape": [9e9], "place": 0}, [4]]',
        b'[{"kind": "error", "name": "print", "base": "print", "text": "", "items": []}, []]',
        b'[{"kind": "error", "name": "eval", "base": "__import__", "text": "os", "items": ["os"]}, []]',
    ),
)  # fmt: skip
def test_what_is_no_message_is_refused(header):
    here, there = socket.socketpair()
    with here, there:
        threading.Thread(target=here.sendall, args=(wire.LENGTHS.pack(len(header), 4) + header + bytes(4),)).start()
        with pytest.raises(wire.Nonsense):
            wire.Channel(there, None, None).receive()


def test_the_copy_of_a_check_holds_no_answer():
    source = "import torch\nPROGRAMS = {}\nit = Choice('it', 'B', {})\n"
    choice = core.Choice("it", "B", dict.fromkeys("ABC", "why"))
    assert without_answer(source, "it", choice).count("it") == 2 and "PROGRAMS" in without_answer(source, "it", choice)
    assert "PROGRAMS" not in without_answer(source, "it", LINE)
