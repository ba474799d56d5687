"""What was tried to shorten a long descent: python tests/benchmarks/variants.py --json FILE

Each variant changes one or two things in the course's descent. Every descent begins with the same picture, on the six
pairs of ingredients.py, on which nothing was tuned. The script prints J of the best picture after so many evaluations,
and the CPU time of the whole run, both divided by those of the course's descent. The last column is interpolated: the
evaluations after which the variant has the last J of the course's descent. `another start` is the control: its first
picture is changed by about a millionth. So it shows how much two equally good descents differ.

The *softened* variants compute J as it is, and change the derivative alone. A max pooling gives each of its four values
a share of the slope, instead of all to the largest. A rectifier multiplies the slope by a smooth function of its input,
which is ½ at 0, instead of by 0 or 1.
"""

import argparse
import contextlib
import functools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

import tables
import torch
import torch.nn.functional as F
from descent import machine
from ingredients import SIZE, geometric_mean, pairs
from torch import nn

from course_utils import descent, transport
from course_utils.cost import painting_cost
from course_utils.images import load_image, to_8bit
from course_utils.transfer import starting_image
from course_utils.vgg import vgg19
from course_utils.winograd import _until, prepared

COUNTS = (20, 50, 100, 200)
POOLING, RECTIFIER = 0.5, 0.3  # how soft: in means of a layer's values without their signs


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="evaluations")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    return parser.parse_args(given)


class _Pooling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, maps, softness):
        largest = F.max_pool2d(maps, 2)
        ctx.save_for_backward(maps, largest)
        ctx.softness = softness
        return largest

    @staticmethod
    def backward(ctx, outer):
        maps, largest = ctx.saved_tensors
        height, width = 2 * largest.shape[2], 2 * largest.shape[3]  # an odd side's last row is in no window
        unit = (ctx.softness * maps.abs().mean()).clamp(min=1e-30)
        shares = torch.exp((maps[:, :, :height, :width] - _fourfold(largest)) / unit)
        slopes = torch.zeros_like(maps)
        slopes[:, :, :height, :width] = shares * _fourfold(outer / (4 * F.avg_pool2d(shares, 2)))
        return slopes, None


class _Rectifier(torch.autograd.Function):
    @staticmethod
    def forward(ctx, maps, softness):
        ctx.save_for_backward(maps)
        ctx.softness = softness
        return maps.clamp(min=0)

    @staticmethod
    def backward(ctx, outer):
        (maps,) = ctx.saved_tensors
        return outer * torch.sigmoid(maps / (ctx.softness * maps.abs().mean()).clamp(min=1e-30)), None


def _fourfold(maps):
    return maps.repeat_interleave(2, 2).repeat_interleave(2, 3)


class Softened(nn.Module):
    """A layer with the values of a max pooling or rectifier, and a softened derivative."""

    def __init__(self, kind, softness):
        super().__init__()
        self.kind, self.softness = kind, softness

    def forward(self, maps):
        return self.kind.apply(maps, self.softness)


def softened(net, pooling=0.0, rectifier=0.0):
    """A copy of a network with max pooling, whose derivative is softened by so much; 0 leaves these layers."""
    net = _until(net, None)
    for name in net.layers:
        if name.startswith("pool") and pooling:
            setattr(net, name, Softened(_Pooling, pooling))
        elif name.startswith("relu") and rectifier:
            setattr(net, name, Softened(_Rectifier, rectifier))
    return net


def longer(times):
    """All directions are so many times as long."""
    kept = descent._direction
    return mock.patch.object(descent, "_direction", lambda *given: times * kept(*given))


def remembering(memory):
    """The descent keeps so many curvature pairs."""
    return mock.patch.object(transport, "projected_lbfgs", functools.partial(descent.projected_lbfgs, memory=memory))


def accepting():
    """Every step is accepted, whether J falls or rises."""
    return mock.patch.object(descent, "ARMIJO", -math.inf)


