"""Check of lesson 5: which change leaves the Gram matrix of a layer as it is."""

from course_utils.checks.core import Choice

unchanged = Choice(
    "unchanged",
    "D",
    {
        "A": "nearly, but not exactly: the mirrored painting meets the same filters, and a filter for strokes to the"
        " right is not its own mirror image. Which channels would have to exchange their places?",
        "B": "in shuffled pixels the filters meet other edges and other strokes, so the activations themselves"
        " change. At which stage may the positions be forgotten, before the filters or after them?",
        "C": "with an order of its own for each channel, values of different positions meet in the products"
        " F_kij F_k'ij. Only the diagonal stays as it was. What has to stay together?",
        "D": "right: every product F_kij F_k'ij is still there, only in another place of the sum, and a sum does not"
        " depend on the order of its terms.",
    },
    hints=(
        "G sums over all positions. What happens to a sum when its terms are put in another order?",
        "A term is a product of two channels at the same position. Which change leaves these partners together,"
        " and which changes the activations themselves?",
        "Mirroring or shuffling the pixels makes the filters see other patterns, so the activations change."
        " Shuffling each channel in its own order separates the partners. One change is left.",
    ),
)
