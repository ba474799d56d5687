"""Lesson 1: what a unit sees, with the strongest patches, their projections, and the unit on a photo of your choice."""

import functools
import html
import random
from pathlib import Path
from types import SimpleNamespace

import ipywidgets as w
import torch

from course_utils.dataset import SIZE, StatisticsError, pictures, pictures_in
from course_utils.deconvnet import BACKWARD_RULES, project
from course_utils.images import catalogue, img_tag, load_square
from course_utils.plots import around_grey, boxes_on_photo, mosaic, tile
from course_utils.receptive import map_size, patch_box, receptive_field
from course_utils.top import TopActivations, search
from course_utils.vgg import vgg19
from course_utils.widgets.core import Gathered, Job, Messages, View, titled

SHOWS = ("patches and projections", "patches", "projections")
TILE = 104  # side of a tile, in pixels


class Seen:
    """Activations and projections of photos, remembered as long as this object lives.

    Each method is a function of its arguments alone.
    """

    def __init__(self, net):
        self.net = net
        self.photo = functools.lru_cache(maxsize=32)(load_square)
        self.maps = functools.lru_cache(maxsize=8)(self._maps)
        self.projection = functools.lru_cache(maxsize=512)(self._projection)

    def _maps(self, source, size, layer):
        """The feature maps (C, H, W) of a layer for a photo."""
        with torch.no_grad():
            return self.net.features(self.photo(source, size).to(self.net.mean), [layer])[layer][0].cpu()

    def _projection(self, source, size, layer, channel, y, x, rule, side=TILE):
        """The projection of one unit as a tile (1, 3, side, side) around mid-grey, cut to its receptive field."""
        projection = project(self.net, self.photo(source, size).to(self.net.mean), layer, channel, (y, x), rule).cpu()
        return tile(projection, patch_box(layer, y, x), side, around_grey)


def sheets(seen, table, layer, channel, k=9, show=SHOWS[0], rule="deconvnet"):
    """Iterator of (picture, description) for one channel; the sheet grows by one projection at a time.

    Args:
        seen: `Seen(net)`.
        table: `TopActivations` of square pictures whose sources can be loaded.
        layer, channel: name of the layer, and number of the channel.
        k: number of units, the strongest of the channel.
        show: one of `SHOWS`.
        rule: one of `BACKWARD_RULES`.
    Raises:
        StatisticsError: the table or a setting cannot be shown; the message says why.
    """
    _check(table, layer, channel, k, show)
    found = zip(table.values[layer][channel, :k].tolist(), table.places[layer][channel, :k].tolist())
    units = [(value, *place) for value, place in found if value > 0]
    if not units:
        yield (
            torch.full((1, 3, TILE, TILE), 0.5),
            f"Channel {channel} of {layer} answers nowhere in these pictures: it is dead.",
        )
        return
    columns = 3 if len(units) > 4 else 2 if len(units) > 1 else 1
    patches = [tile(seen.photo(table.sources[n], table.size), patch_box(layer, y, x), TILE) for _, n, y, x in units]
    empty, projections, says = torch.full_like(patches[0], 0.5), [], _says(table, layer, channel, units, show, rule)
    yield _side_by_side(patches, [empty] * len(units), columns, show), says
    for _, n, y, x in units if show != "patches" else ():
        projections.append(seen.projection(table.sources[n], table.size, layer, channel, y, x, rule))
        yield _side_by_side(patches, projections + [empty] * (len(units) - len(projections)), columns, show), says


def check_table(table):
    """Raise StatisticsError unless the pictures of a table of strongest units can be loaded and cut as they were."""
    if table.size is None or not table.sources:
        raise StatisticsError(
            "This table does not say where its pictures are, or they were no squares of one size: make one with "
            "`python3 -m course_utils top FOLDER -o FILE.npz`."
        )


def _check(table, layer, channel, k, show):
    check_table(table)
    if layer not in list(table.values) or channel not in range(len(table.values[layer])):
        raise StatisticsError(
            f"The table has no channel {channel} of {layer}: its layers are {', '.join(table.values)}."
        )
    if k < 1 or show not in SHOWS:
        raise StatisticsError(f"At least one unit can be shown, as {', '.join(SHOWS)}; not {k}, as {show!r}.")


def _side_by_side(patches, projections, columns, show):
    chosen = {"patches": [patches], "projections": [projections]}.get(show, [patches, projections])
    return mosaic([mosaic(tiles, columns) for tiles in chosen], len(chosen), gap=24)


