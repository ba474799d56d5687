"""Checks of lesson 6: the total cost, the gradient of the style cost, and one step of the descent."""
import torch

from course_utils.checks.core import Exercise, Misconception, Trial
from course_utils.losses import CONTENT_LAYER, STYLE_WEIGHTS, content_loss, gram_matrix, style_loss
from course_utils.losses import total_cost as package_total_cost

SHAPES = {"relu1_1": (4, 9, 6), "relu2_1": (6, 4, 3), "relu3_1": (3, 4, 5), CONTENT_LAYER: (5, 2, 3)}     # small stand-ins
NUMBERS = ((2.0, 5.0), (0.5, 30.0), (1.5, 8.0), (3.0, 12.0))        # (α, β), another pair for each input


def _random(shape, generator, dtype):
    return torch.rand(shape, generator=generator, dtype=dtype)


def _features():
    generator = torch.Generator().manual_seed(6)
    trials = []
    for number, (alpha, beta) in enumerate(NUMBERS):
        dtype, batch = (torch.float32, torch.float64)[number % 2], (1, 3, 3, 1)[number]
        layers = ["relu1_1", "relu2_1", "relu3_1"][:2 + number % 2]
        features = {name: _random((batch, *SHAPES[name]), generator, dtype) for name in (*layers, CONTENT_LAYER)}
        content_target = _random((1, *SHAPES[CONTENT_LAYER]), generator, dtype)
        # the painting has another size than the photo
        style_targets = {name: gram_matrix(_random((1, SHAPES[name][0], 7, 5), generator, dtype), divide=True) for name in layers}
        weights = {name: 3.0 / (1 + place + number) for place, name in enumerate(layers)}
        label = f"{batch} picture{'s' if batch > 1 else ''}, {len(layers)} style layers, {str(dtype).removeprefix('torch.')}"
        trials.append(Trial(label, (features, content_target, style_targets, alpha, beta, weights)))
    return trials


def _total_cost(features, content_target, style_targets, alpha, beta, weights):
    return package_total_cost(features, content_target, style_targets, alpha, beta, weights)["total"]


def _variant(*, join=lambda content, style, a, b: a * content + b * style, weigh=lambda weights, name: weights[name], divide=True,
             combine=sum, reduction="mean", layer_loss=style_loss):
    """A total cost with one part replaced."""
    def function(features, content_target, style_targets, alpha, beta, weights):
        losses = [weigh(weights, name) * layer_loss(gram_matrix(features[name], divide), target)
                  for name, target in style_targets.items()]
        content = content_loss(features[CONTENT_LAYER], content_target, reduction)
        return join(content, combine(losses), alpha, beta)
    return function


def _beta_once(features, content_target, style_targets, alpha, beta, weights):
    first = next(iter(style_targets))
    return _total_cost(features, content_target, style_targets, alpha, 1,
                       {name: weight * beta if name == first else weight for name, weight in weights.items()})


def _content_in_loop(features, content_target, style_targets, alpha, beta, weights):
    return _total_cost(features, content_target, style_targets, alpha * len(style_targets), beta, weights)


def _one_picture(features, content_target, style_targets, alpha, beta, weights):
    def gram(F):
        _, K, H, W = F.shape
        rows = F.reshape(K, H * W)
        return rows @ rows.T / (H * W)
    style = sum(weights[name] * (gram(features[name]) - a).square().sum() / (4 * a.shape[1]**2) for name, a in style_targets.items())
    return alpha * (features[CONTENT_LAYER] - content_target).square().mean() + beta * style


