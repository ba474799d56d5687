"""Forgiving streams: they replace what a terminal cannot show, and a print that fails does not end the run.

This module needs only the standard library.
"""

import io
import os
import sys


def forgive():
    """Make the standard streams of this process forgiving, for everything that prints: us, progress bars, warnings."""
    # fill the places of closed streams: otherwise the next open file gets their number, and receives the prints
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
    sys.stdout, sys.stderr = (_forgiving(stream, number) for number, stream in ((1, sys.stdout), (2, sys.stderr)))


def _forgiving(stream, number):
    if stream is None:  # the stream was closed
        return open(number, "w", encoding="utf-8", errors="replace", closefd=False)
    if not hasattr(stream, "buffer"):
        return stream
    raw = getattr(stream.buffer, "raw", stream.buffer)  # `python -u` has no buffer between
    return io.TextIOWrapper(
        io.BufferedWriter(_Forgiving(raw)),
        encoding=stream.encoding,
        errors="backslashreplace" if stream.errors == "backslashreplace" else "replace",
        line_buffering=stream.line_buffering or raw is stream.buffer,
    )


class _Forgiving(io.RawIOBase):
    """Writes to a raw stream. Data that a closed pipe or a full disk does not take are lost."""

    def __init__(self, raw):
        self._raw = raw

    def write(self, data):
        try:
            written = self._raw.write(data)
        except OSError:
            written = None
        return len(data) if written is None else written

    def writable(self):
        return True

    def isatty(self):
        return self._raw.isatty()

    def fileno(self):
        return self._raw.fileno()
