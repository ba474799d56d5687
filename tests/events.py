"""Waiting for events, never for a number of seconds: whether a test passes depends on no clock."""

import contextlib
import threading

PATIENCE = 900  # seconds after which an event will not come any more; no test that passes waits so long


@contextlib.contextmanager
def held(view, evaluation, press="start"):
    """Press Start of a widget, or another button, and keep its job inside that evaluation, or a later one, until the
    block ends.
    """
    shown, go_on = threading.Event(), threading.Event()

    def hold(change):
        if change.new >= evaluation:
            shown.set()
            go_on.wait(PATIENCE)

    view.job.rate = 1e9  # every evaluation is shown
    view.progress.observe(hold, "value")
    getattr(view, press).click()
    try:
        assert shown.wait(PATIENCE)
        yield
    finally:
        view.progress.unobserve(hold, "value")
        go_on.set()
