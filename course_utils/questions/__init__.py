"""Questions of the lessons: what a reader predicts before a cell is run, and what comes back two lessons later.

A file lessonN.py holds the list QUESTIONS of lesson N, in the order of its page.
"""

from dataclasses import dataclass
from importlib import import_module

BACK = (1, 1, 3)  # the three questions at the end of a lesson come from the lessons so many before


@dataclass(frozen=True)
class Question:
    """A question with choices.

    Attributes:
        name: unique in its lesson.
        objective: id of the objective that it serves, such as '3.a'.
        text: the question, in Markdown without formulas in TeX; it can be understood without the page around it if it
            is `lasting`.
        choices: {letter: (choice, explanation)}: why a wrong choice is wrong, and why the right one is right.
        right: letter of the right choice.
        lasting: whether later lessons may ask it again.
    """

    name: str
    objective: str
    text: str
    choices: dict[str, tuple[str, str]]
    right: str
    lasting: bool = False

    @property
    def key(self) -> str:
        """The name by which the file of the progress knows it, such as 'question 3.largest_share'."""
        return f"question {self.objective[0]}.{self.name}"

    @property
    def plain(self) -> str:
        """Question and choices as text."""
        return "\n".join([self.text, *(f"  {letter}  {choice}" for letter, (choice, _) in self.choices.items())])

    def verdict(self, letter: str) -> str:
        """What is said about an answer: whether it is right, why, and what would have been."""
        said = f"{letter} is {'right' if letter == self.right else 'not right'}. {self.choices[letter][1]}"
        if letter != self.right:
            said += f"\n{self.right} is right. {self.choices[self.right][1]}"
        return said


def questions(lesson: int) -> list[Question]:
    """The questions of a lesson, in the order of its page."""
    return import_module(f"course_utils.questions.lesson{lesson}").QUESTIONS


def question(lesson: int, name: str) -> Question:
    """A question of a lesson. Raises ValueError for a name that it does not have."""
    found = {each.name: each for each in questions(lesson)}
    if name not in found:
        raise ValueError(f"Lesson {lesson} has no question '{name}': choose from {', '.join(found)}.")
    return found[name]


def coming_back(lesson: int, answers: dict[str, str]) -> list[Question]:
    """Three lasting questions of earlier lessons, at most: two of the lesson before, one of the third before.

    Questions whose answer was wrong come first, then those without an answer, each in the order of their page.

    Args:
        lesson: at whose end they are asked.
        answers: {key of a question: letter} of what was answered before.
    """

    def order(each):
        answer = answers.get(each.key)
        return 0 if answer not in (None, each.right) else 1 if answer is None else 2

    chosen: list[Question] = []
    for back in BACK:
        fresh = [each for each in questions(max(lesson - back, 0)) if each.lasting and each not in chosen]
        chosen += sorted(fresh, key=order)[:1] if lesson else []
    return chosen
