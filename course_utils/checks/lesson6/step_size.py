"""Check of lesson 6: which of three step sizes lowers the cost fastest."""

from course_utils.checks.core import Choice

step_size = Choice(
    "step_size",
    "B",
    {
        "A": "a quarter of a grey level is safe: the cost falls at every step. But how far do 20 such steps lead on"
        " average, when a colour has to change by 50 levels?",
        "B": "right. It is long enough to get somewhere and short enough not to be thrown out of the valley,"
        " although the cost does not fall at every step.",
        "C": "the longest step does not lead farthest. The slope is that of one place, and 32 grey levels away the cost"
        " has bent upward: what does the curve do after the first step?",
    },
    hints=(
        "In which direction does the cost change at first, for each of the three? And after the step has"
        " crossed the valley?",
        "A step that is too short wastes evaluations, and one that is too long leaps over the valley. How many"
        " grey levels does a pixel have to change in all, and how many steps are there?",
        "To change a picture by tens of grey levels in 20 steps, a quarter of a level each time is not enough."
        " 32 levels at once is more than most pixels have to move altogether.",
    ),
)
