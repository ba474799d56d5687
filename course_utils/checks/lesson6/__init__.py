"""Checks of lesson 6: the total cost, its gradient at a layer, the loop that paints, and three choices."""

from functools import partial

from course_utils.checks.lesson6.commission import commission
from course_utils.checks.lesson6.cost_gradient import cost_gradient
from course_utils.checks.lesson6.paint import paint
from course_utils.checks.lesson6.step_size import step_size
from course_utils.checks.lesson6.total_cost import total_cost
from course_utils.checks.lesson6.wrong_gradient import wrong_gradient
from course_utils.progress import report
from course_utils.widgets import ask

__all__ = ["total_cost", "cost_gradient", "paint", "step_size", "wrong_gradient", "commission"]

progress = partial(report, 6)  # prints what is done, tried and open
predict, recall = partial(ask.predict, 6), partial(ask.recall, 6)
