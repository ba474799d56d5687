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
    hints=(
        "Compare the two pictures: what is gone, the fine texture, the large strokes, or the colours?",
        "Total variation smooths everything; larger strokes are still strokes; a style of `relu1_1` alone knows"
        " only 3 × 3 pixels. What would you see in each case?",
        "The settings of the picture are stored in the file: `read_png(RIDDLE)[0]` is its recipe. Look at its"
        " `variation_weight`, its `stroke` and its `layers()`.",
    ),
)
