"""The checks of the exercises: `from course_utils.checks import lesson6 as check`, then `check.total_cost(answer)`.

lessonN/exercise.py has the check of one exercise: its reference, its inputs, its misconceptions with their hints.
"""
