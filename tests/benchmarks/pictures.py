"""The pictures that README and lessons show as files, made anew:

    python tests/benchmarks/pictures.py                    # all of them: about an hour on one core
    python tests/benchmarks/pictures.py showpiece.webp     # one or some of them
    python tests/benchmarks/pictures.py --resume           # go on where the same command was stopped
    python tests/benchmarks/pictures.py --list             # the pictures, with the words below them

A picture is written into data/examples as soon as it is finished. Beside it, pictures.json gets the settings with which
it was made, what was measured on the file, and the file's SHA-256. Measured are E and the content cost of
course_utils/measures.py with their controls, at the size of the picture. README and lessons give settings and numbers
in the words of `caption`; `--list` prints them. The course map is drawn by `python3 -m course_utils plan --write`,
too, because it changes with the lessons; so pictures.json leaves it out. Lessons 4 and 6 print what they measure on
content_layers.webp, and what stands in wall.json: run them again after these are made anew.
"""

import argparse
import dataclasses
import hashlib
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parent)]

import torch
import wall
from matplotlib.figure import Figure
from PIL import Image

from course_utils import long_runs, plan
from course_utils.checkpoint import Checkpoint
from course_utils.cost import Cost, Style, painting_cost
from course_utils.descent import inverse_frequency, projected_lbfgs
from course_utils.files import replace_file
from course_utils.images import load_image, load_square, to_8bit, to_pil
from course_utils.losses import STYLE_LAYERS
from course_utils.means import MeanActivations
from course_utils.measures import Judge
from course_utils.measures import Style as Measure
from course_utils.paths import BUILD, DATA
from course_utils.plain import adam
from course_utils.plots import COLOURS, gallery, mosaic
from course_utils.reconstruct import reconstruct
from course_utils.regions import with_seam
from course_utils.settings import Settings
from course_utils.studio import RIDDLE, Networks, Recipe, only, painted, png, set_up
from course_utils.top import TopActivations
from course_utils.transfer import minimise, starting_image, transfer
from course_utils.vgg import CONVOLUTIONS, vgg19
from course_utils.widgets.lesson1 import unit_sheet
from course_utils.widgets.lesson2 import block
from course_utils.winograd import prepared

FOLDER, WORK = DATA / "examples", BUILD / "pictures"
TABLE = "pictures.json"
GAP = 12  # white pixels between two pictures of one file
STARTS = {"colour": "the photo in the painting's colours", "content": "the photo", "noise": "faint noise"}


class Stored(NamedTuple):
    """How a picture of a file is made.

    Attributes:
        settings: numbers, texts, lists and dictionaries, which JSON holds.
        make: settings -> the bytes of the file.
        caption: (settings, measured) -> what stands below the picture about them; None: nothing does.
        measure: (settings, picture (1, 3, H, W) as the file holds it) -> {what: numbers}; None: nothing is measured.
    """

    settings: dict
    make: Callable[[dict], bytes]
    caption: Callable[[dict, dict], str] | None = None
    measure: Callable[[dict, torch.Tensor], dict] | None = None


def encoded(picture, **options):
    """The bytes of a WebP file. A figure is cut to what is drawn, as `show` does it."""
    buffer, options = io.BytesIO(), {"quality": 85, "method": 6, **options}
    if isinstance(picture, Figure):
        picture.savefig(buffer, format="webp", dpi=100, bbox_inches="tight", pil_kwargs=options)
    else:
        (picture if isinstance(picture, Image.Image) else to_pil(picture)).save(buffer, format="webp", **options)
    return buffer.getvalue()


def number(value, digits=1):
    return f"{value:.{digits}f}".replace("-", "−")


def judged(picture, photo, painting):
    """{what: {'E', 'content'}} of a picture and of both controls."""
    judge = Judge(vgg19(), photo, painting)
    found = {"the picture": judge(picture), **judge.controls}
    return {what: {name: round(value, 3) for name, value in row.items()} for what, row in found.items()}


# --- a photo after a painting ---------------------------------------------------------------------------------------

