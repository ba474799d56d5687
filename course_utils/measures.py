"""How much of a painting's style is in a picture, by a measure that was calibrated on the judgements of people.

E = 0.7468 E1 + 0.2557 E2 + 2.3768 E3, and a larger E is better (Yeh, Tang, Bhattad, Zou & Forsyth, 'Improving style
transfer with calibrated metrics', WACV 2020; code: stringtron/quantative_style). E_l is −log KL of two Gaussians. They
have the mean and the covariance of the activations of relu1_1, relu2_1 and relu3_1, along the first 32, 48 and 128
principal axes of photos. The authors compute the axes from 200 photos of BSDS500 at 512 pixels. Here they come from
`REFERENCES` photos of the course at `SIZE` pixels; `python3 -m course_utils.measures` writes them into data/examples/.

A number without a control says little. So measure the unchanged photo and the painting itself beside each picture. Do
not compare pictures of different sizes: Neuschwanstein Castle has −20.8 at 64 pixels and −13.2 at 384, measured against
the café terrace. The size of the photos that give the axes matters little: between 96 and 384 pixels E changes by 0.35
at most, where photo and painting lie 7 to 15 apart (four pairs).
"""

import functools
import io
import math
import random
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from course_utils.files import replace_file
from course_utils.images import load_image, photos, resize
from course_utils.inputs import check_tensor, one_line, reason
from course_utils.losses import CONTENT_LAYER, content_loss
from course_utils.paths import DATA
from course_utils.vgg import VGG, check_network, vgg19

AXES = {"relu1_1": 32, "relu2_1": 48, "relu3_1": 128}  # how many principal axes of each layer
CALIBRATED = {"relu1_1": 0.7468, "relu2_1": 0.2557, "relu3_1": 2.3768}
FILE = DATA / "examples" / "style_axes.npz"
REFERENCES, SIZE, SEED = 25, 192, 7
SMALLEST = 48  # pixels on the shorter side: relu3_1 then has more positions than axes


class MeasureError(ValueError):
    """A picture that cannot be measured; the message is one sentence that says what to do."""


