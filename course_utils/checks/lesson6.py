"""Checks of lesson 6: the total cost, and the weighting of frequencies; its gradient and one step downhill are in steps.py."""
import torch
from torch.fft import fft2, fftfreq, fftn, fftshift, ifft2, ifftn, ifftshift, irfft2, rfft2, rfftfreq

from course_utils.checks.core import Exercise, Misconception, Result, Trial
from course_utils.checks.steps import cost_gradient, descent_step, kept
from course_utils.losses import CONTENT_LAYER, STYLE_LAYERS, STYLE_WEIGHTS, content_loss, gram_matrix, style_loss
from course_utils.losses import total_cost as package_total_cost

__all__ = ["total_cost", "cost_gradient", "descent_step", "frequency_weighting"]

SHAPES = {"relu1_1": (4, 9, 6), "relu2_1": (6, 4, 3), "relu3_1": (3, 4, 5), CONTENT_LAYER: (5, 2, 3)}     # small stand-ins
NUMBERS = ((2.0, 5.0), (0.5, 30.0), (1.5, 8.0), (3.0, 12.0), (0.8, 6.0))        # (α, β), another pair for each input


def _features():
    generator, trials = torch.Generator().manual_seed(6), []
    for number, (alpha, beta) in enumerate(NUMBERS):            # the last has the sizes of the first
        dtype, batch = (torch.float32, torch.float64)[number % 2], (1, 3, 3, 1, 1)[number]

        def draw(*shape):
            return torch.rand(shape, generator=generator, dtype=dtype)

        layers = ["relu1_1", "relu2_1", "relu3_1"][:2 + number % 2]
        features = {name: draw(batch, *SHAPES[name]) for name in (CONTENT_LAYER, *layers)}
        content_target = draw(1, *SHAPES[CONTENT_LAYER])
        # the painting has another size than the photo
        style_targets = {name: gram_matrix(draw(1, SHAPES[name][0], 7, 5), divide=True) for name in layers}
        weights = {name: 3.0 / (1 + place + number) for place, name in enumerate((layers[1], layers[0], *layers[2:]))}       # another order
        label = f"{batch} picture{'s' if batch > 1 else ''}, {len(layers)} style layers, {str(dtype).removeprefix('torch.')}"
        trials.append(Trial(label, (features, content_target, style_targets, alpha, beta, weights)))
    return trials


def _total_cost(features, content_target, style_targets, alpha, beta, weights):
    return package_total_cost(features, content_target, style_targets, alpha, beta, weights)["total"]


def _variant(*, join=lambda content, style, a, b: a * content + b * style, weigh=lambda weights, name: weights[name], combine=sum,
             content_cost=lambda F, P: content_loss(F, P, "mean"), layer_loss=style_loss, gram=lambda F: gram_matrix(F, divide=True),
             over=lambda targets, weights: targets):
    """A total cost with one part replaced."""
    def function(features, content_target, style_targets, alpha, beta, weights):
        losses = [weigh(weights, name) * layer_loss(gram(features[name]), style_targets[name]) for name in over(style_targets, weights)]
        return join(content_cost(features[CONTENT_LAYER], content_target), combine(losses), alpha, beta)
    return function


def _distance(factor, power=torch.square):
    """A style cost of one layer; `factor` gets N and C."""
    return lambda g, a: factor(*g.shape[:2]) * power(g - a).sum((1, 2))


MEAN = "Here it is the mean of (F − P)² over each picture: content_loss(F, P, 'mean')."
LAYER = "style_loss(g, a) is the cost of a layer, Σ (g − a)² / (4·C²)."
ONE = "your style cost is one number for the batch: each picture has its own."

