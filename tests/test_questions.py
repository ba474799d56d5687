"""Questions: each stands in its lesson, explains each choice, is kept, compared, and comes back."""

import re

import nbformat
import pytest

from course_utils import exercises, progress
from course_utils.checks import lesson3
from course_utils.paths import NOTEBOOKS
from course_utils.questions import Question, coming_back, question, questions
from course_utils.widgets import ask

PAGES = sorted(NOTEBOOKS.glob("*.ipynb"))
ASKING = [int(path.name[:2]) for path in PAGES if "check.predict(" in path.read_text(encoding="utf-8")]
EACH = [pytest.param(each, id=each.key) for lesson in ASKING for each in questions(lesson)]
TWO = [
    Question(name, "3.a", f"Is it {name}?", {"A": ("yes", f"Yes, {name}."), "B": ("no", "Why not?")}, "A", lasting=True)
    for name in ("first", "second")
]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Path of the file of the progress; each test begins without one."""
    path = tmp_path / progress.NAME
    monkeypatch.setenv(progress.VARIABLE, str(path))
    monkeypatch.setattr(progress, "_here", {})
    return path


# --- the content


@pytest.mark.parametrize("each", EACH)
def test_each_choice_is_explained(each):
    assert 2 <= len(each.choices) <= 5 and list(each.choices) == list("ABCDE"[: len(each.choices)])
    assert each.right in each.choices and re.search(r"[?]$", each.text) and "$" not in each.plain
    explained = [why for _, why in each.choices.values()]
    assert len(set(explained)) == len(explained) and all(re.search(r"[.?]$", why) for why in explained)


@pytest.mark.parametrize("lesson", ASKING)
def test_a_lesson_asks_its_questions_in_their_order_and_each_objective_has_one(lesson):
    (path,) = [path for path in PAGES if path.name.startswith(f"{lesson:02}")]
    cells = nbformat.read(path, 4).cells
    named = [name for cell in cells for name in re.findall(r'^check\.predict\("(\w+)"\)$', cell.source, re.M)]
    assert named == [each.name for each in questions(lesson)]
    assert {each.objective for each in questions(lesson)} == set(exercises.objectives(lesson))


@pytest.mark.parametrize("lesson", ASKING)
def test_right_answers_are_spread_over_the_letters(lesson):
    rights = [each.right for each in questions(lesson)]
    assert max(map(rights.count, rights)) < len(rights)


# --- how they are asked


@pytest.fixture
def asked(monkeypatch):
    """A view of two questions that are compared after a cell is run."""
    return ask.Ask(TWO, "Run the next cell.", 'check.predict("first", "A")')


def test_an_answer_is_kept_before_it_is_compared(asked):
    part = asked.parts[0]
    assert part.keep.disabled and part.compare.disabled and part.choice.value is None
    part.choice.value = "B"
    part.keep.click()
    assert part.verdict.value == "Kept: B. Run the next cell." and not part.compare.disabled
    assert progress.answers() == {"question 3.first": "B"}
    part.compare.click()
    assert part.verdict.value == "B is not right. Why not?<br>A is right. Yes, first."
    assert asked.parts[1].compare.disabled and not asked.messages.outputs


def test_without_a_cell_to_run_the_verdict_comes_at_once():
    view = ask.Ask(TWO, "", "")
    view.parts[1].choice.value = "A"
    view.parts[1].keep.click()
    assert view.parts[1].verdict.value == "A is right. Yes, second." and view.parts[0].verdict.value == ""


def test_where_there_are_no_widgets_the_question_stands_as_text(asked):
    text = asked._repr_mimebundle_()["text/plain"]
    assert text.startswith("Is it first?\n  A  yes\n  B  no\n") and 'check.predict("first", "A")' in text


def test_an_answer_without_widgets(capsys):
    assert lesson3.predict("mean_of_means", "a") is None
    out = capsys.readouterr().out
    assert out.startswith("A is not right. ") and "\nB is right. " in out
    assert progress.answers() == {"question 3.mean_of_means": "A"}
    for wrong in ("F", 3):
        with pytest.raises(ValueError, match="Answer with one of the letters A, B, C."):
            lesson3.predict("mean_of_means", wrong)
    with pytest.raises(ValueError, match="Lesson 3 has no question 'nothing': choose from largest_share, "):
        question(3, "nothing")


def test_code_in_a_question_is_marked_and_nothing_else_is():
    assert ask._marked("`a < b` & <i>") == "<code>a &lt; b</code> &amp; &lt;i&gt;"


# --- what comes back


def test_wrong_answers_come_back_first(monkeypatch):
    monkeypatch.setattr("course_utils.questions.questions", lambda lesson: TWO if lesson == 4 else [])
    assert coming_back(5, {}) == TWO
    assert coming_back(5, {TWO[1].key: "B"}) == TWO[::-1]
    assert coming_back(5, {TWO[0].key: "A"}) == TWO[::-1]
    assert coming_back(0, {}) == []
