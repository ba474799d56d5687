"""The points of a result, as nbgrader reads them off a cell."""


class NotPassed(AssertionError):
    """An answer gets no points; the message is the check's."""


def points(result, most):
    """The points of a `Result`, from 0 to `most`. Raises NotPassed where there are none."""
    earned = most * (1.0 if result else result.share)
    if not earned:
        raise NotPassed(result.message)
    return earned
