"""How a picture differs from a photo in content, and from a painting in style (Gatys, Ecker & Bethge 2015,
arXiv:1508.06576).

Every loss is computed for each picture of a batch alone, and has the shape (N,). The pictures of a batch never mix.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_utils.inputs import check_choice, check_number, check_tensor, short
from course_utils.vgg import CHANNELS

CONTENT_LAYER = "relu4_2"
CONTENT_WEIGHTS = {CONTENT_LAYER: 1.0}
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# λ^l of the weighted sum. Gatys's published code weights the mean squared error of the Gram matrices by 1000 / C², and
# this error is four times the paper's E_l, the `style_loss` below.
STYLE_WEIGHTS = {layer: 4000 / CHANNELS[layer] ** 2 for layer in STYLE_LAYERS}


def content_loss(features: torch.Tensor, target: torch.Tensor, reduction: str = "sum") -> torch.Tensor:
    """J_C = ½ Σ (F − P)² (arXiv:1508.06576, equation 1), or the mean of (F − P)².

    The sum grows with the size of the picture, and the mean does not.

    Args:
        features: F, activations of the generated picture, (N, C, H, W).
        target: P, activations of the content picture, (N, C, H, W) or (1, C, H, W).
        reduction: 'sum' as in the paper, or 'mean' as in the authors' published code (2 / (C·H·W) of the sum).
    Returns:
        (N,), one loss for each picture.

    >>> F, P = torch.tensor([3.0, 5.0]).view(1, 1, 1, 2), torch.tensor([1.0, 2.0]).view(1, 1, 1, 2)
    >>> content_loss(F, P), content_loss(F, P, "mean")  # (4 + 9) / 2
    (tensor([6.5000]), tensor([6.5000]))
    """
    check_choice("reduction", reduction, ("sum", "mean"))
    _check_pair(features, target, "N, C, H, W")
    squares = (features - target).square().flatten(1)
    return squares.sum(1) / 2 if reduction == "sum" else squares.mean(1)


def gram_matrix(features: torch.Tensor, divide: bool = False) -> torch.Tensor:
    """G_kk' = Σ_ij a_ijk a_ijk': how strongly the channels k and k' fire together (arXiv:1508.06576, equation 3).

    Args:
        features: activations, (N, C, H, W).
        divide: True takes the mean over the H·W positions instead of the sum, so that pictures of different sizes can
            be compared.
    Returns:
        (N, C, C), symmetric and positive semi-definite.

    >>> features = torch.tensor([[1.0, 2.0], [0.0, 3.0]]).view(1, 2, 1, 2)  # two channels, two positions
    >>> gram_matrix(features)
    tensor([[[5., 6.],
             [6., 9.]]])
    """
    check_tensor("features", features, "N, C, H, W")
    rows = features.flatten(2).transpose(1, 2)  # (N, M, C): in the layout channels_last a view that is contiguous
    gram = _Gram.apply(rows)
    return gram / rows.shape[1] if divide else gram


class _Gram(torch.autograd.Function):
    """Rᵀ R of rows R, (N, M, C) -> (N, C, C).

    Its backward pass takes one product, R (B + Bᵀ), where autograd would take two (lesson 5, step 7.1).
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(rows):
        return rows.transpose(1, 2) @ rows

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, B):
        (rows,) = ctx.saved_tensors
        return rows @ (B + B.transpose(1, 2))