SHOWPIECE = Recipe(
    photo="monument_neuschwanstein_castle",
    paintings={"van_gogh_cafe_terrace_at_night": 1.0},
    size=512,
    evaluations=80,
    stroke=2.0,
    strength=200.0,
)


def showpiece(settings):
    """A descent of minutes: it keeps its state, and goes on from there."""
    recipe, networks = Recipe(**settings), Networks()
    easel = set_up(recipe, networks)
    state = WORK / "showpiece.webp.state"
    checkpoint = Checkpoint(state, resume=state.exists())
    result = transfer(
        easel.photo,
        easel.paintings[0],
        Settings(style_weight=easel.style_weight, start=easel.first),
        evaluations=recipe.evaluations,
        net=networks(recipe.network, recipe.pooling),
        device="cpu",
        checkpoint=checkpoint,
    )
    if result.stopped:
        raise KeyboardInterrupt
    checkpoint.remove()
    return encoded(result.image)


def of_showpiece(settings, picture):
    (painting,) = settings["paintings"]
    return judged(picture, *(load_image(name, settings["size"]) for name in (settings["photo"], painting)))


def about(settings):
    """The settings of a recipe that a reader of the captions may want to change."""
    return (
        f"{settings['size']} pixels on the longer side, {settings['evaluations']} evaluations, {settings['pooling']}"
        f" pooling, strength {settings['strength']:g}, scale of the strokes {settings['stroke']:g}, begun with"
        f" {STARTS[settings['start']]}"
    )


def beside(found):
    """E and content cost of a picture, beside those of both controls."""
    rows = [found[what] for what in ("the picture", "the photo", "the painting")]
    texts = [text for row in rows for text in (number(row["E"]), number(row["content"], 2))]
    return "E {} and content cost {} (the photo: {} and {}; the painting: {} and {})".format(*texts)


def caption_of_showpiece(settings, found):
    return f"Settings: {about(settings)}. Measured (lesson 8): {beside(found)}."


# --- two regions, and a riddle, for lesson 8 ------------------------------------------------------------------------

REGIONS = Recipe(
    photo="monument_mont_st_michel",
    paintings={"van_gogh_harvest_at_la_crau": 1.0},
    inside="van_gogh_cafe_terrace_at_night",
    mask="brightness",
    threshold=0.6,
    soft=0.15,
    size=448,
    evaluations=50,
    stroke=1.5,
    strength=100.0,
)
BANDS = {"sky": (0.0, 0.55), "meadow": (0.7, 1.0)}  # the rows in which one painting alone counts
HIDDEN = Recipe(size=128, evaluations=20, equaliser=only("relu1_1"))  # an exercise asks for this setting


def regions(settings):
    """The photo with its seam, and what two paintings make of it."""
    recipe, networks = Recipe(**settings), Networks()
    easel = set_up(recipe, networks)
    return encoded(mosaic([with_seam(easel.photo, easel.mask), painted(recipe, networks)[0]], 2, GAP), quality=75)


def of_regions(settings, picture):
    """E where one painting alone counts; the controls are the photo there, and E for the other painting."""
    photo, (outside,) = load_image(settings["photo"], settings["size"]), settings["paintings"]
    paintings, found = [load_image(name, settings["size"]) for name in (settings["inside"], outside)], {}
    for (where, rows), (own, other) in zip(BANDS.items(), (paintings, paintings[::-1])):
        part = slice(*(round(share * photo.shape[2]) for share in rows))
        band, measure = picture[:, :, part, -photo.shape[3] :], Measure(vgg19(), own)
        values = measure(band), measure(photo[:, :, part]), Measure(vgg19(), other)(band)
        found[where] = dict(zip(("the picture", "the photo", "for the other painting"), (round(e, 3) for e in values)))
    return found


def caption_of_regions(settings, found):
    measured = "; ".join(
        "in the {} {} (the photo: {}; for the other painting: {})".format(where, *map(number, rows.values()))
        for where, rows in found.items()
    )
    mask = f"mask by {settings['mask']} {settings['threshold']:g}"
    return f"Settings: {about(settings)}, {mask}. Measured: E {measured}."


