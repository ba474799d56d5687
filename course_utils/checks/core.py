"""How a check works: it tries a function on many inputs, compares value and gradient with a reference, names mistakes.

An `Exercise` knows the right answer and a bank of misconceptions. A misconception is a wrong answer that people really
give, with the hint that helps. The check compares a function that fails with the whole bank. If the function does the
same as a misconception on all inputs, the check shows the hint of this misconception.
"""

import functools
import math
import os
import sys
from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from course_utils.checks import words
from course_utils.checks.asked import Asked
from course_utils.paths import PACKAGE


class _Calls(TorchFunctionMode):
    """Records the names of the torch functions that are called."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


class _Taken:
    """Records the names of the package's own functions that an answer is, or calls by itself."""

    def __init__(self, arguments):
        self.names, self._given = set(), {getattr(argument, "__code__", None) for argument in arguments}

    def __enter__(self):
        self._before = sys.getprofile()
        sys.setprofile(self._watch)
        return self

    def __exit__(self, *_):
        sys.setprofile(self._before)

    def _watch(self, frame, event, _):
        if event == "call" and _ours(frame) and frame.f_code not in self._given and not _within(frame):
            self.names.add(frame.f_code.co_name)


def _within(frame):
    """Whether a frame was called, at any depth, by the package's code; torch's own frames may lie between."""
    while (frame := frame.f_back) and frame.f_code.co_filename != __file__:
        if _ours(frame):
            return True
    return False


def _ours(frame):
    """Whether a frame runs the package's code, without this file, which calls the answer."""
    return frame.f_code.co_filename != __file__ and frame.f_code.co_filename.startswith(f"{PACKAGE}{os.sep}")


class Misconception(NamedTuple):
    """A wrong answer with a name, and the hint for everyone who gives it."""

    name: str
    function: Callable
    hint: str


class Trial(NamedTuple):
    """One input: a description in words, and the arguments."""

    label: str
    arguments: tuple


def random_trials(seed, label, sizes, arguments):
    """A list with one `Trial` for each of the sizes, alternately in float32 and float64.

    Args:
        seed: of the random numbers.
        label: format of the description, filled in with the size.
        sizes: list of tuples.
        arguments: (function that makes random numbers of a shape, *size) -> the arguments of the trial.
    """
    generator, trials = torch.Generator().manual_seed(seed), []
    for number, size in enumerate(sizes):
        dtype = (torch.float32, torch.float64)[number % 2]
        made = arguments(lambda *shape: torch.randn(shape, generator=generator, dtype=dtype), *size)
        trials.append(Trial(f"{label.format(*size)}, {str(dtype).removeprefix('torch.')}", made))
    return trials


def easy(*shape, first=0):
    """Whole numbers from −3 to 5 that a reader can follow by hand; `first` chooses where their sequence begins."""
    numbers = torch.tensor([2.0, -1.0, 4.0, 0.0, -2.0, 5.0, 1.0, -3.0, 3.0])
    return numbers[torch.arange(first, first + math.prod(shape)) % len(numbers)].reshape(shape)


def kept(value, *_):
    """The value as it is; stands for a part of an answer that does nothing."""
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
    share: float = 0.0  # of the parts of a wrong answer, those that are right

    def __bool__(self):
        return self.passed

    def _ipython_display_(self):
        """Displays nothing, because the check has printed the message already."""


class Elsewhere:
    """An answer that runs in another process, where grading keeps the student's code: a check only asks about it."""

    def outcome(self, arguments):
        """The `_Outcome` of a call."""
        raise NotImplementedError

    def gradient(self, arguments, positions):
        """What `_gradient` returns."""
        raise NotImplementedError

    def calls(self, arguments):
        """What `_calls` returns."""
        raise NotImplementedError

    def taken(self, arguments):
        """What `_taken` returns."""
        raise NotImplementedError

    def unrecorded(self):
        """The answer, run while autograd records nothing."""
        raise NotImplementedError

    def __call__(self, *arguments):
        raise TypeError("This answer runs in another process: ask for its outcome.")


class _Finished(Elsewhere):
    """An answer elsewhere whose results go through a function before they are judged."""

    def __init__(self, answer, finish):
        self.answer, self.finish = answer, finish

    def outcome(self, arguments):
        outcome = self.answer.outcome(arguments)
        return outcome if outcome.error is not None else outcome._replace(value=self.finish(outcome.value))

    def calls(self, arguments):
        return self.answer.calls(arguments)


