"""What one may ask a check besides its verdict: hints in steps, and a solution."""

import textwrap

from course_utils import exercises, progress

WIDTH = 96


_warned = set()  # names of the exercises whose solution was called for before the hints were read


class Asked:
    """The base of all checks. A subclass has a `name`, `hints` (one text for each step) and `judge`."""

    def __call__(self, answer, *, solution=False, example=False):
        """Judge an answer, print the verdict, and return it.

        Args:
            answer: a function, or what else the exercise asks for.
            solution, example: whether it is the folded solution, or an example in the lesson; neither counts as a try.
        """
        result = self.judge(answer)
        mark = "✓" if result else "○" if result.reason == "unwritten" else "✗"
        say(f"{mark} {'solution of ' if solution else ''}{self.name}: {result.message}")
        if not (solution or example) and mark != "○":
            known = progress.note(self.name, tries=1, right=bool(result))
            if mark == "✗" and known["tries"] > 1 and known["hints"] < len(self.hints):
                say(f"  check.{self.name}.hint() gives the next hint.")
        return result

    def hint(self):
        """Print the next hint, or the last one again."""
        step = min(progress.of(self.name)["hints"], len(self.hints) - 1)
        say(f"Hint {step + 1} of {len(self.hints)}: {self.hints[step]}")
        progress.note(self.name, hints=int(progress.of(self.name)["hints"] < len(self.hints)))
        if step + 1 == len(self.hints):
            say(f"This is the last hint; check.{self.name}.solution() shows a solution.")

    def solution(self):
        """Print the folded solution of the lesson. The first call asks whether the hints would be enough."""
        known = progress.of(self.name)
        source = exercises.task(self.name).solution
        if not source:
            say("This copy of the course has no solutions: ask your instructor.")
        elif known["hints"] < len(self.hints) and not known["right"] and self.name not in _warned:
            _warned.add(self.name)
            say(
                f"There are hints that you have not read: check.{self.name}.hint() shows them one by one. Call"
                f" check.{self.name}.solution() again to see the solution all the same."
            )
        else:
            print(source)
            progress.note(self.name, solution=True)


def say(text):
    """Print a text in lines that fit the page. Indented lines stay as they are."""
    for number, line in enumerate(text.splitlines()):
        print(line if number and line.startswith(" ") else _wrapped(line, "  " if number else ""))


def _wrapped(line, indent):
    """A line, broken between words into lines that fit the page; the entries of a list keep their indentation."""
    later = indent + ("  " if not indent or line.startswith("- ") else "")
    return textwrap.fill(
        line, WIDTH, initial_indent=indent, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
