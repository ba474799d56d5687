"""Pages of the lessons: every formula is there, and nothing comes from a network."""

import re

import nbformat
import pytest
from latex2mathml.converter import convert

import browser
from course_utils import pages
from course_utils.notebooks import NOTEBOOKS, NotANotebook

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
LOOK = """() => {
  const formulas = [...document.querySelectorAll('math')]
  const found = address => document.getElementById(address) || document.getElementById(decodeURIComponent(address))
  return {
    formulas: formulas.length,
    flat: formulas.filter(each => each.getBoundingClientRect().height < 5).length,
    pictures: [...document.images].filter(each => !each.naturalWidth).length,
    lost: [...document.querySelectorAll('a[href^="#"]')]
      .map(each => each.getAttribute('href').slice(1)).filter(address => !found(address)),
  }
}"""


def text_of(path):
    cells = nbformat.read(path, 4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_page_has_all_formulas_and_asks_for_nothing(path):
    html = pages.page(path)
    formulas = [match for match in pages.FORMULA.finditer(text_of(path)) if match["block"] or match["inline"]]
    assert html.count("<math ") == html.count("</math>") == len(formulas) > 0
    assert not re.search(r"<script[^>]*src|<link|@import|url\(['\"]?https?:", html)
    assert not [source for source in re.findall(r'<img[^>]*src="([^"]{0,40})', html) if not source.startswith("data:")]
    assert ".ipynb#" not in re.sub(r"<code>.*?</code>|<pre>.*?</pre>", "", html, flags=re.S)


@pytest.mark.browser
@pytest.mark.process
def test_a_browser_shows_them(tmp_path):
    made = pages.write(PATHS, tmp_path / "pages")
    with browser.program() as context:
        page = context.new_page()
        for path in made:
            asked = []
            page.on("request", lambda request: asked.append(request.url))
            page.goto(path.as_uri())
            seen = page.evaluate(LOOK)
            assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
            assert seen["formulas"] and (seen["flat"], seen["pictures"], seen["lost"]) == (0, 0, []), path.name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("`$x$` and ```\n$$y$$\n```", []),
        ("costs 5 \\$ and $x_1$", ["x_1"]),
        ("$a$ or $$b\n+ c$$", ["a", "b\n+ c"]),
    ],
)
def test_what_counts_as_a_formula(source, expected):
    found = [match["block"] or match["inline"] for match in pages.FORMULA.finditer(source)]
    assert [formula for formula in found if formula] == expected


def test_large_bars_are_kept():
    (cell, _), same = changed(r"$\big\lVert G \big\rVert$"), convert(r"\lVert G \rVert")
    assert re.sub(r"\s", "", cell.source) == re.sub(r"\s", "", same)


def changed(source, path=NOTEBOOKS):
    cell = nbformat.v4.new_markdown_cell(source)
    return pages.Offline().preprocess_cell(cell, {"metadata": {"path": str(path)}}, 0)


@pytest.mark.parametrize("formula", [r"\nosuchthing", r"a + \unknown{y}", r"\big\weird", r"a^"])
def test_formulas_that_cannot_be_written_are_named(formula):
    with pytest.raises(pages.PageError, match="The formula .* (has|cannot be written)"):
        changed(f"Look: ${formula}$.")


def test_pictures_outside_the_course_stay_links(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.webp").write_bytes(b"secret")
    (tmp_path / "notebooks").mkdir()
    for source in ("![a](../data/a.webp)", "![a](../data/../../etc/passwd)", "![a](../data/nothing.webp)"):
        assert changed(source, tmp_path / "notebooks")[0].source == source
    assert "](data:image/webp;base64," in changed("![a](../data/examples/eye_unit.webp)")[0].source


def test_what_is_no_notebook(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text("{}")
    with pytest.raises(NotANotebook):
        pages.page(path)
    (tmp_path / "file").touch()
    with pytest.raises(pages.PageError, match="cannot be written"):
        pages.write([PATHS[0]], tmp_path / "file" / "folder")
