"""Optimisers by name: any of `torch.optim`, with its arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from nets_deap.util import calls
from nets_deap.util.errors import NetsError, shortened, unknown

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer as TorchOptimizer

# Names of three common choices; `momentum` is short for an SGD
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "adam": ("Adam", {}),
}
# Optimisers that cannot train here, and why
REFUSED = {
    "LBFGS": "it computes the loss several times a step",
    "SparseAdam": "it is for gradients that are sparse tensors",
}
# Optimisers that treat a weight by its place in a matrix; the others treat each number by itself
DECAY = {"AdamW": 0.01, "Muon": 0.1}  # of the weights, by default; the others have none
BY_MATRIX = frozenset({"Adafactor", "Muon"})


@dataclass(frozen=True)
class Optimizer:
    """An optimiser of `torch.optim`: the name of its class, and its arguments besides the learning rate."""

    kind: str
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def plain(self) -> bool:
        """Is it gradient descent alone? Back ends then update weights as they compute gradients."""
        return self.kind == "SGD" and not any(value for _, value in self.arguments)

    @property
    def elementwise(self) -> bool:
        """Does it treat each number by itself?"""
        return self.kind not in BY_MATRIX

    @property
    def idle_stay(self) -> bool:
        """Do weights without a gradient stay as they are, so that a network may leave them out?"""
        decay = dict(self.arguments).get("weight_decay", DECAY.get(self.kind, 0))
        return self.elementwise and not decay and self.kind != "ASGD"  # which averages, and decays on its way

    def on(self, parameters: Iterable[Tensor], lr: float) -> TorchOptimizer:
        """The optimiser of these parameters. Raises NetsError for arguments that torch refuses."""
        import torch

        try:
            return getattr(torch.optim, self.kind)(parameters, lr=lr, **dict(self.arguments))
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            told, reason = calls.joined(self.kind.lower(), self.arguments), shortened(str(error), 120)
            raise NetsError(f"`optimizer` {told}: torch refuses this: {reason}") from error


@cache
def parsed(text: str) -> Optimizer:
    """The optimiser that a text names: `sgd:momentum=0.9,nesterov=yes,weight_decay=5e-4`, `adamw`.

    Several numbers are written with slashes: `adam:betas=0.9/0.99`. Raises NetsError for a name that
    `torch.optim` does not have, and for arguments that it refuses.
    """
    name, given = calls.split(text, "optimizer")
    arguments = {key: calls.value(value) for key, value in given.items()}
    if name in OPTIMIZERS and not arguments:  # nothing that torch need be asked about
        kind, arguments = OPTIMIZERS[name]
        return Optimizer(kind, tuple(arguments.items()))
    if name == "momentum":
        arguments = {"momentum": 0.9} | arguments
    kinds = _kinds() | {"momentum": "SGD"}
    if name.lower() not in kinds:
        raise unknown("optimizer", name, kinds)
    kind = kinds[name.lower()]
    if kind in REFUSED:
        raise NetsError(f"`optimizer` {name}: {REFUSED[kind]}, so it trains nothing here: take another")
    if "lr" in arguments:
        raise NetsError(f"`optimizer` {text}: the learning rate is `lr`, an option of its own")
    found = Optimizer(kind, tuple(arguments.items()))
    import torch

    found.on([torch.nn.Parameter(torch.zeros(2, 2))], 0.1)
    return found


def is_optimizer(text: str) -> bool:
    """Does a text name an optimiser, rather than something else?"""
    name = text.partition(":")[0].strip()
    return name in OPTIMIZERS or name.lower() in _kinds()


@cache
def _kinds() -> dict[str, str]:
    """The classes of `torch.optim` by their names in small letters."""
    import torch

    def is_kind(found: Any) -> bool:
        return isinstance(found, type) and issubclass(found, torch.optim.Optimizer)

    names = [name for name in dir(torch.optim) if is_kind(getattr(torch.optim, name)) and name != "Optimizer"]
    return {name.lower(): name for name in names}
