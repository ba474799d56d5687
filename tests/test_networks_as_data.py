"""A network is a line of data: whatever walks it walks others too, and poolings round as Caffe's or as PyTorch's."""

import copy
import math

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from bounds import DOUBLE, rounding
from course_utils.dataset import StatisticsError
from course_utils.deconvnet import project
from course_utils.means import mean_activations
from course_utils.receptive import chain, map_size, receptive_field
from course_utils.top import top_activations
from course_utils.transfer import descend
from course_utils.vgg import VGG, VGG16_BLOCKS, VGG19_BLOCKS, WeightsError, vgg16
from networks import gap, holds, random_pictures
from test_deconvnet import by_autograd

PUBLISHED = {  # size, stride, padding: google-research/receptive_field, RECEPTIVE_FIELD_TABLE.md, vgg_16
    "conv1_1": (3, 1, 1),
    "pool1": (6, 2, 2),
    "conv2_1": (10, 2, 4),
    "pool2": (16, 4, 6),
    "conv3_1": (24, 4, 10),
    "pool3": (44, 8, 18),
    "conv4_1": (60, 8, 26),
    "pool4": (100, 16, 42),
    "conv5_1": (132, 16, 58),
    "pool5": (212, 32, 90),
}


def small(blocks=VGG16_BLOCKS, channels=4, seed=0, **options):
    """A random network with these blocks and few channels, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = VGG([(count, channels) for count, _ in blocks], **options).double()
        net.centre.mean.fill_(0.5)
        for name in net.convolutions:
            nn.init.kaiming_normal_(getattr(net, name).weight)
            nn.init.uniform_(getattr(net, name).bias, 0, 0.1)
    return net.requires_grad_(False).eval()


def picture(height, width, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_receptive_fields_as_published():
    net = small()
    assert {layer: receptive_field(layer, net) for layer in PUBLISHED} == {
        layer: (size, jump, -padding) for layer, (size, jump, padding) in PUBLISHED.items()
    }
    vgg_a = small([(1, 4), (1, 4), (2, 4), (2, 4), (2, 4)])
    assert receptive_field("pool5", vgg_a) == (150, 32, -59)


def test_names():
    net = VGG(((1, 4), (2, 6)))
    assert net.layers == ("conv1_1", "relu1_1", "pool1", "conv2_1", "relu2_1", "conv2_2", "relu2_2", "pool2")
    assert net.channels["pool1"] == 4 and net.channels["relu2_2"] == 6 and net.rectified[-1] == "relu2_2"
    assert (small().title, small(VGG19_BLOCKS).title) == ("VGG-16", "VGG-19") and len(small().layers) == 31


@pytest.mark.parametrize("rounding", ["down", "up"])
@pytest.mark.parametrize("layer", ["relu2_2", "relu4_3"])
def test_deconvnet_is_autograd(rounding, layer):
    net, image = small(rounding=rounding), picture(51, 45)
    height, width = map_size(layer, 51, 45, net)
    for position in ((0, 0), (height - 1, width - 1), (height // 2, width - 1)):
        for rule in ("deconvnet", "gradient", "guided"):
            found = project(net, image, layer, 1, position, backward_rule=rule, start=1.0)
            expected = by_autograd(net, image, layer, 1, position, rule, start=1.0)
            assert (found - expected).abs().max() <= DOUBLE * expected.abs().max()


@pytest.mark.parametrize("rounding", ["down", "up"])
def test_means_and_exact_rescaling(rounding):
    net = small(rounding=rounding)
    holds(net, random_pictures(3))
    means = mean_activations(net, [picture(37, 50)], progress=False).mean
    assert list(means) == list(net.convolutions)
    for conv, relu in zip(net.convolutions, net.rectified):
        assert torch.allclose(means[conv], net.features(picture(37, 50), [relu])[relu].mean((0, 2, 3)), rtol=DOUBLE)


def test_strongest_units():
    net, images = small(rounding="up"), [picture(33, 33, seed) for seed in range(3)]
    table = top_activations(net, images, k=2, progress=False)
    assert tuple(table.values) == net.rectified
    maps = net.features(torch.cat(images), ["relu3_3"])["relu3_3"]
    assert gap(table.values["relu3_3"], maps.amax((2, 3)).T.sort(1, descending=True).values[:, :2]) < DOUBLE


def test_a_table_of_another_network(tmp_path):
    net = VGG([(1, 5), (2, 7), (1, 6)]).requires_grad_(False).eval()
    table = top_activations(net, [picture(17, 20, seed).float() for seed in range(3)], k=2, progress=False)
    table.save(tmp_path / "units.npz")
    again = type(table).load(tmp_path / "units.npz", net)
    assert all(torch.equal(again.values[layer], table.values[layer]) for layer in net.rectified)
    with pytest.raises(StatisticsError, match="relu1_1 are not those of 64 channels"):
        type(table).load(tmp_path / "units.npz")


def test_a_descent_leaves_the_network_alone():
    net = small(rounding="up").float()
    before = {name: (tensor.clone(), tensor.stride(), tensor.data_ptr()) for name, tensor in net.state_dict().items()}
    *_, state = descend(picture(70, 65).float(), picture(66, 71, 1).float(), evaluations=3, net=net, device="cpu")
    assert state.evaluations == 3 and math.isfinite(state.losses["total"]) and net.layers[-1] == "pool5"
    for name, tensor in net.state_dict().items():
        values, stride, address = before[name]
        assert torch.equal(tensor, values) and tensor.stride() == stride and tensor.data_ptr() == address, name


# --- rounding, against Caffe's way ----------------------------------------------------------------------------------


def caffe_side(side):
    """pooling_layer.cpp: ceil((H + 2p − k) / s) + 1, here with k = s = 2 and no padding."""
    return math.ceil((side - 2) / 2) + 1


def caffe_pool(maps, average):
    """Window by window; each is clipped at the border, and a mean is taken of what is left of it."""
    rows, columns = caffe_side(maps.shape[1]), caffe_side(maps.shape[2])
    result = np.empty((len(maps), rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = maps[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            result[:, i, j] = window.mean((1, 2)) if average else window.max((1, 2))
    return result


def convolved(maps, weight, bias):
    """A 3 × 3 convolution as nine matrix products."""
    _, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    return bias[:, None, None] + sum(
        np.einsum("kc,chw->khw", weight[:, :, i, j], padded[:, i : i + height, j : j + width])
        for i in range(3)
        for j in range(3)
    )


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [(37, 50), (17, 31), (48, 33), (32, 16)])
def test_rounding_up_is_caffes_way(size, pooling):
    net, image = small(pooling=pooling, rounding="up"), picture(*size)
    x = image[0].numpy() - 0.5
    for name, found in net.walk(image, net.layers[-1]):
        if name in net.convolutions:
            layer = getattr(net, name)
            x = convolved(x, layer.weight.numpy(), layer.bias.numpy())
        else:
            x = np.maximum(x, 0) if name in net.rectified else caffe_pool(x, pooling == "average")
        assert found.shape[1:] == x.shape and gap(found[0], torch.from_numpy(x)) < DOUBLE, name


def test_sizes_of_the_whole_network():
    nets = {rounding: small(VGG19_BLOCKS, rounding=rounding) for rounding in ("down", "up")}
    for side in (*range(1, 70), 444, 592, 456, 576):
        up = down = side
        for block in range(1, 6):
            up, down = caffe_side(up), down // 2
            assert map_size(f"pool{block}", side, side, nets["up"]) == (up, up)
            assert map_size(f"pool{block}", side, side, nets["down"]) == (down, down)
    assert map_size("pool4", 444, 592, nets["up"]) == (28, 37) and map_size("pool4", 444, 592, nets["down"]) == (27, 37)


@pytest.mark.parametrize("kernel, stride, padding", [(2, 2, 0), (3, 2, 0), (3, 2, 1), (2, 3, 1), (3, 3, 0), (2, 2, 1)])
def test_sizes_are_torchs(kernel, stride, padding):
    net = nn.Sequential(nn.MaxPool2d(kernel, stride, padding, ceil_mode=True))
    for side in range(kernel, 14):
        assert map_size("0", side, side + 1, net) == tuple(net(torch.rand(1, 1, side, side + 1)).shape[2:])


def test_both_are_one_where_the_poolings_divide_the_picture():
    down, up, image = small(), small(rounding="up"), picture(32, 64)
    assert all(torch.equal(maps, up.features(image, [name])[name]) for name, maps in down.walk(image, "pool5"))


# --- weights -------------------------------------------------------------------------------------------------------


def test_weights_saved_under_the_former_name_of_the_mean():
    net = small()
    former = {name.replace("centre.mean", "mean"): tensor for name, tensor in net.state_dict().items()}
    again = small(seed=1)
    again.load_state_dict(former)
    within = nn.Sequential(small(seed=2))
    within.load_state_dict({f"0.{name}": tensor for name, tensor in former.items()})
    for loaded in (again, within[0]):
        assert all(map(torch.equal, loaded.state_dict().values(), net.state_dict().values()))
    assert "mean" in former  # the caller's is not changed


@pytest.mark.long
def test_vgg16_with_torchvisions_weights(tmp_path):
    theirs = torchvision.models.vgg16(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "vgg16.pt")
    net, image = vgg16(tmp_path / "vgg16.pt"), picture(45, 38)
    bound, net = rounding(net), net.double()  # weights in float32, into which the standardisation is folded
    shown = torchvision.transforms.functional.normalize(image, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert gap(net(image), copy.deepcopy(theirs.features).double()(shown)) < bound
    assert chain(net, "pool5")[0][0] == "centre" and not any(parameter.requires_grad for parameter in net.parameters())
    torch.save(
        {
            f"features.{index}.{kind}": value
            for index, layer in enumerate(torchvision.models.vgg11().features)
            for kind, value in layer.state_dict().items()
        },
        tmp_path / "vgg11.pt",
    )
    with pytest.raises(WeightsError, match="take those of torchvision's vgg16"):
        vgg16(tmp_path / "vgg11.pt")


def test_the_original_weights_are_those_of_vgg19():
    with pytest.raises(WeightsError, match="for VGG-19 only: for VGG-16 take 'torchvision'"):
        vgg16("caffe")