VARIANTS: dict[str, tuple[Callable, dict]] = {  # name: (what is changed while the descent runs, arguments of softened)
    "another start": (contextlib.nullcontext, {}),
    "steps 0.8 times as long": (lambda: longer(0.8), {}),
    "steps 1.5 times as long": (lambda: longer(1.5), {}),
    "every step accepted": (accepting, {}),
    "5 curvature pairs instead of 10": (lambda: remembering(5), {}),
    "30 curvature pairs": (lambda: remembering(30), {}),
    "100 curvature pairs": (lambda: remembering(100), {}),
    "softened poolings": (contextlib.nullcontext, {"pooling": POOLING}),
    "softened rectifiers": (contextlib.nullcontext, {"rectifier": RECTIFIER}),
    "both softened": (contextlib.nullcontext, {"pooling": POOLING, "rectifier": RECTIFIER}),
    "softened rectifiers, 30 pairs": (lambda: remembering(30), {"rectifier": RECTIFIER}),
    "softened rectifiers, 100 pairs": (lambda: remembering(100), {"rectifier": RECTIFIER}),
}


def best_totals(net, content, style, start, counts):
    """({evaluations: least J so far}, share of the steps that were accepted at once, seconds of CPU time)."""
    began = time.process_time()
    cost = painting_cost(prepared(net, content, ["relu5_1"]), content, style)
    found, best, refused = {}, math.inf, 0
    for point, _ in transport.guided_descent(cost, start, max(counts)):
        refused += point.step != 1
        best = min(best, point.record["total"])
        if point.evaluations in counts:
            found[point.evaluations] = best
    for count in counts:
        found.setdefault(count, best)  # the descent may end early
    return found, 1 - refused / max(counts), time.process_time() - began


def measure(net, pair, options):
    """Of a pair: {'totals': {variant: {evaluations: J}}, 'seconds': {variant: CPU time}, …}; '' is the course's."""
    content, style = (to_8bit(load_image(name, options.size)).to(options.device) for name in pair)
    start = starting_image("colour", content, style)
    totals, taken, seconds = best_totals(net, content, style, start, options.counts)
    found, spent = {"": totals}, {"": seconds}
    nearly = (start + 1e-6 * torch.randn(start.shape, generator=torch.Generator().manual_seed(0)).to(start)).clamp(0, 1)
    for name in options.variants:
        changed, soft = VARIANTS[name]
        with changed():
            first = nearly if name == "another start" else start
            found[name], _, spent[name] = best_totals(softened(net, **soft), content, style, first, options.counts)
    return {"pair": pair, "accepted": taken, "totals": found, "seconds": spent}


def reached(totals, mark):
    """After how many evaluations J falls to `mark`, where it is a power of their number between two counts; or None."""
    counts = sorted(totals)
    for before, after in zip(counts, counts[1:]):
        if totals[after] <= mark <= totals[before]:
            share = math.log(totals[before] / mark) / max(math.log(totals[before] / totals[after]), 1e-30)
            return before * (after / before) ** share
    return None


def show(results, options):
    """Each variant's J and time divided by those of the course's descent: mean and range over the pairs."""
    rows = []
    for name in options.variants:
        row = [name]
        for count in options.counts:
            ratios = [result["totals"][name][count] / result["totals"][""][count] for result in results]
            row.append(f"{geometric_mean(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f})")
        times = [result["seconds"][name] / result["seconds"][""] for result in results]
        last = [reached(result["totals"][name], result["totals"][""][max(options.counts)]) for result in results]
        needed = f"{min(last):.0f} … {max(last):.0f}" if all(last) else "not on all pairs"
        rows.append([*row, f"{statistics.median(times):.2f}", needed])
    head = ["variant", *(f"J after {n}" for n in options.counts), "CPU time, median", "evaluations for the last J"]
    tables.show(tables.table(head, rows))
    shares = [result["accepted"] for result in results]
    tables.show(f"Steps that were accepted at once: {min(shares):.2f} … {max(shares):.2f}")


def main(given=None):
    options = arguments(given)
    torch.set_num_threads(options.threads)
    net = vgg19().to(options.device)
    found = {**machine(options), "pairs": []}
    tables.show(tables.heading(found))
    for pair in pairs()[: options.pairs]:
        began = time.process_time()
        found["pairs"].append(measure(net, pair, options))
        print(" and ".join(pair), f"took {time.process_time() - began:.0f} s", file=sys.stderr, flush=True)
        if options.json:
            Path(options.json).write_text(json.dumps(found), encoding="utf-8")
    show(found["pairs"], options)
    return found


if __name__ == "__main__":
    main()
