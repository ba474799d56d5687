"""Which layers commute with a positive scale for each feature map: f(c · x) = c · f(x), map by map.

A network is followed operation by operation (`torch.fx`), and with each value goes the name of the convolution whose
scale it carries. Convolutions and linear layers take a scale in and undo it; rectifications and poolings hand it on;
what does neither is named.
"""
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import fx, nn

from course_utils.vgg import VGG19

RECTIFIERS = {"relu", "leakyrelu", "prelu"}
PER_MAP = RECTIFIERS | {          # positively homogeneous, and no map depends on another
    "identity", "dropout", "dropout2d", "maxpool2d", "avgpool2d", "adaptivemaxpool2d", "adaptiveavgpool2d", "lppool2d", "upsample",
    "interpolate", "zeropad2d", "reflectionpad2d", "replicationpad2d", "circularpad2d", "contiguous", "clone"}
READS = {"size", "getattr", "getitem", "dim"}           # read sizes, not values
ACROSS = "it mixes feature maps, whose scales differ"
REASONS = {
    "localresponsenorm": "it divides each feature map by its neighbours, whose scales differ",
    **dict.fromkeys(["sigmoid", "tanh", "gelu", "silu", "elu", "celu", "selu", "softplus", "mish", "hardswish", "hardsigmoid", "softsign",
                     "logsigmoid", "exp", "log"], "its graph is curved or shifted, so that f(c·x) is not c·f(x)"),
    **dict.fromkeys(["relu6", "hardtanh", "clamp", "clip"], "it cuts off at a fixed value, which does not grow with the scale"),
    **dict.fromkeys(["softmax", "logsoftmax", "softmax2d", "softmin"], "exponentials turn a factor into a power, so that f(c·x) is not c·f(x)"),
    **dict.fromkeys(["maxpool3d", "avgpool3d", "max", "min", "logsumexp"], ACROSS),
    **dict.fromkeys(["layernorm", "groupnorm", "instancenorm2d", "rmsnorm"], "it divides by a deviation measured anew, and takes the scale away"),
    "cat": "it joins maps of several layers, each with scales of its own",
}
UNKNOWN = "it is not known to commute with a scale for each feature map"


class Scale(NamedTuple):
    """The scale that a value carries: that of a convolution's filters, one number for each map."""
    convolution: str
    flat: bool = False          # whether the maps have been flattened, one after the other


@dataclass
class Flow:
    """How the scales go through a network.

    Attributes:
        graph: `torch.fx.GraphModule` of the network, whose modules are the network's own.
        incoming: {convolution, linear or batch-norm layer: name of the convolution whose scale it takes in, or None}.
        rectified: {node of the graph: convolution}, the first rectification after each convolution.
        carried: {name of a layer: name of the convolution whose scale its output carries}.
        output: `Scale` of the result, or None if the network has undone it.
        problem: a sentence on the first operation that forbids rescaling, or ''.
    """
    graph: fx.GraphModule
    incoming: dict = field(default_factory=dict)
    rectified: dict = field(default_factory=dict)
    carried: dict = field(default_factory=dict)
    output: Scale | None = None
    problem: str = ""


class _Centre(nn.Module):
    """Subtracts the mean colour, as `VGG19` does before its first layer."""

    def __init__(self, mean):
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, image):
        return image - self.mean


def follow(net):
    """`Flow` of a network: VGG19, nn.Sequential, torchvision's VGG family, or any module that torch.fx can trace.

    Raises:
        ValueError: the way through the network cannot be followed.
    """
    if isinstance(net, VGG19):          # its forward asks for sizes and names, which fx cannot trace; its layers are a chain
        net = nn.Sequential(OrderedDict([("centre", _Centre(net.mean)), *net.named_children()]))
    try:
        graph = fx.symbolic_trace(net)
    except Exception as error:          # fx documents no exception of its own for what it cannot trace
        raise ValueError(f"The way through this {type(net).__name__} cannot be followed ({error}): give its layers as an nn.Sequential.") from error
    flow, scales, used = Flow(graph), {}, set()
    for node in graph.graph.nodes:
        scales[node] = _step(flow, node, scales, used)
        if node.op == "call_module" and scales[node]:
            flow.carried[node.target] = scales[node].convolution
    return flow


