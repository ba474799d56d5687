"""How to paint: one record that goes from the command or the widget to the descent and the state file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from course_utils.inputs import check_choice, check_number, check_tensor, short
from course_utils.losses import CONTENT_WEIGHTS, STYLE_WEIGHTS

HEAVIEST = 10**8  # weight of a cost: with larger ones the squares of its gradients leave the range of float32
STARTS = ("colour", "content", "noise")
COLOURS = ("painting", "photo")
PRECISIONS = ("float32", "tf32", "bfloat16")  # see `course_utils.precision`


@dataclass(frozen=True, eq=False)
class Settings:
    """Everything that decides about a painted picture, except photo, painting, network and number of evaluations.

    Attributes:
        content_weight, style_weight, variation_weight: α and β of J = α J_C + β J_S, and the weight of the total
            variation, each from 0 to `HEAVIEST`. With the weight 0 the total variation is no part of J.
        content_layers, style_layers: {layer: λ^l}, the layers of J_C and J_S and their weights, from 0 to `HEAVIEST`.
        start: 'colour', 'content', 'noise' or a picture (see `starting_image`).
        seed: of the noise.
        colours: 'painting' or 'photo'. With 'photo' the painting is first given the photo's colours, so that only its
            brushwork is taken (after Gatys, Bethge, Hertzmann & Shechtman 2016, arXiv:1606.05897).
        precision: 'float32', 'tf32' or 'bfloat16': how the network computes value and gradient (see
            `course_utils.precision`).
    Raises:
        ValueError: a number outside its range, or an unknown start, choice of colours or precision.
    """

    content_weight: float = 1.0
    style_weight: float = 1.0
    variation_weight: float = 0.0
    content_layers: Mapping[str, float] = field(default_factory=lambda: dict(CONTENT_WEIGHTS))
    style_layers: Mapping[str, float] = field(default_factory=lambda: dict(STYLE_WEIGHTS))
    start: str | torch.Tensor = "colour"
    seed: int = 0
    colours: str = "painting"
    precision: str = "float32"

    def __post_init__(self):
        for name in ("content_weight", "style_weight", "variation_weight"):
            check_number(name, getattr(self, name), 0, HEAVIEST)
        for name in ("content_layers", "style_layers"):
            check_layer_weights(name, getattr(self, name))
            object.__setattr__(self, name, dict(getattr(self, name)))  # the caller's may change later
        if isinstance(self.start, torch.Tensor):
            check_tensor("The start", self.start, "1, 3, H, W", values="finite")
        else:
            check_choice("start, if it is no picture,", self.start, STARTS)
        check_number("seed", self.seed, -(2**63), 2**63 - 1, whole=True)
        check_choice("colours", self.colours, COLOURS)
        check_choice("precision", self.precision, PRECISIONS)


def changed(settings: Settings | None, changes: dict) -> Settings:
    """The settings (for None, the default ones) with some fields changed.

    Args:
        settings: a `Settings`, or None.
        changes: {field: new value}.
    Raises:
        ValueError: a value that `Settings` refuses, or no settings.
        TypeError: `Settings` has no such field.
    """
    settings = Settings() if settings is None else settings
    if not isinstance(settings, Settings):
        raise ValueError(f"settings must be a Settings, not {short(settings)}.")
    return replace(settings, **changes)


def check_layer_weights(what, weights):
    """Raise ValueError unless a value gives one or more layers a weight from 0 to `HEAVIEST`."""
    if not isinstance(weights, Mapping) or not weights:
        raise ValueError(f"{what} must give one or more layers a weight, {{layer: number}}, not {short(weights)}.")
    for layer, weight in weights.items():
        check_number(f"The weight of {short(layer)}", weight, 0, HEAVIEST)
