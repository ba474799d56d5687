"""Check of lesson 7: a gradient whose waves are weighted by their frequencies."""

import torch
from torch.fft import fft2, fftfreq, fftn, fftshift, ifft2, ifftn, ifftshift, irfft2, rfft2, rfftfreq

from course_utils.checks.core import Exercise, Misconception, Result, Trial, easy, finished, kept


def _waves(n):
    """Every wave that fits into n pixels, one in each row, and its frequency.

    A wave of k periods looks like a wave of n − k periods.
    """
    k = torch.arange(n, dtype=torch.float64)
    return torch.exp(-2j * torch.pi * torch.outer(k, k) / n), torch.minimum(k, n - k) / n


def _by_waves(gradient, offset):
    """Each wave of the gradient divided by f + offset, computed with matrices of waves, without a fast transform."""
    (down, f_y), (across, f_x) = map(_waves, gradient.shape[2:])
    spectrum = down @ gradient.to(down) @ across / (torch.hypot(f_y[:, None], f_x) + offset)
    return (down.conj() @ spectrum @ across.conj()).real.to(gradient) / gradient[0, 0].numel()


def _gradients():
    generator, trials = torch.Generator().manual_seed(63), []
    for N, H, W, size in (*((1, 4, 6, 1), (3, 5, 4, 1), (1, 6, 5, 1000), (3, 3, 7, 1e-4), (1, 4, 4, 1), (1, 4, 6, 1)),):
        gradient, offset = (
            size * (torch.randn(N, 3, H, W, generator=generator) + 0.4),
            0.05 + 0.4 * torch.rand((), generator=generator).item(),
        )
        trials.append(Trial(f"{N} × 3 × {H} × {W}, about {size}, offset {offset:.3f}", (gradient, offset)))
    return trials


class Spectral(Exercise):
    """A check of answers that may be complex by mistake; then it judges the real part, and the hint says so."""

    def judge(self, function):
        self._seen = []
        result = super().judge(function)
        if self._seen and (result or result.reason == "taken"):  # what the result is comes before where it is from
            return Result(
                False,
                "your result is complex, with rounding errors for an imaginary part: return the real part, .real.",
                "dtype",
            )
        return (
            Result(False, f"{result.message} Your result is complex, too: return its real part.", result.reason)
            if self._seen and result.reason != "error"
            else result
        )

    def adapted(self, function):
        return finished(function, self._real_part)

    def _real_part(self, value):
        if isinstance(value, torch.Tensor) and value.is_complex():
            self._seen.append(value)
            return value.real
        return value


def _weighting(
    *,
    rows=lambda n, H, W: fftfreq(n),
    columns=None,
    join=torch.hypot,
    gain=lambda f, offset: 1 / (f + offset),
    there=fft2,
    back=lambda X, x: ifft2(X).real,
    finish=kept,
):
    """The waves of a picture times 1/(f + offset), with one part replaced."""

    def function(gradient, offset):
        H, W = gradient.shape[2:]
        f = join(rows(H, H, W)[:, None], (columns or rows)(W, H, W)[None])
        return finish(back(there(gradient) * gain(f, offset), gradient), gradient)

    return function


HALF = {"there": rfft2, "columns": lambda n, *_: rfftfreq(n), "back": lambda X, x: irfft2(X, s=x.shape[2:])}


def _gain_with_mean(value, offset=lambda offset: offset):
    """The factors, with another factor for the mean, f = 0."""
    return lambda f, o: torch.where(f == 0, torch.tensor(value(o)).to(f), 1 / (f + offset(o)))


def _scaled(by, fixed=None):
    """The factors, divided by a number that depends on them."""
    return lambda f, o: (g := 1 / (f + (fixed or o))) / by(g)


def _shifted(there=kept, back=kept):
    """The spectrum shifted before the product and after it."""
    return {"there": lambda x: there(fft2(x)), "back": lambda X, x: ifft2(back(X)).real}


def _over(*axes):
    """Both transforms over other axes."""
    return {"there": lambda x: fftn(x, dim=axes), "back": lambda X, x: ifftn(X, dim=axes).real}


