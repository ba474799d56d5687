"""Lesson 5: the Gram matrix as a heat map; each entry leads to its two feature maps, and to where both fire."""

import functools
import itertools
import math
from dataclasses import dataclass

import ipywidgets as w
import torch
from matplotlib import colormaps
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.images import catalogue, img_tag, load_image, paintings, photos, title
from course_utils.losses import gram_matrix
from course_utils.plots import COLOURS
from course_utils.receptive import receptive_field
from course_utils.vgg import vgg19
from course_utils.widgets.core import Redrawn, titled

SIDE = 224  # the longer side of the picture, in pixels
COUNT, STRONG = 12, 64  # channels in the grid; number of strong channels among which the most alike are sought
CHOICES = ("most alike", "strongest", "evenly spaced")
VALUES = {
    "cosine": "cosine: G_kk' / √(G_kk G_k'k'), 1 where two maps are multiples of each other",
    "correlation": (
        "correlation: the cosine of the maps minus their means, negative if one fires where the other does not"
    ),
    "G / M": "G_kk' / M, the sum divided by the number of positions, as the style cost takes it",
}
SCALES = {"cosine": ("viridis", 0, 1), "correlation": ("RdBu_r", -1, 1)}  # colour map, lowest and highest value
SILENT, MARK = (
    "#d9d9d9",
    "3px solid #ff00ff",
)  # an entry that does not exist; the chosen entry, in a colour that no colour map has


# --- what a picture gives


@dataclass(frozen=True, eq=False)
class Grams:
    """The activations of one layer for one picture, with the values of each pair of channels."""

    name: str  # of the picture
    layer: str
    picture: torch.Tensor  # (1, 3, H·s, W·s), the part that the H × W positions cover, with s × s pixels each
    maps: torch.Tensor  # (C, H, W), activations
    matrices: dict  # {one of VALUES: (C, C)}; NaN for a silent channel, and for correlations of a constant channel

    @functools.cached_property
    def order(self):
        """All channels in the order of G_kk, the largest first."""
        return self.matrices["G / M"].diagonal().argsort(descending=True, stable=True).tolist()


def grams(net, source, layer, size=SIDE):
    """`Grams` of a picture.

    Args:
        net: from `vgg19()`.
        source: whatever `load_image` takes.
        layer: one of `net.rectified`.
        size: longer side of the picture, in pixels.
    """
    image = load_image(source, size)
    with torch.no_grad():
        maps = net.features(image.to(net.mean), [layer])[layer].cpu().double()
    gram, about_mean = (
        gram_matrix(values, divide=True)[0] for values in (maps, maps - maps.mean((2, 3), keepdim=True))
    )
    matrices = {
        "cosine": _normalised(gram, 0 * gram.diagonal()),
        "correlation": _normalised(about_mean, 1e-12 * gram.diagonal()),
        "G / M": gram,
    }
    (height, width), side = maps.shape[2:], receptive_field(layer, net).jump
    name = title(source) if isinstance(source, str) and source in catalogue() else "the picture"
    return Grams(name, layer, image[:, :, : height * side, : width * side], maps[0].float(), matrices)


def _normalised(gram, smallest):
    """G_kk' / √(G_kk G_k'k'), (C, C); NaN for channels whose G_kk is not above its entry in `smallest`, (C,)."""
    lengths = gram.diagonal().where(gram.diagonal() > smallest, math.nan).sqrt()
    return gram / lengths[:, None] / lengths


def chosen_channels(found, choice="most alike", count=COUNT):
    """The `count` channels of `found` (`Grams`) that the grid shows.

    'most alike' begins with the pair that has the largest correlation among the 64 strongest channels. It then adds the
    channel with the largest mean correlation with the channels taken so far, one at a time. 'strongest' takes the
    channels with the largest G_kk. 'evenly spaced' takes channels at equal distances. Another choice raises ValueError.
    """
    if choice not in CHOICES:
        raise ValueError(f"The channels are {', '.join(CHOICES)}, not {choice!r}.")
    if choice == "strongest":
        return found.order[:count]
    if choice == "evenly spaced":
        return torch.linspace(0, len(found.maps) - 1, count).round().int().tolist()
    strong = found.order[:STRONG]
    alike = found.matrices["correlation"][strong][:, strong].nan_to_num(-1).fill_diagonal_(-2)
    taken = list(divmod(alike.argmax().item(), len(strong)))
    while len(taken) < count:
        taken.append(alike[taken].mean(0).index_fill(0, torch.tensor(taken), -math.inf).argmax().item())
    return [strong[number] for number in taken]


