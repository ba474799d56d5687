"""Checks of lesson 1: receptive fields, the strongest units, the way back through pooling and convolution, and two
questions.
"""

from functools import partial

from course_utils.checks.lesson1.centre_crops import centre_crops
from course_utils.checks.lesson1.conv_back import conv_back
from course_utils.checks.lesson1.field_of import field_of
from course_utils.checks.lesson1.no_rectification import no_rectification
from course_utils.checks.lesson1.pool_back import pool_back
from course_utils.checks.lesson1.strongest import strongest
from course_utils.progress import report
from course_utils.widgets import ask

__all__ = ["field_of", "strongest", "conv_back", "pool_back", "centre_crops", "no_rectification"]

progress = partial(report, 1)  # prints what is done, tried and open
predict, recall = partial(ask.predict, 1), partial(ask.recall, 1)
