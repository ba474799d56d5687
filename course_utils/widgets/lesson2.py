"""Lesson 2: which values of a tensor are normalised together, in a drawn block and in a real layer."""

import functools
import math

import ipywidgets as w
import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from course_utils.images import load_square, photos
from course_utils.normalization import AXES, NormalizationError, normalize, split_groups
from course_utils.plots import COLOURS
from course_utils.vgg import vgg19
from course_utils.widgets.core import Redrawn, menu, number

LAYOUTS, GROUPS, OWN = ("NCHW", "NHWC"), (1, 2, 4), "own choice"
METHODS = {
    name if name == "per position" else f"{name} norm": "".join("NCHW"[axis] for axis in axes)
    for name, axes in AXES.items()
}
METHODS["group norm"] = METHODS["layer norm"]  # with more than one group
PRESETS = ("batch norm", "layer norm", "instance norm", "group norm", "per position", OWN)
SHAPE = (3, 4, 3, 4)  # of the drawn tensor: N, C, H, W
STRONG, TINTS = (
    COLOURS[1],
    np.array(["#dfe5ea", "#a9cbe4", "#c9e0cf", "#bdb9d6", "#f3e9b8"]),
)  # five tints, because 5 divides no step between neighbours
BACK, SHEET, TOWER = (
    np.array([0.5, 0.32]),
    1.2,
    6.9,
)  # distances to the cell behind, the next feature map and the next picture, for cells of width 1
WIDE = 2 * TOWER + 5.5  # width of all towers together, and of the strip of memory
CHOSEN = (0, 1, 1, 2)  # the value in the black frame, at first: n, c, i, j
NARROW = {"description_width": "60px"}
SIZE, PICTURES, POINTS = 112, 8, 100_000


def _count(number, noun):
    return f"{number:,} {noun}{'s' * (number > 1)}"


# --- which values belong together


def choice(axes, groups=1):
    """(axes, groups): the letters of the axes in the order NCHW, and the number of groups of channels.

    The number of groups is 1 if C is not among the axes.
    """
    if unknown := set(axes) - set("NCHW"):
        raise NormalizationError(f"The axes are N, C, H and W: there is no {', '.join(sorted(map(repr, unknown)))}.")
    return "".join(axis for axis in "NCHW" if axis in axes), groups if "C" in axes else 1


def method(axes, groups=1):
    """The usual name of a choice of axes, or a description."""
    axes, groups = choice(axes, groups)
    if groups > 1:
        return "group norm" if axes == METHODS["group norm"] else f"over {', '.join(axes)} in {groups} groups"
    names = {"": "each value alone", "C": "at each position over the channels", "NCHW": "over the whole tensor"}
    return names.get(axes) or next((name for name in METHODS if METHODS[name] == axes), f"over {', '.join(axes)}")


def together(x, axes, groups=1):
    """(rows, kept): the values of x (N, C, H, W) that are normalised together, one group in each row.

    `rows` is (number of groups, values in each). `kept` is {letter: size} of the indices that number the groups, in
    order.
    """
    axes, groups = choice(axes, groups)
    x, names = split_groups(x, groups), ("n", "group", "c", "i", "j")
    inner = ["N CHW".index(axis) for axis in axes]
    outer = [number for number in range(5) if number not in inner]
    kept = {names[number]: x.shape[number] for number in outer if number != 1 or groups > 1}
    return x.permute(*outer, *inner).reshape(math.prod(kept.values()), -1), kept


def torch_call(axes, groups=1, layout="NCHW"):
    """The torch code that computes the means over a choice of axes."""
    axes, groups = choice(axes, groups)
    cut, layout = (
        (f".unflatten({layout.index('C')}, ({groups}, -1))", layout.replace("C", " C")) if groups > 1 else ("", layout)
    )
    numbers = tuple(sorted(layout.index(axis) for axis in axes))
    return f"x{cut}.mean({numbers}, keepdim=True)" if axes else "x"  # x.mean(()) would take all axes


# --- the drawn block


