"""Checks of lesson 5: the Gram matrix, what leaves it as it is, and its gradient; the style cost of one layer, the sum
over layers, and three programs of which one is right.
"""

from functools import partial

from course_utils.checks.lesson5.gram import gram
from course_utils.checks.lesson5.gram_gradient import gram_gradient
from course_utils.checks.lesson5.layer_cost import layer_cost
from course_utils.checks.lesson5.style_cost import style_cost
from course_utils.checks.lesson5.unchanged import unchanged
from course_utils.checks.lesson5.which_program import which_program
from course_utils.progress import report
from course_utils.widgets import ask

__all__ = ["gram", "unchanged", "layer_cost", "gram_gradient", "style_cost", "which_program"]

progress = partial(report, 5)  # prints what is done, tried and open
predict, recall = partial(ask.predict, 5), partial(ask.recall, 5)
