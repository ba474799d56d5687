"""Which function that stands earlier in a notebook would pass an exercise; the kernels import it as `tests.earlier`."""

import types

from course_utils.checks.core import Exercise


def passing(namespace, check):
    """The names of the notebook's own functions that pass a check: whoever copies one has not done the exercise."""
    if not isinstance(check, Exercise):
        return []
    functions = {
        name: value
        for name, value in list(namespace.items())
        if isinstance(value, types.FunctionType) and value.__module__ == "__main__" and not name.startswith("_")
    }
    return [name for name, function in functions.items() if check.judge(function)]
