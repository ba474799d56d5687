"""The view of lesson 5's widget without a browser: buttons, fields and pictures that agree, whatever is pressed and
when.
"""

import re
import threading

import numpy as np
import pytest

from course_utils.images import load_image
from course_utils.widgets import lesson5
from course_utils.widgets.core import Job
from events import PATIENCE

CAFE = "van_gogh_cafe_terrace_at_night"


@pytest.fixture
def view(net):
    view = lesson5.GramMap(CAFE, "relu3_1", net, size=96)  # pixels: light
    assert view.job.wait(PATIENCE) == "finished"
    return view


def pixels(html):
    """The picture itself, not its description."""
    return html.value.split("src=")[1]


def said(view):
    """The description of the pair, as HTML."""
    return re.search("<p[^>]*>(.*)</p>", view.text.value)[1]


def marked(view):
    return [number for number, button in enumerate(view.buttons) if button.layout is view.marked]


def heads(view):
    return [[int(head.value) for head in line] for line in view.heads]


def test_the_buttons_show_the_grid(view, net):
    maps = net.features(load_image(CAFE, 96), ["relu3_1"])["relu3_1"][0].flatten(1).double().numpy()
    columns, rows = heads(view)
    assert columns == rows and marked(view) == [1] and (view.fields[0].value, view.fields[1].value) == tuple(rows[:2])
    for number, button in enumerate(view.buttons):
        k, other = (maps[channel] for channel in (rows[number // 12], columns[number % 12]))
        assert float(button.description) == pytest.approx(
            k @ other / np.linalg.norm(k) / np.linalg.norm(other), abs=0.0051
        )
        assert (
            button.tooltip
            == f"channels {rows[number // 12]} and {columns[number % 12]}: cosine {button.description}"
            + ", chosen" * (number == 1)
        )
    assert len({button.style.button_color for button in view.buttons}) > 20


def test_a_click_shows_the_pair(view):
    _, rows = heads(view)
    for number in (5 * 12 + 7, 7 * 12 + 5, 0, 143):
        before, entries = pixels(view.picture), [button.description for button in view.buttons]
        view.buttons[number].click()
        assert view.job.wait(PATIENCE) == "finished" and pixels(view.picture) != before
        k, other = rows[number // 12], rows[number % 12]
        assert [field.value for field in view.fields] == [k, other] and marked(view) == [number]
        assert (f"channels {k} and {other}." in view.text.value) == (k != other)
        assert said(view) in view.picture.value
        assert [button.description for button in view.buttons] == entries
        assert [place for place, button in enumerate(view.buttons) if button.tooltip.endswith(", chosen")] == [number]
    assert view.messages.outputs == ()


def test_the_fields_choose_any_pair(view):
    columns, rows = heads(view)
    outside = next(channel for channel in range(256) if channel not in rows)
    for field, value, mark in (
        (view.fields[0], rows[4], [4 * 12 + 1]),
        (view.fields[1], rows[9], [4 * 12 + 9]),
        (view.fields[1], outside, []),
    ):
        before, field.value = pixels(view.picture), value
        assert view.job.wait(PATIENCE) == "finished" and pixels(view.picture) != before and marked(view) == mark
    assert f"channels {rows[4]} and {outside}." in view.text.value and heads(view) == [columns, rows]
    view.fields[0].value = 999  # the last one there is
    assert (
        view.job.wait(PATIENCE) == "finished"
        and f"channels 255 and {outside}." in view.text.value
        and view.messages.outputs == ()
    )


@pytest.mark.long
def test_each_control_redraws(view):
    for control, value, same_pair in (
        (view.layer, "relu5_1", False),
        (view.channels, "strongest", False),
        (view.layer, "relu1_1", False),
        (view.source, "animal_cat", True),
        (view.channels, "evenly spaced", False),
    ):
        before, chosen = (pixels(view.picture), pixels(view.overview)), [field.value for field in view.fields]
        control.value = value
        assert view.job.wait(PATIENCE) == "finished"
        assert pixels(view.picture) != before[0] and pixels(view.overview) != before[1], value
        assert ([field.value for field in view.fields] == chosen) == same_pair
        last = {"relu1_1": 63, "relu5_1": 511}[view.layer.value]
        assert [field.max for field in view.fields] == [last, last] and (
            same_pair or [field.value for field in view.fields] == heads(view)[0][:2]
        )
        assert f"{view.layer.value}, " in view.text.value and (view.source.value == CAFE or "wool: " in view.text.value)
    for values in ("G / M", "correlation", "cosine"):
        before, picture = pixels(view.overview), view.picture.value
        colours = [button.style.button_color for button in view.buttons]
        view.values.value = values
        assert (
            view.job.wait(PATIENCE) == "finished" and pixels(view.overview) != before and view.picture.value == picture
        )
        assert [button.style.button_color for button in view.buttons] != colours and view.legend.value.startswith(
            lesson5.VALUES[values]
        )
    assert view.messages.outputs == ()


def test_activations_are_computed_once(view, net, monkeypatch):
    monkeypatch.setattr(type(net), "features", lambda *_: pytest.fail("computed again"))
    view.values.value = "correlation"
    view.channels.value = "strongest"
    view.fields[0].value = 7
    view.buttons[30].click()
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()


@pytest.mark.long
def test_what_was_shown_before_is_not_computed_again(view, net, monkeypatch):
    settings = [
        (CAFE, "relu3_1"),
        (CAFE, "relu1_1"),
        ("animal_cat", "relu1_1"),
        ("animal_cat", "relu2_1"),
        (CAFE, "relu2_1"),
        (CAFE, "relu3_1"),
    ]

    def tour():
        pictures = []
        for view.source.value, view.layer.value in settings:
            assert view.job.wait(PATIENCE) == "finished"
            pictures.append((view.overview.value, view.picture.value))
        return pictures

    first = tour()
    monkeypatch.setattr(type(net), "features", lambda *_: pytest.fail("computed again"))
    for name in ("overview", "pair"):
        monkeypatch.setattr(lesson5, name, lambda *_: pytest.fail("drawn again"))
    assert tour() == first and view.messages.outputs == ()


@pytest.mark.long
def test_changes_in_quick_succession_end_with_the_last(view):
    view.layer.value = "relu5_1"
    view.fields[0].value = 3  # of a grid that is on its way out
    view.buttons[70].click()
    view.layer.value = "relu2_1"
    view.source.value = "animal_cat"
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
    assert (
        said(view).startswith("relu2_1, Kitten with a ball of wool: channel")
        and [field.value for field in view.fields] == heads(view)[1][:2]
    )
    assert [field.max for field in view.fields] == [127, 127] and marked(view) == [1]


def test_errors_reach_the_reader_and_the_next_drawing_recovers(view):
    grams, view.grams = view.grams, lambda *_: 1 / 0
    view.fields[0].value = 9
    with pytest.raises(ZeroDivisionError):
        view.job.wait(PATIENCE)
    assert "ZeroDivisionError" in view.messages.outputs[0]["text"] and empty(view)
    view.grams = grams
    view.buttons[40].click()  # of no grid: once more
    assert (
        view.job.wait(PATIENCE) == "finished"
        and view.messages.outputs == ()
        and "src=" in view.picture.value
        and "src=" in view.overview.value
    )
    assert view.fields[0].value == 9 and f"channels 9 and {view.fields[1].value}." in view.text.value


def empty(view):
    """Nothing of an earlier drawing is left."""
    texts = [view.picture, view.text, view.overview, view.legend, *view.heads[0], *view.heads[1]]
    buttons = all(
        button.description == button.tooltip == "" and button.style.button_color is None for button in view.buttons
    )
    return buttons and not marked(view) and not any(text.value for text in texts)


@pytest.mark.long
def test_after_an_error_on_the_way_to_a_layer_clicks_and_channels_count(view):
    def fails(*_):
        raise ZeroDivisionError

    for recover in (lambda: view.buttons[40].click(), lambda: setattr(view.fields[1], "value", 7)):
        grams, view.grams = view.grams, fails
        view.layer.value = "relu1_1" if view.layer.value == "relu5_1" else "relu5_1"
        with pytest.raises(ZeroDivisionError):
            view.job.wait(PATIENCE)
        assert empty(view)
        view.grams = grams
        recover()
        assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == () and not empty(view)
        assert f"{view.layer.value}, " in view.text.value and view.legend.value == lesson5.VALUES["cosine"]
    assert view.fields[1].value == 7 and "and 7." in view.text.value
    view.buttons[40].click()
    assert view.job.wait(PATIENCE) == "finished" and marked(view) == [40]
    assert [field.value for field in view.fields] == [heads(view)[1][3], heads(view)[0][4]]


def test_errors_of_callbacks_reach_the_reader(view, monkeypatch):
    monkeypatch.setattr(view.job, "restart", lambda: 1 / 0)
    for act in (
        view.buttons[40].click,
        lambda: setattr(view.fields[0], "value", 9),
        lambda: setattr(view.layer, "value", "relu1_1"),
    ):
        view.messages.outputs = ()
        act()
        assert "ZeroDivisionError" in view.messages.outputs[0]["text"]


@pytest.mark.long
def test_a_channel_typed_while_a_layer_is_on_its_way_is_kept(view):
    opened, grams = threading.Event(), view.grams

    def slow(*arguments):
        opened.wait(PATIENCE)
        return grams(*arguments)

    for layer, typed, becomes in (("relu5_1", 200, 200), ("relu1_1", 400, 63)):  # the last one there is
        opened.clear()
        view.grams = slow
        view.layer.value = layer
        view.fields[1].value = typed
        opened.set()
        assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
        assert [field.value for field in view.fields] == [
            heads(view)[1][0],
            becomes,
        ] and f"and {becomes}." in view.text.value


@pytest.mark.long
def test_a_layer_chosen_while_another_is_being_shown(view, monkeypatch):
    """The main thread changes the layer in the middle of `_show`; fields, limits and picture agree afterwards."""
    fill, others = view._fill, []

    def interrupted(*arguments):
        if not others:
            others.append(threading.Thread(target=lambda: setattr(view.layer, "value", "relu1_1")))
            others[0].start()
            others[0].join(0.3)
        fill(*arguments)

    monkeypatch.setattr(view, "_fill", interrupted)
    view.layer.value = "relu5_1"
    assert view.job.wait(PATIENCE) == "finished"
    others[0].join(PATIENCE)
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
    assert said(view).startswith("relu1_1, ") and [field.value for field in view.fields] == heads(view)[1][:2]
    assert [field.max for field in view.fields] == [63, 63] and marked(view) == [1]


def test_what_was_drawn_for_an_older_request_is_not_shown(view):
    before, (*_, item) = view.text.value, view._steps()
    view.job.restart = lambda: None
    view.layer.value = "relu5_1"
    view._show(item)
    assert view._pair == (None, None) and view._grid is None and view.text.value == before


def test_two_pairs_are_compared(view):
    view.compare.value = True
    view.buttons[40].click()
    assert view.job.wait(PATIENCE) == "finished"
    rows = heads(view)[1]
    assert view.differences.value == (f"channel k: {rows[0]} → {rows[3]}; channel k&#x27;: {rows[1]} → {rows[4]}")
    view.layer.value = "relu2_1"
    assert view.job.wait(PATIENCE) == "finished"
    k, other = heads(view)[1][:2]
    assert view.differences.value == (
        f"layer: relu3_1 → relu2_1; channel k: {rows[3]} → {k}; channel k&#x27;: {rows[4]} → {other}"
    )
    assert "relu3_1, " in view.before.value and "relu2_1, " in view.picture.value


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_job_shows_each_item_once(steps):
    for rate in (1e-3, 1e9):  # only the first and the last; all
        shown = []
        assert Job(lambda: iter(range(steps)), shown.append, rate=rate).start().wait(PATIENCE) == "finished"
        assert shown == ([0, steps - 1][:steps] if rate < 1 else list(range(steps)))


def test_a_click_draws_once(view):
    shown, show = [], view.job.show
    view.job.show = lambda item: shown.append(show(item))
    view.buttons[40].click()
    assert view.job.wait(PATIENCE) == "finished" and len(shown) == 2  # the first of them is empty


def test_the_fields_come_before_the_grid(view):
    """Else 144 tab stops lie between the dropdowns and the fields."""

    def leaves(box):
        return [leaf for child in box.children for leaf in leaves(child)] if hasattr(box, "children") else [box]

    places = [
        leaves(view).index(part) for part in (view.values, *view.fields, view.buttons[0], view.overview, view.picture)
    ]
    assert places == sorted(places)


def test_stored_as_plain_text_and_every_control_has_a_label(view):
    assert view._repr_mimebundle_()["text/plain"].startswith("[Widget: the Gram matrix")
    for control in (*view.controls.values(), *view.buttons):
        assert control.description
    for html in (view.picture, view.overview):
        assert len(re.search(r'alt="([^"]*)"', html.value)[1]) > 60
