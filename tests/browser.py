"""The course in a real browser: what the commands `lab` and `show` serve, driven through Playwright."""

import contextlib
import functools
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
COMPLAINT = re.compile(
    r"^\[E |\b(ERROR|CRITICAL)\b|Traceback|\w(Error|Exception|Warning)\b"
)  # in what servers and kernels print
# all cells in the page, whether scrolled to or not; nothing asks for news; nothing is saved behind our back
SETTINGS = {"notebook-extension/tracker": {"windowingMode": "none"}, "docmanager-extension/plugin": {"autosave": False}}


def find():
    """Path of an installed Chromium, Chrome or Edge, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None) or next(
        (place for place in PLACES if Path(place).exists()), None
    )


def patience():
    """How long to wait at most for one event, in seconds: two minutes, or more where this machine is slow or busy just
    now.
    """
    began = time.perf_counter()
    sum(range(3_000_000))  # some 0.04 s on a quiet machine
    return 120 * max(1, (time.perf_counter() - began) / 0.05)


@contextlib.contextmanager
def served(*command, log=None):
    """The address that a command of Python prints, `python3 COMMAND`, with settings and kernels of its own.

    What the server and its kernels print is appended to the list `log`, line by line.
    """
    with tempfile.TemporaryDirectory(prefix="lab", ignore_cleanup_errors=True) as folder:
        settings = Path(folder) / "settings"
        for name, value in SETTINGS.items():
            file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(value), encoding="utf-8")
        config = Path(folder) / "config" / "jupyter_lab_config.json"
        config.parent.mkdir()
        config.write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}), encoding="utf-8")  # for `prepare`
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": f"{folder}/config",
            "JUPYTER_DATA_DIR": f"{folder}/data",
            "JUPYTER_RUNTIME_DIR": f"{folder}/runtime",
            "IPYTHONDIR": f"{folder}/ipython",
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTERLAB_WORKSPACES_DIR": f"{folder}/workspaces",
        }
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield _address(process, [] if log is None else log, visit="lab" in command)
        finally:
            process.terminate()
            process.wait(patience())


lab = functools.partial(served, "-m", "course_utils", "lab", "--no-browser")
show = functools.partial(served, "-m", "course_utils", "show", "--no-browser")


def _address(process, lines, visit):
    """The first address with a token in what the server prints, once it answers a visit; the rest is read on, so that
    its pipe never fills up.
    """
    found = threading.Event()

    def read():
        for line in process.stdout:
            lines.append(line)
            if "token=" in line:
                found.set()
        found.set()  # it has ended

    threading.Thread(target=read, daemon=True).start()
    found.wait(patience())
    address = next((match[0] for line in lines if (match := re.search(r"http://\S*token=\w+", line))), None)
    ends = time.monotonic() + patience()
    if address and not visit:  # which would start a kernel
        return address
    while address and time.monotonic() < ends:  # it is printed a moment before the server answers
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=patience()).close()
            return address
        time.sleep(0.1)
    raise RuntimeError("The server did not start:\n" + "".join(lines))


def ask(address, path, method="GET"):
    """What the server whose address was printed answers to a request of its REST interface."""
    base, token = re.match(r"(http://[^/]+)/.*?token=(\w+)", address).groups()
    request = urllib.request.Request(f"{base}/api/{path}", method=method, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=patience()) as answer:
        return json.loads(answer.read() or "null")


def end_kernels(address):
    """End all kernels of a server."""
    for session in ask(address, "sessions"):
        ask(address, f"sessions/{session['id']}", "DELETE")


def heard(address, log):
    """Wait until `log` holds all that a server of JupyterLab and its kernels have printed so far."""
    name = secrets.token_hex(8)
    with contextlib.suppress(urllib.error.HTTPError):
        ask(address, f"contents/{name}")  # it prints that there is no such file
    until(lambda: any(name in line for line in log), f"The server prints nothing about {name}.")


def until(holds, otherwise):
    """Wait until a function says True; after all patience, fail with a sentence."""
    ends = time.monotonic() + patience()
    while not holds():
        assert time.monotonic() < ends, otherwise
        time.sleep(0.02)


def complaints(page):
    """A list that grows with each error of a page: those that nobody caught, and those in its console."""
    found = []
    page.on("pageerror", lambda error: found.append(f"page: {error}"))
    page.on("console", lambda message: message.type == "error" and found.append(f"console: {message.text}"))
    return found


@contextlib.contextmanager
def program(width=1280, height=1000):
    """A headless browser with a profile of its own; `new_page()` opens a page."""
    from playwright.sync_api import sync_playwright

    path = find()
    if path is None:
        raise RuntimeError(
            "No Chromium, Chrome or Edge is installed: install one (Debian, Ubuntu: apt install chromium)."
        )
    with (
        tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True) as profile,
        sync_playwright() as playwright,
    ):
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, headless=True, args=FLAGS, viewport={"width": width, "height": height}
        )
        try:
            yield context
        finally:
            context.close()


# --- a notebook in its page

PANEL = "document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)')"
SCROLLER = f"({PANEL}.querySelector('.jp-WindowedPanel-outer') ?? {PANEL}.querySelector('.jp-Notebook'))"
ERRORS = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
# each formula that the sources announce is set, and none by a message of MathJax
FORMULAS = f"""expected => {{
    const cells = [...{PANEL}.querySelectorAll('.jp-Notebook .jp-Cell')];
    return cells.length > 0 && expected.every(number => cells[number].querySelector('mjx-container'))
        && !{PANEL}.querySelector('mjx-merror') && cells.every(cell => {{
            const text = cell.querySelector('.jp-RenderedMarkdown')?.cloneNode(true);
            text?.querySelectorAll('mjx-container, code, pre').forEach(part => part.remove());
            return !text?.textContent.includes('$');
        }});
}}"""
ACTIVE = f"""number => {PANEL}.querySelectorAll('.jp-Notebook .jp-Cell')[number].classList.contains('jp-mod-active')"""
# JupyterLab itself describes a picture without a description, as 'Image'
PICTURES = f"""() => [...{PANEL}.querySelectorAll('.jp-Notebook img')].every(
    image => image.complete && image.naturalWidth && image.alt.trim().length > 20)"""


def open_notebook(page, address, path=None):
    """Open the address that the server printed, or another notebook of the same server, and wait for its kernel."""
    if path:
        base, token = re.match(r"(http://[^/]+)/.*?(token=\w+)", address).groups()
        address = f"{base}/lab/tree/{path}?{token}"
    page.goto(f"{address}&reset")  # an empty workspace: no tabs of another visit
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()


def cells(page):
    """All cells of the notebook, in its order."""
    return page.locator(".jp-Notebook .jp-Cell")


def prepare(page, code):
    """Let the notebook's kernel run statements, before the cells that are run from now on; does not wait for that."""
    page.evaluate(
        """code => {
            window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code});
        }""",
        code,
    )


