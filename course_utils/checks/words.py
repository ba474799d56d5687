"""What a check says: about errors, about numbers that differ, and about the pattern in which they differ."""

import difflib
import inspect
import itertools
import math
import re

import numpy as np
import torch
import torch.nn.functional as nnf

SMALL = 24  # a reader can follow so many numbers by hand
IMPORTS = {
    "torch": "import torch",
    "nnf": "import torch.nn.functional as nnf",
    "F": "import torch.nn.functional as nnf, and nnf. in place of F.",
    "nn": "from torch import nn",
    "np": "import numpy as np",
    "math": "import math",
    "plt": "import matplotlib.pyplot as plt",
}
METHODS = {"astype": "to(dtype)", "copy": "clone()", "tile": "repeat(…)", "ravel": "flatten()"}  # array's: tensor's


def text_of(error):
    """The text of an error; '' if the error itself fails when it is turned into text."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a student's own class may raise anything
        return ""


def bare(error, sizes=True):
    """The text of an error without addresses, which differ between runs; with `sizes` False, without numbers, too."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x", text_of(error))
    return text if sizes else re.sub(r"#(, #)+", "#", re.sub(r"-?\d+", "#", text))


def describe(error):
    """The kind of an error, and the first line of its text."""
    lines = text_of(error).strip().splitlines()
    return type(error).__name__ + (f": {lines[0]}" if lines else "")


def names_of(function, reference, count):
    """The names of the arguments: those of the student's function, or otherwise those of the reference."""
    for asked in (function, reference):
        try:
            parameters = inspect.signature(asked).parameters.values()
        except (TypeError, ValueError):
            continue
        names = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
        if len(names) >= count:
            return names[:count]
    return [f"argument {number}" for number in range(1, count + 1)]


def advice(error, names):
    """A sentence that helps with some frequent errors; '' for other errors."""
    text = text_of(error)
    if isinstance(error, UnboundLocalError):
        found = re.search(r"variable '(\w+)'", text)
        return f"`{found[1]}` is used before it gets a value: give it one first, before the loop." if found else ""
    if isinstance(error, NameError):
        found = re.search(r"name '(\w+)'", text)
        return _missing(found[1], names) if found else ""
    if isinstance(error, AttributeError):
        found = re.search(r"'(?:Tensor|Parameter)' object has no attribute '(\w+)'", text)
        return _no_method(found[1], names) if found else ""
    if isinstance(error, TypeError):
        if "'Tensor' object is not callable" in text:
            return "Round brackets call a function, and a tensor stands before them: for a place in it write [ ]."
        if re.search(r"takes .*positional argument|missing \d+ required positional", text):
            return f"The check calls your function with {', '.join(names)}: keep the line with `def` as it was."
    return ""


def _missing(name, names):
    if name in IMPORTS:
        return f"`{name}` is missing: write {IMPORTS[name]}" + ("" if IMPORTS[name].endswith(".") else ".")
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"`{name}` is missing: do you mean `{near[0]}`?"
    return (
        f"`{name}` is missing: your function knows its arguments ({', '.join(names)}) and what it makes itself."
        " Is the name misspelt, or does it come from a cell that you have not run?"
    )


def _no_method(name, names):
    what = "`F` is the tensor here" if "F" in names else f"A tensor stands before the dot of `.{name}`"
    if hasattr(nnf, name):
        return f"{what}: torch's functions are nnf.{name}(…), with import torch.nn.functional as nnf."
    if name in METHODS:
        return f"That belongs to arrays of NumPy: a tensor has .{METHODS[name]}."
    return f"{what}: it is torch.{name}(…)." if callable(getattr(torch, name, None)) else ""


def no_function(given, name):
    """The message for an answer that is no function; '' for functions."""
    if isinstance(given, type):
        return f"{given.__name__} is a class: give the check your function, {name}."
    if callable(given):
        return ""
    if given is None:
        return (
            f"None was given: write check.{name}({name}), the function itself, without brackets after its name. (A call"
            " gives None where `return` is missing.)"
        )
    if isinstance(given, str):
        return f"give the function itself, without quotation marks: check.{name}({name})."
    return f"{type(given).__name__} was given: give the function itself, without brackets: check.{name}({name})."


