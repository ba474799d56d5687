"""The cost that the optimisation minimises: J = Σ weight · term (Gatys, Ecker & Bethge 2015, arXiv:1508.06576, eq. 7).

A term is any object with these three attributes:

    name        the name under which its values are recorded, such as 'content'
    weight      a number from 0 to `HEAVIEST`
    layers      the names of the layers whose activations it needs; () for none

The object can be called, (image, features) -> (N,), and gives a value for each picture. Here image is (N, 3, H, W) in
[0, 1], and features is {layer: (N, C, H', W')}. A class of ten lines in a notebook is enough.
"""

import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import torch

from course_utils.compiled import Switch
from course_utils.inputs import check_choice, check_number, check_tensor, short
from course_utils.losses import CONTENT_WEIGHTS, STYLE_WEIGHTS, content_loss, gram_matrix, style_loss, total_variation
from course_utils.precision import convolutions, narrowed
from course_utils.regions import check_mask, guided
from course_utils.settings import HEAVIEST, PRECISIONS, Settings, changed, check_layer_weights
from course_utils.tiles import LEAST, Passes, Sums, activations
from course_utils.vgg import VGG, check_layers, check_network

SMALLEST = 16  # pixels: relu5_1 lies behind four poolings
GREY_LEVELS = 255


class Term(Protocol):
    """What `Cost` adds up."""

    name: str
    weight: float

    @property
    def layers(self) -> Iterable[str]: ...

    def __call__(self, image: torch.Tensor, features: dict) -> torch.Tensor: ...


class Content:
    """J_C = Σ_l λ^l · mean (F − P)²: how far the activations F are from the activations P of a photo.

    Args:
        net: the network of the cost.
        photo: (1, 3, H, W) in [0, 1].
        weight: α.
        layers: {layer: λ^l}.
        tile: None, or the side of the tiles in which the activations are computed (see `TiledCost`).
    Raises:
        ValueError: a bad network, picture, layer or tile, or weights that are no numbers from 0 to `HEAVIEST`.
    """

    name = "content"

    def __init__(
        self,
        net: VGG,
        photo: torch.Tensor,
        weight: float = 1.0,
        layers: Mapping[str, float] = CONTENT_WEIGHTS,
        tile: int | None = None,
    ):
        check_network(net)
        check_picture("content", photo)
        check_layer_weights("layers", layers)
        self.weight, self.layers = weight, dict(layers)
        photo = _in_memory(photo)
        with torch.no_grad():  # {layer: P, (1, C, H', W')}
            self.targets = (
                activations(net, photo, self.layers, tile) if tile is not None else net.features(photo, self.layers)
            )

    def __call__(self, image: torch.Tensor, features: dict) -> torch.Tensor:
        return _added(
            weight * _mean_square(features[layer], self.targets[layer]) for layer, weight in self.layers.items()
        )


