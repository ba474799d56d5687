"""The studio's widget without a browser: every callback, at corners and at random points; errors; pauses; the album."""

import datetime
import io
import random
import re
import threading

import pytest
import torch
from PIL import Image

from course_utils import measures
from course_utils import studio as core
from course_utils.forecast import minutes
from course_utils.images import load_image
from course_utils.studio import PRESETS, Recipe, StudioError
from course_utils.widgets import lesson8 as module
from events import PATIENCE, held

PAIR = "animal_koala", "van_gogh_night_cafe"


@pytest.fixture
def view(net, tmp_path):
    view = module.studio(tmp_path / "album", net)
    view.size.value, view.evaluations.value = 48, 3
    view.photo.value, view.painting.value = PAIR
    view.thinking.wait(PATIENCE)
    yield view
    for job in (view.job, view.trial, view.thinking, view.measuring):
        job.stop()
        if job.running:
            job.wait(PATIENCE)


def said(view):
    return "".join(output["text"] for output in view.messages.outputs)


def paint(view):
    view.start.click()
    assert view.job.wait(PATIENCE) == view.measuring.wait(PATIENCE) == "finished" and said(view) == ""


def upload(field, content, name="a.png"):
    about = {"name": name, "type": "image/png", "size": 1, "last_modified": datetime.datetime.now()}
    field.set_trait("value", ({**about, "content": memoryview(content)},))


def test_it_opens_with_a_recipe_and_a_forecast(view):
    assert view._recipe == Recipe("animal_koala", {"van_gogh_night_cafe": 1.0}, size=48, evaluations=3)
    assert view.forecast.value.startswith("Forecast: about ") and "GiB" in view.forecast.value
    assert view.chosen.value.count("<img alt=") == 2 and said(view) == ""
    assert view.save.disabled and view.pause.disabled and view.stop.disabled and not view.start.disabled


def test_paint_and_save(view):
    paint(view)
    assert view.progress.value == 3 and view.text.value.startswith("finished: evaluation 3 of 3")
    assert all("<img alt=" in shown.value for shown in (view.picture, view.curve))
    view.save.click()
    (entry,) = view.album.saved()
    assert entry.recipe == view._recipe and entry.numbers["evaluations"] == 3
    assert entry.numbers["total"] == view._easel.cost.losses(load_image(entry.path))["total"]
    assert view.left.value == str(entry.path) and "0001" in view.thumbnails.value and said(view) == ""


def test_a_restart_loses_no_saved_picture(view, net):
    paint(view)
    view.save.click()
    again = module.studio(view.album.folder, net)
    assert again.left.options == view.left.options and again.compared.value == view.compared.value
    again.again.click()
    assert again._recipe == view._recipe
    again.thinking.wait(PATIENCE)


def test_pause_and_resume_end_in_the_same_picture(view):
    view.evaluations.value = 6
    paint(view)
    whole = view._last.image
    with held(view, 2):
        view.pause.click()
    assert view.job.wait(PATIENCE) == "stopped" and view.text.value.startswith("paused: evaluation")
    assert view.pause.description == "Resume" and not view.stop.disabled and not view.start.disabled
    view.save.click()  # a paused picture can be kept
    view.pause.click()
    assert view.job.wait(PATIENCE) == "finished" and view._last.image.equal(whole)
    assert view.pause.description == "Pause" and view.pause.disabled
    assert [count for count, _ in view.history] == [1, 2, 3, 4, 5, 6]


def test_stop_while_it_runs_and_while_it_is_paused(view):
    view.evaluations.value = 2000
    for pause_first in (False, True):
        with held(view, 2):
            (view.pause if pause_first else view.stop).click()
        view.job.wait(PATIENCE)
        if pause_first:
            view.stop.click()
        assert view.text.value.startswith("stopped: evaluation") and view.pause.disabled and view.stop.disabled
        assert len(view.history) <= 4 and not view.save.disabled


