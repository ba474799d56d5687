"""Questions of lesson 8: what the controls of the studio change."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "strength_doubled",
        "8.a",
        "The strength of the style is doubled. Which weights of the recipe change?",
        {
            "A": (
                "β alone",
                "The strength says how many times J_C(F = 0) the photo's weighted style cost is, and β follows from"
                " it. α stays 1.",
            ),
            "B": (
                "α and β",
                "It would be enough to change one of them: only their ratio matters to the picture. The studio"
                " keeps α.",
            ),
            "C": (
                "the λ of the five layers",
                "They say how the layers share the style cost, and not how large it is in all.",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "departs_most",
        "8.a",
        "On a contact sheet the strength grows from above to below, and the painting from half to twice its size"
        " from left to right. Which pictures depart most from the content of the photo?",
        {
            "A": (
                "those of the first row",
                "The strength grows downwards: the first row has the least style.",
            ),
            "B": (
                "those with the small painting, at a large strength",
                "With more strength the content cost rises, and on this pair the small painting changes the photo"
                " most: the content cost falls from 0.9 to 0.6 as the painting grows.",
            ),
            "C": (
                "those with the large painting",
                "One would think so, because large strokes cover the forms. On this pair it is the other way round:"
                " look at the means of the columns.",
            ),
        },
        "B",
    ),
    Question(
        "soft_halves",
        "8.b",
        "With two regions without a common position, the Gram matrices of the regions add up to that of the whole,"
        " each by its share. Does this also hold for a soft mask T and its counterpart 1 − T?",
        {
            "A": (
                "Yes: T and 1 − T add up to 1.",
                "They do. But in a Gram matrix T stands twice: the weights are T² and (1 − T)².",
            ),
            "B": (
                "No: positions at the seam count for less.",
                "T² + (1 − T)² is 1 only where T is 0 or 1. At T = ½ it is ½.",
            ),
            "C": (
                "No: positions at the seam count twice.",
                "They would if both weights were 1 there. What are they at T = ½?",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "e_of_the_painting",
        "8.c",
        "E measures how much of a painting's style is in a picture. What must you know before you can say whether E"
        " = −12 is much?",
        {
            "A": (
                "the E of other people's pictures",
                "With other photos, other paintings and another size it says little about this one.",
            ),
            "B": (
                "E of the unchanged photo and of the painting itself",
                "These two controls are the ends of the scale: nothing done, and the style itself. Between −17 for"
                " the photo and −9 for the painting, −12 is more than half of the way.",
            ),
            "C": (
                "nothing: E is calibrated",
                "It was calibrated on the choices of people, for pictures of one kind. Its zero has no meaning by"
                " itself.",
            ),
        },
        "B",
        lasting=True,
    ),
]