def nothing(function):
    """The message for a function that returns None."""
    code = getattr(function, "__code__", None)
    if code is not None and not code.co_names and not set(code.co_varnames[code.co_argcount :]) - {"arguments"}:
        empty = (lambda: None).__code__, (lambda: 0).__code__
        if len(code.co_code) <= max(len(other.co_code) for other in empty):
            return (
                "your function returns nothing, it is still empty: put your code in place of `pass` or `...`, and end"
                " it with `return` and the result."
            )
    printed = code is not None and "print" in code.co_names
    return "your function returns nothing: end it with `return` and the result." + (
        " `print` only shows a value; it does not give it back." if printed else ""
    )


def type_advice(value, right, arguments, names, tensors):
    """How a result gets the expected dtype, in words."""
    kind = str(right.dtype)
    for name, argument in zip(names, arguments):
        if any(tensor.dtype == right.dtype for tensor in tensors(argument)):
            source = f"{name}.dtype" if isinstance(argument, torch.Tensor) else f"that of the tensors in {name}"
            return f"that is the type of the input, so give it to new tensors too, dtype={source}"
    if right.dtype == torch.bool:
        return "a comparison gives it, such as x > 0"
    if value.is_floating_point() and not right.is_floating_point():
        return f"convert the result with .to({kind}), which cuts fractions off, so round first if there are any"
    return f"convert with .to({kind}), or give new tensors dtype={kind}"


# --- numbers ----------------------------------------------------------------------------------------------------


def count_of(argument):
    """The number of numbers in an argument; infinity for an argument that cannot be shown."""
    if isinstance(argument, torch.Tensor):
        return argument.numel()
    if isinstance(argument, dict):
        argument = list(argument.values())
    if isinstance(argument, (list, tuple)):
        return sum(map(count_of, argument))
    return 1 if isinstance(argument, (bool, int, float, str, type(None))) else float("inf")


def digits_of(value, right):
    """The number of digits, at least three, that tell the numbers apart where they differ most."""
    numbers = [x[tuple(place_of(value, right))].item() for x in (value, right)]
    return next((n for n in range(3, 18) if f"{numbers[0]:.{n}g}" != f"{numbers[1]:.{n}g}"), 17)


def place_of(value, right):
    """The place of the largest difference."""
    gap = (value.double() - right.double()).abs()
    return [index.item() for index in torch.unravel_index(gap.argmax(), gap.shape)]


def number(value, digits):
    """One number as text."""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def matrix(value, digits, indent=0):
    """A tensor as text, with one row in each line."""
    array = value.detach().cpu().numpy()
    texts = [number(entry, digits) for entry in array.flatten().tolist()]
    if not array.ndim or not texts:
        return texts[0] if texts else "[]"
    width, entries = max(map(len, texts)), iter(texts)
    rows = np.empty(array.size, dtype=object)
    rows[:] = [next(entries).rjust(width) for _ in rows]
    text = np.array2string(
        rows.reshape(array.shape),
        formatter={"all": str},
        separator=", ",
        threshold=10**6,
        max_line_width=200,
        prefix=" " * indent,
    )
    return re.sub(r"\n+", "\n", text)  # NumPy leaves a line between matrices


def _lines(name, argument):
    """(name, value) of every part of an argument that gets its own lines."""
    if isinstance(argument, dict) and argument:
        return [line for key, value in argument.items() for line in _lines(f"{name}[{key!r}]", value)]
    if isinstance(argument, list) and any(isinstance(value, (torch.Tensor, dict)) for value in argument):
        return [line for place, value in enumerate(argument) for line in _lines(f"{name}[{place}]", value)]
    return [(name, argument)]


