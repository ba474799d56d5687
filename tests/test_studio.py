"""The studio's recipes: as data, as costs, and in the files that keep them."""

import io
import itertools
import json
import random
from dataclasses import fields, replace

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from course_utils import studio
from course_utils.cost import Content, Style, TotalVariation
from course_utils.images import ImageError, load_image, to_pil
from course_utils.losses import STYLE_LAYERS, STYLE_WEIGHTS
from course_utils.regions import guided_gram
from course_utils.studio import (
    PRESETS,
    Album,
    Networks,
    Recipe,
    Speed,
    StudioError,
    contact_sheet,
    from_text,
    only,
    painted,
    preset,
    read_png,
    set_up,
    to_text,
    variants,
)
from course_utils.transfer import minimise, relative_weight, transfer

SMALL = Recipe("animal_koala", {"van_gogh_night_cafe": 1.0}, size=48, evaluations=3)
CHANGES = {
    "photo": "animal_cat",
    "paintings": {"van_gogh_langlois_bridge": 1.0, "van_gogh_night_cafe": 3.0},
    "size": 64,
    "evaluations": 2,
    "stroke": 2.0,
    "content_weight": 0.5,
    "strength": 60.0,
    "equaliser": only("relu2_1", "relu4_1"),
    "content_layer": "relu2_2",
    "variation_weight": 1e4,
    "start": "noise",
    "seed": 7,
    "colours": "photo",
    "pooling": "max",
    "network": "normalised",
    "mask": "line",
    "inside": "van_gogh_church_at_auvers",
    "threshold": 0.7,
    "hue": 30.0,
    "hue_width": 90.0,
    "angle": 90.0,
    "offset": 0.5,
    "soft": 0.5,
    "mask_picture": "animal_cat",
    "swapped": True,
}
NEEDS = {  # what another setting must be for one to count
    "seed": {"start": "noise"},
    "threshold": {"mask": "brightness"},
    "hue": {"mask": "colour"},
    "hue_width": {"mask": "colour"},
    "mask_picture": {"mask": "picture", "mask_picture": "monument_petra"},
    **{name: {"mask": "line"} for name in ("inside", "angle", "offset", "soft", "swapped")},
}


@pytest.fixture(scope="module")
def networks(net):
    return Networks(net)


def random_recipe(generator):
    """A small recipe with random values in every field."""
    return Recipe(
        photo=generator.choice(["animal_koala", "animal_cat", "monument_petra"]),
        paintings={name: generator.random() for name in ("van_gogh_night_cafe", "van_gogh_langlois_bridge")},
        size=generator.choice([48, 56]),
        evaluations=generator.randint(1, 3),
        stroke=generator.choice([0.5, 1.0, 1.7]),
        content_weight=generator.choice([0.0, 1.0]),
        strength=10 ** generator.uniform(-1, 3),
        equaliser={layer: generator.choice([0.25, 1.0]) for layer in STYLE_LAYERS},
        content_layer=generator.choice(studio.CONTENT_LAYERS),
        variation_weight=generator.choice([0.0, 1e3]),
        start=generator.choice(studio.STARTS),
        seed=generator.randint(0, 99),
        colours=generator.choice(studio.COLOURS),
        pooling=generator.choice(studio.POOLINGS),
        network=generator.choice(studio.NETWORKS),
        mask=generator.choice(studio.MASKS),
        inside="van_gogh_church_at_auvers",
        threshold=generator.uniform(0.4, 0.6),
        hue=generator.choice([30.0, 210.0]),
        hue_width=90.0,
        angle=generator.uniform(-180, 180),
        offset=generator.uniform(-0.3, 0.3),
        soft=generator.choice([0.0, 0.3]),
        mask_picture="animal_pig",
        swapped=generator.choice([True, False]),
    )


# --- a recipe is data ------------------------------------------------------------------------------------------


def test_every_setting_comes_back_from_text():
    assert set(CHANGES) == {part.name for part in fields(Recipe)}
    recipe = Recipe(**CHANGES)
    numbers = {"total": 1.5}
    assert from_text(to_text(recipe, numbers)) == (recipe, numbers)
    assert all(getattr(recipe, name) != getattr(Recipe(), name) for name in CHANGES)


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_changes_the_picture(networks, name):
    """Each by itself, where it counts."""
    one = replace(SMALL, **NEEDS.get(name, {}))
    other = replace(one, **{name: CHANGES[name]})
    pictures = [painted(recipe, networks)[0] for recipe in (one, other)]
    assert pictures[0].shape != pictures[1].shape or not pictures[0].equal(pictures[1])


