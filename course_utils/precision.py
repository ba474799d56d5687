"""With how many digits the network computes value and gradient of a cost.

    float32     23 binary digits behind the point, on every device
    tf32        the convolutions of an NVIDIA card round what they multiply to 10 digits, and add up in float32;
                elsewhere the same as float32
    bfloat16    activations and filters of the network have 7 digits, on every device

All three have the range of float32, so no cost needs a factor (lesson 7, Precision). The picture, its gradient, and all
that a cost computes from the activations stay in float32. So do a cost's targets and the losses of a saved picture.
"""

import contextlib
import copy
from collections.abc import Iterator

import torch

from course_utils.vgg import VGG, Centre, check_network
from course_utils.winograd import WinogradConv2d


@contextlib.contextmanager
def convolutions(precision: str, device: torch.device) -> Iterator[None]:
    """Within it, a card of the type CUDA convolves float32 in this precision; afterwards as it did before.

    PyTorch itself takes TF32 unless it is told otherwise.
    """
    if device.type != "cuda":
        yield
        return
    setting = torch.backends.cudnn.conv
    before, setting.fp32_precision = setting.fp32_precision, "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        setting.fp32_precision = before


def narrowed(net: VGG) -> VGG:
    """A copy of a network that computes in bfloat16; it still takes pictures of the network's own dtype.

    `VGG.features` returns activations in the dtype of the picture.

    Raises:
        ValueError: no network, or one that has layers with fewer multiplications, whose sums bfloat16 rounds too much.
    """
    check_network(net)
    if any(isinstance(layer, WinogradConv2d) for layer in net.children()):
        raise ValueError("A network with fewer multiplications cannot compute in bfloat16: give the one from vgg19().")
    narrow = copy.copy(net)  # a deep copy would copy the filters in float32, too
    narrow._modules = {
        name: _Narrowing(net.mean) if name == "centre" else copy.deepcopy(layer).to(torch.bfloat16)
        for name, layer in net._modules.items()
    }
    return narrow


class _Narrowing(Centre):
    """Subtracts the mean colour in the picture's own dtype, and then rounds to bfloat16."""

    def forward(self, image):
        return super().forward(image).to(torch.bfloat16)
