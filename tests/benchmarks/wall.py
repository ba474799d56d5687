"""Which settings give a picture for the wall:

    python tests/benchmarks/wall.py --json data/examples/wall.json --sheet data/examples/wall.webp

Ten pairs are painted with each of the settings and judged by the picture that would be saved (8 bits for each colour):

    E        how much of the painting is in it (course_utils/measures.py; more is better), here along the principal axes
             of photos of none of the pairs, of the size of the pictures.
    content  the content cost at relu4_2, divided by the mean over the photos of the other pairs: 0 for the photo
             itself, 1 for any other.
    edges    the correlation with the edges of the photo, after a blur of 5 pixels (lesson 4).
    grain    the squares of the differences of neighbouring pixels, divided by those of the painting.

Controls are the photo, the photo in the painting's colours, and the painting itself, stretched to the photo's shape (as
it is, its E would be infinite; the less it is stretched, the more it has).

The pairs were chosen by hand, before anything was painted: photos that somebody might hang up unpainted (one motif,
ground around it) of buildings and animals, each of the eight paintings at least once, two of them again, and the pair
that stood on the first page before. `--markdown FILE` prints the table of a saved measurement.
"""

import argparse
import functools
import json
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2])]

import torch
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from course_utils.colour import match_colours
from course_utils.cost import painting_cost
from course_utils.files import replace_file
from course_utils.images import load_image, resize, to_8bit, to_pil
from course_utils.long_runs import edges_alike
from course_utils.losses import CONTENT_LAYER, content_loss, total_variation
from course_utils.measures import Style, principal_axes, references
from course_utils.transfer import minimise, relative_weight, starting_image
from course_utils.vgg import vgg19
from course_utils.winograd import prepared

SIZE, EVALUATIONS, TILE = 384, 25, 192
PAIRS = [
    ("monument_neuschwanstein_castle", "van_gogh_cafe_terrace_at_night"),
    ("monument_opera_house", "van_gogh_church_at_auvers"),
    ("animal_koala", "van_gogh_painter_on_the_road_to_tarascon"),
    ("monument_mont_st_michel", "van_gogh_harvest_at_la_crau"),
    ("monument_chateaude_chenonceau", "van_gogh_langlois_bridge"),
    ("animal_red_panda", "van_gogh_night_cafe"),
    ("animal_scarlet_macaw", "van_gogh_portrait_of_pere_tanguy"),
    ("monument_petra", "van_gogh_corridor_in_the_asylum"),
    ("monument_schwerin_palace", "van_gogh_church_at_auvers"),
    ("monument_machu_picchu", "van_gogh_harvest_at_la_crau"),
]
MEASURES = ("E", "content", "edges", "grain")


class Way(NamedTuple):
    """How to paint: the pooling of the network, and β, or the strength that β follows from (`relative_weight`)."""

    pooling: str
    weight: float | None = None
    strength: float | None = None


WAYS = {
    "max, β = 1": Way("max", weight=1.0),  # as the command did before
    "max, strength 20": Way("max", strength=20.0),
    "average, strength 20": Way("average", strength=20.0),
    "average, strength 60": Way("average", strength=60.0),
}


# --- the measures ---------------------------------------------------------------------------------------------------


class Judge:
    """The measures of pictures of one size."""

    def __init__(self, net, size, pairs):
        self.net, self.size = net, size
        apart = references(photo for photo, _ in pairs)
        self.axes = principal_axes(net, (load_image(name, size) for name in apart))

    def meet(self, photo, painting, others):
        """Take the pictures of a pair, and the photos of the other pairs, to measure by."""
        self.photo, self.painting, self.style = photo, painting, Style(self.net, painting, self.axes)
        self.content = self.net.features(photo, [CONTENT_LAYER])[CONTENT_LAYER]
        self.usual = statistics.mean(self.content_cost(resize(other, photo.shape[2:])) for other in others)

    def content_cost(self, image):
        return content_loss(self.net.features(image, [CONTENT_LAYER])[CONTENT_LAYER], self.content, "mean").item()

    def __call__(self, image):
        grain = roughness(image) / roughness(self.painting)
        values = (self.style(image), self.content_cost(image) / self.usual, edges_alike(image, self.photo), grain)
        return {name: round(value, 3) for name, value in zip(MEASURES, values)}


def roughness(picture):
    return total_variation(picture).item() / picture[0, 0].numel()


# --- paint and judge ------------------------------------------------------------------------------------------------


