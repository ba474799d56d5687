"""What several commands say when they cannot do their work: one sentence in each case."""

import contextlib
import os
import sys
from pathlib import Path


class Refused(ValueError):
    """A command cannot do its work; the message is one sentence that says what to do."""


def fail(message, code):
    """Print an error. Returns the exit code."""
    print("error:", *str(message).splitlines(), file=sys.stderr)  # one line, even if a file's name has several
    return code


def note(sentence):
    """Print a sentence that may be worth knowing."""
    from tqdm import tqdm

    tqdm.write(f"note: {sentence}", file=sys.stderr)  # does not break a progress bar


def check_apart(output, sources):
    """Raise Refused when the file to write is one of the pictures to read, under any name or link."""
    from course_utils.images import DATA, catalogue

    for source in sources if os.path.exists(output) else ():
        same = False
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # `load_image` will say what is wrong
            path = Path(source).expanduser()
            if not path.exists() and source in catalogue():
                path = DATA / catalogue()[source]["file"]
            same = os.path.samefile(output, path)
        if same:
            raise Refused(
                f"'{output}' is the picture '{source}' itself, which would be lost: let the output have another name."
            )


@contextlib.contextmanager
def memory_for(size):
    """Raise Refused with what to do when the memory is not enough; PyTorch has no error type for this."""
    from course_utils.inputs import lacks_memory

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        raise Refused(f"The memory is not enough for {size} pixels: take a smaller --size.") from error