def _deep(first):
    """Waves that run through the channels as well, and through the batch if `first` is 0."""

    def function(gradient, offset):
        f, axes = 0, tuple(range(first, 4))
        for axis in axes:
            f = torch.hypot(torch.as_tensor(f), fftfreq(gradient.shape[axis]).reshape(-1, *[1] * (3 - axis)))
        return ifftn(fftn(gradient, dim=axes) / (f + offset), dim=axes).real

    return function


PIXEL = "f is in cycles per pixel, as torch.fft.fftfreq(n) gives it: from −0.5 to 0.5."
ROOT = "f is the length of (f_y, f_x), √(f_y² + f_x²): torch.hypot."
PLAIN = "the factors stay 1/(f + offset)."
MISSING = "the offset is missing: 1/(f + offset) is finite at f = 0."
SIZES = (
    "fft2 needs fftfreq(H) for the rows and fftfreq(W) for the columns, but rfft2 keeps W//2 + 1 columns, rfftfreq(W)."
)
WRAP = "k/n beyond 0.5 is no high frequency, for k periods in n pixels look like n − k: take fftfreq for {}."
ORDER = "fft2 and fftfreq both have f = 0 first, so no shift is needed: {}"
LINE = "fft2 has f = 0 first, then up to 0.5, then the negative ones, and linspace has another order: take fftfreq."
AXES = "fft2 transforms the last two axes, H and W, of each channel by itself: {}"
BACK = "transform back with ifft2, and return the real part."
LAST = "without dim, {} shifts the axes of batch and channels too: dim=(-2, -1)."