def painted(net, way, photo, painting, evaluations):
    """The picture (1, 3, H, W) that would be saved."""
    weight = relative_weight(way.strength, photo, painting, net=net) if way.weight is None else way.weight
    net = prepared(net, photo, ["relu5_1"])
    cost = painting_cost(net, photo, painting, style_weight=weight)
    *_, last = minimise(cost, starting_image("colour", photo, painting), evaluations)
    return to_8bit(last.image)


def measured(pairs, ways, size, evaluations, folder=None):
    """(what was measured, {name of a way or a control: pictures of the pairs}).

    The first is {'size', 'evaluations', 'pairs', 'measures': {name: {measure: values of the pairs}}}.
    """
    nets = {pooling: vgg19(pooling=pooling) for pooling in ("max", "average")}
    judge = Judge(nets["max"], size, PAIRS)
    table: dict = {}
    pictures: dict = {}
    loaded = {photo: to_8bit(load_image(photo, size)) for photo, _ in PAIRS}
    for name, style in pairs:
        began = time.process_time()
        photo, painting = loaded[name], to_8bit(load_image(style, size))
        judge.meet(photo, painting, [other for key, other in loaded.items() if key != name])
        tries = {
            "the photo": lambda: photo,
            "in the painting's colours": lambda: to_8bit(match_colours(photo, painting)),
            "the painting": lambda: to_8bit(resize(painting, photo.shape[2:])),
        }
        for key, way in ways.items():
            tries[key] = functools.partial(painted, nets[way.pooling], way, photo, painting, evaluations)
        for key, make in tries.items():
            image = make()
            pictures.setdefault(key, []).append(image)
            found = judge(image)
            print(f"  {key}: {found}", file=sys.stderr, flush=True)
            for measure, value in found.items():
                table.setdefault(key, {}).setdefault(measure, []).append(value)
            if folder:
                to_pil(image).save(Path(folder) / f"{name}, {key}.png")
        took = f"took {time.process_time() - began:.0f} s"
        print(name, style, took, file=sys.stderr, flush=True)
    return {"size": size, "evaluations": evaluations, "pairs": pairs, "measures": table}, pictures


def write(table, path):
    """Keep what was measured."""
    replace_file(path, (json.dumps(table, ensure_ascii=False) + "\n").encode())


def markdown(table):
    print(f"| setting | {' | '.join(MEASURES)} |\n| --- |" + " --- |" * len(MEASURES))
    for name, row in table["measures"].items():
        cells = (f"{statistics.mean(row[k]):.2f} ({min(row[k]):.2f} … {max(row[k]):.2f})" for k in MEASURES)
        print(f"| {name} | {' | '.join(cells)} |")


def sheet(pictures):
    """All pictures small, a row for each pair and a column for each way."""
    font = ImageFont.truetype(findfont("DejaVu Sans"), 11)  # Pillow's own has no β
    columns = [[to_pil(image) for image in column] for column in pictures.values()]
    scale = TILE / max(columns[0][0].size)
    rows = [round(max(picture.height for picture in row) * scale) for row in zip(*columns)]
    whole = Image.new("RGB", (TILE * len(columns), sum(rows) + 14), "white")
    for x, (name, column) in enumerate(zip(pictures, columns)):
        ImageDraw.Draw(whole).text((TILE * x + 4, 0), name, fill="black", font=font)
        y = 14
        for picture, height in zip(column, rows):
            picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.LANCZOS)
            whole.paste(picture, (TILE * x + (TILE - picture.width) // 2, y))
            y += height
    return whole


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    parser.add_argument("--sheet", metavar="FILE", help="write all pictures, small, as one WebP")
    parser.add_argument("--pictures", metavar="FOLDER", help="write each picture as PNG")
    parser.add_argument("--markdown", metavar="FILE", help="print the table of such a JSON file and do nothing else")
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="paint the first ones only")
    parser.add_argument("--size", type=int, default=SIZE, help="longer side in pixels")
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--ways", nargs="+", choices=WAYS, metavar="WAY", default=list(WAYS), help="some settings only")
    options = parser.parse_args()
    if options.markdown:
        return markdown(json.loads(Path(options.markdown).read_text(encoding="utf-8")))
    torch.set_num_threads(1)
    pairs, ways = PAIRS[: options.pairs], {name: WAYS[name] for name in options.ways}
    table, pictures = measured(pairs, ways, options.size, options.evaluations, options.pictures)
    if options.json:
        write(table, options.json)
    if options.sheet:
        sheet(pictures).save(options.sheet, quality=45, method=6)
    markdown(table)


if __name__ == "__main__":
    main()
