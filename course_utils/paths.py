"""Where things are. Standard library only: the set-up reads this on a bare Python."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
COPIES = ROOT / "my_lessons"  # the student's own; never committed
BUILD = ROOT / "build"  # what notebooks and commands write; never committed
JUPYTER = PACKAGE / "jupyter"  # settings of the server, and a kernel that is always this Python
