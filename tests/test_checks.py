"""The whole bank of misconceptions: every wrong answer gets its own hint, every right one passes, however it is written."""
import numpy as np
import pytest
import torch
import torch.nn.functional as nnf

from course_utils.checks import lesson0, lesson1, lesson6
from course_utils.checks.core import Exercise
from course_utils.losses import content_loss, gram_matrix, style_loss

EXERCISES = [exercise for module in (lesson0, lesson1, lesson6) for exercise in vars(module).values() if isinstance(exercise, Exercise)]
BANK = [pytest.param(exercise, wrong, id=f"{exercise.name}-{wrong.name}") for exercise in EXERCISES for wrong in exercise.misconceptions]


@pytest.mark.parametrize("exercise, wrong", BANK)
def test_every_misconception_gets_its_hint(exercise, wrong):
    result = exercise.judge(wrong.function)
    assert not result and result.reason == wrong.name and result.message == wrong.hint


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_general_refusals(exercise):
    def unwritten(*arguments):
        raise NotImplementedError

    def broken(*arguments):
        return arguments[0].no_such_thing

    for answer, reason in ((unwritten, "unwritten"), (broken, "error"), (lambda *_: None, "nothing"), (lambda *_: 3.0, "type"),
                           (lambda *_: torch.zeros(1, 2), "shape"), (lambda *a: exercise.reference(*a).to(torch.complex64), "dtype"),
                           (lambda *a: exercise.reference(*a) * 0 + 1, "value"), (lambda *_: quit(), "error"),   # noqa: PLR1722
                           (lambda *a: exercise.reference(*a).to("meta"), "device")):
        assert exercise.judge(answer).reason == reason


# --- right answers, each written differently ---------------------------------------------------------------

def tensor_numpy(pixels):
    return torch.from_numpy((pixels.numpy().astype(np.float32) / 255).transpose(2, 0, 1)[None].copy())


def tensor_loop(pixels):
    planes = [pixels[:, :, k].float() / 255 for k in range(3)]
    return torch.stack(planes)[None]


def tensor_torchvision(pixels):
    from torchvision.transforms.functional import convert_image_dtype
    return convert_image_dtype(torch.einsum("hwc->chw", pixels), torch.float32).unsqueeze(0)


def pixels_half(image):
    return torch.clamp(image * 255 + 0.5, 0, 255).floor().byte().squeeze(0).permute(1, 2, 0)


def pixels_where(image):
    x = torch.where(image < 0, 0.0, torch.where(image > 1, 1.0, image))
    return torch.round(x[0] * 255).to(torch.uint8).movedim(0, -1)


def pixels_numpy(image):
    array = np.rint(np.clip(image.numpy()[0], 0, 1) * 255).astype(np.uint8)
    return torch.from_numpy(array.transpose(1, 2, 0).copy())


def cost_sum(features, P, targets, alpha, beta, weights):
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * sum(
        weights[name] * style_loss(gram_matrix(features[name], True), a) for name, a in targets.items())


def cost_by_hand(features, P, targets, alpha, beta, weights):
    total = alpha * ((features["relu4_2"] - P) ** 2).mean(dim=(1, 2, 3))
    for name, a in targets.items():
        F = features[name]
        g = torch.einsum("nchw,ndhw->ncd", F, F) / (F.shape[2] * F.shape[3])
        total = total + beta * weights[name] * ((g - a) ** 2).sum((1, 2)) / (2 * F.shape[1]) ** 2
    return total


def cost_one_by_one(features, P, targets, alpha, beta, weights):
    results = []
    for n in range(P.shape[0] if P.shape[0] > 1 else next(iter(features.values())).shape[0]):
        one = {name: F[n:n + 1] for name, F in features.items()}
        style = torch.stack([weights[k] * style_loss(gram_matrix(one[k]) / one[k][0, 0].numel(), targets[k])[0] for k in targets])
        results.append(content_loss(one["relu4_2"], P)[0] * 2 / P[0].numel() * alpha + style.sum() * beta)
    return torch.stack(results)


def gradient_by_autograd(F, a):
    F = F.clone().requires_grad_()
    rows = F.flatten(2)[0]
    return torch.autograd.grad((rows @ rows.T / rows.shape[1] - a).square().sum() / (4 * len(a)**2), F)[0]


