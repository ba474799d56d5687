"""The course as a student meets it: JupyterLab in a real browser, opened by the `lab` command. Leaves
build/screenshots/.

Lesson 0 is run from top to bottom. The others are opened with their stored outputs, and only their widgets run: nbval
computes the rest.
"""

import io
import re
import shutil

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import expect

import browser
from browser import ROOT
from course_utils.excerpts import needed
from course_utils.server import LARGEST
from course_utils.studio import FOLDER

pytestmark = pytest.mark.browser
SHOTS = ROOT / "build" / "screenshots"
COMPLAINT = re.compile(
    r"^\[E |\b(ERROR|CRITICAL)\b|Traceback|\w(Error|Exception|Warning)\b"
)  # in what server and kernels print


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
    """A page of its own; afterwards its kernel ends. Whatever page, server or kernel complain of fails the test."""
    program, address, log = course
    SHOTS.mkdir(parents=True, exist_ok=True)
    page, complaints, printed = program.new_page(), [], len(log)
    page.set_default_timeout(1000 * browser.patience())
    expect.set_options(timeout=1000 * browser.patience())
    page.on("pageerror", lambda error: complaints.append(f"page: {error}"))
    page.on("console", lambda message: message.type == "error" and complaints.append(f"console: {message.text}"))
    yield page
    shoot(page, f"last_of_{request.node.name}")
    # before the kernel is told to end, which it complains of
    complaints += [line for line in log[printed:] if COMPLAINT.search(line)]
    page.close()
    for session in browser.ask(address, "sessions"):
        browser.ask(address, f"sessions/{session['id']}", "DELETE")
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
    """Open a lesson, look at its stored outputs, run its widget and what that needs. The widget's cell."""
    stored = cells_of(name)
    browser.open_notebook(page, lab, f"notebooks/{name}.ipynb")
    whole(page, stored)
    target = widget_of(stored, says)
    expect(browser.cells(page).nth(target)).to_contain_text("Run this cell in JupyterLab to use it.")
    *before, target = needed(
        {number: cell.source for number, cell in enumerate(stored) if cell.cell_type == "code"}, target
    )
    browser.run(page, *before)
    shoot_all(page, f"lesson{int(name[:2])}")  # while the kernel imports torch
    browser.run(page, target)
    return browser.widget(page, target)


