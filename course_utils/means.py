"""Exact mean activations of a network's channels over a data set.

One pass over the data is enough, and the results of several workers can be merged.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx, nn

from course_utils.dataset import StatisticsError, batches, last_step
from course_utils.files import replace_file
from course_utils.homogeneity import FlowError, drops, scale_flow
from course_utils.inputs import first_line, lacks_memory
from course_utils.paths import DATA

MEANS_FILE = DATA / "mean_activations.json"
FORMAT = "mean activations 2"


@dataclass(frozen=True, eq=False)
class MeanActivations:
    """Mean activation of the channels of every convolution after their ReLU, over pictures and positions.

    `a + b` merges the results of two parts. For a picture X let n_X be its number of positions, and S_X the sum of the
    activations over them. The object keeps sums over the pictures. From them follows the mean μ = ΣS / Σn (Gatys et al.
    2016, section 2). Its standard error is that of a ratio of two means, √(N/(N−1) Σ(S − μ n)²) / Σn (Cochran 1977,
    Sampling Techniques, eq. 2.39). Both are exact for pictures of different sizes. The positions of one picture
    resemble each other, so the pictures count as the sample.

    Attributes:
        sums: {convolution: (4, C) float64}: ΣS, ΣS², Σ n·S and the number of pictures in which the channel is alive.
        positions: {convolution: (Σn, Σn²)}, whole numbers.
        pictures: N.
    """

    sums: dict
    positions: dict
    pictures: int

    @property
    def mean(self):
        """{convolution: (C,) float64}."""
        return {name: sums[0] / self.positions[name][0] for name, sums in self.sums.items()}

    @property
    def standard_error(self):
        """{convolution: (C,) float64}; NaN for a single picture."""
        result = {}
        for name, (total, squares, products, _) in self.sums.items():
            n, squared = self.positions[name]
            mean = total / n
            spread = (squares - 2 * mean * products + mean**2 * squared).clamp(min=0)
            result[name] = (
                (spread * self.pictures / (self.pictures - 1)).sqrt() / n if self.pictures > 1 else mean * math.nan
            )
        return result

    @property
    def dead(self):
        """{convolution: list of the channels that no picture activates}, without convolutions that have none."""
        return {name: sums[3].eq(0).nonzero()[:, 0].tolist() for name, sums in self.sums.items() if sums[3].eq(0).any()}

    def __add__(self, other):
        if not isinstance(other, MeanActivations):
            return NotImplemented
        if {name: sums.shape for name, sums in self.sums.items()} != {
            name: sums.shape for name, sums in other.sums.items()
        }:
            raise StatisticsError(
                "These two results have different layers or channels: measure both parts with the same network."
            )
        return MeanActivations(
            {name: self.sums[name] + other.sums[name] for name in self.sums},
            {name: tuple(map(sum, zip(self.positions[name], other.positions[name]))) for name in self.sums},
            self.pictures + other.pictures,
        )

    def save(self, path):
        """Write a .json file, all or nothing; `load` gives the same numbers, to the last bit. Raises OSError."""
        layers = {name: {"positions": self.positions[name], "sums": sums.tolist()} for name, sums in self.sums.items()}
        contents = {"format": FORMAT, "pictures": self.pictures, "layers": layers}
        replace_file(path, json.dumps({**contents, "sha256": _checksum(contents)}).encode())

    @classmethod
    def load(cls, path=MEANS_FILE):
        """Read what `save` wrote; without a path, the means over the bundled photos. Raises StatisticsError."""
        try:
            stored = json.loads(Path(path).read_bytes())
            if stored.pop("sha256") != _checksum(stored):
                raise ValueError("its checksum is not that of its numbers")
            means = cls(
                {name: torch.tensor(layer["sums"], dtype=torch.float64) for name, layer in stored["layers"].items()},
                {name: tuple(layer["positions"]) for name, layer in stored["layers"].items()},
                stored["pictures"],
            )
            if (
                stored["format"] != FORMAT
                or not means.sums
                or not all(map(_whole, [means.pictures, *sum(means.positions.values(), ())]))
            ):
                raise ValueError("its numbers do not belong together")
            for name, sums in means.sums.items():
                good = sums.ndim == 2 and len(sums) == 4 and sums.numel() and len(means.positions[name]) == 2
                if not good or not sums.isfinite().all() or (sums[1::2] < 0).any() or sums[3].max() > means.pictures:
                    raise ValueError(f"the numbers of {name} do not belong together")
        except Exception as error:  # what json, pathlib and torch.tensor raise for foreign data is of many kinds
            raise StatisticsError(
                f"'{path}' is not a file of mean activations ({first_line(error)}): make one with "
                "`python3 -m course_utils means FOLDER -o FILE.json`."
            ) from error
        return means


def _checksum(contents):
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


def _whole(number):
    return type(number) is int and 0 < number < 2**63


def mean_activations(net, images, *, batch_size=8, progress=True):
    """Mean of each channel after its ReLU, over all pictures and positions, in one pass and in bounded memory.

    Layers behind the last rectification are not computed.

    Args:
        net: `vgg19()`, or any network that `scale_flow` can follow. Each convolution is measured behind the first
            rectification that comes after it.
        images: iterable of pictures (1, C, H, W) or (C, H, W), as the network takes them, or of pairs (number,
            picture), as from `pictures`. Their sizes may differ; neighbours of the same size share a batch.
        batch_size: number of pictures that are computed together.
        progress: whether a progress bar is shown.
    Returns:
        MeanActivations, on the CPU.
    Raises:
        StatisticsError: no picture, a bad picture, no convolution with a ReLU, or activations that are not finite.
    """
    steps = measure(net, images, batch_size=batch_size)
    _, result = last_step(steps, len(images) if hasattr(images, "__len__") else None, progress)
    return result


def measure(net, images, *, batch_size=8):
    """Iterator of (number of pictures so far, MeanActivations so far), one after each batch; see `mean_activations`."""
    try:
        flow = scale_flow(net)
    except FlowError as error:
        raise StatisticsError(str(error)) from error
    if any(
        module.training and isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd))
        for module in net.modules()
    ):
        raise StatisticsError(
            "In training mode batch norm and dropout give other activations each time: call eval() first."
        )
    if any(map(drops, flow.graph.graph.nodes)):
        raise StatisticsError(
            "A dropout that is called as a function gives other activations each time: call it with"
            " training=self.training."
        )
    if not flow.rectified:
        raise StatisticsError("No convolution of this network is followed by a ReLU: there is nothing to measure.")
    if next(net.parameters()).is_meta:
        raise StatisticsError(
            "The network is on the device 'meta', where it holds no numbers: give a network with weights."
        )
    result, tensor, reader = None, next(net.parameters()), _Reader(flow)
    for numbers, batch in batches(images, batch_size, channels=None):
        try:
            with torch.no_grad():
                reader.run(batch.to(tensor))
        except (RuntimeError, ValueError, IndexError) as error:
            if lacks_memory(error):
                raise
            raise StatisticsError(f"Picture {numbers[0].item()} cannot be used: {first_line(error)}.") from error
        part = reader.part(numbers.tolist())
        result = part if result is None else result + part
        yield result.pictures, result


class _Reader(fx.Interpreter):
    """Runs a network up to its last rectification, and keeps the sums over the positions behind each rectification."""

    def __init__(self, flow):
        graph, copies = fx.Graph(), {}
        for node in flow.graph.graph.nodes:
            copies[node] = graph.node_copy(node, copies.__getitem__)
            if node is [*flow.rectified][-1]:
                break
        graph.output(copies[node])
        super().__init__(fx.GraphModule(flow.graph, graph))
        self.rectified, self.each = {copies[node]: name for node, name in flow.rectified.items()}, {}

    def run_node(self, node):
        maps = super().run_node(node)
        if name := self.rectified.get(node):
            shown = maps.cpu() if maps.device.type == "mps" else maps  # MPS has no float64
            self.each[name] = shown.sum((2, 3), dtype=torch.float64).cpu(), maps[0, 0].numel()
        return maps

    def part(self, numbers):
        """MeanActivations of the pictures with these numbers, which are those of the last run."""
        sums, positions = {}, {}
        for name, (each, n) in self.each.items():  # each: (N, C), n positions
            good = each.isfinite().all(1)
            if not good.all():
                raise StatisticsError(
                    f"Picture {numbers[good.int().argmin()]} gives activations in {name} that are not finite: "
                    "look for NaN in it or in the weights."
                )
            sums[name] = torch.stack([each.sum(0), each.square().sum(0), n * each.sum(0), each.ne(0).sum(0).double()])
            positions[name] = len(each) * n, len(each) * n * n
        return MeanActivations(sums, positions, len(numbers))
