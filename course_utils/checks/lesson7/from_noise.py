"""Check of lesson 7: which single ingredient helps a short descent from noise most."""

from course_utils.checks.core import Choice

from_noise = Choice("from_noise", "A", {"A": "a " * 9, "B": "b " * 9, "C": "c " * 9})