def table(names, arguments, value, right):
    """A whole input with both results, in lines that must not be broken."""
    shown = [line for name, argument in zip(names, arguments) for line in _lines(name, argument)]
    shown += [("your result", value), ("right result", right)]
    width, digits = max(len(name) for name, _ in shown), digits_of(value, right)
    lines = []
    for place, (name, entry) in enumerate(shown):
        head = f"    {name:{width}} = "
        own = digits if place >= len(shown) - 2 else 4
        lines.append(head + (matrix(entry, own, len(head)) if isinstance(entry, torch.Tensor) else number(entry, 4)))
    return "\n".join(lines)


def pair(value, right):
    """Both results, or their two numbers that differ most, with as many digits as show the difference."""
    digits = digits_of(value, right)
    if right.numel() <= 6:
        texts = [" ".join(matrix(x, digits).split()) for x in (value, right)]
        return f"yours are {texts[0]}, the right ones {texts[1]}"
    place = place_of(value, right)
    texts = [number(x[tuple(place)].item(), digits) for x in (value, right)]
    return f"at {place} yours is {texts[0]}, the right one {texts[1]}"


# --- patterns ---------------------------------------------------------------------------------------------------


def _near(value, right):
    """Whether two tensors agree to the precision of the dtype of `right`."""
    if value.shape != right.shape:
        return False
    tolerance = 1e-4 if right.dtype == torch.float32 else 1e-9
    value, right = value.double(), right.double()
    scale = right.abs().max().item() if right.numel() else 0.0
    return torch.allclose(value, right, rtol=tolerance, atol=tolerance * max(scale, 1e-30))


def _all(function, values, rights):
    """Whether a function of the right result gives the student's result, for all inputs."""
    try:
        made = [function(right.double()) for right in rights]
    except (RuntimeError, IndexError):  # not to be done with this shape
        return False
    kinds = [torch.float32 if right.dtype == torch.float32 else torch.float64 for right in rights]
    return all(
        x.numel() > 0 and bool(x.isfinite().all()) and _near(value, x.to(kind))
        for value, x, kind in zip(values, made, kinds)
    )


def times(factor):
    """A factor in words: '4 times', '1/3 times'."""
    sign, size = ("−" if factor < 0 else ""), abs(factor)
    for text, x in ((f"{round(size)}", size), (f"1/{round(1 / size)}", 1 / size)):
        if round(x) and abs(x - round(x)) < 1e-5 * x:
            return f"{sign}{text} times"
    return f"{sign}{size:.3g} times"


def _factor(value, right):
    """The number by which the right result must be multiplied to give the student's; None if there is none."""
    value, kind, exact = value.double(), right.dtype, right.double()
    norm = (exact * exact).sum().item()
    if value.shape != exact.shape or not norm:
        return None
    factor = ((value * exact).sum() / norm).item()
    if not 1e-12 <= abs(factor) < math.inf:  # NaN, too
        return None
    return factor if _near(value, (factor * exact).to(kind if kind == torch.float32 else torch.float64)) else None


def common_factor(values, rights):
    """The factor that is the same for all inputs, or None. At least two numbers that are not zero are needed."""
    alive = [(value, right) for value, right in zip(values, rights) if right.double().any()]
    dead = [value for value, right in zip(values, rights) if not right.double().any()]
    factors = [_factor(*both) for both in alive]
    if sum(int(right.count_nonzero()) for _, right in alive) < 2 or None in factors:
        return None
    if any(value.double().any() for value in dead):
        return None
    return factors[-1] if max(factors) - min(factors) <= 1e-4 * abs(factors[-1]) else None


def pattern(values, rights, labels):
    """How wrong results follow from the right ones, in the same way for all inputs; '' if no pattern is found."""
    ranks = {right.ndim for right in rights}
    if any(right.dtype == torch.bool or not right.numel() for right in rights):
        return ""
    if not all(bool(value.isfinite().all()) for value in values):
        return ""
    same = all(value.shape == right.shape for value, right in zip(values, rights))
    return (
        (same and _of_numbers(values, rights, labels))
        or (len(ranks) == 1 and _of_axes(values, rights, ranks.pop()))
        or _of_shape(values, rights)
        or ""
    )


