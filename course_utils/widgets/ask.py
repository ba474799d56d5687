"""Questions as widgets: choose, keep the answer, run the cell, and compare."""

import html
import re

import ipywidgets as w

from course_utils import progress
from course_utils.questions import coming_back, question
from course_utils.widgets.core import Messages, View


def predict(lesson, name, answer=None):
    """Ask a question of a lesson before a cell is run.

    Args:
        lesson, name: of the question.
        answer: a letter, for those who have no widgets; then the verdict is printed. Raises ValueError for another one.
    """
    asked = question(lesson, name)
    if answer is None:
        return Ask([asked], "Run the next cell, then press Compare.", f'check.predict("{name}", "A")')
    letter = answer.strip().upper() if isinstance(answer, str) else answer
    if letter not in asked.choices:
        raise ValueError(f"Answer with one of the letters {', '.join(asked.choices)}.")
    progress.answer(asked.key, letter)
    print(asked.verdict(letter))
    return None


def recall(lesson):
    """Ask three questions of earlier lessons again."""
    return Ask(coming_back(lesson, progress.answers()), "", "")


class Ask(View):
    """Questions, each with its choices and a button that keeps the answer.

    Args:
        asked: list of `Question`.
        then: what to do after an answer is kept and before it is compared; '' to compare at once.
        call: how to answer without widgets.
    """

    def __init__(self, asked, then, call):
        self.messages, self.parts = Messages(), [_Part(each, then) for each in asked]
        for part in self.parts:
            part.keep.on_click(self.messages.guard(part.kept))
            part.compare.on_click(self.messages.guard(part.compared))
        super().__init__([*self.parts, self.messages], "")
        where = f"To answer, run this cell in JupyterLab{f', or a cell with {call}' if call else ''}."
        self.plain = "\n\n".join([*(part.question.plain for part in self.parts), where])

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = self.plain
        return bundle


class _Part(w.VBox):
    """One question."""

    def __init__(self, asked, then):
        self.question, self._then = asked, then
        options = [(f"{letter}  {choice}", letter) for letter, (choice, _) in asked.choices.items()]
        self.choice = w.RadioButtons(options=options, value=None, layout=w.Layout(width="auto"))
        self.choice.observe(self._chosen, "value")
        self.keep = w.Button(description="Keep my answer" if then else "Answer", icon="check", disabled=True)
        self.compare = w.Button(description="Compare", icon="balance-scale", disabled=True)
        self.text, self.verdict = w.HTML(f"<b>{_marked(asked.text)}</b>"), w.HTML()
        buttons = w.HBox([self.keep, self.compare] if then else [self.keep])
        super().__init__([self.text, self.choice, buttons, self.verdict])

    def _chosen(self, _):
        self.keep.disabled = False

    def kept(self, _):
        """Keep the answer, and say what comes next or show the verdict."""
        progress.answer(self.question.key, self.choice.value)
        self.compare.disabled = False
        if self._then:
            self.verdict.value = html.escape(f"Kept: {self.choice.value}. {self._then}")
        else:
            self.compared(None)

    def compared(self, _):
        """Show how the answer that was kept compares."""
        self.verdict.value = "<br>".join(map(_marked, self.question.verdict(self.choice.value).splitlines()))


def _marked(text):
    """HTML of a text in which `code` is marked."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))
