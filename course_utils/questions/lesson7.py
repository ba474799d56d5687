"""Questions of lesson 7: where the time of a descent goes, and how to need less of it."""

from course_utils.questions import Question

QUESTIONS = [
    Question(
        "adam_after_60",
        "7.a",
        "Adam may take 60 evaluations, the course's descent 20. Who has the lower loss then, on six pairs?",
        {
            "A": (
                "Adam on all six: three times the work.",
                "It comes near. On two of the six pairs it is lower, on the others it is not.",
            ),
            "B": (
                "It depends on the pair, and on average the two are nearly level.",
                "The ratio lies between 0.8 and 2.5, and on average Adam is 18 per cent above. One pair alone would"
                " have told either story.",
            ),
            "C": (
                "The course's descent on all six.",
                "So it is on four of the six. A mean over pairs is no statement about each pair.",
            ),
        },
        "B",
    ),
    Question(
        "colours_and_content",
        "7.a",
        "The descent begins with the photo in the painting's colours instead of the photo. After 20 evaluations the"
        " total loss is lower on all six pairs. What has become of the content cost?",
        {
            "A": (
                "It is lower, too.",
                "The colours of the photo are given up at the start, and `relu4_2` sees them.",
            ),
            "B": (
                "It is a little higher.",
                "By 6 per cent on average. So part of the gain is paid for with content, and a table without this"
                " line would hide it.",
            ),
            "C": (
                "It has doubled.",
                "The forms are still the photo's; only the colours have changed. On the worst of the six pairs it"
                " is 13 per cent higher.",
            ),
        },
        "B",
    ),
    Question(
        "clamp_at_the_end",
        "7.a",
        "The minimum of a cost lies outside the box of values that a file can hold. One descent stays in the box;"
        " another runs freely, and its result is clamped at the end. Which result has the lower cost?",
        {
            "A": (
                "the free one, since it found the true minimum",
                "It did, with values that no file can hold. Clamping moves each value to the border by itself,"
                " without asking what that does to the others.",
            ),
            "B": (
                "the one in the box",
                "It takes the border into account at each step, so that the other values can make up for it. In"
                " lesson 7 the clamped one costs nearly twice as much.",
            ),
            "C": (
                "Both are the same picture.",
                "They would be if the values did not depend on each other. Here each is added to its neighbour.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "cure_of_the_leap",
        "7.a",
        "Bare L-BFGS leaps to hundreds of times the loss on two pairs. It has a very short first step, and it takes"
        " every step without a test. Which cure prevents the leap?",
        {
            "A": (
                "only the longer first step",
                "It does prevent it. Try the other cure alone, too, before you say *only*.",
            ),
            "B": (
                "only the test",
                "A test that refuses higher costs has to prevent it. Does the longer step alone leap?",
            ),
            "C": (
                "either of them",
                "Mended alone, each prevents the leap on all six pairs. So the leap needs both: a scale learnt from"
                " a tiny step, and nobody who looks.",
            ),
        },
        "C",
    ),
    Question(
        "broad_or_fine",
        "7.b",
        "Compare the gradient at the start with the change that a picture has made after 20 evaluations. Which of"
        " the two has the larger share of broad waves?",
        {
            "A": (
                "the gradient",
                "A gradient collects what each position wants for itself: much of it is fine grain.",
            ),
            "B": (
                "the change",
                "On our pair it has twice the proportion of broad waves. So the descent has to learn that large"
                " areas need longer steps.",
            ),
            "C": (
                "They are the same: the picture has gone along its gradient.",
                "It would be so if all waves needed the same step. The pairs (s, y) have taught L-BFGS otherwise.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "gains_together",
        "7.a",
        "Each of two improvements, alone, leaves 0.7 or 0.6 of the loss. How much do both together leave?",
        {
            "A": (
                "0.7 · 0.6 = 0.42",
                "They multiply only if they do different work. One may do part of what the other has done.",
            ),
            "B": (
                "It has to be measured: each beside the other.",
                "Colours and guess do part of the same work: beside the other, each takes off less than alone.",
            ),
            "C": (
                "0.6, the better of the two",
                "That would mean that the weaker one adds nothing. Here each still adds something.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "coarse_first",
        "7.a",
        "A picture is painted at half the size first, enlarged, and finished at full size, for the same work in"
        " all. Does it pay?",
        {
            "A": (
                "always: a small evaluation costs a quarter",
                "It does cost a quarter. But what it learns has to be right for the large picture, and the start"
                " may know it already.",
            ),
            "B": (
                "from noise, if the coarse part is short",
                "From noise a short part lowers the loss on all six pairs: by a quarter on average, for the work of"
                " 20. For that work a long one does not pay on average. From the coloured photo both cost content.",
            ),
            "C": (
                "never: the large picture has to begin anew",
                "The enlarged picture is a start, and from noise a good one.",
            ),
        },
        "B",
    ),
    Question(
        "paid_with_content",
        "7.a",
        "All ingredients together leave about a quarter of Adam's loss after 20 evaluations. Is that paid for with"
        " content?",
        {
            "A": (
                "Yes: the content cost is about twice as high.",
                "On our single pair the lowest total goes with the highest content cost. What do six pairs say?",
            ),
            "B": (
                "No: on average the content cost is nearly the same.",
                "Lower on some pairs and higher on others, between 0.89 and 1.04 times Adam's. A single pair would"
                " have misled us.",
            ),
            "C": (
                "The question makes no sense, as the total holds the content.",
                "It holds it as one of its parts. A descent may lower a sum by raising one part and lowering the"
                " other more.",
            ),
        },
        "B",
    ),
    Question(
        "newest_pair",
        "7.c",
        "L-BFGS keeps pairs of a step s and a change of the gradient y. What should its estimate of the inverse"
        " curvature, applied to the newest y, give?",
        {
            "A": (
                "the newest s",
                "This is the secant condition: where the gradient has changed by y, the picture has moved by s.",
            ),
            "B": (
                "the newest gradient",
                "The gradient says where to go, and not how the slope has changed.",
            ),
            "C": (
                "y itself",
                "That would mean a curvature of one in every direction.",
            ),
        },
        "A",
        lasting=True,
    ),
    Question(
        "guided_steps",
        "7.c",
        "The descent follows a smoother guide for 12 evaluations before it turns to J. The 12 was tuned on other"
        " pairs. What do 24 guided evaluations do here?",
        {
            "A": (
                "They are better after 20 evaluations and after 60.",
                "After 20 evaluations the guide still leads, and J has not had its turn.",
            ),
            "B": (
                "They are worse after 20, and nearly the same after 60.",
                "The loss after 20 is about half as high again. After 60 the difference is a few per cent.",
            ),
            "C": (
                "They are the same as 12: the guide is only a start.",
                "It is more than a start: while it leads, the steps go where the guide falls, and J may only refuse"
                " them.",
            ),
        },
        "B",
    ),
    Question(
        "operations_left",
        "7.d",
        "A tile of 4 × 4 outputs takes 36 multiplications instead of 144. Layers with 128 or 256 input channels"
        " compute like this; those with 512 take tiles of 2 × 2, with 16 instead of 36; the first three layers stay"
        " as they are. What share of the operations of an evaluation is left?",
        {
            "A": (
                "a quarter",
                "Only in layers with 128 or 256 input channels are the multiplications a quarter. The sums before"
                " and after them cost something as well, and the first layers compute as before.",
            ),
            "B": (
                "about half",
                "47 · 10⁹ of 99 · 10⁹: a quarter of the multiplications with the large tiles, 4/9 with the small"
                " ones, all in the first three layers, and the sums.",
            ),
            "C": (
                "nearly all: the first layers dominate",
                "They are large, but their channels are few. Most of the work lies in layers with 128 channels and"
                " more.",
            ),
        },
        "B",
    ),
    Question(
        "what_fills_memory",
        "7.e",
        "What takes most of the memory of an evaluation at 512 × 512 pixels?",
        {
            "A": (
                "the weights of the network",
                "VGG-19 up to the last layer that we need has about 50 MB of them, whatever the size of the"
                " picture. At 128 × 128 pixels this is more than the 25 MB of the activations; at 512 × 512 it is an"
                " eighth of them.",
            ),
            "B": (
                "the activations that the way back needs",
                "They grow with the number of pixels: at every layer the way back needs what the way forward has"
                " computed, and the first layers are the largest.",
            ),
            "C": (
                "the picture and its gradient",
                "Three numbers for each pixel. A single map of the first layer is as large as one of them, and"
                " there are 64.",
            ),
        },
        "B",
        lasting=True,
    ),
    Question(
        "sixteen_bits",
        "7.e",
        "The costs of the original network reach 3 · 10⁹. Its gradient is computed in float16, whose largest number"
        " is 65,504. What happens?",
        {
            "A": (
                "It becomes less exact.",
                "That happens with `bfloat16`, which has the range of float32 and fewer digits.",
            ),
            "B": (
                "It overflows and is lost, unless the cost is multiplied by a small factor first.",
                "A factor of 10⁻⁴ brings the numbers back into the range, and the same arithmetic serves. This is"
                " loss scaling.",
            ),
            "C": (
                "Nothing: only the costs are large, the gradient is small.",
                "A cost of 3 · 10⁹ has large slopes, too, and each of the steps of the chain rule has to fit.",
            ),
        },
        "B",
    ),
]
