"""The peers of the benchmarks minimise the course's cost, by formulas of their own."""
import pytest
import torch

from course_utils.colour import match_colours
from course_utils.images import load_image, to_8bit
from course_utils.transfer import Cost
from peers import PEERS, Tutorial


@pytest.fixture(scope="module")
def pictures():
    return to_8bit(load_image("animal_koala", 48)), to_8bit(load_image("van_gogh_night_cafe", 40))


@pytest.mark.parametrize("name", PEERS)
def test_peers_minimise_the_common_cost(net, pictures, name):
    peer, cost = PEERS[name](net, *pictures), Cost(net, *pictures)
    image = match_colours(*pictures)
    assert peer.objective(image) == pytest.approx(cost.losses(image)["total"], rel=1e-4)
    path = []
    peer.run(6, lambda picture: path.append(picture()))
    assert len(path) == 6 and all(picture.shape == image.shape and 0 <= picture.min() and picture.max() <= 1 for picture in path)
    totals = [cost.losses(picture)["total"] for picture in (pictures[0], *path)]
    assert totals[-1] < totals[0] / 2
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in net.parameters())


def test_the_optimiser_does_not_see_how_a_cost_is_computed(net, pictures):
    """Frozen and trainable weights give the same pictures."""
    ends = []
    for trainable in (False, True):
        Tutorial(net, *pictures, trainable=trainable).run(3, lambda picture: ends.append(picture()))
    torch.testing.assert_close(ends[2], ends[5], rtol=0, atol=1e-4)
