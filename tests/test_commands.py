"""The commands: exit codes, one sentence for bad input, the same bytes for the same seed, no half file."""

import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from jupyter_client.kernelspec import NoSuchKernel
from PIL import Image

import browser
from course_utils import __main__, notebooks, vgg
from course_utils.__main__ import main
from course_utils.commands.transfer import STATE_ENDINGS
from course_utils.cost import painting_cost
from course_utils.images import FORMATS, load_image
from course_utils.lock import alone
from course_utils.paths import ROOT
from course_utils.terminal import _Forgiving
from course_utils.winograd import prepared

PAIR = ["animal_koala", "van_gogh_night_cafe"]


@pytest.fixture(scope="module")
def networks():
    """vgg19 with a memory: to read the weights takes longer than a small picture."""
    from course_utils.vgg import vgg19

    return functools.cache(vgg19)


@pytest.fixture(autouse=True)
def read_once(networks, monkeypatch):
    monkeypatch.setattr("course_utils.vgg.vgg19", networks)


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "course_utils", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        **options,
    )


@pytest.mark.process
def test_transfer_writes_the_same_bytes_again(tmp_path):
    first = command(
        "transfer",
        *PAIR,
        "-o",
        tmp_path / "a.png",
        "--size",
        64,
        "--evaluations",
        6,
        "--seed",
        5,
        "--start",
        "noise",
        "--device",
        "cpu",
    )
    assert first.returncode == 0 and "6/6" in first.stderr and "loss" in first.stderr and "done" in first.stdout
    quiet = command(
        "transfer",
        *PAIR,
        "-o",
        tmp_path / "b.png",
        "--size",
        64,
        "--evaluations",
        6,
        "--seed",
        5,
        "--start",
        "noise",
        "--quiet",
        "--device",
        "cpu",
    )
    assert quiet.returncode == 0 and quiet.stdout == quiet.stderr == ""
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert max(Image.open(tmp_path / "a.png").size) == 64


def paint(tmp_path, *options, content=PAIR[0], style=PAIR[1], output="out.png"):
    names = [str(content), str(style), "-o", str(tmp_path / output)]
    return main(["transfer", *names, "--size", "32", "--evaluations", "2", "--quiet", *options])


@pytest.mark.long
def test_options_change_the_picture(tmp_path):
    pictures = set()
    for name, options in {
        "plain": [],
        "strength": ["--style-strength", "1"],
        "weight": ["--style-weight", "0.001"],
        "variation": ["--variation-weight", "100000000"],
        "size": ["--size", "40"],
        "evaluations": ["--evaluations", "3"],
        "start": ["--start", "content"],
        "seed": ["--start", "noise"],
        "seed 1": ["--start", "noise", "--seed", "1"],
        "colours": ["--colours", "photo"],
        "pooling": ["--pooling", "max"],
    }.items():
        assert paint(tmp_path, *options, output=f"{name}.png") == 0
        pictures.add((tmp_path / f"{name}.png").read_bytes())
    assert len(pictures) == 11


def reported(tmp_path, capsys, output, *options):
    """(what the last line says, {name: loss}, its cost's losses of the file) of a small run."""
    names = [*PAIR, "-o", str(tmp_path / output), "--size", "32", "--evaluations", "3", "--device", "cpu"]
    assert main(["transfer", *names, *options]) == 0
    line = capsys.readouterr().out
    weight, total, content = map(float, re.search(r"style weight (\S+), loss (\S+) \(content ([^)]+)\)", line).groups())
    photo, painting = (load_image(name, 32) for name in PAIR)
    net = prepared(vgg.vgg19(pooling="average"), photo, ["relu5_1"])
    losses = painting_cost(net, photo, painting, style_weight=weight).losses(load_image(tmp_path / output))
    return line, {"total": total, "content": content}, losses


@pytest.mark.parametrize("ending", [ending for ending in FORMATS if ending not in (".jpeg", ".tiff")])
def test_the_loss_that_is_reported_is_that_of_the_file(tmp_path, capsys, ending):
    line, said, losses = reported(tmp_path, capsys, f"out{ending}")
    for name, value in said.items():
        assert value == pytest.approx(losses[name], rel=0.006)  # three digits
    assert ("before encoding" in line) == (ending in (".jpg", ".webp", ".avif"))


