"""Arguments of the command line: the ranges of numbers, and a suggestion for an option that does not exist."""

import argparse
import difflib
import re


class Parser(argparse.ArgumentParser):
    """A parser that suggests the nearest option when an option does not exist."""

    def parse_args(self, args=None, namespace=None):
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command = self.commands.choices[options.command]
            known = sorted(set(re.findall(r"--[a-z-]+", command.format_help())))
            close = [
                match
                for word in unknown
                if word.startswith("--")
                for match in difflib.get_close_matches(word.partition("=")[0].lower(), known, n=1)
            ]
            hint = f" (did you mean {' and '.join(close)}?)" if close else ""
            command.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return options


def whole(least, most):
    """The type of an argument that is a whole number from `least` to `most`."""

    def convert(text):
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return convert


def weight(text):
    """The type of an argument that is a number of at least 0."""
    try:
        value = float(text if text.isascii() else "none")
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value
