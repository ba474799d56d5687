"""The game of lesson 1: its questions, its score, and the view without a browser."""

import random
import re

import pytest
import torch
from scipy.stats import binomtest

from course_utils.images import load_image, load_square, photos, save_image
from course_utils.top import TopActivations, top_activations
from course_utils.widgets import game
from course_utils.widgets.game import ALL, Game, Patch, Question, Questions, strong_and_weak, wilson
from course_utils.widgets.lesson1 import Seen
from events import PATIENCE

NAMES = photos()[::11][:12]


@pytest.fixture(scope="module")
def small(net):
    """The three strongest units in twelve small photos, so that nine are left to ask about."""
    images = [load_square(name, 32) for name in NAMES]
    return top_activations(net, images, k=3, layers=["relu1_1", "relu2_1"], sources=NAMES, progress=False)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(game, "PHOTOS", 4)


def made(*activations):
    """Questions with these pairs of activations, of no photo at all."""
    patches = [[Patch("animal_cat", 0, 0, value) for value in pair] for pair in activations]
    return [Question("relu1_1", n, (), *pair) for n, pair in enumerate(patches)]


def played(questions, player):
    """The game after a player, question -> side, has answered all."""
    result = Game(questions)
    while not result.over:
        result.answer(player(result.question))
    return result


# --- questions


@pytest.mark.parametrize("layer, seed", [(ALL, 0), (ALL, 7), ("relu1_1", game.LARGEST_SEED), ("relu2_1", 3)])
def test_questions_are_what_they_say(net, small, quick, layer, seed):
    """Activations against the network itself; new patches from photos that are not shown, at one place, well apart."""
    questions = Questions(Seen(net), small, layer, 24, seed)
    assert len(questions) == 24 and len(set(questions.units)) == 24
    close = 0
    for question in questions:
        assert layer in (ALL, question.layer)
        known = {patch.source for patch in question.shown}
        assert len(known) == 3 and not known & {question.left.source, question.right.source}
        assert question.left.source != question.right.source and question.left[1:3] == question.right[1:3]
        for patch in (*question.shown, question.left, question.right):
            maps = net.features(load_square(patch.source, 32), [question.layer])[question.layer]
            assert maps[0, question.channel, patch.row, patch.column].item() == pytest.approx(
                patch.activation, rel=1e-3, abs=1e-2
            )
        weak, strong = sorted((question.left.activation, question.right.activation))
        assert 0 < strong <= question.shown[0].activation and weak < strong
        far = weak < strong / 2
        close += not far
    assert close <= 3  # a channel that answers everywhere alike; of four photos no more can be asked


def test_the_strong_patch_is_the_strongest_of_all_other_photos(net, small, monkeypatch):
    """With as many photos as there are, by plain sorting."""
    monkeypatch.setattr(game, "PHOTOS", len(NAMES))
    for question in Questions(Seen(net), small, "relu2_1", 24, 5):
        others = set(NAMES) - {patch.source for patch in question.shown}
        maps = {name: net.features(load_square(name, 32), ["relu2_1"])["relu2_1"][0] for name in others}
        best = max(others, key=lambda name: maps[name][question.channel].max())
        row, column = divmod(maps[best][question.channel].argmax().item(), 16)
        strong = getattr(question, question.answer)
        assert (strong.source, strong.row, strong.column) == (best, row, column)
        weak = min((question.left, question.right), key=lambda patch: patch.activation)
        assert weak.activation == min(found[question.channel, row, column].item() for found in maps.values())


def test_a_seed_is_a_game(net, small, quick):
    first, again, other = (list(Questions(Seen(net), small, ALL, 24, seed)) for seed in (4, 4, 5))
    assert first == again != other
    assert 4 <= sum(question.answer == "right" for question in first) <= 20  # both sides occur
    assert first == [Questions(Seen(net), small, ALL, 24, 4)[n] for n in range(24)]  # in whatever order they are asked


