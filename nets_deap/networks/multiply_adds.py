"""Multiply-adds of a network, counted as it computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from nets_deap.util.random_streams import loading
from nets_deap.util.threads import as_usual


def multiply_adds(module: nn.Module, x: Tensor) -> Counter[str]:
    """How many multiply-adds `module(x)` takes, by the name of the parameter that is multiplied.

    Those of products without a parameter, as of attention's queries and keys, have the name "". Counted are
    products of matrices and convolutions, by torch's formulas, in which padding counts; nothing elementwise.
    """
    with ExitStack() as stack:
        for context in (loading(), as_usual(), torch.no_grad()):
            stack.enter_context(context)
        # Torch's faster ways hide the products of attention and of an LSTM in one operation.
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.callback(setattr, torch.backends.mkldnn, "enabled", torch.backends.mkldnn.enabled)
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
        counting = stack.enter_context(_Counting(module))
        module(x)
    return counting.counted


class _Counting(TorchDispatchMode):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        # Those of one dimension are biases, which are added.
        self.names = {_storage(each): name for name, each in module.named_parameters() if each.ndim > 1}
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        formula: Callable[..., int] | None = flop_registry.get(func.overloadpacket)
        if formula is not None:
            tensors = (each for each in args if isinstance(each, Tensor))
            name = next((self.names[key] for each in tensors if (key := _storage(each)) in self.names), "")
            self.counted[name] += formula(*args, **kwargs, out_val=output) // 2  # a flop multiplies or adds
        return output


def _storage(tensor: Tensor) -> int:
    """Where the numbers lie; the same for all views."""
    return tensor.untyped_storage().data_ptr()
