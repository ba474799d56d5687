"""The peers of the benchmarks minimise the course's cost, by formulas of their own."""

import copy

import pytest
import torch

from bounds import DOUBLE
from course_utils.colour import match_colours
from course_utils.cost import painting_cost
from course_utils.images import load_image, to_8bit
from peers import PEERS, Tutorial


@pytest.fixture(scope="module")
def pictures():
    sizes = {"animal_koala": (32, 40), "van_gogh_night_cafe": (32, 36)}
    return [to_8bit(load_image(name, size).double()) for name, size in sizes.items()]


@pytest.fixture(scope="module")
def double(net):
    return copy.deepcopy(net).double()


@pytest.mark.long
@pytest.mark.parametrize("name", PEERS)
def test_peers_minimise_the_common_cost(net, double, pictures, name):
    """In float64, but for pastiche, which computes in float32."""
    own, near = (net, 1e-3) if name == "pastiche" else (double, DOUBLE)  # pastiche: 1e-6 as measured
    pictures = [picture.to(own.mean) for picture in pictures]
    peer, cost = PEERS[name](own, *pictures), painting_cost(own, *pictures)
    image = match_colours(*pictures)
    assert peer.objective(image) == pytest.approx(cost.losses(image)["total"], rel=near)
    path = []
    peer.run(6, lambda picture: path.append(picture()))
    assert len(path) == 6 and all(
        picture.shape == image.shape and 0 <= picture.min() and picture.max() <= 1 for picture in path
    )
    totals = [cost.losses(picture)["total"] for picture in (pictures[0], *path)]
    assert totals[-1] < totals[0] / 2
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in own.parameters())


@pytest.mark.long
def test_the_optimiser_does_not_see_how_a_cost_is_computed(double, pictures):
    """Frozen and trainable weights give the same pictures."""
    ends = []
    for trainable in (False, True):
        Tutorial(double, *pictures, trainable=trainable).run(3, lambda picture: ends.append(picture()))
    torch.testing.assert_close(ends[2], ends[5], rtol=0, atol=1e-6)