def half_of_sum(product):
    """The mask (H, W) of the fewest positions with half of the sum of a product (H, W) ≥ 0; empty for the sum 0."""
    values, order = product.double().flatten().sort(descending=True)
    mask, sums = torch.zeros(len(values), dtype=torch.bool), values.cumsum(0)
    if sums[-1] > 0:
        mask[order[: (sums < sums[-1] / 2).sum() + 1]] = True
    return mask.view(product.shape)


# --- one pair


def pair(found, k, other):
    """(Figure, description) of two feature maps of `found` (`Grams`), their product, and its places in the picture.

    Raises ValueError for a channel that the layer does not have.
    """
    if not {k, other} <= set(range(len(found.maps))):
        raise ValueError(f"{found.layer} has the channels 0 to {len(found.maps) - 1}, not k = {k} and k' = {other}.")
    product = found.maps[k] * found.maps[other]
    half = half_of_sum(product)
    share = _percent(half.double().mean().item())
    tall, wide = found.picture.shape[2:]
    width = max(1.7, min(2.4, 3.4 * wide / tall))  # of a panel, in inches; the captions need 1.7
    height = width * tall / wide
    figure = Figure(figsize=(4 * width, height + 0.45))
    *axes, places = (figure.add_axes((number / 4, 0, 0.24, height / (height + 0.45))) for number in range(4))
    labels = [
        f"{found.layer}, map {channel}\nmean {_number(found.maps[channel].mean().item())}" for channel in (k, other)
    ]
    labels.append(f"their product\nmean G/M = {_number(found.matrices['G / M'][k, other].item())}")
    for axis, values, label in zip(axes, (found.maps[k], found.maps[other], product), labels):
        axis.imshow(
            values.numpy(),
            cmap="magma",
            vmin=0,
            vmax=max(values.max().item(), 1e-12),
            interpolation="nearest",
            aspect="auto",
        )
        axis.set_title(label, fontsize=9)
    light = half.repeat_interleave(tall // len(half), 0).repeat_interleave(tall // len(half), 1)
    shown = torch.where(light, found.picture, 0.45 + 0.3 * found.picture.mean(1, keepdim=True))
    places.imshow(shown[0].permute(1, 2, 0).numpy(), interpolation="nearest", aspect="auto")
    places.set_title(
        f"half of G: {share} of\nthe positions, in colour" if half.any() else "nowhere do\nboth fire", fontsize=9
    )
    for axis in (*axes, places):
        axis.axis("off")
    return figure, _says(found, k, other, half, share)


def _percent(share):
    return "under 0.1%" if share < 0.001 else f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def _number(value):
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}".replace("-", "−")


def _hundredths(value):
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # no minus before a zero


def _says(found, k, other, half, share):
    gram, cosine, correlation = (found.matrices[name][k, other].item() for name in ("G / M", "cosine", "correlation"))
    start = (
        f"{found.layer}, {found.name}: channel {k} with itself"
        if k == other
        else f"{found.layer}, {found.name}: channels {k} and {other}"
    )
    silent = [str(channel) for channel in dict.fromkeys((k, other)) if not found.maps[channel].any()]
    if silent:
        return f"{start}. Silent in this picture: {' and '.join(silent)}. G/M is 0, and there is no cosine."
    alike = (
        "no correlation, as a map is the same everywhere"
        if math.isnan(correlation)
        else f"correlation {_hundredths(correlation)}"
    )
    places = (
        f"Half of the sum comes from {share} of the {half.numel():,} positions"
        if half.any()
        else "They fire nowhere together"
    )
    return f"{start}. G/M = {_number(gram)}, cosine {_hundredths(cosine)}, {alike}. {places}."


# --- all pairs


def _entries(found, channels, values):
    """(the whole matrix, its part for some channels, the colour map of this part, the scale of its colours)."""
    if values not in VALUES:
        raise ValueError(f"The values are {', '.join(VALUES)}, not {values!r}.")
    matrix = found.matrices[values]
    shown = matrix[channels][:, channels]
    colours, low, high = SCALES.get(values) or ("viridis", 0, max(shown.max().item(), 1e-12))
    return matrix, shown, colormaps[colours].with_extremes(bad=SILENT), Normalize(low, high, clip=True)


