"""Lesson 3: scale one filter by hand, undo the scale in the next layer or not, and see what changes."""

import functools
import math

import ipywidgets as w
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from course_utils.images import load_square, photos
from course_utils.plots import COLOURS
from course_utils.vgg import vgg19
from course_utils.widgets.core import Redrawn, number, titled

SIDE = 112  # of the photo, in pixels
MEAN = "1/μ"  # the factor that makes the mean of a filter 1
FACTORS = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1, 2, 3, 4, 10, 16, 64)


class FilterError(ValueError):
    """A filter does not exist, or a factor cannot be used; the message says what to do."""


class Scaled:
    """A network whose filters can be scaled one at a time; the network itself is not changed."""

    def __init__(self, net):
        self.net = net
        self.last = net.rectified[-1]  # the output that is watched
        self.scalable = net.convolutions[:-1]  # behind the last convolution there is no layer that could undo a scale
        self.usual = functools.lru_cache(maxsize=8)(self._usual)
        self.watched = functools.lru_cache(maxsize=64)(self._watched)

    def _usual(self, source):
        """{layer: activation} of the network as it is."""
        with torch.no_grad():
            image = load_square(source, SIDE).to(self.net.mean)
            return {"image": self.net.centre(image), **dict(self.net.walk(image, self.last))}

    def _watched(self, source, layer, channel):
        """{layer: map}: of the next and of the last rectified layer, the map that 4 times the filter changes most.

        For every factor the same maps are shown, so that factors can be compared.
        """
        before, after = self.usual(source), self.scaled(source, layer, channel, 4, undo=False)
        _, following, *later = [name for name in after if name in self.net.rectified]
        return {
            name: (after[name] - before[name]).abs().mean((0, 2, 3)).argmax().item()
            for name in (following, *later[-1:])
        }

    def scaled(self, source, layer, channel, factor, undo):
        """{layer: activation} from `layer` on, with one filter and its bias multiplied by `factor`."""
        layers, convolutions = self.net.layers, self.net.convolutions
        place, following = layers.index(layer), convolutions[convolutions.index(layer) + 1]
        x, found = self.usual(source)[layers[place - 1] if place else "image"], {}
        with torch.no_grad():
            for name in layers[place : layers.index(self.last) + 1]:
                module = getattr(self.net, name)
                if name == layer:
                    scale = torch.ones_like(module.bias)
                    scale[channel] = factor
                    x = F.conv2d(
                        x, module.weight * scale[:, None, None, None], module.bias * scale, padding=module.padding
                    )
                elif name == following and undo:
                    x = F.conv2d(x, module.weight / scale[:, None, None], module.bias, padding=module.padding)
                else:
                    x = module(x)
                found[name] = x
        return found


def scale_filter(scaled, source, layer, channel, factor, undo=True):
    """How the network changes when one filter and its bias are multiplied by a number.

    Args:
        scaled: `Scaled(net)`.
        source: name or path of a photo.
        layer: name of a convolution, not the last one.
        channel: number of the filter.
        factor: from 1/1000 to 1000, or from −1000 to −1/1000; positive factors can be undone. `MEAN` stands for 1/μ,
            where μ is the mean of the filter's map after the ReLU, for this photo.
        undo: whether the weights of the next convolution for this channel are divided by the factor.
    Returns:
        (Figure, description).
    Raises:
        FilterError: there is no such filter, the factor is out of range, or μ is 0.
    """
    if layer not in scaled.scalable or not 0 <= channel < scaled.net.channels[layer]:
        raise FilterError(
            f"Filter {channel} of {layer} cannot be scaled here: take a layer from {scaled.scalable[0]} to "
            f"{scaled.scalable[-1]}, and a filter that it has."
        )
    if factor == MEAN:
        factor = _one_over_mean(scaled, source, layer, channel)
    elif not 1e-3 <= abs(factor) <= 1e3 or not math.isfinite(factor):
        raise FilterError(
            f"A filter times {factor} would be lost, or drown all others: take a factor between 1/1000 and 1000, or"
            " below 0."
        )
    before, bare = scaled.usual(source), scaled.scaled(source, layer, channel, factor, undo=False)
    after = scaled.scaled(source, layer, channel, factor, undo) if undo else bare
    relu, *later = [name for name in after if name in scaled.net.rectified]
    changes, without = (
        {name: ((maps[name] - before[name]).norm() / before[name].norm()).item() for name in later}
        for maps in (after, bare)
    )
    most = scaled.watched(source, layer, channel)
    says = _says(before, after, layer, (relu, later[0], scaled.last), channel, factor, undo, changes)
    return _draw(before, after, {relu: channel} | most, changes, without), says


def _one_over_mean(scaled, source, layer, channel):
    layers = scaled.net.layers
    mean = scaled.usual(source)[layers[layers.index(layer) + 1]][0, channel].mean().item()
    if mean == 0:
        raise FilterError(
            f"Filter {channel} of {layer} is silent in this photo, so that its mean is 0: take another filter or photo."
        )
    return 1 / mean


