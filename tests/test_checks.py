"""The whole bank of misconceptions: every wrong answer gets its own hint, every right one passes, however it is
written.
"""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from course_utils import checks
from course_utils.checks import lesson6
from course_utils.checks.core import Choice, Commission, Exercise, Trial

LESSONS = {
    path.name: import_module(f"course_utils.checks.{path.name}")
    for path in sorted(Path(checks.__file__).parent.glob("lesson*"))
}
CHECKS = {f"{lesson}/{name}": getattr(module, name) for lesson, module in LESSONS.items() for name in module.__all__}
EXERCISES = {place: check for place, check in CHECKS.items() if isinstance(check, Exercise)}
COMMISSIONS = {place: check for place, check in CHECKS.items() if isinstance(check, Commission)}
CHOICES = {place: check for place, check in CHECKS.items() if isinstance(check, Choice)}
ANSWERS = {
    f"{path.parent.name}/{path.stem}": import_module(f"answers.{path.parent.name}.{path.stem}")
    for path in sorted(Path(__file__).with_name("answers").glob("lesson*/*.py"))
}
PUT = [(exercise, ANSWERS[place]) for place, exercise in EXERCISES.items() if place in ANSWERS]
HIDDEN, WRITTEN = (
    [(exercise, *case) for exercise, module in PUT for case in getattr(module, kind, ())]
    for kind in ("HIDDEN", "WRITTEN")
)
REAL = [
    exercise
    for exercise in EXERCISES.values()
    if exercise.reference(*exercise.trials()[0].arguments).is_floating_point()
]
BANK = [
    pytest.param(exercise, wrong, id=f"{exercise.name}-{wrong.name}")
    for exercise in EXERCISES.values()
    for wrong in exercise.misconceptions
]
EACH = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda exercise: exercise.name)


def numbered(cases):
    """The cases as parameters, each with the exercise's name and a number for an id."""
    return [pytest.param(*case, id=f"{case[0].name}-{number}") for number, case in enumerate(cases)]


def test_each_exercise_has_a_file_of_its_own_and_answers():
    found = {
        f"{lesson}/{name}": getattr(import_module(f"course_utils.checks.{lesson}.{name}"), name, None)
        for lesson, module in LESSONS.items()
        for name in (path.stem for path in Path(module.__file__).parent.glob("[!_]*.py"))
    }
    files = {place: check for place, check in found.items() if isinstance(check, (Exercise, Choice, Commission))}
    assert files == CHECKS == EXERCISES | CHOICES | COMMISSIONS and sorted(ANSWERS) == sorted(EXERCISES)
    assert all(place.endswith(f"/{check.name}") for place, check in CHECKS.items())


@pytest.mark.parametrize("choice", CHOICES.values(), ids=lambda choice: choice.name)
def test_every_choice_has_its_own_explanation(choice):
    assert len(choice.why) >= 3 and len(set(choice.why.values())) == len(choice.why)
    for letter, words in choice.why.items():
        result = choice.judge(letter.lower())
        assert bool(result) == (letter == choice.right) and result.message == words and len(words.split()) >= 8


def test_a_commission_measures_what_is_chosen(capsys):
    """A pure stand-in: what is measured is the weight itself."""
    task = Commission(
        "it", ("weight", "start"), lambda settings: {"size": float(settings["weight"])}, {"size": (0.4, "Too large.")}
    )
    assert [
        task.judge(answer).reason for answer in (None, ..., 3, {}, {"other": 1}, {"weight": 0.5}, {"weight": 0.4})
    ] == [*("unwritten", "unwritten", "type", "type", "type", "size", "")]
    assert task.judge({"weight": 0.5}).message == "size 50% (at most 40%). Too large."
    assert task.judge({"weight": float("nan")}).reason == "size"
    assert task.judge({"weight": "many"}).reason == "error"

    def overflows(settings):
        raise RuntimeError("the loss is infinite")

    overflow = Commission("it", ("weight",), overflows, {})
    assert "nothing can be painted: the loss is infinite" in overflow.judge({"weight": 1}).message
    assert (
        task({"weight": 0.25}, solution=True)
        and capsys.readouterr().out == "✓ solution of it: size 25% (at most 40%).\n"
    )


