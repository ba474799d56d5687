"""The judge's side: it starts the process of the answers, and asks an answer for results.

`Answers` owns the process. `Remote` is an answer to a check's eyes: `Exercise.judge` takes it like a function.
"""

import copy
import inspect
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import types
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from course_utils.checks import core
from course_utils.grading import answers, wire
from course_utils.grading.bare import copy_package
from course_utils.paths import DATA, PACKAGE

BOOT = """
import json, socket, sys
sys.path[:] = json.loads(sys.argv[1])
from course_utils.grading.answers import serve
serve(socket.socket(fileno=int(sys.argv[2])))
"""
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")  # variables that the answers see, too
SLOWEST = 300  # seconds for the first imports, on a machine with much to do
MOST_CALLS, LARGEST_CALL = 10_000, 2**20  # of functions that are arguments; numbers in the arguments of one call


class Lost(RuntimeError):
    """An answer cannot be judged further; the message says why, in words that follow 'your answer'."""


class NoProcess(RuntimeError):
    """The process of the answers cannot be started, which is no student's fault; the message is one sentence."""


class OutOfTime(Lost):
    """An answer has taken too long."""


@dataclass(frozen=True)
class Limits:
    """What an answer may use: seconds of waiting and of computing, and bytes of memory."""

    seconds: float = 60.0
    memory: int = 4 * 2**30


