"""The course as a student meets it: JupyterLab in a real browser, opened by the `lab` command. Leaves
build/screenshots/.

Lesson 0 is run from top to bottom, and driven with the mouse. The others are opened with their stored outputs, and only
their widgets run, driven with the keyboard alone: nbval computes the rest.
"""

import io
import re
import shutil

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import expect

import browser
from barriers import barriers
from browser import ROOT
from course_utils.excerpts import SETTLED, excerpt
from course_utils.server import LARGEST
from course_utils.studio import FOLDER, read_png
from course_utils.widgets.page import OURS
from keyboard import Keyboard

pytestmark = pytest.mark.browser
SHOTS = ROOT / "build" / "screenshots"
KOALA, BRIDGE = "Koala in a tree", "Langlois Bridge at Arles, 1888"


@pytest.fixture(scope="module")
def course():
    """(browser, address that the `lab` command printed, what it and the kernels print), for all tests."""
    log = []
    with browser.program() as program, browser.lab("--port", "8941", log=log) as address:
        yield program, address, log


@pytest.fixture
def lab(course):
    return course[1]


@pytest.fixture
def page(course, request):
    """A page of its own; afterwards its kernel ends. Whatever page, cells, server or kernel complain of fails the test,
    and so does what axe finds in the widgets.
    """
    program, address, log = course
    SHOTS.mkdir(parents=True, exist_ok=True)
    page, printed = program.new_page(), len(log)
    complaints = browser.complaints(page)
    page.set_default_timeout(1000 * browser.patience())
    expect.set_options(timeout=1000 * browser.patience())
    yield page
    try:
        shoot(page, f"last_of_{request.node.name}")
        complaints += browser.errors(page) + barriers(page, f".{OURS}")
        browser.heard(address, log)
        complaints += [line for line in log[printed:] if browser.COMPLAINT.search(line)]
    finally:  # the kernel complains when it is told to end, which does not count
        page.close()
        browser.end_kernels(address)
        browser.heard(address, log)
    assert complaints == []


def shoot(page, name):
    page.screenshot(path=SHOTS / f"{name}.jpg", quality=85)


def shoot_all(page, name):
    """Screenshots of a notebook from top to bottom, in few tall pieces."""
    usual, tall = page.viewport_size, 4000
    page.set_viewport_size({"width": usual["width"], "height": tall})
    for number, top in enumerate(range(0, page.evaluate(f"() => {browser.SCROLLER}.scrollHeight"), tall - 200)):
        page.evaluate(f"top => {browser.SCROLLER}.scrollTop = top", top)
        shoot(page, f"{name}_{number:02d}")
    page.set_viewport_size(usual)


def lesson(page, lab, name, says=""):
    """Open a lesson, look at its stored outputs, run its widget after the statements that this needs. The widget."""
    stored = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    browser.open_notebook(page, lab, f"notebooks/{name}.ipynb")
    whole(page, stored.cells)
    browser.prepare(page, excerpt(stored).cells[-1].source.partition(SETTLED)[0])
    shoot_all(page, f"lesson{int(name[:2])}")  # while the kernel imports torch
    return another(page, stored.cells, says)


