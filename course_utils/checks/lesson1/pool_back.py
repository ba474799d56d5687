"""Check of lesson 1: the way back through max-pooling."""

import torch
import torch.nn.functional as F

from course_utils.checks.core import Exercise, Misconception, Trial, easy

SIZES = ((1, 3, 6, 8), (3, 2, 7, 4), (1, 4, 8, 5), (3, 3, 5, 9), (2, 2, 6, 7), (1, 1, 4, 6))


def _pooled():
    """Rectified maps as in the deep layers: at least half of the windows are zero, and some have their maximum twice.

    The values of one map are large, those of another tiny. Two maps are not rectified: most windows of one, and all
    windows of the other, hold only negative values.
    """
    generator, trials = torch.Generator().manual_seed(10), []
    for number, (N, C, H, W) in enumerate(SIZES):
        dtype = (torch.float32, torch.float64)[number % 2]
        shift, size = {4: 1, 5: 9}.get(number, 0), {1: 1000, 3: 1e-4}.get(number, 1)
        x = (torch.randn(N, C, H, W, generator=generator, dtype=dtype) * 2).round() / 2 - shift
        x = x if shift else x.relu()
        alive = torch.rand(N, C, (H + 1) // 2, (W + 1) // 2, generator=generator) > 0.5
        x = x if shift else x * alive.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :H, :W]
        signal = torch.randn(N, C, H // 2, W // 2, generator=generator, dtype=dtype)
        words = f"x of {N} × {C} × {H} × {W}" + ", many values negative" * bool(shift)
        trials.append(Trial(f"{words}, {str(dtype).removeprefix('torch.')}", (size * signal, size * x)))
    return trials


def _unpool(signal, x):
    positions = F.max_pool2d(x, 2, return_indices=True)[1]
    return F.max_unpool2d(signal, positions, 2, output_size=x.shape)


def _strongest_place(windows):
    return F.one_hot(windows.argmax(4), 4)  # 1 at the maximum, 0 at the three others


def _maxima(windows):
    return (windows == windows.amax(4, keepdim=True)).to(windows)


def _unpooled(share=_strongest_place, value=lambda signal, windows: signal[..., None], rest=lambda windows: 0):
    """The way back, with one part replaced: the shares of a window's four places, or the value that they share."""

    def function(signal, x):
        h, w = signal.shape[2:]
        windows = x[:, :, : 2 * h, : 2 * w].unflatten(3, (w, 2)).unflatten(2, (h, 2)).transpose(3, 4).flatten(4)
        places = share(windows) * value(signal, windows) + rest(windows)
        result = places.unflatten(4, (2, 2)).transpose(3, 4).flatten(4).flatten(2, 3)
        return F.pad(result, (0, x.shape[3] % 2, 0, x.shape[2] % 2)).to(x.dtype)

    return function


def _sizeless(signal, x):
    return F.max_unpool2d(signal, F.max_pool2d(x, 2, return_indices=True)[1], 2)


UPSAMPLED = (
    "all four positions of a window get the value, as if the map were enlarged. From which of the four did the pooling"
    " take its value?"
)
SIZELESS = (
    "your result is wrong where x has an odd height or width: max_unpool2d guesses the size of x from the signal. How"
    " can you tell it the size? Look at its arguments."
)

pool_back = Exercise(
    "pool_back",
    _unpool,
    _pooled,
    [
        Misconception("upsampled", _unpooled(torch.ones_like), UPSAMPLED),
        Misconception("upsampled_too_small", lambda signal, x: F.interpolate(signal, scale_factor=2), UPSAMPLED),
        Misconception("upsampled_to_size", lambda signal, x: F.interpolate(signal, size=x.shape[2:]), UPSAMPLED),
        Misconception(
            "upper_left",
            _unpooled(lambda windows: F.one_hot(torch.zeros_like(windows[..., 0]).long(), 4)),
            "every value goes to the upper left of its window. What does x tell you about the window that "
            "the signal does not know?",
        ),
        Misconception(
            "quarters",
            _unpooled(lambda windows: torch.full_like(windows, 0.25)),
            "each position gets a quarter, which would be the way back through a mean. How many of the four "
            "values did the maximum depend on?",
        ),
        Misconception(
            "tied_places_all",
            _unpooled(_maxima),
            "where several positions share the maximum (in a window of zeros, all four), each of them gets "
            "the value. Which one of them does the exercise name?",
        ),
        Misconception(
            "tied_places_share",
            _unpooled(lambda windows: _maxima(windows) / _maxima(windows).sum(4, keepdim=True)),
            "where several positions share the maximum, you split the value among them. Which one of them "
            "does the exercise name, and how much does it get?",
        ),
        Misconception(
            "last_of_ties",
            _unpooled(lambda windows: _strongest_place(windows.flip(4)).flip(4)),
            "where several positions share the maximum, you take the last one. What happens in your "
            "comparison when two values are equal?",
        ),
        Misconception(
            "ties_by_column",
            _unpooled(lambda windows: _strongest_place(windows[..., [0, 2, 1, 3]])[..., [0, 2, 1, 3]]),
            "where several positions share the maximum, you look through the window column by column. In "
            "which order does one read?",
        ),
        Misconception(
            "zero_windows_empty",
            _unpooled(lambda windows: _strongest_place(windows) * (windows.amax(4, keepdim=True) > 0)),
            "the values of some windows get lost, those whose values are all zero. Such a window has a "
            "maximum, too: which value is it, and where does it stand first?",
        ),
        Misconception(
            "minimum",
            _unpooled(lambda windows: _strongest_place(-windows)),
            "each value goes to the smallest entry of its window. Which entry had the pooling taken?",
        ),
        Misconception(
            "values_of_x",
            _unpooled(value=lambda signal, windows: windows),
            "the positions are right, but you put the values of x there. What is sent back: what was there "
            "on the way forward, or the signal?",
        ),
        Misconception(
            "rectified",
            _unpooled(value=lambda signal, windows: signal[..., None].relu()),
            "you set the negative values of the signal to zero. The rectification is a step of its own: what "
            "does this step do with a negative value?",
        ),
        Misconception(
            "first_picture",
            _unpooled(lambda windows: _strongest_place(windows[:1].expand_as(windows))),
            "you use the maxima of the first picture for all of them. What does each picture of the batch "
            "have of its own?",
        ),
        Misconception(
            "times_x",
            _unpooled(value=lambda signal, windows: signal[..., None] * windows),
            "you multiply the signal by the values of x. What do you need of x: its values, or the positions "
            "of its maxima?",
        ),
        Misconception(
            "x_elsewhere",
            _unpooled(rest=lambda windows: windows * (1 - _strongest_place(windows))),
            "the other positions keep the values of x. What should stand there, and with which tensor do you "
            "have to begin?",
        ),
        Misconception(
            "searched_from_zero",
            _unpooled(lambda windows: _strongest_place(windows.relu())),
            "in windows that hold negative values only, the value goes to the wrong position. With which "
            "number does your search for the maximum begin, or what do you do with x before it?",
        ),
        Misconception(
            "absolute",
            _unpooled(lambda windows: _strongest_place(windows.abs())),
            "in windows with negative values, you take the value that is furthest from zero. Is that the one "
            "that max pooling takes?",
        ),
        Misconception("no_output_size", _sizeless, SIZELESS),
        Misconception(
            "no_output_size_padded",
            lambda signal, x: F.pad(_sizeless(signal, x), (0, x.shape[3] % 2, 0, x.shape[2] % 2)),
            SIZELESS,
        ),
    ],
    differentiable=(0,),
    small=lambda: [
        Trial("two windows", (easy(1, 1, 1, 2), easy(1, 1, 2, 4, first=3).relu())),
        Trial("two windows of negative values", (easy(1, 1, 1, 2), easy(1, 1, 2, 4, first=3) - 6)),
    ],
    hints=(
        "Which of the four places of a window receives the signal, and what do the other three receive?",
        "`max_pool2d` can tell where it found each maximum. Which function of torch takes these places, and how"
        " does it learn that a last odd row or column belonged to the input as well?",
        "`nnf.max_pool2d(x, 2, return_indices=True)` gives a pair, values and switches. Hand the signal, the"
        " switches and the window 2 to `nnf.max_unpool2d`, with `output_size` taken from `x.shape`.",
    ),
)