total_cost = Exercise("total_cost", _total_cost, _features, [
    *[Misconception(name, _variant(join=join), hint) for name, join, hint in (
        ("swapped", lambda c, s, a, b: b * c + a * s, "α and β have changed places: α belongs to the content, β to the style."),
        ("alpha_around_all", lambda c, s, a, b: a * (c + b * s), "α multiplies the style as well: it belongs to the content cost alone."),
        ("beta_around_all", lambda c, s, a, b: b * (a * c + s), "β multiplies the content as well: it belongs to the style cost alone."),
        ("no_alpha", lambda c, s, a, b: c + b * s, "α is missing: multiply the content cost by it."),
        ("no_beta", lambda c, s, a, b: a * c + s, "β is missing: multiply the sum over the style layers by it."),
        ("neither_weight", lambda c, s, a, b: c + s, "α and β are missing: J = α J_C + β Σ_l λ^l E_l."),
        ("no_content", lambda c, s, a, b: b * s, "the content cost is missing: this cost paints a texture and forgets the photo. Add α J_C."),
        ("no_style", lambda c, s, a, b: a * c, "the style cost is missing: its minimum is the photo itself. Add β Σ_l λ^l E_l."),
        ("subtracted", lambda c, s, a, b: a * c - b * s, "you subtract the style cost: going down would then lead away from the painting. Add it."),
        ("negative", lambda c, s, a, b: -a * c - b * s, "the sign is turned round: costs are positive, and zero where nothing differs."),
        ("multiplied", lambda c, s, a, b: a * c * b * s, "you multiply the two costs: add them."),
        ("over_sum", lambda c, s, a, b: (a * c + b * s) / (a + b), "you divide by α + β: the formula has the plain sum."),
        ("complement", lambda c, s, a, b: a * c + (1 - a) * s, "the style cost gets 1 − α: it has a weight of its own, β."),
        ("batch_averaged", lambda c, s, a, b: (a * c + b * s).mean().expand(c.shape),
         "you average over the pictures of the batch: each of them has a cost of its own."),
        ("batch_summed", lambda c, s, a, b: (a * c + b * s).sum().expand(c.shape), "you add up the pictures: each of them has a cost of its own."),
        ("over_pictures", lambda c, s, a, b: (a * c + b * s) / len(c),
         "you divide by the number of pictures: the cost of one does not depend on the others."),
        ("style_averaged", lambda c, s, a, b: a * c + b * s.mean(), ONE), ("style_summed", lambda c, s, a, b: a * c + b * s.sum(), ONE),
        ("parts", lambda c, s, a, b: {}, "your function returns a dictionary, as total_cost of the package does: return the sum of both parts."),
        ("pair", lambda c, s, a, b: (a * c, b * s), "your function returns both parts: add them."),
        ("stacked", lambda c, s, a, b: torch.stack((a * c, b * s)), "your function returns both parts: add them."))],
    *[Misconception(name, _variant(weigh=weigh), hint) for name, weigh, hint in (
        ("unweighted", lambda w, name: 1, "every layer counts the same in your sum: multiply each E_l by its λ^l, weights[layer]."),
        ("package_weights", lambda w, name: STYLE_WEIGHTS[name],
         "you use the λ^l of the package, STYLE_WEIGHTS: use those that your function is given, weights[layer]."),
        ("weights_squared", lambda w, name: w[name] ** 2, "each λ^l counts twice: multiply E_l by it once."),
        ("divided_by_weights", lambda w, name: 1 / w[name], "you divide by the λ^l: multiply by them."),
        ("weights_normalised", lambda w, name: w[name] / sum(w.values()), "you divide by the sum of the λ^l: take them as they are."),
        ("weights_side_by_side", lambda w, name: list(w.values())[sorted(w).index(name)],
         "you go through style_targets and weights side by side, but their layers stand in different orders: look each up, weights[layer]."))],
    *[Misconception(name + end, _variant(over=over, combine=combine), hint)
      for end, over in (("", lambda targets, weights: targets), ("_of_weights", lambda targets, weights: weights)) for name, combine, hint in (
        ("last_layer", lambda losses: losses[-1], "only the last style layer counts: the loop overwrites the sum. Add to it (style = style + …)."),
        ("first_layer", lambda losses: losses[0], "only the first style layer counts: the function returns from inside the loop. Return after it."))],
    Misconception("averaged", _variant(combine=lambda losses: sum(losses) / len(losses)),
                  "you take the mean over the layers; the formula has the sum Σ_l λ^l E_l."),
    Misconception("all_layers", _variant(over=lambda *_: STYLE_LAYERS), "you loop over STYLE_LAYERS: take the layers of style_targets only."),
    Misconception("beta_once", _variant(combine=kept, join=lambda c, losses, a, b: a * c + b * losses[0] + sum(losses[1:])),
                  "β multiplies the first layer only: put brackets around the sum, β (λ^1 E_1 + λ^2 E_2 + …)."),
    Misconception("content_in_loop", _variant(combine=kept, join=lambda c, losses, a, b: len(losses) * a * c + b * sum(losses)),
                  "the content cost is added once for each style layer: take it out of the loop."),
    Misconception("gram_not_divided", _variant(gram=gram_matrix), "your Gram matrices are sums over positions, the targets are means: photo and "
                  "painting differ in size, so divide by H·W, gram_matrix(maps, divide=True)."),
    Misconception("gram_over_values", _variant(gram=lambda F: gram_matrix(F, True) / F.shape[1]),
                  "you divide the Gram matrices by C·H·W: the targets are divided by H·W only, gram_matrix(maps, divide=True)."),
    Misconception("defaults", _variant(gram=gram_matrix, content_cost=content_loss),
                  "as they come, content_loss and gram_matrix take sums, which grow with the picture: give them 'mean' and divide=True."),
    *[Misconception(name, _variant(content_cost=cost), hint + MEAN) for name, cost, hint in (
        ("content_summed", content_loss, "your content cost is ½ Σ (F − P)², which grows with the picture. "),
        ("content_summed_whole", lambda F, P: 2 * content_loss(F, P), "your content cost is Σ (F − P)², which grows with the picture. "),
        ("content_half", lambda F, P: content_loss(F, P, "mean") / 2, "the ½ of the paper is too much in your content cost. "),
        ("content_absolute", lambda F, P: (F - P).abs().mean((1, 2, 3)), "your content cost has absolute values in place of squares. "),
        ("content_batch", lambda F, P: (F - P).square().mean(), "your content cost is one number for the whole batch. "))],
    *[Misconception(name, _variant(layer_loss=_distance(*parts)), hint) for name, hint, *parts in (
        ("mean_of_squares", "your E_l is the mean of the squares, four times too large: it is their sum over 4·C².", lambda N, C: 1 / C**2),
        ("no_factor", "1/(4·C²) is missing in E_l. " + LAYER, lambda *_: 1), ("quarter", "1/C² is missing in E_l. " + LAYER, lambda *_: 1 / 4),
        ("half_mean", "your E_l is twice too large. " + LAYER, lambda N, C: 1 / (2 * C**2)),
        ("channels_not_squared", "you divide by 4·C: the matrix has C² entries. " + LAYER, lambda N, C: 1 / (4 * C)),
        ("pictures_for_channels", "shape[0] is the number of pictures: C is shape[1]. " + LAYER, lambda N, C: 1 / (4 * N**2)),
        ("absolute", "your E_l has absolute values: square the differences. " + LAYER, lambda N, C: 1 / (4 * C**2), torch.abs),
        ("not_squared", "your E_l has no squares: differences then cancel. " + LAYER, lambda N, C: 1 / (4 * C**2), kept))],
    Misconception("one_picture", _variant(gram=lambda F: gram_matrix(F.reshape(1, *F.shape[1:]), True), join=lambda c, s, a, b: (a * c + b * s)[0]),
                  "your function takes one picture only, as the short functions of section 2 do. Use content_loss, gram_matrix "
                  "and style_loss of the package: they give one number for each picture of the batch."),
], differentiable=(0,))


