"""Check of lesson 3: the mean activation of each channel, over parts of a data set that differ in size."""

from functools import reduce

import torch
import torch.nn.functional as nnf

from course_utils.checks.core import Exercise, Misconception, kept, random_trials


def _channel_sums(x):
    return x.sum((0, 2, 3))


def _positions(x):
    return x[0, 0].numel()


def _mean(
    *,
    parts=kept,
    prepare=nnf.relu,
    total=_channel_sums,
    count=lambda x: x[:, 0].numel(),
    join=lambda totals, counts: sum(totals) / sum(counts),
):
    """The sum of the parts' totals divided by the sum of their counts, with one part of the calculation replaced."""

    def function(given):
        prepared = [prepare(x) for x in parts(given)]
        return join([total(x) for x in prepared], [count(x) for x in prepared])

    return function


def _means(totals, counts):
    return torch.stack([total / count for total, count in zip(totals, counts)])


UNEVEN = (
    "you average the means of the {}, which differ in size. How much does one value of a small one weigh, and how much"
    " one of a large one?"
)
DIVIDED_ONCE = "where in your code do you know the sum of all values, and their number?"
OVER_ALL = "how many values does one channel have, over all pictures, rows and columns of all parts?"
RELU_LATE = (
    "you take the mean first and apply the ReLU to it: negative values then cancel positive ones. Where does the"
    " network apply it?"
)
LOST = "{}. What happens to the first part when the loop comes to the second?"

