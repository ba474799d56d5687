"""Lesson 1: what a unit sees. Its strongest patches, their projections, and the unit on a photo of your choice."""
import functools
import random
from pathlib import Path

import ipywidgets as w
import torch

from course_utils.deconvnet import BACKWARD_RULES, map_size, patch_box, project, receptive_field
from course_utils.images import catalogue, img_tag, load_square, photos, title
from course_utils.plots import around_grey, boxes_on_photo, mosaic, tile
from course_utils.statistics import SIZE, TopActivations, mine, pictures, pictures_in
from course_utils.vgg import vgg19
from course_utils.widgets.core import Job, Messages, View

SHOWS = ("patches and projections", "patches", "projections")
TILE = 104              # side of a tile, in pixels


load_photo = functools.lru_cache(maxsize=64)(load_square)


@functools.lru_cache(maxsize=8)
def activations(net, source, size, layer):
    """The feature maps (C, H, W) of a layer for a photo."""
    with torch.no_grad():
        return net.features(load_photo(source, size).to(net.mean), [layer])[layer][0].cpu()


@functools.lru_cache(maxsize=1024)
def projected(net, source, size, layer, channel, y, x, rule, side=TILE):
    """The projection of one unit as a tile (1, 3, side, side) around mid-grey, cut to the unit's receptive field."""
    projection = project(net, load_photo(source, size).to(net.mean), layer, channel, (y, x), rule).cpu()
    return tile(projection, patch_box(layer, y, x), side, around_grey)


def sheets(net, table, layer, channel, k=9, show=SHOWS[0], rule="deconvnet"):
    """Iterator of (picture, description) of one channel: the sheet grows by one projection at a time.

    Args:
        net: from `vgg19()`.
        table: `TopActivations` of a data set whose sources can be loaded.
        layer, channel: which channel.
        k: how many of its strongest units.
        show: one of `SHOWS`.
        rule: a backward rule.
    """
    units = [(value, *place) for value, place in zip(table.values[layer][channel, :k].tolist(), table.places[layer][channel, :k].tolist())
             if value > 0]
    if not units:
        yield load_square(photos()[0], TILE) * 0 + 0.5, f"Channel {channel} of {layer} answers nowhere in these pictures: it is dead."
        return
    columns = 3 if len(units) > 4 else 2 if len(units) > 1 else 1
    patches = [tile(load_photo(table.sources[n], table.size), patch_box(layer, y, x), TILE) for _, n, y, x in units]
    empty, projections = patches[0] * 0 + 0.5, []
    yield _side_by_side(patches, [empty] * len(units), columns, show), _says(table, layer, channel, units, show, rule)
    for _, n, y, x in units if show != "patches" else ():
        projections.append(projected(net, table.sources[n], table.size, layer, channel, y, x, rule))
        missing = [empty] * (len(units) - len(projections))
        yield _side_by_side(patches, projections + missing, columns, show), _says(table, layer, channel, units, show, rule)


def _side_by_side(patches, projections, columns, show):
    chosen = {"patches": [patches], "projections": [projections]}.get(show, [patches, projections])
    return mosaic([mosaic(tiles, columns) for tiles in chosen], len(chosen), gap=24)


def _says(table, layer, channel, units, show, rule):
    size, height = receptive_field(layer).size, table.size
    outside = sum(patch_box(layer, y, x).share_outside(height, height) > 0 for _, _, y, x in units)
    what = {"patches": "The patches", "projections": f"The projections ({rule})"}.get(show, f"The patches, and beside them the projections ({rule}),")
    return (f"{what} of the {len(units)} strongest units of channel {channel} of {layer}, the strongest first: activations from "
            f"{units[0][0]:,.0f} to {units[-1][0]:,.0f}, fields of {size} × {size} pixels; {outside} of them reach into the padding (hatched).")


def unit_sheet(net, table, layer, channel, k=9, show=SHOWS[0], rule="deconvnet"):
    """(picture, description) of the finished sheet; arguments as in `sheets`."""
    *_, last = sheets(net, table, layer, channel, k, show, rule)
    return last


