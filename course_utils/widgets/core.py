"""What all widgets share: a text where a widget cannot run, errors that reach the reader, work in the background."""

import contextlib
import functools
import html
import inspect
import math
import threading
import time
import traceback
import unicodedata
from typing import NamedTuple

import ipywidgets as w

from course_utils.images import img_tag, title
from course_utils.inputs import lacks_memory
from course_utils.widgets import page

JOB = "Job"  # name of the threads of all jobs
GATHER = 0.05  # seconds in which further changes are gathered before something follows from them


class View(w.VBox):
    """A widget with a text that says what it is where it cannot run: in a stored notebook, and under nbval."""

    def __init__(self, children, says):
        super().__init__([*children, w.HTML(page.HTML, layout=w.Layout(display="none"))])
        self.add_class(page.OURS)
        self.says = says

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = f"[Widget: {self.says} Run this cell in JupyterLab to use it.]"
        return bundle


class Folded(w.VBox):
    """A part of a widget that a button opens and closes; ipywidgets' Accordion answers to no key.

    Args:
        description: text of the button.
        part: the widget.
    """

    def __init__(self, description, part):
        self.part, self.fold = part, w.ToggleButton(description=description, layout=w.Layout(width="auto"))
        self.fold.observe(self._turn, "value")
        super().__init__(layout=w.Layout(align_items="flex-start"))
        self._turn()

    def _turn(self, _=None):
        self.fold.icon = "caret-down" if self.fold.value else "caret-right"
        self.children = [self.fold, self.part] if self.fold.value else [self.fold]


def menu(description, options, value):
    """A Dropdown of values or of pairs (label, value). Raises ValueError if `value` is none of them."""
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if value not in values:
        some = ", ".join(map(str, values[:16])) + ", …" * (len(values) > 16)
        raise ValueError(f"The field '{description}' does not offer {value!r}: take one of {some}.")
    return w.Dropdown(options=options, value=value, description=description)


def titled(names):
    """The options (title, name) of a menu of bundled pictures: by group (animal_…, energy_…), then by title."""

    def order(option):
        label, name = option
        return name.split("_")[0], unicodedata.normalize("NFKD", label).casefold()

    return sorted(((title(name), name) for name in names), key=order)


def number(description, value, least, most, step=1):
    """A field for a whole number, which keeps typed numbers in its range.

    Raises ValueError if `value` is no whole number, or out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"The field '{description}' takes a whole number from {least} to {most:,}, not {value!r}.")
    return w.BoundedIntText(value=value, min=least, max=most, step=step, description=description)


def foreseen(error):
    """Whether an error is one of the course's own, whose message is a sentence for the reader."""
    return type(error).__module__.startswith("course_utils") or type(error) is ValueError


class Messages(w.Output):
    """The place where errors of callbacks are shown, which ipywidgets itself swallows."""

    def guard(self, callback):
        """The callback, whose errors are each shown on a new line instead of being raised."""

        @functools.wraps(callback)
        def guarded(*arguments):
            self.outputs = ()
            try:
                return callback(*arguments)
            except Exception as error:  # any error is shown to the reader
                self.report(error)

        return guarded

    def report(self, error):
        """Show an error: the message if the course foresees the error, or otherwise the whole traceback."""
        if foreseen(error):
            text = f"{error}\n"
        elif lacks_memory(error):
            text = "The memory is not enough for this: choose a smaller size.\n"
        else:
            text = "".join(traceback.format_exception(error))
        self.append_stderr(text)


