"""What tiles cost: python tests/benchmarks/tiles.py > build/tiles.md

For each size and tile, the work of one evaluation (CPU seconds of one thread) as a multiple of the work without tiles:
median of the ratios over rounds in one process, in which the tiles take turns; and the same counted in multiplications.
The peak of memory is that of one evaluation with its targets in a fresh process, network included: the largest resident
size less that before the network is loaded (Linux). A large picture is only counted (`course_utils.forecast`).
"""

import argparse
import datetime
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

import tables
import torch
from descent import machine, resident

from course_utils.cost import painting_cost
from course_utils.forecast import GiB, memory_of
from course_utils.images import load_square
from course_utils.settings import Settings
from course_utils.tiles import Plan, multiplications
from course_utils.vgg import VGG19, vgg19
from course_utils.winograd import prepared

PAIR = "monument_neuschwanstein_castle", "van_gogh_cafe_terrace_at_night"
CONTENT, STYLE = [*Settings().content_layers], [*Settings().style_layers]
LAYERS = [*dict.fromkeys([*CONTENT, *STYLE])]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", nargs="*", default=["512:256", "1024:256,512,1024"], metavar="SIZE:TILE,…")
    parser.add_argument("--memory", nargs="*", default=["2048:512", "2048:1024"], metavar="SIZE:TILE")
    parser.add_argument("--paper", nargs="*", default=["6048x8064:1024"], metavar="HEIGHTxWIDTH:TILE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak", nargs=2, type=int, metavar=("SIZE", "TILE"), help=argparse.SUPPRESS)
    return parser.parse_args()


def costs_of(size, tiles):
    """(the photo, {tile: its cost})."""
    photo, painting = (load_square(name, size) for name in PAIR)
    net = prepared(vgg19(pooling="average"), photo, LAYERS)
    return photo, {tile: painting_cost(net, photo, painting, tile=tile) for tile in tiles}


def times(size, tiles, rounds):
    """{tile: [seconds of each round]}; the tile None is the whole."""
    photo, costs = costs_of(size, [None, *tiles])
    found = {tile: [] for tile in costs}
    for cost in costs.values():
        cost(photo)  # warm up
    for _ in range(rounds):
        for tile, cost in costs.items():
            began = time.process_time()
            cost(photo)
            found[tile].append(time.process_time() - began)
    return found


def peak(size, tile):
    """In a fresh process: print the MiB of one evaluation."""
    load_square(PAIR[0], 64)
    before = resident("VmRSS")
    photo, costs = costs_of(size, [tile])
    costs[tile](photo)
    print(resident("VmHWM") - before)


def main():
    options = arguments()
    torch.set_num_threads(1)
    if options.peak:
        return peak(*options.peak)
    options.device, options.threads = "cpu", 1
    about, net = machine(options), VGG19("average")
    print(f"{about['device']}, PyTorch {torch.__version__}, one thread, {datetime.date.today()}\n")
    rows = []
    for entry in options.times:
        size, tiles = int(entry.split(":")[0]), [int(tile) for tile in entry.split(":")[1].split(",")]
        found = times(size, tiles, options.rounds)
        for tile in tiles:
            ratio = statistics.median(one / whole for one, whole in zip(found[tile], found[None]))
            work = Plan(net, LAYERS, (size, size), tile).work()
            rows.append([f"{size} × {size}", tile, f"{ratio:.2f}", f"{work:.2f}"])
    tables.show(tables.table(["pixels", "tile", "CPU time / untiled", "multiplications / untiled"], rows))
    rows = []
    for entry in options.memory:
        size, tile = map(int, entry.split(":"))
        command = [sys.executable, str(HERE), "--peak", str(size), str(tile)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append([f"{size} × {size}", tile, f"{float(done.stdout):.0f}"])
    tables.show(tables.table(["pixels", "tile", "peak memory, MiB"], rows))
    rows = []
    for entry in options.paper:
        sides, tile = entry.split(":")
        height, width = map(int, sides.split("x"))
        plan, size = Plan(net, LAYERS, (height, width), int(tile)), (height, width)
        once = multiplications(net, plan.names, size)
        there = sum(multiplications(net, each.names, each.size()) for _, each in plan.tiles())
        rows.append(
            [
                f"{height} × {width}",
                tile,
                " + ".join(str(len(segment.tiles)) for segment in plan.segments),
                f"{there / once - 1:.1%}",
                f"{plan.work():.2f}",
                f"{2 * once * plan.work():.2e}",
                GiB(4 * plan.numbers()),
                GiB(memory_of(net, CONTENT, STYLE, size, tile=int(tile))),
                GiB(memory_of(net, CONTENT, STYLE, size)),
            ]
        )
    names = ["pixels", "tile", "tiles of the segments", "margins", "multiplications / untiled", "multiplications"]
    tables.show(tables.table([*names, "one evaluation", "with the descent", "untiled, with the descent"], rows))


if __name__ == "__main__":
    main()