def cells_of(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells


def widget_of(stored, says=""):
    """The number of the cell that shows the lesson's widget; where there are several, the one that says this."""
    (target,) = (number for number, cell in enumerate(stored) if f"[Widget: {says}" in str(cell.get("outputs")))
    return target


def another(page, stored, says):
    """Run the cell of a further widget, which needs nothing that the first one did not need. The widget's cell."""
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


def type_in(view, label, text):
    """Type into a field, and Enter."""
    field = view.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")


def changes(picture, action, says="."):
    """The action draws another picture, whose description then matches."""
    before = picture.get_attribute("src")
    action()
    expect(picture).not_to_have_attribute("src", before)
    expect(picture).to_have_attribute("alt", re.compile(says))


def compare(view, differences):
    """The picture before stands beside the new one, and a line names the settings that differ."""
    pictures = view.locator(".jp-OutputArea .jupyter-widgets img")
    expect(pictures).to_have_count(1)
    view.get_by_label("compare with before").click()
    expect(pictures).to_have_count(2)
    expect(view.get_by_text(differences)).to_be_visible()
    left, right = (pictures.nth(number).bounding_box() for number in range(2))
    assert left["x"] + left["width"] <= right["x"] and abs(left["width"] - right["width"]) < 20


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
    picture = view.locator(".jp-OutputArea .jupyter-widgets img")

    changes(picture, lambda: view.get_by_role("button", name="blue").click(), "^Photo")
    changes(picture, lambda: view.get_by_label("photo").select_option("Koala in a tree"), "^Photo")
    for handle in view.locator(".noUi-handle").all():  # of the two sliders, by the keyboard
        changes(picture, lambda: (handle.focus(), page.keyboard.press("ArrowRight")), "^Photo")
    expect(view.locator(".widget-readout").nth(1)).to_have_text("52%")
    compare(view, "across: 50% → 52%")
    shoot(page, "lesson0_widget")
    assert browser.errors(page) == []


def test_lesson_1(page, lab, tmp_path):
    view = lesson(page, lab, "01_what_a_layer_sees", "the strongest patches")
    sheet, place = view.locator(".jp-OutputArea img").nth(0), view.locator(".jp-OutputArea img").nth(2)

    def drag(number):  # the handle of a slider, by the keyboard
        view.locator(".noUi-handle").nth(number).focus()
        page.keyboard.press("ArrowRight")

    changes(sheet, lambda: view.get_by_role("button", name="Next").click(), "channel 265 of relu4_1")
    changes(sheet, lambda: view.get_by_role("button", name="Previous").click(), "channel 264 of relu4_1")
    changes(sheet, lambda: type_in(view, "channel", "7"), "channel 7 ")
    changes(sheet, lambda: view.get_by_label("layer").select_option("relu3_1"), "of relu3_1")
    changes(sheet, lambda: type_in(view, "units", "4"), "4 strongest")
    changes(sheet, lambda: view.get_by_label("show").select_option("patches"), "^The patches of")
    changes(sheet, lambda: view.get_by_label("show").select_option("projections"), "^The projections")
    changes(sheet, lambda: view.get_by_label("rule").select_option("guided"), "guided")
    shoot(page, "lesson1_widget")
    changes(place, lambda: view.get_by_label("photo").select_option("Koala in a tree"))
    changes(place, lambda: drag(0))
    changes(place, lambda: drag(1))
    changes(place, lambda: view.get_by_role("button", name="Strongest place").click())
    shoot(page, "lesson1_place")
    for number, name in enumerate(("animal_koala", "fish_3")):
        shutil.copy(ROOT / "data" / "photos" / f"{name}.webp", tmp_path / f"{number}.webp")
    type_in(view, "own folder", str(tmp_path / "none"))
    view.get_by_role("button", name="Search it").click()
    expect(page.locator(browser.ERRORS)).to_have_text(re.compile("^There is no folder .*: give the path"))
    type_in(view, "own folder", str(tmp_path))
    changes(sheet, lambda: view.get_by_role("button", name="Search it").click(), "2 strongest")
    changes(sheet, lambda: view.get_by_role("button", name="Surprise me").click())
    shoot(page, "lesson1_surprise")
    stored = cells_of("01_what_a_layer_sees")
    play(page, another(page, stored, "a game"))
    one_unit(page, another(page, stored, "how the number"))
    assert browser.errors(page) == []


def play(page, view):
    """The game of lesson 1: a round by the mouse and one by the keyboard, then projections of another layer."""
    board = view.locator(".jp-OutputArea .jupyter-widgets img")
    left, right, following = (view.get_by_role("button", name=name) for name in ("Left", "Right", "Next"))
    expect(left).to_be_enabled()
    expect(board).to_have_attribute("alt", re.compile("^The 9 strongest patches of channel .* of relu4_1, from"))
    left.click()
    expect(view).to_contain_text(re.compile(r"Round 1\. (Right|Wrong): the (left|right) patch activates channel"))
    expect(left).to_be_disabled()
    shoot(page, "lesson1_game")
    changes(board, following.click)
    expect(right).to_be_enabled()
    right.focus()
    page.keyboard.press("Enter")
    expect(view).to_contain_text(re.compile(r"Round 2\. .* Score: [012] of 2\."))
    view.get_by_label("layer", exact=True).select_option("relu2_1")
    view.get_by_label("show", exact=True).select_option("projections")
    type_in(view, "seed", "5")
    new = view.get_by_role("button", name="New game")
    changes(board, new.click, "^The 9 strongest projections of channel .* of relu2_1")
    expect(left).to_be_enabled()
    shoot(page, "lesson1_game_projections")


def one_unit(page, view):
    """The arithmetic of a unit in lesson 1, by each of its controls."""
    picture = view.locator(".jp-OutputArea .jupyter-widgets img")
    expect(picture).to_have_attribute("alt", re.compile("channel 15 of relu1_1 reads 3 × 3 × 3 = 27 values"))
    for handle in view.locator(".noUi-handle").all():
        changes(picture, lambda: (handle.focus(), page.keyboard.press("ArrowLeft")), "^Unit")
    changes(picture, lambda: view.get_by_role("button", name="Strongest place").click(), "^Unit")
    changes(picture, lambda: type_in(view, "channel", "3"), "channel 3 of relu1_1")
    changes(picture, lambda: view.get_by_label("photo").select_option("Koala in a tree"), "^Unit")
    changes(picture, lambda: view.get_by_label("layer").select_option("conv2_1"), "the other 60 together")
    shoot(page, "lesson1_one_unit")


def test_lesson_2(page, lab):
    view = lesson(page, lab, "02_batch_normalization")
    block, live = view.locator(".jp-OutputArea img").nth(0), view.locator(".jp-OutputArea img").nth(1)

    expect(block).to_be_visible()
    assert view.locator(".jp-OutputArea .jupyter-widgets").first.bounding_box()["height"] < 800  # pixels: one window
    changes(block, lambda: type_in(view, "c", "3"), re.escape("x[0, 3, 1, 2] is orange"))
    changes(block, lambda: view.get_by_label("method", exact=True).select_option("layer norm"), "layer norm")
    changes(block, lambda: view.get_by_label("C feature maps", exact=True).click(), "instance norm")
    changes(
        block, lambda: (view.get_by_label("N pictures", exact=True).focus(), page.keyboard.press("Space")), "batch norm"
    )
    changes(block, lambda: view.get_by_label("H rows", exact=True).click())
    changes(block, lambda: view.get_by_label("W columns", exact=True).click(), "per position")
    changes(block, lambda: view.get_by_label("memory", exact=True).select_option("NHWC"), "NHWC")
    changes(block, lambda: view.get_by_label("method", exact=True).select_option("group norm"), "group norm")
    changes(block, lambda: view.get_by_label("groups", exact=True).select_option("4"))
    shoot(page, "lesson2_widget")
    changes(live, lambda: view.get_by_label("layer", exact=True).select_option("conv1_1"))
    changes(live, lambda: type_in(view, "pictures", "3"))
    shoot(page, "lesson2_live")
    view.get_by_label("compare with before").click()
    expect(view.locator(".jp-OutputArea .jupyter-widgets img")).to_have_count(4)
    expect(view.get_by_text("pictures: 8 → 3")).to_be_visible()
    assert browser.errors(page) == []


def test_lesson_3(page, lab):
    view = lesson(page, lab, "03_weight_normalization")
    picture = view.locator(".jp-OutputArea img").first

    changes(picture, lambda: view.get_by_label("undo in the next layer").click(), "is the same to the last bit")
    changes(
        picture,
        lambda: (view.locator(".noUi-handle").first.focus(), page.keyboard.press("ArrowLeft")),
        "times 3: .* same but for rounding",
    )
    changes(picture, lambda: view.get_by_label("negative").click(), "times -3: .* does not pass through the ReLU")
    changes(picture, lambda: view.get_by_label("layer", exact=True).select_option("conv2_1"), "of conv2_1")
    changes(picture, lambda: type_in(view, "filter", "9"), "Filter 9 of conv2_1")
    changes(picture, lambda: view.get_by_label("photo", exact=True).select_option("Koala in a tree"))
    changes(picture, lambda: view.get_by_label("divide by its mean").click(), "goes from .* to 1.0[.]")
    compare(view, "divide by its mean μ: no → yes")
    shoot(page, "lesson3_widget")
    assert browser.errors(page) == []


def test_lesson_4(page, lab):
    view = lesson(page, lab, "04_content_cost")
    view.get_by_label("layer", exact=True).select_option("relu3_1")
    view.get_by_label("photo", exact=True).select_option("Koala in a tree")
    view.get_by_label("size, pixels").select_option("64")
    view.get_by_label("start", exact=True).select_option("grey")
    type_in(view, "evaluations", "1000")
    view.get_by_role("button", name="Reconstruct").click()
    picture = view.locator(".jp-OutputArea img")
    expect(picture).to_have_attribute("alt", re.compile("Evaluation ([2-9]|[0-9]{2,}) of 1000, relu3_1, from grey"))
    view.get_by_role("button", name="Stop").click()
    view.locator(".widget-label", has_text="stopped: Evaluation").wait_for()
    type_in(view, "evaluations", "2")
    view.get_by_role("button", name="Reconstruct").click()
    view.locator(".widget-label", has_text="finished: Evaluation 2").wait_for()
    expect(picture).to_have_count(2)  # with the one before
    shoot(page, "lesson4_widget")
    assert browser.errors(page) == []


def test_lesson_5(page, lab):
    view = lesson(page, lab, "05_style_cost")
    picture, entries = view.locator(".jp-OutputArea img").nth(1), view.locator("button[title^='channels ']")
    expect(entries).to_have_count(144)

    changes(picture, lambda: entries.nth(2).click(), "relu3_1, .*: channels ")
    changes(picture, lambda: (entries.nth(13).focus(), page.keyboard.press("Enter")), "with itself")
    changes(picture, lambda: type_in(view, "channel k", "30"), "channels 30 and ")
    changes(picture, lambda: type_in(view, "channel k'", "244"), "channels 30 and 244")
    shoot(page, "lesson5_pair")
    changes(
        picture,
        lambda: view.get_by_label("picture", exact=True).select_option("Koala in a tree"),
        "Koala.*channels 30 and 244",
    )
    changes(picture, lambda: view.get_by_label("layer", exact=True).select_option("relu1_1"), "relu1_1")
    changes(picture, lambda: view.get_by_label("channels", exact=True).select_option("strongest"), "relu1_1")
    for values in ("correlation", "G / M"):
        view.get_by_label("values", exact=True).select_option(values)
        expect(entries.first).to_have_attribute("title", re.compile(f"{values} "))
    shoot(page, "lesson5_widget")
    view.get_by_label("compare with before").click()
    expect(view.get_by_text("values: correlation → G / M")).to_be_visible()
    assert browser.errors(page) == []


def test_lesson_6(page, lab, tmp_path, tally):
    view = lesson(page, lab, "06_style_transfer")
    uploads(page, view, tmp_path, tally)
    for text, held in (("99999999999999999999", "2048"), ("-5", "64"), ("", "64"), ("256", "256")):
        type_in(view, "size, pixels", text)
        expect(view.get_by_label("size, pixels", exact=True)).to_have_value(held)

    type_in(view, "evaluations", "2000")
    view.get_by_label("photo", exact=True).select_option("Koala in a tree")
    view.get_by_label("painting", exact=True).select_option("Langlois Bridge at Arles, 1888")
    view.get_by_label("style weight").select_option("0.01")
    view.get_by_label("colours").select_option("the photo's")
    view.get_by_label("pooling").select_option("average")
    view.locator("button.mod-primary").click()
    view.locator(".widget-label", has_text=re.compile("evaluation [3-9]")).wait_for()
    shoot(page, "lesson6_painting")
    view.get_by_role("button", name="Stop").click()
    stopped = view.locator(".widget-label", has_text="stopped: evaluation")
    stopped.wait_for()
    expect(view.locator("img")).to_have_count(5)  # photo, painting, the picture, its loss curve and its thumbnail
    shoot(page, "lesson6_stopped")
    assert int(re.search(r"evaluation (\d+) of 2000", stopped.inner_text())[1]) < 2000
    expect(view.locator(".widget-label", has_text="Forecast: about")).to_be_visible()
    expect(view.locator("figcaption", has_text="photo: Koala in a tree; painting: Langlois Bridge")).to_be_visible()
    assert browser.errors(page) == []


def test_lesson_7(page, lab):
    view = lesson(page, lab, "07_full_speed")
    view.get_by_label("size, pixels").fill("64")
    type_in(view, "evaluations", "3")
    for ticked in (("transport",), ("transport", "box")):
        for part in ticked:
            view.get_by_label(part, exact=True).click()
        view.get_by_role("button", name="Run").click()
        view.locator(".widget-label", has_text="finished: ").wait_for()
    expect(view.locator(".widget-label", has_text="finished: colours, guess")).to_have_count(1)
    curves, side_by_side = view.locator("img").nth(0), view.locator("img").nth(1)
    expect(curves).to_have_attribute("alt", re.compile("colours, box, guess, transport: .*; colours, guess: "))
    expect(side_by_side).to_have_attribute("alt", re.compile("colours, box, guess, transport; colours, guess"))
    shoot(page, "lesson7_raced")

    view.get_by_label("box", exact=True).click()
    type_in(view, "evaluations", "500")
    view.get_by_role("button", name="Run").click()
    view.locator(".widget-label", has_text=re.compile("box, guess: evaluation ([4-9]|[0-9]{2,}) of 500")).wait_for()
    view.get_by_role("button", name="Stop").click()
    view.locator(".widget-label", has_text="stopped: ").wait_for()
    expect(curves).to_have_attribute("alt", re.compile("colours, guess: .*; colours, box, guess: "))
    view.get_by_role("button", name="Clear").click()
    expect(view.locator("img")).to_have_count(0)
    assert browser.errors(page) == []


@pytest.fixture
def album():
    """The folder of saved pictures; what a test saves goes afterwards."""
    before = set(FOLDER.glob("**/*"))
    yield FOLDER
    for path in set(FOLDER.glob("**/*")) - before:
        if path.is_file():
            path.unlink()


def press(page, button):
    """Press a button as one who has no mouse, once it can be pressed."""
    expect(button).to_be_enabled(timeout=1000 * browser.patience())
    button.focus()  # its name begins with the sign of its icon
    page.keyboard.press("Enter")


def tab(view, name):
    """Open one of the studio's rooms."""
    view.get_by_role("tab", name=name, exact=True).click()


def test_lesson_8(page, lab, album, tmp_path):
    view = lesson(page, lab, "08_studio")
    view.locator(".widget-label", has_text="Forecast: about").wait_for()
    shoot(page, "lesson8_opened")
    view.get_by_label("photo", exact=True).select_option("Koala in a tree")
    expect(view.get_by_alt_text("Koala in a tree, a thumbnail.").first).to_be_visible()

    (tmp_path / "text.png").write_bytes(b"no picture")
    (tmp_path / "mine.png").write_bytes(noise(90))
    for name in ("text", "mine"):
        with page.expect_file_chooser() as chooser:
            view.locator("button", has_text="own photo").click()
        chooser.value.set_files(tmp_path / f"{name}.png")
        if name == "text":
            expect(page.locator(browser.ERRORS)).to_have_text(re.compile(r"^The [^\n]*: [^\n]*\.\s*$"))
        else:
            expect(page.locator(browser.ERRORS)).to_have_count(0)
            expect(view.get_by_label("photo", exact=True)).not_to_have_value("Koala in a tree")
    view.get_by_label("photo", exact=True).select_option("Koala in a tree")

    tab(view, "Regions")
    view.get_by_label("regions", exact=True).select_option("by line")
    expect(view.get_by_alt_text(re.compile("The photo with the border of its regions"))).to_be_visible()
    shoot(page, "lesson8_regions")
    view.get_by_label("regions", exact=True).select_option("the photo is whole")

    tab(view, "Cost")
    shoot(page, "lesson8_cost")
    type_in(view, "style strength", "50")
    for label, value in (("size, pixels", "96"), ("evaluations", "2000")):
        type_in(view, label, value)
    press(page, view.get_by_role("button", name=re.compile("Paint$")))
    view.locator(".widget-label", has_text=re.compile("evaluation [3-9]")).wait_for()
    press(page, view.get_by_role("button", name="Pause"))
    view.locator(".widget-label", has_text="paused: evaluation").wait_for()
    press(page, view.get_by_role("button", name="Save"))
    view.locator(".widget-label", has_text="saved: ").wait_for()
    shoot(page, "lesson8_paused")
    press(page, view.get_by_role("button", name="Resume"))
    view.locator(".widget-label", has_text=re.compile(r"^evaluation \d")).wait_for()
    press(page, view.get_by_role("button", name=re.compile("Stop$")))
    view.locator(".widget-label", has_text="stopped: evaluation").wait_for()
    press(page, view.get_by_role("button", name="Save"))
    view.locator(".widget-label", has_text="saved: ").wait_for()

    tab(view, "Album")
    compared = view.get_by_alt_text(re.compile("of the first picture, and the rest of the second"))
    expect(compared).to_be_visible()
    shoot(page, "lesson8_album")
    press(page, view.get_by_role("button", name="Take its settings"))
    with page.expect_file_chooser() as chooser:
        view.locator("button", has_text="settings of a PNG").click()
    chooser.value.set_files(sorted(album.glob("*.png"))[-1])
    tab(view, "Cost")
    expect(view.get_by_label("style strength")).to_have_value("50")

    tab(view, "Contact sheet")
    view.get_by_label("rows: values").fill("5, 50")
    view.get_by_label("columns: setting").select_option("nothing")
    press(page, view.get_by_role("button", name="Make the sheet"))
    view.locator(".widget-label", has_text="finished: 2 of 2 pictures").wait_for()
    shoot(page, "lesson8_sheet")
    type_in(view, "evaluations", "2")
    press(page, view.get_by_role("button", name="Paint this large").first)
    view.locator(".widget-label", has_text="finished: evaluation 2 of 2").wait_for()
    assert browser.errors(page) == []


def uploads(page, view, folder, tally):
    """Own photos in lesson 6's widget: those of a phone are taken, what is no picture is refused, and the next one
    works.
    """
    assert LARGEST > 250e6 and "up to 250 MB" in view.inner_text()
    files = {"14 MiB": noise(2212), "text": b"no picture", "40 MiB": noise(3740), "empty": b"", "small": noise(64)}
    for name, content in files.items():
        (folder / f"{name}.png").write_bytes(content)
        with page.expect_file_chooser() as chooser:
            view.locator("button", has_text="own photo").click()
        chosen = view.get_by_alt_text("The chosen photo: an uploaded picture.")
        before = chosen.get_attribute("src") if chosen.count() else ""
        chooser.value.set_files(folder / f"{name}.png")
        if len(content) > 100:
            expect(chosen).not_to_have_attribute("src", before)
            expect(page.locator(browser.ERRORS)).to_have_count(0)
        else:
            expect(page.locator(browser.ERRORS)).to_have_text(re.compile(r"^The [^\n]*: [^\n]*\.\s*$"))
            expect(view.locator("button", has_text="own photo (0)")).to_be_visible()
            expect(view.get_by_alt_text("The chosen photo: Neuschwanstein Castle.")).to_be_visible()
            shoot(page, "lesson6_refused")
        tally("uploads: in the browser")


def noise(side):
    """A picture as large as it can be: three bytes for each pixel."""
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()
