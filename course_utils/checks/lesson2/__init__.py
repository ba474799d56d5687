"""Checks of lesson 2: batch normalisation, its gradient, its running statistics, folding it into a convolution, and its
relatives.
"""

from functools import partial

from course_utils.checks.lesson2.batch_norm import batch_norm
from course_utils.checks.lesson2.commuting import commuting
from course_utils.checks.lesson2.fold import fold
from course_utils.checks.lesson2.group_norm import group_norm
from course_utils.checks.lesson2.input_gradient import input_gradient
from course_utils.checks.lesson2.update_running import update_running
from course_utils.progress import report
from course_utils.widgets import ask

__all__ = ["batch_norm", "commuting", "input_gradient", "update_running", "fold", "group_norm"]

progress = partial(report, 2)  # prints what is done, tried and open
predict, recall = partial(ask.predict, 2), partial(ask.recall, 2)
