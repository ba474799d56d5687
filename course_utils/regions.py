"""Regions of a photo with styles of their own: masks, and the Gram matrices that they guide.

Gatys, Ecker, Bethge, Hertzmann & Shechtman 2017, 'Controlling perceptual factors in neural style transfer',
arXiv:1611.07865, section 4.1. A mask is a tensor (1, 1, H, W) in [0, 1]. It is 1 where a pixel belongs to the region,
and 0 where it does not.
"""

import math

import torch
import torch.nn.functional as F

from course_utils.inputs import check_number, check_tensor
from course_utils.losses import gram_matrix

LUMA = (0.2126, 0.7152, 0.0722)  # shares of red, green and blue in what looks bright (ITU-R BT.709, item 3.2)
SEAM = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)  # a black line beside a white one is seen on every picture


def guided_gram(features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The Gram matrix of one region, G_kk' = Σ_i T_i² a_ik a_ik' / Σ_i T_i² (arXiv:1611.07865, section 4.1).

    T_i is the mean of the mask over the pixels behind position i. With a mask of ones, G is
    `gram_matrix(features, divide=True)`.

    Args:
        features: activations, (N, C, H', W').
        mask: (1, 1, H, W) in [0, 1], of any size.
    Returns:
        (N, C, C), symmetric and positive semi-definite.
    Raises:
        ValueError: no activations, no mask, or an empty one.

    >>> features = torch.tensor([[1.0, 2.0], [0.0, 3.0]]).view(1, 2, 1, 2)  # two channels, two positions
    >>> guided_gram(features, torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))  # the second position alone
    tensor([[[4., 6.],
             [6., 9.]]])
    """
    check_tensor("features", features, "N, C, H, W")
    check_mask(mask)
    return guided(features, mask)


def guided(features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """`guided_gram` without its checks, which would wait for the device in each evaluation."""
    return gram_matrix(features * scaled_guide(mask.to(features), features.shape[2:]))


def scaled_guide(mask: torch.Tensor, size) -> torch.Tensor:
    """A mask as a layer of the size (H', W') sees it, divided so that its squares sum to 1; (1, 1, H', W')."""
    guide = at_layer(mask, size)
    guide = guide / guide.amax()  # without this, the squares of small values would vanish
    return guide / guide.square().sum().sqrt()


def at_layer(mask: torch.Tensor, size) -> torch.Tensor:
    """A mask as a layer sees it, (1, 1, H', W'): the mean over the pixels behind each position."""
    return mask if tuple(mask.shape[2:]) == tuple(size) else F.adaptive_avg_pool2d(mask, tuple(size))


def check_mask(mask) -> None:
    """Raise ValueError unless a value is a mask (1, 1, H, W) in [0, 1] that is not empty."""
    check_tensor("The mask", mask, "1, 1, H, W", values="picture")
    if not mask.max() > 0:
        raise ValueError("The mask is empty: a region needs one pixel at least.")


# --- masks of a photo ---------------------------------------------------------------------------------------------


@torch.no_grad()
def brightness(photo: torch.Tensor) -> torch.Tensor:
    """How bright each pixel of a picture (1, 3, H, W) in [0, 1] is: (1, 1, H, W) in [0, 1]."""
    check_tensor("The photo", photo, "1, 3, H, W", values="picture")
    weights = torch.tensor(LUMA, dtype=photo.dtype, device=photo.device).view(1, 3, 1, 1)
    return (photo * weights).sum(1, keepdim=True).clamp(0, 1)


def by_brightness(photo: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    """The mask of the pixels that are brighter than `threshold`, from 0 to 1; photo (1, 3, H, W) in [0, 1]."""
    check_number("threshold", threshold, 0, 1)
    return (brightness(photo) > threshold).to(photo)


def by_colour(photo: torch.Tensor, hue: float, width: float = 30.0) -> torch.Tensor:
    """The mask of the pixels whose hue is at most `width` degrees from `hue`; grey pixels have no hue and are left out.

    Args:
        photo: (1, 3, H, W) in [0, 1].
        hue: in degrees; 0 is red, 120 green and 240 blue.
        width: in degrees, from 0 to 180.
    """
    check_tensor("The photo", photo, "1, 3, H, W", values="picture")
    check_number("hue", hue, 0, 360)
    check_number("width", width, 0, 180)
    red, green, blue = photo.unbind(1)
    # the angle in the plane of colours around grey
    across, up = red - (green + blue) / 2, math.sqrt(3) / 2 * (green - blue)
    away = (torch.rad2deg(torch.atan2(up, across)) - hue + 180).remainder(360) - 180
    coloured = torch.hypot(across, up) > 2 / 255
    return (coloured & (away.abs() <= width)).unsqueeze(1).to(photo)


def by_line(photo: torch.Tensor, angle: float = 0.0, offset: float = 0.0) -> torch.Tensor:
    """The mask of the pixels above a line.

    Args:
        photo: (1, 3, H, W); only its size matters.
        angle: the angle of the line, in degrees. With 0 the line is level; 90 selects the left side, 180 the lower one.
        offset: how far the line lies above the middle, as a share of half the picture; 1 is at the picture's edge.
    """
    check_tensor("The photo", photo, "1, 3, H, W")
    check_number("angle", angle, -360, 360)
    check_number("offset", offset, -1, 1)
    height, width = photo.shape[2:]
    rows, columns = (
        torch.linspace(-1, 1, 2 * side + 1, dtype=torch.float64)[1::2] for side in (height, width)
    )  # the middles of the pixels
    turn = math.radians(angle)
    above = -rows[:, None] * math.cos(turn) - columns[None] * math.sin(turn) - offset
    return (above > 0).to(photo)[None, None]


@torch.no_grad()
def by_picture(photo: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """The mask that somebody has painted: the brightness of a picture (1, 3, H', W'), resized to the photo's size."""
    check_tensor("The photo", photo, "1, 3, H, W")
    mask = F.interpolate(brightness(picture), tuple(photo.shape[2:]), mode="bilinear", antialias=True)
    return mask.clamp(0, 1).to(photo)