@pytest.mark.parametrize("options, same", [(["--style-weight", "0.01"], True), (["--style-strength", "0"], False)])
def test_a_weight_overrides_the_strength(tmp_path, capsys, options, same):
    line, _, _ = reported(tmp_path, capsys, "out.png", *options)
    assert ("style weight 0.01," in line) == same and ("style weight 0," in line) != same
    both, _, _ = reported(tmp_path, capsys, "out.png", "--style-weight", "0.01", "--style-strength", "3")
    assert "style weight 0.01," in both


@pytest.mark.long
def test_paths_work_as_well(tmp_path):
    Image.new("RGB", (60, 50), "teal").save(tmp_path / "mine.jpg")
    assert paint(tmp_path, content=tmp_path / "mine.jpg") == 0 and (tmp_path / "out.png").exists()


def bad_inputs(folder):
    (folder / "note.txt").write_text("no picture")
    (folder / "note.png").write_text("no picture either")
    Image.effect_noise((80, 80), 50).save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:1000])
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    (folder / "file").touch()
    (folder / "empty.png").touch()
    return {
        "missing": ({"content": folder / "nowhere.jpg"}, "no file"),
        "text": ({"content": folder / "note.txt"}, "not a picture"),
        "text named png": ({"style": folder / "note.png"}, "not a picture"),
        "cut": ({"content": folder / "cut.jpg"}, "cut off"),
        "dot": ({"content": folder / "dot.png"}, "1 × 1"),
        "name": ({"style": "van_gogh_sunflower"}, "no bundled picture"),
        "empty": ({"content": folder / "empty.png"}, "empty"),
        "folder": ({"content": folder}, "folder"),
        "nowhere to write": ({"output": "no/such/out.png"}, "does not exist"),
        "file as folder": ({"output": "file/out.png"}, "does not exist"),
        "format": ({"output": "out.tga"}, "let the name end in"),
        "folder as output": ({"output": "."}, "format|folder"),
        "device": ({"options": ["--device", "abacus"]}, "no device"),
        "meta": ({"options": ["--device", "meta"]}, "no device"),
        "small": ({"options": ["--size", "18"]}, "take a size of 22 or more"),
        "long name": ({"content": "x" * 300}, "cannot be read|no file"),
        "long output": ({"output": "x" * 300 + ".png"}, "cannot be written"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "missing",
        "text",
        "text named png",
        "cut",
        "dot",
        "name",
        "empty",
        "folder",
        "nowhere to write",
        "file as folder",
        "format",
        "folder as output",
        "device",
        "meta",
        "small",
        "long name",
        "long output",
    ],
)
def test_bad_input(tmp_path, capsys, case):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    arguments, message = bad_inputs(tmp_path / "in")[case]
    options = arguments.pop("options", [])
    if case == "file as folder":
        (tmp_path / "out" / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    assert paint(tmp_path / "out", *options, **arguments) == 2
    shown = capsys.readouterr()
    assert (
        re.search(message, shown.err)
        and shown.err.startswith("error: ")
        and shown.err.count("\n") == 1
        and shown.out == ""
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.process
def test_bad_input_as_a_process(tmp_path):
    result = command("transfer", "nowhere.jpg", PAIR[1], "-o", tmp_path / "out.png")
    assert result.returncode == 2 and "Traceback" not in result.stderr and os.listdir(tmp_path) == []


def test_unwritable_place(tmp_path, capsys, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("course_utils.files.tempfile.TemporaryFile", refuse)  # root may write anywhere
    assert paint(tmp_path) == 2 and "Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--size", "0"],
        ["--size", "200000"],
        ["--seed", "-1"],
        ["--seed", "1" + "0" * 20],
        ["--size", "٦٤"],
        ["--size", "６４"],
        ["--size", "²"],
        ["--size", "64.0"],
        ["--size", ""],
        ["--size", "9" * 5000],
        ["--evaluations", "many"],
        ["--evaluations", "٣"],
        ["--style-weight", "-1"],
        ["--style-strength", "-1"],
        ["--style-strength", "inf"],
        ["--style-weight", "nan"],
        ["--variation-weight", "-1"],
        ["--style-weight", "٠"],
        ["--style-weight", ""],
        ["--start", "blue"],
        ["--no-such-option"],
    ],
    ids=lambda words: " ".join(words)[:30],
)
def test_bad_options(tmp_path, capsys, options, tally):
    with pytest.raises(SystemExit) as end:
        paint(tmp_path, *options)
    assert end.value.code == 2 and "error:" in capsys.readouterr().err and os.listdir(tmp_path) == []
    tally("options of commands")


