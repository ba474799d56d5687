"""The counts behind the roofline, against what PyTorch executes and counts; the README's table of cards."""

import importlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from course_utils.cost import painting_cost
from course_utils.paths import ROOT

SIZE = (50, 37)  # odd sides, for the poolings
FLOAT = 4


@pytest.fixture
def roofline(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    return importlib.import_module("roofline")


@pytest.fixture
def cost(net):
    pictures = torch.rand(2, 1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    return painting_cost(net, *pictures)


class Moved(TorchDispatchMode):
    """Adds up the numbers that the operations of an evaluation must read and write.

    What can be done on the way counts what it reads besides: the ReLU nothing, its backward pass the outputs, and a sum
    of two gradients the second one.
    """

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result, name = function(*args, **(kwargs or {})), function.overloadpacket.__name__
        maps = args and isinstance(args[0], torch.Tensor) and args[0].ndim == 4 and args[0].shape[1] > 3
        match name:
            case "convolution":  # maps, weights
                self.numbers += numbers(*args[:2], result)
            case "convolution_backward":  # gradient, maps, weights: the maps only matter to the weights' gradient
                self.numbers += numbers(args[0], args[2], result[0])
            case "threshold_backward":
                self.numbers += numbers(args[1])
            case "max_pool2d_with_indices":
                self.numbers += numbers(args[0], result[0])
            case "max_pool2d_with_indices_backward":
                self.numbers += numbers(args[0], result)
            case "bmm":  # a Gram matrix reads its maps once
                self.numbers += numbers(*{each.data_ptr(): each for each in args}.values(), result)
            case "sub" if maps:  # content: it reads both and, for the gradient, both again; then it writes that
                self.numbers += 2 * numbers(*args) + numbers(result)
            case "add" | "add_" if maps:
                self.numbers += numbers(args[1])
        return result


def numbers(*tensors):
    return sum(tensor.numel() for tensor in tensors)


def test_operations_as_torch_counts_them(roofline, cost):
    with FlopCounterMode(display=False) as counter:
        cost(torch.rand(1, 3, *SIZE))
    assert roofline.work(*SIZE).operations == counter.get_total_flops()


def test_bytes_of_what_torch_executes(roofline, cost):
    with Moved() as moved:
        cost(torch.rand(1, 3, *SIZE))
    assert roofline.work(*SIZE).bytes == FLOAT * moved.numbers


def test_the_longer_of_two_times(roofline):
    steps, whole = roofline.steps(*SIZE), roofline.work(*SIZE)
    endless = float("inf")
    for operations, bandwidth, seconds in ((1e9, endless, whole.operations / 1e9), (endless, 1e9, whole.bytes / 1e9)):
        found = roofline.floors(*SIZE, roofline.Rates(operations, bandwidth))
        assert found == pytest.approx((seconds, seconds))
    overlapping, one_by_one = roofline.floors(*SIZE, roofline.Rates(1e9, 1e8))
    times = [(step.operations / 1e9, step.bytes / 1e8) for step in steps]
    assert overlapping == pytest.approx(max(map(sum, zip(*times)))) and one_by_one == pytest.approx(
        sum(map(max, times))
    )
    assert overlapping < one_by_one


def test_the_table_of_the_bench(roofline):
    """A loop that takes twice the time of a machine's best rate reaches half of it."""
    tables, rates = importlib.import_module("tables"), roofline.Rates(1e9, 1e8)
    needed = roofline.work(*SIZE)
    result = {
        "size": SIZE[0],
        "burst": 2,
        "rounds": {"ours": [2 * needed.operations / 1e9], "gatys": [4 * needed.bytes / 1e8]},
        "gflop": 1.0,
        "floor": 1.0,
        "rates": rates._asdict(),
        "needed": needed._asdict(),
        "least": roofline.floors(*SIZE, rates)[1],
    }
    rows = [[cell.strip() for cell in line.split("|")] for line in tables.cost(result).splitlines() if "|" in line]
    assert rows[2][1] == "this course" and rows[2][6] == "50.0%"
    assert rows[3][1] == "Gatys's notebook" and rows[3][7] == "25.0%"


def test_a_copy_is_counted_both_ways(roofline):
    ticks = iter((10.0, 12.0))
    assert roofline.copy_rate(lambda: next(ticks), "cpu", 1000) == 2 * FLOAT * 1000 / 2


def test_the_readme_has_the_table_of_cards(roofline):
    assert roofline.table() in (ROOT / "README.md").read_text(encoding="utf-8")
