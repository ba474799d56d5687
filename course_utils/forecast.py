"""How long a run takes and how much memory it needs, before it begins; and whether it needs tiles.

The memory is counted from the sizes of the layers (`Plan.numbers`). The time follows from that of one evaluation of a
small picture, from the number of pixels, and from the work that tiles take more (`Plan.work`).
"""

import inspect
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from course_utils.cost import Cost, painting_cost
from course_utils.descent import projected_lbfgs
from course_utils.settings import Settings
from course_utils.tiles import LEAST, Plan
from course_utils.vgg import VGG

PAIRS = inspect.signature(projected_lbfgs).parameters["memory"].default  # of changes, which the descent keeps
# Pictures that are held beside the pairs: photo, start, the best picture, its gradient, the picture at hand, its
# gradient, the direction, and one on the way to it.
BESIDE = 8
SHARE = 0.8  # of the free memory that a run may plan with: other programs go on
SIDES = (2048, 1024, 512, 256)  # of tiles in pixels; the largest that fits is taken
TRIAL = 96  # longer side, in pixels, of the picture on which the speed of this machine is measured
LONG = 15_000_000  # pixels times evaluations: a run of so many takes a minute or more on a processor
GROUP = Path("/sys/fs/cgroup")  # where Linux keeps the limits of a container
# the files with its limit, its use, and the counts of its pages: version 2 and version 1
LIMITS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


class Forecast(NamedTuple):
    """What a run needs: time in seconds, and memory in bytes beside the memory of the networks."""

    seconds: float
    memory: float


def memory_of(
    net: VGG,
    content_layers: Iterable[str],
    style_layers: Iterable[str],
    size: tuple[int, int],
    painting: tuple[int, int] | None = None,
    tile: int | None = None,
    pairs: int = PAIRS,
) -> float:
    """Bytes that a descent holds at most, beside the network, from the sizes of the layers.

    Args:
        net: the network.
        content_layers, style_layers: names of the layers of both costs.
        size: (H, W) of the picture.
        painting: (H, W) of the painting; None stands for that of the picture.
        tile: None, or the side of the tiles in pixels.
        pairs: number of pairs of changes that the descent keeps, each as large as two pictures.
    """
    content_layers, style_layers = list(content_layers), list(style_layers)
    painting = size if painting is None else painting
    plan = _plan(net, dict.fromkeys([*content_layers, *style_layers]), size, tile)
    of_painting = _plan(net, style_layers, painting, tile)
    targets = of_painting.numbers(graphs=False) + (0 if tile else of_painting.maps(style_layers))
    pictures = (2 * pairs + BESIDE) * 3 * size[0] * size[1] + 3 * painting[0] * painting[1]
    numbers = pictures + plan.maps(content_layers) + max(plan.numbers(), targets)
    return float(net.mean.element_size() * numbers)


def _plan(net, layers, size, tile):
    """The `Plan` of a picture; without tiles it is one tile."""
    return Plan(net, layers, size, tile or max(*size, LEAST))


def work_of(net: VGG, layers: Iterable[str], size: tuple[int, int], tile: int | None) -> float:
    """The work of an evaluation with tiles as a multiple of that without them."""
    return 1.0 if tile is None else Plan(net, layers, size, tile).work()


def free_memory(device: torch.device) -> float:
    """Bytes that a run on a device can still take.

    On CUDA this is the memory of the card, on other devices that of the machine, or less if a container has a limit.
    """
    if device.type == "cuda":
        own = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch takes these again
        return float(torch.cuda.mem_get_info(device)[0] + own)
    return float(min(psutil.virtual_memory().available, _left_in_group()))


def _left_in_group(group: Path = GROUP) -> float:
    """Bytes that the limit of a Linux container leaves, which psutil does not know; infinity without a limit.

    Pages of files that nobody uses count as used, but the system gives them up.
    """
    for names in LIMITS:
        try:
            limit, used, counts = ((group / name).read_text() for name in names[:3])
            pages = dict(line.split() for line in counts.splitlines())
            return max(float(limit) - float(used) + float(pages.get(names[3], 0)), 0.0)
        except (OSError, ValueError):  # there is no such file, or it holds the word 'max'
            continue
    return float("inf")


class Choice(NamedTuple):
    """How a picture is computed."""

    tile: int | None  # None: the whole at once
    memory: float  # in bytes, as `memory_of` counts it
    sentence: str  # what to tell of it; '' if there is nothing to tell


def choose(
    net: VGG,
    content_layers: Iterable[str],
    style_layers: Iterable[str],
    size: tuple[int, int],
    painting: tuple[int, int],
    device: torch.device,
    divisible: bool = True,
) -> Choice:
    """Whether a picture is computed whole or in tiles: the whole if its forecast fits into the free memory, otherwise
    the largest tiles of `SIDES` that do, or the smallest.

    Args:
        net, content_layers, style_layers, size, painting: as for `memory_of`.
        device: on which the run computes.
        divisible: False for a cost with a term that tiles cannot compute.
    """
    layers = list(content_layers), list(style_layers)
    free, whole = free_memory(device), memory_of(net, *layers, size, painting)
    if whole <= SHARE * free:
        return Choice(None, whole, "")
    sides = [side for side in SIDES if side < max(*size, *painting)] if divisible else []
    if not sides:
        short_of = f"The run may need {GiB(whole)} of memory, and {GiB(free)} are free"
        return Choice(None, whole, f"{short_of}: close other programs, or take a smaller size.")
    for tile in sides:
        memory = memory_of(net, *layers, size, painting, tile)
        if memory <= SHARE * free:
            break
    work = work_of(net, dict.fromkeys([*layers[0], *layers[1]]), size, tile)
    sentence = (
        f"The whole picture would need {GiB(whole)} of memory, and {GiB(free)} are free: it is computed in tiles of "
        f"{tile} pixels, which need {GiB(memory)} and {work:.1f} times the work."
    )
    if memory > SHARE * free:
        sentence += " Even this may be too much: take a smaller size."
    return Choice(tile, memory, sentence)


def seconds_per_pixel(cost: Cost, image: torch.Tensor, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds for one pixel in one evaluation of a cost, measured at a picture (1, 3, H, W)."""
    cost(image)  # the first evaluation is slower, because memory is allocated
    began = clock()
    cost(image)
    return (clock() - began) / image[0, 0].numel()


def forecast_of(
    net: VGG,
    settings: Settings,
    size: tuple[int, int],
    painting: tuple[int, int],
    evaluations: int,
    tile: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Forecast:
    """The `Forecast` of a run of so many evaluations; its network is timed at a small picture.

    The other arguments are those of `memory_of`.
    """
    side = TRIAL if net.mean.device.type == "cpu" else 4 * TRIAL  # a small picture leaves a graphics card idle
    trial = net.mean.new_full((1, 3, side, side), 0.5)
    seconds = seconds_per_pixel(painting_cost(net, trial, trial, settings), trial, clock)
    layers = dict.fromkeys([*settings.content_layers, *settings.style_layers])
    seconds *= size[0] * size[1] * evaluations * work_of(net, layers, size, tile)
    return Forecast(seconds, memory_of(net, settings.content_layers, settings.style_layers, size, painting, tile))


def minutes(seconds: float) -> str:
    """A time as text, such as '40 s' or '3 min'."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def GiB(amount: float) -> str:
    """Bytes as text, such as '0.4 GiB'."""
    return f"{max(amount / 2**30, 0.05):.1f} GiB"