def riddle(settings):
    recipe = Recipe(**settings)
    return png(painted(recipe, Networks())[0], recipe)


# --- what stands at the head of the other lessons -------------------------------------------------------------------

UNIT = {"layer": "relu4_1", "channel": 314}
AXES = {"axes": "NHW"}
LONG = {"photo": "animal_cat", "size": long_runs.SIZE, "layers": list(long_runs.LAYERS), "evaluations": [40, 240]}
STYLED = {
    "photo": "animal_cat",
    "painting": "van_gogh_cafe_terrace_at_night",
    "size": long_runs.SIZE,
    "evaluations": 20,
    "layers": list(long_runs.STYLED_LAYERS),
}
TEXTURES = {
    "painting": "van_gogh_painter_on_the_road_to_tarascon",
    "control": "van_gogh_cafe_terrace_at_night",
    "size": 224,
    "evaluations": 40,
    "layers": list(STYLE_LAYERS),
}
RACE = {
    "photo": "animal_horse",
    "painting": "van_gogh_cafe_terrace_at_night",
    "size": 256,
    "evaluations": 20,
    "pooling": "max",
    "style_weight": 1.0,
    "methods": {"Adam": "content", "the course's descent": "colour"},  # and where each begins
}
SHEET = {
    "size": wall.SIZE,
    "evaluations": wall.EVALUATIONS,
    "ways": {name: list(way) for name, way in wall.WAYS.items()},
}


def unit(settings):
    """The strongest patches of a channel, and their projections."""
    return encoded(unit_sheet(vgg19(), TopActivations.load(), settings["layer"], settings["channel"])[0])


def caption_of_unit(settings, found):
    return f"channel {settings['channel']} of `{settings['layer']}`"


def axes(settings):
    """The values over which batch normalisation takes one mean."""
    return encoded(block(settings["axes"])[0])


def means(settings):
    """The means of the channels of each convolution over the bundled photos: least, median and largest."""
    found = MeanActivations.load().mean
    rows = [found[name] for name in CONVOLUTIONS]
    figure = Figure(figsize=(8.2, 3.6), layout="constrained")
    axis = figure.subplots()
    for n, row in enumerate(rows):
        low, high = row.min().item(), row.max().item()
        axis.bar(n, high - low, 0.24, low, color=COLOURS[5], alpha=0.6, label=None if n else "least to largest")
    axis.plot([row.median().item() for row in rows], "o", color=COLOURS[0], label="median")
    axis.axhline(1, color=COLOURS[1], ls="--", lw=2, label="the goal: one")
    axis.set(yscale="log", ylim=(0.1, 1e4), ylabel="mean activation")
    axis.set_xticks(range(len(rows)), CONVOLUTIONS, rotation=60, fontsize=8)
    axis.legend(frameon=False)
    return encoded(figure)


def of_means(settings, picture):
    found = torch.cat([*MeanActivations.load().mean.values()])
    return {"channels": len(found), "least": round(found.min().item(), 2), "largest": round(found.max().item())}


def caption_of_means(settings, found):
    channels, least, largest = (found[name] for name in ("channels", "least", "largest"))
    return f"The {channels:,} channels of VGG-19 have mean activations from {least} to {largest:,}."


def reconstructions(settings):
    """A photo, and in each row what comes back of it from one layer after so many evaluations."""
    net, photo, rows = vgg19(), load_square(settings["photo"], settings["size"]), {}
    for layer in settings["layers"]:
        for point in reconstruct(net, photo, layer, evaluations=max(settings["evaluations"])):
            if point.evaluations in settings["evaluations"]:
                rows.setdefault(point.evaluations, {})[f"{layer}, {point.evaluations}"] = point.image
    first, second = rows.values()
    return encoded(gallery({"photo": photo, **first, "": torch.ones_like(photo), **second}, 6, height=1.9))


def caption_of_reconstructions(settings, found):
    first, second = settings["evaluations"]
    return f"above after {first} evaluations of a cost, below after {second}"


