"""Files: whether a file can be written, and how it is written all or nothing."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from course_utils.inputs import one_line, reason, short
from course_utils.lock import alone


class FileError(ValueError):
    """A file cannot be written; the message is one sentence that says what to do."""


def check_writable(path, endings):
    """Raise FileError unless a file with one of the endings can be written to `path`; the check leaves nothing behind.

    Returns the Path.
    """
    path = expanded(path)
    shown = one_line(path)
    target = Path(os.path.realpath(path))  # a link stays a link, and the file behind it is written
    try:
        if target.is_dir():
            example = one_line(path / f"picture{endings[0]}")
            raise FileError(f"'{shown}' is a folder: give the name of the file to write, such as '{example}'.")
        if path.suffix.lower() not in endings:
            raise FileError(
                f"The name '{shown}' gives no format that can be written: let the name end in {', '.join(endings)}."
            )
        if not target.parent.is_dir():
            raise FileError(
                f"The folder '{one_line(target.parent)}' does not exist: make it first, or write elsewhere."
            )
        with tempfile.TemporaryFile(dir=target.parent):
            pass
        if target.exists():  # raises for a name that is too long
            if not target.is_file():  # opening a pipe that nobody reads would wait for ever
                raise FileError(f"'{shown}' is no ordinary file: choose another name.")
            with open(target, "ab"):
                pass
    except OSError as error:
        raise FileError(f"'{shown}' cannot be written ({reason(error)}): choose another place.") from error
    return path


def expanded(path):
    """The Path with the home folder instead of ~. Raises FileError for what cannot be a path."""
    try:
        path = Path(path).expanduser()
        if b"\0" in os.fsencode(path):
            raise ValueError("a null byte in the name")
    except (RuntimeError, TypeError, ValueError) as error:
        raise FileError(f"'{one_line(path)}' cannot be written ({reason(error)}): check the path.") from error
    return path


def replace_file(path, contents):
    """Write bytes to a file, all or nothing: an interrupted or failed attempt leaves what was there.

    A link stays a link. Raises OSError when writing fails, and FileError for arguments that are no path or no bytes.
    """
    if not isinstance(contents, (bytes, bytearray, memoryview)) or not memoryview(contents).c_contiguous:
        raise FileError(f"A file takes bytes, not {short(contents)}: encode it first.")
    path = Path(os.path.realpath(expanded(path)))
    temporary = path.with_name(f".new-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{path.suffix}")
    # Each file has one temporary name and one writer at a time. The next writer removes what a killed one has left.
    with alone(temporary.with_suffix(".lock"), busy=lambda: None, note=lambda sentence: None):
        with replacing(path, temporary) as file:
            file.write(bytes(contents))  # a view with gaps cannot be written as it is


@contextlib.contextmanager
def replacing(path, temporary):
    """An open file that replaces `path` at the end of the block; if the block fails, `path` stays as it was.

    Args:
        path: of the file to replace.
        temporary: the name of the new file until then; a file that a killed process has left there is removed first.
    """
    temporary = Path(temporary)
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb") as file:  # the system gives it the rights that a new file gets here
            yield file
            file.flush()
            os.fsync(file.fileno())  # first the contents, then the name: even a power cut leaves a whole file
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the reason is the first error
            temporary.unlink(missing_ok=True)
        raise
