"""Lesson 4: a photo comes back from the activations of one layer, with Stop."""

import ipywidgets as w

from course_utils.images import img_tag, load_square, photos
from course_utils.plots import gallery
from course_utils.reconstruct import STARTS, reconstruct
from course_utils.vgg import vgg19
from course_utils.widgets.core import Job, Messages, View, menu, number, titled

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


class Reconstruction(View):
    """Controls, progress and picture; `job` reconstructs."""

    def __init__(self, source, layer, size, evaluations, net):
        self.net, self.messages, self.before, self.last = net, Messages(), {}, {}  # {caption: reconstruction}
        self.photo = menu("photo", titled(photos()), source)
        self.layer = w.Dropdown(options=net.rectified, value=layer, description="layer")
        self.size = w.Dropdown(options=SIZES, value=size, description="size, pixels")
        self.begin = w.Dropdown(options=STARTS, description="start")
        self.evaluations = number("evaluations", evaluations, 1, 1000, step=10)
        self.start = w.Button(
            description="Reconstruct", icon="play", button_style="primary", tooltip="Begin from the start"
        )
        self.stop = w.Button(description="Stop", icon="stop", disabled=True, tooltip="Stop and keep the picture")
        self.progress, self.text, self.picture = (
            w.IntProgress(description="progress"),
            w.Label("Press Reconstruct."),
            w.HTML(),
        )
        self.later = w.Label()
        self.job = Job(self._steps, self._show, self._finish)
        self.start.on_click(self.messages.guard(self._reconstruct))
        self.stop.on_click(lambda _: self.job.stop())
        for control in (self.photo, self.layer, self.size, self.begin, self.evaluations):
            control.observe(self._changed, names="value")
        super().__init__(
            [
                w.HBox([self.photo, self.layer]),
                w.HBox([self.size, self.begin, self.evaluations]),
                w.HBox([self.start, self.stop, self.progress]),
                self.text,
                self.later,
                self.picture,
                self.messages,
            ],
            "a photo comes back from the activations of one layer, with a Stop button.",
        )

    def _changed(self, change):
        if self.job.running:
            self.later.value = (
                f"{change.owner.description}: the new setting counts from the next start. This run goes on as it began;"
                " press Stop, then Reconstruct."
            )

    def _reconstruct(self, _=None):
        if self.job.running:
            return
        self.later.value = ""
        self._states = states(
            self.net, self.photo.value, self.layer.value, self.size.value, self.begin.value, self.evaluations.value
        )
        self.before, self.last = self.last or self.before, {}
        self._settings = f"{self.layer.value}, {self.size.value} pixels, from {self.begin.value}"
        self.progress.max, self.progress.value, self.text.value = self.evaluations.value, 0, "preparing …"
        self.start.disabled, self.stop.disabled = True, False
        self.job.start()

    def _steps(self):
        for done, state in enumerate(self._states, start=1):
            yield done, *state

    def _show(self, item):
        self.progress.value, photo, picture, self.text.value = item
        self.last = {f"{self._settings}, {self.progress.value} evaluations": picture}
        before = {f"before: {caption}": image for caption, image in self.before.items()}
        now = {f"now: {caption}": image for caption, image in self.last.items()}
        beside = f" Between them the picture of the run before: {', '.join(self.before)}." if before else ""
        self.picture.value = img_tag(
            gallery({"photo": photo} | before | now, height=3.2),
            f"The photo and its reconstruction. {self.text.value}{beside}",
        )

    def _finish(self, state, error):
        self.start.disabled, self.stop.disabled, self.later.value = False, True, ""
        self.text.value = f"{state}: {self.text.value}" if self.progress.value else state
        if error is not None:
            self.messages.report(error)
