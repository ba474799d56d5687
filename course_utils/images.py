"""Pictures: load, save, resize, show; the photos and paintings that come with the course.

A picture is a tensor of shape (1, 3, H, W), float32, RGB, from 0 (black) to 1 (full).
"""
import base64
import contextlib
import csv
import difflib
import functools
import html
import io
import math
import numbers
import os
import struct
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, UnidentifiedImageError

from course_utils.setup import ROOT

DATA = ROOT / "data"
BUILD = ROOT / "build"          # what notebooks and commands write; never committed
MAX_PIXELS = 89_478_485         # Pillow's own limit for a picture that is not an attack
READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
FORMATS = {".png": {}, ".jpg": {"quality": 95}, ".jpeg": {"quality": 95}, ".webp": {"quality": 95, "method": 6}}


TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90}
SAME_SHAPE = (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM)
UMASK = os.umask(0)
os.umask(UMASK)


class ImageError(ValueError):
    """A picture that cannot be read or written; the message is one sentence that says what to do."""


# --- the bundled pictures ---------------------------------------------------------------------------------

@functools.cache
def catalogue():
    """The manifest of the bundled pictures, {name: row}; a row has file, kind, title, author, licence, source …"""
    with open(DATA / "manifest.csv", encoding="utf-8", newline="") as file:
        return {Path(row["file"]).stem: row for row in csv.DictReader(file)}


def photos():
    """Names of the bundled photos, sorted; `load_image` takes each of them."""
    return sorted(name for name, row in catalogue().items() if row["kind"] == "photo")


def paintings():
    """Names of the bundled paintings, sorted; `load_image` takes each of them."""
    return sorted(name for name, row in catalogue().items() if row["kind"] == "painting")


def title(name):
    """A readable title of a bundled picture: 'Café Terrace at Night, 1888', 'neuschwanstein castle'."""
    row = catalogue()[name]
    return row["title"] or name.split("_", 1)[-1].replace("_", " ")


# --- load --------------------------------------------------------------------------------------------------