BAD = {
    "photo": ["", None, 3],
    "paintings": [{}, None, {"a": -1}, {"a": float("nan")}, {"a": 0}, ["a"], {"a": "1"}],
    "size": [0, 31, 2049, 64.0, True, "64", None],
    "evaluations": [0, 2001, 1.0, None],
    "stroke": [0, 5, float("inf"), None],
    "content_weight": [-1, 1e9, None],
    "strength": [-1, float("nan"), "20"],
    "equaliser": [{}, {"relu1_1": 1.0}, dict.fromkeys(STYLE_LAYERS, 0.0), dict.fromkeys(STYLE_LAYERS, 11.0), None],
    "content_layer": ["relu1_1", None, 3],
    "variation_weight": [-1, None],
    "start": ["photo", None],
    "seed": [-1, 2**63, 0.5, None],
    "colours": ["both", None],
    "pooling": ["mean", None],
    "network": ["vgg16", None],
    "mask": ["circle", "picture", None],
    "inside": ["", None],
    "threshold": [-0.1, 1.1, None],
    "hue": [-1, 361, "red"],
    "hue_width": [-1, 181, None],
    "angle": [-361, 361, None],
    "offset": [-1.1, 1.1, None],
    "soft": [-0.1, 1.1, None],
    "mask_picture": [None, 3],
    "swapped": [0, None, "no"],
}


def test_there_are_bad_values_for_every_setting():
    assert set(BAD) == set(CHANGES)


@pytest.mark.parametrize("name, value", [(name, value) for name, values in BAD.items() for value in values])
def test_bad_values_are_refused_in_one_sentence(name, value):
    for make in (lambda: Recipe(**{name: value}), lambda: from_text(with_value(name, value))):
        with pytest.raises(StudioError, match=r"^[^\n]+\.$"):
            make()


def test_names_are_texts():
    with pytest.raises(StudioError, match="names"):
        Recipe(paintings={3: 1.0})


def with_value(name, value):
    about = json.loads(to_text(Recipe()))
    about["recipe"][name] = value
    return json.dumps(about)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"edition": 2}', '{"edition": 1}', '{"edition": 1, "recipe": {"x": 1}}', "[" * 9999],
)
def test_damaged_texts_are_refused(text):
    with pytest.raises(StudioError, match=r"^[^\n]+\.$"):
        from_text(text)


def test_what_a_text_says_is_never_executed():
    """The settings of a stranger's picture are texts and numbers, whatever they look like."""
    recipe, _ = from_text(with_value("photo", "__import__('os').abort()"))
    assert recipe.photo == "__import__('os').abort()"
    with pytest.raises(ImageError):
        set_up(recipe, Networks())


# --- and a cost ------------------------------------------------------------------------------------------------


def test_the_plain_recipe_is_the_cost_of_the_course(net, networks):
    """Pooling as it is, β by strength: the same picture as `transfer` paints, to the bit."""
    recipe = replace(SMALL, pooling="max")
    pair = [load_image(name, 48) for name in ("animal_koala", "van_gogh_night_cafe")]
    weight = relative_weight(recipe.strength, *pair, net=net)
    usual = transfer(*pair, evaluations=3, net=net, style_weight=weight)
    image, losses = painted(recipe, networks)
    assert set_up(recipe, networks).style_weight == weight
    assert image.equal(usual.image) and losses == usual.losses


def test_terms_and_weights(networks):
    easel = set_up(Recipe(**{**CHANGES, "size": 48}), networks)
    content, style, inside, variation = easel.cost.terms
    assert isinstance(content, Content) and isinstance(style, Style) and isinstance(variation, TotalVariation)
    assert inside.mask.equal(easel.mask) and style.mask.equal(1 - easel.mask) and inside.weight == style.weight
    assert (content.weight, content.layers) == (0.5, {"relu2_2": 1.0}) and variation.weight == 1e4
    assert style.weight == easel.style_weight and style.layers == {k: STYLE_WEIGHTS[k] for k in ("relu2_1", "relu4_1")}
    assert [max(painting.shape[2:]) for painting in easel.paintings] == [96, 96]  # strokes twice as broad


