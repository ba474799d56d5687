"""The optimisation: paint one picture in the style of another, as an iterator of states.

`descend` yields a `State` after every evaluation of the network; the command, the lesson and the widget use it alike.
The pixels stay in [0, 1] throughout, so the loss that is reported is the loss of a picture that can be saved.
"""
import copy
import math
import time
from dataclasses import dataclass, field
from typing import Iterator, NamedTuple

import torch

from course_utils.checkpoint import Progress, StateError, run_of
from course_utils.colour import match_colours
from course_utils.descent import NotFinite, Point, evaluate, inverse_frequency, projected_lbfgs
from course_utils.images import load_image, to_8bit
from course_utils.inputs import check_choice, check_number, check_tensor, short
from course_utils.losses import CONTENT_LAYER, STYLE_WEIGHTS, gram_matrix, total_cost
from course_utils.transport import Transport
from course_utils.vgg import LAYERS, check_layers, check_network, vgg19
from course_utils.winograd import fewer_multiplications, pays

SMALLEST = 16           # pixels: relu5_1 lies behind four poolings
HEAVIEST = 10**8        # weight of a cost: with larger ones the squares of its gradients leave the range of float32
STARTS = ("colour", "content", "noise")
COLOURS = ("painting", "photo")
GUIDED = 12             # evaluations at the beginning that follow `Transport`: fewer or more need more in all (measured on six pairs)


class State(NamedTuple):
    """Where the optimisation stands after one more evaluation."""
    image: torch.Tensor         # (1, 3, H, W) in [0, 1], the best so far
    losses: dict                # {'content', 'style', 'total'} of that image, floats
    evaluations: int            # of loss and gradient, so far
    seconds: float              # since the beginning, targets included; of a resumed run, those before its checkpoint too


@dataclass
class Result:
    """A painted picture and how it came about."""
    image: torch.Tensor                             # (1, 3, H, W) in [0, 1], multiples of 1/255: what a file holds
    losses: dict                                    # {'content', 'style', 'total'} of exactly this image
    evaluations: int
    seconds: float
    stopped: bool                                   # True: ended by Ctrl-C or by `on_state` before its time
    history: list = field(repr=False)               # [(evaluations, losses)], one for each state, those before a checkpoint included


class TransferError(RuntimeError):
    """The loss is not finite any more; `state` is the last good one (None if there is none)."""

    def __init__(self, message, state=None):
        super().__init__(message)
        self.state = state


class Cost:
    """J(G) = α J_C + β J_S for one photo and one painting: a function of the generated picture G.

    Args:
        net: a frozen network from `vgg19()`.
        content, style: (1, 3, H, W) and (1, 3, H', W') in [0, 1], on the network's device.
        content_weight, style_weight: α and β.
        layer_weights: {layer: λ^l}, the style layers and their weights.
    Raises:
        ValueError: no such network, picture or layer, or a weight that is no number from 0 to `HEAVIEST`.
    """

    def __init__(self, net, content, style, content_weight=1.0, style_weight=1.0, layer_weights=STYLE_WEIGHTS):
        check_network(net)
        check_weights(content_weight, style_weight, layer_weights)
        for what, image in (("content", content), ("style", style)):
            _check_picture(what, image)
        self.net, self.alpha, self.beta, self.layer_weights = net, content_weight, style_weight, dict(layer_weights)
        with torch.no_grad():
            self.content_target = net.features(content, [CONTENT_LAYER])[CONTENT_LAYER]
            self.style_targets = {layer: gram_matrix(maps, divide=True)
                                  for layer, maps in net.features(style, self.layer_weights).items()}

    def features(self, image):
        """{layer: activations} of all that J looks at."""
        return self.net.features(image, dict.fromkeys([*self.layer_weights, CONTENT_LAYER]))

    def terms(self, features):
        """{'content', 'style', 'total'} as tensors that can be differentiated."""
        return total_cost(features, self.content_target, self.style_targets, self.alpha, self.beta, self.layer_weights)

    @torch.no_grad()
    def losses(self, image):
        """{'content', 'style', 'total'} of a picture, as floats."""
        check_tensor("The picture", image, "1, 3, H, W")
        return {name: term.item() for name, term in self.terms(self.features(image)).items()}

    @torch.enable_grad()        # gradient mode belongs to a thread; the caller's may have it switched off
    def __call__(self, image, objective=None):
        """(J, ∂J/∂G, losses): the value as a float, the gradient by the pixels, the terms of J as floats.

        With `objective`, features -> a tensor, value and gradient are those of the objective; the losses are still those of J.
        """
        check_tensor("The picture", image, "1, 3, H, W")
        image = image.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
        features = self.features(image)
        with torch.set_grad_enabled(objective is None):
            terms = self.terms(features)
        value = (terms["total"] if objective is None else objective(features)).sum()
        gradient, = torch.autograd.grad(value, image)
        value, *losses = torch.stack([value, *(term.sum() for term in terms.values())]).tolist()
        return value, gradient.contiguous(), dict(zip(terms, losses))


