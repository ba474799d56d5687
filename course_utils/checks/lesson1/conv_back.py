"""Check of lesson 1: the way back through a convolution, its transpose."""

import torch
import torch.nn.functional as F

from course_utils.checks.core import Exercise, Misconception, Trial


def _maps_and_filters():
    generator, trials = torch.Generator().manual_seed(11), []
    for number, (N, K, C, H, W) in enumerate(((1, 4, 3, 5, 6), (3, 2, 5, 4, 7), (1, 3, 3, 6, 4), (3, 5, 2, 3, 5))):
        dtype = (torch.float32, torch.float64)[number % 2]
        y, weight = (torch.randn(shape, generator=generator, dtype=dtype) for shape in ((N, K, H, W), (K, C, 3, 3)))
        trials.append(
            Trial(
                f"y of {N} × {K} × {H} × {W}, {K} filters with {C} channels, {str(dtype).removeprefix('torch.')}",
                (y, weight),
            )
        )
    return trials


def _back(filters=lambda weight: weight, finish=lambda result, y: result, padding=1):
    """The transpose of the convolution, with other filters, or with something done to the result."""
    return lambda y, weight: finish(F.conv_transpose2d(y, filters(weight), padding=padding), y)


HALF_FLIPPED = "you flip the filters along one axis only. Flip both, up-down and left-right: flip(2, 3)."
CROPPED = (
    "your result is shifted by one pixel: the full one is a row and a column larger on each side, so crop [1:-1, 1:-1]."
)

conv_back = Exercise(
    "conv_back",
    _back(),
    _maps_and_filters,
    [
        Misconception(
            "not_flipped",
            _back(lambda weight: weight.flip(2, 3)),
            "your filters stand the wrong way round. conv2d needs them flipped, flip(2, 3); conv_transpose2d flips them"
            " itself.",
        ),
        Misconception("flipped_up_down", _back(lambda weight: weight.flip(3)), HALF_FLIPPED),
        Misconception("flipped_left_right", _back(lambda weight: weight.flip(2)), HALF_FLIPPED),
        Misconception(
            "transposed_in_space",
            _back(lambda weight: weight.mT.flip(2, 3)),
            "you swap rows and columns inside each filter: 'transpose' means the whole convolution here. Flip them,"
            " flip(2, 3).",
        ),
        Misconception(
            "flipped_and_transposed",
            _back(lambda weight: weight.mT),
            "flipping is right, but you swap rows and columns inside each filter as well. Leave that out.",
        ),
        Misconception(
            "everything_flipped",
            _back(lambda weight: weight.flip(0, 1)),
            "you flip the order of the filters and of the channels too: flip the last two axes only, flip(2, 3).",
        ),
        Misconception(
            "not_swapped",
            lambda y, weight: F.conv2d(y, weight, padding=1),
            "that is the way forward once more: conv2d needs the filters with their first two axes swapped and flipped"
            " in space.",
        ),
        Misconception(
            "flipped_not_swapped",
            lambda y, weight: F.conv2d(y, weight.flip(2, 3), padding=1),
            "you sum over the wrong axis of the filters: conv2d needs weight.transpose(0, 1), conv_transpose2d the"
            " weight as it is.",
        ),
        Misconception(
            "no_padding",
            lambda y, weight: F.conv2d(y, weight.transpose(0, 1).flip(2, 3)),
            "your result lost a row and a column on each side: padding=1 is missing.",
        ),
        Misconception(
            "not_cropped",
            _back(padding=0),
            "your result has a row and a column too many on each side: conv_transpose2d cuts them off with padding=1.",
        ),
        Misconception("cropped_lower_right", _back(finish=lambda result, y: result[..., :-2, :-2], padding=0), CROPPED),
        Misconception("cropped_upper_left", _back(finish=lambda result, y: result[..., 2:, 2:], padding=0), CROPPED),
        Misconception(
            "absolute",
            _back(torch.abs),
            "you use the absolute values of the filters: their signs say what is bright and what is dark. Keep them.",
        ),
        Misconception(
            "negated",
            _back(torch.neg),
            "the sign of your result is turned round: the filters keep their sign on the way back.",
        ),
        Misconception(
            "divided_by_filters",
            _back(finish=lambda result, y: result / y.shape[1]),
            "you take the mean over the filters: the transpose is their sum.",
        ),
        Misconception(
            "divided_by_9",
            _back(finish=lambda result, y: result / 9),
            "you divide by 9, the size of a filter: the transpose is a sum, nothing is averaged.",
        ),
        Misconception(
            "circular",
            lambda y, weight: _back(padding=3)(F.pad(y, (2, 2, 2, 2), mode="circular"), weight),
            "you continue y beyond its edge with the values of the other side. Outside of y there are zeros.",
        ),
        Misconception(
            "y_rectified",
            lambda y, weight: _back()(y.relu(), weight),
            "you set the negative values of y to zero first: rectifying is a step of its own. Here, let them pass.",
        ),
        Misconception(
            "rectified",
            _back(finish=lambda result, y: result.relu()),
            "you set the negative values of the result to zero: rectifying is a step of its own. Here, keep them.",
        ),
    ],
    differentiable=(0,),
)
