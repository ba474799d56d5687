"""Interrupt a command at a chosen moment, in a fork of a process that has loaded everything: what
tests/test_interruptions.py runs.

A moment is the number of an event: a call in the package, or a call anywhere that touches a file. A first run counts
the events, so that the moments fall where there is something to interrupt, on every machine alike.

    python tests/interruptions.py SEED         prints one line of JSON for each trial
"""

import contextlib
import functools
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import SimpleNamespace

import nbformat
import torch
from PIL import Image

from course_utils import setup, vgg

vgg.vgg19 = functools.cache(vgg.vgg19)  # before the others import it: weights are read once, and not in every fork

# what the commands import when they are called: a fork that compiles it has other moments than one that finds it
# compiled
from course_utils import checkpoint, means, notebooks, top, trees  # noqa: F401
from course_utils.__main__ import main
from course_utils.commands import processes  # noqa: F401
from course_utils.images import load_image, save_image
from course_utils.paths import ROOT
from course_utils.widgets import lesson6

# the clock stands still: a state that took long to write puts off the next one, and then there are fewer moments
checkpoint.time = SimpleNamespace(perf_counter=lambda: 0.0)

FILES = {
    "write",
    "writelines",
    "flush",
    "fsync",
    "close",
    "open",
    "replace",
    "rename",
    "unlink",
    "remove",
    "rmdir",
    "mkdir",
    "symlink",
    "link",
    "chmod",
    "truncate",
    "copy",
    "copyfile",
}
HOW = ("kill", "ctrl-c", "full disk", "folder gone")
PROJECT = (
    '[project]\nname = "tiny"\ndependencies = [\n   '
    ' "no-such-thing>=1.2,<3",\n]\n\n[project.optional-dependencies]\ntest = [\n]\n'
)


# --- the commands: what they make in a folder, and how it is judged -----------------------------------------------


class Command:
    """One command with its input in a folder of its own; `result` is what a whole run leaves, {name: bytes}."""

    trials, can_be = 8, HOW

    def prepare(self, folder):
        """Put the input in the folder."""

    def run(self, folder):
        """The exit code."""

    def files(self, folder):
        """{name: contents} of what the command wrote, hidden and half files included."""
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.relative_to(folder).parts[0] != "input"
        }


class Transfer(Command):
    name, trials = "transfer", 16

    def run(self, folder):
        return main(
            [
                "transfer",
                "animal_koala",
                "van_gogh_night_cafe",
                "-o",
                str(folder / "out.png"),
                "--size",
                "32",
                "--evaluations",
                "4",
                "--device",
                "cpu",
                "--resume",
                "--checkpoint-every",
                "0",
            ]
        )


class OverPictures(Command):
    def prepare(self, folder):
        (folder / "input").mkdir()
        for name in ("animal_koala", "fish_3"):
            save_image(load_image(name, 40), folder / "input" / f"{name}.png")


class Means(OverPictures):
    name = "means"

    def run(self, folder):
        return main(["means", str(folder / "input"), "-o", str(folder / "means.json"), "--size", "32"])


class Top(OverPictures):
    name = "top"

    def run(self, folder):
        return main(["top", str(folder / "input"), "-o", str(folder / "top.npz"), "--size", "32", "-k", "2"])


class Run(Command):
    name, trials = "run", 5

    def prepare(self, folder):
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell("print(6 * 7)"), nbformat.v4.new_code_cell("6 * 7")]
        )
        for number, cell in enumerate(notebook.cells):
            cell.id = f"cell-{number}"  # the run keeps them
        nbformat.write(notebook, folder / "small.ipynb")

    def run(self, folder):
        return main(["run", "--in-place", str(folder / "small.ipynb")])


class Handout(Command):
    """A folder that is written as one; one of an earlier edition is renewed."""

    name = "handout"

    def prepare(self, folder):
        trees.write(folder / "course", {"same.txt": b"same" * 50, "gone.txt": b"gone" * 50, "sub/old.txt": b"old" * 50})

    def run(self, folder):
        new = {"same.txt": b"same" * 50, "sub/old.txt": b"new" * 50, "deep/new/new.txt": b"new" * 50}
        try:
            trees.write(folder / "course", new, note=lambda sentence: print(sentence, file=sys.stderr))
        except trees.TreeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
        return 0


class FirstHandout(Handout):
    """The same where there is nothing yet."""

    name = "first handout"

    def prepare(self, folder):
        pass


class SetUp(Command):
    """The set-up, with a function that writes the metadata of the packages where pip would install them."""

    name, trials = "set-up", 10

    def prepare(self, folder):
        (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")

    def run(self, folder):
        def pip(command, *_, **__):
            site = next(Path(folder, ".venv").rglob("site-packages"), None)
            if site is None:  # the folder has gone meanwhile: pip itself would end with an error
                raise setup.SetupError("The installation failed.")
            metadata = site / "no_such_thing-2.5.dist-info"
            metadata.mkdir(exist_ok=True)
            (metadata / "METADATA").write_text(
                "Metadata-Version: 2.1\nName: no-such-thing\nVersion: 2.5\n", encoding="utf-8"
            )

        setup._pip = pip
        setup.importlib.util.find_spec = lambda name: (
            None if name == "ensurepip" else object()
        )  # no real pip: it takes seconds
        try:
            python = setup.ensure("run", folder, say=lambda text: print(text, file=sys.stderr))
        except setup.SetupError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        if not folder.exists():  # it went when all was done: the next call would begin anew
            print("error: The folder has gone.", file=sys.stderr)
            return 1
        return 0 if python.exists() else 3

    def files(self, folder):  # a lock file that is left behind holds nobody up
        return {name: "" for name in super().files(folder) if "__pycache__" not in name and name.startswith(".venv/")}


class Widget(Command):
    """Lesson 6's widget; it writes no file, and what it shows at the end is its result."""

    name, trials, can_be = "widget", 3, ("kill", "ctrl-c")

    def run(self, folder):
        for _ in range(2):  # the cell is run again where it was interrupted
            with contextlib.suppress(KeyboardInterrupt):
                view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=3)
                while view.job.state != "finished":  # and Paint works again after a Stop
                    view.start.click()
                    view.job.wait()
                return 0 if len(view.history) == 3 and "img" in view.picture.value and not view.messages.outputs else 3
        return 3


