"""Checks of lesson 3: mean activations, rescaling by them, what undoes it behind the last layer, and powers of two."""

from course_utils.checks.lesson3.mean_activation import mean_activation
from course_utils.checks.lesson3.power_of_two import power_of_two
from course_utils.checks.lesson3.rescale import rescale
from course_utils.checks.lesson3.undo import undo

__all__ = ["mean_activation", "rescale", "power_of_two", "undo"]
