"""Pictures made for the tests, byte by byte where Pillow cannot write them: PNG and TIFF of any layout, colour
profiles, bombs."""

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
    """A PNG of any depth and colour type; rows: the bytes of all rows, packed; chunks: (name, contents) before the
    pixels.
    """
    stride = len(rows) // height
    pixels = b"".join(b"\0" + rows[row * stride : (row + 1) * stride] for row in range(height))
    every = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
        *chunks,
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in every
    )


def tiff(tags, pixels, order="<"):
    """A TIFF with one strip (or what the tags say) of these bytes; tags: {number: value or values}, as 32-bit
    numbers.
    """
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
    """An ICC profile: 'GRAY' or 'RGB ' with this gamma and sRGB's primaries (red and blue in each other's place), or
    'CMYK' with a table.
    """

    def number(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(*values):
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    white, curve = xyz(0.9642, 1, 0.8249), b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    if space == "GRAY":
        tags = {b"wtpt": white, b"kTRC": curve}
    elif space == "RGB ":
        red, green = xyz(0.43607, 0.22249, 0.01392), xyz(0.38515, 0.71687, 0.09708)
        blue = xyz(0.14307, 0.06061, 0.71410)
        red, blue = (blue, red) if swapped else (red, blue)
        tags = {
            b"wtpt": white,
            b"rXYZ": red,
            b"gXYZ": green,
            b"bXYZ": blue,
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        }
    else:
        # corners of the ink cube as CIELAB: brightness falls with each ink, a and b follow cyan, magenta and yellow
        ink = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(16, 4)
        lab = np.stack(
            [
                100 * (1 - ink @ [0.25, 0.3, 0.1, 0.9]).clip(0),
                -30 * ink[:, 0] + 60 * ink[:, 1],
                -40 * ink[:, 0] + 70 * ink[:, 2],
            ],
            1,
        )
        lab = np.rint(np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], 1)).clip(0, 255).astype(np.uint8)
        ramp = bytes(range(256))
        tags = {
            b"wtpt": white,
            b"A2B0": (
                b"mft1\0\0\0\0\4\3\2\0"
                + b"".join(number(v) for v in np.eye(3).ravel())
                + ramp * 4
                + lab.tobytes()
                + ramp * 3
            ),
        }
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, contents in tags.items():
        contents += bytes(-len(contents) % 4)
        table += name + struct.pack(">II", start + len(data), len(contents))
        data += contents
    length = start + len(data)
    head = struct.pack(
        ">I4sI4s4s4s",
        length,
        b"none",
        0x02400000,
        b"prtr" if space == "CMYK" else b"mntr",
        space.encode(),
        b"Lab " if space == "CMYK" else b"XYZ ",
    )
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + number(0.9642) + number(1) + number(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


# --- pictures of every format and mode ---------------------------------------------------------------------

OPTIONS = {
    "PNG": [{}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}, {"compression": "packbits"}],
    "JPEG": [{}, {"progressive": True}],
    "WEBP": [{}, {"lossless": True}],
    "GIF": [{}, {"interlace": 0}],
    "BMP": [{}],
    "PPM": [{}],
    "JPEG2000": [{}, {"irreversible": True, "no_jp2": True}],
    "AVIF": [{"speed": 10}],
}
IN_MODE = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "F", "I"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("L", "P", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "PPM": ("1", "L", "RGB", "I;16"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA", "I;16"),
    "AVIF": ("RGB", "RGBA"),
}


def picture(width, height, mode="RGB"):
    """Something between a gradient and noise, with a transparent corner where the mode can hold one."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).integers(0, 64, (height, width, 4))
    colours = (
        np.stack(
            [
                191 * x // max(width - 1, 1),
                191 * y // max(height - 1, 1),
                191 * (x + y) // (width + height),
                191 - 0 * x,
            ],
            2,
        )
        + noise
    )
    colours[: height // 3, : width // 3, 3] = 0
    colours = Image.fromarray(colours.astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray(np.asarray(colours.convert("L")).astype(np.uint16) * 257)
    return colours if mode == "RGBA" else colours.convert(mode if mode in ("LA", "P") else "RGB").convert(mode)


def coded(format, mode, number, width, height):
    """A picture with EXIF data and a colour profile, where the format holds them; number: of the format's OPTIONS."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "turned"
    more = {"exif": exif, "icc_profile": profile("RGB ")} if format in ("PNG", "TIFF", "JPEG", "WEBP", "AVIF") else {}
    return encode(picture(width, height, mode), format, **OPTIONS[format][number], **more)


@functools.cache
def files(width=19, height=13):
    """{name: bytes}: small pictures in every format that is read, in every mode and packing."""
    found = {
        f"{format} {mode} {number}": coded(format, mode, number, width, height)
        for format in images.READABLE
        for mode in IN_MODE[format]
        for number in range(len(OPTIONS[format]))
    }
    frames = [picture(width, height).rotate(angle) for angle in (0, 90, 180)]
    for format in ("GIF", "PNG", "WEBP", "TIFF", *["AVIF"] * images.AVIF):
        found[f"{format} animated"] = encode(frames[0], format, save_all=True, append_images=frames[1:])
    found["JPEG several"] = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    for depth, kind in ((1, 0), (2, 0), (4, 0), (16, 0), (16, 2), (16, 4), (16, 6)):
        row = -(-width * depth * {0: 1, 2: 3, 4: 2, 6: 4}[kind] // 8)
        rows = np.random.default_rng(depth).integers(0, 256, row * height, dtype=np.uint8).tobytes()
        key = {0: [(b"tRNS", struct.pack(">H", 1))], 2: [(b"tRNS", struct.pack(">3H", 1, 1, 1))]}.get(kind, [])
        found[f"PNG {depth} {kind}"] = png(
            width, height, depth, kind, rows, (b"gAMA", struct.pack(">I", 100_000)), *key
        )
    return found


def damaged(content, random, number):
    """`number` damaged copies: cut off, bits turned, bytes put to extremes, parts emptied or doubled."""
    for _ in range(number):
        data, how = (
            bytearray(content),
            random.choice(
                ["cut off", "bits turned", "bits turned", "bytes replaced", "parts emptied", "parts doubled"]
            ),
        )
        place = random.randrange(len(data))
        if how == "cut off":
            del data[place:]
        elif how == "bits turned":
            for _ in range(random.choice([1, 1, 3, 20])):
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        elif how == "bytes replaced":  # mostly in the header
            for _ in range(random.choice([1, 3])):
                end = min(len(data), random.choice([64, 300, len(data)]))
                data[random.randrange(end)] = random.choice([0, 1, 127, 128, 255])
        elif how == "parts emptied":
            data[place : place + 8] = bytes(len(data[place : place + 8]))
        else:
            data[place:place] = data[place : place + random.randrange(40)]
        yield how, bytes(data)


# --- bombs -------------------------------------------------------------------------------------------------


def _patched(content, mark, distance, layout, *numbers):
    """The file with other numbers so many bytes behind a mark."""
    place = content.index(mark) + distance
    return content[:place] + struct.pack(layout, *numbers) + content[place + struct.calcsize(layout) :]


@functools.cache
def bombs():
    """{name: bytes}: small files that claim, or unpack to, more than is reasonable."""
    side = 10_240
    packed = zlib.compress(bytes(side**2))
    found = {}
    for width, height in ((20_000, 20_000), (2**31 - 1, 2**31 - 1), (9_500, 9_500), (2**31 - 1, 1)):
        header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        whole = png(1, 1, 1, 0, b"\0")
        checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
        found[f"PNG {width} × {height}"] = whole[:16] + header + checksum + whole[33:]
    for name, chunk in {"zTXt": b"x\0\0" + packed, "iTXt": b"x\0\1\0\0\0" + packed, "iCCP": b"x\0\0" + packed}.items():
        found[f"PNG {name}"] = png(4, 4, 8, 0, bytes(16), (name.encode(), chunk))
    million = b"x\0\0" + zlib.compress(bytes(1_000_000))
    found["PNG many zTXt"] = png(4, 4, 8, 0, bytes(16), *[(b"zTXt", million)] * 100)
    gif = encode(picture(8, 8, "P"), "GIF")
    found["GIF screen"] = _patched(gif, b"GIF8", 6, "<HH", 65535, 65535)
    found["GIF frame"] = _patched(gif, b",\0\0\0\0", 5, "<HH", 65535, 65535)
    found["TIFF"] = tiff({256: 60_000, 257: 60_000, 258: 8, 262: 1}, b"\0")
    found["TIFF packed"] = tiff({256: 10_000, 257: 10_000, 258: 8, 259: 8, 262: 1, 278: 10_000}, packed)
    found["TIFF tile"] = tiff({256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 322: side, 323: side}, packed)
    plain = tiff({256: 16, 257: 16, 258: 8, 262: 1}, bytes(256))
    found["TIFF count"] = plain.replace(struct.pack("<HHI", 262, 4, 1), struct.pack("<HHI", 262, 4, 2**30))
    webp = encode(picture(8, 8), "WEBP", save_all=True, append_images=[picture(8, 8).rotate(90)])
    found["WEBP"] = _patched(webp, b"VP8X", 12, "<6B", 255, 63, 0, 255, 63, 0)  # 16384 × 16384
    found["BMP"] = _patched(encode(picture(8, 8), "BMP"), b"BM", 18, "<ii", 60_000, 60_000)
    found["BMP upside down"] = _patched(encode(picture(8, 8), "BMP"), b"BM", 18, "<ii", 60_000, -60_000)
    found["JPEG"] = _patched(encode(picture(8, 8), "JPEG"), b"\xff\xc0", 5, ">HH", 65_500, 65_500)
    found["PPM"], found["PPM plain"] = b"P6 60000 60000 255\n" + bytes(64), b"P3 60000 60000 255\n" + b"0 " * 64
    if images.JPEG2000:
        found["JPEG2000"] = _patched(encode(picture(8, 8), "JPEG2000"), b"ihdr", 4, ">II", 60_000, 60_000)
    if images.AVIF:
        found["AVIF"] = _patched(encode(picture(8, 8), "AVIF"), b"ispe", 8, ">II", 16_000, 16_000)
    return found
