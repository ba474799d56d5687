"""Projected L-BFGS on functions whose minimum is known, and the colour map."""

import numpy as np
import pytest
import scipy.optimize
import torch

from bounds import DOUBLE
from course_utils.colour import match_colours
from course_utils.descent import (
    NotFinite,
    _bent_upward,
    _direction,
    inverse_frequency,
    projected_lbfgs,
)
from course_utils.images import load_image
from networks import gap


def quadratic(seed=0, n=48, spread=2):
    """½ xᵀAx − bᵀx with a minimum that lies partly outside the box; condition number 10^(2·spread)."""
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    A = basis @ torch.diag(torch.logspace(-spread, spread, n, dtype=torch.float64)) @ basis.T
    b = A @ (torch.rand(n, generator=generator, dtype=torch.float64) * 2 - 0.5)

    def function(image):
        x = image.flatten()
        value = (0.5 * x @ A @ x - b @ x).item()
        return value, (A @ x - b).reshape(image.shape), value

    return function, torch.rand(1, 3, 4, n // 12, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("precondition", [None, "frequency"])
def test_finds_the_minimum_in_the_box(seed, precondition):
    function, start = quadratic(seed)
    H = inverse_frequency(start.shape) if precondition else None
    *_, last = projected_lbfgs(function, start, 600, precondition=H)

    def flat(x):
        value, gradient, _ = function(torch.from_numpy(x).reshape(start.shape))
        return value, gradient.flatten().numpy()

    scipys = scipy.optimize.minimize(
        flat,
        start.flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, 1)] * start.numel(),
        options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10},
    )
    assert last.record - scipys.fun < 1e-5 * abs(scipys.fun)


def test_stays_in_the_box_and_never_rises():
    function, start = quadratic()
    seen = []

    def watched(image):
        assert image.min() >= 0 and image.max() <= 1
        seen.append(image)
        return function(image)

    points = list(projected_lbfgs(watched, start * 3 - 1, 60))
    values = [point.record for point in points]
    assert [point.evaluations for point in points] == list(range(1, len(points) + 1)) and len(seen) == len(points)
    assert all(later <= earlier for earlier, later in zip(values, values[1:]))
    assert all(function(point.image)[0] == point.record for point in points)


def test_takes_back_steps_that_rise():
    """A wall beside a slope: the first step goes far too far and has to be taken back."""

    def wall(image):
        x = image.double()
        return (1000 * (x - 0.49) ** 2).sum().item(), 2000 * (x - 0.49), None

    start = torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64)
    points = list(projected_lbfgs(wall, start, 12, first_step=0.5))
    assert torch.equal(points[1].image, start)  # the second evaluation was a failure
    assert (points[-1].image - 0.49).abs().max() < 1e-4


def test_useless_curvature_does_not_blow_up_the_step():
    """A concave function: no pair has positive curvature, and each first step keeps the length that was asked for."""

    def concave(image):
        return -((image - 0.3) ** 2).sum().item() * 1e9, -2e9 * (image - 0.3), None

    start = torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64)
    moves = [point.image for point in projected_lbfgs(concave, start, 4, first_step=0.01)]
    assert all((later - earlier).abs().max() < 0.011 for earlier, later in zip(moves, moves[1:]))


@pytest.mark.parametrize("memory", [1, 3])
def test_memory_is_kept(memory, monkeypatch):
    from course_utils import descent

    lengths, original = [], descent._direction
    monkeypatch.setattr(
        descent,
        "_direction",
        lambda image, gradient, pairs, *others: lengths.append(len(pairs)) or original(image, gradient, pairs, *others),
    )
    function, start = quadratic()
    list(projected_lbfgs(function, start, 12, memory=memory))
    assert max(lengths) == memory


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**30])  # powers of two round nothing
def test_the_path_does_not_depend_on_the_scale(scale):
    function, start = quadratic()

    def scaled(image):
        value, gradient, record = function(image)
        return value * scale, gradient * scale, record

    one, other = (list(projected_lbfgs(f, start, 30)) for f in (function, scaled))
    assert all(torch.equal(a.image, b.image) and a.record == b.record for a, b in zip(one, other, strict=True))