class Job:
    """A long loop in a background thread, so that the kernel stays free to react to the Stop button.

    Args:
        steps: () -> iterator; one item for each step of the work.
        show: item -> None. The thread calls it with the first item, with some items in between, and with the last item,
            at most once with each.
        finish: (state, error) -> None, called in the thread at the end; state is 'finished', 'stopped' or 'failed'.
        rate: the largest number of calls of `show` per second; sending pictures to the browser takes time.
    """

    def __init__(self, steps, show, finish=lambda state, error: None, rate=4):
        self.steps, self.show, self.finish, self.rate = steps, show, finish, rate
        self.state, self.error = "idle", None
        self._stop, self._done, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._done.set()
        self._over = False

    @property
    def running(self):
        """Whether the steps are under way; while `finish` is called they are over, and the job may begin anew."""
        return not (self._over or self._done.is_set())

    def start(self):
        """Begin, unless the job is already running."""
        with self._lock:
            if not self.running:
                self._begin()
        return self

    def restart(self):
        """Begin anew; a run that is under way ends after its present step. The call does not wait for that."""
        with self._lock:
            self._stop.set()
            self._begin()
        return self

    def stop(self):
        """End the job after its present step; the call does not wait for that."""
        with self._lock:
            self._stop.set()

    def _begin(self):
        """Start a thread that first waits for the thread before it, so that their steps never run at the same time."""
        before, self._stop, self._done = self._done, threading.Event(), threading.Event()
        self.state, self.error, self._over = "running", None, False
        threading.Thread(target=self._run, args=(before, self._stop, self._done), daemon=True, name=JOB).start()

    def wait(self, timeout=None):
        """Wait until the job has ended; the ■ of the toolbar stops the job. Returns its state, or raises its error."""
        try:  # an Event: in Python 3.11 a KeyboardInterrupt inside Thread.join marks a live thread as dead
            ended = self._newest(timeout)
        except KeyboardInterrupt:
            self.stop()
            ended = self._newest()
        if not ended:
            raise TimeoutError(f"The job is still running after {timeout} s.")
        if self.error:
            raise self.error
        return self.state

    def _newest(self, timeout=None):
        """Wait for the newest run, even if it begins while we wait; False if the time is over."""
        done = None
        while done is not self._done:
            done = self._done
            if not done.wait(timeout):
                return False
        return True

    def _run(self, before, stop, done):
        before.wait()
        shown, item, fresh, state, problem = -math.inf, None, False, "stopped", None  # a fresh item is not yet shown
        try:
            for item in self.steps() if not stop.is_set() else ():
                fresh = True
                if stop.is_set():
                    break
                if time.monotonic() - shown > 1 / self.rate:
                    fresh = False
                    self.show(item)
                    shown = time.monotonic()
            state = "stopped" if stop.is_set() else "finished"
        except BaseException as error:  # a thread would swallow it; wait() raises it and finish() shows it
            state, problem = "failed", error
        try:
            if fresh and done is self._done:  # not if a newer run waits to take over
                self.show(item)  # the last good item, even after an error
        except Exception as error:
            state, problem = "failed", problem or error
        self._report(done, state, problem)
        with self._lock:
            self._over = self._over or done is self._done
        try:
            if done is self._done:
                self.finish(state, problem)
        except Exception as error:
            self._report(done, "failed", problem or error)
        finally:
            done.set()

    def _report(self, done, state, error):
        if done is self._done:
            self.state, self.error = state, error


def settled(view):
    """The widget, once all jobs have ended, such as that of its first pictures.

    For Voilà, whose page reads the state of a widget once, after the last cell: what a job changes meanwhile is lost.
    """
    for thread in threading.enumerate():
        if thread.name == JOB:
            thread.join()
    return view


class Gathered:
    """What follows from a change of a control: once for each change, or once for all changes of a block.

    Threads exclude each other by `lock`: one that calls this object waits for the end of another one's block.

    Args:
        react: () -> None.
    """

    def __init__(self, react):
        self._react, self._within, self.lock = react, False, threading.RLock()

    def __call__(self, _=None):
        with self.lock:
            if not self._within:
                self._react()

    @contextlib.contextmanager
    def together(self):
        """Several controls change, and one reaction follows."""
        with self.lock:
            before, self._within = self._within, True
            try:
                yield
            finally:
                self._within = before
            self()

    def by(self, change):
        """A callback that changes several controls with `change`, which takes the event.

        What it changes calls neither this nor another such callback.
        """

        def callback(event=None):
            with self.lock:
                if not self._within:
                    with self.together():
                        change(event)

        return callback


