"""Lesson 4: a photo comes back from the activations of one layer, with Stop."""

import ipywidgets as w

from course_utils.images import img_tag, load_square, photos
from course_utils.plots import gallery
from course_utils.reconstruct import STARTS, reconstruct
from course_utils.vgg import vgg19
from course_utils.widgets.core import Compared, menu, number, titled
from course_utils.widgets.runs import Running

SIZES = (64, 96, 112, 160, 224)


def states(net, source, layer, size=112, start="noise", evaluations=60):
    """Iterator of (photo, picture, description): the reconstruction of a photo from one layer, as it forms.

    Args:
        net: a frozen network from `vgg19()`.
        source: name or path of a photo.
        layer: name of a layer.
        size: side of the square in pixels.
        start: one of `reconstruct.STARTS`.
        evaluations: how often cost and gradient are computed.
    """
    photo = load_square(source, size)
    for point in reconstruct(net, photo, layer, start, evaluations):
        yield (
            photo,
            point.image.cpu(),
            (
                f"Evaluation {point.evaluations} of {evaluations}, {layer}, from {start}: "
                f"{point.record:.2%} of the cost is left."
            ),
        )


def reconstruction(source="animal_cat", layer="relu4_2", size=112, evaluations=60, net=None):
    """The widget: choose a photo, a layer, a size and a start, press Reconstruct, and stop at any time."""
    net = net or vgg19()
    if layer not in net.rectified or size not in SIZES:
        raise ValueError(
            f"Layers are {net.rectified[0]} to {net.rectified[-1]}, sizes {', '.join(map(str, SIZES))}; "
            f"not {layer!r} and {size!r}."
        )
    return Reconstruction(source, layer, size, evaluations, net)


class Reconstruction(Running):
    """Controls, progress and picture; `job` reconstructs."""

    def __init__(self, source, layer, size, evaluations, net):
        self.net, self.shown = net, Compared(compare=True)
        self.picture = self.shown.picture
        self.photo = menu("photo", titled(photos()), source)
        self.layer = w.Dropdown(options=net.rectified, value=layer, description="layer")
        self.size = w.Dropdown(options=SIZES, value=size, description="size, pixels")
        self.from_where = w.Dropdown(options=STARTS, description="start")
        self.evaluations = number("evaluations", evaluations, 1, 1000, step=10)
        super().__init__(
            {
                "source": self.photo,
                "layer": self.layer,
                "size": self.size,
                "start": self.from_where,
                "evaluations": self.evaluations,
            },
            [[self.photo, self.layer], [self.size, self.from_where, self.evaluations]],
            [self.shown.compare, self.shown],
            "a photo comes back from the activations of one layer, with a Stop button.",
            start="Reconstruct",
        )

    def begin(self):
        settings = {name: control.value for name, control in self.controls.items()}
        return enumerate(states(self.net, **settings), start=1), self.evaluations.value

    def look(self, step):
        self.progress.value, (photo, picture, self.text.value) = step
        both = gallery({"photo": photo, f"{self.progress.value} evaluations": picture}, height=3.2)
        self.shown.add(self.drawing(img_tag(both, f"The photo and its reconstruction. {self.text.value}")))
