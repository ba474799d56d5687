"""Check of lesson 4: the content cost of a mirrored photo."""

from course_utils.checks.core import Choice

mirrored = Choice(
    "mirrored",
    "C",
    {
        "A": "the measurement says otherwise. A cat that looks the other way is the same thing for us, but the cost"
        " compares position with position. What stands now at the place of the left ear?",
        "B": "the measurement gives more than that for this photo. The cost compares the channels at each position, and"
        " never looks for the same channels elsewhere. Where do F and P both activate the same unit?",
        "C": "right: at relu4_2 the mirrored cat costs nearly as much as another photo. The layer holds forms at their"
        " places; that both pictures show a cat does not enter the sum.",
    },
    hints=(
        "The cost compares the activations position by position. Where does the cat's left eye lie after mirroring?",
        "A layer that knows that it is a cat would help only if the cost forgot the positions. Does this cost"
        " forget them?",
        'Compute `costs(cat.flip(3)) / others` and read off the entry of `relu4_2`, `RELUS.index("relu4_2")`.'
        " The control is another photo, whose share is 1 on average.",
    ),
)