def finished(function, finish):
    """The function, whose results go through the function `finish` before they are judged."""
    if isinstance(function, Elsewhere):
        return _Finished(function, finish)
    return lambda *arguments: finish(function(*arguments))


def unrecorded(function):
    """The function, run while autograd records nothing; code that needs a recorded graph then raises torch's error."""
    if isinstance(function, Elsewhere):
        return function.unrecorded()

    @functools.wraps(function)
    def run(*arguments):
        with torch.inference_mode():
            value = function(*arguments)
        return value.clone() if type(value) is torch.Tensor else value  # no inference tensor is left

    return run


@dataclass(eq=False)
class Exercise(Asked):
    """A check that can be called with a student's function.

    Args:
        name: of the function to write.
        reference: the right answer.
        trials: () -> list of `Trial`; the same at every call.
        misconceptions: the bank.
        differentiable: positions of the arguments with respect to which the gradients are compared, too.
        parts: {name, such as "the biases": result -> a tensor}. When a result is wrong and no misconception gives it,
            its parts are judged one by one, so that two mistakes in two parts both get their hints.
        small: () -> list of `Trial` with few and easy numbers, for the message. The first trial on which an answer goes
            wrong is shown whole, so that the reader can follow it by hand. Without `small`, the message shows the
            smallest of `trials`, if it is small enough.
        ready_made: names of torch's functions that would do the exercise's work; a right answer that calls one fails.
        instead: the end of the sentence 'the values are right, but NAME …', which says why.
        given: names of the package's functions that an answer may call; one that calls another fails.
        hints: texts, one for each step: what to look at, the idea, nearly the code.
    """

    name: str
    reference: Callable
    trials: Callable
    misconceptions: list = field(default_factory=list)
    differentiable: tuple = ()
    parts: dict = field(default_factory=dict)
    small: Callable | None = None
    ready_made: Set[str] = frozenset()
    instead: str = ""
    given: Set[str] = frozenset()
    hints: tuple = ()

    def judge(self, function):
        """The verdict without printing it."""
        if other := words.no_function(function, self.name):
            return Result(False, other, "no_function")
        answer, function = function, self.adapted(function)
        outcomes = [_run(function, trial.arguments) for trial in self._inputs]
        for verdict in (self._unwritten, self._modified, self._wrong, self._gradients):
            result = verdict(function, outcomes)
            if result is not None:
                return result
        if found := self._borrowed(function):
            return Result(False, f"the values are right, but {found} {self.instead}", "ready_made")
        if found := self._taken(answer):
            return Result(
                False, f"the values are right, but the package's {found} does the work: write it yourself.", "taken"
            )
        return Result(
            True,
            f"right, on all {len(self._inputs)} inputs" + (", gradients included." if self.differentiable else "."),
        )

    def adapted(self, function):
        """The function that is called in place of an answer; subclasses say under which conditions an answer runs."""
        return function

    # The exercise's own results on its trials are computed once, when they are first needed.

    @functools.cached_property
    def _inputs(self):
        return self.trials()

    @functools.cached_property
    def _bank(self):
        """{(function, number of the trial): outcome} of the reference and the misconceptions, filled when needed."""
        return {}

    @functools.cached_property
    def _right_gradients(self):
        return [_gradient(self.reference, trial.arguments, self.differentiable) for trial in self._inputs]

    def _known(self, function, number):
        if (function, number) not in self._bank:
            self._bank[function, number] = _run(function, self._inputs[number].arguments)
        return self._bank[function, number]

    def _borrowed(self, function):
        """The name of a ready-made function that an answer calls, or None."""
        return min(_calls(function, self._inputs[0].arguments) & self.ready_made, default=None)

    def _taken(self, function):
        """The name of a function of the package that an answer calls and may not call, or None."""
        return min(_taken(function, self._inputs[0].arguments) - self.given, default=None)

    def _unwritten(self, function, outcomes):
        if (
            isinstance(outcomes[0].error, NotImplementedError) and not outcomes[0].error.args
        ):  # torch raises it with a message
            return Result(
                False,
                "not tried yet: put your code in place of the line that raises NotImplementedError.",
                "unwritten",
            )
        if outcomes[0].error is None and outcomes[0].value is ...:
            return Result(False, "not tried yet: put your code in place of `...`.", "unwritten")
        if outcomes[0].error is None and outcomes[0].value is None:
            return Result(False, words.nothing(function), "nothing")

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
        problems = []
        for number, (trial, outcome) in enumerate(zip(self._inputs, outcomes)):
            names = words.names_of(function, self.reference, len(trial.arguments))
            found = _compare(outcome, self._known(self.reference, number), trial.arguments, names)
            if found:
                problems.append((number, *found))
        if not problems:
            return None
        return replace(self._diagnosis(function, outcomes, problems, names), share=self._share(outcomes))

    def _share(self, outcomes):
        """The share of the parts that are right in all results."""
        right = [
            all(_alike(_part(part, mine), part(known.value)) for mine, known in zip(outcomes, self._rights))
            for part in self.parts.values()
        ]
        return sum(right) / len(right) if right else 0.0

    def _diagnosis(self, function, outcomes, problems, names):
        """What is said of an answer with these problems, (number of the trial, reason, message)."""
        misconception = self._misconception(outcomes)
        if misconception:
            return Result(False, _carefully(misconception.hint), misconception.name)
        number, reason, message = min(
            problems, key=lambda problem: problem[1] == "precision"
        )  # the first of another kind, if any
        if reason in ("value", "shape", "one_number"):
            for verdict in (self._by_parts, self._with_factor):
                result = verdict(outcomes)
                if result is not None:
                    return result
            values = [outcome.value for outcome in outcomes]
            seen = self._pattern(values, [known.value for known in self._rights])
            if reason == "value":
                return Result(False, self._shown(function, values, problems, seen), reason)
            message += f": {seen}" if seen else ""
        help_with = words.advice(outcomes[number].error, names) if reason == "error" else ""
        end = f" {help_with}" if help_with else ""
        return Result(False, f"{message} (input: {self._inputs[number].label}).{end}", reason)

    @property
    def _rights(self):
        return [self._known(self.reference, number) for number in range(len(self._inputs))]

    def _outcomes(self, misconception):
        return [self._known(misconception.function, number) for number in range(len(self._inputs))]

    def _misconception(self, outcomes):
        """The misconception that does the same as the answer on all inputs, or None.

        We first look for one whose errors have the same text. If the answer raises errors only on some inputs, we then
        look for one whose errors agree except for sizes, and then for one with the same wrong numbers, whose errors may
        come from another line.
        """
        some = [number for number, outcome in enumerate(outcomes) if outcome.error is None]
        for texts in ("whole", "without sizes", "") if some else ("whole",):
            for misconception in self.misconceptions:
                if all(
                    _same(self._known(misconception.function, number), outcome, texts)
                    for number, outcome in enumerate(outcomes)
                ) and (texts or any(not _same(outcomes[number], self._rights[number]) for number in some)):
                    return misconception
        return None

    def _pattern(self, values, rights):
        """How the wrong results follow from the right ones, in words; '' if no pattern is found."""
        if not all(map(_plain, values)) or any(value.dtype != right.dtype for value, right in zip(values, rights)):
            return ""
        return words.pattern(values, rights, [trial.label for trial in self._inputs])

    def _with_factor(self, outcomes):
        """The verdict on two mistakes at once, a misconception times a number that is the same everywhere; or None."""
        values = [outcome.value for outcome in outcomes]
        rights = [known.value for known in self._rights]
        if not all(map(_plain, values)) or not all(
            value.shape == right.shape and value.dtype == right.dtype and right.is_floating_point()
            for value, right in zip(values, rights)
        ):
            return None
        if words.common_factor(values, rights) is not None:
            return None  # a factor alone
        for misconception in self.misconceptions:
            wrong = [known.value for known in self._outcomes(misconception)]
            if not all(_plain(value) and value.shape == right.shape for value, right in zip(wrong, rights)):
                continue
            factor = words.common_factor(values, wrong)
            text = None if factor is None else words.times(factor)
            if text and "." not in text:  # whole numbers and their inverses: others come about by chance
                return Result(
                    False,
                    f"two things together. {_carefully(misconception.hint)}\nBesides, all your numbers are {text} what"
                    " that gives: which factor is it?",
                    f"{misconception.name}+factor",
                )
        return None

    def _by_parts(self, outcomes):
        """The verdict on each part of the results, or None if no part is right or has a misconception's values."""
        rights = self._rights
        if not self.parts or not all(_plain(outcome.value) for outcome in outcomes):
            return None
        fine, lines, reasons = [], [], []
        for name, part in self.parts.items():
            mine, theirs = ([_part(part, outcome) for outcome in each] for each in (outcomes, rights))
            if any(value is None or value.shape != x.shape or value.dtype != x.dtype for value, x in zip(mine, theirs)):
                return None  # the shape or the type of the whole is wrong
            if all(map(_close, mine, theirs)):
                fine.append(name)
                continue
            misconception = self._of_part(part, mine)
            if misconception:
                lines.append(f"- {name}: {_carefully(misconception.hint)}")
                reasons.append(misconception.name)
                continue
            number = next(number for number, both in enumerate(zip(mine, theirs)) if not _close(*both))
            seen = self._pattern(mine, theirs) or words.pair(mine[number], theirs[number])
            lines.append(f"- {name}: {seen} (input: {self._inputs[number].label}).")
            reasons.append("value")
        if not lines or (not fine and set(reasons) == {"value"}):
            return None
        start = f"part of it is right: {', '.join(fine)}. This is not yet:" if fine else "each part has its mistake:"
        return Result(False, "\n".join([start, *lines]), "+".join(reasons))

    def _of_part(self, part, mine):
        """The misconception that gives these values of a part, preferably one with the fewest wrong parts; or None."""
        found = []
        for misconception in self.misconceptions:
            known = self._outcomes(misconception)
            values = [_part(part, outcome) for outcome in known]
            if all(value is not None and value.shape == x.shape and _close(x, value) for value, x in zip(values, mine)):
                wrong = sum(
                    any(
                        value is None or value.shape != right.shape or not _close(value, right)
                        for value, right in (
                            (_part(other, one), _part(other, two)) for one, two in zip(known, self._rights)
                        )
                    )
                    for other in self.parts.values()
                )
                found.append((wrong, misconception))
        return min(found, key=lambda pair: pair[0])[1] if found else None

    def _shown(self, function, values, problems, seen):
        """The message on wrong values: their pattern, if one was found, and the smallest input on which they are wrong.

        A small input is shown whole.
        """
        start = f"the shape is right, the values are not{': ' + seen if seen else ''}"
        start += "" if start.endswith("?") else "."
        cases = [
            (trial, _run(function, trial.arguments).value, self.reference(*map(_clone, trial.arguments)))
            for trial in (self.small() if self.small else ())
        ]
        cases = [
            (trial, value, right)
            for trial, value, right in cases
            if _plain(value) and value.shape == right.shape and value.isfinite().all() and not _close(value, right)
        ] or sorted(
            [
                (self._inputs[number], values[number], self._known(self.reference, number).value)
                for number, reason, _ in problems
                if reason == "value"
            ],
            key=lambda case: words.count_of(list(case[0].arguments)) + case[2].numel(),
        )
        trial, value, right = cases[0]
        if words.count_of(list(trial.arguments)) <= words.SMALL and right.numel() <= words.SMALL:
            names = words.names_of(function, self.reference, len(trial.arguments))
            return f"{start} Follow this input by hand ({trial.label}):\n" + words.table(
                names, trial.arguments, value, right
            )
        return f"{start} For example, {words.pair(value, right)} (input: {trial.label})."

    def _gradients(self, function, outcomes):
        for number, trial in enumerate(self._inputs if self.differentiable else ()):
            right, answer = self._right_gradients[number], _gradient(function, trial.arguments, self.differentiable)
            if answer is None or isinstance(answer, RuntimeError) and "Can't call numpy()" in words.text_of(answer):
                return Result(
                    False,
                    "the value is right, but no gradient flows back: leave out .item(), float(), .detach(), "
                    ".numpy() and torch.no_grad() in the calculation, and put computed values together with"
                    " torch.stack([…]), not with torch.tensor([…]) (and torch.autograd.grad needs create_graph=True).",
                    "detached",
                )
            if isinstance(answer, BaseException):
                return Result(
                    False,
                    f"the value is right, but computing its gradient raised {words.describe(answer)} "
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
class Choice(Asked):
    """A question whose answer is one of a few letters: a check that is called with the letter.

    Args:
        name: of the variable that holds the answer.
        right: the letter of the right answer.
        why: {letter: explanation}, for every letter: why a wrong choice is wrong, and why the right one is right.
        hints: texts, one for each step: what to look at, the idea, how to find out.
    """

    name: str
    right: str
    why: dict
    hints: tuple = ()

    def __post_init__(self):
        if self.right not in self.why:
            raise ValueError(f"the right answer of {self.name}, {self.right!r}, is none of {', '.join(self.why)}")

    def judge(self, answer):
        """The verdict without printing it."""
        letters = [f'"{letter}"' for letter in self.why]
        choices = f"{', '.join(letters[:-1])} or {letters[-1]}"
        if answer is None or answer is ...:
            return Result(False, f"not tried yet: put {choices} in place of None.", "unwritten")
        letter = answer.strip().upper() if isinstance(answer, str) else None
        if letter not in self.why:
            return Result(False, f"answer with one letter in quotation marks: {choices}.", "type")
        return Result(letter == self.right, self.why[letter], "" if letter == self.right else letter)


@dataclass(eq=False)
class Commission(Asked):
    """A task whose answer is a choice of settings: the check paints with them, and compares measurements with bounds.

    Args:
        name: of the variable that holds the answer.
        fields: the names of the settings that may be chosen.
        measure: settings -> {what: number}.
        bounds: {what: (largest number that passes, hint for an answer above it)}.
        hints: texts, one for each step: what to look at, the idea, how to find out.
    """

    name: str
    fields: tuple
    measure: Callable
    bounds: dict
    hints: tuple = ()

    def judge(self, answer):
        """The verdict without printing it."""
        if answer is None or answer is ...:
            example = f'{{"{self.fields[0]}": …}}'
            return Result(False, f"not tried yet: put your settings, such as {example}, in place of None.", "unwritten")
        if not isinstance(answer, dict) or not answer or not set(answer) <= set(self.fields):
            return Result(
                False, f"answer with a dictionary of settings; you may choose {', '.join(self.fields)}.", "type"
            )
        try:
            found = self.measure(answer)
        except (ValueError, TypeError, RuntimeError) as error:  # a loss that is not finite, too
            return Result(False, f"with these settings nothing can be painted: {error}", "error")
        above = [what for what, (most, _) in self.bounds.items() if not found[what] <= most]
        said = "; ".join(f"{what} {found[what]:.0%} (at most {most:.0%})" for what, (most, _) in self.bounds.items())
        hints = " ".join(self.bounds[what][1] for what in above)
        return Result(not above, f"{said}. {hints}".strip(), " and ".join(above))


def _carefully(hint):
    """A hint, after 'it looks as if' when it says what the student's code does: other code may do the same."""
    return f"it looks as if {hint}" if hint.startswith("you ") else hint


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
    if isinstance(before, torch.Tensor):
        same = _plain(after) and after.shape == before.shape and after.dtype == before.dtype
        return same and torch.equal(after, before)
    if type(after) is not type(before):
        return False
    if isinstance(before, dict):
        return after.keys() == before.keys() and all(_unchanged(after[key], before[key]) for key in before)
    if isinstance(before, list):
        return len(after) == len(before) and all(map(_unchanged, after, before))
    return after == before


def _plain(value):
    """Whether a value is an ordinary tensor: neither of a subclass, nor nested, nor sparse."""
    return type(value) is torch.Tensor and not value.is_nested and value.layout is torch.strided


def _run(function, arguments):
    """The `_Outcome` of a function that is called with copies of the arguments."""
    if isinstance(function, Elsewhere):
        return function.outcome(arguments)
    copies = tuple(map(_clone, arguments))
    value, error = _called(function, copies)
    return _Outcome(value, error, not all(map(_unchanged, copies, arguments)))


def _called(function, copies):
    """(value, error) of a call; one of them is None."""
    value = error = None
    try:
        value = function(*copies)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # whatever a student's code raises is part of the answer
        error = raised.with_traceback(None)  # the traceback's frames would keep the tensors of the call in memory
    if type(value) is torch.nn.Parameter:
        value = value.as_subclass(torch.Tensor)
    if type(value) is torch.Tensor:
        value = value.detach()
    return value, error


def _calls(function, arguments):
    """The names of the torch functions that a call calls."""
    if isinstance(function, Elsewhere):
        return function.calls(arguments)
    with _Calls() as calls:
        _run(function, arguments)
    return calls.names


def _taken(function, arguments):
    """The names of the package's own functions that the function is, or calls by itself."""
    if isinstance(function, Elsewhere):
        return function.taken(arguments)
    with _Taken(arguments) as taken:
        _run(function, arguments)
    return taken.names


def _gradient(function, arguments, positions):
    """Gradients of a fixed mixture of the results with respect to all tensors at the positions.

    Returns None if no gradient flows, or the error that the function raised.
    """
    if isinstance(function, Elsewhere):
        return function.gradient(arguments, positions)
    copies = tuple(map(_clone, arguments))
    leaves = [tensor.requires_grad_() for position in positions for tensor in _tensors(copies[position])]
    try:
        with torch.enable_grad():  # the caller may have switched gradients off
            value = function(*copies)
            if type(value) is torch.nn.Parameter:
                value = value.as_subclass(torch.Tensor)
            if not _plain(value):
                raise TypeError(f"the result is of the type {type(value).__name__}")
            if not value.requires_grad:
                return None
            mixture = (value * torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)).sum()
            found = torch.autograd.grad(mixture, leaves, allow_unused=True)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # as in _run
        return raised
    return [torch.zeros_like(leaf) if gradient is None else gradient for leaf, gradient in zip(leaves, found)]


