"""Check of lesson 3: the weights of a layer, rescaled by the mean activations before and behind it."""

import torch

from course_utils.checks.core import Exercise, Misconception, Trial, easy, kept, random_trials


def _along(axis):
    """One number for each channel, filter, row or column, along that axis of the weights (K, C, 3, 3)."""
    shape = {"filters": (-1, 1, 1, 1), "channels": (-1, 1, 1), "rows": (-1, 1), "columns": (-1,)}[axis]
    return lambda mu: mu.reshape(shape)


def _rescale(
    *,
    into=torch.mul,
    out=torch.div,
    shift=lambda b, m_in, m_out: b / m_out,
    place=(_along("channels"), _along("filters")),
    join=lambda filters, bias: torch.cat((filters.flatten(1), bias[:, None]), 1),
):
    """W μ_in / μ_out and b / μ_out, with one part replaced."""

    def function(weight, bias, mu_in, mu_out):
        return join(out(into(weight, place[0](mu_in)), place[1](mu_out)), shift(bias, mu_in, mu_out))

    return function


def _other(size, shift):
    """'Weight normalisation' by the size of each filter; `shift` gets the old bias, μ_out and that size."""

    def function(weight, bias, mu_in, mu_out):
        sizes = size(weight.flatten(1))
        return torch.cat((weight.flatten(1) / sizes[:, None], shift(bias, mu_out, sizes)[:, None]), 1)

    return function


AXES = (
    "{} along a wrong axis of the weights, (K, C, 3, 3). Which axis counts the filters, which the input channels? Give"
    " each list of means as many axes of length 1 as it needs to lie along the right one."
)
OTHER = (
    "you divide each filter by {} of its weights. That is another 'weight normalisation', of training: here the means"
    " of the activations count. What scale does this layer take in, and what scale is it to give out?"
)
WEIGHTS = {  # mistakes in the weights alone: the replaced part, and the hint
    "naive": (
        dict(into=kept),
        "your weights do not contain μ_in. The input of this layer is divided by μ_in already: what must the weights"
        " do about it?",
    ),
    "not_divided": (
        dict(out=kept),
        "your weights are not divided by μ_out. By what must the sum in the ReLU be divided, so that its mean"
        " becomes one?",
    ),
    "weight_inverted": (
        dict(into=torch.div, out=torch.mul),
        "the factor of your weights is inverted. If μ_out is 100, are the new weights to be larger or smaller?",
    ),
    "divided_by_both": (
        dict(into=torch.div),
        "you divide by μ_in, as the layer before did already. What undoes a division?",
    ),
    "multiplied_by_both": (
        dict(out=torch.mul),
        "you multiply the weights by μ_out. If μ_out is 100, are the new weights to be larger or smaller?",
    ),
    "weight_kept": (
        dict(into=kept, out=kept),
        "your weights are the old ones. What do the means of the input do to them, and what those of the output?",
    ),
    **{
        f"mu_in_along_{axis}": (dict(place=(_along(axis), _along("filters"))), AXES.format("μ_in lies"))
        for axis in ("filters", "rows", "columns")
    },
    **{
        f"mu_out_along_{axis}": (dict(place=(_along("channels"), _along(axis))), AXES.format("μ_out lies"))
        for axis in ("channels", "rows", "columns")
    },
    **{
        f"{one}_and_{other}": (dict(place=(_along(one), _along(other))), AXES.format("μ_in and μ_out lie"))
        for one, other in (("filters", "channels"), ("columns", "columns"))
    },
    "mu_in_repeated": (
        dict(place=(lambda mu: mu.repeat(9).reshape(-1, 3, 3), _along("filters"))),
        "mu_in.repeat(9) changes from weight to weight, but flatten puts the nine weights of a channel side by side."
        " What repeats each number nine times before it goes on to the next?",
    ),
    "one_mu_in": (
        dict(place=(torch.mean, _along("filters"))),
        "you use one number for all input channels. How many numbers does μ_in hold, and what does each belong to?",
    ),
}
BIASES = {  # mistakes in the bias alone
    "bias_kept": (kept, "the bias is the old one. Which part of the sum in the ReLU is then not divided?"),
    "bias_inverted": (
        lambda b, m_in, m_out: b * m_out,
        "you multiply the bias by μ_out. Is the new sum in the ReLU to be larger or smaller than the old one?",
    ),
    "bias_lost": (lambda b, *_: b * 0, "the bias is lost. It is part of the sum in the ReLU: what becomes of it?"),
    **{
        name: (
            shift,
            "you subtract the mean from the bias, as batch normalisation does. Is anything here shifted, or is all of"
            " it only scaled?",
        )
        for name, shift in (
            ("bias_centred", lambda b, m_in, m_out: (b - m_out) / m_out),
            ("bias_less_mu_out", lambda b, m_in, m_out: b - m_out),
        )
    },
    **{
        f"bias_times_{name}": (
            lambda b, m_in, m_out, f=f: b * f(m_in) / m_out,
            "your bias holds μ_in. Does the bias see the input of the layer at all?",
        )
        for name, f in (("mu_in", kept), ("mean_of_mu_in", torch.mean), ("sum_of_mu_in", torch.sum))
    },
}
TOGETHER = {  # two mistakes that have one cause
    ("not_divided", "bias_kept"): (
        "nothing_divided",
        "μ_out has no effect on your result. What is it that must have a mean of one at the end?",
    ),
    ("weight_inverted", "bias_inverted"): (
        "inverted",
        "all your factors are inverted. If μ_out is 100, are the new numbers to be larger or smaller?",
    ),
    ("multiplied_by_both", "bias_inverted"): (
        "all_multiplied",
        "you multiply by μ_out. If it is 100, are the new numbers to be larger or smaller?",
    ),
    ("weight_kept", "bias_kept"): (
        "unchanged",
        "nothing has changed. Begin with the bias: by what must it be divided, and why?",
    ),
}


