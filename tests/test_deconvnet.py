"""Receptive fields and projections against independent references: the support of derivatives, autograd, captum, brute
force.
"""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bounds import DOUBLE
from course_utils import deconvnet
from course_utils.checks.lesson1.no_rectification import three_deconvnets
from course_utils.deconvnet import BACKWARD_RULES, occlusion_map, project
from course_utils.images import load_square
from course_utils.receptive import Box, UnitError, chain, cut, geometry, map_size, patch_box, receptive_field
from course_utils.vgg import LAYERS

SIX = ("relu1_2", "relu2_1", "conv3_3", "relu4_1", "relu5_1", "pool5")


@pytest.fixture(scope="module")
def cat():
    return load_square("animal_cat", 231)[:, :, :225]  # odd, and not square


@pytest.fixture(scope="module")
def small(cat):
    """41 × 49, with a little noise: no two values are so near that rounding decides where a maximum lies."""
    part = cat[:, :, 40:81, 60:109].double()
    return part + 1e-3 * torch.randn(part.shape, dtype=part.dtype, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def net64(net):
    return copy.deepcopy(net).double()


def near(found, expected):
    return (found - expected).norm() <= DOUBLE * expected.norm()


def by_autograd(net, image, layer, channel, position, rule, start=None):
    """The same projection as a derivative, with another backward of the rectifications."""

    class Rectify(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return {"gradient": g * (x > 0), "deconvnet": g * (g > 0), "guided": g * (g > 0) * (x > 0)}[rule]

    image = image.clone().requires_grad_()
    x = image
    for _, module in chain(net, layer):
        x = Rectify.apply(x) if isinstance(module, nn.ReLU) else module(x)
    value = x[(0, channel, *position)]
    return torch.autograd.grad(value, image, torch.full_like(value, start) if start is not None else value.detach())[0]


# --- receptive fields --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer, size", [("conv1_1", 3), ("pool2", 16), ("conv3_1", 24), ("conv4_1", 68), ("conv5_1", 156), ("pool5", 268)]
)
def test_known_sizes(layer, size):
    assert receptive_field(layer).size == size


def open_stack(layers):
    """One positive channel and mean pooling: every path counts, so a derivative is zero only outside the field."""
    modules = [
        (
            nn.Conv2d(1, 1, k, s, p, bias=False)
            if kind == "conv"
            else nn.AvgPool2d(k, s, p)
            if kind == "pool"
            else nn.ReLU()
        )
        for kind, k, s, p in layers
    ]
    for module in modules:
        for parameter in module.parameters():
            nn.init.constant_(parameter, 0.5)
    return nn.Sequential(*modules).double()


STACKS = {
    "VGG-19": [(name[:4], *{"conv": (3, 1, 1), "relu": (1, 1, 0), "pool": (2, 2, 0)}[name[:4]]) for name in LAYERS],
    "AlexNet": [
        ("conv", 11, 4, 2),
        ("relu", 1, 1, 0),
        ("pool", 3, 2, 0),
        ("conv", 5, 1, 2),
        ("relu", 1, 1, 0),
        ("pool", 3, 2, 0),
    ],
    "odd strides": [("conv", 7, 3, 2), ("conv", 2, 2, 0), ("pool", 3, 3, 1), ("conv", 3, 1, 1)],
}


@pytest.mark.parametrize("name", STACKS)
def test_fields_are_the_support_of_derivatives(name):
    net, size = open_stack(STACKS[name]), 288
    image = torch.rand(1, 1, size, size, dtype=torch.float64).requires_grad_()
    x = image
    for layer, module in net.named_children():
        x = module(x)
        if name == "VGG-19" and int(layer) % 4:  # some layers are enough
            continue
        assert map_size(layer, size, size, net) == tuple(x.shape[2:])
        for y in {0, x.shape[2] // 2, x.shape[2] - 1}:
            (gradient,) = torch.autograd.grad(x[0, 0, y, x.shape[3] // 2], image, retain_graph=True)
            rows = gradient[0, 0].abs().sum(1).nonzero()[:, 0]
            box = patch_box(layer, y, x.shape[3] // 2, net).clip(size, size)
            # where a stride leaves pixels over at the lower border, no unit sees them: the field is then an upper bound
            leftover = y == x.shape[2] - 1 and name != "VGG-19"
            assert rows[0] == box.top and (rows[-1] == box.bottom - 1 or leftover and rows[-1] < box.bottom)


def test_boxes_at_the_border():
    box = patch_box("relu3_1", 0, 2)
    assert box == (-10, -2, 14, 22) and box.clip(20, 20) == (0, 0, 14, 20)
    assert box.share_outside(20, 20) == pytest.approx(1 - 14 * 20 / 24**2)
    assert Box(2, 2, 5, 5).share_outside(20, 20) == 0 and Box(30, 2, 35, 5).share_outside(20, 20) == 1
    assert (cut(torch.rand(1, 3, 20, 20), Box(30, 2, 35, 5), 0.5) == 0.5).all()
    image = torch.rand(1, 3, 20, 20)
    patch = cut(image, box, padding=0.25)
    assert patch.shape == (1, 3, 24, 24) and torch.equal(patch[:, :, 10:, 2:22], image[:, :, :14])
    assert (
        (patch[:, :, :10] == 0.25).all() and (patch[:, :, :, 22:] == 0.25).all() and (patch[:, :, :, :2] == 0.25).all()
    )


# --- projections -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", BACKWARD_RULES)
@pytest.mark.parametrize("layer", [*SIX[:3], *(pytest.param(layer, marks=pytest.mark.long) for layer in SIX[3:])])
def test_projection_is_autograd_with_another_rule(net64, small, layer, rule):
    height, width = map_size(layer, 41, 49)
    maps = net64.features(small, [layer])[layer][0]
    for y, x in ((0, width // 2), (height - 1, width - 1), (height // 2, width // 3)):
        channel = maps[:, y, x].argmax().item()
        found = project(net64, small, layer, channel, (y, x), rule)
        assert found.any() and near(found, by_autograd(net64, small, layer, channel, (y, x), rule))
        inside = patch_box(layer, y, x).clip(41, 49)
        found[:, :, inside.top : inside.bottom, inside.left : inside.right] = 0
        assert found.count_nonzero() == 0


def test_projection_in_float32(net, net64, small):
    """Near ties fall differently: the same picture to the eye, a cosine of 0.99999 as measured."""
    for layer in ("relu2_1", "relu5_1"):
        maps = net64.features(small, [layer])[layer]
        _, channel, *place = (index.item() for index in torch.unravel_index(maps.argmax(), maps.shape))
        found, exact = project(net, small.float(), layer, channel, place), project(net64, small, layer, channel, place)
        assert F.cosine_similarity(found.double().flatten(), exact.flatten(), dim=0) > 0.99


def test_zero_gives_zero_and_the_start_only_scales(net64, small):
    assert project(net64, small, "relu4_1", 264, (3, 4), start=0).count_nonzero() == 0
    one, three = (project(net64, small, "relu4_1", 264, (3, 4), start=start) for start in (1, 3))
    assert one.any() and near(three, 3 * one)


def test_first_layer_gives_its_filter(net64, cat):
    projection = project(
        net64, cat.double(), "conv1_1", 7, (224, 100), start=2.0
    )  # the last row: a row of it is padding
    expected = torch.zeros_like(projection)
    expected[0, :, 223:, 99:102] = 2 * net64.conv1_1.weight[7, :, :2]
    assert torch.equal(projection, expected)


@pytest.mark.parametrize(
    "kernel, stride, padding, groups, side",
    [(3, 1, 1, 1, 9), (11, 4, 2, 1, 35), (3, 2, 1, 2, 8), (5, 3, 0, 1, 17), (2, 2, 0, 1, 7)],
)
def test_way_back_through_a_convolution_is_its_adjoint(kernel, stride, padding, groups, side):
    conv = nn.Conv2d(4, 6, kernel, stride, padding, groups=groups).double()
    x = torch.randn(1, 4, side, side + 1, dtype=torch.float64)
    forward = conv(x) - conv.bias[:, None, None]
    y = torch.randn_like(forward)
    back = deconvnet._back(y, conv, x, None, None)
    assert back.shape == x.shape
    assert ((forward * y).sum() - (x * back).sum()).abs() < DOUBLE * (forward * y).abs().sum()


def test_steps_make_the_projection(net64, small):
    """Two units at a time, from the last layer to the pixels, each step by itself."""
    for rule in BACKWARD_RULES:
        x, trace = small, []
        for _, module in chain(net64, "relu3_2"):
            pooled = F.max_pool2d(x, 2, return_indices=True) if isinstance(module, nn.MaxPool2d) else (module(x), None)
            trace.append((module, x, pooled[1]))
            x = pooled[0]
        signal = x.new_zeros(2, *x.shape[1:])
        for n, (channel, row, column) in enumerate(((7, 4, 5), (30, 9, 1))):
            signal[n, channel, row, column] = 1
        for step in reversed(trace):
            signal = deconvnet.step_back(signal, *step, rule)
        assert near(signal, project(net64, small, "relu3_2", [7, 30], [(4, 5), (9, 1)], rule, start=1.0))


def test_three_deconvnets_differ_as_the_exercise_says(net64, small):
    """Filters that are not flipped, no rectification, biases: each fails the test that belongs to its mistake alone."""
    ways, expected = three_deconvnets(net64), net64.conv1_1.weight[7]
    for name, way in ways.items():
        one, none, minus = (way(small, "relu3_1", (40, 4, 6), start) for start in (1, 0, -1))
        assert none.any() == (name == "C") and minus.any() == (name != "A") and near(minus, -one) == (name == "B")
        first = way(small, "relu1_1", (7, 20, 20))[0, :, 19:22, 19:22]
        assert near(first, expected) == (name == "B") and near(first, expected.flip(1, 2)) == (name == "A")


def test_refusals_of_a_step():
    maps, conv, pool = torch.rand(1, 4, 5, 7), nn.Conv2d(4, 6, 3, padding=1), nn.MaxPool2d(2)
    signal, switches = F.max_pool2d(maps, 2, return_indices=True)
    assert deconvnet.step_back(signal, pool, maps, switches).shape == maps.shape
    for arguments, message in (
        ((maps, conv, maps), "does not belong to this Conv2d"),
        ((conv(maps), conv, maps[:, :3]), "does not belong to this Conv2d"),
        ((conv(maps), conv, maps.double()), "must be torch.float32"),
        ((signal, pool, maps), "needs its switches"),
        ((signal, pool, maps, switches + 35), "needs its switches"),
        ((signal, nn.AvgPool2d(2), maps), "averages"),
        ((maps, nn.ReLU(), maps, None, "smooth"), "no backward rule"),
    ):
        with pytest.raises(UnitError, match=message):
            deconvnet.step_back(*arguments)


@pytest.mark.filterwarnings("ignore:Input Tensor 0:UserWarning", "ignore:Setting backward hooks:UserWarning")
def test_captum_agrees(net64, small):
    from captum.attr import NeuronDeconvolution

    modules = nn.Sequential(*[module for _, module in chain(copy.deepcopy(net64), "relu3_2")])
    maps = modules(small)
    _, channel, y, x = (index.item() for index in torch.unravel_index(maps.argmax(), maps.shape))
    attribution = NeuronDeconvolution(modules, modules[-1]).attribute(small, (channel, y, x))
    ours = project(net64, small, "relu3_2", channel, (y, x), start=1.0)
    assert near(ours, attribution)


def test_other_chains_of_layers():
    torch.manual_seed(0)
    net = (
        nn.Sequential(
            nn.Conv2d(3, 8, 5, 2, 1),
            nn.ReLU(inplace=True),
            nn.Identity(),
            nn.MaxPool2d(3, 3),
            nn.Conv2d(8, 6, 3),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
        )
        .double()
        .eval()
    )
    image = torch.rand(1, 3, 64, 71, dtype=torch.float64)
    plain = nn.Sequential(*[nn.ReLU() if isinstance(module, nn.ReLU) else module for module in net])
    for rule in BACKWARD_RULES:
        for position in ((0, 0), (3, 4), (7, 8)):
            expected = by_autograd(plain, image, "5", 2, position, rule, start=1.0)
            assert near(project(net, image, "5", 2, position, rule, start=1.0), expected)


def test_many_units_at_once(net64, small):
    image = small
    places = [(3, 4), (1, 5), (4, 2)]
    channels = [net64.features(image, ["relu4_1"])["relu4_1"][0, :, y, x].argmax().item() for y, x in places]
    together = project(net64, image, "relu4_1", channels, places)
    single = torch.cat([project(net64, image, "relu4_1", k, place) for k, place in zip(channels, places)])
    assert together.shape == (3, 3, 41, 49) and near(together, single) and single.flatten(1).any(1).all()
    two = torch.cat([image, image.flip(3)])
    of_two = project(net64, two, "relu3_1", 40, (9, 9))
    assert near(of_two[1:], project(net64, image.flip(3), "relu3_1", 40, (9, 9)))
    maps = net64.features(two, ["relu3_1"])["relu3_1"][:, 40]
    strongest = [divmod(one.argmax().item(), one.shape[1]) for one in maps]
    assert near(project(net64, two, "relu3_1", 40), project(net64, two, "relu3_1", 40, strongest))
    of_channels = project(net64, image, "relu3_1", [40, 3])
    assert near(of_channels[1:], project(net64, image, "relu3_1", 3))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return F.relu(self.conv(x))


def test_a_module_that_is_used_twice():
    torch.manual_seed(1)
    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    convs = [nn.Conv2d(3 if n == 0 else 6, 6, 3, padding=1).double() for n in range(3)]
    shared = nn.Sequential(convs[0], relu, pool, convs[1], relu, pool, convs[2])
    apart = nn.Sequential(convs[0], nn.ReLU(), nn.MaxPool2d(2), convs[1], nn.ReLU(), nn.MaxPool2d(2), convs[2])
    image = torch.rand(1, 3, 21, 26, dtype=torch.float64)
    expected = by_autograd(apart, image, "6", 2, (3, 3), "deconvnet", start=1.0)
    assert expected.any() and near(project(shared, image, "6", 2, (3, 3), start=1.0), expected)


class Hidden(nn.Sequential):
    def forward(self, x):
        for module in self:
            x = F.relu(module(x))
        return x


class ConvReLU(nn.Conv2d):
    def forward(self, x):
        return F.relu(super().forward(x))


def hooked():
    conv = nn.Conv2d(3, 4, 3)
    conv.register_forward_hook(lambda module, x, y: F.relu(y))
    return nn.Sequential(conv)


@pytest.mark.parametrize(
    "net, layer, message",
    [
        (Hidden(nn.Conv2d(3, 4, 3)), "0", "called as a function"),
        (nn.Sequential(ConvReLU(3, 4, 3)), "0", "more than a plain"),
        (hooked(), "0", "hooks"),
        (Functional(), "conv", "called as a function"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2)), "1", "overlap"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2, 2, padding=1)), "1", "padded"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2)), "1", "averages"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), "1", "no way back"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout()), "1", "at random"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2)), "0", "dilation"),
        (nn.Sequential(nn.Conv2d(3, 4, (3, 5))), "0", "square kernels"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, padding="same")), "0", "whole-number padding"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, padding_mode="reflect", padding=1)), "0", "plain transpose"),
    ],
)
def test_refusals_of_networks(net, layer, message):
    with pytest.raises(UnitError, match=message):
        project(net, torch.rand(1, 3, 16, 16), layer, 0, (0, 0))


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(layer="relu6_1"), "no layer 'relu6_1'"),
        (dict(channel=64), r"no unit \(channel 64"),
        (dict(position=(0, 48)), "counted from 0"),
        (dict(position=(-1, 0)), "counted from 0"),
        (dict(backward_rule="smooth"), "no backward rule"),
        (dict(channel=[1, 2], position=[(0, 0)] * 3), "do not go together"),
        (dict(image=torch.rand(3, 40, 48)), "N, 3, H, W"),
        (dict(image=torch.rand(1, 1, 40, 48)), "N, 3, H, W"),
        (dict(image=torch.zeros(1, 3, 40, 48, dtype=torch.uint8)), "torch.float32"),
        (dict(image=torch.rand(1, 3, 40, 48).double()), "torch.float32"),
        (dict(position=None, channel=64), "no unit"),
        (dict(position=(1, 2, 3)), "(row, column)"),
        (dict(position=(1.9, 2.0)), "whole numbers"),
        (dict(position=[(1, 2), None]), "whole numbers"),
        (dict(image=torch.full((1, 3, 40, 48), float("nan"))), "finite"),
        (dict(image=torch.rand(1, 3, 8, 8), layer="relu5_1"), "too small"),
    ],
)
def test_refusals_of_requests(net, change, message):
    settings = dict(image=torch.rand(1, 3, 40, 48), layer="relu1_1", channel=0, position=(0, 0)) | change
    with pytest.raises(UnitError, match=message):
        project(net, **settings)


