"""A run of `transfer` kept in a file, so that it can be stopped or killed at any moment, and go on later.

The file holds a `Point`, the complete state of the descent: the picture, its gradient and ten pairs of changes. These
have the size of 22 pictures in float32 (69 MB at 512 × 512 pixels). So on the same device the run ends in the same
picture, to the bit, as if it had never stopped.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from course_utils.cost import Term
from course_utils.descent import Point
from course_utils.files import replacing
from course_utils.inputs import check_number, first_line, read_tensors, short
from course_utils.settings import Settings
from course_utils.vgg import VGG

# give this a new number when `Point`, its record, `Progress`, `run_of`, the descent or `winograd` change
FORMAT = "style transfer state 6"
SHARE = 0.02  # the largest share of the time that may go into writing


class StateError(ValueError):
    """A state cannot be resumed; the message is one sentence that says why, and what to do."""


class Progress(NamedTuple):
    """How far a run has come."""

    point: Point | None  # None at the beginning
    led: bool  # whether the transport leads (`guided_descent`)
    seconds: float  # computing time over all parts of the run
    history: list  # [(evaluations, losses)]


class Checkpoint:
    """The state file of one run. `transfer` reads and writes it; the caller removes it once the picture is saved.

    Args:
        path: of the file. While a state is written, a file with `.new` added to the name lies beside it.
        every: seconds between two states, or more when writing would take more than a fiftieth of the time.
        resume: True goes on from the file, if there is one. False keeps an earlier file until the first new state is
            due.
        say: called with a sentence when there is something to tell; by default it prints to standard error.
    Raises:
        StateError: `path` is no path, or `every` is no number from 0.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        every: float = 30.0,
        resume: bool = False,
        say: Callable[[str], object] | None = None,
    ):
        if not isinstance(path, (str, os.PathLike)):
            raise StateError(f"The path of the state's file must be a text or a Path, not {short(path)}.")
        check_number("every", every, 0, error=StateError)
        self.path, self.every, self.resume = Path(path), every, resume
        self.say = say or aloud
        self.ours = False  # whether the file holds this run, and not an earlier one
        self._run: dict = {}
        self._stored: dict | None = None  # what `tile` has read, until `begin` takes it
        self._due = 0.0

    @property
    def _new(self):
        return self.path.with_name(
            self.path.name + ".new"
        )  # always the same name: the next state overwrites what a killed run has left

    def tile(self, otherwise):
        """The tile with which the run began that goes on, or `otherwise` where there is none to go on from.

        Tiles change the last bits. So a run keeps them, however much memory is free by now.
        """
        self._stored = self._read() if self.resume else None
        return otherwise if self._stored is None else self._stored["arithmetic"].get("tile")

    def begin(self, run: dict, device: torch.device, tile: int | None = None, compiled: bool = False) -> Progress:
        """The `Progress` from which the run goes on, with its tensors on `device`.

        Args:
            run: {what: value} from `run_of`, which must be the same in all parts of a run.
            device: where the run computes.
            tile: side of the tiles in which it computes; None without tiles.
            compiled: whether torch.compile prepares the network.
        Raises:
            StateError: the file cannot be read, is damaged, or belongs to another run.
        """
        computed = {**arithmetic(device), "compiled": compiled} | ({} if tile is None else {"tile": tile})
        self._run, self._due = {"run": run, "arithmetic": computed}, time.perf_counter() + self.every
        if not self.resume:
            if self.path.exists():
                self.say(
                    f"'{self.path}' holds an earlier run, and this run replaces it in {self.every:g} s: if you want the"
                    " earlier run, stop now and resume it."
                )
            return Progress(None, True, 0.0, [])
        stored, self._stored = self._stored or self._read(), None
        if stored is None:
            self.say(f"There is no '{self.path}' to go on from: this run begins at the beginning.")
            return Progress(None, True, 0.0, [])
        if others := _differences(stored["run"], run):
            raise StateError(
                f"'{self.path}' belongs to another run ({others}): give the same pictures and options as "
                "then, or delete it to begin anew."
            )
        if others := _differences(stored["arithmetic"], self._run["arithmetic"]):
            self.say(
                f"'{self.path}' was computed with another arithmetic ({others}): the run goes on, but its picture will"
                " not be the same to the last bit."
            )
        point = Point(*_moved(stored["point"], device))
        self.ours = True
        self.say(f"Going on from '{self.path}', after {point.evaluations} evaluations and {stored['seconds']:.0f} s.")
        return Progress(point, stored["led"], stored["seconds"], stored["history"])

    def offer(self, progress: Progress) -> None:
        """Write the state if the next one is due."""
        if time.perf_counter() >= self._due:
            self.write(progress)

    def write(self, progress: Progress) -> None:
        """Write the state, all or nothing: an interrupted or failed attempt leaves the state before it.

        After a failed attempt, `say` is called with a sentence, and the run goes on.
        """
        began = time.perf_counter()
        try:
            with replacing(self.path, self._new) as file:
                torch.save(
                    {"format": FORMAT, **self._run, **progress._asdict(), "point": tuple(progress.point or ())}, file
                )
            self.ours = True
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            self._unlink(self._new)
            reason = getattr(error, "strerror", None) or "the file broke off"
            self.say(
                f"The state could not be written to '{self.path}' ({reason}): make room, because for now the run can"
                " only be resumed from an earlier state."
            )
        now = time.perf_counter()
        self._due = now + max(self.every, (now - began) / SHARE)

    def remove(self) -> None:
        """Remove the state of this run after its picture has been saved; the state of an earlier run stays."""
        self._unlink(self._new)
        if self.ours:
            self._unlink(self.path)

    def _unlink(self, path):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self.say(f"'{path}' could not be removed ({error.strerror}): delete it yourself.")

    def _read(self):
        """What `write` has stored, on the CPU; None if there is no file."""
        try:
            file = open(self.path, "rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"'{self.path}' cannot be read ({error.strerror}): see to that, or begin anew without it."
            ) from error
        try:
            with file:
                stored = read_tensors(file)
        except Exception as error:  # neither zipfile nor torch.load says what damaged files raise
            raise StateError(
                f"'{self.path}' is damaged or no state of a run ({first_line(error)}): delete it and begin anew."
            ) from error
        if not _is_state(stored):
            raise StateError(
                f"'{self.path}' is no state of this version of the course ({FORMAT!r}): delete it and begin anew."
            )
        return stored


