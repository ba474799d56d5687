"""torch.compile behind its switch: the same pictures with it and without, and one sentence where it fails."""

import pytest
import torch

from bounds import rounding
from course_utils import compiled
from course_utils.cost import Cost, TotalVariation, painting_cost
from course_utils.images import load_image
from course_utils.transfer import descend

SENTENCE = "the run goes on without it, with the same result."


@pytest.fixture(scope="module")
def pair():
    return load_image("animal_koala", 32), load_image("van_gogh_night_cafe", 32)


@pytest.fixture(scope="module")
def plain(net, pair):
    return list(descend(*pair, net=net, evaluations=4))


def sentences(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]


def compiles():
    """Whether torch can compile under this Python."""
    try:
        return torch.compile(lambda x: x + 1, backend="eager", fullgraph=True)(torch.ones(1)).item() == 2
    except RuntimeError:
        return False


@pytest.mark.filterwarnings("ignore")  # of the compiler's own insides
def test_the_network_is_compiled_once(net, pair, plain, capsys, monkeypatch):
    """Led by the transport and not, forward and backward; or not at all, with a sentence, where torch cannot."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(sum(node.op != "placeholder" for node in graph.graph.nodes))
        return graph.forward

    monkeypatch.setattr(compiled, "BACKEND", backend)
    torch._dynamo.reset()
    able = compiles()
    states = list(descend(*pair, net=net, evaluations=4, compile=True))
    assert len(graphs) == able and len(sentences(capsys)) == 1 - able
    assert not able or graphs[0] > 2 * 13  # the convolutions up to relu5_1, and their ReLUs
    assert states[-1].losses == pytest.approx(plain[-1].losses, rel=100 * rounding(net))


class Breaks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, outer):
        raise RuntimeError("no backward\nfor you")


FAILURES = {
    "compiler": lambda function: lambda image: 1 / 0,
    "backward": lambda function: lambda image: {name: Breaks.apply(maps) for name, maps in function(image).items()},
    "Python": None,
}


@pytest.mark.parametrize("failure", FAILURES)
def test_where_it_fails_the_run_goes_on(net, pair, plain, capsys, monkeypatch, failure):
    """At once, in the backward pass, or because torch refuses this Python: one sentence for the whole run."""
    calls = []

    def compile(function, **options):
        calls.append(options)
        if failure == "Python":
            raise RuntimeError("Dynamo is not supported on Python 4")
        return FAILURES[failure](function)

    monkeypatch.setattr(torch, "compile", compile)
    states = list(descend(*pair, net=net, evaluations=4, compile=True))
    (sentence,) = sentences(capsys)
    assert sentence.startswith("note: torch.compile failed (") and sentence.endswith(SENTENCE) and len(calls) == 1
    assert torch.equal(states[-1].image, plain[-1].image)  # 32 pixels: the same convolutions as without the switch


def test_later_failures_count_too(net, pair, capsys, monkeypatch):
    used = []

    def compile(function, **options):
        def fast(image):
            used.append(1)
            if len(used) == 3:
                raise OSError("the compiler is gone")
            return function(image)

        return fast

    monkeypatch.setattr(torch, "compile", compile)
    assert len(list(descend(*pair, net=net, evaluations=5, compile=True))) == 5
    assert len(used) == 3 and len(sentences(capsys)) == 1


def test_other_errors_pass(net, pair, capsys, monkeypatch):
    """Those of a term, and a Ctrl-C; neither is blamed on the compiler."""
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)

    class Term(TotalVariation):
        def __call__(self, image, features):
            raise error

    for error in (ValueError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            Cost(net, [Term(1.0)], compile=True)(pair[0])
    assert not sentences(capsys)


def test_tiles_are_not_compiled(net, pair, capsys):
    one, other = (painting_cost(net, *pair, tile=32, compile=compile)(pair[0]) for compile in (False, True))
    (sentence,) = sentences(capsys)
    assert "size of a tile" in sentence and sentence.endswith(SENTENCE) and torch.equal(one[1], other[1])


def test_yes_or_no(net):
    with pytest.raises(ValueError, match="^compile must be True or False, not 'yes'.$"):
        Cost(net, [TotalVariation(1.0)], compile="yes")
