"""A mistake that any function can make: it takes numbers of an earlier call for those of this one."""


def remembering(function, key):
    """The function, but computed once for each key: numbers of an earlier call are taken for those of this one."""
    known = {}

    def cached(*arguments):
        if key(*arguments) not in known:
            known[key(*arguments)] = function(*arguments)
        return known[key(*arguments)]

    return cached
