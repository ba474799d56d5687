"""Voilà, for one notebook and for this machine alone."""

import logging
import signal
import webbrowser
from pathlib import Path

from tornado.ioloop import IOLoop
from traitlets.config import Config
from voila.app import Voila

from course_utils.server import OwnToken

# of JupyterLab and Voilà, and no others: they may not fit this page, and say so in its console
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]


class Page(Voila):
    """Voilà's own server; it says its address, with the token, and opens it so (Voilà opens it without)."""

    in_browser = True

    def launch_browser(self):
        signal.signal(signal.SIGINT, self._end)
        print(f"The widget is at {self.display_url} (Ctrl-C ends it)", flush=True)
        if self.in_browser and not webbrowser.open(self.display_url):
            print("No browser could be opened: open the address yourself.", flush=True)

    @staticmethod
    def _end(*_):
        """Ctrl-C: the loop ends itself, for a KeyboardInterrupt in one of its callbacks may be lost there."""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # pressed again, it ends whatever hangs
        loop = IOLoop.current()
        loop.asyncio_loop.call_soon_threadsafe(loop.stop)  # wakes the loop, which add_callback does not


def serve(path: Path, port: int, in_browser: bool) -> None:
    """Serve the notebook in a file until Ctrl-C, with a kernel for each visit.

    `OwnToken` holds the server to this machine, gives it a token and lets photos through, whatever settings say; no
    file of settings for Voilà is read.
    """
    Page.in_browser = in_browser
    Page.launch_instance(
        argv=[str(path), "--template=course"],
        config=Config({"VoilaConfiguration": {"extension_allowlist": EXTENSIONS}}),
        port=port,
        port_retries=0,
        identity_provider_class=OwnToken,
        auto_token=True,
        config_file_paths=[],
        log_level=logging.ERROR,
    )
