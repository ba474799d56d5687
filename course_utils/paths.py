"""Where the files of the course are. The set-up reads this module on a bare Python, so it needs no package."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
COPIES = ROOT / "my_lessons"  # the student's own copies; never committed
BUILD = ROOT / "build"  # what notebooks and commands write; never committed
JUPYTER = PACKAGE / "jupyter"  # settings of the server, and a kernel that is always this Python
