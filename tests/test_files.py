"""Files: written all or nothing, with the rights of new files, or refused in one sentence."""

import os

import pytest

from course_utils.files import FileError, check_writable, replace_file, replacing


@pytest.mark.skipif(os.name != "posix", reason="needs rights")
def test_new_files_get_the_rights_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "a.txt", b"text")
        assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640 and os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_what_is_there_stays_until_the_new_is_whole(tmp_path):
    path, new = tmp_path / "a.txt", tmp_path / "a.txt.new"
    replace_file(path, b"old")
    new.write_bytes(b"what a kill has left")
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("broken off")):
        with pytest.raises(type(error)), replacing(path, new) as file:
            file.write(b"half")
            assert path.read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == ["a.txt", "a.txt.new"]
            raise error
        assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]
    with replacing(path, new) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    "name, message",
    [
        ("a.txt", r"let the name end in \.json\."),
        ("no/a.json", "does not exist"),
        (".", "is a folder"),
        ("a\0.json", "null byte"),
        ("a.json/b.json", "does not exist"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(tmp_path, name, message):
    (tmp_path / "a.json").touch()
    with pytest.raises(FileError, match=rf"^[^\n]*{message}[^\n]*$"):
        check_writable(f"{tmp_path}/{name}", (".json",))
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("path, contents", [("a.txt", "text"), ("a.txt", None), (3, b"bytes"), ("a\0", b"bytes")])
def test_what_is_no_path_or_no_bytes_is_refused(tmp_path, monkeypatch, path, contents):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError):
        replace_file(path, contents)
    assert os.listdir(tmp_path) == []
