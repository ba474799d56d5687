"""Which layers commute with a positive scale for each feature map: f(c · x) = c · f(x), map by map.

`scale_flow` follows a network operation by operation (`torch.fx`). With each value it keeps the name of the convolution
whose scale the value carries. Convolutions and linear layers undo the scale of their input, and a convolution gives its
output a scale of its own. Rectifications and poolings hand the scale on. Any other operation on a scaled value is
reported by name, with the reason why it does not hand the scale on.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import fx, nn

from course_utils.inputs import first_line, short
from course_utils.vgg import VGG

RECTIFIERS = {"relu", "leakyrelu", "prelu"}
PER_MAP = RECTIFIERS | {  # positively homogeneous, and no map depends on another
    "identity",
    "dropout",
    "dropout2d",
    "maxpool2d",
    "avgpool2d",
    "adaptivemaxpool2d",
    "adaptiveavgpool2d",
    "lppool2d",
    "upsample",
    "interpolate",
    "zeropad2d",
    "reflectionpad2d",
    "replicationpad2d",
    "circularpad2d",
    "contiguous",
    "clone",
}
SIZES = {"shape", "ndim", "dtype", "device"}  # attributes that do not depend on the values


class Unsupported(str):
    """Why `scale_flow` cannot follow an operation, although it need not forbid rescaling.

    A reason that is a plain text says why an operation forbids rescaling.
    """


CUTS = "it cuts off at a fixed value, which does not grow with the scale"
ACROSS = "it mixes feature maps, whose scales differ"
REASONS = {
    "localresponsenorm": "it divides each feature map by its neighbours, whose scales differ",
    **dict.fromkeys(
        [
            "sigmoid",
            "tanh",
            "gelu",
            "silu",
            "elu",
            "celu",
            "selu",
            "softplus",
            "mish",
            "hardswish",
            "hardsigmoid",
            "softsign",
            "logsigmoid",
            "exp",
            "log",
        ],
        "its graph is curved or shifted, so that f(c·x) is not c·f(x)",
    ),
    **dict.fromkeys(["relu6", "hardtanh"], CUTS),
    **dict.fromkeys(
        ["softmax", "logsoftmax", "softmax2d", "softmin"],
        "exponentials turn a factor into a power, so that f(c·x) is not c·f(x)",
    ),
    **dict.fromkeys(["maxpool3d", "avgpool3d", "logsumexp"], ACROSS),
    **dict.fromkeys(
        ["layernorm", "groupnorm", "instancenorm2d", "rmsnorm"],
        "it divides by a deviation measured anew, and takes the scale away",
    ),
    **dict.fromkeys(
        ["cat", "concat", "concatenate"],
        Unsupported("each map would keep its own scale, but this follows one list of scales only"),
    ),
    "getitem": Unsupported("it picks out a part; this does not follow which maps, and so which scales, are left"),
    **dict.fromkeys(
        ["pad", "constantpad2d", "threshold"],
        Unsupported("zeros would keep the scale, other constants not; this does not tell them apart"),
    ),
}
SEVERAL = Unsupported("it gives out several tensors")
WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
UNKNOWN = Unsupported("it is not known whether it commutes with a scale for each feature map")
HIDDEN = (
    "it has hooks, through which this cannot see (weight_norm, spectral_norm and pruning set such hooks): remove them"
    " first"
)


class FlowError(ValueError):
    """The way through a network cannot be followed."""


class Scale(NamedTuple):
    """The scale that a value carries: that of a convolution's filters, one number for each map."""

    convolution: str
    flat: bool = False  # whether the maps have been flattened, one after the other


@dataclass
class Flow:
    """How the scales go through a network.

    Attributes:
        graph: `torch.fx.GraphModule` of the network, whose modules are the network's own.
        incoming: {convolution, linear or batch-norm layer: name of the convolution whose scale it takes in, or None}.
        rectified: {node of the graph: convolution}; the node is the first rectification after the convolution.
        carried: {layer: `Scale` of its output, or None}; layers that occur twice are missing.
        output: `Scale` of the result, or None if the network has undone the last scale.
        problem: a sentence on the first operation that forbids rescaling or is not supported; '' if there is none.
    """

    graph: fx.GraphModule
    incoming: dict = field(default_factory=dict)
    rectified: dict = field(default_factory=dict)
    carried: dict = field(default_factory=dict)
    output: Scale | None = None
    problem: str = ""