def block(axes, groups=1, chosen=CHOSEN, layout="NCHW"):
    """A small tensor, three pictures of four feature maps, with the values that are normalised together.

    Args:
        axes: the axes over which mean and variance are taken: letters of 'NCHW', in any order.
        groups: number of groups of channels, 1, 2 or 4; it matters only if C is among the axes.
        chosen: (n, c, i, j); all values that share their mean with this value are painted orange.
        layout: order of the axes in memory, 'NCHW' or 'NHWC'.
    Returns:
        (matplotlib Figure, description)
    """
    (axes, groups), chosen = choice(axes, groups), tuple(chosen)
    if layout not in LAYOUTS:
        raise ValueError(f"The layout is {' or '.join(LAYOUTS)}, not {layout!r}.")
    if len(chosen) != 4 or not all(0 <= place < size for place, size in zip(chosen, SHAPE)):
        raise ValueError(f"The drawn tensor has the shape {SHAPE}: it has no value x[{', '.join(map(str, chosen))}].")
    rows, _ = together(torch.arange(math.prod(SHAPE)).double().reshape(SHAPE), axes, groups)
    (count, size), numbers = rows.shape, np.empty(rows.numel(), int)
    numbers[rows.long()] = np.arange(count)[:, None]  # for each value its group
    numbers = numbers.reshape(SHAPE)
    strong, order = numbers == numbers[chosen], ["NCHW".index(axis) for axis in layout]
    colours = np.where(strong, STRONG, TINTS[numbers % len(TINTS)])
    figure = Figure(figsize=(7.6, 3.3))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(-1.9, WIDE + 0.6), ylim=(-2.95, 6.55), aspect="equal")
    axis.axis("off")
    _towers(axis, colours, chosen)
    _memory(axis, colours.transpose(order).ravel(), [chosen[number] for number in order], layout)
    name, how_many = method(axes, groups), f"{_count(count, 'group')} of {_count(size, 'value')}"
    axis.text(
        -1.7,
        6.2,
        f"{name[0].upper()}{name[1:]}: {how_many}{'; one of them' if count > 1 else ','} in orange",
        fontsize=12,
        va="center",
    )
    axis.text(-1.7, 5.4, f"means:  {torch_call(axes, groups, layout)}", fontsize=9, va="center", family="monospace")
    runs = 1 + np.count_nonzero(np.diff(np.flatnonzero(strong.transpose(order))) > 1)
    sizes = [
        1 if axis not in axes else length // groups if axis == "C" else length for axis, length in zip("NCHW", SHAPE)
    ]
    who = [
        f"{length} of {whole} {noun}"
        for length, whole, noun in zip(sizes, SHAPE, ("pictures", "feature maps", "rows", "columns"))
    ]
    same = groups == SHAPE[1] and f" (with one feature map in each group the same as: {method(axes.replace('C', ''))})"
    return figure, (
        f"Normalised together: the values of {', '.join(who[:3])} and {who[3]}. That is {name}: {how_many}{same or ''}."
        f" The group of x[{', '.join(map(str, chosen))}] is orange; in the memory, in the order {layout}, it lies in "
        + (
            f"one run of {size}."
            if runs == 1
            else f"{runs} runs of {size // runs}."
            if size > runs
            else f"{runs} separate places."
        )
    )


def _corners(n, c, i, j):
    """The corners (4, 2) of one cell.

    A picture is a tower of sheets with c = 0 on top. On a sheet, i = 0 lies at the back and j = 0 on the left.
    """
    corner = np.array([n * TOWER + j, (SHAPE[1] - 1 - c) * SHEET]) + (SHAPE[2] - 1 - i) * BACK
    return np.array([corner, corner + (1, 0), corner + (1, 0) + BACK, corner + BACK])


def _towers(axis, colours, chosen):
    cells = [_corners(*place) for place in np.ndindex(SHAPE)]
    axis.add_collection(
        PolyCollection(cells, facecolors=colours.ravel(), edgecolors="white", linewidths=1, gid="towers")
    )
    axis.add_patch(Polygon(_corners(*chosen), fill=False, edgecolor="black", lw=2.2, zorder=3, gid="chosen"))
    for n in range(SHAPE[0]):
        axis.text(n * TOWER + 2, -0.4, f"n = {n}", ha="center", va="center", fontsize=10)
    for c in range(SHAPE[1]):
        axis.text(-0.35, _corners(0, c, 1, 0)[:, 1].mean(), f"c = {c}", ha="right", va="center", fontsize=10)
    left, right, front = _corners(2, 0, 0, 0)[3], _corners(2, 0, 0, 3)[2], _corners(2, 0, 2, 3)[1]
    for name, start, end, beside, label in (
        ("i", right, front, (0.3, 0), (0.75, 0)),
        ("j", left, right, (0, 0.25), (0, 0.6)),
    ):
        axis.annotate(
            "", end + beside, start + beside, arrowprops={"arrowstyle": "->", "lw": 1, "shrinkA": 0, "shrinkB": 0}
        )
        axis.text(*((start + end) / 2 + label), name, ha="center", va="center", fontsize=11, style="italic")


