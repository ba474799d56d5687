"""Check of lesson 5: which change leaves the Gram matrix of a layer as it is."""

from course_utils.checks.core import Choice

unchanged = Choice(
    "unchanged",
    "D",
    {
        "A": "nearly, but not exactly: the mirrored painting meets the same filters, and a filter for strokes to the"
        " right is not its own mirror image. Which channels would have to exchange their places?",
        "B": "the network sees other edges and other strokes in shuffled pixels, so the activations themselves are"
        " others. At which stage may the places be forgotten, before the filters or after them?",
        "C": "an order of its own for each channel lets other positions meet in the products F_kij F_k'ij. Only the"
        " diagonal survives that. What has to stay together?",
        "D": "right: every product F_kij F_k'ij is still there, only in another place of the sum, and a sum does not"
        " depend on the order of its terms.",
    },
)
