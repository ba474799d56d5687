"""A folder is written as one: all of it or nothing, and what others have changed or made stays."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from course_utils import trees
from course_utils.lock import alone

OLD = {"a.txt": b"a", "same.txt": b"same", "sub/b.txt": b"b", "sub/gone.txt": b"gone"}
NEW = {"a.txt": b"a2", "same.txt": b"same", "sub/b.txt": b"b2", "new/deep/c.txt": b"c"}


def inside(folder):
    """{path: contents} of all files below, hidden ones included, and {path: None} for folders that are empty."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found


def of(files, folder):
    """What is in a folder that was written afresh with these files; the folder is removed again."""
    trees.write(folder, files)
    found = inside(folder)
    folder.rename(folder.with_name(f"{folder.name} of before"))
    return found


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """These tests write hundreds of small files, and none of them cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def whole(tmp_path):
    """{edition: what a folder with it holds}."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    return {name: of(files, place / name) for name, files in (("old", OLD), ("new", NEW))}


@pytest.mark.parametrize("before", ["nothing", "an empty folder", "an earlier edition", "the same edition"])
def test_it_holds_the_files_and_nothing_else(tmp_path, whole, before):
    place = tmp_path / "place"
    place.mkdir()
    if before == "an empty folder":
        (place / "x").mkdir()
    if "edition" in before:
        trees.write(place / "x", OLD if before == "an earlier edition" else NEW)
    assert trees.write(place / "x", NEW, pytest.fail) == place / "x"
    assert {name: contents for name, contents in inside(place / "x").items() if name != trees.RECORD} == NEW
    assert inside(place / "x") == whole["new"] and [path.name for path in place.iterdir()] == ["x"]


def test_rights_depend_on_nobody(tmp_path):
    before = os.umask(0o077)
    try:
        for name, files in (("fresh", NEW), ("renewed", OLD), ("renewed", NEW)):
            trees.write(tmp_path / name, files)
    finally:
        os.umask(before)
    for path in (each for name in ("fresh", "renewed") for each in (tmp_path / name).rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644) or os.name != "posix", path


def test_what_somebody_has_changed_or_made_stays(tmp_path, whole):
    place, told = tmp_path / "x", []
    trees.write(place, OLD)
    theirs = {"a.txt": b"mine", "sub/gone.txt": b"mine", "new/deep/c.txt": b"mine", "sub/own.txt": b"own"}
    for name, contents in theirs.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(contents)
    trees.write(place, NEW, told.append)
    assert inside(place) == whole["new"] | theirs
    assert told == [
        "a.txt has been changed and stays: for the new one, rename it and repeat the command.",
        "new/deep/c.txt has been changed and stays: for the new one, rename it and repeat the command.",
        "sub/gone.txt has been changed and stays, though it is no part of it now.",
    ]
    (place / "a.txt").rename(place / "a_mine.txt")
    trees.write(place, NEW, told.append)
    assert inside(place) == whole["new"] | theirs | {"a.txt": b"a2", "a_mine.txt": b"mine"}


def test_what_is_no_file_stays(tmp_path):
    place, told = tmp_path / "x", []
    trees.write(place, OLD)
    (place / "a.txt").unlink()
    (place / "a.txt").mkdir()
    (place / "sub" / "b.txt").unlink()
    (place / "sub" / "b.txt").symlink_to(tmp_path / "nowhere")
    trees.write(place, NEW, told.append)
    assert len(told) == 2 and (place / "a.txt").is_dir() and (place / "sub" / "b.txt").is_symlink()


def test_a_link_to_a_folder_stays_a_link(tmp_path, whole):
    (tmp_path / "link").symlink_to(tmp_path / "x", target_is_directory=True)
    for _ in range(2):
        assert trees.write(tmp_path / "link", NEW) == tmp_path / "x"
    assert (tmp_path / "link").is_symlink() and inside(tmp_path / "x") == whole["new"]


class Stop(BaseException):
    """As a kill: nothing tidies up after it."""


def interrupt(monkeypatch, at, error):
    """Raise the error at a call that moves something, before the move or, for a negative number, after it."""
    calls = []

    def breaks(original):
        def move(self, *arguments):
            calls.append(self)
            if len(calls) == abs(at) and at > 0:
                raise error
            moved = original(self, *arguments)
            if len(calls) == abs(at):
                raise error
            return moved

        return move

    for name in ("replace", "rename"):
        monkeypatch.setattr(Path, name, breaks(getattr(Path, name)))
    return calls


