"""Check of lesson 1: the way back through a convolution, its transpose, written as a convolution."""

import torch
import torch.nn.functional as F

from course_utils.checks.core import Exercise, Misconception, Trial, kept

READY_MADE = {"conv_transpose2d", "convolution", "convolution_backward", "grad", "backward"}  # torch's own ways back

SIZES = (  # (N, K, C, H, W, size of the values)
    *((1, 4, 3, 5, 6, 1), (3, 2, 5, 4, 7, 1000), (1, 3, 3, 6, 4, 1), (3, 5, 2, 3, 5, 1e-4)),
    *((2, 1, 4, 4, 3, 1), (1, 4, 1, 3, 6, 1), (2, 1, 1, 1, 4, 1)),  # one filter; one channel; both, with a single row
)


def _maps_and_filters():
    generator, trials = torch.Generator().manual_seed(11), []
    for number, (N, K, C, H, W, size) in enumerate(SIZES):
        dtype = (torch.float32, torch.float64)[number % 2]
        shapes = (N, K, H, W), (K, C, 3, 3)
        y, weight = (torch.randn(shape, generator=generator, dtype=dtype) * size for shape in shapes)
        trials.append(
            Trial(
                f"y of {N} × {K} × {H} × {W}, {K} filters with {C} channels, {str(dtype).removeprefix('torch.')}",
                (y, weight),
            )
        )
    return trials


def _back(filters=lambda weight: weight, finish=lambda result, y: result, padding=1):
    """The transpose of the convolution, with other filters or with a changed result."""
    return lambda y, weight: finish(F.conv_transpose2d(y, filters(weight), padding=padding), y)


HALF_FLIPPED = (
    "you flip the filters along one axis only. In the formula y stands at m − d: how many directions does the offset d"
    " have?"
)
CROPPED = (
    "your result is shifted by one position: the uncropped one is a row and a column larger on each side. From which"
    " sides do you cut?"
)

conv_back = Exercise(
    "conv_back",
    lambda y, weight: F.conv2d(y, weight.flip(2, 3).transpose(0, 1), padding=1),
    _maps_and_filters,
    [
        Misconception(
            "not_flipped",
            _back(lambda weight: weight.flip(2, 3)),
            "your filters stand the wrong way round. In the formula y stands at m − d where the way forward "
            "has x at i + d: what does the minus do to a filter, and does the torch function that you call "
            "do that by itself?",
        ),
        Misconception("flipped_up_down", _back(lambda weight: weight.flip(3)), HALF_FLIPPED),
        Misconception("flipped_left_right", _back(lambda weight: weight.flip(2)), HALF_FLIPPED),
        Misconception(
            "transposed_in_space",
            _back(lambda weight: weight.mT.flip(2, 3)),
            "you swap rows and columns inside each filter. Here it is the whole convolution, as a matrix, "
            "that is transposed: what does the formula do with the offset d?",
        ),
        Misconception(
            "flipped_and_transposed",
            _back(lambda weight: weight.mT),
            "you flip the filters, which is right, but you swap rows and columns inside each filter as well. "
            "Where would that stand in the formula?",
        ),
        Misconception(
            "everything_flipped",
            _back(lambda weight: weight.flip(0, 1)),
            "you flip the order of the filters and of the channels, too. Which axes of the weight do the "
            "offsets belong to?",
        ),
        Misconception(
            "not_swapped",
            lambda y, weight: F.conv2d(y, weight, padding=1),
            "your function goes forward once more. On the way back, which index of the filters is summed "
            "over, and which one does the result keep?",
        ),
        Misconception(
            "flipped_not_swapped",
            lambda y, weight: F.conv2d(y, weight.flip(2, 3), padding=1),
            "you sum over the wrong axis of the filters. The result has C channels: over which index does "
            "the formula sum?",
        ),
        *[
            Misconception(
                f"reshaped{end}",
                lambda y, weight, flip=flip: F.conv2d(y, flip(weight).reshape(-1, len(weight), 3, 3), padding=1),
                "reshape leaves all numbers in their old order, so that the weights end up in other filters. Which"
                " method exchanges two axes?",
            )
            for end, flip in (("", lambda weight: weight.flip(2, 3)), ("_not_flipped", kept))
        ],
        Misconception(
            "no_padding",
            lambda y, weight: F.conv2d(y, weight.transpose(0, 1).flip(2, 3)),
            "your result lost a row and a column on each side. Where do the positions at the border get "
            "their values from?",
        ),
        Misconception(
            "not_cropped",
            _back(padding=0),
            "your result has a row and a column too many on each side. The way forward began with padding: "
            "what does that mean for the border on the way back?",
        ),
        Misconception("cropped_lower_right", _back(finish=lambda result, y: result[..., :-2, :-2], padding=0), CROPPED),
        Misconception("cropped_upper_left", _back(finish=lambda result, y: result[..., 2:, 2:], padding=0), CROPPED),
        Misconception(
            "absolute",
            _back(torch.abs),
            "you use the absolute values of the filters. Their signs tell bright from dark: where does the "
            "formula drop them?",
        ),
        Misconception(
            "negated",
            _back(torch.neg),
            "the sign of your result is turned round. Try one filter with a single 1 in its middle: what "
            "should come back?",
        ),
        Misconception(
            "divided_by_filters",
            _back(finish=lambda result, y: result / y.shape[1]),
            "you take the mean over the filters. Does the formula have a divisor?",
        ),
        Misconception(
            "divided_by_9",
            _back(finish=lambda result, y: result / 9),
            "you divide by the number of values in a filter. Does the formula have a divisor?",
        ),
        Misconception(
            "circular",
            lambda y, weight: _back(padding=3)(F.pad(y, (2, 2, 2, 2), mode="circular"), weight),
            "you continue y beyond its edge with the values of the other side. Which values of y does the "
            "formula use where m − d lies outside?",
        ),
        Misconception(
            "y_rectified",
            lambda y, weight: _back()(y.relu(), weight),
            "you set the negative values of y to zero first. The rectification is a step of its own: does "
            "the equation of the transpose hold with it in here?",
        ),
        Misconception(
            "rectified",
            _back(finish=lambda result, y: result.relu()),
            "you set the negative values of the result to zero. The rectification is a step of its own: does "
            "the equation of the transpose hold with it in here?",
        ),
    ],
    differentiable=(0, 1),
    ready_made=READY_MADE,
    instead="hides what happens to the filters. Write it with conv2d: which filters does it need?",
    hints=(
        "The way forward sums over the channels of the input. Over which index does the way back sum, and so,"
        " what must stand where `conv2d` expects the input channels of the filters?",
        "On the way forward an output reads its neighbours at the offsets (u, v); on the way back it is read"
        " from the opposite side. What does that do to the rows and the columns of each filter?",
        "It is one call: `nnf.conv2d(y, …, padding=1)`. In place of the dots stands `weight` with its first two"
        " axes exchanged (`transpose(0, 1)`), and with both axes of the kernel reversed (`flip`).",
    ),
)
