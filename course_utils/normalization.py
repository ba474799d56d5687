"""Normalisation of activations by statistics of the values that belong together, and of weights by mean activations.

S. Ioffe, C. Szegedy: Batch normalization, ICML 2015, arXiv:1502.03167. L. Gatys, A. Ecker, M. Bethge: Image style
transfer using convolutional neural networks, CVPR 2016, section 2.
Tensors are (N, C, H, W): pictures, channels (feature maps), rows, columns.
"""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.homogeneity import FlowError, Scale, scale_flow
from course_utils.inputs import check_number, check_tensor, first_line, is_plain, lacks_memory, short

EPS = 1e-5  # added to the variance, as in torch's layers

AXES = {  # the axes over which each kind takes its mean and variance; each place along the other axes has its own pair
    "per position": (0,),  # H·W·C pairs of statistics from N values each; a convolutional network must not do this
    "batch": (0, 2, 3),  # C pairs from N·H·W values each (Ioffe & Szegedy 2015, section 3.2)
    "layer": (1, 2, 3),  # N pairs from C·H·W values each (Ba, Kiros & Hinton 2016, arXiv:1607.06450)
    "instance": (2, 3),  # N·C pairs from H·W values each (Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022)
}


class NormalizationError(ValueError):
    """A tensor or a layer cannot be normalised in this way; the message says why."""


def normalize(x, axes, eps=EPS):
    """(x − mean) / √(variance + eps), with mean and biased variance over the given axes; the shape stays."""
    check_tensor("x", x, error=NormalizationError)
    check_number("eps", eps, 0, error=NormalizationError)
    for axis in axes if isinstance(axes, (tuple, list)) else [axes]:
        check_number("An axis", axis, -x.ndim, x.ndim - 1, whole=True, error=NormalizationError)
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def batch_norm(x, gamma, beta, eps=EPS):
    """Batch normalisation in training, by the statistics of the batch.

    This is algorithm 1 of Ioffe & Szegedy 2015, with m' = N·H·W.

    Args:
        x: (N, C, H, W).
        gamma, beta: (C,), one pair for each feature map.
        eps: added to the variance.
    Returns:
        (N, C, H, W).
    """
    check_tensor("x", x, "N, C, H, W", error=NormalizationError)
    for what, values in (("gamma", gamma), ("beta", beta)):
        check_tensor(what, values, str(x.shape[1]), like=x, error=NormalizationError)
    return normalize(x, AXES["batch"], eps) * gamma.view(1, -1, 1, 1) + beta.view(1, -1, 1, 1)


def batch_norm_backward(g, x, gamma, eps=EPS):
    """Gradient of batch normalisation in training with respect to its input: γ/σ (g − mean(g) − x̂ mean(g x̂)).

    The means are taken over the effective mini-batch. The formula combines the derivatives in section 3 of Ioffe &
    Szegedy 2015.

    Args:
        g: (N, C, H, W), the gradient with respect to the output.
        x: (N, C, H, W), the input.
        gamma: (C,).
        eps: added to the variance.
    Returns:
        (N, C, H, W).

    >>> x = torch.tensor([[[[1.0, 3.0]]]])
    >>> batch_norm_backward(torch.ones_like(x), x, torch.ones(1)).tolist()  # a constant g moves the mean alone
    [[[[0.0, 0.0]]]]
    """
    check_tensor("x", x, "N, C, H, W", error=NormalizationError)
    check_tensor("g", g, ", ".join(map(str, x.shape)), like=x, error=NormalizationError)
    check_tensor("gamma", gamma, str(x.shape[1]), like=x, error=NormalizationError)
    check_number("eps", eps, 0, error=NormalizationError)
    over = AXES["batch"]
    variance, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    sigma = (variance + eps).sqrt()
    normalised = (x - mean) / sigma
    rest = g - g.mean(over, keepdim=True) - normalised * (g * normalised).mean(over, keepdim=True)
    return gamma.view(1, -1, 1, 1) / sigma * rest


def group_norm(x, groups, eps=EPS):
    """Normalise each picture over groups of neighbouring channels (Wu & He 2018, arXiv:1803.08494).

    With one group this is layer norm, and with C groups instance norm. The input and the output are (N, C, H, W).
    Raises NormalizationError if `groups` does not divide C.
    """
    return normalize(split_groups(x, groups), (2, 3, 4), eps).flatten(1, 2)


