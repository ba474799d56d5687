"""The widgets outside JupyterLab: alone in a page of Voilà, as `show` opens it, and in Jupyter Notebook 7."""

import contextlib
import re

import nbformat
import pytest
from playwright.sync_api import expect

import browser
from barriers import barriers
from browser import ROOT
from course_utils.excerpts import excerpt, needed, widget_cell
from course_utils.notebooks import read, select
from course_utils.widgets.page import OURS

pytestmark = pytest.mark.browser
SHOTS = ROOT / "build" / "screenshots"

# "idle" alone is also said before there is a kernel
KERNEL_7 = """() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'
    && document.querySelector('.jp-KernelName')?.textContent.includes('ipykernel')"""

# what Notebook 7 itself says while it starts, the first of an empty notebook, too; its page has no file browser
STARTING_7 = ["reading 'schema')", "Command 'filebrowser:open-path' not registered."]

# what `show` does for one lesson, for all of them by one server
SERVE = """import os, sys
from course_utils.commands.processes import environment
from course_utils.widget_server import serve
os.environ.update(environment())
serve(sys.argv[1], int(sys.argv[2]), in_browser=False)
"""


@pytest.fixture(scope="module")
def program():
    with browser.program() as program:
        yield program


@contextlib.contextmanager
def page_of(program, address, log, known=()):
    """The page at an address; while it is looked at, neither it nor the server nor a kernel complains of anything
    unknown, and it asks no other machine.
    """
    page, ours, printed = program.new_page(), address[: address.index("/", 7)], len(log)
    complaints = browser.complaints(page)
    page.set_default_timeout(1000 * browser.patience())
    expect.set_options(timeout=1000 * browser.patience())
    local = (ours, ours.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda request: request.url.startswith(local) or complaints.append(f"asks {request.url}"))
    page.goto(address)
    yield page
    complaints += browser.errors(page) + [line for line in log[printed:] if browser.COMPLAINT.search(line)]
    assert [complaint for complaint in complaints if not complaint.endswith(tuple(known))] == []
    page.close()


def shoot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.jpg", quality=85)


def changes(picture, action, says="."):
    """The action draws another picture, whose description then matches."""
    before = picture.get_attribute("src")
    action()
    expect(picture).not_to_have_attribute("src", before)
    expect(picture).to_have_attribute("alt", re.compile(says))


def test_lesson_0_alone(program):
    log = []
    with browser.show("0", "--port", "8951", log=log) as address, page_of(program, address, log) as page:
        picture = page.locator(".jupyter-widgets img")
        expect(page.locator("h1")).to_contain_text("Lesson 0 · Start here")
        expect(page).to_have_title("Lesson 0 · Start here")
        changes(picture, lambda: page.get_by_role("button", name="blue").click(), "^Photo")
        changes(picture, lambda: page.get_by_label("photo").select_option("Koala in a tree"), "^Photo")
        assert page.locator(".jp-InputArea pre").count() == 0  # no code
        shoot(page, "page0")
        assert barriers(page) == []


def try_lesson_5(page):
    """Its grid is whole, and leads to another pair and another layer."""
    entries = page.locator("button[title^='channels ']")
    expect(entries).to_have_count(144)  # none was lost while the page was made
    picture = page.locator(".jupyter-widgets img").nth(1)
    changes(picture, lambda: entries.nth(2).click(), "relu3_1, .*: channels ")
    changes(picture, lambda: page.get_by_label("layer", exact=True).select_option("relu1_1"), "relu1_1")


def try_lesson_8(page):
    """Each room of the studio opens, and nothing in it keeps anybody out."""
    for room in ("Regions", "Cost", "Contact sheet", "Album"):
        page.get_by_role("tab", name=room, exact=True).click()
        expect(page.get_by_role("tab", name=room, exact=True)).to_have_attribute("aria-selected", "true")
        assert barriers(page) == []


def test_the_widgets_of_the_other_lessons_alone(program, tmp_path):
    lessons, log = {int(path.name[:2]): read(path) for path in select()}, []
    del lessons[0]
    for number, lesson in lessons.items():
        nbformat.write(excerpt(lesson), tmp_path / f"lesson{number}.ipynb")
    with browser.served("-c", SERVE, str(tmp_path), "8952", log=log) as address:
        for number, lesson in lessons.items():
            place = address.replace("/?", f"/voila/render/lesson{number}.ipynb?")
            with page_of(program, place, log) as page:
                expect(page).to_have_title(re.compile(f"^Lesson {number} · "))
                expect(page.locator(f".{OURS}")).to_be_visible()
                {5: try_lesson_5, 8: try_lesson_8}.get(number, lambda page: None)(page)
                shoot(page, f"page{number}")
                assert barriers(page) == []


def test_axe_finds_what_is_wrong(program):
    page = program.new_page()
    button, slider = "<button></button>", "<div role='slider' tabindex='0' aria-valuenow='1'></div>"
    parts = f"<main>{button}</main><img src='data:,'><p>Words.</p>{slider}"
    page.set_content(f"<html lang='en'><title>Test</title>{parts}</html>")
    assert {line.partition(":")[0] for line in barriers(page)} == {"button-name", "image-alt", "aria-input-field-name"}
    assert {line.partition(":")[0] for line in barriers(page, "main")} == {"button-name"}
    page.close()


def test_lesson_0_in_notebook_7(program):
    """The server of `lab` serves it, too, where the package is installed."""
    cells = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4).cells
    target = widget_cell(cells)
    sources = {number: cell.source for number, cell in enumerate(cells) if cell.cell_type == "code"}
    log = []
    with browser.lab("--port", "8953", log=log) as address:
        base, token = re.match(r"(http://[^/]+)/.*?(token=\w+)", address).groups()
        with page_of(program, f"{base}/notebooks/notebooks/00_start_here.ipynb?{token}", log, STARTING_7) as page:
            expect(page.locator("#jp-NotebookLogo")).to_be_visible()  # JupyterLab has none
            expect(browser.cells(page)).to_have_count(len(cells))
            page.wait_for_function(KERNEL_7)
            browser.run(page, *needed(sources, target))
            view = browser.widget(page, target)
            picture = view.locator(".jp-OutputArea .jupyter-widgets img")
            changes(picture, lambda: view.get_by_role("button", name="blue").click(), "^Photo")
            changes(picture, lambda: view.get_by_label("photo").select_option("Koala in a tree"), "^Photo")
            shoot(page, "notebook7")
            assert barriers(page, f".{OURS}") == []
            browser.heard(address, log)
        browser.end_kernels(address)
