"""The machinery of the checks: what it says to answers that no bank has, and what cannot get past it."""

import math

import pytest
import torch
from torch import nn

from course_utils.checks.asked import say
from course_utils.checks.core import Choice, Exercise, Misconception, Trial, random_trials


def square_sum(F):
    """The exercise of these tests: Σ F² of each picture, halved."""
    return (F**2).sum((1, 2, 3)) / 2


def exercise(reference, *sizes, **options):
    sizes = sizes or ((2, 3, 4, 5), (1, 2, 3, 2), (3, 2, 2, 2))
    return Exercise(
        "it", reference, lambda: random_trials(1, "{} × {} × {} × {}", sizes, lambda d, *s: (d(*s),)), **options
    )


IT = exercise(square_sum)


def message(answer, check=IT):
    result = check.judge(answer)
    assert not result
    return result.message


# --- what is given to the check ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, words",
    (
        (torch.ones(3), "Tensor was given: give the function itself, without brackets: check.it(it)."),
        (None, "None was given: write check.it(it)"),
        ("it", "without quotation marks: check.it(it)"),
        (nn.ReLU, "ReLU is a class"),
        (3.0, "float was given"),
        ([square_sum], "list was given"),
    ),
)
def test_only_a_function_is_judged(given, words):
    result = IT.judge(given)
    assert result.reason == "no_function" and words in result.message


def test_a_function_that_returns_nothing():
    def empty(F): ...

    def passing(F):
        """With a docstring."""
        pass

    def shown(F):
        print(square_sum(F))

    def forgotten(F):
        square_sum(F)

    def dots(F):
        return ...

    assert "still empty" in message(empty) and "still empty" in message(passing)
    assert "only shows a value" in message(shown) and IT.judge(shown).reason == "nothing"
    assert message(forgotten) == "your function returns nothing: end it with `return` and the result."
    assert IT.judge(dots).reason == "unwritten"
    assert "returns nothing here" in message(lambda F: square_sum(F) if len(F) == 2 else None)


# --- errors -----------------------------------------------------------------------------------------------------


def test_missing_names_are_told_where_they_come_from():
    def with_nnf(F):
        return nnf.relu(F)  # noqa: F821

    def misspelt(image):
        return imag.sum()  # noqa: F821

    def unknown(F):
        return no_such_cell(F)  # noqa: F821

    def too_early(F):
        for x in F:
            total = total + x.sum()  # noqa: F821
        return total

    assert "`nnf` is missing: write import torch.nn.functional as nnf." in message(with_nnf)
    assert "do you mean `image`?" in message(misspelt)
    assert "(F)" in message(unknown) and "a cell that you have not run?" in message(unknown)
    assert "`total` is used before it gets a value" in message(too_early)


def test_frequent_errors_are_explained():
    assert "`F` is the tensor here: torch's functions are nnf.mse_loss(…)" in message(lambda F: F.mse_loss(F, F))
    assert "before the dot of `.mse_loss`: torch's" in message(lambda x: x.mse_loss(x))
    assert "a tensor has .to(dtype)" in message(lambda F: F.astype(float))
    assert "it is torch.stack(…)" in message(lambda F: F.stack(F))
    assert "for a place in it write [ ]" in message(lambda F: F(0))
    assert "calls your function with F:" in message(lambda F, P: F)


def test_errors_are_compared_by_what_they_say():
    def of(function):
        return lambda F: square_sum(F) if len(F) > 1 else function(F)

    shifted = Misconception("shifted", of(lambda F: 1 << -1), "do not shift.")
    check = exercise(square_sum, misconceptions=[shifted])
    assert check.judge(of(lambda F: 1 << -len(F))).reason == "shifted"
    assert check.judge(of(lambda F: math.log2(0))).reason == "error"  # a ValueError, too
    # with the same wrong numbers elsewhere, an error of the same type is enough
    check = exercise(square_sum, misconceptions=[Misconception("w", lambda F: shifted.function(F) * 2, "no.")])
    assert check.judge(lambda F: of(lambda F: math.log2(0))(F) * 2).reason == "w"
    # sizes are left aside where some results go by numbers, and only there
    wide = Misconception("wide", lambda F: F[:, 0] + torch.zeros(7), "too wide.")
    assert exercise(square_sum, misconceptions=[wide]).judge(lambda F: F[:, 0] + torch.zeros(8)).reason == "error"
    some = Misconception("some", of(lambda F: F + torch.zeros(7)), "too wide.")
    assert exercise(square_sum, misconceptions=[some]).judge(of(lambda F: F + torch.zeros(8))).reason == "some"


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


