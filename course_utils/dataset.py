"""Data sets of pictures: read one after the other or in batches, by one process or several.

Broken files are left out, and named.
"""

import functools
import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from tqdm.auto import tqdm

from course_utils.images import READABLE, ImageError, load_square
from course_utils.inputs import check_number, one_line, short

SIZE = 224  # pixels on a side, as in the training of VGG-19


class StatisticsError(ValueError):
    """Statistics that cannot be made, merged or read; the message says what to do."""


def pictures_in(folder):
    """Sorted paths of the picture files in a folder, as texts; pictures in its subfolders do not count.

    Raises StatisticsError when the folder does not exist, cannot be read, or holds no picture.
    """
    shown = one_line(folder)
    try:
        path = Path(folder).expanduser().resolve()
        files = sorted(path.iterdir()) if str(folder).strip() and path.is_dir() else None
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise StatisticsError(
            f"The folder '{shown}' cannot be read ({one_line(error)}): give the path of a folder with pictures."
        ) from error
    if files is None:
        raise StatisticsError(f"There is no folder '{shown}': give the path of a folder with pictures.")
    known = _endings()
    found = [str(file) for file in files if file.suffix.lower() in known]
    if not found:
        below = left_below([folder])
        instead = (
            f"its subfolders, with {below:,} of them, do not count, so name one of these."
            if below
            else "it needs .jpg, .png or .webp files."
        )
        raise StatisticsError(f"There is no picture in the folder '{shown}': {instead}")
    return found


def left_below(folders):
    """The number of picture files in subfolders of these folders, which `pictures_in` does not find."""
    known, named, below = _endings(), {str(Path(folder).expanduser().resolve()) for folder in folders}, {}
    for folder in named:
        for place, _, names in os.walk(folder):
            if place not in named and place not in below:
                below[place] = sum(os.path.splitext(name)[1].lower() in known for name in names)
    return sum(below.values())


def _endings():
    return {
        ending for ending, kind in Image.registered_extensions().items() if kind in (*READABLE, "MPO")
    }  # MPO: several JPEGs in one


def pictures(sources, size=SIZE, skipped=None):
    """Iterator of (number, picture): square pictures of a list of sources, loaded one after the other.

    Args:
        sources: a list or another iterable of whatever `load_image` takes.
        size: side of the square, in pixels (see `load_square`).
        skipped: a list. A source that cannot be read is added to it as (source, reason), and the other sources follow.
            With None such a source raises ImageError.
    Raises:
        StatisticsError: `sources` is no list, or `size` is no whole number above 0.
    """
    try:
        if isinstance(sources, (str, bytes, os.PathLike)):
            raise TypeError("one name")
        sources = iter(sources)
    except TypeError as error:
        raise StatisticsError(
            f"{short(sources)} is no list of pictures: give a list of paths or names, also for a single one."
        ) from error
    check_number("The side of the squares in pixels", size, 1, whole=True, error=StatisticsError)
    for number, source in enumerate(sources):
        try:
            picture = load_square(source, size)
        except ImageError as error:
            if skipped is None:
                raise
            skipped.append((source, str(error)))
        else:
            yield number, picture


