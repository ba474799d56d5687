"""Checks of lesson 4: the content cost, its gradient through the ReLU, and the weight that makes a mean of the sum."""

from course_utils.checks.lesson4.content_cost import content_cost
from course_utils.checks.lesson4.content_gradient import content_gradient
from course_utils.checks.lesson4.mean_weight import mean_weight

__all__ = ["content_cost", "content_gradient", "mean_weight"]