total_cost = Exercise("total_cost", _total_cost, _features, [
    Misconception("swapped", _variant(join=lambda content, style, a, b: b * content + a * style),
                  "α and β have changed places: α belongs to the content, β to the style."),
    Misconception("unweighted", _variant(weigh=lambda weights, name: 1),
                  "every layer counts the same in your sum: multiply each E_l by its λ^l, weights[layer]."),
    Misconception("package_weights", _variant(weigh=lambda weights, name: STYLE_WEIGHTS[name]),
                  "you use the λ^l of the package, STYLE_WEIGHTS: use those that your function is given, weights[layer]."),
    Misconception("averaged", _variant(combine=lambda losses: sum(losses) / len(losses)),
                  "you take the mean over the layers; the formula has the sum Σ_l λ^l E_l."),
    Misconception("last_layer", _variant(combine=lambda losses: losses[-1]),
                  "only the last style layer counts: the loop overwrites the sum. Add to it (style = style + …)."),
    Misconception("first_layer", _variant(combine=lambda losses: losses[0]),
                  "only the first style layer counts: the function returns from inside the loop. Return after it."),
    Misconception("beta_once", _beta_once,
                  "β multiplies the first layer only: put brackets around the sum, β (λ^1 E_1 + λ^2 E_2 + …)."),
    Misconception("content_in_loop", _content_in_loop,
                  "the content cost is added once for each style layer: take it out of the loop."),
    Misconception("alpha_around_all", _variant(join=lambda content, style, a, b: a * (content + b * style)),
                  "α multiplies the style as well: it belongs to the content cost alone."),
    Misconception("no_alpha", _variant(join=lambda content, style, a, b: content + b * style),
                  "α is missing: multiply the content cost by it."),
    Misconception("no_beta", _variant(join=lambda content, style, a, b: a * content + style),
                  "β is missing: multiply the sum over the style layers by it."),
    Misconception("neither_weight", _variant(join=lambda content, style, a, b: content + style),
                  "α and β are missing: J = α J_C + β Σ_l λ^l E_l."),
    Misconception("gram_not_divided", _variant(divide=False),
                  "your Gram matrices are sums over positions, the targets are means: photo and painting differ in size, "
                  "so divide by H·W, gram_matrix(maps, divide=True)."),
    Misconception("mean_of_squares", _variant(layer_loss=lambda g, a: (g - a).square().mean((1, 2))),
                  "your E_l is the mean of the squares, four times too large: it is their sum over 4 K²."),
    Misconception("batch_averaged", lambda *arguments: _total_cost(*arguments).mean().expand(arguments[0][CONTENT_LAYER].shape[0]),
                  "you average over the pictures of the batch: each of them has a cost of its own."),
    Misconception("one_picture", _one_picture,
                  "your function takes one picture only, as the short functions of section 2 do. Use content_loss, gram_matrix "
                  "and style_loss of the package: they give one number for each picture of the batch."),
    Misconception("content_summed", _variant(reduction="sum"),
                  "your content cost is ½ Σ (F − P)², which grows with the picture. Here it is the mean: reduction='mean'."),
    Misconception("no_content", _variant(join=lambda content, style, a, b: b * style),
                  "the content cost is missing: this cost paints a texture and forgets the photo. Add α J_C."),
    Misconception("no_style", _variant(join=lambda content, style, a, b: a * content),
                  "the style cost is missing: its minimum is the photo itself. Add β Σ_l λ^l E_l."),
    Misconception("subtracted", _variant(join=lambda content, style, a, b: a * content - b * style),
                  "you subtract the style cost: going down would then lead away from the painting. Add it."),
], differentiable=(0,))


def _maps_and_targets():
    generator = torch.Generator().manual_seed(8)
    return [Trial(f"{K} channels, {H} × {W} positions, {str(dtype).removeprefix('torch.')}",
                  (_random((1, K, H, W), generator, dtype), gram_matrix(_random((1, K, 6, 7), generator, dtype), divide=True)[0]))
            for dtype in (torch.float32, torch.float64) for K, H, W in ((4, 3, 5), (3, 6, 2), (5, 4, 4))]


def _gradient(factor=lambda K, M: 1 / (K**2 * M), matrix=lambda g, a: g - a, gram=lambda rows: rows @ rows.T / rows.shape[1]):
    """∂E/∂F = (g − a) F / (K² M), with one part replaced."""
    def function(F, a):
        K, M = F.shape[1], F.shape[2] * F.shape[3]
        rows = F.reshape(K, M)
        return (factor(K, M) * matrix(gram(rows), a) @ rows).reshape(F.shape)
    return function


