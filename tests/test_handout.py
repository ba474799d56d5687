"""A handout: all that a student needs, nothing of a solution, and the same bytes each time."""

import ast
import base64
import functools
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from course_utils import handout
from course_utils.__main__ import main
from course_utils.checks.core import Exercise
from course_utils.paths import ROOT
from course_utils.trees import RECORD

LESSONS = {path.name: nbformat.read(path, 4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
CHECKS = {name: import_module(f"course_utils.checks.lesson{int(name[:2])}") for name in LESSONS}
COMMON = {  # lines that solutions share with other cells, and that give nothing away
    "for layer, weight in weights.items():",
    "for _ in range(steps):",
    "made = torch.Generator().manual_seed(0)",
    "C, M = F.shape[1], F.shape[2] * F.shape[3]",
    'averaging = vgg19(pooling="average").to(device, memory_format=torch.channels_last)',
}


@pytest.fixture(scope="module")
def student():
    """{path: bytes} of the handout for students."""
    return handout.files()


@pytest.fixture(scope="module")
def lessons(student):
    """{name: notebook} of the handout for students."""
    return {name: nbformat.reads(student[f"notebooks/{name}"].decode(), 4) for name in LESSONS}


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def solved(notebook):
    return [cell for cell in code(notebook) if "solution" in cell.metadata.get("tags", [])]


# --- what is a solution -------------------------------------------------------------------------------------------


def bare(line):
    """A line without spaces and comment."""
    return re.sub(r"\s", "", re.sub(r"(^|\s)#.*", "", line))


def lines_of(text):
    return {bare(line) for line in text.splitlines()} - {"", *map(bare, COMMON)}


def texts(value):
    """Every text in a notebook, wherever it stands; attachments, which are kept in base64, as what they hold."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from map(held, texts(each)) if key == "attachments" else texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def held(text):
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except ValueError:  # the name of a file or a kind
        return text


class Renamed(ast.NodeTransformer):
    """Gives the variables of a piece of code the names 0, 1, 2 … in the order in which they occur."""

    def __init__(self):
        self.names = {}

    def name(self, old):
        return str(self.names.setdefault(old, len(self.names)))

    def visit_Name(self, node):
        node.id = self.name(node.id)
        return node

    def visit_arg(self, node):
        node.arg, node.annotation = self.name(node.arg), None
        return node

    def visit_FunctionDef(self, node):
        node.name, node.returns = self.name(node.name), None
        return self.generic_visit(node)


def shape(statements):
    """The abstract syntax of some statements without the names of variables."""
    renamed = Renamed()
    return [ast.dump(renamed.visit(ast.parse(ast.unparse(each)))) for each in statements]


def functions(text):
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]


def body(function):
    """The statements of a function, without its docstring."""
    return function.body[1:] if ast.get_docstring(function) else function.body


def roughly(statement):
    """The abstract syntax without any names."""
    return re.sub(r"\b(id|arg|name)='[^']*'", "", ast.dump(statement))


@functools.cache
def blocks(text):
    """(name of the function or kind of the statement, its statements, these `roughly`), for all blocks of code."""
    return [
        (getattr(node, "name", type(node).__name__), statements, list(map(roughly, statements)))
        for node in ast.walk(ast.parse(text))
        for part in ("body", "orelse", "finalbody")
        if isinstance(statements := getattr(node, part, None), list)
    ]


def holders(text, answer):
    """The names of the blocks in which the statements of an answer stand one after the other, with other names."""
    rough, length = list(map(roughly, answer)), len(answer)
    return [
        name
        for name, statements, roughs in blocks(text)
        for start in range(len(statements) - length + 1)
        if roughs[start : start + length] == rough and shape(statements[start : start + length]) == shape(answer)
    ]


ANSWERS = {  # (lesson, name of the function): its statements, for all functions in the solutions
    (name, function.name): body(function)
    for name, notebook in LESSONS.items()
    for cell in solved(notebook)
    for function in functions(cell.source)
}
SECRET = {line for notebook in LESSONS.values() for cell in solved(notebook) for line in lines_of(cell.source)}


# --- nothing of it is handed out ----------------------------------------------------------------------------------


def leaks(notebook):
    """What a notebook holds of the solutions of all lessons: lines and functions."""
    found = {line for text in texts(notebook) for line in lines_of(text) & SECRET}
    for cell in code(notebook):
        found |= {name for (_, name), answer in ANSWERS.items() if holders(cell.source, answer)}
    return sorted(found)


@pytest.mark.parametrize("name", LESSONS)
def test_nothing_of_a_solution_is_in_a_lesson(lessons, name):
    assert leaks(lessons[name]) == []
    outputs = [output.get("text", "") for cell in code(lessons[name]) for output in cell.outputs]
    assert not any("✓ solution of" in text for text in outputs) and any("not tried yet" in text for text in outputs)


def planted():
    """{what: a lesson with a solution in a place where it might be forgotten}."""
    source = "def other(a, b):\n    'Mine.'\n    c = 1\n    return ((a - b) ** 2).sum((1, 2, 3)) / 2"
    line = "return gamma[:, None, None] * normalised  +  beta[:, None, None]   # so"
    new = nbformat.v4
    yield "renamed function", new.new_code_cell(source)
    yield "line in an output", new.new_code_cell("1", outputs=[new.new_output("stream", text=f"a\n    {line}\n")])
    yield "line in a text", new.new_markdown_cell(f"See:\n\n    {line}")
    yield "line in metadata", new.new_code_cell("1", metadata={"note": {"was": [f"x\n{line}"]}})
    attachment = {"a.txt": {"text/plain": base64.b64encode(f"\n{line}\n".encode()).decode()}}
    yield "line in an attachment", new.new_markdown_cell("![a](attachment:a.txt)", attachments=attachment)


@pytest.mark.parametrize(("what", "cell"), list(planted()), ids=lambda given: given if isinstance(given, str) else "")
def test_these_tests_would_see_it(what, cell):
    assert leaks(nbformat.v4.new_notebook(cells=[cell])) or what == "renamed function"
    if what == "renamed function":
        answer = ANSWERS["04_content_cost.ipynb", "content_cost_solution"]
        assert holders(cell.source, answer) == ["other"] and not holders(cell.source.replace("- b", "+ b"), answer)


@pytest.mark.long
def test_a_check_refuses_the_functions_of_the_package_that_are_written_as_its_solution(student):
    found, accepted = [], []
    for path in (path for path in student if path.startswith("course_utils/") and path.endswith(".py")):
        for (lesson, solution), answer in ANSWERS.items():
            for name in holders(student[path].decode(), answer):
                module = import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
                verdict = getattr(CHECKS[lesson], solution.removesuffix("_solution")).judge(getattr(module, name, None))
                found.append(f"{path}: {name}")
                if verdict.reason != "taken":
                    accepted.append(f"{found[-1]} is {solution} ({verdict.message})")
    print("written as the solution:", *found)
    assert accepted == [], f"the package gives answers away: {'; '.join(accepted)}"


def test_a_solution_without_a_tag_is_not_handed_out(tmp_path):
    for name in ("LICENSE", ".gitignore", "environment.yml", "pyproject.toml", "README.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("### BEGIN SOLUTION\na = 1", id="mine")])
    nbformat.write(notebook, tmp_path / "notebooks" / "00_a.ipynb")
    with pytest.raises(handout.HandoutError) as error:
        handout.hand_out(tmp_path / "out", root=tmp_path)
    assert str(error.value) == "00_a.ipynb: The cell 'mine' holds a solution and has no tag 'solution': add the tag."
    assert not (tmp_path / "out").exists()


# --- what is handed out -------------------------------------------------------------------------------------------


@pytest.mark.process
def test_what_is_in_it(student):
    assert {path.split("/")[0] for path in student} == {
        *(
            "notebooks",
            "course_utils",
            "data",
            ".gitignore",
            "LICENSE",
            "README.md",
            "environment.yml",
            "pyproject.toml",
        )
    }
    listed = subprocess.run(["git", "ls-files", "course_utils", "data", "notebooks"], cwd=ROOT, capture_output=True)
    assert set(listed.stdout.decode().split()) - set(student) == {"notebooks/INSTRUCTORS.md"}
    assert not [path for path in student if "__pycache__" in path or "/." in path]


def test_only_the_cells_with_solutions_are_gone(lessons):
    """So every figure is still there: they stand in the cells that use the course's own function."""
    for name, notebook in LESSONS.items():
        gone = {cell.id for cell in solved(notebook)}
        assert len(gone) >= 2 and not any(output.get("data") for cell in solved(notebook) for output in cell.outputs)
        assert lessons[name] == notebook | {"cells": [cell for cell in notebook.cells if cell.id not in gone]}
        nbformat.validate(lessons[name])


def test_the_instructors_have_the_solutions():
    made = handout.files(solutions=True)
    names = [*LESSONS, "INSTRUCTORS.md"]
    assert all(made[f"notebooks/{name}"] == (ROOT / "notebooks" / name).read_bytes() for name in names)


def test_no_text_promises_a_solution(student, lessons):
    text = "\n".join(cell.source for notebook in lessons.values() for cell in notebook.cells)
    said = [line for line in text.splitlines() if re.search(r"\bsolutions?\b", line)]
    assert said == [line for line in said if "If your copy of the course has solutions, " in line]
    readme = student["README.md"].decode()
    assert not re.search(r"solution|tests?\b|CONTRIBUTING|CHANGELOG", readme)
    assert "python3 -m course_utils lab" in readme and "LICENSE" in readme


@pytest.mark.parametrize("chosen", [None, [3, 5], [0]])
def test_every_link_leads_somewhere(chosen):
    made = handout.files(chosen)
    names = {name for name in LESSONS if not chosen or int(name[:2]) in chosen}
    assert {path.removeprefix("notebooks/") for path in made if path.startswith("notebooks/")} == names
    pages = {"README.md": made["README.md"].decode()}
    for name in names:
        cells = nbformat.reads(made[f"notebooks/{name}"].decode(), 4).cells
        pages[f"notebooks/{name}"] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for page, text in pages.items():
        assert not re.search(r"\[\]|\|\s*\|\s*\|", text)
        for target in re.findall(r"\]\(((?:[\w.-]+/)*[\w-]+\.\w+|LICENSE)[)#]", text):
            assert os.path.normpath(Path(page).parent / target) in made, (page, target)
    assert len(re.findall(r"^\| \[\d · ", pages["README.md"], re.M)) == len(names)


@pytest.mark.process
@pytest.mark.long
def test_two_have_the_same_bytes_and_rights(tmp_path, student):
    command = "import os, sys; os.umask(int(sys.argv[2], 8)); from course_utils.__main__ import main; "
    command += "sys.exit(main(['handout', sys.argv[1]]))"
    for number, mask in enumerate(("022", "077")):
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "COURSE_UTILS_SET_UP": "1", "TZ": f"UTC{number}"}
        place = tmp_path / str(number)
        subprocess.run([sys.executable, "-c", command, place, mask], cwd=ROOT, env=environment, check=True)
    found = [
        {path.relative_to(place): path.is_file() and path.read_bytes() for path in place.rglob("*")}
        for place in (tmp_path / "0", tmp_path / "1")
    ]
    rights = [
        {path.relative_to(place): path.stat().st_mode for path in place.rglob("*")}
        for place in (tmp_path / "0", tmp_path / "1")
    ]
    assert found[0] == found[1] and rights[0] == rights[1]
    files = {path.as_posix(): contents for path, contents in found[0].items() if contents is not False}
    assert files.pop(RECORD) and files == student


# --- students can work with it ------------------------------------------------------------------------------------


def asked(notebook):
    """(name, the statements that define or assign it, the call of its check), for each exercise."""
    for cell in code(notebook):
        if match := re.search(r"^check\.(\w+)\(\1\)$", cell.source, re.M):
            kept = [
                node
                for node in ast.parse(cell.source).body
                if getattr(node, "name", None) == match[1]
                or isinstance(node, ast.Assign)
                and match[1] in [target.id for target in node.targets if isinstance(target, ast.Name)]
                or ast.unparse(node) == match[0]
            ]
            yield match[1], ast.unparse(ast.Module(kept, []))


@pytest.mark.parametrize("name", LESSONS)
def test_every_stub_fails_its_check_with_one_sentence(lessons, name, capsys):
    exercises = set()
    for exercise, source in asked(lessons[name]):
        exec(source, {"check": CHECKS[name]})
        said = " ".join(capsys.readouterr().out.split())
        assert re.fullmatch(rf"○ {exercise}: not tried yet: put .*\.", said) and ". " not in said, said
        exercises.add(exercise)
    assert exercises == set(CHECKS[name].__all__)


@pytest.mark.long
@pytest.mark.parametrize("name", LESSONS)
def test_every_solution_passes(name):
    """Functions are tried; what the solution of a question prints, the notebook's own test compares with its output."""
    imports = [
        node
        for cell in code(LESSONS[name])
        for node in ast.parse(cell.source).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    passed = set()
    for cell in solved(LESSONS[name]):
        exercise = re.search(r"^check\.(\w+)\(.*, solution=True\)$", cell.source, re.M)[1]
        assert f"✓ solution of {exercise}: " in cell.outputs[0].text
        check = getattr(CHECKS[name], exercise)
        if isinstance(check, Exercise):
            known = {}
            exec(ast.unparse(ast.Module([*imports, *functions(cell.source)[:1]], [])), known)
            assert check.judge(known[f"{exercise}_solution"]), exercise
        passed.add(exercise)
    assert passed == set(CHECKS[name].__all__)


@pytest.mark.process
@pytest.mark.long
def test_a_lesson_runs_from_top_to_bottom_unsolved(tmp_path):
    place = handout.hand_out(tmp_path / "course", lessons=[0])
    environment = {**os.environ, "PYTHONPATH": str(place), "COURSE_UTILS_SET_UP": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "course_utils", "run"], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (made,) = (place / "build" / "notebooks").iterdir()
    cells = code(nbformat.read(made, 4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    printed = "".join(output.text for cell in cells for output in cell.outputs if output.get("name") == "stdout")
    assert printed.count("not tried yet: ") == len(CHECKS[made.name].__all__)
    assert "✓ a folder to write to" in printed and "✓ solution" not in printed
    # and what nobody has written is replaced when the handout is renewed with more lessons
    assert handout.hand_out(place, lessons=[0, 5], note=pytest.fail) == place
    assert sorted(path.name[:2] for path in (place / "notebooks").iterdir()) == ["00", "05"] and made.exists()


@pytest.mark.process
def test_lab_opens_the_first_lesson_that_is_there(tmp_path):
    place = handout.hand_out(tmp_path / "course", lessons=[3, 5])
    code = (
        "import sys; from course_utils.commands import lab, parser; lab.go_on_as = lambda command, _: print(*command);"
    )
    code += "options = parser().parse_args(['lab']); options.function(options); "
    code += "from course_utils.checks import lesson3; lesson3.rescale.solution()"
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run([sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True)
    assert "--LabApp.default_url=/lab/tree/my_lessons/03_weight_normalization.ipynb" in done.stdout, done.stderr
    assert f"--ServerApp.root_dir={place}" in done.stdout and "This copy of the course has no solutions" in done.stdout
    copied = sorted((place / "my_lessons").iterdir())
    assert [path.name[:2] for path in copied] == ["03", "05"]
    assert not any(cell.outputs for path in copied for cell in code_of(path))


def code_of(path):
    return code(nbformat.read(path, 4))


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A course of one file, so that the command is quick; returns {path: contents} of its handout."""
    contents = {"README.md": b"new"}
    monkeypatch.setattr(handout, "files", lambda lessons, solutions, root: {**contents, "said": f"{lessons}".encode()})
    return contents


def test_the_command_renews_and_says_what_stays(small, tmp_path, capsys):
    place = tmp_path / "out"
    assert main(["handout", str(place)]) == 0 and capsys.readouterr().out == f"{place}\n"
    (place / "README.md").write_text("mine")
    assert main(["handout", str(place), "--lessons", "3", "5"]) == 0
    assert capsys.readouterr().err.startswith("note: README.md has been changed and stays")
    assert (place / "README.md").read_text() == "mine" and (place / "said").read_text() == "[3, 5]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["."], "'.' holds other files"),
        (["course_utils/x"], "'course_utils/x' lies in course_utils/, which is handed out: choose another place."),
        (["notebooks"], "'notebooks' lies in notebooks/"),
        (["no/folder"], "The folder '.*' does not exist: make it first"),
        (["LICENSE"], "'LICENSE' is a file"),
        (["x", "--lessons", "3", "12"], "There is no lesson 12: choose from 0, 1, 2, 3, 4, 5, 6, 7, 8."),
    ],
)
def test_bad_arguments_get_one_sentence(monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(ROOT)
    before = sorted(path.name for path in ROOT.iterdir())
    assert main(["handout", *arguments]) == 2
    assert re.fullmatch(f"error: {message}.*\\.?\n", capsys.readouterr().err)
    assert sorted(path.name for path in ROOT.iterdir()) == before


def test_a_handout_hands_nothing_out(tmp_path):
    (tmp_path / RECORD).write_text("{}")
    with pytest.raises(handout.HandoutError, match="is a handout itself"):
        handout.hand_out(tmp_path / "x", root=tmp_path)


def test_a_course_that_lacks_a_file(tmp_path):
    with pytest.raises(handout.HandoutError, match=r"The course cannot be read \(.*\): unpack it again"):
        handout.hand_out(tmp_path / "x", root=tmp_path / "nothing")


def test_there_are_no_tests_in_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("course_utils.commands.test.ROOT", tmp_path)
    assert main(["test"]) == 2
    assert capsys.readouterr().err.startswith("error: This copy of the course has no tests: run them in the whole")
