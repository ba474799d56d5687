"""British spelling, and the field's own words, in everything that people read."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from course_utils.notebooks import NOTEBOOKS
from course_utils.paths import PACKAGE, ROOT

SPELLING = {  # the root of an American word: how the course spells it; names of functions and titles of papers aside
    **{f"{root}or": f"{root}our" for root in ("behavi", "col", "fav", "hon", "lab", "neighb", "rum", "vap", "vig")},
    **{
        f"{root}iz": f"{root}is"
        for root in (
            *("general", "initial", "local", "maxim", "minim", "normal", "optim", "organ", "penal", "real", "recogn"),
            *(
                "regular",
                "special",
                "standard",
                "summar",
                "visual",
                "emphas",
                "character",
                "categor",
                "linear",
                "vector",
            ),
            *("quant", "symmetr", "util", "equal", "final", "random", "parametr", "memor", "critic", "synthes"),
        )
    },
    **{f"{root}er": f"{root}re" for root in ("cent", "met", "fib", "theat")},
    **{f"{root}el{end}": f"{root}ell{end}" for root in ("lab", "mod", "canc", "trav") for end in ("ed", "ing", "er")},
    **{"analyz": "analys", "gray": "grey", "license": "licence", "defense": "defence", "catalog": "catalogue"},
    **{"artifact": "artefact", "aluminum": "aluminium", "skeptic": "sceptic", "judgment": "judgement"},
}
WORDS = {  # what is not said in this field: what is
    **{r"excit(e|es|ed|ing|ation)\b": "activate", r"punish\w*": "penalise", r"smoothen\w*": "smooth"},
    **{
        r"derivative (by|after|to)\b": "derivative with respect to",
        r"gradient (by the (pixels|input|output|features)|after)\b": "with respect to",
    },
    **{r"differentiat\w+ (by|after|to)\b": "with respect to", r"informations\b": "information", r"pixel's?-?wise": ""},
    **{r"channelwise|elementwise|pixelwise": "with a hyphen"},
}
AMERICAN = re.compile(
    r"\b(?:"
    + "|".join(sorted(SPELLING, key=len, reverse=True))
    + r")(?:s|e|es|ed|ing|ation|ations|al|ed|ful|hood|ic)?\b"
)
CODE = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|https?://\S+|<[^>]+>|\*[A-Z][^*]*\*", re.S)
QUOTED = re.compile(  # what others wrote, in their spelling
    r"^> .*$|Visualizing and understanding|Numerical Optimization|Batch normalization|weight normalization|Lavin & Gray"
    r"|\[LICENSE\]\(LICENSE\)|\"[^\"\n]{25,}\"",
    re.M,
)


def prose(text):
    """A text in Markdown without its code, formulas, addresses and titles of works."""
    head, _, rest = text.partition("**References.**")
    return CODE.sub(" ", QUOTED.sub(" ", head + rest.partition("\n\n")[2]))


def messages(path):
    """The docstrings and sentences of a module: each text with a space in it that is no code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield CODE.sub(" ", QUOTED.sub(" ", re.sub(r"\bcenter (left|right)", "", node.value)))


def texts():
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                yield f"{path.name}, {cell.id}", prose(cell.source)
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "notebooks/INSTRUCTORS.md"):
        yield name, prose((ROOT / name).read_text(encoding="utf-8"))
    for path in sorted(Path(PACKAGE).rglob("*.py")):
        yield from ((str(path.relative_to(ROOT)), text) for text in messages(path))


def faults(text):
    found = [(word, "spelling") for word in AMERICAN.findall(text.lower()) if word]
    return found + [(match[0], right) for wrong, right in WORDS.items() for match in re.finditer(wrong, text.lower())]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("We normalize the colors of gray pictures.", 3),
        ("We normalise the colours of grey pictures, and the layer is activated.", 0),
        ("The derivative by x excites the unit.", 2),
        ("The size of a prize, the metres of a perimeter, a model and its models.", 0),
        ("`torch.nn.functional.normalize(color)` and $color$", 0),
    ],
)
def test_the_test(text, number):
    assert len(faults(CODE.sub(" ", text))) == number


def test_british_spelling_and_the_words_of_the_field():
    found = [(where, *fault) for where, text in texts() for fault in faults(text)]
    assert not found, "\n".join(map(str, found))
