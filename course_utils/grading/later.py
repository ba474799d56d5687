"""What stands for a check while students' code runs: it says nothing, because the verdict is given elsewhere, later."""


class Later:
    """Takes any answer, and is true, so that a cell goes on behind it."""

    message = reason = ""

    def __init__(self, name):
        self.name = name

    def __call__(self, answer=None, **_):
        return self

    judge = __call__