def _says(table, layer, channel, units, show, rule):
    size = receptive_field(layer).size
    outside = sum(patch_box(layer, y, x).share_outside(table.size, table.size) > 0 for _, _, y, x in units)
    what = {"patches": "The patches", "projections": f"The projections ({rule})"}.get(
        show, f"The patches, and beside them the projections ({rule}),"
    )
    return (
        f"{what} of the {len(units)} strongest units of channel {channel} of {layer}, the strongest first: activations"
        f" from {units[0][0]:,.0f} to {units[-1][0]:,.0f}, fields of {size} × {size} pixels; {outside} of them reach"
        " into the padding (hatched)."
    )


def unit_sheet(net, table, layer, channel, k=9, show=SHOWS[0], rule="deconvnet"):
    """(picture, description) of the finished sheet; the arguments are as in `sheets`."""
    *_, last = sheets(Seen(net), table, layer, channel, k, show, rule)
    return last


def unit_on_photo(seen, source, layer, channel, row, column, rule="deconvnet", size=SIZE):
    """What one unit sees of one photo.

    Args:
        seen: `Seen(net)`.
        source: whatever `load_square` takes.
        layer, channel, rule: as in `sheets`.
        row, column: of the unit in its feature map.
        size: side of the photo, in pixels.
    Returns:
        Two pairs (picture, description): the photo with the unit's field, and the field beside its projection.
    """
    image, box = seen.photo(source, size), patch_box(layer, row, column)
    projection = seen.projection(
        source, size, layer, channel, row, column, rule, 2 * TILE
    )  # refuses units that do not exist
    value = seen.maps(source, size, layer)[channel, row, column].item()
    where = f"unit ({row}, {column}) of channel {channel} of {layer}"
    photo = boxes_on_photo(image, {where.replace(" of ", "\nof "): box}, height=3.2)
    pair = mosaic([tile(image, box, 2 * TILE), projection], 2, gap=12)
    return [
        (
            photo,
            (
                f"The photo with the field of {where}: rows {box.top} to {box.bottom - 1}, columns {box.left} to"
                f" {box.right - 1}; {box.share_outside(size, size):.0%} of it is padding."
            ),
        ),
        (
            pair,
            f"The patch in this field, and its projection ({rule}); the activation is {value:,.0f}"
            + ("." if value > 0 else ": the unit is silent here, and its projection empty."),
        ),
    ]


def units(layer="relu3_1", channel=0, table=None, net=None):
    """The widget: see the strongest patches of a channel with their projections, and its units on any photo."""
    table = table or TopActivations.load()
    _check(table, layer, channel, 1, SHOWS[0])
    return Units(layer, channel, table, net or vgg19())


