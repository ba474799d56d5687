"""Checks of lesson 7: the direction of L-BFGS, the weighting of frequencies, and what saves time and memory."""

from course_utils.checks.lesson7.frequency_weighting import frequency_weighting
from course_utils.checks.lesson7.from_noise import from_noise
from course_utils.checks.lesson7.lbfgs_direction import lbfgs_direction
from course_utils.checks.lesson7.memory_saved import memory_saved
from course_utils.checks.lesson7.wrong_transform import wrong_transform

__all__ = ["lbfgs_direction", "frequency_weighting", "wrong_transform", "memory_saved", "from_noise"]