def content_layers(settings):
    """A photo after a painting three times side by side, each time with the content of another layer."""
    net, size = vgg19(), settings["size"]
    photo, painting = (load_square(settings[name], size) for name in ("photo", "painting"))
    style = Style(net, painting)
    style.weight = 1 / style(photo, net.features(photo, style.layers)).item()
    ends = []
    for layer in settings["layers"]:
        *_, point = reconstruct(net, photo, layer, "grey", settings["evaluations"], more=[style])
        ends.append(point.image)
    return encoded(torch.cat(ends, 3), lossless=True)


def textures(settings):
    """A painting, and what matches its style in one layer, in two layers and so on; all begin with one noise."""
    net, size, weights = vgg19(), settings["size"], {}
    painting = load_square(settings["painting"], size)
    noise, shown = starting_noise(size), [painting]
    for layer, maps in net.features(painting, settings["layers"]).items():
        silent = Style(net, painting, 1.0, {layer: 1.0})(noise, {layer: torch.zeros_like(maps)})
        weights[layer] = 1 / silent.item()
        cost = Cost(net, [Style(net, painting, 1.0, weights)])
        *_, last = projected_lbfgs(cost, noise, settings["evaluations"], precondition=inverse_frequency(noise.shape))
        shown.append(last.image)
    return encoded(mosaic(shown, 3, GAP), quality=80)


def starting_noise(size):
    """Grey ± 15 %, as in lesson 5."""
    return 0.35 + 0.3 * torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))


def of_textures(settings, picture):
    """E of each texture; the controls are the noise, and another painting."""
    size = settings["size"]
    measure = Measure(vgg19(), load_square(settings["painting"], size))
    shown = dict(zip(settings["layers"], tiles(picture, size, size)[1:]))
    shown |= {"the noise": starting_noise(size), "another painting": load_square(settings["control"], size)}
    return {name: round(measure(tile), 3) for name, tile in shown.items()}


def caption_of_textures(settings, found):
    size, values = settings["size"], [number(found[name]) for name in (*settings["layers"], "the noise")]
    return (
        f"Settings: {size} × {size} pixels, {settings['evaluations']} evaluations each. Measured (lesson 8):"
        f" E {', '.join(values[:-1])} (the noise: {values[-1]}; another painting: {number(found['another painting'])})."
    )


def race(settings):
    """A photo, and what methods make of it with the same cost and the same number of evaluations."""
    content, style = (to_8bit(load_image(settings[name], settings["size"])) for name in ("photo", "painting"))
    net = prepared(vgg19(pooling=settings["pooling"]), content, ["relu5_1"])
    cost = painting_cost(net, content, style, style_weight=settings["style_weight"])
    first, second = (starting_image(start, content, style) for start in settings["methods"].values())
    *_, by_adam = adam(cost, first, settings["evaluations"])
    *_, last = minimise(cost, second, settings["evaluations"])
    return encoded(mosaic([content, to_8bit(by_adam), to_8bit(last.image)], 3, GAP))


def of_race(settings, picture):
    photo, painting = (load_image(settings[name], settings["size"]) for name in ("photo", "painting"))
    found = [judged(tile, photo, painting) for tile in tiles(picture, *photo.shape[2:])[1:]]
    controls = {what: row for what, row in found[0].items() if what != "the picture"}
    return {name: row["the picture"] for name, row in zip(settings["methods"], found)} | controls


def caption_of_race(settings, found):
    measured = "; ".join(
        f"{name}: {number(found[name]['E'])} and {number(found[name]['content'], 2)}"
        for name in (*settings["methods"], "the photo", "the painting")
    )
    return (
        f"Settings: {settings['size']} pixels on the longer side, {settings['evaluations']} evaluations each,"
        f" {settings['pooling']} pooling, β = {settings['style_weight']:g}."
        f" Measured (lesson 8), E and content cost: {measured}."
    )


def tiles(picture, height, width):
    """The tiles of a `mosaic`, row by row."""
    rows, columns = (range(0, whole, side + GAP) for whole, side in zip(picture.shape[2:], (height, width)))
    return [picture[:, :, y : y + height, x : x + width] for y in rows for x in columns]


