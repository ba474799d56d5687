"""The strongest units of a network's channels over a data set.

One pass over the data is enough, the memory is bounded, and the results of several workers can be merged.
"""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.dataset import SIZE, StatisticsError, batches, last_step
from course_utils.files import replace_file
from course_utils.inputs import check_archive, first_line, lacks_memory, short
from course_utils.paths import DATA
from course_utils.vgg import CHANNELS, check_layers, check_network

TOP_FILE = DATA / "top_activations.npz"
NOWHERE = -1  # stands for picture, row and column where a data set has fewer than k pictures


@dataclass(frozen=True, eq=False)
class TopActivations:
    """The k strongest units of every channel of some layers. `a + b` merges the results of two parts of a data set.

    Attributes:
        values: {layer: (C, k)} in the network's dtype, the strongest first; −∞ where there are fewer than k units.
        places: {layer: (C, k, 3)} int64: number of the picture, row and column of the unit; −1 where there is no unit.
            Equal values stand in the order of their places.
        per_image: how many units of a channel may lie in one picture.
        sources: where picture number n came from, as text; () if unknown.
        size: side of the pictures in pixels, if all were squares of one size; otherwise None.
    """

    values: dict
    places: dict
    per_image: int = 1
    sources: tuple = ()
    size: int | None = SIZE

    @property
    def k(self):
        return next(iter(self.values.values())).shape[1]

    def __add__(self, other):
        if not isinstance(other, TopActivations):
            return NotImplemented
        if (self.k, self.per_image, list(self.values)) != (other.k, other.per_image, list(other.values)):
            raise StatisticsError(
                "These two results differ in k, in per_image or in their layers: search both parts with the same"
                " settings."
            )
        if (self.sources, self.size) != (other.sources, other.size):
            raise StatisticsError(
                "These two results number or cut their pictures differently: give both parts the same sources and"
                " sizes."
            )
        merged = {
            layer: _best(
                torch.cat([self.values[layer], other.values[layer]], 1),
                torch.cat([self.places[layer], other.places[layer]], 1),
                self.k,
                self.per_image,
            )
            for layer in self.values
        }
        return TopActivations(
            {layer: values for layer, (values, _) in merged.items()},
            {layer: places for layer, (_, places) in merged.items()},
            self.per_image,
            self.sources,
            self.size,
        )

    def save(self, path):
        """Write a compressed .npz file without pickle, all or nothing; the same contents give the same bytes.

        Raises OSError when the file cannot be written.
        """
        arrays = {
            "sources": np.array(self.sources, dtype=str),
            "size": np.array(self.size or 0),
            "per_image": np.array(self.per_image),
        }
        for layer in self.values:
            values = self.values[layer]
            arrays[f"{layer}.values"] = (
                values if values.dtype in (torch.float32, torch.float64) else values.float()
            ).numpy()
            places = self.places[layer].numpy()
            arrays[f"{layer}.places"] = places.astype(np.int32) if places.max(initial=0) < 2**31 else places
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        replace_file(path, buffer.getvalue())

    @classmethod
    def load(cls, path=TOP_FILE, net=None):
        """Read what `save` wrote of the units of `net`, or of VGG-19 for None.

        Without a path, the units are those of the bundled photos. Raises StatisticsError for any other file.
        """
        try:
            with open(path, "rb") as archive:
                check_archive(archive)  # before NumPy believes a header and makes room for what it says
                file = np.load(archive, allow_pickle=False)
                layers = [name.removesuffix(".values") for name in file.files if name.endswith(".values")]
                table = cls(
                    {layer: torch.from_numpy(file[f"{layer}.values"]) for layer in layers},
                    {layer: torch.from_numpy(file[f"{layer}.places"]).long() for layer in layers},
                    int(file["per_image"]),
                    tuple(file["sources"].tolist()),
                    int(file["size"]) or None,
                )
            table._check(net)
        except Exception as error:  # neither numpy nor zipfile says what foreign data make them raise
            raise StatisticsError(
                f"'{path}' is not a table of strongest units ({first_line(error)}): make it with "
                "`python3 -m course_utils top FOLDER -o FILE.npz`."
            ) from error
        return table

    def _check(self, net):
        """Raise ValueError unless this can be a table of the network, or of VGG-19 for None."""
        check_layers(self.values, net=net)
        channels = CHANNELS if net is None else net.channels
        if not self.values or not 1 <= self.per_image <= self.k or (self.size or 1) < 1:
            raise ValueError("it has no layers, or numbers that make no sense")
        for layer, values in self.values.items():
            places, shape = self.places[layer], (channels[layer], self.k)
            good = values.is_floating_point() and values.shape == shape and places.shape == (*shape, 3)
            if not good or not (values < math.inf).all() or (values.diff(dim=1) > 0).any():
                raise ValueError(f"the values of {layer} are not those of {shape[0]} channels")
            nowhere = (places == NOWHERE).all(2)
            if not torch.equal(nowhere, values == -math.inf) or (places[~nowhere] < 0).any():
                raise ValueError(f"the places of {layer} do not belong to its values")
            if self.sources and places[..., 0].max() >= len(self.sources):
                raise ValueError(f"{layer} names a picture that is not among its {len(self.sources)}")


