"""A game for lesson 1: nine strong patches of a channel are shown; which of two new ones activates it more?

The task is that of Borowski et al. (ICLR 2021, arXiv:2010.12606), made smaller: there the strong and the weak picture
are the extremes of a large data set, here they are the extremes of a few photos.
"""

import functools
import html
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace
from typing import NamedTuple

import ipywidgets as w
import torch

from course_utils.dataset import StatisticsError
from course_utils.images import catalogue, img_tag, title
from course_utils.inputs import check_choice, check_number
from course_utils.plots import gallery, mosaic, tile
from course_utils.receptive import patch_box
from course_utils.top import TopActivations
from course_utils.vgg import vgg19
from course_utils.widgets.core import Job, Messages, View, menu, number
from course_utils.widgets.lesson1 import TILE, Seen, check_table

ROUNDS, SHOWN = 24, 9
PHOTOS = 8  # among so many photos the two new patches of a round are chosen
FAR = 0.5  # the weaker of the two is less than so many times as strong, where there are such photos
SIDES = ("left", "right")
SHOWS = ("patches", "projections")
ALL = "all layers"
PUBLISHED = {"natural patches": (92, 2), "synthetic pictures": (82, 4)}  # % right, ±, in the abstract of the paper
LARGEST_SEED = 10**6


class Patch(NamedTuple):
    """What one unit sees of one photo, and what it answers."""

    source: str
    row: int
    column: int
    activation: float


@dataclass(frozen=True)
class Question:
    """One round.

    Attributes:
        layer, channel: which channel is asked about.
        shown: its strongest patches, the strongest first.
        left, right: two new patches, from photos that are not among those shown, at the same place of their photos.
    """

    layer: str
    channel: int
    shown: tuple[Patch, ...]
    left: Patch
    right: Patch

    @property
    def answer(self) -> str:
        """The side that activates the channel more."""
        return SIDES[self.right.activation > self.left.activation]


class Questions(Sequence):
    """The questions of a game, each computed when it is first asked for; the same seed gives the same ones.

    Question n looks at 8 photos of a drawn order, from the n-th on, without those of the patches shown. The strong
    patch is where the channel is strongest in any of them. The weak one lies at the same place of the photo in which
    the channel is weakest there: so both reach equally far into the padding. Where it is half as strong or
    more, further photos are looked at. A photo goes through the network once, for all questions that need it.

    Args:
        seen: `Seen(net)`.
        table: `TopActivations` of square pictures whose sources can be loaded, one unit of a channel from each.
        layer: whose channels are drawn; `ALL`: of any layer, each layer being equally likely.
        rounds: how many questions.
        seed: a whole number from 0 to 1,000,000.
    Raises:
        ValueError: a layer, number or table with which one cannot play; the message says why.
    """

    def __init__(self, seen, table, layer=ALL, rounds=ROUNDS, seed=0):
        check_table(table)
        check_choice("The layer of the game", layer, [ALL, *table.values])
        check_number("The number of rounds", rounds, 1, 1000, whole=True)
        check_number("The seed", seed, 0, LARGEST_SEED, whole=True)
        self.seen, self.table, draw = seen, table, random.Random(int(seed))
        self.units = self._units([*table.values] if layer == ALL else [layer], rounds, draw)
        self.order = _shuffled(table.sources, draw)
        self.sides = [SIDES[draw.random() < 0.5] for _ in range(rounds)]
        self.deepest = max({name for name, _ in self.units}, key=seen.net.layers.index)
        self._maps = functools.lru_cache(maxsize=2 * PHOTOS)(self._maps)
        self._question = functools.cache(self._question)

    def __len__(self):
        return len(self.units)

    def __getitem__(self, n):
        check_number("The number of the question", n, 0, len(self) - 1, whole=True, error=IndexError)
        return self._question(n)

    def _units(self, layers, rounds, draw):
        """(layer, channel) of each round, none of them twice."""
        last = min(SHOWN, self.table.k) - 1
        left = {name: (self.table.values[name][:, last] > 0).nonzero()[:, 0].tolist() for name in layers}
        left, units = {name: _shuffled(channels, draw) for name, channels in left.items()}, []
        while len(units) < rounds:
            names = [name for name, channels in left.items() if channels]
            if not names:
                raise StatisticsError(
                    f"Only {len(units)} channels answer in {last + 1} pictures of this table: play at most so many"
                    " rounds."
                )
            name = names[int(draw.random() * len(names))]
            units.append((name, left[name].pop()))
        return units

    def _maps(self, source):
        """{(layer, channel): map (H, W)} of a photo, for the channels of this game."""
        image, found = self.seen.photo(source, self.table.size).to(self.seen.net.mean), {}
        with torch.no_grad():
            for name, maps in self.seen.net.walk(image, self.deepest):
                found |= {unit: maps[0, unit[1]].cpu().clone() for unit in self.units if unit[0] == name}
        return found

    def _question(self, n):
        layer, channel = self.units[n]
        places, values = (part[layer][channel, :SHOWN].tolist() for part in (self.table.places, self.table.values))
        shown = tuple(Patch(self.table.sources[m], y, x, value) for (m, y, x), value in zip(places, values))
        start, known = n % len(self.order), {patch.source for patch in shown}
        others = [source for source in self.order[start:] + self.order[:start] if source not in known]
        maps = {}
        for source in others:
            maps[source] = self._maps(source)[layer, channel]
            if len(maps) >= min(PHOTOS, len(others)) and (pair := strong_and_weak(maps, FAR)):
                break
        else:
            pair = strong_and_weak(maps, 1) if maps else None
        if pair is None:
            raise StatisticsError(
                f"No two other pictures of this table differ for channel {channel} of {layer}: take another seed, or a"
                " table of more pictures."
            )
        left, right = pair if self.sides[n] == "left" else reversed(pair)
        return Question(layer, channel, shown, left, right)


