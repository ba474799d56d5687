"""Activations, sums over positions, and exact gradients of a large picture, in the memory of one tile.

The terms of a cost do not need the activations of a layer themselves, but sums over their positions: Gram matrices, and
squared distances from a photo's activations. A first pass adds these up tile by tile. The derivative of the cost with
respect to a sum is then the same for all tiles, and a second pass carries it back to the pixels, tile by tile:

    J(S(x)), S = Σ_tiles S_tile(x)    =>    ∂J/∂x = Σ_tiles ∂⟨B, S_tile(x)⟩/∂x, with B = ∂J/∂S.

Each tile is computed with a margin, so that its units see what they see in the whole picture: the margin of a layer is
what the layers behind it reach over (lesson 1, receptive fields). Along an edge of the picture there is no margin, and
the padding of the layers is the same as for the whole picture.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import torch

from course_utils.inputs import check_number
from course_utils.losses import gram_matrix
from course_utils.regions import scaled_guide
from course_utils.vgg import VGG, check_layers, check_size

LEAST = 32  # pixels of a tile's side


class Span(NamedTuple):
    """One tile along one axis: units first … last − 1 of the layers."""

    image: tuple[int, int]  # the pixels that the tile reads
    needed: dict[str, tuple[int, int]]  # {layer: the units that are computed}, margin included
    own: dict[str, tuple[int, int]]  # {layer: the units that belong to this tile and to no other}


def spans(net: VGG, layers: Iterable[str], length: int, tile: int) -> list[Span]:
    """The tiles along one axis. Their own units divide each layer without gaps and overlaps.

    Args:
        net: the network.
        layers: names of the layers that are wanted.
        length: of the picture along this axis, in pixels.
        tile: length of a tile without its margin, in pixels; it is rounded to a multiple of what one unit of the
            deepest layer stands for.
    """
    wanted = check_layers(layers, net=net)
    names = net.layers[: max(map(net.layers.index, wanted)) + 1]
    lengths, halvings, size, depth = {}, {}, length, 0
    for name in names:
        if name.startswith("pool"):
            size, depth = (size + (net.rounding == "up")) // 2, depth + 1
        lengths[name], halvings[name] = size, depth
    step = 2**depth
    count = max(1, min(-(-length // tile), length // step))
    borders = [length * number // (count * step) * step for number in range(count)]
    result = []
    for number, start in enumerate(borders):
        own = {}
        for name in names:
            end = lengths[name] if number + 1 == count else borders[number + 1] >> halvings[name]
            own[name] = (start >> halvings[name], end)
        result.append(_with_margins(names, lengths, own, set(wanted), length))
    return result


def _with_margins(names, lengths, own, wanted, length):
    """The `Span` of a tile: from the last layer to the first, what each layer must give to those behind it."""
    needed, interval = {}, own[names[-1]]
    for number in range(len(names) - 1, -1, -1):
        name = names[number]
        if name in wanted:
            interval = min(interval[0], own[name][0]), max(interval[1], own[name][1])
        needed[name] = interval
        before = lengths[names[number - 1]] if number else length
        if name.startswith("conv"):
            interval = max(interval[0] - 1, 0), min(interval[1] + 1, before)
        elif name.startswith("pool"):
            interval = 2 * interval[0], min(2 * interval[1], before)
    return Span(interval, dict(reversed(needed.items())), own)


class Tiles:
    """A picture in tiles.

    Args:
        net: a frozen network of the kind `VGG`.
        layers: names of the layers that are wanted.
        size: (H, W) of the picture.
        tile: side of a tile without its margin, in pixels; at least `LEAST`.
    """

    def __init__(self, net: VGG, layers: Iterable[str], size, tile: int):
        check_number("tile", tile, LEAST, whole=True)
        self.net, self.layers = net, check_layers(layers, net=net)
        for layer in self.layers:
            check_size(net, size, layer)
        down, across = (spans(net, self.layers, int(length), int(tile)) for length in size)
        self.pairs = [(row, column) for row in down for column in across]

    def __len__(self):
        return len(self.pairs)

    def size_of(self, layer: str) -> tuple[int, int]:
        """(H', W') of a layer's maps of the whole picture."""
        row, column = self.pairs[-1]
        return row.own[layer][1], column.own[layer][1]

    def __iter__(self) -> Iterator["Tile"]:
        return (Tile(self.net, self.layers, row, column) for row, column in self.pairs)


