"""Each loss against an independent formula, in value and gradient, float64, batch 1 and 3, height ≠ width."""

import pytest
import torch

from course_utils import losses
from course_utils.losses import content_loss, gram_matrix, style_loss


def maps(batch, channels=4, height=5, width=3, seed=0):
    return torch.rand(
        batch, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_gram_matrix(batch):
    F = maps(batch)
    for n, i, j in ((0, 0, 1), (batch - 1, 3, 2), (0, 2, 2)):
        expected = sum(F[n, i, y, x] * F[n, j, y, x] for y in range(5) for x in range(3))
        assert torch.isclose(gram_matrix(F)[n, i, j], expected, rtol=1e-12)
    assert torch.allclose(gram_matrix(F, divide=True), torch.einsum("nihw,njhw->nij", F, F) / 15, rtol=1e-12)
    assert torch.linalg.eigvalsh(gram_matrix(F)).min() > -1e-10


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch", [1, 3])
def test_gradient_through_the_gram_matrix(batch, layout):
    F = maps(batch).contiguous(memory_format=layout).requires_grad_()
    B = torch.rand(batch, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))  # not symmetric
    (ours,) = torch.autograd.grad(gram_matrix(F), F, B)
    (expected,) = torch.autograd.grad(torch.einsum("nkij,nlij->nkl", F, F), F, B)
    assert torch.allclose(ours, expected, rtol=1e-12) and ours.is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(gram_matrix, F) and torch.autograd.gradgradcheck(gram_matrix, F)
    by_func = torch.func.grad(lambda F: (B * gram_matrix(F)).sum())(F.detach())
    assert torch.allclose(by_func, expected, rtol=1e-12)
    each = torch.vmap(lambda picture: gram_matrix(picture[None])[0])(F.detach())
    assert torch.allclose(each, gram_matrix(F), rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("target_batch", [1, None])
def test_content_loss(batch, target_batch):
    F, P = maps(batch).requires_grad_(), maps(target_batch or batch, seed=1)
    value = content_loss(F, P)
    assert value.shape == (batch,)
    expected = torch.stack([0.5 * ((F[n] - P[n % P.shape[0]]) ** 2).sum() for n in range(batch)])
    assert torch.allclose(value, expected, rtol=1e-12)
    (gradient,) = torch.autograd.grad(value.sum(), F)
    assert torch.allclose(gradient, (F - P).detach(), rtol=1e-12)
    assert torch.allclose(content_loss(F, P, "mean"), value * 2 / (4 * 5 * 3), rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 3])
def test_style_loss(batch):
    F, S = maps(batch).requires_grad_(), maps(1, height=7, width=6, seed=2)
    g, a = gram_matrix(F, divide=True), gram_matrix(S, divide=True)
    value = style_loss(g, a)
    C, M = 4, 15
    expected = torch.stack([((g[n] - a[0]) ** 2).sum() / (4 * C**2) for n in range(batch)])
    assert torch.allclose(value, expected, rtol=1e-12)
    (gradient,) = torch.autograd.grad(value.sum(), F)
    by_hand = ((g - a) @ F.flatten(2) / (C**2 * M)).reshape(F.shape)
    assert torch.allclose(gradient, by_hand, rtol=1e-10)
    assert torch.autograd.gradcheck(lambda x: style_loss(gram_matrix(x, divide=True), a), F)


def test_style_loss_is_the_papers_at_equal_sizes():
    F, S = maps(1), maps(1, seed=3)
    C, M = 4, 15
    paper = ((gram_matrix(F) - gram_matrix(S)) ** 2).sum() / (4 * C**2 * M**2)
    assert torch.isclose(style_loss(gram_matrix(F, divide=True), gram_matrix(S, divide=True))[0], paper, rtol=1e-12)


