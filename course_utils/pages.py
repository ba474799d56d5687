"""Lessons as pages for a browser, which show their formulas and pictures without the internet.

`Offline` writes each formula as MathML, which browsers draw themselves (MathML Core, W3C), and puts the pictures into
the page. JupyterLab's *Save and Export Notebook As… HTML* also uses it, because jupyter/jupyter_server_config.json says
so.
"""

import base64
import json
import mimetypes
import re
from collections.abc import Callable
from pathlib import Path

from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.preprocessors import Preprocessor
from traitlets.config import Config

from course_utils.files import replace_file
from course_utils.inputs import reason
from course_utils.notebooks import read
from course_utils.paths import DATA, JUPYTER, NOTEBOOKS

CODE, BLOCK, INLINE = r"```.*?```|`+[^`]*`+", r"\$\$(?P<block>.+?)\$\$", r"(?<!\\)\$(?P<inline>[^$\n]+?)\$"
FORMULA = re.compile(f"{CODE}|{BLOCK}|{INLINE}", re.S)
PICTURE = re.compile(r"(?<=\]\()\.\./data/[^)\s]+(?=\))")
LESSON_LINK = re.compile(r"(?<=\]\()(\d\d_\w+)\.ipynb(?=[)#])")


class PageError(RuntimeError):
    """A page that cannot be made; the message says why."""


class Offline(Preprocessor):
    """nbconvert's preprocessor for text: it turns TeX into MathML, embeds the course's pictures, and links pages."""

    def preprocess_cell(self, cell, resources, index):
        """Returns the cell, changed if it is Markdown, and the resources as they are.

        Raises:
            PageError: a formula that cannot be written as MathML.
        """
        if cell.cell_type == "markdown":
            folder = Path(resources.get("metadata", {}).get("path") or NOTEBOOKS)
            text = PICTURE.sub(lambda match: _embedded(match[0], folder), cell.source)
            cell.source = LESSON_LINK.sub(r"\1.html", FORMULA.sub(_mathml, text))
        return cell, resources


def _mathml(match):
    """The MathML of a formula; code stays as it is."""
    tex = match["block"] or match["inline"]
    if tex is None:
        return match[0]
    tex = re.sub(r"\\[bB]ig[glr]*(?=\s*\\)", "", tex)  # the library knows \big( and not \big\lVert
    try:
        formula = convert(tex, display="block" if match["block"] else "inline")
    except Exception as error:  # the library's errors have no common class
        raise PageError(f"The formula ${tex}$ cannot be written as MathML ({reason(error)}): simplify it.") from error
    unknown = re.search(r"\\\w*.?", re.sub(r"<[^>]*>", "", formula))
    if unknown:
        raise PageError(f"The formula ${tex}$ has {unknown[0]}, which MathML does not know: write it in another way.")
    return formula


def _embedded(link, folder):
    """The address of a picture. For a picture of the course, the address holds the picture itself."""
    path = (folder / link).resolve()
    if not path.is_relative_to(DATA) or not path.is_file():
        return link
    kind = mimetypes.guess_type(path.name)[0] or "image/webp"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def page(path: Path) -> str:
    """The HTML of the notebook in a file, with its pictures inside.

    Raises:
        NotANotebook: the file cannot be read.
        PageError: a formula cannot be written.
    """
    settings = json.loads((JUPYTER / "jupyter_server_config.json").read_text(encoding="utf-8"))
    exporter = HTMLExporter(config=Config(settings), extra_template_basedirs=[str(JUPYTER / "nbconvert" / "templates")])
    about = {"name": path.stem, "path": str(path.parent.resolve())}
    return exporter.from_notebook_node(read(path), resources={"metadata": about})[0]


def write(paths: list[Path], folder: Path, make: Callable[[Path], str] = page, suffix: str = ".html") -> list[Path]:
    """Write the pages of notebooks into a folder, which is made where it does not exist. Returns the pages' paths.

    Args:
        paths: of the notebooks.
        folder: where the pages go.
        make: makes the HTML of a notebook, as `page` does.
        suffix: what the names of the pages have instead of '.ipynb'.
    Raises:
        NotANotebook: a file cannot be read.
        PageError: a formula cannot be written, or the folder cannot be written to.
    """
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            made.append(folder / f"{path.stem}{suffix}")
            replace_file(made[-1], make(path).encode())
    except OSError as error:
        raise PageError(f"'{folder}' cannot be written ({reason(error)}): make room, or choose another.") from error
    return made