# --- moments ------------------------------------------------------------------------------------------------------


class Moment:
    """Counts the events of this thread; does something at the one with the number `at`."""

    def __init__(self, at=None, action=None):
        self.at, self.action, self.count, self.files = at, action, 0, []

    def __call__(self, frame, event, argument):
        file = frame.f_code.co_filename
        if "tqdm" in file or file.endswith("terminal.py"):  # how often a bar is drawn is a matter of time
            return
        touches = event == "c_call" and getattr(argument, "__name__", "") in FILES
        if not touches and not (event == "call" and "course_utils" in file):
            return
        self.count += 1
        if touches:
            self.files.append(self.count)
        if self.count == self.at:
            sys.setprofile(None)
            self.action()


def act(how, folder):
    """What happens at the moment."""
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "ctrl-c":
        signal.raise_signal(signal.SIGINT)
    elif how == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    else:
        folder.rename(folder.with_name("gone"))


def in_a_fork(command, folder, moment=None):
    """Run the command in a child process.

    (exit code or -signal, what it said, (events, those that touch files, reached)).
    """
    (said, say), (told, tell) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.dup2(say, 1)
            os.dup2(say, 2)
            moment = moment or Moment()
            sys.setprofile(moment)
            code = command.run(folder)
            sys.setprofile(None)
        except BaseException:  # what reaches this place would be a traceback in the reader's terminal
            sys.setprofile(None)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(tell, json.dumps([moment.count, moment.files]).encode())
            os._exit(code)
    os.close(say)
    os.close(tell)
    with open(said, encoding="utf-8", errors="replace") as text, open(told, encoding="utf-8") as numbers:
        said, counts = text.read(), numbers.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said, json.loads(counts or "[0, []]")


def trial(command, how, at, whole, folder):
    """Interrupt, look, run again, look. A list of what is wrong."""
    problems = []
    code, said, (count, _) = in_a_fork(command, folder, Moment(at, lambda: act(how, folder)))
    if (gone := folder.with_name("gone")).exists():
        if folder.exists():
            problems.append("the folder that was gone was made again")
            shutil.rmtree(folder)
        gone.rename(folder)
    if how == "kill":
        if code != -signal.SIGKILL:
            problems.append("the moment was not reached")
    elif count < at:
        problems.append("the moment was not reached")
    elif code not in (0, 1, 2, 130) or "Traceback" in said:
        problems.append(f"exit {code}: {said[-1500:]}")
    elif code == 0 and how != "ctrl-c" and not whole.items() <= command.files(folder).items():
        # where the folder is gone after the result was written, its state may be left there
        problems.append(f"exit 0, and not what a whole run leaves: {said[-1500:]}")
    after = command.files(folder)
    again, said, _ = in_a_fork(command, folder)
    if again != 0 or "Traceback" in said:
        problems.append(f"the same command again: exit {again}: {said[-1500:]}")
    left = command.files(folder)
    if left != whole:
        differs = sorted(name for name in {*left, *whole} if left.get(name) != whole.get(name))
        problems.append(
            f"after the same command again these files are not those of a whole run: {differs[:5]}; before it there"
            f" were {sorted(after)[:9]}"
        )
    return problems


def fresh(command, folder):
    """The folder with the command's input and nothing else; the same path each time, for results may name their
    sources.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command.prepare(folder)


def go(seed):
    torch.set_num_threads(1)  # a fork of a process with threads of OpenMP would hang
    torch.set_num_interop_threads(1)
    vgg.vgg19(), vgg.vgg19(pooling="average")  # as the commands call it
    Image.init()
    chance, ended = random.Random(seed), 0
    for command in (Transfer(), Means(), Top(), Run(), Handout(), FirstHandout(), SetUp(), Widget()):
        with tempfile.TemporaryDirectory(prefix="interruptions") as place:
            folder = Path(place) / "work"
            fresh(command, folder)
            code, said, (events, files) = in_a_fork(command, folder)
            if code != 0:
                raise SystemExit(f"{command.name} fails uninterrupted: {said}")
            whole = command.files(folder)
            for number in range(command.trials):
                how = command.can_be[number % len(command.can_be)]
                ring = (
                    number // len(command.can_be) % 3
                )  # anywhere; at a file; at the last files, where the result is written
                at = chance.choice((range(1, events + 1), files or [1], files[-12:] or [1])[ring])
                fresh(command, folder)
                problems = trial(command, how, at, whole, folder)
                print(
                    json.dumps({"command": command.name, "how": how, "at": at, "of": events, "problems": problems}),
                    flush=True,
                )
                ended += 1
    print(json.dumps({"trials": ended}))


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT)]
    go(int(sys.argv[1]))