style_gradient = Exercise("style_gradient", _gradient(), _maps_and_targets, [
    Misconception("half", _gradient(factor=lambda K, M: 1 / (2 * K**2 * M)),
                  "a factor 2 is missing: F stands in g twice, and both places give the same, so 1/(2K²M) becomes 1/(K²M)."),
    Misconception("quarter", _gradient(factor=lambda K, M: 1 / (4 * K**2 * M)),
                  "a factor 4 is missing: the square gives 2, and F stands in g twice, which gives 2 again."),
    Misconception("not_over_positions", _gradient(factor=lambda K, M: 1 / K**2),
                  "1/M is missing: g is the mean over M = H·W positions, and its derivative keeps the 1/M."),
    Misconception("not_over_channels", _gradient(factor=lambda K, M: 1 / M),
                  "1/K² is missing: it comes from the 1/(4K²) in E."),
    Misconception("without_target", _gradient(matrix=lambda g, a: g),
                  "the target is missing: it is the difference g − a that multiplies F."),
    Misconception("sign", _gradient(matrix=lambda g, a: a - g),
                  "the sign is turned round: going down along it leads away from the painting. It is g − a."),
    Misconception("sum_gram", _gradient(gram=lambda rows: rows @ rows.T),
                  "your g is the sum over the positions; the target is a mean: divide g by M."),
    Misconception("flat", lambda F, a: _gradient()(F, a).reshape(F.shape[1], -1),
                  "the values are right; give them the shape of F again: reshape(F.shape)."),
    Misconception("value", lambda F, a: style_loss(gram_matrix(F, divide=True), a[None]),
                  "you return the cost E itself; its derivative by F is asked for, one number for each entry of F."),
])


def _steps():
    generator = torch.Generator().manual_seed(7)
    trials = []
    for number, (batch, height, width) in enumerate(((1, 4, 6), (3, 5, 2), (1, 3, 3), (3, 2, 7))):
        dtype, step = (torch.float32, torch.float64)[number % 2], 0.1 * (number + 2)
        image = torch.rand(batch, 3, height, width, generator=generator, dtype=dtype)
        image.flatten()[::7] = 1.0          # pixels at both bounds
        image.flatten()[3::7] = 0.0
        gradient = torch.randn(image.shape, generator=generator, dtype=dtype) * 3
        trials.append(Trial(f"{batch} × 3 × {height} × {width}, {str(dtype).removeprefix('torch.')}, step {step:.1f}",
                            (image, gradient, step)))
    return trials


def _step(move=lambda image, gradient, step: image - step * gradient, clamp=lambda image: image.clamp(0, 1)):
    """clamp(G − η ∂J/∂G), with one part replaced."""
    return lambda image, gradient, step: clamp(move(image, gradient, step))


def _nothing(image):
    return image


descent_step = Exercise("descent_step", _step(), _steps, [
    Misconception("ascent", _step(lambda image, gradient, step: image + step * gradient),
                  "you walk uphill: the gradient points to where the cost grows. Subtract it."),
    Misconception("ascent_not_clamped", _step(lambda image, gradient, step: image + step * gradient, _nothing),
                  "you walk uphill, so subtract the gradient; and clamp the result to [0, 1]."),
    Misconception("not_clamped", _step(clamp=_nothing),
                  "some pixels leave [0, 1]. No file can hold them, and the cost of what you save is another one. "
                  "Clamp what you return, after the step."),
    Misconception("clamped_below", _step(clamp=lambda image: image.clamp(min=0)),
                  "nothing holds the values back at 1 (our pictures run from 0 to 1, not to 255): clamp at both ends."),
    Misconception("clamped_above", _step(clamp=lambda image: image.clamp(max=1)),
                  "nothing holds the values back at 0: clamp at both ends."),
    Misconception("clamped_gradient", lambda image, gradient, step: image - (step * gradient).clamp(0, 1),
                  "you clamp the step, not the picture: the pixels are what has to stay in [0, 1]."),
    Misconception("sign_only", _step(lambda image, gradient, step: image - step * gradient.sign()),
                  "you use the sign of the gradient only: every pixel moves by the same amount. Gradient descent keeps the size."),
    Misconception("normalised", _step(lambda image, gradient, step: image - step * gradient / gradient.norm()),
                  "you divide the gradient by its length. That can help, but it is another method: subtract step · gradient."),
    Misconception("grey_levels", _step(lambda image, gradient, step: image - step / 255 * gradient),
                  "you divide the step by 255; picture and gradient are both in units of 0 to 1 already."),
    Misconception("no_step", _step(lambda image, gradient, step: image - gradient),
                  "the step size is missing: multiply the gradient by `step`."),
    Misconception("squashed", _step(clamp=torch.sigmoid),
                  "a sigmoid changes every pixel, also those inside [0, 1]. Clamp: it changes only what lies outside."),
    Misconception("unmoved", lambda image, gradient, step: image,
                  "your function returns the picture as it was: subtract step · gradient from it."),
])