def pick_device(name=None):
    """The torch.device called `name`, or the fastest that this machine has: cuda, mps or cpu.

    Raises:
        ValueError: this machine has no such device.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        probe = torch.ones(1, device=name)
        probe.item()                        # 'meta' and the like hold no numbers
        return probe.device
    except (RuntimeError, AssertionError, NotImplementedError, ImportError, AttributeError, TypeError, ValueError) as error:   # torch's build decides
        raise ValueError(f"There is no device {short(str(name))} on this machine: leave it out, or take 'cpu'.") from error


def starting_image(start, content, style, seed=0):
    """The picture to begin with: (1, 3, H, W) in [0, 1], like `content`.

    'content' is the photo itself, 'colour' the photo in the colours of the painting, 'noise' independent uniform
    values from `seed`; a tensor is taken as it is, clamped.

    Raises:
        ValueError: an unknown start, or one of another shape than the photo, or not of finite numbers.
    """
    _check_picture("content", content, smallest=1)
    if isinstance(start, torch.Tensor):
        check_tensor("The start", start, "1, 3, H, W", values="finite")
        if start.shape != content.shape:
            raise ValueError(f"The start has the shape {tuple(start.shape)}, the photo {tuple(content.shape)}: they must agree.")
        return start.detach().to(content).clamp(0, 1)
    check_choice("start, if it is no picture,", start, STARTS)
    if start == "content":
        return content.detach().clone()
    if start == "colour":
        return match_colours(content.detach(), style).detach()
    check_number("seed", seed, -2**63, 2**63 - 1, whole=True)
    generator = torch.Generator().manual_seed(int(seed))        # drawn on the CPU: the same picture on every device
    return torch.rand(content.shape, generator=generator).to(content)


def descend(content, style, *, evaluations=100, seed=0, start="colour", content_weight=1.0, style_weight=1.0,
            layer_weights=STYLE_WEIGHTS, colours="painting", net=None, device=None) -> Iterator[State]:
    """Paint `content` in the style of `style`, yielding a `State` after every evaluation; the total loss never rises.

    The first `GUIDED` evaluations follow `Transport`, and the next one sees the same picture again to hand over to J.

    Args:
        content, style: (1, 3, H, W) and (1, 3, H', W') in [0, 1], taken to the network's type; their sizes may differ.
        evaluations: how often loss and gradient are computed; the descent may end earlier at a minimum.
        seed: of the noise start.
        start: 'colour', 'content', 'noise' or a picture (see `starting_image`).
        content_weight, style_weight: α and β of J = α J_C + β J_S, from 0 to `HEAVIEST`, as the following.
        layer_weights: {layer: λ^l}, the style layers and their weights in J_S.
        colours: 'painting', or 'photo': the painting is first given the photo's colours, so that only its brushwork is taken
            (after Gatys, Bethge, Hertzmann & Shechtman 2016, arXiv:1606.05897).
        net: a network from `vgg19()`, copied where it is on another device; None loads the original one.
        device: 'cpu', 'cuda', 'mps' …; None takes the fastest.
    Raises (at the first `next`):
        ValueError: a picture of the wrong shape or type, too small or outside [0, 1]; an unknown device, start, layer or choice of colours;
            a number out of its range; a network of 16 bits.
        TransferError: the loss became infinite or NaN; its `state` is the last good one.
    """
    began, net = time.perf_counter(), vgg19() if net is None else net
    cost, first = _prepare(content, style, net, device, seed=seed, start=start, content_weight=content_weight,
                           style_weight=style_weight, layer_weights=layer_weights, colours=colours)
    del net                                 # a network that nobody else wants need not wait here: the cost has its own
    for state, _ in _states(cost, first, evaluations, began):
        yield state


def _prepare(content, style, net, device, *, seed, start, content_weight, style_weight, layer_weights, colours):
    """The cost with its targets, and the first picture, both on the device."""
    check_network(net, least_bits=32)
    device, weight = pick_device(device), next(net.parameters())
    check_weights(content_weight, style_weight, layer_weights)
    check_choice("colours", colours, COLOURS)
    for what, image in (("content", content), ("style", style)):
        _check_picture(what, image)
    if weight.device != device:
        net = copy.deepcopy(net)                    # the caller's network stays where it is
    net = net.to(device, memory_format=torch.channels_last)
    content, style = (image.detach().to(device, weight.dtype) for image in (content, style))
    if colours == "photo":
        style = match_colours(style, content)
    first, layers = starting_image(start, content, style, seed), [*layer_weights, CONTENT_LAYER]
    if pays(content, weight):
        net = fewer_multiplications(net, last=max(layers, key=LAYERS.index))
    return Cost(net, content, style, content_weight, style_weight, layer_weights), first


def check_weights(content_weight, style_weight, layer_weights):
    """Raise ValueError unless these can be the weights of a `Cost`. Only their proportions count, so the largest is no loss."""
    for what, weight in (("content_weight", content_weight), ("style_weight", style_weight)):
        check_number(what, weight, 0, HEAVIEST)
    if not isinstance(layer_weights, dict) or not layer_weights:
        raise ValueError(f"layer_weights must give one or more style layers a weight, {{layer: number}}, not {short(layer_weights)}.")
    check_layers(layer_weights)
    for layer, weight in layer_weights.items():
        check_number(f"The weight of {layer}", weight, 0, HEAVIEST)


def _check_picture(what, image, smallest=SMALLEST):
    check_tensor(f"The {what} picture", image, "1, 3, H, W", smallest=smallest, values="picture")


def _states(cost, first, evaluations, began, point=None):
    """Descend from the first picture, or go on from a `Point`, and time it: pairs (State, Point)."""
    check_number("evaluations", evaluations, 1, whole=True)
    state = point and _state(point, began)
    try:
        for point in _points(cost, point or first, evaluations):
            state = _state(point, began)
            yield state, point
    except NotFinite as error:
        done = state.evaluations if state else 0
        raise TransferError(f"After {done} evaluations the loss or its gradient is not a finite number: lower the weights of content and style, "
                            "or check that the pictures and the network hold finite numbers.", state) from error


def _points(cost, start, evaluations):
    """The whole descent, from a picture or a `Point`: first along the transport distance, then along J."""
    image = start.image if isinstance(start, Point) else start
    precondition = inverse_frequency(image.shape, image.device)
    if not isinstance(start, Point) or _is_guided(start):
        start = yield from _guided(cost, start, evaluations, precondition)
    if start is not None:
        start = [start]                     # the last to hold the point lets go of it: its pairs are twenty pictures
        yield from projected_lbfgs(cost, start.pop(), evaluations, precondition=precondition)


def _guided(cost, start, evaluations, precondition):
    """Follow `Transport` for `GUIDED` evaluations; one more hands over to J.

    Returns:
        Where J goes on: a `Point`, or the first picture where the transport has nothing to offer; None where the evaluations are used up.
    """
    transport, best = Transport(cost), start if isinstance(start, Point) else None
    if not transport.worthwhile:
        return start

    def guide(image):
        value, gradient, losses = cost(image, transport)
        if not math.isfinite(losses["total"]):
            raise NotFinite("The loss is not a finite number: lower the weights, or check the network.")
        if best and losses["total"] > best.record["total"]:         # a rise of J counts as one of the guide: the step is taken back
            value = max(value, best.value * losses["total"] / max(best.record["total"], 1e-30))
        return value, gradient, {**losses, "guide": True}

    for best in projected_lbfgs(guide, start, min(evaluations, GUIDED), precondition=precondition):
        yield best
    if best.evaluations >= evaluations:
        return None
    best = _handed_over(cost, best)
    yield best
    return best


def _is_guided(point):
    """Whether the value and gradient of a `Point` are those of the transport."""
    return "guide" in point.record


def _handed_over(cost, point):
    """The same picture seen by J, after one more evaluation.

    What was learnt of the curvature is kept, in the proportion of the gradients: both costs want nearly the same changes, but
    count them in different units.
    """
    value, gradient, losses = evaluate(cost, point.image)
    unit = float(gradient.norm() / point.gradient.norm().clamp(min=1e-30))
    return Point(point.image, losses, point.evaluations + 1, value, gradient, tuple((s, y * unit) for s, y in point.pairs), 1.0)


def _state(point, began):
    losses = {name: point.record[name] for name in ("content", "style", "total")}
    return State(point.image, losses, point.evaluations, time.perf_counter() - began)


def transfer(content, style, *, size=512, evaluations=100, seed=0, start="colour", content_weight=1.0, style_weight=1.0,
             layer_weights=STYLE_WEIGHTS, colours="painting", net=None, device=None, on_state=None, checkpoint=None) -> Result:
    """Paint a photo in the style of a painting; Ctrl-C or the Stop button ends early with the best picture so far.

    Args:
        content, style: whatever `load_image` takes (path, bundled name, bytes, PIL image), or tensors (1, 3, H, W).
        size: longer side of both pictures in pixels; None leaves them as they are. Tensors keep their size.
        on_state: called with each new `State`; returning True ends the run.
        checkpoint: a `Checkpoint`, to keep the run in a file now and then, and at the end where it is stopped; with
            `resume=True` the run goes on from there. `evaluations` then counts all, and may be another number than before.
    Raises:
        StateError: the checkpoint's file is damaged or belongs to another run.
    Other arguments and errors: see `descend`.
    """
    began, net = time.perf_counter(), vgg19() if net is None else net
    content, style = (load_image(source, size, smallest=SMALLEST) if not isinstance(source, torch.Tensor) else source
                      for source in (content, style))
    settings = dict(seed=seed, start=start, content_weight=content_weight, style_weight=style_weight,
                    layer_weights=layer_weights, colours=colours)
    cost, first = _prepare(content, style, net, device, **settings)
    point, seconds, history = None, 0.0, []
    if checkpoint is not None:
        point, seconds, history = checkpoint.begin(run_of(content, style, first, net, **settings), first.device)
        if point and not (point.image.shape == first.shape and isinstance(point.record, dict) and {"content", "style", "total"} <= point.record.keys()):
            raise StateError(f"'{checkpoint.path}' holds no picture of this run: delete it and begin anew.")
    del net
    began, stopped = began - seconds, False
    state = point and _state(point, began)
    try:
        for state, point in _states(cost, first, evaluations, began, point):
            history.append((state.evaluations, state.losses))
            if checkpoint is not None:
                checkpoint.offer(Progress(point, state.seconds, history))
            if on_state is not None and on_state(state):
                stopped = True
                break
    except KeyboardInterrupt:
        if state is None:
            raise
        stopped = True
    image = to_8bit(state.image)
    try:
        if stopped and checkpoint is not None:
            checkpoint.write(Progress(point, state.seconds, history))
        losses = cost.losses(image)
    except KeyboardInterrupt:               # impatient: the losses before rounding will do, and the file as it is
        losses = state.losses
    return Result(image.cpu(), losses, state.evaluations, state.seconds, stopped, history)
