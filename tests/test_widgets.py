"""Widgets without a browser: the pure functions at the corners of their settings, the callbacks, the background job."""
import datetime
import io
import threading
import time

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from course_utils.deconvnet import patch_box
from course_utils.images import load_image, load_square, photos, save_image
from course_utils.plots import tile
from course_utils.statistics import TopActivations, top_activations
from course_utils.widgets import lesson0, lesson1, lesson6
from course_utils.widgets.core import Job, Messages, View


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


def test_pixels_widget_redraws():
    view = lesson0.pixels()
    (photo, channel), (row, column), picture, messages = view.children[0].children, view.children[1].children, *view.children[2:]
    for control, value in ((photo, photos()[-1]), (channel, "blue"), (row, 0), (column, 100)):
        before = picture.value
        control.value = value
        assert picture.value != before and "alt=" in picture.value
    assert messages.outputs == ()


def test_view_describes_itself_where_it_is_not_alive():
    bundle = View([], "a test.")._repr_mimebundle_()
    assert bundle["text/plain"] == "[Widget: a test. Run this cell in JupyterLab to use it.]"
    assert "application/vnd.jupyter.widget-view+json" in bundle


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
    job = Job(lambda: iter(range(100)), shown.append, lambda state, error: ended.append((state, error)))
    assert job.start().wait(10) == "finished" and shown[-1] == 99
    assert ended == [("finished", None)] and len(shown) < 100          # throttled


def test_job_stops():
    def steps():
        for number in range(10_000):
            time.sleep(0.01)
            yield number
    shown = []
    job = Job(steps, shown.append).start()
    time.sleep(0.2)
    began = time.monotonic()
    job.stop()
    assert job.wait(5) == "stopped" and time.monotonic() - began < 1 and 0 < shown[-1] < 9_999
    job.start()                                                            # and can be started again
    assert job.running
    job.stop()
    job.wait(5)


def test_job_reports_its_error():
    def steps():
        yield 1
        raise ZeroDivisionError("in the thread")
    ended = []
    job = Job(steps, lambda item: None, lambda state, error: ended.append((state, type(error))))
    with pytest.raises(ZeroDivisionError, match="in the thread"):
        job.start().wait(10)
    assert job.state == "failed"
    assert ended == [("failed", ZeroDivisionError)]


def test_job_shows_the_last_good_item_before_an_error():
    def steps():
        yield from range(5)
        raise SystemExit
    shown = []
    job = Job(steps, shown.append).start()
    with pytest.raises(SystemExit):
        job.wait(10)
    assert shown[-1] == 4 and not job.running


@pytest.mark.parametrize("part", ["show", "finish"])
def test_job_reports_an_error_in_what_it_calls(part):
    def fails(*_):
        raise ZeroDivisionError(part)
    with pytest.raises(ZeroDivisionError, match=part):
        Job(lambda: iter(range(3)), **({"show": lambda item: None} | {part: fails})).start().wait(10)


def test_live_view_paints(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=6, net=net)
    view.start.click()
    view.job.wait(120)
    assert view.job.state == "finished" and view.progress.value == 6 and view.text.value.startswith("finished: evaluation 6 of 6")
    assert "<img alt=" in view.picture.value and "<img alt=" in view.curve.value and not view.start.disabled and view.stop.disabled


def test_live_view_stops(net):
    view = lesson6.live_view("animal_koala", "van_gogh_night_cafe", size=64, evaluations=2000, net=net)
    view.start.click()
    deadline = time.monotonic() + 60
    while not view.history and time.monotonic() < deadline:
        time.sleep(0.05)
    view._paint()                                                           # a second click changes nothing
    assert view.history and view.start.disabled and not view.stop.disabled
    began = time.monotonic()
    view.stop.click()
    view.job.wait(120)
    assert time.monotonic() - began < 3 and view.job.state == "stopped" and view.text.value.startswith("stopped: evaluation")


def test_live_view_takes_uploads_and_reports_bad_ones(net, tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "orange").save(buffer, "PNG")
    view = lesson6.live_view(size=64, evaluations=2, net=net)
    upload = {"name": "a.png", "type": "image/png", "size": 1, "last_modified": datetime.datetime.now()}
    view.own_content.set_trait("value", ({**upload, "content": memoryview(b"no picture")},))
    view.start.click()
    assert "not a picture" in view.messages.outputs[0]["text"] and not view.job.running
    view.own_content.set_trait("value", ({**upload, "content": memoryview(buffer.getvalue())},))
    view.start.click()
    view.job.wait(120)
    assert view.job.state == "finished" and view.messages.outputs == ()
    assert view.history[-1][0] == 2 and "uploaded" in view.chosen.value
    view.content.value = "animal_pig"                                       # the last choice counts
    assert view.own_content.value == () and "uploaded" not in view.chosen.value and "pig" in view.chosen.value
    view.own_content.set_trait("value", ({**upload, "content": memoryview(b"no picture")},))
    view.style.value = "van_gogh_night_cafe"                                # the other side's bad upload is still reported
    assert "not a picture" in view.messages.outputs[0]["text"]


def test_painting_at_the_corners_of_its_settings(net):
    for size, evaluations, weight, start in ((64, 1, 0.1, "noise"), (80, 2, 10.0, "content"), (64, 3, 1.0, "colour")):
        states = list(lesson6.painting("animal_cat", "van_gogh_langlois_bridge", size=size, evaluations=evaluations,
                                       style_weight=weight, start=start, net=net))
        assert len(states) == evaluations and max(states[-1].image.shape[2:]) == size
        assert f"evaluation {evaluations} of {evaluations}" in lesson6.report(states[-1], evaluations)