# --- the weighting of frequencies -----------------------------------------------------------------------------

def _waves(n):
    """Every wave that fits into n pixels, one in each row, and its frequency: a wave of k periods looks like one of n − k."""
    k = torch.arange(n, dtype=torch.float64)
    return torch.exp(-2j * torch.pi * torch.outer(k, k) / n), torch.minimum(k, n - k) / n


def _by_waves(gradient, offset):
    """Each wave of the gradient over f + offset; by matrices of waves, without a fast transform."""
    (down, f_y), (across, f_x) = map(_waves, gradient.shape[2:])
    spectrum = down @ gradient.to(down) @ across / (torch.hypot(f_y[:, None], f_x) + offset)
    return (down.conj() @ spectrum @ across.conj()).real.to(gradient) / gradient[0, 0].numel()


def _gradients():
    generator, trials = torch.Generator().manual_seed(63), []
    for N, H, W in ((1, 4, 6), (3, 5, 4), (1, 6, 5), (3, 3, 7), (1, 4, 4), (1, 4, 6)):
        gradient, offset = torch.randn(N, 3, H, W, generator=generator) + 0.4, 0.05 + 0.4 * torch.rand((), generator=generator).item()
        trials.append(Trial(f"{N} × 3 × {H} × {W}, offset {offset:.3f}", (gradient, offset)))
    return trials