def run(page, *numbers):
    """Run some cells, as a student does with the keyboard; does not wait for their ends."""
    for number in numbers:
        cells(page).nth(number).locator(".jp-InputPrompt").click()
        page.wait_for_function(ACTIVE, arg=number)
        page.keyboard.press("Control+Enter")


def widget(page, number):
    """The cell, once it shows a widget."""
    shown = cells(page).nth(number).locator(".jp-OutputArea .jupyter-widgets")
    shown.or_(page.locator(ERRORS)).first.wait_for()
    if found := errors(page):
        raise AssertionError("\n".join(found))
    cells(page).nth(number).scroll_into_view_if_needed()
    return cells(page).nth(number)


def run_all(page):
    """Run all cells, as a student would from the menu; wait for the end: the last prompts are numbers again, and the
    kernel is idle.
    """
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    prompts = f"[...{PANEL}.querySelectorAll('.jp-InputPrompt')]"
    page.wait_for_function(f"() => {prompts}.some(prompt => prompt.textContent.includes('*'))")
    page.wait_for_function(f"""() => {prompts}.every(prompt => !prompt.textContent.includes('*'))
        && {PANEL}.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'""")


def errors(page):
    """Texts of all error outputs and of everything that was written to stderr."""
    return page.locator(ERRORS).all_inner_texts()