MOVES = [sign * number for number in range(1, 10) for sign in (1, -1)]


def made(place, before):
    """A new folder, in which "x" is what `before` says."""
    place.mkdir()
    if before == "an empty folder":
        (place / "x").mkdir()
    if before == "an earlier edition":
        trees.write(place / "x", OLD)
    return place


@pytest.mark.parametrize("before", ["nothing", "an empty folder", "an earlier edition"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["ctrl-c", "full"])
def test_an_interruption_leaves_what_was_there(tmp_path, whole, monkeypatch, before, error):
    stopped = 0
    for at in MOVES:
        place = made(tmp_path / f"place {at}", before)
        was = inside(place)
        with monkeypatch.context() as patch:
            calls = interrupt(patch, at, error)
            with contextlib.suppress(KeyboardInterrupt, trees.TreeError):
                trees.write(place / "x", NEW)
            stopped += len(calls) >= abs(at)
        if before == "nothing" and at == -1:  # it was complete by then
            was = {f"x/{name}": contents for name, contents in whole["new"].items()}
        assert len(calls) < abs(at) or inside(place) == was, at
        trees.write(place / "x", NEW)
        assert inside(place / "x") == whole["new"]
    assert stopped >= (2 if before == "nothing" else 8)


@pytest.mark.parametrize("before", ["nothing", "an empty folder", "an earlier edition"])
def test_what_a_kill_leaves_is_completed(tmp_path, whole, monkeypatch, before):
    """Neither files of the new edition nor those of the old count as changed by somebody."""
    for at in MOVES:
        place = made(tmp_path / f"place {at}", before)
        with monkeypatch.context() as patch:
            interrupt(patch, at, Stop())
            patch.setattr(trees, "_restore", lambda *_: None)
            patch.setattr(trees, "_remove_empty", lambda *_: None)
            patch.setattr(trees.shutil, "rmtree", lambda *_, **__: None)
            with contextlib.suppress(Stop):
                trees.write(place / "x", NEW)
        trees.write(place / "x", NEW, pytest.fail)
        assert inside(place / "x") == whole["new"] and [path.name for path in place.iterdir()] == ["x"], at


def test_where_nothing_can_be_moved_in_from_beside(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    (tmp_path / "x").mkdir()
    with monkeypatch.context() as patch:
        calls = interrupt(patch, 2, Stop())
        patch.setattr(trees, "_restore", lambda *_: None)
        patch.setattr(trees.shutil, "rmtree", lambda *_, **__: None)
        with contextlib.suppress(Stop):
            trees.write(tmp_path / "x", NEW)
    assert calls and all(path.is_relative_to(tmp_path / "x") for path in calls)
    trees.write(tmp_path / "x", NEW, pytest.fail)
    assert inside(tmp_path / "x") == whole["new"]


def test_a_folder_of_others_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(trees.TreeError, match="holds other files: give a new or empty folder, or a handout to renew"):
        trees.write(tmp_path, NEW)
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("name", ["file", "no/folder", "file/x", "n" * 300, "x\0y"])
def test_what_cannot_be_written_is_one_sentence(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^[^\n]+: [^\n]+\.$"):
        trees.write(tmp_path / name, NEW)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "record", ["", "[1]", "{", '{"a.txt": 1}', '{"../a.txt": "0"}', '{"/etc/passwd": "0"}', "\xff\xfe"]
)
def test_a_damaged_record_is_refused(tmp_path, record):
    trees.write(tmp_path / "x", OLD)
    (tmp_path / "x" / trees.RECORD).write_text(record, encoding="latin-1")
    was = inside(tmp_path)
    with pytest.raises(trees.TreeError, match="damaged: give a new or empty folder"):
        trees.write(tmp_path / "x", NEW)
    assert inside(tmp_path) == was


def test_two_at_once(tmp_path, monkeypatch):
    locks = []
    monkeypatch.setattr(trees, "alone", lambda path, *others: locks.append(path) or alone(path, *others))
    trees.write(tmp_path / "x", OLD)
    with alone(locks[0], lambda: pytest.fail("held"), pytest.fail):
        with pytest.raises(trees.TreeError, match="Another command is writing '.*' now: wait"):
            trees.write(tmp_path / "x", NEW)
    trees.write(tmp_path / "x", NEW)


def test_the_record_names_every_file(tmp_path):
    trees.write(tmp_path / "x", NEW)
    assert sorted(json.loads((tmp_path / "x" / trees.RECORD).read_text())) == sorted(NEW)