def run_of(
    content: torch.Tensor,
    style: torch.Tensor,
    first: torch.Tensor,
    net: VGG,
    settings: Settings,
    more: Sequence[Term],
) -> dict:
    """{what: value}: everything that decides about a run of `transfer`, except the arithmetic of the device."""
    run = {"photo": _picture(content), "painting": _picture(style)}
    for name, value in vars(settings).items():
        if isinstance(value, dict):
            value = ", ".join(f"{layer} {float(weight)}" for layer, weight in value.items())
        run[name.replace("_", " ")] = value if isinstance(value, (str, torch.Tensor)) else float(value)
    if isinstance(settings.start, torch.Tensor):
        run["start"] = _picture(first)
    elif settings.start == "noise":
        run["start"] = f"noise of seed {settings.seed}"
    del run["seed"]
    for term in more:
        run[f"term '{term.name}'"] = fingerprint(type(term).__qualname__, *_contents(vars(term)), float(term.weight))
    return {**run, "network": fingerprint(repr(net), *net.state_dict().values())}


def aloud(sentence: str) -> None:
    """Print a sentence that may be worth knowing to standard error."""
    print(sentence, file=sys.stderr)


def arithmetic(device):
    """{what: value} of all that may change the last bits of a convolution.

    This is PyTorch's version, the device, and for a CPU the number of threads.
    """
    if device.type == "cuda":
        kind = {"device": f"cuda, {torch.cuda.get_device_name(device)}"}
    elif device.type == "cpu":
        kind = {"device": f"cpu, {torch.backends.cpu.get_cpu_capability()}", "threads": torch.get_num_threads()}
    else:
        kind = {"device": device.type}
    return {"PyTorch": str(torch.__version__), **kind}


def fingerprint(*parts):
    """Sixteen digits that differ when the texts or the tensors differ in bits, dtype or shape.

    The device and the memory layout of a tensor do not count.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            digest.update(f"{part.dtype} {tuple(part.shape)}".encode())
            digest.update(part.detach().cpu().flatten().view(torch.uint8).numpy())
        else:
            digest.update(str(part).encode())
    return digest.hexdigest()[:16]


def _contents(value):
    """The numbers, texts and tensors in a value, in its own order; of anything else, only the type."""
    if isinstance(value, dict):
        return [part for key in value for part in (str(key), *_contents(value[key]))]
    if isinstance(value, (list, tuple)):
        return [part for one in value for part in _contents(one)]
    known = isinstance(value, (torch.Tensor, int, float, str, bytes, type(None)))
    return [value if known else getattr(value, "__qualname__", type(value).__qualname__)]


def _picture(image):
    return f"{image.shape[3]} × {image.shape[2]} pixels #{fingerprint(image)}"


def _differences(there, here):
    """The first three differences of two dictionaries, such as 'seed: 3 there, 4 here'; '' if there is none."""
    others = [
        f"{what}: {there.get(what, 'none')} there, {here.get(what, 'none')} here"
        for what in {**there, **here}
        if there.get(what) != here.get(what)
    ]
    return ", ".join(others[:3] + ["and more"] * (len(others) > 3))


def _moved(value, device):
    """A value in which the tensors, also inside nested tuples, are on a device."""
    if isinstance(value, tuple):
        return tuple(_moved(part, device) for part in value)
    return value.to(device) if isinstance(value, torch.Tensor) else value


def _is_state(stored):
    """Whether a value that was read has all parts of a state of this version, each with the right type."""
    kinds = {
        "format": str,
        "run": dict,
        "arithmetic": dict,
        "point": tuple,
        "led": bool,
        "seconds": float,
        "history": list,
    }
    if (
        not isinstance(stored, dict)
        or not all(isinstance(stored.get(name), kind) for name, kind in kinds.items())
        or stored["format"] != FORMAT
    ):
        return False
    image, _, evaluations, value, gradient, pairs, step = (
        stored["point"] if len(stored["point"]) == len(Point._fields) else [None] * 7
    )
    good = (
        isinstance(image, torch.Tensor)
        and type(evaluations) is int
        and isinstance(value, float)
        and isinstance(step, float)
    )
    if (
        not good
        or not isinstance(pairs, tuple)
        or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs)
    ):
        return False
    return all(
        isinstance(tensor, torch.Tensor) and tensor.shape == image.shape and tensor.dtype == image.dtype
        for tensor in (gradient, *(part for pair in pairs for part in pair))
    )
