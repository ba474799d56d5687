"""The studio: the whole recipe of a picture as data, the cost that follows from it, and the album of saved pictures.

A `Recipe` holds only texts and numbers. It is stored in the metadata of a PNG file and read from there as data, so
nothing in it is ever executed.
"""

import dataclasses
import functools
import hashlib
import io
import itertools
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from course_utils.colour import match_colours
from course_utils.cost import SMALLEST, Content, Cost, Style, TotalVariation
from course_utils.files import replace_file
from course_utils.forecast import TRIAL, Forecast, memory_of, seconds_per_pixel
from course_utils.images import catalogue, load_image, title, to_8bit, to_pil
from course_utils.inputs import check_choice, check_number, check_tensor, one_line, reason, short
from course_utils.losses import CONTENT_LAYER, STYLE_LAYERS, STYLE_WEIGHTS
from course_utils.means import MeanActivations
from course_utils.normalization import normalize_weights
from course_utils.paths import DATA, ROOT
from course_utils.regions import by_brightness, by_colour, by_line, by_picture, softened
from course_utils.settings import COLOURS, HEAVIEST, STARTS
from course_utils.transfer import State, faint_noise, minimise, starting_image, weight_of
from course_utils.vgg import VGG, vgg19
from course_utils.winograd import prepared

FOLDER = ROOT / "my_pictures"  # the student's own pictures; never committed
RIDDLE = DATA / "examples" / "riddle.png"  # lesson 8 asks for its setting
KEY = "course_utils.studio"  # the key of the text in a PNG file
EDITION = 1  # the edition of that text
SIZES, EVALUATIONS, STROKES, EQUALISER = (32, 2048), (1, 2000), (0.25, 4.0), (0.0, 10.0)
NETWORKS, POOLINGS = ("original", "normalised"), ("max", "average")
MASKS = ("none", "brightness", "colour", "line", "picture")
CONTENT_LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
MOST_CELLS = 12  # the largest number of pictures on a contact sheet


