"""How many bytes of tensors live at a time, on any machine: storages are counted when an operation has made them."""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Live(TorchDispatchMode):
    """Counts what is made while it is active.

    Args:
        before: tensors that exist already and do not count.
    Attributes:
        most: the largest number of bytes at a time.
    """

    def __init__(self, before=()):
        super().__init__()
        self.most, self._now = 0, 0
        self._known = {tensor.untyped_storage()._cdata for tensor in before}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self._known:
                    self._known.add(storage._cdata)
                    self._now += storage.nbytes()
                    self.most = max(self.most, self._now)
                    weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())
        return result

    def _gone(self, known, count):
        self._known.discard(known)
        self._now -= count
