"""What the checks of lesson 2 share: means and variances over some axes, and wrong variances."""

import torch

from course_utils.checks.core import Misconception

READY_MADE = {  # torch's own normalisations
    *("batch_norm", "native_batch_norm", "instance_norm", "layer_norm", "native_layer_norm"),
    *("group_norm", "native_group_norm"),
}
INSTEAD = "hides the formula. Write it with means and variances: over which axes do they run?"


def feature_maps(draw, N, C, H, W):
    """Feature maps whose channels clearly differ in mean and scale."""
    return draw(N, C, H, W) * torch.linspace(1, 3, C)[:, None, None] + 2 * draw(C, 1, 1)


def moments_over(*axes):
    """(variance, mean) over axes, which are kept with length 1."""
    return lambda x, correction: torch.var_mean(x, axes, correction=correction, keepdim=True)


def deviation(variance, eps):
    return (variance + eps).sqrt()


def eps_outside(variance, eps):
    return variance.sqrt() + eps


def mistaken_deviations(variant):
    """What people write instead of √(σ² + ε)."""
    return [
        Misconception(name, variant(root=root), hint)
        for name, root, hint in (
            ("eps_outside", eps_outside, "ε stands outside of the root: add it to the variance first, √(σ² + ε)."),
            (
                "eps_missing",
                lambda variance, eps: variance.sqrt(),
                "ε is missing: a map that is the same everywhere would be divided by zero. Use √(σ² + ε).",
            ),
            (
                "eps_of_torch",
                lambda variance, eps: deviation(variance, 1e-5),
                "your ε is 1e-5, as torch has it unless told otherwise: use the `eps` that your function is given.",
            ),
            (
                "deviation_in_root",
                lambda variance, eps: deviation(variance.sqrt(), eps),
                "the root holds the standard deviation, which is a root already: put the variance there, √(σ² + ε).",
            ),
            (
                "root_forgotten",
                lambda variance, eps: variance + eps,
                "the root is missing: divide by √(σ² + ε), not by σ² + ε.",
            ),
            (
                "variance_alone",
                lambda variance, eps: variance,
                "you divide by the variance itself: add ε to it and take the root, √(σ² + ε).",
            ),
            (
                "not_divided",
                lambda variance, eps: variance * 0 + 1,
                "nothing is divided by the standard deviation: divide by √(σ² + ε).",
            ),
        )
    ]


def unbiased_variances(variant):
    """The variances of a batch with the divisor n − 1, which torch's var and std take by default."""
    return [
        Misconception(
            "unbiased",
            variant(correction=1),
            "your variance is over n − 1, torch's default. Here it is the mean of the squares: var(…, correction=0).",
        ),
        Misconception(
            "unbiased_eps_outside",
            variant(correction=1, root=eps_outside),
            "std(…) + ε is wrong twice: torch's std is over n − 1, and ε belongs under the root. Use var(…,"
            " correction=0).",
        ),
        Misconception(
            "unbiased_eps_missing",
            variant(correction=1, root=lambda variance, eps: variance.sqrt()),
            "you divide by std(…), which is over n − 1 and has no ε: use √(σ² + ε) with var(…, correction=0).",
        ),
        Misconception(
            "unbiased_deviation_in_root",
            variant(correction=1, root=lambda variance, eps: deviation(variance.sqrt(), eps)),
            "√(std(…) + ε) is wrong twice: std is a root already, and torch's is over n − 1. Put var(…, correction=0)"
            " there.",
        ),
    ]


ROOTS = {  # for `pairs`
    "eps_outside": ("ε stands outside of the root", {"root": eps_outside}),
    "eps_missing": ("ε is missing", {"root": lambda variance, eps: variance.sqrt()}),
    "root_forgotten": ("the root is missing", {"root": lambda variance, eps: variance + eps}),
    "variance_alone": ("you divide by the variance itself", {"root": lambda variance, eps: variance}),
    "deviation_in_root": (
        "the root holds a standard deviation, which is a root already",
        {"root": lambda variance, eps: deviation(variance.sqrt(), eps)},
    ),
}
ONE_CHANNEL = (
    "you take one mean and one variance of all values, but each channel has its own: which axis must survive the mean?"
)
NHWC = (
    "you average over the axes (0, 1, 2), which would be right for channels last. Here x is (N, C, H, W): at which axis"
    " do the channels stand?"
)
COLUMNS = (
    "x.reshape(−1, C) makes columns of channels only where the channels stand last. Here they are axis 1: which step"
    " must come before?"
)
PICTURES = (
    "you average the variances of the pictures, and how much their means differ gets lost: take the variance of all"
    " values of a channel at once{}."
)
NOT_CENTRED = "the mean is not subtracted: divide x − μ, not x."
