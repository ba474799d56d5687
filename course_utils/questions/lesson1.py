"""Questions of lesson 1: what a layer sees, and how far a deconvnet can be trusted."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "field_by_hand",
        "1.a",
        "Two convolutions with 3 × 3 filters, a max pooling with 2 × 2 windows and one more such convolution follow"
        " each other. How many pixels wide is the receptive field of a unit behind them?",
        {
            "A": (
                "8",
                "So it would be if each layer added its kernel size less one: 1 + 2 + 2 + 1 + 2. But behind the"
                " pooling, neighbours are two pixels apart, so that the last convolution adds four.",
            ),
            "B": (
                "10",
                "3, 5, 6, 10: behind the pooling the jump is 2, so that a filter of width 3 adds 2 × 2 pixels.",
            ),
            "C": (
                "12",
                "This doubles the field at the pooling, from 5 to 10. What doubles there is the jump; the field grows"
                " by one pixel, from 5 to 6.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "padding_everywhere",
        "1.a",
        "A photo has 224 × 224 pixels. From which layer of VGG-19 on does the field of every unit reach beyond it?",
        {
            "A": (
                "from `relu5_3` on, with fields 220 pixels wide",
                "Such a field would fit if it began at one of the pixels 0 to 4. But the fields begin 16 pixels apart,"
                " at …, −6, 10, …: one sticks out on the left, the next one on the right.",
            ),
            "B": (
                "from `relu5_4` on, with fields 252 pixels wide",
                "A field that is wider than the photo must reach beyond it, but a narrower one may do so, too. Where"
                " do fields of 220 pixels end that begin at −6 and at 10?",
            ),
            "C": (
                "from none: a unit in the middle always sees real pixels only",
                "In `relu5_4` the middle unit sees 252 pixels, and the photo has 224.",
            ),
        },
        "A",
    ),
    Question(
        "first_layer_patches",
        "1.e",
        "A unit of the first layer sees 3 × 3 pixels. Of all the patches in many photos, the nine that activate its"
        " channel most are shown. What can they have in common?",
        {
            "A": (
                "a thing, such as an eye",
                "Which thing would you recognise in nine pixels? The unit can only multiply 27 numbers by 27 weights"
                " and add up.",
            ),
            "B": (
                "nothing, because they come from nine photos",
                "All nine were chosen by one sum of 27 products, which only certain colours at certain places make"
                " large. Section 6 of lesson 1 measures how alike such patches are: 0.88, where 1 means the same.",
            ),
            "C": (
                "a colour or an edge",
                "One channel responds to reds, another one to vertical edges. The patches with the largest sums look"
                " almost the same.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "unpooled",
        "1.c",
        "A map has the rows 1, 4, 0, 0, 9 and 2, 3, 0, 7, 9, and was pooled by the maximum of 2 × 2 windows. On the"
        " way back comes a signal with the values 10 and 20. Where does unpooling with switches put them?",
        {
            "A": (
                "10 in the place of the 4, 20 in the place of the 7",
                "4 and 7 are the maxima of the two windows. All other places get 0.",
            ),
            "B": (
                "10 in the place of the 4, 20 in the place of a 9",
                "There are five columns, so that the last one belongs to no window: the nines were never pooled.",
            ),
            "C": (
                "each of them in all four places of its window",
                "That is a way back without switches. Which of the four values had a share in the maximum?",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "which_rule",
        "1.c",
        "A deconvnet and backpropagation both carry a signal from a unit back to the pixels. At which layers do they"
        " differ?",
        {
            "A": (
                "at the convolutions",
                "Both use the transposed matrix there: it carries a value back to the places from which it was"
                " computed, with the same weights.",
            ),
            "B": (
                "at the max poolings",
                "The derivative, too, goes to the place of the maximum alone: small changes of the other three values"
                " do not change the output.",
            ),
            "C": (
                "at the rectifications",
                "Backpropagation lets the signal pass where the input was positive, and a deconvnet where the signal"
                " itself is. All other steps are the same.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "projections_alike",
        "1.e",
        "Each of the nine strongest units of a channel has a projection. In which layers do these nine resemble each"
        " other most?",
        {
            "A": (
                "in the early layers",
                "In `relu1_1` all nine are the filter itself, and in `relu3_1` they still agree on a shape. In"
                " `relu5_1` they have little in common.",
            ),
            "B": (
                "in the late layers, because their channels respond to kinds of things",
                "The nine patches of the `relu5_1` channel do all show animals. Their projections are nine different"
                " fine-grained patterns all the same.",
            ),
            "C": (
                "in all layers alike, because each channel has one filter",
                "Only in the first layer is the projection the filter. From deeper layers the signal passes poolings,"
                " whose switches differ from photo to photo.",
            ),
        },
        "A",
    ),
    Question(
        "alike_with_depth",
        "1.d",
        "Six different units at the same place of a photo are carried back by a deconvnet. How alike are the six"
        " pictures, from `relu2_1` to `relu5_1`?",
        {
            "A": (
                "less and less alike, because deep units respond to more special things",
                "So one would hope. But the mean cosine is 0.63 in `relu2_1` and 0.99 in `relu5_1`: the deeper the"
                " unit, the less its picture says about it.",
            ),
            "B": (
                "more and more alike, and nearly the same in the end",
                "The mean cosine reaches 0.99. A picture that is the same for every unit of a layer explains none of"
                " them.",
            ),
            "C": (
                "about equally alike, because they share the photo",
                "From `relu2_1` to `relu3_1` this is so: 0.63 in both. But at the end of block 3 it is 0.94 already,"
                " and in `relu5_1` it is 0.99.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "by_chance",
        "1.e",
        "149 photos come in six kinds, and 56 of them show monuments. Among the nine strongest patches of a first-layer"
        " channel, the most frequent kind has a share of 39 % on average. Does a unit that sees 3 × 3 pixels recognise"
        " kinds?",
        {
            "A": (
                "Yes: by chance it would be one sixth, or 17 %.",
                "The most frequent of six kinds cannot have less than two of nine patches, or 22 %, and monuments are"
                " frequent from the start. Dealt out at random, nine patches reach 37 %.",
            ),
            "B": (
                "Yes: monuments have other colours and edges than fish.",
                "They may, but the number does not show it. Nine patches that are dealt out at random reach 37 % as"
                " well.",
            ),
            "C": (
                "One cannot tell: nine random patches might reach nearly as much.",
                "They reach 37 %. Without this control, one would take chance for a finding.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "likeness_with_depth",
        "1.e",
        "From the first to the last layer of VGG-19: how does the likeness of the nine patches that activate a channel"
        " most change?",
        {
            "A": (
                "It grows, as pixels and in kind: deep channels are more special.",
                "In kind it grows. As pixels it falls from 0.88 to 0.03: the same kind of thing comes in other"
                " colours, places and sizes.",
            ),
            "B": (
                "As pixels it falls, and in kind it grows.",
                "As pixels it falls from 0.88 to 0.03. In kind it grows from 0.39 to 0.55, while that of shuffled"
                " patches grows from 0.37 to 0.43 only.",
            ),
            "C": (
                "It falls, as pixels and in kind: larger patches show more.",
                "As pixels it falls. In kind it grows, from 0.39 to 0.55, although the patches become 84 times as"
                " wide.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "which_suspect",
        "1.d",
        "The deconvnet pictures of different units at one place are nearly the same. What has to be taken out so that"
        " they have little in common?",
        {
            "A": (
                "the rectification of the signal",
                "Without it, the mean cosine lies between −0.1 and 0.2, although all units still share the switches.",
            ),
            "B": (
                "the switches, which all units share",
                "Without them, the mean cosine of the pictures is still 0.4 to 0.6.",
            ),
            "C": (
                "both of them: each alone keeps the pictures alike",
                "The switches alone do not: as soon as the rectification is gone, the mean cosine is 0.2 at most.",
            ),
        },
        "A",
    ),
    Question(
        "least_harm",
        "1.d",
        "Four deconvnets have one mistake each, and start from the value 1 at the unit of the cat's eye. Which mistake"
        " leaves the picture nearest to the right one?",
        {
            "A": (
                "no switches in the unpooling",
                "Each value then goes to all four places of its window, so that the ring becomes a blurred blot: the"
                " cosine is 0.1.",
            ),
            "B": (
                "no rectification of the signal",
                "The ring is still there, and the cosine is 0.7. Looking alone would hardly find this mistake.",
            ),
            "C": (
                "filters that are not flipped",
                "Nine convolutions, one after the other, then carry their values to mirrored places. The ring becomes"
                " a lattice: the cosine is 0.1.",
            ),
            "D": (
                "random biases",
                "They draw a tapestry even from a start of 0: the cosine is 0.2. Beside a start of 20,000, however,"
                " nobody would notice them.",
            ),
        },
        "B",
    ),
    Question(
        "merged_lists",
        "1.b",
        "Two computers share a data set. Each keeps a list of the units in its half that activate a channel most. How"
        " long must each list be, so that the k strongest of the whole set are in one of them?",
        {
            "A": (
                "k/2",
                "All k may come from the same half. Where are the other k/2 then?",
            ),
            "B": (
                "k",
                "A unit that is not among the k best of its half has k better ones there, so it is not among the k"
                " best of the whole set.",
            ),
            "C": (
                "as long as the half: a unit may be strong in the whole set only",
                "A larger set has more rivals, and never fewer. Can a unit with k better ones in its half be among the"
                " k best of the whole set?",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "few_rounds",
        "1.d",
        "In a game with two choices, a player is right in 5 of 8 rounds. What does this say?",
        {
            "A": (
                "The player sees more than chance does: five of eight is more than half.",
                "A coin in lesson 1 did just this: 5 of 8. The 95 % interval goes from 31 % to 86 %, with 50 % in it.",
            ),
            "B": (
                "The player guesses.",
                "That is possible. But a player who is right in 82 % of all rounds may have 5 of 8 as well: the 95 %"
                " interval goes from 31 % to 86 %.",
            ),
            "C": (
                "Very little: eight rounds are too few.",
                "The 95 % interval goes from 31 % to 86 %. Even 8 of 8 leave everything from about two thirds upwards"
                " possible.",
            ),
        },
        "C",
        lasting=True,
    ),
    Question(
        "white_fur",
        "1.a",
        "Channel 15 of `relu1_1` responds to reds. A unit of it sees 3 × 3 pixels of white fur. What does it give?",
        {
            "A": (
                "a large value, because white contains much red",
                "Red does add 126 to the sum. But white contains much green as well, whose weights are below 0, and"
                " which takes away 272.",
            ),
            "B": (
                "0, because white contains no red",
                "0 is right, but the reason is not: red adds 126 to the sum.",
            ),
            "C": (
                "0, because green takes away more than red and blue give",
                "Red gives 126 and blue 136, and green takes away 272. The sum is a little below 0, and the"
                " rectification makes 0 of it.",
            ),
        },
        "C",
    ),
]
