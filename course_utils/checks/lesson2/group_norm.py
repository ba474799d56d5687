"""Check of lesson 2: group normalisation."""

from course_utils.checks.core import Exercise, Misconception, Trial, easy, random_trials
from course_utils.checks.lesson2.moments import (
    INSTEAD,
    NOT_CENTRED,
    READY_MADE,
    deviation,
    feature_maps,
    mistaken_deviations,
    moments_over,
    unbiased_variances,
)


def _grouped(
    *,
    split=lambda x, groups: x.unflatten(1, (groups, -1)),
    moments=moments_over(2, 3, 4),
    correction=0,
    root=deviation,
    join=lambda x, m, r: (x - m) / r,
    merge=lambda y, x: y.reshape(x.shape),
):
    """(x − μ) / √(σ² + ε) for x of N × groups × channels of a group × H × W, with one part replaced."""

    def function(x, groups, eps):
        parts = split(x, groups)
        variance, mean = moments(parts, correction)
        return merge(join(parts, mean, root(variance, eps)), x)

    return function


group_norm = Exercise(
    "group_norm",
    _grouped(),
    lambda: random_trials(
        23,
        "x of {} × {} × {} × {}, groups = {}, ε = {}, about {}",
        (
            (1, 6, 3, 4, 2, 0.1, 1),
            (3, 6, 4, 3, 3, 0.01, 1000),
            (3, 8, 2, 5, 4, 0.3, 1),
            (1, 5, 5, 2, 1, 1e-6, 0.001),
            (2, 4, 3, 2, 4, 0.2, 1),
            (2, 1, 3, 4, 1, 0.01, 1),
        ),
        lambda draw, N, C, H, W, groups, eps, size: (size * feature_maps(draw, N, C, H, W), groups, eps),
    ),
    [
        Misconception(
            "interleaved",
            _grouped(split=lambda x, groups: x.unflatten(1, (-1, groups)), moments=moments_over(1, 3, 4)),
            "you group channels that lie apart: neighbours belong together. Split with reshape(N, groups, C // groups,"
            " H, W).",
        ),
        Misconception(
            "groups_as_size",
            _grouped(split=lambda x, groups: x.unflatten(1, (-1, groups))),
            "you make groups of `groups` channels each: it is the number of groups, and each has C // groups channels.",
        ),
        Misconception(
            "batch",
            _grouped(moments=moments_over(0, 2, 3, 4)),
            "you average over the batch: here each picture counts by itself, so leave axis 0 out.",
        ),
        Misconception(
            "batch_reshaped",
            _grouped(split=lambda x, groups: x.reshape(1, groups, -1, 1, 1)),
            "reshape(groups, …) cuts up the whole batch, across pictures: keep its axis, reshape(N, groups, …).",
        ),
        Misconception(
            "layer",
            _grouped(moments=moments_over(1, 2, 3, 4)),
            "that is layer norm: all channels share one mean. Each group has its own.",
        ),
        Misconception(
            "instance",
            _grouped(moments=moments_over(3, 4)),
            "that is instance norm: each channel has its own mean. A group shares one.",
        ),
        Misconception(
            "batch_norm",
            _grouped(moments=moments_over(0, 3, 4)),
            "that is batch norm: here each group of each picture has its own mean.",
        ),
        *[
            Misconception(
                name,
                _grouped(moments=moments_over(*axes)),
                "you average over the channels only, at each position: rows and columns belong to it too.",
            )
            for name, axes in (("at_each_position", (2,)), ("all_at_each_position", (1, 2)))
        ],
        Misconception(
            "columns_apart",
            _grouped(moments=moments_over(2, 3)),
            "with the groups split off, axes 2 and 3 are the channels of a group and the rows: columns belong to it"
            " too, (2, 3, 4).",
        ),
        Misconception(
            "everything",
            _grouped(moments=moments_over(0, 1, 2, 3, 4)),
            "you take one mean of all values: each group of each picture has its own.",
        ),
        Misconception(
            "channel_means",
            _grouped(moments=lambda x, correction: (moments_over(2, 3, 4)(x, 0)[0], moments_over(3, 4)(x, 0)[1])),
            "you subtract each channel's own mean: the channels of a group share one, as they share the variance.",
        ),
        Misconception("not_centred", _grouped(join=lambda x, m, r: x / r), NOT_CENTRED),
        *mistaken_deviations(_grouped),
        *unbiased_variances(_grouped),
        Misconception(
            "not_merged",
            _grouped(merge=lambda y, x: y),
            "your result still has the axis of the groups: end with reshape(x.shape).",
        ),
    ],
    differentiable=(0,),
    small=lambda: [Trial("a picture of two pixels, four channels in two groups", (easy(1, 4, 1, 2), 2, 1.0))],
    ready_made=READY_MADE,
    instead=INSTEAD,
    hints=(
        "With 6 channels in 2 groups: which channels share a mean, and do two pictures ever share one?",
        "Give the groups an axis of their own. Which shape has x then, and over which three axes do the means run?",
        "`x.unflatten(1, (groups, -1))` has the shape (N, groups, C / groups, H, W). Take mean and variance"
        " (correction 0) over the axes 2, 3 and 4 with `keepdim=True`, and go back with `reshape(x.shape)`.",
    ),
)
