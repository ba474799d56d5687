"""What each ingredient of the course's descent is worth:

    python tests/benchmarks/ingredients.py --json data/examples/ingredients.json

Every method descends on the same cost of the same pictures, 128 pixels on the longer side, and is judged by the loss of
the picture that it would save after so many evaluations of cost and gradient (8 bits for each colour). The photos are
drawn by a fixed seed from those that descent.py, on whose pairs the course's descent was tuned, leaves out; it uses all
eight paintings, so that they come again, but in other pairs. Coarse to fine counts an evaluation at half the size as a
quarter. `--markdown FILE` prints the table of a saved measurement.
"""

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

import torch
from descent import PAIRS as TUNED_ON

from course_utils import transport
from course_utils.cost import painting_cost
from course_utils.descent import GREY_LEVEL, inverse_frequency, projected_lbfgs
from course_utils.images import load_image, paintings, photos, resize, to_8bit
from course_utils.plain import adam, bare_lbfgs, gradient_descent, unbounded_lbfgs
from course_utils.transfer import minimise, starting_image
from course_utils.vgg import vgg19
from course_utils.winograd import prepared

SIZE, COUNTS, MARKS, SEED = 128, (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60), (20, 60), 7
COARSE = {"short": {20: (20, 15), 60: (60, 45)}, "long": {20: (40, 10), 60: (120, 30)}}  # small and large evaluations
INGREDIENTS = {  # what is compared: (with it, without it)
    "a first step of 4 grey levels": ("bare, first step", "bare L-BFGS"),
    "and no rise": ("no box", "bare, first step"),
    "no rise, after torch's first step": ("no box, small step", "bare L-BFGS"),
    "box": ("projected", "no box"),
    "colours": ("colours", "projected"),
    "guess": ("guess", "projected"),
    "colours, where the guess is on": ("colours, guess", "guess"),
    "guess, where the colours are on": ("colours, guess", "colours"),
    "transport": ("all", "colours, guess"),
    "6 guided evaluations for 12": ("all, 6 guided", "all"),
    "24 guided evaluations for 12": ("all, 24 guided", "all"),
    "short coarse part": ("colours, guess, short", "colours, guess"),
    "long coarse part": ("colours, guess, long", "colours, guess"),
    "from noise: guess": ("noise, guess", "noise"),
    "from noise: transport": ("noise, all", "noise, guess"),
    "from noise: short coarse part": ("noise, guess, short", "noise, guess"),
    "from noise: long coarse part": ("noise, guess, long", "noise, guess"),
    "everything, beside gradient descent": ("all", "gradient descent"),
    "everything, beside Adam": ("all", "Adam"),
    "everything, beside bare L-BFGS": ("all", "bare L-BFGS"),
}


def pairs():
    """Six photos, none of them in the pairs of descent.py, each with another painting."""
    draw = random.Random(SEED)
    chosen = draw.sample([name for name in photos() if name not in dict(TUNED_ON)], 6)
    return list(zip(chosen, draw.sample(paintings(), 6)))


# --- the methods: (cost, first picture, evaluations) -> the picture that would be saved after each evaluation ------


def projected(cost, image, evaluations, guess=False):
    precondition = inverse_frequency(image.shape) if guess else None
    return (point.image for point in projected_lbfgs(cost, image, evaluations, precondition=precondition))


def with_guess(cost, image, evaluations):
    return projected(cost, image, evaluations, guess=True)


def everything(cost, image, evaluations, guided=12):
    transport.GUIDED = guided
    return (state.image for state in minimise(cost, image, evaluations))


def small_first_step(cost, image, evaluations):
    """The test of every step, but torch's first step: the values change together by one grey level."""
    return unbounded_lbfgs(cost, image, evaluations, first_step=GREY_LEVEL / image.numel())


