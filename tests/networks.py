"""What the tests of the rescaling share: differences, random pictures, and the promise that a rescaling has to keep."""

import torch

from bounds import DOUBLE
from course_utils.means import mean_activations
from course_utils.normalization import check_rescalable, normalize_weights


def gap(a, b):
    """Relative difference."""
    return ((a - b).abs().max() / b.abs().max()).item()


def far_from_one(after, means):
    """Largest distance of a mean from one. A channel counts by its share of the largest mean of its layer.

    The mean of one that hardly ever answers is mostly rounding; a dead one has none.
    """
    return max(((after.mean[name] - 1) * mean / mean.max()).abs().max().item() for name, mean in means.mean.items())


def random_pictures(count, seed=0):
    """In float64."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 3, 64, 64, generator=generator, dtype=torch.float64) for _ in range(count)]


def holds(chain, pictures):
    """The weights, here in float64, can be rescaled, the output stays, and the means are one. The rescaled copy."""
    assert check_rescalable(chain.double()) == ""
    means = mean_activations(chain, pictures, progress=False)
    new = normalize_weights(chain, means)
    with torch.no_grad():
        assert gap(new.rescaling.restore_output(new(pictures[0])), chain(pictures[0])) < DOUBLE
    assert far_from_one(mean_activations(new, pictures, progress=False), means) < DOUBLE
    return new