def top_activations(net, images, k=9, per_image=1, *, layers=None, batch_size=8, sources=(), progress=True):
    """The k strongest units of all channels of all `layers`, in one pass over a data set of any size.

    The result depends neither on the batch size nor on the order of the numbered pictures. Only the rounding of the
    convolutions may decide between near ties. The memory depends only on k and the number of channels
    (Zeiler & Fergus 2014, section 4: "the top 9 activations").

    Args:
        net: from `vgg19()`.
        images: iterable of pictures (1, 3, H, W) or (3, H, W), numbered as they come, or of pairs (number, picture), as
            from `pictures`. Their sizes may differ; neighbours of the same size share a batch. Give pairs when the
            results of several parts are to be merged, because the parts must number their pictures throughout.
        k: how many units to keep for each channel.
        per_image: how many of them may lie in one picture; None admits any number.
        layers: names of layers; None takes all rectified layers.
        batch_size: number of pictures that are computed together.
        sources: where the pictures came from, by number; the result hands them on.
        progress: whether a progress bar is shown.
    Returns:
        TopActivations, on the CPU.
    Raises:
        StatisticsError: no picture, a bad picture or setting, or activations that are not finite.
    """
    steps = search(net, images, k, per_image, layers=layers, batch_size=batch_size, sources=sources)
    _, result = last_step(steps, len(images) if hasattr(images, "__len__") else len(sources) or None, progress)
    return result


def search(net, images, k=9, per_image=1, *, layers=None, batch_size=8, sources=()):
    """Iterator of (number of pictures so far, TopActivations so far), one after each batch; see `top_activations`."""
    check_network(net, StatisticsError)
    layers = check_layers(net.rectified if layers is None else layers, StatisticsError, net)
    if isinstance(sources, str) or not isinstance(sources, Iterable):
        raise StatisticsError(f"sources must be a list of names, not {short(sources)}.")
    numbers = (k, batch_size, k if per_image is None else per_image)
    if not layers or not all(type(number) is int and number > 0 for number in numbers) or k > 10**5:
        raise StatisticsError(
            "k, per_image and batch_size are whole numbers above 0, k at most 100,000, and at least one layer is"
            " needed."
        )
    layers, sources, per_image, done, result, shapes = (
        sorted(layers, key=net.layers.index),
        tuple(map(str, sources)),
        min(numbers[2], k),
        0,
        None,
        set(),
    )
    for numbers, batch in batches(images, batch_size):
        values, places = {}, {}
        if sources and numbers.max() >= len(sources):
            raise StatisticsError(f"There are only {len(sources)} sources: name one for every picture, or none.")
        shapes.add(tuple(batch.shape[2:]))
        try:
            with torch.no_grad():
                for name, maps in net.walk(batch.to(net.mean), layers[-1]):
                    if name in layers:
                        so_far = (
                            (result.values[name], result.places[name])
                            if result
                            else _nothing(maps.shape[1], k, maps.dtype)
                        )
                        values[name], places[name] = _update(*so_far, maps, numbers, per_image, name)
        except StatisticsError:
            raise
        except (ValueError, RuntimeError) as error:
            if lacks_memory(error):
                raise
            raise StatisticsError(f"Picture {numbers[0].item()} cannot be used: {first_line(error)}.") from error
        done += len(numbers)
        (height, width), *others = shapes
        result = TopActivations(values, places, per_image, sources, height if height == width and not others else None)
        yield done, result


