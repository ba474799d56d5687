"""Check of lesson 4: a layer for a purpose, chosen on what was measured."""

from course_utils.checks.core import Choice

content_layer = Choice(
    "content_layer",
    "B",
    {
        "A": "with relu2_2 the edges follow the photo nearly everywhere: that is tracing, which your friend does not"
        " want. The style cost alone does not show it. Which column of the table does?",
        "B": "right: with relu4_2 the edges lie clearly below those of relu2_2, so that the outlines are redrawn, and"
        " clearly above those of relu5_2. For another purpose, or with more evaluations, another layer may be better.",
        "C": "with relu5_2 the outlines are redrawn, but more of the cat goes than has to: its edges lie far below the"
        " next ones. And the long runs do not say that the layer has lost the outlines. What do they say?",
        "D": "the style cost is about the same, but it knows nothing of the cat: all runs had the same start and the"
        " same style, and yet the pictures differ. Which column of the table tells them apart?",
    },
)
