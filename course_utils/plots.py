"""Figures of the lessons. Built with `matplotlib.figure.Figure`, never pyplot: they can be drawn in threads and callbacks."""
import itertools
import textwrap

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

CHANNEL_COLOURS = ("#ff6060", "#60e060", "#80a0ff")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")       # Okabe & Ito: told apart by colour-blind readers


def gallery(pictures, columns=None, height=2.6):
    """Pictures side by side with captions.

    Args:
        pictures: {caption: tensor (1, 3, H, W) in [0, 1]}.
        columns: pictures in a row; None takes one row.
        height: of a row, in inches.
    """
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    shapes = [image.shape[2:] for image in pictures.values()]
    widest = max(width / tall for tall, width in shapes)
    figure = Figure(figsize=(columns * height * widest, rows * (height + 0.4)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (caption, image) in zip(axes.flat, pictures.items()):
        axis.imshow(image[0].detach().clamp(0, 1).permute(1, 2, 0).cpu(), interpolation="nearest")
        axis.set_title(textwrap.fill(caption, max(12, int(height * widest / 0.09))), fontsize=10)
    return figure


def loss_curves(runs, terms=None, title=None, top=None):
    """Losses against evaluations of the network, on a logarithmic scale.

    Args:
        runs: {label: [(evaluations, {'content', 'style', 'total'})]}.
        terms: which losses to draw; None draws all for one run and the total for several.
        top: upper end of the scale; None shows every value.
    """
    terms = terms or (("total", "style", "content") if len(runs) == 1 else ("total",))
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axis = figure.subplots()
    curves = [(label, term) for label in runs for term in terms]
    for colour, (label, term) in zip(itertools.cycle(COLOURS), curves):
        evaluations = [done for done, _ in runs[label]]
        axis.semilogy(evaluations, [losses[term] for _, losses in runs[label]], color=colour, lw=2,
                      label=term if len(runs) == 1 else label)
    axis.set(xlabel="evaluations of the network", ylabel="loss", title=title)
    axis.set_ylim(top=top)
    axis.grid(alpha=0.3, which="both")
    axis.legend(frameon=False)
    return figure


def magnifier(image, channel, row, column, window=8):
    """A photo with a marked window, and the numbers of one channel in that window.

    Args:
        image: (1, 3, H, W) in [0, 1].
        channel: 0 red, 1 green, 2 blue.
        row, column: centre of the window, from 0 to 1.
        window: its side in pixels.
    Returns:
        (Figure, top, left), the window's upper left pixel.
    """
    height, width = image.shape[2:]
    top = min(max(round(row * height - window / 2), 0), height - window)
    left = min(max(round(column * width - window / 2), 0), width - window)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    whole, close = figure.subplots(1, 2)
    whole.imshow(image[0].permute(1, 2, 0).cpu(), interpolation="nearest")
    whole.add_patch(Rectangle((left - 0.5, top - 0.5), window, window, fill=False, color="white", lw=2))
    whole.set_title(f"image[0], {height} × {width} pixels")
    values = image[0, channel, top:top + window, left:left + window].cpu()
    close.imshow(values, cmap=LinearSegmentedColormap.from_list("channel", ["black", CHANNEL_COLOURS[channel]]), vmin=0, vmax=1)
    for y in range(window):
        for x in range(window):
            value = values[y, x].item()
            close.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=8, color="white" if value < 0.5 else "black")
    close.set_title(f"image[0, {channel}, {top}:{top + window}, {left}:{left + window}]")
    close.set(xticks=range(window), xticklabels=range(left, left + window), yticks=range(window), yticklabels=range(top, top + window),
              xlabel="column", ylabel="row")
    return figure, top, left


def feature_maps(features, count=5, height=1.5):
    """The strongest feature maps of some layers, one row for each layer.

    Args:
        features: {layer: (1, C, H, W)}.
        count: maps in a row, those with the largest mean.
        height: of a row, in inches.
    """
    figure = Figure(figsize=(count * height * 1.35, len(features) * (height + 0.25)), layout="constrained")
    axes = figure.subplots(len(features), count, squeeze=False)
    for row, (layer, maps) in zip(axes, features.items()):
        strongest = maps[0].mean((1, 2)).topk(count).indices.tolist()
        for axis, channel in zip(row, strongest):
            axis.imshow(maps[0, channel].detach().cpu(), cmap="magma")
            axis.set_title(f"{layer}, map {channel}", fontsize=9)
            axis.axis("off")
    return figure
