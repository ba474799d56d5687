"""One unit of lesson 1 number by number: its window, the products with the filter, their sum, the bias, the
rectification.
"""

from dataclasses import dataclass

import ipywidgets as w
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.dataset import SIZE
from course_utils.images import photos
from course_utils.inputs import check_choice, check_number
from course_utils.plots import COLOURS
from course_utils.receptive import Box, map_size, patch_box
from course_utils.vgg import check_network, vgg19
from course_utils.widgets.core import Redrawn, menu, number, titled
from course_utils.widgets.lesson1 import Seen

MOST = 4  # input channels that are shown
COLOUR_NAMES = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """How one unit comes about. All numbers are float64.

    Attributes:
        layer, channel, row, column: which unit.
        convolution, before: the layer that sums, and the one whose output it reads: 'the photo' for the first.
        window: (C, 3, 3), the values that the unit reads; 0 where it reaches beyond the maps.
        outside: (3, 3), where it does.
        filter: (C, 3, 3).
        bias: what is added to the sum of the products.
    """

    layer: str
    channel: int
    row: int
    column: int
    convolution: str
    before: str
    window: torch.Tensor
    outside: torch.Tensor
    filter: torch.Tensor
    bias: float

    @property
    def products(self) -> torch.Tensor:
        """(C, 3, 3): each value times the weight at its place."""
        return self.window * self.filter

    @property
    def sums(self) -> torch.Tensor:
        """(C,): what each input channel contributes."""
        return self.products.sum((1, 2))

    @property
    def total(self) -> float:
        """The sum of all products and the bias: what the convolution gives."""
        return self.sums.sum().item() + self.bias

    @property
    def activation(self) -> float:
        """What the layer gives: the total, rectified where the layer is a rectification."""
        return self.total if self.layer == self.convolution else max(self.total, 0.0)

    def most(self, count: int = MOST) -> list[int]:
        """The input channels that contribute most, by size; where there are no more than that, all in their order."""
        check_number("The number of input channels", count, 1, whole=True)
        if len(self.sums) <= count:
            return list(range(len(self.sums)))
        return self.sums.abs().sort(descending=True, stable=True).indices[:count].tolist()


def summed_layers(net):
    """The layers whose units are a sum of products, perhaps rectified: no poolings."""
    return [name for name in net.layers if name in net.convolutions or name in net.rectified]


def arithmetic(net, source, layer, channel, row, column, size=SIZE):
    """How one unit comes about: z = Σ_c Σ_d w_{c,d} x_{c,i+d} + b, and max(z, 0) behind a rectification.

    Args:
        net: from `vgg19()`.
        source: whatever `load_square` takes.
        layer: name of a convolution or of a rectification.
        channel, row, column: which of its units.
        size: side of the photo, in pixels.
    Returns:
        Arithmetic. The window of the first convolution holds the photo less the mean colour, in units of the pixels.
    Raises:
        ValueError: no such layer or unit, or a picture that cannot be read.
    """
    check_network(net)
    return _arithmetic(Seen(net), source, layer, channel, row, column, size)


def _arithmetic(seen, source, layer, channel, row, column, size):
    """`arithmetic`, with what `Seen` remembers."""
    _check_unit(seen.net, layer, channel, row, column, size)
    return _one(seen.net, _read_by(seen, source, size, layer), layer, channel, row, column)


def _check_unit(net, layer, channel, row, column, size):
    check_choice("The layer", layer, summed_layers(net))
    side, _ = map_size(layer, size, size, net)
    check_number("The channel", channel, 0, net.channels[layer] - 1, whole=True)
    check_number("The row", row, 0, side - 1, whole=True)
    check_number("The column", column, 0, side - 1, whole=True)


def _convolution(net, layer):
    """The name of the convolution that a layer is, or that stands before it."""
    return layer if layer in net.convolutions else net.layers[net.layers.index(layer) - 1]


def _before(net, layer):
    """The name of the layer whose output the convolution reads; None: it reads the photo."""
    place = net.layers.index(_convolution(net, layer))
    return net.layers[place - 1] if place else None


def _read_by(seen, source, size, layer):
    """What the convolution of a layer reads, (C, H, W)."""
    if before := _before(seen.net, layer):
        return seen.maps(source, size, before)
    with torch.no_grad():
        return seen.net.centre(seen.photo(source, size).to(seen.net.mean))[0].cpu()


