"""Widgets without a browser: the pure functions at the corners of their settings, the callbacks, the background job."""

import datetime
import io
import itertools
import re
import threading

import ipywidgets as w
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from course_utils import studio
from course_utils.images import load_image, paintings, photos
from course_utils.settings import Settings
from course_utils.widgets import lesson0, lesson6, runs
from course_utils.widgets.core import Folded, Job, Messages, View, titled
from events import PATIENCE, held


@pytest.mark.parametrize("channel", lesson0.CHANNELS)
@pytest.mark.parametrize("row, column", [(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)])
def test_magnified(channel, row, column):
    figure, alt = lesson0.magnified("animal_cat", channel, row, column)
    assert isinstance(figure, Figure) and channel in alt
    numbers = [text.get_text() for text in figure.axes[1].texts]
    assert len(numbers) == 64 and all(0 <= float(number) <= 1 for number in numbers)


def test_magnified_shows_the_pixels_it_names():
    figure, alt = lesson0.magnified("fish_3", "green", 0.0, 1.0)
    image = load_image("fish_3", lesson0.SIZE)
    assert figure.axes[1].texts[0].get_text() == f"{image[0, 1, 0, image.shape[3] - 8]:.2f}"
    assert f"columns {image.shape[3] - 8} to {image.shape[3] - 1}" in alt


@pytest.mark.long
def test_pixels_widget_redraws():
    view = lesson0.pixels()
    for control, value in ((view.photo, photos()[-1]), (view.channel, "blue"), (view.row, 0), (view.column, 1)):
        view.job.wait(PATIENCE)
        before, control.value = view.picture.value, value
        view.job.wait(PATIENCE)
        assert view.picture.value != before and "alt=" in view.picture.value
    for slider, value, end in ((view.row, -7, 0), (view.row, 1e9, 1), (view.column, 1.01, 1), (view.column, -1e9, 0)):
        slider.set_state({"value": value})
        assert slider.value == end
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()


def test_menus_of_pictures_go_by_group_and_title():
    labels, names = zip(*titled(["monument_colosseum", "monument_chateaude_chambord", *paintings(), *photos()[:40]]))
    assert sorted(names) == sorted(["monument_colosseum", "monument_chateaude_chambord", *paintings(), *photos()[:40]])
    assert labels[0] == "Aylesbury duck at the water" and names[-10:-8] == (  # â is an a
        "monument_chateaude_chambord",
        "monument_colosseum",
    )
    assert [name.split("_")[0] for name in names] == 29 * ["animal"] + 11 * ["energy"] + 2 * ["monument"] + 8 * ["van"]


def test_view_describes_itself_where_it_is_not_alive():
    bundle = View([], "a test.")._repr_mimebundle_()
    assert bundle["text/plain"] == "[Widget: a test. Run this cell in JupyterLab to use it.]"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_folded_part_is_opened_and_closed_by_a_button():
    part = w.Label("inside")
    folded = Folded("All photos", part)
    assert folded.children == (folded.fold,) and folded.fold.icon == "caret-right"
    for opened, shown in ((True, (folded.fold, part)), (False, (folded.fold,))):
        folded.fold.value = opened
        assert folded.children == shown and folded.fold.icon == ("caret-down" if opened else "caret-right")


def test_errors_of_callbacks_reach_the_reader():
    messages = Messages()

    def fails(error):
        raise error

    guarded = messages.guard(fails)
    guarded(ZeroDivisionError("nobody expected this"))
    assert "Traceback" in messages.outputs[0]["text"] and "nobody expected this" in messages.outputs[0]["text"]
    guarded(ValueError("choose another size."))
    assert messages.outputs[0]["text"] == "choose another size.\n" and len(messages.outputs) == 1


def test_job_finishes_and_shows_the_last_item():
    shown, ended = [], []
    job = Job(lambda: iter(range(100)), shown.append, lambda state, error: ended.append((state, error)), rate=1e-6)
    assert job.start().wait(PATIENCE) == "finished" and shown == [0, 99]  # throttled: no other within twelve days
    assert ended == [("finished", None)]


def test_job_stops():
    shown, begun, asked = [], threading.Event(), threading.Event()

    def show(number):
        shown.append(number)
        begun.set()
        asked.wait(PATIENCE)

    job = Job(itertools.count, show).start()
    assert begun.wait(PATIENCE)
    job.stop()
    asked.set()
    assert job.wait(PATIENCE) == "stopped" and shown[0] == 0 and len(shown) <= 2
    job.start()  # and can be started again
    assert job.running
    job.stop()
    assert job.wait(PATIENCE) == "stopped"