def _memory(axis, colours, chosen, layout):
    """Draw the strip of all cells in memory, and the steps between the addresses of neighbours along each axis."""
    width, top, bottom, sizes = WIDE / len(colours), -1.5, -2.2, [SHAPE["NCHW".index(name)] for name in layout]
    cells = [
        np.array([(0, bottom), (width, bottom), (width, top), (0, top)]) + (width * n, 0) for n in range(len(colours))
    ]
    axis.add_collection(PolyCollection(cells, facecolors=colours, edgecolors="white", linewidths=0.4, gid="memory"))
    axis.add_patch(
        Polygon(
            cells[np.ravel_multi_index(chosen, sizes)],
            fill=False,
            edgecolor="black",
            lw=1.8,
            zorder=3,
            gid="chosen in memory",
        )
    )
    for n, (start, end) in enumerate(
        np.linspace(0, len(colours), SHAPE[0] + 1).astype(int).repeat(2)[1:-1].reshape(-1, 2)
    ):
        axis.plot([start * width + 0.06, end * width - 0.06], [bottom - 0.2] * 2, color="black", lw=1)
        axis.text(
            (start + end) / 2 * width,
            bottom - 0.5,
            f"n = {n}: addresses {start} to {end - 1}",
            ha="center",
            va="center",
            fontsize=9,
        )
    step = dict(zip(layout, torch.empty(sizes).stride()))
    steps = f"to the next picture +{step['N']}, feature map +{step['C']}, row +{step['H']}, column +{step['W']}"
    for place, side, text in ((0, "left", f"in memory, in the order {layout}"), (WIDE, "right", steps)):
        axis.text(place, top + 0.35, text, ha=side, fontsize=9, va="center")


# --- a real layer


def layer_statistics(features, axes, groups=1):
    """(Figure, text with rounded facts): means and standard deviations, and three groups before and after normalising.

    Args:
        features: activations (N, C, H, W) before the ReLU.
        axes, groups: as in `block`.
    Raises:
        NormalizationError: another shape, or values that are not finite.
    """
    if features.ndim != 4 or not features.numel() or not features.isfinite().all():
        raise NormalizationError(
            f"Statistics need finite values of the shape (N, C, H, W), not {tuple(features.shape)}."
        )
    rows, kept = together(features.detach().float().cpu(), axes, groups)
    normal = normalize(rows, 1)
    (mean, deviation), (mean_after, deviation_after) = _moments(rows), _moments(normal)
    shown = dict.fromkeys(
        [mean.argmin().item(), mean.median(0).indices.item(), mean.argmax().item()]
    )  # fewer where they are the same
    parts = {f"{_label(number, kept)}: mean {_span(mean[number])}": (rows[number], normal[number]) for number in shown}
    text = (
        f"{' × '.join(map(str, features.shape))} values make {_count(len(rows), 'group')} of"
        f" {_count(rows.shape[1], 'value')} ({method(axes, groups)}). Means: {_span(mean)}; standard deviations:"
        f" {_span(deviation)}. After normalising: largest |mean| {mean_after.abs().max():.3f}, standard deviations"
        f" {_span(deviation_after, '.3f')}."
    )
    return _panels(mean, deviation, parts), text + " A single value has no variance, and becomes 0." * (
        rows.shape[1] == 1
    )


def _label(number, kept):
    """The name of a group, such as 'n = 0, c = 12'."""
    return (
        ", ".join(f"{letter} = {place}" for letter, place in zip(kept, np.unravel_index(number, tuple(kept.values()))))
        or "all values"
    )


def _moments(rows):
    """Mean and standard deviation of each row; for short rows this is faster than torch.var_mean."""
    mean = rows.mean(1)
    return mean, (rows - mean[:, None]).square().mean(1).sqrt()


def _span(values, digits=None):
    """The range of some numbers, rounded."""
    ends = (values.min().item(), values.max().item())
    low, high = (f"{end:{digits or (',.0f' if abs(end) >= 99.5 else ',.3g')}}".replace("-", "−") for end in ends)
    return low if low == high else f"{low} to {high}"


