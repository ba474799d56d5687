"""What holds for the project as a whole: its files agree with each other, and every notebook has the anatomy that
readers rely on.
"""

import os
import re
import subprocess
import sys
import warnings

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

from course_utils.notebooks import NOTEBOOKS, WIDGET, reproducible
from course_utils.paths import ROOT
from course_utils.setup import requirements

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
CONDA_NAMES = {"pytorch": "torch", "playwright-python": "playwright"}
LIMITS = {"code lines": 25, "setup lines": 10, "bytes": 1_500_000, "line": 120}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_conda_environment_agrees_with_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    lines = [entry for entry in environment["dependencies"] if isinstance(entry, str) and entry != "pip"] + [
        entry for entry in pip if "-e" not in entry
    ]
    found = {}
    for line in lines:
        name, limits = re.match(r"([\w-]+)(.*)", line).groups()
        found[CONDA_NAMES.get(name, name).replace("_", "-")] = limits
    wanted = {Requirement(line).name: line.removeprefix(Requirement(line).name) for line in requirements("test")}
    assert found.pop("python") == ">=3.10" and found == wanted
    assert any("-e ." in entry for entry in pip)


@pytest.mark.process
@pytest.mark.parametrize(
    "tool",
    [
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--check", "--no-cache", "."),
        ("mypy", "--cache-dir", os.devnull),
    ],
    ids=" ".join,
)
def test_formatted_linted_and_typed(tool):
    done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
