"""Activations, sums over positions, and exact gradients of a large picture, in the memory of one tile.

The terms of a cost do not need the activations of a layer themselves, but sums over their positions: Gram matrices, and
squared distances from a photo's activations. A first pass adds these up tile by tile. The derivative of the cost with
respect to a sum is then the same for all tiles, and a second pass carries it back to the pixels, tile by tile:

    J(S(x)), S = Σ_tiles S_tile(x)    =>    ∂J/∂x = Σ_tiles ∂⟨B, S_tile(x)⟩/∂x, with B = ∂J/∂S.

A tile is computed with a margin, so that its units see what they see in the whole picture. Through all layers the
margin would be 70 pixels on each side (lesson 1, receptive fields), and a tile of 256 would take twice its work. So the
layers are divided into segments, and what comes out of a segment is put together for the whole picture before the next
one begins. Then the margin is that of one segment, 8 pixels in the first. Between the segments lie the poolings, where
there are fewest numbers: what the second to the fourth give are 14 numbers for each pixel, and the descent holds 72.

With frozen filters, the way back through the layers takes as many multiplications as the way there. So two passes of
which the second begins anew take 3/2 of the work. Therefore the last tiles keep what autograd needs, within a budget. A
picture that fits into one tile then costs no more than without tiles.
"""

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import torch

from course_utils.inputs import check_number
from course_utils.losses import gram_matrix
from course_utils.regions import scaled_guide
from course_utils.vgg import VGG, check_layers, check_size

LEAST = 32  # pixels of a tile's side
# Numbers for each pixel that may be kept from the first pass to the second: a good half of what the descent holds, and
# enough for the layers behind the third pooling, which do two fifths of the work.
KEPT = 42
# Maps of the size of the largest that are held at a time beside those that autograd keeps: what goes into a layer, what
# comes out, and what the rectification makes of it; on the way back, the derivatives of these.
THERE, BACK = 3, 3
SCRATCH = 2**22  # numbers that the convolutions hold besides, for a strip of a map (winograd.py)


class Span(NamedTuple):
    """One tile of a segment along one axis: units first … last − 1."""

    read: tuple[int, int]  # of what goes into the segment, margin included
    own: dict[str, tuple[int, int]]  # {layer: the units that belong to this tile and to no other}


