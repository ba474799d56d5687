"""Lesson 6: watch a photo being painted, with progress and Stop."""

import functools
import os
from pathlib import Path

import ipywidgets as w

from course_utils.cost import SMALLEST
from course_utils.images import ImageError, img_tag, load_image, paintings, photos
from course_utils.plots import loss_curves
from course_utils.settings import COLOURS, STARTS, Settings
from course_utils.transfer import descend
from course_utils.vgg import VGG, vgg19
from course_utils.widgets.core import Job, Messages, View, menu, number, titled

STYLE_WEIGHT_CHOICES = (0.001, 0.01, 0.1, 1.0, 10.0)
VARIATION_WEIGHT_CHOICES = (("none", 0.0), ("1,000", 1e3), ("10,000", 1e4), ("100,000", 1e5))
PREVIEW = 160  # pixels on the longer side of a chosen picture
# The limits are LARGEST in server.py and Tornado's own. A larger file is lost between page and kernel without an error.
UPLOADS = (
    "A picture of your own may have up to 250 MB if <code>python3 -m course_utils lab</code> opened JupyterLab, and up"
    " to 10 MB otherwise. If nothing happens, the file was too large: drag it into the list of files on the left, and"
    ' run this cell again with its path, as in <code>live_view("photo.jpg", net=net)</code>.'
)


def painting(content, style, settings=None, *, size=256, evaluations=60, net=None):
    """The states that the widget shows; they depend on its settings alone.

    Args:
        content, style: whatever `load_image` takes.
        size: longer side of both pictures, in pixels.
        settings, evaluations, net: as in `course_utils.transfer.descend`.
    Returns:
        Iterator of `State`.
    """
    content, style = (load_image(source, size, smallest=SMALLEST) for source in (content, style))
    return descend(content, style, settings, evaluations=evaluations, net=net)


def report(state, evaluations):
    """One line of text about a state."""
    parts = ", ".join(f"{name} {loss:.3g}" for name, loss in state.losses.items() if name != "total")
    return (
        f"evaluation {state.evaluations} of {evaluations}, {state.seconds:.0f} s: loss {state.losses['total']:.3g}"
        f" ({parts})"
    )


def live_view(
    content="monument_neuschwanstein_castle", style="van_gogh_cafe_terrace_at_night", size=256, evaluations=60, net=None
):
    """The widget: choose a photo and a painting, or upload your own, press Paint, and stop at any time.

    `content` and `style` are names of bundled pictures or paths of your own. Raises ImageError for a picture that
    cannot be read.
    """
    return LiveView(content, style, size, evaluations, net)


def _menu(kind, names, source):
    """A Dropdown of bundled pictures; the path of another picture stands at its top."""
    options = titled(names)
    if isinstance(source, (str, os.PathLike)) and source not in names:
        source = os.fspath(source)
        load_image(source, PREVIEW)  # raises ImageError
        options.insert(0, (Path(source).name, source))
    return menu(kind, options, source)


