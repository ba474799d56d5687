"""Checks of lesson 2: batch normalisation, its running statistics, folding it into a convolution, and its relatives."""

from course_utils.checks.lesson2.batch_norm import batch_norm
from course_utils.checks.lesson2.fold import fold
from course_utils.checks.lesson2.group_norm import group_norm
from course_utils.checks.lesson2.update_running import update_running

__all__ = ["batch_norm", "update_running", "fold", "group_norm"]
