"""The widget of lesson 1 without a browser: sheets, places, ranges, a folder of one's own, files that
change or vanish.
"""

import pytest
import torch
from matplotlib.figure import Figure

from course_utils.images import load_image, load_square, save_image
from course_utils.plots import tile
from course_utils.receptive import patch_box
from course_utils.top import TopActivations, top_activations
from course_utils.widgets import lesson1
from events import PATIENCE


@pytest.fixture(scope="module")
def table():
    return TopActivations.load()


@pytest.mark.parametrize(
    "layer, channel",
    [
        ("relu1_1", 0),
        ("relu1_1", 63),
        *(pytest.param(*unit, marks=pytest.mark.long) for unit in (("relu3_4", 255), ("relu5_4", 511))),
    ],
)
def test_sheets_at_the_corners_of_their_settings(net, table, layer, channel):
    for k, show, rule in ((1, lesson1.SHOWS[0], "guided"), (2, "projections", "gradient"), (3, "patches", "deconvnet")):
        drawn = list(lesson1.sheets(lesson1.Seen(net), table, layer, channel, k, show, rule))
        assert len(drawn) == (1 if show == "patches" else 1 + k)  # the patches at once, the projections one by one
        picture, says = drawn[-1]
        assert (
            f"channel {channel} of {layer}" in says
            and (rule in says) == (show != "patches")
            and picture.shape[:2] == (1, 3)
        )
        assert (drawn[0][0] != picture).any() == (show != "patches")


def test_a_sheet_shows_what_it_says(net, table):
    picture, _ = lesson1.unit_sheet(net, table, "relu3_1", 242, k=9)
    number, row, column = table.places["relu3_1"][242, 4].tolist()  # the fifth stands in the middle
    patch = tile(load_square(table.sources[number], 224), patch_box("relu3_1", row, column), lesson1.TILE)
    middle = slice(lesson1.TILE + 2, 2 * lesson1.TILE + 2)
    assert torch.equal(picture[:, :, middle, middle], patch)


def test_dead_channels_are_named(net):
    silent = TopActivations(
        {"relu1_1": torch.zeros(64, 9)}, {"relu1_1": torch.zeros(64, 9, 3, dtype=torch.long)}, 1, ("animal_cat",)
    )
    ((_, says),) = lesson1.sheets(lesson1.Seen(net), silent, "relu1_1", 3)
    assert "is dead" in says


@pytest.mark.parametrize("layer, last", [("relu1_1", 223), pytest.param("relu5_4", 13, marks=pytest.mark.long)])
def test_unit_on_photo(net, layer, last):
    for row, column in ((0, 0), (last, 0), (0, last), (last, last)):
        (figure, where), (pair, activation) = lesson1.unit_on_photo(
            lesson1.Seen(net), "fish_3", layer, 1, row, column, "gradient"
        )
        assert isinstance(figure, Figure) and "of it is padding" in where and " 0% of it" not in where
        assert pair.shape[:2] == (1, 3) and "activation" in activation


@pytest.mark.long
def test_units_widget_redraws(net, table):
    view = lesson1.units("relu2_1", 0, table, net)
    assert view.job.wait(PATIENCE) == "finished"
    for control, value in (
        (view.channel, 5),
        (view.layer, "relu1_2"),
        (view.k, 2),
        (view.what, "patches"),
        (view.what, lesson1.SHOWS[0]),
        (view.rule, "guided"),
    ):
        before = view.sheet.value
        control.value = value
        view.job.wait(PATIENCE)
        assert view.sheet.value != before and "<img alt=" in view.sheet.value
    for control, value in ((view.photo, "fish_3"), (view.row, 0), (view.column, 223)):
        before, sheet = view.place.value, view.sheet.value
        control.value = value
        view.job.wait(PATIENCE)
        assert view.place.value != before and view.sheet.value == sheet
    assert view.messages.outputs == ()