class StudioError(ValueError):
    """A recipe, or a file with a recipe, cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides about a picture of the studio, in texts and numbers.

    Attributes:
        photo: a path, or the name of a bundled picture.
        paintings: {path or name: share}; only the proportions of the shares count.
        size: longer side of the picture, in pixels.
        evaluations: how often cost and gradient are computed.
        stroke: the painting's longer side as a multiple of `size`; a larger value makes broader strokes.
        content_weight: α.
        strength: the strength from which β follows (`relative_weight` in transfer.py, always computed with α = 1).
        equaliser: {style layer: factor of its λ^l}; a layer with the factor 0 is left out.
        content_layer: the layer of the content cost.
        variation_weight: the weight of the total variation.
        start, seed, colours: as in `Settings`; here 'noise' is faint, so that it is painted over completely.
        pooling: 'max' or 'average'.
        network: 'original', or 'normalised' as in lesson 3.
        mask: how the photo is split into two regions, one of `MASKS` (see `regions.py`); 'none' leaves it whole.
        inside: the painting of the masked region, a path or a name.
        threshold: for the mask 'brightness', from 0 to 1.
        hue, hue_width: for the mask 'colour', in degrees.
        angle, offset: for the mask 'line', in degrees and as a share of half the picture.
        soft: the width of the seam as a share of half the picture, from 0 to 1.
        mask_picture: for the mask 'picture', a path or a name.
        swapped: True exchanges the two regions.
    Raises:
        StudioError: a value that cannot be used.
    """

    photo: str = "monument_neuschwanstein_castle"
    paintings: Mapping[str, float] = field(default_factory=lambda: {"van_gogh_cafe_terrace_at_night": 1.0})
    size: int = 192
    evaluations: int = 40
    stroke: float = 1.0
    content_weight: float = 1.0
    strength: float = 20.0
    equaliser: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(STYLE_LAYERS, 1.0))
    content_layer: str = CONTENT_LAYER
    variation_weight: float = 0.0
    start: str = "colour"
    seed: int = 0
    colours: str = "painting"
    pooling: str = "average"
    network: str = "original"
    mask: str = "none"
    inside: str = "van_gogh_harvest_at_la_crau"
    threshold: float = 0.5
    hue: float = 210.0
    hue_width: float = 40.0
    angle: float = 0.0
    offset: float = 0.0
    soft: float = 0.1
    mask_picture: str = ""
    swapped: bool = False

    def __post_init__(self):
        for name in ("photo", "inside"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise StudioError(f"The picture '{name}' must be a path or a name, not {short(getattr(self, name))}.")
        _check_shares("The paintings", self.paintings, None)
        _check_shares("The equaliser", self.equaliser, STYLE_LAYERS)
        check = functools.partial(check_number, error=StudioError)
        check("The size", self.size, *SIZES, whole=True)
        check("The number of evaluations", self.evaluations, *EVALUATIONS, whole=True)
        check("The scale of the strokes", self.stroke, *STROKES)
        check("The seed", self.seed, 0, 2**63 - 1, whole=True)
        for name in ("content_weight", "strength", "variation_weight"):
            check(name, getattr(self, name), 0, HEAVIEST)
        choices = {
            "content_layer": CONTENT_LAYERS,
            "start": STARTS,
            "colours": COLOURS,
            "pooling": POOLINGS,
            "network": NETWORKS,
            "mask": MASKS,
        }
        bounds = {
            "threshold": (0, 1),
            "hue": (0, 360),
            "hue_width": (0, 180),
            "angle": (-360, 360),
            "offset": (-1, 1),
            "soft": (0, 1),
        }
        for name, (least, most) in bounds.items():
            check(name, getattr(self, name), least, most)
        if not isinstance(self.mask_picture, str) or self.mask == "picture" and not self.mask_picture:
            raise StudioError("A painted mask needs a picture: upload one, or choose another kind of mask.")
        if not isinstance(self.swapped, bool):
            raise StudioError(f"swapped must be True or False, not {short(self.swapped)}.")
        for name, offered in choices.items():
            check_choice(name, getattr(self, name), offered, error=StudioError)
        for name in ("paintings", "equaliser"):
            object.__setattr__(self, name, dict(getattr(self, name)))  # the caller's may change later

    def layers(self) -> dict[str, float]:
        """{style layer: λ^l}, without the layers whose factor is 0."""
        return {layer: STYLE_WEIGHTS[layer] * factor for layer, factor in self.equaliser.items() if factor}

    def caption(self) -> str:
        """Photo and paintings, as a person would name them."""
        return f"{called(self.photo)} after {' and '.join(map(called, self.sources()[1:]))}"

    def sources(self) -> tuple[str, ...]:
        """The photo and the paintings; the painting of the masked region comes last."""
        return (self.photo, *self.paintings, *[self.inside] * (self.mask != "none"))


def _check_shares(what, shares, layers):
    """Raise StudioError unless a value gives some texts, or exactly these layers, numbers that are not all 0."""
    if not isinstance(shares, Mapping) or not shares or not all(isinstance(name, str) and name for name in shares):
        raise StudioError(f"{what} must give one or more names a number, not {short(shares)}.")
    if layers is not None and set(shares) != set(layers):
        raise StudioError(f"{what} must give each of {', '.join(layers)} a number, not {short(dict(shares))}.")
    most = HEAVIEST if layers is None else EQUALISER[1]
    for name, share in shares.items():
        check_number(f"{what}: the number of '{one_line(name)}'", share, 0, most, error=StudioError)
    if not any(shares.values()):
        raise StudioError(f"{what}: all numbers are 0: take a larger number for at least one of them.")


def called(source: str) -> str:
    """What to call a picture: the title of a bundled picture, or the name of another file without its ending."""
    return title(source) if source in catalogue() else Path(source).stem


# --- presets: each answers the question of a lesson --------------------------------------------------------------


class Preset(NamedTuple):
    """Changes of a recipe, and a sentence on what they show."""

    changes: dict
    shows: str


def only(*layers: str) -> dict[str, float]:
    """The equaliser that keeps only the named layers, {layer: 1.0 or 0.0}."""
    return {layer: float(layer in layers) for layer in STYLE_LAYERS}


PRESETS = {
    "as the course paints": Preset({}, "The settings with which this room opens."),
    "only relu1_1": Preset(
        {"equaliser": only("relu1_1")},
        "One shallow layer knows colours and the finest grain, and no strokes (lesson 5).",
    ),
    "only relu4_1": Preset({"equaliser": only("relu4_1")}, "One deep layer knows large patterns (lesson 5)."),
    "content from relu2_2": Preset(
        {"content_layer": "relu2_2"}, "A shallow layer keeps each edge of the photo where it was (lesson 4)."
    ),
    "normalised network": Preset(
        {"network": "normalised"}, "Rescaled weights change what each λ^l counts for (lesson 3)."
    ),
    "max pooling": Preset({"pooling": "max"}, "The pooling that the network was trained with (lesson 6)."),
    "from noise": Preset({"start": "noise", "evaluations": 80}, "The descent begins without the photo (lesson 6)."),
    "the photo's colours": Preset({"colours": "photo"}, "Only the brushwork is taken (lesson 6)."),
    "broad strokes": Preset({"stroke": 2.0}, "The painting is shown to the network at twice the size."),
    "smooth": Preset({"variation_weight": 1e4}, "The total variation takes out the grain (lesson 6)."),
}
KEPT = ("photo", "paintings", "size", "seed")  # a preset leaves the motif alone


def preset(name: str, recipe: Recipe) -> Recipe:
    """The recipe with the settings of a preset; motif, size and seed stay. Raises StudioError for another name."""
    check_choice("The preset", name, tuple(PRESETS), error=StudioError)
    return replace(Recipe(), **{key: getattr(recipe, key) for key in KEPT}, **PRESETS[name].changes)


# --- from a recipe to a cost --------------------------------------------------------------------------------------


class Networks:
    """The networks of the studio, `Networks()(network, pooling)`: made once each, with shared weights where possible.

    Args:
        net: VGG-19 as `vgg19()` gives it; None loads it when it is first needed.
    """

    def __init__(self, net: VGG | None = None):
        self._first, self._made = net, {}

    def __call__(self, network: str, pooling: str) -> VGG:
        """The frozen network of this kind. Raises StudioError for an unknown kind."""
        check_choice("network", network, NETWORKS, error=StudioError)
        check_choice("pooling", pooling, POOLINGS, error=StudioError)
        if (network, pooling) not in self._made:
            self._first = vgg19() if self._first is None else self._first
            net = with_pooling(self._first, pooling)
            if network == "normalised":
                net = normalize_weights(net, MeanActivations.load().mean)
                net.requires_grad_(False).eval()
            self._made[network, pooling] = net
        return self._made[network, pooling]


def with_pooling(net: VGG, pooling: str) -> VGG:
    """A frozen network with this pooling, which shares the weights of `net`."""
    if net.pooling == pooling:
        return net
    other = VGG(net.blocks, pooling, net.rounding)
    other.load_state_dict(net.state_dict(), assign=True)
    return other.requires_grad_(False).eval()


class Easel(NamedTuple):
    """Everything needed to paint a recipe: `minimise(easel.cost, easel.first, recipe.evaluations)` paints it."""

    cost: Cost
    first: torch.Tensor  # (1, 3, H, W) in [0, 1]
    photo: torch.Tensor  # the same
    paintings: tuple[torch.Tensor, ...]  # each (1, 3, H', W') in [0, 1], as the network sees them
    style_weight: float  # β
    mask: torch.Tensor | None  # (1, 1, H, W) of the inner region; None when the photo is whole


def set_up(recipe: Recipe, networks: Networks) -> Easel:
    """Load the pictures of a recipe, and make its cost.

    Raises:
        ImageError: a picture cannot be read, or is too small.
        StudioError: the mask leaves one region empty.
        TransferError: the costs of the photo are not finite.
    """
    photo = load_image(recipe.photo, recipe.size, smallest=SMALLEST)
    across = max(SMALLEST, round(recipe.size * recipe.stroke))

    def painting(name):
        picture = load_image(name, across, smallest=SMALLEST)
        return match_colours(picture, photo) if recipe.colours == "photo" else picture

    chosen = {painting(name): share for name, share in recipe.paintings.items() if share}
    net = prepared(networks(recipe.network, recipe.pooling), photo, [recipe.content_layer, *recipe.layers()])
    content = Content(net, photo, 1.0, {recipe.content_layer: 1.0})
    style = functools.partial(Style, net, list(chosen), 1.0, recipe.layers(), list(chosen.values()))
    first = _first(recipe, photo, max(chosen, key=lambda picture: chosen[picture]))
    if recipe.mask == "none":
        styles, mask = [style()], None
    else:
        mask, inner = mask_of(recipe, photo), painting(recipe.inside)
        inside = Style(net, inner, 1.0, recipe.layers(), mask=mask, name="style inside")
        styles = [style(mask=1 - mask, name="style outside"), inside]
        first = mask * _first(recipe, photo, inner) + (1 - mask) * first
    style_weight = weight_of(Cost(net, [content, *styles]), photo, recipe.strength)
    content.weight = recipe.content_weight
    for term in styles:
        term.weight = style_weight
    variation = [TotalVariation(recipe.variation_weight)] * bool(recipe.variation_weight)
    return Easel(Cost(net, [content, *styles, *variation]), first, photo, tuple(chosen), style_weight, mask)


def _first(recipe, photo, painting):
    """The picture to begin with, (1, 3, H, W), when one painting is used."""
    if recipe.start == "noise":
        return faint_noise(photo, painting, recipe.seed, like_photo=recipe.colours == "photo")
    return starting_image(recipe.start, photo, painting)


def mask_of(recipe: Recipe, photo: torch.Tensor) -> torch.Tensor:
    """The mask (1, 1, H, W) in [0, 1] of a recipe whose photo is split; the photo is (1, 3, H, W).

    Raises StudioError when the mask leaves one of the regions empty.
    """
    if recipe.mask == "brightness":
        mask = by_brightness(photo, recipe.threshold)
    elif recipe.mask == "colour":
        mask = by_colour(photo, recipe.hue, recipe.hue_width)
    elif recipe.mask == "line":
        mask = by_line(photo, recipe.angle, recipe.offset)
    else:
        mask = by_picture(photo, load_image(recipe.mask_picture))
    mask = softened(mask, recipe.soft)
    mask = 1 - mask if recipe.swapped else mask
    if not 0.001 < mask.mean() < 0.999:
        raise StudioError("One of the two regions is empty: change the numbers of the mask.")
    return mask


# --- how long, and how much memory ---------------------------------------------------------------------------------


class Speed:
    """The speed of this machine, which is measured once for each kind of network, on a small picture.

    Args:
        networks: the `Networks` of the studio.
        clock: () -> seconds.
    """

    def __init__(self, networks: Networks, clock=time.perf_counter):
        self.networks, self.clock, self._measured = networks, clock, {}

    def seconds_per_pixel(self, recipe: Recipe) -> float:
        """Seconds for one pixel in one evaluation with this recipe's network."""
        kind = recipe.network, recipe.pooling
        if kind not in self._measured:
            easel = set_up(replace(recipe, size=TRIAL, stroke=1.0), self.networks)
            self._measured[kind] = seconds_per_pixel(easel.cost, easel.first, self.clock)
        return self._measured[kind]

    def forecast(self, recipe: Recipe, photo=None) -> Forecast:
        """The forecast for a recipe, from the measured speed and the size of its picture.

        Args:
            recipe: whose network, size and number of evaluations count.
            photo: whatever `load_image` takes, in place of the recipe's photo; None takes that one.
        """
        photo = recipe.photo if photo is None else photo
        height, width = load_image(photo, recipe.size, smallest=SMALLEST).shape[2:]
        seconds = self.seconds_per_pixel(recipe) * height * width * recipe.evaluations
        net = self.networks(recipe.network, recipe.pooling)
        painting = round(height * recipe.stroke), round(width * recipe.stroke)
        memory = memory_of(net, [recipe.content_layer], recipe.layers(), (height, width), painting)
        return Forecast(seconds, memory)

    def size_for(self, recipe: Recipe, seconds: float = 60.0) -> int:
        """The longer side in pixels, a multiple of 16, with which a recipe takes about `seconds`."""
        check_number("The time", seconds, 1, error=StudioError)
        area = seconds / (self.seconds_per_pixel(recipe) * recipe.evaluations)
        height, width = load_image(recipe.photo, TRIAL).shape[2:]
        longer = math.sqrt(area * max(height, width) / min(height, width))
        return int(min(max(longer // 16 * 16, 2 * SMALLEST), SIZES[1]))


# --- many small pictures ------------------------------------------------------------------------------------------


class Cell(NamedTuple):
    """One picture of a contact sheet."""

    recipe: Recipe
    image: torch.Tensor | None  # (1, 3, H, W) in [0, 1], multiples of 1/255; None before it is painted
    losses: dict


def variants(recipe: Recipe, choices: Mapping[str, Sequence[Any]], size: int = TRIAL, evaluations: int = 15):
    """The recipes of a contact sheet, for small pictures: every combination of the values of one or two settings.

    Args:
        recipe: gives all other settings.
        choices: {field of the recipe: values}, with one or two fields.
        size, evaluations: of each small picture.
    Returns:
        List of rows, each a list of `Recipe`.
    Raises:
        StudioError: an unknown setting, more than two settings, more than `MOST_CELLS` pictures, or a value that
            cannot be used.
    """
    names = {part.name for part in dataclasses.fields(Recipe)}
    if not isinstance(choices, Mapping) or not 1 <= len(choices) <= 2 or not set(choices) <= names:
        raise StudioError(f"Choose one or two settings of a recipe to vary, not {short(choices)}.")
    if not all(isinstance(values, (list, tuple)) and values for values in choices.values()):
        raise StudioError(f"Give each setting that varies a list of values, not {short(dict(choices))}.")
    if (count := math.prod(map(len, choices.values()))) > MOST_CELLS:
        raise StudioError(f"That makes {count} pictures, and a sheet holds {MOST_CELLS}: leave some values out.")
    (down, rows), (across, columns) = [*choices.items(), ("size", [size])][:2]
    small = replace(recipe, size=size, evaluations=evaluations)
    return [[replace(small, **{across: one}, **{down: other}) for one in columns] for other in rows]


def contact_sheet(rows: Sequence[Sequence[Recipe]], networks: Networks) -> Iterator[list[Cell]]:
    """Paint the pictures of a sheet one after the other; after each picture, yield all cells as they are now."""
    cells = [Cell(recipe, None, {}) for recipe in itertools.chain.from_iterable(rows)]
    for number, cell in enumerate(cells):
        image, losses = painted(cell.recipe, networks)
        cells[number] = Cell(cell.recipe, image, losses)
        yield list(cells)


def painted(recipe: Recipe, networks: Networks) -> tuple[torch.Tensor, dict]:
    """The finished picture as a file holds it, (1, 3, H, W), and its losses."""
    easel = set_up(recipe, networks)
    state: State | None = None
    for state in minimise(easel.cost, easel.first, recipe.evaluations):
        pass
    assert state is not None  # there is one evaluation at least
    image = to_8bit(state.image)
    return image, easel.cost.losses(image)


# --- what is kept -------------------------------------------------------------------------------------------------


def to_text(recipe: Recipe, numbers: Mapping[str, float] | None = None) -> str:
    """A recipe, and the numbers that were measured on its picture, as JSON."""
    about = {"edition": EDITION, "recipe": dataclasses.asdict(recipe), "numbers": dict(numbers or {})}
    return json.dumps(about, ensure_ascii=False)


def from_text(text: str) -> tuple[Recipe, dict]:
    """(recipe, numbers) from a text that `to_text` has made.

    Raises StudioError for a text that is no JSON, another edition, unknown settings, or values that cannot be used.
    """
    try:
        about = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise StudioError(f"These settings are damaged ({reason(error)}): take another picture.") from error
    if not isinstance(about, dict) or about.get("edition") != EDITION:
        raise StudioError("These settings are not of this edition of the studio: take another picture.")
    given, numbers = about.get("recipe"), about.get("numbers")
    known = {part.name for part in dataclasses.fields(Recipe)}
    if not isinstance(given, dict) or not set(given) <= known:
        raise StudioError(f"These settings are not those of a recipe: {short(given)}.")
    good = isinstance(numbers, dict) and all(isinstance(value, (int, float)) for value in numbers.values())
    return Recipe(**given), dict(numbers) if good else {}


def read_png(source) -> tuple[Recipe, dict]:
    """(recipe, numbers) that a PNG file of the studio holds in its metadata.

    Args:
        source: a path, or the bytes of a file.
    Raises:
        StudioError: there is no such file, it is no PNG picture, or the studio has not written it.
    """
    what = "The file" if isinstance(source, bytes) else f"'{one_line(source)}'"
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=["PNG"]) as picture:
            picture.load()  # texts may stand behind the pixels
            text = picture.text.get(KEY)  # type: ignore[attr-defined]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise StudioError(f"{what} cannot be read as a PNG picture ({reason(error)}): take another one.") from error
    if text is None:
        raise StudioError(f"{what} holds no settings: take a PNG picture that the studio has saved.")
    return from_text(text)


def png(image: torch.Tensor, recipe: Recipe, numbers: Mapping[str, float] | None = None) -> bytes:
    """A picture (1, 3, H, W) as a PNG file that holds its recipe. Raises StudioError."""
    check_tensor("The picture", image, "1, 3, H, W", values="finite", error=StudioError)
    texts, buffer = PngInfo(), io.BytesIO()
    texts.add_itxt(KEY, to_text(recipe, numbers))
    to_pil(image).save(buffer, format="PNG", pnginfo=texts)
    return buffer.getvalue()


class Saved(NamedTuple):
    """A picture that the studio has saved."""

    path: Path
    recipe: Recipe
    numbers: dict


class Album:
    """The saved pictures in a folder. The folder is read anew each time, so a restart loses nothing.

    Args:
        folder: where the pictures lie; it is made when the first picture is saved.
    """

    def __init__(self, folder: str | os.PathLike = FOLDER):
        self.folder = Path(folder)

    def save(self, image: torch.Tensor, recipe: Recipe, numbers: Mapping[str, float] | None = None) -> Path:
        """Write a picture (1, 3, H, W) as PNG with its recipe. Returns its path, which is always a new one.

        Raises StudioError when the picture is bad, or the folder cannot be written to.
        """
        contents = png(image, recipe, numbers)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{self._next():04d} {_file_name(recipe)}.png"
            replace_file(path, contents)
        except (OSError, ValueError) as error:
            raise StudioError(
                f"The picture cannot be saved in '{one_line(self.folder)}' ({reason(error)}): make room, or let "
                "`studio(folder=…)` name another folder."
            ) from error
        return path

    def _next(self):
        """The number after the highest one of the folder."""
        found = [re.match(r"(\d+) ", path.name) for path in self.folder.glob("*.png")]
        return 1 + max((int(match[1]) for match in found if match), default=0)

    def keep(self, contents: bytes) -> str:
        """Put an uploaded picture beside the saved ones, so that a recipe can name it. Returns its path.

        Raises ImageError when the contents are no picture, and StudioError when the file cannot be written.
        """
        load_image(contents, TRIAL)  # refuses contents that are no picture
        path = self.folder / "uploads" / f"{hashlib.sha256(contents).hexdigest()[:12]}.img"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, contents)
        except OSError as error:
            raise StudioError(
                f"The upload cannot be kept in '{one_line(self.folder)}' ({reason(error)}): make room."
            ) from error
        return str(path)

    def saved(self) -> list[Saved]:
        """The pictures of the studio in the folder, the newest first; other PNG files are ignored."""
        found = []
        for path in sorted(self.folder.glob("*.png"), reverse=True):
            try:
                found.append(Saved(path, *read_png(path)))
            except StudioError:
                continue  # a picture from elsewhere
        return found


def _file_name(recipe):
    """Photo and paintings as part of a file's name, with letters, digits, hyphens and underscores alone."""
    names = (Path(name).stem for name in recipe.sources())
    return "_".join(re.sub(r"[^\w-]+", "-", name)[:40] for name in names)[:100]
