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
    "your start is the centre of the field, as some texts have it; here it is its first pixel: add no half of the"
    " kernel or size."
)

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
            "you multiply the jump by the stride too early: in the layer's input the old jump holds. Change it last.",
        ),
        Misconception(
            "size_with_new_jump",
            _field(grow=lambda size, k, s, p, jump: size + (k - 1) * jump * s),
            "the size grows by the new jump: the layer looks at its input, so use the jump from before this layer's"
            " stride.",
        ),
        Misconception(
            "start_with_new_jump",
            _field(shift=lambda k, s, p, jump: -p * jump * s),
            "the start moves by the new jump: the padding lies around the layer's input, so use the jump from before"
            " its stride.",
        ),
        Misconception(
            "whole_kernel",
            _field(grow=lambda size, k, s, p, jump: size + k * jump),
            "you add kernel · jump: one of the kernel's places is in the field already, so add (kernel − 1) · jump.",
        ),
        Misconception(
            "strides_ignored",
            _field(spread=lambda jump, s: jump),
            "the jump stays 1: multiply it by the stride of each layer, after the size and the start are done.",
        ),
        Misconception(
            "size_without_jump",
            _field(grow=lambda size, k, s, p, jump: size + k - 1),
            "you add kernel − 1 alone: those are steps in the layer's input, each `jump` pixels wide. Multiply.",
        ),
        Misconception(
            "start_without_jump",
            _field(shift=lambda k, s, p, jump: -p),
            "you subtract the padding alone: it counts steps in the layer's input, each `jump` pixels wide. Multiply.",
        ),
        Misconception(
            "neither_with_jump",
            _field(grow=lambda size, k, s, p, jump: size + k - 1, shift=lambda k, s, p, jump: -p),
            "the jump is right, but you do not use it: multiply both kernel − 1 and the padding by it, to have them in"
            " pixels.",
        ),
        Misconception(
            "own_stride",
            _field(grow=lambda size, k, s, p, jump: size + (k - 1) * s, shift=lambda k, s, p, jump: -p * s),
            "this layer's own stride is not what spreads its inputs: use the jump, the product of all strides"
            " before it.",
        ),
        Misconception(
            "backward_formula",
            _field(grow=lambda size, k, s, p, jump: (size - 1) * s + k),
            "(size − 1) · stride + kernel starts at the last layer. From the first on, it is size += (kernel − 1) ·"
            " jump.",
        ),
        Misconception(
            "padding_ignored",
            _field(shift=lambda k, s, p, jump: 0),
            "your start is always 0: padding lets unit 0 look beyond the edge of the picture, so subtract padding ·"
            " jump.",
        ),
        Misconception(
            "start_sign",
            _field(shift=lambda k, s, p, jump: p * jump),
            "the start has the wrong sign: padding lies before the first pixel. Subtract padding · jump.",
        ),
        Misconception(
            "jump_added",
            _field(spread=lambda jump, s: jump + s),
            "you add the strides to the jump: a step of 2 made of steps of 2 is a step of 4. Multiply.",
        ),
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
            "you multiply the kernels: neighbouring fields overlap, so each layer only adds (kernel − 1) · jump.",
        ),
        Misconception(
            "from_zero",
            _field(size=0),
            "your size begins at 0: before the first layer a unit is a pixel, and its field has the size 1.",
        ),
        Misconception(
            "reversed",
            _field(order=reversed),
            "you take the layers from the last to the first; the jump grows from the picture on, so begin with the"
            " first.",
        ),
        Misconception(
            "padding_off_size",
            _field(grow=lambda size, k, s, p, jump: size + (k - 1 - 2 * p) * jump),
            "the padding changes the size of the field. It only moves the field: start −= padding · jump.",
        ),
        Misconception(
            "returned_in_loop",
            lambda layers: _field()(layers[:1]) if layers else None,
            "only the first layer counts: the function returns from inside the loop. Return after it.",
        ),
        Misconception(
            "start_before_jump",
            _field(answer=lambda size, jump, start: (size, start, jump)),
            "jump and start have changed places: return size, jump, start.",
        ),
        Misconception(
            "padding_before_stride",
            lambda layers: _field()([(k, p, s) for k, s, p in layers]),
            "you take the padding for the stride and the stride for the padding: a layer is (kernel, stride, padding).",
        ),
        Misconception(
            "jump_before_size",
            _field(answer=lambda size, jump, start: (jump, size, start)),
            "size and jump have changed places: return size, jump, start.",
        ),
    ],
)