class Style:
    """J_S = Σ_l λ^l E_l: how far the Gram matrices are from those of a painting, or from the mean of several.

    For several paintings with shares s_i that sum to 1, Σ s_i ‖G − A_i‖² = ‖G − Σ s_i A_i‖² + a constant. So the
    distance to the mean has the same gradient as the sum of the distances.

    Args:
        net: the network of the cost.
        paintings: (1, 3, H, W) in [0, 1], or a list of such pictures; their sizes may differ.
        weight: β.
        layers: {layer: λ^l}.
        shares: a number for each painting, of which only the proportions count; None gives all the same share.
        mask: where in the generated picture the style counts, (1, 1, H, W) in [0, 1] (see `course_utils.regions`);
            None lets it count everywhere.
        name: of the term; the terms of several regions need different names.
        tile: as for `Content`.
    Raises:
        ValueError: a bad network, picture, layer or mask, or weights or shares that are no numbers from 0 to
            `HEAVIEST`.
    """

    def __init__(
        self,
        net: VGG,
        paintings: torch.Tensor | Sequence[torch.Tensor],
        weight: float = 1.0,
        layers: Mapping[str, float] = STYLE_WEIGHTS,
        shares: Sequence[float] | None = None,
        mask: torch.Tensor | None = None,
        name: str = "style",
        tile: int | None = None,
    ):
        check_network(net)
        check_layer_weights("layers", layers)
        if mask is not None:
            check_mask(mask)
        paintings = [paintings] if isinstance(paintings, torch.Tensor) else paintings
        if not isinstance(paintings, (list, tuple)) or not paintings:
            raise ValueError(f"paintings must be a picture or a list of pictures, not {short(paintings)}.")
        for painting in paintings:
            check_picture("style", painting)
        self.weight, self.layers, self.mask, self.name = weight, dict(layers), mask, name
        with torch.no_grad():
            grams = [self._grams(net, _in_memory(painting), tile) for painting in paintings]
            shares = _normalised(shares, len(paintings))
            self.targets = {  # {layer: A, (1, C, C)}
                layer: _added(share * found[layer] for share, found in zip(shares, grams)) for layer in self.layers
            }

    def __call__(self, image: torch.Tensor, features: dict) -> torch.Tensor:
        return _added(
            weight * style_loss(self.gram(features[layer]), self.targets[layer])
            for layer, weight in self.layers.items()
        )

    def gram(self, activations: torch.Tensor) -> torch.Tensor:
        """(N, C, C): the region's Gram matrix, divided by the number of positions; it is compared with a target.

        Args:
            activations: of a layer, (N, C, H', W'), or the `Sums` of a picture in tiles.
        """
        if isinstance(activations, Sums):
            return activations.gram(self.mask)
        return gram_matrix(activations, divide=True) if self.mask is None else guided(activations, self.mask)

    def _grams(self, net, painting, tile):
        """{layer: Gram matrix of the whole painting, divided by the number of positions}."""
        if tile is not None:
            sums = Passes(net, {layer: ([None], []) for layer in self.layers}, tile).sums(painting)
            return {layer: found.gram(None) for layer, found in sums.items()}
        return {layer: gram_matrix(maps, divide=True) for layer, maps in net.features(painting, self.layers).items()}


def _mean_square(activations, target):
    """The mean of (F − P)² for each picture, from activations or from the `Sums` of a picture in tiles."""
    if isinstance(activations, Sums):
        return activations.mean_square(target)
    return content_loss(activations, target, "mean")


def _added(values: Iterable[torch.Tensor]) -> torch.Tensor:
    return functools.reduce(operator.add, values)


def _normalised(shares, count):
    """Numbers in the proportions of `shares` whose sum is 1."""
    shares = [1.0] * count if shares is None else shares
    if not isinstance(shares, (list, tuple)) or len(shares) != count:
        raise ValueError(f"shares must be a list with a number for each of the {count} paintings, not {short(shares)}.")
    for share in shares:
        check_number("A share", share, 0, HEAVIEST)
    if not sum(shares):
        raise ValueError("The shares are all 0: give at least one painting a larger share.")
    return [share / sum(shares) for share in shares]


class TotalVariation:
    """The roughness of a picture: its `total_variation` in grey levels, divided by the number C·H·W of its values.

    The division gives a weight the same effect on pictures of all sizes.
    """

    name, layers = "variation", ()

    def __init__(self, weight: float):
        self.weight = weight

    def __call__(self, image: torch.Tensor, features: dict) -> torch.Tensor:
        return total_variation(image * GREY_LEVELS) / image[0].numel()