def test_shares_are_those_of_the_style_term(net, networks):
    recipe = replace(SMALL, pooling="max", paintings={"van_gogh_night_cafe": 1.0, "van_gogh_langlois_bridge": 3.0})
    pictures = [load_image(name, 48) for name in recipe.paintings]
    target = Style(net, pictures, shares=[1, 3]).targets
    found = set_up(recipe, networks).cost.terms[1].targets
    assert all(found[layer].equal(target[layer]) for layer in target)
    nothing = replace(recipe, paintings={"van_gogh_night_cafe": 1.0, "van_gogh_langlois_bridge": 0.0})
    alone = set_up(replace(recipe, paintings={"van_gogh_night_cafe": 2.0}), networks)
    assert all(set_up(nothing, networks).cost.terms[1].targets[k].equal(alone.cost.terms[1].targets[k]) for k in target)


@pytest.mark.parametrize("seed", range(6))
def test_random_recipes_descend(networks, seed):
    recipe = random_recipe(random.Random(seed))
    easel = set_up(recipe, networks)
    assert from_text(to_text(recipe))[0] == recipe
    totals = [state.losses["total"] for state in minimise(easel.cost, easel.first, recipe.evaluations)]
    assert totals == sorted(totals, reverse=True) and max(easel.first.shape[2:]) == recipe.size


@pytest.mark.parametrize("name", PRESETS)
def test_presets_leave_the_motif(networks, name):
    recipe = preset(name, replace(SMALL, seed=5, strength=3.0))
    assert (recipe.photo, recipe.paintings, recipe.size, recipe.seed) == ("animal_koala", SMALL.paintings, 48, 5)
    changes = PRESETS[name].changes
    assert all(getattr(recipe, key) == value for key, value in changes.items())
    assert replace(Recipe(), **{key: getattr(recipe, key) for key in (*studio.KEPT, *changes)}) == recipe
    painted(replace(recipe, evaluations=2), networks)


def test_networks_are_loaded_once_and_share_their_weights(net, networks):
    assert networks("original", "max") is net and networks("original", "average") is networks("original", "average")
    average = networks("original", "average")
    assert all(
        one is other or one.data_ptr() == other.data_ptr() for one, other in zip(average.parameters(), net.parameters())
    )
    assert not any(p.requires_grad for p in networks("normalised", "average").parameters())
    assert net.pooling == "max"  # the caller's is not changed


def test_regions_with_one_painting_differ_from_the_plain_cost_as_the_guided_means_do(networks):
    """Both regions have the plain targets, and each cost is the guided one; without a mask it is the plain cost."""
    recipe = replace(SMALL, mask="line", soft=0.0, inside="van_gogh_night_cafe")
    easel, plain = set_up(recipe, networks), set_up(SMALL, networks)
    image, target = easel.first, plain.cost.terms[1].targets
    features = easel.cost.features(image)
    for term, mask in zip(easel.cost.terms[1:], (1 - easel.mask, easel.mask)):
        assert all(term.targets[layer].equal(target[layer]) for layer in target)
        expected = sum(
            weight
            * (guided_gram(features[layer], mask) - target[layer]).square().sum()
            / (4 * len(target[layer][0]) ** 2)
            for layer, weight in term.layers.items()
        )
        assert term(image, features).item() == pytest.approx(expected.item(), rel=1e-5)
    assert plain.mask is None and [term.name for term in plain.cost.terms] == ["content", "style"]


@pytest.mark.parametrize("changes", [{"mask": "line", "offset": 1.0}, {"mask": "brightness", "threshold": 0.0}])
def test_empty_regions_are_said(networks, changes):
    with pytest.raises(StudioError, match="is empty: change"):
        set_up(replace(SMALL, **changes), networks)


# --- forecasts, without a clock ---------------------------------------------------------------------------------


def test_forecasts_grow_with_pixels_and_evaluations(networks):
    ticks = itertools.count()
    speed = Speed(networks, lambda: float(next(ticks)))  # one evaluation takes one second
    trial = max(load_image(SMALL.photo, studio.TRIAL)[0, 0].shape) * min(
        load_image(SMALL.photo, studio.TRIAL)[0, 0].shape
    )
    assert speed.seconds_per_pixel(SMALL) == 1 / trial
    one = speed.forecast(replace(SMALL, size=96, evaluations=10))
    assert one.seconds == pytest.approx(10)
    twice = speed.forecast(replace(SMALL, size=192, evaluations=20))
    assert twice.seconds == pytest.approx(80, rel=0.05) and one.memory < twice.memory
    assert next(ticks) == 2  # measured once
    size = speed.size_for(replace(SMALL, evaluations=60), 60)
    assert size == 96 and speed.size_for(replace(SMALL, evaluations=15), 60) == 192
    assert speed.size_for(replace(SMALL, evaluations=2000), 1) == 32