def split_groups(x, groups):
    """(N, C, H, W) -> (N, groups, C / groups, H, W), with neighbouring channels in one group.

    Raises NormalizationError if `groups` does not divide C.
    """
    check_tensor("x", x, "N, C, H, W", error=NormalizationError)
    check_number("groups", groups, 1, whole=True, error=NormalizationError)
    if x.shape[1] % groups:
        raise NormalizationError(f"{x.shape[1]} channels cannot be divided into {groups} equal groups.")
    return x.unflatten(1, (groups, -1))


class BatchNorm(nn.Module):
    """Batch normalisation of feature maps, with running statistics for inference.

    In training it normalises by the statistics of the batch. It moves the running mean and the running variance by the
    share `momentum` towards those of the batch, with the *unbiased* variance (Ioffe & Szegedy 2015, algorithm 2,
    step 10: m / (m − 1)). In evaluation it normalises by the running statistics, with the same affine map at each
    position. The input and the output are (N, C, H, W).
    """

    def __init__(self, channels, eps=EPS, momentum=0.1):
        check_number("channels", channels, 1, 10**6, whole=True, error=NormalizationError)
        check_number("eps", eps, 0, error=NormalizationError)
        check_number("momentum", momentum, 0, 1, error=NormalizationError)
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x):
        check_tensor("x", x, f"N, {len(self.gamma)}, H, W", like=self.gamma, same_type=True, error=NormalizationError)
        if not self.training:
            scale = self.gamma / (self.running_variance + self.eps).sqrt()
            return x * scale.view(1, -1, 1, 1) + (self.beta - scale * self.running_mean).view(1, -1, 1, 1)
        if x.shape[0] * x.shape[2] * x.shape[3] < 2:
            raise NormalizationError(
                "One value has no variance: give batches with more than one value for each feature map."
            )
        with torch.no_grad():
            self.running_mean.lerp_(x.mean((0, 2, 3)), self.momentum)
            self.running_variance.lerp_(x.var((0, 2, 3), unbiased=True), self.momentum)
        return batch_norm(x, self.gamma, self.beta, self.eps)


def fold(conv, norm):
    """One convolution that does the same as `conv` followed by batch normalisation in evaluation.

    It has the weights s W and the bias s (b − μ) + β, with s = γ / √(σ² + eps).

    Args:
        conv: nn.Conv2d.
        norm: nn.BatchNorm2d or `BatchNorm`, in evaluation mode.
    Returns:
        A new nn.Conv2d with a bias.
    Raises:
        NormalizationError: the layers are of other kinds, have hooks or different numbers of channels; `norm` is in
            training mode or has no running statistics; or the result is not finite.
    """
    ours = isinstance(norm, BatchNorm)
    if (
        type(conv) is not nn.Conv2d
        or type(norm) not in (nn.BatchNorm2d, BatchNorm)
        or not (is_plain(conv) and is_plain(norm))
    ):
        raise NormalizationError(
            f"Only a plain nn.Conv2d and a plain batch norm without hooks can be folded, not {type(conv).__name__} and "
            f"{type(norm).__name__} as they are."
        )
    if norm.training:
        raise NormalizationError(
            "In training the statistics depend on the batch, and cannot be folded: call norm.eval() first."
        )
    mean, variance = norm.running_mean, norm.running_variance if ours else norm.running_var
    if mean is None or mean.shape != (conv.out_channels,):
        raise NormalizationError(
            f"The batch norm must have running statistics of the {conv.out_channels} channels of the convolution."
        )
    gamma, beta = (norm.gamma, norm.beta) if ours else (norm.weight, norm.bias)
    scale = (1 if gamma is None else gamma) / (variance + norm.eps).sqrt()  # γ = 1 and β = 0 with affine=False
    folded = copy.deepcopy(conv)
    bias = conv.bias if conv.bias is not None else torch.zeros_like(mean)
    folded.weight = nn.Parameter(conv.weight.detach() * scale.detach().view(-1, 1, 1, 1))
    folded.bias = nn.Parameter(((bias - mean) * scale + (0 if beta is None else beta)).detach())
    for what, values in folded.named_parameters():
        check_tensor(f"The {what} of the folded convolution", values, values="finite", error=NormalizationError)
    return folded


