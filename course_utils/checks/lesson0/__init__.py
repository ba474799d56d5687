"""Checks of lesson 0: from pixels to a tensor and back."""

from course_utils.checks.lesson0.to_pixels import to_pixels
from course_utils.checks.lesson0.to_tensor import to_tensor

__all__ = ["to_tensor", "to_pixels"]
