"""Convolution with fewer multiplications: the identity in fractions, torch's own layer, autograd, the network."""
from fractions import Fraction

import numpy as np
import pytest
import torch
from course_utils.images import load_image
from course_utils.transfer import Cost, descend
from course_utils.vgg import CONVOLUTIONS, vgg19
from course_utils.winograd import TRANSFORMS, WIDE, WinogradConv2d, fewer_multiplications
from torch import nn

SIZES = [(1, 3, 5, 7, 9), (2, 4, 3, 1, 1), (1, 2, 6, 16, 130), (1, 8, 4, 33, 600), (3, 5, 4, 2, 3)]        # N, C, K, H, W
TILES = [(2, 2), (2, 4), (4, 2), (4, 4)]


def fractions(rows):
    return np.array([[Fraction(value).limit_denominator(24) for value in row] for row in rows])


@pytest.mark.parametrize("m", TRANSFORMS)
def test_the_identity_holds_exactly(m):
    before, filters, after = map(fractions, TRANSFORMS[m])
    generator = np.random.default_rng(m)
    d, g = (np.array([Fraction(int(n), 7) for n in generator.integers(-50, 50, count)]) for count in (m + 2, 3))
    assert before.shape == (m + 2, m + 2) and after.shape == (m, m + 2)
    assert list(after @ ((filters @ g) * (before @ d))) == [sum(g[j] * d[i + j] for j in range(3)) for i in range(m)]


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_as_torch(tile, size, bias, layout):
    pictures, inputs, outputs, height, width = size
    torch.manual_seed(0)
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias, dtype=torch.float64).requires_grad_(False)
    fast = WinogradConv2d(layer, tile)
    maps = torch.randn(pictures, inputs, height, width, dtype=torch.float64).contiguous(memory_format=layout)
    kept, maps = maps.clone(), maps.requires_grad_()
    expected, found = layer(maps), fast(maps)
    gradient = torch.randn_like(expected)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*(torch.autograd.grad(y, maps, gradient)[0] for y in (found, expected)), rtol=1e-12, atol=1e-12)
    assert torch.equal(maps, kept)


def test_gradient_by_small_steps():
    layer = WinogradConv2d(nn.Conv2d(2, 3, 3, padding=1, dtype=torch.float64), (2, 4))
    assert torch.autograd.gradcheck(layer, torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True))


def test_in_float32_rounding_alone_differs():
    torch.manual_seed(1)
    layer = nn.Conv2d(256, 64, 3, padding=1).requires_grad_(False)
    maps = torch.randn(1, 256, 32, 32).relu()
    expected = nn.Conv2d.forward(layer.double(), maps.double())
    for tile in TILES:
        error = (WinogradConv2d(layer.float(), tile)(maps) - expected).abs().max() / expected.abs().max()
        assert error < 1e-5, (tile, error)


@pytest.fixture(scope="module")
def pictures():
    return [load_image(name, 96) for name in ("monument_neuschwanstein_castle", "van_gogh_cafe_terrace_at_night")]


class TestNetwork:
    def test_what_is_replaced(self, net):
        fast = fewer_multiplications(net)
        for name in CONVOLUTIONS:
            wide = getattr(net, name).in_channels >= WIDE
            assert isinstance(getattr(fast, name), WinogradConv2d) == wide
            assert wide or getattr(fast, name) is getattr(net, name)
        assert all(type(getattr(net, name)) is nn.Conv2d for name in CONVOLUTIONS)         # the given one stays as it was
        assert fast.relu4_1 is net.relu4_1 and fast.pooling == net.pooling

    def test_only_what_it_can_compute(self):
        net = nn.ModuleDict({name: nn.Conv2d(WIDE, WIDE, **{"kernel_size": 3, "padding": 1, **other}) for name, other in {
            "stride": {"stride": 2}, "size": {"kernel_size": 5}, "padding": {"padding": 0}, "same": {"padding": "same"}, "groups": {"groups": 2},
            "mode": {"padding_mode": "reflect"}, "dilation": {"dilation": 2}}.items()})
        assert all(type(layer) is nn.Conv2d for layer in fewer_multiplications(net).children())

    def test_the_cost_is_the_same(self, net, pictures):
        content, style = pictures
        image = 0.7 * content + 0.3 * content.flip(3)
        plain, fast = (Cost(network, content, style)(image) for network in (net, fewer_multiplications(net)))
        assert fast[2] == pytest.approx(plain[2], rel=1e-5)
        exact = Cost(vgg19().double(), content.double(), style.double())(image.double())[1]
        errors = [float((gradient - exact).norm() / exact.norm()) for gradient in (plain[1], fast[1])]
        # rounding flips a switch of ReLU or pooling here and there, in both
        assert max(errors) < 5e-3

    def test_descend_uses_it_on_the_cpu_and_reports_the_cost_of_the_network(self, net, pictures):
        *_, state = descend(*pictures, evaluations=12, net=net, device="cpu")
        assert state.losses == pytest.approx(Cost(net, *pictures).losses(state.image), rel=1e-5)
