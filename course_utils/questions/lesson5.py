"""Questions of lesson 5: Gram matrices, the style cost, and its conventions."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "network_or_painting",
        "5.a",
        "Two channels of a layer are active at the same places in one painting. How do you find out whether that"
        " belongs to the painting or to the network?",
        {
            "A": (
                "One looks at more positions of the same painting.",
                "They would show the same, whichever of the two it belongs to. What has to change, and what has to"
                " stay?",
            ),
            "B": (
                "One looks at the same two channels in other paintings and in a photo.",
                "What stays in all pictures lies in the filters; what is found only here belongs to the painting."
                " Below, one pair of channels is of each kind.",
            ),
            "C": (
                "One looks at their filters: similar filters go together.",
                "Similar filters do go together. But channels may also meet because a painting puts two things side"
                " by side.",
            ),
        },
        "B",
    ),
    Question(
        "four_tiles",
        "5.b",
        "A painting is put together four times, as 2 × 2 tiles. Its style is the same. The cost divides each Gram"
        " matrix by its own number of positions. What does it say, and what would it say if both matrices were"
        " divided by the generated picture's number?",
        {
            "A": (
                "the same in both cases",
                "The larger painting has four times the positions, and its undivided Gram matrix is four times as"
                " large. Who takes that out?",
            ),
            "B": (
                "Divided by its own: the same as before. Divided by one number: far more.",
                "A mean over positions does not notice how many there are. Divided by the other picture's number,"
                " four times the matrix is left; in lesson 5 the cost is then about 200 times as high.",
            ),
            "C": (
                "Divided by its own: four times as much. Divided by one number: the same.",
                "It is the other way round. A sum grows with the positions, a mean does not.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "forgiven_change",
        "5.a",
        "A painting is changed in one of three ways: mirrored; cut into tiles of 14 pixels in random order; its"
        " colours exchanged. Which change costs little in every layer?",
        {
            "A": (
                "the tiles: a Gram matrix forgets where things are",
                "It forgets where a patch lies, and not what is in it. Tiles of 14 pixels cut through what deep"
                " layers see, and cost more there than another painting.",
            ),
            "B": (
                "the mirror",
                "Only the direction of strokes changes: strokes to the right become strokes to the left. In the"
                " shallow layers this is nearly nothing, and in the deepest one it is a sixth of another painting.",
            ),
            "C": (
                "the colours: style is brushwork",
                "Colours are a part of the style, most of all in the first layer. There the change costs more than"
                " another painting.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "missing_square",
        "5.b",
        "A formula sums the differences G − A of the Gram matrices' entries, generated picture minus painting,"
        " without squaring them. What does a descent paint?",
        {
            "A": (
                "the same picture, since the minimum is still at equal matrices",
                "Positive and negative differences cancel, so equal matrices are no minimum: the sum can become"
                " smaller still.",
            ),
            "B": (
                "a picture that leaves the channels inactive",
                "The sum of the entries of G is smallest if no channel is active at all. So nothing is left of the"
                " style, and little of a picture.",
            ),
            "C": (
                "the picture with the strongest strokes",
                "It would have large entries in G, and the sum of G − A would rise. With A − G it would fall, and"
                " this would be the answer.",
            ),
        },
        "B",
    ),
    Question(
        "wrong_factor",
        "5.d",
        "A program has 1/(2 C M) before the style cost instead of 1/(2 C M)², and the weights of the correct"
        " formula. What does it paint?",
        {
            "A": (
                "nearly the same: only the step changes",
                "So it would be if the whole sum had the wrong factor. The content cost does not.",
            ),
            "B": (
                "what one gets without any content cost",
                "The style costs are between 50,000 and 1,600,000 times too large. Beside them the content cost"
                " does nothing.",
            ),
            "C": (
                "the photo: the style disappears",
                "The factor is too large, and not too small. Which of the two costs does it strengthen?",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "twice_in_g",
        "5.c",
        "L is a function of G = F Fᵀ. A single value of F changes by a little. At how many places of G does it have"
        " a part, if there are C channels?",
        {
            "A": (
                "at one",
                "That is the place on the diagonal. The value also meets the values of all other channels at its"
                " position.",
            ),
            "B": (
                "in one row and one column: 2 C − 1 places",
                "It stands in its channel's row and in its column. So two terms appear in the gradient, one with B"
                " and one with its transpose.",
            ),
            "C": (
                "at all C² places",
                "The products of two *other* channels do not hold it.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "depth_of_textures",
        "5.a",
        "A texture is made from noise with the style cost of `relu1_1` alone; others with more layers, up to"
        " `relu5_1`. What does the first layer alone know of the painting?",
        {
            "A": (
                "its colours",
                "It sees 3 × 3 pixels, so that specks in the painting's colours are all it can ask for. Strokes"
                " come with `relu2_1`, pieces of things with `relu5_1`.",
            ),
            "B": (
                "its strokes, without their colours",
                "A stroke is longer than the 3 pixels that a unit of this layer sees, and its channels do respond"
                " to colours.",
            ),
            "C": (
                "where things stand",
                "No Gram matrix knows that, in any layer: it sums over all positions.",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "how_many_weights",
        "5.d",
        "A program with the formula of Gatys's code gives each of the five layers the weight 0.2. In PyTorch's"
        " formula the cost is C² times smaller, with the layers' channels 64, 128, 256, 512 and 512. How many"
        " different weights does it need to do the same?",
        {
            "A": (
                "one",
                "So it is under the formula of the paper, which differs by the same factor in each layer.",
            ),
            "B": (
                "four",
                "0.2 · C² in each layer, and two of the five layers have the same C.",
            ),
            "C": (
                "five",
                "The last two layers both have 512 channels.",
            ),
        },
        "B",
    ),
    Question(
        "farther_than_noise",
        "5.a",
        "A texture matches the painting in `relu1_1`. Is it nearer to the painting than noise in the deeper layers,"
        " too?",
        {
            "A": (
                "Yes, a little in each: the layers build on each other.",
                "They do build on `relu1_1`. But its Gram matrix says nothing about how its maps are arranged, and"
                " deeper layers see just that.",
            ),
            "B": (
                "In the next layer; from `relu3_1` on it is farther away than noise.",
                "Strong colours in no order activate the deep channels in a way of their own: in `relu4_1` the"
                " texture costs clearly more than the noise.",
            ),
            "C": (
                "In no other layer.",
                "In `relu2_1` it is nearer: there it costs less than the noise.",
            ),
        },
        "B",
    ),
]