def test_job_reports_its_error():
    def steps():
        yield 1
        raise ZeroDivisionError("in the thread")

    ended = []
    job = Job(steps, lambda item: None, lambda state, error: ended.append((state, type(error))))
    with pytest.raises(ZeroDivisionError, match="in the thread"):
        job.start().wait(PATIENCE)
    assert job.state == "failed"
    assert ended == [("failed", ZeroDivisionError)]


def test_job_shows_the_last_good_item_before_an_error():
    def steps():
        yield from range(5)
        raise SystemExit

    shown = []
    job = Job(steps, shown.append).start()
    with pytest.raises(SystemExit):
        job.wait(PATIENCE)
    assert shown[-1] == 4 and not job.running


@pytest.mark.parametrize("part", ["show", "finish"])
def test_job_reports_an_error_in_what_it_calls(part):
    def fails(*_):
        raise ZeroDivisionError(part)

    with pytest.raises(ZeroDivisionError, match=part):
        Job(lambda: iter(range(3)), **({"show": lambda item: None} | {part: fails})).start().wait(PATIENCE)


@pytest.mark.long
def test_live_view_paints(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=6, net=net)
    view.start.click()
    assert (
        view.job.wait(PATIENCE) == "finished"
        and view.progress.value == 6
        and view.text.value.startswith("finished: evaluation 6 of 6")
    )
    assert (
        "<img alt=" in view.picture.value
        and "<img alt=" in view.curve.value
        and not view.start.disabled
        and view.stop.disabled
    )


@pytest.mark.long
def test_live_view_pooling_and_colours(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=2, net=net)
    pictures = []
    for control, value in (
        (view.pooling, "max"),
        (view.pooling, "average"),
        (view.colours, "photo"),
        (view.variation, 1e5),
    ):
        control.value = value
        view.start.click()
        view.job.wait(PATIENCE)
        pictures.append(view.picture.value.split("src=")[1])
    assert "variation" in view.text.value
    assert len(set(pictures)) == 4 and net.pooling == "max"
    average = view.networks("original", "average")
    assert all(torch.equal(one, other) for one, other in zip(average.state_dict().values(), net.state_dict().values()))


@pytest.mark.long
def test_live_view_keeps_the_last_pictures_and_compares(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=1, net=net)
    view.shown.compare.value = True
    pictures = []
    for size in range(64, 64 + runs.KEPT + 2):
        view.size.value = size
        view.start.click()
        assert view.job.wait(PATIENCE) == "finished"
        pictures.append(re.search('src="([^"]*)"', view.picture.value)[1])
        assert view.last.value.count("<figure") == min(len(pictures), runs.KEPT)
    assert view.messages.outputs == () and len(set(pictures)) == len(pictures)
    assert (
        pictures[-2] in view.shown.before.value and view.shown.differences.value == f"size, pixels: {size - 1} → {size}"
    )
    first, *_ = view.last.value.split("</figure>")
    for part in ("photo: Koala in a tree", "painting: The Night Café", f"size, pixels: {size}", "evaluations done: 1"):
        assert first.count(part) == 2  # for those who see it, and for those who do not
    assert "64" not in "".join(re.findall("size, pixels: ([0-9]*)", view.last.value))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson6, "descend", lambda *_, **__: iter(()))
        view.start.click()
        view.job.wait(PATIENCE)
    assert pictures[-1] in view.picture.value and view.last.value.startswith(first)  # a run without a picture


@pytest.mark.long
def test_live_view_foretells_the_time(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=6, net=net)
    assert view.thinking.wait(PATIENCE) == "finished" and view.forecast.value.startswith("Forecast: about ")
    asked, forecast = [], studio.Forecast(100.0, 2.0**30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studio.Speed, "forecast", lambda _, *given: asked.append(given) or forecast)
        for control, value in ((view.size, 128), (view.evaluations, 9), (view.pooling, "average")):
            control.value = value
            assert view.thinking.wait(PATIENCE) == "finished" and view.forecast.value.startswith(
                "Forecast: about 2 min"
            )
        view.content.value = "animal_pig"
        assert view.thinking.wait(PATIENCE) == "finished"
    recipe, photo = asked[-1]
    assert (recipe.size, recipe.evaluations, recipe.pooling, photo) == (128, 9, "average", "animal_pig")
    small = io.BytesIO()
    Image.new("RGB", (1, 1)).save(small, "PNG")
    upload = {"name": "a.png", "type": "image/png", "size": 1, "last_modified": datetime.datetime.now()}
    view.own_content.set_trait("value", ({**upload, "content": memoryview(small.getvalue())},))
    with pytest.raises(ValueError):
        view.thinking.wait(PATIENCE)
    assert view.forecast.value.startswith("No forecast: ") and view.messages.outputs == ()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studio.Speed, "forecast", lambda *_: 1 / 0)
        view.content.value = "animal_koala"
        with pytest.raises(ZeroDivisionError):
            view.thinking.wait(PATIENCE)
    assert view.forecast.value == "No forecast." and "ZeroDivisionError" in view.messages.outputs[0]["text"]


