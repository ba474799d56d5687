"""What several commands say where they cannot do what is asked, each in one sentence."""

import contextlib
import os
import sys
from pathlib import Path


class Refused(ValueError):
    """A command that cannot be done; the message is one sentence that says what to do."""


def fail(message, code):
    """Print an error. Returns the exit code."""
    print("error:", *str(message).splitlines(), file=sys.stderr)  # one line, whatever a file's name holds
    return code


def note(sentence):
    """Print what may be worth knowing."""
    from tqdm import tqdm

    tqdm.write(f"note: {sentence}", file=sys.stderr)  # does not break a progress bar


def check_apart(output, sources):
    """Raise Refused where the file to write is one of the pictures to read, by whatever name or link."""
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
    """Say what to do where the memory does not suffice: PyTorch has no error of its own for that."""
    from course_utils.inputs import lacks_memory

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        raise Refused(f"The memory is not enough for {size} pixels: take a smaller --size.") from error
