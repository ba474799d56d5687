"""torch.compile behind one switch: the network of a cost is compiled, and what cannot be compiled runs as it is.

Only the network is compiled. It is the same chain of layers in every evaluation, while a term of a cost may be anything
that its author writes. On a card, torch.compile also records the kernels as CUDA graphs, which are started as one.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch

from course_utils.inputs import first_line, short
from course_utils.vgg import VGG, check_layers

BACKEND = "inductor"


class Switch:
    """The activations of a network: compiled if they can be, and otherwise, after one sentence, as they are.

    Args:
        net: a frozen network.
        layers: names of the layers that are wanted.
        compile: whether to compile them.
    Raises:
        ValueError: an unknown layer, or a `compile` that is neither True nor False.
    """

    def __init__(self, net: VGG, layers: Iterable[str], compile: bool = False):
        if not isinstance(compile, bool):
            raise ValueError(f"compile must be True or False, not {short(compile)}.")
        self.net, self.layers, self.compile = net, check_layers(layers, net=net), compile
        self._fast: Callable | None = None

    def run(self, evaluate: Callable[[Callable], Any]) -> Any:
        """What `evaluate` returns, a function of the features: image -> {layer: activations}.

        It is called again without the compiler when the compiler fails, now or in its backward pass.
        """
        if not self.compile:
            return evaluate(self._plain)
        try:
            self._fast = self._fast or self._compiled()
            torch.compiler.cudagraph_mark_step_begin()  # what the last evaluation left in the graph's memory is free
            return evaluate(self._fast)
        except Exception as error:  # compilers raise whatever they like
            found = evaluate(self._plain)  # an error that is not the compiler's comes again, and passes
            self.leave_out(f"torch.compile failed ({first_line(error)})")
            return found

    def leave_out(self, why: str) -> None:
        """Compile no more, and say why."""
        from tqdm import tqdm

        self.compile, self._fast = False, None
        tqdm.write(f"note: {why}: the run goes on without it, with the same result.", file=sys.stderr)

    def _plain(self, image):
        return self.net.features(image, self.layers)

    def _compiled(self):
        net, wanted = self.net, self.layers
        names = net.layers[: max(map(net.layers.index, wanted)) + 1] if wanted else ()
        chain = [(name, net._modules[name]) for name in names]

        def features(image):
            activation, found = net.centre(image), {}
            for name, layer in chain:
                activation = layer(activation)
                if name in wanted:
                    found[name] = activation.to(image.dtype)
            return found

        # a graph with gaps would be slow in silence; the picture keeps its size throughout
        options: dict[str, Any] = {"backend": BACKEND, "fullgraph": True, "dynamic": False}
        if BACKEND == "inductor" and net.mean.is_cuda:
            options["mode"] = "reduce-overhead"
        return torch.compile(features, **options)
