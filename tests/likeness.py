"""How alike two pictures are: structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004, IEEE Trans. Image Process.
13(4), eq. 13).

At a quarter of the size: another processor moves grains and single strokes, and no more than that.
"""

import base64
import io
import re

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

# of figures on another processor, at least (measured: 0.95 and more); of other figures, less (see test_repairs)
ALIKE = 0.9
WINDOW, SHRUNK = 7, 4
ROOM = 4  # pixels that a side may differ: another matplotlib rounds the size of its texts elsewhere
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def similarity(one, other):
    """From −1 to 1, the same picture: mean structural similarity of two pictures (bytes of files), or 0 where their
    sizes differ by more than `ROOM`.
    """
    one, other = (Image.open(io.BytesIO(picture)).convert("L") for picture in (one, other))
    if any(abs(side - there) > ROOM for side, there in zip(one.size, other.size)):
        return 0.0
    small = [max(WINDOW, side // SHRUNK) for side in one.size]
    x, y = (np.asarray(picture.resize(small, Image.Resampling.BOX), dtype=float) for picture in (one, other))
    mean_x, mean_y = (uniform_filter(values, WINDOW) for values in (x, y))
    spread = uniform_filter(x**2, WINDOW) - mean_x**2 + uniform_filter(y**2, WINDOW) - mean_y**2
    common = uniform_filter(x * y, WINDOW) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + C1) * (2 * common + C2) / ((mean_x**2 + mean_y**2 + C1) * (spread + C2))
    return float(likeness.mean())


def pictures(outputs):
    """The files of all pictures that are embedded in the outputs of a cell, in their order."""
    return [
        base64.b64decode(data)
        for output in outputs
        for data in re.findall(r'src="data:image/\w+;base64,([^"]*)"', output.get("data", {}).get("text/html", ""))
    ]
