"""Tiles: the same values and gradients as without them, for any size, pooling and number of tiles."""

import pytest
import torch

from course_utils.cost import Content, Cost, Style, TiledCost, TotalVariation, painting_cost
from course_utils.regions import guided_gram
from course_utils.tiles import Passes, Tiles, activations, spans
from course_utils.transfer import descend
from course_utils.transport import Transport
from course_utils.vgg import VGG, vgg19

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SMALL = ((1, 4), (2, 6), (1, 5))  # blocks of a network that is computed in no time


@pytest.fixture(scope="module")
def net64():
    return vgg19().double()


def small(pooling, rounding):
    """A network of three blocks with random weights, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VGG(SMALL, pooling, rounding).double().requires_grad_(False)


def picture(height, width, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def near(one, other):
    """Equal but for the rounding of float64: sums of fewer than 10⁶ terms lose fewer than 6 of its 16 digits."""
    return (one - other).norm() <= 1e-10 * other.norm()


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("rounding", ["down", "up"])
@pytest.mark.parametrize("size", [(67, 90), (64, 96), (33, 200), (32, 32), (17, 40)])
@pytest.mark.parametrize("layers", [["relu3_1"], ["relu1_1", "relu2_2", "relu3_1"], ["conv2_1"], ["pool2", "relu3_1"]])
def test_value_and_gradient_are_those_of_the_whole(pooling, rounding, size, layers):
    net, x, photo, painting = small(pooling, rounding), picture(*size), picture(*size, 1), picture(45, 70, 2)
    mask = picture(*size, 3)[:, :1]
    weights = dict.fromkeys(layers, 0.5)

    def terms(tile):
        return [
            Content(net, photo, 3.0, weights, tile),
            Style(net, [painting, photo], 2.0, weights, tile=tile),
            Style(net, painting, 4.0, weights, mask=mask, name="inside", tile=tile),
            TotalVariation(1e-3),
        ]

    whole, tiled = Cost(net, terms(None)), TiledCost(net, terms(32), 32)
    value, gradient, losses = whole(x)
    value_tiled, gradient_tiled, losses_tiled = tiled(x)
    assert value_tiled == pytest.approx(value, rel=1e-10) and losses_tiled == pytest.approx(losses, rel=1e-10)
    assert near(gradient_tiled, gradient) and tiled.losses(x) == pytest.approx(losses, rel=1e-10)


@pytest.mark.parametrize("layers", [LAYERS, LAYERS[:3], LAYERS[2:3]], ids=len)
def test_the_real_network_and_its_guide(net64, layers):
    """The guide of the first evaluations takes the same sums as the cost."""
    x, photo, painting = picture(90, 70), picture(90, 70, 1), picture(64, 80, 2)
    style = dict.fromkeys(layers, 0.2)
    one, other = (painting_cost(net64, photo, painting, tile=tile, style_layers=style) for tile in (None, 48))
    for objectives in ((None, None), (Transport(one), Transport(other))):
        value, gradient, _ = one(x, objectives[0])
        value_tiled, gradient_tiled, _ = other(x, objectives[1])
        # the guide's eigenvalues double the digits that are lost
        assert value_tiled == pytest.approx(value, rel=1e-8) and near(gradient_tiled, gradient)


def test_activations_and_guided_sums_are_those_of_the_whole():
    net, x, mask = small("max", "down"), picture(70, 50), picture(70, 50, 4)[:, :1]
    whole = net.features(x, ["relu2_1", "relu3_1"])
    tiled = activations(net, x, ["relu2_1", "relu3_1"], 32)
    assert [*tiled] == [*whole] and all(near(tiled[layer], whole[layer]) for layer in whole)
    sums = Passes(net, {"relu2_1": ([None, mask], [])}, 32).sums(x)["relu2_1"]
    assert near(sums.gram(mask), guided_gram(whole["relu2_1"], mask))


@pytest.mark.parametrize("length", [16, 31, 32, 47, 100, 255, 1000])
@pytest.mark.parametrize("tile", [32, 48, 100, 5000])
def test_the_tiles_divide_each_layer(net, length, tile):
    """Without gaps and overlaps; no tile is much longer than it was asked to be."""
    found = spans(net, LAYERS, length, tile)
    for layer in net.layers[: net.layers.index("relu5_1") + 1]:
        ends = [span.own[layer] for span in found]
        assert ends[0][0] == 0 and all(one[1] == two[0] < two[1] for one, two in zip(ends, ends[1:]))
        assert all(
            span.needed[layer][0] <= span.own[layer][0] and span.own[layer][1] <= span.needed[layer][1]
            for span in found
            if layer in LAYERS
        )
    assert all(span.own["conv1_1"][1] - span.own["conv1_1"][0] < tile + 16 for span in found)
    assert found[-1].own["conv1_1"][1] == length


def test_the_margin_is_that_of_the_receptive_field(net):
    """A unit of relu5_1 sees 156 pixels, 70 to the left of its own 16 and 70 to the right (lesson 1)."""
    _, middle, _ = spans(net, ["relu5_1"], 3 * 160, 160)
    assert middle.own["conv1_1"] == (160, 320) and middle.image == (160 - 70, 320 + 70)


def test_a_descent_in_tiles_is_the_same_descent():
    photo, painting = (picture(48, 64, seed).float() for seed in (1, 2))
    whole, tiled = (
        list(descend(photo, painting, evaluations=3, net=vgg19(), device="cpu", tile=tile)) for tile in (None, 32)
    )
    for one, two in zip(whole, tiled):
        assert two.losses["total"] == pytest.approx(one.losses["total"], rel=1e-2)  # float32, in another order


def test_a_tile_is_never_whole(monkeypatch):
    """No activation is larger than a tile with its margin: the memory does not grow with the picture."""
    seen, net = [], vgg19()
    original = net.conv1_1.forward
    monkeypatch.setattr(net.conv1_1, "forward", lambda x: seen.append(tuple(x.shape[2:])) or original(x))
    x = torch.rand(1, 3, 250, 250, generator=torch.Generator().manual_seed(0))
    cost = painting_cost(net, x, x, tile=64, style_layers={"relu2_1": 1.0}, content_layers={"relu2_2": 1.0})
    cost(x)
    assert len(seen) == 4 * 16 and max(map(max, seen)) <= 64 + 2 * 7 + 2


def test_bad_tiles(net):
    x = torch.rand(1, 3, 64, 64)
    for tile in (0, 31, 2.5, "512", True):
        with pytest.raises(ValueError, match="tile must be a whole number of at least 32"):
            painting_cost(net, x, x, tile=tile)

    class Mine:
        name, weight, layers = "mine", 1.0, ("relu1_1",)

        def __call__(self, image, features):
            return image.sum((1, 2, 3))

    with pytest.raises(ValueError, match="The term 'mine' needs whole activations"):
        painting_cost(net, x, x, more=[Mine()], tile=32)
    Mine.layers = ()
    assert len(Tiles(net, LAYERS, (64, 64), 32)) == 4 and painting_cost(net, x, x, more=[Mine()], tile=32)(x)[0] > 0