def _of_numbers(values, rights, labels):
    flat = torch.cat([value.double().flatten() for value in values])
    if len(flat) > 1 and bool((flat == flat[0]).all()):
        return f"yours are {number(flat[0].item(), 3)} everywhere, whatever the input"
    factor = common_factor(values, rights)
    if factor is not None and abs(factor + 1) < 1e-5:
        return "yours are everywhere −1 times the right ones: where is a sign the wrong way round?"
    if factor is not None:
        return f"yours are everywhere {times(factor)} the right ones: which factor of the formula is it?"
    shift = (values[-1].double() - rights[-1].double()).mean().item()
    if len(flat) > 1 and shift and _all(lambda right: right + shift, values, rights):
        return f"yours are everywhere the right ones {'+' if shift > 0 else '−'} {abs(shift):.3g}: what is added?"
    for words, function in (
        ("the squares of the right ones", torch.square),
        ("the roots of the right ones", torch.sqrt),
        ("the right ones without their sign: what loses it?", torch.abs),
        ("the right ones with 0 in place of the negative numbers: what cuts them off?", torch.relu),
        ("1 divided by the right ones", torch.reciprocal),
        ("the right ones, rounded", torch.round),
        ("the right ones without their fractions", torch.trunc),
    ):
        if _all(function, values, rights):
            return f"yours are {words}"
    factors = [_factor(value, right) for value, right in zip(values, rights)]
    if None not in factors and all(int(right.count_nonzero()) > 1 for right in rights):
        some = list(dict.fromkeys(f"{times(factor)} ({label})" for factor, label in zip(factors, labels)))[:3]
        return f"yours are the right ones times a number that depends on the input: {'; '.join(some)}. Which is it?"
    return ""


def _of_axes(values, rights, rank):
    for axes in itertools.permutations(range(rank)) if rank <= 4 else ():
        moved = [place for place, axis in enumerate(axes) if place != axis]
        if moved and _all(lambda right, axes=axes: right.permute(axes), values, rights):
            return (
                f"the numbers are right, but the axes {moved[0]} and {moved[1]} have changed places"
                if len(moved) == 2
                else "the numbers are right, but the axes are in another order"
            )
    for axis in range(rank):
        for words, function in (
            (f"the right ones, backwards along axis {axis}", lambda right, axis=axis: right.flip(axis)),
            (f"the right ones, added up over axis {axis}", lambda right, axis=axis: right.sum(axis)),
            (f"the right ones, added up over axis {axis}", lambda right, axis=axis: right.sum(axis, True)),
            (f"the means of the right ones over axis {axis}", lambda right, axis=axis: right.mean(axis)),
            (f"the means of the right ones over axis {axis}", lambda right, axis=axis: right.mean(axis, True)),
            (f"only the first of the right ones along axis {axis}", lambda right, axis=axis: right.select(axis, 0)),
            (f"only the first of the right ones along axis {axis}", lambda right, axis=axis: right.narrow(axis, 0, 1)),
            (f"only the last of the right ones along axis {axis}", lambda right, axis=axis: right.select(axis, -1)),
        ):
            large = any(right.shape[axis] > 1 for right in rights)  # else only an axis of length 1 is missing
            if large and _all(function, values, rights):
                return f"yours are {words}"
    return ""


def _of_shape(values, rights):
    if not all(
        value.numel() == right.numel() and _near(value.reshape(right.shape), right)
        for value, right in zip(values, rights)
    ):
        return ""
    long = [[[size for size in x.shape if size != 1] for x in pair] for pair in zip(values, rights)]
    if any(mine != theirs for mine, theirs in long):
        return "the numbers are right and in the right order, only the shape is not"
    missing = any(value.ndim < right.ndim for value, right in zip(values, rights))
    return (
        "the numbers are right, but an axis of length 1 is missing (keepdim=True, unsqueeze or an index None make one)"
        if missing
        else "the numbers are right, but an axis of length 1 is too many or in another place"
    )