class Spectral(Exercise):
    """A check of answers that may be complex by mistake: then the real part is judged, and the hint says so."""

    def judge(self, function):
        seen = []

        def real_part(*arguments):
            value = function(*arguments)
            if isinstance(value, torch.Tensor) and value.is_complex():
                seen.append(value)
            return value.real if seen and value is seen[-1] else value
        result = super().judge(real_part)
        if seen and result:
            return Result(False, "your result is complex, with rounding errors for an imaginary part: return the real part, .real.", "dtype")
        return Result(False, f"{result.message} Your result is complex, too: return its real part.", result.reason) if seen and result.reason != "error" else result


def _weighting(*, rows=lambda n, H, W: fftfreq(n), columns=None, join=torch.hypot, gain=lambda f, offset: 1 / (f + offset), there=fft2,
               back=lambda X, x: ifft2(X).real, finish=kept):
    """The waves of a picture times 1/(f + offset), with one part replaced."""
    def function(gradient, offset):
        H, W = gradient.shape[2:]
        f = join(rows(H, H, W)[:, None], (columns or rows)(W, H, W)[None])
        return finish(back(there(gradient) * gain(f, offset), gradient), gradient)
    return function


HALF = {"there": rfft2, "columns": lambda n, *_: rfftfreq(n), "back": lambda X, x: irfft2(X, s=x.shape[2:])}


def _gain_with_mean(value, offset=lambda offset: offset):
    """The factors, and for the mean, f = 0, another one."""
    return lambda f, o: torch.where(f == 0, torch.tensor(value(o)).to(f), 1 / (f + offset(o)))


def _scaled(by, fixed=None):
    """The factors, divided by a number that is made of them."""
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
SIZES = "fft2 needs fftfreq(H) for the rows and fftfreq(W) for the columns, but rfft2 keeps W//2 + 1 columns, rfftfreq(W)."
WRAP = "k/n beyond 0.5 is no high frequency, for k periods in n pixels look like n − k: take fftfreq for {}."
ORDER = "fft2 and fftfreq both have f = 0 first, so no shift is needed: {}"
LINE = "fft2 has f = 0 first, then up to 0.5, then the negative ones, and linspace has another order: take fftfreq."
AXES = "fft2 transforms the last two axes, H and W, of each channel by itself: {}"
BACK = "transform back with ifft2, and return the real part."
LAST = "without dim, {} shifts the axes of batch and channels too: dim=(-2, -1)."