def batches(images, size, channels=3):
    """Iterator of pairs (numbers (n,), batch (n, channels, H, W)): neighbours of the same shape share a batch.

    Args:
        images: iterable of pictures (1, channels, H, W) or (channels, H, W), or of pairs (number, picture).
        size: number of pictures in a batch, at most.
        channels: number of channels that every picture must have; None admits any number.
    Raises:
        StatisticsError: no batch size, no iterable, or an item that is no picture.
    """
    if type(size) is not int or size < 1:
        raise StatisticsError(f"The batch size is a whole number above 0, not {size!r}.")
    if not isinstance(images, Iterable):
        raise StatisticsError(f"The pictures must come in a list or another iterable, not as {short(images)}.")
    group = []
    for count, item in enumerate(images):
        number, picture = item if isinstance(item, tuple) and len(item) == 2 else (count, item)
        if (
            not isinstance(picture, torch.Tensor)
            or not isinstance(number, int)
            or not 0 <= number < 2**63
            or not picture.is_floating_point()
            or channels
            and picture.shape[-3:-2] != (channels,)
            or picture.ndim == 4
            and len(picture) != 1
            or picture.ndim not in (3, 4)
            or picture.layout != torch.strided
            or picture.is_meta
            or picture.element_size() < 2
            or 0 in picture.shape
        ):
            shape = f"{channels or 'C'}, H, W"
            raise StatisticsError(
                f"Item {count} is no picture: give floating-point tensors ({shape}) or (1, {shape}) with values from 0"
                " to 1, or pairs (number, picture)."
            )
        picture = picture.detach() if picture.ndim == 4 else picture.detach()[None]
        if group and (len(group) == size or picture.shape != group[0][1].shape):
            yield _stack(group)
            group = []
        group.append((number, picture))
    if group:
        yield _stack(group)


def _stack(group):
    return torch.tensor([number for number, _ in group]), torch.cat([picture for _, picture in group])


def last_step(steps, total=None, progress=True, keep=False):
    """The last of some steps (number of pictures so far, result so far), reached with a progress bar.

    Args:
        steps: iterator of the steps.
        total: the number of pictures, if it is known.
        progress: whether the bar is shown.
        keep: whether Ctrl-C ends the loop early and keeps what was found so far.
    Raises:
        StatisticsError: there was no picture.
    """
    done, result = 0, None
    with tqdm(total=total, unit="picture", disable=not progress, dynamic_ncols=True) as bar:
        try:
            for done, result in steps:
                bar.update(done - bar.n)
        except KeyboardInterrupt:
            if result is None or not keep:
                raise
    if result is None:
        raise StatisticsError("There is no picture to look at: give at least one that can be read.")
    return done, result


# --- several processes ---------------------------------------------------------------------------------------------


class Worker(NamedTuple):
    """One of several processes that share a data set: it looks at every `count`-th picture, from number `rank` on."""

    rank: int = 0
    count: int = 1

    @property
    def first(self):
        """Whether this process is the one that prints and saves."""
        return self.rank == 0

    def part(self, sources):
        """The numbers of the sources that this process looks at."""
        return range(self.rank, len(sources), self.count)


def this_worker():
    """The `Worker` that this process is: one of those that torchrun has started, or the only one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:  # torchrun sets it; RANK alone may come from a cluster's settings
        return Worker()
    return Worker(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def numbered(sources, part, size, skipped):
    """Iterator of (number, picture) for a part of the sources.

    The numbers are those of the whole list; everything else is as in `pictures`.
    """
    for place, picture in pictures([sources[number] for number in part], size, skipped):
        yield part[place], picture


def gather(steps, total, skipped, worker):
    """Merge the results of all processes.

    Args:
        steps: the steps of this process, as for `last_step`; their results can be added with +.
        total: the number of pictures that this process looks at.
        skipped: what this process left out; the list is complete when `steps` has come to its end.
        worker: the `Worker` that this process is.
    Returns:
        (number of pictures, merged result, list of what was left out), over all processes.
    Raises:
        StatisticsError: no process found a picture.
    """
    if worker.count == 1:
        return *last_step(steps, total, keep=True), skipped
    from torch import distributed

    distributed.init_process_group("gloo")
    try:
        own = (*last_step(steps, total, progress=worker.first, keep=True), None)
    except StatisticsError as error:  # a part without a readable picture is no failure of the whole
        own = 0, None, error
    parts = [None] * worker.count
    distributed.all_gather_object(parts, (own, skipped))
    distributed.destroy_process_group()
    found = [part for part, _ in parts if part[1] is not None]
    if not found:
        raise own[2]
    left_out = [source for _, sources in parts for source in sources]
    return sum(part[0] for part in found), functools.reduce(operator.add, (part[1] for part in found)), left_out