METHODS: dict[str, tuple[str, Callable[..., Iterator]]] = {  # (where it begins, how it goes on)
    "gradient descent": ("content", gradient_descent),
    "Adam": ("content", adam),
    "bare L-BFGS": ("content", bare_lbfgs),
    "bare, first step": ("content", lambda *given: bare_lbfgs(*given, first_step=4 * GREY_LEVEL)),
    "no box": ("content", unbounded_lbfgs),
    "no box, small step": ("content", small_first_step),
    "projected": ("content", projected),
    "guess": ("content", with_guess),
    "colours": ("colour", projected),
    "colours, guess": ("colour", with_guess),
    "all": ("colour", everything),
    "all, 6 guided": ("colour", lambda *given: everything(*given, guided=6)),
    "all, 24 guided": ("colour", lambda *given: everything(*given, guided=24)),
    "noise": ("noise", projected),
    "noise, guess": ("noise", with_guess),
    "noise, all": ("noise", everything),
}


def measured(net, pair):
    """{method: {evaluations: losses of the saved picture}} for one pair, and {start: its losses}."""
    content, style = (to_8bit(load_image(name, SIZE)) for name in pair)
    net = prepared(net, content, ["relu5_1"])
    cost = painting_cost(net, content, style)
    starts = {start: starting_image(start, content, style) for start in ("content", "colour", "noise")}
    losses: dict[str, dict[int, dict]] = {}
    for method, (start, run) in METHODS.items():
        images = enumerate(run(cost, starts[start], COUNTS[-1]), start=1)
        losses[method] = {done: cost.losses(to_8bit(image)) for done, image in images if done in COUNTS}
    small, small_style = (resize(image, SIZE // 2) for image in (content, style))
    small_cost = painting_cost(net, small, small_style)
    for start, begun in (("colour", "colours, guess"), ("noise", "noise, guess")):
        for kind, parts in COARSE.items():
            for work, (first, then) in parts.items():
                *_, coarse = with_guess(small_cost, starting_image(start, small, small_style), first)
                *_, image = with_guess(cost, resize(coarse, content.shape[2:]).clamp(0, 1), then)
                losses.setdefault(f"{begun}, {kind}", {})[work] = cost.losses(to_8bit(image))
    return losses, {start: cost.losses(to_8bit(image)) for start, image in starts.items()}


def rounded(value):
    return float(f"{value:.3e}") if math.isfinite(value) else None


def result(net):
    """{size, pairs, starts: {start: totals of the pairs}, total and content: {method: {evaluations: the pairs'}}}."""
    table: dict = {"size": SIZE, "pairs": pairs(), "counts": COUNTS, "starts": {}, "total": {}, "content": {}}
    for pair in table["pairs"]:
        began = time.process_time()
        losses, starts = measured(net, pair)
        for start, found in starts.items():
            table["starts"].setdefault(start, []).append(rounded(found["total"]))
        for method, rows in losses.items():
            for done, found in rows.items():
                table["total"].setdefault(method, {}).setdefault(str(done), []).append(rounded(found["total"]))
                if done in MARKS:
                    table["content"].setdefault(method, {}).setdefault(str(done), []).append(rounded(found["content"]))
        print(" and ".join(pair), f"took {time.process_time() - began:.0f} s", file=sys.stderr, flush=True)
    return table


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def ratios(table, ingredient, evaluations, loss="total"):
    """Of each pair: the loss with the ingredient, divided by that without it."""
    one, other = (table[loss][method][str(evaluations)] for method in INGREDIENTS[ingredient])
    return [a / b for a, b in zip(one, other)]


def markdown(table):
    print(f"| ingredient | {' | '.join(f'{loss}, {n}' for n in MARKS for loss in ('total', 'content'))} |")
    print("| --- |" + " --- |" * 2 * len(MARKS))
    for ingredient in INGREDIENTS:
        cells = [
            f"{geometric_mean(found):.2f} ({min(found):.2f} … {max(found):.2f})"
            for n in MARKS
            for loss in ("total", "content")
            if (found := ratios(table, ingredient, n, loss))
        ]
        print(f"| {ingredient} | {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    parser.add_argument("--markdown", metavar="FILE", help="print the table of such a file and do nothing else")
    options = parser.parse_args()
    if options.markdown:
        return markdown(json.loads(Path(options.markdown).read_text(encoding="utf-8")))
    torch.set_num_threads(1)
    table = result(vgg19())
    if options.json:
        Path(options.json).write_text(json.dumps(table) + "\n", encoding="utf-8")
    markdown(table)


if __name__ == "__main__":
    main()
