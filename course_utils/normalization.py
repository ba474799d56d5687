"""Normalisation: of activations, by statistics of the values that belong together; and of weights, by mean activations.

S. Ioffe, C. Szegedy: Batch normalization, ICML 2015, arXiv:1502.03167. L. Gatys, A. Ecker, M. Bethge: Image style
transfer using convolutional neural networks, CVPR 2016, section 2.
Tensors are (N, C, H, W): pictures, channels (feature maps), rows, columns.
"""
import copy
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.homogeneity import FlowError, Scale, follow

EPS = 1e-5              # added to the variance, as in torch's layers

AXES = {                # the axes over which each kind takes its mean and variance; the others get statistics of their own
    "per location": (0,),               # H·W·C pairs of statistics from N values each: what convolutions must not do
    "batch": (0, 2, 3),                 # C pairs from N·H·W values (Ioffe & Szegedy 2015, section 3.2)
    "layer": (1, 2, 3),                 # N pairs from C·H·W values (Ba, Kiros & Hinton 2016, arXiv:1607.06450)
    "instance": (2, 3),                 # N·C pairs from H·W values (Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022)
}


class NormalizationError(ValueError):
    """A tensor or a layer that cannot be normalised as asked; the message says why."""


def normalize(x, axes, eps=EPS):
    """(x − mean) / √(variance + eps), with the biased variance, over the given axes."""
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def batch_norm(x, gamma, beta, eps=EPS):
    """Batch normalisation in training: the statistics are those of the batch (algorithm 1, with m' = N·H·W).

    Args:
        x: (N, C, H, W).
        gamma, beta: (C,), one pair for each feature map.
    """
    return normalize(x, AXES["batch"], eps) * gamma.view(1, -1, 1, 1) + beta.view(1, -1, 1, 1)


def group_norm(x, groups, eps=EPS):
    """Normalise each picture over groups of neighbouring channels (Wu & He 2018, arXiv:1803.08494).

    One group is layer norm, C groups are instance norm. Raises NormalizationError if `groups` does not divide C.
    """
    return normalize(split_groups(x, groups), (2, 3, 4), eps).flatten(1, 2)


def split_groups(x, groups):
    """(N, C, H, W) -> (N, groups, C / groups, H, W), neighbouring channels together; NormalizationError if `groups` does not divide C."""
    if groups < 1 or x.shape[1] % groups:
        raise NormalizationError(f"{x.shape[1]} channels cannot be divided into {groups} equal groups.")
    return x.unflatten(1, (groups, -1))


class BatchNorm(nn.Module):
    """Batch normalisation of feature maps, with running statistics for inference.

    In training it normalises by the statistics of the batch, and moves the running ones by `momentum` towards them: the
    mean, and the *unbiased* variance (algorithm 2, step 10: m / (m − 1)). In evaluation it normalises by the running ones,
    the same affine map at each position.
    """

    def __init__(self, channels, eps=EPS, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x):
        if not self.training:
            scale = self.gamma / (self.running_variance + self.eps).sqrt()
            return x * scale.view(1, -1, 1, 1) + (self.beta - scale * self.running_mean).view(1, -1, 1, 1)
        if x.shape[0] * x.shape[2] * x.shape[3] < 2:
            raise NormalizationError("One value has no variance: give batches with more than one value for each feature map.")
        with torch.no_grad():
            self.running_mean.lerp_(x.mean((0, 2, 3)), self.momentum)
            self.running_variance.lerp_(x.var((0, 2, 3), unbiased=True), self.momentum)
        return batch_norm(x, self.gamma, self.beta, self.eps)


def fold(conv, norm):
    """A convolution that does what `conv` and then batch normalisation in evaluation do: (W, b) ↦ (s W, s (b − μ) + β).

    Args:
        conv: nn.Conv2d.
        norm: nn.BatchNorm2d or `BatchNorm`, in evaluation mode.
    Returns:
        A new nn.Conv2d with a bias.
    Raises:
        NormalizationError: `norm` is in training mode.
    """
    if norm.training:
        raise NormalizationError("In training the statistics depend on the batch, and cannot be folded: call norm.eval() first.")
    ours = isinstance(norm, BatchNorm)
    gamma, beta = (norm.gamma, norm.beta) if ours else (norm.weight, norm.bias)
    scale = gamma / ((norm.running_variance if ours else norm.running_var) + norm.eps).sqrt()
    folded = copy.deepcopy(conv)
    bias = conv.bias if conv.bias is not None else torch.zeros_like(norm.running_mean)
    folded.weight = nn.Parameter(conv.weight.detach() * scale.detach().view(-1, 1, 1, 1))
    folded.bias = nn.Parameter(((bias - norm.running_mean) * scale + beta).detach())
    return folded