def _part(function, outcome):
    """A part of a result, or None if the result has no such part."""
    if outcome.error is not None or not _plain(outcome.value):
        return None
    try:
        return function(outcome.value)
    except (RuntimeError, IndexError, ValueError):  # the result has another shape
        return None


def _compare(outcome, expected, arguments, names):
    """(reason, message) for an outcome that is wrong, or None for a right one."""
    value, right = outcome.value, expected.value
    if outcome.error is not None:
        return "error", f"your function raised {words.describe(outcome.error)}"
    if value is None:
        return "type", "your function returns nothing here: each way through it has to end with `return` and the result"
    if not _plain(value):
        return "type", _of_kind(value, right)
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
                f"your result has the type {value.dtype}, {right.dtype} is expected:"
                f" {words.type_advice(value, right, arguments, names, _tensors)}"
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
        if right.is_floating_point() and _close(value, right, 1e-4):
            return (
                "precision",
                (
                    "the values are right to some digits only, so leave out .float(), new tensors without dtype=,"
                    " rounding, and additions that the formula does not have, such as an eps:"
                    f" {words.pair(value, right)}"
                ),
            )
        return "value", "the shape is right, the values are not"
    return None


def _of_kind(value, right):
    """The message for a result that is no plain tensor."""
    kind = type(value).__name__
    if kind == "ndarray":
        return "your function returns ndarray, a torch.Tensor is expected: wrap it in torch.from_numpy(…)"
    if type(value) is torch.Tensor:
        name = "nested" if value.is_nested else "sparse"
        return f"your function returns a {name} tensor, a plain one is expected" + (
            ": .to_dense() makes one" if name == "sparse" else ""
        )
    if issubclass(type(value), torch.Tensor):
        return f"your function returns {kind}, a tensor of a class of its own: return a plain torch.Tensor"
    return f"your function returns {kind}, a torch.Tensor is expected{_joined(value, right)}"


