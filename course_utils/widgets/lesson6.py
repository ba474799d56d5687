"""Lesson 6: watch a photo being painted, with progress and Stop."""

import functools
import os
from pathlib import Path

import ipywidgets as w

from course_utils.cost import SMALLEST
from course_utils.images import ImageError, img_tag, load_image, paintings, photos
from course_utils.plots import loss_curves
from course_utils.settings import COLOURS, STARTS, Settings
from course_utils.studio import Networks, Recipe, Speed
from course_utils.transfer import descend
from course_utils.widgets.core import Compared, menu, number, titled
from course_utils.widgets.runs import History, Outlook, Running, report

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


class LiveView(Running):
    """Controls, progress and picture; `job` is the `Job` that paints, and `thinking` computes forecasts."""

    def __init__(self, content, style, size, evaluations, net=None):
        self.networks, self.history, self._thumbnails = Networks(net), [], {}
        self._controls(content, style, size, evaluations)
        controls = {
            "size": self.size,
            "evaluations": self.evaluations,
            "style_weight": self.weight,
            "variation_weight": self.variation,
            "start": self.from_where,
            "colours": self.colours,
            "pooling": self.pooling,
        }
        self.shown, self.last, self.curve = Compared(), History(), w.HTML()
        self.picture = self.shown.picture
        self.forecast = Outlook(Speed(self.networks), lambda error: self.messages.report(error))
        self.thinking = self.forecast.job
        rows = [
            [self.content, self.style],
            [self.own_content, self.own_style],
            w.HTML(UPLOADS),
            self.chosen,
            [self.size, self.evaluations],
            [self.weight, self.variation],
            [self.from_where, self.colours],
            [self.pooling],
            self.forecast,
        ]
        below = [self.shown.compare, self.shown, self.last, self.curve]
        super().__init__(controls, rows, below, "paint a photo live in the style of a painting, with a Stop button.")
        for kind, (bundled, own) in self.sources.items():
            bundled.observe(self.messages.guard(functools.partial(self._chosen, kind)), "value")
            own.observe(self.messages.guard(functools.partial(self._uploaded, kind)), "value")
            self._preview(kind)
        for control in (self.size, self.evaluations, self.pooling):
            control.observe(self.messages.guard(self._look_ahead), "value")
        self._look_ahead()

    def _controls(self, content, style, size, evaluations):
        self.content, self.style = _menu("photo", photos(), content), _menu("painting", paintings(), style)
        self.own_content = w.FileUpload(accept="image/*", description="own photo")
        self.own_style = w.FileUpload(accept="image/*", description="own painting")
        self.sources = {"photo": (self.content, self.own_content), "painting": (self.style, self.own_style)}
        self.size = number("size, pixels", size, 64, 2048, step=32)
        self.evaluations = number("evaluations", evaluations, 1, 2000, step=10)
        self.weight = w.Dropdown(options=STYLE_WEIGHT_CHOICES, value=1.0, description="style weight")
        self.variation = w.Dropdown(options=VARIATION_WEIGHT_CHOICES, description="variation")
        self.from_where = w.Dropdown(options=STARTS, description="start")
        self.colours = w.Dropdown(options=[(f"the {whose}'s", whose) for whose in COLOURS], description="colours")
        self.pooling = w.Dropdown(options=["max", "average"], description="pooling")
        self.chosen = w.HTML()

    def _source(self, kind):
        """(source, name): the chosen upload, bundled picture or path, as `load_image` takes it, and what to call it."""
        bundled, own = self.sources[kind]
        return (own.value[0]["content"], "an uploaded picture") if own.value else (bundled.value, bundled.label)

    def _chosen(self, kind, _):
        """Forget an upload, because the last choice counts."""
        self.sources[kind][1].value = ()
        self._preview(kind)
        self._look_ahead()

    def _uploaded(self, kind, _):
        """Show an uploaded picture; a file that is no picture is forgotten, so that the choice before it stays."""
        try:
            self._preview(kind)
        except ImageError:
            self.sources[kind][1].value = ()
            raise
        self._look_ahead()

    def _preview(self, kind):
        """Show the chosen picture; raises ImageError for a file that is no picture."""
        source, name = self._source(kind)
        self._thumbnails[kind] = img_tag(load_image(source, PREVIEW), f"The chosen {kind}: {name}.")
        self.chosen.value = " ".join(self._thumbnails.values())

    def _look_ahead(self, _=None):
        """Begin a new forecast; while a picture is being painted, the next end of a run does."""
        if not self.job.running:
            asked = {name: self.controls[name].value for name in ("size", "evaluations", "pooling")}
            self.forecast.ask(Recipe(**asked), self._source("photo")[0])

    def names(self):
        return {kind: self._source(kind)[1] for kind in self.sources} | super().names()

    def begin(self):
        content, style = (self._source(kind)[0] for kind in self.sources)
        values = {name: control.value for name, control in self.controls.items()}
        size, evaluations, pooling = (values.pop(name) for name in ("size", "evaluations", "pooling"))
        self.thinking.stop()
        net = self.networks("original", pooling)
        states = painting(content, style, Settings(**values), size=size, evaluations=evaluations, net=net)
        self.history, self.curve.value = [], ""
        return self._recorded(states), evaluations

    def _recorded(self, states):
        for state in states:
            self.history.append((state.evaluations, state.losses))
            self._image = state.image
            yield state

    def look(self, state):
        self.progress.value = state.evaluations
        self.text.value = report(state, self.progress.max)
        says = f"The generated picture after {state.evaluations} evaluations."
        self.shown.add(self.drawing(img_tag(state.image, says, width=512)))

    def done(self):
        self.last.add(self._image, self.drawing("").names)
        self.curve.value = img_tag(
            loss_curves({"this picture": self.history}),
            "The parts of the loss and their total against the evaluations; the total never rises.",
        )
        self._look_ahead()
