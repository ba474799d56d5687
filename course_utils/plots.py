"""Figures of the lessons.

They are built with `matplotlib.figure.Figure`, never with pyplot, so that threads and callbacks can draw them.
"""

import itertools
import textwrap
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from course_utils.deconvnet import Occlusion
from course_utils.inputs import check_number, check_tensor, short
from course_utils.receptive import check_box, cut

CURVES = 5  # a reader can tell so many curves apart in one figure
CHANNEL_COLOURS = ("#ff6060", "#60e060", "#80a0ff")
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
)  # of Okabe & Ito: colour-blind readers can tell them apart


def _picture(image, what="The picture", shape="1, 3, H, W"):
    """A picture for matplotlib, on the CPU and without its graph. Raises ValueError."""
    check_tensor(what, image, shape, values="finite")
    return image.detach().cpu()


def _some(what, values, kind=dict):
    """Raise ValueError unless there is something to draw, in a dictionary or a list."""
    if not isinstance(values, kind) or not values:
        raise ValueError(
            f"{what} must be a {'dictionary' if kind is dict else 'list'} with something to draw, not {short(values)}."
        )


def _row(what, values, count=None):
    """A list of numbers as an array. Raises ValueError; `count` is the number of entries that the list must have."""
    try:
        row = np.asarray(values, dtype=float)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        row = np.zeros(())
    if row.ndim != 1 or not len(row) or count not in (None, len(row)):
        raise ValueError(f"{what} must be a list of {count or 'one or more'} numbers, not {short(values)}.")
    return row


def _curve(label, states, term):
    """(evaluations, losses) of a run."""
    try:
        evaluations, values = [done for done, _ in states], [losses[term] for _, losses in states]
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise ValueError(
            f"The run {short(label)} must be a list of (evaluations, {{{short(term)}: loss}}), not {short(states)}."
        ) from error
    return _row("The evaluations", evaluations), _row("The losses", values)


def _terms(runs):
    """Which losses to draw: all losses of a single run, with the total first, or only the total of several runs."""
    if len(runs) > 1:
        return ("total",)
    ((label, states),) = runs.items()
    _curve(label, states, "total")
    return ("total", *reversed([name for name in states[0][1] if name != "total"]))


