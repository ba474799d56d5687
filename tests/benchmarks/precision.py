"""What fewer digits do to the saved picture: python tests/benchmarks/precision.py --size 128 --pairs 6 --evaluations 30

Each pair of pictures is painted several times, always with the default settings. The loss of the saved picture (8 bits,
judged in float32) is divided by that of the descent in float32:

other sums  float32 again, with plain convolutions in place of the ones with fewer multiplications: only the rounding of
            float32 differs, so this is how far two equally good descents lie apart
tf32        what a card of the kind CUDA computes; on a processor it is emulated, by rounding what each convolution
            multiplies to 10 binary digits behind the point, forward and backward
bfloat16    as `precision="bfloat16"` computes it, on every device
"""

import argparse
import copy
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

import tables
import torch
from torch import nn

from course_utils.cost import painting_cost
from course_utils.images import load_image, to_8bit
from course_utils.losses import CONTENT_LAYER, STYLE_LAYERS
from course_utils.transfer import minimise, starting_image
from course_utils.vgg import vgg19
from course_utils.winograd import prepared

WAYS = ("other sums", "tf32", "bfloat16")
DROPPED = 13  # of the 23 binary digits of float32


def rounded(x):
    """Float32 rounded to 10 binary digits behind the point, to the nearest, and halves to even."""
    bits = x.contiguous().view(torch.int32)
    bits = bits + (2 ** (DROPPED - 1) - 1) + ((bits >> DROPPED) & 1)
    return (bits & -(2**DROPPED)).view(torch.float32).reshape(x.shape)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, forward, backward):
        ctx.backward_too = backward
        return rounded(x) if forward else x.view_as(x)

    @staticmethod
    def backward(ctx, outer):
        return rounded(outer) if ctx.backward_too else outer, None, None


class Tf32Conv2d(nn.Module):
    """A frozen nn.Conv2d as a card computes it in TF32: its factors are rounded, its sums are not."""

    def __init__(self, layer):
        super().__init__()
        self.layer = copy.deepcopy(layer)
        self.layer.weight.data = rounded(layer.weight.data)

    def forward(self, maps):
        return _Rounded.apply(self.layer(_Rounded.apply(maps, True, False)), False, True)


def emulated(net):
    """A copy of a network whose convolutions are `Tf32Conv2d`."""
    copied = copy.copy(net)
    copied._modules = {
        name: Tf32Conv2d(layer) if isinstance(layer, nn.Conv2d) else layer for name, layer in net._modules.items()
    }
    return copied


def cost_of(net, content, style, way):
    """The cost in one of the `WAYS`, or in float32 as the course computes it."""
    layers = [CONTENT_LAYER, *STYLE_LAYERS]
    fast = prepared(net, content, layers, plain=way != "float32")
    if way == "tf32" and content.device.type != "cuda":
        cost = painting_cost(fast, content, style)
        cost.switch.net = emulated(fast)  # the targets stay in float32, as on a card
        return cost
    return painting_cost(fast, content, style, precision=way if way in ("tf32", "bfloat16") else "float32")


def measure(net, pairs, size, evaluations, ways=WAYS):
    """[{pair, loss of the saved picture in float32, its ratio in each of the ways}]."""
    results = []
    for pair in pairs:
        content, style = (to_8bit(load_image(name, size)).to(net.mean) for name in pair)
        judge, losses = painting_cost(net, content, style), {}
        for way in ("float32", *ways):
            cost, first = cost_of(net, content, style, way), starting_image("colour", content, style)
            *_, last = minimise(cost, first, evaluations)
            losses[way] = judge.losses(to_8bit(last.image))["total"]
        ratios = {way: losses[way] / losses["float32"] for way in ways}
        results.append({"pair": list(pair), "size": size, "evaluations": evaluations, "ratios": ratios, **losses})
    return results


def table(results, emulates):
    """Markdown: a line for each way, with the median and the range of its ratios."""
    names = {"tf32": "tf32, emulated" if emulates else "tf32"}
    rows = []
    for way in results[0]["ratios"]:
        ratios = [result["ratios"][way] for result in results]
        rows.append(
            [names.get(way, way), f"{tables.median(ratios):.3f}", f"{min(ratios):.3f} … {max(ratios):.3f}", len(ratios)]
        )
    size, evaluations = results[0]["size"], results[0]["evaluations"]
    return tables.table([f"{size} px, {evaluations} evaluations", "loss, median", "range", "pairs"], rows)


def main():
    from descent import PAIRS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="longer side in pixels")
    parser.add_argument("--pairs", type=int, default=6, help=f"how many of the {len(PAIRS)} pairs")
    parser.add_argument("--evaluations", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", default="caffe", help="what vgg19() takes")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    options = parser.parse_args()
    net = vgg19(options.weights).to(options.device)
    results = measure(net, PAIRS[: options.pairs], options.size, options.evaluations)
    print(table(results, emulates=not options.device.startswith("cuda")))
    if options.json:
        Path(options.json).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
