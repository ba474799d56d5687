"""Question of lesson 1: how similar the pixels of patches are when all patches are cut to the same size."""

from course_utils.checks.core import Choice

centre_crops = Choice(
    "centre_crops",
    "B",
    {
        "A": "That would be so if the size of the fields were the whole reason. But suppose that a deep unit"
        " responds to an eye of any colour, a little to the left or to the right: how alike are the pixels in the"
        " middle?",
        "B": "Now all patches have the same size, and the likeness falls nevertheless, from 0.88 at relu1_1 to about"
        " 0.1 in the last blocks. So the size is not the whole reason: the middles themselves have different pixels.",
        "C": "For this the middles of deep units' patches would have to be more alike than those of shallow ones."
        " Compare nine patches of a relu1_1 channel with nine of a relu5_1 channel: whose middles have one colour?",
    },
    hints=(
        "Whole patches are small for `relu1_1` and large for `relu5_4`. If only the size made the difference,"
        " what would you see among middles that all have the same size?",
        "A deep unit sees a large window. Must the things that activate it lie in the three pixels of its middle?",
        "Think of a unit for dogs' faces: its patches agree in what they show, and hardly in the colours of"
        " their central pixels. A unit of `relu1_1` sees nothing but these pixels. The cell below the exercise"
        " measures both.",
    ),
)
