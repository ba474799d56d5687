"""Right answers to the exercises of lesson 5, each written differently, and hidden mistakes: wrong, though many of their values are right."""
import numpy as np
import torch
import torch.nn.functional as nnf

from course_utils.checks import lesson5


def gram_loop(F):
    C, rows = F.shape[1], []
    for n in range(len(F)):
        rows.append(torch.stack([torch.stack([(F[n, k] * F[n, m]).sum() for m in range(C)]) for k in range(C)]))
    return torch.stack(rows)


def gram_bmm(F):
    N, C, H, W = F.size()
    maps = F.view(N, C, H * W)
    return torch.bmm(maps, maps.permute(0, 2, 1))


def gram_by_picture(F):
    return torch.stack([picture.reshape(len(picture), -1) @ picture.reshape(len(picture), -1).T for picture in F])


def gram_broadcast(F):
    return (F.unsqueeze(1) * F.unsqueeze(2)).sum(dim=(-2, -1))


def gram_by_positions(F):
    """The outer products of the columns of channels, one position after the other."""
    total = 0
    for i in range(F.shape[2]):
        for j in range(F.shape[3]):
            total = total + F[:, :, i, j, None] * F[:, None, :, i, j]
    return total


def gram_mirrored(F):
    """The upper triangle, and its mirror image."""
    upper = torch.triu(torch.einsum("nchw,ndhw->ncd", F, F))
    return upper + torch.triu(upper, diagonal=1).transpose(1, 2)


def gram_channels_last(F):
    last = F.permute(0, 2, 3, 1).flatten(1, 2)
    return torch.matmul(last.mT, last)


def mean_gram(F):
    return torch.einsum("nchw,ndhw->ncd", F, F) / (F.shape[2] * F.shape[3])


def cost_by_hand(F, S):
    G, A = gram_bmm(F) / F[0, 0].numel(), gram_bmm(S.contiguous()) / S[0, 0].numel()
    return ((G - A) ** 2).sum(dim=(1, 2)) / (4 * F.shape[1] ** 2)


def cost_loop(F, S):
    target, costs = gram_by_picture(S)[0] / S[0, 0].numel(), []
    for picture in F:
        rows = picture.flatten(1)
        costs.append(torch.pow(rows @ rows.T / rows.shape[1] - target, 2).sum() / (2 * len(rows)) ** 2)
    return torch.stack(costs)


def cost_of_mse(F, S):
    G = mean_gram(F)
    return nnf.mse_loss(G, mean_gram(S).expand_as(G), reduction="none").mean((1, 2)) / 4


def cost_of_norm(F, S):
    return (torch.linalg.matrix_norm(mean_gram(F) - mean_gram(S)) / (2 * F.shape[1])) ** 2


def cost_scaled_rows(F, S):
    """Activations divided by the root of the number of positions, and a trace in place of the sum: the matrix is symmetric."""
    rows, others = (x.flatten(2) * x[0, 0].numel() ** -0.5 for x in (F, S))
    D = rows @ rows.mT - others @ others.mT
    return (D @ D).diagonal(dim1=1, dim2=2).sum(1) / 4 / F.shape[1] / F.shape[1]


def cost_detached_target(F, S):
    with torch.no_grad():
        A = mean_gram(S)
    return (mean_gram(F) - A).square().flatten(1).sum(1) / (4 * A.shape[-1] ** 2)


def cost_by_entries(F, S):
    C, total = F.shape[1], 0
    for k in range(C):
        for m in range(C):
            total = total + ((F[:, k] * F[:, m]).mean((1, 2)) - (S[:, k] * S[:, m]).mean((1, 2))) ** 2
    return total / (4 * C * C)


def flow_by_autograd(F, B):
    with torch.enable_grad():
        leaf = F.detach().clone().requires_grad_()
        rows = leaf[0].flatten(1)
        return torch.autograd.grad((B * (rows @ rows.T)).sum(), leaf)[0]


def flow_loop(F, B):
    result = torch.zeros_like(F)
    for k in range(len(B)):
        for m in range(len(B)):
            result[0, k] += (B[k, m] + B[m, k]) * F[0, m]
    return result


def flow_numpy(F, B):
    b, rows = B.numpy(), F.numpy()[0].reshape(len(B), -1)
    return torch.from_numpy((b @ rows + b.T @ rows).reshape(F.shape))


def flow_symmetric(F, B):
    """Twice the symmetric part."""
    symmetric = (B + B.T) / 2
    return (2 * symmetric @ F.flatten(2)).view_as(F)


