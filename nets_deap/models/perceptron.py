"""Recognise perceptrons, for which there are hand-derived gradients and compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from nets_deap.models.layout import Extra

if TYPE_CHECKING:
    from torch import Tensor, fx, nn

# What torch calls its activations, as modules, functions and methods
ACTIVATIONS = {
    "ReLU": "relu", "relu": "relu", "relu_": "relu",
    "Sigmoid": "sigmoid", "sigmoid": "sigmoid", "sigmoid_": "sigmoid",
    "Tanh": "tanh", "tanh": "tanh", "tanh_": "tanh",
}  # fmt: skip
_KINDS = set(ACTIVATIONS.values())
_FLATTENING = {"Flatten", "flatten", "view", "reshape"}
_NUMBERS = {"size", "getattr", "getitem"}  # what a call of `view` may be told


class Perceptron(NamedTuple):
    """Linear layers, one after the other.

    widths: units per layer, inputs and outputs included
    activation: "relu", "sigmoid" or "tanh", after each layer but the last
    at_outputs: does it follow the last layer, too?
    biases: has each layer a bias? They are then the extras, layer by layer
    """

    widths: tuple[int, ...]
    activation: str
    at_outputs: bool = False
    biases: bool = False

    def activates(self, layer: int) -> bool:
        """Does the activation follow this layer, counted from 0?"""
        return self.at_outputs or layer < len(self.widths) - 2

    @property
    def silent_at_zero(self) -> bool:
        """Does a unit without inputs put out zero?"""
        return self.activation != "sigmoid" and not self.biases


def recognised(
    module: nn.Module, x: Tensor, parameters: Sequence[str], extras: Sequence[Extra]
) -> Perceptron | None:
    """The perceptron that a module computes; None for anything else.

    x: two samples; parameters: its prunable weights
    """
    from nets_deap.models.graph import traced

    layers = [name.removesuffix(".weight") for name in parameters]
    if not _linear(module, layers, extras):
        return None
    whole = traced(module, x)
    steps = None if whole is None else _steps(whole)
    between = steps[1::2] if steps else []
    if not steps or steps[::2] != layers or len(set(between)) > 1 or not set(between) <= _KINDS:
        return None
    shapes = [module.get_parameter(name).shape for name in parameters]
    widths = (shapes[0][1], *(shape[0] for shape in shapes))
    return Perceptron(widths, between[0] if between else "relu", len(between) == len(layers), bool(extras))


def _linear(module: nn.Module, layers: Sequence[str], extras: Sequence[Extra]) -> bool:
    """Are all layers linear, and all else that a module holds a bias of each?"""
    from torch import nn

    biases = [f"{layer}.bias" for layer in layers]
    kinds = dict(module.named_modules())
    return (
        all(layer and type(kinds.get(layer)) is nn.Linear for layer in layers)
        and [extra.name for extra in extras] in ([], biases)
        and all(extra.trained for extra in extras)
    )


def _steps(whole: fx.GraphModule) -> list[str] | None:
    """The layers and activations that samples pass one after the other; None if there is anything else."""
    from nets_deap.models.graph import shape_of

    steps: list[str] = []
    now: Any = None
    for node in whole.graph.nodes:
        if node.op == "placeholder":
            if now is not None:
                return None
        elif node.op == "output":
            return steps if node.args == (now,) else None
        elif node.op == "get_attr":
            return None
        else:
            step = whole.get_submodule(node.target) if node.op == "call_module" else node.target
            name = _name(step)
            if name in _NUMBERS and shape_of(node, None) is None:
                continue
            if not node.args or node.args[0] is not now:
                return None
            if not _adds(steps, node, name, shape_of(now), shape_of(node)):
                return None
        now = node
    return None


def _name(step: Any) -> str:
    """Of a method, or of a module or function of torch's; those of others may compute anything."""
    from torch import nn

    if isinstance(step, str):
        return step
    named = type(step) if isinstance(step, nn.Module) else step
    origin = (getattr(named, "__module__", None) or "torch").partition(".")[0]
    return getattr(named, "__name__", "") if origin in ("torch", "builtins", "_operator") else ""


def _adds(
    steps: list[str], node: fx.Node, name: str, before: tuple[int, ...], after: tuple[int, ...]
) -> bool:
    """Add a step to those before it. Returns False for one that is no part of a perceptron."""
    flat = (2, prod(before[1:]))
    if name == "Linear":
        steps.append(str(node.target))
        return before == flat
    if name in ACTIVATIONS:
        steps.append(ACTIVATIONS[name])
        return before == after
    return (name in ("Identity", "contiguous") and before == after) or (name in _FLATTENING and after == flat)
