"""The guide for instructors: its plans fit, and what it names exists."""

import importlib
import os
import re
import subprocess
import sys
import urllib.parse

import ipywidgets as w
import pytest

from course_utils import __main__, plan, teaching
from course_utils.checks.core import Choice
from course_utils.notebooks import NOTEBOOKS
from course_utils.paths import ROOT
from course_utils.plan import Load, Part
from course_utils.setup import requirements
from course_utils.top import TopActivations
from families import NUMBERS, SELECTIONS, WIDGETS, parts, settle

GUIDE = teaching.GUIDE.read_text(encoding="utf-8")
LESSONS = dict(zip(*[iter(teaching.LESSON.split(GUIDE)[1:])] * 2))  # {number as text: its part of the guide}
AT_HOME = 110  # minutes between two classes
NAMES = r"(?:^|\. )`(\w+)`: ((?:`[\w+]+`, )*`[\w+]+`)\."  # of an exercise, and of wrong answers to it
SHOWN = {  # what the demonstrations need beyond small pictures
    "1": {"layer": "relu4_1"},
    "5": {"layer": "relu3_1"},
}


@pytest.fixture(params=LESSONS)
def number(request):
    return request.param


def small_plans():
    loads = [
        Load(4, "A", 2, Part(words=400, lines=20, exercises=25), Part(words=200), {"1. B": 101, "2. ★ C": 1}),
        Load(5, "D", 0, sections={"1. E": 1}),
    ]
    return teaching.Plans(loads, "### Lesson 4 · A\n\n**Demonstration, 8 minutes: so.** …\n\n### Lesson 5 · D\n")


@pytest.mark.parametrize(
    ("part", "minutes"),
    [
        ("read 4", 2 + 2 + 2),
        ("further 4", 5),
        ("exercises 4", 25),
        ("demonstration 4", 8),
        ("demonstration 5", 0),
        ("discussion 4", 15),
        ("question 4", 5),
        ("present 4", 10),
        ("present 5", 0),
        ("tell 4.1", 2),
        ("tell 5.1", 1),
        ("exhibition 4", 60),
    ],
)
def test_minutes_by_hand(part, minutes):
    assert small_plans().minutes(part) == minutes


def test_a_course_by_hand():
    table = small_plans().course([("read 4", "demonstration 4, exercises 4, question 5"), ("further 4", "")])
    assert table.splitlines()[2:] == [
        "| 1 | lesson 4: main line | 6 | lesson 4: demonstration, exercises; lesson 5: one question | 38 |",
        "| after it | lesson 4: ★ | 5 | – | – |",
        "| all | | 0 hours | | 1 hours |",
    ]


def test_blocks():
    text = "a\n<!-- one -->\n<!-- end -->\n<!-- two -->\nold\nold\n<!-- end -->\nz\n"
    filled = teaching.with_block(teaching.with_block(text, "one", r"\1"), "two", "new")
    assert filled == "a\n<!-- one -->\n\\1\n<!-- end -->\n<!-- two -->\nnew\n<!-- end -->\nz\n"
    assert teaching.with_block(filled, "two", "new") == filled
    with pytest.raises(teaching.GuideError, match="no block 'three': put"):
        teaching.with_block(text, "three", "new")


def test_the_plans_fit():
    plans = teaching.Plans(plan.loads(), GUIDE)
    assert sum(map(plans.minutes, teaching.LECTURE)) <= teaching.CLASS
    for home, in_class in (*teaching.TWO_WEEKS, *teaching.TERM):
        for parts_, most in ((home, AT_HOME), (in_class, teaching.CLASS)):
            assert sum(map(plans.minutes, filter(None, parts_.split(", ")))) <= most, parts_


@pytest.mark.parametrize("classes", [teaching.TWO_WEEKS, teaching.TERM], ids=["two weeks", "term"])
def test_lessons_come_in_their_order(classes):
    """A lesson is read before its class, and after those from which it takes ideas, if these are in the plan."""
    order = [part for halves in classes for half in halves for part in half.split(", ") if part]
    read = [int(part[-1]) for part in order if part.startswith("read")]
    assert len(read) == len(set(read))
    for source, target in plan.IDEAS:
        assert source not in read or target not in read or read.index(source) < read.index(target)
    for part in order:
        kind, lesson = part.split()
        first = {"present": f"further {lesson}"}.get(kind, f"read {lesson}")
        assert order.index(first) <= order.index(part), part


def test_each_lesson_is_in_the_term():
    assert {part[-1] for halves in teaching.TERM for part in ", ".join(halves).split(", ") if part} == set(LESSONS)
    assert [int(number) for number in LESSONS] == [load.number for load in plan.loads()]


def test_what_a_lesson_has(number):
    text = LESSONS[number]
    assert f"<!-- lesson {number} -->\n**Time:** " in text
    wrong, discuss = text.index("**What goes wrong, and why**"), text.index("**To discuss**")
    assert len(re.findall(r"^- `", text[wrong:discuss], re.M)) >= 4
    questions = re.findall(r"^\d\. \*[^*]+\?\*\s+A\s+good\s+answer", text[discuss:], re.M)
    assert len(questions) == teaching.QUESTIONS
    (minutes,) = teaching.DEMONSTRATION.findall(text)
    assert 5 <= int(minutes) <= 12