def test_bundled_questions(net):
    """Of the course's own table: nine patches, and two that are not among them."""
    question = Questions(Seen(net), TopActivations.load(), "relu1_1", 24, 0)[0]
    sources = [patch.source for patch in (*question.shown, question.left, question.right)]
    assert len(question.shown) == 9 and len(set(sources)) == 11


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(layer="conv1_1"), "The layer of the game is"),
        (dict(layer=None), "The layer of the game is"),
        (dict(rounds=0), "The number of rounds must be"),
        (dict(rounds=2.5), "The number of rounds must be"),
        (dict(seed=-1), "The seed must be"),
        (dict(seed="a"), "The seed must be"),
        (dict(seed=10**9), "The seed must be"),
        (dict(layer="relu1_1", rounds=65), "Only .* channels answer in 3 pictures"),
        (dict(table=TopActivations({"relu1_1": torch.ones(64, 3)}, {})), "does not say where its pictures are"),
    ],
)
def test_questions_refuse(net, small, change, message):
    with pytest.raises(ValueError, match=message):
        Questions(**(dict(seen=Seen(net), table=small) | change))


def test_a_table_with_too_few_pictures_is_named(net):
    images = [load_square(name, 32) for name in NAMES[:4]]
    table = top_activations(net, images, k=3, layers=["relu1_1"], sources=NAMES[:4], progress=False)
    with pytest.raises(ValueError, match="No two other pictures of this table differ for channel"):
        Questions(Seen(net), table, ALL, 5, 0)[0]
    with pytest.raises(IndexError, match="number of the question"):
        Questions(Seen(net), table, ALL, 5, 0)[5]


def test_strong_and_weak_by_hand():
    maps = {
        "a": torch.tensor([[0.0, 1.0], [5.0, 3.0]]),
        "b": torch.tensor([[0.0, 2.0], [2.0, 9.0]]),
        "c": torch.tensor([[7.0, 0.0], [0.0, 1.0]]),
    }
    assert strong_and_weak(maps) == (Patch("b", 1, 1, 9.0), Patch("c", 1, 1, 1.0))
    assert strong_and_weak({"a": maps["a"], "b": maps["b"]}) == (Patch("b", 1, 1, 9.0), Patch("a", 1, 1, 3.0))
    assert strong_and_weak({"b": maps["b"]}) is None  # against itself
    assert strong_and_weak({"a": maps["a"], "d": maps["a"] - 1}) is None  # more than half as strong
    assert strong_and_weak({"a": maps["a"], "d": maps["a"] - 1}, 1)[1] == Patch("d", 1, 0, 4.0)
    assert strong_and_weak({"a": maps["a"], "d": maps["a"]}, 1) is None
    assert strong_and_weak({"a": torch.zeros(2, 2), "b": torch.zeros(2, 2)}) is None


# --- the state of a game


def test_who_knows_the_activations_is_always_right_and_a_coin_half_the_time(net, small, quick):
    questions = Questions(Seen(net), small, ALL, 24, 2)
    perfect = played(
        questions, lambda question: "left" if question.left.activation > question.right.activation else "right"
    )
    assert perfect.score() == (24, 24)
    wrong = played(questions, lambda question: "right" if question.answer == "left" else "left")
    assert wrong.score() == (0, 24)
    draw = random.Random(1)
    tosses = [draw.random() < 0.5 for _ in range(24)]
    toss = iter(tosses)
    coin = played(questions, lambda question: "left" if next(toss) else "right")
    agree = [("left" if heads else "right") == question.answer for heads, question in zip(tosses, questions)]
    assert coin.answers == agree and coin.score() == (sum(agree), 24)
    low, high = coin.interval()
    assert low < 0.5 < high


def test_a_coin_over_many_rounds():
    """Of 2,000 tosses, by the exact distribution, 1,800 to 2,200 per 4,000 leave out less than 1 in 10⁹."""
    draw = random.Random(3)
    questions = made(*[(0.0, 1.0) if draw.random() < 0.5 else (1.0, 0.0) for _ in range(4000)])
    right, _ = played(questions, lambda _: game.SIDES[draw.random() < 0.5]).score()
    assert 1800 <= right <= 2200


def test_a_game_by_hand():
    now = Game(made((1.0, 0.0), (0.0, 2.0), (3.0, 1.0)))
    assert (now.rounds, now.number, now.over, now.score(), now.interval()) == (3, 0, False, (0, 0), (0.0, 1.0))
    assert game.result(now) == "No answer yet."
    assert now.answer("left") == (True, now.questions[0]) and now.score() == (1, 1)
    with pytest.raises(ValueError, match="The answer is 'left' or 'right', not 'up'"):
        now.answer("up")
    assert now.score() == (1, 1)
    assert now.answer("left")[0] is False and now.answer("left")[0] is True
    assert now.over and now.score() == (2, 3) and now.answers == [True, False, True]
    with pytest.raises(ValueError, match="All 3 rounds are played: begin a new game"):
        now.answer("left")
    assert now.score() == (2, 3)