@pytest.mark.parametrize("port", ["0", "-1", "80000", "65536", "8888.0", "٨٨٨٨", "http", ""])
def test_bad_ports(capsys, monkeypatch, port, tally):
    monkeypatch.setattr("course_utils.commands.lab.run", lambda options: pytest.fail("the server was started"))
    with pytest.raises(SystemExit) as end:
        main(["lab", f"--port={port}"])
    assert end.value.code == 2 and "is not a whole number from 1 to" in capsys.readouterr().err
    tally("options of commands")


@pytest.mark.parametrize(
    "words, meant",
    [
        (["--colors", "photo"], "--colours"),
        (["--COLOURS=photo"], "--colours"),
        (["--style_weight", "1"], "--style-weight"),
        (["--qiet"], "--quiet"),
        (["--zzz"], None),
    ],
)
def test_unknown_options_get_a_suggestion(capsys, words, meant, tally):
    with pytest.raises(SystemExit) as end:
        main(["transfer", *PAIR, "-o", "out.png", *words])
    last = capsys.readouterr().err.splitlines()[-1]
    assert (
        end.value.code == 2
        and f"unrecognized arguments: {' '.join(words)}" in last
        and last.endswith(f"(did you mean {meant}?)") == (meant is not None)
    )
    tally("options of commands")


def test_not_finite_writes_the_last_good_picture(tmp_path, capsys, break_cost):
    break_cost(3, float("inf"))
    assert paint(tmp_path, "--evaluations", "3") == 1
    assert "The last good picture is in" in capsys.readouterr().err and (tmp_path / "out.png").exists()


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
@pytest.mark.parametrize("presses", [1, 5])
def test_ctrl_c_writes_the_best_picture(tmp_path, presses):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "course_utils",
            "transfer",
            *PAIR,
            "-o",
            str(tmp_path / "out.png"),
            "--size",
            "96",
            "--evaluations",
            "5000",
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    seen = ""
    while "loss" not in seen and process.poll() is None:
        seen += process.stderr.read(40)
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    out, _ = process.communicate()
    assert process.returncode == 0 and "stopped early" in out and Image.open(tmp_path / "out.png").size[0] > 0


@pytest.mark.parametrize("moment", ["course_utils.images.load_image", "course_utils.vgg.vgg19"])
def test_ctrl_c_before_there_is_a_picture(tmp_path, capsys, monkeypatch, moment):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(moment, interrupt)
    assert paint(tmp_path) == 130 and "Interrupted" in capsys.readouterr().err and os.listdir(tmp_path) == []


@pytest.mark.parametrize("pressed", [True, False])
def test_ctrl_c_that_became_another_error(capsys, monkeypatch, pressed):
    """As NumPy does while it is imported; without Ctrl-C the error is one."""
    monkeypatch.setattr(__main__, "PRESSED", [])

    def convert(options):
        try:
            if pressed:
                __main__._press()
        except KeyboardInterrupt:
            pass
        raise ImportError("cannot load module more than once per process")

    monkeypatch.setattr("course_utils.commands.test.run", convert)
    if pressed:
        assert main(["test"]) == 130 and "Interrupted" in capsys.readouterr().err
    else:
        with pytest.raises(ImportError):
            main(["test"])


