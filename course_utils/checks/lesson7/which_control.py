"""Check of lesson 7: which control measures what the box is worth."""

from course_utils.checks.core import Choice

which_control = Choice(
    "which_control",
    "C",
    {
        "A": "this ratio is the worth of the box, of the test and of the longer first step, all at once. Which line of"
        " the table differs from the last one in the box only?",
        "B": "this control tests its steps, but it also has the short first step. If the ratio is small, is that the"
        " merit of the box or of the first step?",
        "C": "right: this control has the longer first step and the test, and lacks nothing but the box. So the ratio,"
        " 0.73 after 20 evaluations, is what the box is worth beside the other two.",
    },
    hints=(
        'A control has everything except the thing that is tested. What does "projected" have, column by column?',
        'In which columns must the control be like "projected", and in which one must it differ?',
        'Cross out the rows that differ from "projected" in more than the column *box*. One row is left, and it'
        " is the third argument of `worth`.",
    ),
)