WHICH = [               # what goes wrong with the frequencies: name, replaced parts, hint
    ("unwrapped", {"rows": lambda n, *_: torch.arange(n) / n}, WRAP.format("both axes")),
    ("per_picture", {"rows": lambda n, *_: n * fftfreq(n)}, "you count cycles per picture: " + PIXEL),
    ("angular", {"rows": lambda n, *_: 2 * torch.pi * fftfreq(n)}, "2π f is the angular frequency: " + PIXEL),
    ("shifted", {"rows": lambda n, *_: fftshift(fftfreq(n))}, ORDER.format("shift spectrum and factors, or neither of them.")),
    *[(name, {"join": join}, hint + ROOT) for name, join, hint in (
        ("taxicab", lambda y, x: y.abs() + x.abs(), "you add up |f_y| and |f_x|: "),
        ("squares", lambda y, x: y**2 + x**2, "you have f² in place of f: "),
        ("columns_only", lambda y, x: x.abs() + 0 * y, "f_y is missing, so only waves along the rows count: "),
        ("rows_only", lambda y, x: y.abs() + 0 * x, "f_x is missing, so only waves down the columns count: "),
        ("largest", lambda y, x: y.abs().maximum(x.abs()), "you take the larger one of |f_y| and |f_x|: "),
        ("signed_sum", torch.add, "you add f_y and f_x with their signs: "), ("signed", lambda y, x: x + 0 * y, "only f_x counts, with its sign: "),
        ("smallest", lambda y, x: y.abs().minimum(x.abs()), "you take the smaller one of |f_y| and |f_x|: "),
        ("product", lambda y, x: (y * x).abs(), "you multiply f_y and f_x: "), ("mean", lambda y, x: (y.abs() + x.abs()) / 2, "you take a mean: "),
        ("root_of_sum", lambda y, x: (y.abs() + x.abs()).sqrt(), "you take the root of |f_y| + |f_x|, without squares: "),
        ("root_mean_square", lambda y, x: ((y**2 + x**2) / 2).sqrt(), "you take the mean of the squares, not their sum: "))],
    ("unwrapped_rows", {"rows": lambda n, *_: torch.arange(n) / n, "columns": lambda n, *_: fftfreq(n)}, WRAP.format("the rows too")),
    ("unwrapped_columns", {"columns": lambda n, *_: torch.arange(n) / n}, WRAP.format("the columns too")),
    ("unwrapped_rows_of_half", {**HALF, "rows": lambda n, *_: torch.arange(n) / n}, "rfft2 halves the columns only: " + WRAP.format("the rows")),
    *[(name, {"rows": rows}, hint + PIXEL) for name, rows, hint in (
        ("index", lambda n, *_: torch.arange(n) * 1.0, "you take the index for the frequency: "),
        ("per_longer_side", lambda n, H, W: n / max(H, W) * fftfreq(n), "you divide both axes by the longer side, and not each by its own: "),
        ("per_other_side", lambda n, H, W: n * n / (H * W) * fftfreq(n), "you divide each axis by the length of the other: "),
        ("of_highest", lambda n, *_: 2 * fftfreq(n), "your f goes up to 1, as a share of the highest frequency: "),
        ("divided_twice", lambda n, *_: fftfreq(n) / n, "fftfreq(n) is divided by n already: "))],
    *[(f"line_{number}", {"rows": lambda n, *_, ends=ends: torch.linspace(*ends, n)}, LINE)
      for number, ends in enumerate(((0, 1), (0, 0.5), (-0.5, 0.5), (-1, 1)))],
    ("centred", {"rows": lambda n, *_: torch.arange(n) / n - 0.5}, "your f is 0 in the middle, but fft2 has the mean in the corner: take fftfreq."),
    *[(name, parts, "the shapes of spectrum and factors do not fit, or H and W have changed places: " + SIZES) for name, parts in (
        ("sides_swapped", {"rows": lambda n, H, W: fftfreq(H + W - n)}), ("half_of_factors", {"columns": HALF["columns"]}),
        ("half_of_spectrum", {"there": rfft2}))],
    ("half_of_half", {**HALF, "columns": lambda n, *_: fftfreq(n // 2 + 1)}, "fftfreq(W//2 + 1) has other frequencies: " + SIZES),
    ("half_line", {**HALF, "columns": lambda n, *_: torch.linspace(0, 0.5, n // 2 + 1)},
     "at odd widths the highest frequency is below 0.5: take rfftfreq(W) in place of linspace.")]

HOW = [(name, {"gain": gain}, hint) for name, gain, hint in (         # what goes wrong with the factors
    ("multiplied", lambda f, o: f + o, "you multiply by f + offset, which favours fine detail: divide by it."),
    ("at_zero_only", _gain_with_mean(lambda o: 1 / o, lambda o: 0), "only f = 0 gets the offset: add it to every f."),
    ("normalised", _scaled(lambda g: g[:, :g.shape[1] // 2 + 1].mean()), "you divide the factors by their mean, as inverse_frequency does: " + PLAIN),
    ("squared", lambda f, o: (f + o) ** -2, "you divide by f + offset twice, or by its square: once is enough."),
    ("root", lambda f, o: (f + o) ** -0.5, "you divide by the root of f + offset: " + PLAIN),
    ("normalised_over_all", _scaled(torch.mean), "you divide the factors by their mean: " + PLAIN),
    ("largest_is_1", _scaled(torch.max), "you divide the factors by the largest: " + PLAIN),
    ("sum_is_1", _scaled(torch.sum), "you divide the factors by their sum: " + PLAIN),
    ("fixed", _scaled(lambda g: 1, 0.05), "you use 0.05, as the lesson does: add the offset that your function is given."),
    ("package", _scaled(lambda g: g[:, :g.shape[1] // 2 + 1].mean(), 0.05), "inverse_frequency takes 0.05, and divides by the mean: " + PLAIN),
    ("mean_removed", _gain_with_mean(lambda o: 0.0), "the mean, f = 0, gets lost: its factor is 1/offset."),
    ("mean_kept", _gain_with_mean(lambda o: 1.0), "you leave the mean, f = 0, as it is: its factor is 1/offset."),
    ("no_offset_mean_removed", _gain_with_mean(lambda o: 0.0, lambda o: 0), MISSING),
    ("no_offset_mean_kept", _gain_with_mean(lambda o: 1.0, lambda o: 0), MISSING), ("tiny_offset", lambda f, o: 1 / (f + 1e-8), MISSING),
    ("clamped", lambda f, o: 1 / f.clamp(min=o), "1/max(f, offset) is another bound: add the offset to f."),
    ("quadrature", lambda f, o: 1 / (f**2 + o**2).sqrt(), "you add the squares of f and offset: " + PLAIN),
    ("squares_added", lambda f, o: 1 / (f**2 + o**2), "you add the squares of f and offset: " + PLAIN),
    ("high_pass", lambda f, o: f / (f + o), "f/(f + offset) favours fine detail: " + PLAIN),
    ("one_added", lambda f, o: 1 / (1 + f), "you add 1 to f: add the offset."), ("flat", lambda f, o: 1 / o + 0 * f, "f is missing: " + PLAIN),
    ("subtracted", lambda f, o: 1 / (f - o), "you subtract the offset: add it."), ("low_pass", lambda f, o: 1.0 * (f < o), "you cut off: " + PLAIN),
    ("exponential", lambda f, o: torch.exp(-f / o), "that is an exponential: " + PLAIN))]

DONE = [                # what goes wrong before or after: name, replaced parts, hint
    *[(name, {"finish": finish}, hint) for name, finish, hint in (
        ("negative", lambda y, x: -y, "the sign is turned round: the minus comes later, in the step."),
        ("clamped_to_box", lambda y, x: y.clamp(0, 1), "you clamp to [0, 1]: a gradient is no picture, it may be negative or large."),
        ("magnitude", lambda y, x: y.abs(), "abs loses the sign: take the real part, .real, which may be negative."),
        ("root_too_large", lambda y, x: y * x[0, 0].numel() ** 0.5, "norm='ortho' stands on the inverse only: on both transforms, or on none."),
        ("root_too_small", lambda y, x: y / x[0, 0].numel() ** 0.5, "norm='ortho' stands on the forward transform only: on both, or on none."),
        ("too_large", lambda y, x: y * x[0, 0].numel(), "your result is H·W times too large: the inverse transform divides by H·W, once."),
        ("too_small", lambda y, x: y / x[0, 0].numel(), "your result is H·W times too small: the inverse transform divides by H·W, once."),
        ("rectified", lambda y, x: y.relu(), "you rectify: the gradient may well be negative."),
        ("length_kept", lambda y, x: y * x.norm() / y.norm(), "you scale the result to the old length: leave it as it is."),
        ("added", torch.add, "you add the gradient itself: return the weighted one alone."),
        ("first", lambda y, x: y[:1], "you return the first picture only: take all."), ("rows_joined", lambda y, x: y.flatten(2), "keep H and W."),
        ("alone", lambda y, x: y[0], "you return one picture only, and the axis of the batch is lost: the result is (N, 3, H, W)."),
        ("batch_averaged", lambda y, x: y.mean(0, keepdim=True).expand(x.shape), "you average over the pictures: each has its own gradient."),
        ("grey", lambda y, x: y.mean(1, keepdim=True).expand(x.shape), "you average over the colours: each has its own gradient."))],
    *[(name, {"back": back}, hint) for name, back, hint in (
        ("no_inverse", lambda X, x: X.real, "you return the spectrum: " + BACK),
        ("no_inverse_abs", lambda X, x: X.abs(), "you return the amplitudes of the waves: " + BACK),
        ("no_inverse_half", lambda X, x: X[..., :x.shape[3] // 2 + 1].real, "you return half of the spectrum: transform back, irfft2(…, s=(H, W))."),
        ("forward_twice", lambda X, x: fft2(X).real, "you transform forward twice: " + BACK))],
    ("abs_of_spectrum", {"there": lambda x: fft2(x).abs()}, "abs drops the phase, which says where things are: multiply the complex spectrum."),
    ("real_spectrum", {"there": lambda x: fft2(x).real}, ".real of the spectrum drops half of it: take the real part at the end only."),
    ("no_transform", {"there": kept, "back": kept}, "your factors multiply pixels, not waves: transform the last two axes, H and W, with fft2."),
    ("spectrum_left_shifted", _shifted(lambda X: fftshift(X, (2, 3))), ORDER.format("leave it out, or shift factors and product too.")),
    ("result_shifted", {"finish": lambda y, x: fftshift(y, (2, 3))}, "you shift the picture itself: leave that out."),
    *[(name, {**WHICH[3][1], **_shifted(*parts)}, hint) for name, hint, *parts in (
        ("not_shifted_back", "you shift the spectrum, but not back: ifftshift before ifft2.", lambda X: fftshift(X, (2, 3))),
        ("shifted_twice", "at odd sizes fftshift does not undo itself: ifftshift before ifft2.", *[lambda X: fftshift(X, (2, 3))] * 2),
        ("shifted_all", LAST.format("fftshift"), fftshift, lambda X: ifftshift(X, (2, 3))),
        ("shifted_back_all", LAST.format("ifftshift"), lambda X: fftshift(X, (2, 3)), ifftshift))],
    *[(name, {**HALF, "back": back}, hint) for name, back, hint in (
        ("no_size", lambda X, x: irfft2(X), "at odd widths irfft2 makes one column too few, for it takes W as even: irfft2(…, s=(H, W))."),
        ("size_swapped", lambda X, x: irfft2(X, s=x.shape[:1:-1]), "s has H and W swapped: irfft2(…, s=(H, W))."),
        ("half_left", lambda X, x: ifft2(X).real, "rfft2 gives half of the spectrum: its inverse is irfft2(…, s=(H, W))."))],
    ("across_only", _over(3), AXES.format("you leave out H.")), ("down_only", _over(2), AXES.format("you leave out W."))]

# the fifth picture is square: there, H and W may change places; the last has the size of the first, other numbers and another offset
frequency_weighting = Spectral("frequency_weighting", _by_waves, _gradients, [
    *[Misconception(name, _weighting(**parts), hint) for name, parts, hint in WHICH + HOW + DONE],
    *[Misconception(f"{name}_and_{other}", _weighting(**parts, **others), f"{hint} And {more}")
      for first, second in ((WHICH[:9], HOW[:5]), (WHICH[:9], DONE[:6]), (HOW[:5], DONE[:6]))
      for name, parts, hint in first for other, others, more in second],
    *[Misconception(name, _deep(first), AXES.format("a picture has no frequency along its channels or the batch."))
      for name, first in (("all_axes", 0), ("with_channels", 1))],
    Misconception("one_line", lambda g, o: ifftn(fftn(g.flatten(2), dim=2) / (fftfreq(g[0, 0].numel()).abs() + o), dim=2).real.reshape(g.shape),
                  "you join the rows to one line: " + AXES.format("leave the picture as it is.")),
    Misconception("by_value", lambda g, o: g / (g.abs() + o), "you divide each value by its own size: f is a frequency, transform with fft2 first."),
    Misconception("unchanged", kept, "the gradient comes back as it was: transform, multiply, transform back."),
])