def unit_on_photo(net, source, layer, channel, row, column, rule="deconvnet", size=SIZE):
    """What one unit sees of one photo.

    Args:
        source: whatever `load_square` takes.
        row, column: of the unit in its feature map.
        size: side of the photo, in pixels. Others as in `sheets`.
    Returns:
        Two pairs (picture, description): the photo with the unit's field, and the field beside its projection.
    """
    image, box = load_photo(source, size), patch_box(layer, row, column)
    value = activations(net, source, size, layer)[channel, row, column].item()
    outside = box.share_outside(size, size)
    where = f"unit ({row}, {column}) of channel {channel} of {layer}"
    photo = boxes_on_photo(image, {where.replace(" of ", "\nof "): box}, height=3.2)
    pair = mosaic([tile(image, box, 2 * TILE), projected(net, source, size, layer, channel, row, column, rule, 2 * TILE)], 2, gap=12)
    return [(photo, f"The photo with the field of {where}: rows {box.top} to {box.bottom - 1}, columns {box.left} to {box.right - 1}; "
                    f"{outside:.0%} of it is padding."),
            (pair, f"The same field, and its projection ({rule}); the activation is {value:,.0f}"
                   + ("." if value > 0 else ": the unit is silent here, and its projection empty."))]


def units(layer="relu3_1", channel=0, table=None, net=None):
    """The widget: choose a channel and see its strongest patches and their projections; then any place of any photo."""
    return Units(layer, channel, table, net)


