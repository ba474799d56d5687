"""One process at a time: a lock file whose lock the system frees, however its holder ends. Standard library only."""

import contextlib
import os
import time


@contextlib.contextmanager
def alone(path, busy, note):
    """Hold the lock file `path`. The file is made for this, and removed at the end.

    A file that a killed process has left behind holds nobody up.

    Args:
        path: path of the lock file.
        busy: called without arguments when another process holds the lock. Either it raises, or it returns and we wait.
        note: called with a sentence when the file system has no locks; then nothing is held.
    Yields:
        The file's descriptor. A child process that inherits it holds the lock too, even when we are killed.
    Raises:
        OSError: the file cannot be made.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _hold(handle, note):
                busy()
                while not _hold(handle, note):
                    time.sleep(0.2)
            if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
                break
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the holder before us has removed the file that we had opened: begin again
    try:
        yield handle
    finally:
        if os.name == "posix":  # remove the name first, while nobody else can hold the lock
            _remove(path)
        os.close(handle)
        if os.name != "posix":  # Windows does not remove an open file
            _remove(path)


def _hold(handle, note):
    """Try to take the lock; returns whether we hold it now."""
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:  # some network file systems
        note(f"This file system has no locks ({error.strerror}): do not let the command run twice at once.")
    return True


def _remove(path):
    with contextlib.suppress(OSError):
        os.unlink(path)