def _pairs():
    """Every mistake in the weights together with every mistake in the bias."""
    for mistake, (parts, first) in WEIGHTS.items():
        for other, (shift, second) in BIASES.items():
            name, hint = TOGETHER.get(
                (mistake, other),
                (f"{mistake}_and_{other}", f"there are two mistakes. The weights: {first} The bias: {second}"),
            )
            yield Misconception(name, _rescale(**parts, shift=shift), hint)


# in the second trial K = 3, in the third K = C, in the fourth C = 3, in the fifth all: there, means along a wrong axis
# raise no error
rescale = Exercise(
    "rescale",
    _rescale(),
    lambda: random_trials(
        31,
        "{} filters with {} channels, about {}",
        ((4, 2, 1), (3, 5, 1000), (5, 5, 1), (2, 3, 1e-4), (3, 3, 1), (1, 4, 1), (4, 1, 1)),
        lambda draw, K, C, size: (
            size * draw(K, C, 3, 3),
            size * draw(K),
            size * (2 * draw(C)).exp(),
            size * (2 * draw(K)).exp(),
        ),
    ),
    [
        *[Misconception(name, _rescale(**parts), hint) for name, (parts, hint) in WEIGHTS.items()],
        *[Misconception(name, _rescale(shift=shift), hint) for name, (shift, hint) in BIASES.items()],
        *_pairs(),
        Misconception(
            "swapped",
            lambda weight, bias, mu_in, mu_out: _rescale()(weight, bias, mu_out, mu_in),
            "μ_in and μ_out have changed places. Which of them has one number for each filter?",
        ),
        Misconception(
            "one_mu_out",
            _rescale(place=(_along("channels"), torch.mean), shift=lambda b, m_in, m_out: b / m_out.mean()),
            "you use one number for all filters. How many numbers does μ_out hold, and what does each belong to?",
        ),
        *[
            Misconception(f"{name}_{biases}", _other(size, shift), OTHER.format(words))
            for name, size, words in (
                ("norm", lambda rows: rows.norm(dim=1), "the length"),
                ("sum", lambda rows: rows.sum(1), "the sum"),
                ("absolute_sum", lambda rows: rows.abs().sum(1), "the absolute sum"),
            )
            for biases, shift in (
                ("alone", lambda b, m, s: b),
                ("of_all", lambda b, m, s: b / s),
                ("of_weights", lambda b, m, s: b / m),
            )
        ],
        Misconception(
            "square_root",
            lambda weight, bias, mu_in, mu_out: _rescale()(weight, bias, mu_in.sqrt(), mu_out.sqrt()),
            "you use the square roots of the means. What is the mean of values that were divided by the root of their"
            " mean?",
        ),
        Misconception(
            "bias_first",
            lambda *four: _rescale()(*four).roll(1, 1),
            "the bias comes first: it belongs at the end of each row.",
        ),
        Misconception(
            "one_row",
            _rescale(join=lambda filters, bias: torch.cat((filters.flatten(), bias))),
            "your result is one long row. From which axis on must the filters be flattened, so that each keeps a row of"
            " its own?",
        ),
        Misconception(
            "on_its_side",
            lambda *four: _rescale()(*four).T,
            "your result lies on its side: each filter is a row, its bias the last column.",
        ),
    ],
    differentiable=(0, 1, 2, 3),
    parts={"the weights": lambda result: result[:, :-1], "the bias": lambda result: result[:, -1]},
    small=lambda: [
        Trial("one filter with one channel", (easy(1, 1, 3, 3), *map(torch.tensor, ([4.0], [3.0], [2.0])))),
        Trial("two filters with one channel", (easy(2, 1, 3, 3), *map(torch.tensor, ([4.0, 6.0], [3.0], [2.0, 5.0])))),
    ],
    hints=(
        "Input channel k arrives divided by mu_in[k], and output i has to leave divided by mu_out[i]. What does"
        " a weight between the two have to make good, and what does it have to bring in?",
        "One factor belongs to the filter, the other to the input channel. Which axis of `weight` is which, and"
        " which of the two factors applies to the bias?",
        "`weight * mu_in[:, None, None] / mu_out[:, None, None, None]`, and `bias / mu_out`. Flatten the"
        " weights from axis 1 on, and join the bias to them as a last column with `torch.cat`.",
    ),
)