def _name_curves(axis, size=9):
    """Write the name of each curve at its right end, in its colour; names that would overlap are moved apart.

    More than `CURVES` curves, which nobody can follow by their colours, get a legend instead.
    """
    lines = axis.get_lines()
    if len(lines) > CURVES:
        axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        return
    axis.figure.draw_without_rendering()  # from here on the axis knows its size
    step = 1.3 * size * axis.figure.dpi / 72 / axis.get_window_extent().height
    ends = []
    for line in lines:
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        has_place = np.isfinite(y) & ((y > 0) | (axis.get_yscale() != "log"))  # a logarithm has no place for 0
        drawn = np.flatnonzero(has_place)
        if len(drawn):
            end = x[drawn[-1]], y[drawn[-1]]
            height = axis.transAxes.inverted().transform(axis.transData.transform(end))[1]
            ends.append((min(max(height, 0), 1), end, line))
    ends.sort(key=lambda found: found[0])
    room = [height for height, _, _ in ends]
    for n in range(1, len(room)):
        room[n] = max(room[n], room[n - 1] + step)
    for n in reversed(range(len(room))):
        room[n] = min(room[n], 1 - step * (len(room) - 1 - n))
    for height, (_, end, line) in zip(room, ends):
        axis.annotate(
            line.get_label(),
            end,
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=size,
            color=line.get_color(),
            arrowprops={"arrowstyle": "-", "color": line.get_color(), "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
            annotation_clip=False,
        )


def gallery(pictures, columns=None, height=2.6):
    """Pictures side by side with captions.

    Args:
        pictures: {caption: tensor (1, 3, H, W) in [0, 1]}.
        columns: number of pictures in a row; None puts all pictures into one row.
        height: of a row, in inches.
    """
    _some("pictures", pictures)
    pictures = {caption: _picture(image, f"The picture {short(caption)}") for caption, image in pictures.items()}
    columns = columns or len(pictures)
    check_number("columns", columns, 1, whole=True)
    check_number("height", height, 0.1, 100)
    rows = -(-len(pictures) // columns)
    shapes = [image.shape[2:] for image in pictures.values()]
    widest = max(width / tall for tall, width in shapes)
    figure = Figure(figsize=(columns * height * widest, rows * (height + 0.4)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (caption, image) in zip(axes.flat, pictures.items()):
        axis.imshow(image[0].float().clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
        axis.set_title(textwrap.fill(str(caption), max(12, int(height * widest / 0.09))), fontsize=10)
    return figure


def loss_curves(runs, terms=None, title=None, top=None):
    """Losses against evaluations of the network, on a logarithmic scale (a linear one where all losses are 0).

    Args:
        runs: {label: [(evaluations, {'total' and other terms: loss})]}.
        terms: which losses to draw; None draws all losses of a single run, and the total of several runs.
        title: of the figure; None leaves it out.
        top: upper end of the scale; None shows every value.
    """
    _some("runs", runs)
    terms = terms or _terms(runs)
    _some("terms", terms, (list, tuple))
    if top is not None:
        check_number("top", top)
    curves = [(label, term, _curve(label, states, term)) for label, states in runs.items() for term in terms]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axis = figure.subplots()
    for number, (label, term, points) in enumerate(curves):
        axis.plot(
            *points,
            color=COLOURS[number % len(COLOURS)],
            lw=2,
            ls="-" if number < len(COLOURS) else "--",
            label=term if len(runs) == 1 else label,
        )
    axis.set(xlabel="evaluations of the network", ylabel="loss", title=title)
    if any((values > 0).any() for _, _, (_, values) in curves):  # otherwise no value has a logarithm
        axis.set_yscale("log")
    axis.set_ylim(top=top)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3, which="both")
    _name_curves(axis)
    return figure


def magnifier(image, channel, row, column, window=8):
    """A photo with a marked window, and the numbers of one channel in that window.

    Args:
        image: (1, 3, H, W) in [0, 1].
        channel: 0 for red, 1 for green, 2 for blue.
        row, column: centre of the window, from 0 to 1.
        window: side of the window, in pixels.
    Returns:
        (Figure, top, left), where (top, left) is the window's upper left pixel.
    """
    image = _picture(image).float()
    check_number("channel", channel, 0, 2, whole=True)
    check_number("row", row, 0, 1)
    check_number("column", column, 0, 1)
    height, width = image.shape[2:]
    check_number("window", window, 1, min(height, width), whole=True)
    top = min(max(round(row * height - window / 2), 0), height - window)
    left = min(max(round(column * width - window / 2), 0), width - window)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    whole, close = figure.subplots(1, 2)
    whole.imshow(image[0].clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
    whole.add_patch(Rectangle((left - 0.5, top - 0.5), window, window, fill=False, color="white", lw=2))
    whole.set_title(f"image[0], {height} × {width} pixels")
    values = image[0, channel, top : top + window, left : left + window]
    close.imshow(
        values.numpy(),
        cmap=LinearSegmentedColormap.from_list("channel", ["black", CHANNEL_COLOURS[channel]]),
        vmin=0,
        vmax=1,
    )
    for y in range(window):
        for x in range(window):
            value = values[y, x].item()
            close.text(
                x, y, f"{value:.2f}", ha="center", va="center", fontsize=8, color="white" if value < 0.5 else "black"
            )
    close.set_title(f"image[0, {channel}, {top}:{top + window}, {left}:{left + window}]")
    close.set(
        xticks=range(window),
        xticklabels=range(left, left + window),
        yticks=range(window),
        yticklabels=range(top, top + window),
        xlabel="column",
        ylabel="row",
    )
    return figure, top, left


def feature_maps(features, count=5, height=1.5):
    """Feature maps of some layers that are strong and differ from each other, one row for each layer.

    The first map of a row has the largest mean. The others come from the quarter of the maps with the largest means:
    each is the map whose largest correlation with the maps already chosen is smallest.

    Args:
        features: {layer: (1, C, H, W)}.
        count: number of maps in a row.
        height: of a row, in inches.
    """
    _some("features", features)
    features = {
        layer: _picture(maps, f"The activations of {short(layer)}", "N, C, H, W").float()
        for layer, maps in features.items()
    }
    check_number("count", count, 1, min(maps.shape[1] for maps in features.values()), whole=True)
    check_number("height", height, 0.1, 100)
    figure = Figure(figsize=(count * height * 1.35, len(features) * (height + 0.25)), layout="constrained")
    axes = figure.subplots(len(features), count, squeeze=False)
    for row, (layer, maps) in zip(axes, features.items()):
        for axis, channel in zip(row, _strong_and_different(maps[0], count)):
            axis.imshow(maps[0, channel].numpy(), cmap="magma")
            axis.set_title(f"{layer}, map {channel}", fontsize=9)
            axis.axis("off")
    return figure


def _strong_and_different(maps, count):
    """The channels of `count` of the maps (C, H, W), chosen as `feature_maps` says."""
    strong = maps.mean((1, 2)).topk(max(count, len(maps) // 4)).indices
    shapes = F.normalize((maps - maps.mean((1, 2), keepdim=True)).flatten(1)[strong], dim=1)
    correlations = shapes @ shapes.T
    chosen = [0]
    while len(chosen) < count:
        nearest = correlations[chosen].amax(0)
        nearest[chosen] = torch.inf
        chosen.append(nearest.argmin().item())
    return strong[chosen].tolist()


def around_grey(projections, share=0.99):
    """Pictures (N, 3, H, W) of projections, whose values have both signs: zero becomes mid-grey.

    Each picture has its own contrast: of the values that are not zero, the share `share` stays within [0, 1], and
    larger ones are clamped.
    """
    check_tensor("The projections", projections, "N, C, H, W", values="finite")
    check_number("share", share, 0, 1)
    projections = projections.detach()
    pictures = torch.full_like(projections, 0.5)
    for picture, projection in zip(pictures, projections):
        sizes = projection[projection != 0].abs().float()
        if len(sizes):
            picture += projection / (2 * torch.quantile(sizes, share))
    return pictures.clamp(0, 1)


def tile(image, box, side, finish=lambda patch: patch.clamp(0, 1)):
    """The part of a picture in a `Box`, as a tile (1, 3, side, side); pixels outside the picture are hatched.

    Args:
        image: (1, C, H, W).
        box: the part to show.
        side: of the tile, in pixels.
        finish: function that turns the resized part into a picture; for a projection take `around_grey`.
    """
    check_tensor("The picture", image, "1, C, H, W", values="finite")
    check_number("side", side, 1, 10**4, whole=True)
    image = image.detach()
    patch, inside = cut(image, box, 0), cut(torch.ones_like(image[:, :1]), box, 0)
    shrink = {"mode": "bicubic", "antialias": True} if patch.shape[2] > side else {}  # enlarged pixels stay squares
    hatching = 0.75 + 0.2 * ((torch.arange(side)[:, None] + torch.arange(side)) // 4 % 2)
    return torch.where(
        F.interpolate(inside, (side, side)) > 0,
        finish(F.interpolate(patch, (side, side), **shrink)),
        hatching.to(patch),
    )


def mosaic(tiles, columns, gap=2):
    """One picture (1, 3, H, W) of equally large tiles (1, 3, h, w), row by row, with white gaps of `gap` pixels."""
    _some("tiles", tiles, (list, tuple))
    height, width = tiles[0].shape[2:] if isinstance(tiles[0], torch.Tensor) and tiles[0].ndim == 4 else (0, 0)
    tiles = [_picture(picture, f"Tile {n}", f"1, 3, {height}, {width}") for n, picture in enumerate(tiles)]
    check_number("columns", columns, 1, whole=True)
    check_number("gap", gap, 0, 10**4, whole=True)
    rows = -(-len(tiles) // columns)
    sheet = tiles[0].new_ones(1, 3, rows * (height + gap) - gap, columns * (width + gap) - gap)
    for n, picture in enumerate(tiles):
        top, left = n // columns * (height + gap), n % columns * (width + gap)
        sheet[:, :, top : top + height, left : left + width] = picture
    return sheet


def _frame(box, colour, width, **options):
    """The edge of a `Box`, as a patch for an axis that shows the picture."""
    corner = box.left - 0.5, box.top - 0.5  # pixels are centred on whole numbers
    sides = box.right - box.left, box.bottom - box.top
    return Rectangle(corner, *sides, fill=False, edgecolor=colour, lw=width, **options)


def boxes_on_photo(image, boxes, height=4.0):
    """A photo with receptive fields drawn on it; where a field reaches beyond the photo, the padding is hatched.

    Args:
        image: (1, 3, H, W) in [0, 1].
        boxes: {label: Box}.
        height: of the figure, in inches.
    """
    image = _picture(image).float()
    _some("boxes", boxes)
    for part in boxes.values():
        check_box(part)
    check_number("height", height, 0.1, 100)
    tall, wide = image.shape[2:]
    top, left = min(0, *(box.top for box in boxes.values())), min(0, *(box.left for box in boxes.values()))
    bottom, right = (
        max(tall, *(box.bottom for box in boxes.values())),
        max(wide, *(box.right for box in boxes.values())),
    )
    figure = Figure(figsize=(height * (right - left) / (bottom - top) + 1.6, height), layout="constrained")
    axis = figure.subplots()
    axis.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5), right - left, bottom - top, facecolor="white", edgecolor="lightgrey", hatch="///"
        )
    )
    axis.imshow(
        image[0].clamp(0, 1).permute(1, 2, 0).numpy(),
        interpolation="nearest",
        extent=(-0.5, wide - 0.5, tall - 0.5, -0.5),
        zorder=2,
    )
    for colour, (label, box) in zip(itertools.cycle(COLOURS[1:]), boxes.items()):
        axis.add_patch(_frame(box, "white", 3.5, zorder=3))
        axis.add_patch(_frame(box, colour, 2, zorder=4, label=label))
    axis.set(xlim=(left - 1, right), ylim=(bottom, top - 1), xlabel="column, in pixels", ylabel="row, in pixels")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    axis.tick_params(labelsize=8)
    return figure


def score_map(image, occlusions, box, height=3.0):
    """A photo with the field of a unit, and maps of the occlusion scores at each place of the square.

    Args:
        image: (1, 3, H, W) in [0, 1].
        occlusions: {label: Occlusion}.
        box: `Box` of the field.
        height: of the figure, in inches.
    """
    image = _picture(image).float()
    _some("occlusions", occlusions)
    check_box(box)
    for label, occlusion in occlusions.items():
        if not isinstance(occlusion, Occlusion) or not occlusion.before:
            raise ValueError(
                f"{short(label)} must be an Occlusion of a unit that answers, from occlusion_map(), not"
                f" {short(occlusion)}."
            )
    check_number("height", height, 0.1, 100)
    tall, wide = image.shape[2:]
    figure = Figure(figsize=((1 + 1.25 * len(occlusions)) * height * wide / tall, height), layout="constrained")
    photo, *maps = figure.subplots(1, 1 + len(occlusions))
    photo.imshow(image[0].clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
    inside = box.clip(tall, wide)
    photo.add_patch(_frame(inside, "white", 2))
    photo.set_title("photo and field of the unit", fontsize=9)
    photo.set(xlabel="column, in pixels", ylabel="row, in pixels")
    for axis, (label, occlusion) in zip(maps, occlusions.items()):
        half = [
            (places[1] - places[0]) / 2 if len(places) > 1 else 0.5 for places in (occlusion.rows, occlusion.columns)
        ]
        extent = (
            occlusion.columns[0] - half[1],
            occlusion.columns[-1] + half[1],
            occlusion.rows[-1] + half[0],
            occlusion.rows[0] - half[0],
        )
        drawn = axis.imshow((occlusion.scores / occlusion.before).numpy(), cmap="magma", vmin=0, extent=extent)
        axis.set_title(f"{label}, share left", fontsize=9)
        axis.set(xlim=(-0.5, wide - 0.5), ylim=(tall - 0.5, -0.5), xlabel="column of the square, in pixels")
        figure.colorbar(drawn, ax=axis, shrink=0.8)
    return figure


def labelled_curves(curves, labels, height=3.2, logarithmic=False, xlabel=None, ylabel=None):
    """Curves over the same labelled places, such as layers.

    Args:
        curves: {name: list of numbers}.
        labels: of the places, in order.
        height: of the figure, in inches.
        logarithmic: True draws the numbers on a logarithmic scale; False draws them on a linear scale from 0.
        xlabel, ylabel: labels of the axes: what the places and the numbers are.
    """
    _some("curves", curves)
    if not isinstance(labels, Iterable):
        raise ValueError(f"The labels must be a list of texts, not {short(labels)}.")
    labels = [*labels]
    curves = {name: _row(f"The curve {short(name)}", values, len(labels)) for name, values in curves.items()}
    check_number("height", height, 0.1, 100)
    figure = Figure(figsize=(8, height), layout="constrained")
    axis = figure.subplots()
    for colour, marker, (name, values) in zip(itertools.cycle(COLOURS), itertools.cycle("osD^v"), curves.items()):
        axis.plot(range(len(labels)), values, color=colour, marker=marker, markersize=5, label=name)
    axis.set_xticks(range(len(labels)), labels, rotation=60, fontsize=8)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if logarithmic:
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    _name_curves(axis)
    return figure
