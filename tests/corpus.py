"""Pictures made for the tests, byte by byte where Pillow cannot write them: PNG and TIFF of any layout, colour profiles, bombs."""
import functools
import io
import struct
import zlib

import numpy as np
from PIL import Image

from course_utils import images


def encode(picture, format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


# --- files made by hand ------------------------------------------------------------------------------------

def png(width, height, depth, kind, rows, *chunks):
    """A PNG of any depth and colour type; rows: the bytes of all rows, packed; chunks: (name, contents) before the pixels."""
    stride = len(rows) // height
    pixels = b"".join(b"\0" + rows[row * stride:(row + 1) * stride] for row in range(height))
    every = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)), *chunks, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in every)


def tiff(tags, pixels, order="<"):
    """A TIFF with one strip (or what the tags say) of these bytes; tags: {number: value or values}, as 32-bit numbers."""
    where = 324 if 322 in tags else 273
    tags = {259: 1, 277: 1, where: 0, where + 1 if where == 324 else 279: len(pixels), **tags}
    start = 8 + 2 + 12 * len(tags) + 4
    beside = start + 4 * sum(len(value) for value in tags.values() if isinstance(value, tuple))
    tags[where] = beside
    entries, extra = b"", b""
    for tag, value in sorted(tags.items()):
        if isinstance(value, bytes):
            raise TypeError("numbers only")
        values = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if isinstance(value, tuple):
            packed, extra = struct.pack(f"{order}I", start + len(extra)), extra + packed
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + struct.pack(f"{order}I", 0) + extra + pixels


def profile(space, gamma=1.8, swapped=False):
    """An ICC profile: 'GRAY' or 'RGB ' with this gamma and sRGB's primaries (red and blue in each other's place), or 'CMYK' with a table."""
    def number(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(*values):
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    white, curve = xyz(0.9642, 1, 0.8249), b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    if space == "GRAY":
        tags = {b"wtpt": white, b"kTRC": curve}
    elif space == "RGB ":
        red, green, blue = xyz(0.43607, 0.22249, 0.01392), xyz(0.38515, 0.71687, 0.09708), xyz(0.14307, 0.06061, 0.71410)
        red, blue = (blue, red) if swapped else (red, blue)
        tags = {b"wtpt": white, b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    else:           # corners of the ink cube as CIELAB: brightness falls with each ink, a and b follow cyan, magenta and yellow
        ink = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(16, 4)
        lab = np.stack([100 * (1 - ink @ [0.25, 0.3, 0.1, 0.9]).clip(0), -30 * ink[:, 0] + 60 * ink[:, 1], -40 * ink[:, 0] + 70 * ink[:, 2]], 1)
        lab = np.rint(np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], 1)).clip(0, 255).astype(np.uint8)
        ramp = bytes(range(256))
        tags = {b"wtpt": white, b"A2B0": b"mft1\0\0\0\0\4\3\2\0" + b"".join(number(v) for v in np.eye(3).ravel()) + ramp * 4 + lab.tobytes() + ramp * 3}
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, contents in tags.items():
        contents += bytes(-len(contents) % 4)
        table += name + struct.pack(">II", start + len(data), len(contents))
        data += contents
    length = start + len(data)
    head = struct.pack(">I4sI4s4s4s", length, b"none", 0x02400000, b"prtr" if space == "CMYK" else b"mntr", space.encode(),
                       b"Lab " if space == "CMYK" else b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + number(0.9642) + number(1) + number(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data
