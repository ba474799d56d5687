"""Long reconstructions, which go on after the picture looks finished, for the figures of lesson 4 that take minutes.

The measures of these pictures stand here, too. `python3 -m course_utils.long_runs` computes the file
data/examples/reconstructions.json anew, and `tests/benchmarks/pictures.py` the pictures.
"""

import json
from typing import NamedTuple

import torch
import torch.nn.functional as nnf

from course_utils.images import load_image, load_square
from course_utils.inputs import check_tensor
from course_utils.paths import DATA
from course_utils.reconstruct import reconstruct
from course_utils.vgg import vgg19

FILE = DATA / "examples" / "reconstructions.json"
LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
SIZE = 96
STYLED = FILE.with_name("content_layers.webp")
STYLED_LAYERS = ("relu2_2", "relu4_2", "relu5_2")
MOMENTS = (10, 20, 40, 80, 120, 240)  # evaluations
PHOTOS = ("animal_cat", "animal_koala", "monument_neuschwanstein_castle")
RUNS = (  # photo, layer, start, whether broad changes are preferred, evaluations
    *[("animal_cat", layer, "noise", broad, 240) for broad in (True, False) for layer in reversed(LAYERS)],
    *[
        (photo, layer, "noise", broad, 120)
        for photo in PHOTOS[1:]
        for broad in (True, False)
        for layer in LAYERS[:2:-1]
    ],
    *[("animal_cat", layer, "grey", broad, 120) for broad in (True, False) for layer in LAYERS[:2:-1]],
)


class Measured(NamedTuple):
    """The measures of one picture of a run.

    Attributes:
        left: the content cost, as a share of the content cost of a silent layer.
        colour_error, grain: results of the functions with these names.
    """

    left: float
    colour_error: float
    grain: float


def stored() -> dict[tuple[str, str, str, bool], dict[int, Measured]]:
    """The runs in `FILE`: {(photo, layer, start, whether broad changes are preferred): {evaluations: `Measured`}}."""
    found = {}
    for run in json.loads(FILE.read_text(encoding="utf-8"))["runs"]:
        key = run["photo"], run["layer"], run["start"], run["broad first"]
        found[key] = {evaluations: Measured(*values) for evaluations, *values in run["rows"]}
    return found


def stored_paintings() -> dict[str, torch.Tensor]:
    """{layer: (1, 3, H, W) in [0, 1]}: the cat in the style of a painting, with the content of this layer alone."""
    return dict(zip(STYLED_LAYERS, load_image(STYLED, None).split(SIZE, 3)))


def colour_error(picture: torch.Tensor, photo: torch.Tensor) -> float:
    """How far the colours of a picture are from a photo's, as a share of the distance of noise from the photo.

    The distance compares the means of each channel over squares of 16 × 16 pixels. Both pictures are (1, 3, H, W) in
    [0, 1], of one size.
    """
    _check(picture, photo, smallest=16)
    noise = torch.rand(photo.shape, generator=torch.Generator().manual_seed(1)).to(photo)
    ours, theirs, far = (nnf.avg_pool2d(image, 16) for image in (picture, photo, noise))
    return (_distance(ours, theirs) / _distance(far, theirs)).item()


def grain(picture: torch.Tensor, photo: torch.Tensor) -> float:
    """How grainy a picture is, as a multiple of a photo's grain.

    The grain is the root mean square of the difference between a picture and its smoothed version, in which each pixel
    becomes the mean of the 3 × 3 pixels around it (at the edge, of those inside the picture). Both pictures are
    (1, 3, H, W) in [0, 1], of one size.
    """
    _check(picture, photo, smallest=3)
    return (_fine(picture) / _fine(photo)).item()


def edges_alike(picture: torch.Tensor, photo: torch.Tensor) -> float:
    """The correlation of the edges of two pictures, from −1 to 1, or NaN if one of them has no edges.

    The edges are differences of neighbours in brightness, averaged over 5 × 5 pixels. Both pictures are (1, 3, H, W) in
    [0, 1], of one size.
    """
    _check(picture, photo, smallest=3)
    return torch.corrcoef(torch.stack([_edges(picture), _edges(photo)]))[0, 1].item()


def _edges(picture, zeros=False):
    """Differences of neighbours. Pixels outside do not count, because their zeros would give all pictures one frame."""
    smooth = nnf.avg_pool2d(picture.mean(1, keepdim=True), 5, 1, 2, count_include_pad=zeros)
    return torch.cat([smooth.diff(dim=2).flatten(), smooth.diff(dim=3).flatten()])


def _check(picture, photo, smallest):
    for what, image in (("The picture", picture), ("The photo", photo)):
        check_tensor(what, image, "1, 3, H, W", smallest=smallest, values="picture")
    if picture.shape != photo.shape:
        raise ValueError(f"The pictures must have one size, not {tuple(picture.shape)} and {tuple(photo.shape)}.")


def _distance(one, other):
    return (one - other).square().mean().sqrt()


def _fine(picture):
    return _distance(picture, nnf.avg_pool2d(picture, 3, 1, 1, count_include_pad=False))


def _run(net, source, layer, start, broad, evaluations, size=SIZE):
    """One entry of the file, and {evaluations: picture}."""
    photo = load_square(source, size)
    rows, pictures = [], {}
    for point in reconstruct(net, photo, layer, start, evaluations, broad_first=broad):
        if point.evaluations in MOMENTS:
            measured = round(colour_error(point.image, photo), 3), round(grain(point.image, photo), 2)
            rows.append([point.evaluations, round(point.record, 5), *measured])
            pictures[point.evaluations] = point.image
    return {"photo": source, "layer": layer, "start": start, "broad first": broad, "rows": rows}, pictures


def _write(entries):
    about = {
        "about": "python3 -m course_utils.long_runs",
        "size": SIZE,
        "columns": ["evaluations", "share of the cost left", "colour error, of noise's", "grain, of the photo's"],
    }
    runs = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    head = json.dumps(about, indent=1, ensure_ascii=False)[:-2]
    FILE.write_text(f'{head},\n "runs": [\n  {runs}\n ]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    network = vgg19()
    _write([_run(network, *run)[0] for run in RUNS])
