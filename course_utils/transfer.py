"""The optimisation: paint one picture in the style of another, as an iterator of states.

`descend` yields a `State` after every evaluation of the network; the command, the lesson and the widget all use it.
The pixels stay in [0, 1] throughout, so the reported loss is the loss of a picture that can be saved.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from course_utils.checkpoint import Checkpoint, Progress, StateError, aloud, run_of
from course_utils.colour import match_colours
from course_utils.cost import (
    SMALLEST,
    Content,
    Cost,
    Style,
    Term,
    TiledCost,
    check_picture,
    check_terms,
    in_tiles,
    painting_cost,
)
from course_utils.descent import NotFinite
from course_utils.forecast import LONG, GiB, choose, forecast_of, minutes
from course_utils.images import load_image, to_8bit
from course_utils.inputs import check_choice, check_number, check_tensor, short
from course_utils.settings import HEAVIEST, STARTS, Settings, changed
from course_utils.transport import guided_descent
from course_utils.vgg import VGG, check_network, vgg19
from course_utils.winograd import prepared

FAINT = 0.1  # the range of faint noise; noise of the range 1 is not painted over, and stays visible as coloured sand
SMALLEST_COST = 1e-30  # of the style: a divisor that is not 0, even if photo and painting are the same picture


class State(NamedTuple):
    """Where the optimisation stands after one more evaluation."""

    image: torch.Tensor  # (1, 3, H, W) in [0, 1], the best so far
    losses: dict  # {name of a term: its part of J, 'total': J} of that image, floats
    evaluations: int  # evaluations of loss and gradient so far
    seconds: float  # since the beginning, targets included; for a resumed run, those before its checkpoint, too


@dataclass
class Result:
    """A painted picture and how it came about."""

    image: torch.Tensor  # (1, 3, H, W) in [0, 1], multiples of 1/255, as a file holds it
    losses: dict  # {name of a term: its part of J, 'total': J} of exactly this image
    evaluations: int
    seconds: float
    stopped: bool  # True if Ctrl-C or `on_state` ended the run early
    history: list = field(repr=False)  # [(evaluations, losses)], one for each state, those before a checkpoint included
    cost: Cost = field(repr=False)  # what was minimised; `cost.losses` judges other pictures, such as a file read again


class TransferError(RuntimeError):
    """The loss is no longer finite; `state` is the last good `State`, or None if there is none."""

    def __init__(self, message, state=None):
        super().__init__(message)
        self.state = state


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The torch.device called `name`, or for None the fastest device of this machine: cuda, mps or cpu.

    Raises:
        ValueError: this machine has no such device.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        probe = torch.ones(1, device=name)
        probe.item()  # 'meta' and the like hold no numbers
        return probe.device
    except (
        RuntimeError,
        AssertionError,
        NotImplementedError,
        ImportError,
        AttributeError,
        TypeError,
        ValueError,
    ) as error:  # torch's build decides
        raise ValueError(
            f"There is no device {short(str(name))} on this machine: leave it out, or take 'cpu'."
        ) from error


def starting_image(
    start: str | torch.Tensor, content: torch.Tensor, style: torch.Tensor, seed: int = 0
) -> torch.Tensor:
    """The picture to begin with, (1, 3, H, W) in [0, 1], of the shape and dtype of `content`.

    Args:
        start: 'content' gives the photo itself; 'colour' gives the photo in the colours of the painting; 'noise' gives
            independent uniform values; a tensor is clamped to [0, 1].
        content, style: the photo and the painting, pictures in [0, 1]; their sizes may differ.
        seed: of the noise.
    Raises:
        ValueError: an unknown start, a start of another shape than the photo, or numbers that are not finite.
    """
    check_picture("content", content)
    if isinstance(start, torch.Tensor):
        check_tensor("The start", start, "1, 3, H, W", values="finite")
        if start.shape != content.shape:
            raise ValueError(
                f"The start has the shape {tuple(start.shape)}, the photo {tuple(content.shape)}: they must agree."
            )
        return start.detach().to(content).clamp(0, 1)
    check_choice("start, if it is no picture,", start, STARTS)
    if start == "content":
        return content.detach().clone()
    if start == "colour":
        return match_colours(content.detach(), style).detach()
    check_number("seed", seed, -(2**63), 2**63 - 1, whole=True)
    generator = torch.Generator().manual_seed(int(seed))  # drawn on the CPU: the same picture on every device
    return torch.rand(content.shape, generator=generator).to(content)


def faint_noise(content: torch.Tensor, style: torch.Tensor, seed: int = 0, like_photo: bool = False) -> torch.Tensor:
    """A start from noise that is painted over completely: a mean colour plus a tenth of the noise around its mean.

    Args:
        content, style: pictures (1, 3, H, W) in [0, 1]; their sizes may differ.
        seed: of the noise.
        like_photo: True takes the photo's mean colour, False the painting's.
    Returns:
        (1, 3, H, W) in [0, 1], of the shape and dtype of `content`.
    Raises:
        ValueError: no picture, or a seed that is no whole number.
    """
    check_picture("style", style)
    noise = starting_image("noise", content, style, seed)
    mean = (content if like_photo else style).detach().mean((2, 3), keepdim=True)
    return (mean + FAINT * (noise - 0.5)).clamp(0, 1)


def descend(
    content: torch.Tensor,
    style: torch.Tensor,
    settings: Settings | None = None,
    *,
    more: Sequence[Term] = (),
    evaluations: int = 100,
    net: VGG | None = None,
    device: str | torch.device | None = None,
    tile: int | str | None = None,
    compile: bool = False,
    **changes,
) -> Iterator[State]:
    """Paint `content` in the style of `style`, yielding a `State` after every evaluation; the total loss never rises.

    Args:
        content, style: (1, 3, H, W) and (1, 3, H', W') in [0, 1]; they are converted to the network's dtype, and their
            sizes may differ.
        settings: `Settings`; None takes the default ones.
        more: further terms of the cost, such as your own (see `course_utils.cost`), on the device.
        evaluations: how often loss and gradient are computed; the descent may end earlier at a minimum.
        net: a network from `vgg19()`, which is not changed. None loads the original network.
        device: 'cpu', 'cuda', 'mps' …; None takes the fastest.
        tile: None computes the whole picture at once. A number, such as 512, computes it tile by tile, with tiles of so
            many pixels on a side: the result is the same up to rounding, in less memory and more time
            (`course_utils.cost.TiledCost`). 'auto' takes tiles where the whole does not fit into the free memory
            (`course_utils.forecast.choose`).
        compile: True has torch.compile prepare the network, which takes a minute or so and may pay on a graphics card.
            Where that fails, one sentence says so on standard error, and the run goes on.
        changes: fields of the settings by their names, such as style_weight=0.1.
    Raises (at the first `next`):
        ValueError: a picture of the wrong shape or dtype, too small or outside [0, 1]; an unknown device, layer or
            setting; a number outside its range; a network of 16 bits; a further term that cannot be computed in tiles.
        TransferError: the loss became infinite or NaN; the error's `state` is the last good one.

    >>> photo, painting = load_image("animal_cat", 32), load_image("van_gogh_night_cafe", 32)
    >>> states = list(descend(photo, painting, evaluations=3, style_weight=0.1))
    >>> [state.evaluations for state in states], states[-1].losses["total"] <= states[0].losses["total"]
    ([1, 2, 3], True)
    """
    began, net = time.perf_counter(), vgg19() if net is None else net
    cost, first = _prepare(content, style, changed(settings, changes), more, net, device, tile, compile=compile)
    del net  # the cost has its own network, so this one need not stay in memory
    yield from minimise(cost, first, evaluations, began)


def _prepare(content, style, settings, more, net, device, tile=None, say=None, compile=False):
    """(the cost with its targets, the first picture), both on the device."""
    check_network(net, least_bits=32)
    check_terms("more", more)
    device, weight = pick_device(device), next(net.parameters())
    for what, image in (("content", content), ("style", style)):
        check_picture(what, image, SMALLEST)
    if weight.device != device:
        net = copy.deepcopy(net).to(device)  # the caller's network stays where it is
    content, style = (image.detach().to(device, weight.dtype) for image in (content, style))
    if settings.colours == "photo":
        style = match_colours(style, content)
    first = starting_image(settings.start, content, style, settings.seed)
    others = [layer for term in more for layer in term.layers]
    plain = compile or settings.precision == "bfloat16"
    net = prepared(net, content, [*settings.content_layers, *settings.style_layers, *others], plain)
    if isinstance(tile, str):
        check_choice("tile, if it is no number,", tile, ("auto",))
        layers = settings.content_layers, [*settings.style_layers, *others]
        choice = choose(net, *layers, content.shape[2:], style.shape[2:], device, all(map(in_tiles, more)))
        tile = choice.tile
        if say and choice.sentence:
            say(choice.sentence)
    return painting_cost(net, content, style, settings, more, tile, compile), first


def relative_weight(
    strength: float,
    content: torch.Tensor,
    style: torch.Tensor,
    settings: Settings | None = None,
    *,
    net: VGG | None = None,
    device: str | torch.device | None = None,
    tile: int | str | None = None,
) -> float:
    """The style weight β for which the style cost of the photo is `strength` times the content cost of no activations.

    β = strength · α Σ_l λ^l mean (P^l)² / Σ_l λ^l E_l(photo), because without activations F = 0. One strength has much
    the same effect with max pooling as with average pooling, although their costs differ twentyfold. Between pairs of
    pictures, a strength evens out no more than a weight does (tests/benchmarks/wall.py).

    Args:
        strength: from 0 to `HEAVIEST`.
        content, style, settings, net, device, tile: as in `descend`; the settings' own style weight does not matter.
    Returns:
        β, rounded to two digits, so that it does not depend on the device; `HEAVIEST` at most.
    Raises:
        ValueError: as in `descend`, or a strength outside its range.
        TransferError: a cost is infinite or NaN.

    >>> photo, painting = load_image("animal_cat", 32), load_image("van_gogh_night_cafe", 32)
    >>> relative_weight(0, photo, painting), relative_weight(20, photo, painting) < HEAVIEST
    (0.0, True)
    """
    check_number("strength", strength, 0, HEAVIEST)
    net, settings = vgg19() if net is None else net, changed(settings, {"style_weight": 1.0})
    cost, first = _prepare(content, style, settings, (), net, device, tile)
    return weight_of(cost, content.detach().to(first), strength)


def weight_of(cost: Cost, photo: torch.Tensor, strength: float) -> float:
    """The β of `relative_weight` for a given cost: a common factor for the weights of all its `Style` terms.

    Args:
        cost: a `Cost` with one `Content` and one or more `Style` terms.
        photo: (1, 3, H, W) in [0, 1], on the network's device.
        strength: as in `relative_weight`.
    Returns:
        β, as in `relative_weight`.
    Raises:
        ValueError: a cost without a content term, or a strength outside its range.
        TransferError: a cost is infinite or NaN.
    """
    check_number("strength", strength, 0, HEAVIEST)
    content = next((term for term in getattr(cost, "terms", ()) if isinstance(term, Content)), None)
    if content is None:
        raise ValueError(f"cost must be a Cost with a content term, not {short(cost)}.")
    check_picture("content", photo)
    blank = content.weight * sum(
        share * content.targets[layer].square().mean().item() for layer, share in content.layers.items()
    )
    losses = cost.losses(photo)
    of_photo = sum(losses[term.name] for term in cost.terms if isinstance(term, Style))
    if not math.isfinite(blank + of_photo):
        raise TransferError("The costs of the photo are not finite numbers: check the pictures and the network.")
    return float(f"{min(strength * blank / max(of_photo, SMALLEST_COST), HEAVIEST):.2g}")


def minimise(cost: Cost, first: torch.Tensor, evaluations: int = 100, began: float | None = None) -> Iterator[State]:
    """Minimise any cost, yielding a `State` after every evaluation; the total loss never rises.

    The first evaluations follow the transport distance where that helps (`guided_descent`).

    Args:
        cost: a `Cost`.
        first: the picture to begin with, (1, 3, H, W) in [0, 1].
        evaluations: how often loss and gradient are computed.
        began: when the clock of the states began, by `time.perf_counter`; None starts it now.
    Raises (at the first `next`):
        ValueError: no cost, no picture of the dtype of its network, or evaluations that are no whole number above 0.
        TransferError: the loss became infinite or NaN.
    """
    if not isinstance(cost, Cost):
        raise ValueError(f"cost must be a Cost, not {short(cost)}.")
    check_tensor("The first picture", first, "1, 3, H, W", like=cost.net.mean, same_type=True, values="picture")
    began = time.perf_counter() if began is None else began
    for state, _, _ in _states(cost, first, evaluations, began):
        yield state


def _states(cost, first, evaluations, began, point=None, led=True):
    """Descend from the first picture, or go on from a `Point`, and take the time.

    Iterator of triples (State, Point, whether the transport leads).
    """
    check_number("evaluations", evaluations, 1, whole=True)
    state = point and _state(point, began)
    try:
        for point, led in guided_descent(cost, point or first, evaluations, led):
            state = _state(point, began)
            yield state, point, led
    except NotFinite as error:
        done = state.evaluations if state else 0
        raise TransferError(
            f"After {done} evaluations the loss or its gradient is not a finite number: lower the weights of content"
            " and style, or check that the pictures and the network hold finite numbers.",
            state,
        ) from error


def _state(point, began):
    return State(point.image, point.record, point.evaluations, time.perf_counter() - began)


def _tell(say, cost, settings, first, style, evaluations, tile):
    """Say how long a long run takes, and how much memory it needs."""
    size, painting = first.shape[2:], style.shape[2:]
    if evaluations * size[0] * size[1] >= LONG:
        need = forecast_of(cost.net, settings, size, painting, evaluations, tile)
        say(f"The run takes about {minutes(need.seconds)}, and {GiB(need.memory)} of memory beside the network.")


def transfer(
    content,
    style,
    settings: Settings | None = None,
    *,
    more: Sequence[Term] = (),
    size: int | tuple[int, int] | None = 512,
    evaluations: int = 100,
    net: VGG | None = None,
    device: str | torch.device | None = None,
    tile: int | str | None = "auto",
    compile: bool = False,
    on_state: Callable[[State], bool | None] | None = None,
    checkpoint: Checkpoint | None = None,
    say: Callable[[str], object] | None = None,
    **changes,
) -> Result:
    """Paint a photo in the style of a painting; Ctrl-C or the Stop button ends early with the best picture so far.

    Args:
        content, style: whatever `load_image` takes (path, bundled name, bytes, PIL image), or tensors (1, 3, H, W).
        size: longer side of both pictures in pixels; None leaves them as they are. Tensors keep their size.
        tile: as in `descend`. With 'auto', a run that goes on from a checkpoint keeps the tiles with which it began.
        on_state: called with each new `State`; if it returns True, the run ends.
        checkpoint: a `Checkpoint`, which keeps the run in a file from time to time, and also when the run is stopped.
            With `resume=True` the run goes on from this file. Then `evaluations` counts those of all parts, and may be
            another number than before.
        say: called with a sentence when the picture is computed in tiles because the whole does not fit, and with a
            forecast before a long run; by default it prints to standard error.
    Returns:
        `Result`.
    Raises:
        StateError: the checkpoint's file is damaged or belongs to another run.
    For the other arguments and errors see `descend`.
    """
    began, net, settings = time.perf_counter(), vgg19() if net is None else net, changed(settings, changes)
    content, style = (
        load_image(source, size, smallest=SMALLEST) if not isinstance(source, torch.Tensor) else source
        for source in (content, style)
    )
    say = aloud if say is None else say
    if checkpoint is not None and tile == "auto":
        tile = checkpoint.tile(tile)
    check_number("evaluations", evaluations, 1, whole=True)
    cost, first = _prepare(content, style, settings, more, net, device, tile, say=say, compile=compile)
    tile = cost.passes.tile if isinstance(cost, TiledCost) else None
    point, led, seconds = None, True, 0.0
    history: list = []
    if checkpoint is not None:
        point, led, seconds, history = checkpoint.begin(
            run_of(content, style, first, net, settings, more), first.device, tile, compile
        )
        if point and not (
            point.image.shape == first.shape and isinstance(point.record, dict) and point.record.keys() == cost.names()
        ):
            raise StateError(f"'{checkpoint.path}' holds no picture of this run: delete it and begin anew.")
    del net
    _tell(say, cost, settings, first, style, evaluations - (point.evaluations if point else 0), tile)
    began, stopped = began - seconds, False
    state = point and _state(point, began)
    try:
        for state, point, led in _states(cost, first, evaluations, began, point, led):
            history.append((state.evaluations, state.losses))
            if checkpoint is not None:
                checkpoint.offer(Progress(point, led, state.seconds, history))
            if on_state is not None and on_state(state):
                stopped = True
                break
    except KeyboardInterrupt:
        if state is None:
            raise
        stopped = True
    assert state is not None and point is not None  # there is one evaluation at least
    image = to_8bit(state.image)
    try:
        if stopped and checkpoint is not None:
            checkpoint.write(Progress(point, led, state.seconds, history))
        losses = cost.losses(image)
    except KeyboardInterrupt:  # the user is impatient: take the losses before rounding, and leave the file as it is
        losses = state.losses
    return Result(image.cpu(), losses, state.evaluations, state.seconds, stopped, history, cost)
