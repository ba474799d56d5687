"""What nbval 0.11 lets through, made to fail; imported by conftest.py, and by the `test` command with -p.

- An unknown magic has an error reply but no error message, and passes: look at the reply.
- A cell tagged raises-exception passes when it raises nothing: demand the exception.
- A dead kernel is noticed after the cell timeout only: poll.
- IPython ignores a trailing `;` unless the history is stored: store it.
And of ours: the kernels run offline, and a cell that tries to connect fails.
"""
import os
import queue
import tempfile
import time
from pathlib import Path

import nbval.kernel
import nbval.plugin

OFFLINE = Path(__file__).with_name("offline")


def execute_cell_input(self, cell_input, allow_stdin=None):
    return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


def await_reply(self, msg_id, timeout=None):
    end = time.monotonic() + (3600 if timeout is None else timeout)
    while True:
        try:
            message = self.get_message(stream="shell", timeout=max(0, min(1, end - time.monotonic())))
        except queue.Empty:
            if not self.is_alive():
                raise RuntimeError("The kernel died.") from None
            if time.monotonic() >= end:
                raise
            continue
        if message["parent_header"].get("msg_id") == msg_id:
            self.last_reply = message["content"]
            if self.last_reply["status"] == "aborted":
                raise RuntimeError("The kernel aborted the cell.")
            return


def start_offline(original):
    def __init__(self, *arguments, **options):
        self.offline_log = Path(tempfile.mkdtemp(prefix="offline")) / "attempts"
        self.offline_log.touch()
        os.environ["OFFLINE_LOG"] = str(self.offline_log)
        path = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), str(OFFLINE.parent.parent), *filter(None, [path])])
        try:
            original(self, *arguments, **options)
        finally:
            os.environ["PYTHONPATH"] = path
            del os.environ["OFFLINE_LOG"]
    return __init__


def runtest(original):
    def checked(self):
        original(self)
        kernel = self.parent.kernel
        failed = getattr(kernel, "last_reply", {}).get("status") == "error"
        if failed and not self.options["check_exception"]:
            self.raise_cell_error(f"{kernel.last_reply.get('ename')}: {kernel.last_reply.get('evalue')}")
        if self.options["check_exception"] and not failed:
            self.raise_cell_error("The cell is tagged raises-exception and raised nothing.")
        if attempts := kernel.offline_log.read_text(encoding="utf-8"):
            kernel.offline_log.write_text("", encoding="utf-8")
            self.raise_cell_error(f"The cell tried to reach the network: {attempts}")
    return checked


KERNEL, CELL = nbval.kernel.RunningKernel, nbval.plugin.IPyNbCell
KERNEL.execute_cell_input, KERNEL.await_reply = execute_cell_input, await_reply
KERNEL.__init__ = start_offline(KERNEL.__init__)
CELL.runtest = runtest(CELL.runtest)
