"""Pictures: load, save, resize and show them; the photos and paintings that come with the course.

A picture is a tensor of shape (1, 3, H, W), float32, RGB, with values from 0 (black) to 1 (full intensity).
"""

import base64
import contextlib
import csv
import difflib
import functools
import html
import io
import logging
import math
import numbers
import os
import re
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, UnidentifiedImageError, features

from course_utils.files import FileError, check_writable, expanded, replace_file
from course_utils.inputs import check_number, check_tensor, lacks_memory, one_line, reason, short
from course_utils.paths import BUILD, DATA

MAX_PIXELS = 89_478_485  # Pillow's own limit for a picture that is not an attack

AVIF, JPEG2000 = features.check("avif"), features.check("jpg_2000")  # a build of Pillow may lack a codec
# formats whose first bytes give their kind and size; TGA has no such mark, and ICO may give a wrong size
READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", *["AVIF"] * AVIF, *["JPEG2000"] * JPEG2000)
OTHERS = {  # {what people try: (its first bytes, what they can do instead)}
    "a HEIC picture": (
        rb".{4}ftyp(hei|hev|mif1|msf1)",
        "export it as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible)",
    ),
    "an AVIF picture": (rb".{4}ftypavi", "save it as PNG or JPEG, or run `pip install -U pillow`"),
    "a JPEG XL picture": (rb"\xff\x0a|.{4}JXL ", "save it as PNG or JPEG"),
    "a web page": (rb"\s*<(!doctype|html)", "download the picture itself"),
    "a drawing": (rb"%PDF|%!PS|\s*<(\?xml|svg)", "export it as PNG"),
    "a project of Photoshop or GIMP": (rb"8BPS|gimp xcf", "export it as PNG"),
    "an icon or a texture": (rb"\0\0[\1\2]\0|DDS |icns", "save it as PNG"),
}
FORMATS = {
    ".png": {},
    ".jpg": {"quality": 95},
    ".jpeg": {"quality": 95},
    ".webp": {"quality": 95, "method": 6},
    ".bmp": {},
    ".tif": {"compression": "tiff_lzw"},
    ".tiff": {"compression": "tiff_lzw"},
}
if AVIF:
    FORMATS[".avif"] = {"quality": 95, "subsampling": "4:4:4"}
# pixels on a side; Pillow also writes longer AVIF files, but no program reads them
LONGEST = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383, ".avif": 32768}

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
CAPTION = re.compile(r"Figure \d\.\d+\. \S.*[.?!]")
SAME_SHAPE = (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM)
# what Pillow's readers raise on damaged files (UnidentifiedImageError and ImageCms.PyCMSError apart)
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
QUIET = threading.Lock()  # all threads share Python's list of warning filters
# ImageError says what is wrong with a file; Pillow's loggers need not print it
logging.getLogger("PIL").addHandler(logging.NullHandler())


class ImageError(ValueError):
    """A picture cannot be read or written; the message is one sentence that says what to do."""


# --- the bundled pictures ---------------------------------------------------------------------------------


@functools.cache
def catalogue() -> dict:
    """The manifest of the bundled pictures, {name: row}; the keys of a row include file, kind, title and source."""
    with open(DATA / "manifest.csv", encoding="utf-8", newline="") as file:
        return {Path(row["file"]).stem: row for row in csv.DictReader(file)}


def photos() -> list[str]:
    """Names of the bundled photos, sorted; `load_image` takes each of them."""
    return sorted(name for name, row in catalogue().items() if row["kind"] == "photo")


def paintings() -> list[str]:
    """Names of the bundled paintings, sorted; `load_image` takes each of them."""
    return sorted(name for name, row in catalogue().items() if row["kind"] == "painting")


def title(name: str) -> str:
    """A readable title of a bundled picture: 'Café Terrace at Night, 1888', 'Neuschwanstein Castle'.

    Raises ImageError for any other name.
    """
    row = catalogue().get(name) if isinstance(name, str) else None
    if row is None:
        raise ImageError(f"There is no bundled picture '{one_line(name)}': {_similar(name)}")
    return row["title"]


