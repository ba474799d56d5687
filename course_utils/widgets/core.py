"""What all widgets share: a view that reads well where it is not alive, errors that reach the reader, work in the background."""
import functools
import threading
import time
import traceback

import ipywidgets as w


class View(w.VBox):
    """A widget that says what it is where it cannot run: in a stored notebook and for nbval."""

    def __init__(self, children, says):
        super().__init__(children)
        self.says = says

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = f"[Widget: {self.says} Run this cell in JupyterLab to use it.]"
        return bundle


class Messages(w.Output):
    """Where errors of callbacks are shown; ipywidgets by itself swallows them."""

    def guard(self, callback):
        """The callback, with a new line of message for each error it raises."""
        @functools.wraps(callback)
        def guarded(*arguments):
            self.outputs = ()
            try:
                return callback(*arguments)
            except Exception as error:          # shown to the reader, whatever it is
                self.report(error)
        return guarded

    def report(self, error):
        """Show an error: the sentence of an error that the course foresees, the whole traceback of any other."""
        foreseen = type(error).__module__.startswith("course_utils") or type(error) is ValueError
        self.append_stderr(f"{error}\n" if foreseen else "".join(traceback.format_exception(error)))


class Job:
    """A long loop in a background thread, so that the kernel stays free to hear the Stop button.

    Args:
        steps: () -> iterator; one item for each step of the work.
        show: item -> None, called in the thread a few times each second, and with the last item.
        finish: (state, error) -> None, called in the thread at the end; state is 'finished', 'stopped' or 'failed'.
        rate: how often `show` is called at most, per second; pictures on their way to the browser cost time.
    """

    def __init__(self, steps, show, finish=lambda state, error: None, rate=4):
        self.steps, self.show, self.finish, self.rate = steps, show, finish, rate
        self.state, self.error = "idle", None
        self._stop, self._done = threading.Event(), threading.Event()
        self._done.set()

    @property
    def running(self):
        return not self._done.is_set()

    def start(self):
        """Begin, unless the job is running already."""
        if not self.running:
            self.state, self.error = "running", None
            self._stop.clear()
            self._done.clear()
            threading.Thread(target=self._run, daemon=True, name="Job").start()
        return self

    def restart(self):
        """Give up what is running, after its present step, and begin anew."""
        self.stop()
        self._done.wait()
        return self.start()

    def stop(self):
        """Ask the job to end after its present step."""
        self._stop.set()

    def wait(self, timeout=None):
        """Block until the job has ended; the ■ of the toolbar stops it. Returns its state, raises its error."""
        try:        # an Event: in Python 3.11 a KeyboardInterrupt inside Thread.join marks a live thread as dead
            ended = self._done.wait(timeout)
        except KeyboardInterrupt:
            self.stop()
            ended = self._done.wait()
        if not ended:
            raise TimeoutError(f"The job is still running after {timeout} s.")
        if self.error:
            raise self.error
        return self.state

    def _run(self):
        shown, item = 0.0, None
        try:
            for item in self.steps():
                if self._stop.is_set():
                    break
                if time.monotonic() - shown > 1 / self.rate:
                    self.show(item)
                    shown = time.monotonic()
            self.state = "stopped" if self._stop.is_set() else "finished"
        except BaseException as error:      # a thread would swallow it; wait() raises it and finish() shows it
            self.state, self.error = "failed", error
        try:
            if item is not None:
                self.show(item)             # the last good one, also after an error
        except Exception as error:
            self.state, self.error = "failed", self.error or error
        try:
            self.finish(self.state, self.error)
        except Exception as error:
            self.state, self.error = "failed", self.error or error
        finally:
            self._done.set()
