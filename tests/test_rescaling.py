"""The weight normalisation: means of one, the same output, bit for bit with powers of two; and what forbids it."""

import copy
import itertools

import pytest
import torch
import torchvision
from torch import nn

from bounds import DOUBLE, rounding
from course_utils.checks.lesson3.impostor import impostor, networks
from course_utils.homogeneity import scale_flow
from course_utils.images import load_square, paintings, photos
from course_utils.losses import gram_matrix, style_loss
from course_utils.means import MeanActivations, mean_activations
from course_utils.normalization import NormalizationError, nearest_power_of_two, normalize_weights
from course_utils.vgg import CONVOLUTIONS, LAYERS
from networks import far_from_one, gap, random_pictures


@pytest.fixture(scope="module")
def double(net):
    return copy.deepcopy(net).double()


@pytest.fixture(scope="module")
def images():
    return [load_square(name, 80)[:, :, :60, :50].double() for name in photos()[::50]]


@pytest.fixture(scope="module")
def means(double, images):
    return mean_activations(double, images, progress=False)


@pytest.mark.long
def test_means_of_one_and_the_same_activations(double, images, means):
    before = {name: value.clone() for name, value in double.state_dict().items()}
    new = normalize_weights(double, means)
    after = mean_activations(new, images, progress=False)
    assert means.dead and new.rescaling.dead == means.dead
    assert list(after.mean) == list(CONVOLUTIONS) and far_from_one(after, means) < DOUBLE
    right, found = (n.features(images[0], LAYERS) for n in (double, new))
    for layer in LAYERS:
        assert gap(new.rescaling.restore(layer, found[layer]), right[layer]) < DOUBLE
    assert gap(new.rescaling.restore_output(new(images[1])), double(images[1])) < DOUBLE
    assert all(torch.equal(value, double.state_dict()[name]) for name, value in before.items())
    assert not hasattr(double, "rescaling")
    assert not any(parameter.requires_grad for parameter in new.parameters())


@pytest.mark.long
def test_in_float32(net, images, means):
    """As the course computes."""
    image, new = images[0].float(), normalize_weights(net, means)
    right, found = (n.features(image, LAYERS) for n in (net, new))
    for layer in LAYERS:
        assert gap(new.rescaling.restore(layer, found[layer]), right[layer]) < rounding(net, layer)