class Units(View):
    """Controls and pictures; `job` draws the sheet, `search` goes through a folder."""

    def __init__(self, layer, channel, table, net):
        self.table, self.net, self._skipped = table or TopActivations.load(), net or vgg19(), []
        self._controls(layer, channel)
        self.job, self.search = Job(self._draw, self._show, self._drawn), Job(self._mine, self._mined, self._searched)
        self.layer.observe(self.messages.guard(self._layer_changed), "value")
        for control in (self.channel, self.k, self.what, self.rule, self.photo, self.row, self.column):
            control.observe(self.messages.guard(self._changed), "value")
        for button, action in ((self.previous, lambda: self._step(-1)), (self.next, lambda: self._step(1)), (self.surprise, self._surprise),
                               (self.strongest, self._to_strongest),
                               (self.start, self._search), (self.stop, self.search.stop)):
            button.on_click(self.messages.guard(lambda _, action=action: action()))
        self._fitting = False
        self._layer_changed(None)
        super().__init__([
            w.HBox([self.layer, self.channel, self.previous, self.next, self.surprise]), w.HBox([self.k, self.what, self.rule]),
            self.text, self.sheet, w.HBox([self.photo, self.strongest]), w.HBox([self.row, self.column]), self.place,
            w.HBox([self.folder, self.start, self.stop, self.progress]), self.messages,
        ], "the strongest patches of any channel with their projections, and any unit on any photo.")

    def _controls(self, layer, channel):
        self.layer = w.Dropdown(options=list(self.table.values), value=layer, description="layer")
        self.channel = w.BoundedIntText(value=channel, min=0, max=511, description="channel")
        self.previous, self.next = w.Button(description="Previous", icon="arrow-left"), w.Button(description="Next", icon="arrow-right")
        self.surprise = w.Button(description="Surprise me", icon="random", tooltip="Any channel of any layer")
        self.k = w.BoundedIntText(value=9, min=1, max=self.table.k, description="units")
        self.what = w.Dropdown(options=SHOWS, description="show")
        self.rule = w.Dropdown(options=list(BACKWARD_RULES), description="rule")
        self.photo = w.Dropdown(options=self._sources(), description="photo")
        self.strongest = w.Button(description="Strongest place", icon="crosshairs", tooltip="Where this channel is strongest in this photo")
        self.row = w.IntSlider(description="row", continuous_update=False)
        self.column = w.IntSlider(description="column", continuous_update=False)
        self.folder = w.Text(description="own folder", placeholder="path of a folder with pictures", continuous_update=False)
        self.start = w.Button(description="Search it", icon="search", tooltip="Find the strongest units in the pictures of this folder")
        self.stop = w.Button(description="Stop", icon="stop", disabled=True, tooltip="Stop and keep what was found so far")
        self.progress = w.IntProgress(description="progress")
        self.text, self.sheet, self.place, self.messages = w.HTML(), w.HTML(), w.HTML(), Messages()

    def _sources(self):
        broken = {source for source, _ in self._skipped}
        return [(title(source) if source in catalogue() else Path(source).name, source) for source in self.table.sources if source not in broken]

    def _fit(self):
        """Hold the numbers of the controls within what the layer has; the place goes to where the channel is strongest."""
        before, self._fitting = self._fitting, True         # several controls change, one drawing follows
        side = map_size(self.layer.value, self.table.size, self.table.size)[0]
        self.channel.max = len(self.table.values[self.layer.value]) - 1
        for slider in (self.row, self.column):
            slider.max = side - 1
        self._set_place()
        self._fitting = before

    def _set_place(self):
        maps = activations(self.net, self.photo.value, self.table.size, self.layer.value)[self.channel.value]
        self.row.value, self.column.value = divmod(maps.argmax().item(), maps.shape[1])

    def _to_strongest(self):
        self._fitting = True
        self._set_place()
        self._fitting = False
        self._changed()

    # --- the sheet and the place

    def _changed(self, _=None):
        """Draw anew with the settings as they are now; a drawing that is under way is given up."""
        if not self._fitting:
            self._settings = dict(layer=self.layer.value, channel=self.channel.value, rule=self.rule.value)
            self.job.restart()

    def _draw(self):
        """Iterator of (HTML of the sheet, its description, HTML of the place): the place comes once the patches stand."""
        settings, place = self._settings, None
        for picture, says in sheets(self.net, self.table, k=self.k.value, show=self.what.value, **settings):
            sheet = img_tag(picture, says)
            yield sheet, says, place or self.place.value
            if place is None:
                parts = unit_on_photo(self.net, self.photo.value, row=self.row.value, column=self.column.value, size=self.table.size, **settings)
                place = " ".join(img_tag(*part) for part in parts)
                yield sheet, says, place

    def _show(self, item):
        self.sheet.value, self.text.value, self.place.value = item

    def _drawn(self, state, error):
        if error is not None:
            self.messages.report(error)

    def _layer_changed(self, _):
        self._fit()
        self._changed()

    def _step(self, by):
        self.channel.value = (self.channel.value + by) % (self.channel.max + 1)

    def _surprise(self):
        """Any living channel, all channels being equally likely."""
        layer, channel = random.choice([(layer, channel) for layer, values in self.table.values.items()
                                        for channel in (values[:, 0] > 0).nonzero()[:, 0].tolist()])
        self._fitting = True
        self.layer.value, self.channel.max, self.channel.value = layer, len(self.table.values[layer]) - 1, channel
        self._fit()
        self._fitting = False
        self._changed()

    # --- a folder of one's own

    def _search(self):
        """Go through the folder; the table of what was found so far replaces the present one at the end or at Stop."""
        if not self.search.running:
            self._found, self._skipped = None, []
            self._files = pictures_in(self.folder.value)
            self.start.disabled, self.stop.disabled = True, False
            self.progress.max, self.progress.value = len(self._files), 0
            self.search.start()

    def _mine(self):
        images = pictures(self._files, skipped=self._skipped)
        for done, table in mine(self.net, images, self.table.k, layers=list(self.table.values), batch_size=4, sources=self._files):
            self._found = table
            yield done + len(self._skipped)

    def _mined(self, done):
        self.progress.value = done

    def _searched(self, state, error):
        self.start.disabled, self.stop.disabled = False, True
        if self._found is not None:
            self.table, self._fitting = self._found, True
            self.photo.options = self._sources()
            self._fitting = False
            self._changed()
        for _, reason in self._skipped:             # last: a change of a control clears the messages
            self.messages.append_stderr(f"left out: {reason}\n")
        if error is not None:
            self.messages.report(error)