def test_what_the_set_up_tells_its_child_does_not_leak(monkeypatch):
    """A terminal inside JupyterLab must set up for itself."""
    monkeypatch.setenv("COURSE_UTILS_SET_UP", "1")
    monkeypatch.setattr(
        "course_utils.commands.test.run", lambda options: 0 if "COURSE_UTILS_SET_UP" not in os.environ else 1
    )
    assert main(["test"]) == 0


# --- what is written, and what must not be -------------------------------------------------------------------------


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names_of(picture, folder):
    """{kind: another way to name the same file}"""
    (folder / "sub").mkdir()
    (folder / "link.png").symlink_to(picture)
    (folder / "linked").symlink_to(folder)
    os.link(picture, folder / "hard.png")
    return {
        "itself": picture,
        "a detour": folder / "sub" / ".." / picture.name,
        "a link": folder / "link.png",
        "a folder's link": folder / "linked" / picture.name,
        "a hard link": folder / "hard.png",
    }


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("role", ["content", "style"])
@pytest.mark.parametrize("kind", ["itself", "a detour", "a link", "a folder's link", "a hard link"])
def test_an_input_is_not_written_over(tmp_path, capsys, monkeypatch, role, kind, tally):
    Image.effect_noise((40, 40), 50).save(tmp_path / "mine.png")
    output = names_of(tmp_path / "mine.png", tmp_path)[kind]
    before = contents(tmp_path)
    monkeypatch.setattr("course_utils.images.load_image", lambda *_, **__: pytest.fail("work began"))
    assert paint(tmp_path, **{role: tmp_path / "mine.png"}, output=output) == 2
    assert re.fullmatch(r"error: '.*' is the picture '.*' itself, which would be lost: .*\n", capsys.readouterr().err)
    assert contents(tmp_path) == before
    tally("outputs that name inputs")


@pytest.mark.parametrize("ending", STATE_ENDINGS)
def test_the_state_is_not_written_over_an_input(tmp_path, capsys, ending, tally):
    Image.effect_noise((40, 40), 50).save(photo := tmp_path / f"out.png{ending}", "png")
    before = contents(tmp_path)
    assert (
        paint(tmp_path, content=photo) == 2
        and "which would be lost" in capsys.readouterr().err
        and contents(tmp_path) == before
    )
    tally("outputs that name inputs")


def test_a_bundled_picture_is_not_written_over(tmp_path, capsys, monkeypatch):
    Image.effect_noise((40, 40), 50).save(tmp_path / "a.png")
    monkeypatch.setattr("course_utils.images.DATA", tmp_path)
    monkeypatch.setattr("course_utils.images.catalogue", lambda: {"mine": {"file": "a.png"}})
    assert (
        paint(tmp_path, content="mine", output="a.png") == 2
        and "is the picture 'mine' itself" in capsys.readouterr().err
    )


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out.png").symlink_to(tmp_path / "real" / "target.png")  # not there yet, then there
    for _ in range(2):
        assert paint(tmp_path) == 0 and (tmp_path / "out.png").is_symlink()
        assert max(Image.open(tmp_path / "real" / "target.png").size) == 32 and os.listdir(tmp_path / "real") == [
            "target.png"
        ]
    assert sorted(os.listdir(tmp_path)) == ["out.png", "real"]


@pytest.mark.parametrize("length", [244, 245, 247, 251, 252, 255])
def test_long_names_of_outputs(tmp_path, capsys, length, tally):
    """The state beside the picture has a longer name still."""
    name = "x" * (length - 4) + ".png"
    code = paint(tmp_path, output=name)
    assert (
        code == 0
        and os.listdir(tmp_path) == [name]
        or code == 2
        and os.listdir(tmp_path) == []
        and "give a shorter name" in capsys.readouterr().err
    )
    assert code == 2 or length <= 244
    tally("options of commands")