@pytest.mark.long
def test_the_commission_of_lesson_6(net):
    """The defaults and the photo itself are refused, each for its own reason; a range of weights will do."""
    task = lesson6.commission
    for settings, reason in (
        ({"style_weight": 1.0}, "content"),
        ({"style_weight": 0.0}, "style"),
        ({"content_weight": 0.0}, "content"),
        ({"style_weight": 0.0007}, ""),
        ({"style_weight": 0.0008}, ""),
        ({"style_weight": 0.001}, "content"),
    ):
        assert task.judge(settings).reason == reason
    assert "nothing can be painted" in task.judge({"style_weight": -1}).message


def test_one_of_three_costs_lies(net):
    """The cost is the same; the slope along a direction is right in two of them, and clearly too small in the third."""
    from course_utils.checks.lesson6.wrong_gradient import three_costs
    from course_utils.images import load_image
    from course_utils.vgg import vgg19

    photo, painting = (load_image(name, (32, 32)).double() for name in ("animal_cat", "van_gogh_night_cafe"))
    costs = three_costs(vgg19().double(), photo, painting)
    v, h = torch.randn(photo.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), 1e-7
    values = {letter: cost(photo)[0] for letter, cost in costs.items()}
    assert max(values.values()) == pytest.approx(min(values.values()), rel=1e-12)
    for letter, cost in costs.items():
        slope = (cost(photo)[1] * v).sum().item()
        difference = (cost(photo + h * v)[0] - cost(photo - h * v)[0]) / (2 * h)
        wanted = 0.5 if letter == lesson6.wrong_gradient.right else 1.0
        assert slope / difference == pytest.approx(wanted, abs=0.05)  # a rectification may switch between the two


def test_a_choice_is_a_letter(capsys):
    choice = Choice("it", "B", {"A": "not it", "B": "it", "C": "nor this"})
    assert [choice.judge(answer).reason for answer in (None, ..., "B", " b ", "A", "D", 2, "BB")] == [
        *("unwritten", "unwritten", "", "", "A", "type", "type", "type")
    ]
    assert choice(None).message.startswith('not tried yet: put "A", "B" or "C"')
    assert choice("B", solution=True) and capsys.readouterr().out.endswith("✓ solution of it: it\n")
    with pytest.raises(ValueError, match="'D', is none of A, B"):
        Choice("it", "D", {"A": "x", "B": "y"})


@pytest.mark.parametrize("exercise, wrong", BANK)
def test_every_misconception_gets_its_hint(exercise, wrong):
    result = exercise.judge(wrong.function)
    assert not result and result.reason == wrong.name and result.message.endswith(wrong.hint)


@EACH
def test_every_misconception_has_its_own_name(exercise):
    names = [wrong.name for wrong in exercise.misconceptions]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "exercise",
    [exercise for exercise in EXERCISES.values() if exercise is not lesson6.paint],  # a function cannot be shown
    ids=lambda exercise: exercise.name,
)
def test_an_input_can_be_followed_by_hand(exercise):
    """An answer whose mistake nobody knows gets the whole of a small input."""
    result = exercise.judge(lambda *arguments: exercise.reference(*arguments) * 2 + 3)
    assert result.reason == "value" and "Follow this input by hand" in result.message
    assert all(
        trial.label and exercise.reference(*trial.arguments).isfinite().all() for trial in (exercise.small or list)()
    )


@EACH
def test_general_refusals(exercise):
    def unwritten(*arguments):
        raise NotImplementedError

    def broken(*arguments):
        return arguments[0].no_such_thing

    def not_for_integers(*arguments):  # torch raises NotImplementedError itself, with a message
        return torch.hypot(torch.tensor([1]), torch.tensor([2]))

    for answer, reason in (
        (unwritten, "unwritten"),
        (broken, "error"),
        (not_for_integers, "error"),
        (lambda *_: None, "nothing"),
        (lambda *_: 3.0, "type"),
        (lambda *_: torch.zeros(1, 2), "shape"),
        (lambda *a: exercise.reference(*a).to(torch.complex64), "dtype"),
        (lambda *a: exercise.reference(*a) * 0 + 1, "value"),
        (lambda *_: quit(), "error"),  # noqa: PLR1722
        (lambda *a: exercise.reference(*a).to("meta"), "device"),
    ):
        assert exercise.judge(answer).reason == reason


@pytest.mark.parametrize("exercise", REAL, ids=lambda exercise: exercise.name)
def test_not_a_number_is_named(exercise):
    for factor in (float("nan"), float("inf")):
        assert exercise.judge(lambda *arguments: exercise.reference(*arguments) * factor).reason == "not_finite"
    assert exercise.judge(lambda *arguments: exercise.reference(*arguments) / 0).reason == "not_finite"


