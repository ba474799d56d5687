"""Questions of lesson 6: the total cost, its gradient, and what a painter chooses."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "costs_of_starts",
        "6.a",
        "Three pictures: the photo, the photo in the painting's colours, and an even grey. Which has a content cost"
        " of exactly 0, and which has the largest style cost?",
        {
            "A": (
                "The grey has no content cost; the photo has the largest style cost.",
                "The content cost compares with the activations of the photo, and an even grey has hardly any of"
                " them. Which picture agrees with the photo perfectly?",
            ),
            "B": (
                "The photo has no content cost; the even grey has the largest style cost.",
                "The photo's own activations are the target. The grey has the strokes of neither photo nor"
                " painting, and in our pair its style cost is about twice the photo's.",
            ),
            "C": (
                "The coloured photo has no content cost; the photo has the largest style cost.",
                "The colours reach `relu4_2` as well, so the content cost of the coloured photo is not 0. Its style"
                " cost is about a seventh below the photo's. Which picture has no strokes at all?",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "slope_of_a_sum",
        "6.b",
        "J is α times the content cost plus β times the style cost. Somebody doubles β. What happens to the"
        " gradient of J with respect to the pixels?",
        {
            "A": (
                "It doubles.",
                "Only if the content cost had no part in it: with α = 0 this is right.",
            ),
            "B": (
                "Its style part doubles, its content part stays.",
                "The gradient of a sum is the sum of the gradients, each with its weight. So the direction turns"
                " towards the style.",
            ),
            "C": (
                "Its direction stays, its length changes.",
                "So it would be if α were doubled as well. The two parts point in different directions; if one of"
                " them grows, the sum turns.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "content_while_painting",
        "6.a",
        "The descent begins with the photo in the painting's colours, and the style cost falls from step to step."
        " What does the content cost do?",
        {
            "A": (
                "It falls as well, since the descent lowers the sum.",
                "The sum falls, but one of its parts may rise. What could the picture give up to gain style?",
            ),
            "B": (
                "It stays, since the photo was there from the beginning.",
                "It would stay if strokes could be painted without changing the activations of `relu4_2`.",
            ),
            "C": (
                "It rises: the brushwork is paid for with content.",
                "In the cell below the style cost falls to a tenth of the photo's, while the content cost rises"
                " from 0.3 to 0.8 of an even grey's.",
            ),
        },
        "C",
    ),
    Question(
        "saved_picture",
        "6.c",
        "A program lets the pixels go where they like during the descent, and clamps them to [0, 1] only when it"
        " saves the picture. What does it report?",
        {
            "A": (
                "A cost that is too low: that of a picture which nobody sees.",
                "The cost belongs to the values before clamping. The saved picture is another one, and its cost is"
                " higher: on the worst of six pairs about one and a half times as high.",
            ),
            "B": (
                "The right cost, because few values leave the range.",
                "On most of six pairs it was nearly right, and on one it was far off. Only measuring the saved"
                " picture tells which.",
            ),
            "C": (
                "A cost that is too high, since clamping repairs the picture.",
                "Clamping undoes steps that the descent had found useful. It was not asked to lower J, and it does"
                " not.",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "visible_castle",
        "6.d",
        "Three descents paint a castle: from noise, from the photo, and from the photo in the painting's colours."
        " From which of them is the castle visible after 20 evaluations?",
        {
            "A": (
                "From all three: the content cost brings it back.",
                "The content cost does pull towards it, but with this β the style counts far more, and 20"
                " evaluations are few.",
            ),
            "B": (
                "Only from the two photos.",
                "There the castle was in the picture from the beginning. From noise one sees coloured grain and at"
                " most a trace of the towers.",
            ),
            "C": (
                "From noise best of all, since nothing is in its way.",
                "Noise has nothing to keep. What would have to put the castle there within 20 evaluations?",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "control_without_content",
        "6.d",
        "With β = 1 the painted picture shows a castle. How do you find out whether the content cost has kept it"
        " there?",
        {
            "A": (
                "Paint with α = 0: if the castle stands there just as clearly, it was not the content cost.",
                "This is the control. In the lesson the two pictures look alike: the castle is left over from the"
                " start.",
            ),
            "B": (
                "Paint with a larger α: if the castle becomes clearer, the content cost works.",
                "This shows what a larger α does, and nothing about the picture with the present one.",
            ),
            "C": (
                "Look at the content cost: it is smaller than the style cost.",
                "The size of a cost says nothing about what its gradient has done. Which experiment takes the"
                " content cost away?",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "one_layer_alone",
        "6.d",
        "One paints with a single style layer, `relu1_1` alone or `relu4_1` alone. Which of the two paints nearly"
        " what all five layers paint together?",
        {
            "A": (
                "`relu1_1`, because it sees the colours of the strokes.",
                "It sees 3 × 3 pixels: colours and the finest edges, and no stroke.",
            ),
            "B": (
                "`relu4_1`, because it has nearly all of the style cost.",
                "On the original network nearly all of the style cost at the start comes from this layer, so the"
                " other four change little.",
            ),
            "C": (
                "Neither: each layer adds something of its own.",
                "On a network whose layers count alike this would be so. How are the shares on the original network"
                " (lesson 3)?",
            ),
        },
        "B",
    ),
    Question(
        "less_rough",
        "6.d",
        "Three changes: average instead of max pooling, the photo's colours, and a penalty on the total variation."
        " Which one lowers the variation of the painted picture clearly?",
        {
            "A": (
                "average pooling",
                "It smooths inside the network, and not in the picture: the variation stays what it was, to one digit.",
            ),
            "B": (
                "the photo's colours",
                "They change the mean colour and leave the strokes as they are.",
            ),
            "C": (
                "the penalty",
                "It is the only one that counts roughness in J. Here it halves the variation.",
            ),
        },
        "C",
    ),
    Question(
        "shares_when_normalised",
        "6.d",
        "On the original network one layer has nearly all of the style cost. What happens to the shares on the"
        " network with means of one?",
        {
            "A": (
                "Every layer counts, though not equally.",
                "All activations are of the order of one, so no layer drowns the others. On this pair `relu5_1`"
                " leads with about 70 %.",
            ),
            "B": (
                "Each has a fifth.",
                "Means of one make the layers comparable. How different two pictures are still differs from layer"
                " to layer.",
            ),
            "C": (
                "They stay, since the output of the network stays.",
                "The output stays. The costs are taken from inner layers, and these are divided by their means.",
            ),
        },
        "A",
    ),
    Question(
        "trust_a_gradient",
        "6.e",
        "Somebody gives you a program for J and its gradient. A descent along the gradient goes down. What does"
        " that show?",
        {
            "A": (
                "That the gradient is right.",
                "Half the gradient, or the gradient without the term of the content, would go down as well.",
            ),
            "B": (
                "Only that the direction is downhill; a slope must be compared with a central difference.",
                "Any vector at an acute angle to the gradient goes downhill. The quotient of promised and measured"
                " slope must be 1, in several directions.",
            ),
            "C": (
                "Nothing at all.",
                "It shows something: a gradient with the wrong sign would go up. But it is a weak test.",
            ),
        },
        "B",
        lasting=True,
    ),
]
