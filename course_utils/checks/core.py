"""How a check works: try a function on inputs of many shapes, compare value and gradient with a reference, name the
mistake.

An `Exercise` knows the right answer and a bank of misconceptions, each a wrong answer that people really give with the
hint that helps. A function that fails is compared with the whole bank; where it does the same as one of them on all
inputs, the hint of that one is shown.
"""

import functools
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch


class Misconception(NamedTuple):
    """A wrong answer with a name, and the hint that whoever gives it should get."""

    name: str
    function: Callable
    hint: str


class Trial(NamedTuple):
    """One input: what it is in words, and the arguments."""

    label: str
    arguments: tuple


def random_trials(seed, label, sizes, arguments):
    """One trial for each of the sizes, in float32 and float64 by turns; `arguments` makes them of random numbers and a
    size.
    """
    generator, trials = torch.Generator().manual_seed(seed), []
    for number, size in enumerate(sizes):
        dtype = (torch.float32, torch.float64)[number % 2]
        made = arguments(lambda *shape: torch.randn(shape, generator=generator, dtype=dtype), *size)
        trials.append(Trial(f"{label.format(*size)}, {str(dtype).removeprefix('torch.')}", made))
    return trials


def kept(value, *_):
    """The value as it is: the part of an answer that does nothing."""
    return value


def lengths(x):
    """The length of each picture, (N, 1, 1, 1)."""
    return x.flatten(1).norm(dim=1)[:, None, None, None]


@dataclass(frozen=True)
class Result:
    """The verdict on an answer; true only when it passed."""

    passed: bool
    message: str
    reason: str = ""  # name of the misconception, or 'unwritten', 'error', 'type', 'shape', 'precision', 'value' …

    def __bool__(self):
        return self.passed

    def _ipython_display_(self):
        """Nothing: the check has printed the message already."""


@dataclass(eq=False)
class Exercise:
    """A check that can be called with a student's function.

    Args:
        name: of the function to write.
        reference: the right answer.
        trials: () -> list of `Trial`; the same at every call.
        misconceptions: the bank.
        differentiable: positions of the arguments by which the gradient is compared too.
    """

    name: str
    reference: Callable
    trials: Callable
    misconceptions: list = field(default_factory=list)
    differentiable: tuple = ()

    def __call__(self, function, *, solution=False):
        return _report(self.name, self.judge(function), solution)

    def judge(self, function):
        """The verdict without printing it."""
        outcomes = [_run(function, trial.arguments) for trial in self._inputs]
        for verdict in (self._unwritten, self._modified, self._wrong, self._gradients):
            result = verdict(function, outcomes)
            if result is not None:
                return result
        return Result(
            True,
            f"right, on all {len(self._inputs)} inputs" + (", gradients included." if self.differentiable else "."),
        )

    # What the exercise itself makes of its trials is computed once, when it is first needed.

    @functools.cached_property
    def _inputs(self):
        return self.trials()

    @functools.cached_property
    def _bank(self):
        """{(function, number of the trial): outcome}, of the reference and the misconceptions; filled as it is asked
        for.
        """
        return {}

    @functools.cached_property
    def _right_gradients(self):
        return [_gradient(self.reference, trial.arguments, self.differentiable) for trial in self._inputs]

    def _known(self, function, number):
        if (function, number) not in self._bank:
            self._bank[function, number] = _run(function, self._inputs[number].arguments)
        return self._bank[function, number]

    def _unwritten(self, function, outcomes):
        if (
            isinstance(outcomes[0].error, NotImplementedError) and not outcomes[0].error.args
        ):  # torch raises it with a message
            return Result(
                False,
                "not written yet: put your code in place of the line that raises NotImplementedError.",
                "unwritten",
            )
        if outcomes[0].error is None and outcomes[0].value is None:
            return Result(False, "your function returns nothing: end it with `return` and the result.", "nothing")

    def _modified(self, function, outcomes):
        for trial, outcome in zip(self._inputs, outcomes):
            if outcome.modified:
                return Result(
                    False,
                    f"your function changes its input ({trial.label}): work on a copy, and leave out methods that end"
                    " in an underscore, `+=`, assignments to slices, and on lists and dictionaries pop, reverse and"
                    " the like.",
                    "in_place",
                )

    def _wrong(self, function, outcomes):
        problems = [
            (trial, problem)
            for number, (trial, outcome) in enumerate(zip(self._inputs, outcomes))
            if (problem := _compare(outcome, self._known(self.reference, number)))
        ]
        if not problems:
            return None
        nowhere = all(
            outcome.error is not None for outcome in outcomes
        )  # nothing but errors to go by: then their texts count
        for misconception in self.misconceptions:
            if all(
                _same(self._known(misconception.function, number), outcome, nowhere)
                for number, outcome in enumerate(outcomes)
            ):
                return Result(False, misconception.hint, misconception.name)
        trial, (reason, message) = min(
            problems, key=lambda problem: problem[1][0] == "precision"
        )  # the first of another kind, if any
        return Result(False, f"{message} (input: {trial.label}).", reason)

    def _gradients(self, function, outcomes):
        for number, trial in enumerate(self._inputs if self.differentiable else ()):
            right, answer = self._right_gradients[number], _gradient(function, trial.arguments, self.differentiable)
            if answer is None or isinstance(answer, RuntimeError) and "Can't call numpy()" in str(answer):
                return Result(
                    False,
                    "the value is right, but no gradient flows back: leave out .item(), float(), .detach(), "
                    ".numpy() and torch.no_grad() in the calculation (and torch.autograd.grad needs"
                    " create_graph=True).",
                    "detached",
                )
            if isinstance(answer, Exception):
                return Result(
                    False,
                    f"the value is right, but computing its gradient raised {_describe(answer)} "
                    f"(input: {trial.label}).",
                    "gradient_error",
                )
            if not all(_close(a, b) for a, b in zip(answer, right)):
                return Result(
                    False,
                    "the value is right, but its gradient is not: a part of the calculation is detached "
                    f"or rounded (input: {trial.label}).",
                    "gradient",
                )


