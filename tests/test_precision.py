"""Fewer digits: what is rounded and what is not, and what that does to a saved picture."""

import pytest
import torch

from bounds import rounding
from course_utils.__main__ import main
from course_utils.checkpoint import Checkpoint, StateError
from course_utils.cost import Cost, TotalVariation, painting_cost
from course_utils.images import load_image
from course_utils.precision import convolutions, narrowed
from course_utils.settings import PRECISIONS, Settings
from course_utils.transfer import descend, transfer
from course_utils.vgg import VGG, VGG19_BLOCKS
from course_utils.winograd import fewer_multiplications
from pretended import Watch

PAIR = ("animal_koala", "van_gogh_night_cafe")
HALF = 2**-9  # of a number: what rounding to 7 binary digits behind the point changes at most
CUDA = torch.device("cuda")


@pytest.fixture(scope="module")
def pair():
    return [load_image(name, 48) for name in PAIR]


def test_the_network_is_narrow_and_what_it_gives_is_not(net, pair):
    """The mean colour is subtracted in float32. Each layer rounds its sum once, after rounded filters and inputs: at
    most 3 HALF of the sum of the products' sizes; by `rounding` the cancelling takes √n of n products, so that a layer
    adds 3 HALF √n of the largest activation where all roundings conspire, and 3 HALF as they fall. 10 layers.
    """
    narrow = narrowed(net)
    (maps,), (wide,) = (one.features(pair[0], ["relu4_2"]).values() for one in (narrow, net))
    assert maps.dtype == narrow.mean.dtype == torch.float32 and narrow.conv1_1.weight.dtype == torch.bfloat16
    assert torch.equal(maps, maps.bfloat16().float()) and not torch.equal(wide, wide.bfloat16().float())
    assert 0 < (maps - wide).abs().max() / wide.abs().max() < 10 * 3 * HALF
    assert net.conv1_1.weight.dtype == torch.float32 and torch.equal(narrow.mean, net.mean)


@pytest.mark.parametrize("tile", [None, 32], ids=["whole", "tiled"])
def test_the_gradient_points_the_same_way(net, pair, tile):
    """Rounded at 26 convolutions, there and back, by 3 HALF each: 0.15 if no two roundings cancel, 9° aside."""
    one, other = (
        painting_cost(net, *pair, tile=tile, precision=precision)(pair[0]) for precision in ("float32", "bfloat16")
    )
    assert other[1].dtype == torch.float32 and other[1].is_contiguous() and not torch.equal(one[1], other[1])
    assert torch.nn.functional.cosine_similarity(one[1].flatten(), other[1].flatten(), dim=0) > 0.98
    assert other[2] == pytest.approx(one[2], rel=0.15, abs=0.15 * one[2]["total"])


@pytest.mark.long
def test_a_narrow_descent_is_judged_in_float32(net, pair):
    """The loss of the saved picture: rounding moves an activation by about 3 HALF √13 = 2 %. So the cost cannot tell
    pictures apart whose costs differ by less than 0.02² of the cost without any activations. After 14 evaluations the
    total is above ten times that, and the descents end within a third of each other (1.00 as measured).
    """
    wide, narrow = (transfer(*pair, net=net, evaluations=14, precision=name) for name in ("float32", "bfloat16"))
    totals = [losses["total"] for _, losses in narrow.history]
    assert totals == sorted(totals, reverse=True) and len(totals) == 14
    judge = painting_cost(net, *pair)
    assert narrow.losses == pytest.approx(judge.losses(narrow.image), rel=rounding(net))
    assert narrow.losses == narrow.cost.losses(narrow.image) and narrow.losses["total"] != totals[-1]
    blank = sum(weight * target.square().mean().item() for target, weight in zip(*targets(judge)))
    assert narrow.losses["total"] > 10 * 0.02**2 * blank
    assert 0.75 < narrow.losses["total"] / wide.losses["total"] < 1 / 0.75


def targets(cost):
    """The targets of a cost and the weights of their mean squares."""
    content, style = cost.terms
    return (
        [*content.targets.values(), *style.targets.values()],
        [*content.layers.values(), *(weight / 4 for weight in style.layers.values())],
    )


def test_on_a_processor_tf32_is_float32(net, pair):
    one, other = (list(descend(*pair, net=net, evaluations=3, precision=name)) for name in ("float32", "tf32"))
    assert torch.equal(one[-1].image, other[-1].image)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_a_card_is_told(precision):
    """Calls convolve as the precision says, losses and targets always in full; afterwards all is as before."""
    net = VGG([(count, 4) for count, _ in VGG19_BLOCKS]).requires_grad_(False)
    setting, seen = torch.backends.cudnn.conv, []

    class Looks(TotalVariation):
        def __call__(self, image, features):
            seen.append(setting.fp32_precision)
            return super().__call__(image, features)

    watch, before, cost = Watch(), setting.fp32_precision, Cost(net, [Looks(1.0)], precision)
    watch.pretend_all(cost)
    image = watch.pretend(torch.rand(1, 3, 16, 16))
    with watch:
        cost(image)
        cost.losses(image)
    assert seen == ["tf32" if precision == "tf32" else "ieee", "ieee"] and setting.fp32_precision == before


def test_afterwards_all_is_as_before():
    setting = torch.backends.cudnn.conv
    before = setting.fp32_precision
    with pytest.raises(KeyError), convolutions("float32", CUDA):
        assert setting.fp32_precision == "ieee"
        raise KeyError
    assert setting.fp32_precision == before
    with convolutions("tf32", torch.device("cpu")):
        assert setting.fp32_precision == before


def test_refusals(net, pair, tmp_path):
    with pytest.raises(ValueError, match="^precision is one of 'float32', 'tf32', 'bfloat16', not 'half'.$"):
        Settings(precision="half")
    with pytest.raises(ValueError, match="^precision is one of"):
        Cost(net, [TotalVariation(1.0)], precision=16)
    with pytest.raises(ValueError, match="give the one from vgg19"):
        narrowed(fewer_multiplications(net))
    path = tmp_path / "state"
    transfer(*pair, net=net, evaluations=2, precision="bfloat16", checkpoint=Checkpoint(path), on_state=lambda _: True)
    with pytest.raises(StateError, match=r"another run \(precision: bfloat16 there, float32 here\): give the same"):
        transfer(*pair, net=net, evaluations=2, checkpoint=Checkpoint(path, resume=True))


def test_the_command(tmp_path, capsys):
    paths = [str(tmp_path / f"{precision}.png") for precision in ("float32", "bfloat16")]
    for path in paths:
        options = ["--size", "32", "--evaluations", "2", "--quiet", "--precision", path.split("/")[-1][:-4]]
        assert main(["transfer", *PAIR, "-o", path, *options]) == 0
    one, other = (load_image(path) for path in paths)
    assert 0 < (one - other).abs().mean() < 4 / 255
