"""Convolution with fewer multiplications, for networks whose filters are frozen.

A filter of three weights g over m + 2 inputs d in a row gives m outputs y. Computed one by one, the outputs take 3m
multiplications. But the formula

    y = Aᵀ [(G g) ⊙ (Bᵀ d)]        ⊙: entry by entry

takes only m + 2 multiplications, besides sums with small fixed factors (Winograd 1980, Arithmetic Complexity of
Computations, on FIR filters). The matrices and their names are from Lavin & Gray 2016, arXiv:1509.09308, section 4. The
matrices belong to the points 0, ±1 and ∞, and for m = 4 also to ±2.

Along rows and columns, a tile of m × n outputs takes (m + 2)(n + 2) multiplications: 36 instead of 144 for 4 × 4
outputs, and 16 instead of 36 for 2 × 2. Larger tiles have larger rounding errors. G g is computed once. With C channels
there are C² products for C sums. At each place of a tile, the products form one matrix product over the channels.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from course_utils.inputs import check_tensor, is_plain, short
from course_utils.vgg import check_layers, in_channels_last

TRANSFORMS = {  # m: (Bᵀ, G, Aᵀ)
    2: (
        ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
        ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
        ((1, 1, 1, 0), (0, 1, -1, -1)),
    ),
    4: (
        (
            (4, 0, -5, 0, 1, 0),
            (0, -4, -4, 1, 1, 0),
            (0, 4, -4, -1, 1, 0),
            (0, -2, -1, 2, 1, 0),
            (0, 2, -1, -2, 1, 0),
            (0, 4, 0, -5, 0, 1),
        ),
        (
            (1 / 4, 0, 0),
            (-1 / 6, -1 / 6, -1 / 6),
            (-1 / 6, 1 / 6, -1 / 6),
            (1 / 24, 1 / 12, 1 / 6),
            (1 / 24, -1 / 12, 1 / 6),
            (0, 0, 1),
        ),
        ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
    ),
}
WIDE = 128  # from so many input channels on, the products outweigh the sums (measured on VGG-19)
HEAVY = 512  # from so many input channels on, tiles are smaller: their filters need less than half the memory
STRIP = 128  # tiles that are computed at a time: few enough to stay in the cache
SMALLEST = 64 * 64  # pixels of the smallest picture for which the method saves time


def saves_time(picture, weight):
    """Whether `fewer_multiplications` saves time and keeps the precision, for a picture (1, 3, H, W) and such weights.

    On a graphics card cuDNN itself chooses among such methods. With 16 bits the sums would round too much.
    """
    return (
        picture.device.type == "cpu"
        and picture.shape[2] * picture.shape[3] >= SMALLEST
        and torch.finfo(weight.dtype).bits >= 32
        and not torch.is_autocast_enabled("cpu")
    )


def prepared(net, picture, layers, plain=False):
    """A network that computes the same activations as `net`, up to rounding, but faster; `net` is not changed.

    Its filters are stored channels last, and it does fewer multiplications where that saves time. It shares all
    unchanged layers with `net`.

    Args:
        net: a frozen `VGG`.
        picture: (1, 3, H, W), of the size and type of the pictures that will be computed.
        layers: names of the layers that will be needed; the network ends with the last of them.
        plain: True leaves every convolution as it is.
    """
    last, net = max(check_layers(layers, net=net), key=net.layers.index, default=net.layers[0]), in_channels_last(net)
    fast = not plain and saves_time(picture, next(net.parameters()))
    return fewer_multiplications(net, last) if fast else _until(net, last)


def fewer_multiplications(net, last=None):
    """A copy of a frozen network whose direct children that are wide 3 × 3 convolutions become `WinogradConv2d`.

    The copy shares everything else with `net`.

    Args:
        net: a frozen nn.Module.
        last: name of the last layer that will be needed, with which the copy ends; None keeps all layers.
    Raises:
        ValueError: `net` is no network, or has no such layer.
    """
    if not isinstance(net, nn.Module) or last is not None and not (isinstance(last, str) and last in net._modules):
        raise ValueError(
            f"Give an nn.Module and the name of one of its layers, not {short(type(net).__name__)} and {short(last)}."
        )
    fast = _until(net, last)
    for name, layer in fast._modules.items():
        if is_wide(layer):
            fast._modules[name] = WinogradConv2d(layer, tile=(2, 2) if layer.in_channels >= HEAVY else (4, 4))
    return fast


def _until(net, last):
    """A copy of a network that ends with the layer `last` (None: with its own last layer) and shares all layers."""
    names = list(net._modules)
    ended = copy.copy(net)  # a deep copy would copy the shared layers
    ended._modules = {name: net._modules[name] for name in (names[: names.index(last) + 1] if last else names)}
    return ended


def is_wide(layer):
    """Whether a layer is a convolution with many input channels that `WinogradConv2d` can compute."""
    return _suits(layer) and layer.in_channels >= WIDE


def _suits(layer):
    return (
        type(layer) is nn.Conv2d
        and layer.kernel_size == (3, 3)
        and layer.stride == (1, 1)
        and layer.padding == (1, 1)
        and layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and is_plain(layer)
    )


class WinogradConv2d(nn.Module):
    """A 3 × 3 convolution with zero padding of one pixel, computed tile by tile; filters and bias take no gradient.

    It maps (N, C, H, W) to (N, K, H, W), as `layer` does, up to rounding. In float32 with tiles of 4 × 4, its error is
    1e-6 to 1e-5 of the largest output; with smaller tiles the error is smaller. That of torch's own convolution is up
    to 2e-6.

    Args:
        layer: the nn.Conv2d to be computed, as it is now; later changes of the layer may have no effect.
        tile: height and width of the outputs that are computed at a time, each 2 or 4.
    Raises:
        ValueError: another kind of layer, or another tile.
    """

    def __init__(self, layer, tile=(4, 4)):
        if not _suits(layer):
            raise ValueError(
                "The layer must be a plain nn.Conv2d with kernels of 3 × 3 and one pixel of zeros around, not"
                f" {short(layer)}."
            )
        if (
            not isinstance(tile, tuple)
            or len(tile) != 2
            or not all(type(side) is int and side in TRANSFORMS for side in tile)
        ):
            raise ValueError(f"The tile must be a pair of numbers that are 2 or 4, not {short(tile)}.")
        super().__init__()
        self.tile, weight = tile, layer.weight.detach()
        outputs, inputs = weight.shape[:2]
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())
        filters = along_both(self.matrices(1, weight), weight.permute(2, 3, 1, 0).reshape(9, -1))
        self.register_buffer("filters", filters.view(-1, inputs, outputs))

    def forward(self, maps):
        free = torch.is_autocast_enabled(self.filters.device.type)  # then torch converts the dtype
        check_tensor("The maps", maps, f"N, {self.filters.shape[1]}, H, W", like=self.filters, same_type=not free)
        return _Convolution.apply(maps, self)

    def extra_repr(self):
        return f"{self.filters.shape[1]}, {self.filters.shape[2]}, tile={self.tile}"

    def matrices(self, kind, like):
        """Bᵀ (kind 0), G (1) or Aᵀ (2) for rows and for columns."""
        return [torch.tensor(TRANSFORMS[m][kind], dtype=like.dtype, device=like.device) for m in self.tile]

    def strips(self, height, width):
        """(tiles one below the other, tiles side by side, [(first row of tiles of a strip, its number of rows)])."""
        down, across = -(-height // self.tile[0]), -(-width // self.tile[1])
        step = max(1, STRIP // across)
        return down, across, [(top, min(step, down - top)) for top in range(0, down, step)]

    def convolve(self, maps):
        """(C, H, W) -> (K, H, W), both with the channels last in memory."""
        (m, n), (inputs, height, width), outputs = self.tile, maps.shape, self.filters.shape[2]
        sums_before, sums_after = self.matrices(0, maps), self.matrices(2, maps)
        down, across, strips = self.strips(height, width)
        maps, result = maps.permute(1, 2, 0), maps.new_empty(down * m, across * n, outputs)
        for top, count in strips:
            first, last = top * m - 1, (top + count) * m + 1
            d = F.pad(
                maps[max(first, 0) : last], (0, 0, 1, across * n + 1 - width, max(-first, 0), max(last - height, 0))
            )
            d = d.unfold(0, m + 2, m).unfold(1, n + 2, n).permute(3, 4, 0, 1, 2)  # tiles overlap by two pixels
            d = along_both(sums_before, d.reshape((m + 2) * (n + 2), -1))
            products = torch.bmm(d.view(len(self.filters), -1, inputs), self.filters)
            y = along_both(sums_after, products.view(len(self.filters), -1)).view(m, n, count, across, outputs)
            y = y if self.bias is None else y.add_(self.bias)
            result[top * m : (top + count) * m].view(count, m, across, n, outputs).copy_(y.permute(2, 0, 3, 1, 4))
        return result[:height, :width].permute(2, 0, 1)

    def transposed(self, gradient):
        """The gradient with respect to the input from the gradient with respect to the output: (K, H, W) -> (C, H, W).

        Each step of `convolve` is transposed, the last one first.
        """
        (m, n), (outputs, height, width), inputs = self.tile, gradient.shape, self.filters.shape[1]
        sums_before, sums_after = ([matrix.T for matrix in self.matrices(kind, gradient)] for kind in (0, 2))
        down, across, strips = self.strips(height, width)
        gradient, result = gradient.permute(1, 2, 0), gradient.new_zeros(down + 1, m, across + 1, n, inputs)
        for top, count in strips:
            y = F.pad(
                gradient[top * m : (top + count) * m],
                (0, 0, 0, across * n - width, 0, max((top + count) * m - height, 0)),
            )
            y = along_both(sums_after, y.view(count, m, across, n, outputs).permute(1, 3, 0, 2, 4).reshape(m * n, -1))
            products = torch.bmm(y.view(len(self.filters), -1, outputs), self.filters.transpose(1, 2))
            d = along_both(sums_before, products.view(len(self.filters), -1)).view(m + 2, n + 2, count, across, inputs)
            for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):  # where tiles overlap, their parts add up
                part = d[i * m : (i + 1) * m, j * n : (j + 1) * n].permute(2, 0, 3, 1, 4)
                result[top + i : top + i + count, : part.shape[1], j : j + across, : part.shape[3]] += part
        result = result.view((down + 1) * m, (across + 1) * n, inputs)
        return result[1 : height + 1, 1 : width + 1].permute(2, 0, 1)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, maps, layer):
        ctx.layer = layer
        return _batch([layer.convolve(one) for one in maps])

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return _batch([ctx.layer.transposed(one) for one in gradient]), None


def _batch(pictures):
    """(C, H, W) each -> (N, C, H, W), with strides in which torch recognises the layout channels_last."""
    rows = [picture.permute(1, 2, 0) for picture in pictures]
    # A single picture is not copied. We take .data, because no later layer may change a Function's view in place.
    return (rows[0].unsqueeze(0) if len(rows) == 1 else torch.stack(rows)).permute(0, 3, 1, 2).data


def along_both(matrices, blocks):
    """Apply one matrix along the rows and one along the columns of X blocks: (h·w, X) -> (h'·w', X).

    A block has the size h × w before, and h' × w' afterwards.
    """
    rows, columns = matrices
    blocks = torch.mm(rows, blocks.reshape(rows.shape[1], -1)).view(len(rows), columns.shape[1], -1)
    return torch.matmul(columns, blocks).view(len(rows) * len(columns), -1)
