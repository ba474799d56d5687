"""Checks of lesson 1: receptive fields, the strongest units, and the way back through pooling and convolution."""
import torch
import torch.nn.functional as F

from course_utils.checks.core import Exercise, Misconception, Trial

CONV, POOL = (3, 1, 1), (2, 2, 0)           # the two kinds of layer in VGG-19: kernel, stride, padding
STACKS = {"two convolutions of 3 × 3": [CONV, CONV],
          "VGG-19 up to conv3_1": [CONV, CONV, POOL, CONV, CONV, POOL, CONV],
          "one layer, kernel 5, stride 3, padding 1": [(5, 3, 1)],
          "AlexNet up to conv3": [(11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1)],
          "three layers with strides 2, 3 and 2": [(7, 2, 3), (4, 3, 1), (3, 2, 1)],
          "no layer at all": []}


def _field(*, grow=lambda size, k, s, p, jump: size + (k - 1) * jump, shift=lambda k, s, p, jump: -p * jump,
           spread=lambda jump, s: jump * s, size=1, start=0, order=iter, answer=lambda size, jump, start: (size, jump, start)):
    """Size, jump and start, layer by layer, with one part replaced; the three are updated at once, all from the old jump."""
    def function(layers):
        now = size, 1, start
        for k, s, p in order(layers):
            now = grow(now[0], k, s, p, now[1]), spread(now[1], s), now[2] + shift(k, s, p, now[1])
        return torch.tensor(answer(*now))
    return function


CENTRE = "your start is the centre of the field, as some texts have it; here it is its first pixel: add no half of the kernel or size."

