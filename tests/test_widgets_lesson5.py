"""The widget of lesson 5: entries, places and pictures against sums over positions."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from course_utils.images import load_image
from course_utils.vgg import VGG
from course_utils.widgets import lesson5

CAFE = "van_gogh_cafe_terrace_at_night"


@pytest.fixture(scope="module")
def found(net):
    return lesson5.grams(net, CAFE, "relu3_1", 96)


def activations(net, source, layer, size):
    """(C, M), double, by numpy."""
    maps = net.features(load_image(source, size), [layer])[layer][0]
    return maps.flatten(1).double().numpy()


def made_up(maps):
    """`Grams` of given maps (C, H, W)."""

    class Net(VGG):
        def features(self, image, layers):
            return {layers[0]: maps[None]}

    return lesson5.grams(Net(((1, 1), (1, 1))), CAFE, "relu2_1", (2 * maps.shape[1], 2 * maps.shape[2]))


@pytest.mark.long
@pytest.mark.parametrize("layer, size", [("relu1_1", 48), ("relu3_1", 96), ("relu5_1", 128), ("relu5_4", 224)])
def test_matrices_against_sums_over_positions(net, layer, size):
    found, maps = lesson5.grams(net, CAFE, layer, size), activations(net, CAFE, layer, size)
    assert np.allclose(found.maps.flatten(1), maps)
    silent, generator = ~maps.any(1), np.random.default_rng(5)
    for k, other in generator.integers(0, len(maps), (200, 2)):
        assert found.matrices["G / M"][k, other].item() == pytest.approx(
            (maps[k] * maps[other]).sum() / maps.shape[1], rel=1e-9
        )
        cosine, correlation = (found.matrices[name][k, other].item() for name in ("cosine", "correlation"))
        if silent[k] or silent[other]:
            assert np.isnan(cosine) and np.isnan(correlation)
        else:
            assert cosine == pytest.approx(
                maps[k] @ maps[other] / np.linalg.norm(maps[k]) / np.linalg.norm(maps[other]), abs=1e-9
            )
            assert correlation == pytest.approx(np.corrcoef(maps[k], maps[other])[0, 1], abs=1e-6)
    for matrix in found.matrices.values():
        assert torch.allclose(matrix, matrix.T, equal_nan=True)
    height, width = found.maps.shape[1:]
    side = {"1": 1, "3": 4, "5": 16}[layer[4]]
    assert found.picture.shape[2:] == (height * side, width * side) and found.name == "Café Terrace at Night, 1888"


def test_strongest_channels_and_evenly_spaced_ones(net, found):
    power = (activations(net, CAFE, "relu3_1", 96) ** 2).sum(1)
    assert lesson5.chosen_channels(found, "strongest") == np.argsort(-power)[:12].tolist()
    assert found.order == np.argsort(-power, kind="stable").tolist()
    spaced = lesson5.chosen_channels(found, "evenly spaced")
    assert spaced[0] == 0 and spaced[-1] == 255 and set(np.diff(spaced)) <= {23, 24} and len(spaced) == 12


def test_most_alike_channels(net, found):
    maps = activations(net, CAFE, "relu3_1", 96)
    strong = np.argsort(-(maps**2).sum(1))[:64]
    alike = {(a, b): np.corrcoef(maps[a], maps[b])[0, 1] for a in strong for b in strong if a != b}
    taken = lesson5.chosen_channels(found, "most alike")
    assert len(set(taken)) == 12 and alike[tuple(taken[:2])] == pytest.approx(max(alike.values()))
    for count in range(2, 12):
        means = {new: np.mean([alike[old, new] for old in taken[:count]]) for new in strong if new not in taken[:count]}
        assert means[taken[count]] == pytest.approx(max(means.values()))


def test_half_of_the_sum_lies_on_the_fewest_positions(net, found):
    for k, other in ((3, 200), (17, 17), tuple(found.order[:2])):
        maps = activations(net, CAFE, "relu3_1", 96)
        product, total, count = sorted(maps[k] * maps[other], reverse=True), 0, 0
        while total < sum(product) / 2:
            total, count = total + product[count], count + 1
        mask = lesson5.half_of_sum(found.maps[k] * found.maps[other])
        assert mask.sum() == count and mask.shape == found.maps.shape[1:]
        held = found.maps[k] * found.maps[other]
        assert held[mask].min() >= held[~mask].max() and held[mask].sum() >= held.sum() / 2
        share = count / len(product)
        said = re.search(r"comes from ([\d.]+)% of the ([\d,]+) positions", lesson5.pair(found, k, other)[1])
        assert float(said[1]) == pytest.approx(100 * share, abs=0.051 if share < 0.0995 else 0.51) and int(
            said[2].replace(",", "")
        ) == len(product)
    assert not lesson5.half_of_sum(torch.zeros(3, 4)).any() and lesson5.half_of_sum(torch.ones(3, 4)).sum() == 6
    assert lesson5.half_of_sum(torch.ones(1, 1)).all()


def test_a_pair_is_drawn_as_it_is(found):
    k, other = found.order[:2]
    figure, says = lesson5.pair(found, k, other)
    first, second, product, places = (axis.images[0].get_array() for axis in figure.axes)
    assert (
        isinstance(figure, Figure)
        and np.array_equal(first, found.maps[k])
        and np.array_equal(second, found.maps[other])
    )
    assert np.allclose(product, found.maps[k] * found.maps[other])
    assert product.mean() == pytest.approx(found.matrices["G / M"][k, other].item(), rel=1e-5)
    coloured = (torch.tensor(np.asarray(places)).permute(2, 0, 1) == found.picture[0]).all(0)
    mask = lesson5.half_of_sum(torch.tensor(np.asarray(product)))
    assert torch.equal(
        coloured.unfold(0, 4, 4).unfold(1, 4, 4).all((2, 3)), mask
    )  # four pixels to a position of relu3_1
    assert f"relu3_1, Café Terrace at Night, 1888: channels {k} and {other}. G/M = " in says
    assert f"cosine {found.matrices['cosine'][k, other]:.2f}, correlation " in says
    assert f"channel {k} with itself" in lesson5.pair(found, k, k)[1]


def test_captions_and_colours_of_a_pair():
    maps = torch.zeros(16, 4, 4)
    maps[1], maps[1, 0, 0], maps[2, :, 0] = 1, 9, 5  # the first fires everywhere
    found = made_up(maps)
    figure, _ = lesson5.pair(found, 1, 2)
    assert [axis.get_title() for axis in figure.axes] == [
        "relu2_1, map 1\nmean 1.5",
        "relu2_1, map 2\nmean 1.25",
        "their product\nmean G/M = 3.75",
        "half of G: 6.2% of\nthe positions, in colour",
    ]
    assert found.matrices["cosine"][1, 2].item() == pytest.approx(60 / (96 * 100) ** 0.5)
    assert [axis.images[0].get_clim() for axis in figure.axes[:3]] == [(0, 9), (0, 5), (0, 45)]


def test_small_shares_are_not_called_none():
    for share, says in (
        (5e-5, "under 0.1%"),
        (0.00099, "under 0.1%"),
        (0.001, "0.1%"),
        (0.0994, "9.9%"),
        (0.0996, "10%"),
        (0.5, "50%"),
    ):
        assert lesson5._percent(share) == says


def test_nearly_constant_maps_have_no_correlation():
    noise = torch.randn(16, 4, 4, generator=torch.Generator().manual_seed(5), dtype=torch.double)
    assert made_up(5 + 1e-7 * noise).matrices["correlation"].isnan().all()  # rounding of float32
    found = made_up(5 + 1e-4 * noise)
    assert np.allclose(found.matrices["correlation"], np.corrcoef(noise.flatten(1)), atol=1e-4)


def test_silent_channels_constant_ones_and_those_that_never_meet():
    maps = torch.zeros(16, 4, 4)
    maps[1, :2], maps[2, 2:], maps[3] = 1, 3, 5
    found = made_up(maps)
    for k, other, says in (
        (0, 1, "Silent in this picture: 0. G/M is 0, and there is no cosine."),
        (4, 5, "Silent in this picture: 4 and 5."),
        (0, 0, "channel 0 with itself. Silent in this picture: 0."),
        (1, 2, "G/M = 0, cosine 0.00, correlation −1.00. They fire nowhere together."),
        (
            3,
            3,
            (
                "cosine 1.00, no correlation, as a map is the same everywhere. Half of the sum comes from 50% of the 16"
                " positions."
            ),
        ),
    ):
        figure, said = lesson5.pair(found, k, other)
        assert says in said and (figure.axes[3].get_title() == "nowhere do\nboth fire") == ("50%" not in said)
    for values, missing in (("cosine", 144 - 9), ("correlation", 144 - 4), ("G / M", 0)):
        entries, _ = lesson5.grid(found, lesson5.chosen_channels(found, "strongest"), values)
        assert (
            [text for text, *_ in entries].count("–")
            == missing
            == [tooltip.endswith("does not exist") for _, tooltip, *_ in entries].count(True)
        )
    assert "13 are silent" in lesson5.overview(found, list(range(12)))[1]


@pytest.mark.long
@pytest.mark.parametrize(
    "source, layer, size",
    [
        ("fish_3", "relu1_1", 1),
        ("fish_3", "relu1_1", 33),
        ("fish_3", "relu5_1", (16, 16)),
        ("monument_cabrillo", "relu5_4", 61),
        ("monument_victoria_memorial_b", "relu4_2", 47),
    ],
)  # the highest and the widest
def test_small_pictures(net, source, layer, size):
    found = lesson5.grams(net, source, layer, size)
    for choice in lesson5.CHOICES:
        channels = lesson5.chosen_channels(found, choice)
        assert len(set(channels)) == 12
        for values in lesson5.VALUES:
            entries, legend = lesson5.grid(found, channels, values)
            assert (
                len(entries) == 144
                and legend.startswith(lesson5.VALUES[values])
                and all(len(text) <= 5 for text, *_ in entries)
            )
            assert isinstance(lesson5.overview(found, channels, values)[0], Figure)
        assert isinstance(lesson5.pair(found, *channels[:2])[0], Figure)


@pytest.mark.parametrize("values", lesson5.VALUES)
def test_the_grid_says_what_the_matrix_holds(found, values):
    channels = lesson5.chosen_channels(found, "strongest")
    entries, legend = lesson5.grid(found, channels, values)
    matrix = found.matrices[values][channels][:, channels].numpy()
    unit = int(re.search(r"units of ([\d,]+)", legend)[1].replace(",", "")) if values == "G / M" else 1
    texts = np.array([float(text.replace("−", "-")) for text, *_ in entries]).reshape(12, 12)
    assert (
        np.allclose(texts * unit, matrix, atol=0.51 * unit if values == "G / M" else 0.0051)
        and (texts == texts.T).all()
        and texts.max() < 100
    )
    full = [float(tooltip.split(values)[1].replace(",", "").replace("−", "-")) for _, tooltip, *_ in entries]
    assert np.allclose(full, matrix.ravel(), rtol=6e-3, atol=0.0051)
    assert [tooltip.split(":")[0] for _, tooltip, *_ in entries] == [
        f"channels {k} and {other}" for k in channels for other in channels
    ]
    low, high = {"cosine": (0, 1), "correlation": (-1, 1), "G / M": (0, matrix.max())}[values]
    map_of = colormaps["RdBu_r" if values == "correlation" else "viridis"]
    assert [colour for _, _, colour, _ in entries] == [
        to_hex(map_of((value - low) / (high - low))) for value in matrix.ravel()
    ]


@pytest.mark.parametrize("values", lesson5.VALUES)
def test_texts_stand_out_from_their_colours(values):
    matrix = torch.linspace(-1 if values == "correlation" else 0, 1, 1024).view(32, 32)
    matrix[0, 0] = 0 if values == "G / M" else torch.nan  # a sum always exists
    entries, _ = lesson5.grid(SimpleNamespace(matrices={values: matrix}), list(range(32)), values)
    assert len({colour for _, _, colour, _ in entries}) > 250 and (entries[0][2] == lesson5.SILENT) == (
        values != "G / M"
    )
    for _, _, colour, ink in entries:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        light = np.dot(
            (0.2126, 0.7152, 0.0722),
            [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts],
        )
        assert (1.05 / (light + 0.05) if ink == "white" else (light + 0.05) / 0.05) >= 4.5  # WCAG's contrast


@pytest.mark.parametrize(
    "largest, text, unit",
    [
        (0.4, "0", ""),
        (7, "7", ""),
        (99.4, "99", ""),
        (99.7, "10", "in units of 10"),
        (994, "99", "in units of 10"),
        (995.1, "10", "in units of 100"),
        (123456, "12", "in units of 10,000"),
    ],
)
def test_two_digits_are_left_of_the_largest(largest, text, unit):
    made_up = SimpleNamespace(matrices={"G / M": torch.full((1, 1), largest, dtype=torch.double)})
    [(said, tooltip, *_)], legend = lesson5.grid(made_up, [0], "G / M")
    assert (
        said == text
        and tooltip.startswith("channels 0 and 0: G / M ")
        and legend.removeprefix(lesson5.VALUES["G / M"]).strip("; ") == unit
    )


def test_the_overview_begins_with_the_grid(found):
    channels = lesson5.chosen_channels(found, "evenly spaced")
    figure, says = lesson5.overview(found, channels, "cosine")
    image, entries = figure.axes[0].images[0], lesson5.grid(found, channels, "cosine")[0]
    drawn = np.asarray(image.get_array())
    assert drawn.shape == (256, 256) and np.array_equal(
        drawn[:12, :12], found.matrices["cosine"][channels][:, channels], equal_nan=True
    )
    assert np.array_equal(
        np.diag(drawn) == np.diag(drawn),
        [
            bool(found.maps[channel].any())
            for channel in channels + [channel for channel in found.order if channel not in channels]
        ],
    )
    assert to_hex(image.cmap(image.norm(drawn[2, 5]))) == entries[2 * 12 + 5][2] and "256 channels of relu3_1" in says
    assert figure.axes[0].patches[0].get_bbox().extents.tolist() == [-0.5, -0.5, 11.5, 11.5]


@pytest.mark.parametrize("values", lesson5.VALUES)
def test_the_colours_of_the_overview_are_those_of_the_grid(found, values):
    channels = lesson5.chosen_channels(found, "evenly spaced")
    matrix = found.matrices[values]
    largest = matrix[channels][:, channels].max().item()
    assert largest < 0.9 * matrix.max() or values != "G / M"  # the strongest channels are not among them
    low, high = {"cosine": (0, 1), "correlation": (-1, 1), "G / M": (0, largest)}[values]
    image, bar = (axis for axis in lesson5.overview(found, channels, values)[0].axes)
    assert image.images[0].get_clim() == (low, high) and image.images[0].cmap.name == (
        "RdBu_r" if values == "correlation" else "viridis"
    )
    assert np.allclose(bar.get_xticks(), [low, (low + high) / 2, high])
    bar.figure.draw_without_rendering()
    assert [text.get_text() for text in bar.get_xticklabels()] == [
        lesson5._number(tick) for tick in (low, (low + high) / 2, high)
    ]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda net, found: lesson5.grams(net, "nowhere", "relu3_1"), "no bundled picture 'nowhere'"),
        (lambda net, found: lesson5.grams(net, CAFE, "relu5_1", 15), "too small"),
        (lambda net, found: lesson5.grams(net, CAFE, "relu3_1", 0), "no size"),
        (lambda net, found: lesson5.pair(found, 256, 3), "relu3_1 has the channels 0 to 255, not k = 256 and k' = 3"),
        (lambda net, found: lesson5.pair(found, 3, -1), "0 to 255, not k = 3 and k' = -1"),
        (
            lambda net, found: lesson5.chosen_channels(found, "weakest"),
            "most alike, strongest, evenly spaced, not 'weakest'",
        ),
        (lambda net, found: lesson5.grid(found, [0, 1], "sum"), "cosine, correlation, G / M, not 'sum'"),
        (lambda net, found: lesson5.overview(found, [0, 1], "sum"), "not 'sum'"),
        (lambda net, found: lesson5.gram_map("nowhere", net=net), "no bundled picture 'nowhere'"),
        (lambda net, found: lesson5.gram_map(layer="pool3", net=net), "relu1_1 to relu5_4, not 'pool3'"),
    ],
)
def test_what_cannot_be_shown_is_refused(net, found, call, message):
    with pytest.raises(ValueError, match=message):
        call(net, found)
