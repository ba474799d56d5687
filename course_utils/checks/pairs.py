"""Two mistakes at once, for exercises whose result has no parts that could be judged one by one."""

import re

from course_utils.checks.core import Misconception


def pairs(variant, *parts):
    """Two mistakes at once: all pairs of mistakes in different parts, each {name: (what is wrong, what it replaces)}.

    A hint names both mistakes, and says that one of them should be repaired first. Of a text that says what is wrong it
    takes what stands before the first colon or the end of the first sentence.
    """
    found = []
    for number, part in enumerate(parts):
        for other in parts[number + 1 :]:
            for first, (says, replaced) in part.items():
                for second, (says_too, replaced_too) in other.items():
                    both = ", and ".join(re.split(r"[:.] ", text)[0] for text in (says, says_too))
                    hint = f"two things are wrong at once: {both}. Mend the first, and check again."
                    found.append(Misconception(f"{first}+{second}", variant(**replaced, **replaced_too), hint))
    return found
