"""Check of lesson 8: what the measure of style says of a picture that keeps the photo's colours."""

from course_utils.checks.core import Choice

kept_colours = Choice(
    "kept_colours",
    "A",
    {
        "A": "right: on the six pairs 0 to 50 % is left. E compares means and covariances of activations, and colours"
        " decide much of these. It takes the painting's colours for a part of its style, whatever you think of that.",
        "B": "the strokes are there, but does E see strokes only? It compares means and covariances in relu1_1, relu2_1"
        " and relu3_1. What does the mean of a channel of relu1_1 say about a picture?",
        "C": "nothing of the painting is added when its colours are taken away. Which of the three layers would have to"
        " come nearer to the painting?",
    },
    hints=(
        "E compares with the painting as it is, colours included. What does it see when the colours are the photo's?",
        "E compares means and covariances in `relu1_1`, `relu2_1` and `relu3_1`. In which of these do colours"
        " count, and in which do strokes?",
        "For each pair: the gain with the photo's colours, E − E(photo), divided by the usual gain. The folded"
        " solution measures six pairs; how many of the six shares lie above one half?",
    ),
)
