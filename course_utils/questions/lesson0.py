"""Questions of lesson 0: what a picture is for a network."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "what_a_check_says",
        "0.a",
        "What does a check do with a function that is wrong?",
        {
            "A": (
                "It shows the right code.",
                "That would take the exercise away. The hints come step by step, when you call for them, and the"
                " solution comes last.",
            ),
            "B": (
                "It tries the function on many inputs, and says what has probably gone wrong.",
                "It compares what the function gives with a bank of known mistakes, and shows the hint of the one that"
                " gives the same.",
            ),
            "C": (
                "It raises an error, and the notebook stops.",
                "A check prints its verdict and goes on, so that you can try again in the same cell.",
            ),
        },
        "B",
    ),
    Question(
        "reshaped",
        "0.b",
        "A photo has the shape (height, width, 3). Somebody calls `reshape(3, height, width)` instead of moving the"
        " axis of the colours. What does the result look like?",
        {
            "A": (
                "Like the photo: the shape is right.",
                "The shape says how many numbers there are along each axis, and not which number stands where."
                " `reshape` leaves the numbers in their old order.",
            ),
            "B": (
                "Like the photo in wrong colours.",
                "That happens if whole colour planes are exchanged. Here red, green and blue of one pixel end up beside"
                " each other, as three pixels.",
            ),
            "C": (
                "Like coloured specks.",
                "The numbers stay in their old order and are read in a new one: red, green and blue of a new pixel"
                " come from three different parts of the photo. Shape, mean and deviation are right all the same.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "contrast",
        "0.c",
        "One person multiplies the contrast of a photo with dark and bright parts by 3, saves it, loads it and"
        " divides by 3. Another divides first, saves, loads and multiplies. Whose result is nearer to the photo?",
        {
            "A": (
                "Whoever multiplies first, because rounding then matters least.",
                "Rounding does matter less, but three times the contrast leaves the range from 0 to 1, and what lies"
                " outside is cut off. Nothing brings it back.",
            ),
            "B": (
                "Whoever divides first.",
                "A smaller contrast stays inside the range, so that only the rounding is left: at most half a grey"
                " level, and so at most one and a half after the multiplication.",
            ),
            "C": (
                "Both: the two operations undo each other.",
                "They would if all values survived. A file rounds them to 256 grey levels and cuts off what lies"
                " outside the range.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "size_of_pool5",
        "0.d",
        "VGG-19 halves height and width five times. A picture has the height 168, and odd sizes are rounded down. How"
        " many rows have the maps of `pool5`?",
        {
            "A": ("5", "168, 84, 42, 21, 10, 5: the fourth halving meets the odd number 21."),
            "B": (
                "5¼",
                "A map has whole rows. 168/32 is 5.25, but 21 rows make 10 windows of two, and one row is left over.",
            ),
            "C": (
                "6",
                "This is what rounding up gives, as in the original program: 21 becomes 11, and 11 becomes 6.",
            ),
        },
        "A",
        lasting=True,
    ),
]