@pytest.mark.parametrize("answered", [1, 2, 24, 1000])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_interval_is_wilsons(answered, level):
    for right in {0, 1, answered // 3, answered // 2, answered - 1, answered}:
        wanted = binomtest(right, answered).proportion_ci(level, method="wilson")
        assert wilson(right, answered, level) == pytest.approx(tuple(wanted), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "given, message",
    [((3, 2), "right answers"), ((-1, 2), "right answers"), ((0.5, 2), "right answers"), ((0, -1), "of answers")],
)
def test_the_interval_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        wilson(*given)
    for level in (0, 1, "a"):
        with pytest.raises(ValueError, match="The level of the interval"):
            wilson(1, 2, level)


def test_the_published_scores_stand_beside_ones_own():
    said = game.result(played(made(*[(1.0, 0.0)] * 24), lambda _: "left"))
    assert said.startswith("24 of 24 right, 100%; 95 % interval (Wilson) 86% to 100%.")
    assert "92 ± 2 % with natural patches" in said and "82 ± 4 % with synthetic pictures" in said
    assert "Borowski et al. (2021)" in said and "guessing gives 50 %" in said


# --- what there is to see


def test_the_board_shows_the_patches_and_does_not_give_the_answer_away(net, small, quick):
    seen = Seen(net)
    for question in Questions(seen, small, ALL, 4, 1):
        for show, count in (("patches", 1), ("projections", 3)):
            drawn = list(game.boards(seen, question, 32, show))
            assert len(drawn) == count  # projections come one by one
            figure, says = drawn[-1]
            nine, left, right = (axis.get_images()[0].get_array() for axis in figure.axes)
            assert left.shape == right.shape == (316, 316, 3) and nine.shape == (104, 316, 3)
            titles = [axis.get_title().replace("\n", " ") for axis in figure.axes]
            assert titles[1:] == ["Left", "Right"] and f"strongest {show}" in titles[0]
            assert f"channel {question.channel} of {question.layer}" in says
            exchanged = Question(question.layer, question.channel, question.shown, question.right, question.left)
            _, other = list(game.boards(seen, exchanged, 32, show))[-1]
            first, second = (game._name(getattr(question, side).source) for side in game.SIDES)
            marked = other.replace(f"left a patch of the photo {second}", "A").replace(
                f"right a patch of the photo {first}", "B"
            )
            assert marked == says.replace(f"left a patch of the photo {first}", "A").replace(
                f"right a patch of the photo {second}", "B"
            )  # the two differ in their names alone
            assert not re.search(r"activat|answer|\b(more|less|stronger|weaker)\b", says)
    with pytest.raises(ValueError, match="What is shown"):
        next(game.boards(seen, question, 32, "photos"))


def test_verdicts():
    strong, weak = Patch("a", 0, 0, 8120.4), Patch("b", 0, 0, 0.0)
    question = Question("relu3_1", 12, (), weak, strong)
    assert game.verdict(True, question) == (
        "Right: the right patch activates channel 12 of relu3_1 more, 8,120 against 0."
    )
    assert game.verdict(False, question).startswith("Wrong: the right patch activates")


# --- the view


def view_of(net, table, **options):
    view = game.play(table=table, net=net, **options)
    view.job.wait(PATIENCE)
    return view


def enabled(view):
    return [name for name in ("left", "right", "next") if not getattr(view, name).disabled]


@pytest.mark.long
@pytest.mark.parametrize("show", game.SHOWS)
def test_a_game_by_its_buttons(net, small, quick, monkeypatch, show):
    rounds = 24 if show == "patches" else 4
    monkeypatch.setattr(game, "ROUNDS", rounds)
    view = view_of(net, small, layer="relu1_1", show=show, seed=3)
    questions = Questions(Seen(net), small, "relu1_1", rounds, 3)
    draw, right = random.Random(8), 0
    for n, question in enumerate(questions):
        assert enabled(view) == ["left", "right"] and view.text.value.startswith(f"Round {n + 1} of {rounds}")
        assert f"channel {question.channel} of relu1_1" in view.board.value and "<img alt=" in view.board.value
        side = draw.choice(game.SIDES)
        getattr(view, side).click()
        right += side == question.answer
        assert f"the {question.answer} patch activates" in view.text.value
        assert ("Right: " if side == question.answer else "Wrong: ") in view.text.value
        if n < rounds - 1:
            assert enabled(view) == ["next"] and f"Score: {right} of {n + 1}." in view.text.value
            before = view.board.value
            view.next.click()
            view.job.wait(PATIENCE)
            assert view.board.value != before
    assert enabled(view) == [] and f"All {rounds} rounds: {right} of {rounds} right" in view.text.value
    assert "92 ± 2 %" in view.text.value and view.messages.outputs == ()
    view.layer.value, view.seed.value, view.shown.value = ALL, game.LARGEST_SEED, "patches"
    view.new.click()
    view.job.wait(PATIENCE)
    assert enabled(view) == ["left", "right"] and "Round 1 of" in view.text.value


@pytest.mark.long
def test_what_comes_too_late_or_too_often_is_said_or_does_nothing(net, small, quick, monkeypatch):
    monkeypatch.setattr(game, "ROUNDS", 3)
    view = view_of(net, small, layer="relu1_1")
    for _ in range(3):
        view.left.click()
        view.next.click()
        if not view._now.game.over:
            view.job.wait(PATIENCE)
    for button in (view.left, view.right, view.next):
        button.click()  # as a late event of the page would
        ((output,),) = [view.messages.outputs]
        assert output["text"] == "All 3 rounds are played: begin a new game.\n"
    assert view._now.game.score()[1] == 3
    view.new.click()
    view.job.wait(PATIENCE)
    assert view.messages.outputs == () and enabled(view) == ["left", "right"]
    view.left.click()
    view.left.click()  # a second click on the same round is no second answer
    assert view._now.game.score()[1] == 1 and view.messages.outputs[0]["text"].startswith("This round is answered")
    view.new.click()  # while nothing runs; then twice at once
    view.new.click()
    view.job.wait(PATIENCE)
    assert enabled(view) == ["left", "right"] and "Round 1 of 3" in view.text.value


def test_a_lost_file_and_a_broken_callback_are_told(net, tmp_path, quick, monkeypatch):
    for n, name in enumerate(NAMES):
        save_image(load_image(name, 40), tmp_path / f"{n}.png")
    sources = [str(tmp_path / f"{n}.png") for n in range(len(NAMES))]
    table = top_activations(
        net, [load_square(source, 32) for source in sources], k=3, layers=["relu1_1"], sources=sources, progress=False
    )
    view = view_of(net, table, layer="relu1_1")
    assert view.board.value.count(".png") == 5
    for n in range(len(NAMES)):
        (tmp_path / f"{n}.png").unlink()
    view.seen = Seen(net)  # nothing is remembered
    view.new.click()
    with pytest.raises(ValueError):
        view.job.wait(PATIENCE)
    assert ".png" in view.messages.outputs[0]["text"] and enabled(view) == []
    for n, name in enumerate(NAMES):
        save_image(load_image(name, 40), tmp_path / f"{n}.png")
    view.new.click()
    assert view.job.wait(PATIENCE) == "finished" and enabled(view) == ["left", "right"] and not view.messages.outputs

    def broken(*_, **__):
        raise ValueError("This callback is broken on purpose.")

    monkeypatch.setattr(game, "verdict", broken)
    view.left.click()
    assert [output["text"] for output in view.messages.outputs] == ["This callback is broken on purpose.\n"]
    monkeypatch.setattr(game, "Questions", broken)
    view.new.click()
    assert [output["text"] for output in view.messages.outputs] == ["This callback is broken on purpose.\n"]


@pytest.mark.parametrize("given", [dict(layer="conv1_1"), dict(show="photos"), dict(seed=-1), dict(seed="a")])
def test_arguments_that_the_game_cannot_take(net, small, given):
    with pytest.raises(ValueError, match=r"^The field '\w+' [^\n]+\.$"):
        game.play(**(dict(table=small, net=net) | given))
