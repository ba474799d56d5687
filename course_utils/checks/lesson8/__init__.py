"""Checks of lesson 8: the Gram matrix of a region, what a control does, and what a measure of style takes for style."""

from functools import partial

from course_utils.checks.lesson8.guided_gram import guided_gram
from course_utils.checks.lesson8.kept_colours import kept_colours
from course_utils.checks.lesson8.which_setting import which_setting
from course_utils.progress import report
from course_utils.widgets import ask

__all__ = ["which_setting", "guided_gram", "kept_colours"]

progress = partial(report, 8)  # prints what is done, tried and open
predict, recall = partial(ask.predict, 8), partial(ask.recall, 8)
