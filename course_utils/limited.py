"""Tasks in processes of their own, with a limit of time and of memory.

A process whose task does not end is killed, and another one goes on with the next task.
"""

import contextlib
import multiprocessing
import signal
import sys
import time
from multiprocessing.connection import wait

TOO_LONG, DIED = "too long", "died"
MEMORY = 4 * 2**30  # bytes of a process


def results(function, tasks, processes, seconds):
    """Yield (number of a task, its result) in the order in which the tasks end.

    The result is what `function` returns for the task, or TOO_LONG or DIED.

    Args:
        function: of a module, so that another process can import it.
        tasks: a list; function and tasks are sent to the processes, so that they must be picklable.
        processes: how many work at once.
        seconds: that a task may take. What `function` needs to be imported does not count.
    """
    waiting = list(enumerate(tasks))[::-1]
    crew = [_Worker(function) for _ in range(min(processes, len(tasks)))]
    try:
        while waiting or any(worker.busy for worker in crew):
            for worker in crew:
                if waiting and not worker.busy:
                    worker.begin(*waiting.pop(), seconds)
            busy = [worker for worker in crew if worker.busy]
            rest = min(worker.end for worker in busy) - time.monotonic()
            ready = wait([worker.pipe for worker in busy], max(0, rest))
            for worker in busy:
                if worker.pipe in ready or worker.end <= time.monotonic():
                    yield worker.number, worker.result(worker.pipe in ready)
    finally:
        for worker in crew:
            worker.stop()


class _Worker:
    """A process, our end of its pipe, and the task that it has."""

    def __init__(self, function):
        self.function = function
        self._start()

    def _start(self):
        self.busy = self.ready = False
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(self.function, theirs), daemon=True
        )
        with _without_interrupts():
            self.process.start()
        theirs.close()

    def begin(self, number, task, seconds):
        """Give the process a task, once it is ready."""
        if not self.ready:
            self.ready = self.pipe.recv()
        self.pipe.send(task)
        self.number, self.busy, self.end = number, True, time.monotonic() + seconds

    def result(self, arrived):
        """The result of the task; a process that has none is replaced."""
        self.busy = False
        try:
            if arrived:
                return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            arrived = None
        self.stop()
        self._start()
        return TOO_LONG if arrived is False else DIED

    def stop(self):
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _work(function, pipe):
    """What the other process does: tasks, until it is killed or we are gone."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        pipe.send(True)
        while True:
            pipe.send(function(pipe.recv()))
    except (EOFError, BrokenPipeError):
        pass  # nobody is left who wants a result


@contextlib.contextmanager
def _without_interrupts():
    """What is started inside does not hear a Ctrl-C; we hear it afterwards, and end what we have started."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
