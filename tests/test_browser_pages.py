"""The widgets outside JupyterLab: alone in a page of Voilà, as `show` opens it, and in Jupyter Notebook 7.

axe-core (Deque Systems) looks for what keeps readers of these pages out: https://dequeuniversity.com/rules/axe/.
"""

import contextlib
import re

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import browser
from browser import ROOT
from course_utils.excerpts import needed, widget_cell

pytestmark = pytest.mark.browser
SHOTS = ROOT / "build" / "screenshots"
# (rule of axe, class in what it names, reason): violations of others' parts, which the course cannot repair
OF_OTHERS = [
    (
        "aria-input-field-name",
        "noUi-handle",
        "ipywidgets gives the handle of a slider no name; its label stands before it",
    ),
]

# "idle" alone is also said before there is a kernel
KERNEL_7 = """() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'
    && document.querySelector('.jp-KernelName')?.textContent.includes('ipykernel')"""

# what Notebook 7 itself says while it starts, the first of an empty notebook, too; its page has no file browser
STARTING_7 = ["reading 'schema')", "Command 'filebrowser:open-path' not registered."]


@pytest.fixture(scope="module")
def program():
    with browser.program() as program:
        yield program


@contextlib.contextmanager
def page_of(program, address, known=()):
    """The page at an address; while it is looked at, it complains of nothing unknown and asks no other machine."""
    page, complaints, ours = program.new_page(), [], address[: address.index("/", 7)]
    page.set_default_timeout(1000 * browser.patience())
    expect.set_options(timeout=1000 * browser.patience())
    page.on("pageerror", lambda error: complaints.append(f"page: {error}"))
    page.on("console", lambda message: message.type == "error" and complaints.append(f"console: {message.text}"))
    local = (ours, ours.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda request: request.url.startswith(local) or complaints.append(f"asks {request.url}"))
    page.goto(address)
    yield page
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


def barriers(page):
    """What axe finds in a page and calls serious or critical, but for that of others: 'rule: element' each."""
    found = [
        (violation["id"], node["html"])
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    excused = {(rule, html) for rule, html in found for other, part, _ in OF_OTHERS if rule == other and part in html}
    return [f"{rule}: {html[:200]}" for rule, html in found if (rule, html) not in excused]


def test_lesson_0_alone(program):
    with browser.served("show", "0", "--port", "8951") as address, page_of(program, address) as page:
        picture = page.locator(".jupyter-widgets img")
        expect(page.locator("h1")).to_contain_text("Lesson 0 · Start here")
        expect(page).to_have_title("Lesson 0 · Start here")
        changes(picture, lambda: page.get_by_role("button", name="blue").click(), "^Photo")
        changes(picture, lambda: page.get_by_label("photo").select_option("Koala in a tree"), "^Photo")
        assert page.locator(".jp-InputArea pre").count() == 0  # no code
        shoot(page, "page0")
        assert barriers(page) == []


def test_lesson_5_alone(program):
    with browser.served("show", "5", "--port", "8952") as address, page_of(program, address) as page:
        entries = page.locator("button[title^='channels ']")
        expect(entries).to_have_count(144)  # none was lost while the page was made
        picture = page.locator(".jupyter-widgets img").nth(1)
        changes(picture, lambda: entries.nth(2).click(), "relu3_1, .*: channels ")
        changes(picture, lambda: page.get_by_label("layer", exact=True).select_option("relu1_1"), "relu1_1")
        shoot(page, "page5")
        assert barriers(page) == []


def test_axe_finds_what_is_wrong(program):
    page = program.new_page()
    page.set_content("<html lang='en'><title>Test</title><button></button><img src='data:,'><p>Words.</p></html>")
    assert {line.partition(":")[0] for line in barriers(page)} == {"button-name", "image-alt"}
    slider = "<div class='noUi-handle' role='slider' tabindex='0' aria-valuenow='1'></div>"
    page.set_content(f"<html lang='en'><title>Test</title>{slider}</html>")
    assert barriers(page) == []
    page.close()


def test_lesson_0_in_notebook_7(program):
    """The server of `lab` serves it, too, where the package is installed."""
    cells = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4).cells
    target = widget_cell(cells)
    sources = {number: cell.source for number, cell in enumerate(cells) if cell.cell_type == "code"}
    with browser.lab("--port", "8953") as address:
        base, token = re.match(r"(http://[^/]+)/.*?(token=\w+)", address).groups()
        with page_of(program, f"{base}/notebooks/notebooks/00_start_here.ipynb?{token}", STARTING_7) as page:
            expect(page.locator("#jp-NotebookLogo")).to_be_visible()  # JupyterLab has none
            expect(browser.cells(page)).to_have_count(len(cells))
            page.wait_for_function(KERNEL_7)
            browser.run(page, *needed(sources, target))
            view = browser.widget(page, target)
            picture = view.locator(".jp-OutputArea .jupyter-widgets img")
            changes(picture, lambda: view.get_by_role("button", name="blue").click(), "^Photo")
            changes(picture, lambda: view.get_by_label("photo").select_option("Koala in a tree"), "^Photo")
            shoot(page, "notebook7")
            assert browser.errors(page) == []
        for session in browser.ask(address, "sessions"):
            browser.ask(address, f"sessions/{session['id']}", "DELETE")