def test_pictures_of_a_batch_never_mix():
    F, P = (maps(3, seed=seed).mul(100).round() for seed in (0, 1))  # whole numbers: no order of a sum rounds
    for n in range(3):
        assert torch.equal(gram_matrix(F)[n : n + 1], gram_matrix(F[n : n + 1]))
        assert torch.equal(content_loss(F, P)[n : n + 1], content_loss(F[n : n + 1], P[n : n + 1]))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: gram_matrix(torch.rand(4, 5, 3)), r"shape \(N, C, H, W\)"),
        (lambda: gram_matrix(torch.ones(1, 4, 5, 3, dtype=torch.int64)), "floating"),
        (lambda: content_loss(maps(2), maps(3)), "expected"),
        (lambda: content_loss(maps(1), maps(1, height=4)), "expected"),
        (lambda: content_loss(maps(1), maps(1), "median"), "reduction"),
        (lambda: style_loss(torch.rand(1, 4, 3), torch.rand(1, 4, 3)), "Gram"),
        (lambda: style_loss(torch.rand(1, 4, 4), torch.rand(1, 3, 3)), "expected"),
        (lambda: style_loss(torch.rand(1, 4, 4), torch.rand(3, 4, 4)), "expected"),
        (lambda: content_loss(torch.rand(4, 5), torch.rand(4, 5)), "shape"),
        (lambda: losses.total_variation(torch.rand(3, 5, 5)), "shape"),
        (lambda: losses.total_variation(maps(1), 0.6), "power must be a finite number of at least 1"),
    ],
)
def test_bad_shapes_say_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- total variation, and the conventions of others --------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("power", [1.0, 2.0, 1.5])
def test_total_variation(batch, power):
    image = maps(batch, 3).requires_grad_()
    value = losses.total_variation(image, power)
    for n in range(batch):
        down = sum(
            abs(image[n, c, y + 1, x] - image[n, c, y, x]) ** power
            for c in range(3)
            for y in range(4)
            for x in range(3)
        )
        right = sum(
            abs(image[n, c, y, x + 1] - image[n, c, y, x]) ** power
            for c in range(3)
            for y in range(5)
            for x in range(2)
        )
        assert torch.isclose(value[n], down + right, rtol=1e-12)
    assert torch.autograd.gradcheck(lambda x: losses.total_variation(x, power), image)
    with pytest.raises(ValueError, match="at least 1"):
        losses.total_variation(image, 0.5)


def as_written(name, F, S):
    """The style cost of a layer for one picture, from each source's own formula, with nothing of ours."""
    (C, M), f, s = (F.shape[1], F[0, 0].numel()), F[0].reshape(F.shape[1], -1), S[0].reshape(F.shape[1], -1)
    G, A = f @ f.T, s @ s.T
    return {
        "paper": lambda: ((G - A) ** 2).sum() / (4 * C**2 * M**2),
        "gatys": lambda: torch.nn.functional.mse_loss(G.div(M), A.div(s.shape[1])),
        "cs231n": lambda: ((G / (C * M) - A / (C * s.shape[1])) ** 2).sum(),
        "coursera": lambda: (G - A).square().sum() / (4 * C**2 * (F.shape[2] * F.shape[3]) ** 2),
        "d2l": lambda: torch.square(G / F.numel() - A / S.numel()).mean(),
        "pytorch": lambda: torch.nn.functional.mse_loss(G.div(F.numel()), A.div(S.numel())),
        "tensorflow": lambda: torch.mean(
            (torch.einsum("bcij,bdij->bcd", F, F) / M - torch.einsum("bcij,bdij->bcd", S, S) / s.shape[1]) ** 2
        ),
    }[name]()