def gradient_einsum(F, a):
    g = torch.einsum("ncij,ndij->cd", F, F) / F[0, 0].numel()
    return torch.einsum("cd,ndij->ncij", g - a, F) / (a.numel() * F[0, 0].numel())


def gradient_loop(F, a):
    K, M = F.shape[1], F.shape[2] * F.shape[3]
    result = torch.zeros_like(F)
    for k in range(K):
        for m in range(K):
            result[0, k] += ((F[0, k] * F[0, m]).sum() / M - a[k, m]) * F[0, m] / (K * K * M)
    return result


def field_of_unit(layers, unit=0):
    first = last = unit
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def field_backwards(layers):
    first, last = field_of_unit(layers)
    return torch.tensor([last - first + 1, field_of_unit(layers, 1)[0] - first, first])


def field_recursive(layers):
    if not layers:
        return torch.tensor([1, 1, 0])
    (size, jump, start), (kernel, stride, padding) = field_recursive(layers[:-1]), layers[-1]
    return torch.stack([size + (kernel - 1) * jump, jump * stride, start - padding * jump])


def field_arrays(layers):
    k, s, p = np.array(layers, dtype=np.int64).reshape(-1, 3).T
    jumps = np.cumprod(np.concatenate([[1], s]))
    return torch.from_numpy(np.stack([1 + ((k - 1) * jumps[:-1]).sum(), jumps[-1], -(p * jumps[:-1]).sum()]))


