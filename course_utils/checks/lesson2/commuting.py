"""Check of lesson 2: which of three layers does not commute with a shift."""

import torch

from course_utils.checks.core import Choice


def _of_each_picture(x):
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def _of_each_column(x):
    variance, mean = torch.var_mean(x, (0, 1, 2), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def _of_each_map(x):
    rows = x.transpose(0, 1).flatten(1)
    variance, mean = torch.var_mean(rows, 1, correction=0, keepdim=True)
    rows = (rows - mean) / (variance + 1e-5).sqrt()
    return rows.unflatten(1, (x.shape[0], *x.shape[2:])).transpose(0, 1)


LAYERS = {"A": _of_each_picture, "B": _of_each_column, "C": _of_each_map}  # (N, C, H, W) -> the same

commuting = Choice(
    "commuting",
    "B",
    {
        "A": "A takes the statistics of each picture apart, so it is not batch normalisation. But a shift only changes"
        " the order of the values of one picture, so A commutes with it. Which layer changes its result if one picture"
        " moves by a few columns?",
        "B": "B takes one mean for each column, over pictures, channels and rows: the axes (0, 1, 2), which are right"
        " for channels last. Shifts by rows do not show it, nor does a shift of the whole batch.",
        "C": "C is batch normalisation per feature map: it puts each map into one row before it averages, and its"
        " statistics do not change with the order of the values. Did you shift one picture, and along both axes?",
    },
    hints=(
        "Shift and then normalise, or normalise and then shift: for a layer that commutes the two are equal."
        " Which shifts could a layer survive although it does not commute with all of them?",
        "A layer whose means run over whole maps does not notice where a value lies. What does a layer notice"
        " that takes its means over single rows or columns?",
        "Try rows and columns separately: for each letter compare `layer(shift_first(x, 0, 5))` with"
        " `shift_first(layer(x), 0, 5)`, and the same with `(x, 5, 0)`. One gap is not zero.",
    ),
)