# --- contact sheets ---------------------------------------------------------------------------------------------


def test_a_sheet_varies_one_or_two_settings():
    rows = variants(SMALL, {"strength": [5.0, 20.0], "stroke": [0.5, 1.0, 2.0]}, size=32, evaluations=1)
    assert [[(cell.strength, cell.stroke) for cell in row] for row in rows] == [
        [(5.0, 0.5), (5.0, 1.0), (5.0, 2.0)],
        [(20.0, 0.5), (20.0, 1.0), (20.0, 2.0)],
    ]
    assert all(
        cell == replace(SMALL, size=32, evaluations=1, strength=cell.strength, stroke=cell.stroke)
        for cell in sum(rows, [])
    )
    assert [len(row) for row in variants(SMALL, {"start": ["colour", "noise"]})] == [1, 1]


@pytest.mark.parametrize(
    "choices",
    [
        {},
        None,
        {"strength": []},
        {"strength": 5.0},
        {"colour": ["photo"]},
        {"strength": [5.0], "stroke": [1.0], "seed": [1]},
        {"seed": list(range(5)), "stroke": [0.5, 1.0, 2.0]},
        {"start": ["photo"]},
    ],
)
def test_sheets_that_cannot_be_made(choices):
    with pytest.raises(StudioError, match=r"^[^\n]+\.$"):
        variants(SMALL, choices)


def test_a_sheet_is_painted_picture_by_picture(networks):
    rows = variants(SMALL, {"pooling": ["max", "average"]}, size=48, evaluations=3)
    stages = list(contact_sheet(rows, networks))
    assert [sum(cell.image is not None for cell in stage) for stage in stages] == [1, 2]
    for cell in stages[-1]:
        image, losses = painted(cell.recipe, networks)
        assert cell.image.equal(image) and cell.losses == losses


# --- what is kept -----------------------------------------------------------------------------------------------


def test_a_saved_picture_holds_its_recipe(tmp_path, networks):
    album = Album(tmp_path / "new" / "album")
    assert album.saved() == []
    image, losses = painted(SMALL, networks)
    path = album.save(image, SMALL, losses)
    assert load_image(path).equal(image)
    assert read_png(path) == read_png(path.read_bytes()) == (SMALL, losses)
    second = album.save(image, replace(SMALL, seed=1))
    (album.folder / "holiday.png").write_bytes(png())  # a picture from elsewhere
    again = Album(album.folder).saved()  # after a restart
    assert [entry.path for entry in again] == [second, path] and again[1].recipe == SMALL
    assert [entry.recipe.seed for entry in again] == [1, 0]


def png(**texts):
    buffer, info = io.BytesIO(), PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    Image.new("RGB", (20, 20)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def test_files_without_settings_are_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    jpeg = io.BytesIO()
    to_pil(torch.zeros(1, 3, 20, 20)).save(jpeg, "JPEG")
    whole = png(**{studio.KEY: to_text(SMALL)})
    assert read_png(whole)[0] == SMALL
    for source in (png(), png(other="text"), png(**{studio.KEY: "{"}), jpeg.getvalue(), b"", whole[:60]):
        with pytest.raises(StudioError, match=r"^[^\n]+\.$"):
            read_png(source)
    for source in (tmp_path / "text.png", tmp_path / "missing.png", tmp_path):
        with pytest.raises(StudioError, match=r"^[^\n]+\.$"):
            read_png(source)


def test_uploads_are_kept_once(tmp_path, networks):
    album, contents = Album(tmp_path), png()
    path = album.keep(contents)
    assert path == album.keep(contents) and load_image(path).shape == (1, 3, 20, 20)
    with pytest.raises(ImageError):
        album.keep(b"no picture")
    large = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(large, "PNG")
    assert painted(replace(SMALL, photo=album.keep(large.getvalue())), networks)[0].shape == (1, 3, 48, 48)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudioError, match="cannot be saved"):
        Album(tmp_path / "file" / "album").save(torch.zeros(1, 3, 8, 8), SMALL)
    with pytest.raises(StudioError, match="cannot be kept"):
        Album(tmp_path / "file" / "album").keep(png())
