"""Execute the course's notebooks from fresh kernels, with a progress bar and outputs that are the same in each run."""

import base64
import copy
import io
import re
from pathlib import Path

import nbformat
import numpy as np
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from PIL import Image
from tqdm import tqdm

from course_utils import kernels
from course_utils.files import replace_file
from course_utils.paths import BUILD, NOTEBOOKS

WIDGET = "application/vnd.jupyter.widget-view+json"
EMBEDDED = re.compile(r'(?<=;base64,)[^"]*')  # the pictures in an HTML text
SAME = 2  # grey levels (of 255) by which two pictures that look the same may differ on average
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookError(RuntimeError):
    """A notebook has failed; the message says where and why."""


class NotANotebook(NotebookError):
    """A name or a file is no notebook; the message says what to give."""


def select(names=()):
    """Paths of the notebooks whose names begin with one of `names`, or of all notebooks without names.

    A name may also be the path of a file. Raises NotANotebook for a name that fits none.
    """
    every = sorted(NOTEBOOKS.glob("*.ipynb"))
    if not names:
        return every
    chosen = {}
    for name in names:
        try:
            ours = [path for path in every if name and path.name.startswith(name)]
            found = [Path(name)] if Path(name).is_file() else ours
        except (OSError, ValueError):  # too long a name, a null byte
            found = []
        if not found:
            raise NotANotebook(f"There is no notebook '{name}': choose from {', '.join(path.stem for path in every)}.")
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def numbered(folder=NOTEBOOKS):
    """{number: path} of the lessons in a folder, in their order."""
    return {int(path.name[:2]): path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def lesson(number, folder=NOTEBOOKS):
    """Path of the lesson of this number in a folder. Raises NotANotebook where there is none."""
    every = numbered(folder)
    if number not in every:
        raise NotANotebook(f"There is no lesson {number}: choose from {', '.join(map(str, every))}.")
    return every[number]


def read(path):
    """The notebook in a file. Raises NotANotebook when the file cannot be read as one."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as error:
        raise NotANotebook(f"'{path}' is not a notebook that can be read: give the path of an .ipynb file.") from error
    return notebook


def clear(notebook):
    """Take all results out of a notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def execute(path, in_place=False):
    """Run a notebook from a fresh kernel. The result goes to build/notebooks/, or with `in_place` into the notebook.

    Returns:
        Path of the executed notebook.
    Raises:
        NotANotebook: the file cannot be read.
        NotebookError: a cell failed or the kernel died, and the notebook up to this cell is in build/notebooks/; or the
            kernel did not start; or the result cannot be written.
    """
    notebook = read(path)
    stored = copy.deepcopy(notebook)
    clear(notebook)
    target = BUILD / "notebooks" / Path(path).name
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    with tqdm(total=cells, desc=Path(path).stem, unit="cell") as bar:
        manager = kernels.manager()
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=None,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            on_cell_executed=lambda **_: bar.update(),
        )
        try:
            kernels.run(client, manager, Path(path).parent)
        except (CellExecutionError, DeadKernelError) as error:
            _write(notebook, target)
            done = sum(1 for cell in notebook.cells if cell.get("execution_count"))
            reason = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else "the kernel died"
            raise NotebookError(f"{Path(path).name}, code cell {done}: {reason} (see {target}).") from error
        except (RuntimeError, OSError, NoSuchKernel) as error:
            reason = str(error).partition("\n")[0]
            raise NotebookError(
                f"{Path(path).name}: the kernel did not start ({reason}): see what it says above, and "
                "look for a mistake in ~/.ipython/profile_default/startup."
            ) from error
    if in_place:
        target = Path(path)
        keep_pictures(notebook, stored)
    _write(reproducible(notebook), target)
    return target


def _write(notebook, target):
    """Write a notebook, all or nothing; the folder build/notebooks/ is made if it does not exist."""
    try:
        if target.parent == BUILD / "notebooks":
            target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, (nbformat.writes(notebook) + "\n").encode(errors="replace"))
    except OSError as error:
        raise NotebookError(
            f"'{target}' cannot be written ({error.strerror or error}): make room, or make its folder writable."
        ) from error


def keep_pictures(notebook, stored):
    """Replace new pictures by stored ones that look the same, so that the file changes only where something differs."""
    before = {cell.id: cell for cell in stored.cells}
    for cell in notebook.cells:
        old = before[cell.id].get("outputs", []) if cell.id in before else []
        for output, was in zip(cell.get("outputs", []), old):
            new, known = (each.get("data", {}).get("text/html", "") for each in (output, was))
            if EMBEDDED.sub("", new) == EMBEDDED.sub("", known) != new:
                pictures = iter(EMBEDDED.findall(known))
                output.data["text/html"] = EMBEDDED.sub(lambda match: _kept(next(pictures), match[0]), new)


def _kept(stored, new):
    """The stored picture if the new one looks the same, otherwise the new one; both in base64."""
    if stored == new:
        return new
    try:
        one, other = (
            np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float)
            for data in (stored, new)
        )
    except (OSError, ValueError):  # a sound, or a damaged picture
        return new
    return stored if one.shape == other.shape and np.abs(one - other).mean() < SAME else new


def reproducible(notebook):
    """A copy of a notebook without widget ids, timings and versions, which differ between runs; cell ids stay."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)  # the plain text says what to do; a dead widget says nothing
            output.get("metadata", {}).clear()
    return notebook