def test_only_what_belongs_at_the_top():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    top = {name.split("/")[0] for name in listed if name}
    assert top <= {
        *("README.md", "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "environment.yml", "pyproject.toml", "noxfile.py"),
        *(".gitignore", ".pre-commit-config.yaml", ".ci", "notebooks", "course_utils", "data", "tests"),
    }
    large = [
        name
        for name in listed
        if name and not name.startswith("data/") and (ROOT / name).exists() and (ROOT / name).stat().st_size > 2e6
    ]
    assert large == []


def test_readme_names_commands_and_lessons():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python3 -m course_utils lab" in readme and "python3 -m course_utils test" in readme
    for path in PATHS:
        assert f"notebooks/{path.name}" in readme
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert "://" in target or (ROOT / target).exists(), target
    assert all(alt.strip() for alt in re.findall(r"!\[([^\]]*)\]", readme))


def test_there_are_notebooks():
    assert [path.stem for path in PATHS] and PATHS[0].stem == "00_start_here"


def test_executed_in_order_from_a_fresh_kernel(notebook):
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert not [
        output
        for cell in code(notebook)
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def test_stored_as_the_run_command_stores(notebook, request):
    assert reproducible(notebook) == notebook
    assert not any(WIDGET in output.get("data", {}) for cell in code(notebook) for output in cell.outputs)


def test_sizes(notebook, request):
    assert all(len(cell.source.splitlines()) <= LIMITS["code lines"] for cell in code(notebook))
    assert [line for cell in code(notebook) for line in cell.source.splitlines() if len(line) > LIMITS["line"]] == []
    assert len(code(notebook)[0].source.splitlines()) <= LIMITS["setup lines"]
    assert all(path.stat().st_size <= LIMITS["bytes"] for path in PATHS)


def test_nbval_has_enough_to_compare(notebook):
    """Pictures are not compared, so each cell that shows one also prints facts; few cells may be left out."""
    cells = code(notebook)
    ignored = [cell for cell in cells if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    assert not [cell for cell in cells if {"nbval-skip", "raises-exception"} & set(cell.metadata.get("tags", []))]
    assert not [cell for cell in cells if "NBVAL" in cell.source]
    printed = [
        cell for cell in cells if any(output.get("name") == "stdout" for output in cell.outputs) and cell not in ignored
    ]
    assert len(ignored) <= len(cells) / 8 and len(printed) >= len(cells) / 2
    silent = [
        cell.source
        for cell in cells
        if "show(" in cell.source
        and cell not in printed
        and any("text/html" in output.get("data", {}) for output in cell.outputs)
    ]
    assert silent == []


def test_every_picture_has_a_description(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", cell.source):
                assert len(alt) > 20 and (NOTEBOOKS / target).exists()
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "image/png" not in data and "image/jpeg" not in data, "show it with course_utils.images.show"
            for tag in re.findall(r"<img[^>]*>", data.get("text/html", "")):
                assert len(re.search(r'alt="([^"]*)"', tag)[1]) > 20


def test_anatomy(notebook):
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (?:\d+\. )?(.*)$", text, re.M)
    assert notebook.cells[0].source.startswith("# Lesson ") and "![" in notebook.cells[0].source
    for promise in ("you can**", "**You need**", "**Time:**"):
        assert promise in notebook.cells[0].source
    assert {"Your turn", "Explore", "What you learned"} <= set(headings)
    assert all(part in text for part in ("**Glossary.**", "**References.**", "**What comes next.**"))
    objectives = set(re.findall(r"^- \*\*(\d\.[a-z])\*\*", notebook.cells[0].source, re.M))
    assert (
        len(objectives) >= 3
        and set(re.findall(r"objectives? ([\d.a-z, ]+) ·", text))
        and all(set(re.findall(r"\d\.[a-z]", used)) <= objectives for used in re.findall(r"objectives? (.*)\*", text))
    )


KINDS = ("write", "prove", "diagnose", "predict", "choose")
HEADING = re.compile(
    r"### Exercise (\d)\.(\d) · .+\n\*Difficulty [●○]{3} · \d+ minutes · objectives? ([\d.a-z, ]+) · (\w+)\*"
)


def test_exercises(notebook):
    """Each has a heading with difficulty, minutes, objectives and kind, a stub that does nothing yet, its check, and a
    folded solution that passes. Each objective has one, and one of them asks for something else than a function.
    """
    cells = notebook.cells
    starts = [n for n, cell in enumerate(cells) if cell.cell_type == "markdown" and "### Exercise" in cell.source]
    found = [HEADING.search(cells[n].source) for n in starts]
    assert 2 <= len(starts) <= 7 and all(found)
    lesson = re.match(r"# Lesson (\d)", cells[0].source)[1]
    assert [match.group(1, 2) for match in found] == [(lesson, str(n)) for n in range(1, len(starts) + 1)]
    kinds = [match[4] for match in found]
    assert set(kinds) <= set(KINDS) and set(kinds) - {"write"}
    practised = {objective for match in found for objective in match[3].split(", ")}
    assert practised == set(re.findall(r"^- \*\*(\d\.[a-z])\*\*", cells[0].source, re.M))
    for n in starts:
        stub, solution = cells[n + 1], cells[n + 2]
        name = re.search(r"check\.(\w+)\(\1\)$", stub.source)[1]
        if f"def {name}(" in stub.source:
            assert "raise NotImplementedError" in stub.source and "returns:" in stub.source
        else:
            assert re.search(rf"^{name} = None", stub.source, re.M)
        assert f"○ {name}: not tried yet" in stub.outputs[0].text
        assert solution.metadata.tags == ["solution"] and solution.metadata.jupyter.source_hidden
        assert solution.source.startswith("### BEGIN SOLUTION")
        assert re.search(rf"^check\.{name}\(.*, solution=True\)\n### END SOLUTION$", solution.source, re.M)
        assert f"✓ solution of {name}: " in solution.outputs[0].text


def test_printed_lines_are_measurements(notebook):
    """At most one printed line in ten is a verdict."""
    lines = [
        line
        for cell in code(notebook)
        for output in cell.outputs
        if output.get("name") == "stdout"
        for line in output.text.splitlines()
    ]
    assert len([line for line in lines if re.search(r"\b(True|False)\b", line)]) <= len(lines) / 10


def slug(heading):
    """What JupyterLab makes of a heading: the end of its address."""
    return heading.strip().replace(" ", "-")


def headings(path):
    """All headings of the second and third rank of a notebook, as they stand."""
    cells = nbformat.read(path, 4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return [heading.strip() for heading in re.findall(r"^###? (.*)$", text, re.M)]


def test_sections_are_numbered_and_references_to_them_hold(notebook, request):
    """'Section 5' links the heading that it means, so that a reference cannot go stale; 'lesson 3, *Title*' names a
    heading of that lesson. (A section of a paper is written with §.)
    """
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    numbers = re.findall(r"^## (\d+)\. ", text, re.M)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    prose = re.sub(r"^\*\*References\.\*\* .*$", "", text, flags=re.M)
    plain = re.sub(r"\[[^\]]*\]\([^)]*\)", "", prose)
    assert not re.findall(r".{20}[Ss]ections? \d+", plain)
    assert not [cell.id for cell in code(notebook) if re.search(r"[Ss]ections? \d", cell.source)]
    lessons = {path.name: {slug(heading): heading for heading in headings(path)} for path in PATHS}
    own = {slug(heading): heading for heading in re.findall(r"^###? (.*)$", text, re.M)}
    for words, name, anchor in re.findall(r"\[([^\]]*)\]\(((?:\d\d_\w+\.ipynb)?)#([^)]*(?:\([^)]*\)[^)]*)*)\)", prose):
        target = (lessons[name] if name else own).get(anchor)
        number = re.search(r"\d+$", words)
        assert target and (number is None or target.startswith(f"{number[0]}. ")), (words, name, anchor)
    for number, named in re.findall(r"[Ll]esson (\d), \*([^*]+)\*", prose):
        (name,) = (path.name for path in PATHS if path.name.startswith(f"0{number}_"))
        titles = [re.sub(r"^\d+\. (★ )?", "", heading) for heading in lessons[name].values()]
        assert named in titles, (number, named)


def test_no_text_outside_a_lesson_counts_its_sections():
    files = [*(ROOT / "course_utils").rglob("*.py"), *ROOT.glob("*.md")]
    counted = [path.name for path in files if re.search(r"[Ll]esson \d[’'s]*,? section", path.read_text("utf-8"))]
    assert counted == []


def test_no_address_is_fetched(notebook):
    for cell in code(notebook):
        assert not re.search(r"https?://|urllib|requests\.|download", cell.source)


OURS, OTHERS = "course_utils.images", "somebody.else"


def test_deprecations_in_our_code_are_errors():
    with pytest.raises(FutureWarning):
        warnings.warn_explicit("old", FutureWarning, "images.py", 1, module=OURS)
    with warnings.catch_warnings(record=True) as seen:
        warnings.warn_explicit("old", FutureWarning, "else.py", 1, module=OTHERS)
    assert len(seen) == 1


@pytest.mark.process
def test_deprecations_in_our_code_are_errors_in_the_kernels_too():
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "offline")}
    code = "import warnings; warnings.warn_explicit('old', FutureWarning, '', 1, '{}')"
    failed = [
        subprocess.run([sys.executable, "-c", code.format(module)], env=environment, capture_output=True).returncode
        for module in (OURS, OTHERS)
    ]
    assert failed == [1, 0]