def test_a_second_run_with_the_same_output_is_refused(tmp_path, capsys):
    """Its state would replace that of the first, and at its end it would take away that of the first."""
    for name, text in (("out.png.state", "the state of the first run"), ("out.png.state.new", "half of the next")):
        (tmp_path / name).write_text(text)
    with alone(tmp_path / "out.png.state.lock", None, None):
        before = contents(tmp_path)
        for options in ([], ["--resume"]):
            assert paint(tmp_path, *options) == 2
            assert (
                re.fullmatch(r"error: Another run is painting '.*': .*\n", capsys.readouterr().err)
                and contents(tmp_path) == before
            )
    assert paint(tmp_path, output="other.png") == 0
    assert not (tmp_path / "out.png.state.lock").exists()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("command", ["transfer", "means"])
def test_too_little_memory_is_one_sentence(tmp_path, capsys, monkeypatch, error, command):
    def fail(*_, **__):
        raise error

    place = "transfer.paint" if command == "transfer" else "over_pictures.network"
    monkeypatch.setattr(f"course_utils.commands.{place}", fail)
    output = tmp_path / ("o.png" if command == "transfer" else "o.json")
    assert (
        main(
            [
                command,
                *(PAIR if command == "transfer" else [str(ROOT / "data" / "photos")]),
                "-o",
                str(output),
                "--size",
                "64",
            ]
        )
        == 2
    )
    assert (
        capsys.readouterr().err == "error: The memory is not enough for 64 pixels: take a smaller --size.\n"
        and os.listdir(tmp_path) == []
    )