def test_misconceptions_are_in_the_banks(number):
    checks = importlib.import_module(f"course_utils.checks.lesson{number}")
    text = LESSONS[number].partition("**To discuss**")[0]
    items = [" ".join(item.split()) for item in re.split(r"^- (?=`)", text, flags=re.M)[1:]]
    found = [names for item in items for names in re.findall(NAMES, item)]
    assert all(re.match(NAMES, item) for item in items)
    assert len({name for name, _ in found}) >= 2
    for name, wrong in found:
        exercise = getattr(checks, name)
        if isinstance(exercise, Choice):
            bank = set(exercise.why) - {exercise.right}
        else:
            bank = {each.name for each in exercise.misconceptions}
        assert set(re.findall(r"`([\w+]+)`", wrong)) <= bank, name


@pytest.mark.long
def test_the_settings_of_a_demonstration_exist(number, net):
    """Each control has its label, and each setting is one of its choices or in its range; each button is there."""
    view = list(WIDGETS.values())[int(number)](net, TopActivations.load(), **SHOWN.get(number, {}))
    settle(view)
    text = LESSONS[number]
    text = " ".join(text[teaching.DEMONSTRATION.search(text).start() :].partition("\n\n")[0].split())
    controls = {control.description: control for control in parts(view, (*NUMBERS, *SELECTIONS))}
    settings = re.findall(r"\*([^*`]+)\* `([^`]+)`", text)
    assert settings
    for label, value in settings:
        control = controls[label]
        if isinstance(control, NUMBERS):
            assert control.min <= float(value) <= control.max, label
        else:
            labels = [option[0] if isinstance(option, tuple) else str(option) for option in control.options]
            assert value in labels, label
    buttons = {button.description for button in parts(view, w.Button)}
    boxes = {box.description for box in parts(view, w.Checkbox)}
    assert set(re.findall(r"[Pp]ress \*\*([^*]+)\*\*", text)) <= buttons
    assert set(re.findall(r"[Tt]ick \*([^*]+)\*", text)) <= boxes


def run(monkeypatch, *arguments):
    monkeypatch.setenv(__main__.INSIDE, "1")
    return __main__.main(["plan", *arguments])


def test_the_command(monkeypatch, capsys):
    assert run(monkeypatch, "--teach") == 0
    said = capsys.readouterr().out
    assert all(table in said for table in teaching.Plans(plan.loads(), GUIDE).plans().values())


def test_a_guide_without_blocks_and_a_course_without_a_guide(monkeypatch, capsys, tmp_path):
    (tmp_path / "guide.md").write_text("# Nothing here\n")
    monkeypatch.setattr(plan, "GUIDE", tmp_path / "guide.md")
    assert run(monkeypatch, "--write") == 2
    assert capsys.readouterr().err.startswith("error: The guide has no block 'lecture': put")
    for module in (plan, teaching):
        monkeypatch.setattr(module, "GUIDE", tmp_path / "none.md")
    assert run(monkeypatch, "--teach") == 2
    assert "take the whole course" in capsys.readouterr().err
    assert plan.renewed(plan.loads()) == {}


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (NOTEBOOKS / target).exists(), target
    for link in re.findall(r"https://\S*urlpath=(\S+)", GUIDE):
        name = urllib.parse.unquote(link).rpartition("/")[2]
        assert (NOTEBOOKS / name).exists(), link
    assert "[notebooks/INSTRUCTORS.md](notebooks/INSTRUCTORS.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_measured_table_has_each_lesson():
    block = re.search(r"<!-- measured -->\n(.*?)\n<!-- end -->", GUIDE, re.S)[1]
    rows = re.findall(r"^\| lesson (\d) \| ([\d,]+) \| (\d+) \|$", block, re.M)
    assert [row[0] for row in rows] == list(LESSONS)
    assert all(100 < int(memory.replace(",", "")) < 8000 and 0 < int(seconds) < 600 for _, memory, seconds in rows)


def test_the_first_cell_for_colab_installs_what_the_course_asks_for():
    assert set(re.findall(r'"([^"]+)"', re.search(r"^%pip .*", GUIDE, re.M)[0])) <= set(requirements())


@pytest.mark.process
def test_the_first_cell_for_colab(tmp_path):
    """Run by IPython in an empty folder, with this repository instead of an address, and with no package of the course
    in sight, it makes the first cells of a lesson run."""
    cell = re.search(r"```python\n(.*?)```", GUIDE, re.S)[1]
    cell = cell.replace("https://HOST/OWNER/COURSE", ROOT.as_uri())
    cell = re.sub(r"^%pip .*\n", "", cell, flags=re.M)
    (tmp_path / "first.ipy").write_text(
        f"{cell}\nfrom course_utils.paths import ROOT\nfrom course_utils.images import load_image\n"
        "from course_utils.vgg import vgg19\nprint(ROOT, vgg19()(load_image('animal_cat', 64)).shape[1])\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--quick", "first.ipy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=without_the_course(tmp_path))
    assert f"{tmp_path / 'course'} 512" in done.stdout, done.stdout + done.stderr


def without_the_course(home):
    """The environment variables, without those that lead to this repository."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COURSE_UTILS_SET_UP")}
    return {**kept, "IPYTHONDIR": str(home / "ipython")}