@pytest.mark.long
def test_units_widget_keeps_its_numbers_in_range(net, table):
    view = lesson1.units("relu3_1", 255, table, net)
    view.next.click()
    assert view.channel.value == 0
    view.previous.click()
    assert view.channel.value == 255
    view.layer.value = "relu1_1"  # has 64 channels of 224 × 224 positions
    assert view.channel.value == 63 and view.row.max == 223
    view.layer.value = "relu5_1"
    assert view.row.max == 13
    maps = view.seen.maps(view.photo.value, 224, "relu5_1")
    assert maps[view.channel.value, view.row.value, view.column.value] == maps[view.channel.value].max() > 0
    view.channel.value = 60
    view.strongest.click()
    assert maps[60, view.row.value, view.column.value] == maps[60].max()
    for _ in range(3):
        view.surprise.click()
        assert 0 <= view.channel.value < len(table.values[view.layer.value])
    view.job.wait(PATIENCE)
    assert view.messages.outputs == () and f"channel {view.channel.value} of {view.layer.value}," in view.text.value


@pytest.mark.long
def test_units_widget_searches_a_folder(net, tmp_path):
    for n, name in enumerate(("animal_cat", "fish_3", "object_plate")):
        save_image(load_image(name, 200), tmp_path / f"{n}.png")
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    small = top_activations(
        net, [load_square("animal_cat", 224)], layers=["relu1_1", "relu2_1"], sources=["animal_cat"], progress=False
    )
    view = lesson1.units("relu1_1", 3, small, net)
    view.folder.value = str(tmp_path / "none")
    view.start.click()
    assert "no folder" in view.messages.outputs[0]["text"] and not view.search.running
    view.folder.value = str(tmp_path)
    view.start.click()
    assert view.search.wait(PATIENCE) == "finished" and view.progress.value == 4
    view.job.wait(PATIENCE)
    assert "x.jpg" in view.messages.outputs[0]["text"] and len(view.messages.outputs) == 1
    assert [label for label, _ in view.photo.options] == ["0.png", "1.png", "2.png"]
    assert "of the 3 strongest units" in view.text.value and not view.start.disabled and view.stop.disabled


def test_units_widget_reads_changed_files_anew(net, tmp_path):
    tiny = top_activations(
        net, [load_square("animal_cat", 64)], layers=["relu1_1"], sources=["animal_cat"], progress=False
    )
    view = lesson1.units("relu1_1", 3, tiny, net)
    view.folder.value, sheets = str(tmp_path), []
    for name in ("animal_pig", "fish_3"):
        save_image(load_image(name, 100), tmp_path / "0.png")
        view.start.click()
        view.search.wait(PATIENCE)
        view.job.wait(PATIENCE)
        sheets.append(view.sheet.value)
        assert view.table.size == 64 and view.row.max == 63
    assert sheets[0] != sheets[1]
    (tmp_path / "0.png").write_bytes(b"no picture any more")
    view.start.click()
    view.search.wait(PATIENCE)
    assert "0.png" in view.messages.outputs[0]["text"] and "stays" in view.messages.outputs[1]["text"]


def test_units_widget_recovers_from_a_lost_file(net, tmp_path):
    for n, name in enumerate(("animal_pig", "fish_3")):
        save_image(load_image(name, 100), tmp_path / f"{n}.png")
    sources = [str(tmp_path / f"{n}.png") for n in range(2)]
    small = top_activations(
        net, [load_square(source, 64) for source in sources], layers=["relu1_1"], sources=sources, progress=False
    )
    view = lesson1.units("relu1_1", 3, small, net)
    view.job.wait(PATIENCE)
    (tmp_path / "1.png").unlink()
    view.seen = lesson1.Seen(net)  # nothing is remembered
    view.photo.value = sources[1]
    view.strongest.click()
    assert "1.png" in view.messages.outputs[0]["text"]
    save_image(load_image("fish_3", 100), tmp_path / "1.png")
    view.channel.value = 9
    assert view.job.wait(PATIENCE) == "finished" and "channel 9 of" in view.text.value and view.messages.outputs == ()


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(layer="relu9_1"), "no channel"),
        (dict(channel=300, layer="relu1_1"), "no channel 300"),
        (dict(channel=-1), "no channel"),
        (dict(k=0), "At least one"),
        (dict(show="patchs"), "At least one"),
        (dict(table=TopActivations({"relu3_1": torch.ones(256, 2)}, {})), "does not say"),
    ],
)
def test_sheets_refuse_what_they_cannot_show(net, table, change, message):
    with pytest.raises(ValueError, match=message):
        next(lesson1.sheets(lesson1.Seen(net), **(dict(table=table, layer="relu3_1", channel=0) | change)))
