"""Check of lesson 1: the strongest units of each channel over a batch of pictures."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial


def _activations():
    generator, trials = torch.Generator().manual_seed(12), []
    for number, (N, C, H, W, k) in enumerate(((5, 4, 3, 6, 3), (4, 2, 6, 5, 4), (6, 3, 4, 7, 2), (3, 5, 5, 3, 1))):
        dtype = (torch.float32, torch.float64)[number % 2]
        maps = torch.randn(N, C, H, W, generator=generator, dtype=dtype) - 10 * (number == 1)  # once, all are negative
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
    """Take the strongest unit again and again, and set its picture's map to zero: wrong where all that is left is
    negative.
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


strongest = Exercise(
    "strongest",
    _ranked(),
    _activations,
    [
        Misconception(
            "repeated",
            _repeating,
            "one picture occurs several times: take the strongest unit of each picture first, then the k strongest of"
            " those.",
        ),
        Misconception(
            "masked_with_zero",
            _masked,
            "a picture that was used comes again: you set its map to 0, and 0 is larger than negative values. Set it to"
            " -math.inf.",
        ),
        Misconception(
            "by_mean",
            _ranked(score=lambda maps: maps.mean((2, 3))),
            "you rank the pictures by the mean or sum of the map: rank them by its maximum, the strongest unit.",
        ),
        Misconception(
            "weakest",
            _ranked(prepare=torch.neg),
            "you look for the smallest values: the strongest units are those with the largest.",
        ),
        Misconception(
            "weakest_pictures",
            _ranked(lambda scores, k: scores.topk(k, dim=0, largest=False).indices),
            "you take each picture's maximum, but then the k smallest of them: sort with the largest first.",
        ),
        Misconception(
            "absolute",
            _ranked(prepare=torch.abs),
            "you go by absolute values, so that a strongly negative unit wins: compare the values with their sign.",
        ),
        Misconception(
            "swapped",
            _ranked(decode=lambda places, H, W: (places % W, places // W)),
            "row and column have changed places: the order is (picture, row, column).",
        ),
        Misconception(
            "by_height",
            _ranked(decode=lambda places, H, W: (places // H, places % H)),
            "you take positions apart by the height of the map: a row has W places, so row = place // W and column ="
            " place % W.",
        ),
        Misconception(
            "ascending",
            _ranked(lambda scores, k: scores.topk(k, dim=0).indices.flip(0)),
            "the right units in the wrong order: the strongest comes first (descending=True).",
        ),
        Misconception(
            "by_picture",
            _ranked(lambda scores, k: scores.topk(k, dim=0).indices.sort(0).values),
            "the right units, but in the order of the pictures' numbers: the strongest comes first.",
        ),
        Misconception(
            "same_pictures",
            _ranked(score=lambda maps: maps.amax((1, 2, 3))[:, None].expand(maps.shape[:2])),
            "all channels show the same pictures: rank the pictures for each channel by itself, over its own"
            " maps[:, c].",
        ),
        Misconception(
            "first_pictures",
            _ranked(lambda scores, k: torch.arange(k)[:, None].expand(k, scores.shape[1])),
            "you take the first k pictures as they come: rank all N of them by the maximum of the map.",
        ),
        Misconception(
            "places_of_first",
            _ranked(find=lambda places, pictures: places[: len(pictures)]),
            "the pictures are right, but the positions are those of pictures 0, 1, …: pick them with the same indices"
            " (gather).",
        ),
        Misconception(
            "ranks_first",
            _ranked(arrange=lambda *three: torch.stack(three, 2)),
            "your first two axes have changed places, (k, C, 3): the channel comes first. Use transpose(0, 1).",
        ),
        Misconception(
            "picture_last",
            _ranked(arrange=lambda pictures, *place: torch.stack((*place, pictures), 2).transpose(0, 1)),
            "the picture's number comes last: the order is (picture, row, column).",
        ),
    ],
)