class Drawing(NamedTuple):
    """What a widget shows for some settings."""

    settings: tuple  # in the order of the controls; what tells this drawing from others
    names: dict  # {description of a control: its value as the reader sees it}
    picture: str  # HTML
    text: str  # HTML


def paragraph(text):
    """HTML of a text, with lines as close as those of a page."""
    return f'<p style="line-height:1.4;margin:0">{html.escape(text)}</p>'


def said(control, value):
    """A value of a control as text: the label of a choice, yes or no, or the number as a slider writes it."""
    if isinstance(control, (w.Dropdown, w.ToggleButtons, w.SelectionSlider)):
        pairs = (option if isinstance(option, tuple) else (str(option), option) for option in control.options)
        return next(label for label, offered in pairs if offered == value)
    if isinstance(control, w.Checkbox):
        return "yes" if value else "no"
    return format(value, getattr(control, "readout_format", ""))


def names_of(controls, settings):
    """{description of a control: its value as the reader sees it}.

    Args:
        controls: {name of a setting: control}.
        settings: {name: value}, with the same names.
    """
    return {control.description: said(control, settings[name]) for name, control in controls.items()}


def changed(before, now):
    """The settings that differ, as text: 'times: 4 → 10; negative: no → yes'.

    Args:
        before, now: {name: value as text}, with the same names.
    """
    parts = [f"{name}: {before[name]} → {value}" for name, value in now.items() if before[name] != value]
    return "; ".join(parts) or "the same settings"


class Compared(w.VBox):
    """The newest drawing, or the last two side by side, below the settings that differ.

    The checkbox `compare` chooses; it may stand elsewhere.

    Args:
        compare: whether the comparison is on at first.
    """

    def __init__(self, compare=False):
        self._drawings, self._lock, self._hidden = (), threading.RLock(), False
        self.compare = w.Checkbox(
            compare, description="compare with before", indent=False, layout=w.Layout(width="auto")
        )
        self.text, self.differences, self.before, self.picture = w.HTML(), w.HTML(), w.HTML(), w.HTML()
        super().__init__([self.text, self.differences, w.HBox([self.before, self.picture])])
        self.compare.observe(self._arrange, "value")

    def add(self, drawing):
        """Show a drawing; it takes the place of the newest one if that has the same settings."""
        with self._lock:
            same = self._drawings and self._drawings[-1].settings == drawing.settings
            self._drawings = (*(self._drawings[:-1] if same else self._drawings)[-1:], drawing)
            self._hidden = False
            self._arrange()

    def hide(self):
        """Show nothing until the next drawing, because the newest one belongs to earlier settings."""
        with self._lock:
            self._hidden = True
            self.picture.value = self.text.value = self.before.value = self.differences.value = ""

    def _arrange(self, _=None):
        """Show the newest drawing, or the last two side by side."""
        with self._lock:
            if self._hidden or not self._drawings:
                return
            *before, now = self._drawings
            self.text.value = now.text
            if not self.compare.value:
                self.before.value, self.differences.value, self.picture.value = "", "", now.picture
            elif not before:
                self.before.value, self.picture.value = "", now.picture
                self.differences.value = "There is no picture before this one: change a setting."
            else:
                self.before.value, self.picture.value = (
                    f"<b>{word}</b><br>{part.picture}" for word, part in (("before", before[0]), ("now", now))
                )
                self.differences.value = html.escape(changed(before[0].names, now.names))
            width = "50%" if self.before.value else "100%"
            self.before.layout.width, self.picture.layout.width = width if self.before.value else "0", width