def _shuffled(values, draw):
    """The values in a drawn order; Python promises the same `random()` for a seed, of `shuffle` it does not."""
    keys = [draw.random() for _ in values]
    return [value for _, value in sorted(zip(keys, values), key=lambda pair: pair[0])]


def strong_and_weak(maps, far=FAR):
    """Two patches of a channel, the stronger first, at the same place of two photos.

    Args:
        maps: {source: map (H, W)} of one channel, at least one.
        far: the second must be less than so many times as strong as the first.
    Returns:
        (Patch, Patch): where the channel is strongest in all maps, and the weakest of all maps at this place. None
        where nothing is above 0, or the two do not lie so far apart.
    """
    best = max(maps, key=lambda source: maps[source].max())
    row, column = divmod(maps[best].argmax().item(), maps[best].shape[1])
    there = {source: found[row, column].item() for source, found in maps.items()}
    worst = min(there, key=there.__getitem__)
    if there[best] <= 0 or there[worst] >= far * there[best]:
        return None
    return tuple(Patch(source, row, column, there[source]) for source in (best, worst))


def wilson(right, answered, level=0.95):
    """Interval of a share (E. B. Wilson, JASA 1927): all shares p from which right/answered differs by no more than
    z·√(p(1−p)/answered), z the quantile of the normal distribution at (1 + level)/2.

    Args:
        right, answered: whole numbers, 0 ≤ right ≤ answered.
        level: above 0 and below 1.
    Returns:
        (low, high), from 0 to 1; (0, 1) where nothing is answered.
    """
    check_number("The number of answers", answered, 0, 10**9, whole=True)
    check_number("The number of right answers", right, 0, answered, whole=True)
    check_number("The level of the interval", level, 1e-9, 1 - 1e-9)
    if not answered:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, width = right / answered, z * z / answered
    middle = (share + width / 2) / (1 + width)
    half = math.sqrt(share * (1 - share) * width + width * width / 4) / (1 + width)
    return max(0.0, middle - half), min(1.0, middle + half)


