"""A device that is not there: "other". Its tensors lie on the CPU, but mix with a CPU's as little as a GPU's.

Its tensors wrap those of a CPU. Whatever computes with both raises, as on a GPU, and an array has to be asked
for by `.cpu()`. It becomes a device of the process for good, so tests use it in a process of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

NAME = "other"
COPIES = {"aten::_to_copy", "aten::copy_"}  # take tensors of two devices
INDEXED = {"aten::index", "aten::index_put_"}  # take indices of a CPU
JOINED = {"aten::cat", "aten::stack"}  # take no number of a CPU


def can_be_pretended() -> bool:
    """Does this torch let a device be written in Python?"""
    return hasattr(backend_registration, "_setup_privateuseone_for_python_backend")


class Elsewhere(torch.Tensor):
    """A tensor of the device. here: where its numbers are"""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> Elsewhere:
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            here.size(),
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            layout=here.layout,
            device=torch.device(NAME, 0),
        )
        made.here = here
        return made

    def tolist(self) -> Any:
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class Pretended(TorchDispatchMode):
    """Within it the device can be used. operations: how many have been computed there"""

    operations = 0

    def __enter__(self) -> Any:
        if not getattr(torch, NAME, None):
            backend_registration._setup_privateuseone_for_python_backend(NAME)
        return super().__enter__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


def _computed(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    name = func._schema.name
    given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    theirs = [each for each in given if isinstance(each, Elsewhere)]
    indexed = name in INDEXED and isinstance(args[0], Elsewhere)
    looked_at = [each for each in args[2:] if isinstance(each, torch.Tensor)] if indexed else given
    ours = [each for each in looked_at if not isinstance(each, Elsewhere)]
    if name not in JOINED:
        ours = [each for each in ours if each.ndim]
    if theirs and ours and name not in COPIES:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device")
    there = isinstance(args[0], Elsewhere) if name == "aten::copy_" else bool(theirs)
    if kwargs.get("device") is not None:
        there = torch.device(kwargs["device"]).type == NAME
        kwargs = kwargs | {"device": torch.device("cpu")}
    Pretended.operations += there
    result = func(*tree_map(_here, args), **tree_map(_here, kwargs))
    if not there:
        return result
    known = {id(each.here): each for each in theirs}

    def told(each: Any) -> Any:
        return known[id(each)] if id(each) in known else _elsewhere(each)

    return tree_map(told, result)


def _here(each: Any) -> Any:
    return each.here if isinstance(each, Elsewhere) else each


def _elsewhere(each: Any) -> Any:
    return Elsewhere(each) if isinstance(each, torch.Tensor) else each