def _panels(mean, deviation, parts):
    """Figure of histograms: of means and deviations, and of the groups {label: (values, normalised values)}."""

    def thin(values):
        return values[:: math.ceil(len(values) / POINTS) | 1].numpy()  # at most so many, evenly spread

    figure = Figure(figsize=(8.5, 1.75), layout="constrained")
    panels = figure.subplot_mosaic([["mean", "standard deviation", 0, 1]], width_ratios=(1, 1, 1.35, 1.35))
    for name, values in (("mean", mean), ("standard deviation", deviation)):
        panels[name].hist(thin(values), bins=40, color=COLOURS[0])
        panels[name].set(title=_count(len(values), name))
    for part, title in enumerate((f"values of {_count(len(parts), 'group')}", "the same, normalised")):
        drawn = [thin(pair[part]) for pair in parts.values()]
        bins = np.linspace(
            min(map(np.min, drawn)) - 1e-3, max(map(np.max, drawn)) + 1e-3, 12 + min(70, math.isqrt(drawn[0].size))
        )
        for height, (colour, style, values, label) in enumerate(zip(COLOURS, ("-", "--", "-."), drawn, parts)):
            if values.size < 30:  # too few for a histogram: each is a mark
                panels[part].plot(
                    values, np.full(values.shape, 0.2 + 0.3 * height), "|", markersize=18, color=colour, label=label
                )
            else:
                shares = np.histogram(values, bins)[0] / values.size
                panels[part].stairs(shares / shares.max(), bins, lw=1.2, ls=style, color=colour, label=label)
        panels[part].set(title=title, ylim=(0, 1.05))
    for axis in panels.values():
        axis.set_yticks([])
        axis.title.set_fontsize(9)
        axis.tick_params(labelsize=8)
        axis.locator_params(axis="x", nbins=4)
        axis.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=3, frameon=False, fontsize=8)
    return figure


def axes(layer="conv3_1", net=None):
    """The widget: choose the axes, and see which values are normalised together, drawn and in a real layer."""
    return Axes(layer, net or vgg19())


class Axes(Redrawn):
    """Controls and two pictures: the drawn block, and the statistics of a real layer."""

    def __init__(self, layer, net):
        self.net, self.maps = net, functools.lru_cache(4)(self._maps)
        names = {"N": "N pictures", "C": "C feature maps", "H": "H rows", "W": "W columns"}
        self.ticks = {
            axis: w.Checkbox(axis in METHODS["batch norm"], description=name, indent=False, layout={"width": "130px"})
            for axis, name in names.items()
        }
        self.method, self.groups, self.order = (
            w.Dropdown(options=options, description=label, style=NARROW, layout={"width": width})
            for label, options, width in (
                ("method", PRESETS, "220px"),
                ("groups", GROUPS, "110px"),
                ("memory", LAYOUTS, "150px"),
            )
        )
        self.place = {letter: number(letter, place, 0, size - 1) for letter, place, size in zip("ncij", CHOSEN, SHAPE)}
        for field in self.place.values():
            field.style, field.layout = {"description_width": "15px"}, {"width": "75px"}
        self.layer = menu("layer", net.convolutions, layer)
        self.count = number("pictures", PICTURES, 1, PICTURES)
        self._fit()
        super().__init__(
            {
                **self.ticks,
                "groups": self.groups,
                "order": self.order,
                **self.place,
                "layer": self.layer,
                "count": self.count,
            },
            [
                [*self.ticks.values(), self.method],
                [self.groups, self.order, w.Label("value in the black frame:"), *self.place.values()],
                [self.layer, self.count],
            ],
            "pick the axes of a mean, and see which values are normalised together, drawn and in a real layer.",
            fits=[(control, self._fit) for control in (*self.ticks.values(), self.method, self.groups)],
        )

    def _fit(self, change=None):
        """Let the method set the axes, or the axes set the method; 'own choice' leaves the axes to the reader."""
        if change is None or change["owner"] is not self.method:
            name = method(self._ticked(), self.groups.value)
            self.method.value = name if name in PRESETS else OWN
        elif self.method.value != OWN:
            chosen = self.method.value
            for axis, tick in self.ticks.items():
                tick.value = axis in METHODS[chosen]
            if chosen in ("layer norm", "group norm"):
                self.groups.value = 1 if chosen == "layer norm" else max(2, self.groups.value)
        self.groups.disabled = not self.ticks["C"].value

    def _ticked(self):
        return [axis for axis, tick in self.ticks.items() if tick.value]

    def _maps(self, layer):
        images = torch.cat([load_square(name, SIZE) for name in photos()[:: len(photos()) // PICTURES][:PICTURES]])
        with torch.no_grad():
            return self.net.features(images.to(self.net.mean), [layer])[layer].cpu()

    def pictures(self):
        return self.drawing, self.statistics

    def drawing(self, N, C, H, W, groups, order, n, c, i, j):
        """As `block`."""
        return block(_letters(N, C, H, W), groups, (n, c, i, j), order)

    def statistics(self, N, C, H, W, groups, layer, count):
        """As `layer_statistics`, of some photos."""
        figure, text = layer_statistics(self.maps(layer)[:count], _letters(N, C, H, W), groups)
        return figure, f"{layer} before the ReLU, for photos of {SIZE} × {SIZE} pixels: {text}"


def _letters(*ticked):
    return [axis for axis, is_ticked in zip("NCHW", ticked) if is_ticked]