def spans(net: VGG, names: Iterable[str], length: int, tile: float) -> list[Span]:
    """The tiles of a segment along one axis. Their own units divide each layer without gaps and overlaps.

    Args:
        net: the network.
        names: consecutive layers, which make the segment.
        length: of what goes into the segment along this axis, in units.
        tile: the largest length of a tile without its margin, in units; it is rounded to a multiple of what one unit
            behind the segment stands for.
    """
    names = list(names)
    lengths, halvings, size, depth = {}, {}, length, 0
    for name in names:
        if name.startswith("pool"):
            size, depth = (size + (net.rounding == "up")) // 2, depth + 1
        lengths[name], halvings[name] = size, depth
    step = 2**depth
    count = max(1, min(math.ceil(length / tile), length // step))
    borders = [length * number // (count * step) * step for number in range(count)]
    result = []
    for number, start in enumerate(borders):
        own = {}
        for name in names:
            end = lengths[name] if number + 1 == count else borders[number + 1] >> halvings[name]
            own[name] = (start >> halvings[name], end)
        first, last = _read(names, lengths, own, length)
        result.append(
            Span((first // step * step, last), own)
        )  # so that the windows of the poolings lie as in the whole
    return result


def _read(names, lengths, own, length):
    """The units that a tile needs of what goes into the segment: from its last layer to its first."""
    first, last = own[names[-1]]
    for number in range(len(names) - 1, -1, -1):
        name = names[number]
        first, last = min(first, own[name][0]), max(last, own[name][1])
        before = lengths[names[number - 1]] if number else length
        if name.startswith("conv"):
            first, last = max(first - 1, 0), min(last + 1, before)
        elif name.startswith("pool"):
            first, last = 2 * first, min(2 * last, before)
    return first, last


class Tile(NamedTuple):
    """One tile of a segment. At a border between tiles its maps end in zeros, so units near there are wrong; none of
    them is its own, for the margin is as wide as the segment reaches.
    """

    net: VGG
    names: list[str]  # the layers of the segment
    row: Span
    column: Span

    def cut(self, maps: torch.Tensor) -> torch.Tensor:
        """The part of what goes into the segment, (N, C, H, W), that the tile reads: (N, C, h, w), a view."""
        return maps[..., slice(*self.row.read), slice(*self.column.read)]

    def of_whole(self, layer: str, maps: torch.Tensor) -> torch.Tensor:
        """The part of a layer's maps of the whole picture, (N, C, H', W'), that belongs to the tile, a view."""
        return maps[..., slice(*self.row.own[layer]), slice(*self.column.own[layer])]

    def own(self, layer: str, maps: torch.Tensor) -> torch.Tensor:
        """The part of the tile's maps of a layer, margin included, that belongs to the tile, a view."""
        halvings = sum(name.startswith("pool") for name in self.names[: self.names.index(layer) + 1])
        rows, columns = (
            slice(*(end - (span.read[0] >> halvings) for end in span.own[layer])) for span in (self.row, self.column)
        )
        return maps[..., rows, columns]

    def walk(self, pixels: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
        """Iterator of (layer, the tile's maps, margin included) over the segment, from what `cut` gives.

        The maps have a graph if what goes in requires a gradient.
        """
        graph, maps = pixels.requires_grad, pixels
        for name in self.names:
            with torch.set_grad_enabled(graph):  # not around the yield, where it would hold for the caller as well
                if maps is pixels:
                    maps = maps.expand_as(maps)  # a view, for torch's FLOP counter takes no leaf
                    maps = self.net.centre(maps) if name == self.net.layers[0] else maps
                maps = self.net._modules[name](maps)
            yield name, maps

    def size(self) -> tuple[int, int]:
        """(h, w) of what the tile reads."""
        return self.row.read[1] - self.row.read[0], self.column.read[1] - self.column.read[0]


class Segment(NamedTuple):
    """Consecutive layers, and the tiles in which they are computed."""

    names: list[str]
    tiles: list[Tile]

    def size_of(self, layer: str) -> tuple[int, int]:
        """(H', W') of a layer's maps of the whole picture."""
        return self.tiles[-1].row.own[layer][1], self.tiles[-1].column.own[layer][1]


def parts_of(net: VGG, layers: Iterable[str]) -> list[list[str]]:
    """The names of the layers of each segment, up to the last of `layers`.

    A segment ends with a pooling. The first holds two blocks, because what the first pooling gives is still five times
    as large as the picture.
    """
    wanted = check_layers(layers, net=net)
    parts: list[list[str]] = [[]]
    for name in net.layers[: max(map(net.layers.index, wanted)) + 1]:
        if parts[-1] and parts[-1][-1].startswith("pool") and parts[-1][-1] != "pool1":
            parts.append([])
        parts[-1].append(name)
    return parts


def segments(net: VGG, layers: Iterable[str], size, tile: int) -> list[Segment]:
    """The segments of a picture.

    Args:
        net: a frozen network of the kind `VGG`.
        layers: names of the layers that are wanted.
        size: (H, W) of the picture.
        tile: side of a tile of the first segment without its margin, in pixels; at least `LEAST`. Those of the other
            segments are larger, because their layers hold fewer numbers.
    """
    check_number("tile", tile, LEAST, whole=True)
    wanted = check_layers(layers, net=net)
    for layer in wanted:
        check_size(net, size, layer)
    result, size, scale, largest = [], tuple(map(int, size)), 1, 0.0
    for names in parts_of(net, wanted):
        numbers = graph_numbers(net, names, (4096 // scale, 4096 // scale))  # of a large picture
        largest = largest or numbers
        side = tile / scale * math.sqrt(largest / numbers)  # then the tiles of all segments hold as many numbers
        down, across = (spans(net, names, length, side) for length in size)
        tiles = [Tile(net, names, row, column) for row in down for column in across]
        result.append(Segment(names, tiles))
        size, scale = result[-1].size_of(names[-1]), scale * 2 ** sum(name.startswith("pool") for name in names)
    return result


def _areas(net, names, size):
    """Iterator of (layer, number of its positions) over consecutive layers, for maps of the size (h, w) before them."""
    height, width = size
    for name in names:
        if name.startswith("pool"):
            height, width = ((side + (net.rounding == "up")) // 2 for side in (height, width))
        yield name, height * width


def graph_numbers(net: VGG, names: Iterable[str], size) -> float:
    """How many numbers of four bytes autograd keeps of some layers, for maps of the size (h, w) before them.

    They are the rectified maps, what poolings give, and for max pooling the positions of the maxima, of eight bytes.
    """
    counts = {"conv": 0, "relu": 1, "pool": 3 if net.pooling == "max" else 1}
    return sum(counts[name[:4]] * net.channels[name] * area for name, area in _areas(net, names, size))


def multiplications(net: VGG, names: Iterable[str], size) -> float:
    """Multiplications of some layers on the way there, with plain convolutions, for maps of the size (h, w) before
    them. The way back to what goes in takes as many.
    """
    before = dict(zip(net.layers, (3, *net.channels.values())))  # channels of what goes into a layer
    return sum(
        9 * before[name] * net.channels[name] * area
        for name, area in _areas(net, names, size)
        if name.startswith("conv")
    )


class Plan:
    """What an evaluation in tiles does: its segments, and which tiles keep what autograd needs in the first pass.

    Args:
        net, layers, size, tile: as `segments` takes them.
    Attributes:
        segments: list of `Segment`.
        names: of all their layers.
        kept: {(number of the segment, number of the tile)}, always the last ones. The second pass takes the tiles in
            reverse order, so it has used them up when it begins to compute tiles anew.
    """

    def __init__(self, net: VGG, layers: Iterable[str], size, tile: int):
        self.net, self.layers, self.size = net, list(layers), tuple(size)
        self.segments = segments(net, self.layers, size, tile)
        self.names = [name for segment in self.segments for name in segment.names]
        room = max(graph_numbers(net, self.names, (tile, tile)), KEPT * size[0] * size[1])
        self.kept = set()
        for place, each in reversed([*self.tiles()]):
            room -= graph_numbers(net, each.names, each.size())
            if room < 0:
                break
            self.kept.add(place)

    def tiles(self) -> Iterator[tuple[tuple[int, int], Tile]]:
        """Iterator of ((number of the segment, number of the tile), tile)."""
        for number, segment in enumerate(self.segments):
            for count, tile in enumerate(segment.tiles):
                yield (number, count), tile

    def work(self) -> float:
        """The multiplications of both passes as a multiple of those without tiles."""
        taken = sum(
            multiplications(self.net, tile.names, tile.size()) * (2 if place in self.kept else 3)
            for place, tile in self.tiles()
        )
        return taken / (2 * multiplications(self.net, self.names, self.size))

    def maps(self, layers: Iterable[str]) -> int:
        """How many numbers the activations of some layers have, for the whole picture."""
        layers, areas = set(layers), _areas(self.net, self.names, self.size)
        return sum(area * self.net.channels[name] for name, area in areas if name in layers)

    def numbers(self, graphs: bool = True) -> float:
        """How many numbers are held at most: beside the picture, its gradient and what the terms hold themselves.

        Args:
            graphs: False for a first pass alone.
        """
        net, ends = self.net, [segment.names[-1] for segment in self.segments[:-1]]
        sources = [3 * self.size[0] * self.size[1], *(self.maps([end]) for end in ends)]  # what goes into each segment
        kept = {place: graph_numbers(net, tile.names, tile.size()) for place, tile in self.tiles()}
        # a Gram matrix, its target, their difference, and the derivative
        fixed = SCRATCH + 4 * sum(net.channels[name] ** 2 for name in self.layers)
        most = sum(sources) + max(THERE * self._widest(tile) for _, tile in self.tiles())
        if not graphs:
            return fixed + most
        most, sources = most + sum(kept[place] for place in self.kept), [*sources, 0]
        for place, tile in self.tiles():
            asked = sum(
                net.channels[name] * area for name, area in _areas(net, tile.names, tile.size()) if name in self.layers
            )
            held = sum(sources[: place[0] + 1]) + sources[place[0]] + sources[place[0] + 1]
            others = sum(kept[other] for other in self.kept if other < place)
            most = max(most, held + others + kept[place] + asked + BACK * self._widest(tile))
        return fixed + most

    def _widest(self, tile):
        """Numbers of the largest maps of a tile."""
        return max(self.net.channels[name] * area for name, area in _areas(self.net, tile.names, tile.size()))

    def through(self, image: torch.Tensor, kept=()) -> Iterator["Step"]:
        """Go through all layers of all tiles of a picture (N, 3, H, W), segment by segment: an iterator of `Step`.

        Args:
            image: the picture.
            kept: the places of the tiles whose maps get a graph.
        """
        maps = image.detach()
        for number, segment in enumerate(self.segments):
            source, last = maps, segment.names[-1]
            for count, tile in enumerate(segment.tiles):
                pixels = tile.cut(source).detach().requires_grad_((number, count) in kept)
                for layer, found in tile.walk(pixels):
                    yield Step((number, count), tile, source, pixels, layer, found)
                if segment is self.segments[-1]:
                    continue
                own = tile.own(last, found.detach())
                if count == 0:
                    maps = own if len(segment.tiles) == 1 else _empty_like(own, segment.size_of(last))
                if len(segment.tiles) > 1:
                    tile.of_whole(last, maps).copy_(own)


class Step(NamedTuple):
    """A layer of a tile."""

    place: tuple[int, int]  # (number of the segment, number of the tile)
    tile: Tile
    source: torch.Tensor  # what goes into the segment, for the whole picture
    pixels: torch.Tensor  # the part of it that the tile reads
    layer: str
    maps: torch.Tensor  # of the layer, margin included


def activations(net: VGG, image: torch.Tensor, layers: Iterable[str], tile: int) -> dict[str, torch.Tensor]:
    """{layer: activations (N, C, H', W')} of a picture, which are put together from tiles and carry no gradient."""
    found: dict[str, torch.Tensor] = {}
    plan = Plan(net, layers, image.shape[2:], tile)
    for step in plan.through(image):
        if step.layer in layers:
            own = step.tile.own(step.layer, step.maps)
            if step.layer not in found:
                found[step.layer] = _empty_like(own, plan.segments[step.place[0]].size_of(step.layer))
            step.tile.of_whole(step.layer, found[step.layer]).copy_(own)
    return {name: found[name] for name in layers}


def _empty_like(maps, size):
    """Maps of the size (H, W), with the channels last."""
    shape, stored = (*maps.shape[:2], *size), torch.channels_last
    return torch.empty(shape, dtype=maps.dtype, device=maps.device, memory_format=stored)


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
        self._guides: list | None = None

    def gram(self, mask) -> torch.Tensor:
        """The Gram matrix of the whole picture under a mask, divided by the number of positions, (N, C, C)."""
        return self.values[[mask is each for each in self.masks].index(True)]

    def mean_square(self, target: torch.Tensor) -> torch.Tensor:
        """The mean square of the difference between the activations and a target, (N,)."""
        return self.values[len(self.masks) + [target is each for each in self.targets].index(True)]

    def add(self, tile: Tile, layer: str, own: torch.Tensor, size) -> None:
        """Add the share of a tile's own activations (N, C, h, w); `size` is (H', W') of the layer's whole maps."""
        grams = [
            gram_matrix(own) / (size[0] * size[1]) if guide is None else gram_matrix(own * guide)
            for guide in self._of_tile(tile, layer, own, size)
        ]
        distances = [
            (own - tile.of_whole(layer, target)).square().flatten(1).sum(1) / target[0].numel()
            for target in self.targets
        ]
        parts = [*grams, *distances]
        self.values = [one + other for one, other in zip(self.values, parts)] if self.values else parts

    def slope(self, tile: Tile, layer: str, own: torch.Tensor, size, outer) -> torch.Tensor:
        """Σ ⟨B, ∂S/∂a⟩ for a tile's own activations a, (N, C, h, w).

        Args:
            tile, layer, own, size: as for `add`.
            outer: the derivatives B with respect to the values; None stands for 0.
        """
        slopes = []
        for guide, B in zip(self._of_tile(tile, layer, own, size), outer):
            if B is not None:  # the Gram matrix under a guide g is Σ g² a aᵀ
                B = B + B.transpose(1, 2)
                rows = own if guide is None else own * guide**2
                slope = rows.flatten(2).transpose(1, 2) @ (B / (size[0] * size[1]) if guide is None else B)
                slopes.append(slope.transpose(1, 2).unflatten(2, own.shape[2:]))
        for target, B in zip(self.targets, outer[len(self.masks) :]):
            if B is not None:
                slope = own - tile.of_whole(layer, target)
                slopes.append(slope.mul_(2 / target[0].numel() * B.view(-1, 1, 1, 1)))
        return functools.reduce(torch.Tensor.add_, slopes) if slopes else torch.zeros_like(own)

    def _of_tile(self, tile, layer, like, size):
        """What multiplies the activations of a tile, for each mask (see `regions.guided`); None without a mask."""
        if self._guides is None:
            self._guides = [None if mask is None else scaled_guide(mask.to(like), size) for mask in self.masks]
        for guide in self._guides:
            yield guide if guide is None else tile.of_whole(layer, guide)


class Passes:
    """The two passes over a picture.

    Args:
        net: a frozen network of the kind `VGG`.
        wanted: {layer: (masks, targets)} as `Sums` takes them.
        tile: side of a tile without its margin, in pixels (see `segments`).
    """

    def __init__(self, net: VGG, wanted: Mapping[str, tuple[list, list]], tile: int):
        self.net, self.wanted, self.tile = net, dict(wanted), tile

    def sums(self, image: torch.Tensor) -> dict[str, Sums]:
        """{layer: `Sums`} of a picture (N, 3, H, W), and nothing else."""
        return self.first(image, graphs=False).sums

    @torch.no_grad()
    def first(self, image: torch.Tensor, graphs: bool = True) -> "First":
        """The first pass over a picture (N, 3, H, W); without `graphs` there can be no second one."""
        found = First({layer: Sums(*wanted) for layer, wanted in self.wanted.items()}, None, [], {})
        if not self.wanted:
            return found
        plan = Plan(self.net, self.wanted, image.shape[2:], self.tile)
        for step in plan.through(image, plan.kept if graphs else ()):
            segment = plan.segments[step.place[0]]
            if step.layer in self.wanted:
                own = step.tile.own(step.layer, step.maps.detach()).to(image.dtype)  # the network may have fewer digits
                found.sums[step.layer].add(step.tile, step.layer, own, segment.size_of(step.layer))
            if graphs and len(found.sources) == step.place[0]:
                found.sources.append(step.source)
            if step.pixels.requires_grad and (step.layer in self.wanted or step.layer == segment.names[-1]):
                found.graphs.setdefault(step.place, (step.pixels, {}))[1][step.layer] = step.maps
        return found._replace(plan=plan)

    def second(self, found: "First", outer: Mapping[str, list]) -> torch.Tensor:
        """The second pass: the gradient with respect to the pixels, (N, 3, H, W). It uses up what the first has found.

        Args:
            found: what the first pass gave.
            outer: {layer: list of the derivatives with respect to its values}; None stands for 0.
        """
        gradient = None  # with respect to what comes out of the segment at hand, for the whole picture
        for number in range(len(found.plan.segments) - 1, -1, -1):
            segment, source = found.plan.segments[number], found.sources.pop()
            before = None if len(segment.tiles) == 1 else torch.zeros_like(source)
            for count in range(len(segment.tiles) - 1, -1, -1):
                tile = segment.tiles[count]
                pixels, maps = found.graphs.pop((number, count), None) or self._anew(segment, tile, source)
                slopes = [
                    self._slope(found, segment, tile, layer, maps[layer].detach(), outer, gradient) for layer in maps
                ]
                (slope,) = torch.autograd.grad([*maps.values()], pixels, slopes)
                del maps, slopes
                if before is None:
                    before = slope
                else:
                    tile.cut(before).add_(slope)
            gradient = before
        return gradient

    @torch.enable_grad()
    def _anew(self, segment, tile, source):
        """What a tile reads, and {layer: its maps} of the layers that are wanted and of the last."""
        pixels = tile.cut(source).detach().requires_grad_()
        names = {*self.wanted, segment.names[-1]}
        return pixels, {layer: maps for layer, maps in tile.walk(pixels) if layer in names}

    def _slope(self, found, segment, tile, layer, maps, outer, gradient):
        """The derivative of J with respect to a tile's maps of a layer, by its own units and not by layers behind it in
        the segment.
        """
        own, slope = tile.own(layer, maps), None
        if layer in self.wanted:
            sums = found.sums[layer]
            slope = sums.slope(tile, layer, own.to(sums.values[0].dtype), segment.size_of(layer), outer[layer])
        if layer == segment.names[-1] and gradient is not None:
            behind = tile.of_whole(layer, gradient)
            slope = behind if slope is None else slope.add_(behind)
        if own.shape == maps.shape:
            return slope.to(maps.dtype)
        whole = torch.zeros_like(maps)
        tile.own(layer, whole).copy_(slope)
        return whole


class First(NamedTuple):
    """What the first pass has found."""

    sums: dict[str, Sums]
    plan: Plan
    sources: list[torch.Tensor]  # what goes into each segment
    graphs: dict[tuple[int, int], tuple]  # {place of a tile: (what it reads, {layer: its maps})}
