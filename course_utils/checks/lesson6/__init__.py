"""Checks of lesson 6: the total cost, its gradient at a layer, one step downhill, and the weighting of frequencies."""

from course_utils.checks.lesson6.cost_gradient import cost_gradient
from course_utils.checks.lesson6.descent_step import descent_step
from course_utils.checks.lesson6.frequency_weighting import frequency_weighting
from course_utils.checks.lesson6.total_cost import total_cost

__all__ = ["total_cost", "cost_gradient", "descent_step", "frequency_weighting"]
