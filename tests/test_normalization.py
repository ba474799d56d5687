"""Batch normalisation and its relatives against torch's own layers; folding; translation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.normalization import (
    AXES,
    BatchNorm,
    NormalizationError,
    batch_norm,
    batch_norm_backward,
    fold,
    group_norm,
    normalize,
)

SHAPES = [(1, 4, 3, 5), (3, 4, 5, 2), (2, 6, 1, 7)]
EXACT = dict(rtol=1e-12, atol=1e-12)


def draw(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3 + 5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2, 3), (1, 2, 3), (2, 3), (0, 1, 2, 3), (3,)])
def test_normalize_by_its_definition(shape, axes):
    x = draw(*shape)
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    assert torch.allclose(normalize(x, axes, 0.1), (x - mean) / (variance + 0.1).sqrt(), **EXACT)


@pytest.mark.parametrize("shape", SHAPES)
def test_relatives_are_torch_s(shape):
    x = draw(*shape)
    for name, theirs in (
        ("batch", F.batch_norm(x, None, None, training=True)),
        ("layer", F.layer_norm(x, x.shape[1:])),
        ("instance", F.instance_norm(x)),
    ):
        assert torch.allclose(normalize(x, AXES[name]), theirs, **EXACT)
    for groups in (1, 2, shape[1]):
        assert torch.allclose(group_norm(x, groups), F.group_norm(x, groups), **EXACT)
    with pytest.raises(NormalizationError, match="cannot be divided into 5"):
        group_norm(x, 5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_backward_by_hand_is_autograd_s(shape, eps):
    x, g, gamma = draw(*shape).requires_grad_(), draw(*shape, seed=1), draw(shape[1], seed=2)
    (expected,) = torch.autograd.grad(F.batch_norm(x, None, None, gamma, training=True, eps=eps), x, g)
    assert torch.allclose(batch_norm_backward(g, x.detach(), gamma, eps), expected, **EXACT)


def test_backward_takes_tensors_that_fit():
    x = draw(2, 3, 4, 5)
    for g, gamma in ((x[:1], torch.ones(3)), (x, torch.ones(4))):
        with pytest.raises(NormalizationError, match="must have the shape"):
            batch_norm_backward(g, x, gamma)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps, momentum", [(1e-5, 0.1), (0.3, 0.7)])
def test_batch_norm_is_torch_s(shape, eps, momentum):
    """Output, gradients of input, γ and β, running statistics after each of three steps, and the output
    after eval().
    """
    ours, theirs = (
        BatchNorm(shape[1], eps, momentum).double(),
        nn.BatchNorm2d(shape[1], eps, momentum, dtype=torch.float64),
    )
    for step in range(3):
        gamma, beta = draw(2, shape[1], seed=10 + step)
        for values, parameters in ((gamma, (ours.gamma, theirs.weight)), (beta, (ours.beta, theirs.bias))):
            for parameter in parameters:
                parameter.data, parameter.grad = values.clone(), None
        inputs = [draw(*shape, seed=step).requires_grad_() for _ in range(2)]
        outputs = [layer(x) for layer, x in zip((ours, theirs), inputs)]
        assert torch.allclose(*outputs, **EXACT) and torch.allclose(
            outputs[0], batch_norm(inputs[0], gamma, beta, eps), **EXACT
        )
        for output in outputs:
            (output * draw(*shape, seed=99)).square().sum().backward()
        for a, b in (inputs, (ours.gamma, theirs.weight), (ours.beta, theirs.bias)):
            assert torch.allclose(a.grad, b.grad, rtol=1e-10, atol=1e-12 * b.grad.abs().max().item())
        assert torch.allclose(ours.running_mean, theirs.running_mean, **EXACT)
        assert torch.allclose(ours.running_variance, theirs.running_var, **EXACT)
    x = draw(*shape, seed=50)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), **EXACT)
    assert not torch.allclose(ours(x), batch_norm(x, ours.gamma, ours.beta, eps), rtol=1e-3)  # not by the batch


def test_one_value_has_no_variance():
    with pytest.raises(NormalizationError, match="One value has no variance"):
        BatchNorm(3)(torch.rand(1, 3, 1, 1))
    assert BatchNorm(3).eval()(torch.rand(1, 3, 1, 1)).shape == (1, 3, 1, 1)


@pytest.mark.parametrize(
    "options",
    [dict(), dict(bias=False), dict(stride=2, padding=1), dict(groups=2), dict(padding=2, padding_mode="reflect")],
)
def test_fold(options):
    conv, norm = nn.Conv2d(4, 6, 3, dtype=torch.float64, **options), nn.BatchNorm2d(6, dtype=torch.float64)
    norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = *draw(3, 6), draw(6).square()
    own = BatchNorm(6).double()
    own.gamma, own.beta, own.running_mean, own.running_variance = (
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
    )
    x, before = draw(2, 4, 9, 8), {name: value.clone() for name, value in conv.state_dict().items()}
    for layer in (norm.eval(), own.eval()):
        assert torch.allclose(fold(conv, layer)(x), layer(conv(x)), rtol=1e-11, atol=1e-11)
    assert all(torch.equal(value, conv.state_dict()[name]) for name, value in before.items())
    for layer in (norm.train(), own.train()):
        with pytest.raises(NormalizationError, match="eval"):
            fold(conv, layer)


def test_only_the_statistics_of_whole_maps_commute_with_translation():
    x = draw(3, 2, 6, 5)

    def shift_first(maps):
        return torch.cat([maps[:1].roll((2, 1), (2, 3)), maps[1:]])

    for name, commutes in (("batch", True), ("instance", True), ("layer", True), ("per position", False)):
        gap = normalize(shift_first(x), AXES[name]) - shift_first(normalize(x, AXES[name]))
        assert (gap.abs().max() < 1e-12) == commutes
        assert (gap[1:].abs().max() < 1e-12) == commutes  # the pictures that did not move