class Own(BaseException):
    """No `except Exception` catches it."""


@pytest.mark.parametrize("kind", (Mute, Own, GeneratorExit, SystemExit))
def test_no_exception_gets_out_of_a_check(kind):
    def broken(F):
        raise kind

    def later(F):
        if F.requires_grad:
            raise kind
        return square_sum(F)

    assert kind.__name__ in message(broken)
    assert exercise(square_sum, differentiable=(0,)).judge(later).reason == "gradient_error"


def test_an_interrupt_stops_a_check():
    def interrupted(F):
        raise KeyboardInterrupt

    def later(F):
        return interrupted(F) if F.requires_grad else square_sum(F)

    for answer in (interrupted, later):
        with pytest.raises(KeyboardInterrupt):
            exercise(square_sum, differentiable=(0,)).judge(answer)


# --- kinds of results -------------------------------------------------------------------------------------------


class Equal(torch.Tensor):
    """A tensor that says yes to every comparison."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


def test_a_tensor_of_another_class_is_refused():
    assert "a tensor of a class of its own" in message(lambda F: torch.zeros(len(F)).as_subclass(Equal))
    assert IT.judge(lambda F: nn.Parameter(square_sum(F)))  # a parameter is a plain tensor otherwise

    def later(F):
        value = square_sum(F)
        return value.as_subclass(Equal) if F.requires_grad else value

    assert exercise(square_sum, differentiable=(0,)).judge(later).reason == "gradient_error"


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
def test_sparse_and_nested_tensors_are_refused():
    assert "a sparse tensor" in message(lambda F: square_sum(F).to_sparse())
    assert "a nested tensor" in message(lambda F: torch.nested.nested_tensor([x.flatten() for x in F]))
    assert "returns tuple" in message(lambda F: (square_sum(F).to_sparse(),))


def test_an_input_may_be_changed_in_any_way():
    check = Exercise("it", lambda parts: parts["a"] * 2, lambda: [Trial("x", ({"a": torch.ones(3)},))])

    def other(parts):
        value, parts["a"] = parts["a"] * 2, 0
        return value

    def resized(parts):
        value = parts["a"] * 2
        parts["a"].data = torch.ones(3, dtype=torch.int64)
        return value

    assert check.judge(other).reason == check.judge(resized).reason == "in_place"


@pytest.mark.parametrize(
    "reference, answer, words",
    (
        (square_sum, lambda F: square_sum(F).half(), "so give it to new tensors too, dtype=F.dtype"),
        (lambda F: (F * 9).to(torch.uint8), lambda F: F * 9, "convert the result with .to(torch.uint8), which cuts"),
        (lambda F: F.argmax(1).int(), lambda F: F.argmax(1), "or give new tensors dtype=torch.int32"),
        (lambda F: F > 0, lambda F: (F > 0).int(), "a comparison gives it"),
    ),
)
def test_the_type_that_fits_is_named(reference, answer, words):
    result = exercise(reference).judge(answer)
    assert result.reason == "dtype" and words in result.message


def test_a_cut_gradient_is_told_of_stack():
    check = exercise(square_sum, differentiable=(0,))
    assert "torch.stack([…]), not with torch.tensor([…])" in message(
        lambda F: torch.tensor([(x**2).sum().item() / 2 for x in F], dtype=F.dtype), check
    )


# --- patterns ---------------------------------------------------------------------------------------------------


def plane(F):
    return F[:, 0] @ F[:, 0].transpose(1, 2)


@pytest.mark.parametrize(
    "reference, answer, words",
    (
        (square_sum, lambda F: 4 * square_sum(F), "everywhere 4 times the right ones"),
        (square_sum, lambda F: square_sum(F) / 2, "everywhere 1/2 times"),
        (square_sum, lambda F: -square_sum(F), "where is a sign the wrong way round?"),
        (square_sum, lambda F: -0.3 * square_sum(F), "everywhere −0.3 times"),
        (square_sum, lambda F: square_sum(F) - 1.5, "the right ones − 1.5: what is added?"),
        (square_sum, lambda F: square_sum(F) ** 2, "the squares of the right ones"),
        (square_sum, lambda F: square_sum(F) * 0, "yours are 0 everywhere, whatever the input"),
        (lambda F: F, abs, "without their sign"),
        (lambda F: F, torch.relu, "what cuts them off?"),
        (lambda F: F, lambda F: F * F[0].numel(), "depends on the input: 60 times (2 × 3 × 4 × 5"),
        (lambda F: F @ torch.ones_like(F).mT, lambda F: torch.ones_like(F) @ F.mT, "the axes 2 and 3 have changed"),
        (lambda F: F, lambda F: F.permute(0, 2, 3, 1), "the axes are in another order"),
        (plane, lambda F: plane(F)[0], "only the first of the right ones along axis 0"),
        (plane, lambda F: plane(F).sum(0), "added up over axis 0"),
        (lambda F: F, lambda F: F.flip(3), "backwards along axis 3"),
        (lambda F: F.sum(1, True), lambda F: F.sum(1), "an axis of length 1 is missing"),
        (lambda F: F.sum(1), lambda F: F.sum(1, True), "an axis of length 1 is too many"),
        (lambda F: F, lambda F: F.flatten(1), "in the right order, only the shape is not"),
    ),
)
def test_patterns_are_named(reference, answer, words):
    assert words in message(answer, exercise(reference))


def test_a_pattern_comes_after_the_misconceptions():
    twice = Misconception("twice", lambda F: 2 * square_sum(F), "you take the whole of it.")
    check = exercise(square_sum, misconceptions=[twice])
    assert check.judge(lambda F: (F**2).sum((1, 2, 3))).message == "it looks as if you take the whole of it."
    assert check.judge(lambda F: 3 * square_sum(F)).reason == "value"


def test_numbers_that_are_not_finite_follow_no_pattern():
    """The first input gives wrong numbers, the second one NaN."""
    check = exercise(square_sum, misconceptions=[Misconception("absolute", lambda F: abs(F).sum((1, 2, 3)), "square.")])
    result = check.judge(lambda F: square_sum(F) + (1 if len(F) == 2 else float("nan")))
    assert result.reason == "value" and "the values are not" in result.message


def test_a_misconception_times_a_factor_is_two_things():
    absolute = Misconception("absolute", lambda F: abs(F).sum((1, 2, 3)) / 2, "square the values.")
    result = exercise(square_sum, misconceptions=[absolute]).judge(lambda F: abs(F).sum((1, 2, 3)))
    assert result.reason == "absolute+factor"
    assert "square the values.\nBesides, all your numbers are 2 times what" in result.message


def test_other_wrong_values_have_no_pattern():
    assert message(lambda F: square_sum(F) + F[:, 0, 0, 0]).startswith("the shape is right, the values are not. ")


# --- the input that is shown ------------------------------------------------------------------------------------


def test_the_smallest_input_is_shown_whole():
    def answer(activations):
        return square_sum(activations) + (activations.shape[2] == 1)

    lines = message(answer, exercise(square_sum, (2, 3, 4, 5), (1, 2, 2, 2), (1, 2, 1, 3), (1, 1, 1, 40))).splitlines()
    assert lines[0].endswith("Follow this input by hand (1 × 2 × 1 × 3, float32):")
    assert lines[1].startswith("    activations  = [[[[") and lines[2].startswith(" " * 20) and len(lines) == 5
    assert all(len(line) < 60 for line in lines[1:])
    assert lines[3].split()[:3] == ["your", "result", "="] and lines[4].split()[:3] == ["right", "result", "="]
    large = message(answer, exercise(square_sum, (1, 1, 1, 40)))
    assert large.count("\n") == 0 and "For example, yours are [" in large


def test_an_exercise_may_have_small_inputs_of_its_own():
    small = [Trial("one picture", (torch.ones(1, 1, 1, 2),)), Trial("two", (torch.tensor([[[[3.0]]], [[[1.0]]]]),))]
    text = message(lambda F: square_sum(F)[[0] * len(F)], exercise(square_sum, (2, 3, 4, 5), small=lambda: small))
    assert "(two)" in text and "your result  = [4.5, 4.5]" in text and "right result = [4.5, 0.5]" in text


def test_inputs_in_lists_and_dictionaries_are_shown():
    check = Exercise(
        "it",
        lambda costs, layers, name, weight: weight * costs["a"] + layers[0][1],
        lambda: [Trial("some", ({"a": torch.tensor([1.0, 2.0])}, [(3, 1)], "x", 0.5))],
    )
    text = message(lambda costs, layers, name, weight: costs["a"] ** 3, check)
    assert "costs['a']   = [1, 2]" in text and "layers       = [(3, 1)]" in text and "weight       = 0.5" in text


# --- two mistakes -----------------------------------------------------------------------------------------------


def line(F, *, slope=2, start=lambda x: x.sum()):
    """Two rows of a result: slopes and starts."""
    return torch.stack([torch.stack([x.mean() * slope, start(x)]) for x in F])


LINE = exercise(
    line,
    misconceptions=[
        Misconception("both", lambda F: line(F, slope=1, start=torch.std), "both hints."),
        Misconception("slope", lambda F: line(F, slope=1), "the slope is 2."),
        Misconception("start", lambda F: line(F, start=torch.norm), "you take the length."),
    ],
    parts={"the slopes": lambda result: result[:, 0], "the starts": lambda result: result[:, 1]},
)


def test_parts_of_a_result_are_judged_one_by_one():
    result = LINE.judge(lambda F: line(F, slope=1, start=torch.norm))
    assert result.reason == "slope+start"
    assert result.message == (
        "each part has its mistake:\n- the slopes: the slope is 2.\n- the starts: it looks as if you take the length."
    )
    result = LINE.judge(lambda F: line(F, start=lambda x: 3 * x.sum()))
    assert result.reason == "value" and "part of it is right: the slopes." in result.message
    assert "- the starts: yours are everywhere 3 times the right ones" in result.message
    result = LINE.judge(lambda F: line(F, slope=1, start=lambda x: x.max()))
    assert result.reason == "slope+value" and "- the starts: yours are [" in result.message
    assert LINE.judge(lambda F: line(F, slope=1)).reason == "slope"  # a misconception as a whole comes first
    assert LINE.judge(lambda F: line(F)[:, 0]).reason == "shape"
    assert "part" not in message(lambda F: F.std((1, 2, 3))[:, None].expand(-1, 2) * F.norm(), LINE)


# --- on the page ------------------------------------------------------------------------------------------------


def test_lines_are_broken_between_words_and_matrices_are_kept(capsys):
    table = "    F = [[1, 2],\n" + " " * 9 + "[3, 4]]" + "  " * 50 + "end"
    say(f"✗ it: {'position ' * 30}end:\n{table}\n- the first: {'word ' * 30}")
    out = capsys.readouterr().out
    before, after = out.split(table)
    assert before.startswith("✗ it: position") and set(before.split()[2:]) == {"position", "end:"}
    assert after.startswith("\n  - the first: word") and set(after.split()[3:]) == {"word"} and "\n    word" in after
    assert all(len(line) <= 96 for line in (before + after).splitlines())


def test_functions_that_stand_above_an_exercise_are_tried():
    """What a copied line would pass is found; helpers, imports and classes are not in the way."""
    from tests.earlier import passing

    namespace = {"__name__": "__main__", "torch": torch}
    exec(
        "def doubled(x):\n    return 2 * x\n\n\ndef other(x):\n    return x + 1\n\n\nclass Thing:\n    pass", namespace
    )
    exercise = Exercise("twice", lambda x: x + x, lambda: [Trial("some x", (torch.arange(4.0),))])
    assert passing(namespace, exercise) == ["doubled"]
    assert passing(namespace, Choice("it", "A", {"A": "one", "B": "two", "C": "three"})) == []
