"""The bank: every operator that makes mutants, processes with limits, what is counted, and the table."""

import ast
import os
import sys
import time

import pytest
import torch

from course_utils import bank, mutants
from course_utils.__main__ import main
from course_utils.limited import DIED, MEMORY, TOO_LONG, results


def made(operator, source):
    """What an operator puts in the place of the nodes of a source."""
    nodes = ast.walk(ast.parse(source))
    return {ast.unparse(ast.fix_missing_locations(new)) for node in nodes for new in operator(node)}


@pytest.mark.parametrize(
    "operator, source, expected",
    (
        ("comparisons", "a < b", {f"a {sign} b" for sign in ("<", "<=", ">", ">=", "==", "!=")}),
        ("arithmetic", "a @ b", {f"a {sign} b" for sign in ("+", "-", "*", "/", "//", "%", "**")}),
        ("arithmetic", "a -= b", {f"a {sign}= b" for sign in ("+", "-", "*", "/", "//", "%", "**")}),
        ("constants", "3", {"4", "2", "0", "6"}),
        ("constants", "0.5", {"1.5", "-0.5", "0.0", "1.0"}),
        ("constants", "True", {"False"}),
        ("constants", "'mean'", set()),
        ("arguments", "f(a, b, c)", {"f(b, a, c)", "f(a, c, b)", "f(a, b)"}),
        ("arguments", "f(a, dim=1, keepdim=x)", {"f(a, dim=1)", "f(a, keepdim=x)", "f(dim=1, keepdim=x)"}),
        ("arguments", "a - b", {"b - a"}),
        ("arguments", "a + b", set()),
        ("axes", "(0, 2, 3)", {"(2, 0, 3)", "(0, 3, 2)", "(0, 2)", "(0, 3)", "(2, 3)"}),
        ("axes", "a, b = c", {"(b, a)"}),
        ("neighbours", "x.sum()", {"x.mean"}),
        ("neighbours", "torch.relu(x)", {"torch.abs"}),
        ("neighbours", "sum(x)", set()),
        ("calls", "x.relu()", {"x"}),
        ("calls", "torch.fft.fft2(x, y)", {"x"}),
        ("signs", "-x", {"x"}),
        ("signs", "not x", {"x"}),
        ("logic", "a and b", {"a or b"}),
        ("logic", "a or b", {"a and b"}),
        ("slices", "x[2:]", {":", "2:-1"}),
        ("slices", "x[:]", {"1:", ":-1"}),
        ("ranges", "[i for i in range(3)]", {" for i in reversed(list(range(3)))"}),
        ("ranges", "for i in x:\n    f(i)", {"for i in reversed(list(x)):\n    f(i)"}),
        ("statements", "def f():\n    a\n    b", {"def f():\n    a", "def f():\n    b"}),
        ("statements", "for i in x:\n    f(i)", {"for i in x:\n    pass"}),
    ),
)
def test_operators(operator, source, expected):
    assert made(getattr(mutants, operator), source) - {source} == expected - {
        source
    }  # a mutant that is none is left out later


def test_every_operator_is_used_and_tried():
    (mark,) = test_operators.pytestmark
    assert {case[0] for case in mark.args[1]} == {operator.__name__ for operator in mutants.OPERATORS}


def test_neighbours_go_both_ways():
    for name, others in mutants.NEIGHBOURS.items():
        assert others and all(name in mutants.NEIGHBOURS[other] for other in others)


def test_mutants_have_one_change_and_are_all_different():
    source = "def f(x):\n    y = x + 1\n    return -y"
    found = mutants.mutants(source, ["x = abs(x)"])
    assert len({mutant.source for mutant in found}) == len(found)
    assert all(ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(source)) for mutant in found)
    lines = [mutant.line for mutant in found]
    for line in ("2: y = x - 1", "2: y = x + 2", "3: return y", "2: without y = x + 1", "2: x = abs(x)"):
        assert lines.count(line) == 1
    assert source == ast.unparse(ast.parse(source))  # what it is made of has not changed


def test_lines_are_the_same_under_every_python():
    found = mutants.mutants("def f(c):\n    a, b = c\n    for i, j in c:\n        g(i, j)")
    lines = [mutant.line for mutant in found]
    assert "2: b, a = c" in lines and "3: for j, i in c:" in lines
    assert "3: for i, j in reversed(list(c)):" in lines and "2: without a, b = c" in lines


def test_steps_reach_into_lists_and_dictionaries():
    x = torch.ones(2, 1, 3, 3)
    alone = mutants.steps("x", x, True)
    assert "abs(x)" in alone and "x.squeeze()" in alone and "x.detach()" in alone
    assert not {"x.squeeze()", "x.detach()"} & set(mutants.steps("x", x[:, 0, 0, 0], False))
    assert "[each.relu() for each in x]" in mutants.steps("x", [x, x], False)
    assert "{key: abs(each) for key, each in x.items()}" in mutants.steps("x", {"a": x}, False)
    assert mutants.steps("x", 0.5, True) == ["abs(x)"]
    assert [mutants.steps("x", other, True) for other in (3, "a", x > 0, [], None, [(3, 1, 1)])] == [[]] * 6


