"""Question of lesson 3: which of four operations cannot stand between a rescaled layer and the one that undoes it."""

from course_utils.checks.core import Choice

forbidden = Choice(
    "forbidden",
    "D",
    {
        "A": "Each map keeps its own factor when two stacks of maps are joined: the next layer gets both lists of"
        " factors, one after the other, and can undo them all. Which operation leaves no factor to undo?",
        "B": "If both branches carry the same factors, the sum is a multiple, x/d + y/d = (x + y)/d. When does this no"
        " longer work?",
        "C": "The positions that are left carry the factor that they carried before. Does cutting off a border mix"
        " maps, or change a number?",
        "D": "Right: 6 is a fixed value. A map that was divided by 10 is still cut off at 6, although it should be cut"
        " off at 0.6: no factor comes out of min(6, x/10).",
    },
    hints=(
        "For each operation, write f(x/d) for one map with d = 10. Does the factor 1/10 come out?",
        "It is allowed that the factors are another list than before, as long as the next layer knows them. For"
        " which operation does it depend on the size of x whether the factor comes out?",
        "Put numbers in: x = 50 and d = 10. Joining, adding and cutting give 5, one tenth. What does each of"
        " the four give for 50, and what does it give for 5?",
    ),
)
