"""Widgets that work step by step after a press of Start: buttons, errors, what counts later; forecasts and history."""

import re
import threading

import ipywidgets as w
import pytest
import torch

from course_utils.studio import Forecast
from course_utils.widgets.core import Messages
from course_utils.widgets.runs import KEPT, History, Outlook, Running
from events import PATIENCE, held


class Count(Running):
    """It counts to a number; `fails` is what an attempt to begin raises, and the run itself after its first step."""

    def __init__(self):
        self.number, self.kind = (
            w.BoundedIntText(3, min=0, max=10**6, description="number"),
            w.Dropdown(options=["a", "b"]),
        )
        self.kind.description, self.shown, self.ended, self.fails = "kind", [], 0, (None, None)
        super().__init__(
            {"number": self.number, "kind": self.kind}, [[self.number, self.kind]], [], "a test.", start="Count"
        )
        self._frozen = [self.kind]

    def begin(self):
        if self.fails[0]:
            raise self.fails[0]
        return self._steps(self.number.value), self.number.value

    def _steps(self, last):
        for step in range(1, last + 1):
            yield step
            if self.fails[1]:
                raise self.fails[1]

    def look(self, step):
        self.progress.value, self.text.value = step, f"step {step}"
        self.shown.append(self.drawing(f"<img alt={step}>"))

    def done(self):
        self.ended += 1


@pytest.fixture
def view():
    return Count()


def said(view):
    return "".join(output["text"] for output in view.messages.outputs)


def test_a_run_and_its_buttons(view):
    assert view.text.value == "Press Count." and view.stop.disabled and view.start.description == "Count"
    for number in (3, 0, 1):
        view.number.value = number
        view.start.click()
        assert view.job.wait(PATIENCE) == "finished" and said(view) == ""
        assert view.text.value == (f"finished: step {number}" if number else "finished")
        assert view.progress.value == number and not view.start.disabled and view.stop.disabled
    assert view.ended == 2  # one had no step
    first, last = view.shown[0], view.shown[-1]
    assert first.settings != last.settings and first.names["number"] == "3" and first.names["evaluations done"] == "1"
    assert last.names == {"number": "1", "kind": "a", "evaluations done": "1"}


def test_stop_and_what_counts_later(view):
    view.number.value = 10**6
    with held(view, 2):
        assert view.start.disabled and view.kind.disabled and not view.stop.disabled
        view.start.click()  # a second press changes nothing
        view.number.value = 5
        assert view.later.value.startswith("number: the new setting counts from the next start.")
        assert view.later.value.endswith("press Stop, then Count.") and view.progress.max == 10**6
        view.stop.click()
    assert view.job.wait(PATIENCE) == "stopped" and view.text.value.startswith("stopped: step ")
    assert view.later.value == "" and not view.kind.disabled and view.shown[0].names["number"] == str(10**6)
    view.number.value = 6  # nothing runs
    assert view.later.value == ""


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("error", [ZeroDivisionError("nobody expected this"), ValueError("Choose another number.")])
def test_a_run_broken_on_purpose_is_told_and_the_next_one_works(view, place, error):
    view.fails = (error, None) if place == 0 else (None, error)
    view.start.click()
    if place:
        with pytest.raises(type(error)):
            view.job.wait(PATIENCE)
        assert view.text.value == "failed: step 1"
    assert not view.job.running and not view.start.disabled and view.stop.disabled and not view.kind.disabled
    assert said(view) == "Choose another number.\n" if isinstance(error, ValueError) else "Traceback" in said(view)
    view.fails = None, None
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and said(view) == "" and view.text.value == "finished: step 3"


def test_a_press_of_start_at_the_end_of_a_run_is_heard(view):
    """It comes after the last step and before the end is shown, which must not undo it."""
    report, meanwhile = view._finish, []

    def finish(state, error):
        if not meanwhile:
            view.start.click()
            meanwhile.append("pressed")
            report(state, error)
            meanwhile.append((view.start.disabled, view.stop.disabled, view.text.value))
        else:
            report(state, error)

    view.job.finish = finish
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and meanwhile == ["pressed", (True, False, "preparing …")]
    assert not view.start.disabled and view.text.value == "finished: step 3" and view.ended == 1


class Slow:
    """A `Speed` that waits."""

    def __init__(self):
        self.asked, self.inside, self.go_on = [], threading.Event(), threading.Event()

    def forecast(self, *asked):
        self.asked.append(asked)
        self.inside.set()
        self.go_on.wait(PATIENCE)
        if isinstance(asked[0], Exception):
            raise asked[0]
        return Forecast(asked[0], 2.0**30)


def test_fifty_changes_cost_at_most_two_forecasts():
    speed, messages = Slow(), Messages()
    line = Outlook(speed, messages.report)
    line.ask(0)
    assert speed.inside.wait(PATIENCE)
    for number in range(1, 50):
        line.ask(number)
    speed.go_on.set()
    assert line.job.wait(PATIENCE) == "finished" and speed.asked == [(0,), (49,)]
    assert line.value == "Forecast: about 49 s, and 1.0 GiB of memory beside the network."
    for error, text in ((ValueError("Choose."), "No forecast: Choose."), (KeyError("who"), "No forecast.")):
        line.ask(error)
        with pytest.raises(type(error)):
            line.job.wait(PATIENCE)
        assert line.value == text and bool(messages.outputs) == isinstance(error, KeyError)
    line.ask(7)
    assert line.job.wait(PATIENCE) == "finished" and line.value.startswith("Forecast: about 7 s")


def test_the_history_keeps_the_newest_with_their_settings():
    history = History()
    for number in range(KEPT + 2):
        history.add(torch.full((1, 3, 40, 300 if number % 2 else 30), number / 10), {"<size>": str(number)})
        captions = re.findall("<figcaption[^>]*>&lt;size&gt;: ([0-9]+)<", history.value)
        assert captions == [str(n) for n in range(number, max(-1, number - KEPT), -1)]
    assert history.value.count("alt=") == KEPT and history.value.count("a thumbnail. &lt;size&gt;: ") == KEPT