class Game:
    """The state of a game: which round it is, and how many answers were right.

    Args:
        questions: a sequence of `Question`, such as `Questions`.
    """

    def __init__(self, questions):
        self.questions, self.answers = questions, []  # the answers: whether each was right

    @property
    def rounds(self):
        """How many rounds there are."""
        return len(self.questions)

    @property
    def number(self):
        """The round that waits for its answer, from 0; `rounds` at the end."""
        return len(self.answers)

    @property
    def over(self):
        return self.number >= self.rounds

    def check_open(self):
        """Raise ValueError if no round is left."""
        if self.over:
            raise ValueError(f"All {self.rounds} rounds are played: begin a new game.")

    @property
    def question(self):
        """What is asked now. Raises ValueError at the end."""
        self.check_open()
        return self.questions[self.number]

    def answer(self, side):
        """Answer 'left' or 'right', and go on to the next round. Returns (whether it was right, the Question)."""
        check_choice("The answer", side, SIDES)
        question = self.question
        self.answers.append(side == question.answer)
        return self.answers[-1], question

    def score(self):
        """(right answers, all answers)."""
        return sum(self.answers), len(self.answers)

    def interval(self, level=0.95):
        """(low, high) of the share of right answers, by `wilson`."""
        return wilson(*self.score(), level)


# --- what there is to see and to read