def cells_of(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells


def widget_of(stored, says=""):
    """The number of the cell that shows the lesson's widget; where there are several, the one that says this."""
    (target,) = (number for number, cell in enumerate(stored) if f"[Widget: {says}" in str(cell.get("outputs")))
    return target


def another(page, stored, says):
    """Run the cell of a widget, for which the kernel is prepared. The widget's cell."""
    target = widget_of(stored, says)
    expect(browser.cells(page).nth(target)).to_contain_text("Run this cell in JupyterLab to use it.")
    browser.run(page, target)
    return browser.widget(page, target)


def whole(page, stored):
    """All cells and outputs are there, no error among them; formulas are set, pictures are decoded and described."""
    expect(browser.cells(page)).to_have_count(len(stored))
    expect(page.locator(".jp-Notebook .jp-OutputArea-child")).to_have_count(
        sum(len(cell.get("outputs", ())) for cell in stored)
    )
    expect(page.locator(".jp-Notebook .jp-OutputArea img")).to_have_count(
        sum(str(cell.get("outputs")).count("<img ") for cell in stored)
    )
    page.wait_for_function(
        browser.FORMULAS,
        arg=[number for number, cell in enumerate(stored) if cell.cell_type == "markdown" and "$" in cell.source],
    )
    page.wait_for_function(browser.PICTURES)
    assert browser.errors(page) == []


def changes(picture, action, says="."):
    """The action draws a picture with another description, which then matches."""
    before = picture.get_attribute("alt")
    action()
    expect(picture).not_to_have_attribute("alt", before)
    expect(picture).to_have_attribute("alt", re.compile(says))


def say(view, text):
    """The widget says this in its line of text: a part of it, or a pattern."""
    expect(view.locator(".widget-label").filter(has_text=text)).to_be_visible()


def refused(page):
    """One sentence says that something cannot be used."""
    expect(page.locator(browser.ERRORS)).to_have_text(re.compile(r"^The [^\n]*: [^\n]*\.\s*$"))


def compare(view, differences):
    """The picture before stands beside the new one, and a line names the settings that differ."""
    pictures = view.locator(".jp-OutputArea .jupyter-widgets img")
    expect(pictures).to_have_count(1)
    view.get_by_label("compare with before").click()
    expect(pictures).to_have_count(2)
    expect(view.get_by_text(differences)).to_be_visible()
    browser.until(lambda: stand_side_by_side(pictures), "The two pictures do not stand side by side in equal size.")


def stand_side_by_side(pictures):
    """Whether two pictures have a common row and the same width; while the page lays them out, they may not yet."""
    left, right = (pictures.nth(number).bounding_box() for number in range(2))
    return left["x"] + left["width"] <= right["x"] and abs(left["width"] - right["width"]) < 20


def test_lesson_0(page, lab):
    browser.open_notebook(page, lab)  # the address that the command printed opens lesson 0
    assert page.locator(".jp-Notebook h1").first.inner_text().startswith("Lesson 0")
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0  # no news, no offers
    assert page.locator(".jp-Notebook .jp-OutputArea-child").count() == 0  # the student's own copy
    stored = cells_of("00_start_here")
    browser.open_notebook(page, lab, "notebooks/00_start_here.ipynb")
    whole(page, stored)
    browser.run_all(page)
    page.wait_for_function(browser.PICTURES)
    shoot_all(page, "lesson0")
    view = browser.widget(page, widget_of(stored))
    keys, picture = Keyboard(page, view), view.locator(".jp-OutputArea .jupyter-widgets img")

    changes(picture, lambda: view.get_by_role("button", name="blue").click(), "^Photo")
    changes(picture, lambda: view.get_by_label("photo").select_option(KOALA), "^Photo")
    changes(picture, lambda: view.locator(".noUi-target").first.click(position={"x": 5, "y": 2}), "rows [0-5] to")
    changes(picture, lambda: keys.slide("across"), "^Photo")
    expect(view.locator(".widget-readout").nth(1)).to_have_text("52%")
    compare(view, "across: 50% → 52%")
    shoot(page, "lesson0_widget")


def test_keys_stay_in_the_widget(page, lab):
    """In JupyterLab a letter is a command wherever no text can be typed: x cuts the cell, k goes to the one above."""
    stored = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    browser.open_notebook(page, lab, "notebooks/00_start_here.ipynb")
    browser.prepare(page, excerpt(stored).cells[-1].source.partition(SETTLED)[0])
    keys = Keyboard(page, another(page, stored.cells, ""))
    for control in (keys.field("photo"), keys.slider("down"), keys.button("green"), keys.field("compare with before")):
        keys.reach(control)
        for key in ("m", "x", "a", "k", "d", "d", "ArrowDown", "Shift+M"):
            keys.key(key)
            expect(control).to_be_focused()
    expect(browser.cells(page)).to_have_count(len(stored.cells))
    keys.key("Shift+Enter")  # a command all the same: run the cell, and go to the next
    expect(control).to_have_count(1)
    expect(control).not_to_be_focused()


def test_lesson_1(page, lab, tmp_path):
    view = lesson(page, lab, "01_what_a_layer_sees", "the strongest patches")
    keys = Keyboard(page, view)
    sheet, place = view.locator(".jp-OutputArea img").nth(0), view.locator(".jp-OutputArea img").nth(1)

    changes(sheet, lambda: keys.press("Next"), "channel 265 of relu4_1")
    changes(sheet, lambda: keys.press("Previous"), "channel 264 of relu4_1")
    changes(sheet, lambda: keys.write("channel", "7"), "channel 7 ")
    changes(sheet, lambda: keys.choose("layer", "relu3_1"), "of relu3_1")
    changes(sheet, lambda: keys.write("units", "4"), "4 strongest")
    changes(sheet, lambda: keys.choose("show", "patches"), "^The patches of")
    changes(sheet, lambda: keys.choose("show", "projections"), "^The projections")
    changes(sheet, lambda: keys.choose("rule", "guided"), "guided")
    shoot(page, "lesson1_widget")
    changes(view.locator(".jp-OutputArea img").nth(2), lambda: keys.choose("photo", KOALA))
    changes(place, lambda: keys.slide("row", "ArrowLeft"))
    changes(place, lambda: keys.slide("column"))
    changes(place, lambda: keys.press("Strongest place"))
    shoot(page, "lesson1_place")
    for number, name in enumerate(("animal_koala", "fish_3")):
        shutil.copy(ROOT / "data" / "photos" / f"{name}.webp", tmp_path / f"{number}.webp")
    keys.write("own folder", str(tmp_path / "none"))
    keys.press("Search it")
    expect(page.locator(browser.ERRORS)).to_have_text(re.compile("^There is no folder .*: give the path"))
    keys.write("own folder", str(ROOT / "data" / "photos"))
    keys.press("Search it")
    keys.press("Stop")
    expect(keys.button("Stop")).to_be_disabled()
    keys.write("own folder", str(tmp_path))
    changes(sheet, lambda: keys.press("Search it"), "2 strongest")
    changes(sheet, lambda: keys.press("Surprise me"))
    shoot(page, "lesson1_surprise")
    stored = cells_of("01_what_a_layer_sees")
    play(page, another(page, stored, "a game"))
    one_unit(page, another(page, stored, "how the number"))


def play(page, view):
    """The game of lesson 1: a round by the mouse and one by the keyboard, then projections of another layer."""
    keys, board = Keyboard(page, view), view.locator(".jp-OutputArea .jupyter-widgets img")
    expect(board).to_have_attribute("alt", re.compile("^The 9 strongest patches of channel .* of relu4_1, from"))
    keys.button("Left").click()
    expect(view).to_contain_text(re.compile(r"Round 1\. (Right|Wrong): the (left|right) patch activates channel"))
    expect(keys.button("Left")).to_be_disabled()
    shoot(page, "lesson1_game")
    changes(board, keys.button("Next").click)
    keys.press("Right")
    expect(view).to_contain_text(re.compile(r"Round 2\. .* Score: [012] of 2\."))
    keys.choose("layer", "relu2_1")
    keys.choose("show", "projections")
    keys.write("seed", "5")
    changes(board, lambda: keys.press("New game"), "^The 9 strongest projections of channel .* of relu2_1")
    expect(keys.button("Left")).to_be_enabled()
    shoot(page, "lesson1_game_projections")


def one_unit(page, view):
    """The arithmetic of a unit in lesson 1, by each of its controls."""
    keys, picture = Keyboard(page, view), view.locator(".jp-OutputArea .jupyter-widgets img")
    expect(picture).to_have_attribute("alt", re.compile("channel 15 of relu1_1 reads 3 × 3 × 3 = 27 values"))
    changes(picture, lambda: keys.slide("row", "ArrowLeft"), "^Unit")
    changes(picture, lambda: keys.slide("column", "ArrowLeft"), "^Unit")
    changes(picture, lambda: keys.press("Strongest place"), "^Unit")
    changes(picture, lambda: keys.write("channel", "3"), "channel 3 of relu1_1")
    changes(picture, lambda: keys.choose("photo", KOALA), "^Unit")
    changes(picture, lambda: keys.choose("layer", "conv2_1"), "the other 60 together")
    shoot(page, "lesson1_one_unit")


def test_lesson_2(page, lab):
    view = lesson(page, lab, "02_batch_normalization")
    keys = Keyboard(page, view)
    block, live = view.locator(".jp-OutputArea img").nth(0), view.locator(".jp-OutputArea img").nth(1)

    expect(live).to_be_visible()
    page.wait_for_function(browser.PICTURES)  # one that is not decoded yet takes no room
    shown = view.locator(".jp-OutputArea .jupyter-widgets").first
    browser.until(lambda: shown.bounding_box()["height"] < 800, "The widget is higher than a window, in pixels.")
    changes(block, lambda: keys.write("c", "3"), re.escape("x[0, 3, 1, 2] is orange"))
    changes(block, lambda: keys.choose("method", "layer norm"), "layer norm")
    changes(block, lambda: keys.tick("C feature maps"), "instance norm")
    changes(block, lambda: keys.tick("N pictures"), "batch norm")
    changes(block, lambda: keys.tick("H rows"))
    changes(block, lambda: keys.tick("W columns"), "per position")
    changes(block, lambda: keys.choose("memory", "NHWC"), "NHWC")
    changes(block, lambda: keys.choose("method", "group norm"), "group norm")
    changes(block, lambda: keys.choose("groups", "4"))
    shoot(page, "lesson2_widget")
    changes(live, lambda: keys.choose("layer", "conv1_1"), "conv1_1")
    changes(live, lambda: keys.write("pictures", "3"))
    shoot(page, "lesson2_live")
    keys.tick("compare with before")
    expect(view.locator(".jp-OutputArea .jupyter-widgets img")).to_have_count(4)
    expect(view.get_by_text("pictures: 8 → 3")).to_be_visible()


def test_lesson_3(page, lab):
    view = lesson(page, lab, "03_weight_normalization")
    keys, picture = Keyboard(page, view), view.locator(".jp-OutputArea img").first

    changes(picture, lambda: keys.tick("undo in the next layer"), "is the same to the last bit")
    changes(picture, lambda: keys.slide("times", "ArrowLeft"), "times 3: .* same but for rounding")
    changes(picture, lambda: keys.tick("negative"), "times -3: .* does not pass through the ReLU")
    changes(picture, lambda: keys.choose("layer", "conv2_1"), "of conv2_1")
    changes(picture, lambda: keys.write("filter", "9"), "Filter 9 of conv2_1")
    changes(picture, lambda: keys.choose("photo", KOALA))
    changes(picture, lambda: keys.tick("divide by its mean μ"), "goes from .* to 1.0[.]")
    compare(view, "divide by its mean μ: no → yes")
    shoot(page, "lesson3_widget")
    question(page)


def question(page):
    """A question of lesson 3: an answer is kept, and then compared."""
    ids = [cell.id for cell in cells_of("03_weight_normalization")]
    number = ids.index("predict-largest-share")
    browser.run(page, ids.index("cell-001"), number)
    view = browser.widget(page, number)
    keys = Keyboard(page, view)
    expect(keys.button("Keep my answer")).to_be_disabled()
    keys.reach(view.get_by_role("radio").first)
    keys.key("Space")
    keys.press("Keep my answer")
    expect(view).to_contain_text("Kept: A. Run the next cell")
    keys.press("Compare")
    expect(view).to_contain_text(re.compile("A is not right.*C is right", re.S))
    shoot(page, "lesson3_question")


def test_lesson_4(page, lab):
    view = lesson(page, lab, "04_content_cost")
    keys, picture = Keyboard(page, view), view.locator(".jp-OutputArea img")
    for label, option in (("layer", "relu3_1"), ("photo", KOALA), ("size, pixels", "64"), ("start", "grey")):
        keys.choose(label, option)
    keys.write("evaluations", "1000")
    keys.press("Reconstruct")
    expect(picture).to_have_attribute("alt", re.compile("Evaluation ([2-9]|[0-9]{2,}) of 1000, relu3_1, from grey"))
    keys.press("Stop")
    say(view, "stopped: Evaluation")
    keys.write("evaluations", "2")
    keys.press("Reconstruct")
    say(view, "finished: Evaluation 2")
    expect(picture).to_have_count(2)  # with the one before
    shoot(page, "lesson4_widget")


def test_lesson_5(page, lab):
    view = lesson(page, lab, "05_style_cost")
    keys, picture = Keyboard(page, view), view.locator(".jp-OutputArea img").nth(1)
    entries = view.locator("button[title^='channels ']")
    expect(entries).to_have_count(144)

    changes(picture, lambda: keys.press(entries.nth(2)), "relu3_1, .*: channels ")
    changes(picture, lambda: keys.press(entries.nth(13)), "with itself")
    changes(picture, lambda: keys.write("channel k", "30"), "channels 30 and ")
    changes(picture, lambda: keys.write("channel k'", "244"), "channels 30 and 244")
    shoot(page, "lesson5_pair")
    changes(picture, lambda: keys.choose("picture", KOALA), "Koala.*channels 30 and 244")
    changes(picture, lambda: keys.choose("layer", "relu1_1"), "relu1_1")
    changes(picture, lambda: keys.choose("channels", "strongest"), "relu1_1")
    for values in ("correlation", "G / M"):
        keys.choose("values", values)
        expect(entries.first).to_have_attribute("title", re.compile(f"{values} "))
    shoot(page, "lesson5_widget")
    keys.tick("compare with before")
    expect(view.get_by_text("values: correlation → G / M")).to_be_visible()


def test_lesson_6(page, lab, tmp_path, tally):
    view = lesson(page, lab, "06_style_transfer")
    keys = Keyboard(page, view)
    uploads(page, keys, tmp_path, tally)
    for text, held in (("99999999999999999999", "2048"), ("-5", "64"), ("", "64"), ("256", "256")):
        keys.write("size, pixels", text)
        expect(keys.field("size, pixels")).to_have_value(held)

    keys.write("evaluations", "2000")
    for label, option in (
        ("photo", KOALA),
        ("painting", BRIDGE),
        ("style weight", "0.01"),
        ("variation", "10,000"),
        ("start", "content"),
        ("colours", "the photo's"),
        ("pooling", "average"),
    ):
        keys.choose(label, option)
    keys.press("Paint")
    say(view, re.compile("evaluation [3-9]"))
    shoot(page, "lesson6_painting")
    keys.press("Stop")
    say(view, re.compile(r"stopped: evaluation (1?\d{1,3}) of 2000"))
    expect(view.locator("img")).to_have_count(5)  # photo, painting, the picture, its loss curve and its thumbnail
    shoot(page, "lesson6_stopped")
    say(view, "Forecast: about")
    expect(view.locator("figcaption", has_text=f"photo: {KOALA}; painting: Langlois Bridge")).to_be_visible()


def uploads(page, keys, folder, tally):
    """Own pictures in lesson 6's widget: those of a phone are taken, what is no picture is refused, and the next one
    works.
    """
    view = keys.view
    assert LARGEST > 250e6 and "up to 250 MB" in view.inner_text()
    files = {"14 MiB": noise(2212), "text": b"no picture", "40 MiB": noise(3740), "empty": b"", "small": noise(64)}
    for name, content in files.items():
        path = folder / f"{name}.png"
        path.write_bytes(content)
        chosen = view.get_by_alt_text("The chosen photo: an uploaded picture.")
        before = chosen.get_attribute("src") if chosen.count() else ""
        keys.upload("own photo", path)
        if len(content) > 100:
            expect(chosen).not_to_have_attribute("src", before)
            expect(page.locator(browser.ERRORS)).to_have_count(0)
        else:
            refused(page)
            expect(view.locator("button", has_text="own photo (0)")).to_be_visible()
            expect(view.get_by_alt_text("The chosen photo: Neuschwanstein Castle.")).to_be_visible()
            shoot(page, "lesson6_refused")
        tally("uploads: in the browser")
    keys.upload("own painting", path)
    expect(view.get_by_alt_text("The chosen painting: an uploaded picture.")).to_be_visible()


def noise(side):
    """A picture as large as it can be: three bytes for each pixel."""
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def test_lesson_7(page, lab):
    view = lesson(page, lab, "07_full_speed")
    keys, curves, side_by_side = Keyboard(page, view), view.locator("img").nth(0), view.locator("img").nth(1)

    def lanes(*names):
        """Both pictures show these lanes."""
        expect(curves).to_have_attribute("alt", re.compile(": .*; ".join(names) + ": "))
        expect(side_by_side).to_have_attribute("alt", re.compile("; ".join(names) + r"\.$"))

    keys.write("size, pixels", "64")
    keys.write("evaluations", "3")
    keys.tick("transport")
    keys.press("Run")
    say(view, "finished: colours, box, guess, transport: evaluation 3 of 3")
    keys.tick("transport")
    keys.tick("box")
    keys.press("Run")
    say(view, "finished: colours, guess: evaluation 3 of 3")
    lanes("colours, box, guess, transport", "colours, guess")
    shoot(page, "lesson7_raced")

    keys.tick("guess")
    keys.tick("colours")
    keys.write("evaluations", "500")
    keys.press("Run")
    say(view, re.compile("^none: evaluation ([4-9]|[0-9]{2,}) of 500"))
    keys.press("Stop")
    say(view, "stopped: none")
    lanes("colours, guess", "none")
    keys.press("Clear")
    expect(view.locator("img")).to_have_count(0)

    keys.write("evaluations", "1")
    for label, option in (("photo", KOALA), ("painting", BRIDGE)):
        keys.press("Run")
        say(view, "finished: none")
        lanes("none")
        keys.choose(label, option)  # another cost, with which these numbers cannot be compared
        expect(view.locator("img")).to_have_count(0)


@pytest.fixture
def album():
    """The folder of saved pictures; what a test saves goes afterwards."""
    before = set(FOLDER.glob("**/*"))
    yield FOLDER
    for path in set(FOLDER.glob("**/*")) - before:
        if path.is_file():
            path.unlink()


def test_lesson_8(page, lab, album, tmp_path):
    """The studio from the first setting to the comparison, with the keyboard alone."""
    view = lesson(page, lab, "08_studio")
    keys = Keyboard(page, view)
    say(view, "Forecast: about")
    shoot(page, "lesson8_opened")
    for step in (take_pictures, split_in_regions, weigh_the_cost):
        step(page, keys, tmp_path)
        assert barriers(page, f".{OURS}") == []
    paint_and_save(page, keys, album)
    compare_and_go_back(page, keys, album)
    assert barriers(page, f".{OURS}") == []
    try_out(page, keys)


def take_pictures(page, keys, folder):
    """Photo and painting in all ways: by menu, by gallery, by path, by upload, with a second painting, by preset."""
    view = keys.view
    chosen = view.get_by_alt_text(re.compile(r", a thumbnail\.$"))
    keys.choose("photo", KOALA)
    expect(view.get_by_alt_text(f"{KOALA}, a thumbnail.")).to_be_visible()
    (folder / "text.png").write_bytes(b"no picture")
    (folder / "mine.png").write_bytes(noise(90))
    for kind in ("photo", "painting"):
        before = keys.field(kind).input_value()
        keys.upload(f"own {kind}", folder / "text.png")
        refused(page)
        expect(keys.field(kind)).to_have_value(before)
        keys.upload(f"own {kind}", folder / "mine.png")
        expect(page.locator(browser.ERRORS)).to_have_count(0)
        expect(keys.field(kind)).not_to_have_value(before)
    keys.write("photo's path", str(folder / "mine.png"))
    expect(keys.field("photo")).to_have_value("mine")

    for kind, second in (("photo", "Bison in a meadow"), ("painting", "Corridor in the Asylum, 1889")):
        keys.press(f"All {kind}s")
        shown = view.locator("button[title^='Take ']:visible")
        expect(shown).to_have_count(8)
        if kind == "photo":  # the paintings have one page
            title = shown.first.get_attribute("title")
            keys.press("Next pictures")
            expect(shown.first).not_to_have_attribute("title", title)
            keys.press("Previous pictures")
            expect(shown.first).to_have_attribute("title", title)
        keys.press(second)
        expect(keys.field(kind)).to_have_value(second)
        assert barriers(page, f".{OURS}") == []
        keys.press(f"All {kind}s")
        expect(shown).to_have_count(0)
    keys.choose("second painting", BRIDGE)
    expect(chosen).to_have_count(3)
    keys.slide("share of the second")
    expect(keys.slider("share of the second")).to_have_attribute("aria-valuetext", "0.55")
    keys.choose("second painting", "nothing")
    expect(chosen).to_have_count(2)
    keys.choose("photo", "Neuschwanstein Castle")
    keys.choose("preset", "from noise")
    expect(keys.field("evaluations")).to_have_value("80")


def split_in_regions(page, keys, folder):
    """Each way to split the photo, by each of its controls; the last one is given up, so that the photo is whole."""
    keys.open("Regions")
    seam = keys.view.get_by_alt_text(re.compile("The photo with the border of its regions"))
    keys.choose("regions", "by line")
    expect(seam).to_be_visible()
    drawn = "images => images.map(image => image.src).join()"

    def redrawn(action, *arguments):
        before = seam.evaluate_all(drawn)
        action(*arguments)
        browser.until(lambda: seam.evaluate_all(drawn) not in ("", before), f"The seam does not change: {arguments}.")

    redrawn(keys.slide, "angle of the line")
    redrawn(keys.slide, "height of the line")
    keys.slide("width of the seam")
    expect(keys.slider("width of the seam")).not_to_have_attribute("aria-valuetext", "0.1")
    shoot(page, "lesson8_regions")
    redrawn(keys.choose, "regions", "by brightness")
    redrawn(keys.slide, "brighter than")
    redrawn(keys.choose, "regions", "by colour")
    redrawn(keys.slide, "hue, degrees")
    redrawn(keys.slide, "hues on each side")
    says = seam.get_attribute("alt")
    keys.tick("exchange the regions")
    expect(seam).not_to_have_attribute("alt", says)
    keys.choose("painting of the region", BRIDGE)
    keys.upload("painted mask", folder / "mine.png")
    expect(keys.field("regions")).to_have_value("by picture")
    keys.choose("regions", "the photo is whole")
    expect(seam).to_have_count(0)


COST = {  # label: (what is written or chosen, field of the recipe, its value)
    "α of the content": ("2", "content_weight", 2.0),
    "content layer": ("relu3_2", "content_layer", "relu3_2"),
    "style strength": ("50", "strength", 50.0),
    "scale of the strokes": ("1½ times", "stroke", 1.5),
    "total variation": ("3000", "variation_weight", 3000.0),
    "colours": ("the photo's", "colours", "photo"),
    "start": ("content", "start", "content"),
    "seed of the noise": ("7", "seed", 7),
    "pooling": ("max", "pooling", "max"),
    "network": ("normalised", "network", "normalised"),
}


def weigh_the_cost(page, keys, folder):
    """Every term of the cost; `paint_and_save` sees that the picture was painted with them."""
    keys.open("Cost")
    for label, (text, _, _) in COST.items():
        (keys.choose if keys.field(label).evaluate("field => field.tagName") == "SELECT" else keys.write)(label, text)
    for number in range(1, 6):
        keys.write(f"λ of relu{number}_1, times", f"1.{number}")
    shoot(page, "lesson8_cost")


def paint_and_save(page, keys, album):
    """Start, pause, save, resume, stop, save: two pictures, and the second has the settings that were chosen."""
    view = keys.view
    forecast = view.locator(".widget-label").filter(has_text="Forecast: about")
    expect(forecast).to_be_visible()
    keys.write("size, pixels", "100")  # no multiple of 16, so no machine's speed can lead to it
    keys.press("A size for one minute")
    expect(keys.field("size, pixels")).not_to_have_value("100")
    keys.write("size, pixels", "96")
    keys.write("evaluations", "2000")
    keys.press("Paint")
    say(view, re.compile("^evaluation [3-9]"))
    keys.press("Pause")
    say(view, "paused: evaluation")
    saved = save(keys, album)
    shoot(page, "lesson8_paused")
    keys.press("Resume")
    say(view, re.compile(r"^evaluation \d"))
    keys.press("Stop")
    say(view, "stopped: evaluation")
    (path,) = {save(keys, album)} - {saved}
    recipe = read_png(path.read_bytes())[0]
    assert {name: getattr(recipe, name) for _, name, _ in COST.values()} == {name: v for _, name, v in COST.values()}
    assert [*recipe.equaliser.values()] == [1.1, 1.2, 1.3, 1.4, 1.5]
    assert (recipe.size, recipe.evaluations, recipe.mask, recipe.inside) == (
        96,
        2000,
        "none",
        "van_gogh_langlois_bridge",
    )


def save(keys, album):
    """Save the picture: the path that the widget says."""
    keys.press("Save")
    said = keys.view.locator(".widget-label").filter(has_text="saved: ")
    said.wait_for()
    return album / re.match(r"saved: (.*\.png)", said.inner_text())[1]


def compare_and_go_back(page, keys, album):
    """Two pictures side by side, with the border elsewhere and in another order; the settings of one come back."""
    view = keys.view
    keys.open("Album")
    compared = view.get_by_alt_text(re.compile("of the first picture, and the rest of the second"))
    changes(compared, lambda: keys.slide("border, %"), "^The left 51%")
    newest, older = keys.field("picture").input_value(), keys.field("compare with").input_value()
    changes(compared, lambda: keys.choose("compare with", newest), f"{newest}; {newest}")
    changes(compared, lambda: keys.choose("picture", older), f"{older}; {newest}")
    shoot(page, "lesson8_album")
    preset_and_back(keys, lambda: keys.press("Take its settings"))
    preset_and_back(keys, lambda: keys.upload("settings of a PNG", album / f"{newest}.png"))


def preset_and_back(keys, action):
    """A preset takes the settings away, and the action in the album brings them back."""
    for room, act, strength in (
        ("Pictures", lambda: [keys.choose("preset", name) for name in ("smooth", "as the course paints")], "20"),
        ("Album", action, "50"),
    ):
        keys.open(room)
        act()
        keys.open("Cost")
        expect(keys.field("style strength")).to_have_value(strength)


def try_out(page, keys):
    """A contact sheet of two pictures, one that is stopped, and one of its pictures painted large."""
    view = keys.view
    keys.open("Contact sheet")
    keys.choose("rows: setting", "stroke")
    keys.choose("rows: setting", "strength")
    expect(keys.field("rows: values")).to_have_value("5, 20, 60")
    keys.choose("columns: setting", "pooling")
    expect(keys.field("columns: values")).to_have_value("max, average")
    keys.write("columns: values", "max")
    keys.press("Make the sheet")
    keys.press("Stop the sheet")
    say(view, "stopped: ")
    keys.choose("columns: setting", "nothing")
    keys.write("rows: values", "5, 50")
    keys.press("Make the sheet")
    say(view, "finished: 2 of 2 pictures")
    shoot(page, "lesson8_sheet")
    keys.write("evaluations", "2")
    keys.press(keys.button("Paint this large").first)
    say(view, "finished: evaluation 2 of 2")
