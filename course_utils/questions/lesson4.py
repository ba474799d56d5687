"""Questions of lesson 4: what a layer keeps of a photo, and how a cost pushes the pixels."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "cost_of_zero",
        "4.a",
        "The content cost of two pictures in a layer is 0. What follows?",
        {
            "A": (
                "The pictures are the same, pixel by pixel.",
                "A layer has thrown something away. A max pooling, for instance, keeps the largest of four values, and"
                " nothing behind it notices by how much the other three are smaller.",
            ),
            "B": (
                "Their activations in this layer are the same.",
                "A sum of squares is 0 only if each of them is. In whatever was thrown away up to this layer, the"
                " pictures may differ.",
            ),
            "C": (
                "They show the same thing.",
                "The sum knows no things, but compares the activations at the same place. What the layer has thrown"
                " away may differ, whatever it shows. And the other way round: a cat that is shifted by four pixels"
                " is the same cat, and costs 0.8 of what another photo costs in `relu2_2`.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "first_layer",
        "4.a",
        "A photo of a cat on a red ground is changed. Which of three changes costs most in the first layer, `relu1_1`?",
        {
            "A": (
                "a shift by 4 pixels",
                "It costs 0.4 of what another photo costs. In the middle of a large even area, a shift changes nothing"
                " that the first layer sees.",
            ),
            "B": (
                "noise on all pixels",
                "It changes each pixel, but only a little, and costs 0.1 of what another photo costs. In `relu3_2` it"
                " is 0.4.",
            ),
            "C": (
                "an exchange of the colours",
                "It costs as much as another photo: the ground is now green, and units of the first layer respond to"
                " colours. From `relu3_2` to `relu5_2` it costs about a fifth of that.",
            ),
        },
        "C",
    ),
    Question(
        "silent_unit",
        "4.b",
        "The cost of a unit is ½·(F − P)², and F = max(0, z). The photo has P = 3, and the picture has z = −1. What is"
        " the derivative of the cost with respect to z?",
        {
            "A": (
                "−3",
                "That is F − P, the derivative with respect to F. The chain rule multiplies it by the slope of the"
                " ReLU. What is this slope at −1?",
            ),
            "B": (
                "−4",
                "z − P is the derivative of ½·(z − P)², without the ReLU. But F is 0 here, and does not move when z"
                " moves a little.",
            ),
            "C": (
                "0",
                "The unit costs ½·3² = 4.5, but a small change of z leaves F at 0. Only other units, which see the"
                " same pixels, can revive it.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "longer_steps",
        "4.b",
        "Ten steps of gradient descent change the average pixel by 0.03 each, and lower a cost well. What do ten steps"
        " do that are ten times as long?",
        {
            "A": (
                "They lower the cost further.",
                "A gradient promises a slope for small steps only. Far away, the cost rises again: with the long"
                " steps it goes from 2 to 5.",
            ),
            "B": (
                "They overshoot, and the cost rises.",
                "With the long steps it goes from 2 to 5, with the others from 2 to 0.3.",
            ),
            "C": (
                "They lower the cost as far: only the direction counts.",
                "The length counts on both sides. With a tenth of it, the cost has come down to 1 only after ten"
                " steps, instead of 0.3; with ten times the length it has risen.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "late_or_lost",
        "4.d",
        "A program knows only the activations of a photo in `relu4_2`, and changes noise until its activations agree"
        " with them. What becomes of the photo's colours?",
        {
            "A": (
                "They are back after 20 evaluations of the cost, as the forms are.",
                "The colour error is still 0.8 then. A picture that has the photo's average colour everywhere, and no"
                " form at all, has 0.7.",
            ),
            "B": (
                "Few are back after 20 evaluations, and many more after 240.",
                "The colour error falls from 0.8 to 0.3. So the layer has kept much of them; they only come late.",
            ),
            "C": (
                "They never come back, because this layer has lost them.",
                "If it had, more evaluations could not help. But from 20 to 240 of them, the colour error falls from"
                " 0.8 to 0.3.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "what_the_layer_changes",
        "4.d",
        "A photo is painted three times in the same style: with the content cost in `relu2_2`, in `relu4_2` or in"
        " `relu5_2`. What is different?",
        {
            "A": (
                "how much of the photo's edges remains: the deeper the layer, the less",
                "Their likeness is 0.88, 0.40 and −0.05, while the style cost falls about as far with each layer.",
            ),
            "B": (
                "how far the style cost falls: beside `relu2_2` it hardly can",
                "With `relu2_2` it falls to 0.15 of the photo's, with the deeper layers to 0.20 and 0.19. The shallow"
                " layer does not shut the style out.",
            ),
            "C": (
                "how well the photo is kept: best in `relu5_2`, which knows what it shows",
                "With `relu5_2` the edges agree with the photo's no better than those of quite another photo do:"
                " −0.05 and −0.07.",
            ),
        },
        "A",
    ),
    Question(
        "from_the_photo",
        "4.d",
        "A descent is to lower the content cost against a photo, and it begins with this photo. What does it do?",
        {
            "A": (
                "It stops at once.",
                "There F = P, so that the cost and its gradient are 0. Only another term of the cost, such as a style"
                " cost, moves such a start.",
            ),
            "B": (
                "It drifts away from the photo, by rounding errors.",
                "F and P come from the same pixels by the same operations. What is the difference of two equal"
                " numbers, rounding or not?",
            ),
            "C": (
                "It changes the photo a little in each evaluation, and turns back.",
                "To change it, the descent needs a direction. The gradient is 0 in each pixel, so that there is none:"
                " it stops after one evaluation.",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "twice_the_side",
        "4.c",
        "Two photos are loaded again, at twice the side. What becomes of the content cost between them, as half the sum"
        " of the squares and as their mean?",
        {
            "A": (
                "Both become about four times as large.",
                "There are four times as many squares, and the sum grows with them. The mean divides by their number.",
            ),
            "B": (
                "The sum grows several times, and the mean changes little.",
                "There are four times as many squares, which are somewhat smaller here: the sum becomes 3.1"
                " times as large, and the mean 0.8 times.",
            ),
            "C": (
                "Both stay about the same, because the photos are the same.",
                "The mean nearly does. But the layer has twice as many rows and twice as many columns, and the sum"
                " counts them all.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "without_preference",
        "4.d",
        "The descent of this course prefers broad changes. If this is switched off, how do the colours come back from"
        " `relu4_2` and `relu5_2`?",
        {
            "A": (
                "later, and later still from `relu5_2`",
                "After 120 evaluations, the cat's colour error is 0.58 and 0.85 instead of 0.35 and 0.73. The order of"
                " the layers stays.",
            ),
            "B": (
                "sooner, because every pixel is free to move",
                "A missing colour of a whole area is a broad change, which the preference helps. After 120"
                " evaluations, the cat's colour error from `relu4_2` is 0.58 without it and 0.35 with it.",
            ),
            "C": (
                "at the same time from both layers: only the preference made the difference",
                "Without it, the cat's colour error after 120 evaluations is 0.58 from `relu4_2` and 0.85 from"
                " `relu5_2`: the deeper layer is still later.",
            ),
        },
        "A",
    ),
    Question(
        "smooth_or_blurred",
        "4.d",
        "A picture was reconstructed from a layer and has a strong grain. One may blur it afterwards, or reconstruct it"
        " anew with a total variation in the cost. Which result agrees better with the layer?",
        {
            "A": (
                "the blurred one: before the blur, it served the layer alone",
                "Before the blur, 0.1 of the cost was left. The blur does not heed the layer, and raises this to 0.3.",
            ),
            "B": (
                "both about equally, because both have lost the grain",
                "Both have as little grain as the photo, and yet 0.3 of the cost is left for one of them and 0.09 for"
                " the other. There are many smooth pictures.",
            ),
            "C": (
                "the one with the total variation",
                "This descent looks for a smooth picture whose activations agree: 0.09 of the cost is left, about as"
                " little as with the grain. After the blur it is 0.3.",
            ),
        },
        "C",
        lasting=True,
    ),
]
