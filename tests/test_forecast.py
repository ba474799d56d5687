"""Forecasts against what is really held, and the choice of tiles without regard to the machine."""

import itertools
import re

import pytest
import torch

from course_utils import forecast as module
from course_utils.checkpoint import Checkpoint
from course_utils.cost import TiledCost, painting_cost
from course_utils.forecast import GiB, choose, forecast_of, free_memory, memory_of, minutes, work_of
from course_utils.settings import Settings
from course_utils.tiles import Plan
from course_utils.transfer import descend, minimise, relative_weight, transfer
from course_utils.vgg import VGG19, vgg19
from course_utils.winograd import prepared
from live import Live

CONTENT, STYLE = [*Settings().content_layers], [*Settings().style_layers]
CPU = torch.device("cpu")


def picture(height, width, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def free(monkeypatch):
    """free(bytes): from now on, so much memory is free."""
    return lambda amount: monkeypatch.setattr(module, "free_memory", lambda device: float(amount))


# --- memory -----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size, other, tile", [((256, 256), (256, 256), None), ((192, 256), (320, 320), 96)])
def test_memory_against_the_tensors_themselves(pooling, size, other, tile):
    """Not below what is held, and not far above it, targets and descent included."""
    photo, painting = picture(*size), picture(*other, 1)
    net = prepared(vgg19(pooling=pooling), photo, CONTENT + STYLE)  # the fast filters belong to the network
    with Live([*net.parameters(), *net.buffers(), photo, painting]) as live:
        cost = painting_cost(net, photo, painting, tile=tile)
        for state in minimise(cost, photo, 2):
            del state
    held = live.most + 4 * (photo.numel() + painting.numel())
    counted = memory_of(net, CONTENT, STYLE, size, other, tile, pairs=1)
    assert held <= counted <= 1.5 * held


def test_memory_grows_with_the_tile_and_the_pixels():
    """Four times the pixels: four times the memory without tiles; with them, what grows is less than twice what the
    descent holds.
    """
    net = VGG19("average")

    def needed(side, tile=None, pairs=10):
        return memory_of(net, CONTENT, STYLE, (side, side), tile=tile, pairs=pairs)

    assert needed(4096) == pytest.approx(4 * needed(2048), rel=0.05)
    for tile in (256, 1024):
        growth = (needed(8192, tile) - needed(4096, tile)) / (8192**2 - 4096**2)  # bytes for each pixel
        assert growth < 2 * 4 * 3 * (2 * module.PAIRS + module.BESIDE) and needed(4096, tile) < needed(4096) / 2
    assert needed(64, pairs=11) - needed(64) == 4 * 2 * 3 * 64**2
    assert needed(2048, 1024, pairs=0) < 3 * 2**30


def test_the_limit_of_a_container(tmp_path):
    assert module._left_in_group(tmp_path) == float("inf")
    (tmp_path / "memory").mkdir()
    for name, value in (("limit_in_bytes", "5000"), ("usage_in_bytes", "2000")):
        (tmp_path / "memory" / f"memory.{name}").write_text(f"{value}\n")
    (tmp_path / "memory" / "memory.stat").write_text("cache 7\ntotal_inactive_file 500\n")
    assert module._left_in_group(tmp_path) == 3500
    for limit, left in (("max", 3500), ("1000", 0), ("4000", 1600)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text("3000\n")
        (tmp_path / "memory.stat").write_text(f"anon 12\ninactive_file {600 if limit == '4000' else 0}\n")
        assert module._left_in_group(tmp_path) == left
    assert 0 < free_memory(CPU) <= module.psutil.virtual_memory().total


# --- time -------------------------------------------------------------------------------------------------------


def test_time_grows_with_pixels_evaluations_and_work(net):
    ticks = itertools.count()

    def seconds(size, evaluations, tile=None):  # one evaluation of the small picture takes one second
        return forecast_of(net, Settings(), size, size, evaluations, tile, lambda: float(next(ticks))).seconds

    side = module.TRIAL
    assert seconds((side, side), 1) == 1 and seconds((2 * side, side), 10) == 20
    work = work_of(net, [*CONTENT, *STYLE], (2 * side, side), 64)
    assert work == Plan(net, [*CONTENT, *STYLE], (2 * side, side), 64).work() > 1
    assert seconds((2 * side, side), 10, 64) == pytest.approx(20 * work)
    assert (minutes(89), minutes(95), minutes(600), GiB(0), GiB(2**31)) == (
        "89 s",
        "2 min",
        "10 min",
        "0.1 GiB",
        "2.0 GiB",
    )


# --- the choice -------------------------------------------------------------------------------------------------


def test_tiles_only_where_the_whole_does_not_fit(free):
    """The largest that fit; the smallest where none does; never for a cost that cannot be divided."""
    net, size = VGG19("average"), (6048, 8064)
    needed = {tile: memory_of(net, CONTENT, STYLE, size, tile=tile) for tile in (None, *module.SIDES)}
    assert sorted(needed, key=needed.get) == [256, 512, 1024, 2048, None]
    for tile, amount in needed.items():
        free(1.0001 * amount / module.SHARE)
        choice = choose(net, CONTENT, STYLE, size, size, CPU)
        assert choice.tile == tile and choice.memory == amount
        work = work_of(net, [*CONTENT, *STYLE], size, tile)
        assert choice.sentence == "" if tile is None else f"in tiles of {tile} pixels" in choice.sentence
        assert tile is None or f"{GiB(amount)} and {work:.1f} times the work." in choice.sentence
    free(needed[256] / 2)
    choice = choose(net, CONTENT, STYLE, size, size, CPU)
    assert choice.tile == 256 and choice.sentence.endswith("Even this may be too much: take a smaller size.")
    for given in ((size, size, CPU, False), ((200, 200), (200, 200), CPU)):
        free(2**20)
        choice = choose(net, CONTENT, STYLE, *given)
        assert choice.tile is None and re.fullmatch(
            r"The run may need [\d.]+ GiB of memory, and 0.1 GiB are free: close other programs, or .*",
            choice.sentence,
        )


@pytest.fixture
def small_sides(monkeypatch):
    monkeypatch.setattr(module, "SIDES", (48, 32))


PAIR = picture(40, 64), picture(48, 48, 1)
OPTIONS = {"device": "cpu", "start": "content"}


def test_transfer_chooses_and_says_so(net, free, small_sides):
    """A descent computes the whole unless it is told otherwise; a term that tiles cannot compute forbids them."""
    said = []
    for amount, kind in ((2**40, "Cost"), (2**20, "TiledCost")):
        free(amount)
        result = transfer(*PAIR, **OPTIONS, net=net, evaluations=1, say=said.append)
        assert type(result.cost).__name__ == kind
        transfer(*PAIR, **OPTIONS, net=net, evaluations=1, tile=None, say=said.append)
    assert len(said) == 1 and said[0].startswith(
        "The whole picture would need 0.1 GiB of memory, and 0.1 GiB are free:"
    )
    assert result.cost.passes.tile == 32
    one, other = (next(descend(*PAIR, **OPTIONS, net=net, tile=tile)).losses["total"] for tile in ("auto", 32))
    assert one == other and relative_weight(20, *PAIR, net=net, device="cpu", tile="auto") > 0

    class Mine:
        name, weight, layers = "mine", 1.0, ("relu1_1",)

        def __call__(self, image, features):
            return features["relu1_1"].mean((1, 2, 3))

    assert not isinstance(
        transfer(*PAIR, **OPTIONS, net=net, evaluations=1, more=[Mine()], say=said.append).cost, TiledCost
    )
    assert len(said) == 2 and said[1].startswith("The run may need")
    with pytest.raises(ValueError, match="tile, if it is no number, is one of 'auto', not 'never'"):
        transfer(*PAIR, **OPTIONS, net=net, evaluations=1, tile="never")


def test_a_long_run_begins_with_a_forecast(net, free, monkeypatch, capsys):
    """Only a long one; the evaluations before a resumed run do not count."""
    free(2**40)
    pixels, said = PAIR[0][0, 0].numel(), []
    for least in (2 * pixels + 1, 2 * pixels):
        monkeypatch.setattr("course_utils.transfer.LONG", least)
        transfer(*PAIR, **OPTIONS, net=net, evaluations=2, say=said.append)
    assert len(said) == 1
    assert re.fullmatch(r"The run takes about \d+ s, and 0.1 GiB of memory beside the network.", said[0])
    transfer(*PAIR, **OPTIONS, net=net, evaluations=2)
    assert capsys.readouterr().err == said[0] + "\n"


# --- stopped and resumed ----------------------------------------------------------------------------------------


def test_a_resumed_run_keeps_its_tiles(net, free, small_sides, tmp_path):
    """To the bit, whatever is free by then; another tile that is asked for is taken, and said."""
    path, said = tmp_path / "out.png.state", []

    def run(evaluations, amount, **more):
        free(amount)
        return transfer(*PAIR, **OPTIONS, net=net, evaluations=evaluations, say=said.append, **more)

    for first, then in ((2**20, 2**40), (2**40, 2**20)):
        whole = run(3, first)
        said.clear()
        run(3, first, checkpoint=Checkpoint(path), on_state=lambda state: state.evaluations == 2)
        tile = whole.cost.passes.tile if isinstance(whole.cost, TiledCost) else None
        assert len(said) == (tile is not None)
        rest = run(3, then, checkpoint=Checkpoint(path, resume=True, say=said.append))
        assert rest.image.equal(whole.image) and rest.losses == whole.losses and rest.history == whole.history
        assert len(said) == 1 + (tile is not None) and "after 2 evaluations" in said[-1]
        other = run(3, then, tile=48 if tile else 32, checkpoint=Checkpoint(path, resume=True, say=said.append))
        assert other.cost.passes.tile == (48 if tile else 32) and "(tile: " in said[-2] and "last bit" in said[-2]
        assert other.losses["total"] == pytest.approx(whole.losses["total"], rel=1e-2)
