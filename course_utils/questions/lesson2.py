"""Questions of lesson 2: which values batch normalisation averages, and what follows from that."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "learning_rates",
        "2.a",
        "Networks of six convolutions are trained with 60 steps of plain gradient descent, with batch normalisation"
        " behind each convolution or without any. At which learning rates does it make a difference?",
        {
            "A": (
                "at 0.1 and 0.3",
                "There all three networks with batch normalisation learn, and none of the three without it.",
            ),
            "B": (
                "at all four rates: 0.001, 0.1, 0.3 and 10",
                "At 0.001 and at 10, no network learns, be it with batch normalisation or without: 60 tiny steps do"
                " not lead far enough, and huge ones miss the aim.",
            ),
            "C": (
                "at 10 only, because it makes large steps possible",
                "Steps may be too large for it as well: at 10, none of the three networks with batch normalisation"
                " learns.",
            ),
        },
        "A",
    ),
    Question(
        "patches_fade",
        "2.a",
        "Six convolutions, each with a ReLU behind it, still have torch's usual random start, and there is no batch"
        " normalisation. How does the difference between the patches that they look at change from layer to layer?",
        {
            "A": (
                "It grows, because each layer finds more differences.",
                "To find them is what training has to teach. Before it, the filters are random, and the deviation"
                " between the patches falls from 0.05 in the first layer to 0.0001 in the last.",
            ),
            "B": (
                "It stays about the same.",
                "With batch normalisation it does: 0.55 in the first layer and 0.49 in the last. Without it, it falls"
                " from 0.05 to 0.0001.",
            ),
            "C": (
                "It shrinks, and much faster than the values themselves.",
                "The difference shrinks by a factor of several hundred, the mean of the values only from 0.065 to"
                " 0.052. All patches look nearly the same to the last layer.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "how_many_means",
        "2.a",
        "Feature maps have the shape (8, 128, 56, 56): pictures, channels, rows, columns. How many means does batch"
        " normalisation of feature maps take, each of how many values?",
        {
            "A": (
                "401,408 means, each of 8 values",
                "That is one mean for each position, as in layers without convolutions: 128 × 56 × 56 means over the 8"
                " pictures.",
            ),
            "B": (
                "1,024 means, each of 3,136 values",
                "That is one mean for each map of each picture: 8 × 128 of them. Batch normalisation averages over the"
                " pictures as well.",
            ),
            "C": (
                "128 means, each of 25,088 values",
                "One for each feature map, over its effective mini-batch: 8 × 56 × 56 values.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "see_the_others",
        "2.a",
        "The maps of three photos, with a kitten in the first one, are normalised per feature map, and the same maps"
        " are normalised per position. In which result for the kitten can you see the other two photos?",
        {
            "A": (
                "in both, because both ways take means over the three photos",
                "Both do. But per feature map, the other photos act through two numbers only, one mean and one"
                " deviation for the whole map. Can two numbers show a windmill?",
            ),
            "B": (
                "per feature map, because more values are averaged there",
                "The more values a mean takes in, the less it shows of each of them. Here 3 × 56 × 56 values make one"
                " number, which is the same at all places.",
            ),
            "C": (
                "per position",
                "At each position, what the three photos have there on average is subtracted. So the other two stand"
                " behind the kitten like a negative: the correlation is −0.5.",
            ),
        },
        "C",
    ),
    Question(
        "second_picture",
        "2.b",
        "Two pictures have two values each, (1, 0) and (0, 0). They are normalised per position: at each place with the"
        " mean and the deviation of the two pictures there. Then the first one is shifted to (0, 1). What happens to"
        " the result for the second one, which has not moved?",
        {
            "A": (
                "It changes, from (−1, 0) to (0, −1).",
                "Where the first picture has its 1, the mean and the deviation are ½, and the second picture gets −1."
                " This place has moved.",
            ),
            "B": (
                "It stays the same, because its values do.",
                "Its values stay, but the means do not: the mean of each place takes in what the first picture has"
                " there. Calculate them, before and after.",
            ),
            "C": (
                "It is (0, 0) both times, because the picture is even.",
                "So it would be if each picture were normalised by itself. Here its 0 is compared with the other"
                " picture's 1, at the place where that 1 stands.",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "which_axes_commute",
        "2.b",
        "One picture of a batch of the shape (N, C, H, W) is shifted. If the batch is normalised, over which axes must"
        " the means be taken so that the result is the same, only shifted in this picture?",
        {
            "A": (
                "over N, H, W only",
                "For these it does. But the proof uses only that the mean runs over all rows and columns, and so it"
                " does over H, W and over C, H, W.",
            ),
            "B": (
                "over all that have H and W among them",
                "The shift changes only the order of the values in such a mean. The gap is 0 for N, H, W, for H, W and"
                " for C, H, W.",
            ),
            "C": (
                "over all that have N among them",
                "Then the pictures share their means, and what one picture has at a place acts on the others there:"
                " the gap is 0.31 for N, and 0.12 for N, C.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "kept_constant",
        "2.c",
        "Somebody takes μ and σ of a batch normalisation for constants, so that the gradient with respect to the input"
        " is γ/σ times g, the gradient with respect to the output. What is wrong with it?",
        {
            "A": (
                "Nothing, in a large map: each input changes μ and σ only a little.",
                "Each of the m inputs changes μ by 1/m only. But then μ changes all m outputs, so that together"
                " they make the mean of g, however large the map is.",
            ),
            "B": (
                "It still contains the mean of g, and the part of g along x̂.",
                "Through μ the first has to be subtracted from g, and through σ the second.",
            ),
            "C": (
                "Only its length: the direction is right.",
                "Two parts of g have to be subtracted, and that changes the direction. In the cell below, two of"
                " the three numbers have the wrong sign.",
            ),
        },
        "B",
    ),
    Question(
        "ten_times",
        "2.c",
        "The input of a batch normalisation becomes ten times larger, and the gradient with respect to its output stays"
        " as it is. But for ε, what becomes of the gradient with respect to this input?",
        {
            "A": (
                "It becomes ten times larger.",
                "The output does not grow with the input: x̂ is what it was before. How strongly does it still react"
                " to a change of 1 in the larger input?",
            ),
            "B": (
                "It stays the same, because the output stays the same.",
                "The output does stay the same. But to change it by a given amount, one now has to change the input"
                " ten times as much.",
            ),
            "C": (
                "It becomes ten times smaller.",
                "In γ/σ · (g − …), σ is ten times larger, while all that stands in the brackets is the same.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "depends_on_others",
        "2.e",
        "In training, batch, layer, instance and group normalisation treat a batch of photos. In which of them does the"
        " result for one photo depend on the other photos?",
        {
            "A": (
                "in batch and group normalisation",
                "A group is a group of channels, and each photo has means of its own for it. So G groups make N·G"
                " means.",
            ),
            "B": (
                "in batch normalisation only",
                "Of the four, it alone averages over N. Beside another photo, the kitten's result changes by 0.3; in"
                " layer and instance normalisation, it does not change at all.",
            ),
            "C": (
                "in batch and layer normalisation",
                "Layer normalisation averages over more than one map, but these are the channels of one photo: its"
                " axes are C, H, W.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "channels_last",
        "2.e",
        "Feature maps are stored with the channels last, in the shape (N, H, W, C). Over which axes does batch"
        " normalisation take its means?",
        {
            "A": (
                "(0, 2, 3)",
                "These are the right axes for (N, C, H, W). Here they mix the channels and keep the rows apart: the"
                " result differs by 0.47.",
            ),
            "B": (
                "(0, 1, 2)",
                "These are N, H and W: all axes but that of the channels, so that each channel has one mean.",
            ),
            "C": (
                "(1, 2, 3)",
                "Without axis 0, each picture would have a mean of its own, over all its channels: that is layer"
                " normalisation.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "one_photo",
        "2.d",
        "For each photo of a batch, the unbiased variance of a feature map is taken, and these variances are averaged"
        " over the photos. How does the average compare with the variance in the whole batch?",
        {
            "A": (
                "It is smaller.",
                "In `conv2_1` it is 0.9 of it. The values of one photo are alike, and how much the photos differ from"
                " each other is missing.",
            ),
            "B": (
                "It is the same: unbiased means right on average.",
                "The proof needs independent values. Imagine photos that are even, each in a grey of its own: each has"
                " the variance 0, and the batch has not.",
            ),
            "C": (
                "It is larger, because the factor m′/(m′ − 1) enlarges it.",
                "With 56 × 56 = 3,136 values, this factor is 1.0003. What the single photos lack is more.",
            ),
        },
        "A",
        lasting=True,
    ),
]
