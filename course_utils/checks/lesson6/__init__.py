"""Checks of lesson 6: the total cost, its gradient at a layer, the loop that paints, and three choices."""

from course_utils.checks.lesson6.commission import commission
from course_utils.checks.lesson6.cost_gradient import cost_gradient
from course_utils.checks.lesson6.paint import paint
from course_utils.checks.lesson6.step_size import step_size
from course_utils.checks.lesson6.total_cost import total_cost
from course_utils.checks.lesson6.wrong_gradient import wrong_gradient

__all__ = ["total_cost", "cost_gradient", "paint", "step_size", "wrong_gradient", "commission"]
