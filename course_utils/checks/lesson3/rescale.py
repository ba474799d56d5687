"""Check of lesson 3: the weights of a layer, rescaled by the mean activations before and behind it."""

import torch

from course_utils.checks.core import Exercise, Misconception, kept, random_trials


def _along(axis):
    """Puts one number for each channel, filter, row or column of the weights, (K, C, 3, 3), along that axis."""
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
    "{} along a wrong axis of the weights, (K, C, 3, 3): its axis of filters is the first, that of channels the second."
    " Use {}."
)
IN, OUT = "mu_in[:, None, None]", "mu_out[:, None, None, None]"
OTHER = (
    "you divide each filter by {} of its weights. 'Weight normalisation' has two meanings: here "
    "the mean activations count, W · μ_in / μ_out and b / μ_out."
)

# in the second trial K = 3, in the third K = C, in the fourth C = 3, in the fifth all: there, means along a wrong axis
# raise no error
rescale = Exercise(
    "rescale",
    _rescale(),
    lambda: random_trials(
        31,
        "{} filters with {} channels",
        ((4, 2), (3, 5), (5, 5), (2, 3), (3, 3)),
        lambda draw, K, C: (draw(K, C, 3, 3), draw(K), draw(C).exp(), draw(K).exp()),
    ),
    [
        Misconception(
            "naive",
            _rescale(into=kept),
            "you divide by μ_out only: the input of this layer is divided by μ_in already, so multiply its channels by"
            " μ_in.",
        ),
        Misconception(
            "not_divided",
            _rescale(out=kept),
            "the weights are not divided by μ_out: divide them as you divide the bias.",
        ),
        Misconception(
            "nothing_divided",
            _rescale(out=kept, shift=kept),
            "nothing is divided by μ_out: divide the weights and the bias of each filter by it.",
        ),
        Misconception(
            "weight_inverted",
            _rescale(into=torch.div, out=torch.mul),
            "the factor of the weights stands upside down: multiply by μ_in and divide by μ_out.",
        ),
        Misconception(
            "inverted",
            _rescale(into=torch.div, out=torch.mul, shift=lambda b, m_in, m_out: b * m_out),
            "all factors stand upside down: the weights are multiplied by μ_in / μ_out, the bias is divided by μ_out.",
        ),
        Misconception(
            "divided_by_both",
            _rescale(into=torch.div),
            "you divide by μ_in: multiply by it, to undo the division of the layer before.",
        ),
        Misconception(
            "multiplied_by_both", _rescale(out=torch.mul), "you multiply the weights by μ_out: divide them by it."
        ),
        Misconception(
            "all_multiplied",
            _rescale(out=torch.mul, shift=lambda b, m_in, m_out: b * m_out),
            "you multiply by μ_out: divide by it.",
        ),
        Misconception(
            "bias_kept",
            _rescale(shift=kept),
            "the bias is the old one: divide it by μ_out, as the whole sum in the ReLU.",
        ),
        Misconception(
            "naive_bias_kept",
            _rescale(into=kept, shift=kept),
            "multiply the weights by μ_in, and divide the bias by μ_out too.",
        ),
        Misconception(
            "bias_inverted",
            _rescale(shift=lambda b, m_in, m_out: b * m_out),
            "you multiply the bias by μ_out: divide it.",
        ),
        Misconception("bias_lost", _rescale(shift=lambda b, *_: b * 0), "the bias is lost: the new one is b / μ_out."),
        *[
            Misconception(
                name,
                _rescale(shift=shift),
                "you subtract the mean, as batch normalisation does: here it is only divided, b / μ_out.",
            )
            for name, shift in (
                ("bias_centred", lambda b, m_in, m_out: (b - m_out) / m_out),
                ("bias_less_mu_out", lambda b, m_in, m_out: b - m_out),
            )
        ],
        *[
            Misconception(
                f"bias_times_{name}",
                _rescale(shift=lambda b, m_in, m_out, f=f: b * f(m_in) / m_out),
                "you multiply the bias by μ_in too: only what comes from the layer before needs that. Divide the bias,"
                " b / μ_out.",
            )
            for name, f in (("mu_in", kept), ("mean_of_mu_in", torch.mean), ("sum_of_mu_in", torch.sum))
        ],
        Misconception(
            "weight_kept",
            _rescale(into=kept, out=kept),
            "the weights are the old ones: multiply them by μ_in and divide them by μ_out.",
        ),
        Misconception(
            "unchanged",
            _rescale(into=kept, out=kept, shift=kept),
            "nothing has changed: W · μ_in / μ_out and b / μ_out are asked for.",
        ),
        Misconception(
            "swapped",
            lambda weight, bias, mu_in, mu_out: _rescale()(weight, bias, mu_out, mu_in),
            "μ_in and μ_out have changed places: μ_in has one number for each channel, μ_out one for each filter.",
        ),
        *[
            Misconception(
                f"mu_in_along_{axis}", _rescale(place=(_along(axis), _along("filters"))), AXES.format("μ_in lies", IN)
            )
            for axis in ("filters", "rows", "columns")
        ],
        *[
            Misconception(
                f"mu_out_along_{axis}",
                _rescale(place=(_along("channels"), _along(axis))),
                AXES.format("μ_out lies", OUT),
            )
            for axis in ("channels", "rows", "columns")
        ],
        *[
            Misconception(
                f"{one}_and_{other}",
                _rescale(place=(_along(one), _along(other))),
                AXES.format("μ_in and μ_out lie", f"{IN} and {OUT}"),
            )
            for one, other in (("filters", "channels"), ("columns", "columns"))
        ],
        Misconception(
            "mu_in_repeated",
            _rescale(place=(lambda mu: mu.repeat(9).reshape(-1, 3, 3), _along("filters"))),
            "mu_in.repeat(9) changes from weight to weight: flatten puts the nine of a channel side by side, so use"
            " repeat_interleave(9).",
        ),
        Misconception(
            "one_mu_in",
            _rescale(place=(torch.mean, _along("filters"))),
            f"you use one number for all channels: each has its own μ_in, {IN}.",
        ),
        Misconception(
            "one_mu_out",
            _rescale(place=(_along("channels"), torch.mean), shift=lambda b, m_in, m_out: b / m_out.mean()),
            f"you use one number for all filters: each has its own μ_out, {OUT}.",
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
            "you use the square roots of the means: use the means themselves.",
        ),
        Misconception(
            "bias_first",
            lambda *four: _rescale()(*four).roll(1, 1),
            "the bias comes first: it belongs at the end of each row.",
        ),
        Misconception(
            "one_row",
            _rescale(join=lambda filters, bias: torch.cat((filters.flatten(), bias))),
            "your result is one long row: make a row of each filter, flatten(1), with its bias as the last column.",
        ),
        Misconception(
            "on_its_side",
            lambda *four: _rescale()(*four).T,
            "your result lies on its side: each filter is a row, its bias the last column.",
        ),
    ],
    differentiable=(0, 1, 2, 3),
)
