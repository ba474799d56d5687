"""A folder of files that the course writes as one: all of it or nothing, and what others have in it stays.

The folder holds a record of the files that were written, with their SHA-256. So a renewal knows which files nobody has
changed since: only these are replaced or removed.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path, PurePosixPath

from course_utils.files import expanded
from course_utils.inputs import one_line, reason
from course_utils.lock import alone

RECORD = ".handout.json"


class TreeError(ValueError):
    """A folder cannot be written; the message is one sentence that says what to do."""


def write(folder, files: dict[str, bytes], note=lambda sentence: None) -> Path:
    """Write files into a folder that does not exist, is empty, or was written by this function before.

    A folder that is renewed then has the files of now. Files of before that are no longer among them are removed. But
    a file that somebody has changed or made stays, and `note` is called with a sentence about it. An attempt that fails
    or is interrupted leaves the folder as it was; one that is killed is completed by the next.

    Args:
        folder: its path; the folder above it has to exist.
        files: {path inside the folder, with slashes: contents}.
        note: called with a sentence that may be worth knowing.
    Returns:
        The folder's path, without links.
    Raises:
        TreeError: the folder holds files of others, or cannot be written.
        FileError: `folder` is no path.
    """
    shown, folder = one_line(folder), Path(os.path.realpath(expanded(folder)))  # a link stays a link
    new = {name: _digest(contents) for name, contents in files.items()}
    files = {**files, RECORD: (json.dumps(new, indent=1, sort_keys=True) + "\n").encode()}
    try:
        if not folder.parent.is_dir():
            raise TreeError(
                f"The folder '{one_line(folder.parent)}' does not exist: make it first, or write elsewhere."
            )
        staged = _place(folder) / f".new-{hashlib.sha256(os.fsencode(folder.name)).hexdigest()[:16]}"

        def busy():
            raise TreeError(f"Another command is writing '{shown}' now: wait for its end, then repeat this one.")

        with alone(staged.with_suffix(".lock"), busy, note):
            before = _recorded(folder, staged, shown)
            fresh = not folder.exists()
            shutil.rmtree(staged, ignore_errors=True)
            try:
                if fresh:
                    _fill(staged, files)
                    staged.rename(folder)
                else:
                    _renew(folder, staged, files, before, note)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        raise TreeError(
            f"'{shown}' cannot be written ({reason(error)}): make room, or choose another place."
        ) from error
    return folder


def _place(folder):
    """Where the new files wait: beside the folder, or in it where nothing can be moved in from beside."""
    beside = os.access(folder.parent, os.W_OK) and not os.path.ismount(folder)
    return folder.parent if beside or not folder.exists() else folder


def _recorded(folder, staged, shown):
    """{path: the digests that we have given it}. Raises TreeError for a folder that we have not written."""
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise TreeError(f"'{shown}' is a file: give the name of a folder.")
    found = {}
    for record in (folder / RECORD, staged / RECORD):  # the second one, where an earlier attempt was killed
        for name, digest in _read(record, shown).items():
            found.setdefault(name, set()).add(digest)
        if record.is_file():
            found.setdefault(RECORD, set()).add(_digest(record.read_bytes()))
    ours = (staged.name, f"{staged.name}.lock")
    if not found and any(entry.name not in ours for entry in folder.iterdir()):
        raise TreeError(f"'{shown}' holds other files: give a new or empty folder, or a handout to renew.")
    return found


def _read(record, shown):
    """The contents of a record, {} if there is none. Raises TreeError for a damaged one."""
    if not record.is_file():
        return {}
    try:
        found = json.loads(record.read_bytes())
        whole = isinstance(found, dict) and all(isinstance(digest, str) for digest in found.values())
    except ValueError:
        whole = False
    if not whole or any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in found):
        raise TreeError(f"'{shown}' is a handout whose record {RECORD} is damaged: give a new or empty folder.")
    return found


def _fill(folder, files):
    """Write files into a new folder, the record last, each with the same rights on every machine."""
    folder.mkdir()  # without its parents: where they are gone, nothing is to be made
    for name in _in_order(files):
        path = folder / name
        for parent in reversed(path.relative_to(folder).parents):
            (folder / parent).mkdir(exist_ok=True)
            (folder / parent).chmod(0o755)
        path.write_bytes(files[name])
        path.chmod(0o644)
    for name in files:  # as in files.py: first the contents, then the names; after all writing this is quicker
        with open(folder / name, "r+b") as file:
            os.fsync(file.fileno())


def _in_order(names):
    return sorted(names, key=lambda name: (name == RECORD, name))


def _renew(folder, staged, files, before, note):
    """Exchange the files that have changed; after a failure, all are back where they were."""
    put, drop = {}, []
    for name in sorted({*files, *before}):
        now, new = _state(folder / name), _digest(files[name]) if name in files else None
        if now == new:
            continue
        if now is not None and now not in before.get(name, ()):
            end = ": for the new one, rename it and repeat the command" if new else ", though it is no part of it now"
            note(f"{one_line(name)} has been changed and stays{end}.")
        elif new is None:
            drop.append(name)
        else:
            put[name] = files[name]
    _fill(staged, put)
    (staged / ".old").mkdir()
    with contextlib.ExitStack() as undo:
        for number, name in enumerate([*drop, *_in_order(put)]):
            target, old = folder / name, staged / ".old" / str(number)
            for parent in reversed(target.relative_to(folder).parents):
                if not (folder / parent).exists():
                    undo.callback(_remove_empty, folder / parent)
                    (folder / parent).mkdir()
                    (folder / parent).chmod(0o755)
            undo.callback(_restore, target, old, target.exists())
            if target.exists():
                target.replace(old)
            if name in put:
                (staged / name).replace(target)
        undo.pop_all()


def _restore(target, old, was_there):
    """Take back what `_renew` did, or had begun to do, with one file."""
    if old.exists():
        old.replace(target)
    elif not was_there:
        target.unlink(missing_ok=True)


def _remove_empty(folder):
    with contextlib.suppress(OSError):  # it holds something by now, or is not there
        folder.rmdir()


def _state(path):
    """The digest of a file, None where there is nothing, and '' for whatever is no ordinary file."""
    if path.is_symlink() or path.exists() and not path.is_file():
        return ""
    return _digest(path.read_bytes()) if path.exists() else None


def _digest(contents):
    return hashlib.sha256(contents).hexdigest()