class Redrawn(View):
    """A widget whose pictures follow from its controls, drawn anew after each change by pure functions.

    Changes that come together are drawn once, and those that come while a drawing is under way are drawn once after it;
    two drawings never overlap. What was drawn before is remembered. With 'compare with before' the last two drawings
    stand side by side, and a line names the settings that have changed.

    Args:
        controls: {name of a setting: control}.
        rows: lists of controls, as they stand in the widget; or a widget instead of a list.
        says: what the widget is, as `View` takes it.
        fits: pairs (control, change -> None); when the control has changed, the function adjusts others to it, and one
            drawing follows.
    """

    def __init__(self, controls, rows, says, fits=()):
        self.controls, self._now, self._failed = controls, None, False
        self.remembered = functools.lru_cache(maxsize=64)(lambda function, settings: function(**dict(settings)))
        self._tagged = functools.lru_cache(maxsize=64)(self._tag)
        self.changed = Gathered(self._read)
        self.shown, self.messages = Compared(), Messages()
        self.compare, self.text, self.differences = self.shown.compare, self.shown.text, self.shown.differences
        self.before, self.picture = self.shown.before, self.shown.picture
        self.job = Job(self._steps, self._show, self._finish)
        boxes = [row if isinstance(row, w.Widget) else w.HBox(row) for row in rows]
        last = max(number for number, row in enumerate(rows) if not isinstance(row, w.Widget))
        boxes[last].children += (self.compare,)
        super().__init__([*boxes, self.shown, self.messages], says)
        reactions = dict.fromkeys(controls.values(), self.changed)
        for control, reaction in (reactions | {control: self.changed.by(fit) for control, fit in fits}).items():
            control.observe(self.messages.guard(reaction), "value")
        self.changed()

    def draw(self, **settings):
        """(picture, description) for the values of the controls: a pure function of them."""
        raise NotImplementedError

    def pictures(self):
        """Functions such as `draw`, one for each picture, from top to bottom.

        A function that names its settings is called anew only if one of these changes.
        """
        return (self.draw,)

    def settings(self):
        """{name: value} of all settings, as the controls have them."""
        return {name: control.value for name, control in self.controls.items()}

    def completed(self, settings):
        """The settings, with those that follow from a longer computation; the job's thread calls it."""
        return settings

    def known(self, function, settings):
        """The result of a pure function of some settings, {name: value}, which is remembered."""
        return self.remembered(function, _taken(function, settings))

    def _read(self):
        """Read the settings, and draw them after a drawing that is under way."""
        with self.changed.lock:
            settings = self.settings()
            if settings != self._now or self._failed:
                self._now = settings
                self.job.restart()

    def _steps(self):
        time.sleep(GATHER)
        yield None  # the job ends here if another change has come
        now = self._now
        settings = self.completed(now)
        pictures, texts = zip(*(self._tagged(part, _taken(part, settings)) for part in self.pictures()))
        names = names_of(self.controls, settings)
        yield now, settings, Drawing(tuple(settings.values()), names, " ".join(pictures), "".join(texts))

    def _tag(self, function, settings):
        picture, says = function(**dict(settings))
        return img_tag(picture, says), paragraph(says)

    def _show(self, item):
        if item is None:
            return
        with self.changed.together():
            now, settings, drawing = item
            if now is self._now:  # otherwise a newer drawing follows
                self.arrange(settings)
                self._failed, self._now = False, settings
                self.shown.add(drawing)

    def arrange(self, settings):
        """Show what else belongs to a drawing that is about to be shown; `settings` is {name: value}."""

    def clear(self):
        """Take away what else belongs to a drawing, after an error."""

    def _finish(self, state, error):
        if error is not None:
            with self.changed.lock:
                self._failed = True
                self.shown.hide()
                self.clear()
            self.messages.report(error)


def _taken(function, settings):
    """The settings that a function takes by their names, all of them if it takes any, as pairs (name, value)."""
    parameters = inspect.signature(function).parameters
    every = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return tuple((name, value) for name, value in settings.items() if every or name in parameters)
