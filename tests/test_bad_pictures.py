"""Bad pictures and bad arguments in bulk: each ends in a good result or in one sentence that says what to do.

No traceback, no hang, no partial file, no warning, and no more than twice the memory of a good picture of that size.
"""

import contextlib
import faulthandler
import json
import os
import random
import re
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import corpus
from course_utils import dataset, files, images
from course_utils.dataset import StatisticsError, pictures, pictures_in
from course_utils.images import ImageError, load_image, load_square, resize, save_image
from course_utils.paths import ROOT

# the same trials on every machine
SAME = dict(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
PATIENCE = 900  # seconds after which a test that hangs says where, and ends the run


@pytest.fixture(autouse=True)
def watchdog():
    """A hang in Pillow's C code leaves no other way out."""
    with open(os.dup(2), "w") as stderr:  # pytest may have taken the other one
        faulthandler.dump_traceback_later(PATIENCE, exit=True, file=stderr)
        yield
        faulthandler.cancel_dump_traceback_later()


GOOD = corpus.coded("PNG", "RGB", 0, 19, 13)


def outcome(call, *arguments, **options):
    """What a call returns; or its sentence, as text, where it refuses."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            result = call(*arguments, **options)
        except ValueError as error:  # ImageError and StatisticsError are
            result = str(error)
            assert result.endswith((".", "?")) and len(result) < 800, result
            assert "\n" not in result and "Error" not in result, result
            assert result.isprintable(), result
            assert any(sign in result for sign in (": ", " must ", "Say ", " is one of ")), f"what to do? {result}"
    assert not said, f"{said[0].message} (and: {result})"
    return result


def is_picture(result):
    return (
        isinstance(result, torch.Tensor)
        and result.dtype == torch.float32
        and result.ndim == 4
        and result.shape[:2] == (1, 3)
        and result.numel() > 0
        and bool(((result >= 0) & (result <= 1)).all())
    )


def load(source, *arguments, **options):
    """The sentence, or None for a good picture."""
    result = outcome(load_image, source, *arguments, **options)
    assert isinstance(result, str) or is_picture(result)
    return result if isinstance(result, str) else None


# --- damaged files -----------------------------------------------------------------------------------------


def try_damaged(tally, number, files, claim=None):
    """Damaged copies of files, `number` of each; claim: pixels that a picture may have before it may need more memory
    than there is.
    """
    source = random.Random(0)
    for name, content in files.items():
        for how, data in corpus.damaged(content, source, number):
            sentence = load(data)
            if claim and sentence and "needs more memory" in sentence:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    width, height = Image.open(corpus.io.BytesIO(data)).size
                assert width * height > claim, f"{name}, {how}: {width} × {height} pixels"
            tally(f"pictures: {how}")


def try_cut(tally, every, files):
    """Files cut off at every so many bytes; none may hang, and what is decoded in spite of that has its size."""
    for name, content in files.items():
        for length in range(0, len(content), every):
            load(content[:length])
            tally("pictures: cut off")
        assert load(content) is None or name[:6] in ("TIFF F", "TIFF I") and "16" not in name, name


def try_bombs(tally):
    """They are refused for their size, before the memory is asked for."""
    for name, content in corpus.bombs().items():
        sentence = load(content)
        words = "too large|Too much" if "T" in name and "PNG" in name or "iCCP" in name else "million"
        assert sentence and re.search(words, sentence) or name == "TIFF count", f"{name}: {sentence}"
        tally("pictures: bombs")


def try_what_is_no_picture(tally, number):
    source = random.Random(1)
    begins = [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"GIF89a",
        b"BM",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"P6 ",
        b"P3 4 4 255 ",
        b"Pf 2 2 1 ",
        b"RIFF\xff\0\0\0WEBPVP8 ",
        b"RIFF\xff\0\0\0WEBPVP8X",
        b"\0\0\0\x20ftypavif",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"\xff\x4f\xff\x51",
        b"PK\3\4",
        b"\0\0\2\0",
        b"%PDF-1.4",
        b"<html>",
        b"\x1f\x8b",
        b"text ",
    ]
    for begin in begins:
        for _ in range(number):
            load(begin + source.randbytes(source.randrange(300)) or b"x")
            tally("pictures: no picture")


def try_garbage_inside(tally, number):
    """Garbage where EXIF data and the colour profile belong: the pixels are whole, so the picture is."""
    source, pixels, icc = random.Random(2), corpus.picture(19, 13), corpus.profile("RGB ")
    for _ in range(number):
        for format in ("PNG", "JPEG", "WEBP", "TIFF", *["AVIF"] * images.AVIF):
            exif = bytearray(b"Exif\0\0" + Image.Exif().tobytes()[6:] + source.randbytes(40))
            exif[6:14] = source.choice([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", source.randbytes(8)])
            bad = bytearray(icc)
            for _ in range(source.choice([1, 10, 300])):
                bad[source.randrange(len(bad))] = source.randrange(256)
            options = {"icc_profile": bytes(bad)}
            if format == "AVIF":
                options["speed"] = 10  # Pillow checks the EXIF data that it writes here
            elif format != "TIFF":
                options["exif"] = bytes(exif)
            assert load(corpus.encode(pixels, format, **options)) is None, format
            tally("pictures: garbage in EXIF and profile")


def small():
    """A part of the files that has every format in it."""
    every = corpus.files()
    return {name: every[name] for name in [*list(every)[::5], *[name for name in every if name.endswith("RGB 0")]]}


def test_damaged(tally):
    try_damaged(tally, 6, small())


def test_cut_off(tally):
    try_cut(tally, 97, small())


def test_bombs(tally):
    try_bombs(tally)


def test_what_is_no_picture(tally):
    try_what_is_no_picture(tally, 5)


def test_garbage_in_exif_and_profile(tally):
    try_garbage_inside(tally, 4)


@pytest.mark.parametrize(
    "error",
    [
        OSError,
        EOFError,
        SyntaxError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
        ZeroDivisionError,
        OverflowError,
        AssertionError,
        RuntimeError,
        NotImplementedError,
        MemoryError,
        struct.error,
        zlib.error,
    ],
)
def test_whatever_a_decoder_raises(error, monkeypatch, tally):
    def fails(*arguments, **options):
        raise error("broken\nin two lines")

    expected = "more memory" if error is MemoryError else "damaged or cut off"
    for place in ("PIL.PngImagePlugin.PngImageFile.load", "course_utils.images.Image.open"):
        with monkeypatch.context() as patch:
            patch.setattr(place, fails)
            sentence = load(GOOD)
            assert expected in sentence and ("broken" in sentence or error is MemoryError)
        tally("pictures: decoders that fail")


def test_wrong_suffixes(tmp_path, tally):
    """What a file is, its contents say."""
    endings = [
        ".jpg",
        ".png",
        ".gif",
        ".tif",
        ".webp",
        ".bmp",
        ".avif",
        ".jp2",
        ".heic",
        ".tga",
        ".ico",
        ".eps",
        ".txt",
        "",
    ]
    for content in list(corpus.files().values())[::9]:
        expected = outcome(load_image, content)
        for ending in endings:
            path = tmp_path / f"picture{ending}"
            path.write_bytes(content)
            got = outcome(load_image, path)
            assert torch.equal(got, expected) if is_picture(expected) else isinstance(got, str)
            tally("pictures: wrong suffix")


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM", "BMP"])
@pytest.mark.parametrize("width, height", [(1, 100_000), (100_000, 1)])
def test_extreme_sides(width, height, format, tally):
    content = corpus.encode(Image.new("RGB", (width, height), (10, 200, 30)), format)
    assert load_image(content, 256).shape == (1, 3, *((256, 1) if width == 1 else (1, 256)))
    assert load_image(content).shape == (1, 3, height, width) and load_image(content, (7, 9)).shape == (1, 3, 7, 9)
    assert "crop it" in outcome(load_square, content, 224) and "only" in outcome(load_image, content, smallest=16)
    assert "take a smaller" in outcome(load_image, content, 10**9)
    assert "take a smaller" in outcome(load_image, content, (100_000, 1000))
    tally("pictures: extreme sides", 7)


# one thread; and what is freed goes back to the system at once, so that the limit counts what is in use (glibc)
ALONE = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}


class Counts(dict):
    def __call__(self, kind, number=1):
        self[kind] = self.get(kind, 0) + number


def whole_corpus():
    """All of it in a process of its own, with a limit of memory that a bomb or a leak would meet; prints the counts as
    JSON.
    """
    import resource  # not on Windows

    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    torch.set_num_threads(1)
    counts, (width, height) = Counts(), (1200, 900)
    large = {format: corpus.coded(format, "RGB", 0, width, height) for format in images.READABLE if format != "GIF"}
    # bytes: 13 to 33 are needed for a pixel, by the format; a good picture shows below that it fits
    need = 48 * width * height
    for content in (*corpus.files().values(), *large.values()):
        load(content)  # from now on all libraries are there
    corpus.bombs()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for allowed in (need, 2 * need):
        resource.setrlimit(resource.RLIMIT_AS, (used + allowed, resource.RLIM_INFINITY))
        with contextlib.suppress(MemoryError):
            np.ones(allowed + 2**28, dtype=np.uint8)
            raise AssertionError("this system does not keep to the limit")
        for name, content in large.items():
            assert load(content) is None, name
    try_damaged(counts, 6, large, claim=width * height)
    try_damaged(counts, 40, corpus.files(), claim=width * height)
    try_cut(counts, 11, corpus.files())
    try_bombs(counts)
    try_what_is_no_picture(counts, 60)
    try_garbage_inside(counts, 60)
    print(json.dumps(counts))


@pytest.mark.process
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to the limit of memory")
def test_the_whole_corpus_with_little_memory(tmp_path, tally):
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    child = subprocess.run(
        [sys.executable, "-c", "import test_bad_pictures; test_bad_pictures.whole_corpus()"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, **ALONE},
        stdin=subprocess.DEVNULL,
    )
    assert child.returncode == 0, child.stderr[-3000:]
    assert not any(word in child.stderr for word in ("Warning", "Traceback", "PIL")), child.stderr[:2000]
    counts = json.loads(child.stdout)
    assert sum(counts.values()) > 10_000
    for kind, number in counts.items():
        tally(kind, number)
    assert os.listdir(tmp_path) == []


# --- wrong arguments ---------------------------------------------------------------------------------------

SPECIAL = [
    10**12,
    10**400,
    -(10**400),
    float("nan"),
    float("inf"),
    "12",
    "a" * 5000,
    "a\nb",
    "\0",
    "a\0.png",
    "\udc80",
    "..",
    ".",
    "",
    b"",
    {},
    {1: 2},
    {1},
    object(),
    Ellipsis,
    len,
    np.int64(3),
    np.uint8(200),
    np.float32(2),
    np.bool_(True),
    np.zeros((2, 2)),
    np.array([]),
    range(3),
    torch.tensor(3),
    torch.tensor(float("nan")),
    memoryview(b"abcd")[::2],
    bytearray(b""),
    Path("."),
    Path("a.png"),
    Path("nowhere") / "a.png",
    Image.new("RGB", (3, 2)),
    Image.new("RGB", (0, 2)),
    Image.new("F", (2, 2)),
    Image.new("LAB", (3, 2)),
    iter([]),
    [None],
    ["a"],
    [b"a"],
    True,
    None,
    -1,
    0,
]
WRONG = st.one_of(
    st.integers(-300, 300),
    st.floats(),
    st.complex_numbers(),
    st.binary(max_size=20),
    st.lists(st.integers(), max_size=3),
    st.text(st.characters(exclude_characters="/\\~"), max_size=20),
    st.tuples(st.integers(-2, 2), st.integers(-2, 2)),
)


def specials(test):
    """Each of them is tried, whatever else is drawn."""
    for value in SPECIAL:
        test = example(wrong=value)(test)
    return test


DTYPES = st.sampled_from(
    [
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.uint8,
        torch.int64,
        torch.bool,
        torch.complex64,
    ]
)
VALUES = st.sampled_from([0.0, 0.5, 1.0, -3.0, 300.0, float("nan"), float("inf"), -float("inf"), 1e300])
SHAPES = st.one_of(
    st.sampled_from(
        [
            (1, 3, 4, 5),
            (3, 4, 5),
            (2, 3, 4, 5),
            (1, 3, 1, 1),
            (1, 1, 4, 5),
            (3, 1, 4, 5),
            (1, 4, 4, 5),
            (1, 3, 0, 5),
            (0, 3, 4, 5),
        ]
    ),
    st.lists(st.integers(0, 5), max_size=6).map(tuple),
)


@st.composite
def tensors(draw):
    shape, dtype, value = draw(SHAPES), draw(DTYPES), draw(VALUES)
    tensor = torch.full(shape, value if dtype.is_floating_point else 1, dtype=torch.float64).to(dtype)
    if tensor.numel() and dtype.is_floating_point and draw(st.booleans()):
        tensor = torch.linspace(0, 1, tensor.numel()).reshape(shape).to(dtype)
    how = draw(st.sampled_from(["plain", "plain", "meta", "sparse", "graph", "strided", "expanded"]))
    if how == "meta":
        return tensor.to("meta")
    if how == "sparse" and dtype != torch.float8_e4m3fn:
        return tensor.to_sparse()
    if how == "graph" and dtype.is_floating_point:
        return tensor.requires_grad_()
    if how == "strided" and len(shape) > 1:
        return tensor.mT.contiguous().mT
    return tensor[:1].expand(tensor.shape) if how == "expanded" and shape and tensor.numel() else tensor


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder to work in: text that is drawn may be a relative path."""
    folder, before = tmp_path_factory.mktemp("place"), os.getcwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture
def trials(place, tally, request):
    """Counts the trials of a test by its kind; nothing may be left in the folder."""

    def count(kind):
        tally(f"arguments: {kind}")
        for file in place.iterdir():
            assert not file.name.startswith(".new-"), f"a partial file is left: {file}"
            file.unlink()

    return count


@pytest.mark.long
@settings(max_examples=50, **SAME)
@given(wrong=WRONG)
@specials
def test_arguments_of_load(trials, wrong):
    for call in (
        lambda: load_image(wrong),
        lambda: load_image(GOOD, wrong),
        lambda: load_image(GOOD, (wrong, 4)),
        lambda: load_image(GOOD, 16, smallest=wrong),
        lambda: load_square(wrong, 8),
        lambda: load_square(GOOD, wrong),
    ):
        result = outcome(call)
        assert isinstance(result, str) or is_picture(result)
        trials("load_image, load_square")


@settings(max_examples=50, **SAME)
@given(wrong=WRONG)
@specials
def test_arguments_of_the_rest(trials, wrong):
    good = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    results = [
        outcome(call)
        for call in (
            lambda: resize(wrong, 8),
            lambda: resize(good, wrong),
            lambda: images.to_8bit(wrong),
            lambda: images.to_pil(wrong),
            lambda: images.title(wrong),
            lambda: images.img_tag(wrong, "text"),
            lambda: images.img_tag(good, wrong),
            lambda: images.img_tag(good, "text", wrong),
            lambda: save_image(wrong, "a.png"),
            lambda: save_image(good, wrong),
            lambda: files.check_writable(wrong, (".png",)),
        )
    ]
    for _ in results:
        trials("resize, to_pil, to_8bit, title, img_tag, save_image, check_writable")
    for call in (lambda: files.replace_file("a.txt", wrong), lambda: files.replace_file(wrong, b"text")):
        with contextlib.suppress(OSError):  # as it says
            outcome(call)
        trials("replace_file")


@settings(max_examples=50, **SAME)
@given(wrong=WRONG)
@specials
def test_arguments_of_data_sets(trials, wrong):
    for call in (
        lambda: pictures_in(wrong),
        lambda: list(pictures(wrong)),
        lambda: list(pictures([GOOD], wrong)),
        lambda: list(pictures([GOOD, wrong], 8, [])),
    ):
        result = outcome(call)
        assert isinstance(result, (str, list))
        trials("pictures, pictures_in")


@settings(max_examples=80, **SAME)
@given(tensor=tensors(), size=st.one_of(st.integers(-1, 9), st.sampled_from([None, (3, 4), (10**6, 10**6), 10**20])))
def test_tensors_of_every_kind(trials, tensor, size):
    finite = not tensor.is_meta and tensor.layout == torch.strided and tensor.is_floating_point()
    finite = finite and bool(tensor.detach().double().isfinite().all())
    right = finite and 0 not in tensor.shape and tensor.element_size() > 1
    Path("a.png").unlink(missing_ok=True)  # of an example that failed
    results = {
        name: outcome(call)
        for name, call in {
            "resize": lambda: resize(tensor, size),
            "to_8bit": lambda: images.to_8bit(tensor),
            "to_pil": lambda: images.to_pil(tensor),
            "img_tag": lambda: images.img_tag(tensor, "text"),
            "save_image": lambda: save_image(tensor, "a.png"),
        }.items()
    }
    one = right and tuple(tensor.shape[:-2]) in ((3,), (1, 3)) and tensor.ndim > 2
    assert isinstance(results["to_pil"], Image.Image) == one == os.path.exists("a.png")
    assert (results["save_image"] is None) == one
    assert results["img_tag"].startswith("<img") == one
    if one:
        assert torch.equal(load_image("a.png"), images.to_8bit(tensor.detach().float()).reshape(1, *tensor.shape[-3:]))
    resized = results["resize"]
    assert isinstance(resized, str) or resized.dtype == tensor.dtype and right
    assert isinstance(resized, str) or bool(((resized >= 0) & (resized <= 1) | (size is None)).all())
    trials("tensors")


# --- writing -----------------------------------------------------------------------------------------------


def test_writing_that_fails_leaves_nothing(tmp_path, tally, monkeypatch):
    image = torch.rand(1, 3, 8, 8)
    names = [
        "a.gif",
        "a",
        "",
        ".",
        "..",
        "no/a.png",
        "a\0.png",
        "\udcff\ud800.png",
        "x" * 300 + ".png",
        "a.png/b.png",
        "~nosuchuser/a.png",
        ".png",
        "a.png.exe",
    ]
    (tmp_path / "a.png").write_bytes(b"old")
    for name in names:
        with pytest.raises(ImageError):
            save_image(image, name if name.startswith("~") else f"{tmp_path}/{name}")
        tally("pictures: places that cannot be written")
    for moment in ("os.replace", "open", "PIL.Image.Image.save"):
        for error in (
            OSError(28, "No space left on device"),
            OSError(5, "Input/output error"),
            PermissionError(13, "Permission denied"),
            KeyboardInterrupt(),
        ):

            def fails(*arguments, error=error, **options):
                raise error

            for ending in images.FORMATS:
                with monkeypatch.context() as patch:
                    patch.setattr(
                        *(
                            {
                                "open": ("course_utils.files.open", fails),
                                "os.replace": ("course_utils.files.os.replace", fails),
                            }.get(moment, (moment, fails))
                        ),
                        **{"raising": False} if moment == "open" else {},
                    )
                    with pytest.raises((ImageError, KeyboardInterrupt)):
                        save_image(image, tmp_path / f"b{ending}")
                assert os.listdir(tmp_path) == ["a.png"], f"{moment}, {error}"
                tally("pictures: writing that fails")
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize("height, width", [(1, 16_384), (16_384, 1), (1, 65_536), (1, 70_000)])
def test_more_than_a_format_can_hold(tmp_path, height, width, tally):
    image = torch.zeros(1, 3, height, width)
    for ending in images.FORMATS:
        result = outcome(save_image, image, tmp_path / f"a{ending}")
        assert "another format" in result if result else load_image(tmp_path / f"a{ending}").shape == image.shape
        assert result or ending != ".webp"
        (tmp_path / f"a{ending}").unlink(missing_ok=bool(result))
        tally("pictures: more than a format can hold")
    assert os.listdir(tmp_path) == []
    assert "resize it" in outcome(images.img_tag, image, "a line")


def test_a_folder_with_everything(tmp_path, tally):
    """Damaged files are left out by name; the rest is there, in order."""
    source = random.Random(3)
    for number, content in enumerate(corpus.files().values()):
        if number % 3:
            content = content[: source.randrange(len(content) // 2)]
        (tmp_path / f"{number:03}.png").write_bytes(content)
    (tmp_path / "999.png").mkdir()
    (tmp_path / "note.txt").write_text("not counted")
    names = pictures_in(tmp_path)
    assert [Path(name).name for name in names] == sorted(
        file.name for file in tmp_path.iterdir() if file.suffix == ".png"
    )
    skipped = []
    done = outcome(lambda: list(pictures(names, 8, skipped)))
    assert all(picture.shape == (1, 3, 8, 8) for _, picture in done) and len(done) + len(skipped) == len(names)
    assert sorted([names[number] for number, _ in done] + [name for name, _ in skipped]) == names
    for name, reason in skipped:
        assert "\n" not in reason and Path(name).name in reason
        tally("pictures: left out of a folder")
    assert 20 < len(skipped) and 20 < len(done)
    for bad, words in (
        (tmp_path / "999.png", "no picture in the folder"),
        (tmp_path / "note.txt", "no folder"),
        ("\0", "folder"),
        ("", "no folder"),
    ):
        with pytest.raises(StatisticsError, match=words):
            pictures_in(bad)
    assert dataset.pictures is pictures