def load_image(source, size=None, *, smallest=1):
    """Load a picture as a tensor.

    Args:
        source: a path, the name of a bundled picture, the bytes of an image file, or a PIL image. Of an animation
            the first frame is taken; transparency is laid on white; EXIF rotation and colour profiles are applied.
        size: None keeps the size; an int makes the longer side that many pixels; (H, W) is taken as it is.
        smallest: refuse a picture with a side shorter than this, in pixels, before or after resizing.
    Returns:
        Tensor (1, 3, H, W), float32, RGB in [0, 1].
    Raises:
        ImageError: missing, broken, empty, huge or no picture, or no size; the message says which.
    """
    picture, what = _open(source)
    with contextlib.ExitStack() as stack:
        if picture is not source:
            stack.enter_context(picture)                # closes the file
        turn = _turn(picture)
        width, height = picture.size if turn in (None, *SAME_SHAPE) else picture.size[::-1]
        if width * height > MAX_PIXELS:
            raise ImageError(f"{what} has {width} × {height} pixels, more than {MAX_PIXELS // 10**6} million: make it smaller first.")
        if min(width, height) < smallest:
            raise ImageError(f"{what} has only {width} × {height} pixels: take a picture of at least {smallest} × {smallest}.")
        target = _target(height, width, size)
        if min(target) < smallest:
            raise ImageError(f"{what} would have only {target[1]} × {target[0]} pixels at this size: "
                             f"take a larger size, for at least {smallest} × {smallest}.")
        try:
            image = _to_rgb(picture, turn, shrink=min(height // target[0], width // target[1]) // 4)
        except ImageError as error:
            raise ImageError(f"{what} {error}") from error
        except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:     # Pillow's decoders, on damaged files
            raise ImageError(f"{what} is damaged or cut off ({error}): save or download it again.") from error
    return resize(image, target)


def resize(image, size):
    """Resize (N, 3, H, W) to `size` as in `load_image`, bicubic with antialiasing, clamped to [0, 1]."""
    target = _target(*image.shape[-2:], size)
    if target == tuple(image.shape[-2:]):
        return image
    return F.interpolate(image, target, mode="bicubic", antialias=True).clamp(0, 1)


def load_square(source, size):
    """The square in the middle of a picture, `size` × `size` pixels; sources and errors as in `load_image`."""
    picture, _ = _open(source)
    shorter, longer = sorted(picture.size)
    if picture is not source:
        picture.close()
    image = load_image(source, math.ceil(size * longer / max(shorter, 1)))      # decodes large files at a reduced size
    top, left = ((side - size) // 2 for side in image.shape[2:])
    return image[:, :, top:top + size, left:left + size]


def _target(height, width, size):
    """(H, W) of a picture after resizing to `size`."""
    if size is None:
        return height, width
    if isinstance(size, numbers.Integral) and not isinstance(size, bool):
        scale = size / max(height, width)
        target = (max(1, round(height * scale)), max(1, round(width * scale))) if size > 0 else (0, 0)
    else:
        target = tuple(size) if isinstance(size, (tuple, list)) else ()
    if len(target) != 2 or not all(isinstance(side, numbers.Integral) and side > 0 for side in target):
        raise ImageError(f"{size!r} is no size: give the longer side in pixels, or (height, width), as whole numbers above 0.")
    return int(target[0]), int(target[1])


def _open(source):
    """PIL image (pixels not yet decoded) of any source, and what to call it in a message."""
    if isinstance(source, Image.Image):
        return source, "The picture"
    if isinstance(source, (bytes, bytearray, memoryview)):
        what, file = "The picture", io.BytesIO(source)
        if len(source) == 0:
            raise ImageError("The picture is empty (0 bytes): choose another file.")
    elif isinstance(source, (str, os.PathLike)):
        what = f"'{source}'"
        try:
            file = _find(source)
        except (OSError, RuntimeError, ValueError) as error:        # too long a name, no such user, a null byte
            if isinstance(error, ImageError):
                raise
            raise ImageError(f"{what} cannot be read ({error}): check the path.") from error
    else:
        raise ImageError(f"A {type(source).__name__} cannot be loaded: give a path, a bundled name, bytes or a PIL image.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)     # load_image has its own limit
            return Image.open(file, formats=READABLE), what
    except Image.DecompressionBombError as error:
        raise ImageError(f"{what} has more than {MAX_PIXELS // 10**6} million pixels: make it smaller first.") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{what} is not a picture that can be read: give a PNG, JPEG, WebP, GIF, BMP or TIFF file.") from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageError(f"{what} cannot be read ({error}): check the file and its permissions.") from error


def _find(source):
    """Path of a file or of a bundled picture."""
    path = Path(source).expanduser()
    if not path.exists() and str(source) in catalogue():
        path = DATA / catalogue()[str(source)]["file"]
    if path.is_dir():
        raise ImageError(f"'{source}' is a folder: give the path of one picture.")
    if not path.exists():
        if "://" in str(source):
            raise ImageError(f"'{source}' is a web address: download the picture and give the path of the file.")
        close = difflib.get_close_matches(str(source), catalogue(), n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "give a path, or a name from photos() or paintings()."
        raise ImageError(f"There is no file and no bundled picture '{source}': {hint}")
    if path.is_file() and path.stat().st_size == 0:
        raise ImageError(f"'{source}' is empty (0 bytes): choose another file.")
    return path


def _to_rgb(picture, turn, shrink=0):
    """Decode any PIL image to a tensor (1, 3, H, W); `shrink` > 1 first averages blocks of that many pixels, to save memory."""
    sixteen_bits = picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", None))
    picture.load()
    if turn is not None:
        picture = picture.transpose(turn)
    if sixteen_bits:
        grey = torch.from_numpy(np.asarray(picture).astype(np.float32) / 65535).clamp(0, 1)     # 16 bits: Pillow would clip
        return grey.expand(1, 3, *grey.shape).contiguous()
    if picture.mode in ("F", "I"):
        raise ImageError("has 32-bit pixels, whose range is not agreed on: save it with 8 or 16 bits.")
    picture = _to_srgb(picture)
    if shrink > 1:
        picture = picture.reduce(shrink)
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).unsqueeze(0).float() / 255


def _turn(picture):
    """The transposition that the EXIF orientation asks for, or None; other EXIF tags, even damaged ones, do not matter."""
    try:
        return TURNS.get(picture.getexif().get(0x0112))
    except (OSError, SyntaxError, ValueError, TypeError, AttributeError, KeyError, struct.error):
        return None


def _to_srgb(picture):
    """RGB or RGBA with the colours that the picture's profile means; without a profile the numbers are taken as sRGB."""
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    profile = picture.info.get("icc_profile")
    if picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        picture = picture.convert(mode)
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass        # a damaged profile, or one for another kind of pixels: the plain numbers are the best guess
    return picture.convert(mode)


# --- save --------------------------------------------------------------------------------------------------

def to_8bit(image):
    """The picture that a file with 8 bits for each colour can hold: clamped to [0, 1], rounded to multiples of 1/255."""
    return image.clamp(0, 1).mul(255).round().div(255)


def to_pil(image):
    """PIL image of a tensor (1, 3, H, W) or (3, H, W), clamped and rounded to 8 bits."""
    image = image.detach().reshape(-1, *image.shape[-2:])
    if image.shape[0] != 3:
        raise ImageError(f"A picture has the shape (1, 3, H, W), not {tuple(image.shape)}: pick one picture of the batch.")
    if not image.is_floating_point() or not image.isfinite().all():
        raise ImageError("A picture has finite floating-point values from 0 to 1: convert bytes with .float() / 255.")
    pixels = image.float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def check_writable(path, endings=tuple(FORMATS)):
    """Raise ImageError unless a file with one of the endings can be written to `path`; leaves nothing behind. Returns the Path."""
    try:
        path = Path(path).expanduser()
    except RuntimeError as error:
        raise ImageError(f"'{path}' cannot be written ({error}): check the path.") from error
    if path.suffix.lower() not in endings:
        raise ImageError(f"'{path}' has not the format that can be written here: let the name end in {', '.join(endings)}.")
    try:
        if path.is_dir():
            raise ImageError(f"'{path}' is a folder: give the name of the file to write.")
        if not path.parent.is_dir():
            raise ImageError(f"The folder '{path.parent}' does not exist: make it first, or write elsewhere.")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.exists():                           # raises for a name that is too long
            with open(path, "ab"):
                pass
    except OSError as error:
        raise ImageError(f"'{path}' cannot be written ({error.strerror}): choose another place.") from error
    return path


def save_image(image, path):
    """Write (1, 3, H, W) in [0, 1] as PNG, JPEG or WebP with 8 bits; all or nothing: no half file is left behind.

    Raises:
        ImageError: the place cannot be written or the ending is unknown.
    """
    if Path(path).parent == BUILD:          # a folder of the course itself; not there on a fresh clone
        with contextlib.suppress(OSError):  # check_writable says what is wrong
            BUILD.mkdir(exist_ok=True)
    path, picture, buffer = check_writable(path), to_pil(image), io.BytesIO()
    try:
        picture.save(buffer, format=Image.registered_extensions()[path.suffix.lower()], **FORMATS[path.suffix.lower()])
        replace_file(path, buffer.getvalue())
    except (OSError, ValueError) as error:          # full disk; more pixels than the format can hold
        raise ImageError(f"'{path}' could not be written ({error}): make room, or choose another format.") from error


def replace_file(path, contents):
    """Write bytes to a file, all or nothing: an interrupted or failed attempt leaves what was there. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=Path(path).parent, prefix=".new-", suffix=Path(path).suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(contents)
        os.chmod(temporary, 0o666 & ~UMASK)         # mkstemp makes files private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


# --- show --------------------------------------------------------------------------------------------------

def img_tag(picture, alt, width=None):
    """HTML <img> with the picture inside and a description for those who do not see it.

    Args:
        picture: tensor (1, 3, H, W) in [0, 1], PIL image or matplotlib Figure.
        alt: what there is to see, in a sentence.
        width: display width in CSS pixels; None shows the picture in its own size.
    """
    if not alt.strip():
        raise ValueError("Say in `alt` what there is to see.")
    buffer = io.BytesIO()
    if hasattr(picture, "savefig"):
        picture.savefig(buffer, format="webp", dpi=100, bbox_inches="tight", pil_kwargs={"quality": 85, "method": 6})
    else:
        picture = picture if isinstance(picture, Image.Image) else to_pil(picture)
        picture.save(buffer, format="webp", quality=85, method=6)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f' width="{width}"' if width else ""
    return f'<img alt="{html.escape(alt)}"{size} style="max-width:100%" src="data:image/webp;base64,{data}">'


def show(picture, alt, width=None):
    """Display a picture or a matplotlib Figure in the notebook, with its description (see `img_tag`)."""
    from IPython.display import display
    display({"text/html": img_tag(picture, alt, width), "text/plain": alt}, raw=True)
