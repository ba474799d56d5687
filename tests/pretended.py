"""A graphics card that is only pretended: the descent computes on the processor, and is watched as on a card.

`Tensor` wraps an ordinary tensor and says that its device is 'cuda'. Inside a `Watch`, every operation passes by
torch's dispatcher. The watch notes the operations, what makes the processor wait for the card, what moves from the
processor to the card, and the bytes that the card holds.

(torch's own FakeTensorMode has no backward pass on 'cuda' where there is no card.)
"""

import weakref

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

CARD = torch.device("cuda", 0)
# an algorithm that may fail has the processor look at its outcome, except where the function leaves that to the caller
MAY_FAIL = ("_linalg_", "linalg_", "cholesky", "lu_", "geqrf", "lstsq")
LEFT_TO_THE_CALLER = ("linalg_vector_norm", "linalg_cross", "linalg_inv_ex", "linalg_cholesky_ex")
FETCHES = {torch.Tensor.tolist, torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.__array__}
OF_NUMBERS = {
    torch.tensor,
    torch.as_tensor,
    torch.asarray,
    torch.from_numpy,
    torch.scalar_tensor,
    torch.Tensor.new_tensor,
}
MOVES = {torch.Tensor.to, torch.Tensor.cuda, torch.Tensor.type_as}


def mapped(function, value):
    """A value in which every part of its tuples, lists and dictionaries is replaced by what the function gives."""
    if isinstance(value, torch.Size):  # holds numbers alone
        return value
    if isinstance(value, (tuple, list)):
        parts = [mapped(function, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {name: mapped(function, part) for name, part in value.items()}
    return function(value)


def leaves(value):
    """The parts of a value, as in `mapped`."""
    found = []
    mapped(found.append, value)
    return found


class Tensor(torch.Tensor):
    """An ordinary tensor, `held`, that says that it is on the card."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype
        )

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"Tensor({tuple(self.shape)})"

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        says = {torch.Tensor.device: CARD, torch.Tensor.is_cuda: True, torch.Tensor.is_cpu: False}
        for attribute, value in says.items():
            if function == attribute.__get__:
                return value
        return super().__torch_function__(function, types, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        raise AssertionError(f"{operation} on the pretended card outside a Watch.")


class Watch(TorchDispatchMode):
    """What happens on the pretended card.

    Attributes:
        waits, moves: what made the processor wait for the card, and what went to it, in order.
        operations: (name, shapes of the results), in order.
        bytes: that the card holds at present.
    """

    def __init__(self):
        super().__init__()
        self.waits, self.moves, self.operations, self.bytes = [], [], [], 0
        self._functions, self._holders = _Functions(self), {}

    def __enter__(self):
        self._functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._functions.__exit__(*error)

    def clear(self):
        self.waits, self.moves, self.operations = [], [], []

    def pretend(self, tensor):
        """An ordinary tensor as one of the card."""
        storage, wrapped = tensor.untyped_storage(), Tensor(tensor)
        if storage._cdata not in self._holders:
            self.bytes += storage.nbytes()
        self._holders[storage._cdata] = self._holders.get(storage._cdata, 0) + 1
        weakref.finalize(wrapped, self._drop, storage._cdata, storage.nbytes())
        return wrapped

    def _drop(self, storage, size):
        self._holders[storage] -= 1
        if not self._holders[storage]:
            del self._holders[storage]
            self.bytes -= size

    def pretend_all(self, cost):
        """Move the tensors of a cost, in place; one that occurs twice is still one."""
        moved = {None: None}

        def move(tensor):
            key = None if tensor is None else id(tensor)
            if key not in moved:
                moved[key] = self.pretend(tensor.detach())
            return moved[key]

        for module in [*cost.net.modules(), *(() if cost.working is cost.net else cost.working.modules())]:
            for tensors in (module._parameters, module._buffers):
                tensors.update({name: move(tensor) for name, tensor in tensors.items()})
        for term in cost.terms:
            term.targets = {layer: move(target) for layer, target in getattr(term, "targets", {}).items()}
            term.mask = move(getattr(term, "mask", None))
        for passes in getattr(cost, "passes", None), getattr(cost, "working_passes", None):
            if passes is not None:
                passes.wanted = {
                    layer: tuple([move(tensor) for tensor in tensors] for tensors in both)
                    for layer, both in passes.wanted.items()
                }

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, operation.name().removeprefix("aten::")
        tensors = [one for one in leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        on_card = [one for one in tensors if isinstance(one, Tensor)]
        if not on_card and not self._functions.on_card:
            result = operation(*args, **kwargs)
            if tensors or isinstance(result, torch.Tensor):
                self.moves.append(f"{name} on the processor")  # beside the card, which may have to wait for it
            return result
        if len(on_card) < len(tensors):
            self.moves.append(f"{name} of a tensor of the processor")
        if _waits(operation, name, tensors):
            self.waits.append(name)
        wrappers = {id(one.held): one for one in on_card}
        args, kwargs = mapped(lambda one: one.held if isinstance(one, Tensor) else one, (args, kwargs))
        result = operation(*args, **kwargs)
        shapes = [tuple(one.shape) for one in leaves(result) if isinstance(one, torch.Tensor)]
        self.operations.append((name, shapes))

        def wrapped(one):
            if not isinstance(one, torch.Tensor):
                return one
            return wrappers[id(one)] if id(one) in wrappers else self.pretend(one)  # in place: the same tensor

        return mapped(wrapped, result)


def _waits(operation, name, tensors):
    """Whether the processor has to see what the card computes here."""
    seen = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(operation.tags)
    by_mask = name.startswith("index") and any(one.dtype in (torch.bool, torch.uint8) for one in tensors)
    return bool(seen) or by_mask or name.startswith(MAY_FAIL) and not name.startswith(LEFT_TO_THE_CALLER)


class _Functions(TorchFunctionMode):
    """What the dispatcher never sees: the device that is asked for, and copies between the processor and the card."""

    def __init__(self, watch):
        super().__init__()
        self.watch, self.on_card = watch, False

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs, watch = kwargs or {}, self.watch
        name, given = getattr(function, "__name__", ""), leaves((args, kwargs))
        to_card = any(isinstance(one, torch.device) and one.type == "cuda" for one in given)
        of_card = bool(args) and isinstance(args[0], Tensor)
        away = function is torch.Tensor.to and any(one == "cpu" or one == torch.device("cpu") for one in given[1:])
        if of_card and (function in FETCHES or away):
            watch.waits.append(name)
            return function(args[0].held, *args[1:], **kwargs)
        plain, options = mapped(
            lambda one: torch.device("cpu") if isinstance(one, torch.device) and one.type == "cuda" else one,
            (args, kwargs),
        )
        to_card = to_card or any(isinstance(one, Tensor) for one in given)
        if function in OF_NUMBERS and to_card or function in MOVES and to_card and not of_card:
            watch.moves.append(name)
            plain, options = mapped(lambda one: one.held if isinstance(one, Tensor) else one, (plain, options))
            with _disable_current_modes():
                return watch.pretend(function(*plain, **options))
        before, self.on_card = self.on_card, to_card
        try:
            return function(*plain, **options)
        finally:
            self.on_card = before
