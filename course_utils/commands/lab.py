"""`lab`: JupyterLab, on the student's own copy of the first lesson."""

import os
import sys
import tempfile

from course_utils.commands.arguments import whole
from course_utils.commands.processes import before_others, environment, go_on_as
from course_utils.commands.refusals import fail, note
from course_utils.paths import COPIES, JUPYTER, NOTEBOOKS, ROOT


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "lab",
        help="open JupyterLab on the first lesson",
        description=(
            "Open JupyterLab on the first lesson. Your own copies of the lessons lie in my_lessons/, without results; "
            "what you write there is never replaced. Stop it with Ctrl-C."
        ),
    )
    parser.add_argument("--results", action="store_true", help="open the lessons with their results, in notebooks/")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    parser.add_argument(
        "--port",
        type=whole(1, 65_000),
        default=8888,
        help="port of the server; the next free one is taken (default: 8888)",
    )
    parser.set_defaults(function=run)


def run(options):
    from jupyter_core.paths import jupyter_config_dir, jupyter_runtime_dir

    for folder in (jupyter_config_dir(), jupyter_runtime_dir()):
        try:
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            return fail(
                f"JupyterLab cannot write to the folder '{folder}' ({error.strerror}): let the variable HOME "
                "name a folder that you may write to.",
                2,
            )
    first = min((path.name for path in NOTEBOOKS.glob("*.ipynb")), default="")  # a handout may lack lesson 0
    folder = NOTEBOOKS if options.results else COPIES
    if not options.results:
        from course_utils.copies import CopyError, renew

        try:
            for sentence in renew():
                note(sentence)
        except CopyError as error:
            return fail(error, 2)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={ROOT}",
        f"--ServerApp.port={options.port}",
        "--ServerApp.identity_provider_class=course_utils.server.OwnToken",
        f"--LabApp.default_url=/lab/tree/{folder.name}/{first}",
    ]
    if options.no_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in containers; the server answers only this machine
    # the course runs offline, so this folder switches off JupyterLab's question about news and its search for updates
    return go_on_as(command, {**environment(), "JUPYTER_CONFIG_PATH": before_others(JUPYTER, "JUPYTER_CONFIG_PATH")})