@dataclass(eq=False)
class Choice:
    """A question whose answer is one of a few letters: a check that is called with the letter.

    Args:
        name: of the variable that holds the answer.
        right: the letter of the right answer.
        why: {letter: what is to be said to whoever chooses it}, for every letter. It explains a wrong choice, and says
            for the right one what makes it right.
    """

    name: str
    right: str
    why: dict

    def __post_init__(self):
        if self.right not in self.why:
            raise ValueError(f"the right answer of {self.name}, {self.right!r}, is none of {', '.join(self.why)}")

    def __call__(self, answer, *, solution=False):
        return _report(self.name, self.judge(answer), solution)

    def judge(self, answer):
        """The verdict without printing it."""
        letters = [f'"{letter}"' for letter in self.why]
        choices = f"{', '.join(letters[:-1])} or {letters[-1]}"
        if answer is None or answer is ...:
            return Result(False, f"not answered yet: put {choices} in place of None.", "unwritten")
        letter = answer.strip().upper() if isinstance(answer, str) else None
        if letter not in self.why:
            return Result(False, f"answer with one letter in quotation marks: {choices}.", "type")
        return Result(letter == self.right, self.why[letter], "" if letter == self.right else letter)


@dataclass(eq=False)
class Commission:
    """A task whose answer is a choice of settings: the check paints with them and holds what it measures against
    bounds.

    Args:
        name: of the variable that holds the answer.
        fields: the names of the settings that may be chosen.
        measure: settings -> {what: number}.
        bounds: {what: (largest number that will do, hint for whoever lies above it)}.
    """

    name: str
    fields: tuple
    measure: Callable
    bounds: dict

    def __call__(self, answer, *, solution=False):
        return _report(self.name, self.judge(answer), solution)

    def judge(self, answer):
        """The verdict without printing it."""
        if answer is None or answer is ...:
            example = f'{{"{self.fields[0]}": …}}'
            return Result(
                False, f"not answered yet: put your settings, such as {example}, in place of None.", "unwritten"
            )
        if not isinstance(answer, dict) or not answer or not set(answer) <= set(self.fields):
            return Result(
                False, f"answer with a dictionary of settings; you may choose {', '.join(self.fields)}.", "type"
            )
        try:
            found = self.measure(answer)
        except (ValueError, TypeError) as error:
            return Result(False, f"with these settings nothing can be painted: {error}", "error")
        above = [what for what, (most, _) in self.bounds.items() if not found[what] <= most]
        said = "; ".join(f"{what} {found[what]:.0%} (at most {most:.0%})" for what, (most, _) in self.bounds.items())
        hints = " ".join(self.bounds[what][1] for what in above)
        return Result(not above, f"{said}. {hints}".strip(), " and ".join(above))


def _report(name, result, solution):
    """Print a verdict, in lines that fit the page; return it."""
    text = f"{'✓' if result else '✗'} {'solution of ' if solution else ''}{name}: {result.message}"
    print(textwrap.fill(text, 96, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
    return result


class _Outcome(NamedTuple):
    value: object
    error: object
    modified: bool


def _clone(argument):
    if isinstance(argument, torch.Tensor):
        return argument.clone()
    if isinstance(argument, list):
        return list(map(_clone, argument))
    return {key: _clone(value) for key, value in argument.items()} if isinstance(argument, dict) else argument


def _tensors(argument):
    if isinstance(argument, dict):
        argument = list(argument.values())
    if isinstance(argument, list):
        return [tensor for value in argument for tensor in _tensors(value)]
    return [argument] if isinstance(argument, torch.Tensor) else []


def _unchanged(after, before):
    if isinstance(before, dict):
        return after.keys() == before.keys() and all(_unchanged(after[key], before[key]) for key in before)
    if isinstance(before, list):
        return len(after) == len(before) and all(map(_unchanged, after, before))
    if not isinstance(before, torch.Tensor):
        return after == before
    return after.shape == before.shape and torch.equal(after, before)


def _run(function, arguments):
    """What a function makes of copies of the arguments."""
    copies = tuple(map(_clone, arguments))
    value = error = None
    try:
        value = function(*copies)
    except (Exception, SystemExit) as raised:  # whatever a student's code raises is part of the answer
        error = raised.with_traceback(None)  # its frames would keep the tensors of the call
    return _Outcome(value, error, not all(map(_unchanged, copies, arguments)))


def _gradient(function, arguments, positions):
    """Gradients of a fixed mixture of the results by all tensors at the positions; None where none flows."""
    copies = tuple(map(_clone, arguments))
    leaves = [tensor.requires_grad_() for position in positions for tensor in _tensors(copies[position])]
    try:
        with torch.enable_grad():  # the caller may have it switched off
            value = function(*copies)
            if not value.requires_grad:
                return None
            mixture = (value * torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)).sum()
            found = torch.autograd.grad(mixture, leaves, allow_unused=True)
    except (Exception, SystemExit) as raised:  # as in _run
        return raised
    return [torch.zeros_like(leaf) if gradient is None else gradient for leaf, gradient in zip(leaves, found)]


def _describe(error):
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}" + (f": {text[0]}" if text else "")


