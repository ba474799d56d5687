"""What readers upload, type and pass to the widgets: it is taken, or refused in a sentence, and the widget goes on."""

import io
import os
import random
import struct
import zlib

import pytest
from ipywidgets import BoundedIntText
from PIL import Image

from course_utils.images import load_image, save_image
from course_utils.widgets import lesson1, lesson6
from course_utils.widgets.core import Messages
from events import PATIENCE
from families import FURTHER, WIDGETS, messages_of, parts, sentence, settle, small_table

ALL = {**WIDGETS, **FURTHER}


def encoded(kind="PNG", size=(40, 30), mode="RGB", **options):
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(width, height):
    """A PNG whose header promises more than is there."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


BAD = {
    "text": b"no picture",
    "empty": b"",
    "zeros": bytes(10_000),
    "web page": b"<!doctype html><title>404</title>",
    "drawing": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "archive": b"PK\3\4" + bytes(200),
    "film": b"\0\0\0\x18ftypmp42" + bytes(200),
    "bomb": bomb(60_000, 60_000),
    "hollow": bomb(900, 900),
    "header alone": encoded()[:30],
    "half a JPEG": encoded("JPEG")[:400],
    "half a WebP": encoded("WEBP")[:120],
    "half a TIFF": encoded("TIFF")[:1500],
    "32 bits": encoded("TIFF", mode="F"),
}


def upload(view, kind, content):
    """What the page sends for a file, as ipywidgets receives it."""
    file = {"name": "a", "type": "image/png", "size": len(content), "last_modified": 0, "content": memoryview(content)}
    view.sources[kind][1].set_state({"value": [file]})


@pytest.fixture(scope="module")
def paint(net):
    return lesson6.live_view(size=64, evaluations=2, net=net)


@pytest.mark.parametrize("name, kind", [*((name, "photo") for name in BAD), ("text", "painting"), ("bomb", "painting")])
def test_a_file_that_is_no_picture_is_refused_and_forgotten(paint, tally, name, kind):
    before = paint.chosen.value
    upload(paint, kind, BAD[name])
    assert sentence(paint.messages).startswith("The ")
    assert paint.sources[kind][1].value == () and paint.chosen.value == before
    upload(paint, kind, encoded())
    assert paint.messages.outputs == () and f"The chosen {kind}: an uploaded picture." in paint.chosen.value
    bundled = paint.sources[kind][0]  # the last choice counts
    bundled.index = 0 if bundled.index else 1
    assert paint.sources[kind][1].value == ()
    assert "upload" not in paint.chosen.value and bundled.label in paint.chosen.value
    tally("uploads: no pictures, bombs, cut off")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_damaged_pictures_are_shown_or_refused(paint, tally, kind):
    draw, whole = random.Random(kind), encoded(kind, (24, 16))
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 3, 30))):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        upload(paint, "photo", bytes(damaged[: draw.randrange(len(damaged) // 2, 2 * len(damaged))]))
        taken = bool(paint.own_content.value)
        assert taken != bool(paint.messages.outputs) and taken == ("an uploaded picture" in paint.chosen.value)
        assert taken or sentence(paint.messages)
        tally("uploads: damaged pictures")
    upload(paint, "photo", whole)
    assert paint.messages.outputs == () and "an uploaded picture" in paint.chosen.value


@pytest.mark.long
def test_pictures_too_small_to_paint_are_refused_by_paint(paint, tally):
    for size in ((1, 1), (3, 200), (2000, 20)):
        upload(paint, "photo", encoded(size=size))
        assert paint.messages.outputs == () and "an uploaded picture" in paint.chosen.value
        paint.start.click()
        assert "take a " in sentence(paint.messages) and not paint.job.running and not paint.start.disabled
        tally("uploads: too small")
    upload(paint, "photo", encoded())
    paint.start.click()
    assert paint.job.wait(PATIENCE) == "finished" and paint.messages.outputs == () and paint.history[-1][0] == 2


@pytest.mark.long
def test_a_path_stands_among_the_pictures(net, tmp_path):
    """For files that are too large to upload."""
    save_image(load_image("fish_3", 80), tmp_path / "my fish.png")
    view = lesson6.live_view(tmp_path / "my fish.png", str(tmp_path / "my fish.png"), 64, 1, net)
    assert view.content.label == view.style.label == "my fish.png" and view.chosen.value.count("my fish.png.") == 2
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()
    (tmp_path / "my fish.png").unlink()
    view.start.click()
    assert "my fish.png" in sentence(view.messages) and not view.job.running
    view.content.value, view.style.value = "animal_cat", "van_gogh_night_cafe"
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and view.messages.outputs == ()


def test_too_little_memory_is_said():
    messages = Messages()
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate …")):
        messages.outputs = ()
        messages.report(error)
        assert "choose a smaller size" in sentence(messages)
    messages.outputs = ()
    messages.report(RuntimeError("something else"))
    assert messages.outputs[0]["text"].endswith("RuntimeError: something else\n")


# --- text and numbers


@pytest.fixture(scope="module")
def small(net):
    return small_table(net)


@pytest.mark.parametrize(
    "name, count",
    [
        ("units", 2),
        ("play", 1),
        ("numbers", 1),
        ("axes", 5),
        ("scale_one", 1),
        ("reconstruction", 1),
        pytest.param("gram_map", 2, marks=pytest.mark.long),
        ("live_view", 2),
        ("race", 2),
        ("studio", 3),
    ],
)
def test_numbers_out_of_range_are_held_in_it(net, small, tally, name, count):
    view = ALL[name](net, small)
    found = list(parts(view, BoundedIntText))
    assert len(found) == count
    for field in found:
        for value in (10**15, -(10**15)):
            field.set_state({"value": value})
            assert field.value == min(max(value, field.min), field.max)
            tally("uploads: numbers out of range")
        settle(view)
    assert messages_of(view).outputs == ()


@pytest.mark.parametrize(
    "name, given",
    [
        ("pixels", {"name": "cat"}),
        ("pixels", {"name": None}),
        ("units", {"layer": "conv1_1"}),
        ("units", {"layer": ["relu1_1"]}),
        ("units", {"channel": 64}),
        ("units", {"channel": "a"}),
        ("play", {"layer": "conv1_1"}),
        ("play", {"show": None}),
        ("play", {"seed": -1}),
        ("numbers", {"layer": "pool1"}),
        ("numbers", {"channel": 64}),
        ("numbers", {"source": "cat"}),
        ("axes", {"layer": "relu1_1"}),
        ("axes", {"layer": 3}),
        ("scale_one", {"layer": "conv5_4"}),
        ("scale_one", {"channel": 64}),
        ("scale_one", {"channel": -1}),
        ("scale_one", {"channel": "a"}),
        ("reconstruction", {"source": "cat"}),
        ("reconstruction", {"layer": "conv1_1"}),
        ("reconstruction", {"size": 1}),
        ("reconstruction", {"evaluations": 0}),
        ("gram_map", {"source": "cat"}),
        ("gram_map", {"layer": "conv1_1"}),
        ("live_view", {"content": "cat"}),
        ("live_view", {"content": 3}),
        ("live_view", {"style": ""}),
        ("live_view", {"style": b"no picture"}),
        ("live_view", {"size": 63}),
        ("live_view", {"size": "64"}),
        ("live_view", {"evaluations": True}),
        ("live_view", {"evaluations": 10**9}),
    ],
)
def test_arguments_that_a_widget_cannot_take(net, small, tally, name, given):
    with pytest.raises(ValueError, match=r"^[A-Z'][^\n]{20,600}[.?]$"):
        ALL[name](net, small, **given)
    tally("uploads: arguments of widgets")


@pytest.mark.long
def test_folders_that_hold_no_pictures(net, small, tally, tmp_path):
    for name in ("empty", "texts", "broken"):
        (tmp_path / name).mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no picture")
    (tmp_path / "broken" / "folder.png").mkdir()
    for name, content in BAD.items():
        (tmp_path / "broken" / f"{name}.png").write_bytes(content)
    (tmp_path / "broken" / "thin.png").write_bytes(encoded(size=(1, 30_000)))
    (tmp_path / "broken" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "broken" / "round.png").symlink_to(tmp_path / "broken" / "round.png")
    os.mkfifo(tmp_path / "broken" / "pipe.png")
    view = lesson1.units("relu1_1", 3, small, net)
    view.job.wait(PATIENCE)
    before = view.sheet.value
    for folder in (
        "",
        "   ",
        "\0",
        "x" * 5000,
        "~nobody here/x",
        "http://localhost/x",
        f'"{tmp_path}"',
        __file__,
        "/dev/null",
        *(str(tmp_path / name) for name in ("none", "empty", "texts")),
    ):
        view.folder.value = folder
        view.start.click()
        assert "older" in sentence(view.messages) and not view.search.running and not view.start.disabled
        tally("uploads: folders")
    view.folder.value = str(tmp_path / "broken")
    view.start.click()
    assert view.search.wait(PATIENCE) == "finished" and view.sheet.value == before
    *left_out, last = (output["text"] for output in view.messages.outputs)
    assert len(left_out) == len(BAD) + 5 and "stays" in last
    assert all(text.startswith("left out: ") and text[-2:] in (".\n", "?\n") for text in left_out)
    tally("uploads: folders")
    save_image(load_image("fish_3", 100), tmp_path / "texts" / "a.png")
    view.folder.value = str(tmp_path / "texts")
    view.start.click()
    assert view.search.wait(PATIENCE) == view.job.wait(PATIENCE) == "finished"
    assert view.messages.outputs == () and view.sheet.value != before
