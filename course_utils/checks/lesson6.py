"""Checks of lesson 6: the total cost, and one step of the descent."""
import torch

from course_utils.checks.core import Exercise, Misconception, Trial
from course_utils.losses import CONTENT_LAYER, content_loss, gram_matrix, style_loss
from course_utils.losses import total_cost as package_total_cost

SHAPES = {"relu1_1": (4, 9, 6), "relu2_1": (6, 4, 3), CONTENT_LAYER: (5, 2, 3)}         # (C, H, W) of small stand-ins


def _features():
    generator = torch.Generator().manual_seed(6)
    trials = []
    for dtype in (torch.float32, torch.float64):
        for batch in (1, 3):
            features = {name: torch.rand(batch, *shape, generator=generator, dtype=dtype) for name, shape in SHAPES.items()}
            content_target = torch.rand(1, *SHAPES[CONTENT_LAYER], generator=generator, dtype=dtype)
            # the painting has another size than the photo
            style_targets = {name: gram_matrix(torch.rand(1, SHAPES[name][0], 7, 5, generator=generator, dtype=dtype), divide=True)
                             for name in ("relu1_1", "relu2_1")}
            weights = {"relu1_1": 3.0, "relu2_1": 0.7}
            label = f"{batch} picture{'s' if batch > 1 else ''}, two style layers, {str(dtype).removeprefix('torch.')}"
            trials.append(Trial(label, (features, content_target, style_targets, 2.0, 5.0, weights)))
    return trials


def _total_cost(features, content_target, style_targets, alpha, beta, weights):
    return package_total_cost(features, content_target, style_targets, alpha, beta, weights)["total"]


def _variant(*, content_factor=lambda a, b: a, style_factor=lambda a, b: b, weighted=True, divide=True, combine=sum, reduction="mean"):
    """A total cost with one part replaced."""
    def function(features, content_target, style_targets, alpha, beta, weights):
        losses = [(weights[name] if weighted else 1) * style_loss(gram_matrix(features[name], divide), target)
                  for name, target in style_targets.items()]
        content = content_loss(features[CONTENT_LAYER], content_target, reduction)
        return content_factor(alpha, beta) * content + style_factor(alpha, beta) * combine(losses)
    return function


def _beta_once(features, content_target, style_targets, alpha, beta, weights):
    total = alpha * content_loss(features[CONTENT_LAYER], content_target, "mean")
    for number, (name, target) in enumerate(style_targets.items()):
        loss = weights[name] * style_loss(gram_matrix(features[name], divide=True), target)
        total = total + (beta * loss if number == 0 else loss)
    return total


total_cost = Exercise("total_cost", _total_cost, _features, [
    Misconception("swapped", _variant(content_factor=lambda a, b: b, style_factor=lambda a, b: a),
                  "α and β have changed places: α belongs to the content, β to the style."),
    Misconception("unweighted", _variant(weighted=False),
                  "every layer counts the same in your sum: multiply each E_l by its λ^l, weights[layer]."),
    Misconception("averaged", _variant(combine=lambda losses: sum(losses) / len(losses)),
                  "you take the mean over the layers; the formula has the sum Σ_l λ^l E_l."),
    Misconception("last_layer", _variant(combine=lambda losses: losses[-1]),
                  "only the last style layer counts: the loop overwrites the sum. Add to it (style = style + …)."),
    Misconception("first_layer", _variant(combine=lambda losses: losses[0]),
                  "only the first style layer counts: the function returns from inside the loop. Return after it."),
    Misconception("beta_once", _beta_once,
                  "β multiplies the first layer only: put brackets around the sum, β (λ^1 E_1 + λ^2 E_2 + …)."),
    Misconception("no_alpha", _variant(content_factor=lambda a, b: 1),
                  "α is missing: multiply the content cost by it."),
    Misconception("no_beta", _variant(style_factor=lambda a, b: 1),
                  "β is missing: multiply the sum over the style layers by it."),
    Misconception("gram_not_divided", _variant(divide=False),
                  "your Gram matrices are sums over positions, the targets are means: photo and painting differ in size, "
                  "so divide by H·W, gram_matrix(maps, divide=True)."),
    Misconception("content_summed", _variant(reduction="sum"),
                  "your content cost is ½ Σ (F − P)², which grows with the picture. Here it is the mean: reduction='mean'."),
    Misconception("no_content", _variant(content_factor=lambda a, b: 0),
                  "the content cost is missing: this cost paints a texture and forgets the photo. Add α J_C."),
    Misconception("subtracted", _variant(style_factor=lambda a, b: -b),
                  "you subtract the style cost: going down would then lead away from the painting. Add it."),
], differentiable=(0,))


def _steps():
    generator = torch.Generator().manual_seed(7)
    trials = []
    for dtype in (torch.float32, torch.float64):
        for batch, height, width in ((1, 4, 6), (3, 5, 2)):
            image = torch.rand(batch, 3, height, width, generator=generator, dtype=dtype)
            image.flatten()[::7] = 1.0          # pixels at both bounds
            image.flatten()[3::7] = 0.0
            gradient = torch.randn(image.shape, generator=generator, dtype=dtype) * 3
            label = f"{batch} × 3 × {height} × {width}, {str(dtype).removeprefix('torch.')}, step 0.25"
            trials.append(Trial(label, (image, gradient, 0.25)))
    return trials


def _descent_step(image, gradient, step):
    return (image - step * gradient).clamp(0, 1)


descent_step = Exercise("descent_step", _descent_step, _steps, [
    Misconception("ascent", lambda image, gradient, step: (image + step * gradient).clamp(0, 1),
                  "you walk uphill: the gradient points to where the cost grows. Subtract it."),
    Misconception("not_clamped", lambda image, gradient, step: image - step * gradient,
                  "some pixels leave [0, 1]. No file can hold them, and the cost of what you save is another one. "
                  "Clamp what you return, after the step."),
    Misconception("clamped_gradient", lambda image, gradient, step: image - (step * gradient).clamp(0, 1),
                  "you clamp the step, not the picture: the pixels are what has to stay in [0, 1]."),
    Misconception("clamped_to_255", lambda image, gradient, step: (image - step * gradient).clamp(0, 255),
                  "you clamp to 0 … 255; our pictures run from 0 to 1."),
    Misconception("sign_only", lambda image, gradient, step: (image - step * gradient.sign()).clamp(0, 1),
                  "you use the sign of the gradient only: every pixel moves by the same amount. Gradient descent keeps the size."),
    Misconception("normalised", lambda image, gradient, step: (image - step * gradient / gradient.norm()).clamp(0, 1),
                  "you divide the gradient by its length. That can help, but it is another method: subtract step · gradient."),
    Misconception("no_step", lambda image, gradient, step: (image - gradient).clamp(0, 1),
                  "the step size is missing: multiply the gradient by `step`."),
    Misconception("unmoved", lambda image, gradient, step: image,
                  "your function returns the picture as it was: subtract step · gradient from it."),
])
