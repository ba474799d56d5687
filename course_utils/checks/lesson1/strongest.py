"""Check of lesson 1: the strongest units of each channel over a batch of pictures."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial

SIZES = (  # (N, C, H, W, k)
    *((5, 4, 3, 6, 3), (4, 2, 6, 5, 4), (6, 3, 4, 7, 2), (3, 5, 5, 3, 1)),
    *((4, 1, 3, 5, 2), (1, 3, 4, 2, 1), (1, 1, 3, 4, 1)),  # one channel; one picture; one of both
)


def _activations():
    generator, trials = torch.Generator().manual_seed(12), []
    for number, (N, C, H, W, k) in enumerate(SIZES):
        dtype = (torch.float32, torch.float64)[number % 2]
        maps = torch.randn(N, C, H, W, generator=generator, dtype=dtype) - 10 * (number == 1)  # here all are negative
        maps = maps * {4: 1e-5, 5: 1e4}.get(number, 1)  # in one trial all values are tiny, in another large
        trials.append(Trial(f"maps of {N} × {C} × {H} × {W}, k = {k}, {str(dtype).removeprefix('torch.')}", (maps, k)))
    return trials


def _ranked(
    rank=lambda scores, k: scores.topk(k, dim=0).indices,
    score=lambda maps: maps.amax((2, 3)),
    prepare=lambda maps: maps,
    find=lambda places, pictures: places.gather(0, pictures),
    decode=lambda places, H, W: (places // W, places % W),
    arrange=lambda pictures, rows, columns: torch.stack((pictures, rows, columns), 2).transpose(0, 1),
):
    """The k strongest, with one part replaced. `rank` turns scores, (N, C), into numbers of pictures, (k, C)."""

    def function(maps, k):
        maps = prepare(maps)
        pictures = rank(score(maps), k)
        places = find(maps.flatten(2).argmax(2), pictures)  # (N, C) -> (k, C), counted row by row
        return arrange(pictures, *decode(places, *maps.shape[2:]))

    return function


def _repeating(maps, k):
    H, W = maps.shape[2:]
    units = maps.transpose(0, 1).flatten(1).topk(k).indices
    return torch.stack((units // (H * W), units % (H * W) // W, units % W), 2)


def _masked(maps, k):
    """Take the strongest unit again and again, and set its picture's map to zero.

    The result is wrong when all values that are left are negative.
    """
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


WHOLE = (
    "the numbers are right, but they count pictures, rows and columns: they are whole, and int64 is expected, whatever"
    " the type of the maps. Which tensor of yours has another type?"
)


def _of_type(change):
    return lambda maps, k: change(_ranked()(maps, k), maps)


strongest = Exercise(
    "strongest",
    _ranked(),
    _activations,
    [
        Misconception(
            "repeated",
            _repeating,
            "one picture occurs several times in your list. How many units may one picture "
            "contribute, and which one is it?",
        ),
        Misconception(
            "masked_with_zero",
            _masked,
            "a picture that you have used comes again. You set its map to 0: which value is smaller than "
            "every activation, also where all of them are negative?",
        ),
        Misconception(
            "by_mean",
            _ranked(score=lambda maps: maps.mean((2, 3))),
            "you rank the pictures by the mean or the sum of a map. Here a single unit of each "
            "picture counts: which one?",
        ),
        Misconception(
            "weakest", _ranked(prepare=torch.neg), "you look for the smallest values. Which units are the strongest?"
        ),
        Misconception(
            "weakest_pictures",
            _ranked(lambda scores, k: scores.topk(k, dim=0, largest=False).indices),
            "you take the maximum of each picture, but then the k smallest of these. In which direction do you sort?",
        ),
        Misconception(
            "absolute",
            _ranked(prepare=torch.abs),
            "you compare absolute values, so that a strongly negative unit wins. Does a negative value say "
            "that a unit is strongly activated?",
        ),
        Misconception(
            "swapped",
            _ranked(decode=lambda places, H, W: (places % W, places // W)),
            "row and column have changed places. Look up the order in the docstring, and try a map with a "
            "single large value.",
        ),
        Misconception(
            "by_height",
            _ranked(decode=lambda places, H, W: (places // H, places % H)),
            "you take positions apart by the height of the map. How many positions does one row have?",
        ),
        Misconception(
            "ascending",
            _ranked(lambda scores, k: scores.topk(k, dim=0).indices.flip(0)),
            "you have the right units in the wrong order. Which one should stand first?",
        ),
        Misconception(
            "by_picture",
            _ranked(lambda scores, k: scores.topk(k, dim=0).indices.sort(0).values),
            "you have the right units, but in the order of the pictures' numbers. Which one should stand first?",
        ),
        Misconception(
            "same_pictures",
            _ranked(score=lambda maps: maps.amax((1, 2, 3))[:, None].expand(maps.shape[:2])),
            "all channels of yours show the same pictures. Does every channel prefer the same ones, or does "
            "each need a ranking of its own?",
        ),
        Misconception(
            "first_pictures",
            _ranked(lambda scores, k: torch.arange(k)[:, None].expand(k, scores.shape[1])),
            "you take the first k pictures as they come. By which number do you have to rank all N of them?",
        ),
        Misconception(
            "places_of_first",
            _ranked(find=lambda places, pictures: places[: len(pictures)]),
            "your pictures are right, but the positions are those of pictures 0, 1, 2 and so on. How do you "
            "pick the position that belongs to each chosen picture?",
        ),
        Misconception(
            "ranks_first",
            _ranked(arrange=lambda *three: torch.stack(three, 2)),
            "your first two axes have changed places: the shape is (k, C, 3). Which of the two comes first "
            "in the docstring?",
        ),
        Misconception("as_floats", _of_type(lambda result, maps: result.float()), WHOLE),
        Misconception("as_maps", _of_type(lambda result, maps: result.to(maps)), WHOLE),
        Misconception("as_int32", _of_type(lambda result, maps: result.int()), WHOLE),
        Misconception(
            "picture_last",
            _ranked(arrange=lambda pictures, *place: torch.stack((*place, pictures), 2).transpose(0, 1)),
            "the number of the picture comes last in your triples. Look up the order in the docstring.",
        ),
    ],
    hints=(
        "With two pictures, 3 channels and k = 2: how many numbers does the result hold, and what are the three"
        " numbers of one unit?",
        "At most one unit of each picture counts. So first find the best place within each picture, and then"
        " the best pictures. Which of the two steps is a `max`, and which is a `topk`?",
        "`maps.flatten(2).max(2)` gives values and places, both (N, C). `values.topk(k, dim=0)` gives the"
        " pictures, (k, C); `gather` picks the places of these pictures. Row and column are the place // W and"
        " the place % W.",
    ),
)
