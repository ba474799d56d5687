"""Masks, and guided Gram matrices against independent formulas."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_utils.cost import Content, Cost, Style
from course_utils.images import load_image
from course_utils.losses import gram_matrix
from course_utils.regions import (
    at_layer,
    brightness,
    by_brightness,
    by_colour,
    by_line,
    by_picture,
    guided_gram,
    softened,
    with_seam,
)
from course_utils.transfer import minimise
from course_utils.transport import Transport


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def hard(height, width, seed=1):
    return (drawn(1, 1, height, width, seed=seed) > 0.4).double()


def by_hand(features, guide):
    """The weighted mean of the products at each position, one after the other."""
    total, below = 0, 0
    for row in range(features.shape[2]):
        for column in range(features.shape[3]):
            a, weight = features[:, :, row, column], guide[0, 0, row, column] ** 2
            total, below = total + weight * torch.einsum("nk,nl->nkl", a, a), below + weight
    return total / below


@pytest.mark.parametrize("soft", [False, True])
def test_against_a_weighted_mean(soft):
    features, mask = drawn(2, 5, 6, 7), drawn(1, 1, 6, 7, seed=3) if soft else hard(6, 7)
    assert torch.allclose(guided_gram(features, mask), by_hand(features, mask), rtol=1e-13, atol=0)


def test_gradient_against_finite_differences():
    mask = drawn(1, 1, 12, 14, seed=4)  # averaged over windows of 3 × 2
    assert torch.autograd.gradcheck(lambda a: guided_gram(a, mask), drawn(1, 3, 4, 7).requires_grad_())


def test_gradient_by_the_formula():
    """For φ(G) with φ' = B: ∂φ/∂a_i = T_i² / Σ T² · (B + Bᵀ) a_i."""
    features, mask, B = drawn(1, 4, 5, 6).requires_grad_(), drawn(1, 1, 5, 6, seed=5), drawn(1, 4, 4, seed=6)
    (found,) = torch.autograd.grad((guided_gram(features, mask) * B).sum(), features)
    share = mask.square() / mask.square().sum()
    right = torch.einsum("nkl,nlhw->nkhw", B + B.mT, features.detach()) * share
    assert torch.allclose(found, right, rtol=1e-12, atol=1e-15)


def test_two_halves_make_the_whole():
    """p₁ G₁ + p₂ G₂ = G, with p the share of the positions: hard masks differ from the plain mean only as that."""
    features, mask = drawn(2, 5, 6, 7), hard(6, 7)
    share = mask.mean()
    both = share * guided_gram(features, mask) + (1 - share) * guided_gram(features, 1 - mask)
    assert torch.allclose(both, gram_matrix(features, divide=True), rtol=1e-13, atol=0)


def test_the_same_painting_in_both_regions(net):
    """The guided costs sum up to Σ_l λ^l Σ_r ‖G_r − A‖² / (4C²) with the means G_r over the regions, in value and
    gradient: here the positions of each region are taken out and multiplied.
    """
    photo, painting = load_image("animal_koala", (32, 48)), load_image("van_gogh_night_cafe", (32, 40))
    net, photo, painting = net.double(), photo.double(), painting.double()
    try:
        mask = torch.zeros(1, 1, 32, 48, dtype=torch.float64)
        mask[..., 16:] = 1  # pools to a hard mask in each layer
        layers = {"relu1_1": 2.0, "relu3_1": 1.0}
        terms = [Style(net, painting, 1.0, layers, mask=m, name=str(n)) for n, m in enumerate((mask, 1 - mask))]
        value, gradient, _ = Cost(net, terms)(photo)
        image = photo.clone().requires_grad_()
        found, target = net.features(image, layers), net.features(painting, layers)
        total = 0
        for layer, weight in layers.items():
            a, b = found[layer][0], target[layer][0].flatten(1)
            A, border = b @ b.T / b.shape[1], a.shape[2] // 3
            for rows in (a[..., border:].flatten(1), a[..., :border].flatten(1)):
                total = total + weight * (rows @ rows.T / rows.shape[1] - A).square().sum() / (4 * len(a) ** 2)
        (right,) = torch.autograd.grad(total, image)
        assert value == pytest.approx(total.item(), rel=1e-12)
        assert (gradient - right).norm() <= 1e-12 * right.norm()
    finally:
        net.float()


def test_without_a_mask_it_is_the_plain_cost_to_the_bit(net):
    photo, painting = load_image("animal_koala", 40), load_image("van_gogh_night_cafe", 40)
    plain, none = (Cost(net, [Style(net, painting, **given)]) for given in ({}, {"mask": None}))
    (value, gradient, losses), again = plain(photo), none(photo)
    assert value == again[0] and gradient.equal(again[1]) and losses == again[2]
    ones = Cost(net, [Style(net, painting, mask=torch.ones(1, 1, 5, 5))])(photo)
    assert ones[0] == pytest.approx(value, rel=1e-4)


def test_ones_give_the_plain_gram_matrix():
    features = drawn(1, 6, 9, 11)
    found, plain = guided_gram(features, torch.ones(1, 1, 30, 40)), gram_matrix(features, divide=True)
    assert torch.allclose(found, plain, rtol=1e-13, atol=0)


