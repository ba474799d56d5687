"""Convolution with fewer multiplications, for networks whose filters stand still.

A filter of three weights g over m + 2 inputs d gives m outputs y. Computed one by one they take 3m multiplications; but

    y = Aᵀ [(G g) ⊙ (Bᵀ d)]

takes m + 2 and a few sums (Winograd 1980, Arithmetic Complexity of Computations, ch. 4; the matrices and their names: Lavin & Gray
2016, arXiv:1509.09308, section 4). Along rows and columns, m × n outputs take (m + 2)(n + 2) multiplications in place of 9mn:
4 × 4 outputs 36 in place of 144. G g is computed once. With many channels the sums hardly count, for the products
become one matrix product over the channels at each place of a tile.
"""
import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

TRANSFORMS = {          # m: (Bᵀ, G, Aᵀ)
    2: (((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
        ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
        ((1, 1, 1, 0), (0, 1, -1, -1))),
    4: (((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0), (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1)),
        ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1)),
        ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))),
}
WIDE = 128              # input channels from which the products outweigh the sums (measured on VGG-19)
HEAVY = 512             # input channels from which lower tiles are taken: their filters need a third less memory
STRIP = 128             # tiles at a time: few enough to stay in the cache


def fewer_multiplications(net):
    """A copy of a frozen network whose wide 3 × 3 convolutions are `WinogradConv2d`; everything else is shared with `net`.

    Meant for the CPU: on a graphics card cuDNN chooses among such methods by itself.
    """
    fast = copy.deepcopy(net, {id(child): child for child in net.children()})      # deepcopy takes what it finds there as copied
    for name, layer in net.named_children():
        if is_wide(layer):
            setattr(fast, name, WinogradConv2d(layer, tile=(2, 4) if layer.in_channels >= HEAVY else (4, 4)))
    return fast


def is_wide(layer):
    """Whether a layer is a convolution of many channels that `WinogradConv2d` can compute."""
    return (type(layer) is nn.Conv2d and layer.in_channels >= WIDE and layer.kernel_size == (3, 3) and layer.stride == (1, 1)
            and layer.padding == (1, 1) and layer.dilation == (1, 1) and layer.groups == 1 and layer.padding_mode == "zeros")


class WinogradConv2d(nn.Module):
    """A 3 × 3 convolution with zero padding of one pixel, computed tile by tile; its filters take no gradient.

    (N, C, H, W) -> (N, K, H, W), as `layer` does, up to rounding (about 3e-6 of the largest output in float32 with tiles of 4 × 4).

    Args:
        layer: the nn.Conv2d to be computed; later changes of its weight are not seen.
        tile: height and width of the outputs computed at a time, each 2 or 4.
    """

    def __init__(self, layer, tile=(4, 4)):
        super().__init__()
        self.tile, self.bias, weight = tile, layer.bias, layer.weight.detach()
        outputs, inputs = weight.shape[:2]
        filters = along_both(self.matrices(1, weight), weight.permute(2, 3, 1, 0).reshape(9, -1))
        self.register_buffer("filters", filters.view(-1, inputs, outputs))

    def forward(self, maps):
        return _Convolution.apply(maps, self)

    def extra_repr(self):
        return f"{self.filters.shape[1]}, {self.filters.shape[2]}, tile={self.tile}"

    def matrices(self, kind, like):
        """Bᵀ (kind 0), G (1) or Aᵀ (2) for rows and for columns."""
        return [torch.tensor(TRANSFORMS[m][kind], dtype=like.dtype, device=like.device) for m in self.tile]

    def strips(self, height, width):
        """How many tiles lie side by side, and for each strip of tiles its first row and its number of rows of tiles."""
        down, across = -(-height // self.tile[0]), -(-width // self.tile[1])
        step = max(1, STRIP // across)
        return across, [(top, min(step, down - top)) for top in range(0, down, step)]

    def convolve(self, maps):
        """(C, H, W) -> (K, H, W), both with the channels last in memory."""
        (m, n), (inputs, height, width), outputs = self.tile, maps.shape, self.filters.shape[2]
        sums_before, sums_after = self.matrices(0, maps), self.matrices(2, maps)
        across, strips = self.strips(height, width)
        maps, result = maps.permute(1, 2, 0), maps.new_empty(sum(strips[-1]) * m, across * n, outputs)
        for top, count in strips:
            first, last = top * m - 1, (top + count) * m + 1
            d = F.pad(maps[max(first, 0):last], (0, 0, 1, across * n + 1 - width, max(-first, 0), max(last - height, 0)))
            d = d.unfold(0, m + 2, m).unfold(1, n + 2, n).permute(3, 4, 0, 1, 2)        # tiles overlap by two pixels
            d = along_both(sums_before, d.reshape((m + 2) * (n + 2), -1))
            products = torch.bmm(d.view(len(self.filters), -1, inputs), self.filters)
            y = along_both(sums_after, products.view(len(self.filters), -1)).view(m, n, count, across, outputs)
            y = y if self.bias is None else y.add_(self.bias)
            result[top * m:(top + count) * m].view(count, m, across, n, outputs).copy_(y.permute(2, 0, 3, 1, 4))
        return result[:height, :width].permute(2, 0, 1)

    def transposed(self, gradient):
        """The gradient by the input from that by the output, (K, H, W) -> (C, H, W): each step transposed, the last one first."""
        (m, n), (outputs, height, width), inputs = self.tile, gradient.shape, self.filters.shape[1]
        sums_before, sums_after = ([matrix.T for matrix in self.matrices(kind, gradient)] for kind in (0, 2))
        across, strips = self.strips(height, width)
        gradient, result = gradient.permute(1, 2, 0), gradient.new_zeros(sum(strips[-1]) + 1, m, across + 1, n, inputs)
        for top, count in strips:
            y = F.pad(gradient[top * m:(top + count) * m], (0, 0, 0, across * n - width, 0, max((top + count) * m - height, 0)))
            y = along_both(sums_after, y.view(count, m, across, n, outputs).permute(1, 3, 0, 2, 4).reshape(m * n, -1))
            products = torch.bmm(y.view(len(self.filters), -1, outputs), self.filters.transpose(1, 2))
            d = along_both(sums_before, products.view(len(self.filters), -1)).view(m + 2, n + 2, count, across, inputs)
            for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):            # what overlaps adds up
                part = d[down * m:(down + 1) * m, right * n:(right + 1) * n].permute(2, 0, 3, 1, 4)
                result[top + down:top + down + count, :part.shape[1], right:right + across, :part.shape[3]] += part
        result = result.view(len(result) * m, (across + 1) * n, inputs)
        return result[1:height + 1, 1:width + 1].permute(2, 0, 1)


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
    return pictures[0].unsqueeze(0) if len(pictures) == 1 else torch.stack(pictures)       # one alone is not copied


def along_both(matrices, blocks):
    """A matrix along the rows and one along the columns of each block: (h·w, X), h × w the size of a block, -> (h'·w', X)."""
    rows, columns = matrices
    blocks = torch.mm(rows, blocks.reshape(rows.shape[1], -1)).view(len(rows), columns.shape[1], -1)
    return torch.matmul(columns, blocks).view(len(rows) * len(columns), -1)
