"""Check of lesson 1: the way back through max-pooling."""

import torch
import torch.nn.functional as F

from course_utils.checks.core import Exercise, Misconception, Trial


def _pooled():
    """Rectified maps as in the deep layers: half of the windows or more are all zero, and some others have their
    maximum twice.
    """
    generator, trials = torch.Generator().manual_seed(10), []
    for number, (N, C, H, W) in enumerate(((1, 3, 6, 8), (3, 2, 7, 4), (1, 4, 8, 5), (3, 3, 5, 9))):
        dtype = (torch.float32, torch.float64)[number % 2]
        x = (torch.randn(N, C, H, W, generator=generator, dtype=dtype) * 2).round().relu() / 2
        alive = torch.rand(N, C, (H + 1) // 2, (W + 1) // 2, generator=generator) > 0.5
        x = x * alive.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :H, :W]
        signal = torch.randn(N, C, H // 2, W // 2, generator=generator, dtype=dtype)
        trials.append(Trial(f"x of {N} × {C} × {H} × {W}, {str(dtype).removeprefix('torch.')}", (signal, x)))
    return trials


def _unpool(signal, x):
    positions = F.max_pool2d(x, 2, return_indices=True)[1]
    return F.max_unpool2d(signal, positions, 2, output_size=x.shape)


def _strongest_place(windows):
    return F.one_hot(windows.argmax(4), 4)  # 1 at the maximum, 0 at the three others


def _maxima(windows):
    return (windows == windows.amax(4, keepdim=True)).to(windows)


def _unpooled(share=_strongest_place, value=lambda signal, windows: signal[..., None], rest=lambda windows: 0):
    """The way back, with the share that each of a window's four places gets, or the value that is shared, replaced."""

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
    "all four places of a window get the value, as if the picture were enlarged: only the place of the window's maximum"
    " gets it."
)
SIZELESS = (
    "max_unpool2d guesses the size of x from the signal, and where x has an odd height or width, it guesses wrong. "
    "Tell it the size, output_size=x.shape."
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
            "every value goes to the upper left of its window: it belongs where x has the window's maximum, so look it"
            " up in x.",
        ),
        Misconception(
            "quarters",
            _unpooled(lambda windows: torch.full_like(windows, 0.25)),
            "each place gets a quarter: that is the way back through a mean. Of a maximum, its place alone gets the"
            " whole value.",
        ),
        Misconception(
            "tied_places_all",
            _unpooled(_maxima),
            "where several places share the maximum (in a window of zeros, all four), each gets the value. Only the"
            " first should.",
        ),
        Misconception(
            "tied_places_share",
            _unpooled(lambda windows: _maxima(windows) / _maxima(windows).sum(4, keepdim=True)),
            "where several places share the maximum, you split the value. The first of them in reading order gets all"
            " of it.",
        ),
        Misconception(
            "last_of_ties",
            _unpooled(lambda windows: _strongest_place(windows.flip(4)).flip(4)),
            "where several places share the maximum, you take the last: take the first in reading order (> where you"
            " have >=).",
        ),
        Misconception(
            "ties_by_column",
            _unpooled(lambda windows: _strongest_place(windows[..., [0, 2, 1, 3]])[..., [0, 2, 1, 3]]),
            "where several places share the maximum, you look through the window column by column. Reading order is row"
            " by row.",
        ),
        Misconception(
            "zero_windows_empty",
            _unpooled(lambda windows: _strongest_place(windows) * (windows.amax(4, keepdim=True) > 0)),
            "the values of windows that are all zero get lost. Their first place holds the maximum, 0, and gets the"
            " value.",
        ),
        Misconception(
            "minimum",
            _unpooled(lambda windows: _strongest_place(-windows)),
            "each value goes to its window's smallest entry: the pooling had taken the largest.",
        ),
        Misconception(
            "values_of_x",
            _unpooled(value=lambda signal, windows: windows),
            "the places are right, but you put the values of x there. Put those of the signal: x only says where.",
        ),
        Misconception(
            "rectified",
            _unpooled(value=lambda signal, windows: signal[..., None].relu()),
            "you set the negative values of the signal to zero: rectifying is a step of its own. Here, let them pass.",
        ),
        Misconception(
            "first_picture",
            _unpooled(lambda windows: _strongest_place(windows[:1].expand_as(windows))),
            "you use the maxima of the first picture for all of them: each picture of the batch has its own.",
        ),
        Misconception(
            "times_x",
            _unpooled(value=lambda signal, windows: signal[..., None] * windows),
            "you multiply the signal by the values of x. x only says where the maximum was; the signal goes there as"
            " it is.",
        ),
        Misconception(
            "x_elsewhere",
            _unpooled(rest=lambda windows: windows * (1 - _strongest_place(windows))),
            "the other places keep the values of x: begin with zeros, torch.zeros_like(x), not with a copy of x.",
        ),
        Misconception("no_output_size", _sizeless, SIZELESS),
        Misconception(
            "no_output_size_padded",
            lambda signal, x: F.pad(_sizeless(signal, x), (0, x.shape[3] % 2, 0, x.shape[2] % 2)),
            SIZELESS,
        ),
    ],
    differentiable=(0,),
)
