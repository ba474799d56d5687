"""Which networks can be rescaled: kinds of layers, ways of writing them, random networks; and the sentences of the
refusals.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

from bounds import DOUBLE
from course_utils.dataset import StatisticsError
from course_utils.homogeneity import scale_flow
from course_utils.means import mean_activations
from course_utils.normalization import NormalizationError, check_rescalable, normalize_weights
from course_utils.vgg import VGG19
from networks import holds, random_pictures


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x).relu()


ALLOWED = {
    "max pooling": nn.MaxPool2d(2),
    "average pooling": nn.AvgPool2d(3, 2, padding=1, ceil_mode=True),
    "dropout": nn.Dropout(),
    "leaky": nn.LeakyReLU(0.1),
    "reflection": nn.ReflectionPad2d(2),
    "nothing": nn.Identity(),
    "enlarging": nn.Upsample(scale_factor=2),
    "batch norm in evaluation": nn.BatchNorm2d(6).eval(),
    "half": Function(lambda x: 0.5 * x),
    "function": Function(lambda x: F.max_pool2d(x, 2)),
    "twice": Function(lambda x: x + x),
    "zeros around": nn.ZeroPad2d(1),
}
FORBIDDEN = {
    "neighbours": [nn.LocalResponseNorm(3), Function(lambda x: F.local_response_norm(x, 3))],
    "training": [nn.BatchNorm2d(6)],
    "no running statistics": [nn.BatchNorm2d(6, track_running_stats=False).eval()],
    "curved": [nn.Sigmoid(), nn.GELU(), nn.Tanh(), nn.SiLU(), nn.ELU(), Function(torch.sigmoid), Function(F.gelu)],
    "exponentials": [nn.Softmax(1), nn.Softmax2d(), nn.LogSoftmax(1), Function(lambda x: x.softmax(1))],
    "fixed value": [nn.ReLU6(), nn.Hardtanh(), Function(lambda x: x.clamp(0, 1))],
    "mixes feature maps": [
        Function(lambda x: x.amax(1, keepdim=True)),
        Function(lambda x: x.mean((1, 2, 3), keepdim=True)),
        nn.MaxPool3d((2, 1, 1)),
    ],
    "deviation": [nn.InstanceNorm2d(6), nn.GroupNorm(2, 6), nn.LayerNorm([6, 62, 62])],
    "residual sum": [Residual()],
    "constant": [Function(lambda x: x + 1), Function(lambda x: x - 0.5)],
    "not known": [Function(lambda x: x.permute(0, 2, 1, 3)), nn.PixelShuffle(1)],
}


@pytest.mark.parametrize("what", ALLOWED)
def test_allowed_between_two_convolutions(what):
    chain = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), ALLOWED[what], nn.Conv2d(6, 4, 3), nn.ReLU())
    chain[2].eval()
    if isinstance(chain[2], nn.BatchNorm2d):
        for values in (chain[2].weight.data, chain[2].bias.data, chain[2].running_mean, chain[2].running_var):
            values.uniform_(0.5, 2, generator=torch.Generator().manual_seed(1))
    holds(chain, random_pictures(2))


@pytest.mark.parametrize("why, layer", [(why, layer) for why, layers in FORBIDDEN.items() for layer in layers])
def test_forbidden_between_two_convolutions(why, layer):
    chain = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), layer, nn.Conv2d(6, 4, 3), nn.ReLU())
    assert (
        why in check_rescalable(chain)
        and check_rescalable(chain).count(".") == check_rescalable(chain).rstrip(".").count(".") + 1
    )
    with pytest.raises(NormalizationError, match=why):
        normalize_weights(chain, {"0": torch.ones(6), "3": torch.ones(4)})
    behind = nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 6),
        nn.Unflatten(1, (6, 1, 1)),
        layer,
    )
    assert "residual" in why or check_rescalable(behind) == ""  # where the scale has been undone, it does not matter


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(6, 4, 3, groups=2),
        nn.Conv2d(6, 12, 3, groups=6),
        nn.Conv2d(6, 4, 3, stride=2, dilation=2, bias=False),
        nn.Conv2d(6, 4, (1, 5), padding="same"),
        nn.Conv2d(6, 4, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_kinds_of_convolutions(convolution):
    holds(
        nn.Sequential(nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()), convolution, nn.MaxPool2d(2), nn.ReLU()),
        random_pictures(2),
    )


def test_heads():
    body = [nn.Conv2d(3, 6, 3), nn.ReLU()]
    heads = [
        [nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(36, 4), nn.Softmax(1)],
        [Function(lambda x: x.mean((2, 3))), nn.Linear(6, 4)],
        [nn.AdaptiveMaxPool2d(1), Function(lambda x: x.view(x.size(0), -1)), nn.Linear(6, 2), nn.Sigmoid()],
        [nn.Conv2d(6, 2, 1)],
    ]
    for head in heads:
        new = holds(nn.Sequential(*body, *head), random_pictures(2))
        assert new.rescaling.output is None


def test_one_rectification_for_all_layers():
    relu = nn.ReLU(inplace=True)
    holds(
        nn.Sequential(nn.Conv2d(3, 6, 3), relu, nn.Conv2d(6, 6, 3), relu, nn.Conv2d(6, 6, 3), relu), random_pictures(2)
    )


def test_weights_that_are_used_twice_are_refused():
    conv = nn.Conv2d(6, 6, 3)
    assert "used twice" in check_rescalable(
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), conv, nn.ReLU(), conv, nn.ReLU())
    )


def test_networks_that_cannot_be_followed():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    assert "cannot be followed" in check_rescalable(Branching())
    with pytest.raises(NormalizationError, match="cannot be followed"):
        normalize_weights(Branching(), {})


# --- what people write ------------------------------------------------------------------------------------------


class Own(nn.Module):
    """Two convolutions, a linear layer, and a forward pass that is a function of the three and a picture."""

    def __init__(self, way):
        super().__init__()
        self.first, self.second, self.linear, self.way = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3), nn.Linear(6, 4), way

    def forward(self, x):
        return self.way(self.first, self.second, self.linear, x)


def pooled(x):
    return x.relu().mean((2, 3))


SAFE = {
    "mean over positions": lambda a, b, f, x: f(pooled(a(x))),
    "view by size": lambda a, b, f, x: f(F.adaptive_avg_pool2d(a(x).relu(), 1).view(x.size(0), -1)),
    "reshape by shape": lambda a, b, f, x: f(F.adaptive_max_pool2d(a(x).relu(), 1).reshape(x.shape[0], -1)),
    "torch.flatten": lambda a, b, f, x: f(torch.flatten(F.adaptive_avg_pool2d(a(x).relu(), 1), 1)),
    "two branches of one scale": lambda a, b, f, x: b((y := a(x).relu()) + F.max_pool2d(y, 3, 1, 1)),
    "keyword": lambda a, b, f, x: b(torch.mul(a(x).relu(), other=2.0)),
    "what comes behind the undoing": lambda a, b, f, x: f(pooled(a(x))).sigmoid() + 1,
    "ends before the ReLU of the second": lambda a, b, f, x: b(a(x).relu()),
    "flat output": lambda a, b, f, x: a(x).relu().flatten(1),
}
UNSAFE = {
    "slice": (lambda a, b, f, x: b(a(x).relu()[:, [3, 2, 1, 0, 4, 5]]), "picks out"),
    "data": (lambda a, b, f, x: b(a(x).relu().data), "not known"),
    "first of pooling": (lambda a, b, f, x: b(F.max_pool2d(a(x).relu(), 2, return_indices=True)[0]), "several tensors"),
    "flatten over maps": (lambda a, b, f, x: torch.flatten(a(x).relu(), 1, 2), r"flatten\(1\)"),
    "view": (lambda a, b, f, x: a(x).relu().view(1, -1), r"flatten\(1\)"),
    "view by width": (lambda a, b, f, x: a(x).relu().view(x.size(2), -1), r"flatten\(1\)"),
    "constant": (lambda a, b, f, x: b(torch.add(a(x).relu(), other=1.0)), "constant"),
    "floor": (lambda a, b, f, x: b(torch.div(a(x).relu(), 0.1, rounding_mode="floor")), "plain number"),
    "square": (lambda a, b, f, x: b(a(x).relu() ** 2), "not known"),
    "inverse": (lambda a, b, f, x: b(1 / (a(x).relu())), "plain number"),
    "gate": (lambda a, b, f, x: b((y := a(x).relu()) * y.mean((2, 3), keepdim=True)), "plain number"),
    "picture added": (lambda a, b, f, x: b(a(x).relu() + x.mean()), "carries no scale"),
    "weights read elsewhere": (lambda a, b, f, x: b(a(x).relu()) * a.weight.norm(), "used twice"),
    "used twice": (lambda a, b, f, x: b(a(x).relu()) + b(a(x)), "used twice"),
    "two outputs": (lambda a, b, f, x: (a(x).relu(), b(a(x).relu())), "used twice"),
    "dictionary": (lambda a, b, f, x: {"out": a(x).relu()}, "several tensors"),
    "linear on columns": (lambda a, b, f, x: f(a(x).relu()[..., :6]), "picks out"),
    "cat": (lambda a, b, f, x: torch.cat([(y := a(x).relu()), y], 1), "one list of scales"),
    "einsum": (lambda a, b, f, x: torch.einsum("nchw,ncij->nij", (y := a(x).relu()), y), "not known"),
    "mean over maps": (lambda a, b, f, x: a(x).relu().mean(1), "mixes feature maps"),
    "transpose": (lambda a, b, f, x: b(a(x).relu().transpose(2, 3)), "not known"),
}


@pytest.mark.parametrize("way", SAFE.values(), ids=SAFE)
def test_ways_of_writing_that_are_safe(way):
    holds(Own(way), random_pictures(2))


@pytest.mark.parametrize("way, why", UNSAFE.values(), ids=UNSAFE)
def test_ways_of_writing_that_are_refused(way, why):
    net = Own(way)
    assert check_rescalable(net) != ""
    with pytest.raises(NormalizationError, match=why):
        normalize_weights(net, {"first": torch.ones(6)})


def scaled_by_hand(operation, channels, scales_behind):
    """How far the output is off when a convolution is divided by scales and the one behind the operation undoes it."""
    first, second = nn.Conv2d(3, 6, 3).double(), nn.Conv2d(channels, 4, 3).double()
    scales = torch.tensor([0.25, 0.5, 1, 2, 4, 8], dtype=torch.float64)
    (picture,) = random_pictures(1)
    with torch.no_grad():
        right = second(operation(first(picture).relu()))
        for values in (first.weight, first.bias):
            values /= scales.view(-1, *[1] * (values.ndim - 1))
        second.weight *= scales_behind(scales)[:, None, None]
        return (second(operation(first(picture).relu())) - right).abs().max().item()


@pytest.mark.parametrize(
    "operation, channels, scales_behind, verdict",
    [
        (lambda x: torch.cat([x, 2 * x], 1), 12, lambda d: torch.cat([d, d]), "is not supported here"),
        (lambda x: torch.concat([x, x], 1), 12, lambda d: torch.cat([d, d]), "is not supported here"),
        (lambda x: x.clamp(min=0), 6, lambda d: d, "is not supported here"),
        (lambda x: x[:, :, 1:-1, 2:], 6, lambda d: d, "is not supported here"),
        (lambda x: x[:, [3, 1]], 2, lambda d: d[[3, 1]], "is not supported here"),
        (lambda x: F.pad(x, (1, 1, 2, 2)), 6, lambda d: d, "is not supported here"),
        (lambda x: F.threshold(x, 0.0, 0.0), 6, lambda d: d, "is not supported here"),
        (lambda x: x.permute(0, 1, 3, 2), 6, lambda d: d, "is not supported here"),
        (lambda x: x.clamp(0, 1), 6, lambda d: d, "forbids rescaling"),
        (lambda x: x.clamp(max=1), 6, lambda d: d, "forbids rescaling"),
        (lambda x: x.sigmoid(), 6, lambda d: d, "forbids rescaling"),
        (lambda x: x + 1, 6, lambda d: d, "forbids rescaling"),
    ],
)
def test_what_is_said_to_forbid_it_does_and_what_is_only_not_supported_need_not(
    operation, channels, scales_behind, verdict
):
    chain = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), Function(operation), nn.Conv2d(channels, 4, 3))
    assert f" {verdict}: " in check_rescalable(chain)
    off = scaled_by_hand(operation, channels, scales_behind)
    assert off > 0.01 if verdict == "forbids rescaling" else off == 0


def test_weights_that_are_made_from_others_are_refused():
    def chain():
        return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU())

    for change in (
        lambda net: nn.utils.spectral_norm(net[2]),
        lambda net: prune.l1_unstructured(net[0], "weight", 0.5),
        lambda net: parametrizations.weight_norm(net[0]),
        lambda net: parametrizations.weight_norm(net[2]),
        lambda net: net[1].register_forward_hook(lambda module, given, found: found.sigmoid()),
    ):
        net = chain()
        assert check_rescalable(net) == ""
        change(net)
        assert "is not supported here: " in check_rescalable(net)
    shared = nn.BatchNorm2d(6, affine=False).eval()
    twice = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), shared, nn.Conv2d(6, 6, 3), nn.ReLU(), shared, nn.Conv2d(6, 2, 3)
    )
    assert "used twice" in check_rescalable(twice)
    own = type(
        "Own",
        (type(vgg := VGG19()),),
        {"forward": lambda self, image: super(type(self), self).forward(image).sigmoid()},
    )
    vgg.__class__ = own
    assert "cannot be followed" in check_rescalable(vgg)


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed):
    """Whatever passes the check keeps its output, and with powers of two to the last bit."""
    generator = torch.Generator().manual_seed(seed)

    def choose(options):
        return options[torch.randint(len(options), (), generator=generator)]

    layers, channels = [], 3
    for _ in range(choose((2, 3, 4))):
        wider = 2 * choose((1, 2, 3))
        layers.append(
            nn.Conv2d(
                channels,
                wider,
                choose((1, 3)),
                stride=choose((1, 1, 2)),
                padding=1,
                bias=choose((True, False)),
                groups=choose((1, 2)) if channels % 2 == 0 else 1,
                padding_mode=choose(("zeros", "reflect", "circular")),
            )
        )
        channels = wider
        layers += choose(([], [nn.BatchNorm2d(channels)], [nn.AvgPool2d(2, padding=1)]))
        layers += choose(([nn.ReLU()], [nn.ReLU(inplace=True)], [nn.LeakyReLU(0.2)], [nn.PReLU(channels)], []))
        layers += choose(
            (
                [],
                [nn.MaxPool2d(2, ceil_mode=True)],
                [nn.Dropout2d()],
                [nn.Upsample(scale_factor=2, mode="bilinear")],
                [nn.BatchNorm2d(channels)],
            )
        )
    if choose((True, False)):
        layers += [nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(6 * channels, 3), nn.Sigmoid()]
    net = nn.Sequential(*layers).double().eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.2 if "var" in name else -1, 1, generator=generator)
    assert check_rescalable(net) == ""
    pictures = [torch.rand(1, 3, 20, 24, dtype=torch.float64, generator=generator) for _ in range(3)]
    try:
        means = mean_activations(net, pictures, progress=False)
    except StatisticsError as error:
        assert "No convolution" in str(error) and not scale_flow(net).rectified
        return
    for power in (False, True):
        new = normalize_weights(net, means, power_of_two=power)
        with torch.no_grad():
            found, right = new.rescaling.restore_output(new(pictures[0])), net(pictures[0])
        assert (
            torch.equal(found, right)
            if power
            else torch.allclose(found, right, rtol=0, atol=DOUBLE * right.abs().max().item())
        )
