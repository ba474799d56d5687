"""`show`: the widget of one lesson, alone in a page."""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

from course_utils.commands.arguments import whole
from course_utils.commands.processes import environment
from course_utils.commands.refusals import fail


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "show",
        help="open a page with the widget of one lesson",
        description=(
            "Open a page with the widget of one lesson and no code, by Voilà. Only this machine can reach it. "
            "Stop it with Ctrl-C."
        ),
    )
    parser.add_argument("lesson", type=whole(0, 99), metavar="LESSON", help="its number, such as 5")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    parser.add_argument("--port", type=whole(1, 65_000), default=8866, help="port of the server (default: %(default)s)")
    parser.set_defaults(function=run)


def run(options):
    if importlib.util.find_spec("voila") is None:
        return fail(f'Voilà is not installed: run `{sys.executable} -m pip install "{_voila()}"`.', 2)
    import nbformat

    from course_utils.excerpts import excerpt
    from course_utils.notebooks import NotebookError, lesson, read
    from course_utils.pages import PageError

    if not _free(options.port):
        return fail(f"Port {options.port} is in use or not allowed: choose another with --port.", 2)
    try:
        notebook = excerpt(read(lesson(options.lesson)))
    except (NotebookError, PageError) as error:
        return fail(error, 2)
    os.environ.update(environment())
    with tempfile.TemporaryDirectory(prefix="widget", ignore_cleanup_errors=True) as folder:
        from course_utils.widget_server import serve

        path = Path(folder) / f"lesson{options.lesson}.ipynb"
        nbformat.write(notebook, path)
        serve(path, options.port, in_browser=not options.no_browser)
    return 0


def _voila():
    """The requirement of pyproject.toml."""
    from course_utils.setup import requirements

    return next(requirement for requirement in requirements("test") if requirement.startswith("voila"))


def _free(port):
    """True where a server can listen at a port of this machine."""
    from tornado.netutil import bind_sockets

    from course_utils.server import ADDRESS

    try:
        for connection in bind_sockets(port, ADDRESS):
            connection.close()
    except OSError:
        return False
    return True