def gaussian(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (C,) and covariance (C, C) of activations (1, C, H, W) over their positions, in float64."""
    rows = features[0].flatten(1).double()
    mean = rows.mean(1)
    return mean, (rows - mean[:, None]) @ (rows - mean[:, None]).T / rows.shape[1]


def kl(mean, covariance, target_mean, target_covariance) -> float:
    """KL(N(mean, covariance) ‖ N(target_mean, target_covariance)) of two Gaussians in D dimensions.

    The means are (D,) and the covariances (D, D), in float64.
    """
    inverse, apart = torch.linalg.inv(target_covariance), target_mean - mean
    logarithms = torch.logdet(target_covariance) - torch.logdet(covariance)
    return (torch.trace(inverse @ covariance) + apart @ inverse @ apart - len(mean) + logarithms).item() / 2


def principal_axes(net: VGG, pictures: Iterable[torch.Tensor]) -> dict[str, torch.Tensor]:
    """{layer: (C, count)} in float64: the axes along which the activations of pictures (1, 3, H, W) vary most."""
    sums = dict.fromkeys(AXES, 0.0)
    with torch.no_grad():
        for picture in pictures:
            for layer, features in net.features(picture, AXES).items():
                sums[layer] = sums[layer] + gaussian(features)[1]
    # eigh gives the axes of the smallest eigenvalues first
    return {layer: torch.linalg.eigh(sums[layer])[1].flip(1)[:, : AXES[layer]] for layer in AXES}


def references(apart: Iterable[str] = ()) -> list[str]:
    """Names of `REFERENCES` bundled photos, from which the axes are computed; those in `apart` are left out."""
    return random.Random(SEED).sample([name for name in photos() if name not in set(apart)], REFERENCES)


@functools.cache
def stored_axes() -> dict[str, torch.Tensor]:
    """The axes in `FILE`, {layer: (C, count)}. Raises MeasureError when the file is missing or damaged."""
    try:
        with np.load(FILE, allow_pickle=False) as found:
            axes = {layer: torch.from_numpy(found[layer]).double() for layer in AXES}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise MeasureError(
            f"'{one_line(FILE)}' cannot be read ({reason(error)}): write it with `python3 -m course_utils.measures`."
        ) from error
    for layer, count in AXES.items():
        if axes[layer].ndim != 2 or axes[layer].shape[1] != count or not axes[layer].isfinite().all():
            raise MeasureError(f"'{one_line(FILE)}' is damaged: write it with `python3 -m course_utils.measures`.")
    return axes


class Style:
    """E of pictures for one painting: picture (1, 3, H, W) in [0, 1] -> a number.

    Args:
        net: the original network with max pooling, `vgg19()`. The measure belongs to this network, whichever network
            has painted the picture.
        painting: (1, 3, H, W) in [0, 1].
        axes: as `principal_axes` gives them; None: the stored ones.
    Raises:
        MeasureError: another pooling, a damaged file, or a picture with a side shorter than `SMALLEST` pixels.
    """

    def __init__(self, net: VGG, painting: torch.Tensor, axes: Mapping[str, torch.Tensor] | None = None):
        check_network(net)
        if net.pooling != "max":
            raise MeasureError("E is measured with max pooling: take the network that vgg19() gives.")
        self.net, self.axes = net, stored_axes() if axes is None else axes
        self.target = self._seen("The painting", painting)
        if not all(torch.logdet(covariance).isfinite() for _, covariance in self.target.values()):
            raise MeasureError("The painting does not vary along some axis: take one with more than one colour.")

    @torch.no_grad()
    def _seen(self, what, image):
        """{layer: (mean, covariance)} along the axes."""
        check_tensor(what, image, "1, 3, H, W", smallest=SMALLEST, values="picture", error=MeasureError)
        seen = {}
        for layer, features in self.net.features(image.to(self.net.mean), AXES).items():
            mean, covariance = (part.cpu() for part in gaussian(features))
            axes = self.axes[layer]
            seen[layer] = axes.T @ mean, axes.T @ covariance @ axes
        return seen

    def __call__(self, image: torch.Tensor) -> float:
        """E of a picture: −inf where it does not vary at all along an axis, inf for the painting itself."""
        seen, total = self._seen("The picture", image), 0.0
        for layer, weight in CALIBRATED.items():
            apart = kl(*seen[layer], *self.target[layer])
            apart = math.inf if math.isnan(apart) else apart  # the picture's covariance is singular
            total -= weight * (math.log(apart) if apart > 0 else -math.inf)
        return total


class Judge:
    """E and content cost of pictures that are painted from one photo and one painting, with both controls.

    Args:
        net, axes: as `Style` takes them.
        photo, painting: (1, 3, H, W) in [0, 1].
    Attributes:
        controls: {'the photo': {'E', 'content'}, 'the painting': …}. The painting is stretched to the photo's shape;
            without that its E would be infinite.
    """

    def __init__(self, net, photo, painting, axes=None):
        self.style, self.net = Style(net, painting, axes), net
        self._content = self._features(photo)
        stretched = resize(painting, tuple(photo.shape[2:]))
        self._unit = content_loss(self._features(stretched), self._content, "mean").item()
        self.controls = {"the photo": self(photo), "the painting": self(stretched)}

    @torch.no_grad()
    def _features(self, image):
        return self.net.features(image.to(self.net.mean), [CONTENT_LAYER])[CONTENT_LAYER]

    def __call__(self, image: torch.Tensor) -> dict[str, float]:
        """{'E': …, 'content': the content cost at relu4_2, 0 for the photo itself and 1 for the painting}."""
        cost = content_loss(self._features(image), self._content, "mean").item()
        return {"E": self.style(image), "content": cost / self._unit if self._unit else 0.0}


def write() -> None:
    """Measure the axes and write `FILE`."""
    axes = principal_axes(vgg19(), (load_image(name, SIZE) for name in references()))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{layer: found.float().numpy() for layer, found in axes.items()})
    replace_file(FILE, buffer.getvalue())


if __name__ == "__main__":
    write()
