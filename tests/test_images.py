"""Pictures come in right from every kind of file, and bad ones say so in one sentence."""

import colorsys
import hashlib
import io
import os
import stat
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from corpus import bombs, encode, png, profile, tiff
from course_utils import images
from course_utils.images import ImageError, catalogue, load_image, save_image

COLOURS = np.array(
    [[[255, 0, 0], [0, 128, 0], [10, 20, 200]], [[0, 0, 0], [255, 255, 255], [77, 66, 55]]], dtype=np.uint8
)
EXPECTED = torch.from_numpy(COLOURS).permute(2, 0, 1)[None].float() / 255


def test_manifest_matches_the_files():
    rows = catalogue()
    on_disk = {
        path.relative_to(images.DATA).as_posix()
        for folder in ("photos", "paintings")
        for path in (images.DATA / folder).iterdir()
    }
    assert {row["file"] for row in rows.values()} == on_disk
    assert (len(images.photos()), len(images.paintings())) == (149, 8)
    for row in rows.values():
        content = (images.DATA / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"] and len(content) == int(row["bytes"]), row["file"]
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (int(row["width"]), int(row["height"])), row["file"]
        assert row["licence"] in ("Public domain", "CC0-1.0") and row["author"] and row["source"], row["file"]


def test_each_picture_has_a_title_of_its_own():
    titles = [images.title(name) for name in catalogue()]
    assert len(set(titles)) == len(titles) == 157
    assert all(title == title.strip() and title[:1].isupper() for title in titles)
    assert max(len(images.title(name)) for name in images.photos()) <= 40  # a menu shows it whole


@pytest.mark.parametrize("name", ["monument_neuschwanstein_castle", "van_gogh_night_cafe"])
def test_bundled_names(name):
    image = load_image(name)
    row = catalogue()[name]
    assert image.shape == (1, 3, int(row["height"]), int(row["width"])) and image.dtype == torch.float32
    assert torch.equal(image, load_image(images.DATA / row["file"]))
    assert images.title(name) == row["title"]


def test_sources(tmp_path):
    picture = Image.fromarray(COLOURS)
    path = tmp_path / "picture.png"
    picture.save(path)
    for source in (path, str(path), encode(picture), bytearray(encode(picture)), picture):
        assert torch.equal(load_image(source), EXPECTED)


def greyscale():
    grey = np.array([[0, 100], [200, 255]], dtype=np.uint8)
    return Image.fromarray(grey), torch.from_numpy(grey).float().expand(1, 3, 2, 2) / 255


def grey16():
    grey = np.array([[0, 1000], [30000, 65535]], dtype=np.uint16)
    return Image.fromarray(grey), torch.from_numpy(grey.astype(np.float32)).expand(1, 3, 2, 2) / 65535


def transparent():
    pixels = np.dstack([COLOURS, np.array([[255, 255, 0], [128, 255, 255]], dtype=np.uint8)])
    alpha = torch.from_numpy(pixels[..., 3].astype(np.float32)) / 255
    return Image.fromarray(pixels), EXPECTED * alpha + (1 - alpha)


def palette():
    return Image.fromarray(COLOURS).quantize(8), EXPECTED


def black_and_white():
    return Image.fromarray(np.array([[True, False]])), torch.tensor([[[[1.0, 0.0]]]]).expand(1, 3, 1, 2)


@pytest.mark.parametrize("make", [greyscale, grey16, transparent, palette, black_and_white])
def test_modes(make):
    picture, expected = make()
    assert torch.allclose(load_image(encode(picture)), expected, atol=1.01 / 255 if make is transparent else 1e-6)


def test_palette_with_transparency():
    picture = Image.fromarray(COLOURS).quantize(8)
    red = picture.getpixel((0, 0))
    image = load_image(encode(picture, transparency=red))
    assert torch.equal(image[0, :, 0, 0], torch.ones(3)) and torch.equal(image[0, :, 1], EXPECTED[0, :, 1])


def test_cmyk():
    flat = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # red ink
    image = load_image(encode(flat, "JPEG", quality=100))
    assert image[0, 0].min() > 0.95 and image[0, 1:].max() < 0.05


UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x.flip(3),
    3: lambda x: x.flip(2, 3),
    4: lambda x: x.flip(2),
    5: lambda x: x.mT,
    6: lambda x: x.rot90(-1, (2, 3)),
    7: lambda x: x.mT.flip(2, 3),
    8: lambda x: x.rot90(1, (2, 3)),
}


LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "TIFF, compressed": {"compression": "tiff_lzw"}}


@pytest.mark.parametrize("format", LOSSLESS)
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_rotation(orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(COLOURS), format.partition(",")[0], exif=exif, **LOSSLESS[format])
    upright = UPRIGHT[orientation](EXPECTED)
    assert torch.equal(load_image(content), upright)
    size = (10 * upright.shape[2], 10 * upright.shape[3])
    assert load_image(content, max(size)).shape[2:] == load_image(content, size).shape[2:] == size


@pytest.mark.filterwarnings("ignore:.*EXIF")
def test_damaged_exif_does_not_matter():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encode(Image.fromarray(COLOURS).resize((40, 30)), "JPEG", exif=exif)
    begin, refused = content.index(b"Exif"), []
    for place in range(begin + 6, begin + 32):  # the EXIF block itself
        for value in (0, 1, 77, 255):
            try:
                load_image(content[:place] + bytes([value]) + content[place + 1 :])
            except ImageError as error:
                refused.append(str(error))
    assert refused == []


# --- colours: each right one is computed from the plain pixels, by arithmetic or by LittleCMS --------------------

GAMMA = 1.8125  # a number that a profile holds exactly
RNG = np.random.default_rng(0)
GREY, RGB = RNG.integers(20, 256, (4, 5), dtype=np.uint8), RNG.integers(20, 256, (4, 5, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 2, (4, 5), dtype=np.uint8) * 255
FOUR = RNG.integers(0, 200, (4, 5, 4), dtype=np.uint8)
INKS = FOUR.astype(float)


def srgb(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def raw(mode, pixels):
    return Image.frombytes(mode, (5, 4), pixels.tobytes())


def cms(picture, source):
    """The colours as LittleCMS has them for a picture without transparency."""
    return (
        np.asarray(ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")) / 255
    )


def palette_picture():
    picture = raw("P", np.arange(20, dtype=np.uint8))
    picture.putpalette(RGB.tobytes())
    return picture


def with_alpha(picture, mode):
    picture = picture.convert(mode)
    picture.putalpha(Image.fromarray(ALPHA))
    return picture


def grey_of(values):
    return np.repeat(values[..., None] / 255, 3, 2)


def jpeg_colours(pixels):
    y, cb, cr = (pixels.astype(float)[..., n] for n in range(3))
    return (
        np.stack(
            [y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)], 2
        ).clip(0, 255)
        / 255
    )


MODES = {  # mode: (picture, what its pixels are, their plain RGB from 0 to 1)
    "1": (Image.fromarray(GREY > 130), "grey", grey_of((GREY > 130) * 255)),
    "L": (Image.fromarray(GREY), "grey", grey_of(GREY)),
    "LA": (with_alpha(Image.fromarray(GREY), "LA"), "grey", grey_of(GREY)),
    "La": (with_alpha(Image.fromarray(GREY), "LA").convert("La"), "grey", grey_of(GREY)),
    "I;16": (Image.fromarray(GREY.astype("<u2") * 257), "grey", grey_of(GREY)),
    "I;16B": (raw("I;16B", GREY.astype(">u2") * 257), "grey", grey_of(GREY)),
    "I": (Image.fromarray(GREY.astype(np.int32) * 257), "grey", grey_of(GREY)),
    "P": (palette_picture(), "rgb", RGB / 255),
    "PA": (with_alpha(palette_picture(), "PA"), "rgb", RGB / 255),
    "RGB": (Image.fromarray(RGB), "rgb", RGB / 255),
    "RGBA": (with_alpha(Image.fromarray(RGB), "RGBA"), "rgb", RGB / 255),
    "RGBa": (with_alpha(Image.fromarray(RGB), "RGBA").convert("RGBa"), "rgb", RGB / 255),
    "RGBX": (raw("RGBX", np.dstack([RGB, GREY])), "rgb", RGB / 255),
    "YCbCr": (raw("YCbCr", 60 + RGB // 3), "rgb", jpeg_colours(60 + RGB // 3)),
    "HSV": (raw("HSV", RGB), "rgb", np.array([[colorsys.hsv_to_rgb(*pixel) for pixel in row] for row in RGB / 255])),
    "CMYK": (raw("CMYK", FOUR), "ink", (255 - INKS[..., :3]) * (255 - INKS[..., 3:]) / 255**2),
    "LAB": (raw("LAB", RGB), "lab", cms(raw("LAB", RGB), ImageCms.createProfile("LAB"))),
}
FILES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "LAB", "I;16", "I;16B"),
}


@pytest.mark.parametrize("space", ["", "GRAY", "RGB ", "CMYK", "damaged"])
@pytest.mark.parametrize("mode", MODES)
def test_colours_of_every_mode(mode, space):
    picture, kind, expected = MODES[mode]
    picture = picture.copy()
    icc = profile(space, GAMMA, swapped=True) if space in ("GRAY", "RGB ", "CMYK") else b"no profile"
    if space:
        picture.info["icc_profile"] = icc
    if (kind, space) in (("grey", "GRAY"), ("grey", "RGB "), ("rgb", "RGB ")):
        expected = srgb(expected**GAMMA)[..., ::-1]  # red and blue change places
    elif (kind, space) == ("ink", "CMYK"):
        expected = cms(MODES[mode][0], ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    if mode[-1] in "Aa":
        expected = np.where(ALPHA[..., None] == 0, 1, expected)
    expected = torch.from_numpy(expected.copy()).permute(2, 0, 1)[None].float()
    levels = 4 if mode in ("YCbCr", "HSV") else 1.1  # Pillow computes these two in whole numbers
    before = picture.tobytes(), dict(picture.info)
    assert (load_image(picture) - expected).abs().max() * 255 < levels
    assert (picture.tobytes(), picture.info) == before, "the picture that was given has changed"
    for format in (format for format, modes in FILES.items() if mode in modes):
        webp = {"lossless": True, "exact": True, "icc_profile": picture.info.get("icc_profile", b"")}
        options = webp if format == "WEBP" else {}
        content = encode(picture, format, **options)
        assert (load_image(content) - expected).abs().max() * 255 < levels, format


def test_profiles_matter():
    """The test above could not fail otherwise."""
    for space, picture in (("GRAY", Image.fromarray(GREY)), ("RGB ", Image.fromarray(RGB)), ("CMYK", MODES["CMYK"][0])):
        plain = load_image(picture)
        picture = picture.copy()
        picture.info["icc_profile"] = profile(space, GAMMA, swapped=True)
        assert (load_image(picture) - plain).abs().max() > 0.05


@pytest.mark.parametrize("gamma", [1.0, 1.8125, 2.25])
def test_dark_greys_are_exact(gamma):
    """LittleCMS's shortcut for whole pictures would be up to ten levels off here."""
    ramp = np.arange(256, dtype=np.uint8)[None]
    for picture in (Image.fromarray(ramp), Image.fromarray(ramp.astype(np.uint16) * 257)):
        picture.info["icc_profile"] = profile("GRAY", gamma)
        assert np.abs(load_image(picture)[0, :, 0].numpy() - srgb((ramp / 255) ** gamma)).max() * 255 < 0.51


ICC = {
    "": [],
    "GRAY": [(b"iCCP", b"x\0\0" + zlib.compress(profile("GRAY", GAMMA)))],
    "RGB ": [(b"iCCP", b"x\0\0" + zlib.compress(profile("RGB ", GAMMA)))],
    "gamma": [(b"gAMA", struct.pack(">I", 55172))],
}


@pytest.mark.parametrize("meant", ICC)
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_transparent_grey_of_every_depth(depth, meant):
    """tRNS names one grey in the numbers of the file."""
    most = 2**depth - 1
    values = np.unique(np.linspace(0, most, 8).astype(int))
    rows = np.packbits(((values[:, None] >> np.arange(depth)[::-1]) & 1).astype(np.uint8).ravel()).tobytes()
    expected = values / most
    if meant:
        expected = srgb(expected**GAMMA)
    for key, value in enumerate(values):
        content = png(len(values), 1, depth, 0, rows, *ICC[meant], (b"tRNS", struct.pack(">H", value)))
        right = np.where(np.arange(len(values)) == key, 1, expected)
        assert np.abs(load_image(content)[0, :, 0].numpy() - right).max() * 255 < 1.1, value
    if depth == 16:  # one step beside the key is not the key
        near = png(2, 1, 16, 0, struct.pack(">2H", 300, 301), (b"tRNS", struct.pack(">H", 301)))
        assert load_image(near)[0, 0, 0].tolist() == [np.float32(300) / np.float32(65535), 1]


@pytest.mark.parametrize("meant", ["", "RGB ", "gamma"])
@pytest.mark.parametrize("depth", [8, 16])
def test_transparent_colour(depth, meant):
    colours = np.array([[255, 0, 0], [255, 0, 10], [0, 128, 0], [40, 50, 60]])
    rows = (colours if depth == 8 else colours * 257).astype(">u2" if depth == 16 else np.uint8).tobytes()
    key = struct.pack(">3H", *(colours[0] if depth == 8 else colours[0] * 257))
    expected = colours / 255
    if meant:
        expected = srgb(expected**GAMMA)
    expected[0] = 1
    got = load_image(png(4, 1, depth, 2, rows, *ICC[meant], (b"tRNS", key)))[0, :, 0].T.numpy()
    assert np.abs(got - expected).max() * 255 < 1.1


def test_a_transparent_colour_leaves_the_given_picture_as_it_was():
    picture = Image.fromarray(RGB)
    picture.info["transparency"] = tuple(RGB[0, 0].tolist())
    assert torch.equal(load_image(picture)[0, :, 0, 0], torch.ones(3))
    assert picture.mode == "RGB" and np.array_equal(np.asarray(picture), RGB)


@pytest.mark.parametrize("meant", ["", "RGB ", "gamma"])
def test_transparent_palette_with_a_profile(meant):
    colours, alpha = np.array([[255, 0, 0], [40, 200, 10], [0, 128, 0]]), np.array([0, 128, 255])
    expected = srgb((colours / 255) ** GAMMA) if meant else colours / 255
    expected = expected * alpha[:, None] / 255 + 1 - alpha[:, None] / 255
    content = png(
        3,
        1,
        8,
        3,
        bytes([0, 1, 2]),
        *ICC[meant],
        (b"PLTE", bytes(colours.ravel().tolist())),
        (b"tRNS", bytes(alpha.tolist())),
    )
    assert np.abs(load_image(content)[0, :, 0].T.numpy() - expected).max() * 255 < 1.6


@pytest.mark.parametrize(
    "stored, others, power",
    [
        (100_000, [], 1.0),
        (45_455, [], None),
        (45_000, [], None),
        (55_556, [], 1.8),
        (0, [], None),
        (100_000, [(b"sRGB", b"\0")], None),
        (100_000, ICC["RGB "], GAMMA),
    ],
)
def test_gamma_of_png(stored, others, power):
    """light = sample ** (1 / gAMA); 1 / 2.2 is how programs say sRGB; sRGB and iCCP count before it."""
    ramp = np.arange(256)
    content = png(
        256, 1, 8, 2, np.repeat(ramp, 3).astype(np.uint8).tobytes(), *others, (b"gAMA", struct.pack(">I", stored))
    )
    expected = ramp / 255 if power is None else srgb((ramp / 255) ** power)
    assert np.abs(load_image(content)[0, :, 0].numpy() - expected).max() * 255 < 1.1


@pytest.mark.skipif(not images.JPEG2000, reason="this Pillow reads no JPEG 2000")
def test_profile_of_jpeg_2000():
    icc = profile("RGB ", GAMMA, swapped=True)
    content = encode(Image.fromarray(RGB), "JPEG2000")
    header = content.index(b"jp2h") - 4
    length, box = struct.unpack(">I", content[header : header + 4])[0], content.index(b"colr") - 4
    new = struct.pack(">I4sBBB", len(icc) + 11, b"colr", 2, 0, 0) + icc
    longer = struct.pack(">I", length - 15 + len(new))
    content = content[:header] + longer + content[header + 4 : box] + new + content[box + 15 :]
    expected = torch.from_numpy(srgb((RGB / 255) ** GAMMA)[..., ::-1].copy()).permute(2, 0, 1)
    assert (load_image(content)[0] - expected).abs().max() * 255 < 1.1


def test_sixteen_bits_are_kept():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(
        load_image(Image.fromarray(every))[0, 1].numpy(), every.astype(np.float32) / np.float32(65535)
    )
    shades = load_image(png(300, 1, 16, 0, np.arange(30000, 30300).astype(">u2").tobytes(), *ICC["GRAY"]))[0, 0, 0]
    assert shades.unique().numel() > 100  # more than the three levels of 8 bits


@pytest.mark.parametrize("bits, order", [(1, "<"), (1, ">"), (4, "<"), (8, "<"), (8, ">"), (16, "<")])
def test_tiff_whose_zero_is_white(bits, order):
    most, values = 2**bits - 1, np.array([0, 1, 2**bits - 1, 2 ** (bits - 1)])
    pixels = values.astype("<u2")
    if bits < 16:
        pixels = np.packbits(((values[:, None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8).ravel())
    content = tiff({256: 4, 257: 1, 258: bits, 262: 0, 278: 1}, pixels.tobytes(), order)
    assert np.abs(load_image(content)[0, 0, 0].numpy() - (1 - values / most)).max() < 1e-6
    positive = tiff({256: 4, 257: 1, 258: bits, 262: 1, 278: 1}, pixels.tobytes(), order)
    assert np.abs(load_image(positive)[0, 0, 0].numpy() - values / most).max() < 1e-6


def test_twelve_bits():
    values = np.array([0, 100, 2048, 4095])
    pixels = np.packbits(((values[:, None] >> np.arange(12)[::-1]) & 1).astype(np.uint8).ravel()).tobytes()
    got = load_image(tiff({256: 4, 257: 1, 258: 12, 262: 1, 278: 1}, pixels))
    assert np.abs(got[0, 0, 0].numpy() - values / 4095).max() < 1e-6


def test_sixteen_bits_of_a_pgm():
    got = load_image(b"P5 2 1 65535\n" + struct.pack(">2H", 1000, 65535))
    assert got[0, 0, 0].tolist() == [np.float32(1000) / np.float32(65535), 1]


def test_large_pictures_are_shrunk_without_harm():
    picture = Image.linear_gradient("L").resize((2000, 1500))
    expected = load_image(picture.convert("RGB").resize((100, 75), Image.Resampling.BOX))
    assert (load_image(picture, 100) - expected).abs().max() < 0.02


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_animation_gives_its_first_frame(format):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if format == "WEBP" else {}
    image = load_image(encode(frames[0], format, save_all=True, append_images=frames[1:], **options))
    assert image.shape == (1, 3, 4, 6) and torch.equal(image[0, :, 0, 0], torch.tensor([1.0, 0, 0]))


@pytest.mark.parametrize("size", [0, -5, True, 2.5, (4,), (0, 3), "large"])
def test_bad_sizes(size):
    with pytest.raises(ImageError, match="is no size"):
        load_image(Image.fromarray(COLOURS), size)


@pytest.mark.parametrize(
    "size, shape", [(np.int64(25), (10, 25)), (None, (20, 50)), (25, (10, 25)), (100, (40, 100)), ((7, 9), (7, 9))]
)
def test_size(size, shape):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 50, 3), dtype=np.uint8))
    image = load_image(picture, size)
    assert image.shape == (1, 3, *shape) and 0 <= image.min() and image.max() <= 1


def test_resize_keeps_constants_and_antialiases():
    assert torch.allclose(
        load_image(Image.new("RGB", (64, 48), (51, 102, 204)), 10)[0, :, 3, 3], torch.tensor([0.2, 0.4, 0.8])
    )
    stripes = Image.fromarray(np.tile(np.array([[0, 255]], dtype=np.uint8), (64, 32)))
    assert (load_image(stripes, 16) - 0.5).abs()[..., 2:-2].max() < 0.02  # without antialiasing: 0 or 1


def cut_jpeg(folder):
    content = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
    return content[: len(content) // 2], "damaged or cut off"


def cut_png(folder):
    content = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    return content[: len(content) // 2], "damaged or cut off"


def text(folder):
    (folder / "note.txt").write_text("not a picture")
    return folder / "note.txt", "not a picture"


def empty(folder):
    (folder / "empty.png").touch()
    return folder / "empty.png", "empty"


def bomb(folder):
    return bombs()["PNG 20000 × 20000"], "make it smaller"


def large(folder):
    return bombs()["PNG 9500 × 9500"], "make it smaller"


@pytest.mark.parametrize(
    "make",
    [
        cut_jpeg,
        cut_png,
        text,
        empty,
        bomb,
        large,
        lambda folder: (folder, "is a folder"),
        lambda folder: (b"", "empty"),
        lambda folder: (folder / "nowhere.png", "There is no file"),
        lambda folder: ("van_gogh_night_caffe", "did you mean van_gogh_night_cafe"),
        lambda folder: ("https://example.org/cat.jpg", "web address"),
        lambda folder: ("x" * 300, "cannot be read|no file"),
        lambda folder: ("~nosuchuser/cat.png", "check the path|no file"),
        lambda folder: (np.zeros((4, 4, 3)), "ndarray cannot be loaded"),
        lambda folder: (Image.new("F", (4, 4)), "32-bit pixels"),
        lambda folder: (b"\x89PNG\r\n\x1a\n" + bytes(40), "picture"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_bad_input_says_what_to_do(make, tmp_path):
    source, message = make(tmp_path)
    with pytest.raises(ImageError, match=message) as caught:
        load_image(source)
    assert "\n" not in str(caught.value) and str(caught.value).rstrip().endswith((".", "?"))


def test_smallest():
    with pytest.raises(ImageError, match="has only 3 × 2 pixels"):
        load_image(Image.fromarray(COLOURS), smallest=16)
    with pytest.raises(ImageError, match="would have only 256 × 3 pixels"):
        load_image(Image.new("RGB", (3000, 40)), 256, smallest=16)


@pytest.mark.parametrize("size", [256, 300, np.int64(20)])
def test_a_panorama_is_told_the_size(size):
    strip = Image.new("RGB", (3000, 40))
    with pytest.raises(ImageError, match="take a size of 1200 or more"):
        load_image(strip, size, smallest=16)
    assert min(load_image(strip, 1200, smallest=16).shape[2:]) >= 16
    with pytest.raises(ImageError, match=r"take a size of \(16, 16\) or more"):
        load_image(strip, (300, 8), smallest=16)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "a HEIC picture.*export it as JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(99), "a HEIC picture.*export it as JPEG"),
        (b"\xff\x0a" + bytes(99), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "JPEG XL"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page.*download the picture itself"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "a drawing.*export it as PNG"),
        (b"%PDF-1.7\n" + bytes(99), "a drawing"),
        (b"8BPS\0\1" + bytes(99), "Photoshop"),
        (encode(Image.new("RGB", (16, 16)), "ICO"), "an icon"),
        (encode(Image.new("RGB", (16, 16)), "DDS"), "a texture"),
        (encode(Image.new("RGB", (16, 16)), "TGA"), "save it as PNG|export it as one"),
        (encode(Image.new("L", (16, 16)), "TGA"), "export it as one"),
        (tiff({254: 1, 256: 1, 257: 1, 258: 8, 262: 1}, b"\0"), "small preview.*export the photo itself"),
        (
            tiff({256: 16, 257: 16, 258: 8, 262: 1, 322: 1 << 14, 323: 1 << 14}, b"\0"),
            "tiles of more than 89 million pixels",
        ),
    ],
)
def test_the_way_out_of_other_formats(content, words, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    for source in (content, tmp_path / "a.png"):
        with pytest.raises(ImageError, match=words):
            load_image(source)


def test_an_avif_without_its_decoder(monkeypatch):
    monkeypatch.setattr(images, "READABLE", ("PNG", "JPEG"))
    with pytest.raises(ImageError, match="an AVIF picture, which cannot be read here: save it as PNG or JPEG"):
        load_image(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(99))


@pytest.mark.parametrize(
    "name",
    ["Van_Gogh_Night_Cafe", "VAN_GOGH_NIGHT_CAFFE", "van_gogh_night_cafe.webp", "pictures/van_gogh_night_cafe.jpg"],
)
def test_names_are_suggested_whatever_their_case_and_suffix(name):
    for function in (load_image, images.title):
        with pytest.raises(ImageError, match="did you mean van_gogh_night_cafe"):
            function(name)


def test_a_pipe_is_no_picture(tmp_path):
    """To open one would wait for ever."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "a.png")
    path = tmp_path / "a.png"
    for call in (lambda: load_image(path), lambda: save_image(torch.zeros(1, 3, 2, 2), path)):
        with pytest.raises(ImageError, match="no ordinary file"):
            call()
    assert stat.S_ISFIFO((tmp_path / "a.png").stat().st_mode)


@pytest.mark.parametrize("name", [f"a{ending}" for ending in images.FORMATS] + ["a.JPEG"])
def test_save_and_load(tmp_path, name):
    image = load_image("animal_cat", 64)
    save_image(image, tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    again = load_image(tmp_path / name)
    assert (again - images.to_8bit(image)).abs().mean() < (
        1e-9 if name[1:] in (".png", ".bmp", ".tif", ".tiff") else 0.02
    )


def test_a_folder_as_output(tmp_path):
    for name in (tmp_path, str(tmp_path) + "/", tmp_path / "."):
        with pytest.raises(
            ImageError, match="is a folder: give the name of the file to write, such as '.*picture.png'"
        ):
            save_image(torch.zeros(1, 3, 4, 4), name)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="is a folder"):
        save_image(torch.zeros(1, 3, 4, 4), tmp_path / "folder.png")


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links and rights")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link.png", tmp_path / "there" / "a.png"
    link.symlink_to(target)
    for shade in (0.0, 1.0):  # first without the file behind it, then with it
        save_image(torch.full((1, 3, 4, 4), shade), link)
        assert link.is_symlink() and torch.equal(load_image(target), torch.full((1, 3, 4, 4), shade))
    link.unlink()
    link.symlink_to(tmp_path / "nowhere" / "a.png")
    with pytest.raises(ImageError, match="does not exist"):
        save_image(torch.zeros(1, 3, 4, 4), link)
    assert sorted(os.listdir(tmp_path)) == ["link.png", "there"] and os.listdir(tmp_path / "there") == ["a.png"]


def test_saved_values_are_those_of_to_8bit(tmp_path):
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0)) * 3 - 1
    save_image(image, tmp_path / "a.png")
    assert torch.equal(load_image(tmp_path / "a.png"), images.to_8bit(image))


@pytest.mark.parametrize(
    "name, message",
    [
        ("a.gif", "let the name end in"),
        ("a", "let the name end in"),
        ("no/such/a.png", "does not exist"),
        (".", "format|folder"),
        ("x" * 300 + ".png", "cannot be written"),
    ],
)
def test_bad_output(tmp_path, name, message):
    with pytest.raises(ImageError, match=message):
        save_image(torch.zeros(1, 3, 4, 4), tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "image",
    [torch.full((1, 3, 4, 4), float("nan")), torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, 3, 4, 4)],
)
def test_what_is_no_picture_is_not_saved(tmp_path, image):
    with pytest.raises(ImageError):
        save_image(image, tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_too_large_for_the_format(tmp_path):
    with pytest.raises(ImageError, match="another format"):
        save_image(torch.zeros(1, 3, 1, 17_000), tmp_path / "a.webp")
    assert os.listdir(tmp_path) == []


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    save_image(torch.zeros(1, 3, 4, 4), path)
    old = path.read_bytes()

    def full(self, file, **options):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ImageError, match="No space left"):
        save_image(torch.ones(1, 3, 4, 4), path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["a.png"]


def test_show_has_a_caption(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    images.show(torch.zeros(1, 3, 4, 4), "Figure 1.12. Black, <and> small.", "a square", width=10)
    assert shown[0]["text/plain"] == "Figure 1.12. Black, <and> small.\na square"
    assert "<figcaption><i>Figure 1.12. Black, &lt;and&gt; small.</i></figcaption>" in shown[0]["text/html"]
    for caption in ("Black and small.", "Figure 1. Black.", "Figure 1.2. ", "Figure 1.2. Black", None):
        with pytest.raises(ValueError, match="Begin the caption with"):
            images.show(torch.zeros(1, 3, 4, 4), caption, "a square")


def test_img_tag_describes():
    tag = images.img_tag(torch.zeros(1, 3, 4, 4), 'a "black" square', width=10)
    assert 'alt="a &quot;black&quot; square"' in tag and 'width="10"' in tag
    with pytest.raises(ValueError, match="alt"):
        images.img_tag(torch.zeros(1, 3, 4, 4), " ")


def test_the_build_folder_is_made_when_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "BUILD", tmp_path / "build")
    images.save_image(torch.rand(1, 3, 4, 4), tmp_path / "build" / "a.png")
    assert (tmp_path / "build" / "a.png").is_file()
    with pytest.raises(images.ImageError, match="does not exist"):
        images.save_image(torch.rand(1, 3, 4, 4), tmp_path / "other" / "a.png")