@pytest.mark.long
@pytest.mark.parametrize("name", ["vgg19", "vgg11_bn"])
def test_torchvision_with_its_classifier(name):
    """Random weights of the right size; the first linear layer undoes the last scale."""
    with torch.device("meta"):
        model = getattr(torchvision.models, name)()
        for place, shape in ((0, (512 * 7 * 7, 32)), (3, (32, 32)), (6, (32, 10))):  # with 4096 hidden ones: 3 GB
            model.classifier[place] = nn.Linear(*shape)
    model, generator = model.double().to_empty(device="cpu").eval(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor_name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                bound = (6 / tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 1
                tensor.uniform_(
                    0.5 if tensor_name.endswith("running_var") else -bound,
                    2 if tensor_name.endswith("running_var") else bound,
                    generator=generator,
                )
    *pictures, other = (picture[:, :, :32, :32] for picture in random_pictures(3))
    means = mean_activations(model, pictures, progress=False)
    assert len(means.mean) == sum(isinstance(module, nn.Conv2d) for module in model.modules())
    with torch.no_grad():
        new = normalize_weights(model, means)
        assert new.rescaling.output is None and gap(new(other), model(other)) < DOUBLE
        assert far_from_one(mean_activations(new, pictures, progress=False), means) < DOUBLE


@pytest.mark.long
def test_bit_for_bit_with_powers_of_two(net):
    names = photos()[::16] + paintings()
    pictures = torch.cat([load_square(name, 32) for name in names]).split(8)
    first = [picture for group in pictures[:2] for picture in group]
    means = mean_activations(net, first, progress=False)
    new = normalize_weights(net, means, power_of_two=True)
    for group in pictures:
        right, found = (n.features(group, ["relu2_2", "relu4_2", "pool5"]) for n in (net, new))
        assert all(torch.equal(new.rescaling.restore(layer, found[layer]), right[layer]) for layer in right)
        assert torch.equal(new.rescaling.restore_output(found["pool5"]), right["pool5"])
    after = mean_activations(new, first, progress=False)
    for name in CONVOLUTIONS:  # nothing is rounded: they lie between √½ and √2
        alive, scale = means.mean[name] > 0, new.rescaling.scales[name]
        assert torch.equal(after.mean[name] * scale, means.mean[name])
        assert 0.7 < after.mean[name][alive].min() and after.mean[name].max() < 1.42
    rounded = normalize_weights(net, means)  # with the means themselves, bits do change
    assert not torch.equal(rounded.rescaling.restore_output(rounded(pictures[0])), net(pictures[0]))


def chain(*channels):
    torch.manual_seed(0)
    layers = [(nn.Conv2d(inputs, outputs, 3), nn.ReLU()) for inputs, outputs in zip((3, *channels), channels)]
    return nn.Sequential(*itertools.chain(*layers)).double()


def test_layer_by_layer_is_all_at_once():
    net, pictures = chain(8, 6, 8, 4), random_pictures(2)
    means = mean_activations(net, pictures, progress=False).mean
    at_once, cascade, ones = normalize_weights(net, means), net, {name: torch.ones_like(means[name]) for name in means}
    for name in means:
        now = mean_activations(cascade, pictures, progress=False).mean
        cascade = normalize_weights(cascade, ones | {name: now[name]})
    least = min((mean.min() / mean.max()).item() for mean in means.values())  # see `far_from_one`
    for a, b in zip(cascade.parameters(), at_once.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=DOUBLE / least, atol=0)


def test_nearest_power_of_two():
    means = torch.tensor([0.001, 0.7, 0.71, 1, 1.41, 1.42, 3, 1000], dtype=torch.float64)
    scales = nearest_power_of_two(means)
    assert torch.equal(scales, torch.tensor([2**-10, 0.5, 1, 1, 1, 2, 4, 1024], dtype=torch.float64))


def test_dead_channels_keep_their_scale():
    net, pictures = chain(5, 4), random_pictures(3)
    with torch.no_grad():
        net[0].bias[2], net[2].bias[0] = -1e6, -1e6
        means = mean_activations(net, pictures, progress=False)
        new = normalize_weights(net, means)
        assert means.dead == {"0": [2], "2": [0]} == new.rescaling.dead
        assert new.rescaling.scales["0"][2] == 1 and torch.equal(new[0].weight[2], net[0].weight[2])
        assert torch.isfinite(new[2].weight).all()
        assert gap(new.rescaling.restore_output(new(pictures[0])), net(pictures[0])) < DOUBLE


@pytest.mark.long
def test_means_that_do_not_fit(net, means):
    for wrong, message in (
        ({}, "no means of the 64 channels of conv1_1"),
        (means.mean | {"conv3_1": torch.ones(7)}, "conv3_1"),
        (means.mean | {"conv2_2": torch.full((128,), torch.nan)}, "conv2_2 are not finite"),
    ):
        with pytest.raises(NormalizationError, match=message):
            normalize_weights(net, wrong)
    assert normalize_weights(net, MeanActivations.load()).rescaling.dead == {}


def test_the_carried_scales_are_named(net):
    carried = scale_flow(net).carried
    assert all(
        carried[layer].convolution == name
        for layer, name in (("relu1_1", "conv1_1"), ("pool3", "conv3_4"), ("conv5_4", "conv5_4"))
    )


def test_order_in_memory_does_not_matter():
    net = chain(8, 6, 4)
    means = mean_activations(net, random_pictures(1), progress=False)
    new = normalize_weights(copy.deepcopy(net).to(memory_format=torch.channels_last), means)
    assert all(torch.equal(a, b) for a, b in zip(new.parameters(), normalize_weights(net, means).parameters()))


def test_numbers_that_leave_the_range(net):
    half = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()).half()
    for mean in (1e-7, 1e-30):
        with pytest.raises(NormalizationError, match="leaves the range of torch.float16"):
            normalize_weights(half, {"0": torch.tensor([1.0, mean], dtype=torch.float64)})


@pytest.mark.long
def test_restore_names_what_it_does_not_know(net, means):
    new = normalize_weights(net, means)
    with pytest.raises(NormalizationError, match="'relu3-1' is not known"):
        new.rescaling.restore("relu3-1", torch.rand(1, 256, 4, 4))
    relu = nn.ReLU()
    shared = nn.Sequential(nn.Conv2d(3, 6, 3), relu, nn.Conv2d(6, 6, 3), relu, nn.Flatten(), nn.Linear(6 * 60 * 60, 2))
    new = normalize_weights(shared, mean_activations(shared, random_pictures(1), progress=False))
    with pytest.raises(NormalizationError, match="'1' is not known"):
        new.rescaling.restore("1", torch.rand(1, 6, 4, 4))
    flat = torch.rand(2, 6 * 60 * 60)
    expected = (flat.view(2, 6, -1) * new.rescaling.scales["2"].float()[:, None]).flatten(1)
    assert torch.equal(new.rescaling.restore("4", flat), expected) and torch.equal(
        new.rescaling.restore("5", flat[:, :2]), flat[:, :2]
    )


@pytest.mark.long
def test_gram_matrices_and_gradients_of_style_costs(double, images, means):
    """G' = D⁻¹ G D⁻¹; the costs are others, and with the activations restored their gradients are the old ones."""
    new, (image, other, *_) = normalize_weights(double, means), images
    for layer, name in (("relu1_1", "conv1_1"), ("relu3_1", "conv3_1")):
        mu, slopes = new.rescaling.scales[name], []
        grams = [gram_matrix(n.features(image, [layer])[layer])[0] for n in (double, new)]
        assert gap(grams[1] * torch.outer(mu, mu), grams[0]) < DOUBLE
        for network, restore in ((double, False), (new, False), (new, True)):
            pixels = image.clone().requires_grad_()
            with torch.enable_grad():
                maps = [network.features(picture, [layer])[layer] for picture in (pixels, other)]
                if restore:
                    maps = [network.rescaling.restore(layer, values) for values in maps]
                cost = style_loss(*(gram_matrix(values, divide=True) for values in maps)).sum()
                slopes.append(torch.autograd.grad(cost, pixels)[0].flatten())
        old, changed, restored = slopes
        assert gap(restored, old) < DOUBLE
        assert torch.cosine_similarity(changed, old, 0) < 0.99


def test_only_one_of_three_is_the_impostor(net, images):
    """Exercise 3.6 asks for what its means hide."""
    pictures = [image.float() for image in images[:2]]
    suspects = networks(net, pictures)
    original, pictures = suspects.pop("original"), images[:2]
    for letter, suspect in suspects.items():
        found = mean_activations(suspect, pictures, progress=False).mean
        off = max((mean[mean > 0] - 1).abs().max().item() for mean in found.values())
        same = gap(suspect(pictures[1]), original(pictures[1])) < DOUBLE
        assert same == (letter != impostor.right) and (off < 1e-9) == (letter == impostor.right)
