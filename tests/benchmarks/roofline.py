"""What an evaluation needs at least, counted, and how fast a machine could do that: the roofline model (Williams,
Waterman & Patterson 2009, doi:10.1145/1498765.1498785).

A step of an evaluation has a number of operations and a number of bytes, and takes at least the longer of two times:
operations / highest rate of operations, bytes / bandwidth of the memory. `steps` counts both. `copy_rate` measures the
bandwidth of a machine; its rate of convolutions comes from floor.py, and descent.py prints the shares of both that an
evaluation reaches. For cards that nobody measured there are the rates of the data sheets. This prints their table:

    python tests/benchmarks/roofline.py
"""

import sys
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

import tables
import torch

from course_utils.losses import CONTENT_LAYER, STYLE_LAYERS
from course_utils.vgg import CHANNELS, LAYERS

FLOAT = 4  # bytes of a number
DEEPEST = LAYERS[: LAYERS.index(STYLE_LAYERS[-1]) + 1]
COPIED = 2**28  # numbers of a copy that measures the bandwidth, 1 GiB: more than any cache holds


class Step(NamedTuple):
    name: str
    operations: int  # multiplications and additions
    bytes: int  # read and written


class Rates(NamedTuple):
    """Highest rates of a card, by NVIDIA's data sheets."""

    operations: float  # per second, without sparsity
    bandwidth: float  # bytes per second


CARDS = {
    "H100 SXM, FP32": Rates(67e12, 3350e9),
    "H100 SXM, TF32": Rates(494.7e12, 3350e9),
    "GeForce RTX 4090, FP32 or TF32": Rates(82.6e12, 1008e9),
    "T4, FP32": Rates(8.1e12, 320e9),
}
SIZES = (512, 1024, 2048)


def steps(height: int, width: int) -> list[Step]:
    """The steps of one evaluation of the default cost and of its gradient, from the picture to relu5_1 and back.

    Let M be the positions of a layer, C its channels, and C' those of the layer before.

    Operations. An output of a convolution is a sum of 9 C' products: 2 · 9 C' C M operations forward. The gradient with
    respect to the input takes as many, and that with respect to the weights is not needed. The Gram matrix is a product
    of (C, M) and (M, C): 2 C² M. Its gradient with respect to the maps is one product, of (C, C) and (C, M): 2 C² M.
    All others are small beside these: a few operations for each number.

    Bytes. Each step reads what it needs once and writes its result once, and nothing stays in a cache between two
    steps. What can be done on the way to or from the memory costs none: bias, ReLU, and the sum of two gradients. In
    numbers of 4 bytes:

        convolution         reads C' M and the 9 C' C weights, writes C M (behind the ReLU)
            backward        reads the gradient C M, the outputs C M (they say where the ReLU was 0) and the weights,
                            writes C' M
        pooling             reads C M, writes C M / 4
            backward        reads C M / 4, writes C M (where each maximum lay would take two bits)
        Gram matrix         reads C M, writes C²
            backward        reads C M, C² and the gradient from the layer behind, C M; writes the sum, C M
        content             reads the maps and the photo's, 2 C M
            backward        reads both again and the gradient from the layer behind; writes the sum: 4 C M

    Behind relu5_1 comes no further gradient. The optimiser's work is not counted: it has a few pictures of three
    channels, where the first layer alone has 64.
    """
    found, before = [], 3
    for name in DEEPEST:
        channels, positions = CHANNELS[name], height * width
        maps = channels * positions
        if name.startswith("conv"):
            inputs, weights = before * positions, 9 * before * channels
            products, before = 2 * weights * positions, channels
            found += [(name, products, inputs + weights + maps, products, 2 * maps + weights + inputs)]
        elif name.startswith("pool"):
            height, width = height // 2, width // 2
            pooled = channels * height * width
            found += [(name, 0, maps + pooled, 0, pooled + maps)]
        behind = 0 if name == DEEPEST[-1] else maps
        if name in STYLE_LAYERS:
            products, square = 2 * channels * maps, channels**2
            found += [(f"Gram matrix of {name}", products, maps + square, products, 2 * maps + square + behind)]
        if name == CONTENT_LAYER:
            found += [(f"content at {name}", 0, 2 * maps, 0, 3 * maps + behind)]
    return [
        step
        for name, forward, moved, backward, moved_back in found
        for step in (Step(name, forward, FLOAT * moved), Step(f"{name}, backward", backward, FLOAT * moved_back))
    ]


def work(height: int, width: int) -> Step:
    """All steps of an evaluation together."""
    _, operations, moved = zip(*steps(height, width))
    return Step("evaluation", sum(operations), sum(moved))


def least(step: Step, rates: Rates) -> float:
    """Seconds that a step takes at least."""
    return max(step.operations / rates.operations, step.bytes / rates.bandwidth)


def floors(height: int, width: int, rates: Rates) -> tuple[float, float]:
    """Seconds of an evaluation at least: if all of its steps overlapped, and if they follow each other."""
    return least(work(height, width), rates), sum(least(step, rates) for step in steps(height, width))


@torch.no_grad()
def copy_rate(clock, device, numbers=COPIED) -> float:
    """Bytes per second of a large copy, read and written; `clock` gives seconds. Call it in rounds."""
    source, target = (torch.ones(numbers, device=device) for _ in range(2))  # zeros might share one page
    began = clock()
    target.copy_(source)
    return 2 * FLOAT * numbers / (clock() - began)


def table() -> str:
    """Milliseconds of an evaluation on cards, counted, in Markdown."""
    rows = []
    for card, rates in CARDS.items():
        cells = [" … ".join(f"{1000 * seconds:.3g}" for seconds in floors(size, size, rates)) for size in SIZES]
        rows.append([card, f"{rates.operations / 1e12:.4g}", f"{rates.bandwidth / 1e9:.4g}", *cells])
    return tables.table(["card", "10¹² operations/s", "GB/s", *(f"{size} px: ms" for size in SIZES)], rows)


if __name__ == "__main__":
    tables.show(table())
