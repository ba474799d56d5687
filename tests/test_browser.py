"""The course as a student meets it: JupyterLab in a real browser, opened by the `lab` command. Leaves build/screenshots/."""
import re
import shutil
import time

import pytest
from playwright.sync_api import expect

import browser
from browser import ROOT

pytestmark = pytest.mark.browser
SHOTS = ROOT / "build" / "screenshots"


@pytest.fixture(scope="module")
def lab():
    with browser.lab("--port", "8941") as address:
        yield address


@pytest.fixture
def page(lab, request):
    SHOTS.mkdir(parents=True, exist_ok=True)
    with browser.page() as page:
        page.script_errors = []
        page.on("pageerror", lambda error: page.script_errors.append(str(error)))
        yield page
        shoot(page, f"last_of_{request.node.name}")


def cell(page, text):
    """The code cell whose source holds the text."""
    return page.locator(".jp-Notebook .jp-CodeCell").filter(has=page.locator(".jp-InputArea", has_text=text)).first


def shoot(page, name):
    page.screenshot(path=SHOTS / f"{name}.png")


def shoot_all(page, name):
    """Screenshots of a notebook from top to bottom."""
    height = page.evaluate(f"() => {browser.SCROLLER}.scrollHeight")
    for number, top in enumerate(range(0, height, 850)):
        page.evaluate(f"top => {browser.SCROLLER}.scrollTop = top", top)
        page.wait_for_timeout(150)
        shoot(page, f"{name}_{number:02d}")


def run_lesson(page, lab, number, name):
    """Run a notebook from top to bottom, without errors, and leave screenshots of it."""
    browser.open_notebook(page, lab, f"notebooks/{name}.ipynb")
    browser.run_all(page)
    assert browser.errors(page) == [] and page.script_errors == []
    shoot_all(page, f"lesson{number}")


def changes(picture, action, says="."):
    """The action draws another picture, whose description then matches."""
    before = picture.get_attribute("src")
    action()
    expect(picture).not_to_have_attribute("src", before, timeout=10_000)
    expect(picture).to_have_attribute("alt", re.compile(says), timeout=10_000)


def test_lesson_0(page, lab):
    browser.open_notebook(page, lab)                    # the address that the command printed opens lesson 0
    assert page.locator(".jp-Notebook h1").first.inner_text().startswith("Lesson 0")
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0                 # no news, no offers
    browser.run_all(page)
    assert browser.errors(page) == [] and page.script_errors == []
    shoot_all(page, "lesson0")
    widget = cell(page, "pixels(name)")
    widget.scroll_into_view_if_needed()
    picture = widget.locator(".jp-OutputArea img")

    changes(picture, lambda: widget.get_by_role("button", name="blue").click(), "^Photo")
    changes(picture, lambda: widget.get_by_label("photo").select_option("koala"), "^Photo")
    changes(picture, lambda: (widget.get_by_label("down, %").fill("10"), page.keyboard.press("Enter")), "^Photo")
    changes(picture, lambda: (widget.get_by_label("across, %").fill("90"), page.keyboard.press("Enter")), "^Photo")
    shoot(page, "lesson0_widget")
    assert browser.errors(page) == []


