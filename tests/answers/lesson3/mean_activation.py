"""What is put to the check of `mean_activation`: right answers, hidden mistakes, and what students write."""

import numpy as np
import torch
import torch.nn.functional as nnf


def mean_loop(parts):
    total, count = 0, 0
    for x in parts:
        N, _, H, W = x.shape
        total = total + x.clamp(min=0).sum(dim=(0, 2, 3))
        count += N * H * W
    return total / count


def mean_by_channel(parts):
    result = torch.zeros(parts[0].shape[1], dtype=parts[0].dtype)
    for c in range(len(result)):
        values = torch.cat([x[:, c].reshape(-1) for x in parts])
        result[c] = torch.where(values > 0, values, 0).mean()
    return result


def mean_rows(parts):
    return torch.cat([x.transpose(0, 1).flatten(1) for x in parts], dim=1).relu().mean(1)


def mean_weighted(parts):
    sizes = torch.tensor([x.shape[0] * x.shape[2] * x.shape[3] for x in parts], dtype=parts[0].dtype)
    means = torch.stack([torch.maximum(x, torch.zeros_like(x)).mean((0, 2, 3)) for x in parts])
    return torch.einsum("p,pc->c", sizes / sizes.sum(), means)


def mean_updated(parts):
    """The mean so far, moved towards each new part's by its share: no sum that grows without end."""
    mean, count = torch.zeros(parts[0].shape[1]).to(parts[0]), 0
    for x in parts:
        rows = nnf.relu(x).permute(1, 0, 2, 3).flatten(1)
        count += rows.shape[1]
        mean = torch.lerp(mean, rows.mean(1), rows.shape[1] / count)
    return mean


def mean_numpy(parts):
    columns = np.concatenate([np.maximum(x.numpy(), 0).transpose(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in parts])
    return torch.from_numpy(columns.mean(0))


RIGHT = [mean_loop, mean_by_channel, mean_rows, mean_weighted, mean_updated, mean_numpy]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_mean(parts):
    return sum(x.relu_().sum((0, 2, 3)) for x in parts) / sum(x[:, 0].numel() for x in parts)


def parts_popped(parts):
    total, count = 0, 0
    while parts:
        x = parts.pop()
        total, count = total + x.relu().sum((0, 2, 3)), count + x[:, 0].numel()
    return total / count


HIDDEN = [
    (in_place_mean, "in_place"),
    (parts_popped, "in_place"),
    (lambda parts: mean_rows([nnf.relu(x, inplace=True) for x in parts]), "in_place"),
    (lambda parts: parts.sort(key=len) or mean_loop(parts), "in_place"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def forgets_plus(parts):
    for x in parts:
        mean = nnf.relu(x).mean((0, 2, 3))
    return mean


def returns_early(parts):
    total, count = 0, 0
    for x in parts:
        total = total + nnf.relu(x).sum((0, 2, 3))
        count += x.numel() / x.shape[1]
        return total / count


def size_before_loop(parts):
    total, pictures, (_, _, H, W) = 0, 0, parts[0].shape
    for x in parts:
        total, pictures = total + torch.relu(x).sum((0, 2, 3)), pictures + len(x)
    return total / (pictures * H * W)


def exponential(parts):
    mean = nnf.relu(parts[0]).mean((0, 2, 3))
    for x in parts[1:]:
        mean = 0.5 * mean + 0.5 * nnf.relu(x).mean((0, 2, 3))
    return mean


def positive_values(parts):
    channels = range(parts[0].shape[1])
    values = [torch.cat([x[:, c].flatten() for x in parts]) for c in channels]
    return torch.stack([v[v > 0].mean() for v in values])


WRITTEN = [
    (lambda parts: mean_rows([nnf.relu6(x) for x in parts]), "clipped_at_6"),
    (lambda parts: mean_loop([x.clamp(0, 10) for x in parts]), "clipped_at_10"),
    (lambda parts: mean_loop([x * (x > 1e-3) for x in parts]), "small_dropped_0.001"),
    (lambda parts: sum(x.relu().sum((0, 2, 3)) for x in parts) / sum(x[:, 1].numel() for x in parts), "error"),
    (lambda parts: mean_loop(parts).squeeze(), "one_number"),
    (forgets_plus, "last_only"),
    (returns_early, "first_only"),
    (lambda parts: sum(x.relu().sum(dim=[0, 2, 3]) for x in parts) / sum(x.size(0) for x in parts), "over_pictures"),
    (size_before_loop, "size_of_first"),
    (exponential, "halfway_0"),
    (positive_values, "active_only"),
    (lambda parts: mean_loop(parts[: len(parts) - 1]), "last_dropped"),
    (lambda parts: torch.cat(parts).relu().mean((0, 2, 3)), "concatenated"),
    (lambda parts: torch.cat([x.transpose(0, 1).flatten(1) for x in parts], 1).mean(1), "before_relu"),
    (lambda parts: torch.cat([x.transpose(0, 1).flatten(1) for x in parts], 1).mean(1).clamp(min=0), "relu_of_mean"),
    (lambda parts: sum(nnf.relu(x.mean((0, 2, 3))) for x in parts) / len(parts), "relu_of_means_of_parts"),
    (lambda parts: sum(nnf.relu(x).mean((0, 2, 3)) for x in parts) / len(parts), "mean_of_parts"),
    (lambda parts: sum(nnf.relu(x).mean((0, 2, 3)) for x in parts), "means_summed"),
    (
        lambda parts: torch.cat([nnf.adaptive_avg_pool2d(x.relu(), 1) for x in parts]).flatten(1).mean(0),
        "mean_of_pictures",
    ),
    (lambda parts: torch.cat([x.relu().flatten() for x in parts]).mean(), "everything"),
    (lambda parts: torch.cat([x.relu().mean((2, 3)) for x in parts], 0), "per_picture"),
    (lambda parts: [x.relu().mean((0, 2, 3)) for x in parts], "type"),
]

EQUIVALENT = {
    "a sum does not depend on the order of its terms": ("3: for x in reversed(list(parts)):",),
    "sum and count both begin at 0": ("2: count, total = (0, 0)",),
    "a sum does not depend on the order of its axes": (
        "4: total = total + x.relu().sum((2, 0, 3))",
        "4: total = total + x.relu().sum((0, 3, 2))",
    ),
    "each channel has as many values as the first": ("5: count += x[:, -1].numel()",),
    "a ReLU leaves the result of a ReLU as it is": ("2: parts = [each.relu() for each in parts]",),
}
