"""A notebook in a kernel of its own, which ends with it whatever happens.

nbclient handles a Ctrl-C by a clean-up beside its usual one, and the two trip over each other. So we own the kernel and
the handler of the signal: nbclient then does neither.
"""

import asyncio
import contextlib
import signal
import threading

from jupyter_client import AsyncKernelManager

OPTIONS = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]


class _Loop(asyncio.SelectorEventLoop):
    def add_signal_handler(self, *_):
        raise RuntimeError("Signals are handled by run() alone.")  # the error that nbclient expects

    def remove_signal_handler(self, *_):
        return False


def run(client, manager, folder):
    """Execute the notebook of an nbclient, which was made with this kernel manager.

    Args:
        client: NotebookClient with `km=manager`.
        manager: AsyncKernelManager whose kernel is not yet started.
        folder: where the kernel starts.
    Raises:
        KeyboardInterrupt: at the first Ctrl-C, when the kernel has ended; a second one changes nothing.
        What nbclient and the kernel's start raise.
    """
    loop = _Loop()
    asyncio.set_event_loop(loop)
    try:
        task = loop.create_task(_executed(client, manager, folder))
        with _cancelled_by_ctrl_c(loop, task) as pressed:
            try:
                loop.run_until_complete(task)
            except BaseException as error:  # a library may turn the cancellation into an error of its own
                if pressed:
                    raise KeyboardInterrupt from error
                raise
            if pressed:  # when all was done
                raise KeyboardInterrupt
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            left = asyncio.all_tasks(loop)
            for each in left:
                each.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()


async def _executed(client, manager, folder):
    try:
        await manager.start_kernel(extra_arguments=OPTIONS, cwd=str(folder))
        await client.async_execute()
        await manager.shutdown_kernel()
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def _cancelled_by_ctrl_c(loop, task):
    """A list that the first Ctrl-C fills when it cancels the task; outside the main thread no signal arrives."""
    pressed = []

    def press(*_):
        if not pressed:
            pressed.append(True)
            loop.call_soon_threadsafe(task.cancel)

    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def manager():
    """A manager for a kernel of this Python."""
    return AsyncKernelManager(kernel_name="python3")