def test_lesson_1(page, lab, tmp_path):
    run_lesson(page, lab, 1, "01_what_a_layer_sees")
    view = cell(page, "264, table, net)")
    view.scroll_into_view_if_needed()
    sheet, place = view.locator(".jp-OutputArea img").nth(0), view.locator(".jp-OutputArea img").nth(2)

    def type_in(label, text):
        view.get_by_label(label, exact=True).fill(text)
        page.keyboard.press("Enter")

    def drag(number):                       # the handle of a slider, by the keyboard
        view.locator(".noUi-handle").nth(number).focus()
        page.keyboard.press("ArrowRight")

    changes(sheet, lambda: view.get_by_role("button", name="Next").click(), "channel 265 of relu4_1")
    changes(sheet, lambda: view.get_by_role("button", name="Previous").click(), "channel 264 of relu4_1")
    changes(sheet, lambda: type_in("channel", "7"), "channel 7 ")
    changes(sheet, lambda: view.get_by_label("layer").select_option("relu3_1"), "of relu3_1")
    changes(sheet, lambda: type_in("units", "4"), "4 strongest")
    changes(sheet, lambda: view.get_by_label("show").select_option("patches"), "^The patches of")
    changes(sheet, lambda: view.get_by_label("show").select_option("projections"), "^The projections")
    changes(sheet, lambda: view.get_by_label("rule").select_option("guided"), "guided")
    shoot(page, "lesson1_widget")
    changes(place, lambda: view.get_by_label("photo").select_option("koala"))
    changes(place, lambda: drag(0))
    changes(place, lambda: drag(1))
    changes(place, lambda: view.get_by_role("button", name="Strongest place").click())
    shoot(page, "lesson1_place")
    for number, name in enumerate(("animal_koala", "fish_3")):
        shutil.copy(ROOT / "data" / "photos" / f"{name}.webp", tmp_path / f"{number}.webp")
    type_in("own folder", str(tmp_path))
    changes(sheet, lambda: view.get_by_role("button", name="Search it").click(), "2 strongest")
    changes(sheet, lambda: view.get_by_role("button", name="Surprise me").click())
    shoot(page, "lesson1_surprise")
    assert browser.errors(page) == []


def test_lesson_2(page, lab):
    run_lesson(page, lab, 2, "02_batch_normalization")
    view = cell(page, 'explore.axes("conv3_1", net)')
    view.scroll_into_view_if_needed()
    block, live = view.locator(".jp-OutputArea img").nth(0), view.locator(".jp-OutputArea img").nth(1)

    changes(block, lambda: view.get_by_label("method", exact=True).select_option("layer norm"), "layer norm")
    changes(block, lambda: view.get_by_label("C feature maps", exact=True).click(), "instance norm")
    changes(block, lambda: (view.get_by_label("N pictures", exact=True).focus(), page.keyboard.press("Space")), "batch norm")
    changes(block, lambda: view.get_by_label("H rows", exact=True).click())
    changes(block, lambda: view.get_by_label("W columns", exact=True).click(), "per location")
    changes(block, lambda: view.get_by_label("memory", exact=True).select_option("NHWC"), "NHWC")
    changes(block, lambda: view.get_by_label("method", exact=True).select_option("group norm"), "group norm")
    changes(block, lambda: view.get_by_label("groups", exact=True).select_option("4"))
    shoot(page, "lesson2_widget")
    changes(live, lambda: view.get_by_label("layer", exact=True).select_option("conv1_1"))
    changes(live, lambda: (view.get_by_label("pictures", exact=True).fill("3"), page.keyboard.press("Enter")))
    shoot(page, "lesson2_live")
    assert browser.errors(page) == []


def test_lesson_3(page, lab):
    run_lesson(page, lab, 3, "03_weight_normalization")
    view = cell(page, "scale_one(")
    view.scroll_into_view_if_needed()
    picture = view.locator(".jp-OutputArea img").first

    changes(picture, lambda: view.get_by_label("undo in the next layer").click(), "is the same to the last bit")
    changes(picture, lambda: (view.locator(".noUi-handle").first.focus(), page.keyboard.press("ArrowLeft")), "times 3: .* same but for rounding")
    changes(picture, lambda: view.get_by_label("negative").click(), "times -3: .* does not pass through the ReLU")
    changes(picture, lambda: view.get_by_label("layer", exact=True).select_option("conv2_1"), "of conv2_1")
    changes(picture, lambda: (view.get_by_label("filter", exact=True).fill("9"), page.keyboard.press("Enter")), "Filter 9 of conv2_1")
    changes(picture, lambda: view.get_by_label("photo", exact=True).select_option("koala"))
    shoot(page, "lesson3_widget")
    assert browser.errors(page) == []


