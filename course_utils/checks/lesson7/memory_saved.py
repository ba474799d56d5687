"""Check of lesson 7: which of three changes saves the most memory."""

from course_utils.checks.core import Choice

memory_saved = Choice(
    "memory_saved",
    "A",
    {
        "A": "right: a max pooling keeps the place of each maximum, and each place is a whole number of 64 bits. An"
        " average has no place to remember, which saves 240 of 1532 bytes for each pixel.",
        "B": "the layers behind relu4_1 are many, but their maps are small: a pooling divides the positions by four."
        " Measure once more: how many bytes do they take, and how many are there in all?",
        "C": "of the painting only Gram matrices are kept, C × C numbers for each layer, whatever its size. What is in"
        " memory while an evaluation runs?",
    },
    hints=(
        "Which tensors must be kept until the gradient is computed, and at which layers are the pictures largest?",
        "What must each kind of pooling remember for the way back? How many positions have the layers that B leaves"
        " out? And when does the painting go through the network?",
        "Max pooling keeps the place of each maximum, as a number of 64 bits. `stored_bytes(128, …)` gives the"
        " bytes of an evaluation. Call it with the averaging network, and with `layers=STYLE_LAYERS[:4]`. Of the"
        " painting only its Gram matrices are kept, whatever its size.",
    ),
)