class Cost:
    """J(G) = Σ weight · term: a function of the generated picture G.

    Args:
        net: a frozen network, such as one from `vgg19()`.
        terms: a list of terms, as the top of this module describes them.
        precision: 'float32', 'tf32' or 'bfloat16' (see `course_utils.precision`) of what a call computes. `losses` are
            computed in float32, or in the network's own dtype.
        compile: whether torch.compile prepares the network; where it fails, one sentence says so on standard error.
    Raises:
        ValueError: a bad network or precision, or something that is no term.
    """

    gradient_is_checked = True  # see `course_utils.descent.CHECKED`

    def __init__(self, net: VGG, terms: Sequence[Term], precision: str = "float32", compile: bool = False):
        check_network(net)
        check_terms("terms", terms, least=1)
        check_choice("precision", precision, PRECISIONS)
        self.net, self.terms, self.precision = net, tuple(terms), precision
        self.layers = check_layers(dict.fromkeys(layer for term in self.terms for layer in term.layers), net=net)
        self.working = narrowed(net) if precision == "bfloat16" else net
        self.switch = Switch(self.working, self.layers, compile)

    def names(self) -> set[str]:
        """The names under which losses are recorded: those of the terms, and 'total'."""
        return {*(term.name for term in self.terms), "total"}

    def features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """{layer: activations (N, C, H', W')} of all layers that the terms need."""
        return self.net.features(image, self.layers)

    def parts(self, image: torch.Tensor, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """{name of a term: weight · term, 'total': their sum}, each (N,), as tensors that can be differentiated."""
        parts = {}
        for term in self.terms:
            value = term(image, features)
            if not isinstance(value, torch.Tensor) or value.shape != image.shape[:1]:
                found = tuple(value.shape) if isinstance(value, torch.Tensor) else short(value)
                raise ValueError(
                    f"The term '{term.name}' must give one number for each picture, a tensor of shape "
                    f"{tuple(image.shape[:1])}, not {found}."
                )
            parts[term.name] = term.weight * value
        return {**parts, "total": _added(parts.values())}

    @torch.no_grad()
    def losses(self, image: torch.Tensor) -> dict[str, float]:
        """{name of a term: weight · term, 'total': their sum} of a picture (1, 3, H, W), as floats."""
        check_tensor("The picture", image, "1, 3, H, W")
        image = _in_memory(image)
        with convolutions("float32", image.device):
            parts = self.parts(image, self.features(image))
        return dict(zip(parts, torch.cat([*parts.values()]).tolist()))

    @torch.enable_grad()  # the caller may have switched gradients off
    def __call__(
        self, image: torch.Tensor, objective: Callable | None = None
    ) -> tuple[float, torch.Tensor, dict[str, float]]:
        """(J, ∂J/∂G, losses): the value as a float, the gradient (1, 3, H, W), and the parts of J as floats.

        The gradient is taken with respect to the pixels. The value is NaN where the gradient's norm is not finite.
        With an `objective`, (image, features) -> a tensor, value and gradient are those of the objective, and the
        losses are still those of J.
        """
        check_tensor("The picture", image, "1, 3, H, W")
        with convolutions(self.precision, image.device):
            return self.switch.run(lambda features: self._evaluated(image, objective, features))

    def _evaluated(self, image, objective, network):
        image = _in_memory(image.detach()).requires_grad_()
        features = network(image.expand_as(image))  # a view, for torch's FLOP counter takes no leaf
        with torch.set_grad_enabled(objective is None):
            parts = self.parts(image, features)
        value = (parts["total"] if objective is None else objective(image, features)).sum()
        (gradient,) = torch.autograd.grad(value, image)
        return self._measured(value, gradient, parts)

    @staticmethod
    def _measured(value, gradient, parts):
        """What a call returns; all numbers come from the device together, so that the descent waits only once."""
        numbers = torch.stack([value, gradient.norm(), *(part.sum() for part in parts.values())]).tolist()
        value, norm, *losses = numbers
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # a graph's memory is written again
        return value if math.isfinite(norm) else math.nan, gradient, dict(zip(parts, losses))


class TiledCost(Cost):
    """A `Cost` that is computed tile by tile: the same value and gradient, up to rounding, in the memory of one tile.

    Two passes over the picture take the place of one (see `course_utils.tiles`).

    Args:
        net, terms: as for `Cost`; the terms are `Content` and `Style`, and such as need no layers.
        tile: side of a tile in pixels, without its margin; at least 32.
    Raises:
        ValueError: as for `Cost`; also a term of another kind that needs layers, or a bad tile.
    """

    def __init__(self, net: VGG, terms: Sequence[Term], tile: int, precision: str = "float32", compile: bool = False):
        super().__init__(net, terms, precision, compile)
        if compile:
            self.switch.leave_out("torch.compile would have to compile each size of a tile anew")
        check_number("tile", tile, LEAST, whole=True)
        wanted: dict[str, tuple[list, list]] = {layer: ([], []) for layer in self.layers}
        for term in self.terms:
            if isinstance(term, Style):
                for layer in term.layers:
                    wanted[layer][0].append(term.mask)
            elif isinstance(term, Content):
                for layer in term.layers:
                    wanted[layer][1].append(term.targets[layer])
            elif not in_tiles(term):
                raise ValueError(
                    f"The term '{term.name}' needs whole activations, which tiles never hold: leave out the term, or "
                    "take a smaller picture and no tiles."
                )
        self.passes = Passes(net, wanted, tile)
        self.working_passes = Passes(self.working, wanted, tile)

    def features(self, image):
        """{layer: `Sums`} of all layers that the terms need."""
        return self.passes.sums(image)

    @torch.enable_grad()
    def _evaluated(self, image, objective, network):
        image = _in_memory(image.detach()).requires_grad_()
        found = self.working_passes.first(image)
        sums = found.sums
        leaves = [value.requires_grad_() for each in sums.values() for value in each.values]
        with torch.set_grad_enabled(objective is None):
            parts = self.parts(image, sums)
        value = (parts["total"] if objective is None else objective(image, sums)).sum()
        gradient, *derivatives = torch.autograd.grad(value, [image, *leaves], allow_unused=True)
        rest = iter(derivatives)
        outer = {layer: [next(rest) for _ in each.values] for layer, each in sums.items()}
        if sums:
            below = self.working_passes.second(found, outer)
            gradient = below if gradient is None else gradient + below
        return self._measured(value, torch.zeros_like(image) if gradient is None else gradient, parts)


def in_tiles(term: Term) -> bool:
    """Whether a `TiledCost` can compute a term: it needs no activations, or only sums of them."""
    return isinstance(term, (Style, Content)) or not list(term.layers)


def _in_memory(image):
    """The picture stored with the channels last, as all pictures are: then equal pictures have equal activations."""
    return image.contiguous(memory_format=torch.channels_last)


def check_terms(what, terms, least=0):
    """Raise ValueError unless a value is a list of at least `least` terms with different names."""
    if not isinstance(terms, (list, tuple)) or len(terms) < least:
        raise ValueError(f"{what} must be a list of {'one or more ' * least}terms of a cost, not {short(terms)}.")
    for term in terms:
        name, layers = getattr(term, "name", None), getattr(term, "layers", None)
        if (
            not callable(term)
            or isinstance(term, type)
            or not isinstance(name, str)
            or not isinstance(layers, Iterable)
            or isinstance(layers, str)
        ):
            raise ValueError(
                f"A term of a cost must have a name, a weight and layers, and be callable; {short(term)} is none: "
                "see the top of course_utils/cost.py."
            )
        check_number(f"The weight of the term '{name}'", getattr(term, "weight", None), 0, HEAVIEST)
    names = [term.name for term in terms]
    for name in names:
        if name == "total" or names.count(name) > 1:
            raise ValueError(
                f"Two losses would be called {name!r}: give each term a name of its own, and none 'total'."
            )


def painting_cost(
    net: VGG,
    content: torch.Tensor,
    style: torch.Tensor | Sequence[torch.Tensor],
    settings: Settings | None = None,
    more: Sequence[Term] = (),
    tile: int | None = None,
    compile: bool = False,
    **changes,
) -> Cost:
    """The `Cost` of painting a photo in the style of a painting: content, style, total variation, and further terms.

    Args:
        net: a frozen network, such as one from `vgg19()`.
        content: the photo, (1, 3, H, W) in [0, 1], on the network's device.
        style: the painting, of the same form, or a list of paintings (see `Style`).
        settings: `Settings`, whose weights, layers and precision are taken; None takes the default ones.
        more: a list of further terms, such as your own.
        tile: None, or the side of the tiles in pixels for a `TiledCost`.
        compile: as for `Cost`.
        changes: fields of the settings by their names, such as style_weight=0.1.
    Raises:
        ValueError: a bad picture, setting, term or tile.

    >>> from course_utils.images import load_image
    >>> from course_utils.vgg import vgg19
    >>> photo, painting = load_image("animal_cat", 32), load_image("van_gogh_night_cafe", 32)
    >>> cost = painting_cost(vgg19(), photo, painting, variation_weight=100.0)
    >>> losses = cost.losses(photo)
    >>> list(losses), losses["content"]
    (['content', 'style', 'variation', 'total'], 0.0)
    """
    settings = changed(settings, changes)
    check_network(net)
    check_terms("more", more)
    with convolutions("float32", net.mean.device):
        terms: list[Term] = [
            Content(net, content, settings.content_weight, settings.content_layers, tile),
            Style(net, style, settings.style_weight, settings.style_layers, tile=tile),
        ]
    if settings.variation_weight:
        terms.append(TotalVariation(settings.variation_weight))
    if tile is None:
        return Cost(net, [*terms, *more], settings.precision, compile)
    return TiledCost(net, [*terms, *more], tile, settings.precision, compile)


def check_picture(what, image, smallest=1):
    """Raise ValueError unless a value is a picture (1, 3, H, W) in [0, 1] with at least `smallest` pixels on a side."""
    check_tensor(f"The {what} picture", image, "1, 3, H, W", smallest=smallest, values="picture")
