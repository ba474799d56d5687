"""What `top` and `means` share: going through folders of pictures with VGG-19, in one process or several."""

import os
import sys

from course_utils.commands.arguments import whole
from course_utils.commands.refusals import Refused, check_apart, fail, memory_for, note


def add_size(parser):
    parser.add_argument(
        "--size",
        type=whole(16, 1024),
        default=224,
        help="side of the squares that are cut out of the pictures, in pixels (default: %(default)s)",
    )


def go_through(folders, output, ending, size, search, says):
    """Go through pictures with a progress bar, and save what was found, even after Ctrl-C.

    The pictures that were left out are named. Under torchrun each process takes its part, and the first process merges
    and saves the results.

    Args:
        folders: folders of pictures; an empty list takes the bundled photos.
        output: file to write.
        ending: the ending that the file's name must have.
        size: side of the squares that are cut out of the pictures, in pixels.
        search: (network, iterator of (number, picture), sources) -> iterator of (pictures so far, found so far).
        says: (what was found, number of pictures) -> words for the last line.
    Returns:
        The exit code.
    """
    from course_utils.dataset import StatisticsError, gather, numbered, this_worker
    from course_utils.files import FileError, check_writable
    from course_utils.images import ImageError
    from course_utils.vgg import WeightsError

    worker, skipped = this_worker(), []
    try:
        output = check_writable(output, (ending,))
        sources = _sources(folders)
        check_apart(output, sources)
        if worker.first:
            _tell_of_subfolders(folders)
        part = worker.part(sources)
        with memory_for(size):
            steps = search(network(), numbered(sources, part, size, skipped), sources)
            done, found, skipped = gather(steps, len(part), skipped, worker)
        if worker.first:
            found.save(output)
    except (FileError, ImageError, StatisticsError, WeightsError, Refused, OSError) as error:
        return fail(error, 2)
    finally:
        for _, reason in skipped if worker.first else ():
            print(f"left out: {reason}", file=sys.stderr)
    if worker.first:
        how = "done" if done + len(skipped) == len(sources) else "stopped early"
        print(f"{how}: {output}, {says(found, done)}")
    return 0


def _sources(folders):
    """The pictures in the folders, each once; without folders, the bundled photos."""
    from course_utils.dataset import pictures_in
    from course_utils.images import photos

    return list(dict.fromkeys(source for folder in folders for source in pictures_in(folder))) if folders else photos()


def _tell_of_subfolders(folders):
    from course_utils.dataset import left_below

    if below := left_below(folders):
        count = f"{below:,} picture{'s' * (below > 1)}"
        note(f"{count} in subfolders will be left out: name each folder that you mean.")


def network():
    """VGG-19 on the fastest device; under torchrun each process has a card of its own."""
    import torch

    from course_utils.transfer import pick_device
    from course_utils.vgg import vgg19

    device = pick_device(None)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    return vgg19().to(device)
