"""What holds for every widget of the lessons: no setting breaks it, each picture is described, and errors are shown."""

import random
import re
import threading

import ipywidgets as w
import pytest

from course_utils.widgets import (
    clickthrough,
    lesson0,
    lesson1,
    lesson2,
    lesson3,
    lesson4,
    lesson5,
    lesson6,
    lesson7,
    lesson8,
)
from events import PATIENCE
from families import FURTHER, NUMBERS, SELECTIONS, WIDGETS, messages_of, parts, sentence, settle, small_table

ALL = WIDGETS | {"numbers": FURTHER["numbers"]}  # the game of lesson 1 has its own tests

BEHIND = {  # of each widget the pure function
    "pixels": (lesson0, "magnified"),
    "units": (lesson1, "sheets"),
    "axes": (lesson2, "block"),
    "scale_one": (lesson3, "scale_filter"),
    "numbers": (clickthrough, "worked_out"),
    "reconstruction": (lesson4, "states"),
    "gram_map": (lesson5, "pair"),
    "live_view": (lesson6, "painting"),
    "race": (lesson7, "descended"),
    "studio": (lesson8, "set_up"),
}
PAINT = ("reconstruction", "live_view", "race", "studio")  # they work when Start is pressed, the others at each change
SLOW = ("scale_one", "live_view", "race", "studio")  # their tests of errors take more than a second
ASIDE = ("Paint", "Reconstruct", "Run", "Make the sheet")  # buttons that begin a long run, pressed by other tests
FORESEEN = {  # what settings may be refused, and how
    "units": "^There is no folder",
    "scale_one": r"^Filter \d+ of \w+ is silent in this photo",
    "race": "^The transport needs the box and the guess",
    "studio": r"take a size of \d+ or more|mask|Nothing is saved yet",
}


@pytest.fixture(scope="module")
def small(net):
    return small_table(net)


def choose(control, value):
    """Set a control as the page does."""
    control.set_state({"index" if isinstance(control, SELECTIONS) else "value": value})


def corners(control):
    """The first and the last value, or both values, of a control."""
    if isinstance(control, NUMBERS):
        return control.min, control.max
    return (0, len(control.options) - 1) if isinstance(control, SELECTIONS) else (True, False)


def anywhere(control, draw):
    """A random value of a control."""
    low, high = corners(control)
    if isinstance(control, w.Checkbox):
        return draw.choice((low, high))
    return draw.uniform(low, high) if isinstance(high, float) else draw.randint(low, high)


def small_run(view):
    """Press Start, with the smallest picture and one evaluation."""
    for name in ("size", "evaluations"):
        choose(getattr(view, name), corners(getattr(view, name))[0])
    settle(view)
    view.start.click()


def check(name, view):
    """No message, or the one sentence that is foreseen; each picture has a description."""
    settle(view)
    if messages_of(view).outputs:
        assert re.search(FORESEEN[name], sentence(messages_of(view)))
    pictures = [picture for part in parts(view, w.HTML) for picture in re.findall("<img [^>]*>", part.value)]
    assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)
    return pictures


def controls(view):
    return [control for control in parts(view, (*NUMBERS, *SELECTIONS, w.Checkbox)) if not control.disabled]


def pressable(view):
    """The buttons that can be pressed, but for those that begin a long run."""
    return [button for button in parts(view, w.Button) if not button.disabled and button.description not in ASIDE]


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_every_control_at_its_corners_and_at_random_points(net, small, tally, name):
    view, draw = ALL[name](net, small), random.Random(name)
    for control in controls(view):
        before = control.get_state(["index" if isinstance(control, SELECTIONS) else "value"]).popitem()[1]
        for value in (*corners(control), before):
            choose(control, value)
            assert check(name, view) or name in PAINT
            tally("widgets: corners of controls")
    for _ in range(3):
        for control in controls(view):
            choose(control, anywhere(control, draw))
        if name in PAINT:
            small_run(view)
        assert check(name, view) or messages_of(view).outputs
        tally("widgets: random points")
        for button in draw.sample(buttons := pressable(view), min(3, len(buttons))):
            button.click()
            check(name, view)  # 'Clear' leaves no picture
            tally("widgets: buttons at random points")


def act(name, view):
    """Let the widget work: press its Start, or change its first number."""
    if name in PAINT:
        small_run(view)
    else:
        number = next(parts(view, NUMBERS))
        choose(number, number.value + (1 if number.value < number.max else -1))
    settle(view)


FAMILY = [pytest.param(name, marks=[pytest.mark.long] * (name in SLOW)) for name in ALL]


@pytest.mark.parametrize("name", FAMILY)
def test_an_error_is_shown_and_the_next_change_recovers(net, small, monkeypatch, tally, name):
    view = ALL[name](net, small)
    settle(view)
    for error in (ZeroDivisionError("nobody expected this"), ValueError("Choose another number.")):

        def fails(*arguments, error=error, **settings):
            raise error

        with monkeypatch.context() as broken:
            broken.setattr(*BEHIND[name], fails)
            act(name, view)
        if isinstance(error, ValueError):
            assert sentence(messages_of(view)) == "Choose another number.\n"
        else:
            (output,) = messages_of(view).outputs
            assert "Traceback" in output["text"] and "ZeroDivisionError: nobody expected this" in output["text"]
        act(name, view)
        assert messages_of(view).outputs == () and check(name, view)
        tally("widgets: errors in the pure function")


@pytest.mark.parametrize("name", [name for name in ALL if name not in PAINT])
def test_fifty_changes_cost_at_most_two_evaluations(net, small, monkeypatch, tally, name):
    """The first of them is being drawn while the others come, and the last of them follows."""
    view, inside, go_on, calls = ALL[name](net, small), threading.Event(), threading.Event(), []
    settle(view)
    module, function = BEHIND[name]
    whole = getattr(module, function)

    def slow(*arguments, **settings):
        calls.append(arguments)
        inside.set()
        go_on.wait(PATIENCE)
        return whole(*arguments, **settings)

    monkeypatch.setattr(module, function, slow)
    control = next(parts(view, NUMBERS))
    (low, high), first = corners(control), control.value
    between = (low + type(high)((high - low) * share) for share in (0.25, 0.5, 0.75))
    last = next(value for value in between if value not in (low, high, first))
    choose(control, low if first != low else high)
    assert inside.wait(PATIENCE)
    before = [part.value for part in parts(view, w.HTML)]
    for number in range(49):
        choose(control, high if number % 2 else low)
    choose(control, last)
    go_on.set()
    assert check(name, view) and messages_of(view).outputs == ()
    assert len(calls) == 2 and [part.value for part in parts(view, w.HTML)] != before
    tally("widgets: changes that are gathered")