def test_lesson_4(page, lab):
    run_lesson(page, lab, 4, "04_content_cost")
    view = cell(page, 'reconstruction("animal_cat"')
    view.scroll_into_view_if_needed()
    view.get_by_label("layer", exact=True).select_option("relu3_1")
    view.get_by_label("photo", exact=True).select_option("koala")
    view.get_by_label("size, pixels").select_option("64")
    view.get_by_label("start", exact=True).select_option("grey")
    view.get_by_label("evaluations").fill("1000")
    page.keyboard.press("Enter")
    view.get_by_role("button", name="Reconstruct").click()
    picture = view.locator(".jp-OutputArea img")
    expect(picture).to_have_attribute("alt", re.compile("Evaluation ([2-9]|[0-9]{2,}) of 1000, relu3_1, from grey"), timeout=60_000)
    view.get_by_role("button", name="Stop").click()
    view.locator(".widget-label", has_text="stopped: Evaluation").wait_for(timeout=10_000)
    shoot(page, "lesson4_widget")
    assert browser.errors(page) == []


def test_lesson_5(page, lab):
    run_lesson(page, lab, 5, "05_style_cost")
    view = page.locator(".jp-Notebook .jp-CodeCell").filter(has=page.locator("button[title^='channels ']")).first
    view.scroll_into_view_if_needed()
    picture, entries = view.locator(".jp-OutputArea img").nth(1), view.locator("button[title^='channels ']")
    expect(entries).to_have_count(144)

    changes(picture, lambda: entries.nth(2).click(), "relu3_1, .*: channels ")
    changes(picture, lambda: (entries.nth(13).focus(), page.keyboard.press("Enter")), "with itself")
    changes(picture, lambda: (view.get_by_label("channel k", exact=True).fill("30"), page.keyboard.press("Enter")), "channels 30 and ")
    changes(picture, lambda: (view.get_by_label("channel k'", exact=True).fill("244"), page.keyboard.press("Enter")), "channels 30 and 244")
    shoot(page, "lesson5_pair")
    changes(picture, lambda: view.get_by_label("picture", exact=True).select_option("koala"), "koala.*channels 30 and 244")
    changes(picture, lambda: view.get_by_label("layer", exact=True).select_option("relu1_1"), "relu1_1")
    changes(picture, lambda: view.get_by_label("channels", exact=True).select_option("strongest"), "relu1_1")
    for values in ("correlation", "G / M"):
        view.get_by_label("values", exact=True).select_option(values)
        expect(entries.first).to_have_attribute("title", re.compile(f"{values} "), timeout=10_000)
    shoot(page, "lesson5_widget")
    assert browser.errors(page) == []


def test_lesson_6_and_its_stop_button(page, lab):
    run_lesson(page, lab, 6, "06_style_transfer")
    view = cell(page, "live_view(net=net)")
    view.scroll_into_view_if_needed()
    view.get_by_label("evaluations").fill("2000")
    page.keyboard.press("Enter")
    view.get_by_label("painting", exact=True).select_option("Langlois Bridge at Arles, 1888")
    view.get_by_label("style weight").select_option("0.01")
    view.get_by_label("colours").select_option("the photo's")
    view.get_by_label("pooling").select_option("average")
    view.locator("button.mod-primary").click()
    text = view.locator(".widget-label", has_text=re.compile("evaluation [3-9]"))
    text.wait_for(timeout=60_000)
    shoot(page, "lesson6_painting")
    began = time.monotonic()
    view.get_by_role("button", name="Stop").click()
    view.locator(".widget-label", has_text="stopped: evaluation").wait_for(timeout=10_000)
    took = time.monotonic() - began
    page.wait_for_timeout(500)
    shoot(page, "lesson6_stopped")
    assert took < 3, f"Stop took {took:.1f} s"
    assert view.locator("img").count() == 4             # photo, painting, the picture and its loss curve
    assert "of 2000" in view.locator(".widget-label", has_text="stopped").inner_text()
    assert browser.errors(page) == []