def test_masks_reach_a_layer_as_means():
    mask = drawn(1, 1, 12, 18, seed=9)
    assert torch.allclose(at_layer(mask, (6, 9)), F.avg_pool2d(mask, 2), rtol=1e-14)
    assert at_layer(mask, (12, 18)) is mask


# --- masks -------------------------------------------------------------------------------------------------------


def test_brightness_by_hand():
    photo = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0.5, 0.5, 0.5]]).T.reshape(1, 3, 1, 5)
    assert torch.allclose(brightness(photo), torch.tensor([0.2126, 0.7152, 0.0722, 1, 0.5]).view(1, 1, 1, 5))
    assert by_brightness(photo, 0.4).flatten().tolist() == [0, 1, 0, 1, 1]


def test_hues_by_name():
    colours = {0: (1, 0, 0), 60: (1, 1, 0), 120: (0, 1, 0), 180: (0, 1, 1), 240: (0, 0, 1), 300: (1, 0, 1)}
    photo = torch.tensor([*colours.values(), (0.5, 0.5, 0.5), (0, 0, 0)], dtype=torch.float32).T.reshape(1, 3, 1, 8)
    for number, hue in enumerate(colours):
        assert by_colour(photo, hue, 30).flatten().tolist() == [float(n == number) for n in range(8)]
    assert by_colour(photo, 360, 30).equal(by_colour(photo, 0, 30))
    assert by_colour(photo, 0, 180).sum() == 6  # greys have no hue


def test_lines():
    photo = torch.zeros(1, 3, 8, 6)
    upper, left = torch.zeros(1, 1, 8, 6), torch.zeros(1, 1, 8, 6)
    upper[:, :, :4], left[..., :3] = 1, 1
    for angle, right in ((0, upper), (90, left), (180, 1 - upper), (270, 1 - left), (-90, 1 - left)):
        assert by_line(photo, angle).equal(right)
    assert by_line(photo, 0, 0.5).sum() == 12 and by_line(photo, 0, 1).sum() == 0 and by_line(photo, 0, -1).sum() == 48


def test_softened_borders():
    mask = by_line(torch.zeros(1, 3, 8, 8))
    assert softened(mask, 0).equal(mask)
    soft = softened(mask, 0.5)[0, 0, :, 3]  # the mean over three rows
    assert torch.allclose(soft, torch.tensor([1, 1, 1, 2 / 3, 1 / 3, 0, 0, 0]), atol=1e-6)


def test_a_painted_mask_is_stretched():
    painted = torch.zeros(1, 3, 4, 4)
    painted[:, :, :2] = 1
    mask = by_picture(torch.zeros(1, 3, 8, 6), painted)
    assert mask.shape == (1, 1, 8, 6) and (mask[:, :, :3] == 1).all() and (mask[:, :, 5:] == 0).all()


def test_the_seam_lies_along_the_border():
    picture, mask = torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
    mask[..., 4:] = 1
    shown = with_seam(picture, mask)
    assert (shown[..., 4] == 0).all() and (shown[..., 3] == 1).all()
    assert (shown[..., :3] == 0.5).all() and (shown[..., 5:] == 0.5).all()
    assert with_seam(picture, torch.ones(1, 1, 8, 8)).equal(picture)


@pytest.mark.parametrize(
    "call",
    [
        lambda: guided_gram(drawn(1, 3, 4, 4), torch.zeros(1, 1, 8, 8)),
        lambda: guided_gram(drawn(1, 3, 4, 4), torch.full((1, 1, 8, 8), 2.0)),
        lambda: guided_gram(drawn(1, 3, 4, 4), torch.ones(8, 8)),
        lambda: by_line(torch.zeros(1, 3, 8, 8), math.nan),
        lambda: by_line(torch.zeros(1, 3, 8, 8), 0, 2),
        lambda: by_colour(torch.zeros(1, 3, 8, 8), 400),
        lambda: by_brightness(torch.zeros(1, 3, 8, 8), 2),
        lambda: with_seam(torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 4, 4)),
    ],
)
def test_what_cannot_be_guided_is_refused(call):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        call()


# --- a descent ---------------------------------------------------------------------------------------------------


def regions(net, photo, paintings, masks):
    terms = [
        Style(net, paint, 1.0, mask=mask, name=f"style {n}") for n, (paint, mask) in enumerate(zip(paintings, masks))
    ]
    return Cost(net, [Content(net, photo, 1e-3), *terms])


@pytest.mark.long
def test_each_region_comes_nearer_to_its_own_painting(net):
    """The control is the same descent with the paintings exchanged."""
    photo = load_image("animal_koala", 64)
    paintings = [load_image(name, 64) for name in ("van_gogh_night_cafe", "van_gogh_langlois_bridge")]
    masks = [by_line(photo), 1 - by_line(photo)]
    pictures = []
    for order in (paintings, paintings[::-1]):
        cost = regions(net, photo, order, masks)
        assert Transport(cost).worthwhile and len(Transport(cost).styles) == 2
        states = list(minimise(cost, photo, 20))
        totals = [state.losses["total"] for state in states]
        assert totals == sorted(totals, reverse=True)
        pictures.append(states[-1].image)
    cost = regions(net, photo, paintings, masks)
    own, other = (cost.losses(picture) for picture in pictures)
    print(own, other)
    for name in ("style 0", "style 1"):
        assert own[name] < other[name] / 2
