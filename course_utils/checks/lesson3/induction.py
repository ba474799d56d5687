"""Question of lesson 3: the induction step of its proof, put together from right and wrong lines."""

from course_utils.checks.core import Choice

induction = Choice(
    "induction",
    "C",
    {
        "A": "Line 2 is no reason: the rescaled network computes with other numbers; a mean of one is taken over"
        " all the data, and says nothing about one position. What does the assumption say about the input of layer l?",
        "B": "Line 6 is false: max(0, −1 + 1) is not max(0, −1) + max(0, 1), so that the ReLU is not linear. Which"
        " weaker property does it have, and for which factors?",
        "C": "Right: the assumption gives the input, the rule makes the factors cancel there and come out of the sum,"
        " and they pass through the ReLU because they are positive.",
        "D": "Line 5 comes too early: the factor has to stand before the whole sum, with the bias in it, before it"
        " can pass through the ReLU. Which line brings the bias in?",
    },
    hints=(
        "The assumption says something about the input of layer l. Which of the lines begins with just that?",
        "Each line has to follow from the lines before it. Where does the bias have to be, before a factor can"
        " pass through the ReLU, and which property of the factor lets it pass?",
        "The order is: what comes in, the products, the sum with its bias, the ReLU. Of the two lines about the"
        " ReLU one claims that it is linear: test this claim with −1 and 1.",
    ),
)