field_of = Exercise("field_of", _field(), lambda: [Trial(label, (list(layers),)) for label, layers in STACKS.items()], [
    Misconception("jump_first", _field(grow=lambda size, k, s, p, jump: size + (k - 1) * jump * s, shift=lambda k, s, p, jump: -p * jump * s),
                  "you multiply the jump by the stride too early: in the layer's input the old jump holds. Change it last."),
    Misconception("size_with_new_jump", _field(grow=lambda size, k, s, p, jump: size + (k - 1) * jump * s),
                  "the size grows by the new jump: the layer looks at its input, so use the jump from before this layer's stride."),
    Misconception("start_with_new_jump", _field(shift=lambda k, s, p, jump: -p * jump * s),
                  "the start moves by the new jump: the padding lies around the layer's input, so use the jump from before its stride."),
    Misconception("whole_kernel", _field(grow=lambda size, k, s, p, jump: size + k * jump),
                  "you add kernel · jump: one of the kernel's places is in the field already, so add (kernel − 1) · jump."),
    Misconception("strides_ignored", _field(spread=lambda jump, s: jump),
                  "the jump stays 1: multiply it by the stride of each layer, after the size and the start are done."),
    Misconception("size_without_jump", _field(grow=lambda size, k, s, p, jump: size + k - 1),
                  "you add kernel − 1 alone: those are steps in the layer's input, each `jump` pixels wide. Multiply."),
    Misconception("start_without_jump", _field(shift=lambda k, s, p, jump: -p),
                  "you subtract the padding alone: it counts steps in the layer's input, each `jump` pixels wide. Multiply."),
    Misconception("neither_with_jump", _field(grow=lambda size, k, s, p, jump: size + k - 1, shift=lambda k, s, p, jump: -p),
                  "the jump is right, but you do not use it: multiply both kernel − 1 and the padding by it, to have them in pixels."),
    Misconception("own_stride", _field(grow=lambda size, k, s, p, jump: size + (k - 1) * s, shift=lambda k, s, p, jump: -p * s),
                  "this layer's own stride is not what spreads its inputs: use the jump, the product of all strides before it."),
    Misconception("backward_formula", _field(grow=lambda size, k, s, p, jump: (size - 1) * s + k),
                  "(size − 1) · stride + kernel starts at the last layer. From the first on, it is size += (kernel − 1) · jump."),
    Misconception("padding_ignored", _field(shift=lambda k, s, p, jump: 0),
                  "your start is always 0: padding lets unit 0 look beyond the edge of the picture, so subtract padding · jump."),
    Misconception("start_sign", _field(shift=lambda k, s, p, jump: p * jump),
                  "the start has the wrong sign: padding lies before the first pixel. Subtract padding · jump."),
    Misconception("jump_added", _field(spread=lambda jump, s: jump + s),
                  "you add the strides to the jump: a step of 2 made of steps of 2 is a step of 4. Multiply."),
    Misconception("centre", _field(shift=lambda k, s, p, jump: ((k - 1) // 2 - p) * jump), CENTRE),
    Misconception("centre_at_the_end", _field(answer=lambda size, jump, start: (size, jump, start + (size - 1) // 2)), CENTRE),
    Misconception("centre_in_halves", _field(shift=lambda k, s, p, jump: ((k - 1) / 2 - p) * jump), CENTRE),
    Misconception("centre_in_floats", _field(shift=lambda k, s, p, jump: ((k - 1) / 2 - p) * jump, start=0.0), CENTRE),
    Misconception("kernels_multiplied", _field(grow=lambda size, k, s, p, jump: size * k),
                  "you multiply the kernels: neighbouring fields overlap, so each layer only adds (kernel − 1) · jump."),
    Misconception("from_zero", _field(size=0),
                  "your size begins at 0: before the first layer a unit is a pixel, and its field has the size 1."),
    Misconception("reversed", _field(order=reversed),
                  "you take the layers from the last to the first; the jump grows from the picture on, so begin with the first."),
    Misconception("padding_off_size", _field(grow=lambda size, k, s, p, jump: size + (k - 1 - 2 * p) * jump),
                  "the padding changes the size of the field. It only moves the field: start −= padding · jump."),
    Misconception("returned_in_loop", lambda layers: _field()(layers[:1]) if layers else None,
                  "only the first layer counts: the function returns from inside the loop. Return after it."),
    Misconception("start_before_jump", _field(answer=lambda size, jump, start: (size, start, jump)),
                  "jump and start have changed places: return size, jump, start."),
    Misconception("padding_before_stride", lambda layers: _field()([(k, p, s) for k, s, p in layers]),
                  "you take the padding for the stride and the stride for the padding: a layer is (kernel, stride, padding)."),
    Misconception("jump_before_size", _field(answer=lambda size, jump, start: (jump, size, start)),
                  "size and jump have changed places: return size, jump, start."),
])


def _pooled():
    """Rectified maps as in the deep layers: half of the windows or more are all zero, and some others have their maximum twice."""
    generator, trials = torch.Generator().manual_seed(10), []
    for number, (N, C, H, W) in enumerate(((1, 3, 6, 8), (3, 2, 7, 4), (1, 4, 8, 5), (3, 3, 5, 9))):
        dtype = (torch.float32, torch.float64)[number % 2]
        x = (torch.randn(N, C, H, W, generator=generator, dtype=dtype) * 2).round().relu() / 2
        alive = torch.rand(N, C, (H + 1) // 2, (W + 1) // 2, generator=generator) > 0.5
        x = x * alive.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :H, :W]
        signal = torch.randn(N, C, H // 2, W // 2, generator=generator, dtype=dtype)
        trials.append(Trial(f"x of {N} × {C} × {H} × {W}, {str(dtype).removeprefix('torch.')}", (signal, x)))
    return trials


def _unpool(signal, x):
    positions = F.max_pool2d(x, 2, return_indices=True)[1]
    return F.max_unpool2d(signal, positions, 2, output_size=x.shape)


def _strongest_place(windows):
    return F.one_hot(windows.argmax(4), 4)          # 1 at the maximum, 0 at the three others


def _maxima(windows):
    return (windows == windows.amax(4, keepdim=True)).to(windows)


def _unpooled(share=_strongest_place, value=lambda signal, windows: signal[..., None], rest=lambda windows: 0):
    """The way back, with the share that each of a window's four places gets, or the value that is shared, replaced."""
    def function(signal, x):
        h, w = signal.shape[2:]
        windows = x[:, :, :2 * h, :2 * w].unflatten(3, (w, 2)).unflatten(2, (h, 2)).transpose(3, 4).flatten(4)
        places = share(windows) * value(signal, windows) + rest(windows)
        result = places.unflatten(4, (2, 2)).transpose(3, 4).flatten(4).flatten(2, 3)
        return F.pad(result, (0, x.shape[3] % 2, 0, x.shape[2] % 2)).to(x.dtype)
    return function


def _sizeless(signal, x):
    return F.max_unpool2d(signal, F.max_pool2d(x, 2, return_indices=True)[1], 2)


UPSAMPLED = "all four places of a window get the value, as if the picture were enlarged: only the place of the window's maximum gets it."
SIZELESS = ("max_unpool2d guesses the size of x from the signal, and where x has an odd height or width, it guesses wrong. "
            "Tell it the size, output_size=x.shape.")

pool_back = Exercise("pool_back", _unpool, _pooled, [
    Misconception("upsampled", _unpooled(torch.ones_like), UPSAMPLED),
    Misconception("upsampled_too_small", lambda signal, x: F.interpolate(signal, scale_factor=2), UPSAMPLED),
    Misconception("upsampled_to_size", lambda signal, x: F.interpolate(signal, size=x.shape[2:]), UPSAMPLED),
    Misconception("upper_left", _unpooled(lambda windows: F.one_hot(torch.zeros_like(windows[..., 0]).long(), 4)),
                  "every value goes to the upper left of its window: it belongs where x has the window's maximum, so look it up in x."),
    Misconception("quarters", _unpooled(lambda windows: torch.full_like(windows, 0.25)),
                  "each place gets a quarter: that is the way back through a mean. Of a maximum, its place alone gets the whole value."),
    Misconception("tied_places_all", _unpooled(_maxima),
                  "where several places share the maximum (in a window of zeros, all four), each gets the value. Only the first should."),
    Misconception("tied_places_share", _unpooled(lambda windows: _maxima(windows) / _maxima(windows).sum(4, keepdim=True)),
                  "where several places share the maximum, you split the value. The first of them in reading order gets all of it."),
    Misconception("last_of_ties", _unpooled(lambda windows: _strongest_place(windows.flip(4)).flip(4)),
                  "where several places share the maximum, you take the last: take the first in reading order (> where you have >=)."),
    Misconception("ties_by_column", _unpooled(lambda windows: _strongest_place(windows[..., [0, 2, 1, 3]])[..., [0, 2, 1, 3]]),
                  "where several places share the maximum, you look through the window column by column. Reading order is row by row."),
    Misconception("zero_windows_empty", _unpooled(lambda windows: _strongest_place(windows) * (windows.amax(4, keepdim=True) > 0)),
                  "the values of windows that are all zero get lost. Their first place holds the maximum, 0, and gets the value."),
    Misconception("minimum", _unpooled(lambda windows: _strongest_place(-windows)),
                  "each value goes to its window's smallest entry: the pooling had taken the largest."),
    Misconception("values_of_x", _unpooled(value=lambda signal, windows: windows),
                  "the places are right, but you put the values of x there. Put those of the signal: x only says where."),
    Misconception("rectified", _unpooled(value=lambda signal, windows: signal[..., None].relu()),
                  "you set the negative values of the signal to zero: rectifying is a step of its own. Here, let them pass."),
    Misconception("first_picture", _unpooled(lambda windows: _strongest_place(windows[:1].expand_as(windows))),
                  "you use the maxima of the first picture for all of them: each picture of the batch has its own."),
    Misconception("times_x", _unpooled(value=lambda signal, windows: signal[..., None] * windows),
                  "you multiply the signal by the values of x. x only says where the maximum was; the signal goes there as it is."),
    Misconception("x_elsewhere", _unpooled(rest=lambda windows: windows * (1 - _strongest_place(windows))),
                  "the other places keep the values of x: begin with zeros, torch.zeros_like(x), not with a copy of x."),
    Misconception("no_output_size", _sizeless, SIZELESS),
    Misconception("no_output_size_padded", lambda signal, x: F.pad(_sizeless(signal, x), (0, x.shape[3] % 2, 0, x.shape[2] % 2)), SIZELESS),
], differentiable=(0,))


def _maps_and_filters():
    generator, trials = torch.Generator().manual_seed(11), []
    for number, (N, K, C, H, W) in enumerate(((1, 4, 3, 5, 6), (3, 2, 5, 4, 7), (1, 3, 3, 6, 4), (3, 5, 2, 3, 5))):
        dtype = (torch.float32, torch.float64)[number % 2]
        y, weight = (torch.randn(shape, generator=generator, dtype=dtype) for shape in ((N, K, H, W), (K, C, 3, 3)))
        trials.append(Trial(f"y of {N} × {K} × {H} × {W}, {K} filters with {C} channels, {str(dtype).removeprefix('torch.')}", (y, weight)))
    return trials


def _back(filters=lambda weight: weight, finish=lambda result, y: result, padding=1):
    """The transpose of the convolution, with other filters, or with something done to the result."""
    return lambda y, weight: finish(F.conv_transpose2d(y, filters(weight), padding=padding), y)


HALF_FLIPPED = "you flip the filters along one axis only. Flip both, up-down and left-right: flip(2, 3)."
CROPPED = "your result is shifted by one pixel: the full one is a row and a column larger on each side, so crop [1:-1, 1:-1]."

conv_back = Exercise("conv_back", _back(), _maps_and_filters, [
    Misconception("not_flipped", _back(lambda weight: weight.flip(2, 3)),
                  "your filters stand the wrong way round. conv2d needs them flipped, flip(2, 3); conv_transpose2d flips them itself."),
    Misconception("flipped_up_down", _back(lambda weight: weight.flip(3)), HALF_FLIPPED),
    Misconception("flipped_left_right", _back(lambda weight: weight.flip(2)), HALF_FLIPPED),
    Misconception("transposed_in_space", _back(lambda weight: weight.mT.flip(2, 3)),
                  "you swap rows and columns inside each filter: 'transpose' means the whole convolution here. Flip them, flip(2, 3)."),
    Misconception("flipped_and_transposed", _back(lambda weight: weight.mT),
                  "flipping is right, but you swap rows and columns inside each filter as well. Leave that out."),
    Misconception("everything_flipped", _back(lambda weight: weight.flip(0, 1)),
                  "you flip the order of the filters and of the channels too: flip the last two axes only, flip(2, 3)."),
    Misconception("not_swapped", lambda y, weight: F.conv2d(y, weight, padding=1),
                  "that is the way forward once more: conv2d needs the filters with their first two axes swapped and flipped in space."),
    Misconception("flipped_not_swapped", lambda y, weight: F.conv2d(y, weight.flip(2, 3), padding=1),
                  "you sum over the wrong axis of the filters: conv2d needs weight.transpose(0, 1), conv_transpose2d the weight as it is."),
    Misconception("no_padding", lambda y, weight: F.conv2d(y, weight.transpose(0, 1).flip(2, 3)),
                  "your result lost a row and a column on each side: padding=1 is missing."),
    Misconception("not_cropped", _back(padding=0),
                  "your result has a row and a column too many on each side: conv_transpose2d cuts them off with padding=1."),
    Misconception("cropped_lower_right", _back(finish=lambda result, y: result[..., :-2, :-2], padding=0), CROPPED),
    Misconception("cropped_upper_left", _back(finish=lambda result, y: result[..., 2:, 2:], padding=0), CROPPED),
    Misconception("absolute", _back(torch.abs),
                  "you use the absolute values of the filters: their signs say what is bright and what is dark. Keep them."),
    Misconception("negated", _back(torch.neg), "the sign of your result is turned round: the filters keep their sign on the way back."),
    Misconception("divided_by_filters", _back(finish=lambda result, y: result / y.shape[1]),
                  "you take the mean over the filters: the transpose is their sum."),
    Misconception("divided_by_9", _back(finish=lambda result, y: result / 9),
                  "you divide by 9, the size of a filter: the transpose is a sum, nothing is averaged."),
    Misconception("circular", lambda y, weight: _back(padding=3)(F.pad(y, (2, 2, 2, 2), mode="circular"), weight),
                  "you continue y beyond its edge with the values of the other side. Outside of y there are zeros."),
    Misconception("y_rectified", lambda y, weight: _back()(y.relu(), weight),
                  "you set the negative values of y to zero first: rectifying is a step of its own. Here, let them pass."),
    Misconception("rectified", _back(finish=lambda result, y: result.relu()),
                  "you set the negative values of the result to zero: rectifying is a step of its own. Here, keep them."),
], differentiable=(0,))


def _activations():
    generator, trials = torch.Generator().manual_seed(12), []
    for number, (N, C, H, W, k) in enumerate(((5, 4, 3, 6, 3), (4, 2, 6, 5, 4), (6, 3, 4, 7, 2), (3, 5, 5, 3, 1))):
        dtype = (torch.float32, torch.float64)[number % 2]
        maps = torch.randn(N, C, H, W, generator=generator, dtype=dtype) - 10 * (number == 1)      # once, all are negative
        trials.append(Trial(f"maps of {N} × {C} × {H} × {W}, k = {k}, {str(dtype).removeprefix('torch.')}", (maps, k)))
    return trials


def _ranked(rank=lambda scores, k: scores.topk(k, dim=0).indices, score=lambda maps: maps.amax((2, 3)), prepare=lambda maps: maps,
            find=lambda places, pictures: places.gather(0, pictures), decode=lambda places, H, W: (places // W, places % W),
            arrange=lambda pictures, rows, columns: torch.stack((pictures, rows, columns), 2).transpose(0, 1)):
    """The k strongest, with one part replaced. `rank` turns scores, (N, C), into numbers of pictures, (k, C)."""
    def function(maps, k):
        maps = prepare(maps)
        pictures = rank(score(maps), k)
        places = find(maps.flatten(2).argmax(2), pictures)          # (N, C) -> (k, C), counted row by row
        return arrange(pictures, *decode(places, *maps.shape[2:]))
    return function


def _repeating(maps, k):
    H, W = maps.shape[2:]
    units = maps.transpose(0, 1).flatten(1).topk(k).indices
    return torch.stack((units // (H * W), units % (H * W) // W, units % W), 2)


def _masked(maps, k):
    """Take the strongest unit again and again, and set its picture's map to zero: wrong where all that is left is negative."""
    N, _, H, W = maps.shape
    rows = []
    for channel in maps.transpose(0, 1).clone():
        found = []
        for _ in range(k):
            place = channel.argmax().item()
            found.append((place // (H * W), place % (H * W) // W, place % W))
            channel[found[-1][0]] = 0
        rows.append(found)
    return torch.tensor(rows)


strongest = Exercise("strongest", _ranked(), _activations, [
    Misconception("repeated", _repeating,
                  "one picture occurs several times: take the strongest unit of each picture first, then the k strongest of those."),
    Misconception("masked_with_zero", _masked,
                  "a picture that was used comes again: you set its map to 0, and 0 is larger than negative values. Set it to -math.inf."),
    Misconception("by_mean", _ranked(score=lambda maps: maps.mean((2, 3))),
                  "you rank the pictures by the mean or sum of the map: rank them by its maximum, the strongest unit."),
    Misconception("weakest", _ranked(prepare=torch.neg),
                  "you look for the smallest values: the strongest units are those with the largest."),
    Misconception("weakest_pictures", _ranked(lambda scores, k: scores.topk(k, dim=0, largest=False).indices),
                  "you take each picture's maximum, but then the k smallest of them: sort with the largest first."),
    Misconception("absolute", _ranked(prepare=torch.abs),
                  "you go by absolute values, so that a strongly negative unit wins: compare the values with their sign."),
    Misconception("swapped", _ranked(decode=lambda places, H, W: (places % W, places // W)),
                  "row and column have changed places: the order is (picture, row, column)."),
    Misconception("by_height", _ranked(decode=lambda places, H, W: (places // H, places % H)),
                  "you take positions apart by the height of the map: a row has W places, so row = place // W and column = place % W."),
    Misconception("ascending", _ranked(lambda scores, k: scores.topk(k, dim=0).indices.flip(0)),
                  "the right units in the wrong order: the strongest comes first (descending=True)."),
    Misconception("by_picture", _ranked(lambda scores, k: scores.topk(k, dim=0).indices.sort(0).values),
                  "the right units, but in the order of the pictures' numbers: the strongest comes first."),
    Misconception("same_pictures", _ranked(score=lambda maps: maps.amax((1, 2, 3))[:, None].expand(maps.shape[:2])),
                  "all channels show the same pictures: rank the pictures for each channel by itself, over its own maps[:, c]."),
    Misconception("first_pictures", _ranked(lambda scores, k: torch.arange(k)[:, None].expand(k, scores.shape[1])),
                  "you take the first k pictures as they come: rank all N of them by the maximum of the map."),
    Misconception("places_of_first", _ranked(find=lambda places, pictures: places[:len(pictures)]),
                  "the pictures are right, but the positions are those of pictures 0, 1, …: pick them with the same indices (gather)."),
    Misconception("ranks_first", _ranked(arrange=lambda *three: torch.stack(three, 2)),
                  "your first two axes have changed places, (k, C, 3): the channel comes first. Use transpose(0, 1)."),
    Misconception("picture_last", _ranked(arrange=lambda pictures, *place: torch.stack((*place, pictures), 2).transpose(0, 1)),
                  "the picture's number comes last: the order is (picture, row, column)."),
])
