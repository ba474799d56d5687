"""Two mistakes at once, for exercises whose result has no parts that could be judged one by one."""

from course_utils.checks.core import Misconception


def pairs(variant, *parts):
    """Two mistakes at once: all pairs of mistakes in different parts, each {name: (what is wrong, what it replaces)}.

    A hint names both mistakes, and says that one of them should be repaired first.
    """
    found = []
    for number, part in enumerate(parts):
        for other in parts[number + 1 :]:
            for first, (says, replaced) in part.items():
                for second, (says_too, replaced_too) in other.items():
                    hint = f"two things are wrong at once: {says}, and {says_too}. Mend the first, and check again."
                    found.append(Misconception(f"{first}+{second}", variant(**replaced, **replaced_too), hint))
    return found