def unpool_loop(signal, x):
    result = torch.zeros_like(x)
    for n, c, i, j in np.ndindex(*signal.shape):
        window = x[n, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
        a, b = max(((a, b) for a in (0, 1) for b in (0, 1)), key=lambda place: window[place])
        result[n, c, 2 * i + a, 2 * j + b] = signal[n, c, i, j]
    return result


def unpool_scatter(signal, x):
    places = nnf.max_pool2d(x, 2, 2, return_indices=True)[1]
    return torch.zeros_like(x).flatten(2).scatter(2, places.flatten(2), signal.flatten(2)).view_as(x)


def unpool_by_autograd(signal, x):
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        return torch.autograd.grad(nnf.max_pool2d(x, 2), x, signal, create_graph=True)[0]


def strongest_loop(maps, k):
    result = []
    for c in range(maps.shape[1]):
        best = sorted(range(len(maps)), key=lambda n: maps[n, c].max().item(), reverse=True)[:k]
        result.append([[n, *divmod(maps[n, c].argmax().item(), maps.shape[3])] for n in best])
    return torch.tensor(result)


def strongest_sorted(maps, k):
    values, places = maps.flatten(2).transpose(0, 1).max(2)
    order = values.argsort(dim=1, descending=True)[:, :k]
    place = torch.take_along_dim(places, order, 1)
    return torch.stack([order, torch.div(place, maps.shape[3], rounding_mode="floor"), place.remainder(maps.shape[3])], dim=-1)


def strongest_numpy(maps, k):
    flat = maps.flatten(2).numpy()
    order = np.argsort(-flat.max(2), axis=0)[:k]
    places = np.take_along_axis(flat.argmax(2), order, 0)
    return torch.from_numpy(np.stack([order, *np.unravel_index(places, maps.shape[2:])], 2).swapaxes(0, 1).copy())


RIGHT = {
    lesson0.to_tensor: [tensor_numpy, tensor_loop, tensor_torchvision],
    lesson0.to_pixels: [pixels_half, pixels_where, pixels_numpy],
    lesson1.field_of: [field_backwards, field_recursive, field_arrays],
    lesson1.pool_back: [unpool_loop, unpool_scatter, unpool_by_autograd],
    lesson1.conv_back: [
        lambda y, weight: nnf.conv2d(y, weight.transpose(0, 1).flip(2, 3), padding=1),
        lambda y, weight: torch.nn.grad.conv2d_input((len(y), weight.shape[1], *y.shape[2:]), weight, y, padding=1),
        lambda y, weight: nnf.fold(torch.einsum("nkp,kq->nqp", y.flatten(2), weight.flatten(1)), y.shape[2:], 3, padding=1),
    ],
    lesson1.strongest: [strongest_loop, strongest_sorted, strongest_numpy],
    lesson6.total_cost: [cost_sum, cost_by_hand, cost_one_by_one],
    lesson6.style_gradient: [gradient_by_autograd, gradient_einsum, gradient_loop],
    lesson6.descent_step: [
        lambda image, gradient, step: torch.clamp(image - step * gradient, min=0.0, max=1.0),
        lambda image, gradient, step: (image - step * gradient).minimum(torch.ones_like(image)).maximum(torch.zeros_like(image)),
        lambda image, gradient, step: torch.nn.functional.hardtanh(torch.add(image, gradient, alpha=-step), 0.0, 1.0),
    ],
}


@pytest.mark.parametrize("exercise, answer", [pytest.param(e, f, id=f"{e.name}-{i}") for e, answers in RIGHT.items() for i, f in enumerate(answers)])
def test_right_answers_pass(exercise, answer):
    result = exercise.judge(answer)
    assert result, result.message


def test_every_exercise_has_three_right_answers():
    assert all(len(RIGHT[exercise]) >= 3 for exercise in EXERCISES)


# --- wrong in ways that values alone do not show ------------------------------------------------------------

def detached(*arguments):
    return lesson6.total_cost.reference(*arguments).detach()


def through_numpy(*arguments):
    return torch.from_numpy(lesson6.total_cost.reference(*arguments).detach().numpy())


def half_detached(features, *rest):
    return lesson6.total_cost.reference({name: F.detach() if name == "relu2_1" else F for name, F in features.items()}, *rest)


def in_place_step(image, gradient, step):
    image -= step * gradient
    return image.clamp_(0, 1)


def in_place_pixels(image):
    return image.clamp_(0, 1)[0].mul(255).round().byte().permute(1, 2, 0)


def in_place_gradient(image, gradient, step):
    return (image - gradient.mul_(step)).clamp(0, 1)


def in_place_features(features, *rest):
    result = lesson6.total_cost.reference(features, *rest)
    features["relu1_1"].data.zero_()
    return result


def pops(features, *rest):
    return lesson6.total_cost.reference({"relu4_2": features.pop("relu4_2"), **features}, *rest)


@pytest.mark.parametrize("exercise, answer, reason", [
    (lesson6.total_cost, detached, "detached"), (lesson6.total_cost, through_numpy, "detached"),
    (lesson6.total_cost, half_detached, "gradient"), (lesson6.total_cost, in_place_features, "in_place"),
    (lesson6.total_cost, pops, "in_place"),
    (lesson6.descent_step, in_place_step, "in_place"), (lesson6.descent_step, in_place_gradient, "in_place"),
    (lesson0.to_pixels, in_place_pixels, "in_place"),
    (lesson1.pool_back, lambda signal, x: unpool_scatter(signal, x.mul_(2)), "in_place"),
    (lesson1.pool_back, lambda signal, x: unpool_scatter(signal.data, x), "detached"),
    (lesson1.conv_back, lambda y, weight: nnf.conv_transpose2d(y.mul_(2), weight, padding=1) / 2, "in_place"),
    (lesson1.conv_back, torch.no_grad()(lesson1.conv_back.reference), "detached"),
    (lesson1.conv_back, lambda y, weight: lesson1.conv_back.reference((y + y.detach()) / 2, weight), "gradient"),
    (lesson1.strongest, lambda maps, k: strongest_sorted(maps.relu_(), k), "in_place"),
])
def test_hidden_mistakes(exercise, answer, reason):
    assert exercise.judge(answer).reason == reason


# --- the same misconceptions, written as a student would ------------------------------------------------------

def forgets_sum(features, P, targets, alpha, beta, weights):
    for name, a in targets.items():
        style = weights[name] * style_loss(gram_matrix(features[name], divide=True), a)
    return alpha * content_loss(features["relu4_2"], P, "mean") + beta * style


def returns_early(features, P, targets, alpha, beta, weights):
    total = alpha * content_loss(features["relu4_2"], P, "mean")
    for name, a in targets.items():
        total += beta * weights[name] * style_loss(gram_matrix(features[name], divide=True), a)
        return total


def plain_gram(features, P, targets, alpha, beta, weights):
    style = sum(weights[k] * style_loss(features[k].flatten(2) @ features[k].flatten(2).mT, targets[k]) for k in targets)
    return alpha * (features["relu4_2"] - P).square().mean((1, 2, 3)) + beta * style


@pytest.mark.parametrize("exercise, answer, reason", [
    (lesson6.total_cost, forgets_sum, "last_layer"), (lesson6.total_cost, returns_early, "first_layer"),
    (lesson6.total_cost, plain_gram, "gram_not_divided"),
    (lesson6.descent_step, lambda image, gradient, step: torch.clamp(image + gradient * step, 0, 1), "ascent"),
    (lesson6.descent_step, lambda image, gradient, step: image - gradient * step, "not_clamped"),
    (lesson0.to_tensor, lambda pixels: torch.tensor(pixels.numpy().transpose(2, 0, 1)).float() / 255.0, "no_batch"),
    (lesson0.to_tensor, lambda pixels: pixels.view(3, *pixels.shape[:2])[None] / 255.0, "reshaped"),
    (lesson6.descent_step, lambda image, gradient, step: torch.relu(image - gradient * step), "clamped_below"),
    (lesson6.descent_step, lambda image, gradient, step: (image - 0.25 * gradient).clamp(0, 1), "value"),
    (lesson6.style_gradient, lambda F, a: 0.5 * gradient_einsum(F, a), "half"),
    (lesson0.to_tensor, lambda pixels: pixels.permute(2, 0, 1)[None].float() / 255 / 255, "value"),
    (lesson0.to_tensor, lambda pixels: tensor_numpy(pixels).numpy(), "type"),
    (lesson0.to_pixels, lambda image: torch.clamp(image[0] * 255, 0, 255).byte().permute(1, 2, 0), "truncated"),
    (lesson1.field_of, lambda layers: field_backwards(layers[::-1]), "reversed"),
    (lesson1.field_of, lambda layers: field_backwards([(k, s, 0) for k, s, _ in layers]), "padding_ignored"),
    (lesson1.field_of, lambda layers: tuple(field_backwards(layers).tolist()), "type"),
    (lesson1.pool_back, lambda signal, x: nnf.pad(torch.kron(signal, torch.ones(2, 2).to(x)), (0, x.shape[3] % 2, 0, x.shape[2] % 2)), "upsampled"),
    (lesson1.pool_back, lambda signal, x: nnf.max_unpool2d(signal, nnf.max_pool2d(x, 2, return_indices=True)[1], 2, 2), "no_output_size"),
    (lesson1.pool_back, lambda signal, x: unpool_loop(signal.clamp(min=0), x), "rectified"),
    (lesson1.conv_back, lambda y, weight: nnf.conv2d(y, weight.swapaxes(0, 1), padding="same"), "not_flipped"),
    (lesson1.conv_back, lambda y, weight: nnf.conv2d(y, weight.permute(1, 0, 3, 2), padding=1), "transposed_in_space"),
    (lesson1.conv_back, nnf.conv_transpose2d, "not_cropped"), (lesson1.strongest, lambda maps, k: strongest_sorted(-maps, k), "weakest"),
    (lesson1.strongest, lambda maps, k: strongest_loop(maps, k)[..., [0, 2, 1]], "swapped"),
])
def test_misconceptions_as_students_write_them(exercise, answer, reason):
    assert exercise.judge(answer).reason == reason


def test_the_verdict_is_printed_once(capsys):
    result = lesson6.descent_step(lesson6.descent_step.reference)
    assert bool(result) and capsys.readouterr().out.startswith("✓ descent_step: right")
    assert not lesson6.descent_step(lambda image, gradient, step: image)
    assert capsys.readouterr().out.startswith("✗ descent_step: your function returns the picture as it was")


def test_not_a_number_is_named():
    assert lesson6.descent_step.judge(lambda image, gradient, step: (image - step * gradient).clamp(0, 1) / 0).reason == "not_finite"
    assert lesson6.total_cost.judge(lambda *arguments: lesson6.total_cost.reference(*arguments) * float("nan")).reason == "not_finite"


def test_the_callers_gradient_mode_does_not_matter():
    with torch.no_grad():
        assert lesson6.total_cost.judge(cost_sum)


def test_errors_are_described_in_one_line():
    def broken(image, gradient, step):
        raise RuntimeError("first line\nsecond line")
    message = lesson6.descent_step.judge(broken).message
    assert "RuntimeError: first line" in message and "second line" not in message
