"""Widgets that redraw: changes are gathered, drawings never overlap and are remembered, the last two are compared."""

import threading

import ipywidgets as w
import pytest
import torch

from course_utils.widgets.core import Gathered, Redrawn, changed, said
from events import PATIENCE


class Grey(Redrawn):
    """A grey picture; `calls` holds the settings of each evaluation, and an evaluation can be held."""

    def __init__(self):
        self.calls, self.now, self.most = [], 0, 0
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.level = w.IntSlider(50, 0, 100, description="grey, %")
        self.kind = w.Dropdown(options=[("plain", 0), ("inverted", 1)], description="kind")
        super().__init__({"level": self.level, "kind": self.kind}, [[self.level, self.kind]], "a test.")

    def draw(self, level, kind):
        self.calls.append((level, kind))
        self.now += 1
        self.most = max(self.most, self.now)
        self.inside.set()
        self.go_on.wait(PATIENCE)
        self.now -= 1
        share = level / 100
        return torch.full((1, 3, 8, 8), 1 - share if kind else share), f"Grey of {level} percent <{kind}>."


@pytest.fixture
def view():
    view = Grey()
    assert view.job.wait(PATIENCE) == "finished"
    return view


def test_fifty_changes_cost_at_most_two_evaluations(view):
    view.calls.clear()
    view.inside.clear()
    view.go_on.clear()
    view.level.value = 0
    assert view.inside.wait(PATIENCE)  # the first of them is being drawn
    for level in range(1, 50):
        view.level.value = level
    view.go_on.set()
    assert view.job.wait(PATIENCE) == "finished" and view.calls == [(0, 0), (49, 0)]
    assert view.most == 1 and "Grey of 49" in view.text.value and "Grey of 49" in view.picture.value


def test_what_was_drawn_is_remembered(view):
    for level in (10, 50, 10, 50):
        view.level.value = level
        assert view.job.wait(PATIENCE) == "finished"
        assert f"Grey of {level} percent &lt;0&gt;." in view.text.value
    assert view.calls == [(50, 0), (10, 0)]


def test_the_last_two_stand_side_by_side(view):
    view.compare.value = True
    assert view.before.value == "" and "no picture before" in view.differences.value and "alt=" in view.picture.value
    view.level.value = 20
    view.job.wait(PATIENCE)
    assert view.differences.value == "grey, %: 50 → 20"
    assert "Grey of 50" in view.before.value and "Grey of 20" in view.picture.value
    view.kind.value = 1
    view.job.wait(PATIENCE)
    assert view.differences.value == "kind: plain → inverted" and "Grey of 20 percent" in view.before.value
    view.level.value = 20  # no change: the picture before stays
    assert view.job.wait(PATIENCE) == "finished" and view.differences.value == "kind: plain → inverted"
    view.compare.value = False
    assert view.before.value == view.differences.value == "" and "Grey of 20 percent" in view.picture.value
    assert len(view.calls) == 3


def test_an_error_empties_the_pictures_and_is_not_remembered(view):
    view.compare.value = True
    whole, view.draw = view.draw, lambda **settings: 1 / 0
    view.level.value = 30
    with pytest.raises(ZeroDivisionError):
        view.job.wait(PATIENCE)
    assert view.picture.value == view.before.value == view.text.value == ""
    assert "ZeroDivisionError" in view.messages.outputs[0]["text"]
    view.compare.value = False  # the picture of other settings does not come back
    assert view.picture.value == "" and view.messages.outputs
    view.draw = whole
    view.level.value, view.compare.value = 31, True
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
    view.level.value = 30
    assert view.job.wait(PATIENCE) == "finished" and view.differences.value == "grey, %: 31 → 30"


def test_values_are_said_as_the_reader_sees_them():
    for control, text in (
        (w.Checkbox(True), "yes"),
        (w.Checkbox(False), "no"),
        (w.FloatSlider(0.5, readout_format=".0%"), "50%"),
        (w.IntSlider(7), "7"),
        (w.BoundedIntText(1234), "100"),
        (w.SelectionSlider(options=[("1/4", 0.25), ("4", 4)], value=0.25), "1/4"),
    ):
        assert said(control, control.value) == text
    assert changed({"a": "1", "b": "2"}, {"a": "3", "b": "2"}) == "a: 1 → 3"
    assert changed({"a": "1"}, {"a": "1"}) == "the same settings"


class Two(Grey):
    """Two pictures, of which the second does not depend on the level; the kind is fitted to the level."""

    def __init__(self):
        self.second = []
        super().__init__()
        self.level.observe(self.messages.guard(self.changed.by(self._fit)), "value")

    def _fit(self, _):
        if self.level.value == 99:
            raise ValueError("Choose a level below 99.")
        self.kind.value = int(self.level.value > 50)

    def pictures(self):
        return self.draw, self.inverted

    def inverted(self, kind):
        self.second.append(kind)
        return torch.full((1, 3, 8, 8), float(kind)), f"Inverted: {kind}."


def test_each_picture_is_drawn_only_if_its_own_settings_change():
    view = Two()
    for level in (20, 30, 60, 70, 80):
        view.level.value = level
        assert view.job.wait(PATIENCE) == "finished"
        assert view.picture.value.count("<img") == 2 and f"Inverted: {int(level > 50)}." in view.text.value
    assert view.second == [0, 1] and view.calls[-1] == (80, 1)
    view.level.value = 99
    assert view.messages.outputs[0]["text"] == "Choose a level below 99.\n"
    view.level.value = 98
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == () and view.calls[-1] == (98, 1)


def test_changes_of_a_block_have_one_consequence_at_its_end():
    calls, controls = [], [w.IntSlider(), w.IntSlider()]
    gathered = Gathered(lambda: calls.append([control.value for control in controls]))

    def fit(change):
        controls[1].value = change["new"] + 1

    controls[0].observe(gathered.by(fit), "value")
    controls[1].observe(gathered, "value")
    controls[0].value = 3
    assert calls == [[3, 4]]
    with gathered.together():
        controls[0].value = 7  # its fit does not count here
        with gathered.together():
            controls[1].value = 9
    assert calls == [[3, 4], [7, 9]]
    with pytest.raises(ZeroDivisionError), gathered.together():
        controls[1].value = 1 / 0
    controls[1].value = 1
    assert calls == [[3, 4], [7, 9], [7, 1]]


def test_a_change_waits_for_the_block_of_another_thread():
    calls, slider, inside, go_on = [], w.IntSlider(), threading.Event(), threading.Event()
    gathered = Gathered(lambda: calls.append(slider.value))

    def block():
        with gathered.together():
            inside.set()
            go_on.wait(PATIENCE)

    slider.observe(gathered, "value")
    threads = [threading.Thread(target=block), threading.Thread(target=lambda: setattr(slider, "value", 5))]
    threads[0].start()
    assert inside.wait(PATIENCE)
    threads[1].start()
    assert calls == []
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert calls[-1] == 5 and len(calls) == 2