def test_another_error_is_not_blamed_on_the_memory(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Expected all tensors to be on the same device")

    monkeypatch.setattr("course_utils.commands.transfer.paint", fail)
    with pytest.raises(RuntimeError, match="same device"):
        paint(tmp_path)


@pytest.mark.parametrize("command, name", [("means", "m.json"), ("top", "t.npz")])
def test_subfolders_are_left_out_and_counted(tmp_path, capsys, monkeypatch, net, command, name):
    """Nor does a variable of some cluster make this one process a part of many."""
    monkeypatch.setattr("course_utils.commands.over_pictures.network", lambda: net)
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "8")
    for place in ("a/1.png", "a/b/2.png", "a/b/3.JPG", "a/b/c/4.png", "a/b/notes.txt", "empty/d/5.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), "teal").save(tmp_path / place, "png")

    def run(folder, *more):
        code = main(
            [command, *(str(tmp_path / place) for place in (folder, *more)), "-o", str(tmp_path / name), "--size", "16"]
        )
        return code, *capsys.readouterr()

    code, out, err = run("a")
    assert (
        code == 0
        and "over 1 pictures" in out
        and "note: 3 pictures in subfolders will be left out: name each folder" in err
    )
    code, out, err = run("empty")
    assert code == 2 and "no picture in the folder" in err and "its subfolders, with 1 of them, do not count" in err
    if command == "means":
        code, out, err = run("a", "a/b", "a/b/c")
        assert code == 0 and "over 4 pictures" in out and "subfolders" not in err
        (tmp_path / name).unlink()
        (tmp_path / name).symlink_to(tmp_path / "a" / "1.png")
        assert run("a")[0] == 2 and Image.open(tmp_path / "a" / "1.png").size == (20, 20)


# --- what the terminal cannot show or does not take ----------------------------------------------------------------


class Raw:
    def __init__(self, result):
        self.result = result

    def write(self, data):
        if isinstance(self.result, OSError):
            raise self.result
        return self.result


@pytest.mark.parametrize(
    "result, written", [(BrokenPipeError(), 3), (OSError(28, "No space left on device"), 3), (None, 3), (2, 2), (3, 3)]
)
def test_what_is_not_taken_is_lost(result, written):
    assert _Forgiving(Raw(result)).write(b"abc") == written


SHOW = (
    "import sys; from tqdm import tqdm; from course_utils.terminal import forgive; forgive(); "
    r"print('32 × 24, 日本.png, \udcff'); list(tqdm(range(3), desc='日本')); "
    r"print('× \udcff', file=sys.stderr); open('file', 'w').write('mine'); print('end')"
)


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
@pytest.mark.parametrize(
    "where, encoding, shown",
    [
        ("", "ascii", rb"32 \? 24, \?\?.png, \?\nend\n"),
        ("", "cp1251", rb"32 \? 24, \?\?.png, \?\nend\n"),
        ("", "utf-8", "32 × 24, 日本.png, \\?\nend\n".encode()),
        ("| true", "utf-8", b""),
        ("2>&1 | true", "utf-8", b""),
        (">/dev/full", "utf-8", b""),
        (">/dev/full 2>/dev/full", "ascii", b""),
        (">&-", "utf-8", b""),
        ("2>&-", "utf-8", b"(?s).*end\n"),
        (">&- 2>&- <&-", "utf-8", b""),
    ],
)
def test_a_failed_print_is_no_failed_run(tmp_path, where, encoding, shown, tally):
    if "/dev/full" in where and not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    for flag in ("", "-u"):
        result = subprocess.run(
            ["bash", "-c", f'"{sys.executable}" {flag} -c "$SHOW" {where}; echo code ${{PIPESTATUS[0]}} >code'],
            cwd=tmp_path,
            capture_output=True,
            env={**os.environ, "SHOW": SHOW, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        )
        assert (
            (tmp_path / "code").read_text() == "code 0\n"
            and b"Error" not in result.stderr
            and re.fullmatch(shown, result.stdout)
        ), result
        assert (tmp_path / "file").read_text() == "mine"  # a closed stderr lends its number to no other file
        tally("terminals")


@pytest.mark.process
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_picture_is_painted_though_nothing_can_be_shown(tmp_path):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "course_utils",
                "transfer",
                *PAIR,
                "-o",
                tmp_path / "日本 ×.png",
                "--size",
                "32",
                "--evaluations",
                "1",
            ],
            cwd=ROOT,
            stdout=full,
            stderr=full,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
    assert result.returncode == 0 and os.listdir(tmp_path) == ["日本 ×.png"]


# --- the server ----------------------------------------------------------------------------------------------------

HOSTILE = """
c = get_config()
for section in c.ServerApp, c.LabApp, c.NotebookApp:
    section.ip, section.sock, section.token = "0.0.0.0", "/no/such/socket", ""
for section in c.IdentityProvider, c.PasswordIdentityProvider, c.OwnToken:
    section.token = ""
c.ServerApp.identity_provider_class = "jupyter_server.auth.identity.IdentityProvider"
c.ServerApp.tornado_settings = {"websocket_max_message_size": 1}
"""


def test_lab_where_the_copies_cannot_be_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("course_utils.copies.renew.__defaults__", (tmp_path / "no" / "folder", tmp_path))
    monkeypatch.setattr("course_utils.commands.lab.go_on_as", lambda *_: pytest.fail("the server was started"))
    assert main(["lab"]) == 2 and capsys.readouterr().err.startswith("error: The lessons cannot be copied to")


@pytest.mark.parametrize("variable", ["JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"])
def test_lab_where_jupyter_cannot_write(tmp_path, capsys, monkeypatch, variable):
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "file" / "jupyter"))
    monkeypatch.setattr("course_utils.commands.lab.go_on_as", lambda *_: pytest.fail("the server was started"))
    assert main(["lab"]) == 2 and re.fullmatch(
        r"error: JupyterLab cannot write to the folder '.*' \(.*\): .*\n", capsys.readouterr().err
    )


def test_the_last_word_about_the_server():
    from jupyter_server.serverapp import ServerApp

    from course_utils.server import OwnToken

    app = ServerApp(
        ip="0.0.0.0",
        sock="/no/such/socket",
        tornado_settings={"headers": {"X-Mine": "1"}, "websocket_max_message_size": 1},
    )
    user = OwnToken(parent=app)
    assert (app.ip, app.sock, app.tornado_settings["headers"]) == ("127.0.0.1", "", {"X-Mine": "1"})
    assert (
        app.tornado_settings["websocket_max_message_size"] >= 2 * 64 * 2**20
    )  # the largest photo, with room for its copy
    user.token, user.token_generated = "", False
    assert len(user.token) == 48 and user.token_generated and user.auth_enabled


def refused(address):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(address)
    return error.value.code in (401, 403)


