"""Lesson 0: a photo under the magnifying glass, down to the numbers of its tensor."""

import ipywidgets as w

from course_utils.images import load_image, photos, title
from course_utils.plots import magnifier
from course_utils.widgets.core import Redrawn, menu, titled

CHANNELS = {"red": 0, "green": 1, "blue": 2}
SIZE = 128  # pixels on the longer side: few enough that single pixels are visible


def magnified(name, channel="red", row=0.5, column=0.5):
    """The figure that the widget shows, and its description.

    Args:
        name: of a bundled photo.
        channel: 'red', 'green' or 'blue'.
        row, column: centre of the magnified window, from 0 (top, left) to 1.
    Returns:
        (matplotlib Figure, alternative text)
    """
    image = load_image(name, SIZE)
    figure, top, left = magnifier(image, CHANNELS[channel], row, column)
    values = image[0, CHANNELS[channel], top : top + 8, left : left + 8]
    alt = (
        f"Photo '{title(name)}' with a marked window of 8 by 8 pixels, and the {channel} values of that window as"
        f" numbers: rows {top} to {top + 7}, columns {left} to {left + 7}, from {values.min():.2f} to"
        f" {values.max():.2f}."
    )
    return figure, alt


def pixels(name="animal_cat"):
    """The widget: choose a photo and a channel, move the window, and read the numbers in it."""
    return Pixels(name)


class Pixels(Redrawn):
    """Controls and one figure."""

    def __init__(self, name):
        self.photo = menu("photo", titled(photos()), name)
        self.channel = w.ToggleButtons(options=list(CHANNELS), description="channel", style={"button_width": "70px"})
        self.row, self.column = (
            w.FloatSlider(
                0.5, min=0, max=1, step=0.02, description=label, readout_format=".0%", continuous_update=False
            )
            for label in ("down", "across")
        )
        super().__init__(
            {"name": self.photo, "channel": self.channel, "row": self.row, "column": self.column},
            [[self.photo, self.channel], [self.row, self.column]],
            "a magnifying glass over a photo that shows its pixels as numbers.",
        )

    def draw(self, **settings):
        """As `magnified`."""
        return magnified(**settings)