def grid(found, channels, values="cosine"):
    """The buttons of the grid, row by row: ([(description, tooltip, colour, colour of the text)], legend)."""
    _, shown, colours, scale = _entries(found, channels, values)
    power = (
        max(0, int(f"{scale.vmax:.1e}".split("e")[1]) - 1) if values == "G / M" else 0
    )  # so the largest number is rounded to two digits
    entries = []
    for (k, other), value in zip(itertools.product(channels, repeat=2), shown.flatten().tolist()):
        text, full = (f"{value / 10**power:.0f}", _number(value)) if values == "G / M" else (_hundredths(value),) * 2
        if math.isnan(value):
            text, full = "–", "does not exist"
        colour = colours(scale(value))
        light = (
            sum(weight * part**2.2 for weight, part in zip((0.21, 0.72, 0.07), colour)) > 0.18
        )  # then black text has the better contrast
        entries.append(
            (text, f"channels {k} and {other}: {values} {full}", to_hex(colour), "black" if light else "white")
        )
    return entries, VALUES[values] + (f"; in units of {10**power:,}" if power else "")


def overview(found, channels, values="cosine"):
    """(Figure, description) of the whole matrix: first the channels of the grid, then the others by their strength."""
    order = list(channels) + [channel for channel in found.order if channel not in channels]
    matrix, _, colours, scale = _entries(found, channels, values)
    figure = Figure(figsize=(2.7, 3.4))
    axis, below = figure.add_axes((0.02, 0.14, 0.96, 0.76)), figure.add_axes((0.1, 0.08, 0.8, 0.03))
    drawn = axis.imshow(matrix[order][:, order].numpy(), cmap=colours, norm=scale)
    axis.add_patch(Rectangle((-0.5, -0.5), len(channels), len(channels), fill=False, edgecolor=COLOURS[1], lw=2))
    axis.set_title(f"{values}, all {len(order)} × {len(order)} entries;\norange: those of the grid", fontsize=9)
    axis.axis("off")
    ticks = [scale.vmin, (scale.vmin + scale.vmax) / 2, scale.vmax]
    figure.colorbar(drawn, cax=below, orientation="horizontal", ticks=ticks, format=lambda tick, _: _number(tick))
    below.tick_params(labelsize=8)
    silent = sum(not found.maps[channel].any() for channel in order)
    return figure, (
        f"{values} of all pairs of the {len(order)} channels of {found.layer}, for {found.name}: first the"
        f" {len(channels)} of the grid, then the others, the strongest first."
        + (f" {silent} are silent in this picture." if silent else "")
    )


# --- the widget


def gram_map(source="van_gogh_cafe_terrace_at_night", layer="relu3_1", net=None):
    """The widget: click an entry of a layer's Gram matrix, and see from where in the picture it comes."""
    if source not in paintings() + photos():
        raise ValueError(f"There is no bundled picture {source!r}: choose one from paintings() or photos().")
    net = net or vgg19()
    if layer not in net.rectified:
        raise ValueError(f"Layers are {net.rectified[0]} to {net.rectified[-1]}, not {layer!r}.")
    return GramMap(source, layer, net)