@pytest.mark.process
def test_lab_serves_lesson_0_to_this_machine_alone(tmp_path, monkeypatch):
    """With a token, whatever the user's settings say; two at once go to two ports and know their own token only."""
    for name in ("jupyter_config", "jupyter_server_config", "jupyter_lab_config", "jupyter_notebook_config"):
        (tmp_path / f"{name}.py").write_text(HOSTILE)
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["/no/such/python", "{connection_file}"], "display_name": "Gone", "language": "python"}'
    )
    for name, value in {
        "JUPYTER_CONFIG_PATH": str(tmp_path),
        "JUPYTER_PATH": str(tmp_path),
        "JUPYTER_TOKEN": "",
    }.items():
        monkeypatch.setenv(name, value)
    with browser.lab("--port", "8931") as address, browser.lab("--port", "8931", "--results") as other:
        assert "/lab/tree/notebooks/00_start_here.ipynb?" in other
        base, token = re.match(
            r"(http://127\.0\.0\.1:\d+)/lab/tree/my_lessons/00_start_here.ipynb\?token=(\w{48})$", address
        ).groups()
        assert "<title>JupyterLab</title>" in urllib.request.urlopen(address).read().decode()
        contents = json.load(
            urllib.request.urlopen(f"{base}/api/contents/my_lessons/00_start_here.ipynb?token={token}")
        )
        assert contents["content"]["cells"][0]["source"].startswith("# Lesson 0")
        assert not any(cell.get("outputs") for cell in contents["content"]["cells"])
        exported = f"{base}/nbconvert/html/my_lessons/00_start_here.ipynb?token={token}"  # Save and Export as HTML
        exported = urllib.request.urlopen(exported).read().decode()
        assert "<math " in exported and not re.search(r"<script[^>]*src", exported)
        kernels = json.load(urllib.request.urlopen(f"{base}/api/kernelspecs?token={token}"))["kernelspecs"]
        assert kernels["python3"]["spec"]["argv"][0] == "python"
        for path in ("contents", "kernels", "kernelspecs", "terminals"):
            assert (
                refused(f"{base}/api/{path}")
                and refused(f"{base}/api/{path}?token=")
                and refused(f"{base}/api/{path}?token={other[-48:]}")
            )
        assert other.partition("/lab")[0] != base
        port = int(base.rpartition(":")[2])
        for family, _, _, _, place in socket.getaddrinfo(socket.gethostname(), port, type=socket.SOCK_STREAM):
            if not place[0].startswith("127.") and place[0] != "::1":
                with socket.socket(family, socket.SOCK_STREAM) as connection:
                    assert connection.connect_ex(place) != 0, place


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A function that writes a small notebook; the user's own kernel of the name is of a Python that is gone."""
    monkeypatch.setattr(notebooks, "BUILD", tmp_path / "build")
    gone = tmp_path / "kernels" / "python3"
    gone.mkdir(parents=True)
    (gone / "kernel.json").write_text(
        '{"argv": ["/no/such/python", "{connection_file}"], "display_name": "Gone", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", "")

    def write(*sources):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        path = tmp_path / "small.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


@pytest.mark.process
@pytest.mark.parametrize("moment", ["on_notebook_start", "on_cell_executed", "on_notebook_complete"])
def test_ctrl_c_ends_the_kernel(notebook, monkeypatch, capfd, moment):
    """Whenever it comes, and even if it is pressed twice."""
    make, seen = notebooks.NotebookClient, []

    def client(*arguments, km, **options):
        seen.append(km)
        hooks = {**options, moment: lambda **_: [signal.raise_signal(signal.SIGINT) for _ in range(2)]}
        return make(*arguments, km=km, **hooks)

    monkeypatch.setattr(notebooks, "NotebookClient", client)
    handler = signal.getsignal(signal.SIGINT)
    assert main(["run", str(notebook("1"))]) == 130
    assert [manager.has_kernel for manager in seen] == [False] and signal.getsignal(signal.SIGINT) is handler
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.process
def test_run_outside_the_main_thread(notebook, tmp_path):
    """There no signal arrives."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, ["run", str(notebook("print(6 * 7)"))]).result() == 0
    assert "42" in (tmp_path / "build" / "notebooks" / "small.ipynb").read_text(encoding="utf-8")


@pytest.mark.process
def test_run_is_reproducible(notebook, tmp_path):
    path = notebook(
        "print('hello')", "import ipywidgets, time; ipywidgets.IntSlider()", "import course_utils; time.time() > 0"
    )
    assert main(["run", str(path)]) == 0
    assert (
        "outputs" not in json.loads(path.read_text())["cells"][0]
        or json.loads(path.read_text())["cells"][0]["outputs"] == []
    )
    built = (tmp_path / "build" / "notebooks" / "small.ipynb").read_bytes()
    assert main(["run", "--in-place", str(path)]) == 0
    assert path.read_bytes() == built and b"hello" in built and b"model_id" not in built
    time.sleep(0.01)
    assert main(["run", "--in-place", str(path)]) == 0 and path.read_bytes() == built


@pytest.mark.process
def test_run_says_what_failed(notebook, tmp_path, capsys):
    path = notebook("a = 1", "b = a / 0", "c = 2")
    executed = nbformat.read(path, as_version=4)
    for count, cell in enumerate(executed.cells, start=1):  # as our notebooks are stored
        cell.execution_count = count
    nbformat.write(executed, path)
    before = path.read_bytes()
    assert main(["run", "--in-place", str(path)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "small.ipynb, code cell 2: ZeroDivisionError" in error and path.read_bytes() == before
    assert (tmp_path / "build" / "notebooks" / "small.ipynb").exists()


def test_run_chooses_by_the_beginning_of_names(capsys):
    assert [path.stem for path in notebooks.select(["06"])] == ["06_style_transfer"]
    assert [path.stem for path in notebooks.select()][0] == "00_start_here"
    assert [path.stem for path in notebooks.select(["06", "06_style"])] == ["06_style_transfer"]


@pytest.mark.parametrize(
    "name",
    ["99", "", ".", "..", "/", "notebooks", "elsewhere/06_style_transfer.ipynb", "../06", "~", "*", "0" * 300, "0\0"],
)
def test_run_refuses_other_names(capsys, monkeypatch, name, tally):
    """A name that is no file's is the beginning of one of ours, and leads to no other folder."""
    monkeypatch.setattr(notebooks, "execute", lambda *_, **__: pytest.fail("a notebook was run"))
    assert main(["run", name]) == 2
    assert capsys.readouterr().err.startswith(f"error: There is no notebook '{name}': choose from 00_start_here")
    tally("options of commands")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Kernel died before replying to kernel_info"),
        FileNotFoundError(2, "No such file", "/no/such/python"),
        PermissionError(13, "Permission denied"),
        NoSuchKernel("python3"),
    ],
)
def test_run_with_a_kernel_that_does_not_start(notebook, tmp_path, capsys, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(notebooks.kernels, "run", fail)
    path = notebook("a = 1")
    before = path.read_bytes()
    assert main(["run", "--in-place", str(path)]) == 1
    assert (
        "error: small.ipynb: the kernel did not start (" in capsys.readouterr().err.splitlines()[-1]
        and path.read_bytes() == before
    )


@pytest.mark.parametrize("in_place", [[], ["--in-place"]])
def test_run_where_the_result_cannot_be_written(notebook, tmp_path, capsys, monkeypatch, in_place):
    def fail(path, contents):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notebooks.kernels, "run", lambda *_: None)
    monkeypatch.setattr(notebooks, "replace_file", fail)
    path = notebook("a = 1")
    before = path.read_bytes()
    assert main(["run", *in_place, str(path)]) == 1
    assert (
        "cannot be written (No space left on device)" in capsys.readouterr().err.splitlines()[-1]
        and path.read_bytes() == before
    )


@pytest.mark.parametrize(
    "content", ["# no notebook", "{}", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}']
)
def test_run_refuses_what_is_no_notebook(tmp_path, capsys, content):
    (tmp_path / "a.ipynb").write_text(content)
    assert main(["run", str(tmp_path / "a.ipynb")]) == 2 and "is not a notebook" in capsys.readouterr().err