def softened(mask: torch.Tensor, soft: float) -> torch.Tensor:
    """A mask with blurred borders: each value is the mean over a square around it.

    Args:
        mask: (1, 1, H, W) in [0, 1].
        soft: the side of the square as a share of half the mask's shorter side; 0 leaves the mask as it is.
    """
    check_tensor("The mask", mask, "1, 1, H, W", values="picture")
    check_number("soft", soft, 0, 1)
    reach = round(soft * min(mask.shape[2:]) / 4)
    if not reach:
        return mask.detach()
    blurred = F.avg_pool2d(mask.detach(), 2 * reach + 1, 1, reach, count_include_pad=False)
    return blurred.clamp(0, 1)


@torch.no_grad()
def with_seam(picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """A picture (1, 3, H, W) with a line of black and white pixels where a mask (1, 1, H, W) passes one half."""
    check_tensor("The picture", picture, "1, 3, H, W", values="picture")
    check_tensor("The mask", mask, "1, 1, H, W", values="picture")
    if mask.shape[2:] != picture.shape[2:]:
        raise ValueError(f"The mask must have the picture's size, not {tuple(mask.shape[2:])}.")
    inside = (mask > 0.5).to(picture)
    # find the region's pixels with a neighbour outside, and the outer pixels with a neighbour in the region
    grown, shrunk = (
        sign * F.max_pool2d(F.pad(sign * inside, (1, 1, 1, 1), mode="replicate"), 3, 1) for sign in (1, -1)
    )
    dark, light = (torch.tensor(colour).to(picture).view(1, 3, 1, 1) for colour in SEAM)
    shown = torch.where(inside > shrunk, dark, picture)
    return torch.where(grown > inside, light, shown)
