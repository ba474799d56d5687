"""Check of lesson 7: three ways to filter a row, and which of them computes another result."""

from course_utils.checks.core import Choice


def first(d, g):
    """Two outputs of a filter g of three weights over four inputs d in a row, by four multiplications."""
    m1, m4 = (d[0] - d[2]) * g[0], (d[1] - d[3]) * g[2]
    m2, m3 = (d[1] + d[2]) * ((g[0] + g[1] + g[2]) / 2), (d[2] - d[1]) * ((g[0] - g[1] + g[2]) / 2)
    return [m1 + m2 + m3, m2 - m3 - m4]


def second(d, g):
    """Two outputs as in `first`, with other sums."""
    m1, m4 = (d[0] - d[2]) * g[0], (d[3] - d[1]) * g[0]
    m2, m3 = (d[1] + d[2]) * ((g[0] + g[1] + g[2]) / 2), (d[2] - d[1]) * ((g[0] - g[1] + g[2]) / 2)
    return [m1 + m2 + m3, m2 - m3 + m4]


def third(d, g):
    """Two outputs as in `first`, with the values of the filter at 0, 1, 2 and infinity."""
    m1, m2 = (2 * d[0] - 3 * d[1] + d[2]) * (g[0] / 2), (2 * d[1] - d[2]) * (g[0] + g[1] + g[2])
    m3, m4 = (d[2] - d[1]) * ((g[0] + 2 * g[1] + 4 * g[2]) / 2), (2 * d[1] - 3 * d[2] + d[3]) * g[2]
    return [m1 + m2 + m3, m2 + 2 * m3 + m4]


wrong_transform = Choice(
    "wrong_transform",
    "B",
    {
        "A": "the first one agrees with the filter on every input: these are the products of the text. Have you tried a"
        " filter whose first and last weight differ?",
        "B": "right: the last product of the second one takes the first weight where the last belongs. Filters that"
        " read the same both ways, such as a blur, do not show it: a test needs inputs without symmetry.",
        "C": "the third one has other factors, for it takes the value at 2 instead of that at −1, but it agrees on"
        " every input. Which pair of input and filter made you doubt it?",
    },
    hints=(
        "For g = (1, 2, 1) the first and the last weight are equal. Which mistake could hide behind that?",
        "Compute the two outputs one by one, by the definition. With which g do all three weights differ?",
        "Try d = [3, 5, 2, 8] and g = [1, 2, 4]: the outputs are 3·1 + 5·2 + 2·4 and 5·1 + 2·2 + 8·4. One"
        " function gives something else.",
    ),
)