WHICH = [  # what goes wrong with the frequencies: name, replaced parts, hint
    ("unwrapped", {"rows": lambda n, *_: torch.arange(n) / n}, WRAP.format("both axes")),
    ("per_picture", {"rows": lambda n, *_: n * fftfreq(n)}, "you count cycles per picture: " + PIXEL),
    ("angular", {"rows": lambda n, *_: 2 * torch.pi * fftfreq(n)}, "2π f is the angular frequency: " + PIXEL),
    (
        "shifted",
        {"rows": lambda n, *_: fftshift(fftfreq(n))},
        ORDER.format("shift spectrum and factors, or neither of them."),
    ),
    *[
        (name, {"join": join}, hint + ROOT)
        for name, join, hint in (
            ("taxicab", lambda y, x: y.abs() + x.abs(), "you add up |f_y| and |f_x|: "),
            ("squares", lambda y, x: y**2 + x**2, "you have f² in place of f: "),
            ("columns_only", lambda y, x: x.abs() + 0 * y, "f_y is missing, so only waves along the rows count: "),
            ("rows_only", lambda y, x: y.abs() + 0 * x, "f_x is missing, so only waves down the columns count: "),
            ("largest", lambda y, x: y.abs().maximum(x.abs()), "you take the larger one of |f_y| and |f_x|: "),
            ("signed_sum", torch.add, "you add f_y and f_x with their signs: "),
            ("signed", lambda y, x: x + 0 * y, "only f_x counts, with its sign: "),
            ("smallest", lambda y, x: y.abs().minimum(x.abs()), "you take the smaller one of |f_y| and |f_x|: "),
            ("product", lambda y, x: (y * x).abs(), "you multiply f_y and f_x: "),
            ("mean", lambda y, x: (y.abs() + x.abs()) / 2, "you take a mean: "),
            (
                "root_of_sum",
                lambda y, x: (y.abs() + x.abs()).sqrt(),
                "you take the root of |f_y| + |f_x|, without squares: ",
            ),
            (
                "root_mean_square",
                lambda y, x: ((y**2 + x**2) / 2).sqrt(),
                "you take the mean of the squares, not their sum: ",
            ),
        )
    ],
    (
        "unwrapped_rows",
        {"rows": lambda n, *_: torch.arange(n) / n, "columns": lambda n, *_: fftfreq(n)},
        WRAP.format("the rows too"),
    ),
    ("unwrapped_columns", {"columns": lambda n, *_: torch.arange(n) / n}, WRAP.format("the columns too")),
    (
        "unwrapped_rows_of_half",
        {**HALF, "rows": lambda n, *_: torch.arange(n) / n},
        "rfft2 halves the columns only: " + WRAP.format("the rows"),
    ),
    *[
        (name, {"rows": rows}, hint + PIXEL)
        for name, rows, hint in (
            ("index", lambda n, *_: torch.arange(n) * 1.0, "you take the index for the frequency: "),
            (
                "per_longer_side",
                lambda n, H, W: n / max(H, W) * fftfreq(n),
                "you divide both axes by the longer side, and not each by its own: ",
            ),
            (
                "per_other_side",
                lambda n, H, W: n * n / (H * W) * fftfreq(n),
                "you divide each axis by the length of the other: ",
            ),
            ("of_highest", lambda n, *_: 2 * fftfreq(n), "your f goes up to 1, as a share of the highest frequency: "),
            ("divided_twice", lambda n, *_: fftfreq(n) / n, "fftfreq(n) is divided by n already: "),
        )
    ],
    *[
        (f"line_{number}", {"rows": lambda n, *_, ends=ends: torch.linspace(*ends, n)}, LINE)
        for number, ends in enumerate(((0, 1), (0, 0.5), (-0.5, 0.5), (-1, 1)))
    ],
    (
        "centred",
        {"rows": lambda n, *_: torch.arange(n) / n - 0.5},
        "your f is 0 in the middle, but fft2 has the mean in the corner: take fftfreq.",
    ),
    *[
        (name, parts, "the shapes of spectrum and factors do not fit, or H and W have changed places: " + SIZES)
        for name, parts in (
            ("sides_swapped", {"rows": lambda n, H, W: fftfreq(H + W - n)}),
            ("half_of_factors", {"columns": HALF["columns"]}),
            ("half_of_spectrum", {"there": rfft2}),
        )
    ],
    (
        "half_of_half",
        {**HALF, "columns": lambda n, *_: fftfreq(n // 2 + 1)},
        "fftfreq(W//2 + 1) has other frequencies: " + SIZES,
    ),
    (
        "half_line",
        {**HALF, "columns": lambda n, *_: torch.linspace(0, 0.5, n // 2 + 1)},
        "at odd widths the highest frequency is below 0.5: take rfftfreq(W) in place of linspace.",
    ),
]

HOW = [
    (name, {"gain": gain}, hint)
    for name, gain, hint in (  # what goes wrong with the factors
        ("multiplied", lambda f, o: f + o, "you multiply by f + offset, which favours fine detail: divide by it."),
        (
            "at_zero_only",
            _gain_with_mean(lambda o: 1 / o, lambda o: 0),
            "only f = 0 gets the offset: add it to every f.",
        ),
        (
            "normalised",
            _scaled(lambda g: g[:, : g.shape[1] // 2 + 1].mean()),
            "you divide the factors by their mean, as inverse_frequency does: " + PLAIN,
        ),
        ("squared", lambda f, o: (f + o) ** -2, "you divide by f + offset twice, or by its square: once is enough."),
        ("root", lambda f, o: (f + o) ** -0.5, "you divide by the root of f + offset: " + PLAIN),
        ("normalised_over_all", _scaled(torch.mean), "you divide the factors by their mean: " + PLAIN),
        ("largest_is_1", _scaled(torch.max), "you divide the factors by the largest: " + PLAIN),
        ("sum_is_1", _scaled(torch.sum), "you divide the factors by their sum: " + PLAIN),
        (
            "fixed",
            _scaled(lambda g: 1, 0.05),
            "you use 0.05, as the lesson does: add the offset that your function is given.",
        ),
        (
            "package",
            _scaled(lambda g: g[:, : g.shape[1] // 2 + 1].mean(), 0.05),
            "inverse_frequency takes 0.05, and divides by the mean: " + PLAIN,
        ),
        ("mean_removed", _gain_with_mean(lambda o: 0.0), "the mean, f = 0, gets lost: its factor is 1/offset."),
        ("mean_kept", _gain_with_mean(lambda o: 1.0), "you leave the mean, f = 0, as it is: its factor is 1/offset."),
        ("no_offset_mean_removed", _gain_with_mean(lambda o: 0.0, lambda o: 0), MISSING),
        ("no_offset_mean_kept", _gain_with_mean(lambda o: 1.0, lambda o: 0), MISSING),
        ("tiny_offset", lambda f, o: 1 / (f + 1e-8), MISSING),
        ("clamped", lambda f, o: 1 / f.clamp(min=o), "1/max(f, offset) is another bound: add the offset to f."),
        ("quadrature", lambda f, o: 1 / (f**2 + o**2).sqrt(), "you add the squares of f and offset: " + PLAIN),
        ("squares_added", lambda f, o: 1 / (f**2 + o**2), "you add the squares of f and offset: " + PLAIN),
        ("high_pass", lambda f, o: f / (f + o), "f/(f + offset) favours fine detail: " + PLAIN),
        ("one_added", lambda f, o: 1 / (1 + f), "you add 1 to f: add the offset."),
        ("flat", lambda f, o: 1 / o + 0 * f, "f is missing: " + PLAIN),
        ("subtracted", lambda f, o: 1 / (f - o), "you subtract the offset: add it."),
        ("low_pass", lambda f, o: 1.0 * (f < o), "you cut off: " + PLAIN),
        ("exponential", lambda f, o: torch.exp(-f / o), "that is an exponential: " + PLAIN),
    )
]

DONE = [  # what goes wrong before or after: name, replaced parts, hint
    *[
        (name, {"finish": finish}, hint)
        for name, finish, hint in (
            ("negative", lambda y, x: -y, "the sign is turned round: the minus comes later, in the step."),
            (
                "clamped_to_box",
                lambda y, x: y.clamp(0, 1),
                "you clamp to [0, 1]: a gradient is no picture, it may be negative or large.",
            ),
            (
                "magnitude",
                lambda y, x: y.abs(),
                "abs loses the sign: take the real part, .real, which may be negative.",
            ),
            (
                "root_too_large",
                lambda y, x: y * x[0, 0].numel() ** 0.5,
                "norm='ortho' stands on the inverse only: on both transforms, or on none.",
            ),
            (
                "root_too_small",
                lambda y, x: y / x[0, 0].numel() ** 0.5,
                "norm='ortho' stands on the forward transform only: on both, or on none.",
            ),
            (
                "too_large",
                lambda y, x: y * x[0, 0].numel(),
                "your result is H·W times too large: the inverse transform divides by H·W, once.",
            ),
            (
                "too_small",
                lambda y, x: y / x[0, 0].numel(),
                "your result is H·W times too small: the inverse transform divides by H·W, once.",
            ),
            ("rectified", lambda y, x: y.relu(), "you rectify: the gradient may well be negative."),
            (
                "length_kept",
                lambda y, x: y * x.norm() / y.norm(),
                "you scale the result to the old length: leave it as it is.",
            ),
            ("added", torch.add, "you add the gradient itself: return the weighted one alone."),
            ("first", lambda y, x: y[:1], "you return the first picture only: take all."),
            ("rows_joined", lambda y, x: y.flatten(2), "keep H and W."),
            (
                "alone",
                lambda y, x: y[0],
                "you return one picture only, and the axis of the batch is lost: the result is (N, 3, H, W).",
            ),
            (
                "batch_averaged",
                lambda y, x: y.mean(0, keepdim=True).expand(x.shape),
                "you average over the pictures: each has its own gradient.",
            ),
            (
                "grey",
                lambda y, x: y.mean(1, keepdim=True).expand(x.shape),
                "you average over the colours: each has its own gradient.",
            ),
        )
    ],
    *[
        (name, {"back": back}, hint)
        for name, back, hint in (
            ("no_inverse", lambda X, x: X.real, "you return the spectrum: " + BACK),
            ("no_inverse_abs", lambda X, x: X.abs(), "you return the amplitudes of the waves: " + BACK),
            (
                "no_inverse_half",
                lambda X, x: X[..., : x.shape[3] // 2 + 1].real,
                "you return half of the spectrum: transform back, irfft2(…, s=(H, W)).",
            ),
            ("forward_twice", lambda X, x: fft2(X).real, "you transform forward twice: " + BACK),
        )
    ],
    (
        "abs_of_spectrum",
        {"there": lambda x: fft2(x).abs()},
        "abs drops the phase, which says where things are: multiply the complex spectrum.",
    ),
    (
        "real_spectrum",
        {"there": lambda x: fft2(x).real},
        ".real of the spectrum drops half of it: take the real part at the end only.",
    ),
    (
        "no_transform",
        {"there": kept, "back": kept},
        "your factors multiply pixels, not waves: transform the last two axes, H and W, with fft2.",
    ),
    (
        "spectrum_left_shifted",
        _shifted(lambda X: fftshift(X, (2, 3))),
        ORDER.format("leave it out, or shift factors and product too."),
    ),
    ("result_shifted", {"finish": lambda y, x: fftshift(y, (2, 3))}, "you shift the picture itself: leave that out."),
    *[
        (name, {**WHICH[3][1], **_shifted(*parts)}, hint)
        for name, hint, *parts in (
            (
                "not_shifted_back",
                "you shift the spectrum, but not back: ifftshift before ifft2.",
                lambda X: fftshift(X, (2, 3)),
            ),
            (
                "shifted_twice",
                "at odd sizes fftshift does not undo itself: ifftshift before ifft2.",
                *[lambda X: fftshift(X, (2, 3))] * 2,
            ),
            ("shifted_all", LAST.format("fftshift"), fftshift, lambda X: ifftshift(X, (2, 3))),
            ("shifted_back_all", LAST.format("ifftshift"), lambda X: fftshift(X, (2, 3)), ifftshift),
        )
    ],
    *[
        (name, {**HALF, "back": back}, hint)
        for name, back, hint in (
            (
                "no_size",
                lambda X, x: irfft2(X),
                "at odd widths irfft2 makes one column too few, for it takes W as even: irfft2(…, s=(H, W)).",
            ),
            ("size_swapped", lambda X, x: irfft2(X, s=x.shape[:1:-1]), "s has H and W swapped: irfft2(…, s=(H, W))."),
            (
                "half_left",
                lambda X, x: ifft2(X).real,
                "rfft2 gives half of the spectrum: its inverse is irfft2(…, s=(H, W)).",
            ),
        )
    ],
    ("across_only", _over(3), AXES.format("you leave out H.")),
    ("down_only", _over(2), AXES.format("you leave out W.")),
]

# the fifth picture is square: there, H and W may change places; the last has the size of the first, other numbers and
# another offset
frequency_weighting = Spectral(
    "frequency_weighting",
    _by_waves,
    _gradients,
    [
        *[Misconception(name, _weighting(**parts), hint) for name, parts, hint in WHICH + HOW + DONE],
        *[
            Misconception(f"{name}_and_{other}", _weighting(**parts, **others), f"{hint} And {more}")
            for first, second in ((WHICH[:9], HOW[:5]), (WHICH[:9], DONE[:6]), (HOW[:5], DONE[:6]))
            for name, parts, hint in first
            for other, others, more in second
        ],
        *[
            Misconception(
                name, _deep(first), AXES.format("a picture has no frequency along its channels or the batch.")
            )
            for name, first in (("all_axes", 0), ("with_channels", 1))
        ],
        Misconception(
            "one_line",
            lambda g, o: ifftn(fftn(g.flatten(2), dim=2) / (fftfreq(g[0, 0].numel()).abs() + o), dim=2).real.reshape(
                g.shape
            ),
            "you join the rows to one line: " + AXES.format("leave the picture as it is."),
        ),
        Misconception(
            "by_value",
            lambda g, o: g / (g.abs() + o),
            "you divide each value by its own size: f is a frequency, transform with fft2 first.",
        ),
        Misconception("unchanged", kept, "the gradient comes back as it was: transform, multiply, transform back."),
    ],
    small=lambda: [Trial("1 × 3 × 1 × 4, offset 0.5", (easy(1, 3, 1, 4), 0.5))],
    hints=(
        "Which shape has `fft2(gradient)`, and which frequency belongs to its entry [i, j]?",
        "The frequencies of the rows and of the columns make a table (H, W). How does one make a table from a"
        " column and a row, and which waves must not be multiplied by the same factor?",
        "f = torch.hypot(fftfreq(H) as a column, fftfreq(W) as a row). Divide `torch.fft.fft2(gradient)` by f +"
        " offset, go back with `ifft2`, and take the real part.",
    ),
)
