"""Checks of lesson 6: the total cost, its gradient at a layer, and one step downhill."""

from course_utils.checks.lesson6.cost_gradient import cost_gradient
from course_utils.checks.lesson6.descent_step import descent_step
from course_utils.checks.lesson6.total_cost import total_cost

__all__ = ["total_cost", "cost_gradient", "descent_step"]
