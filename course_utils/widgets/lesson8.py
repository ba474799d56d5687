"""Lesson 8: the studio, in which readers set up pictures, try settings out, paint, save and compare."""

import functools
import html
import threading
from dataclasses import replace

import ipywidgets as w
import torch

from course_utils import measures
from course_utils.images import img_tag, load_image, paintings, photos, resize, to_8bit
from course_utils.losses import STYLE_LAYERS
from course_utils.plots import loss_curves
from course_utils.regions import with_seam
from course_utils.settings import COLOURS, STARTS
from course_utils.studio import (
    CONTENT_LAYERS,
    EVALUATIONS,
    FOLDER,
    MASKS,
    NETWORKS,
    POOLINGS,
    PRESETS,
    SIZES,
    Album,
    Networks,
    Recipe,
    Speed,
    StudioError,
    called,
    contact_sheet,
    mask_of,
    preset,
    read_png,
    set_up,
    variants,
)
from course_utils.transfer import minimise
from course_utils.widgets.core import Folded, Gathered, Job, Messages, View, titled
from course_utils.widgets.runs import Outlook, report

THUMBNAIL, PAGE, SHOWN = 88, 8, 384  # pixels; pictures on a page of a gallery; pixels of the live picture's width
VARIED = {  # {setting of a contact sheet: values to begin with}
    "strength": "5, 20, 60",
    "stroke": "0.5, 1, 2",
    "content_layer": "relu2_2, relu4_2",
    "variation_weight": "0, 1000, 10000",
    "start": "colour, content, noise",
    "pooling": "max, average",
    "network": "original, normalised",
    "colours": "painting, photo",
}
REGION = ("mask", "inside", "threshold", "hue", "hue_width", "angle", "offset", "soft", "swapped")  # names of controls
NOTHING = "nothing"
LABEL, WIDTH = {"description_width": "11em"}, "360px"
MEASURED = (
    "E says how much of the painting's style is there (Yeh et al. 2020; more is better); content is the cost at "
    "relu4_2, 0 for the photo and 1 for the painting, stretched to the photo's shape."
)


def studio(folder=FOLDER, net=None):
    """The widget: set up a picture, try settings out on a contact sheet, paint, save and compare.

    Args:
        folder: where saved pictures are kept.
        net: VGG-19, if it is already loaded.
    """
    return Studio(Album(folder), Networks(net))