def scale_flow(net):
    """`Flow` of a network: `VGG`, nn.Sequential, torchvision's VGG family, or any module that torch.fx can trace.

    Raises:
        FlowError: the way through the network cannot be followed.
    """
    _refuse_wrapped(net)
    if type(net).forward is VGG.forward and type(net).features is VGG.features and type(net).walk is VGG.walk:
        net = nn.Sequential(OrderedDict(net.named_children()))  # VGG's own forward checks sizes, which fx cannot trace
    try:
        graph = fx.symbolic_trace(net)
    except Exception as error:  # fx documents no exception of its own for what it cannot trace
        raise FlowError(
            f"The way through this {type(net).__name__} cannot be followed ({first_line(error)}): give its layers as"
            " one nn.Sequential."
        ) from error
    flow, scales, uses = (
        Flow(graph),
        {},
        Counter(id(tensor) for node in graph.graph.nodes for tensor in _tensors(graph, node)),
    )
    for name, module in net.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            flow.problem = flow.problem or f"Layer '{name}' ({type(module).__name__}) is not supported here: {HIDDEN}."
    calls = Counter(node.target for node in graph.graph.nodes if node.op == "call_module")
    for node in graph.graph.nodes:
        scales[node] = _step(flow, node, scales, uses)
        if node.op == "call_module" and calls[node.target] == 1:
            flow.carried[node.target] = scales[node]
    return flow


def _refuse_wrapped(net):
    """Raise FlowError unless a network is an nn.Module whose layers can be seen."""
    if not isinstance(net, nn.Module):
        raise FlowError(f"The network must be an nn.Module, not {short(net)}.")
    for name, module in net.named_modules():
        what = f"Layer '{name}'" if name else "The network"
        if isinstance(module, torch.jit.ScriptModule):
            raise FlowError(
                f"{what} was made by torch.jit, and its weights cannot be reached: give the module that it was made"
                " from."
            )
        for attribute in ("_orig_mod", "module"):  # torch.compile; DataParallel and DistributedDataParallel
            if list(module._modules) == [attribute] and (attribute == "_orig_mod" or isinstance(module, WRAPPERS)):
                raise FlowError(
                    f"{what} is wrapped in {type(module).__name__}: unwrap it, give its attribute .{attribute}."
                )


def drops(node):
    """Whether an operation is a dropout called as a function and not switched off; F.dropout drops by default."""
    if node.op == "call_module" or "dropout" not in str(getattr(node.target, "__name__", node.target)):
        return False
    return bool(_argument(node, 2, "training", "train", default=True))


def _tensors(graph, node):
    """The weights that an operation reads."""
    if node.op == "call_module":
        module = graph.get_submodule(node.target)
        return [*module.parameters(), *module.buffers()]
    if node.op == "get_attr":
        owner, _, name = node.target.rpartition(".")
        return [getattr(graph.get_submodule(owner), name)]
    return []


def _step(flow, node, scales, uses):
    """The scale that the result of one operation carries; what the operation does to scales is entered in `flow`."""
    carried = [scales[source] for source in node.all_input_nodes]
    scale = next(filter(None, carried), None)
    if node.op == "output":
        flow.output = scale if isinstance(node.args[0], fx.Node) else None
        return _refuse(flow, node, SEVERAL) if scale and flow.output is None else scale
    if node.op in ("placeholder", "get_attr"):
        return None
    kind = _kind(flow, node)
    module = flow.graph.get_submodule(node.target) if node.op == "call_module" else None
    if module is not None and kind in ("conv2d", "linear", "batchnorm2d"):
        result = _parametric(
            flow, node, kind, module, scale, any(uses[id(tensor)] > 1 for tensor in _tensors(flow.graph, node))
        )
    elif scale is None:
        result = Unsupported("only nn.Conv2d layers with weights of their own are rescaled") if "conv" in kind else None
    elif kind in ("size", "dim") or kind == "getattr" and node.args[1] in SIZES:
        result = None
    elif drops(node):
        result = "it drops activations at random, also in evaluation: call it with training=self.training"
    elif getattr(module, "return_indices", False) or node.kwargs.get("return_indices"):
        result = SEVERAL
    else:
        if kind in RECTIFIERS and not scale.flat and scale.convolution not in flow.rectified.values():
            flow.rectified[node] = scale.convolution
        result = (
            RULES[kind](node, module, scale, carried)
            if kind in RULES
            else scale
            if kind in PER_MAP
            else REASONS.get(kind, UNKNOWN)
        )
    return _refuse(flow, node, result) if isinstance(result, str) else result


def _kind(flow, node):
    """The kind of an operation, such as 'maxpool2d' for nn.MaxPool2d and F.max_pool2d."""
    if node.op == "call_module":
        kind = type(flow.graph.get_submodule(node.target))
        name = kind.__name__ if getattr(nn, kind.__name__, None) is kind else f"other {kind.__name__}"
    else:
        name = getattr(node.target, "__name__", str(node.target))
    return name.lower().replace("_", "")


