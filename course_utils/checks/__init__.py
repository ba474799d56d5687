"""The checks of the exercises: `from course_utils.checks import lesson6 as check`, then `check.descent_step(my_function)`."""