def _step(flow, node, scales, used):
    """The scale that the result of one operation carries; enters in `flow` what the operation means for it."""
    carried = [scales[source] for source in node.all_input_nodes]
    scale = next(filter(None, carried), None)
    if node.op == "output":
        flow.output = scale if isinstance(node.args[0], fx.Node) else None
        return _refuse(flow, node, "it gives out several tensors") if scale and flow.output is None else scale
    if node.op in ("placeholder", "get_attr"):
        return None
    kind = _kind(flow, node)
    module = flow.graph.get_submodule(node.target) if node.op == "call_module" else None
    if module is not None and kind in ("conv2d", "linear", "batchnorm2d"):
        return _parametric(flow, node, kind, module, scale, used)
    if scale is None or kind in READS:
        return None
    if kind in RECTIFIERS and scale.convolution not in flow.rectified.values():
        flow.rectified[node] = scale.convolution
    result = RULES[kind](node, module, scale, carried) if kind in RULES else scale if kind in PER_MAP else REASONS.get(kind, UNKNOWN)
    return _refuse(flow, node, result) if isinstance(result, str) else result


def _kind(flow, node):
    """'maxpool2d' for nn.MaxPool2d, F.max_pool2d and the like."""
    if node.op == "call_module":
        name = type(flow.graph.get_submodule(node.target)).__name__
    else:
        name = node.target if node.op == "call_method" else node.target.__name__
    return name.lower().replace("_", "")


def _parametric(flow, node, kind, module, scale, used):
    """A layer with weights: it takes the scale in. A convolution gives out a scale of its own, batch norm in evaluation hands it on."""
    shared = used & {id(parameter) for parameter in module.parameters()}
    used |= {id(parameter) for parameter in module.parameters()}
    if shared:
        return _refuse(flow, node, "its weights are used twice, and cannot carry two scales")
    if kind == "batchnorm2d":
        if scale and (module.training or module.running_mean is None):
            return _refuse(flow, node, "batch norm in training mode normalises by the batch, and takes the scale away: call eval() first")
        if scale:
            flow.incoming[node.target] = scale.convolution
        return scale
    if kind == "linear" and scale and not scale.flat:
        return _refuse(flow, node, "a linear layer on maps that are not flattened mixes columns, not maps")
    flow.incoming[node.target] = scale.convolution if scale else None
    return Scale(node.target) if kind == "conv2d" else None


# --- operations without weights: each rule returns the scale of the result, or why there is none ------------

def _argument(node, position, name, default):
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _flattened(node, module, scale, carried):
    start = module.start_dim if module is not None else _argument(node, 1, "start_dim", 0)
    return scale._replace(flat=True) if start == 1 else UNKNOWN


def _viewed(node, module, scale, carried):
    return scale._replace(flat=True) if len(node.args) == 3 and node.args[2] == -1 else UNKNOWN         # x.view(len(x), -1)


def _reduced(node, module, scale, carried):
    axes = _argument(node, 1, "dim", None)
    axes = {axis % 4 for axis in ([axes] if isinstance(axes, int) else axes or range(4))}
    if axes != {2, 3} or scale.flat:
        return ACROSS if 1 in axes or scale.flat else UNKNOWN
    return scale._replace(flat=not _argument(node, 2, "keepdim", False))


def _joined(node, module, scale, carried):
    if not all(isinstance(value, fx.Node) for value in node.args):
        return "it adds a constant, which does not grow with the scale"
    return scale if {*carried} == {scale} else "it joins values that carry two different scales (a residual sum)"


def _multiplied(node, module, scale, carried):
    numbers = [value for value in node.args if isinstance(value, (int, float))]
    divides_by_it = "div" in str(node.target) and numbers and node.args[0] is numbers[0]
    return scale if len(numbers) == 1 and not divides_by_it else "a product of two scaled values carries both their scales"


RULES = {"flatten": _flattened, "view": _viewed, "reshape": _viewed, **dict.fromkeys(["mean", "sum", "amax", "amin"], _reduced),
         **dict.fromkeys(["add", "iadd", "sub", "isub"], _joined), **dict.fromkeys(["mul", "imul", "truediv", "itruediv", "div"], _multiplied)}


def _refuse(flow, node, why):
    """Keep the sentence of the first operation that forbids it; from there on nothing carries a scale."""
    if node.op == "call_module":
        what = f"Layer '{node.target}' ({type(flow.graph.get_submodule(node.target)).__name__})"
    else:
        what = f"The operation '{_kind(flow, node)}'"
    flow.problem = flow.problem or f"{what} forbids rescaling: {why}."
    return None