class Tile(NamedTuple):
    """One tile of a picture."""

    net: VGG
    layers: list[str]
    row: Span
    column: Span

    def cut(self, image: torch.Tensor) -> torch.Tensor:
        """The pixels of a picture that the tile reads, (N, C, h, w), a view."""
        return image[..., slice(*self.row.image), slice(*self.column.image)]

    def own(self, layer: str, maps: torch.Tensor) -> torch.Tensor:
        """The part of a layer's maps (N, C, H', W') that belongs to the tile, a view."""
        return maps[..., slice(*self.row.own[layer]), slice(*self.column.own[layer])]

    def walk(self, pixels: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
        """Iterator of (layer, the tile's own activations) over the layers that are wanted, from what `cut` gives."""
        activation, left = self.net.centre(pixels), len(self.layers)
        at = (self.row.image[0], self.column.image[0])
        for name in self.row.needed:
            activation = self.net._modules[name](activation)
            if name.startswith("pool"):
                at = (at[0] // 2, at[1] // 2)
            activation = _part(activation, at, (self.row.needed[name], self.column.needed[name]))
            at = (self.row.needed[name][0], self.column.needed[name][0])
            if name in self.layers:
                left -= 1
                own = _part(activation, at, (self.row.own[name], self.column.own[name]))
                yield name, own.to(pixels.dtype)
            if not left:
                return


def _part(maps, at, intervals):
    """The units of some intervals, from maps whose first unit is `at`."""
    (top, bottom), (left, right) = intervals
    return maps[..., top - at[0] : bottom - at[0], left - at[1] : right - at[1]]


def activations(net: VGG, image: torch.Tensor, layers: Iterable[str], tile: int) -> dict[str, torch.Tensor]:
    """{layer: activations (N, C, H', W')} of a picture, which are put together from tiles and carry no gradient."""
    found: dict[str, torch.Tensor] = {}
    tiles = Tiles(net, layers, image.shape[2:], tile)
    with torch.no_grad():
        for each in tiles:
            for name, own in each.walk(_stored(each.cut(image))):
                if name not in found:
                    whole = own.new_empty(*own.shape[:2], *tiles.size_of(name))
                    found[name] = whole.contiguous(memory_format=torch.channels_last)
                each.own(name, found[name]).copy_(own)
    return {name: found[name] for name in layers}


class Sums:
    """What the terms of a cost need of one layer, in place of its activations.

    Args:
        masks: list of masks (1, 1, H, W) or None, one for each Gram matrix that is wanted.
        targets: list of activations (1, C, H', W') of photos, one for each squared distance that is wanted.
    Attributes:
        values: the Gram matrices, (N, C, C), and then the distances, (N,).
    """

    def __init__(self, masks, targets):
        self.masks, self.targets, self.values = list(masks), list(targets), []

    def gram(self, mask) -> torch.Tensor:
        """The Gram matrix of the whole picture under a mask, divided by the number of positions, (N, C, C)."""
        return self.values[[mask is each for each in self.masks].index(True)]

    def mean_square(self, target: torch.Tensor) -> torch.Tensor:
        """The mean square of the difference between the activations and a target, (N,)."""
        return self.values[len(self.masks) + [target is each for each in self.targets].index(True)]

    def guides(self, size, like) -> list:
        """What multiplies the activations of a layer of some size, for each mask (see `regions.guided`); a number where
        there is no mask.
        """
        found = []
        for mask in self.masks:
            if mask is None:
                found.append((size[0] * size[1]) ** -0.5)
            else:
                found.append(scaled_guide(mask.to(like), size))
        return found

    def of_tile(self, tile: Tile, layer: str, own: torch.Tensor, guides) -> list[torch.Tensor]:
        """The share of a tile's own activations (N, C, h, w) in each of the values."""
        grams = [gram_matrix(own * (guide if isinstance(guide, float) else tile.own(layer, guide))) for guide in guides]
        distances = [
            (own - tile.own(layer, target)).square().flatten(1).sum(1) / target[0].numel() for target in self.targets
        ]
        return [*grams, *distances]


class Passes:
    """The two passes over a picture.

    Args:
        net: a frozen network of the kind `VGG`.
        wanted: {layer: (masks, targets)} as `Sums` takes them.
        tile: side of a tile without its margin, in pixels.
    """

    def __init__(self, net: VGG, wanted: Mapping[str, tuple[list, list]], tile: int):
        self.net, self.wanted, self.tile = net, dict(wanted), tile

    @torch.no_grad()
    def sums(self, image: torch.Tensor) -> dict[str, Sums]:
        """The first pass: {layer: `Sums`} of a picture (N, 3, H, W)."""
        tiles = Tiles(self.net, self.wanted, image.shape[2:], self.tile)
        found = {layer: Sums(*wanted) for layer, wanted in self.wanted.items()}
        guides = self._guides(tiles, found, image)
        for each in tiles:
            for layer, own in each.walk(_stored(each.cut(image))):
                parts = found[layer].of_tile(each, layer, own, guides[layer])
                before = found[layer].values or [0.0] * len(parts)
                found[layer].values = [one + other for one, other in zip(before, parts)]
        return found

    def add_gradient(self, image: torch.Tensor, sums: Mapping[str, Sums], outer, gradient: torch.Tensor) -> None:
        """The second pass: add the gradient with respect to the pixels to `gradient`, (N, 3, H, W).

        Args:
            image: the picture of the first pass.
            sums: what the first pass gave.
            outer: {layer: list of the derivatives with respect to its values}; None stands for 0.
        """
        tiles = Tiles(self.net, self.wanted, image.shape[2:], self.tile)
        guides = self._guides(tiles, sums, image)
        for each in tiles:
            with torch.enable_grad():
                pixels = _stored(each.cut(image)).requires_grad_()
                value = pixels.new_zeros(())
                for layer, own in each.walk(pixels.expand_as(pixels)):
                    parts = sums[layer].of_tile(each, layer, own, guides[layer])
                    for part, derivative in zip(parts, outer[layer]):
                        if derivative is not None:
                            value = value + (part * derivative).sum()
                (found,) = torch.autograd.grad(value, pixels)
            each.cut(gradient).add_(found)

    @staticmethod
    def _guides(tiles, sums, image):
        return {layer: each.guides(tiles.size_of(layer), image) for layer, each in sums.items()}


def _stored(image):
    """A copy of a picture that is stored with the channels last."""
    return image.detach().clone(memory_format=torch.channels_last)
