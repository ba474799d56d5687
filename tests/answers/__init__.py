"""What is put to the checks: lessonN/exercise.py has right answers, and wrong ones with the reason each must get.

RIGHT: right answers, each written differently. HIDDEN: [(answer, reason)], wrong in ways that values alone do not show.
WRITTEN: [(answer, reason)], misconceptions as students write them. EQUIVALENT: {reason: mutants of the lesson's
solution}, those that the check rightly accepts, as `python3 -m course_utils bank` names them.
"""
