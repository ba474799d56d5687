"""Checks of lesson 7: a fair control, the weighting of frequencies, the direction of L-BFGS, and what saves time and
memory.
"""

from functools import partial

from course_utils.checks.lesson7.frequency_weighting import frequency_weighting
from course_utils.checks.lesson7.from_noise import from_noise
from course_utils.checks.lesson7.lbfgs_direction import lbfgs_direction
from course_utils.checks.lesson7.memory_saved import memory_saved
from course_utils.checks.lesson7.which_control import which_control
from course_utils.checks.lesson7.wrong_transform import wrong_transform
from course_utils.progress import report
from course_utils.widgets import ask

__all__ = [
    "which_control",
    "frequency_weighting",
    "lbfgs_direction",
    "wrong_transform",
    "memory_saved",
    "from_noise",
]

progress = partial(report, 7)  # prints what is done, tried and open
predict, recall = partial(ask.predict, 7), partial(ask.recall, 7)
