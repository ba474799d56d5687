"""Convolution with fewer multiplications: the identity in fractions, torch's own layer, autograd, the network."""

import copy
import gc
import weakref
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from bounds import DOUBLE, rounding
from course_utils.cost import painting_cost
from course_utils.images import load_image
from course_utils.transfer import descend
from course_utils.vgg import CONVOLUTIONS, vgg19
from course_utils.winograd import TRANSFORMS, WIDE, WinogradConv2d, fewer_multiplications, saves_time
from networks import gap

SIZES = [(1, 3, 5, 7, 9), (2, 4, 3, 1, 1), (1, 2, 6, 16, 130), (1, 8, 4, 33, 600), (3, 5, 4, 2, 3)]  # N, C, K, H, W
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
    assert gap(found, expected) < DOUBLE
    assert gap(*(torch.autograd.grad(y, maps, gradient)[0] for y in (found, expected))) < DOUBLE
    assert torch.equal(maps, kept)


@pytest.mark.parametrize("pictures", [1, 2])
def test_torch_sees_the_channels_last(pictures):
    """In what comes out and in the gradient, of a single picture, too: else the next pooling would copy all maps."""
    layer = WinogradConv2d(nn.Conv2d(8, 4, 3, padding=1))
    maps = torch.rand(pictures, 8, 16, 12).contiguous(memory_format=torch.channels_last).requires_grad_()
    found = layer(maps)
    (gradient,) = torch.autograd.grad(found, maps, torch.ones_like(found))
    for each in (found, gradient):
        stored = torch.empty(each.shape, memory_format=torch.channels_last)
        assert torch.empty_like(each).stride() == stored.stride()  # is_contiguous says nothing of a batch of one


def test_gradient_by_small_steps():
    layer = WinogradConv2d(nn.Conv2d(2, 3, 3, padding=1, dtype=torch.float64), (2, 4))
    assert torch.autograd.gradcheck(layer, torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True))


def test_in_float32_rounding_alone_differs():
    torch.manual_seed(1)
    layer = nn.Conv2d(256, 64, 3, padding=1).requires_grad_(False)
    maps = torch.randn(1, 256, 32, 32).relu()
    expected = nn.Conv2d.forward(layer.double(), maps.double())
    for tile in TILES:
        assert gap(WinogradConv2d(layer.float(), tile)(maps), expected) < rounding(layer), tile  # 7e-6 as measured


def test_a_later_layer_may_work_in_place():
    layer, maps = (
        nn.Conv2d(2, 3, 3, padding=1, dtype=torch.float64),
        torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True),
    )
    found, expected = (
        torch.autograd.grad(each(maps).relu_().sum(), maps)[0] for each in (WinogradConv2d(layer), layer)
    )
    torch.testing.assert_close(found, expected)


@pytest.fixture(scope="module")
def pictures():
    return [load_image(name, (64, 72)) for name in ("monument_neuschwanstein_castle", "van_gogh_cafe_terrace_at_night")]


class TestNetwork:
    def test_what_is_replaced(self, net):
        fast = fewer_multiplications(net, last="conv5_1")
        assert [name for name in CONVOLUTIONS if not hasattr(fast, name)] == ["conv5_2", "conv5_3", "conv5_4"]
        for name in CONVOLUTIONS[:13]:
            given, layer = getattr(net, name), getattr(fast, name)
            if given.in_channels < 128:
                assert layer is given
            else:
                assert layer.tile == ((2, 2) if given.in_channels == 512 else (4, 4))
        assert all(type(getattr(net, name)) is nn.Conv2d for name in CONVOLUTIONS)  # the given one stays as it was
        assert fast.relu4_1 is net.relu4_1 and fast.mean is net.mean and fast.pooling == net.pooling
        assert type(fewer_multiplications(net).conv5_4) is WinogradConv2d

    def test_only_what_it_can_compute(self):
        class Scaled(nn.Conv2d):
            pass

        net = nn.ModuleDict(
            {
                name: nn.Conv2d(WIDE, WIDE, **{"kernel_size": 3, "padding": 1, **other})
                for name, other in {
                    "stride": {"stride": 2},
                    "size": {"kernel_size": 5},
                    "padding": {"padding": 0},
                    "same": {"padding": "same"},
                    "groups": {"groups": 2},
                    "mode": {"padding_mode": "reflect"},
                    "dilation": {"dilation": 2},
                    "hook": {},
                    "before": {},
                    "own": {},
                }.items()
            }
        )
        net["hook"].register_forward_hook(lambda module, given, output: output / 2)
        net["before"].register_forward_pre_hook(lambda module, given: None)
        net["own"].forward = lambda maps: maps
        net["subclass"] = Scaled(WIDE, WIDE, 3, padding=1)
        assert all(
            one is other for one, other in zip(fewer_multiplications(net).children(), net.children(), strict=True)
        )

    @pytest.mark.long
    def test_the_cost_is_the_same(self, net):
        """In float64, with a little noise: no two values are so near that rounding decides where a maximum lies."""
        double, noise = (
            copy.deepcopy(net).double(),
            torch.rand(3, 1, 3, 32, 36, generator=torch.Generator().manual_seed(0)),
        )
        content, style, image = (
            0.9 * load_image(name, (32, 36)).double() + 0.1 * part.double()
            for name, part in zip(("animal_cat", "van_gogh_night_cafe", "fish_3"), noise)
        )
        plain, fast = (
            painting_cost(network, content, style)(image) for network in (double, fewer_multiplications(double))
        )
        assert fast[2] == pytest.approx(plain[2], rel=DOUBLE)
        assert float((fast[1] - plain[1]).norm() / plain[1].norm()) < DOUBLE

    def test_near_to_64_bits(self, net, pictures):
        layers = ["relu1_1", "relu2_2", "relu3_2", "relu4_2", "relu5_1"]
        exact = copy.deepcopy(net).double().features(pictures[0].double(), layers)
        for name, maps in fewer_multiplications(net, last="relu5_1").features(pictures[0], layers).items():
            assert gap(maps, exact[name]) < rounding(net, name), name

    @pytest.mark.long
    def test_descend_uses_it_where_it_pays(self, net, pictures, monkeypatch):
        calls, convolve = [], WinogradConv2d.convolve
        monkeypatch.setattr(WinogradConv2d, "convolve", lambda layer, maps: calls.append(1) or convolve(layer, maps))
        *_, state = descend(*pictures, evaluations=3, net=net, device="cpu")
        assert calls and state.losses == pytest.approx(
            painting_cost(net, *pictures).losses(state.image), rel=rounding(net)
        )
        calls.clear()
        small = [picture[..., :40, :40] for picture in pictures]
        next(descend(*small, evaluations=1, net=net, device="cpu"))
        with torch.autocast("cpu"):
            assert not saves_time(pictures[0], net.conv1_1.weight)
        assert (
            not calls
            and not saves_time(pictures[0], net.conv1_1.weight.half())
            and saves_time(pictures[0], net.conv1_1.weight)
        )

    @pytest.mark.long
    def test_a_network_that_nobody_else_holds_is_let_go(self, pictures):
        given = vgg19()
        gone, states = weakref.ref(given.conv4_2.weight), descend(*pictures, evaluations=2, net=given, device="cpu")
        del given
        next(states)
        gc.collect()
        assert gone() is None