def _nothing(channels, k, dtype):
    return torch.full((channels, k), -math.inf, dtype=dtype), torch.full((channels, k, 3), NOWHERE)


def _update(values, places, maps, numbers, per_image, name):
    """The k best of what was known and of a batch of maps (N, C, H, W) of the pictures with these numbers (N,)."""
    strongest = maps.amax((2, 3)).cpu()
    if not strongest.isfinite().all():
        picture = numbers[(~strongest.isfinite()).any(1)][0].item()
        raise StatisticsError(f"Picture {picture} gives activations in {name} that are not finite: leave it out.")
    # search only those maps for the place of their maximum whose maximum can enter the list; soon these are few
    picture, channel = (strongest >= values[:, -1]).nonzero(as_tuple=True)
    rows = maps[picture.to(maps.device), channel.to(maps.device)].flatten(1)
    if per_image == 1:
        index = rows.argmax(1, keepdim=True).cpu()  # the first of equal values
        best = strongest[picture, channel, None]
    else:
        best, index = (part[:, :per_image].cpu() for part in rows.sort(dim=1, descending=True, stable=True))
    found = torch.full((*strongest.shape, best.shape[1]), -math.inf, dtype=maps.dtype)
    where = torch.full((*found.shape, 3), NOWHERE)
    found[picture, channel] = best
    where[picture, channel] = torch.stack(
        [numbers[picture, None].expand_as(index), index // maps.shape[3], index % maps.shape[3]], 2
    )
    return _best(
        torch.cat([values, found.permute(1, 0, 2).flatten(1)], 1),
        torch.cat([places, where.permute(1, 0, 2, 3).flatten(1, 2)], 1),
        values.shape[1],
        per_image,
    )


def _best(values, places, k, per_image):
    """The k largest values of each row, equal ones in the order of their places; a repeated place counts once."""
    for column in (2, 1, 0):  # by picture, then row, then column: the last sort decides
        order = places[..., column].argsort(dim=1, stable=True)
        values, places = _sorted(values, places, order)
    twice = (places[:, 1:] == places[:, :-1]).all(2) & (places[:, 1:, 0] != NOWHERE)
    if ((values[:, 1:] - values[:, :-1]).abs() > 0.01 * values[:, 1:].abs())[twice].any():
        raise StatisticsError(
            "Two pictures have the same number: number the pictures throughout, as pairs (number, picture)."
        )
    values[:, 1:].masked_fill_(twice, -math.inf)
    values, places = _sorted(values, places, values.argsort(dim=1, descending=True, stable=True))
    same = places[:, :, None, 0] == places[:, None, :, 0]
    values = values.masked_fill(same.tril(-1).sum(2) >= per_image, -math.inf)  # more units than one picture may give
    values, places = _sorted(values, places, values.argsort(dim=1, descending=True, stable=True)[:, :k])
    return values, places.masked_fill((values == -math.inf)[..., None], NOWHERE)


def _sorted(values, places, order):
    return values.gather(1, order), places.gather(1, order[..., None].expand(-1, -1, 3))