def test_ends_at_a_minimum():
    function = lambda image: (0.0, torch.zeros_like(image), None)
    assert len(list(projected_lbfgs(function, torch.rand(1, 3, 4, 4), 50))) == 1


@pytest.mark.parametrize("when, good", [(1, 0), (4, 3)])
@pytest.mark.parametrize("value, gradient", [(float("nan"), 1.0), (1.0, float("inf"))])
def test_not_finite(when, good, value, gradient):
    function, start = quadratic()
    calls = []

    def breaks(image):
        calls.append(image)
        return (value, torch.full_like(image, gradient), None) if len(calls) == when else function(image)

    points = []
    with pytest.raises(NotFinite):
        for point in projected_lbfgs(breaks, start, 20):
            points.append(point)
    assert len(points) == good and all(point.image.isfinite().all() for point in points)


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (1, 3, 15, 22), (1, 3, 7, 9)])
def test_inverse_frequency_is_symmetric_and_positive(shape):
    H = inverse_frequency(shape)
    x, y = torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert ((x * H(y)).sum() - (H(x) * y).sum()).abs() < DOUBLE * x.norm() * H(y).norm() and (x * H(x)).sum() > 0
    assert gap(H(2 * x + y), 2 * H(x) + H(y)) < DOUBLE
    constant, checks = torch.ones(shape, dtype=torch.float64), (-1.0) ** torch.arange(shape[-1]).double().expand(shape)
    if shape[-1] % 2 == 0:  # the gains at frequency 0 and ½ stand in the ratio of the formula
        ratio = (H(constant).norm() / constant.norm()) / (H(checks).norm() / checks.norm())
        assert ratio.item() == pytest.approx(0.55 / 0.05, rel=1e-6)  # the gains are float32


def test_match_colours_gives_mean_and_covariance():
    image, reference = (
        0.35 + 0.3 * load_image(name, 64).double() for name in ("animal_cat", "van_gogh_night_cafe")
    )  # far from the clamp
    matched = match_colours(image, reference)
    covariances = [np.cov(x[0].flatten(1).numpy(), ddof=0) for x in (matched, reference)]
    assert 0 < matched.min() and matched.max() < 1
    assert np.allclose(*covariances, rtol=0, atol=3e-5)  # 1e-6 is added to their diagonals
    assert gap(matched.mean((2, 3)), reference.mean((2, 3))) < DOUBLE
    assert torch.allclose(match_colours(image, image), image, rtol=0, atol=1e-9)


def test_match_colours_of_a_flat_picture():
    grey = torch.full((1, 3, 8, 8), 0.5)
    result = match_colours(grey, load_image("van_gogh_night_cafe", 32))
    assert result.isfinite().all() and 0 <= result.min() and result.max() <= 1


def test_only_pairs_that_bend_upward_are_used():
    """⟨s, y⟩ on the free pixels decides; the newest usable pair sets the scale."""
    s, y = torch.rand(2, 1, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    free = (torch.arange(48) % 2).view(1, 3, 4, 4).double()
    down_where_free = y * (1 - 2 * free)  # upward only on pixels that are held
    product, good = _bent_upward(s, y, free)
    assert good and product.item() == pytest.approx((s * y * free).sum().item(), rel=1e-12)
    assert not _bent_upward(s, -y, free)[1] and not _bent_upward(s, down_where_free, free)[1]
    image, gradient = torch.full_like(s, 0.5), y - 0.5

    def direction(*pairs):
        return _direction(image, gradient, pairs, lambda x: x, 0.01)

    alone = direction((s, 4 * s))
    assert gap(alone, -gradient / 4) < DOUBLE  # the Hessian is 4 where the pair saw it
    bad = (y, -y), (s, 0 * s)
    assert torch.equal(direction(bad[0], (s, 4 * s), *bad), alone)  # the others change nothing, wherever they stand
    for pairs in (), bad:
        steepest = direction(*pairs)
        assert steepest.abs().mean().item() == pytest.approx(0.01, rel=1e-12)
        assert gap(steepest / steepest.norm(), -gradient / gradient.norm()) < DOUBLE
