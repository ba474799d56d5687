"""Check of lesson 8: with which setting a picture was painted."""

from course_utils.checks.core import Choice

which_setting = Choice(
    "which_setting",
    "B",
    {
        "A": "the total variation weighs differences of neighbouring pixels: it takes out grain and leaves"
        " broad patches. Is this picture smooth?",
        "B": "right: relu1_1 sees 3 × 3 pixels. Its Gram matrix holds colours and the finest grain, and no strokes: so"
        " the photo is tinted, and hardly painted.",
        "C": "a painting at twice the size has strokes twice as broad. How broad are the strokes in this picture?",
    },
)
