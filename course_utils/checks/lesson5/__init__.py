"""Checks of lesson 5: the Gram matrix and its gradient, the style cost of one layer, and the sum over layers."""

from course_utils.checks.lesson5.gram import gram
from course_utils.checks.lesson5.gram_gradient import gram_gradient
from course_utils.checks.lesson5.layer_cost import layer_cost
from course_utils.checks.lesson5.style_cost import style_cost

__all__ = ["gram", "layer_cost", "gram_gradient", "style_cost"]