def wiped(left, right, share):
    """(picture, description): the left part of one picture beside the right part of another.

    Args:
        left, right: pictures (1, 3, H, W) in [0, 1]; the second is resized to the size of the first.
        share: the place of the border, from 0 (only the right picture) to 1 (only the left one).
    Raises:
        StudioError: the share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise StudioError(f"The border lies between 0 and 1, not at {share}.")
    height, width = left.shape[2:]
    border = round(share * width)
    picture = torch.cat([left[..., :border], resize(right, (height, width))[..., border:]], 3)
    if 0 < border < width:
        picture[..., border - 1 : border] = 1.0
    return picture, f"The left {share:.0%} of the first picture, and the rest of the second."


def values_of(name, text):
    """The values of a setting in a text such as '5, 20, 60'. Raises StudioError for a text without such values."""
    default = getattr(Recipe(), name)
    values = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            values.append(part if isinstance(default, str) else type(default)(part))
        except ValueError as error:
            raise StudioError(f"'{part}' is no value of {name}: write values such as {VARIED[name]}.") from error
    if not values:
        raise StudioError(f"There are no values of {name}: write some, such as {VARIED[name]}.")
    return values


class Gallery(w.VBox):
    """Thumbnails of pictures, page by page, with a button below each.

    Args:
        names: of bundled pictures.
        chosen: name -> None, called with the name of the picture whose button is clicked.
        guard: turns a callback into one whose errors are shown.
    """

    def __init__(self, names, chosen, guard):
        self._options, self._chosen, self._page, self._guard = titled(names), chosen, 0, guard
        self.back = w.Button(description="Previous pictures", icon="arrow-left")
        self.on = w.Button(description="Next pictures", icon="arrow-right")
        self.back.on_click(guard(lambda _: self._turn(-1)))
        self.on.on_click(guard(lambda _: self._turn(1)))
        self._grid = w.HBox(layout=w.Layout(flex_flow="row wrap"))
        super().__init__([self._grid, w.HBox([self.back, self.on])])
        self._turn(0)

    def _turn(self, by):
        pages = -(-len(self._options) // PAGE)
        self._page = (self._page + by) % pages
        here = self._options[self._page * PAGE :][:PAGE]
        self._grid.children = [self._tile(label, name) for label, name in here]

    def _tile(self, label, name):
        button = w.Button(description=label, tooltip=f"Take {label}", layout=w.Layout(width="150px"))
        button.on_click(self._guard(lambda _: self._chosen(name)))
        return w.VBox([w.HTML(_thumbnail(name)), button], layout=w.Layout(width="156px", align_items="center"))


@functools.lru_cache(maxsize=512)
def _thumbnail(source, side=THUMBNAIL):
    return img_tag(load_image(source, side), f"{called(source)}, a thumbnail.")


def _seam(recipe):
    """HTML of the photo with the border of its regions; '' if the photo is whole. Raises StudioError."""
    if recipe.mask == "none":
        return ""
    photo = load_image(recipe.photo, SHOWN // 2)
    mask = mask_of(recipe, photo)
    says = f"The photo with the border of its regions; {mask.mean():.0%} of it is the inner one."
    return img_tag(with_seam(photo, mask), says)


class Studio(View):
    """Controls, live picture, contact sheet and album.

    The `Job` called `job` paints, `trial` makes contact sheets, `thinking` computes forecasts, and `measuring` finds E
    of a picture while the buttons can be pressed already.
    """

    def __init__(self, album, networks):
        self.album, self.networks, self.speed = album, networks, Speed(networks)
        self._recipe, self._states, self._last, self._painted = Recipe(), None, None, None
        self.history, self._began, self._uploads = [], (0, 0.0), {}
        self._pausing, self._lock = False, threading.RLock()
        self._measured, self._found = None, (None, None)  # (recipe, easel, state) of E; (state, its numbers)
        self.messages, self._changed = Messages(), Gathered(self._look)
        self.job = Job(self._steps, self._show, self._finish)
        self.trial = Job(self._trials, self._show_sheet, self._sheet_done)
        self.forecast = Outlook(self.speed, self.messages.report)
        self.thinking = self.forecast.job
        self.measuring = Job(self._measure, self._show_numbers, self._numbers_done)
        self._make_controls()
        self._observe()
        self._album_changed()
        super().__init__(
            self._arranged(), "paint, try out, keep and compare pictures with many settings of the course."
        )
        self._changed()

    # --- controls

    def _make_controls(self):
        first = self._recipe
        (painting,) = first.paintings

        def label(description):
            return {"description": description, "style": LABEL, "layout": w.Layout(width=WIDTH)}

        self.preset = w.Dropdown(options=list(PRESETS), **label("preset"))
        self.photo = w.Dropdown(options=titled(photos()), value=first.photo, **label("photo"))
        self.painting = w.Dropdown(options=titled(paintings()), value=painting, **label("painting"))
        self.second = w.Dropdown(options=[(NOTHING, ""), *titled(paintings())], value="", **label("second painting"))
        self.share = w.FloatSlider(
            value=0.5, min=0, max=1, step=0.05, continuous_update=False, **label("share of the second")
        )
        self.photo_file = w.FileUpload(accept="image/*", description="own photo")
        self.painting_file = w.FileUpload(accept="image/*", description="own painting")
        self.path = w.Text(placeholder="path of a photo", continuous_update=False, **label("photo's path"))
        self.size = w.BoundedIntText(value=first.size, min=SIZES[0], max=SIZES[1], step=32, **label("size, pixels"))
        self.evaluations = w.BoundedIntText(
            value=first.evaluations, min=EVALUATIONS[0], max=EVALUATIONS[1], step=10, **label("evaluations")
        )
        number = functools.partial(w.BoundedFloatText, min=0)
        self.content_weight = number(value=first.content_weight, max=1e8, **label("α of the content"))
        self.strength = number(value=first.strength, max=1e8, **label("style strength"))
        self.variation_weight = number(value=first.variation_weight, max=1e8, step=1000, **label("total variation"))
        self.stroke = w.Dropdown(
            options=[("half", 0.5), ("as it is", 1.0), ("1½ times", 1.5), ("twice", 2.0), ("three times", 3.0)],
            value=first.stroke,
            **label("scale of the strokes"),
        )
        self.equaliser = {
            layer: w.BoundedFloatText(value=1.0, min=0, max=10, step=0.25, **label(f"λ of {layer}, times"))
            for layer in STYLE_LAYERS
        }
        choice = w.Dropdown
        self.content_layer = choice(options=CONTENT_LAYERS, value=first.content_layer, **label("content layer"))
        self.begin = choice(options=STARTS, **label("start"))
        self.seed = w.BoundedIntText(value=0, min=0, max=2**31, **label("seed of the noise"))
        self.colours = choice(options=[(f"the {whose}'s", whose) for whose in COLOURS], **label("colours"))
        self.pooling = choice(options=POOLINGS, value=first.pooling, **label("pooling"))
        self.network = choice(options=NETWORKS, **label("network"))

        self.mask = choice(
            options=[("the photo is whole", "none"), *((f"by {m}", m) for m in MASKS[1:])],
            **label("regions"),
        )
        self.inside = choice(options=titled(paintings()), value=first.inside, **label("painting of the region"))
        slide = functools.partial(w.FloatSlider, continuous_update=False)
        self.threshold = slide(value=first.threshold, min=0, max=1, step=0.05, **label("brighter than"))
        self.hue = slide(value=first.hue, min=0, max=360, step=5, **label("hue, degrees"))
        self.hue_width = slide(value=first.hue_width, min=0, max=180, step=5, **label("hues on each side"))
        self.angle = slide(value=first.angle, min=-180, max=180, step=5, **label("angle of the line"))
        self.offset = slide(value=first.offset, min=-1, max=1, step=0.05, **label("height of the line"))
        self.soft = slide(value=first.soft, min=0, max=1, step=0.05, **label("width of the seam"))
        self.swapped = w.Checkbox(value=False, description="exchange the regions")
        self.mask_file = w.FileUpload(accept="image/*", description="painted mask", layout=w.Layout(width="auto"))
        self.seam = w.HTML()
        self._mask_picture = ""

        button = w.Button
        self.start = button(description="Paint", icon="play", button_style="primary", tooltip="Start painting")
        self.pause = button(description="Pause", icon="pause", disabled=True, tooltip="Pause, and go on later")
        self.stop = button(description="Stop", icon="stop", disabled=True, tooltip="Stop and keep the picture")
        self.save = button(description="Save", icon="save", disabled=True, tooltip="Save the picture with its settings")
        self.suggest = button(description="A size for one minute", icon="clock-o", layout=w.Layout(width="auto"))
        self.progress = w.IntProgress(description="progress")
        self.text = w.Label("Press Paint.")
        self.chosen, self.picture, self.curve, self.numbers = w.HTML(), w.HTML(), w.HTML(), w.HTML()

        varied = [(name.replace("_", " "), name) for name in VARIED]
        self.down = w.Dropdown(options=varied, value="strength", **label("rows: setting"))
        self.down_values = w.Text(value=VARIED["strength"], **label("rows: values"))
        self.across = w.Dropdown(options=[(NOTHING, ""), *varied], value="stroke", **label("columns: setting"))
        self.across_values = w.Text(value=VARIED["stroke"], **label("columns: values"))
        self.try_out = button(description="Make the sheet", icon="th", button_style="primary")
        self.stop_sheet = button(description="Stop the sheet", icon="stop", disabled=True)
        self.sheet, self.sheet_text = w.VBox(), w.Label("A sheet holds up to 12 small pictures.")

        self.left = w.Dropdown(**label("picture"))
        self.right = w.Dropdown(**label("compare with"))
        self.wipe = w.IntSlider(value=50, min=0, max=100, continuous_update=False, **label("border, %"))
        self.again = button(description="Take its settings", icon="undo", layout=w.Layout(width="auto"))
        self.from_png = w.FileUpload(accept=".png", description="settings of a PNG", layout=w.Layout(width="auto"))
        self.thumbnails, self.compared, self.about = w.HTML(), w.HTML(), w.HTML()

    def _arranged(self):
        guard = self.messages.guard
        self.photo_gallery = Gallery(photos(), functools.partial(self._take, self.photo), guard)
        self.painting_gallery = Gallery(paintings(), functools.partial(self._take, self.painting), guard)
        pictures = w.VBox(
            [
                w.HBox([self.preset]),
                w.HBox([self.photo, self.photo_file, self.path]),
                w.HBox([self.painting, self.painting_file]),
                w.HBox([self.second, self.share]),
                self.chosen,
                Folded("All photos", self.photo_gallery),
                Folded("All paintings", self.painting_gallery),
            ]
        )
        cost = w.VBox(
            [
                w.HTMLMath(r"$J = \alpha\,J_C + \beta\,J_S + \tau\,J_V$; $\beta$ follows from the strength."),
                w.HBox([self.content_weight, self.content_layer]),
                w.HBox([self.strength, self.stroke]),
                w.HBox([*self.equaliser.values()], layout=w.Layout(flex_flow="row wrap")),
                w.HBox([self.variation_weight, self.colours]),
                w.HBox([self.begin, self.seed]),
                w.HBox([self.pooling, self.network]),
            ]
        )
        regions = w.VBox(
            [
                w.HBox([self.mask, self.mask_file]),
                w.HBox([self.inside, self.swapped]),
                w.HBox([self.threshold, self.soft]),
                w.HBox([self.hue, self.hue_width]),
                w.HBox([self.angle, self.offset]),
                self.seam,
            ]
        )
        sheet = w.VBox(
            [
                w.HBox([self.down, self.down_values]),
                w.HBox([self.across, self.across_values]),
                w.HBox([self.try_out, self.stop_sheet, self.sheet_text]),
                self.sheet,
            ]
        )
        album = w.VBox(
            [
                self.thumbnails,
                w.HBox([self.left, self.right]),
                w.HBox([self.wipe, self.again, self.from_png]),
                self.about,
                self.compared,
            ]
        )
        self.rooms = w.Tab([pictures, regions, cost, sheet, album])
        self.rooms.titles = ("Pictures", "Regions", "Cost", "Contact sheet", "Album")
        return [
            self.rooms,
            w.HBox([self.size, self.evaluations, self.suggest]),
            self.forecast,
            w.HBox([self.start, self.pause, self.stop, self.save, self.progress]),
            self.text,
            self.messages,
            w.HBox([self.picture, w.VBox([self.curve, self.numbers])]),
        ]

    def _settings(self):
        """The controls from which a recipe is read."""
        return (
            *(self.photo, self.painting, self.second, self.share, self.size, self.evaluations, self.stroke),
            *(self.content_weight, self.strength, self.variation_weight, self.content_layer, self.begin, self.seed),
            *(self.colours, self.pooling, self.network, *self.equaliser.values()),
            *(self.mask, self.inside, self.threshold, self.hue, self.hue_width, self.angle, self.offset, self.soft),
            self.swapped,
        )

    def _observe(self):
        guard = self.messages.guard
        for control in self._settings():
            control.observe(guard(self._changed), "value")
        for control, action in (
            (self.preset, lambda _: self._set(preset(self.preset.value, self._read()))),
            (self.photo_file, lambda change: self._uploaded(self.photo, change)),
            (self.painting_file, lambda change: self._uploaded(self.painting, change)),
            (self.mask_file, self._mask_uploaded),
            (self.path, self._typed),
            (self.down, lambda change: setattr(self.down_values, "value", VARIED[change.new])),
            (self.across, lambda change: setattr(self.across_values, "value", VARIED.get(change.new, ""))),
            (self.left, self._show_compared),
            (self.right, self._show_compared),
            (self.wipe, self._show_compared),
            (self.from_png, self._settings_of_png),
        ):
            control.observe(guard(action), "value")
        for button, action in (
            (self.start, self._paint),
            (self.pause, self._pause_or_resume),
            (self.stop, self._stop),
            (self.save, self._save),
            (self.suggest, self._suggest),
            (self.try_out, self._try_out),
            (self.stop_sheet, self.trial.stop),
            (self.again, self._again),
        ):
            button.on_click(guard(lambda _, action=action: action()))

    # --- a recipe from the controls, and back

    def _read(self):
        """The `Recipe` of the controls' present values. Raises StudioError if a value cannot be used."""
        shares = {self.painting.value: 1.0}
        if self.second.value and self.second.value != self.painting.value:
            shares = {self.painting.value: 1 - self.share.value, self.second.value: self.share.value}
        return Recipe(
            photo=self.photo.value,
            paintings=shares,
            size=self.size.value,
            evaluations=self.evaluations.value,
            stroke=self.stroke.value,
            content_weight=self.content_weight.value,
            strength=self.strength.value,
            equaliser={layer: control.value for layer, control in self.equaliser.items()},
            content_layer=self.content_layer.value,
            variation_weight=self.variation_weight.value,
            start=self.begin.value,
            seed=self.seed.value,
            colours=self.colours.value,
            pooling=self.pooling.value,
            network=self.network.value,
            mask_picture=self._mask_picture,
            **{name: getattr(self, name).value for name in REGION},
        )

    def _set(self, recipe):
        """Set the controls to a recipe, with a single change at the end instead of one for each control."""
        with self._changed.together():
            menus = (self.photo, self.inside, self.painting, self.second)
            for control, source in zip(menus, (recipe.photo, recipe.inside, *recipe.paintings)):
                self._offer(control, source)
            self.second.value = [*recipe.paintings, ""][1]
            total = sum(recipe.paintings.values())
            self.share.value = [*recipe.paintings.values(), total / 2][1] / total
            for control, value in (
                (self.size, recipe.size),
                (self.evaluations, recipe.evaluations),
                (self.content_weight, recipe.content_weight),
                (self.strength, recipe.strength),
                (self.content_layer, recipe.content_layer),
                (self.variation_weight, recipe.variation_weight),
                (self.begin, recipe.start),
                (self.seed, recipe.seed),
                (self.colours, recipe.colours),
                (self.pooling, recipe.pooling),
                (self.network, recipe.network),
                *((self.equaliser[layer], factor) for layer, factor in recipe.equaliser.items()),
                *((getattr(self, name), getattr(recipe, name)) for name in REGION if name != "inside"),
            ):
                control.value = value
            self._mask_picture = recipe.mask_picture
            if recipe.stroke not in [value for _, value in self.stroke.options]:
                self.stroke.options = [*self.stroke.options, (f"{recipe.stroke:g} times", recipe.stroke)]
            self.stroke.value = recipe.stroke

    def _offer(self, control, source):
        """Choose a picture in a menu, and add it if necessary. Raises ImageError for a file that is no picture."""
        if source not in [value for _, value in control.options]:
            load_image(source, THUMBNAIL)
            control.options = [(called(source), source), *control.options]
        control.value = source

    def _take(self, control, name):
        control.value = name

    def _uploaded(self, control, change):
        """Keep an uploaded picture in the album's folder and choose it; a file that is no picture is forgotten."""
        if change.new:
            content = bytes(change.new[0]["content"])
            change.owner.value = ()
            self._offer(control, self.album.keep(content))

    def _mask_uploaded(self, change):
        """Keep a painted mask, and split the photo with it."""
        if change.new:
            content = bytes(change.new[0]["content"])
            change.owner.value = ()
            self._mask_picture = self.album.keep(content)
            self.mask.value = "picture"
            self._changed()

    def _typed(self, change):
        if change.new.strip():
            self._offer(self.photo, change.new.strip())

    def _look(self):
        """Show the chosen pictures, and begin a new forecast; it replaces a forecast that is under way."""
        self._recipe = self._read()
        self.chosen.value = " ".join(map(_thumbnail, self._recipe.sources()))
        self.seam.value = _seam(self._recipe)
        if not (self.job.running or self.trial.running):
            self.forecast.ask(self._recipe)

    def _suggest(self):
        self._idle()
        self.size.value = self.speed.size_for(self._recipe)

    # --- paint

    def _idle(self):
        """Raise StudioError while a picture or a contact sheet is being painted."""
        if self.job.running or self.trial.running:
            raise StudioError("A picture is being painted: stop it first, or wait for its end.")

    def _paint(self):
        """Begin a new picture; a paused picture is given up."""
        self._idle()
        self.thinking.stop()
        recipe = self._read()
        with self._lock:
            self._painted, self._states, self._last, self.history = recipe, None, None, []
            self.progress.max, self.progress.value = recipe.evaluations, 0
            self.curve.value, self.text.value = "", "preparing …"
            self._begin((0, 0.0))

    def _begin(self, began):
        """Let the job go on from (evaluations, seconds); what is being measured counts no more."""
        self._began, self._pausing, self._measured, self.numbers.value = began, False, None, ""
        self.measuring.stop()
        self._buttons(running=True)
        self.job.start()

    def _buttons(self, running=False, paused=False):
        self.start.disabled = self.try_out.disabled = self.suggest.disabled = running
        self.pause.disabled, self.stop.disabled = not (running or paused), not (running or paused)
        self.pause.description, self.pause.icon = ("Resume", "play") if paused else ("Pause", "pause")
        self.save.disabled = self._last is None

    def _steps(self):
        """Go on with the states of the present picture; a pause keeps their iterator."""
        if self._states is None:
            easel = set_up(self._painted, self.networks)
            self._easel, self._states = easel, minimise(easel.cost, easel.first, self._painted.evaluations)
        for state in self._states:
            self._last = state
            self.history.append((state.evaluations, state.losses))
            yield state

    def _show(self, state):
        self.progress.value = state.evaluations
        self.text.value = report(state, self._painted.evaluations, self._began)
        self.picture.value = img_tag(
            state.image, f"The generated picture after {state.evaluations} evaluations.", width=SHOWN
        )
        self.save.disabled = False

    def _finish(self, state, error):
        """Show how the picture stands, unless a press of a button has begun something new meanwhile."""
        if error is not None:
            self.messages.report(error)
        with self._lock:
            if self.job.running:
                return
            paused, self._pausing = state == "stopped" and self._pausing, False
            if not paused:
                self._states = None
            if self._last is None:
                self.text.value = state
            else:
                self.text.value = f"{'paused' if paused else state}: {self.text.value}"
                self._show_curve()
                self._measured = self._painted, self._easel, self._last
                self.numbers.value = "<small>E is being measured …</small>"
                self.measuring.restart()
            self._buttons(paused=paused)

    def _pause_or_resume(self):
        with self._lock:
            if self.job.running:
                self._pausing = True
                self.job.stop()
            elif self._states is not None:
                if self.trial.running:
                    raise StudioError("A contact sheet is being made: stop it first, or wait for its end.")
                self._begin((self._last.evaluations, self._last.seconds) if self._last else (0, 0.0))

    def _stop(self):
        """Stop for good; a picture that is already paused is only given up."""
        self._pausing = False
        if self.job.running:
            self.job.stop()
        else:
            self._states = None
            self.text.value = self.text.value.replace("paused", "stopped", 1)
            self._buttons()

    def _show_curve(self):
        if len(self.history) > 1:
            self.curve.value = img_tag(
                loss_curves({"this picture": self.history}),
                "Every term of the loss, and the total, against the evaluations; the total never rises.",
                width=SHOWN,
            )

    # --- E of the picture, which takes a while

    def _measure(self):
        """Iterator of (what is measured, its numbers or None, HTML): E and content beside those of the two controls."""
        measured = self._measured
        if measured is None:  # something new has begun
            return
        recipe, easel, state = measured
        try:
            judge = self._judge(recipe, easel)
        except measures.MeasureError as error:
            yield measured, None, f"<small>{html.escape(str(error))}</small>"
            return
        if judge is None:
            yield measured, None, "<small>E is measured only if one painting counts in the whole picture.</small>"
            return
        found = judge(to_8bit(state.image))
        row = "<tr><td>{}</td><td>{:.2f}</td><td>{:.2f}</td></tr>".format
        rows = {**judge.controls, "this picture": found}
        cells = "".join(row(name, numbers["E"], numbers["content"]) for name, numbers in rows.items())
        head = "<tr><th></th><th>style E</th><th>content</th></tr>"
        yield measured, found, f"<table>{head}{cells}</table><small>{MEASURED}</small>"

    def _judge(self, recipe, easel):
        """The `Judge` of a picture, or None if E says nothing about it."""
        used = [name for name, share in recipe.paintings.items() if share]
        if easel.mask is not None or len(used) > 1:
            return None
        pictures = [load_image(name, recipe.size) for name in (recipe.photo, *used)]
        if min(min(picture.shape[2:]) for picture in pictures) < measures.SMALLEST:
            return None
        return measures.Judge(self.networks("original", "max"), *pictures)

    def _show_numbers(self, item):
        measured, found, text = item
        with self._lock:
            if measured is self._measured:  # otherwise something new has begun
                self._found, self.numbers.value = (measured[2], found), text

    def _numbers_done(self, state, error):
        if error is not None:
            with self._lock:
                self._measured, self.numbers.value = None, ""
            self.messages.report(error)

    def _save(self):
        """Write the present picture with its settings into the album; with E, if it has been measured by now."""
        with self._lock:
            last, recipe, (of, found) = self._last, self._painted, self._found
            waiting = self._measured is not None and of is not last
        if last is None:
            raise StudioError("There is no picture yet: press Paint first.")
        image = to_8bit(last.image)
        numbers = {"evaluations": last.evaluations, **self._easel.cost.losses(image)}
        if of is last and found:
            numbers["E"] = found["E"]
        path = self.album.save(image.cpu(), recipe, numbers)
        self.text.value = f"saved: {path.name}" + ", before E was measured" * waiting
        self._album_changed(path)

    # --- a contact sheet

    def _try_out(self):
        self._idle()
        choices = {self.down.value: values_of(self.down.value, self.down_values.value)}
        if self.across.value:
            if self.across.value == self.down.value:
                raise StudioError("Rows and columns vary the same setting: choose another one for the columns.")
            choices[self.across.value] = values_of(self.across.value, self.across_values.value)
        self._rows = variants(self._read(), choices)
        self._names = [*choices]
        self.thinking.stop()
        self.sheet.children = ()
        self._buttons(running=True)
        self.pause.disabled = self.stop.disabled = True
        self.stop_sheet.disabled = False
        self.sheet_text.value = "preparing …"
        self.trial.start()

    def _trials(self):
        return contact_sheet(self._rows, self.networks)

    def _show_sheet(self, cells):
        done = [cell for cell in cells if cell.image is not None]
        across = len(self._rows[0])
        tiles = [self._cell(cell) for cell in done]
        self.sheet.children = [w.HBox(tiles[n : n + across]) for n in range(0, len(tiles), across)]
        self.sheet_text.value = f"{len(done)} of {len(cells)} pictures"

    def _cell(self, cell):
        says = ", ".join(f"{name.replace('_', ' ')} {getattr(cell.recipe, name)}" for name in self._names)
        button = w.Button(description="Paint this large", tooltip=f"Paint with {says}", layout=w.Layout(width="150px"))
        button.on_click(self.messages.guard(lambda _: self._large(cell.recipe)))
        numbers = ", ".join(f"{name} {loss:.2g}" for name, loss in cell.losses.items() if name != "total")
        text = w.HTML(f"<small>{html.escape(says)}<br>{html.escape(numbers)}</small>")
        return w.VBox([w.HTML(img_tag(cell.image, f"Painted small with {says}.", width=150)), text, button])

    def _large(self, recipe):
        """Paint with the settings of a small picture, but with the size and the evaluations of the controls."""
        self._idle()
        self._set(replace(recipe, size=self.size.value, evaluations=self.evaluations.value))
        self._paint()

    def _sheet_done(self, state, error):
        self._buttons(paused=self._states is not None)
        self.stop_sheet.disabled = True
        if error is not None:
            self.messages.report(error)
        else:
            self.sheet_text.value = f"{state}: {self.sheet_text.value}"

    # --- the album

    def _album_changed(self, newest=None):
        """Read the folder anew, so that pictures from before a restart are there as well."""
        self._saved = {str(entry.path): entry for entry in self.album.saved()}
        options = [(entry.path.stem, path) for path, entry in self._saved.items()] or [(NOTHING, "")]
        kept = self.left.value
        for control in (self.left, self.right):
            control.options = options
        self.left.value = str(newest) if newest else kept if kept in self._saved else options[0][1]
        self.right.value = options[min(1, len(options) - 1)][1]
        tags = [img_tag(load_image(path, THUMBNAIL), f"Saved: {path.stem}.") for path in self._newest(8)]
        self.thumbnails.value = " ".join(tags) or "Nothing is saved yet: press Save below a picture."

    def _newest(self, count):
        return [entry.path for entry in self._saved.values()][:count]

    def _show_compared(self, _=None):
        """Show two pictures with the border at the slider's place, and the settings in which they differ."""
        one, other = self._saved.get(self.left.value), self._saved.get(self.right.value)
        if one is None or other is None:
            self.compared.value = self.about.value = ""
            return
        picture, says = wiped(load_image(one.path), load_image(other.path), self.wipe.value / 100)
        self.compared.value = img_tag(picture, f"{says} {one.path.stem}; {other.path.stem}.", width=512)
        self.about.value = f"<small>{html.escape(differences(one, other))}</small>"

    def _again(self):
        entry = self._saved.get(self.left.value)
        if entry is None:
            raise StudioError("Nothing is saved yet: paint a picture and press Save.")
        self._set(entry.recipe)

    def _settings_of_png(self, change):
        if change.new:
            content = bytes(change.new[0]["content"])
            change.owner.value = ()
            self._set(read_png(content)[0])


def differences(one, other):
    """The settings in which two saved pictures differ, and their losses, as text."""
    names = [name for name in vars(one.recipe) if getattr(one.recipe, name) != getattr(other.recipe, name)]
    parts = [f"{name.replace('_', ' ')}: {getattr(one.recipe, name)} | {getattr(other.recipe, name)}" for name in names]
    text = "; ".join(parts) or "the same settings"
    totals = [f"{entry.numbers['total']:.3g}" for entry in (one, other) if "total" in entry.numbers]
    return f"{text}. Losses: {' | '.join(totals)}." if totals else f"{text}."
