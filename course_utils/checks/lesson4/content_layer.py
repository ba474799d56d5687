"""Check of lesson 4: a layer for a purpose, chosen by measurements."""

from course_utils.checks.core import Choice

content_layer = Choice(
    "content_layer",
    "B",
    {
        "A": "with relu2_2 nearly all edges stand where the photo's do: that is tracing, which your friend does not"
        " want. The style cost alone does not show it. Which of the two numbers does?",
        "B": "right: with relu4_2 the edges lie clearly below those of relu2_2, so that the outlines are redrawn, and"
        " clearly above those of relu5_2. For another purpose, or with more evaluations, another layer may be better.",
        "C": "with relu5_2 the outlines are redrawn, but your friend also wants to keep as much of the cat as that"
        " allows. How much do its edges share with the cat's, and how much do a koala's? (Whether the layer has lost"
        " the outlines, a run of 20 evaluations cannot tell.)",
        "D": "the style cost is about the same, but it knows nothing of the cat: all runs had the same start and the"
        " same style, and yet the pictures differ. Which number tells them apart?",
    },
    hints=(
        "Read the table: which number says that the outlines were drawn anew, and which says how much of the"
        " cat is left?",
        "Both wishes concern the edges, and they pull in different directions. What does a number near 1 say about"
        " the first wish, and one near the koala's about the second?",
        "Cross out what a number refutes: the layer that traces the outlines, and the layer that keeps hardly any"
        " of the cat after 20 evaluations. The style cost is about the same for all: does the layer therefore not"
        " matter?",
    ),
)
