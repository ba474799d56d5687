"""Checks of lesson 3: mean activations, the rescaling by them, its proof and limits, powers of two, and an impostor."""

from functools import partial

from course_utils.checks.lesson3.forbidden import forbidden
from course_utils.checks.lesson3.impostor import impostor
from course_utils.checks.lesson3.induction import induction
from course_utils.checks.lesson3.mean_activation import mean_activation
from course_utils.checks.lesson3.power_of_two import power_of_two
from course_utils.checks.lesson3.rescale import rescale
from course_utils.progress import report
from course_utils.widgets import ask

__all__ = ["mean_activation", "rescale", "induction", "power_of_two", "forbidden", "impostor"]

progress = partial(report, 3)  # prints what is done, tried and open
predict, recall = partial(ask.predict, 3), partial(ask.recall, 3)