def _one(net, maps, layer, channel, row, column):
    """The `Arithmetic` of a unit, from what its convolution reads."""
    name = _convolution(net, layer)
    module, inside = getattr(net, name), torch.ones_like(maps[:1])
    window, inside = (  # of the maps with one row and column of padding
        F.pad(values, (1, 1, 1, 1))[:, row : row + 3, column : column + 3] for values in (maps, inside)
    )
    return Arithmetic(
        layer,
        channel,
        row,
        column,
        name,
        _before(net, layer) or "the photo",
        window.double(),
        inside[0] == 0,
        module.weight[channel].detach().cpu().double(),
        module.bias[channel].item(),
    )


# --- what there is to see and to read


def says(unit):
    """The arithmetic of a unit in sentences.

    >>> ones = torch.ones(3, 3, 3, dtype=torch.float64)
    >>> unit = Arithmetic("relu1_1", 5, 0, 1, "conv1_1", "the photo", ones, ones[0] < 0, -ones, 2.0)
    >>> says(unit).partition(". ")[2]
    'Their products with the filter sum to −27; with the bias, 2, that makes −25. Rectified: 0.'
    """
    count = len(unit.window)
    text = (
        f"Unit ({unit.row}, {unit.column}) of channel {unit.channel} of {unit.layer} reads 3 × 3 × {count} ="
        f" {9 * count:,} values of {unit.before}"
    )
    if outside := int(unit.outside.sum()):
        text += f"; {outside} of its 9 places lie beyond the edge, where 0 is read"
    text += (
        f". Their products with the filter sum to {_digits(unit.total - unit.bias)}; with the bias,"
        f" {_digits(unit.bias)}, that makes {_digits(unit.total)}."
    )
    return text if unit.layer == unit.convolution else f"{text} Rectified: {_digits(unit.activation)}."


def _digits(value, count=4):
    """A number in few signs: so many digits that count, or all those before the point."""
    value += 0.0  # no −0
    text = f"{value:,.0f}" if abs(value) >= 10 ** (count - 1) else f"{value:.{count}g}"
    return text.replace("-", "−")


def worked_out(seen, source, layer, channel, row, column, size=SIZE):
    """The figure that the widget shows, and its description.

    Args:
        seen: `Seen(net)`. Others as in `arithmetic`.
    """
    unit = _arithmetic(seen, source, layer, channel, row, column, size)
    box = patch_box(layer, row, column, seen.net)
    return drawing(unit, seen.photo(source, size), box, _map(seen, source, layer, channel, size))


def _map(seen, source, layer, channel, size):
    """The map (H, W) of one channel, from what its convolution reads."""
    module = getattr(seen.net, _convolution(seen.net, layer))
    with torch.no_grad():
        read = _read_by(seen, source, size, layer).to(module.weight)
        one = slice(channel, channel + 1)
        found = F.conv2d(read[None], module.weight[one], module.bias[one], padding=module.padding)[0, 0].cpu()
    return found if layer in seen.net.convolutions else found.relu()


def drawing(unit, photo, box, maps):
    """The figure of a unit: for each input channel its window, the filter, the products and their sum; below, the rest.

    Args:
        unit: an `Arithmetic`.
        photo: (1, 3, H, W) in [0, 1].
        box: the unit's field in the photo.
        maps: (H', W'), the map of the unit's channel.
    Returns:
        (matplotlib Figure, description)
    """
    chosen = unit.most()
    figure = Figure(figsize=(10.5, 0.9 + 1.75 * len(chosen)), layout="constrained")
    where, sums = figure.subfigures(1, 2, width_ratios=(1, 3.4))
    _draw_place(where.subplots(2, 1), unit, photo, box, maps)
    axes = sums.subplots(len(chosen), 4, squeeze=False, width_ratios=(1, 1, 1, 0.8))
    columns = unit.window[chosen], unit.filter[chosen], unit.products[chosen]
    for column, (title, values) in enumerate(zip(("it reads", "× filter", "= products"), columns)):
        axes[0, column].set_title(title, fontsize=10)
        top = max(values.abs().max().item(), 1e-12)
        for axis, square in zip(axes[:, column], values):
            _draw_square(axis, square, top)
    for axes_of_row, c in zip(axes, chosen):
        axes_of_row[0].set_ylabel(_input_name(unit, c), fontsize=9)
        axes_of_row[3].axis("off")
        axes_of_row[3].text(0, 0.5, f"sum {_digits(unit.sums[c].item())}", fontsize=10, va="center")
    sums.supxlabel(_last_line(unit, chosen), fontsize=11)
    return figure, f"{says(unit)} {_says_channels(unit, chosen)}"


def _input_name(unit, c):
    return COLOUR_NAMES[c] if unit.before == "the photo" and len(unit.window) == 3 else f"map {c}"


