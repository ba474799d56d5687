"""What the tests of the rescaling share: differences, random pictures, and the promise that a rescaling has to keep."""
import torch

from course_utils.means import mean_activations
from course_utils.normalization import check_rescalable, normalize_weights


def gap(a, b):
    """Relative difference."""
    return ((a - b).abs().max() / b.abs().max()).item()


def far_from_one(after, means, least=0.0):
    """Largest distance of a mean from one, over the channels whose mean exceeds `least` of their layer's median."""
    return max((mean[means.mean[name] > least * means.mean[name].median()] - 1).abs().max().item() for name, mean in after.mean.items())


def random_pictures(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 3, 64, 64, generator=generator) for _ in range(count)]


def holds(chain, pictures):
    """The weights can be rescaled, the output stays, and the means are one. The rescaled copy."""
    assert check_rescalable(chain) == ""
    means = mean_activations(chain, pictures, progress=False)
    new = normalize_weights(chain, means)
    with torch.no_grad():
        assert gap(new.rescaling.restore_output(new(pictures[0])), chain(pictures[0])) < 1e-5
    assert far_from_one(mean_activations(new, pictures, progress=False), means) < 1e-5
    return new