class Answers:
    """The process in which answers run, from the first answer until the end of the `with` block."""

    def __init__(self, limits=None):
        self.limits = limits or Limits()
        self.process = self.control = None
        self.running, self.held = False, []  # whether an answer is there, and what the kernel has taken from it

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(prefix="answers", ignore_cleanup_errors=True)
        self.package = copy_package(Path(self.home.name).resolve() / "package")
        return self

    def __exit__(self, *_):
        self._stop()
        self.home.cleanup()

    @contextmanager
    def of(self, statements, name):
        """The `Remote` of the answer that the statements give to a name.

        Raises Lost, also from what is done with the remote in the `with` block.
        """
        mine, theirs = socket.socketpair()
        functions = []
        channel = wire.Channel(mine, functions.__getitem__, lambda value: _numbered(value, functions))
        channel.left = self.limits.seconds
        with mine, tempfile.TemporaryDirectory(dir=self.home.name, ignore_cleanup_errors=True) as folder:
            with theirs:
                self._begin(theirs)
            try:
                self._confine(channel, self._job(statements, name, folder))
                yield Remote(channel, functions)
            except wire.TooLate as error:
                raise OutOfTime(f"took longer than {self.limits.seconds:g} seconds.") from error
            except wire.Nonsense as error:
                raise Lost(f"sent back {error}.") from error
            except wire.Ended as error:
                raise self._reason(self._end()) from error
            finally:
                mine.close()
                self._end()

    def _job(self, statements, name, folder):
        return {
            "statements": [statement.source for statement in statements],
            "name": name,
            "folder": str(Path(folder).resolve()),
            "readable": [str(self.package), str(DATA.resolve())],
            "seconds": math.ceil(self.limits.seconds),
            "memory": self.limits.memory,
        }

    def _confine(self, channel, job):
        """Send the job, and wait until the process has given up its rights. Until then it runs no code of a student."""
        try:
            channel.send(job)
            self.held = channel.receive()
        except wire.Ended as error:
            raise NoProcess("The process for an answer could not be set up: see what it says above.") from error

    def _reason(self, status):
        ending = os.waitstatus_to_exitcode(status) if status is not None else 0
        if ending == -signal.SIGXCPU:
            return OutOfTime(f"computed for longer than {self.limits.seconds:g} seconds.")
        how = f"by the signal {_name(-ending)}" if ending < 0 else f"with the exit code {ending}"
        return Lost(f"ended its process, {how}.")

    # The process is started when it is needed, and anew when an answer has managed to end it.

    def _begin(self, connection):
        for _ in range(2):
            try:
                if self.control is None:
                    self._start()
                socket.send_fds(self.control, [answers.STARTED], [connection.fileno()])
                self._number()
                self.running = True
                return
            except (OSError, EOFError):
                self._stop()
        raise NoProcess("The process for the answers does not start: see what it says above.")

    def _end(self):
        """End the process of the answer. Returns its exit status the first time, and None later."""
        if not self.running:
            return None
        self.running = False
        try:
            self.control.sendall(answers.END)
            return self._number()
        except (OSError, EOFError):
            self._stop()

    def _start(self):
        self.control, theirs = socket.socketpair()
        self.control.settimeout(SLOWEST)
        ours = PACKAGE.parent
        paths = [str(self.package), *(path for path in sys.path if path and not _holds_the_course(path, ours))]
        variables = {name: value for name, value in os.environ.items() if name in KEPT}
        variables |= {name: self.home.name for name in ("HOME", "TMPDIR", "MPLCONFIGDIR")}
        # threads do not survive a fork
        variables |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
        variables |= {"MPLBACKEND": "agg", "CUDA_VISIBLE_DEVICES": ""}
        variables |= {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"}  # macOS would end the processes that are forked
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", BOOT, json.dumps(paths), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=variables,
                cwd=self.package,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        if self.control.recv(1) != answers.STARTED:
            raise EOFError

    def _stop(self):
        if self.control is not None:
            self.control.close()  # the process ends at this, and an answer with it
            try:
                self.process.wait(SLOWEST / 10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.control, self.running = None, False

    def _number(self):
        data = b""
        while len(data) < answers.NUMBER.size:
            part = self.control.recv(answers.NUMBER.size - len(data))
            if not part:
                raise EOFError
            data += part
        return answers.NUMBER.unpack(data)[0]


def _name(number):
    """The name of a signal, or its number if it has none."""
    return next((each.name for each in signal.Signals if each == number), str(number))


def _holds_the_course(path, ours):
    path = Path(path).resolve()
    return (path / PACKAGE.name / "checks").exists() or path == ours


def _numbered(value, functions):
    """The number of a function that is an argument, which from now on may be called from the other process."""
    if not callable(value):
        return None
    functions.append(value)
    return len(functions) - 1


class Remote(core.Elsewhere):
    """An answer in its process. The results are plain values: nothing of the student's code comes here.

    Attributes:
        defined: whether the answer's name has a value.
        error: the first error of the answer's statements, or None.
        given: what a check gets: this object if the answer is a function, and otherwise a copy of the value.
    Raises:
        wire.Ended, wire.TooLate, wire.Nonsense: from every question.
    """

    def __init__(self, channel, functions):
        self.channel, self.functions, self.calls_left, self.recorded = channel, functions, MOST_CALLS, True
        said = channel.receive()
        with _taken_at_its_word():
            self.defined, self.error = bool(said["defined"]), said["error"]
            self.given = self if said["is_function"] else said["value"]
            if said["is_class"]:
                self.given = type(str(said["value"]), (), {})
            if said["parameters"] is not None:
                kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
                self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in said["parameters"]])
            if said["code"] is not None:
                self.__code__ = _code(**said["code"])

    def outcome(self, arguments):
        reply = self._ask("outcome", arguments)
        with _taken_at_its_word():
            value, error, after = reply["value"], reply["error"], reply["after"]
            if not isinstance(error, (BaseException, type(None))) or len(after) != len(arguments):
                raise ValueError
        return core._Outcome(value, error, not all(map(core._unchanged, after, arguments)))

    def gradient(self, arguments, positions):
        reply = self._ask("gradient", arguments, positions=list(positions))
        leaves = [tensor for position in positions for tensor in core._tensors(arguments[position])]
        if reply is None or isinstance(reply, BaseException):
            return reply
        with _taken_at_its_word():
            if len(reply) != len(leaves) or not all(map(_is_like, reply, leaves)):
                raise ValueError
        return reply

    def calls(self, arguments):
        return self._names("calls", arguments)

    def taken(self, arguments):
        return self._names("taken", arguments)

    def unrecorded(self):
        other = copy.copy(self)
        other.recorded = False
        return other

    def _names(self, what, arguments):
        with _taken_at_its_word():
            return set(map(str, self._ask(what, arguments)))

    def _ask(self, what, arguments, **more):
        """Send a question, and call functions that are arguments until the reply comes."""
        self.channel.send({"ask": what, "arguments": list(arguments), "recorded": self.recorded, **more})
        while True:
            reply = self.channel.receive()
            if not (isinstance(reply, dict) and "call" in reply):
                return reply
            self.calls_left -= 1
            if self.calls_left < 0:
                raise wire.TooLate
            with _taken_at_its_word():
                function, given = self.functions[reply["call"]], reply["arguments"]
                if sum(tensor.numel() for tensor in core._tensors(given)) > LARGEST_CALL:
                    raise ValueError
            value, error = core._called(function, given)
            self.channel.send({"value": value, "error": error})


def _code(co_names, co_varnames, co_argcount, length):
    return types.SimpleNamespace(
        co_names=tuple(map(str, co_names)),
        co_varnames=tuple(map(str, co_varnames)),
        co_argcount=int(co_argcount),
        co_code=bytes(min(length, 10**6)),
    )


def _is_like(value, leaf):
    return core._plain(value) and not value.is_meta and value.shape == leaf.shape and value.dtype == leaf.dtype


@contextmanager
def _taken_at_its_word():
    """A reply may be anything: where it is not what was asked for, it is nonsense."""
    try:
        yield
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise wire.Nonsense("something that is no reply") from error
