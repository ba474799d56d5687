"""The pictures that README and lessons show: each has its generator, and stands with the settings it was made with."""

import hashlib
import json
import re

import nbformat
import pytest

from course_utils import plan
from course_utils.images import load_image
from course_utils.paths import NOTEBOOKS, ROOT
from course_utils.studio import RIDDLE, read_png

RENEW = "make it anew with `python tests/benchmarks/pictures.py NAME`"
LARGEST = 300_000  # bytes of a file


@pytest.fixture
def pictures(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    import pictures

    return pictures


def texts():
    """README, and the cells of the lessons that are text: (where, text)."""
    yield "README.md", (ROOT / "README.md").read_text(encoding="utf-8")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                yield f"{path.name}, {cell.id}", cell.source


def test_every_stored_picture_has_its_generator(pictures):
    files = {path.name for path in pictures.FOLDER.iterdir() if path.suffix in (".webp", ".png", ".svg")}
    assert files == set(pictures.PICTURES)
    assert [*pictures.records()] == [name for name in pictures.PICTURES if name != plan.MAP.name]


def test_a_picture_stands_with_the_settings_it_was_made_with(pictures):
    for name, found in pictures.records().items():
        contents = (pictures.FOLDER / name).read_bytes()
        assert found["settings"] == json.loads(json.dumps(pictures.PICTURES[name].settings)), f"{name}: {RENEW}"
        assert found["sha256"] == hashlib.sha256(contents).hexdigest(), f"{name}: {RENEW}"
        assert len(contents) < LARGEST, name


def test_the_riddle_holds_the_recipe_that_the_script_paints(pictures):
    assert read_png(RIDDLE)[0] == pictures.HIDDEN


def numbers(found):
    return [value for row in found.values() for value in (numbers(row) if isinstance(row, dict) else [row])]


@pytest.mark.long
def test_the_stored_files_measure_what_is_written(pictures):
    """Decoders of WebP may differ by a grey level, which changes E by a few thousandths."""
    for name, found in pictures.records().items():
        one = pictures.PICTURES[name]
        again = one.measure(one.settings, load_image(pictures.FOLDER / name)) if one.measure else {}
        assert numbers(again) == pytest.approx(numbers(found["measured"]), abs=0.05), f"{name}: {RENEW}"


def test_what_is_painted_lies_between_its_controls(pictures):
    """A picture has more of the painting than the photo has, and less than the painting itself."""
    found = pictures.records()
    race = found["full_speed.webp"]["measured"]
    painted = [found["showpiece.webp"]["measured"]]
    painted += [{**race, "the picture": race[name]} for name in pictures.RACE["methods"]]
    for rows in painted:
        assert rows["the photo"]["E"] < rows["the picture"]["E"] < rows["the painting"]["E"]
        assert 0 == rows["the photo"]["content"] < rows["the picture"]["content"] < 1 == rows["the painting"]["content"]
    for rows in found["studio.webp"]["measured"].values():
        assert max(rows["the photo"], rows["for the other painting"]) < rows["the picture"]
    textures = found["textures.webp"]["measured"]
    assert textures["the noise"] < textures["another painting"] < textures["relu5_1"]


def test_settings_and_numbers_stand_below_each_picture(pictures):
    shown = set()
    for where, text in texts():
        for name in re.findall(r"!\[[^\]]*\]\((?:\.\./)?data/examples/([^)]+\.(?:webp|png))\)", text):
            shown.add(name)
            assert pictures.caption(name) in text, f"{where}: below {name} must stand: {pictures.caption(name)}"
    described = {name for name, one in pictures.PICTURES.items() if one.caption}
    assert described <= shown


def test_a_stopped_run_goes_on(pictures, tmp_path):
    """The second run makes only what is missing, or what has other settings by now; a run without resume makes all."""
    made, stop = [], ["b.webp"]

    def make(settings):
        made.append(settings["name"])
        if stop and settings["name"] == stop[0]:
            raise KeyboardInterrupt
        return pictures.encoded(load_image("animal_cat", 32), lossless=True)

    def known(settings, picture):
        return {"mean": round(picture.mean().item(), 3)}

    names = ["a.webp", "b.webp", "c.webp"]
    some = {name: pictures.Stored({"name": name}, make, measure=known) for name in names}

    def run(resume):
        made.clear()
        pictures.renew(names, tmp_path, tmp_path / "work", resume, some)
        return list(made)

    with pytest.raises(KeyboardInterrupt):
        run(False)
    assert [*pictures.records(tmp_path)] == ["a.webp"] and not (tmp_path / "b.webp").exists()
    stop.clear()
    assert run(True) == ["b.webp", "c.webp"]
    found = pictures.records(tmp_path)
    assert [*found] == names and found["c.webp"]["settings"] == {"name": "c.webp"}
    assert found["b.webp"]["measured"]["mean"] == pytest.approx(load_image("animal_cat", 32).mean().item(), abs=1e-3)
    assert run(True) == names  # a finished run leaves nothing to go on with
    stop.append("c.webp")
    with pytest.raises(KeyboardInterrupt):
        run(False)
    stop.clear()
    some["a.webp"] = some["a.webp"]._replace(settings={"name": "a.webp", "size": 2})
    assert run(True) == ["a.webp", "c.webp"]


def test_the_command_refuses_and_stops_with_a_sentence(pictures, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["pictures.py", "none.webp"])
    with pytest.raises(SystemExit) as refused:
        pictures.main()
    assert refused.value.code == 2 and "there is no none.webp: take showpiece.webp, " in capsys.readouterr().err

    def stopped(names, resume):
        assert [*names] == ["studio.webp"] and resume
        raise KeyboardInterrupt

    monkeypatch.setattr(pictures, "renew", stopped)
    monkeypatch.setattr("sys.argv", ["pictures.py", "studio.webp", "--resume"])
    with pytest.raises(SystemExit, match=r"the same command with --resume goes on\.$"):
        pictures.main()


def test_tiles_are_those_of_the_mosaic(pictures):
    parts = [load_image("animal_cat", 32)[:, :, :20, n : n + 15] for n in range(6)]
    again = pictures.tiles(pictures.mosaic(parts, 3, pictures.GAP), 20, 15)
    assert len(again) == 6 and all(one.equal(other) for one, other in zip(parts, again))