def test_nothing_else_is_begun_while_it_runs(view):
    view.evaluations.value = 2000
    with held(view, 2):
        before = view._painted
        for button in (view.start, view.try_out, view.suggest):
            assert button.disabled
            button.click()
            assert "stop it first" in said(view)
        view.size.value = 64  # the next picture's; the present one goes on as it was
        assert view._painted == before
        view.stop.click()
    assert view.job.wait(PATIENCE) == "stopped"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_reach_the_controls(view, name):
    view.preset.value = [*PRESETS][-1] if name == [*PRESETS][0] else [*PRESETS][0]
    view.preset.value = name
    kept = {key: getattr(view._recipe, key) for key in core.KEPT}
    assert view._recipe == core.preset(name, view._recipe) and kept["size"] == 48 and said(view) == ""


def test_every_control_changes_the_recipe(view):
    """And a recipe brings every control back."""
    first = view._recipe
    changes = [
        (view.photo, "animal_cat"),
        (view.painting, "van_gogh_langlois_bridge"),
        (view.second, "van_gogh_church_at_auvers"),
        (view.share, 0.25),
        (view.size, 64),
        (view.evaluations, 2),
        (view.stroke, 2.0),
        (view.content_weight, 0.5),
        (view.strength, 3.0),
        (view.variation_weight, 100.0),
        (view.content_layer, "relu2_2"),
        (view.begin, "noise"),
        (view.seed, 4),
        (view.colours, "photo"),
        (view.pooling, "max"),
        (view.network, "normalised"),
        *((control, 0.5) for control in view.equaliser.values()),
        (view.mask, "line"),
        (view.inside, "van_gogh_langlois_bridge"),
        (view.threshold, 0.25),
        (view.hue, 100.0),
        (view.hue_width, 20.0),
        (view.angle, 45.0),
        (view.offset, 0.25),
        (view.soft, 0.5),
        (view.swapped, True),
    ]
    assert {id(control) for control, _ in changes} == {id(control) for control in view._settings()}
    for control, value in changes:
        before = view._recipe
        control.value = value
        assert view._recipe != before and said(view) == ""
    last = view._recipe
    view._set(first)
    assert view._recipe == first
    view._set(last)
    assert view._recipe == last
    paint(view)


@pytest.mark.parametrize("seed", range(3))
def test_random_walks_over_the_controls(view, seed):
    generator = random.Random(seed)
    for _ in range(25):
        control = generator.choice(view._settings())
        if control is view.mask:
            control.value = generator.choice(["none", "line"])  # the others may leave a region empty
        elif control in (view.offset, view.swapped):
            control.value = (
                generator.choice([type(control.value)(0), type(control.value)(1)]) if control is view.swapped else 0.3
            )
        elif hasattr(control, "options"):
            control.index = generator.randrange(len(control.options))
        else:
            most = 64 if control is view.size else 3 if control is view.evaluations else min(control.max, 1e4)
            value = generator.uniform(control.min, most)
            control.value = type(control.value)(value)
        if not any(control.value for control in view.equaliser.values()):
            view.equaliser["relu3_1"].value = 1.0
    view.size.value = 48 if view.stroke.value >= 1 else 96
    assert said(view) == "" and view._read() == view._recipe
    paint(view)


def test_equaliser_at_zero_is_said_and_recovers(view):
    for control in view.equaliser.values():
        control.value = 0
    assert "numbers are 0" in said(view)
    view.start.click()
    assert "numbers are 0" in said(view) and not view.job.running
    view.equaliser["relu1_1"].value = 1
    assert said(view) == ""


def test_own_pictures_by_upload_and_by_path(view, tmp_path):
    buffer = io.BytesIO()
    Image.effect_noise((60, 50), 50).convert("RGB").save(buffer, "PNG")
    for field, control in ((view.photo_file, view.photo), (view.painting_file, view.painting)):
        before = control.value
        upload(field, b"no picture")
        assert "not a picture" in said(view) and control.value == before and field.value == ()
        upload(field, buffer.getvalue())
        assert said(view) == "" and load_image(control.value).shape == (1, 3, 50, 60)
    (tmp_path / "mine.png").write_bytes(buffer.getvalue())
    view.path.value = str(tmp_path / "missing.png")
    assert "no file" in said(view)
    view.path.value = str(tmp_path / "mine.png")
    assert view._recipe.photo == str(tmp_path / "mine.png") and said(view) == ""
    paint(view)


