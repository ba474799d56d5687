"""Pictures are compared by how alike they look: every figure of the course is like itself, and like no other."""

import base64
import io

import nbformat
import pytest
from PIL import Image, ImageOps

from course_utils.notebooks import SAME, keep_pictures, select
from likeness import ALIKE, pictures, similarity

FIGURES = [
    (f"{path.stem[:2]} {cell.id} {number}", picture)
    for path in select()
    for cell in nbformat.read(path, 4).cells
    for number, picture in enumerate(pictures(cell.get("outputs", [])))
]


def png(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **{"format": "PNG", **options})
    return buffer.getvalue()


def test_there_are_figures():
    assert len(FIGURES) > 50


@pytest.mark.parametrize("figure", [figure for _, figure in FIGURES], ids=[name for name, _ in FIGURES])
def test_a_figure_is_like_itself_only(figure):
    picture = Image.open(io.BytesIO(figure)).convert("RGB")
    assert similarity(figure, png(picture)) > 0.999
    assert similarity(figure, png(picture, format="JPEG", quality=60)) > ALIKE  # what nobody sees
    assert similarity(figure, png(ImageOps.mirror(picture))) < ALIKE
    moved = picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, 12, 0, 1, 0))
    assert similarity(figure, png(moved)) < ALIKE
    assert similarity(figure, png(picture.crop((0, 0, picture.width - 5, picture.height)))) == 0


def notebook(picture, alt="a cat", cell_id="cat"):
    html = f'<img alt="{alt}" src="data:image/webp;base64,{base64.b64encode(picture).decode()}">'
    cell = nbformat.v4.new_code_cell("show(cat)", outputs=[nbformat.v4.new_output("display_data", {"text/html": html})])
    cell.id = cell_id
    return nbformat.v4.new_notebook(cells=[cell])


def test_pictures_that_look_the_same_are_left_alone():
    """Lighter by a grey level less than SAME: the stored one stays; by more, or of another cell or description: the new
    one.
    """
    dark, grey, light = (png(Image.new("RGB", (30, 20), (level,) * 3)) for level in (100, 100 + SAME - 1, 100 + SAME))
    for new, cell, alt, kept in (
        (grey, "cat", "a cat", True),
        (light, "cat", "a cat", False),
        (grey, "dog", "a cat", False),
        (grey, "cat", "a dog", False),
    ):
        made = notebook(new, alt, cell)
        keep_pictures(made, notebook(dark))
        assert pictures(made.cells[0].outputs) == [dark if kept else new]
    made = notebook(grey)
    keep_pictures(made, notebook(b"a sound"))  # no picture: the new one stays
    assert pictures(made.cells[0].outputs) == [grey]