@pytest.mark.parametrize(
    "exercise, answer", numbered((exercise, answer) for exercise, module in PUT for answer in module.RIGHT)
)
def test_right_answers_pass(exercise, answer):
    result = exercise.judge(answer)
    assert result, result.message
    with torch.no_grad():  # the caller's gradient mode does not matter
        assert exercise.judge(answer)


@pytest.mark.parametrize("place", EXERCISES)
def test_every_exercise_has_three_right_answers(place):
    assert len(ANSWERS[place].RIGHT) >= 3


@pytest.mark.parametrize("exercise, answer, reason", numbered(HIDDEN))
def test_hidden_mistakes(exercise, answer, reason):
    assert exercise.judge(answer).reason == reason


@pytest.mark.parametrize("exercise, answer, reason", numbered(WRITTEN))
def test_misconceptions_as_students_write_them(exercise, answer, reason):
    assert exercise.judge(answer).reason == reason


def test_the_verdict_is_printed_once(capsys):
    result = lesson6.paint(ANSWERS["lesson6/paint"].RIGHT[0])
    assert bool(result) and capsys.readouterr().out.startswith("✓ paint: right")
    assert not lesson6.paint(lambda gradient, image, *_: image)
    assert capsys.readouterr().out.startswith("✗ paint: your function returns the picture as it was")


def test_a_division_by_zero_is_named():
    assert (
        lesson6.paint.judge(
            lambda gradient, image, step, steps: (image - step * gradient(image)).clamp(0, 1) / 0
        ).reason
        == "not_finite"
    )


def refusal(value, right):
    """What a check says to a function that returns `value`, where `right` is expected."""
    return Exercise("it", lambda x: right, lambda: [Trial("some x", (torch.zeros(1),))]).judge(lambda x: value).message


def test_wrong_values_are_shown_where_they_differ_most():
    right = torch.linspace(0, 1, 30, dtype=torch.float64).reshape(2, 3, 5)
    wrong = right.clone()
    wrong[1, 0, 2], wrong[0, 2, 1] = wrong[1, 0, 2] + 0.1, 0.4
    assert refusal(wrong, right).endswith(
        "the values are not. For example, at [1, 0, 2] yours is 0.686, the right one 0.586 (input: some x)."
    )
    wrong = right.clone()
    wrong[1, 2, 4] += 1e-5  # more digits where three are alike
    assert "at [1, 2, 4] yours is 1.00001, the right one 1 " in refusal(wrong, right)
    wrong = torch.arange(30)
    wrong[2] = 9
    assert "at [2] yours is 9, the right one 2 " in refusal(wrong, torch.arange(30))
    assert "at [3] yours is True, the right one False " in refusal(torch.arange(30) == 3, torch.arange(30) < 0)


def test_tuples_and_lists_are_told_how_to_become_a_tensor():
    right = torch.zeros(2, 5)
    for value, words in (
        (tuple(right), "returns tuple, a torch.Tensor is expected: put them together with torch.stack(…, dim=0)"),
        (list(right.T), "torch.stack(…, dim=1)"),
        (list(right.split(1)), "torch.cat(…, dim=0)"),
        (right.split(2, 1), "torch.cat(…, dim=1)"),
        ((right, right[0]), "torch.stack or torch.cat, in one of shape (2, 5)"),
    ):
        assert words in refusal(value, right)
    for value in ((), [0.5, 1.0], (right, None), 0.5):
        assert (
            refusal(value, right)
            == f"your function returns {type(value).__name__}, a torch.Tensor is expected (input: some x)."
        )


def test_one_number_for_all_is_named():
    assert "one number for all together, the shape (3,) is expected" in refusal(torch.tensor(2.0), torch.zeros(3))
    assert "your result has the shape (), (3,) is expected" in refusal(
        torch.tensor(2), torch.arange(3)
    )  # such three are no sums


def test_rounding_is_named_where_nothing_else_is_wrong():
    right = torch.linspace(0, 1, 24, dtype=torch.float64) + 1 / 3
    assert refusal(right.float().double(), right).startswith("the values are right to some digits only")
    both = Exercise("it", lambda x: x, lambda: [Trial(str(x), (x * right,)) for x in (1, 10)])
    assert both.judge(lambda x: x.float().double()).reason == "precision"
    assert both.judge(lambda x: x.float().double() + (x > 10)).reason == "value"


def test_errors_are_described_in_one_line():
    def broken(*arguments):
        raise RuntimeError("first line\nsecond line")

    message = lesson6.paint.judge(broken).message
    assert "RuntimeError: first line" in message and "second line" not in message
