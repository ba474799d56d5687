"""Lesson 7: a race of descents with and without each ingredient."""

import copy
from typing import NamedTuple

import ipywidgets as w
import torch

from course_utils.cost import SMALLEST, painting_cost
from course_utils.descent import inverse_frequency, projected_lbfgs
from course_utils.images import img_tag, load_image, paintings, photos, to_8bit
from course_utils.plain import unbounded_lbfgs
from course_utils.plots import gallery, loss_curves
from course_utils.transfer import minimise, pick_device, starting_image
from course_utils.vgg import vgg19
from course_utils.widgets.core import menu, number, titled
from course_utils.widgets.runs import Running
from course_utils.winograd import prepared

INGREDIENTS = ("colours", "box", "guess", "transport")
LANES = 5  # the largest number of lanes that are shown; more curves cannot be told apart


class Moment(NamedTuple):
    """The picture that would be saved after some number of evaluations."""

    evaluations: int
    image: torch.Tensor  # (1, 3, H, W), multiples of 1/255
    losses: dict  # of exactly this picture


def descended(content, style, ingredients=INGREDIENTS, *, size=128, evaluations=20, net=None, every=2):
    """One lane of the race: L-BFGS with some of the ingredients; with all ingredients it is the course's descent.

    Args:
        content, style: whatever `load_image` takes.
        ingredients: some of 'colours' (the start has the painting's colours), 'box' (pixels stay in [0, 1]), 'guess'
            (the inverse Hessian begins as 1/(f + 0.05)), 'transport' (a guide for the first steps, which needs the box
            and the guess).
        size: longer side of both pictures, in pixels.
        evaluations: number of evaluations of cost and gradient.
        net: a network from `vgg19()`.
        every: there is a moment after the first evaluation, after each multiple of `every`, and after the last.
    Yields:
        `Moment`.
    Raises:
        ValueError: an unknown ingredient, or transport without what it needs.
    """
    chosen = {*ingredients}
    if not chosen <= {*INGREDIENTS}:
        raise ValueError(f"The ingredients are {', '.join(INGREDIENTS)}: leave out all others.")
    if "transport" in chosen and not {"box", "guess"} <= chosen:
        raise ValueError("The transport needs the box and the guess: tick them, too.")
    return _moments(content, style, chosen, size, evaluations, net, every)


def _moments(content, style, chosen, size, evaluations, net, every):
    device, net = pick_device(), vgg19() if net is None else net
    content, style = (load_image(source, size, smallest=SMALLEST).to(device) for source in (content, style))
    if next(net.parameters()).device != device:
        net = copy.deepcopy(net).to(device)  # the caller's network stays where it is
    net = prepared(net, content, ["relu5_1"])
    cost = painting_cost(net, content, style)
    start = starting_image("colour" if "colours" in chosen else "content", content, style)
    guess = inverse_frequency(start.shape, device) if "guess" in chosen else None
    if "transport" in chosen:
        images = (state.image for state in minimise(cost, start, evaluations))
    elif "box" in chosen:
        images = (point.image for point in projected_lbfgs(cost, start, evaluations, precondition=guess))
    else:
        images = unbounded_lbfgs(cost, start, evaluations, precondition=guess)
    for done, image in enumerate(images, start=1):
        if done == 1 or done % every == 0 or done == evaluations:
            image = to_8bit(image)
            yield Moment(done, image.cpu(), cost.losses(image))


def name_of(ingredients):
    """The name of a lane."""
    return ", ".join(part for part in INGREDIENTS if part in ingredients) or "none"


def pictures(lanes):
    """((figure, description), (figure, description)): the curves of some lanes, and their last pictures.

    Args:
        lanes: {name: list of `Moment`}.
    """
    curves = loss_curves(
        {name: [(moment.evaluations, moment.losses) for moment in moments] for name, moments in lanes.items()},
        terms=["total"],
        title="loss of the saved picture",
    )
    last = {name: moments[-1] for name, moments in lanes.items()}
    said = "; ".join(f"{name}: {moment.losses['total']:.2g}" for name, moment in last.items())
    side_by_side = gallery({name: moment.image for name, moment in last.items()}, columns=min(3, len(last)))
    return (
        (curves, f"Loss of the saved picture against evaluations. At the end {said}."),
        (side_by_side, f"The last pictures, side by side, with the ingredients {'; '.join(last)}."),
    )


def race(
    content="monument_neuschwanstein_castle", style="van_gogh_cafe_terrace_at_night", size=128, evaluations=20, net=None
):
    """The widget: choose pictures and ingredients, run one lane after the other, and compare."""
    return Race(content, style, size, evaluations, net)


class Race(Running):
    """Controls, curves and pictures; `job` is the `Job` that descends, and `lanes` holds the runs so far."""

    def __init__(self, content, style, size, evaluations, net=None):
        self.net, self.lanes = net, {}
        self.content = menu("photo", titled(photos()), content)
        self.style = menu("painting", titled(paintings()), style)
        self.size = number("size, pixels", size, 64, 512, step=32)
        self.evaluations = number("evaluations", evaluations, 1, 500, step=10)
        self.ingredients = {
            part: w.Checkbox(value=part != "transport", description=part, indent=False) for part in INGREDIENTS
        }
        self.clear = w.Button(description="Clear", icon="trash", tooltip="Forget all runs")
        self.curves, self.gallery = w.HTML(), w.HTML()
        same = {"content": self.content, "style": self.style, "size": self.size}  # else the costs cannot be compared
        super().__init__(
            {**same, "evaluations": self.evaluations, **self.ingredients},
            [[self.content, self.style], [self.size, self.evaluations], [*self.ingredients.values()]],
            [self.curves, self.gallery],
            "let descents with and without each ingredient race against each other.",
            start="Run",
            buttons=[self.clear],
            frozen=[self.clear, *same.values()],
        )
        self.clear.on_click(self.messages.guard(self._forget))
        for control in same.values():
            control.observe(self.messages.guard(self._forget), "value")

    def _forget(self, _=None):
        if not self.job.running:
            self.lanes = {}
            self.curves.value = self.gallery.value = ""

    def begin(self):
        chosen = [part for part, box in self.ingredients.items() if box.value]
        self.net = vgg19() if self.net is None else self.net
        settings = {name: control.value for name, control in self.controls.items() if name not in INGREDIENTS}
        self.name = name_of(chosen)
        return self._lane(descended(ingredients=chosen, net=self.net, **settings)), self.evaluations.value

    def _lane(self, moments):
        """Iterator of the moments of a lane, which becomes the newest of the lanes."""
        lane = []
        for moment in moments:
            lane.append(moment)
            self.lanes.pop(self.name, None)  # the newest is the last
            self.lanes = {**dict([*self.lanes.items()][-(LANES - 1) :]), self.name: lane}
            yield moment

    def look(self, moment):
        self.progress.value = moment.evaluations
        self.text.value = (
            f"{self.name}: evaluation {moment.evaluations} of {self.progress.max}, loss {moment.losses['total']:.3g},"
            f" content {moment.losses['content']:.3g}"
        )

    def done(self):
        (curves, of_curves), (side_by_side, of_pictures) = pictures(self.lanes)
        self.curves.value, self.gallery.value = img_tag(curves, of_curves), img_tag(side_by_side, of_pictures)
