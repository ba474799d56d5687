"""Mean activations of a network's channels over a data set: in one pass, exact, mergeable between workers."""
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx
from tqdm.auto import tqdm

from course_utils.homogeneity import follow
from course_utils.images import DATA, replace_file
from course_utils.streams import StatisticsError, batches

MEANS_FILE = DATA / "mean_activations.json"


@dataclass(frozen=True, eq=False)
class MeanActivations:
    """Mean activation of every convolution's channels after their ReLU, over pictures and positions. `a + b` merges two parts.

    Kept are sums over the pictures X, whose n_X positions have the sum S_X: from them follow, exactly for pictures of
    different sizes, the mean μ = ΣS / Σn (Gatys et al. 2016, section 2) and its standard error, that of a ratio of two
    means (Cochran 1977, Sampling Techniques, eq. 2.39): √(N/(N−1) Σ(S − μ n)²) / Σn. Positions of one picture resemble
    each other, so the pictures count as the sample.

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
            result[name] = (spread * self.pictures / (self.pictures - 1)).sqrt() / n if self.pictures > 1 else mean * math.nan
        return result

    @property
    def dead(self):
        """{convolution: list of the channels that no picture excites}, only where there are some."""
        return {name: sums[3].eq(0).nonzero()[:, 0].tolist() for name, sums in self.sums.items() if sums[3].eq(0).any()}

    def __add__(self, other):
        if not isinstance(other, MeanActivations):
            return NotImplemented
        if {name: sums.shape for name, sums in self.sums.items()} != {name: sums.shape for name, sums in other.sums.items()}:
            raise StatisticsError("These two have different layers or channels: measure both parts with the same network.")
        return MeanActivations({name: self.sums[name] + other.sums[name] for name in self.sums},
                               {name: tuple(map(sum, zip(self.positions[name], other.positions[name]))) for name in self.sums},
                               self.pictures + other.pictures)

    def save(self, path):
        """Write a .json file, all or nothing; reading it gives the same numbers, to the last bit. Raises OSError."""
        layers = {name: {"positions": self.positions[name], "sums": sums.tolist()} for name, sums in self.sums.items()}
        replace_file(path, json.dumps({"mean activations": 1, "pictures": self.pictures, "layers": layers}).encode())

    @classmethod
    def load(cls, path=MEANS_FILE):
        """Read what `save` wrote; without a path, the means over the bundled photos. Raises StatisticsError."""
        try:
            stored = json.loads(Path(path).read_bytes())
            layers, pictures = stored["layers"], stored["pictures"]
            means = cls({name: torch.tensor(layer["sums"], dtype=torch.float64) for name, layer in layers.items()},
                        {name: tuple(map(int, layer["positions"])) for name, layer in layers.items()}, pictures)
            if not layers or not isinstance(pictures, int) or any(
                    sums.ndim != 2 or len(sums) != 4 or len(means.positions[name]) != 2 for name, sums in means.sums.items()):
                raise ValueError("its numbers do not belong together")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StatisticsError(f"'{path}' is not a file of mean activations ({error}): make one with "
                                  "`python3 -m course_utils means FOLDER -o FILE.json`.") from error
        return means


def mean_activations(net, images, *, batch_size=8, progress=True):
    """Mean of each channel after its ReLU, over all pictures and positions, in one pass and in bounded memory.

    Args:
        net: `vgg19()`, or any network that `follow` can follow: each convolution is measured behind the first
            rectification that comes after it.
        images: iterable of pictures (1, C, H, W) or (C, H, W), as the network takes them, or of pairs (number, picture),
            as from `pictures`. They may differ in size; neighbours of the same size share a batch.
        batch_size: pictures that are computed together.
        progress: show a progress bar.
    Returns:
        MeanActivations, on the CPU.
    Raises:
        StatisticsError: no picture, a bad one, no convolution with a ReLU, or activations that are not finite.
    """
    result = None
    with tqdm(total=len(images) if hasattr(images, "__len__") else None, unit="picture", disable=not progress) as bar:
        for done, result in measure(net, images, batch_size=batch_size):
            bar.update(done - bar.n)
    if result is None:
        raise StatisticsError("There is no picture to look at: give at least one.")
    return result


def measure(net, images, *, batch_size=8):
    """Iterator of (number of pictures so far, MeanActivations so far), one after each batch; see `mean_activations`."""
    try:
        flow = follow(net)
    except ValueError as error:
        raise StatisticsError(str(error)) from error
    if not flow.rectified:
        raise StatisticsError("No convolution of this network is followed by a ReLU: there is nothing to measure.")
    result, tensor = None, next(net.parameters())
    for numbers, batch in batches(images, batch_size, channels=None):
        reader = _Reader(flow)
        try:
            with torch.no_grad():
                reader.run(batch.to(tensor))
        except RuntimeError as error:
            raise StatisticsError(f"Picture {numbers[0].item()} cannot be used: {str(error).splitlines()[0]}") from error
        part = MeanActivations(reader.sums, reader.positions, len(numbers))
        for name, sums in part.sums.items():
            if not sums.isfinite().all():
                raise StatisticsError(f"Pictures {numbers.tolist()} give activations in {name} that are not finite: "
                                      "look for NaN in them or in the weights.")
        result = part if result is None else result + part
        yield result.pictures, result


class _Reader(fx.Interpreter):
    """Runs a network and sums up what comes out of the rectifications."""

    def __init__(self, flow):
        super().__init__(flow.graph)
        self.rectified, self.sums, self.positions = flow.rectified, {}, {}

    def run_node(self, node):
        maps = super().run_node(node)
        if name := self.rectified.get(node):
            count, n = len(maps), maps[0, 0].numel()
            maps = maps.cpu() if maps.device.type == "mps" else maps            # which has no float64
            each = maps.sum((2, 3), dtype=torch.float64).cpu()                  # (N, C)
            self.sums[name] = torch.stack([each.sum(0), each.square().sum(0), n * each.sum(0), each.ne(0).sum(0).double()])
            self.positions[name] = count * n, count * n * n
        return maps
