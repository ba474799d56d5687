"""Would a better model of the curvature shorten a descent? python tests/benchmarks/curvature.py --json FILE

It would only if the model held over long steps. This script gives the course's picture, after `--start` evaluations, to
Gauss–Newton with conjugate gradients (Nocedal & Wright 2006, Numerical Optimization, sections 7.1 and 10.3). In each
step it takes the best of `PRODUCTS` · len(`SHARES`) pictures by their true loss, and the trials are not charged. So a
real method that chooses among these trials takes no better step. The script prints

- the loss after each such step, the products with the curvature that the chosen direction took (a product takes one
  pass forward and one back, as an evaluation does), and the evaluations of the course for the same loss;
- which share of the decrease that the model promises the network keeps: of the step that is taken, and of the whole
  step that the model would take by itself;
- the same shares in a network whose rectifiers or whose max poolings, or both, stay as they are at the start of the
  step. With both, the network is affine. This is the control: if the Gram matrices broke the promise, they would break
  it there as well. (The bounds of the pixels cannot break it: the promise is that of the clamped picture.)
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

import tables
import torch
import torch.nn.functional as F
from authors import first_below
from descent import PAIRS, machine

from course_utils.cost import Content, painting_cost
from course_utils.descent import _free, inverse_frequency
from course_utils.images import load_image, to_8bit
from course_utils.losses import content_loss, style_loss
from course_utils.transfer import minimise, starting_image
from course_utils.vgg import vgg19

PRODUCTS = 12  # of the curvature with a direction, in each step
SHARES = (1, 0.7, 0.5, 0.35, 0.25, 0.15)  # of a direction, which are tried
FROZEN = {"nothing": (), "poolings": ("pool",), "rectifiers": ("relu",), "both": ("relu", "pool")}


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=list(range(6)), help="numbers of pairs of descent.py")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--start", type=int, default=20, help="evaluations of the course before the first step")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=60, help="of the course, after the start")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    return parser.parse_args(given)


def passed(net, image, last, choices=None, constants=True):
    """({layer: activations}, choices) of a network with max pooling, from conv1_1 to the layer `last`.

    Args:
        choices: {rectifier: which values pass; pooling: the index of each window's largest value}. Layers that are
            missing choose by `image`; the choices that come back are complete.
        constants: without them (the mean colour and the biases), and with all choices given, the result is the
            derivative of the activations in the direction `image`.
    """
    found, choices = {}, dict(choices or {})
    maps = net.centre(image) if constants else image
    for name in net.layers[: net.layers.index(last) + 1]:
        if name.startswith("conv"):
            layer = getattr(net, name)
            maps = F.conv2d(maps, layer.weight, layer.bias if constants else None, padding=1)
        elif name.startswith("relu"):
            maps = maps * choices.setdefault(name, maps > 0)
        else:
            if name not in choices:
                choices[name] = F.max_pool2d(maps, 2, return_indices=True)[1]
            index = choices[name]
            maps = maps.flatten(2).gather(2, index.flatten(2)).view_as(index)
        found[name] = maps
    return found, choices


class Model:
    """The Gauss–Newton model of a cost at a picture: the residuals are replaced by their first derivatives.

    The residuals are the entries of G_l − A_l and of F − P. Attributes: `image`, `value` J, and the `gradient` of J.
    """

    def __init__(self, cost, image):
        self.cost, self.image = cost, image
        self.last = max(cost.layers, key=cost.net.layers.index)
        with torch.no_grad():
            self.found, self.choices = passed(cost.net, image, self.last)
        self.value, self.gradient, _ = cost(image)

    def changes(self, direction, residuals):
        """J of the model's residuals at image + direction; without the `residuals`, of their changes alone."""
        maps, _ = passed(self.cost.net, direction, self.last, self.choices, constants=False)
        total = 0
        for term in self.cost.terms:
            for layer, weight in term.layers.items():
                here, change, target = self.found[layer], maps[layer], term.targets[layer]
                if isinstance(term, Content):
                    wanted = target - here if residuals else torch.zeros_like(here)
                    part = content_loss(change, wanted, "mean")
                else:
                    half = change.flatten(2) @ here.flatten(2).mT / here[0, 0].numel()
                    wanted = target - term.gram(here) if residuals else torch.zeros_like(target)
                    part = style_loss(half + half.mT, wanted)
                total = total + term.weight * weight * part.sum()
        return total

    def product(self, direction):
        """The curvature (the second derivatives of the model) times a direction."""
        direction = direction.detach().requires_grad_()
        (product,) = torch.autograd.grad(self.changes(direction, residuals=False), direction)
        return product

    def directions(self, precondition):
        """The approximate minima of the model after 1, 2, … products: conjugate gradients on the free pixels."""
        image, gradient = self.image, self.gradient
        free = _free(image, gradient)
        found, rest = torch.zeros_like(image), -gradient * free
        search = precondition(rest) * free
        slope = (rest * search).sum()
        for _ in range(PRODUCTS):
            bent = self.product(search) * free
            length = slope / (search * bent).sum()
            found, rest = found + length * search, rest - length * bent
            steepest = precondition(rest) * free
            slope, before = (rest * steepest).sum(), slope
            search = steepest + slope / before * search
            yield found

    def kept(self, candidate):
        """{what is frozen: which share of the promised decrease a network with these choices keeps}."""
        with torch.no_grad():
            promised = self.value - float(self.changes(candidate - self.image, residuals=True))
            shares = {}
            for name, kinds in FROZEN.items():
                choices = {layer: choice for layer, choice in self.choices.items() if layer.startswith(kinds)}
                maps, _ = passed(self.cost.net, candidate, self.last, choices if kinds else {})
                shares[name] = (self.value - float(self.cost.parts(candidate, maps)["total"])) / promised
        return shares


def step(model, precondition):
    """(the picture with the least loss among all trials, its loss, products of its direction, the last whole step)."""
    best = None
    for products, direction in enumerate(model.directions(precondition), 1):
        for share in SHARES:
            candidate = (model.image + share * direction).clamp(0, 1)
            total = model.cost.losses(candidate)["total"]
            if best is None or total < best[1]:
                best = candidate, total, products
    return *best, (model.image + direction).clamp(0, 1)


def measure(net, pair, options):
    """All that is printed of a pair: {'totals' of the course, 'steps': [{…}]}."""
    content, style = (to_8bit(load_image(name, options.size)).to(options.device) for name in pair)
    cost = painting_cost(net, content, style)
    totals = {}
    for state in minimise(cost, starting_image("colour", content, style), options.start + options.evaluations):
        totals[state.evaluations] = state.losses["total"]
        if state.evaluations == options.start:
            image = state.image
    precondition, steps = inverse_frequency(image.shape, image.device), []
    for _ in range(options.steps):
        model = Model(cost, image)
        image, total, products, whole = step(model, precondition)
        if total >= model.value:
            break
        reached = first_below(totals, total)
        steps.append(
            {
                "total": total,
                "products": products,
                "ours": reached and reached - options.start,
                "grey levels": float((image - model.image).abs().mean() * 255),
                "kept": model.kept(image),
                "kept whole": model.kept(whole),
            }
        )
    return {"pair": pair, "totals": totals, "steps": steps}


def show(result, options):
    tables.show(f"{' + '.join(result['pair'])}: J after {options.start} is {result['totals'][options.start]:.3g}")
    rows, products = [], 0
    for number, found in enumerate(result["steps"], 1):
        products += found["products"]
        rows.append(
            (
                number,
                f"{found['total']:.3g}",
                products,
                found["ours"] or "not reached",
                f"{found['grey levels']:.2f}",
                *(f"{found['kept'][name]:.2f}" for name in FROZEN),
                *(f"{found['kept whole'][name]:.2f}" for name in FROZEN),
            )
        )
    kept = [f"{kind}: frozen {name}" for kind in ("kept", "whole step") for name in FROZEN]
    tables.show(tables.table(["step", "J", "products", "evaluations", "grey levels", *kept], rows))


def main(given=None):
    options = arguments(given)
    torch.set_num_threads(options.threads)
    net = vgg19().to(options.device)
    results = {**machine(options), "pairs": []}
    tables.show(tables.heading(results))
    for number in options.pairs:
        results["pairs"].append(measure(net, PAIRS[number], options))
        show(results["pairs"][-1], options)
        if options.json:
            Path(options.json).write_text(json.dumps(results), encoding="utf-8")
    steps = [found for result in results["pairs"] for found in result["steps"]]
    for kind in ("kept", "kept whole"):
        middle = {name: statistics.median(found[kind][name] for found in steps) for name in FROZEN}
        tables.show(f"{kind}, median: " + ", ".join(f"{share:.2f} (frozen: {name})" for name, share in middle.items()))
    return results


if __name__ == "__main__":
    main()
