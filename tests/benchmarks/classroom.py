"""What a class needs: memory and processor time of each lesson's run: python tests/benchmarks/classroom.py [--write]

Each lesson runs from a fresh kernel, with one thread. The memory is the largest resident set of its kernel, and for the
server, which opens the lessons, the resident set after its start. With `--write` the table goes into
notebooks/INSTRUCTORS.md. Not a test: machines differ. POSIX only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from course_utils.files import replace_file
from course_utils.notebooks import select
from course_utils.teaching import GUIDE, with_block

PICTURE = ("monument_neuschwanstein_castle", "van_gogh_cafe_terrace_at_night")
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def started(*arguments, until=None):
    """A command of the course, which is over, or has printed `until`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "course_utils", *arguments],
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if until else None,
        text=True,
    )
    if until:
        next(line for line in process.stderr if until in line)
    return process


def measured(*arguments):
    """(MiB of the largest process, CPU seconds of all of them) of a command of the course."""
    _, status, used = os.wait4(started(*arguments).pid, 0)
    if status:
        raise SystemExit(f"The command {arguments[0]} has failed; see above.")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return used.ru_maxrss / unit, used.ru_utime + used.ru_stime


def server():
    """(MiB, CPU seconds) of JupyterLab's server after its start; its largest set is that of the copying before."""
    process = started("lab", "--no-browser", until="token=")
    memory = psutil.Process(process.pid).memory_info().rss / 2**20
    process.terminate()
    _, _, used = os.wait4(process.pid, 0)
    return memory, used.ru_utime + used.ru_stime


def rows():
    """(what, MiB, CPU seconds) one by one."""
    for path in select():
        yield f"lesson {int(path.name[:2])}", *measured("run", str(path))
    with tempfile.TemporaryDirectory() as folder:
        options = ("-o", f"{folder}/out.png", "--size", "512", "--evaluations", "10")
        yield "`transfer`, 512 pixels wide, 10 evaluations", *measured("transfer", *PICTURE, *options)
    yield "the server of JupyterLab, after its start", *server()


def table(found):
    """The rows in Markdown; memory in steps of 10 MiB, time in steps of 5 seconds."""
    lines = ["| what runs | peak memory, MiB | processor time, seconds |", "| --- | --- | --- |"]
    for what, memory, seconds in found:
        lines.append(f"| {what} | {10 * round(memory / 10):,} | {5 * round(seconds / 5)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into notebooks/INSTRUCTORS.md")
    options, found = parser.parse_args(), []
    for row in rows():
        found.append(row)
        print("{}: {:.0f} MiB, {:.0f} s".format(*row), file=sys.stderr, flush=True)
    print(table(found))
    if options.write:
        replace_file(GUIDE, with_block(GUIDE.read_text(encoding="utf-8"), "measured", table(found)).encode())