# in the first trial all parts have the same height and width, so that torch.cat works; in the second, one part has W =
# C
mean_activation = Exercise(
    "mean_activation",
    _mean(),
    lambda: random_trials(
        30,
        "{} channels, N, H and W of the parts: {}, values of size {:g}",
        (
            (4, ((3, 2, 3), (1, 2, 3)), 1),
            (3, ((1, 4, 5), (3, 5, 3), (2, 2, 7)), 1),
            (2, ((1, 3, 4), (1, 2, 5)), 100),
            (5, ((3, 4, 3), (2, 3, 5), (1, 6, 2), (3, 2, 4)), 1e-4),
            (1, ((2, 3, 2), (1, 4, 3)), 1000),
            (3, ((1, 1, 1), (2, 1, 3)), 1e-3),
            (2, ((2, 3, 2),), 1),
        ),
        lambda draw, C, sizes, scale: (
            [
                (draw(N, C, H, W) + torch.linspace(-0.6, 0.7, C)[:, None, None] + n / 3) * scale
                for n, (N, H, W) in enumerate(sizes)
            ],
        ),
    ),
    [
        Misconception(
            "before_relu",
            _mean(prepare=kept),
            "you average the values before the ReLU: can the mean of an activation be negative?",
        ),
        Misconception("relu_of_mean", lambda parts: _mean(prepare=kept)(parts).relu(), RELU_LATE),
        *[
            Misconception(
                f"relu_of_means_of_{name}",
                _mean(prepare=lambda x, axes=axes: x.mean(axes, keepdim=True).relu()),
                RELU_LATE,
            )
            for name, axes in (("pictures", (2, 3)), ("parts", (0, 2, 3)))
        ],
        Misconception(
            "mean_of_parts", _mean(join=lambda totals, counts: _means(totals, counts).mean(0)), UNEVEN.format("parts")
        ),
        Misconception(
            "mean_of_pictures", _mean(total=lambda x: x.mean((2, 3)).sum(0), count=len), UNEVEN.format("pictures")
        ),
        Misconception(
            "parts_weighted_by_positions",
            _mean(total=lambda x: x.sum((2, 3)).mean(0), count=_positions),
            "you average over the pictures of a part, so that parts weigh by H·W alone. How many values does a part of"
            " three pictures have?",
        ),
        Misconception(
            "last_dropped",
            _mean(parts=lambda parts: parts[:-1]),
            "the last part is left out: it counts, even where it is smaller.",
        ),
        Misconception(
            "first_only",
            _mean(parts=lambda parts: parts[:1]),
            "you use the first part only. Where does your `return` stand, in the loop or behind it?",
        ),
        Misconception(
            "last_only", _mean(parts=lambda parts: parts[-1:]), LOST.format("only the last part is left at the end")
        ),
        Misconception(
            "last_sum",
            _mean(join=lambda totals, counts: totals[-1] / sum(counts)),
            LOST.format("the count is of all parts, but the sum is that of the last"),
        ),
        *[
            Misconception(
                f"{name}_count",
                _mean(join=lambda totals, counts, n=n: sum(totals) / counts[n]),
                f"you divide by the number of values in the {name} part: " + DIVIDED_ONCE,
            )
            for name, n in (("first", 0), ("last", -1))
        ],
        *[
            Misconception(
                f"size_of_{name}",
                _mean(
                    count=lambda x: (len(x), _positions(x)),
                    join=lambda totals, counts, n=n: sum(totals) / (sum(N for N, _ in counts) * counts[n][1]),
                ),
                f"you take height and width of the {name} part for all: ask each part for its own.",
            )
            for name, n in (("first", 0), ("last", -1))
        ],
        Misconception(
            "means_summed",
            _mean(join=lambda totals, counts: _means(totals, counts).sum(0)),
            "you add up the means of the parts: " + DIVIDED_ONCE,
        ),
        Misconception("sum_over_parts", _mean(count=lambda x: 1), "you divide by the number of parts: " + OVER_ALL),
        *[
            Misconception(
                f"halfway_{n}",
                _mean(
                    join=lambda totals, counts, start=start: reduce(
                        lambda old, new: (old + new) / 2, _means(totals, counts), *start
                    )
                ),
                "you go half the way to each new part's mean, so that the last parts count most: " + DIVIDED_ONCE,
            )
            for n, start in enumerate(((), (0,)))
        ],
        Misconception("not_divided", _mean(join=lambda totals, counts: sum(totals)), "you return the sum: " + OVER_ALL),
        Misconception("over_pictures", _mean(count=len), "you divide by the number of pictures only: " + OVER_ALL),
        Misconception(
            "over_positions", _mean(count=_positions), "you divide by the number of positions only: " + OVER_ALL
        ),
        Misconception(
            "over_positions_summed",
            _mean(total=lambda x: x.mean((2, 3)).sum(0), count=lambda x: 1, join=lambda totals, counts: sum(totals)),
            "you divide by the number of positions, but not by that of the pictures: " + OVER_ALL,
        ),
        Misconception(
            "channels_counted", _mean(count=torch.numel), "you count the values of all channels together: " + OVER_ALL
        ),
        Misconception(
            "n_minus_1",
            _mean(join=lambda totals, counts: sum(totals) / (sum(counts) - 1)),
            "you divide by n − 1, which belongs to a variance. What is a mean divided by?",
        ),
        Misconception(
            "active_only",
            _mean(count=lambda x: (x > 0).sum((0, 2, 3))),
            "you average over the positive values only. Do the zeros that the ReLU leaves count as values of the map?",
        ),
        *[
            Misconception(
                f"clipped_at_{top}",
                _mean(prepare=lambda x, top=top: x.clamp(0, top)),
                "large values are cut off. How large may an activation be after a ReLU?",
            )
            for top in (1, 6, 10)
        ],
        *[
            Misconception(
                f"small_dropped_{least}",
                _mean(prepare=lambda x, least=least: x * (x > least)),
                "small positive values are set to zero. Where exactly does the ReLU begin to let values pass?",
            )
            for least in (1e-3, 0.01, 0.1)
        ],
        Misconception(
            "absolute",
            _mean(prepare=torch.abs),
            "you average absolute values. What does the ReLU make of −3?",
        ),
        *[
            Misconception(
                f"share_of_active_{n}",
                _mean(prepare=prepare),
                "you count how often a channel is active, not how strongly. What is to be averaged instead of x > 0?",
            )
            for n, prepare in enumerate((lambda x: x > 0, lambda x: (x > 0).to(x)))
        ],
        Misconception(
            "root_mean_square",
            lambda parts: _mean(total=lambda x: _channel_sums(x * x))(parts).sqrt(),
            "that is the root of the mean square: average the values themselves.",
        ),
        Misconception(
            "mean_square",
            _mean(total=lambda x: _channel_sums(x * x)),
            "you average squares: average the values themselves.",
        ),
        Misconception(
            "maximum",
            _mean(total=lambda x: x.amax((0, 2, 3)), join=lambda totals, counts: torch.stack(totals).amax(0)),
            "you take the largest value: take the mean of all.",
        ),
        Misconception(
            "median",
            _mean(
                total=lambda x: x.transpose(0, 1).flatten(1),
                join=lambda rows, counts: torch.cat(rows, 1).median(1).values,
            ),
            "you take the median: take the mean, the sum divided by the number of values.",
        ),
        Misconception(
            "everything",
            _mean(total=torch.sum, count=torch.numel),
            "you take one mean of all channels. Over which axes may you sum, so that each keeps its own?",
        ),
        Misconception(
            "same_for_all",
            _mean(total=lambda x: x.sum().expand(x.shape[1]), count=torch.numel),
            "all channels get the same mean. Over which axes may you sum, so that each keeps its own?",
        ),
        Misconception(
            "concatenated",
            lambda parts: _mean()([torch.cat(parts)]),
            "pictures of different sizes cannot be joined or added. Which numbers of a part have the same shape,"
            " whatever its height and width?",
        ),
        Misconception(
            "per_location",
            _mean(total=lambda x: x.sum(0), count=len),
            "each position gets a mean of its own, and parts of different sizes cannot be added. Over which further"
            " axes does a filter share its mean?",
        ),
        Misconception(
            "per_picture",
            _mean(total=lambda x: x.mean((2, 3)), join=lambda rows, counts: torch.cat(rows)),
            "each picture gets means of its own: take them over all pictures.",
        ),
        Misconception("per_part", _mean(join=_means), "each part gets means of its own: take them over all parts."),
    ],
    hints=(
        "Two pictures, one with 4 positions and one with 100: is the mean over all positions the mean of their"
        " two means?",
        "The formula has one sum above the line and one below. What do you add up for each part, and what do"
        " you divide at the very end?",
        "For each part add `x.relu().sum((0, 2, 3))` to a total, and the number of its positions, N · H · W, to"
        " a count. After the loop return the total divided by the count.",
    ),
)
