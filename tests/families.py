"""All widgets of the lessons, alike for all tests: how to make one of small pictures, and how to find its parts."""

import contextlib

import ipywidgets as w

from course_utils.images import load_square
from course_utils.top import top_activations
from course_utils.widgets import (
    clickthrough,
    game,
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
from course_utils.widgets.core import Job, Messages
from events import PATIENCE

WIDGETS = {  # of small pictures
    "pixels": lambda net, table, **given: lesson0.pixels(**given),
    "units": lambda net, table, **given: lesson1.units(**{"layer": "relu1_1", "table": table, "net": net, **given}),
    "axes": lambda net, table, **given: lesson2.axes(**{"layer": "conv1_1", "net": net, **given}),
    "scale_one": lambda net, table, **given: lesson3.scale_one(**{"layer": "conv1_1", "net": net, **given}),
    "reconstruction": lambda net, table, **given: lesson4.reconstruction(net=net, **given),
    "gram_map": lambda net, table, **given: lesson5.gram_map(**{"layer": "relu1_1", "net": net, **given}),
    "live_view": lambda net, table, **given: lesson6.live_view(net=net, **given),
    "race": lambda net, table, **given: lesson7.race(net=net, **given),
    "studio": lambda net, table, **given: lesson8.studio(net=net, **given),
}
FURTHER = {  # those of the sections with a ★
    "play": lambda net, table, **given: game.play(**{"layer": "relu1_1", "net": net, **given}),
    "numbers": lambda net, table, **given: clickthrough.numbers(net=net, **given),
}
NUMBERS = (w.IntSlider, w.FloatSlider, w.BoundedIntText, w.BoundedFloatText)
SELECTIONS = (w.Dropdown, w.ToggleButtons, w.SelectionSlider)


def small_table(net):
    """The strongest patches of one photo, for the widget of lesson 1."""
    name, layers = "animal_cat", ["relu1_1"]
    return top_activations(net, [load_square(name, 64)], layers=layers, sources=[name], progress=False)


def parts(view, kind):
    """All parts of a widget that belong to a class, or to one of several classes, at any depth."""
    if isinstance(view, kind):
        yield view
    for part in getattr(view, "children", ()):
        yield from parts(part, kind)


def settle(view):
    """Wait for all jobs of a widget; an error of a job is in its messages."""
    for job in [job for job in vars(view).values() if isinstance(job, Job)]:
        with contextlib.suppress(Exception):
            job.wait(PATIENCE)


def messages_of(view):
    (messages,) = parts(view, Messages)
    return messages


def sentence(messages):
    """The one sentence that the widget says."""
    ((output,),) = [messages.outputs]
    assert output["name"] == "stderr" and "Traceback" not in output["text"]
    assert output["text"][-2:] in (".\n", "?\n") and output["text"].count("\n") == 1
    return output["text"]
