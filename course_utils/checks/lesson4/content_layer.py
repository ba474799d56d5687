"""Check of lesson 4: a layer for a purpose, chosen on what was measured."""

from course_utils.checks.core import Choice

content_layer = Choice(
    "content_layer",
    "B",
    {
        "A": "with relu2_2 the edges of the cat are kept best, but its colours come along: look at the colour error,"
        " and at how much of the style cost is left. Is there still room for the painting?",
        "B": "right: with relu4_2 the cat is still to be recognised by its edges, and the style cost falls nearly as"
        " far as with relu5_2. It is a compromise for this purpose, not a law: another purpose, another layer.",
        "C": "with relu5_2 the style has the most room, but look at the edges: too little of the cat is left after"
        " these evaluations. And that the information is lost is not what the long runs say. What do they say?",
        "D": "it does matter: all three began with the same noise, had the same style and the same number of"
        " evaluations, and yet the edges of the cat differ. Which column of the table tells them apart?",
    },
)