def _says_channels(unit, chosen):
    parts = [f"{_input_name(unit, c)} {_digits(unit.sums[c].item())}" for c in chosen]
    more = len(unit.sums) - len(chosen)
    rest = f"; the other {more} together {_digits(_rest(unit, chosen))}" if more else ""
    return f"By input channel: {', '.join(parts)}{rest}."


def _rest(unit, chosen):
    """What the input channels that are not shown contribute together."""
    return unit.sums.sum().item() - unit.sums[chosen].sum().item()


def _last_line(unit, chosen):
    """The sums, the rest and the bias, added up."""
    terms = [_digits(unit.sums[c].item()) for c in chosen]
    if more := len(unit.sums) - len(chosen):
        terms.append(f"{_digits(_rest(unit, chosen))} ({more} more)")
    line = " + ".join([*terms, f"{_digits(unit.bias)} (bias)"]).replace("+ −", "− ")
    line = f"{line} = {_digits(unit.total)}"
    return line if unit.layer == unit.convolution else f"{line}, rectified {_digits(unit.activation)}"


def _draw_square(axis, values, top):
    """Nine numbers on their colours: red above 0, blue below."""
    axis.imshow(values.numpy(), cmap="RdBu_r", vmin=-top, vmax=top)
    axis.set(xticks=(), yticks=())
    for y in range(3):
        for x in range(3):
            value = values[y, x].item()
            dark = abs(value) > 0.6 * top
            axis.text(x, y, _digits(value, 3), ha="center", va="center", fontsize=8, color="white" if dark else "black")


def _draw_place(axes, unit, photo, box, maps):
    """The photo with the unit's field, and the channel's map with the unit."""
    axes[0].imshow(photo[0].float().clamp(0, 1).permute(1, 2, 0).numpy())
    axes[0].set_title("its field in the photo", fontsize=9)
    _mark(axes[0], box.clip(*photo.shape[2:]))
    axes[1].imshow(maps.numpy(), cmap="magma")
    axes[1].set_title(f"channel {unit.channel} of {unit.layer}", fontsize=9)
    _mark(axes[1], Box(unit.row, unit.column, unit.row + 1, unit.column + 1))
    for axis in axes:
        axis.axis("off")


def _mark(axis, box):
    """The edge of a box, and a ring around one that is too small to be seen."""
    corner, sides = (box.left - 0.5, box.top - 0.5), (box.right - box.left, box.bottom - box.top)
    for colour, width in (("white", 3), (COLOURS[1], 1.5)):
        axis.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=colour, lw=width))
        if max(sides) < 0.1 * axis.get_xlim()[1]:
            middle = corner[0] + sides[0] / 2, corner[1] + sides[1] / 2
            axis.plot(*middle, "o", mfc="none", mec=colour, mew=width, ms=14)


# --- the view


def numbers(layer="relu1_1", channel=15, source="animal_cat", net=None):
    """The widget: choose a unit of a convolution or its rectification, and see how its number comes about."""
    return Numbers(layer, channel, source, Seen(net or vgg19()))


class Numbers(Redrawn):
    """Controls and one figure."""

    def __init__(self, layer, channel, source, seen):
        self.seen = seen
        self.layer = menu("layer", summed_layers(seen.net), layer)
        self.channel = number("channel", channel, 0, seen.net.channels[layer] - 1)
        self.photo = menu("photo", titled(photos()), source)
        self.strongest = w.Button(
            description="Strongest place", icon="crosshairs", tooltip="Where this channel is strongest in this photo"
        )
        self.row, self.column = (w.IntSlider(description=name, continuous_update=False) for name in ("row", "column"))
        self._fit()
        super().__init__(
            {
                "layer": self.layer,
                "channel": self.channel,
                "source": self.photo,
                "row": self.row,
                "column": self.column,
            },
            [[self.layer, self.channel, self.photo], [self.row, self.column, self.strongest]],
            f"how the number of any unit of {seen.net.title} comes about, product by product.",
            fits=[(self.layer, self._fit)],
        )
        self.strongest.on_click(self.messages.guard(self.changed.by(self._to_strongest)))

    def _fit(self, _=None):
        """Hold the numbers within what the layer has, and go to where the channel is strongest."""
        self.channel.max = self.seen.net.channels[self.layer.value] - 1
        for slider in (self.row, self.column):
            slider.max = map_size(self.layer.value, SIZE, SIZE, self.seen.net)[0] - 1
        self._to_strongest()

    def _to_strongest(self, _=None):
        found = _map(self.seen, self.photo.value, self.layer.value, self.channel.value, SIZE)
        self.row.value, self.column.value = divmod(found.argmax().item(), found.shape[1])

    def draw(self, **settings):
        """As `worked_out`."""
        return worked_out(self.seen, **settings)
