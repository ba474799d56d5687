"""Checks of lesson 1: receptive fields, the strongest units, and the way back through pooling and convolution."""

from course_utils.checks.lesson1.conv_back import conv_back
from course_utils.checks.lesson1.field_of import field_of
from course_utils.checks.lesson1.pool_back import pool_back
from course_utils.checks.lesson1.strongest import strongest

__all__ = ["field_of", "pool_back", "conv_back", "strongest"]