@pytest.mark.parametrize("lesson, name", ((1, "field_of"), (3, "rescale"), (5, "gram")))
def test_a_sample_of_mutants_is_refused(lesson, name):
    tasks = [task for task in bank.tasks(lesson, name) if task.kind == "mutant"]
    rightly = {line for lines in bank.answers(lesson, name).EQUIVALENT.values() for line in lines}
    assert rightly <= {task.label for task in tasks} and len(tasks) > 30
    for task in tasks[::4]:
        assert bank.verdict(task)[0] == (task.label in rightly), task.label


def test_solutions_come_with_what_they_need():
    before, source = bank.solutions(6)["total_cost"]
    assert "import" in before and "gram_matrix" in before and source.startswith("def total_cost_solution(")
    for lesson in bank.LESSONS:
        assert list(bank.exercises(lesson)) and set(bank.exercises(lesson)) == set(bank.solutions(lesson))


def some_rows():
    """The rows of two exercises: one that is as it should be, and one where everything is wrong."""
    good, bad = bank.Row(equivalent={"2: c": "a sum has no order"}), bank.Row(equivalent={"3: gone": "it was one"})
    for row, kind, answer, label, result in (
        (good, "wrong", "half", "half", (False, "half")),
        (good, "right", 0, "number 0", (True, "")),
        (good, "mutant", "…", "2: b", (False, "value")),
        (good, "mutant", "…", "2: c", (True, "")),
        (good, "mutant", "…", "2: d", TOO_LONG),
        (bad, "wrong", "half", "half", (False, "double")),
        (bad, "wrong", "sign", "sign", (True, "")),
        (bad, "right", 0, "number 0", DIED),
        (bad, "mutant", "…", "2: e", (True, "")),
    ):
        bank.judge(row, bank.Task(1, "it", kind, answer, label), result)
    return {(1, "good"): good, (2, "bad"): bad}


def test_the_table():
    rows = some_rows()
    assert bank.table(rows).splitlines()[2:] == [
        "| 1 · good | 1 of 1 | 1 of 1 | 3 | 2 | 1 | 0 |",
        "| 2 · bad | 0 of 2 | 0 of 1 | 1 | 0 | 0 | 1 |",
        "",
        "Of 3 mutants that are not equivalent, 2 are refused (66.7%).",
    ]
    assert bank.table(rows).splitlines()[0].count("|") == bank.table(rows).splitlines()[2].count("|")
    assert bank.remarks(rows).splitlines() == [
        "1 · good, equivalent: a sum has no order",
        "    2: c",
        "2 · bad: the wrong answer half gets the hint of 'double'",
        "2 · bad: the wrong answer sign passes",
        "2 · bad: the right answer number 0 is refused (died)",
        "2 · bad: this mutant passes: 2: e",
        "2 · bad: EQUIVALENT lists what does not pass, or is not made any more: 3: gone",
    ]


@pytest.mark.parametrize("name, code", (("good", 0), ("bad", 1)))
def test_the_exit_code_says_whether_all_is_as_it_should_be(monkeypatch, capsys, name, code):
    asked = []
    rows = {place: row for place, row in some_rows().items() if place[1] == name}
    monkeypatch.setattr(bank, "rows", lambda *given: asked.append(given) or rows)
    monkeypatch.setenv("COURSE_UTILS_SET_UP", "1")
    assert main(["bank", "3", "1", "3", "--processes", "2"]) == code
    assert asked == [([1, 3], 2)] and bank.table(rows) in capsys.readouterr().out


@pytest.mark.parametrize("lesson", ["9", "-1", "gram", "1.0", "٣", ""])
def test_bad_lessons(capsys, lesson):
    with pytest.raises(SystemExit) as end:
        main(["bank", f"{lesson}"] if not lesson.startswith("-") else ["bank", "--", lesson])
    assert end.value.code == 2 and "is not a whole number from 0 to 8" in capsys.readouterr().err


def test_without_the_answers_the_command_says_what_to_do(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bank, "ROOT", tmp_path)
    monkeypatch.setenv("COURSE_UTILS_SET_UP", "1")
    assert main(["bank"]) == 2 and "take the whole repository" in capsys.readouterr().err


@pytest.mark.process
def test_a_task_that_does_not_end_is_killed_and_the_next_one_goes_on():
    assert dict(results(time.sleep, [0, 10**6, 0], 1, 5)) == {0: None, 1: TOO_LONG, 2: None}
    assert dict(results(os._exit, [3, 0], 2, 60)) == {0: DIED, 1: DIED}
    assert list(results(time.sleep, [], 2, 60)) == []


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit what a process may allocate")
def test_a_task_that_takes_too_much_memory_ends():
    assert dict(results(bytearray, [MEMORY, 3], 1, 60)) == {0: DIED, 1: bytearray(3)}


@pytest.mark.process
def test_the_bank_of_a_lesson():
    (row,) = (row for place, row in bank.rows([0], 1).items() if place == (0, "to_tensor"))
    assert row.faults == [] and row.fine["wrong"] == row.tried["wrong"] == 16 and row.fine["right"] == 3
    assert row.fine["mutant"] + len(row.survivors) == row.tried["mutant"] and len(row.survivors) == 1