def _similar(name):
    """The end of a sentence about a name that does not exist: bundled names that look like it."""
    close = difflib.get_close_matches(Path(str(name)).stem.lower(), catalogue(), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else "give a path, or a name from photos() or paintings()."


def _unreadable(what, error):
    """The ImageError for an error that Pillow or torch raised while a file was decoded."""
    if lacks_memory(error):
        return ImageError(f"{what} needs more memory than there is: make it smaller first.")
    return ImageError(f"{what} is damaged or cut off ({reason(error)}): save or download it again.")


# --- load --------------------------------------------------------------------------------------------------


def load_image(source, size=None, *, smallest=1) -> torch.Tensor:
    """Load a picture as a tensor.

    Args:
        source: a path, the name of a bundled picture, the bytes of an image file, or a PIL image. Of an animation
            the first frame is taken. Transparent parts are laid on white. EXIF rotation, colour profiles and PNG's
            gamma are applied.
        size: None keeps the size; an int makes the longer side that many pixels; (H, W) is taken as it is.
        smallest: a picture with a side shorter than this, in pixels, is refused, before or after resizing.
    Returns:
        Tensor (1, 3, H, W), float32, RGB in [0, 1].
    Raises:
        ImageError: the picture is missing, broken, empty, huge or no picture, or the size makes no sense; the message
            says which.

    >>> photo = load_image("animal_cat", size=96)
    >>> photo.shape, photo.dtype
    (torch.Size([1, 3, 72, 96]), torch.float32)
    """
    check_number("The smallest side", smallest, 1, MAX_PIXELS, whole=True, error=ImageError)
    with _opened(source) as (picture, what):
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise ImageError(
                f"{what} has {width} × {height} pixels, more than {MAX_PIXELS // 10**6} million: make it smaller first."
            )
        if min(width, height) < smallest:
            raise ImageError(
                f"{what} has only {width} × {height} pixels: take a picture of at least {smallest} × {smallest}."
            )
        try:
            layout = _decode(picture, what)
            turn = _turn(picture)  # None for a TIFF, which Pillow has turned itself
            width, height = picture.size if turn in (None, *SAME_SHAPE) else picture.size[::-1]
            target = _target(height, width, size)
            if min(target) < smallest:
                enough = -(-smallest * max(height, width) // min(height, width))  # rounded up
                enough = enough if isinstance(size, numbers.Integral) else (smallest, smallest)
                raise ImageError(
                    f"{what} would have only {target[1]} × {target[0]} pixels at this size: "
                    f"take a size of {enough} or more."
                )
            return _resized(
                _to_rgb(picture, layout, turn, shrink=min(height // target[0], width // target[1]) // 4), target
            )
        except ImageError:
            raise
        except DAMAGE as error:
            raise _unreadable(what, error) from error


def resize(image: torch.Tensor, size) -> torch.Tensor:
    """Resize (N, 3, H, W) to a `size` as in `load_image`, bicubic with antialiasing, and clamp it to [0, 1].

    Raises ImageError when the picture or the size cannot be used.
    """
    check_tensor("The picture", image, "N, 3, H, W", values="finite", error=ImageError)
    return _resized(image, _target(*image.shape[-2:], size))


def _resized(image, target):
    if target == tuple(image.shape[-2:]):
        return image
    exact = image if image.dtype == torch.float64 else image.float()  # not every device has bicubic for other dtypes
    return F.interpolate(exact, target, mode="bicubic", antialias=True).clamp(0, 1).to(image.dtype)


def load_square(source, size: int) -> torch.Tensor:
    """The square in the middle of a picture, (1, 3, size, size); sources and errors are as in `load_image`."""
    check_number("The side of the square in pixels", size, 1, math.isqrt(MAX_PIXELS), whole=True, error=ImageError)
    size = int(size)  # NumPy's small types overflow
    with _opened(source) as (picture, what):
        shorter, longer = sorted(picture.size)
    whole = math.ceil(size * longer / max(shorter, 1))  # then `load_image` decodes large files at a reduced size
    if whole * size > MAX_PIXELS >= shorter * longer:
        raise ImageError(
            f"{what} has {longer} × {shorter} pixels, too long a strip for a square of {size}: crop it, "
            "or take a smaller size."
        )
    image = load_image(source, whole)
    top, left = ((side - size) // 2 for side in image.shape[2:])
    return image[:, :, top : top + size, left : left + size]


def _target(height, width, size):
    """(H, W) of a picture after resizing to `size`."""
    if size is None:
        return height, width
    pair = isinstance(size, (tuple, list))
    sides = tuple(size if pair else [size])
    if len(sides) != 1 + pair or not all(
        isinstance(side, numbers.Integral) and not isinstance(side, bool) and side > 0 for side in sides
    ):
        raise ImageError(
            f"{short(size)} is no size: give the longer side in pixels, or (height, width), as whole numbers above 0."
        )
    # larger sides are refused below; NumPy's small types overflow
    sides = [min(int(side), MAX_PIXELS + 1) for side in sides]
    if pair:
        target = tuple(sides)
    else:
        scale = sides[0] / max(height, width)
        target = max(1, round(height * scale)), max(1, round(width * scale))
    # resizing changes the width first, then the height: this is the picture in between
    if max(height, target[0]) * target[1] > MAX_PIXELS:
        raise ImageError(
            f"The size {short(size)} makes more than {MAX_PIXELS // 10**6} million pixels: take a smaller one."
        )
    return target


@contextlib.contextmanager
def _opened(source):
    """(PIL image, what to call it in a message) of any source; the pixels are not yet decoded.

    Pillow's warnings are not printed.
    """
    with QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture, what = _open(source)
        with contextlib.nullcontext() if picture is source else picture:  # closes the file
            yield picture, what


def _open(source):
    """The PIL image of any source, with its pixels not yet decoded, and what to call it in a message."""
    if isinstance(source, Image.Image):
        return source, "The picture"
    if isinstance(source, (bytes, bytearray, memoryview)):
        what, file = "The file", io.BytesIO(bytes(source))
        if not file.getbuffer():
            raise ImageError("The file is empty (0 bytes): choose another.")
    elif isinstance(source, (str, os.PathLike)):
        what = f"'{one_line(source)}'"
        try:
            file = _find(source)
        except ImageError:
            raise
        except (OSError, RuntimeError, ValueError, TypeError) as error:  # too long a name, no such user, a null byte
            raise ImageError(f"{what} cannot be read ({reason(error)}): check the path.") from error
    else:
        raise ImageError(
            f"A {type(source).__name__} cannot be loaded: give a path, a bundled name, bytes or a PIL image."
        )
    try:
        picture = Image.open(file, formats=READABLE)
        if picture.format == "JPEG2000" and (profile := _jp2_profile(picture.fp)):
            picture.info.setdefault("icc_profile", profile)
        return picture, what
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{what} has more than {MAX_PIXELS // 10**6} million pixels: make it smaller first."
        ) from error
    except UnidentifiedImageError as error:
        begin = file.getvalue()[:64] if isinstance(file, io.BytesIO) else _begin(file)
        for kind, (mark, way) in OTHERS.items():
            if re.match(mark, begin, re.S | re.I):
                raise ImageError(f"{what} is {kind}, which cannot be read here: {way}.") from error
        raise ImageError(
            f"{what} is not a picture that can be read: give a PNG, JPEG, WebP, GIF, BMP or TIFF file, "
            "or export it as one."
        ) from error
    except PermissionError as error:
        raise ImageError(f"{what} cannot be read ({reason(error)}): check its permissions.") from error
    except DAMAGE as error:
        raise _unreadable(what, error) from error


def _jp2_profile(file):
    """The colour profile of a JPEG 2000 file, which Pillow leaves out.

    The profile's box holds its length, its name, the method 2, two more bytes and the profile.
    """
    place = file.tell()
    file.seek(0)
    begin = file.read(2**22).partition(b"jp2c")[0]  # the boxes before the pixels
    file.seek(place)
    box = re.search(rb"(.{4})colr\x02..", begin, re.S)
    return box and begin[box.end() : box.start() + int.from_bytes(box[1], "big")]


def _begin(path):
    with open(path, "rb") as file:
        return file.read(64)


def _find(source):
    """The path of a file or of a bundled picture."""
    path, shown = Path(source).expanduser(), one_line(source)
    if not path.exists() and str(source) in catalogue():
        path = DATA / catalogue()[str(source)]["file"]
    if path.is_dir():
        raise ImageError(f"'{shown}' is a folder: give the path of one picture.")
    if not path.exists():
        if "://" in str(source):
            raise ImageError(f"'{shown}' is a web address: download the picture and give the path of the file.")
        raise ImageError(f"There is no file and no bundled picture '{shown}': {_similar(source)}")
    # opening a pipe to which nobody writes would wait for ever
    if not path.is_file():
        raise ImageError(f"'{shown}' is no ordinary file: give the path of one picture.")
    if path.stat().st_size == 0:
        raise ImageError(f"'{shown}' is empty (0 bytes): choose another file.")
    return path


def _decode(picture, what):
    """Decode the pixels; returns Pillow's name for their layout in the file, or '' where this is no longer known."""
    tags = _numbers(picture)
    if tags.get(254, 0) & 1:  # NewSubfileType: a reduced version of another picture
        raise ImageError(
            f"{what} begins with a small preview, as cameras' raw files do: export the photo itself as JPEG or PNG."
        )
    if tags.get(322, 0) * tags.get(323, 0) > MAX_PIXELS:  # the size of a tile; Pillow decodes a tile as a whole
        raise ImageError(f"{what} has tiles of more than {MAX_PIXELS // 10**6} million pixels: save it without.")
    if picture.mode in ("F", "I") and not _sixteen_bits(picture):
        raise ImageError(f"{what} has 32-bit pixels, whose range is not agreed on: save it with 8 or 16 bits.")
    layouts = [tile[3] if isinstance(tile[3], str) else tile[3][0] for tile in getattr(picture, "tile", ()) if tile[3]]
    picture.load()
    return str(layouts[0]) if layouts else ""


def _numbers(picture):
    """{tag: value} of the tags of a TIFF that are whole numbers."""
    return {tag: value for tag, value in getattr(picture, "tag_v2", {}).items() if isinstance(value, int)}


def _sixteen_bits(picture):
    return picture.mode.startswith("I;16") or picture.mode == "I" and picture.format in ("PNG", "PPM", None)


def _to_rgb(picture, layout, turn, shrink=0):
    """Tensor (1, 3, H, W) of a decoded picture.

    `shrink` > 1 first averages blocks with this many pixels on a side, to save memory.
    """
    sixteen_bits, negative = _sixteen_bits(picture), _numbers(picture).get(262) == 0
    if turn is not None:
        picture = picture.transpose(turn)
    colours, alpha = _split(picture, layout)
    if sixteen_bits:
        return _from_sixteen_bits(colours, alpha, 4095 if layout == "I;12" else 65535, negative)
    if colours.mode in ("1", "L"):
        colours, table = colours.convert("L"), _greys(picture.info).T.tolist()
        picture = Image.merge("RGB", [colours.point(column) for column in table])
    else:
        picture = _to_srgb(colours, picture.info)
    if alpha is not None:
        picture = picture.convert("RGBA")
        picture.putalpha(alpha)
    if shrink > 1:
        picture = picture.reduce(shrink)
    if alpha is not None:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).unsqueeze(0).float().div_(255)


def _turn(picture):
    """The transposition that the EXIF orientation prescribes, or None; other EXIF tags may be damaged."""
    try:
        return TURNS.get(picture.getexif().get(0x0112))
    except DAMAGE:
        return None


def _split(picture, layout):
    """(colours without palette and alpha, alpha as a picture of mode L or None).

    `layout` is Pillow's name for the layout of the pixels in the file.
    """
    key = picture.info.get("transparency")
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    elif picture.mode in ("La", "RGBa"):  # in these modes the colours are multiplied by alpha
        picture = picture.convert(picture.mode.upper())
    if picture.mode in ("LA", "RGBA"):
        return picture.getchannel("L") if picture.mode == "LA" else picture.convert("RGB"), picture.getchannel("A")
    if key is None or picture.mode not in ("1", "L", "I", "RGB") and not picture.mode.startswith("I;16"):
        return picture, None
    # the key has the range of the file's pixels, but Pillow's pixels go from 0 to 255
    if layout in ("L;2", "L;4"):
        key *= {"L;2": 85, "L;4": 17}[layout]
    if layout.startswith("RGB;16"):
        key = [part >> 8 for part in key]
    clear = np.asarray(picture) == (bool(key) if picture.mode == "1" else np.asarray(key))
    clear = clear.all(2) if picture.mode == "RGB" else clear
    return picture, Image.fromarray(np.where(clear, np.uint8(0), np.uint8(255)))


def _greys(info):
    """The colours (256, 3), uint8, for which the greys from 0 to 255 stand (see `_to_srgb`)."""
    return np.asarray(_to_srgb(Image.frombytes("L", (256, 1), bytes(range(256))), info, ImageCms.Flags.NOOPTIMIZE))[0]


def _to_srgb(colours, info, flags=ImageCms.Flags.NONE):
    """RGB picture with the colours that the profile, or PNG's gamma, prescribes.

    Without profile and gamma, the numbers are taken as sRGB. A profile for another kind of pixels is ignored. A profile
    for RGB is also used for greys, as equal parts of red, green and blue. Where LittleCMS may replace its curve by a
    coarse table, dark greys are up to 10 levels off; so `_greys` forbids this.
    """
    try:
        if profile := colours.mode != "LAB" and info.get("icc_profile"):
            profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            meant = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(profile.profile.xcolor_space.strip())
            if meant == "RGB" and colours.mode not in ("RGB", "CMYK"):
                colours = colours.convert("RGB")
            if meant == colours.mode:
                return ImageCms.profileToProfile(
                    colours, profile, ImageCms.createProfile("sRGB"), outputMode="RGB", flags=flags
                )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        pass  # a damaged profile: the plain numbers are the best guess
    if colours.mode != "RGB":
        colours = colours.convert("RGB")
    gamma = info.get("gamma")
    # libpng's threshold: a gamma nearer to 1/2.2 means sRGB
    if isinstance(gamma, float) and gamma > 0 and "srgb" not in info and abs(gamma * 2.2 - 1) > 0.05:
        light = np.linspace(0, 1, 256) ** (1 / gamma)
        curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        colours = colours.point(np.rint(curve * 255).astype(int).tolist() * 3)
    return colours


def _from_sixteen_bits(grey, alpha, most, negative):
    """Tensor (1, 3, H, W) of greys from 0 to `most`, by a table of the colour of each grey; Pillow would clip them."""
    steps = np.linspace(0, 255, most + 1)
    table = np.stack([np.interp(steps, np.arange(256), column) / 255 for column in _greys(grey.info).T]).astype(
        np.float32
    )
    values = np.asarray(grey).clip(0, most)
    if negative:
        values = most - values
    image = torch.from_numpy(table[:, values])[None]
    return image if alpha is None else image.masked_fill_(torch.from_numpy(np.asarray(alpha) == 0), 1)


# --- save --------------------------------------------------------------------------------------------------


def to_8bit(image: torch.Tensor) -> torch.Tensor:
    """The picture that a file with 8 bits for each colour can hold: clamped to [0, 1], rounded to multiples of 1/255.

    A value that is NaN stays NaN. The shape is any.
    """
    check_tensor("The picture", image, error=ImageError)
    return image.clamp(0, 1).mul(255).round().div(255)


def to_pil(image: torch.Tensor) -> Image.Image:
    """PIL image of a tensor (1, 3, H, W) or (3, H, W), clamped and rounded to 8 bits.

    Raises ImageError for any other tensor, and for values that are not finite.
    """
    alone = isinstance(image, torch.Tensor) and image.ndim == 3
    check_tensor("The picture", image, "3, H, W" if alone else "1, 3, H, W", values="finite", error=ImageError)
    pixels = image.detach().reshape(image.shape[-3:]).float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def save_image(image: torch.Tensor, path) -> None:
    """Write a picture (1, 3, H, W) in [0, 1] with 8 bits, in the format that the ending names (`FORMATS`).

    The file is written all or nothing, so that no half file is left behind.

    Raises:
        ImageError: the place cannot be written, or the ending is unknown.
    """
    try:
        path = expanded(path)
        if path.parent == BUILD:  # the course's own folder, which a fresh clone does not have
            with contextlib.suppress(OSError):  # check_writable says what is wrong
                BUILD.mkdir(exist_ok=True)
        check_writable(path, tuple(FORMATS))
    except FileError as error:
        raise ImageError(str(error)) from error
    picture, buffer = to_pil(image), io.BytesIO()
    longest = LONGEST.get(path.suffix.lower(), math.inf)
    if max(picture.size) > longest:
        raise ImageError(
            f"{picture.width} × {picture.height} pixels do not fit into '{one_line(path)}', "
            f"which holds {longest} on a side: choose another format, such as .png."
        )
    try:
        picture.save(buffer, format=Image.registered_extensions()[path.suffix.lower()], **FORMATS[path.suffix.lower()])
        replace_file(path, buffer.getvalue())
    except (OSError, ValueError, RuntimeError) as error:  # full disk; too much for the encoder
        raise ImageError(
            f"'{one_line(path)}' could not be written ({reason(error)}): make room, or choose another format."
        ) from error


# --- show --------------------------------------------------------------------------------------------------


def img_tag(picture, alt, width=None):
    """HTML <img> with the picture inside, and with a description for those who do not see it.

    Args:
        picture: tensor (1, 3, H, W) in [0, 1], PIL image or matplotlib Figure.
        alt: what there is to see, in a sentence.
        width: display width in CSS pixels; None shows the picture in its own size.
    Raises:
        ValueError: no description, or a width that makes no sense.
        ImageError: no picture, or one that is too large to be shown.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("Say in `alt` what there is to see.")
    if width is not None:
        check_number("The width in CSS pixels", width, 1, whole=True)
    buffer = io.BytesIO()
    if hasattr(picture, "savefig"):
        picture.savefig(buffer, format="webp", dpi=100, bbox_inches="tight", pil_kwargs={"quality": 85, "method": 6})
    else:
        if not isinstance(picture, Image.Image):
            picture = to_pil(picture)
        elif picture.mode not in ("RGB", "RGBA"):
            picture = to_pil(load_image(picture))
        if not 0 < min(picture.size) <= max(picture.size) <= LONGEST[".webp"]:
            raise ImageError(
                f"A picture of {picture.width} × {picture.height} pixels cannot be shown: resize it to 1 "
                f"to {LONGEST['.webp']} on a side."
            )
        picture.save(buffer, format="webp", quality=85, method=6)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f' width="{width}"' if width else ""
    return f'<img alt="{html.escape(alt)}"{size} style="max-width:100%" src="data:image/webp;base64,{data}">'


def show(picture, caption, alt, width=None):
    """Display a picture or a matplotlib Figure in a notebook, with a visible caption.

    Args:
        picture, alt, width: as `img_tag` takes them.
        caption: what to learn from it, such as 'Figure 1.3. A unit of relu5_1 sees the whole cat.' The number of the
            lesson and the number of the figure in the lesson come first.
    Raises:
        ValueError: a caption without its number or text.
        Other errors are as in `img_tag`.
    """
    from IPython.display import display

    if not isinstance(caption, str) or not CAPTION.fullmatch(caption):
        raise ValueError("Begin the caption with 'Figure 1.3. ' (lesson, number) and end it with a full stop.")
    below = f"<figcaption><i>{html.escape(caption)}</i></figcaption>"
    figure = f'<figure style="margin:0">{img_tag(picture, alt, width)}{below}</figure>'
    display({"text/html": figure, "text/plain": f"{caption}\n{alt}"}, raw=True)
