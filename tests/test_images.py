"""Pictures come in right from every kind of file, and bad ones say so in one sentence."""
import hashlib
import io
import os

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from course_utils import images
from course_utils.images import ImageError, catalogue, load_image, save_image

COLOURS = np.array([[[255, 0, 0], [0, 128, 0], [10, 20, 200]], [[0, 0, 0], [255, 255, 255], [77, 66, 55]]], dtype=np.uint8)
EXPECTED = torch.from_numpy(COLOURS).permute(2, 0, 1)[None].float() / 255


def encode(picture, format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def test_manifest_matches_the_files():
    rows = catalogue()
    on_disk = {path.relative_to(images.DATA).as_posix() for folder in ("photos", "paintings") for path in (images.DATA / folder).iterdir()}
    assert {row["file"] for row in rows.values()} == on_disk
    assert (len(images.photos()), len(images.paintings())) == (149, 8)
    for row in rows.values():
        content = (images.DATA / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"] and len(content) == int(row["bytes"]), row["file"]
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (int(row["width"]), int(row["height"])), row["file"]
        assert row["licence"] in ("Public domain", "CC0-1.0") and row["author"] and row["source"], row["file"]


@pytest.mark.parametrize("name", ["monument_neuschwanstein_castle", "van_gogh_night_cafe"])
def test_bundled_names(name):
    image = load_image(name)
    row = catalogue()[name]
    assert image.shape == (1, 3, int(row["height"]), int(row["width"])) and image.dtype == torch.float32
    assert torch.equal(image, load_image(images.DATA / row["file"]))
    assert images.title(name)


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
    flat = Image.new("CMYK", (8, 8), (0, 255, 255, 0))                     # red ink
    image = load_image(encode(flat, "JPEG", quality=100))
    assert image[0, 0].min() > 0.95 and image[0, 1:].max() < 0.05


UPRIGHT = {1: lambda x: x, 2: lambda x: x.flip(3), 3: lambda x: x.flip(2, 3), 4: lambda x: x.flip(2), 5: lambda x: x.mT,
           6: lambda x: x.rot90(-1, (2, 3)), 7: lambda x: x.mT.flip(2, 3), 8: lambda x: x.rot90(1, (2, 3))}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_rotation(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(COLOURS), exif=exif)
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
    for place in range(begin + 6, begin + 32):         # the EXIF block itself
        for value in (0, 1, 77, 255):
            try:
                load_image(content[:place] + bytes([value]) + content[place + 1:])
            except ImageError as error:
                refused.append(str(error))
    assert refused == []


def test_colour_profile():
    """A profile whose red and blue primaries have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red:red + 4], profile[blue:blue + 4] = b"bXYZ", b"rXYZ"
    content = encode(Image.new("RGB", (4, 4), (255, 0, 0)), icc_profile=bytes(profile))
    assert torch.allclose(load_image(content)[0, :, 0, 0], torch.tensor([0.0, 0.0, 1.0]), atol=0.02)
    assert torch.equal(load_image(encode(Image.fromarray(COLOURS), icc_profile=b"no profile")), EXPECTED)


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


@pytest.mark.parametrize("size, shape", [(np.int64(25), (10, 25)), (None, (20, 50)), (25, (10, 25)), (100, (40, 100)), ((7, 9), (7, 9))])
def test_size(size, shape):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 50, 3), dtype=np.uint8))
    image = load_image(picture, size)
    assert image.shape == (1, 3, *shape) and 0 <= image.min() and image.max() <= 1


def test_resize_keeps_constants_and_antialiases():
    assert torch.allclose(load_image(Image.new("RGB", (64, 48), (51, 102, 204)), 10)[0, :, 3, 3], torch.tensor([0.2, 0.4, 0.8]))
    stripes = Image.fromarray(np.tile(np.array([[0, 255]], dtype=np.uint8), (64, 32)))
    assert (load_image(stripes, 16) - 0.5).abs()[..., 2:-2].max() < 0.02          # without antialiasing: 0 or 1


def cut_jpeg(folder):
    content = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
    return content[:len(content) // 2], "damaged or cut off"


def cut_png(folder):
    content = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    return content[:len(content) // 2], "damaged or cut off"


def text(folder):
    (folder / "note.txt").write_text("not a picture")
    return folder / "note.txt", "not a picture"


def empty(folder):
    (folder / "empty.png").touch()
    return folder / "empty.png", "empty"


def bomb(folder):
    header = encode(Image.new("1", (20_000, 20_000)))
    return header, "make it smaller"


def large(folder):
    return encode(Image.new("1", (10_000, 10_000))), "make it smaller"


@pytest.mark.parametrize("make", [
    cut_jpeg, cut_png, text, empty, bomb, large, lambda folder: (folder, "is a folder"), lambda folder: (b"", "empty"),
    lambda folder: (folder / "nowhere.png", "There is no file"), lambda folder: ("van_gogh_night_caffe", "did you mean van_gogh_night_cafe"),
    lambda folder: ("https://example.org/cat.jpg", "web address"),
    lambda folder: ("x" * 300, "cannot be read|no file"), lambda folder: ("~nosuchuser/cat.png", "check the path|no file"),
    lambda folder: (np.zeros((4, 4, 3)), "ndarray cannot be loaded"), lambda folder: (Image.new("F", (4, 4)), "32-bit pixels"),
    lambda folder: (b"\x89PNG\r\n\x1a\n" + bytes(40), "picture"),
])
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


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
def test_save_and_load(tmp_path, name):
    image = load_image("animal_cat", 64)
    save_image(image, tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    again = load_image(tmp_path / name)
    assert (again - images.to_8bit(image)).abs().mean() < (1e-9 if name == "a.png" else 0.02)


def test_saved_values_are_those_of_to_8bit(tmp_path):
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0)) * 3 - 1
    save_image(image, tmp_path / "a.png")
    assert torch.equal(load_image(tmp_path / "a.png"), images.to_8bit(image))


@pytest.mark.parametrize("name, message", [("a.gif", "let the name end in"), ("no/such/a.png", "does not exist"), (".", "format|folder"),
                                           ("x" * 300 + ".png", "cannot be written")])
def test_bad_output(tmp_path, name, message):
    with pytest.raises(ImageError, match=message):
        save_image(torch.zeros(1, 3, 4, 4), tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("image", [torch.full((1, 3, 4, 4), float("nan")), torch.zeros(1, 3, 4, 4, dtype=torch.uint8),
                                   torch.zeros(2, 3, 4, 4)])
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