class GramMap(Redrawn):
    """Controls, a grid of buttons and two figures.

    `size` is the longer side of the picture, in pixels.
    """

    def __init__(self, source, layer, net, size=SIDE):
        self.grams = functools.lru_cache(6)(functools.partial(grams, net, size=size))
        self.legend, self.overview = w.Label(), w.HTML()
        self.source = w.Dropdown(options=titled(paintings()) + titled(photos()), value=source, description="picture")
        self.layer = w.Dropdown(options=net.rectified, value=layer, description="layer")
        self.channels = w.Dropdown(options=CHOICES, description="channels")
        self.values = w.Dropdown(options=VALUES.keys(), description="values")
        self.fields = [w.BoundedIntText(description=label) for label in ("channel k", "channel k'")]
        self._pair = None, None  # the channels that are asked for; None stands for one of the grid's first two
        self._grid = None  # the channels of a grid that can be clicked
        buttons = self._buttons()
        super().__init__(
            {
                "source": self.source,
                "layer": self.layer,
                "choice": self.channels,
                "values": self.values,
                "k": self.fields[0],
                "other": self.fields[1],
            },
            [
                [self.source, self.layer],
                [self.channels, self.values],
                [*self.fields],
                self.legend,
                w.HBox([buttons, self.overview], layout=w.Layout(flex_flow="row wrap", align_items="center")),
            ],
            "the Gram matrix of a layer as a heat map; an entry leads to its two feature maps and to where both fire.",
            fits=[
                *((control, self._begin_anew) for control in (self.layer, self.channels)),
                *((field, self._typed) for field in self.fields),
            ],
        )
        for number, button in enumerate(self.buttons):
            clicked = functools.partial(self._clicked, *divmod(number, COUNT))
            button.on_click(self.messages.guard(self.changed.by(clicked)))

    def _buttons(self):
        """The grid: a row and a column with the numbers of channels, and a button for each entry."""
        size = {"width": "40px", "height": "28px", "margin": "0", "padding": "0"} | {
            "display": "flex",
            "align_items": "center",
            "justify_content": "center",
        }  # the text stands in the middle, with a border or without
        self.plain, self.marked = w.Layout(**size), w.Layout(**size, border=MARK)
        self.buttons = [w.Button(layout=self.plain, style={"font_size": "11px"}) for _ in range(COUNT**2)]
        self.heads = [[w.Label(layout=self.plain, style={"font_size": "11px"}) for _ in range(COUNT)] for _ in range(2)]
        cells = [w.Label("k \\ k'", layout=self.plain), *self.heads[0]]
        for row, label in enumerate(self.heads[1]):
            cells += [label, *self.buttons[row * COUNT : (row + 1) * COUNT]]
        return w.GridBox(
            cells,
            layout=w.Layout(grid_template_columns=f"repeat({COUNT + 1}, 40px)", grid_gap="2px", margin="0 8px 0 0"),
        )

    # --- which pair

    def _begin_anew(self, _):
        """A new layer or choice of channels begins with its first two; a new picture keeps the pair."""
        self._pair, self._grid = (None, None), None

    def _typed(self, change):
        """React to a channel that is typed by hand, even while another grid is being drawn."""
        self._pair = tuple(
            change["new"] if field is change["owner"] else channel for field, channel in zip(self.fields, self._pair)
        )

    def _clicked(self, row, column, _):
        """Show another pair; if there is no grid after an error, try again."""
        if self._grid:
            self._pair = self._grid[row], self._grid[column]

    def settings(self):
        return super().settings() | dict(zip(("k", "other"), self._pair))

    def completed(self, settings):
        """The settings with a pair of channels that the layer has."""
        channels, *_ = self.known(self.grid_of, settings)
        last = len(self.grams(settings["source"], settings["layer"]).maps) - 1
        pair = (settings["k"], settings["other"])
        chosen = (first if channel is None else min(channel, last) for channel, first in zip(pair, channels))
        return settings | dict(zip(("k", "other"), chosen))

    # --- what is shown

    def grid_of(self, source, layer, choice, values):
        """(channels, entries, legend, HTML of the overview)"""
        found = self.grams(source, layer)
        channels = chosen_channels(found, choice)
        return channels, *grid(found, channels, values), img_tag(*overview(found, channels, values))

    def draw(self, source, layer, k, other):
        """As `pair`."""
        return pair(self.grams(source, layer), k, other)

    def arrange(self, settings):
        """Show the grid and the pair, so that they can be clicked and changed."""
        channels, entries, self.legend.value, self.overview.value = self.known(self.grid_of, settings)
        chosen = settings["k"], settings["other"]
        last = len(self.grams(settings["source"], settings["layer"]).maps) - 1
        self._pair, self._grid = chosen, channels
        for field, channel in zip(self.fields, chosen):
            field.max = max(field.max, last)
            field.value, field.max = channel, last
        self._fill(channels, entries, chosen)

    def clear(self):
        self._grid = None
        self._fill([""] * COUNT, [("", "", None, None)] * COUNT**2)
        self.legend.value = self.overview.value = ""

    def _fill(self, channels, entries, chosen=None):
        """Write the numbers of the channels and the entries into the grid."""
        for head, channel in zip(itertools.chain(*self.heads), 2 * channels):
            head.value = str(channel)
        for button, place, (text, tooltip, colour, ink) in zip(
            self.buttons, itertools.product(channels, repeat=2), entries
        ):
            with button.hold_sync(), button.style.hold_sync():
                button.description, button.tooltip, button.layout = text, tooltip, self.plain
                if place == chosen:
                    button.tooltip, button.layout = f"{tooltip}, chosen", self.marked
                button.style.button_color, button.style.text_color = colour, ink
