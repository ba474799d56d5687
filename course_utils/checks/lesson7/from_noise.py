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
    hints=(
        "`worth` compares two methods on six pairs. What must stand in its second and third place, so that it"
        ' tells what one ingredient adds to "noise, guess"?',
        "A mean below 1 is a gain, and the range says whether all pairs gained. Which ranges after 20 evaluations"
        " lie wholly below 1, and how far below?",
        'Run `worth("…", "noise, all", "noise, guess")`, and the same with the two coarse parts in second place.'
        " Compare the means first, and then the worst of the six pairs.",
    ),
)