class Units(View):
    """Controls and pictures; `job` draws the sheet and the place, `search` goes through a folder."""

    def __init__(self, layer, channel, table, net):
        self.table, self.seen, self._skipped = table, Seen(net), []
        self._changed = Gathered(self._draw_anew)
        self._controls(layer, channel)
        self.job, self.search = Job(self._draw, self._show, self._drawn), Job(self._mine, self._mined, self._searched)
        self.layer.observe(self.messages.guard(self._changed.by(lambda _: self._fit())), "value")
        for control in (self.channel, self.k, self.what, self.rule, self.photo, self.row, self.column):
            control.observe(self.messages.guard(self._changed), "value")
        for button, action in (
            (self.previous, lambda: self._step(-1)),
            (self.next, lambda: self._step(1)),
            (self.surprise, self._surprise),
            (self.strongest, self._to_strongest),
            (self.start, self._search),
            (self.stop, self.search.stop),
        ):
            button.on_click(self.messages.guard(lambda _, action=action: action()))
        with self._changed.together():
            self._fit()
        super().__init__(
            [
                w.HBox([self.layer, self.channel, self.previous, self.next, self.surprise]),
                w.HBox([self.k, self.what, self.rule]),
                self.text,
                self.sheet,
                w.HBox([self.photo, self.strongest]),
                w.HBox([self.row, self.column]),
                self.place,
                w.HBox([self.folder, self.start, self.stop, self.progress]),
                self.messages,
            ],
            "the strongest patches of any channel with their projections, and any unit on any photo.",
        )

    def _controls(self, layer, channel):
        self.layer = w.Dropdown(options=list(self.table.values), value=layer, description="layer")
        self.channel = w.BoundedIntText(value=channel, min=0, max=511, description="channel")
        self.previous, self.next = (
            w.Button(description="Previous", icon="arrow-left"),
            w.Button(description="Next", icon="arrow-right"),
        )
        self.surprise = w.Button(description="Surprise me", icon="random", tooltip="Any channel of any layer")
        self.k = w.BoundedIntText(value=min(9, self.table.k), min=1, max=self.table.k, description="units")
        self.what = w.Dropdown(options=SHOWS, description="show")
        self.rule = w.Dropdown(options=list(BACKWARD_RULES), description="rule")
        self.photo = w.Dropdown(options=self._sources(), description="photo")
        self.strongest = w.Button(
            description="Strongest place", icon="crosshairs", tooltip="Where this channel is strongest in this photo"
        )
        self.row = w.IntSlider(description="row", continuous_update=False)
        self.column = w.IntSlider(description="column", continuous_update=False)
        self.folder = w.Text(
            description="own folder", placeholder="path of a folder with pictures", continuous_update=False
        )
        self.start = w.Button(
            description="Search it", icon="search", tooltip="Find the strongest units in the pictures of this folder"
        )
        self.stop = w.Button(
            description="Stop", icon="stop", disabled=True, tooltip="Stop and keep what was found so far"
        )
        self.progress = w.IntProgress(description="progress")
        self.text, self.sheet, self.place, self.messages = w.HTML(), w.HTML(), w.HTML(), Messages()

    def _sources(self):
        broken = {source for source, _ in self._skipped}
        sources = [source for source in self.table.sources if source not in broken]
        bundled, own = ([source for source in sources if (source in catalogue()) == answer] for answer in (True, False))
        return titled(bundled) + [(Path(source).name, source) for source in own]

    # --- controls that depend on each other

    def _fit(self):
        """Keep the numbers of the controls within the layer's range, and go to where the channel is strongest."""
        self.channel.max = len(self.table.values[self.layer.value]) - 1
        for slider in (self.row, self.column):
            slider.max = map_size(self.layer.value, self.table.size, self.table.size)[0] - 1
        self._set_place()

    def _set_place(self):
        maps = self.seen.maps(self.photo.value, self.table.size, self.layer.value)[self.channel.value]
        self.row.value, self.column.value = divmod(maps.argmax().item(), maps.shape[1])

    def _step(self, by):
        self.channel.value = (self.channel.value + by) % (self.channel.max + 1)

    def _to_strongest(self):
        with self._changed.together():
            self._set_place()

    def _surprise(self):
        """Choose a living channel at random; all are equally likely."""
        living = [
            (layer, channel)
            for layer, values in self.table.values.items()
            for channel in (values[:, 0] > 0).nonzero()[:, 0].tolist()
        ]
        layer, channel = random.choice(living)
        with self._changed.together():
            self.layer.value, self.channel.max, self.channel.value = layer, len(self.table.values[layer]) - 1, channel
            self._fit()

    # --- drawing

    def _draw_anew(self):
        """Draw with the present settings; a drawing that is under way is given up."""
        self._now = SimpleNamespace(
            seen=self.seen,
            table=self.table,
            unit=dict(layer=self.layer.value, channel=self.channel.value, rule=self.rule.value),
            k=self.k.value,
            show=self.what.value,
            photo=self.photo.value,
            place=dict(row=self.row.value, column=self.column.value),
        )
        self.job.restart()

    def _draw(self):
        """Iterator of (HTML of the sheet, its description, HTML of the place); the place follows the first patches."""
        now, place = self._now, None
        for picture, says in sheets(now.seen, now.table, k=now.k, show=now.show, **now.unit):
            sheet = img_tag(picture, says)
            yield sheet, says, place or self.place.value
            if place is None:
                parts = unit_on_photo(now.seen, now.photo, size=now.table.size, **now.unit, **now.place)
                place = " ".join(img_tag(*part) for part in parts)
                yield sheet, says, place

    def _show(self, item):
        sheet, says, self.place.value = item
        self.sheet.value, self.text.value = sheet, html.escape(says)

    def _drawn(self, state, error):
        if error is not None:
            self.messages.report(error)

    # --- a folder of one's own

    def _search(self):
        """Search the folder; at the end or at Stop, the table of what was found so far replaces the present table."""
        if not self.search.running:
            self._files = pictures_in(self.folder.value)
            self._found, self._left_out = None, []
            self.start.disabled, self.stop.disabled = True, False
            self.progress.max, self.progress.value = len(self._files), 0
            self.search.start()

    def _mine(self):
        images = pictures(self._files, self.table.size, self._left_out)
        layers = list(self.table.values)
        for done, self._found in search(
            self.seen.net, images, self.table.k, layers=layers, batch_size=4, sources=self._files
        ):
            yield done + len(self._left_out)

    def _mined(self, done):
        self.progress.value = done

    def _searched(self, state, error):
        self.start.disabled, self.stop.disabled = False, True
        self.progress.value = self.progress.max if state == "finished" else self.progress.value
        if self._found is not None:
            with self._changed.together():
                self.table, self.seen, self._skipped = (
                    self._found,
                    Seen(self.seen.net),
                    self._left_out,
                )  # files may have changed
                self.photo.options = self._sources()
                self._fit()
        for _, reason in self._left_out:  # last: a change of a control clears the messages
            self.messages.append_stderr(f"left out: {reason}\n")
        if error is not None:
            self.messages.report(error)
        elif self._found is None:
            self.messages.append_stderr("None of these pictures was searched: what was shown before stays.\n")