def boards(seen, question, size, show=SHOWS[0]):
    """Iterator of (Figure, description) of a round: with projections, the board grows by one at a time.

    Args:
        seen: `Seen(net)`.
        question: a `Question`.
        size: side of its photos, in pixels.
        show: 'patches' or 'projections': what is shown of the strongest units. The two new ones are always patches.
    """
    check_choice("What is shown", show, SHOWS)
    new = {side: _tile(seen, question, getattr(question, side), size, SHOWN // 3) for side in SIDES}
    name = f"channel {question.channel} of {question.layer}: "
    if show == "patches":
        yield (
            _board(name, show, [_tile(seen, question, patch, size) for patch in question.shown], new),
            _alt(question, show),
        )
        return
    tiles = [torch.full((1, 3, TILE, TILE), 0.5)] * len(question.shown)
    for n, patch in enumerate(question.shown):
        tiles[n] = seen.projection(
            patch.source, size, question.layer, question.channel, patch.row, patch.column, "deconvnet"
        )
        yield _board(name, show, tiles, new), _alt(question, show)


def _tile(seen, question, patch, size, times=1):
    """A patch as a tile, as large as so many tiles of a mosaic."""
    box = patch_box(question.layer, patch.row, patch.column)
    return tile(seen.photo(patch.source, size), box, times * (TILE + 2) - 2)


def _board(name, show, tiles, new):
    pictures = {f"{name}strongest {show}": mosaic(tiles, 3), **{side.title(): new[side] for side in SIDES}}
    return gallery(pictures, height=3.2)


def _alt(question, show):
    """What there is to see, without the answer."""
    shown = f"The {len(question.shown)} strongest {show} of channel {question.channel} of {question.layer}"
    if show == "patches":
        shown += f", from the photos {', '.join(_name(patch.source) for patch in question.shown)}"
    places = [f"{side} a patch of the photo {_name(getattr(question, side).source)}" for side in SIDES]
    return f"{shown}. Beside them, {' and '.join(places)}."


def _name(source):
    return f"'{title(source) if source in catalogue() else Path(source).name}'"


def verdict(right, question):
    """A sentence on one answer: whether it was right, which side is, and both activations."""
    strong, weak = sorted((question.left.activation, question.right.activation), reverse=True)
    return (
        f"{'Right' if right else 'Wrong'}: the {question.answer} patch activates channel {question.channel} of"
        f" {question.layer} more, {_digits(strong)} against {_digits(weak)}."
    )


def _digits(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def result(game):
    """Sentences on a whole game, or as much of it as is played: the score, its interval, and what was published."""
    right, answered = game.score()
    if not answered:
        return "No answer yet."
    low, high = game.interval()
    published = " and ".join(f"{mean} ± {error} % with {what}" for what, (mean, error) in PUBLISHED.items())
    return (
        f"{right} of {answered} right, {right / answered:.0%}; 95 % interval (Wilson) {low:.0%} to {high:.0%}. The"
        f" volunteers of Borowski et al. (2021) reached {published}; guessing gives 50 %."
    )


# --- the view


def play(layer=ALL, show=SHOWS[0], seed=0, table=None, net=None):
    """The widget: 24 rounds of the game, over a layer or all of them, with patches or projections."""
    table = table or TopActivations.load()
    check_table(table)
    return Play(layer, show, seed, table, Seen(net or vgg19()))


class Play(View):
    """Controls and the board; `job` computes a round, draws it, and prepares the one after it."""

    def __init__(self, layer, show, seed, table, seen):
        self.table, self.seen, self.messages = table, seen, Messages()
        self.layer = menu("layer", [ALL, *table.values], layer)
        self.shown = menu("show", list(SHOWS), show)
        self.seed = number("seed", seed, 0, LARGEST_SEED)
        self.new = w.Button(description="New game", icon="refresh", tooltip="Begin anew with these settings")
        self.left = w.Button(description="Left", icon="arrow-left", tooltip="The left patch activates it more")
        self.right = w.Button(description="Right", icon="arrow-right", tooltip="The right patch activates it more")
        self.next = w.Button(description="Next", icon="forward", tooltip="On to the next round")
        self.text, self.board = w.HTML(), w.HTML()
        self.job = Job(self._draw, self._show, self._drawn)
        for button, action in (
            (self.new, self._begin),
            (self.left, lambda: self._answer("left")),
            (self.right, lambda: self._answer("right")),
            (self.next, self._go_on),
        ):
            button.on_click(self.messages.guard(lambda _, action=action: action()))
        self._begin()
        super().__init__(
            [
                w.HBox([self.layer, self.shown, self.seed, self.new]),
                self.board,
                w.HBox([self.left, self.right, self.next]),
                self.text,
                self.messages,
            ],
            "a game: of two new patches, which one activates a channel more? 24 rounds, with the score.",
        )

    def _begin(self):
        questions = Questions(self.seen, self.table, self.layer.value, ROUNDS, self.seed.value)
        self._now = SimpleNamespace(game=Game(questions), show=self.shown.value)
        self._go_on()

    def _go_on(self):
        """Ask the next question, once its board is drawn. Raises ValueError at the end of the game."""
        self._now.game.check_open()
        self.left.disabled = self.right.disabled = self.next.disabled = True
        self._now = SimpleNamespace(**vars(self._now) | {"number": self._now.game.number})
        self.text.value = f"Round {self._now.number + 1} of {self._now.game.rounds}: looking at photos …"
        self.job.restart()

    def _answer(self, side):
        self._now.game.check_open()
        if self.left.disabled:  # an event of the page that comes late
            answered = self._now.number < self._now.game.number
            raise ValueError(f"This round is {'answered: press Next' if answered else 'not drawn yet: wait for it'}.")
        right, question = self._now.game.answer(side)
        self.left.disabled = self.right.disabled = True
        game, said = self._now.game, verdict(right, question)
        self.next.disabled = game.over
        done, answered = game.score()
        told = f"All {answered} rounds: {result(game)}" if game.over else f"Score: {done} of {answered}."
        self.text.value = html.escape(f"Round {answered}. {said} {told}")

    def _draw(self):
        """Iterator of (the game, its round, HTML of the board), then once more while the next round is prepared."""
        now = self._now
        game, item = now.game, None
        for figure, says in boards(self.seen, game.questions[now.number], self.table.size, now.show):
            item = now, img_tag(figure, says)
            yield item
        if now.number + 1 < game.rounds:
            for _ in boards(self.seen, game.questions[now.number + 1], self.table.size, now.show):
                yield item

    def _show(self, item):
        now, self.board.value = item
        if now is self._now and now.number == now.game.number and self.left.disabled:
            self.text.value = f"Round {now.number + 1} of {now.game.rounds}: which one activates the channel more?"
            self.left.disabled = self.right.disabled = False

    def _drawn(self, state, error):
        if error is not None:
            self.messages.report(error)
