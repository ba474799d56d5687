"""The authors' own log of losses beside the course's descent: python tests/benchmarks/authors.py

L. A. Gatys published the losses of a run of his notebook: "Tübingen, Neckarfront" in the style of "The Starry Night",
592 × 444 and 576 × 456 pixels, bare L-BFGS from the photo (`LOG`). This script builds a pair in his way: each picture
has an area of 512² pixels, sides rounded up; the poolings round up as his do; the cost is his, with his weights. Then
the course's descent minimises it, and the script prints, for each loss, the evaluations that bare L-BFGS and the course
need for it.

His two pictures do not come with the course. Whoever has them gives their files; then the first column is his log:

    python tests/benchmarks/authors.py --content tuebingen.jpg --style starry_night.jpg

Otherwise a bundled pair is painted, and bare L-BFGS runs here, as he ran it: with a memory of 100, from the photo. Its
losses are those of its own pixels, which may leave the range of a picture, as in his log. Ours are those of the picture
as saved, with 8 bits for each colour.
"""

import argparse
import json
import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

import tables
import torch
from descent import machine

from course_utils.cost import painting_cost
from course_utils.images import load_image, resize, to_8bit
from course_utils.plain import bare_lbfgs
from course_utils.transfer import minimise, starting_image
from course_utils.vgg import vgg19
from course_utils.winograd import prepared

LOG = {  # {evaluations: J}: leongatys/NeuralImageSynthesis, cced0b9, ExampleNotebooks/BasicStyleTransfer.ipynb, cell 10
    50: 1_260_979,
    100: 656_089,
    150: 502_277,
    200: 441_495,
    250: 408_626,
    300: 387_915,
    350: 374_118,
    400: 363_962,
    450: 356_502,
    500: 350_770,
}
PAIR = "monument_mont_st_michel", "van_gogh_langlois_bridge"
MEMORY = 100  # of his L-BFGS


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", help="file of his photo, or the name of a bundled one")
    parser.add_argument("--style", help="file of his painting, or the name of a bundled one")
    parser.add_argument("--bare", action="store_true", help="let bare L-BFGS run here, also for his own pictures")
    parser.add_argument("--side", type=int, default=512, help="the area is that of a square with this side")
    parser.add_argument("--evaluations", type=int, default=300, help="of the course's descent")
    parser.add_argument("--bare-evaluations", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    options = parser.parse_args(given)
    if (options.content is None) != (options.style is None):
        parser.error("give --content and --style together, or neither for a bundled pair")
    return options


def of_area(image: torch.Tensor, side: int) -> torch.Tensor:
    """A picture (1, 3, H, W) of the area side², its sides rounded up; its proportions stay."""
    height, width = image.shape[2:]
    scale = side / math.sqrt(height * width)
    return to_8bit(resize(image, (math.ceil(scale * height), math.ceil(scale * width))))


def bare(cost, photo, evaluations):
    """{evaluations: J} of bare L-BFGS from the photo, at its own pixels."""
    totals = []

    def noted(image):
        value, gradient, losses = cost(image)
        totals.append(value)
        return value, gradient, losses

    for _ in bare_lbfgs(noted, photo, evaluations, memory=MEMORY):
        pass
    return dict(enumerate(totals, start=1))


def course(cost, content, style, evaluations):
    """{evaluations: J} of the picture that the course's descent would save."""
    states = minimise(cost, starting_image("colour", content, style), evaluations)
    return {state.evaluations: cost.losses(to_8bit(state.image))["total"] for state in states}


def first_below(totals, mark):
    """After how many evaluations J was at most `mark`; None if it never was."""
    return next((number for number, total in sorted(totals.items()) if total <= mark), None)


def compare(log, ours):
    """[(evaluations of the log, its J, evaluations of ours for this J or None)] every 50 evaluations of the log."""
    return [(number, log[number], first_below(ours, log[number])) for number in sorted(log) if number % 50 == 0]


def main(given=None):
    options = arguments(given)
    torch.set_num_threads(options.threads)
    pair = (options.content, options.style) if options.content else PAIR
    content, style = (of_area(load_image(name), options.side).to(options.device) for name in pair)
    net = vgg19(rounding="up").to(options.device)
    cost = painting_cost(prepared(net, content, ["relu5_1"]), content, style)
    sizes = " and ".join(f"{image.shape[3]} × {image.shape[2]}" for image in (content, style))
    his = options.content is not None and not options.bare
    ours = course(cost, content, style, options.evaluations)
    log = LOG if his else bare(cost, content, options.bare_evaluations)
    result = {**machine(options), "pair": pair, "sizes": sizes, "ours": ours, "log": log}
    tables.show(tables.heading(result) + f"; {sizes} pixels")
    rows = [(number, f"{total:,.0f}", mine or "not reached") for number, total, mine in compare(log, ours)]
    tables.show(tables.table(["his evaluations" if his else "bare L-BFGS", "J", "evaluations of the course"], rows))
    if options.json:
        Path(options.json).write_text(json.dumps(result), encoding="utf-8")
    return result


if __name__ == "__main__":
    main()
