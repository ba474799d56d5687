"""What nbval 0.11 lets through, made to fail; imported by conftest.py, and by the `test` command with -p.

- An unknown magic has an error reply but no error message, and passes: look at the reply.
- A cell tagged raises-exception passes when it raises nothing: demand the exception.
- A slow or busy machine fails after so many seconds: wait as long as the kernel lives, and ask every second whether it
does.
- IPython ignores a trailing `;` unless the history is stored: store it.
- Pictures are not compared (nbval.cfg takes them out): those of a fresh run must look like the stored ones.
And of ours: the kernels run offline, and a cell that tries to connect fails; no function that stands earlier in a
notebook may pass an exercise.
"""

import os
import queue
import re
import tempfile
from pathlib import Path

import nbval.kernel
import nbval.plugin

from likeness import ALIKE, pictures, similarity

# tag of a cell whose picture shows the roundings of a processor, or thin lines that each matplotlib draws elsewhere
MACHINE = "picture-of-this-machine"
OFFLINE = Path(__file__).with_name("offline")


def execute_cell_input(self, cell_input, allow_stdin=None):
    return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


def wait(original):
    def get_message(self, stream, timeout=None):
        """The next message of the stream, whatever `timeout` says."""
        while True:
            try:
                return original(self, stream, timeout=1)
            except queue.Empty:
                if not self.is_alive():
                    raise RuntimeError("The kernel died.") from None

    return get_message


def await_reply(self, msg_id, timeout=None):
    while (message := self.get_message("shell"))["parent_header"].get("msg_id") != msg_id:
        pass
    self.last_reply = message["content"]
    if self.last_reply["status"] == "aborted":
        raise RuntimeError("The kernel aborted the cell.")


def ensure_iopub_up(self):
    """What a kernel publishes before we are connected is lost: ask until something comes."""
    while True:
        self.await_reply(self.kc.kernel_info())
        try:
            return self.kc.get_iopub_msg(timeout=1)
        except queue.Empty:
            pass


def start_offline(original):
    def __init__(self, *arguments, **options):
        self.offline_log = Path(tempfile.mkdtemp(prefix="offline")) / "attempts"
        self.offline_log.touch()
        os.environ["OFFLINE_LOG"] = str(self.offline_log)
        path = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), str(OFFLINE.parent.parent), *filter(None, [path])])
        try:
            original(self, *arguments, **{**options, "startup_timeout": None})  # its start, too: as long as it lives
        finally:
            os.environ["PYTHONPATH"] = path
            del os.environ["OFFLINE_LOG"]

    return __init__


def refuse_what_stands_above(item, kernel):
    """Fail the cell of an exercise that a function defined earlier in the notebook would pass."""
    exercise = re.search(r"^check\.(\w+)\(\1\)$", item.cell.source, re.M)
    if exercise is None or "solution" in item.cell.metadata.get("tags", []):
        return
    asked = f"__import__('tests.earlier').earlier.passing(globals(), check.{exercise[1]})"
    kernel.await_reply(kernel.kc.execute("", silent=True, user_expressions={"passing": asked}))
    answer = kernel.last_reply["user_expressions"]["passing"]
    if answer["status"] != "ok":
        item.raise_cell_error(f"What stands above {exercise[1]} could not be tried: {answer['evalue']}")
    if (names := answer["data"]["text/plain"]) != "[]":
        item.raise_cell_error(f"Functions above pass the exercise {exercise[1]}: {names}")


def runtest(original):
    def checked(self):
        kernel = self.parent.kernel
        refuse_what_stands_above(self, kernel)
        original(self)
        failed = getattr(kernel, "last_reply", {}).get("status") == "error"
        if failed and not self.options["check_exception"]:
            self.raise_cell_error(f"{kernel.last_reply.get('ename')}: {kernel.last_reply.get('evalue')}")
        if self.options["check_exception"] and not failed:
            self.raise_cell_error("The cell is tagged raises-exception and raised nothing.")
        if attempts := kernel.offline_log.read_text(encoding="utf-8"):
            kernel.offline_log.write_text("", encoding="utf-8")
            self.raise_cell_error(f"The cell tried to reach the network: {attempts}")
        if self.options["check"] and MACHINE not in self.cell.metadata.get("tags", []):
            stored, fresh = pictures(self.cell.outputs), pictures(self.test_outputs)
            for number, pair in enumerate(zip(stored, fresh), start=1):  # that there are as many, nbval has seen
                if (alike := similarity(*pair)) < ALIKE:
                    self.raise_cell_error(
                        f"Picture {number} does not look like the stored one: similarity {alike:.2f}."
                    )

    return checked


KERNEL, CELL = nbval.kernel.RunningKernel, nbval.plugin.IPyNbCell
KERNEL.execute_cell_input, KERNEL.await_reply, KERNEL._ensure_iopub_up = (
    execute_cell_input,
    await_reply,
    ensure_iopub_up,
)
KERNEL.get_message = wait(KERNEL.get_message)
KERNEL.__init__ = start_offline(KERNEL.__init__)
CELL.runtest = runtest(CELL.runtest)