def _joined(value, right):
    """How a tuple or list of tensors becomes the expected tensor, in words; '' for any other value."""
    if not isinstance(value, (tuple, list)) or not value or not all(map(_plain, value)):
        return ""
    for join in (torch.stack, torch.cat):
        for dim in range(right.ndim):
            try:
                fits = join(tuple(value), dim).shape == right.shape
            except (RuntimeError, IndexError, TypeError):  # these tensors cannot be joined so
                continue
            if fits:
                return f": put them together with torch.{join.__name__}(…, dim={dim})"
    return f": put them together, with torch.stack or torch.cat, in one of shape {tuple(right.shape)}"


def _close(value, right, tolerance=None):
    if not right.is_floating_point():
        return torch.equal(value, right)
    tolerance = tolerance or (1e-4 if right.dtype == torch.float32 else 1e-9)
    scale = right.abs().max().item() if right.numel() else 0.0
    return torch.allclose(value, right, rtol=tolerance, atol=tolerance * max(scale, 1e-30))


def _alike(value, right):
    """Whether a part of a result, or None, is the right one."""
    kinds = [None if each is None else (each.shape, each.dtype, each.device) for each in (value, right)]
    return kinds[0] == kinds[1] and bool(_close(value, right))


def _same(one, other, texts=""):
    """Whether two outcomes are alike: they have the same dtype, shape and values, or the same kind of error.

    With `texts`, errors must also have the same text: 'whole', or 'without sizes'.
    """
    if one.error is not None or other.error is not None:
        return type(one.error) is type(other.error) and (
            not texts or words.bare(one.error, texts == "whole") == words.bare(other.error, texts == "whole")
        )
    a, b = one.value, other.value
    if not _plain(a) or not _plain(b):
        return type(a) is type(b) and type(a) is not torch.Tensor
    return (
        a.shape == b.shape and a.dtype == b.dtype and a.device == b.device and bool(b.isfinite().all()) and _close(a, b)
    )