def _compare(outcome, expected):
    """(reason, message) of what is wrong with an outcome, or None."""
    value, right = outcome.value, expected.value
    if outcome.error is not None:
        return "error", f"your function raised {_describe(outcome.error)}"
    if not isinstance(value, torch.Tensor):
        kind = type(value).__name__
        return "type", f"your function returns {kind}, a torch.Tensor is expected" + (
            ": wrap it in torch.from_numpy(…)" if kind == "ndarray" else _joined(value, right)
        )
    if not value.ndim and right.ndim == 1 and right.is_floating_point():
        return (
            "one_number",
            (
                f"your result is one number for all together, the shape {tuple(right.shape)} is expected: each picture"
                " has its own, or each channel where these are asked for, so sum over the other axes only"
            ),
        )
    if value.shape != right.shape:
        return "shape", f"your result has the shape {tuple(value.shape)}, {tuple(right.shape)} is expected"
    if value.dtype != right.dtype:
        return (
            "dtype",
            (
                f"your result has the type {value.dtype}, {right.dtype} is expected: give new tensors the type of the"
                " input, dtype=x.dtype"
            ),
        )
    if value.device != right.device:
        return "device", f"your result is on {value.device}, the inputs are on {right.device}"
    if not value.isfinite().all():
        return (
            "not_finite",
            "your result holds NaN or infinity: is something divided by zero, or a bracket missing in a denominator?",
        )
    if not _close(value, right):
        numbers = (
            f"yours are {value.tolist()}, the right ones {right.tolist()}"
            if right.numel() <= 6
            else "at {} yours is {}, the right one {}".format(*_worst(value, right))
        )
        if right.is_floating_point() and _close(value, right, 1e-4):
            return (
                "precision",
                (
                    "the values are right to some digits only, so leave out .float(), new tensors without dtype=,"
                    f" rounding, and additions that the formula does not have, such as an eps: {numbers}"
                ),
            )
        return "value", f"the shape is right, the values are not: {numbers}"
    return None


def _joined(value, right):
    """What makes the expected tensor of a tuple or list of tensors, in words; '' for all else."""
    if (
        not isinstance(value, (tuple, list))
        or not value
        or not all(isinstance(tensor, torch.Tensor) for tensor in value)
    ):
        return ""
    for join in (torch.stack, torch.cat):
        for dim in range(right.ndim):
            try:
                fits = join(tuple(value), dim).shape == right.shape
            except (RuntimeError, IndexError):  # these tensors cannot be joined so
                continue
            if fits:
                return f": put them together with torch.{join.__name__}(…, dim={dim})"
    return f": put them together, with torch.stack or torch.cat, in one of shape {tuple(right.shape)}"


def _worst(value, right):
    """The place of the largest difference and both numbers there, with as many digits as tell them apart."""
    gap = (value.double() - right.double()).abs()
    place = [index.item() for index in torch.unravel_index(gap.argmax(), gap.shape)]
    numbers = [x[tuple(place)].item() for x in (value, right)]
    if right.is_floating_point():
        texts = ([f"{number:.{digits}g}" for number in numbers] for digits in range(3, 18))
        numbers = next(pair for pair in texts if pair[0] != pair[1])
    return place, *numbers


def _close(value, right, tolerance=None):
    if not right.is_floating_point():
        return torch.equal(value, right)
    tolerance = tolerance or (1e-4 if right.dtype == torch.float32 else 1e-9)
    scale = right.abs().max().item() if right.numel() else 0.0
    return torch.allclose(value, right, rtol=tolerance, atol=tolerance * max(scale, 1e-30))


def _same(one, other, texts=False):
    """Whether two outcomes are alike: the same kind of error (and the same text), or the same type, shape
    and values.
    """
    if one.error is not None or other.error is not None:
        return type(one.error) is type(other.error) and (not texts or str(one.error) == str(other.error))
    a, b = one.value, other.value
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
        return type(a) is type(b)
    return (
        a.shape == b.shape and a.dtype == b.dtype and a.device == b.device and bool(b.isfinite().all()) and _close(a, b)
    )