def sheet(settings):
    """The ten pairs of wall.py, which are measured as well."""
    table, pictures = wall.measured(wall.PAIRS, wall.WAYS, settings["size"], settings["evaluations"])
    wall.write(table, FOLDER / "wall.json")
    return encoded(wall.sheet(pictures), quality=45)


def caption_of_sheet(settings, found):
    return f"at {settings['size']} pixels, with {settings['evaluations']} evaluations each"


def course_map(settings):
    plan.write()
    return plan.MAP.read_bytes()


# --- all of them ----------------------------------------------------------------------------------------------------

PICTURES = {
    "showpiece.webp": Stored(dataclasses.asdict(SHOWPIECE), showpiece, caption_of_showpiece, of_showpiece),
    "eye_unit.webp": Stored(UNIT, unit, caption_of_unit),
    "batch_norm_axes.webp": Stored(AXES, axes),
    "mean_activations.webp": Stored({}, means, caption_of_means, of_means),
    "reconstructions.webp": Stored(LONG, reconstructions, caption_of_reconstructions),
    long_runs.STYLED.name: Stored(STYLED, content_layers),
    "textures.webp": Stored(TEXTURES, textures, caption_of_textures, of_textures),
    "full_speed.webp": Stored(RACE, race, caption_of_race, of_race),
    "studio.webp": Stored(dataclasses.asdict(REGIONS), regions, caption_of_regions, of_regions),
    RIDDLE.name: Stored(dataclasses.asdict(HIDDEN), riddle),
    "wall.webp": Stored(SHEET, sheet, caption_of_sheet),
    plan.MAP.name: Stored({}, course_map),
}


def records(folder=FOLDER):
    """{name: {'settings', 'measured', 'sha256'}} of the pictures that were made."""
    path = folder / TABLE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def record(one, path):
    """What pictures.json says about a picture that was made."""
    measured = one.measure(one.settings, load_image(path)) if one.measure else {}
    return {"settings": one.settings, "measured": measured, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def renew(names, folder=FOLDER, work=WORK, resume=False, pictures=PICTURES):
    """Make pictures, one after the other; with `resume`, those that a stopped run has not made with these settings."""
    work.mkdir(parents=True, exist_ok=True)
    marks = {name: work / f"{name}.done" for name in names}
    if not resume:
        _forget(work, names)
    for name, mark in marks.items():
        began, one = time.process_time(), pictures[name]
        settings = json.dumps(one.settings)
        if mark.exists() and mark.read_text(encoding="utf-8") == settings:
            continue
        replace_file(folder / name, one.make(one.settings))
        if name != plan.MAP.name:
            found = {**records(folder), name: record(one, folder / name)}
            table = {known: found[known] for known in pictures if known in found}
            replace_file(folder / TABLE, (json.dumps(table, ensure_ascii=False, indent=1) + "\n").encode())
        replace_file(mark, settings.encode())
        print(f"{name} took {time.process_time() - began:.0f} s", file=sys.stderr, flush=True)
    _forget(work, names)


def _forget(work, names):
    """Remove what earlier runs have kept about these pictures."""
    for name in names:
        for path in work.glob(f"{name}.*"):
            path.unlink()


def caption(name, found=None):
    """What stands below a picture about its settings and measurements; '' where nothing does."""
    one, found = PICTURES[name], records() if found is None else found
    return one.caption(one.settings, found[name]["measured"]) if one.caption else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(PICTURES)}; all without a name")
    parser.add_argument("--resume", action="store_true", help="go on where the same command was stopped")
    parser.add_argument("--list", action="store_true", help="print the pictures with their captions, and make none")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PICTURES):
        parser.error(f"there is no {', '.join(sorted(unknown))}: take {', '.join(PICTURES)}")
    names = options.names or list(PICTURES)
    if options.list:
        for name in names:
            print(f"{name}: {caption(name)}")
        return
    torch.set_num_threads(1)
    try:
        renew(dict.fromkeys(names), resume=options.resume)
    except KeyboardInterrupt:
        sys.exit("Stopped: the same command with --resume goes on.")


if __name__ == "__main__":
    main()
