"""The course in a real browser: the `lab` command's JupyterLab, driven through Playwright."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
          "/Applications/Chromium.app/Contents/MacOS/Chromium",
          "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
          r"C:\Program Files\Google\Chrome\Application\chrome.exe",
          r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
# all cells in the page, whether scrolled to or not; nothing asks for news; nothing is saved behind our back
SETTINGS = {"notebook-extension/tracker": {"windowingMode": "none"}, "docmanager-extension/plugin": {"autosave": False}}


def find():
    """Path of an installed Chromium, Chrome or Edge, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None) or next((place for place in PLACES if Path(place).exists()), None)


@contextlib.contextmanager
def lab(*arguments):
    """The address that `python3 -m course_utils lab --no-browser` prints, with settings and kernels of its own."""
    with tempfile.TemporaryDirectory(prefix="lab") as folder:
        settings = Path(folder) / "settings"
        for name, value in SETTINGS.items():
            file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(value), encoding="utf-8")
        environment = {**os.environ, "JUPYTER_CONFIG_DIR": f"{folder}/config", "JUPYTER_DATA_DIR": f"{folder}/data",
                       "JUPYTER_RUNTIME_DIR": f"{folder}/runtime", "IPYTHONDIR": f"{folder}/ipython",
                       "JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTERLAB_WORKSPACES_DIR": f"{folder}/workspaces"}
        process = subprocess.Popen([sys.executable, "-m", "course_utils", "lab", "--no-browser", *arguments], cwd=ROOT,
                                   env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.wait(30)


def _address(process, timeout=120):
    """The first address with a token in what the server prints; the rest is read on, so that its pipe never fills up."""
    found, lines = threading.Event(), []

    def read():
        for line in process.stdout:
            lines.append(line)
            if "token=" in line:
                found.set()

    threading.Thread(target=read, daemon=True).start()
    if not found.wait(timeout):
        raise RuntimeError("JupyterLab did not start:\n" + "".join(lines))
    address = next(match[0] for line in lines if (match := re.search(r"http://\S*token=\w+", line)))
    for _ in range(100):            # the address is printed a moment before the server answers
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=5).close()
            return address
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab does not answer at {address}:\n" + "".join(lines))


@contextlib.contextmanager
def page(width=1280, height=1000):
    """A page of a headless browser with a profile of its own."""
    from playwright.sync_api import sync_playwright
    program = find()
    if program is None:
        raise RuntimeError("No Chromium, Chrome or Edge is installed: install one (Debian, Ubuntu: apt install chromium).")
    with tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True) as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=program, headless=True, args=FLAGS,
                                                                viewport={"width": width, "height": height})
        try:
            yield context.pages[0] if context.pages else context.new_page()
        finally:
            context.close()


CURRENT = "document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)')"
SCROLLER = f"({CURRENT}.querySelector('.jp-WindowedPanel-outer') ?? {CURRENT}.querySelector('.jp-Notebook'))"
BUSY = f"{CURRENT}.querySelectorAll('.jp-InputPrompt')"
IDLE = f"""() => [...{BUSY}].every(prompt => !prompt.textContent.includes('*'))
                 && document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"""


def open_notebook(page, address, path=None):
    """Open the address that the server printed, or another notebook of the same server, and wait for its kernel."""
    if path:
        base, token = re.match(r"(http://[^/]+)/.*?(token=\w+)", address).groups()
        address = f"{base}/lab/tree/{path}?{token}"
    page.goto(f"{address}&reset")       # an empty workspace: no tabs of another visit
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)


def run_all(page, timeout=600):
    """Run all cells, as a student would from the menu; wait for the end."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(f"() => [...{BUSY}].some(prompt => prompt.textContent.includes('*'))", timeout=30_000)
    page.wait_for_function(IDLE, timeout=timeout * 1000)


def errors(page):
    """Texts of all error outputs and of everything that was written to stderr."""
    return page.locator("[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