class LiveView(View):
    """Controls, progress and picture; `job` is the `Job` that paints."""

    def __init__(self, content, style, size, evaluations, net=None):
        self.net, self.history = net, []
        self._controls(content, style, size, evaluations)
        self._thumbnails = {}
        for kind, (bundled, own) in self.sources.items():
            bundled.observe(self.messages.guard(functools.partial(self._chosen, kind)), "value")
            own.observe(self.messages.guard(functools.partial(self._uploaded, kind)), "value")
            self._preview(kind)
        self.job = Job(self._steps, self._show, self._finish)
        self.start.on_click(self.messages.guard(self._paint))
        self.stop.on_click(lambda _: self.job.stop())
        super().__init__(
            [
                w.HBox([self.content, self.style]),
                w.HBox([self.own_content, self.own_style]),
                w.HTML(UPLOADS),
                self.chosen,
                w.HBox([self.size, self.evaluations]),
                w.HBox([self.weight, self.variation]),
                w.HBox([self.begin, self.colours]),
                self.pooling,
                w.HBox([self.start, self.stop, self.progress]),
                self.text,
                self.picture,
                self.curve,
                self.messages,
            ],
            "paint a photo live in the style of a painting, with a Stop button.",
        )

    def _controls(self, content, style, size, evaluations):
        self.content, self.style = _menu("photo", photos(), content), _menu("painting", paintings(), style)
        self.own_content = w.FileUpload(accept="image/*", description="own photo")
        self.own_style = w.FileUpload(accept="image/*", description="own painting")
        self.sources = {"photo": (self.content, self.own_content), "painting": (self.style, self.own_style)}
        self.size = number("size, pixels", size, 64, 2048, step=32)
        self.evaluations = number("evaluations", evaluations, 1, 2000, step=10)
        self.weight = w.Dropdown(options=STYLE_WEIGHT_CHOICES, value=1.0, description="style weight")
        self.variation = w.Dropdown(options=VARIATION_WEIGHT_CHOICES, description="variation")
        self.begin = w.Dropdown(options=STARTS, description="start")
        self.colours = w.Dropdown(options=[(f"the {whose}'s", whose) for whose in COLOURS], description="colours")
        self.pooling = w.Dropdown(options=["max", "average"], description="pooling")
        self.start = w.Button(description="Paint", icon="play", button_style="primary", tooltip="Start painting")
        self.stop = w.Button(description="Stop", icon="stop", disabled=True, tooltip="Stop and keep the picture")
        self.progress = w.IntProgress(description="progress")
        self.chosen, self.picture, self.curve = w.HTML(), w.HTML(), w.HTML()
        self.text, self.messages = w.Label("Press Paint."), Messages()

    def _source(self, kind):
        """(source, name): the chosen upload, bundled picture or path, as `load_image` takes it, and what to call it."""
        bundled, own = self.sources[kind]
        return (own.value[0]["content"], "an uploaded picture") if own.value else (bundled.value, bundled.label)

    def _chosen(self, kind, _):
        """Forget an upload, because the last choice counts."""
        self.sources[kind][1].value = ()
        self._preview(kind)

    def _uploaded(self, kind, _):
        """Show an uploaded picture; a file that is no picture is forgotten, so that the choice before it stays."""
        try:
            self._preview(kind)
        except ImageError:
            self.sources[kind][1].value = ()
            raise

    def _preview(self, kind):
        """Show the chosen picture; raises ImageError for a file that is no picture."""
        source, name = self._source(kind)
        self._thumbnails[kind] = img_tag(load_image(source, PREVIEW), f"The chosen {kind}: {name}.")
        self.chosen.value = " ".join(self._thumbnails.values())

    def _paint(self, _=None):
        """Read the settings in the kernel's thread and start; a bad picture is reported at once."""
        if self.job.running:
            return
        content, style = (self._source(kind)[0] for kind in self.sources)
        settings = Settings(
            style_weight=self.weight.value,
            variation_weight=self.variation.value,
            start=self.begin.value,
            colours=self.colours.value,
        )
        self._states = painting(
            content, style, settings, size=self.size.value, evaluations=self.evaluations.value, net=self._network()
        )
        self.history = []
        self.progress.max, self.progress.value, self.curve.value = self.evaluations.value, 0, ""
        self.text.value = "preparing …"
        self.start.disabled, self.stop.disabled = True, False
        self.job.start()

    def _network(self):
        """The network with the chosen pooling: the one from before, or another one with the same weights."""
        if self.net is None:
            self.net = vgg19()
        if self.net.pooling != self.pooling.value:
            state, self.net = self.net.state_dict(), VGG(self.net.blocks, self.pooling.value, self.net.rounding)
            self.net.load_state_dict(state, assign=True)
            self.net.requires_grad_(False).eval()
        return self.net

    def _steps(self):
        for state in self._states:
            self.history.append((state.evaluations, state.losses))
            yield state

    def _show(self, state):
        self.progress.value = state.evaluations
        self.text.value = report(state, self.progress.max)
        self.picture.value = img_tag(
            state.image, f"The generated picture after {state.evaluations} evaluations.", width=512
        )

    def _finish(self, state, error):
        self.start.disabled, self.stop.disabled = False, True
        if error is not None:
            self.messages.report(error)
        if self.history:
            self.text.value = f"{state}: {self.text.value}"
            self.curve.value = img_tag(
                loss_curves({"this picture": self.history}),
                "The parts of the loss and their total against the evaluations; the total never rises.",
            )
        else:
            self.text.value = state