@pytest.mark.parametrize("name", losses.CONVENTIONS)
@pytest.mark.parametrize("batch", [1, 3])
def test_conventions_are_what_their_sources_write(name, batch):
    F, S, small = maps(batch).requires_grad_(), maps(1, seed=1), maps(1, height=3, width=2, seed=2)
    value = losses.convention(name).loss(F, S)
    expected = torch.stack([as_written(name, F[n : n + 1], S) for n in range(batch)])
    assert torch.allclose(value, expected, rtol=1e-12)
    found, right = (torch.autograd.grad(v.sum(), F, retain_graph=True)[0] for v in (value, expected))
    assert torch.allclose(found, right, rtol=1e-10, atol=1e-14)
    if name in ("paper", "coursera"):
        with pytest.raises(ValueError, match="pictures of one size only, not 15 with 6"):
            losses.convention(name).loss(F, small)
    else:
        assert torch.allclose(losses.convention(name).loss(F[:1], small)[0], as_written(name, F[:1], small), rtol=1e-12)


@pytest.mark.parametrize("source", losses.CONVENTIONS)
@pytest.mark.parametrize("target", losses.CONVENTIONS)
def test_weights_convert_exactly(source, target):
    features = {
        layer: (maps(2, C, H, W, seed=C), maps(1, C, H, W, seed=C + 1))
        for layer, C, H, W in (("a", 3, 5, 4), ("b", 6, 3, 2), ("c", 8, 1, 7))
    }
    weights, shapes = (
        {"a": 0.2, "b": 30.0, "c": 1e-3},
        {layer: (F.shape[1], F[0, 0].numel()) for layer, (F, _) in features.items()},
    )
    converted = losses.convert_weights(weights, source, target, shapes)
    before, after = (
        sum(w[layer] * losses.convention(name).loss(*features[layer]) for layer in weights)
        for name, w in ((source, weights), (target, converted))
    )
    assert torch.allclose(before, after, rtol=1e-12)
    alike = next(
        group
        for group in (("paper", "coursera"), ("d2l", "pytorch"), ("gatys", "tensorflow", "cs231n"))
        if source in group
    )
    assert all(abs(converted[layer] / weights[layer] - 1) < 1e-12 for layer in weights) == (target in alike)


def test_unknown_conventions_are_named():
    with pytest.raises(ValueError, match="choose from paper, gatys"):
        losses.convention("keras")


# --- what lesson 5 proves ------------------------------------------------------------------------------------------


def test_gram_matrix_forgets_the_order_of_positions_and_after_division_their_number():
    F = maps(2).mul(9).round()  # whole numbers: no order of a sum rounds
    order = torch.randperm(15, generator=torch.Generator().manual_seed(4))
    permuted, tiled = F.flatten(2)[..., order].view(F.shape), F.tile(1, 1, 2, 2)
    assert torch.equal(gram_matrix(permuted), gram_matrix(F)) and torch.equal(gram_matrix(tiled), 4 * gram_matrix(F))
    assert torch.allclose(gram_matrix(tiled, divide=True), gram_matrix(F, divide=True), rtol=1e-14)
    assert not torch.equal(gram_matrix(F.flip(1)), gram_matrix(F))  # the order of the channels counts


@pytest.mark.parametrize(
    "kernel, statistics",
    [
        (lambda f, s: (f @ s.T) ** 2, lambda f: f.T @ f / len(f)),
        (lambda f, s: f @ s.T, lambda f: f.mean(0)),
        (lambda f, s: f @ s.T + f**2 @ (s**2).T, lambda f: torch.cat((f.mean(0), f.square().mean(0)))),
    ],
    ids=["quadratic", "linear", "mean and square"],
)
def test_squared_distances_of_statistics_are_maximum_mean_discrepancies(kernel, statistics):
    F, S = maps(1), maps(1, height=7, width=6, seed=2)
    f, s = (x[0].flatten(1).T for x in (F, S))
    mmd = kernel(f, f).mean() - 2 * kernel(f, s).mean() + kernel(s, s).mean()
    apart = (statistics(f) - statistics(s)).square().sum()
    assert torch.isclose(mmd, apart, rtol=1e-10)
    if statistics(f).ndim == 2:  # Li et al. 2017, arXiv:1701.01036: the style cost is the quadratic one
        cost = style_loss(gram_matrix(F, divide=True), gram_matrix(S, divide=True))
        assert torch.isclose(mmd, 4 * 4**2 * cost[0], rtol=1e-10)
