"""Check of lesson 7: which one ingredient helps a short descent from noise most."""

from course_utils.checks.core import Choice

from_noise = Choice(
    "from_noise",
    "A",
    {
        "A": "right: the guide leaves 0.61 of the loss on average, the short coarse part 0.75, and the guide is better"
        " on five of the six pairs. The content cost falls, too.",
        "B": "a short coarse part does help, on every pair. Have you printed the worth of the guide from noise beside"
        " it, with its range?",
        "C": "a long coarse part leaves only ten evaluations for the fine strokes. What does its range after 20"
        " evaluations say?",
    },
)