def _refuse(flow, node, why):
    """Keep the sentence on the first operation that forbids rescaling or is not supported; returns None.

    From this operation on, no value carries a scale.
    """
    if node.op == "call_module":
        what = f"Layer '{node.target}' ({type(flow.graph.get_submodule(node.target)).__name__})"
    else:
        what = "The network" if node.op == "output" else f"The operation '{_kind(flow, node)}'"
    verdict = "is not supported here" if isinstance(why, Unsupported) else "forbids rescaling"
    flow.problem = flow.problem or f"{what} {verdict}: {why}."
    return None


# --- the rules: each returns the scale of the result, or a text that says why there is none -----------------


def _parametric(flow, node, kind, module, scale, shared):
    """The rule for a layer with weights.

    A convolution or a linear layer undoes the scale of its input. The output of a convolution has a scale of its own,
    and batch norm in evaluation mode hands the scale on.
    """
    if shared and (scale or kind == "conv2d"):
        return "its weights are used twice, and cannot carry two scales"
    if kind == "batchnorm2d":
        if scale and module.running_mean is None:
            return "it has no running statistics: it normalises by the batch, and takes the scale away"
        if scale and module.training:
            return "batch norm in training mode normalises by the batch, and takes the scale away: call eval() first"
        if scale and scale.flat:
            return UNKNOWN
        if scale:
            flow.incoming[node.target] = scale.convolution
        return scale
    if scale and scale.flat != (kind == "linear"):
        return Unsupported("it is a linear layer on maps that are not flattened") if kind == "linear" else UNKNOWN
    flow.incoming[node.target] = scale.convolution if scale else None
    return Scale(node.target) if kind == "conv2d" else None


def _argument(node, position, *names, default=None):
    return (
        node.args[position]
        if len(node.args) > position
        else next((node.kwargs[name] for name in names if name in node.kwargs), default)
    )


def _flattened(node, module, scale, carried):
    start, end = (
        (module.start_dim, module.end_dim)
        if module is not None
        else (_argument(node, 1, "start_dim", default=0), _argument(node, 2, "end_dim", default=-1))
    )
    return (
        scale._replace(flat=True)
        if start == 1 and end in (-1, 3)
        else Unsupported("it does not flatten each picture by itself: write flatten(1)")
    )


def _viewed(node, module, scale, carried):
    """The rule for x.view(x.size(0), -1) and x.view(x.shape[0], -1)."""
    count = node.args[1] if len(node.args) == 3 else None
    known = (
        isinstance(count, fx.Node)
        and count.args[1:] == (0,)
        and (
            count.target == "size"
            or getattr(count.target, "__name__", "") == "getitem"
            and count.args[0].args[1:] == ("shape",)
        )
    )
    return (
        scale._replace(flat=True)
        if known and node.args[2] == -1
        else Unsupported("what it does to the maps is not known beforehand: write flatten(1)")
    )


def _reduced(node, module, scale, carried):
    axes = _argument(node, 1, "dim", "axis")
    axes = [axes] if isinstance(axes, int) else axes if isinstance(axes, (tuple, list)) else range(4)
    if scale.flat or not all(isinstance(axis, int) for axis in axes) or {axis % 4 for axis in axes} != {2, 3}:
        return ACROSS if scale.flat or 1 in axes or -3 in axes else UNKNOWN
    return scale._replace(flat=not _argument(node, 2, "keepdim", default=False))


def _clamped(node, module, scale, carried):
    """The rule for clamp: x.clamp(min=0) is the ReLU, but does not count as one; other bounds are fixed values."""
    low, high = _argument(node, 1, "min"), _argument(node, 2, "max")
    return Unsupported("it is the ReLU under another name: write relu()") if (low, high) == (0, None) else CUTS


def _joined(node, module, scale, carried):
    if not all(isinstance(_argument(node, place, name), fx.Node) for place, name in enumerate(("input", "other"))):
        return "it adds a constant, which does not grow with the scale"
    if {*carried} == {scale}:
        return scale
    return (
        "it adds something that carries no scale"
        if None in carried
        else "it joins values that carry two different scales (a residual sum)"
    )


def _multiplied(node, module, scale, carried):
    """The rule for a value that is multiplied or divided by a number."""
    first, second = (_argument(node, place, name) for place, name in enumerate(("input", "other")))
    numbers = [value for value in (first, second) if isinstance(value, (int, float))]
    if len(numbers) != 1 or node.kwargs.get("rounding_mode") or "div" in str(node.target) and first is numbers[0]:
        return Unsupported("only products with a plain number are known to keep the scale")
    return scale


RULES = {
    "flatten": _flattened,
    "view": _viewed,
    "reshape": _viewed,
    **dict.fromkeys(["mean", "sum", "amax", "amin"], _reduced),
    **dict.fromkeys(["clamp", "clip"], _clamped),
    **dict.fromkeys(["add", "iadd", "sub", "isub"], _joined),
    **dict.fromkeys(["mul", "imul", "truediv", "itruediv", "div"], _multiplied),
}