# --- lesson 1 ----------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def table():
    return TopActivations.load()


@pytest.mark.parametrize("layer, channel", [("relu1_1", 0), ("relu1_1", 63), ("relu3_4", 255), ("relu5_4", 511)])
def test_sheets_at_the_corners_of_their_settings(net, table, layer, channel):
    for k, show, rule in ((1, lesson1.SHOWS[0], "guided"), (2, "projections", "gradient"), (3, "patches", "deconvnet")):
        drawn = list(lesson1.sheets(net, table, layer, channel, k, show, rule))
        assert len(drawn) == (1 if show == "patches" else 1 + k)            # the patches at once, the projections one by one
        picture, says = drawn[-1]
        assert f"channel {channel} of {layer}" in says and (rule in says) == (show != "patches") and picture.shape[:2] == (1, 3)
        assert (drawn[0][0] != picture).any() == (show != "patches")


def test_a_sheet_shows_what_it_says(net, table):
    picture, _ = lesson1.unit_sheet(net, table, "relu3_1", 242, k=9)
    number, row, column = table.places["relu3_1"][242, 4].tolist()          # the fifth stands in the middle
    patch = tile(load_square(table.sources[number], 224), patch_box("relu3_1", row, column), lesson1.TILE)
    middle = slice(lesson1.TILE + 2, 2 * lesson1.TILE + 2)
    assert torch.equal(picture[:, :, middle, middle], patch)


def test_dead_channels_are_named(net):
    silent = TopActivations({"relu1_1": torch.zeros(64, 9)}, {"relu1_1": torch.zeros(64, 9, 3, dtype=torch.long)}, ("animal_cat",))
    (_, says), = lesson1.sheets(net, silent, "relu1_1", 3)
    assert "is dead" in says


@pytest.mark.parametrize("layer, last", [("relu1_1", 223), ("relu5_4", 13)])
def test_unit_on_photo(net, layer, last):
    for row, column in ((0, 0), (last, 0), (0, last), (last, last)):
        (figure, where), (pair, activation) = lesson1.unit_on_photo(net, "fish_3", layer, 1, row, column, "gradient")
        assert isinstance(figure, Figure) and "of it is padding" in where and " 0% of it" not in where
        assert pair.shape[:2] == (1, 3) and "activation" in activation


def test_units_widget_redraws(net, table):
    view = lesson1.units("relu2_1", 0, table, net)
    assert view.job.wait(60) == "finished"
    for control, value in ((view.channel, 5), (view.layer, "relu1_2"), (view.k, 2), (view.what, "patches"), (view.what, lesson1.SHOWS[0]),
                           (view.rule, "guided")):
        before = view.sheet.value
        control.value = value
        view.job.wait(60)
        assert view.sheet.value != before and "<img alt=" in view.sheet.value
    for control, value in ((view.photo, "fish_3"), (view.row, 0), (view.column, 223)):
        before, sheet = view.place.value, view.sheet.value
        control.value = value
        view.job.wait(60)
        assert view.place.value != before and view.sheet.value == sheet
    assert view.messages.outputs == ()


def test_units_widget_keeps_its_numbers_in_range(net, table):
    view = lesson1.units("relu3_1", 255, table, net)
    view.next.click()
    assert view.channel.value == 0
    view.previous.click()
    assert view.channel.value == 255
    view.layer.value = "relu1_1"                                            # has 64 channels of 224 × 224 positions
    assert view.channel.value == 63 and view.row.max == 223
    view.layer.value = "relu5_1"
    assert view.row.max == 13
    maps = lesson1.activations(net, view.photo.value, 224, "relu5_1")
    assert maps[view.channel.value, view.row.value, view.column.value] == maps[view.channel.value].max() > 0
    view.channel.value = 60
    view.strongest.click()
    assert maps[60, view.row.value, view.column.value] == maps[60].max()
    for _ in range(3):
        view.surprise.click()
        assert 0 <= view.channel.value < len(table.values[view.layer.value])
    view.job.wait(60)
    assert view.messages.outputs == () and f"channel {view.channel.value} of {view.layer.value}," in view.text.value


def test_units_widget_searches_a_folder(net, tmp_path):
    for n, name in enumerate(("animal_cat", "fish_3", "object_plate")):
        save_image(load_image(name, 200), tmp_path / f"{n}.png")
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    small = top_activations(net, [load_square("animal_cat", 224)], layers=["relu1_1", "relu2_1"], sources=["animal_cat"], progress=False)
    view = lesson1.units("relu1_1", 3, small, net)
    view.folder.value = str(tmp_path / "none")
    view.start.click()
    assert "no folder" in view.messages.outputs[0]["text"] and not view.search.running
    view.folder.value = str(tmp_path)
    view.start.click()
    assert view.search.wait(60) == "finished" and view.progress.value == 4
    view.job.wait(60)
    assert "x.jpg" in view.messages.outputs[0]["text"] and len(view.messages.outputs) == 1
    assert [label for label, _ in view.photo.options] == ["0.png", "1.png", "2.png"]
    assert "of the 3 strongest units" in view.text.value and not view.start.disabled and view.stop.disabled


def test_job_restarts_with_the_newest_settings():
    settings, shown = [0], []

    def steps():
        now = settings[0]
        for _ in range(20):
            time.sleep(0.01)
            yield now
    job = Job(steps, shown.append)
    for number in range(1, 6):
        settings[0] = number
        job.restart()
    assert job.wait(10) == "finished" and shown[-1] == 5


def test_no_job_is_left_running():
    assert [thread for thread in threading.enumerate() if thread.name == "Job"] == []