# --- weights ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rescaling:
    """What `normalize_weights` has done to a network; the copy that it returns has it as the attribute `rescaling`.

    Attributes:
        scales: {convolution: (C,) float64}: the numbers that divide the activations of its channels, the diagonal of D.
        dead: {convolution: list of channels without a positive mean, which kept their scale}.
        carried: {layer: `Scale` that its output carries, or None}.
        output: `Scale` of the network's output; None if the network itself undoes the last scale.
    """

    scales: dict
    dead: dict
    carried: dict
    output: Scale | None

    def restore(self, layer, maps):
        """The original network's activations of a layer, from those of the rescaled network.

        Both are (N, C, H, W), or (N, C·H·W) behind a flattening. Raises NormalizationError for an unknown layer.
        """
        if not isinstance(layer, str) or layer not in self.carried:
            raise NormalizationError(
                f"The scale of {short(layer)} is not known: name a layer that occurs once in the network."
            )
        return self._times(self.carried[layer], maps)

    def restore_output(self, output):
        """The original network's output, from that of the rescaled network.

        The two are the same if the network itself undoes the last scale.
        """
        return self._times(self.output, output)

    def _times(self, scale, values):
        if scale is None or scale.convolution not in self.scales:
            return values
        factor = self.scales[scale.convolution]
        check_tensor(
            "What is restored",
            values,
            "N, units" if scale.flat else f"N, {len(factor)}, H, W",
            error=NormalizationError,
        )
        if values.shape[1] % len(factor):
            raise NormalizationError(
                f"{values.shape[1]} numbers cannot be {len(factor)} flattened maps: give the output of that layer."
            )
        factor = factor.to(values)
        return values * (
            factor.repeat_interleave(values.shape[1] // len(factor)) if scale.flat else factor[:, None, None]
        )


def check_rescalable(net):
    """'' if the weights of a network can be rescaled without changing its output; otherwise a sentence on why not.

    The sentence names the operation that forbids it or is not supported, with the reason. This check judges operations
    by their names and types. `normalize_weights` also tries whether they do what their names say.
    """
    try:
        return scale_flow(net).problem
    except FlowError as error:
        return str(error)


def nearest_power_of_two(means):
    """The power of two p that misses each mean m by the smallest factor: the larger of p/m and m/p is minimal.

    A multiplication by p never rounds, unless numbers leave their range. The result has the shape of `means`. Raises
    NormalizationError unless all means are above 0.
    """
    check_tensor("The means", means, values="finite", error=NormalizationError)
    if not (means > 0).all():
        raise NormalizationError("The means must be above 0: no power of two is near the others.")
    return torch.exp2(means.log2().round())


def normalize_weights(net, means, power_of_two=False, picture=None):
    """A copy of a network with weights scaled so that each filter's mean activation over pictures and positions is one.

    The weights become W_ik ← W_ik μ_k / μ_i and b_i ← b_i / μ_i, where μ_k is the mean of input channel k, and μ_i that
    of filter i (Gatys et al. 2016, section 2). The first linear layer undoes the last scale, so that the output stays
    the same. In a network without a linear layer the output carries the last scale, and
    `copy.rescaling.restore_output` undoes it.

    Args:
        net: a network that `scale_flow` can follow: `VGG`, nn.Sequential, torchvision's VGG family. It is not changed.
        means: MeanActivations of this network, or {convolution: (C,)}.
        power_of_two: True rounds each scale to a power of two. Then the rescaling itself rounds nothing, and the output
            is the same to the last bit; the means lie between 0.7 and 1.42. This does not work in float16, which would
            lose bits of small activations.
        picture: an input of the network, on which a rescaled copy is tried; None takes random squares.
    Returns:
        The copy, whose attribute `rescaling` says what was done. Its `state_dict` holds only the weights, so keep
        `rescaling` beside it. Channels without a positive mean keep their scale.
    Raises:
        NormalizationError: an operation forbids the rescaling, the output changes, the means belong to another network,
            or new weights leave the range of their dtype.

    >>> net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1)).requires_grad_(False)
    >>> new = normalize_weights(net, {"0": torch.tensor([4.0, 0.5])}, power_of_two=True)
    >>> image = torch.rand(1, 3, 5, 5)
    >>> torch.equal(net[0](image)[:, 0], 4 * new[0](image)[:, 0]), torch.equal(net(image), new(image))
    (True, True)
    """
    try:
        flow = scale_flow(net)
    except FlowError as error:
        raise NormalizationError(str(error)) from error
    if flow.problem:
        raise NormalizationError(flow.problem)
    means = getattr(means, "mean", means)
    channels = {name: net.get_submodule(name).out_channels for name in flow.rectified.values()}
    _check_means(means, channels)
    _check_numbers(net, power_of_two)
    if picture is not None:
        check_tensor("The picture", picture, values="finite", error=NormalizationError)
    means = {name: mean.detach().cpu().double() for name, mean in means.items()}
    alive = {name: mean > 0 for name, mean in means.items()}
    scales = {name: torch.where(alive[name], mean, 1.0) for name, mean in means.items()}
    if scales:
        _try(net, flow, channels, picture)
    if power_of_two:
        scales = {name: nearest_power_of_two(scale) for name, scale in scales.items()}
    result = copy.deepcopy(net)
    _rescale(flow, result, scales, exact=power_of_two)
    dead = {name: (~living).nonzero()[:, 0].tolist() for name, living in alive.items() if not living.all()}
    result.rescaling = Rescaling(
        scales, dead, flow.carried, flow.output if flow.output and flow.output.convolution in scales else None
    )
    return result


def _check_means(means, channels):
    """Raise NormalizationError unless there is a mean for every channel of every convolution, and nothing else."""
    if not isinstance(means, dict):
        raise NormalizationError("Give MeanActivations, or a dictionary {convolution: means of its channels}.")
    for name, count in channels.items():
        if not isinstance(means.get(name), torch.Tensor) or means[name].shape != (count,):
            raise NormalizationError(
                f"There are no means of the {count} channels of {name}: measure them on this network with"
                " mean_activations."
            )
        check_tensor(f"The mean of {name}", means[name], error=NormalizationError)
        if means[name].is_meta or not means[name].isfinite().all():
            raise NormalizationError(f"The means of {name} are not finite: measure them anew.")
    if others := sorted(means.keys() - channels.keys(), key=str):
        raise NormalizationError(
            f"These are the means of another network: this one has no rectified convolution {short(others[0])}."
        )


def _check_numbers(net, power_of_two):
    """Raise NormalizationError unless the weights of a network are finite, and of a dtype with a range large enough."""
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if tensor.is_meta or tensor.is_floating_point() and not tensor.isfinite().all():
            raise NormalizationError(f"{name} of the network holds no finite numbers: give a network with weights.")
        if power_of_two and tensor.dtype == torch.float16:
            raise NormalizationError(
                "torch.float16 loses bits of small activations, even by powers of two: convert the network with"
                " .float()."
            )


def _try(net, flow, channels, picture):
    """Raise NormalizationError unless a copy that is rescaled by random powers of two has the same output.

    Powers of two round nothing. The trial is necessary because `scale_flow` judges by names and types. It cannot see a
    replaced forward, a global hook, or a function that does something other than its name says.
    """
    trial, generator = copy.deepcopy(net).eval(), torch.Generator().manual_seed(0)
    if torch.finfo(next(trial.parameters()).dtype).bits < 32:
        trial.float()  # not every processor can convolve with 16 bits
    powers = {
        name: torch.tensor([0.25, 0.5, 2, 4], dtype=torch.float64)[torch.randint(4, (count,), generator=generator)]
        for name, count in channels.items()
    }
    picture = (_square(flow, trial, generator) if picture is None else picture).to(next(trial.parameters()))
    pictures = [picture, 1000 * picture]  # with large values, too, because an operation may cut them off
    with torch.no_grad():
        try:
            right = [trial(picture) for picture in pictures]
            _rescale(flow, trial, powers)
            found = [trial(picture) for picture in pictures]
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if lacks_memory(error) or isinstance(error, NormalizationError):
                raise
            raise NormalizationError(
                f"The rescaling cannot be tried, for the network does not compute its output ({first_line(error)}): "
                "give as `picture` what it takes."
            ) from error
    if flow.output and flow.output.convolution in powers:
        found = [Rescaling(powers, {}, {}, flow.output).restore_output(values) for values in found]
    if not all(map(_close, _tensors(found), _tensors(right))):
        raise NormalizationError(
            "The rescaled network has another output, so some operation does not do what its type or name says (a"
            " replaced forward, a global hook, a function under another's name): give plain layers."
        )


def _square(flow, net, generator):
    """A random picture of a size that the network takes: 64 × 64, or the smallest that fits its linear layers."""
    first = next(
        module
        for node in flow.graph.graph.nodes
        if node.op == "call_module" and isinstance(module := flow.graph.get_submodule(node.target), nn.Conv2d)
    )
    shapes = {
        name: tensor.to("meta") for name, tensor in (*net.named_parameters(), *net.named_buffers())
    }  # only sizes are computed
    for side in (64, *range(1, 513)):
        try:
            with torch.no_grad():
                picture = torch.empty(1, first.in_channels, side, side, dtype=first.weight.dtype, device="meta")
                torch.func.functional_call(net, shapes, picture)
        except (RuntimeError, ValueError, TypeError, IndexError):
            continue
        break
    else:
        side = 64  # `_try` will say why it does not fit
    return torch.randn(1, first.in_channels, side, side, generator=generator)


def _tensors(values):
    """The tensors in the output of a network, however deeply nested."""
    if isinstance(values, torch.Tensor):
        return [values]
    values = values.values() if isinstance(values, dict) else values if isinstance(values, (list, tuple)) else ()
    return [tensor for value in values for tensor in _tensors(value)]


def _close(found, right):
    """Whether two tensors agree to half the digits of their dtype.

    Rounding errors are far smaller than this, and the error of a wrong scale is far larger.
    """
    largest = right[right.isfinite()].abs().max().item() if right.isfinite().any() else 0.0
    return found.shape == right.shape and torch.allclose(
        found, right, rtol=0, atol=largest * torch.finfo(right.dtype).eps ** 0.5, equal_nan=True
    )


def _rescale(flow, net, scales, exact=False):
    """Divide the output of each convolution of a network by its scales {convolution: (C,) float64}, in place.

    Raises NormalizationError when a new weight leaves the range of its dtype: it overflows, it vanishes, or with
    `exact` it is rounded.
    """
    for name, source in flow.incoming.items():
        module = net.get_submodule(name)
        for key, value in _rescaled(module, scales.get(source), scales.get(name)).items():
            tensor = getattr(module, key)
            with torch.no_grad():
                tensor.copy_(value)
            rows = value.flatten(1) if value.ndim > 1 else value[None]
            lost = (tensor.detach().cpu().double() - value).reshape(rows.shape).abs().amax(1)
            if not (lost <= (0 if exact else torch.finfo(tensor.dtype).eps) * rows.abs().amax(1)).all():
                raise NormalizationError(
                    f"The new {key} of {name} leaves the range of {tensor.dtype}: "
                    "convert the network to float32 or float64 first."
                )


def _rescaled(module, incoming, outgoing):
    """{name: new value} of the weights of a layer.

    The weights are multiplied by the scale of its input and divided by the scale of its output; None stands for 1.
    """
    if isinstance(module, nn.BatchNorm2d):  # γ (x − m)/σ + β with x/s as its input: m and β shrink as x does
        changed = {"running_mean": module.running_mean, "bias": module.bias} if incoming is not None else {}
        return {key: value.detach().cpu().double() / incoming for key, value in changed.items() if value is not None}
    weight = module.weight.detach().cpu().double()  # on the CPU: not every device has float64
    if incoming is not None:
        groups = getattr(module, "groups", 1)
        columns = weight.reshape(
            groups, len(weight) // groups, -1
        )  # groups × filters × inputs of a group, channel by channel
        factors = incoming.repeat_interleave(columns.shape[2] * groups // len(incoming)).view(groups, 1, -1)
        weight = (columns * factors).reshape(weight.shape)
    if outgoing is None:
        return {"weight": weight}
    changed = {"weight": weight / outgoing.view(-1, *[1] * (weight.ndim - 1))}
    if module.bias is not None:
        changed["bias"] = module.bias.detach().cpu().double() / outgoing
    return changed