def style_loss(gram: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """E_l = 1/(4 C²) Σ (G_kk'/M − A_kk'/M')² (arXiv:1508.06576, equation 4).

    With equal sizes M = M' this is the paper's 1/(4 C² M²) Σ (G − A)².

    Args:
        gram: `gram_matrix(…, divide=True)` of the generated picture, (N, C, C).
        target: the same for the painting, (N, C, C) or (1, C, C).
    Returns:
        (N,), one loss for each picture.

    >>> style_loss(torch.tensor([[[5.0, 6.0], [6.0, 9.0]]]), torch.tensor([[[5.0, 2.0], [2.0, 9.0]]]))  # (4² + 4²) / 16
    tensor([2.])
    """
    _check_pair(gram, target, "N, C, C")
    return (gram - target).square().sum((1, 2)) / (4 * gram.shape[1] ** 2)


def total_variation(image: torch.Tensor, power: float = 2.0) -> torch.Tensor:
    """The roughness of a picture: Σ |difference of neighbouring pixels|^power, over neighbours below and to the right.

    Args:
        image: (N, C, H, W).
        power: 2 as in CS231n, or 1 as in TensorFlow; d2l takes means instead of sums.
    Returns:
        (N,), one number for each picture; it grows with the size of the picture.
    """
    check_tensor("image", image, "N, C, H, W")
    check_number("power", power, 1)
    down, right = ((image.diff(dim=axis).abs() ** power).flatten(1).sum(1) for axis in (2, 3))
    return down + right


# --- how others write the style cost of a layer ----------------------------------------------------------------


@dataclass(frozen=True)
class Convention:
    """The style cost of one layer as a source writes it: factor · Σ_kk' (G_kk' / divisor − A_kk' / divisor)².

    Attributes:
        source: where the formula is from.
        divisor: (C, M) -> divisor of the Gram matrices, for C channels and M = H·W positions.
        factor: (C, M) -> factor before the sum of squares.
    """

    source: str
    divisor: Callable
    factor: Callable

    def loss(self, features: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """The cost (N,) between activations (N, C, H, W) and those of the painting, (N, C, H', W') or (1, C, H', W').

        Raises:
            ValueError: the sizes differ, and this convention does not divide by the number of positions.
        """
        for what, maps in (("features", features), ("style", style)):
            check_tensor(what, maps, "N, C, H, W")
        (C, M), (_, other) = ((maps.shape[1], maps.shape[2] * maps.shape[3]) for maps in (features, style))
        if M != other and self.divisor(C, M) == self.divisor(C, other):
            raise ValueError(
                f"{self.source} does not divide Gram matrices by the number of positions: it can compare pictures of"
                f" one size only, not {M} with {other} positions."
            )
        gram, target = gram_matrix(features) / self.divisor(C, M), gram_matrix(style) / self.divisor(C, other)
        return style_loss(gram, target) * 4 * C**2 * self.factor(C, M)

    def scale(self, C: int, M: int) -> float:
        """This cost divided by Σ (G/M − A/M)², which is the same for all pictures with C channels and M positions."""
        for what, number in (("C", C), ("M", M)):
            check_number(what, number, 1, whole=True)
        return self.factor(C, M) * M**2 / self.divisor(C, M) ** 2


CONVENTIONS = {
    "paper": Convention("Gatys, Ecker & Bethge 2015, equation 4", lambda C, M: 1, lambda C, M: 1 / (4 * C**2 * M**2)),
    "gatys": Convention(
        "The published code of Gatys et al. (PytorchNeuralStyleTransfer)", lambda C, M: M, lambda C, M: 1 / C**2
    ),
    "cs231n": Convention("CS231n, assignment 3", lambda C, M: C * M, lambda C, M: 1),
    "coursera": Convention(
        "Coursera, Convolutional Neural Networks, week 4", lambda C, M: 1, lambda C, M: 1 / (4 * C**2 * M**2)
    ),
    "d2l": Convention("Dive into Deep Learning, section 14.12", lambda C, M: C * M, lambda C, M: 1 / C**2),
    "pytorch": Convention(
        "The PyTorch tutorial 'Neural Transfer', for one picture", lambda C, M: C * M, lambda C, M: 1 / C**2
    ),
    "tensorflow": Convention("The TensorFlow tutorial 'Neural style transfer'", lambda C, M: M, lambda C, M: 1 / C**2),
}


def convention(name: str) -> Convention:
    """The `Convention` called 'paper', 'gatys', 'cs231n', 'coursera', 'd2l', 'pytorch' or 'tensorflow'.

    Raises ValueError for any other name.
    """
    if not isinstance(name, str) or name not in CONVENTIONS:
        raise ValueError(f"There is no convention {short(name)}: choose from {', '.join(CONVENTIONS)}.")
    return CONVENTIONS[name]


def convert_weights(weights: dict, source: str, target: str, shapes: dict) -> dict:
    """Weights with which another convention gives the same weighted sum of style costs, exactly.

    Args:
        weights: {layer: weight} for the convention `source`.
        source, target: names of conventions.
        shapes: {layer: (C, M)}, channels and positions of the layers.
    Returns:
        {layer: weight} for the convention `target`.
    Raises:
        ValueError: an unknown convention, a layer without a shape, or a weight that is no number.
    """
    given, wanted = convention(source), convention(target)
    _check_layers("weights", weights)
    _check_layers("shapes", shapes, weights)
    for layer, weight in weights.items():
        check_number(f"The weight {layer}", weight)
        if not isinstance(shapes[layer], (tuple, list)) or len(shapes[layer]) != 2:
            raise ValueError(
                f"The shape of {layer} must be (C, M), channels and positions, not {short(shapes[layer])}."
            )
    return {
        layer: weight * given.scale(*shapes[layer]) / wanted.scale(*shapes[layer]) for layer, weight in weights.items()
    }


def _check_pair(found, target, shape):
    """Raise ValueError unless a tensor (N, …) and its target, (N, …) or (1, …), go together."""
    check_tensor("The activations" if shape == "N, C, H, W" else "A Gram matrix", found, shape)
    check_tensor("The target", target, shape, like=found)
    if target.shape[1:] != found.shape[1:] or target.shape[0] not in (1, found.shape[0]):
        raise ValueError(f"The target has the shape {tuple(target.shape)}; {tuple(found.shape)} was expected.")


def _check_layers(what, values, layers=()):
    """Raise ValueError unless a value is a dictionary of one or more layers that contains `layers`."""
    if not isinstance(values, dict) or not values or not all(layer in values for layer in layers):
        raise ValueError(
            f"{what} must be a dictionary of layers{', with ' * bool(layers)}{', '.join(map(str, layers))}, not"
            f" {short(values)}."
        )
