"""Checks of what the functions of the course are given.

A check returns, or it raises an error whose message is one sentence that says what is needed.
"""

import math
import numbers
import sys
import zipfile

import torch


def check_tensor(
    what, value, shape=None, *, smallest=1, like=None, same_type=False, dtype=None, values=None, error=ValueError
):
    """Raise `error` unless a value is an ordinary tensor of floating-point numbers, as a function needs it.

    Args:
        what: how the sentence begins, such as 'The photo'.
        value: the value to check.
        shape: such as '1, 3, H, W'. A letter stands for any number above 0, the same number wherever it occurs. None
            admits any shape.
        smallest: the smallest length that is allowed for the last two sides.
        like: a tensor on whose device the value must be.
        same_type: whether the value must also have the dtype of that tensor.
        dtype: a dtype that must be able to hold the value.
        values: None admits any numbers, 'finite' only finite ones, 'picture' only those from 0 to 1.
        error: class of the error.
    """
    needed = f"({shape})" if shape else "one or more numbers"
    if not isinstance(value, torch.Tensor):
        raise error(f"{what} must be a tensor, {needed}, not {short(value)}.")
    if value.layout != torch.strided:
        raise error(f"{what} is stored as {value.layout}: call .to_dense() first.")
    if not value.is_floating_point() or value.element_size() < 2:  # torch computes very little with 8 bits
        raise error(
            f"{what} must hold floating-point numbers, not {value.dtype}: divide bytes by 255, call .float() on other"
            " numbers."
        )
    if not _fits(value.shape, shape) or min(value.shape[-2:], default=smallest) < smallest:
        least = f" with at least {smallest} × {smallest} pixels" if smallest > 1 else ""
        raise error(f"{what} must have the shape {needed}{least}, not {tuple(value.shape)}.")
    if like is not None and value.device != like.device:
        raise error(
            f"{what} must be on the device '{like.device}', not on '{value.device}': move it with .to('{like.device}')."
        )
    dtype = like.dtype if same_type else dtype
    if same_type and value.dtype != dtype or dtype and torch.promote_types(value.dtype, dtype) != dtype:
        raise error(f"{what} must be {dtype}, not {value.dtype}: convert it with .to({dtype}).")
    if values and (value.is_meta or not value.isfinite().all()):
        raise error(
            f"{what} must hold finite numbers{' from 0 to 1' * (values == 'picture')}; some of these are not finite."
        )
    if values == "picture" and not (0 <= value.min() and value.max() <= 1):
        raise error(f"{what} must hold floating-point numbers from 0 to 1: divide bytes by 255, clamp the rest.")


def _fits(sides, shape):
    """Whether the sides of a tensor are those of a text such as '1, 3, H, W'."""
    if shape is None:
        return 0 not in sides
    names, known = shape.split(", "), {}
    return len(sides) == len(names) and all(
        side > 0 and side == (int(name) if name.isdecimal() else known.setdefault(name, side))
        for side, name in zip(sides, names)
    )


def check_number(what, value, least=-math.inf, most=math.inf, *, whole=False, error=ValueError):
    """Raise `error` unless a value is a finite number from `least` to `most`, and with `whole` a whole number."""
    good = isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool)
    if not good or not least <= value <= most or not whole and abs(value) > sys.float_info.max:
        kind = "whole number" if whole else "finite number"
        bounds = (
            f" from {least:,} to {most:,}"
            if most < math.inf
            else f" of at least {least:,}"
            if least > -math.inf
            else ""
        )
        raise error(f"{what} must be a {kind}{bounds}, not {short(value)}.")


def check_choice(what, value, choices, error=ValueError):
    """Raise `error` unless a value is one of some texts."""
    if not isinstance(value, str) or value not in choices:
        names = [*map(repr, choices)]
        raise error(
            f"{what} is {' or '.join(names) if len(names) == 2 else 'one of ' + ', '.join(names)}, not {short(value)}."
        )


def is_plain(module):
    """Whether a layer does no more than its type says: it has no hooks, and nobody has replaced its forward."""
    return not (
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or "forward" in vars(module)
    )


def short(value):
    """A value as text for a sentence: one line, not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:40]} … ({type(value).__name__})"


def first_line(error):
    """The first line of an error's message as text for a sentence, not too long."""
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return (line if len(line) <= 160 else line[:150] + " …") or type(error).__name__


def one_line(thing):
    """A name or an error as text for a sentence: every character can be shown, and the text is not too long."""
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(thing)[:201])
    return text if len(text) <= 200 else f"{text[:200]}…"


def reason(error):
    """Why the system or a library failed, as text for a sentence, without the name of the file."""
    return one_line(" ".join(str(getattr(error, "strerror", None) or error).split())) or type(error).__name__


def lacks_memory(error):
    """Whether an error says that there is not enough memory. PyTorch and the system have no error type for this."""
    return (
        isinstance(error, MemoryError) or isinstance(error, (OSError, RuntimeError)) and "memory" in repr(error).lower()
    )


def check_archive(file):
    """Raise zipfile.BadZipFile unless an open file is a zip archive and every part of it has its checksum."""
    with zipfile.ZipFile(file) as parts:
        if damaged := parts.testzip():
            raise zipfile.BadZipFile(f"damaged in {damaged}")
    file.seek(0)


def read_tensors(file):
    """Read what torch.save wrote to an open file, onto the CPU. Only data are read, and no code in the file is run.

    For files that are damaged or hold no tensors, the errors of zipfile and torch.load pass through; neither library
    documents which these are.
    """
    if zipfile.is_zipfile(file):  # torch's own format, except for very old files; torch ignores the checksums
        check_archive(file)
    file.seek(0)
    return torch.load(file, map_location="cpu", weights_only=True)