def test_geometry_needs_a_fixed_field():
    assert geometry(nn.Conv2d(1, 1, 5, 2, 1)) == (5, 2, 1) and geometry(nn.MaxPool2d(2)) == (2, 2, 0)
    with pytest.raises(UnitError, match="fixed size"):
        geometry(nn.AdaptiveAvgPool2d(7))


# --- occlusion ---------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("position", [None, (5, 6)])
def test_occlusion_is_brute_force(net64, position):
    image = load_square("animal_red_panda", 64)[:, :, :56].double()
    result = occlusion_map(net64, image, "relu3_1", 12, position, size=24, stride=9, batch_size=3)
    # every ninth pixel, and the border
    assert (
        result.scores.shape == (5, 6)
        and result.rows == [11.5, 20.5, 29.5, 38.5, 43.5]
        and result.columns[-2:] == [47.5, 51.5]
    )

    def score(picture):
        maps = net64.features(picture, ["relu3_1"])["relu3_1"][0, 12]
        return (maps.sum() if position is None else maps[position]).item()

    hidden = image.clone()
    hidden[:, :, 18:42, 27:51] = net64.mean
    assert result.scores[2, 3].item() == pytest.approx(score(hidden), rel=1e-9, abs=1e-9)
    assert result.before == pytest.approx(score(image), rel=1e-9)


def test_occlusion_takes_the_strongest_map(net):
    image = load_square("animal_cat", 64)
    result = occlusion_map(net, image, "relu4_1", size=64, stride=5)
    assert result.channel == net.features(image, ["relu4_1"])["relu4_1"].sum(
        (0, 2, 3)
    ).argmax().item() and result.scores.shape == (1, 1)
    for wrong in (dict(size=65), dict(size=0), dict(stride=0), dict(batch_size=0)):
        with pytest.raises(UnitError, match="does not fit"):
            occlusion_map(net, image, "relu4_1", **wrong)
    for wrong, message in (
        (dict(position=(-1, 0)), "no unit"),
        (dict(position=(99, 1)), "no unit"),
        (dict(channel=512), "no unit"),
        (dict(channel=-1), "no unit"),
        (dict(stride=2.5), "whole numbers"),
    ):
        with pytest.raises(UnitError, match=message):
            occlusion_map(net, image, "relu4_1", **wrong)
    with pytest.raises(UnitError, match="takes pictures"):
        occlusion_map(net, image[0], "relu4_1")