def style_loop(grams, targets, weights):
    total = 0
    for layer in weights:
        C = grams[layer].shape[1]
        total = total + weights[layer] * ((grams[layer] - targets[layer]) ** 2).sum((1, 2)) / (4 * C**2)
    return total


def style_of_common_layers(grams, targets, weights):
    first = next(iter(grams.values()))
    cost = torch.zeros(len(first), dtype=first.dtype)
    for layer, G in grams.items():
        if layer in weights:
            cost = cost + weights[layer] * torch.pow(G - targets[layer], 2).mean((1, 2)) / 4
    return cost


def style_stacked(grams, targets, weights):
    costs = [(grams[layer] - targets[layer]).flatten(1).square().sum(1) / (2 * len(targets[layer][0])) ** 2 for layer in weights]
    factors = torch.tensor(list(weights.values()), dtype=costs[0].dtype)
    return factors @ torch.stack(costs)


def style_by_picture(grams, targets, weights):
    N = len(next(iter(grams.values())))
    return torch.stack([sum(weight * torch.dist(grams[layer][n], targets[layer][0]) ** 2 / (4 * grams[layer].shape[2] ** 2)
                            for layer, weight in weights.items()) for n in range(N)])


RIGHT = {
    lesson5.gram: [
        gram_loop, gram_bmm, gram_by_picture, gram_broadcast, gram_by_positions, gram_mirrored, gram_channels_last,
        lambda F: torch.einsum("nchw,ndhw->ncd", F, F), lambda F: F.flatten(2) @ F.flatten(2).mT,
        lambda F: torch.vmap(lambda x: torch.tensordot(x, x, dims=([1, 2], [1, 2])))(F),
    ],
    lesson5.layer_cost: [cost_by_hand, cost_loop, cost_of_mse, cost_of_norm, cost_scaled_rows, cost_detached_target, cost_by_entries],
    lesson5.gram_gradient: [
        flow_by_autograd, flow_loop, flow_numpy, flow_symmetric, lambda F, B: torch.einsum("km,nmhw->nkhw", B + B.T, F),
        lambda F, B: nnf.conv2d(F, (B + B.T)[:, :, None, None]), lambda F, B: (F.flatten(2).mT @ (B + B.T)).mT.reshape(F.shape),
        lambda F, B: ((B + B.T) @ F.permute(2, 3, 1, 0)).permute(3, 2, 0, 1), lambda F, B: torch.tensordot(B + B.T, F[0], 1)[None],
    ],
    lesson5.style_cost: [
        style_loop, style_of_common_layers, style_stacked, style_by_picture,
        lambda grams, targets, weights: sum(w / (4 * grams[k].shape[1] ** 2) * (grams[k] - targets[k]).square().sum((1, 2)) for k,
         w in weights.items()),
    ],
}

# --- wrong in ways that values alone do not show ------------------------------------------------------------


def in_place_gram(F):
    F.resize_(len(F), F.shape[1], F[0, 0].numel())
    return F @ F.mT


def gram_with_numpy(F):
    rows = F.detach().numpy().reshape(*F.shape[:2], -1)
    return torch.from_numpy(rows @ rows.transpose(0, 2, 1))


def gram_of_numbers(F):
    result = torch.zeros(len(F), F.shape[1], F.shape[1], dtype=F.dtype)
    for n, k, m in np.ndindex(result.shape):
        result[n, k, m] = (F[n, k] * F[n, m]).sum().item()
    return result


def in_place_cost(F, S):
    S *= (F[0, 0].numel() / S[0, 0].numel()) ** 0.5
    return (gram_by_picture(F) - gram_by_picture(S)).square().sum((1, 2)) / (2 * F[0].numel()) ** 2


def in_place_flow(F, B):
    B += B.T.clone()
    return (B @ F.flatten(2)).reshape(F.shape)


def pops_layers(grams, targets, weights):
    total = 0
    while weights:
        layer, weight = weights.popitem()
        total = total + weight * (grams[layer] - targets[layer]).square().mean((1, 2)) / 4
    return total


def in_place_style(grams, targets, weights):
    for layer in weights:
        grams[layer] -= targets[layer]
    return sum(weight * grams[layer].square().mean((1, 2)) / 4 for layer, weight in weights.items())


def drops_layers(grams, targets, weights):
    for layer in list(grams):
        if layer not in weights:
            del grams[layer]
    return sum(weights[layer] * (G - targets[layer]).square().mean((1, 2)) / 4 for layer, G in grams.items())


def remembering(function, key):
    """The function, but computed once for each key: numbers of an earlier call are taken for those of this one."""
    known = {}

    def cached(*arguments):
        if key(*arguments) not in known:
            known[key(*arguments)] = function(*arguments)
        return known[key(*arguments)]
    return cached


