"""The measure of style against independent formulas, with its controls."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from course_utils import measures
from course_utils.images import load_image, photos, resize, to_8bit
from course_utils.measures import AXES, CALIBRATED, Judge, MeasureError, Style, gaussian, kl, principal_axes
from course_utils.studio import with_pooling


@pytest.fixture(scope="module")
def pair():
    return load_image("animal_koala", 96), load_image("van_gogh_night_cafe", 96)


def test_kl_is_that_of_torch():
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(1, 5, 6, 7, generator=generator, dtype=torch.float64) for _ in range(2)]
    ours, theirs = (gaussian(scale * features + scale) for scale, features in zip((1.0, 2.0), draws))
    assert ours[0] == pytest.approx(draws[0].mean((0, 2, 3)) + 1) and torch.linalg.eigvalsh(ours[1]).min() > 0
    expected = kl_divergence(*(MultivariateNormal(*found) for found in (ours, theirs))).item()
    assert kl(*ours, *theirs) == pytest.approx(expected)  # float64
    assert kl(*ours, *ours) == pytest.approx(0, abs=1e-9)


def test_covariance_is_that_of_torch():
    features = torch.randn(1, 5, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, covariance = gaussian(features)
    assert torch.allclose(covariance, torch.cov(features[0].flatten(1), correction=0), rtol=1e-12)
    assert torch.allclose(mean, features.mean((0, 2, 3)), rtol=1e-12)


def test_by_hand_along_one_axis(net, pair, monkeypatch):
    """Along single axes KL is ½ (v/w + (m − n)²/w − 1 − ln v/w)."""
    monkeypatch.setattr(measures, "AXES", dict.fromkeys(AXES, 1))
    axes, expected = {layer: torch.zeros(64 * 2**n, 1, dtype=torch.float64) for n, layer in enumerate(AXES)}, 0.0
    for layer, axis in axes.items():
        axis[3] = 1
        (m, v), (n, w) = (
            (channel.mean().item(), channel.var(correction=0).item())
            for channel in (net.features(image, [layer])[layer][0, 3].double() for image in pair)
        )
        expected -= CALIBRATED[layer] * math.log((v / w + (m - n) ** 2 / w - 1 - math.log(v / w)) / 2)
    assert Style(net, pair[1], axes)(pair[0]) == pytest.approx(expected, rel=1e-9)


def test_the_stored_axes():
    axes = measures.stored_axes()
    for layer, count in AXES.items():
        assert axes[layer].shape == (64 * 2 ** (int(layer[4]) - 1), count)
        assert torch.allclose(axes[layer].T @ axes[layer], torch.eye(count, dtype=torch.float64), atol=1e-5)
    assert measures.FILE.stat().st_size < 200_000


@pytest.mark.long
def test_the_stored_axes_are_those_of_the_photos(net):
    """The leading axis of each layer up to its sign; the space of all of them by the projection onto it."""
    found = principal_axes(net, (load_image(name, measures.SIZE) for name in measures.references()))
    for layer, axes in measures.stored_axes().items():
        assert abs(found[layer][:, 0] @ axes[:, 0]) > 1 - 1e-4
        assert (found[layer].T @ axes).square().sum() > AXES[layer] - 0.1


def test_axes_are_those_of_the_largest_variance(net):
    names = photos()[:2]
    axes = principal_axes(net, (load_image(name, 64) for name in names))["relu1_1"]
    rows = [net.features(load_image(name, 64), ["relu1_1"])["relu1_1"][0].flatten(1).double() for name in names]
    covariance = sum(torch.cov(row, correction=0) for row in rows)
    along = torch.linalg.eigvalsh(covariance).flip(0)[:32]
    assert torch.allclose(torch.diagonal(axes.T @ covariance @ axes), along, rtol=1e-6, atol=1e-9 * along[0])


def test_controls_and_a_picture_between_them(net, pair):
    """The photo has the least style and no content cost, the stretched painting the most of both."""
    judge = Judge(net, *pair)
    photo, painting = judge.controls["the photo"], judge.controls["the painting"]
    assert photo["content"] == 0 and painting["content"] == 1 and photo["E"] < painting["E"]
    between = judge(to_8bit(0.5 * pair[0] + 0.5 * resize(pair[1], tuple(pair[0].shape[2:]))))
    assert 0 < between["content"] and photo["E"] < between["E"] < painting["E"]


def test_where_the_statistics_are_taken_does_not_matter(net, pair):
    """A picture has the E of its mirror image only as far as the network sees both alike; positions have no order."""
    features = torch.randn(1, 6, 5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    one, other = gaussian(features), gaussian(features.flip(3).mT)
    assert all(torch.allclose(a, b, rtol=1e-12) for a, b in zip(one, other))


def test_what_cannot_be_measured_is_said(net, pair, monkeypatch, tmp_path):
    with pytest.raises(MeasureError, match="max pooling"):
        Style(with_pooling(net, "average"), pair[1])
    for bad in (load_image("animal_koala", 40), torch.full((1, 3, 64, 64), 2.0), torch.zeros(3, 64, 64), None):
        with pytest.raises(MeasureError, match=r"^[^\n]+\.$"):
            Style(net, bad)
        with pytest.raises(MeasureError, match=r"^[^\n]+\.$"):
            Style(net, pair[1])(bad)
    assert Style(net, pair[1])(torch.zeros(1, 3, 64, 64)) < -10  # a blank picture has no style at all
    with pytest.raises(MeasureError, match="vary"):
        Style(net, torch.zeros(1, 3, 64, 64))
    for name, content in {"missing": None, "damaged": b"no archive", "empty": b""}.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setattr(measures, "FILE", path)
        with pytest.raises(MeasureError, match="course_utils.measures"):
            measures.stored_axes.__wrapped__()
    with open(tmp_path / "other.npz", "wb") as file:
        np.savez(file, **{layer: np.zeros((4, 3)) for layer in AXES})
    monkeypatch.setattr(measures, "FILE", tmp_path / "other.npz")
    with pytest.raises(MeasureError, match="damaged"):
        measures.stored_axes.__wrapped__()
