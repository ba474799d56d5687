"""Give the colours of one picture to another, by the closed-form linear map between two colour distributions."""

import torch

from course_utils.inputs import check_tensor


def match_colours(image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Give `image` the mean colour and the colour covariance of `reference`.

    Of all linear maps that do so, this one moves the colours least (optimal transport between two Gaussians):
    A = Σ^(-1/2) (Σ^(1/2) Σ_ref Σ^(1/2))^(1/2) Σ^(-1/2), from Pitié & Kokaram 2007, 'The linear Monge-Kantorovitch
    linear colour mapping', equation 5.

    Args:
        image: (1, 3, H, W) in [0, 1].
        reference: (1, 3, H', W') in [0, 1].
    Returns:
        (1, 3, H, W), clamped to [0, 1].
    """
    for what, picture in (("The picture", image), ("The reference", reference)):
        check_tensor(what, picture, "1, 3, H, W", values="picture")
    mean, covariance = _moments(image)
    target_mean, target_covariance = _moments(reference)
    root = square_root(covariance)
    inverse = torch.linalg.inv(root)
    matrix = inverse @ square_root(root @ target_covariance @ root) @ inverse
    colours = image.cpu().double().flatten(2)[0]
    mapped = matrix @ (colours - mean) + target_mean
    return mapped.reshape(image.shape).to(image).clamp(0, 1)


def _moments(image, smallest=1e-6):
    """Mean (3, 1) and covariance (3, 3) of the colours, in float64.

    `smallest` keeps the covariance invertible for a picture of a single colour.
    """
    colours = image.cpu().double().flatten(2)[0]
    mean = colours.mean(1, keepdim=True)
    centred = colours - mean
    return mean, centred @ centred.T / colours.shape[1] + smallest * torch.eye(3, dtype=torch.float64)


def square_root(matrix: torch.Tensor) -> torch.Tensor:
    """Symmetric square root (n, n) of a positive semi-definite matrix (n, n) with at least 32 bits."""
    check_tensor("The matrix", matrix, "n, n", values="finite")
    if torch.finfo(matrix.dtype).bits < 32:
        raise ValueError(f"The matrix holds {matrix.dtype}, too coarse for eigenvalues: convert it with .double().")
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