def test_a_setting_that_changes_meanwhile_is_said_to_count_later(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=2000, net=net)
    with held(view, 2):
        view.weight.value = 10.0
        assert view.later.value.startswith("style weight: the new setting counts from the next start.")
        view.stop.click()
    assert view.job.wait(PATIENCE) == "stopped" and view.later.value == ""


@pytest.mark.long
def test_live_view_stops(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=2000, net=net)
    with held(view, 2):
        view._run()  # a second click changes nothing
        assert view.history and view.start.disabled and not view.stop.disabled
        view.stop.click()
    assert (
        view.job.wait(PATIENCE) == "stopped"
        and view.text.value.startswith("stopped: evaluation")
        and len(view.history) <= 4
    )


def test_live_view_takes_uploads_and_reports_bad_ones(net, tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "orange").save(buffer, "PNG")
    view = lesson6.live_view(size=64, evaluations=2, net=net)
    upload = {"name": "a.png", "type": "image/png", "size": 1, "last_modified": datetime.datetime.now()}
    view.own_content.set_trait("value", ({**upload, "content": memoryview(b"no picture")},))
    assert "not a picture" in view.messages.outputs[0]["text"] and view.own_content.value == ()
    view.own_content.set_trait("value", ({**upload, "content": memoryview(buffer.getvalue())},))
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
    assert view.history[-1][0] == 2 and "uploaded" in view.chosen.value
    view.content.value = "animal_pig"  # the last choice counts
    assert view.own_content.value == () and "uploaded" not in view.chosen.value and "pig" in view.chosen.value


@pytest.mark.long
def test_painting_at_the_corners_of_its_settings(net):
    for size, evaluations, weight, start, colours in (
        (64, 1, 0.1, "noise", "photo"),
        (80, 2, 10.0, "content", "painting"),
        (64, 3, 1.0, "colour", "photo"),
    ):
        states = list(
            lesson6.painting(
                "animal_cat",
                "van_gogh_langlois_bridge",
                Settings(style_weight=weight, start=start, colours=colours),
                size=size,
                evaluations=evaluations,
                net=net,
            )
        )
        assert len(states) == evaluations and max(states[-1].image.shape[2:]) == size
        assert f"evaluation {evaluations} of {evaluations}" in lesson6.report(states[-1], evaluations)


def test_job_restarts_with_the_newest_settings():
    settings, shown, running, most = [0], [], [], []
    inside, go_on = threading.Event(), threading.Event()

    def steps():
        now = settings[0]
        running.append(now)
        most.append(len(running))
        try:
            for _ in range(20):
                inside.set()
                go_on.wait(PATIENCE)
                yield now
        finally:
            running.clear()

    def drive(first):
        for number in range(first, first + 5):
            settings[0] = number
            job.restart()

    job = Job(steps, shown.append)
    job.start()
    assert inside.wait(PATIENCE)
    threads = [threading.Thread(target=drive, args=(10 * n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    settings[0] = 99
    job.restart()  # the caller does not wait for the present step,
    go_on.set()  # which lasts until here
    assert job.wait(PATIENCE) == "finished" and shown[-1] == 99 and max(most) == 1


def test_a_job_can_begin_anew_while_the_last_one_is_being_shown():
    """Whoever presses Start as soon as it is offered, at the end of the last run, is heard."""
    runs, ended = [], []

    def finish(state, error):
        ended.append(state)
        if len(ended) == 1:
            job.start()

    def steps():
        runs.append(len(runs))
        yield from range(3)

    job = Job(steps, lambda item: None, finish)
    assert job.start().wait(PATIENCE) == "finished" and not job.running
    assert runs == [0, 1] and ended == ["finished", "finished"]


def test_no_job_is_left_running():
    for thread in threading.enumerate():
        if thread.name == "Job":
            thread.join(PATIENCE)  # a job is done a moment before its thread is
            assert not thread.is_alive()
