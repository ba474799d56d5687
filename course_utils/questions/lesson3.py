"""Questions of lesson 3: weight normalisation, and why the output does not change."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "largest_share",
        "3.a",
        "The style costs of five layers are added up, and the activations of conv4_1 are the largest: about 25"
        " times those of conv1_1, and almost 4 times those of the next largest. Which share of the sum does relu4_1"
        " have?",
        {
            "A": (
                "about 20 %, as each of the five",
                "A style cost grows with the fourth power of the activations: a table of products, squared. Layers"
                " with large activations have nearly all of the sum.",
            ),
            "B": (
                "about 60 %",
                "If the cost grew like the activations themselves, this would be near. But it grows with their fourth"
                " power.",
            ),
            "C": (
                "more than 95 %",
                "Almost 4 to the fourth power is about 200, and 25 to the fourth power about 400,000: beside such"
                " numbers the other layers hardly count.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "mean_of_means",
        "3.b",
        "A map is 1 everywhere on a picture of 100 positions, and 0 on a picture of 300 positions. What is its mean"
        " activation over images and positions?",
        {
            "A": (
                "0.5",
                "This is the mean of the two pictures' means. It would count a position of the small picture three"
                " times as much as one of the large picture.",
            ),
            "B": (
                "0.25",
                "100 ones among 400 positions. So one adds up sums and numbers of positions, and divides once, at the"
                " end.",
            ),
            "C": (
                "1",
                "Inactive positions count as well: the mean runs over all of them.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "goes_wrong_first",
        "3.a",
        "One copy of the network only divides each filter and its bias by the filter's mean. Another follows the whole"
        " rule, but keeps its biases as they were. Where does each copy go wrong first?",
        {
            "A": (
                "both in conv1_1",
                "The picture itself is not rescaled, so a first layer that is divided along with its bias is right:"
                " the first copy is still fine there.",
            ),
            "B": (
                "the divided copy in conv1_2, the other one in conv1_1",
                "conv1_2 is the first layer whose input was divided, and nothing makes that good. A bias that is not"
                " divided is wrong at once.",
            ),
            "C": (
                "both in conv5_4, where the errors have added up",
                "Errors do grow with depth, but a wrong layer is wrong at once: its ReLU lets through other values.",
            ),
        },
        "B",
    ),
    Question(
        "negative_factor",
        "3.c",
        "The proof needs max(0, c·x) = c·max(0, x). For which numbers c does this hold for every x?",
        {
            "A": (
                "for all c",
                "Try c = −1 and x = 3: on the left max(0, −3) = 0, on the right −3.",
            ),
            "B": (
                "for c ≥ 0 (and only c > 0 can be undone)",
                "A factor that is not negative does not change the sign of x, so it passes through the ReLU. To undo"
                " it in the next layer, one must divide by it, so it must not be 0.",
            ),
            "C": (
                "for c = 1 only",
                "That would make the ReLU useless here. Try c = 2 with x = 3 and with x = −3.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "forbids_too",
        "3.d",
        "Which of these may stand between a rescaled layer and the one that undoes the factors: a sigmoid, the largest"
        " value of all maps, average pooling?",
        {
            "A": (
                "the sigmoid",
                "sigmoid(x/10) is no multiple of sigmoid(x): no factor comes out.",
            ),
            "B": (
                "the largest value of all maps",
                "Each map has a factor of its own. Which map holds the largest value then depends on the factors.",
            ),
            "C": (
                "average pooling",
                "It is linear and stays within one map, so that the map's factor comes out of the average.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "pushes_apart",
        "3.a",
        "The style cost of one layer is computed on the original network and on the one with means of one. Into which"
        " directions do the two push the pixels?",
        {
            "A": (
                "into the same one: only the scale of the cost differs",
                "So it would be if all channels of the layer had the same mean. Each pair of channels has a factor of"
                " its own, and one number for the layer cannot undo them.",
            ),
            "B": (
                "into directions that agree more or less, depending on the pair of pictures",
                "The pairs of channels are weighed anew, so that the direction changes. By how much depends on"
                " which channels the two pictures activate: the cosines lie between 0.2 and 1.",
            ),
            "C": (
                "into directions that have nothing to do with each other",
                "The weights of the pairs change, but they are all positive: both costs draw the same two tables"
                " together. No cosine is near 0.",
            ),
        },
        "B",
    ),
    Question(
        "powers_of_two",
        "3.f",
        "Each mean is replaced by the nearest power of two, and the factors of the last layer are undone behind it."
        " Which outputs then differ from the original in some bit?",
        {
            "A": (
                "none",
                "Multiplying by a power of two changes only the exponent of a floating-point number, as long as it"
                " does not leave the range. Every rounding stays what it was.",
            ),
            "B": (
                "about half of them",
                "A rounding error appears where digits are cut off. Which digits does a multiplication by 4 cut off?",
            ),
            "C": (
                "all, by rounding errors",
                "So it is with the means themselves. A power of two changes the exponent and no digit.",
            ),
        },
        "A",
    ),
    Question(
        "which_measurement",
        "3.e",
        "You want to know whether a rescaled network still computes the same. Which measurement decides it?",
        {
            "A": (
                "the mean activations: they must be one",
                "Any positive factors leave the output as it is, and a wrong network can have means of one, too.",
            ),
            "B": (
                "the output, up to the factors of the last layer",
                "This is what the claim is about. In float64 the two agree to about ten digits.",
            ),
            "C": (
                "the weights: each must be a multiple of the original one",
                "So they are in the wrong network that only divides: multiples, but by the wrong factors.",
            ),
        },
        "B",
    ),
    Question(
        "order_of_measuring",
        "3.b",
        "Somebody measures and divides layer after layer, each in the network as it is by then, and undoes no factor."
        " What are the means at the end, and what is the output?",
        {
            "A": (
                "The means are one, and the output is the original's.",
                "The first half is right. But factors that nobody undoes mix the channels in new proportions in the"
                " next layer, and its bias is not divided by them.",
            ),
            "B": (
                "The means are one, and the output is another one.",
                "Each layer was divided by the mean that it had at that moment, so all means are one. Still, the"
                " network computes something else: means of one prove nothing.",
            ),
            "C": (
                "The means are not one.",
                "Each layer is measured after the layers below were changed, and then divided by just this mean.",
            ),
        },
        "B",
        lasting=True,
    ),
]