# --- weights ------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Rescaling:
    """What `normalize_weights` did to a network; its attribute `rescaling`.

    Attributes:
        scales: {convolution: (C,) float64}: what the activations of its channels were divided by, the diagonal of D.
        dead: {convolution: list of channels without a positive mean, which kept their scale}.
        carried: {layer: `Scale` that its output carries, or None}.
        output: `Scale` of the network's output; None if the network itself undoes the last one.
    """
    scales: dict
    dead: dict
    carried: dict
    output: Scale | None

    def restore(self, layer, maps):
        """Activations of a layer of the rescaled network -> those of the original, (N, C, H, W), or (N, C·H·W) behind a flattening."""
        if layer not in self.carried:
            raise NormalizationError(f"The scale of {layer!r} is not known: name a layer that occurs once in the network.")
        return self._times(self.carried[layer], maps)

    def restore_output(self, output):
        """The rescaled network's output -> that of the original; the same if the network undoes the last scale itself."""
        return self._times(self.output, output)

    def _times(self, scale, values):
        if scale is None or scale.convolution not in self.scales:
            return values
        factor = self.scales[scale.convolution].to(values)
        return values * (factor.repeat_interleave(values.shape[1] // len(factor)) if scale.flat else factor[:, None, None])


def check_rescalable(net):
    """'' if the weights of a network can be rescaled without changing its output, else a sentence: which operation forbids it, and why."""
    try:
        return follow(net).problem
    except FlowError as error:
        return str(error)


def nearest_power_of_two(means):
    """The power of two whose ratio to each mean is nearest to 1; multiplying by it never rounds (unless numbers leave their range)."""
    return torch.exp2(means.log2().round())


def normalize_weights(net, means, power_of_two=False):
    """A copy of a network with weights scaled so that each filter's mean activation over pictures and positions is one.

    W_ik ← W_ik μ_k / μ_i, b_i ← b_i / μ_i, where μ_k is the mean of input channel k. The first linear layer undoes the last
    scale, and so the output stays; without one the output carries it, and `copy.rescaling.restore_output` undoes it (Gatys et al. 2016,
    section 2).

    Args:
        net: what `follow` can follow: VGG19, nn.Sequential, torchvision's VGG family. It is not changed.
        means: MeanActivations of this network, or {convolution: (C,)}.
        power_of_two: round each scale to a power of two. Then no rounding happens and the output is the same to the last
            bit; the means lie between 0.7 and 1.42.
    Returns:
        The copy, with the attribute `rescaling`: what was done to the network that was given. Channels without a positive mean
        keep their scale.
    Raises:
        NormalizationError: an operation forbids it, the means are of another network, or the new weights leave the range of their type.
    """
    try:
        flow = follow(net)
    except FlowError as error:
        raise NormalizationError(str(error)) from error
    if flow.problem:
        raise NormalizationError(flow.problem)
    means = getattr(means, "mean", means)
    _check_means(means, {name: net.get_submodule(name).out_channels for name in flow.rectified.values()})
    alive = {name: mean.double().cpu() > 0 for name, mean in means.items()}
    scales = {name: torch.where(alive[name], mean.double().cpu(), 1.0) for name, mean in means.items()}
    if power_of_two:
        scales = {name: nearest_power_of_two(scale) for name, scale in scales.items()}
    result = copy.deepcopy(net)
    with torch.no_grad():
        for name, source in flow.incoming.items():
            _rescale(name, result.get_submodule(name), scales.get(source), scales.get(name))
    dead = {name: (~living).nonzero()[:, 0].tolist() for name, living in alive.items() if not living.all()}
    result.rescaling = Rescaling(scales, dead, flow.carried, flow.output if flow.output and flow.output.convolution in scales else None)
    return result


def _check_means(means, channels):
    """Raise NormalizationError unless there is a mean for every channel of every convolution, and nothing else."""
    if not isinstance(means, dict):
        raise NormalizationError("Give MeanActivations, or a dictionary {convolution: means of its channels}.")
    for name, count in channels.items():
        if not isinstance(means.get(name), torch.Tensor) or means[name].shape != (count,):
            raise NormalizationError(f"There are no means of the {count} channels of {name}: measure them on this network with mean_activations.")
        if not means[name].isfinite().all():
            raise NormalizationError(f"The means of {name} are not finite: measure them anew.")
    if others := sorted(means.keys() - channels.keys()):
        raise NormalizationError(f"These are the means of another network: this one has no rectified convolution {others[0]!r}.")


def _rescale(name, module, incoming, outgoing):
    """Multiply a layer's weights by the scale of its input and divide by that of its output; None stands for 1."""
    if isinstance(module, nn.BatchNorm2d):          # γ (x − m)/σ + β of x/s: m and β shrink with x
        changed = {"running_mean": module.running_mean, "bias": module.bias} if incoming is not None else {}
        changed = {key: value.cpu().double() / incoming for key, value in changed.items() if value is not None}
    else:
        weight = module.weight.cpu().double()                                   # on the CPU: not every device has float64
        if incoming is not None:
            groups = getattr(module, "groups", 1)
            columns = weight.reshape(groups, len(weight) // groups, -1)         # groups × filters × inputs of a group, channel by channel
            factors = incoming.repeat_interleave(columns.shape[2] * groups // len(incoming)).view(groups, 1, -1)
            weight = (columns * factors).reshape(weight.shape)
        changed = {"weight": weight}
        if outgoing is not None:
            changed["weight"] = weight / outgoing.view(-1, *[1] * (weight.ndim - 1))
            if module.bias is not None:
                changed["bias"] = module.bias.cpu().double() / outgoing
    for key, value in changed.items():
        getattr(module, key).copy_(value)
        if not getattr(module, key).isfinite().all():
            raise NormalizationError(f"The new {key} of {name} leaves the range of {getattr(module, key).dtype}: "
                                     "convert the network to float32 or float64 first.")
