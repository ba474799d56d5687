"""What is put to the check of `rescale`: right answers, hidden mistakes, and what students write."""

import torch
import torch.nn.functional as nnf


def rescale_by_views(weight, bias, mu_in, mu_out):
    new = weight * mu_in.view(1, -1, 1, 1) / mu_out.view(-1, 1, 1, 1)
    return torch.hstack([new.reshape(len(weight), -1), (bias / mu_out).unsqueeze(1)])


def rescale_loop(weight, bias, mu_in, mu_out):
    rows = []
    for k in range(weight.shape[0]):
        channels = [weight[k, c].flatten() * mu_in[c] / mu_out[k] for c in range(weight.shape[1])]
        rows.append(torch.cat([*channels, (bias[k] / mu_out[k]).reshape(1)]))
    return torch.stack(rows)


def rescale_einsum(weight, bias, mu_in, mu_out):
    new = torch.einsum("kcij,c,k->kcij", weight, mu_in, 1 / mu_out)
    return torch.cat((new.flatten(1), torch.einsum("k,k->k", bias, mu_out.reciprocal())[:, None]), dim=1)


def rescale_diagonal(weight, bias, mu_in, mu_out):
    """The whole row at once: D_out⁻¹ (W | b) D, where D is D_in, each entry nine times, and 1 for the bias."""
    rows = torch.cat((weight.flatten(1), bias.view(-1, 1)), 1)
    return torch.diag(mu_out**-1) @ rows @ torch.diag(torch.cat((mu_in.repeat_interleave(9), torch.ones(1).to(bias))))


RIGHT = [rescale_by_views, rescale_loop, rescale_einsum, rescale_diagonal]

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_rescale(weight, bias, mu_in, mu_out):
    weight *= mu_in[:, None, None]
    weight /= mu_out[:, None, None, None]
    return torch.cat((weight.flatten(1), (bias / mu_out)[:, None]), 1)


def rescale_with_layers(weight, bias, mu_in, mu_out):
    conv = torch.nn.Conv2d(weight.shape[1], len(weight), 3, dtype=weight.dtype)
    conv.weight.data, conv.bias.data = weight * mu_in[:, None, None] / mu_out[:, None, None, None], bias / mu_out
    return torch.cat((conv.weight.flatten(1), conv.bias[:, None]), 1)


def rescale_items(weight, bias, mu_in, mu_out):
    rows = [torch.cat((weight[k].flatten(), bias[k : k + 1])) / mu_out[k].item() for k in range(len(weight))]
    return torch.stack(rows) * nnf.pad(mu_in.repeat_interleave(9), (0, 1), value=1.0)


HIDDEN = [
    (in_place_rescale, "in_place"),
    (rescale_with_layers, "gradient"),
    (rescale_items, "gradient"),
    (lambda *four: torch.from_numpy(rescale_by_views(*[a.detach() for a in four]).numpy()), "detached"),
    (torch.no_grad()(rescale_loop), "detached"),
    (lambda weight, *rest: rescale_by_views(weight.data, *rest), "gradient"),
    (lambda weight, bias, *means: rescale_by_views(weight, bias, *[mu.detach() for mu in means]), "gradient"),
]

# --- the same misconceptions, written as a student would ------------------------------------------------------


def rescale_with(weights, biases=torch.div):
    return lambda w, b, mu_in, mu_out: torch.cat(
        [weights(w, mu_in, mu_out).flatten(1), biases(b, mu_out).unsqueeze(1)], 1
    )


WRITTEN = [
    # two mistakes that no pair of the bank has: each part is judged by itself
    (lambda w, b, mu_in, mu_out: rescale_loop(w, b * mu_out, mu_in.square(), mu_out), "value+bias_kept"),
    (lambda w, b, mu_in, mu_out: rescale_loop(w, b * mu_out + 1, 1 / mu_in, mu_out), "divided_by_both+value"),
    (lambda w, b, mu_in, mu_out: torch.cat([w.flatten(1), b[:, None]], 1) / mu_in.mean(), "value"),
    (
        lambda w, b, mu_in, mu_out: rescale_loop(w, b * mu_out.square(), 1 / mu_in, mu_out),
        "divided_by_both_and_bias_inverted",
    ),
    (lambda w, b, mu_in, mu_out: rescale_loop(w, b * mu_out, torch.ones_like(mu_in), mu_out), "naive_and_bias_kept"),
    (lambda w, b, mu_in, mu_out: rescale_loop(w, 0 * b, torch.ones_like(mu_in), mu_out), "naive_and_bias_lost"),
    (lambda w, b, mu_in, mu_out: torch.cat([w.flatten(1), b.view(-1, 1)], 1) / mu_out.view(-1, 1), "naive"),
    (rescale_with(lambda w, mu_in, mu_out: w * mu_in / mu_out), "columns_and_columns"),
    (
        rescale_with(lambda w, *_: w / w.square().sum(dim=(1, 2, 3), keepdim=True).sqrt(), lambda b, _: b),
        "norm_alone",
    ),  # Salimans & Kingma
    (rescale_with(lambda w, mu_in, mu_out: w * mu_in.view(-1, 1, 1) / mu_out.view(-1, 1, 1)), "mu_out_along_channels"),
    (rescale_with(lambda w, mu_in, mu_out: w.flatten(1) * mu_in.repeat(9) / mu_out[:, None]), "mu_in_repeated"),
    (
        rescale_with(lambda w, mu_in, mu_out: w * mu_in[:, None, None] / mu_out.view(-1, 1, 1, 1), torch.sub),
        "bias_less_mu_out",
    ),
    (lambda w, b, mu_in, mu_out: rescale_einsum(w, b * mu_in.mean(), mu_in, mu_out), "bias_times_mean_of_mu_in"),
    (lambda w, b, mu_in, mu_out: rescale_loop(w, b, 1 / mu_in, 1 / mu_out), "inverted"),
    (lambda w, b, mu_in, mu_out: rescale_loop(w, b, 1 / mu_in, mu_out), "divided_by_both"),
    (lambda w, b, mu_in, mu_out: rescale_einsum(w, b * mu_out, mu_in, mu_out), "bias_kept"),
    (lambda w, b, mu_in, mu_out: rescale_einsum(w, b - mu_out, mu_in, mu_out), "bias_centred"),
    (lambda w, b, mu_in, mu_out: rescale_einsum(w, 0 * b, mu_in, mu_out), "bias_lost"),
    (lambda w, b, mu_in, mu_out: (w * mu_in[:, None, None] / mu_out[:, None, None, None], b / mu_out), "type"),
    (lambda *arguments: rescale_loop(*arguments).roll(1, dims=1), "bias_first"),
]

EQUIVALENT = {
    "means of activations are positive": (
        "2: mu_in = abs(mu_in)",
        "2: mu_in = mu_in.relu()",
        "2: mu_out = abs(mu_out)",
        "2: mu_out = mu_out.relu()",
    ),
}
