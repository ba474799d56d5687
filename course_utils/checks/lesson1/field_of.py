"""Check of lesson 1: size, jump and start of a receptive field, layer by layer."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial

CONV, POOL = (3, 1, 1), (2, 2, 0)  # the two kinds of layer in VGG-19: kernel, stride, padding
STACKS = {
    "two convolutions of 3 × 3": [CONV, CONV],
    "VGG-19 up to conv3_1": [CONV, CONV, POOL, CONV, CONV, POOL, CONV],
    "one layer, kernel 5, stride 3, padding 1": [(5, 3, 1)],
    "AlexNet up to conv3": [(11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1)],
    "three layers with strides 2, 3 and 2": [(7, 2, 3), (4, 3, 1), (3, 2, 1)],
    "kernels of 1 with strides": [(1, 2, 0), (3, 1, 1), (1, 1, 1), (5, 1, 0)],
    "strides larger than the kernels": [(2, 3, 0), (3, 5, 1), (3, 1, 1)],
    "no layer at all": [],
}


def _field(
    *,
    grow=lambda size, k, s, p, jump: size + (k - 1) * jump,
    shift=lambda k, s, p, jump: -p * jump,
    spread=lambda jump, s: jump * s,
    size=1,
    start=0,
    order=iter,
    answer=lambda size, jump, start: (size, jump, start),
):
    """Size, jump and start, layer by layer, with one part replaced; the three are updated at once, all from the old
    jump.
    """

    def function(layers):
        now = size, 1, start
        for k, s, p in order(layers):
            now = grow(now[0], k, s, p, now[1]), spread(now[1], s), now[2] + shift(k, s, p, now[1])
        return torch.tensor(answer(*now))

    return function


CENTRE = (
    "your start is the centre of the field, as some texts have it. Here it is the first pixel of the field: which term"
    " of yours moves it to the middle?"
)
WHOLE = (
    "the numbers are right, but size, jump and start count pixels: they are whole, and int64 is expected. Which of your"
    " operations makes another type of them?"
)


def _of_type(dtype):
    return lambda layers: _field()(layers).to(dtype)


def _of_last_padding(shift):
    """The start that the last layer alone would give; `shift` gets its padding and the jump before it."""

    def function(layers):
        size, jump, _ = _field()(layers).tolist()
        before = _field()(layers[:-1])[1].item()
        return torch.tensor([size, jump, shift(layers[-1][2], before) if layers else 0])

    return function


field_of = Exercise(
    "field_of",
    _field(),
    lambda: [Trial(label, (list(layers),)) for label, layers in STACKS.items()],
    [
        Misconception(
            "jump_first",
            _field(
                grow=lambda size, k, s, p, jump: size + (k - 1) * jump * s, shift=lambda k, s, p, jump: -p * jump * s
            ),
            "size and start come out too large after a layer with a stride, because you change the jump "
            "before you use it. Which jump holds between the units that this layer looks at: the one before "
            "the layer, or the one after it?",
        ),
        Misconception(
            "size_with_new_jump",
            _field(grow=lambda size, k, s, p, jump: size + (k - 1) * jump * s),
            "your size grows by the jump after the layer. The layer looks at its input: how far apart are "
            "the units there?",
        ),
        Misconception(
            "start_with_new_jump",
            _field(shift=lambda k, s, p, jump: -p * jump * s),
            "your start moves by the jump after the layer. The padding lies around the layer's input: how "
            "many pixels wide is one step there?",
        ),
        Misconception(
            "whole_kernel",
            _field(grow=lambda size, k, s, p, jump: size + k * jump),
            "your fields are too large, already after one layer. Try a layer with kernel 1: how many pixels "
            "should it add to the field?",
        ),
        Misconception(
            "strides_ignored",
            _field(spread=lambda jump, s: jump),
            "your jump stays 1. After a layer with stride 2, how far apart are the fields of two neighbouring units?",
        ),
        Misconception(
            "size_without_jump",
            _field(grow=lambda size, k, s, p, jump: size + k - 1),
            "your sizes are right until the first stride. After it, the kernel's steps are steps between "
            "units: how many pixels does one such step take?",
        ),
        Misconception(
            "start_without_jump",
            _field(shift=lambda k, s, p, jump: -p),
            "your starts are right until the first stride. After it, the padding counts units and not "
            "pixels: how many pixels does one of them take?",
        ),
        Misconception(
            "neither_with_jump",
            _field(grow=lambda size, k, s, p, jump: size + k - 1, shift=lambda k, s, p, jump: -p),
            "your jump is right, but you never use it. The kernel and the padding count units of the layer's "
            "input: how do you turn such a count into pixels?",
        ),
        Misconception(
            "own_stride",
            _field(grow=lambda size, k, s, p, jump: size + (k - 1) * s, shift=lambda k, s, p, jump: -p * s),
            "you use this layer's own stride where the strides of all the layers before it count. What has "
            "spread the units of this layer's input?",
        ),
        Misconception(
            "backward_formula",
            _field(grow=lambda size, k, s, p, jump: (size - 1) * s + k),
            "your recurrence belongs to the way from the last layer back to the picture, and you go from the "
            "picture on. On this way, what does a layer add to a field that is known already?",
        ),
        Misconception(
            "padding_ignored",
            _field(shift=lambda k, s, p, jump: 0),
            "your start is always 0. With padding, unit 0 begins beyond the edge of the picture: at which "
            "pixel does it begin after one layer with padding 1?",
        ),
        Misconception(
            "start_sign",
            _field(shift=lambda k, s, p, jump: p * jump),
            "your start has the wrong sign. Does unit 0 begin before the first pixel of the picture, or after it?",
        ),
        Misconception(
            "jump_added",
            _field(spread=lambda jump, s: jump + s),
            "you add the strides. Try two layers of stride 4: every unit of the second one moves by 4 units "
            "of the first, so by how many pixels?",
        ),
        Misconception(
            "stride_of_last",
            _field(spread=lambda jump, s: s),
            "your jump is the stride of the last layer alone. What have the layers before it done to the distance of"
            " two neighbouring units?",
        ),
        *[
            Misconception(
                name,
                _of_last_padding(shift),
                "your start knows the padding of the last layer only. Where did the field begin before that layer, and"
                " what does your line do with that number?",
            )
            for name, shift in (
                ("padding_of_last", lambda p, jump: -p * jump),
                ("padding_of_last_without_jump", lambda p, jump: -p),
            )
        ],
        Misconception("centre", _field(shift=lambda k, s, p, jump: ((k - 1) // 2 - p) * jump), CENTRE),
        Misconception(
            "centre_at_the_end", _field(answer=lambda size, jump, start: (size, jump, start + (size - 1) // 2)), CENTRE
        ),
        Misconception("centre_in_halves", _field(shift=lambda k, s, p, jump: ((k - 1) / 2 - p) * jump), CENTRE),
        Misconception(
            "centre_in_floats", _field(shift=lambda k, s, p, jump: ((k - 1) / 2 - p) * jump, start=0.0), CENTRE
        ),
        Misconception(
            "kernels_multiplied",
            _field(grow=lambda size, k, s, p, jump: size * k),
            "you multiply the kernels, as if neighbouring fields did not overlap. Two convolutions of 3 × 3 "
            "see 5 × 5 pixels, not 9 × 9: how much does the second one add?",
        ),
        Misconception(
            "from_zero",
            _field(size=0),
            "your sizes are one too small, because you begin at 0. How many pixels does a unit see before "
            "the first layer, where a unit is a pixel?",
        ),
        Misconception(
            "reversed",
            _field(order=reversed),
            "you take the layers from the last to the first. Your jump grows from the picture on: at which "
            "end do you have to begin?",
        ),
        Misconception(
            "padding_off_size",
            _field(grow=lambda size, k, s, p, jump: size + (k - 1 - 2 * p) * jump),
            "in your function the padding changes the size of the field. Padding adds nothing that a unit "
            "could see: what does it change instead?",
        ),
        Misconception(
            "returned_in_loop",
            lambda layers: _field()(layers[:1]) if layers else None,
            "only the first layer counts, because your function returns from inside the loop. After which "
            "line should it return?",
        ),
        Misconception(
            "start_before_jump",
            _field(answer=lambda size, jump, start: (size, start, jump)),
            "your three numbers are right, but jump and start have changed places. Look up the order in the docstring.",
        ),
        Misconception(
            "padding_before_stride",
            lambda layers: _field()([(k, p, s) for k, s, p in layers]),
            "you take the padding for the stride and the stride for the padding. In which order does the "
            "docstring name the three numbers of a layer?",
        ),
        Misconception(
            "kernel_one_skipped",
            lambda layers: _field()([layer for layer in layers if layer[0] != 1]),
            "you leave out layers with kernel 1. Such a layer adds nothing to the size: but can it have a "
            "stride, or padding?",
        ),
        Misconception(
            "stride_capped",
            lambda layers: _field()([(k, min(k, s), p) for k, s, p in layers]),
            "you limit the stride to the size of the kernel. A layer may step further than its kernel "
            "reaches and leave pixels out: what does that change in your recurrence?",
        ),
        Misconception("as_floats", _of_type(torch.float32), WHOLE),
        Misconception("as_doubles", _of_type(torch.float64), WHOLE),
        Misconception("as_int32", _of_type(torch.int32), WHOLE),
        Misconception(
            "jump_before_size",
            _field(answer=lambda size, jump, start: (jump, size, start)),
            "your three numbers are right, but size and jump have changed places. Look up the order in the docstring.",
        ),
    ],
    hints=(
        "Take two layers with kernel 3, stride 1 and padding 1, and draw which pixels one unit sees. What are"
        " size, jump and start after the first layer, and after the second?",
        "A kernel of size k reaches over k units of the layer below, so over k − 1 steps between them. How many"
        " pixels long is one such step, and what makes the step longer?",
        "Begin with size 1, jump 1, start 0. For each layer: the size grows by (kernel − 1) · jump, the start"
        " moves back by padding · jump, and at the end the jump is multiplied by the stride. Mind the order of"
        " these three lines.",
    ),
)
