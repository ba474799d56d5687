"""The process in which students' code runs. `judging.Answers` starts it; it knows no right answer.

`serve` waits in a process that has imported what answers need. For each answer it forks a process, which gives up its
rights, runs the answer's statements, and then calls the answer on whatever inputs arrive.
"""

import gc
import importlib
import inspect
import os
import signal
import socket
import struct
import sys
import types

import torch

from course_utils.checks import core
from course_utils.grading import wire
from course_utils.grading.confinement import confine

NEEDED = ("numpy", "course_utils.vgg", "course_utils.plots", "course_utils.normalization", "course_utils.transfer")
NUMBER = struct.Struct("<q")
STARTED, END = b"s", b"e"


def serve(control):
    """Fork a process for each answer, until the judge closes the socket `control`.

    The judge sends STARTED with a socket for the new process, gets its number, and sends END. Then the process and
    its group are killed, and the judge gets the process's exit status.
    """
    torch.set_num_threads(1)
    for name in NEEDED:
        importlib.import_module(name)
    gc.freeze()  # the memory stays shared with the processes that are forked
    control.sendall(STARTED)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if message != STARTED:
            return
        process = os.fork()
        if process == 0:
            control.close()
            _answer(socket.socket(fileno=descriptors[0]))
        os.close(descriptors[0])
        control.sendall(NUMBER.pack(process))
        going_on = control.recv(1)
        _kill(process)
        status = os.waitpid(process, 0)[1]
        if not going_on:
            return
        control.sendall(NUMBER.pack(status))


def _kill(process):
    for act, number in ((os.killpg, process), (os.kill, process)):
        try:
            act(number, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # it has ended, or has not yet made its group
            pass


def _answer(connection):
    """Be the process of one answer. Never returns."""
    try:
        os.setsid()
        channel = wire.Channel(connection, lambda number: _elsewhere(channel, number), _number)
        job = channel.receive()
        os.chdir(job["folder"])
        nothing = os.open(os.devnull, os.O_RDWR)
        held = confine(job["folder"], job["readable"], job["seconds"], job["memory"])
        for descriptor in range(3):
            os.dup2(nothing, descriptor)
        channel.send(held)
        _go_on(channel, job)
    except wire.Ended:  # the judge needs no more
        pass
    except OSError as error:  # a right could not be given up
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(0)


def _elsewhere(channel, number):
    """A function that is an argument: it stays with the judge, and is called there."""

    def call(*arguments):
        channel.send({"call": number, "arguments": list(arguments)})
        reply = channel.receive()
        if reply["error"] is not None:
            raise reply["error"]
        return reply["value"]

    call.number = number
    return call


def _number(value):
    return value.__dict__.get("number") if isinstance(value, types.FunctionType) else None


def _go_on(channel, job):
    """Run the statements, say what the answer is, and answer questions about it."""
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    module.display = print  # notebooks have it
    error = _executed(job["statements"], module.__dict__)
    answer = module.__dict__.get(job["name"])
    channel.send(_described(answer, error, job["name"] in module.__dict__))
    while True:
        channel.send(_reply(answer, **channel.receive()))


def _reply(answer, ask, arguments, recorded=True, positions=()):
    """What `judging.Remote` asks for."""
    answer = answer if recorded else core.unrecorded(answer)
    if ask == "outcome":
        value, error = _guarded(core._called, answer, arguments)
        return {"value": value, "error": error, "after": arguments}
    if ask == "gradient":
        return _guarded(core._gradient, answer, arguments, positions)
    return sorted({"calls": core._calls, "taken": core._taken}[ask](answer, arguments))


def _guarded(function, *arguments):
    """Call one of core's functions, which lets KeyboardInterrupt through: here it is an error like others."""
    try:
        return function(*arguments)
    except KeyboardInterrupt as raised:
        error = raised.with_traceback(None)
        return (None, error) if function is core._called else error


def _executed(statements, names):
    """Execute statements one by one. Returns the first error, or None; what stands behind it is executed, too."""
    first = None
    for statement in statements:
        try:
            exec(compile(statement, "<cell>", "exec"), names)
        except BaseException as raised:  # sys.exit in a cell, too
            first = first or raised.with_traceback(None)
    return first


def _described(answer, error, defined):
    """What the judge has to know of an answer before it asks for results."""
    is_function = callable(answer) and not isinstance(answer, type)
    return {
        "defined": defined,
        "error": error,
        "is_function": is_function,
        "is_class": isinstance(answer, type),
        "value": None if is_function else answer.__name__ if isinstance(answer, type) else answer,
        "parameters": _parameters(answer) if is_function else None,
        "code": _code(answer) if is_function else None,
    }


def _parameters(function):
    """The names of the arguments that may be given by position, or None."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except Exception:  # whatever a student's class says of itself
        return None
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def _code(function):
    """What the hint for a function without a result looks at (`words.nothing`)."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType):
        return None
    return {
        "co_names": list(code.co_names),
        "co_varnames": list(code.co_varnames),
        "co_argcount": code.co_argcount,
        "length": len(code.co_code),
    }