remembered_target = remembering(lambda S: mean_gram(S), lambda S: S.shape)
remembered_layer = remembering(lambda layer, A: A, lambda layer, A: (layer, A.shape, A.dtype))

HIDDEN = [
    (lesson5.gram, remembering(gram_bmm, lambda F: F.shape), "value"),
    (lesson5.layer_cost, lambda F, S: (mean_gram(F) - remembered_target(S)).square().sum((1, 2)) / (4 * F.shape[1] ** 2), "value"),
    (lesson5.gram_gradient, remembering(flow_loop, lambda F, B: F.shape), "value"),
    (lesson5.style_cost, lambda grams, targets, weights: style_loop(grams, {k: remembered_layer(k, A) for k, A in targets.items()}, weights),
     "value"),
    *[(lesson5.gram, answer, "precision") for answer in (
        lambda F: gram_bmm(F.float()).to(F.dtype), lambda F: gram_bmm(F) + 1e-5 * torch.eye(F.shape[1], dtype=F.dtype))],
    (lesson5.layer_cost, lambda F, S: (nnf.pairwise_distance(mean_gram(F).flatten(1), mean_gram(S).flatten(1)) / (2 * F.shape[1])) ** 2,
     "precision"),
    (lesson5.gram_gradient, lambda F, B: flow_loop(F.float(), B.float()).to(F.dtype), "precision"),
    (lesson5.gram, lambda F: torch.from_numpy(np.einsum("nchw,ndhw->ncd", F.numpy(), F.numpy())), "detached"),
    (lesson5.layer_cost, lambda F, S: torch.from_numpy(cost_by_hand(F, S).numpy()), "detached"),
    (lesson5.gram, in_place_gram, "in_place"), (lesson5.gram, lambda F: F.mul_(1.5).flatten(2) @ F.flatten(2).mT / 2.25, "in_place"),
    (lesson5.gram, gram_with_numpy, "detached"), (lesson5.gram, gram_of_numbers, "detached"), (lesson5.gram, torch.no_grad()(gram_bmm), "detached"),
    (lesson5.gram, lambda F: gram_bmm(F.data), "detached"), (lesson5.gram, lambda F: F.flatten(2) @ F.flatten(2).mT.detach(), "gradient"),
    (lesson5.gram, lambda F: torch.einsum("nchw,ndhw->ncd", F.detach(), F), "gradient"),
    (lesson5.gram, lambda F: gram_bmm(F).detach().tril(-1) + gram_bmm(F).triu(), "gradient"),
    (lesson5.gram, lambda F: gram_bmm(F).detach() + 0 * F.sum(), "gradient"),
    (lesson5.layer_cost, in_place_cost, "in_place"),
    (lesson5.layer_cost, lambda F, S: cost_loop(F.div_(F[0, 0].numel() ** 0.5), S) * 0 + 1, "in_place"),
    (lesson5.layer_cost, lambda F, S: cost_loop(F.detach(), S), "detached"), (lesson5.layer_cost, torch.no_grad()(cost_loop), "detached"),
    (lesson5.layer_cost, lambda F, S: torch.tensor([cost.item() for cost in cost_loop(F, S)], dtype=F.dtype), "detached"),
    (lesson5.layer_cost, lambda F, S: cost_loop(F.detach(), S.clone().requires_grad_()), "gradient"),
    (lesson5.layer_cost, lambda F, S: ((D := mean_gram(F) - mean_gram(S)) * D.detach()).sum((1, 2)) / (4 * F.shape[1] ** 2), "gradient"),
    (lesson5.layer_cost, lambda F, S: cost_loop(F, S) + (F - F.detach()).sum((1, 2, 3)), "gradient"),
    (lesson5.gram_gradient, in_place_flow, "in_place"), (lesson5.gram_gradient, lambda F, B: F.copy_(flow_loop(F, B)), "in_place"),
    (lesson5.style_cost, pops_layers, "in_place"), (lesson5.style_cost, in_place_style, "in_place"), (lesson5.style_cost, drops_layers, "in_place"),
    (lesson5.style_cost, torch.no_grad()(style_loop), "detached"),
    (lesson5.style_cost, lambda grams, *rest: style_loop({k: G.detach() for k, G in grams.items()}, *rest), "detached"),
    (lesson5.style_cost, lambda grams, *rest: style_loop({k: G.detach() if k == "relu1_1" else G for k, G in grams.items()}, *rest), "gradient"),
    (lesson5.style_cost, lambda grams, *rest: torch.from_numpy(style_loop({k: G.detach() for k, G in grams.items()}, *rest).numpy()), "detached"),
]
