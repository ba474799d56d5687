"""What the widgets share that work step by step after a press of Start: buttons, progress, forecast, last pictures."""

import html
import threading
import time

import ipywidgets as w

from course_utils.forecast import GiB, minutes
from course_utils.images import img_tag, resize
from course_utils.widgets.core import GATHER, Drawing, Job, Messages, View, foreseen, names_of

KEPT, THUMBNAIL = 6, 120  # pictures that a history keeps; pixels of a thumbnail's width


def report(state, evaluations, began=(0, 0.0)):
    """One line of text about a state: the evaluation, the time that is left, and every term.

    Args:
        state: a `State`.
        evaluations: their number at the end.
        began: (evaluations, seconds) at which the run began or went on.
    """
    done = state.evaluations - began[0]
    left = (state.seconds - began[1]) / done * (evaluations - state.evaluations) if done else 0
    parts = ", ".join(f"{name} {loss:.3g}" for name, loss in state.losses.items() if name != "total")
    ahead = f", about {minutes(left)} left" if left else ""
    return (
        f"evaluation {state.evaluations} of {evaluations}, {minutes(state.seconds)}{ahead}: "
        f"loss {state.losses['total']:.3g} ({parts})"
    )


class Outlook(w.Label):
    """A line that says how long a picture will take, and how much memory; the `Job` called `job` computes it.

    Args:
        speed: a `Speed`.
        report: error -> None, which shows an error that nobody foresees; others stand in the line itself.
    """

    def __init__(self, speed, report):
        super().__init__()
        self._speed, self._report, self._asked = speed, report, ()
        self.job = Job(self._steps, self._show, self._finish)

    def ask(self, *asked):
        """Begin a new forecast, as `Speed.forecast` takes it; it replaces one that is under way."""
        self._asked = asked
        self.job.restart()

    def _steps(self):
        time.sleep(GATHER)
        yield None  # the job ends here if another change has come
        yield self._speed.forecast(*self._asked)

    def _show(self, forecast):
        if forecast is not None:
            self.value = (
                f"Forecast: about {minutes(forecast.seconds)}, and {GiB(forecast.memory)} of memory beside the network."
            )

    def _finish(self, state, error):
        if error is not None:
            self.value = f"No forecast: {error}" if foreseen(error) else "No forecast."
            if not foreseen(error):
                self._report(error)


class History(w.HTML):
    """The last pictures as thumbnails, the newest first, each with its settings."""

    def __init__(self):
        super().__init__()
        self._entries = ()

    def add(self, image, names):
        """Keep a picture (1, 3, H, W) with its settings, {name: value as text}."""
        settings = "; ".join(f"{name}: {value}" for name, value in names.items())
        height, width = image.shape[2:]
        small = resize(image, (max(1, round(THUMBNAIL * height / width)), THUMBNAIL))
        picture = img_tag(small, f"One of the last pictures, a thumbnail. {settings}.")
        caption = f'<figcaption style="font-size:11px;line-height:1.3">{html.escape(settings)}</figcaption>'
        style = f"display:inline-block;vertical-align:top;width:{THUMBNAIL + 30}px;margin:4px"
        self._entries = (f'<figure style="{style}">{picture}{caption}</figure>', *self._entries[: KEPT - 1])
        self.value = "".join(self._entries)


class Running(View):
    """A widget that works step by step after a press of Start, until the end or Stop.

    A class derived from it has the method `begin`, which gives the steps, and `look`, which shows one.

    Args:
        controls: {name of a setting: control}. While the job runs, a change of one counts from the next start.
        rows: lists of controls, as they stand in the widget; or a widget instead of a list.
        below: widgets that show the results.
        says: what the widget is, as `View` takes it.
        start: what the button for Start is called.
        buttons: further buttons beside Start and Stop.
        frozen: controls and buttons that cannot be used while the job runs.
    """

    def __init__(self, controls, rows, below, says, *, start="Paint", buttons=(), frozen=()):
        self.controls, self._frozen, self._names, self._lock = controls, frozen, {}, threading.RLock()
        self._states, self._run_number = (), 0
        self.start = w.Button(description=start, icon="play", button_style="primary", tooltip="Begin anew")
        self.stop = w.Button(description="Stop", icon="stop", disabled=True, tooltip="Stop and keep the picture")
        self.progress, self.text, self.later = w.IntProgress(description="progress"), w.Label(), w.Label()
        self.text.value, self.messages = f"Press {start}.", Messages()
        self.job = Job(lambda: self._states, self.look, self._finish)
        super().__init__(
            [
                *(row if isinstance(row, w.Widget) else w.HBox(row) for row in rows),
                w.HBox([self.start, self.stop, *buttons, self.progress]),
                self.text,
                self.later,
                *below,
                self.messages,
            ],
            says,
        )
        self.start.on_click(self.messages.guard(self._run))
        self.stop.on_click(lambda _: self.job.stop())
        for control in controls.values():
            control.observe(self._changed, "value")

    def begin(self):
        """(iterator of steps, number of evaluations), for the present settings.

        The kernel's thread calls it, so that settings that cannot be used are refused at once.
        """
        raise NotImplementedError

    def look(self, step):
        """Show a step; the job's thread calls it with some of them, and with the last."""
        raise NotImplementedError

    def done(self):
        """Show what belongs to the end of a run that came to at least one step."""

    def names(self):
        """{name of a setting: its value as the reader sees it}, for the present settings."""
        return names_of(self.controls, {name: control.value for name, control in self.controls.items()})

    def drawing(self, picture):
        """The `Drawing` of the present run, with a picture as HTML; an earlier one of this run makes way for it."""
        return Drawing((self._run_number,), self._names | {"evaluations done": f"{self.progress.value:,}"}, picture, "")

    def _changed(self, change):
        if self.job.running:
            self.later.value = (
                f"{change.owner.description}: the new setting counts from the next start. This run goes on as it began;"
                f" press Stop, then {self.start.description}."
            )

    def _run(self, _=None):
        """Read the settings and start."""
        with self._lock:
            if self.job.running:
                return
            self._states, evaluations = self.begin()
            self._names, self._run_number = self.names(), self._run_number + 1
            self.progress.max, self.progress.value = evaluations, 0
            self.text.value, self.later.value = "preparing …", ""
            self._freeze(True)
            self.job.start()

    def _freeze(self, running):
        for control in (self.start, *self._frozen):
            control.disabled = running
        self.stop.disabled = not running

    def _finish(self, state, error):
        """Show how the run has ended, unless a press of Start has begun another one meanwhile."""
        if error is not None:
            self.messages.report(error)
        with self._lock:
            if not self.job.running:
                self.text.value, self.later.value = f"{state}: {self.text.value}" if self.progress.value else state, ""
                if self.progress.value:
                    self.done()
                self._freeze(False)
