"""A minibatch in the layout that takes part in any code for tensors [n, …]."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nets_deap.networks.interleaved.conversion import Leave
from nets_deap.networks.interleaved.convolution import Sparse
from nets_deap.networks.interleaved.layout import Arena, Layout
from nets_deap.networks.interleaved.past import Past

Handler = Callable[..., Any]
Made = tuple[Tensor, Past | None]  # data in the layout, and where errors may wait that come past layers
HANDLERS: dict[Any, Handler] = {}  # by the functions of torch that they compute; see functions.py


class Context(TorchFunctionMode):
    """Within it, torch computes layers with these weights by the kernels, whatever their inputs are.

    sparse: by the ids of the weights
    """

    def __init__(self, sparse: dict[int, Sparse], arena: Arena) -> None:
        super().__init__()
        self.sparse, self.arena = sparse, arena

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in WEIGHTED and id(kwargs.get("weight", args[1] if len(args) > 1 else None)) in self.sparse:
            return WEIGHTED[func](self, *args, **kwargs)
        return func(*args, **kwargs)


WEIGHTED: dict[Any, Handler] = {}  # the same for functions with weights


class Images:
    """A minibatch in the layout: what torch knows no faster way for is done with a tensor [n, …].

    make: computes the data when they are first needed, and sets what is negative to zero if it is told so;
        thus a ReLU costs nothing
    with_past: the same for what is added before the ReLU; None: that is not possible
    convolved: the convolution that makes the data, and what it is given; or None
    """

    def __init__(
        self,
        context: Context,
        layout: Layout,
        make: Callable[[bool], Made],
        with_past: Callable[[Images, bool], Made] | None = None,
    ) -> None:
        self.context, self.layout = context, layout
        self.make, self.with_past = make, with_past
        self.past: Past | None = None
        self.convolved: tuple[Any, tuple[Any, ...]] = None, ()
        self._data: Tensor | None = None
        self._plain: Tensor | None = None

    @property
    def data(self) -> Tensor:
        if self._data is None:
            self._data, self.past = self.make(False)
        return self._data

    @property
    def plain(self) -> Tensor:
        """As a tensor [n, …] of its own."""
        if self._plain is None:
            self._plain = Leave.apply(self.data, self.layout, self.context.arena)
        return self._plain

    @property
    def deferred(self) -> bool:
        return self._data is None

    def rectified(self) -> Images:
        made = self.make(True) if self.deferred else (self.data.relu(), None)
        return Images.of(self.context, self.layout, *made)

    def become(self, other: Images) -> Images:
        """Change in place."""
        self._data, self._plain, self.past = other.data, None, other.past
        return self

    @classmethod
    def of(cls, context: Context, layout: Layout, data: Tensor, past: Past | None = None) -> Images:
        found = cls(context, layout, lambda rectify: (data, past))
        found._data, found.past = data, past
        return found

    # To torch and to whoever asks, a tensor:

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _called(func, args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(Tensor, name)
        return partial(_method, found, self) if callable(found) else getattr(self.plain, name)

    @property
    def shape(self) -> torch.Size:
        return self.layout.shape

    @property
    def ndim(self) -> int:
        return len(self.layout.shape)

    def dim(self) -> int:
        return self.ndim

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def __len__(self) -> int:
        return self.layout.samples

    @property
    def dtype(self) -> torch.dtype:
        return self.context.arena.dtype

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    is_cuda = is_sparse = is_quantized = is_mkldnn = is_nested = False


def _operator(name: str) -> Any:
    return lambda self, *args: _method(getattr(Tensor, name), self, *args)


for _name in (
    "add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "truediv", "rtruediv", "itruediv",
    "pow", "rpow", "matmul", "rmatmul", "neg", "abs", "getitem", "setitem", "lt", "le", "gt", "ge",
):  # fmt: skip
    setattr(Images, f"__{_name}__", _operator(f"__{_name}__"))


def _method(found: Any, *args: Any, **kwargs: Any) -> Any:
    return _called(found, args, kwargs)


def _called(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """By its handler, if it has one for these arguments; else with tensors."""
    if handler := HANDLERS.get(func):
        result = handler(*args, **kwargs)
        if result is not NotImplemented:
            return result
    return func(*_plain(args), **{name: _plain(each) for name, each in kwargs.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Images):
        return value.plain
    if type(value) in (tuple, list):
        return type(value)(map(_plain, value))
    return value
