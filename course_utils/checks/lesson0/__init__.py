"""Checks of lesson 0: from pixels to a tensor and back, and what the original network is given."""

from course_utils.checks.lesson0.right_program import right_program
from course_utils.checks.lesson0.to_pixels import to_pixels
from course_utils.checks.lesson0.to_tensor import to_tensor

__all__ = ["to_tensor", "to_pixels", "right_program"]