def _draw(before, after, maps, changes, without):
    """Pairs of maps before and after, and below them the change of each later layer, with undoing and without."""
    figure = Figure(figsize=(9.5, 5.3), layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=(1.25, 1))
    for column, (name, channel) in enumerate(maps.items()):
        top = max(before[name][0, channel].max().item(), 1e-12)
        pair = [figure.add_subplot(grid[0, 2 * column + side]) for side in range(2)]
        for side, (axis, values) in enumerate(zip(pair, (before[name], after[name]))):
            drawn = axis.imshow(values[0, channel].cpu().numpy(), cmap="magma", vmin=0, vmax=top)
            axis.set_title(f"{name}, map {channel}\n{'after' if side else 'before'}", fontsize=9)
            axis.axis("off")
        beyond = "max" if after[name][0, channel].max().item() > top else "neither"
        scale = figure.colorbar(drawn, ax=pair, orientation="horizontal", extend=beyond, aspect=25, pad=0.03)
        scale.ax.tick_params(labelsize=7)
        scale.ax.locator_params(nbins=4)
    axis = figure.add_subplot(grid[1, :])
    outline = dict(fill=False, edgecolor="0.5", linestyle="--", label="not undone")
    axis.bar(range(len(changes)), [100 * change for change in without.values()], **outline)
    axis.bar(range(len(changes)), [100 * change for change in changes.values()], color=COLOURS[1], label="now")
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    axis.set_xticks(range(len(changes)), changes, rotation=45, fontsize=8)
    axis.set_ylabel("change of the\nactivations, %")
    axis.set_ylim(0, max(1, 110 * max([*changes.values(), *without.values()])))
    return figure


def _says(before, after, layer, watched, channel, factor, undo, changes):
    relu, following, last = watched
    change = changes[last]
    old, new = (maps[relu][0, channel].mean().item() for maps in (before, after))
    means = [maps[following][0].mean((1, 2)) for maps in (before, after)]
    moved = ((means[1] - means[0]).abs().sum() / means[0].sum()).item()
    output = (
        "is the same to the last bit"
        if torch.equal(after[last], before[last])
        else (
            f"changes by {change:.1%}"
            if change > 5e-4
            else "is the same but for rounding"
            if undo
            else "changes by less than 0.1%"
        )
    )
    return (
        f"Filter {channel} of {layer}, times {factor:g}: its mean on this photo goes from {old:,.1f} to {new:,.1f}."
        f" {'Undone' if undo else 'Not undone'} in the next layer: the means of {following} change by {moved:.1%} of"
        f" their sum, its activations by {changes[following]:.1%} of their length (the bars), and the output, {last},"
        f" {output}." + (" A negative factor does not pass through the ReLU." if factor < 0 else "")
    )


def scale_one(layer="conv3_1", channel=0, net=None):
    """The widget: scale a filter by a factor, undo this in the next layer or not, and see maps, means and output."""
    scaled = Scaled(net or vgg19())
    if layer not in scaled.scalable:
        raise FilterError(
            f"{layer!r} is no layer whose filters can be scaled here: take one from {scaled.scalable[0]} to "
            f"{scaled.scalable[-1]}."
        )
    return ScaleOne(layer, channel, scaled)


class ScaleOne(Redrawn):
    """Controls and one figure."""

    def __init__(self, layer, channel, scaled):
        self.scaled = scaled
        self.layer = w.Dropdown(options=scaled.scalable, value=layer, description="layer")
        self.channel = number("filter", channel, 0, scaled.net.channels[layer] - 1)
        self.photo = w.Dropdown(options=titled(photos()), value="animal_cat", description="photo")
        self.factor = w.SelectionSlider(
            options=[(f"{factor:g}" if factor >= 1 else f"1/{1 / factor:g}", factor) for factor in FACTORS],
            value=4,
            description="times",
            continuous_update=False,
        )
        self.mean, self.negative, self.undo = (
            w.Checkbox(description=description, indent=False, layout=w.Layout(width="auto"))
            for description in ("divide by its mean μ", "negative", "undo in the next layer")
        )
        super().__init__(
            {
                "layer": self.layer,
                "channel": self.channel,
                "source": self.photo,
                "factor": self.factor,
                "mean": self.mean,
                "negative": self.negative,
                "undo": self.undo,
            },
            [[self.layer, self.channel, self.photo], [self.factor, self.negative, self.mean, self.undo]],
            f"one filter of {scaled.net.title} scaled by hand, undone in the next layer or not, with maps, means and"
            " output.",
            fits=[(self.layer, self._fit), (self.mean, self._choose_factor)],
        )

    def _fit(self, _):
        """Keep the number of the filter within the layer."""
        last = self.scaled.net.channels[self.layer.value] - 1
        self.channel.value, self.channel.max = min(self.channel.value, last), last

    def _choose_factor(self, _):
        """With 1/μ the other factors do not count."""
        self.factor.disabled = self.negative.disabled = self.mean.value

    def draw(self, factor, mean, negative, **settings):
        """As `scale_filter`."""
        factor = MEAN if mean else -factor if negative else factor
        return scale_filter(self.scaled, factor=factor, **settings)