def test_galleries_turn_and_choose(view):
    for gallery, control in ((view.photo_gallery, view.photo), (view.painting_gallery, view.painting)):
        seen = set()
        for _ in range(-(-len(gallery._options) // module.PAGE)):
            for tile in gallery._grid.children:
                picture, button = tile.children
                button.click()
                assert dict(gallery._options)[button.description] == control.value and "<img alt=" in picture.value
                seen.add(control.value)
            gallery.on.click()
        assert seen == {name for _, name in gallery._options}
        gallery.back.click()
    assert said(view) == ""


def test_regions_are_shown_and_painted(view):
    assert view.seam.value == ""
    view.mask.value = "line"
    assert "border of its regions" in view.seam.value and view.chosen.value.count("<img alt=") == 3
    for control, value in ((view.angle, 90.0), (view.offset, 0.25), (view.soft, 0.5), (view.swapped, True)):
        before = view.seam.value
        control.value = value
        assert view.seam.value != before or control is view.soft
    paint(view)
    assert "style inside" in view.text.value and "one painting counts" in view.numbers.value
    view.offset.value = 1.0
    assert "regions is empty" in said(view)
    view.start.click()
    with pytest.raises(StudioError):
        view.job.wait(PATIENCE)
    view.offset.value = 0.0
    view.mask.value = "picture"
    assert "upload one" in said(view)
    buffer = io.BytesIO()
    drawn = Image.new("L", (30, 20))
    drawn.paste(255, (0, 0, 12, 20))
    drawn.save(buffer, "PNG")
    view.mask.value = "none"
    upload(view.mask_file, buffer.getvalue())
    # the white part has 40 %, and the regions are exchanged
    assert view.mask.value == "picture" and re.search("(59|60|61)% of it", view.seam.value) and said(view) == ""
    for kind in ("brightness", "colour"):
        view.mask.value = kind
        view.threshold.value, view.hue.value, view.hue_width.value = 0.5, 60.0, 90.0
        assert said(view) == "" and "border" in view.seam.value


def test_numbers_stand_beside_their_controls(view):
    view.size.value = 96
    paint(view)
    for name in ("the photo", "the painting", "this picture"):
        assert name in view.numbers.value
    view.save.click()
    expected = measures.Judge(view.networks("original", "max"), *(load_image(name, 96) for name in PAIR))
    assert view.album.saved()[0].numbers["E"] == expected(load_image(view.left.value))["E"]
    view.second.value = "van_gogh_langlois_bridge"
    paint(view)
    assert "one painting counts" in view.numbers.value
    view.share.value = 0.0  # the second one does not count
    paint(view)
    assert "this picture" in view.numbers.value


def test_a_picture_that_cannot_be_measured_is_saved_all_the_same(view, tmp_path):
    Image.new("RGB", (64, 64), "orange").save(tmp_path / "flat.png")
    view.size.value = 96
    view._offer(view.painting, str(tmp_path / "flat.png"))
    paint(view)
    assert "vary" in view.numbers.value
    view.save.click()
    assert said(view) == "" and "E" not in view.album.saved()[0].numbers


@pytest.fixture
def slow_judge(monkeypatch):
    """(measuring has begun, it may go on): a `Judge` that waits."""
    begun, go_on, judge = threading.Event(), threading.Event(), measures.Judge

    def slow(*arguments):
        begun.set()
        go_on.wait(PATIENCE)
        return judge(*arguments)

    monkeypatch.setattr(measures, "Judge", slow)
    yield begun, go_on
    go_on.set()


def test_the_buttons_do_not_wait_for_e(view, slow_judge):
    begun, go_on = slow_judge
    view.size.value = 96
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished" and begun.wait(PATIENCE)
    assert not view.start.disabled and view.pause.disabled and "is being measured" in view.numbers.value
    view.save.click()
    assert view.text.value.endswith(", before E was measured") and "E" not in view.album.saved()[0].numbers
    go_on.set()
    assert view.measuring.wait(PATIENCE) == "finished" and "this picture" in view.numbers.value
    view.save.click()
    assert view.text.value.endswith(".png") and "E" in view.album.saved()[0].numbers and said(view) == ""


@pytest.mark.parametrize("press", ["start", "pause"])
def test_a_press_while_e_is_measured_wins(view, slow_judge, press):
    """The numbers of the picture before never stand beside the new one, nor are they saved with it."""
    begun, go_on = slow_judge
    view.size.value, view.evaluations.value = 96, 6
    if press == "pause":
        with held(view, 2):
            view.pause.click()
    else:
        view.start.click()
    view.job.wait(PATIENCE)
    assert begun.wait(PATIENCE)
    before, shown = view._last, []
    view.numbers.observe(lambda change: shown.append(change.new), "value")
    with held(view, view.progress.value + 1 if press == "pause" else 2, press):
        assert view.start.disabled and view.numbers.value == ""
        go_on.set()
        view.measuring.wait(PATIENCE)
        assert view.numbers.value == "" and view._found[0] is not before
    assert view.job.wait(PATIENCE) == view.measuring.wait(PATIENCE) == "finished"
    assert len([text for text in shown if "this picture" in text]) == 1 and view._found[0] is view._last
    assert said(view) == ""


def test_what_breaks_while_e_is_measured_is_shown(view, monkeypatch):
    monkeypatch.setattr(measures, "Judge", lambda *_: 1 / 0)
    view.size.value = 96
    view.start.click()
    assert view.job.wait(PATIENCE) == "finished"
    with pytest.raises(ZeroDivisionError):
        view.measuring.wait(PATIENCE)
    assert "Traceback" in said(view) and view.numbers.value == "" and not view.start.disabled
    view.save.click()
    assert view.text.value.endswith(".png") and said(view) == ""


def test_contact_sheet_and_paint_large(view, monkeypatch):
    monkeypatch.setattr(module, "variants", lambda recipe, choices: core.variants(recipe, choices, 48, 2))
    view.down_values.value, view.across.value, view.across_values.value = "5, 50", "pooling", "max, average"
    view.try_out.click()
    assert view.trial.wait(PATIENCE) == "finished" and said(view) == ""
    tiles = [tile for row in view.sheet.children for tile in row.children]
    assert [len(row.children) for row in view.sheet.children] == [
        2,
        2,
    ] and view.sheet_text.value == "finished: 4 of 4 pictures"
    assert len({tile.children[0].value.split("src=")[1] for tile in tiles}) == 4
    tiles[3].children[2].click()
    assert view.job.wait(PATIENCE) == "finished" and said(view) == ""
    assert (view._painted.strength, view._painted.pooling, view._painted.size) == (50.0, "average", 48)
    assert view.strength.value == 50.0


@pytest.mark.parametrize(
    "down, across, sentence",
    [
        (("strength", "a, b"), ("", ""), "no value of strength"),
        (("strength", ""), ("", ""), "such as 5"),
        (("strength", "5"), ("strength", "5"), "the same setting"),
        (("strength", "1, 2, 3, 4, 5"), ("stroke", "0.5, 1, 2"), "15 pictures"),
        (("start", "photo"), ("", ""), "one of 'colour'"),
    ],
)
def test_sheets_that_cannot_be_made(view, down, across, sentence):
    (view.down.value, view.down_values.value), (view.across.value, view.across_values.value) = down, across
    view.try_out.click()
    assert sentence in said(view) and said(view).count("\n") == 1 and not view.trial.running


def test_a_sheet_stops(view, monkeypatch):
    inside, go_on = threading.Event(), threading.Event()

    def slow(recipe, networks):
        inside.set()
        go_on.wait(PATIENCE)
        return torch.zeros(1, 3, 16, 16), {"content": 0.0, "style": 0.0, "total": 0.0}

    monkeypatch.setattr(core, "painted", slow)
    view.try_out.click()
    assert inside.wait(PATIENCE) and view.start.disabled
    view.stop_sheet.click()
    go_on.set()
    assert view.trial.wait(PATIENCE) == "stopped" and "1 of 9" in view.sheet_text.value and not view.start.disabled


def test_compare_and_go_back(view):
    paint(view)
    view.save.click()
    first = view._recipe
    view.strength.value = 500
    paint(view)
    view.save.click()
    assert view.left.label.startswith("0002") and view.right.label.startswith("0001")
    assert "strength: 500.0 | 20.0" in view.about.value and "Losses:" in view.about.value
    pictures = [load_image(path) for path in (view.left.value, view.right.value)]
    for border, same in ((0, pictures[1]), (100, pictures[0])):
        view.wipe.value = border
        assert module.wiped(*pictures, border / 100)[0].equal(same)
        assert f"{border}%" in view.compared.value
    view.left.value = view.right.value
    view.again.click()
    assert view._recipe == first and said(view) == ""


def test_settings_come_back_from_a_png(view):
    view.strength.value, view.begin.value = 7.0, "noise"
    paint(view)
    view.save.click()
    content, recipe = view.album.saved()[0].path.read_bytes(), view._recipe
    view._set(Recipe())
    upload(view.from_png, content)
    assert view._recipe == recipe and said(view) == ""
    upload(view.from_png, b"no picture")
    assert "PNG" in said(view) and view._recipe == recipe


def test_buttons_with_nothing_to_do_say_so(view):
    view.again.click()
    assert "press Save" in said(view)
    view._save_guarded = view.messages.guard(lambda _: view._save())
    view._save_guarded(None)
    assert "press Paint" in said(view)
    view.suggest.click()
    assert said(view) == "" and core.SIZES[0] <= view.size.value <= core.SIZES[1]


def test_what_breaks_is_shown_and_the_next_picture_works(view, monkeypatch):
    """A callback that is broken on purpose: each path shows the reader what happened."""
    right = module.set_up
    for error, words in ((ZeroDivisionError("on purpose"), "Traceback"), (StudioError("Choose another."), "Choose")):
        monkeypatch.setattr(module, "set_up", lambda *_, error=error: (_ for _ in ()).throw(error))
        view.start.click()
        with pytest.raises(type(error)):
            view.job.wait(PATIENCE)
        assert words in said(view) and not view.start.disabled
    monkeypatch.setattr(module, "set_up", right)
    paint(view)
    monkeypatch.setattr(view.speed, "forecast", lambda recipe: 1 / 0)
    view.seed.value = 9
    with pytest.raises(ZeroDivisionError):
        view.thinking.wait(PATIENCE)
    assert "Traceback" in said(view) and view.forecast.value == "No forecast."


def test_forecasts_are_gathered(view, monkeypatch):
    """Fifty changes in quick succession cost at most two forecasts."""
    inside, go_on, asked = threading.Event(), threading.Event(), []

    def slow(recipe):
        asked.append(recipe.seed)
        inside.set()
        go_on.wait(PATIENCE)
        return core.Forecast(1.0, 1.0)

    monkeypatch.setattr(view.speed, "forecast", slow)
    view.seed.value = 1
    assert inside.wait(PATIENCE)
    for seed in range(2, 51):
        view.seed.value = seed
    go_on.set()
    view.thinking.wait(PATIENCE)
    assert asked == [1, 50]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_borders_that_do_not_exist(share):
    with pytest.raises(StudioError):
        module.wiped(torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8), share)


def test_the_border_lies_where_it_is_said(net):
    left, right = torch.zeros(1, 3, 8, 10), torch.full((1, 3, 16, 20), 0.5)
    picture, says = module.wiped(left, right, 0.3)
    assert picture.shape == left.shape and "30%" in says
    assert (
        (picture[..., :2] == 0).all() and (picture[..., 2] == 1).all() and (picture[..., 3:] - 0.5).abs().max() < 1e-6
    )


def test_stored_as_plain_text_and_every_control_has_a_label(view):
    assert view._repr_mimebundle_()["text/plain"].startswith("[Widget: paint, try out")
    for control in view._settings():
        assert control.description


def test_times_as_people_say_them():
    assert [minutes(seconds) for seconds in (0.4, 12.2, 89.4, 150, 3600)] == [
        "0 s",
        "12 s",
        "89 s",
        "2 min",
        "60 min",
    ]
