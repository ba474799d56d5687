"""Tiles: the same values and gradients as without them, for any size, pooling and number of tiles."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from course_utils.cost import Content, Cost, Style, TiledCost, TotalVariation, painting_cost
from course_utils.receptive import receptive_field
from course_utils.regions import guided_gram
from course_utils.tiles import Passes, Plan, activations, graph_numbers, multiplications, segments
from course_utils.transfer import descend
from course_utils.transport import Transport
from course_utils.vgg import VGG, VGG19, vgg19

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
    """Without gaps and overlaps; no tile of the first segment is much longer than it was asked to be."""
    parts = segments(net, LAYERS, (length, 16), tile)
    assert [name for part in parts for name in part.names] == [*net.layers[: net.layers.index("relu5_1") + 1]]
    for part in parts:
        found = [each.row for each in part.tiles]
        for layer in part.names:
            ends = [span.own[layer] for span in found]
            assert ends[0][0] == 0 and all(one[1] == two[0] < two[1] for one, two in zip(ends, ends[1:]))
    own = [each.row.own["conv1_1"] for each in parts[0].tiles]
    assert own[-1][1] == length and all(last - first < tile + 4 for first, last in own)


def test_the_margin_is_that_of_the_receptive_field(net):
    """A unit of pool2 sees 16 pixels, 6 to the left of its own 4 and 6 to the right (lesson 1). On the left, 6 is
    rounded up to 8, where a window of pool2 begins.
    """
    _, middle, _ = (each.row for each in segments(net, ["pool2"], (3 * 160, 16), 160)[0].tiles)
    size, jump, start = receptive_field("pool2", net)
    assert middle.own["pool2"] == (40, 80) and middle.own["conv1_1"] == (160, 320)
    assert middle.read == (jump * math.floor((start + 40 * jump) / jump), start + 79 * jump + size) == (152, 326)


def test_a_descent_in_tiles_is_the_same_descent():
    photo, painting = (picture(48, 64, seed).float() for seed in (1, 2))
    whole, tiled = (
        list(descend(photo, painting, evaluations=3, net=vgg19(), device="cpu", tile=tile)) for tile in (None, 32)
    )
    for one, two in zip(whole, tiled):
        assert two.losses["total"] == pytest.approx(one.losses["total"], rel=1e-2)  # float32, in another order


@pytest.mark.parametrize("size, tile", [((250, 250), 64), ((100, 333), 128), ((60, 40), 64)])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_plan_is_what_is_done(pooling, size, tile):
    """Torch's own counter of operations finds the multiplications, the bytes that autograd keeps are no more than
    counted, and no map is larger than a tile with its margin.
    """
    net = VGG(((2, 8), (1, 12), (2, 16), (1, 20)), pooling).requires_grad_(False)
    x = torch.rand(1, 3, *size)
    plan = Plan(net, ["relu2_1", "relu4_1"], size, tile)
    wanted = {"relu2_1": ([None], []), "relu4_1": ([None], [])}
    passes, seen, kept = Passes(net, wanted, tile), [], {}
    net.conv1_1.register_forward_hook(lambda _, __, maps: seen.append(tuple(maps.shape[2:])))

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            first = passes.first(x)
        counted = sum(graph_numbers(net, each.names, each.size()) for place, each in plan.tiles() if place in plan.kept)
        stored = sum(source.numel() for source in first.sources)
        assert set(first.graphs) == plan.kept
        passes.second(first, {layer: [torch.ones_like(sums.values[0])] for layer, sums in first.sums.items()})
    counts = counter.get_flop_counts()["Global"]
    convolutions = sum(number for name, number in counts.items() if "convolution" in str(name)) / 2
    assert convolutions == plan.work() * 2 * multiplications(net, plan.names, size)
    assert len(seen) == 2 * len(plan.segments[0].tiles) - sum(number == 0 for number, _ in plan.kept)
    assert max(map(max, seen)) <= tile + 4 + 8 + 8
    filters = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    assert sum(size for pointer, size in kept.items() if pointer not in filters) <= 4 * (counted + stored)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_work_on_paper(pooling):
    """At most 1.5 times that of the whole with tiles of 1024, for a picture of any size; none more where it fits."""
    net = VGG19(pooling)
    for height, width in [(1024, 1024), (1000, 700)]:
        assert Plan(net, LAYERS, (height, width), 1024).work() == 1
    for height, width in [(1025, 1025), (2048, 1365), (3000, 4000), (6048, 8064), (20_000, 15_000)]:
        assert 1 < Plan(net, LAYERS, (height, width), 1024).work() < 1.5
    assert Plan(net, LAYERS, (1024, 1024), 512).work() < 1.3


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
    assert (
        len(segments(net, LAYERS, (64, 64), 32)[0].tiles) == 4
        and painting_cost(net, x, x, more=[Mine()], tile=32)(x)[0] > 0
    )
