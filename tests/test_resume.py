"""Checkpoint and resume: whatever stops a run, and whenever, the resumed one ends in the same picture, to the bit."""

import os
import re
import signal
from types import SimpleNamespace

import pytest
import torch

from course_utils import checkpoint as module
from course_utils.__main__ import main
from course_utils.checkpoint import Checkpoint, Progress, StateError
from course_utils.cost import Cost
from course_utils.descent import inverse_frequency, projected_lbfgs
from course_utils.images import load_image
from course_utils.transfer import transfer
from course_utils.vgg import vgg19

PAIR = ["animal_koala", "van_gogh_night_cafe"]
CPU = torch.device("cpu")
OPTIONS = {"evaluations": 5, "start": "noise", "seed": 3, "device": "cpu"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """On a busy machine two threads spend their time waiting for each other."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


@pytest.fixture(scope="module")
def small():
    return load_image(PAIR[0], 32), load_image(PAIR[1], 32)


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "out.png.state"
    assert not list(tmp_path.glob("*.new")) and not list(tmp_path.glob(".new*"))


@pytest.fixture(scope="module")
def state(net, small, tmp_path_factory):
    """The state of a run that was stopped after two evaluations."""
    path = tmp_path_factory.mktemp("state") / "out.png.state"
    transfer(*small, **OPTIONS, net=net, checkpoint=Checkpoint(path), on_state=lambda state: state.evaluations == 2)
    return path.read_bytes()


@pytest.fixture
def stopped(state, path):
    path.write_bytes(state)
    return path


def same(one, other):
    """Equal to the bit: nested tuples of tensors, numbers and dictionaries."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other) and one.stride() == other.stride()
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


# --- the descent -----------------------------------------------------------------------------------------------


def corners(image):
    """Full of corners and ripples: steps are taken back, and the memory is emptied."""
    x = image - 0.37
    return (x.abs() + 0.3 * torch.cos(40 * image)).sum().item(), x.sign() - 12 * torch.sin(40 * image), {"total": 0.5}


def test_the_descent_goes_on_to_the_same_bits(path):
    start = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    Q = inverse_frequency(start.shape)
    points = list(projected_lbfgs(corners, start, 40, precondition=Q))
    assert len(points) == 40 and any(point.step < 1 for point in points)
    assert any(len(later.pairs) < len(earlier.pairs) for earlier, later in zip(points, points[1:]))
    for point in points:
        file = Checkpoint(path, resume=True, say=lambda sentence: None)
        file.begin({}, CPU)
        file.write(Progress(point, False, 1.5, [(point.evaluations, point.record)]))
        loaded, led, seconds, history = file.begin({}, CPU)
        assert (
            same(loaded, point) and led is False and seconds == 1.5 and history == [(point.evaluations, {"total": 0.5})]
        )
        following = list(projected_lbfgs(corners, loaded, min(point.evaluations + 4, 40), precondition=Q))
        assert same(tuple(following), tuple(points[point.evaluations : point.evaluations + 4]))


# --- the transfer ----------------------------------------------------------------------------------------------


@pytest.mark.long
def test_stopped_after_any_evaluation(net, small, path):
    whole = transfer(*small, **OPTIONS, net=net)
    for last in (1, 2, 4, 5):
        part = transfer(
            *small, **OPTIONS, net=net, checkpoint=Checkpoint(path), on_state=lambda state: state.evaluations == last
        )
        said, seen = [], []
        rest = transfer(
            *small, **OPTIONS, net=net, checkpoint=Checkpoint(path, resume=True, say=said.append), on_state=seen.append
        )
        assert part.stopped and not rest.stopped and [state.evaluations for state in seen] == list(range(last + 1, 6))
        assert same(
            (rest.image, rest.losses, rest.history, rest.evaluations), (whole.image, whole.losses, whole.history, 5)
        )
        assert rest.seconds > part.seconds and all(state.seconds > part.seconds for state in seen)
        assert len(said) == 1 and f"after {last} evaluations" in said[0]
        path.unlink()


@pytest.mark.long
def test_any_number_of_evaluations(net, small, stopped):
    longer = {**OPTIONS, "evaluations": 7}
    assert same(
        transfer(*small, **longer, net=net, checkpoint=Checkpoint(stopped, resume=True)).image,
        transfer(*small, **longer, net=net).image,
    )
    fewer = transfer(*small, **{**OPTIONS, "evaluations": 1}, net=net, checkpoint=Checkpoint(stopped, resume=True))
    assert fewer.evaluations == 2 and not fewer.stopped


def test_ctrl_c_at_once_keeps_what_there_was(net, small, stopped, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Cost, "__call__", interrupt)
        result = transfer(*small, **OPTIONS, net=net, checkpoint=Checkpoint(stopped, resume=True))
    assert result.stopped and result.evaluations == 2
    assert transfer(*small, **OPTIONS, net=net, checkpoint=Checkpoint(stopped, resume=True)).evaluations == 5


def progress():
    picture = torch.rand(1, 3, 16, 16)
    return Progress(next(projected_lbfgs(corners, picture, 1)), True, 1.0, [])


def test_now_and_then(path, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(module, "time", clock)
    rare, often = Checkpoint(path, every=1000), Checkpoint(path, every=0)
    for checkpoint in (rare, often):
        checkpoint.begin({}, CPU)
        checkpoint.offer(progress())
        assert path.exists() == (checkpoint is often)
    # a slow disk: at most a fiftieth of the time
    monkeypatch.setattr(module.os, "fsync", lambda file: setattr(clock, "now", clock.now + 0.2))
    often.write(progress())
    for clock.now, written in ((10.1, False), (10.3, True)):
        path.unlink(missing_ok=True)
        often.offer(progress())
        assert path.exists() == written
    rare.offer(progress())
    assert rare.ours is False
    clock.now = 1000.5
    rare.offer(progress())
    assert rare.ours


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_writing_leaves_the_state_before(path, monkeypatch, error):
    said = []
    checkpoint = Checkpoint(path, say=said.append)
    checkpoint.begin({}, CPU)
    checkpoint.write(progress())
    before = path.read_bytes()

    def fail(_):
        raise error

    monkeypatch.setattr(module.os, "fsync", fail)
    if isinstance(error, OSError):
        checkpoint.write(progress())
        assert "No space left on device" in said[-1] and "make room" in said[-1]
    else:
        with pytest.raises(KeyboardInterrupt):
            checkpoint.write(progress())
    assert path.read_bytes() == before


def test_what_a_kill_leaves_is_written_over_and_removed(path):
    leftover = path.with_name(path.name + ".new")
    leftover.write_text("half a state")
    checkpoint = Checkpoint(path, resume=True, say=lambda sentence: None)
    assert checkpoint.begin({}, CPU).point is None
    checkpoint.write(progress())
    assert not leftover.exists()
    leftover.write_text("half a state")
    checkpoint.remove()
    assert not leftover.exists() and not path.exists()


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, message",
    [
        ("photo", r"photo: \d+ × 32 pixels #\w+ there, \d+ × 32 pixels #\w+ here"),
        ("painting", r"painting: "),
        ({"seed": 4}, "start: noise of seed 3 there, noise of seed 4 here"),
        ({"start": "colour"}, "start: noise of seed 3 there, colour here"),
        ({"start": torch.zeros(1)}, "start: .* #"),
        ({"style_weight": 0.1}, "style weight: 1.0 there, 0.1 here"),
        ({"content_weight": 2}, "content weight: 1.0 there, 2.0 here"),
        ({"style_layers": {"relu1_1": 2.0}}, "style layers: relu1_1 0.97.*there, relu1_1 2.0 here"),
        ({"colours": "photo"}, "colours: painting there, photo here"),
        ("network", "network: "),
    ],
    ids=str,
)
def test_another_run_is_refused(net, small, stopped, change, message):
    content, style = small
    options, before = {**OPTIONS, "net": net}, stopped.read_bytes()
    if isinstance(change, dict):
        options.update(change)
        if isinstance(options.get("start"), torch.Tensor):
            options["start"] = torch.full_like(content, 0.5)
    elif change == "network":
        options["net"] = vgg19(pooling="average")
    else:
        content, style = (content.flip(3), style) if change == "photo" else (content, style.flip(3))
    with pytest.raises(StateError, match=message) as caught:
        transfer(content, style, **options, checkpoint=Checkpoint(stopped, resume=True))
    assert str(caught.value).count(" there, ") == 1 and "give the same pictures and options" in str(caught.value)
    assert stopped.read_bytes() == before


def test_the_seed_counts_where_it_is_used(net, small, path):
    options = {**OPTIONS, "start": "content", "evaluations": 3}
    transfer(*small, **options, net=net, checkpoint=Checkpoint(path), on_state=lambda state: True)
    assert (
        transfer(*small, **{**options, "seed": 8}, net=net, checkpoint=Checkpoint(path, resume=True)).evaluations == 3
    )


def test_other_arithmetic_is_told(net, small, stopped, monkeypatch):
    monkeypatch.setattr(module, "arithmetic", lambda device: {"PyTorch": "1.0", "threads": 99})
    said = []
    assert (
        transfer(*small, **OPTIONS, net=net, checkpoint=Checkpoint(stopped, resume=True, say=said.append)).evaluations
        == 5
    )
    assert "there, 1.0 here" in said[0] and "threads" in said[0] and "not be the same to the last bit" in said[0]


def damage(path, how):
    whole = path.read_bytes()
    if how == "other version":
        torch.save({**torch.load(path, weights_only=True), "format": "style transfer state 0"}, path)
    elif how == "other contents":
        torch.save([1, 2, 3], path)
    elif how == "code":
        torch.save({"format": Checkpoint}, path)  # unpickling what is not data is refused
    elif how == "folder":
        path.unlink()
        path.mkdir()
    else:
        middle = len(whole) // 2
        path.write_bytes(
            {
                "cut off": whole[:middle],
                "empty": b"",
                "text": b"no state",
                "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            }[how]
        )


@pytest.mark.parametrize(
    "how, message",
    [
        ("cut off", "damaged"),
        ("empty", "damaged"),
        ("text", "damaged"),
        ("one bit", "damaged"),
        ("code", "damaged"),
        ("other version", "no state of this version"),
        ("other contents", "no state of this version"),
        ("folder", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused(net, small, stopped, how, message):
    damage(stopped, how)
    with pytest.raises(StateError, match=message) as caught:
        transfer(*small, **OPTIONS, net=net, checkpoint=Checkpoint(stopped, resume=True))
    assert "begin anew" in str(caught.value) and "\n" not in str(caught.value)


# --- the command -----------------------------------------------------------------------------------------------


def paint(folder, *options):
    return main(
        [
            "transfer",
            *PAIR,
            "-o",
            str(folder / "out.png"),
            "--size",
            "32",
            "--evaluations",
            "5",
            "--device",
            "cpu",
            *options,
        ]
    )


@pytest.mark.long
def test_ctrl_c_and_resume(tmp_path, path, capsys, monkeypatch):
    usual, original, calls = signal.getsignal(signal.SIGINT), Cost.__call__, []

    def third(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return original(*arguments)

    assert paint(tmp_path) == 0 and os.listdir(tmp_path) == ["out.png"]
    whole = (tmp_path / "out.png").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Cost, "__call__", third)
        try:
            assert paint(tmp_path) == 0
        finally:
            signal.signal(signal.SIGINT, usual)
    assert "stopped early" in (out := capsys.readouterr().out) and out.endswith(
        "the same command with --resume goes on\n"
    )
    assert path.exists() and (tmp_path / "out.png").read_bytes() != whole

    before = path.read_bytes()  # a run without --resume: told at the start, left as it is until a state is due
    assert paint(tmp_path, "--quiet") == 0 and path.read_bytes() == before
    assert "holds an earlier run" in capsys.readouterr().err

    assert paint(tmp_path, "--resume", "--style-weight", "0.5") == 2
    assert (
        "error: '" in (error := capsys.readouterr().err)
        and re.search(r"style weight: [\d.]+ there, 0.5 here", error)
        and path.read_bytes() == before
    )

    (tmp_path / "out.png").unlink()
    assert paint(tmp_path, "--resume") == 0 and os.listdir(tmp_path) == ["out.png"]
    assert (tmp_path / "out.png").read_bytes() == whole
    assert (
        "after 3 evaluations" in (shown := capsys.readouterr()).err
        and "done" in shown.out
        and "5 evaluations" in shown.out
    )


def test_resume_without_a_state_begins_at_the_beginning(tmp_path, capsys):
    assert paint(tmp_path, "--resume", "--quiet") == 0 and os.listdir(tmp_path) == ["out.png"]
    assert "to go on from: this run begins at the beginning" in capsys.readouterr().err


def test_a_damaged_state_is_one_sentence(tmp_path, path, capsys):
    path.write_text("no state")
    assert paint(tmp_path, "--resume", "--quiet") == 2
    assert (shown := capsys.readouterr().err).startswith("error: ") and shown.count("\n") == 1 and "begin anew" in shown
    assert os.listdir(tmp_path) == [path.name]
