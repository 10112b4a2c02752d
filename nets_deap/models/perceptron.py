"""Recognise perceptrons, for which there are hand-derived gradients and compiled kernels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from nets_deap.models.layout import Extra
from nets_deap.util.random_streams import loading

if TYPE_CHECKING:
    from torch import Tensor, fx, nn

# What torch calls its activations, as modules, functions and methods
ACTIVATIONS = {
    "ReLU": "relu", "relu": "relu", "relu_": "relu",
    "Sigmoid": "sigmoid", "sigmoid": "sigmoid", "sigmoid_": "sigmoid",
    "Tanh": "tanh", "tanh": "tanh", "tanh_": "tanh",
}  # fmt: skip
_KINDS = set(ACTIVATIONS.values())


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

    x: two samples; parameters: its prunable weights. What its steps say is checked by computing.
    """
    from nets_deap.models.graph import hooked, traced

    layers = [name.removesuffix(".weight") for name in parameters]
    if not _linear(module, layers, extras) or hooked(module):
        return None
    steps = _sequence(module, x.shape[1:])
    if steps is None:
        whole = traced(module, x)
        steps = None if whole is None else _steps(whole)
    between = steps[1::2] if steps else []
    if not steps or steps[::2] != layers or len(set(between)) > 1 or not set(between) <= _KINDS:
        return None
    shapes = [module.get_parameter(name).shape for name in parameters]
    widths = (shapes[0][1], *(shape[0] for shape in shapes))
    found = Perceptron(widths, between[0] if between else "relu", len(between) == len(layers), bool(extras))
    return found if _computes(module, found, x, layers) else None


def _sequence(module: nn.Module, shape: Sequence[int]) -> list[str] | None:
    """The steps of torch's own layers in a sequence, which need no tracing; None for anything else."""
    from torch import nn

    steps: list[str] = []
    flat = len(shape) == 1
    for name, step in module.named_modules():
        if type(step) in (nn.Sequential, nn.Identity):
            continue
        if type(step) is nn.Flatten and not steps and (step.start_dim, step.end_dim) == (1, -1):
            flat = True
        elif type(step) is nn.Linear and flat:
            steps.append(name)
        elif type(step) in (nn.ReLU, nn.Sigmoid, nn.Tanh) and flat:
            steps.append(ACTIVATIONS[type(step).__name__])
        else:
            return None
    return steps if type(module) is nn.Sequential else None


def _computes(module: nn.Module, found: Perceptron, x: Tensor, layers: Sequence[str]) -> bool:
    """Does the module give the perceptron's outputs and gradients, in evaluation and in training?"""
    import torch

    copied = copy.deepcopy(module)
    x = torch.randn(5, *x.shape[1:], generator=torch.Generator().manual_seed(0))
    kinds = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    for training in (False, True):
        copied.train(training).zero_grad()
        parameters = dict(copied.named_parameters())
        values = {name: each.detach().clone().requires_grad_() for name, each in parameters.items()}
        a = x.flatten(1)
        for i, layer in enumerate(layers):
            a = torch.nn.functional.linear(a, values[f"{layer}.weight"], values.get(f"{layer}.bias"))
            a = kinds[found.activation](a) if found.activates(i) else a
        try:
            with torch.enable_grad(), loading():
                outputs = copied(x)
                outputs.square().sum().backward()
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception:  # whatever a network of the user's own raises
            return False
        expected = torch.autograd.grad(a.square().sum(), list(values.values()))
        pairs = [(outputs, a), *zip((each.grad for each in parameters.values()), expected, strict=True)]
        if not all(one is not None and _close(one, other) for one, other in pairs):
            return False
    return True


def _close(one: Tensor, other: Tensor) -> bool:
    import torch

    within = 1e-5 * float(other.detach().abs().max())
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=within)


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
    from nets_deap.models.graph import NUMBERS, shape_of

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
            if name in NUMBERS and shape_of(node, None) is None:
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
    from nets_deap.models.graph import FLATTENING

    flat = (2, prod(before[1:]))
    if name == "Linear":
        steps.append(str(node.target))
        return before == flat
    if name in ACTIVATIONS:
        steps.append(ACTIVATIONS[name])
        return before == after
    return (name in ("Identity", "contiguous") and before == after) or (
        name.lower() in FLATTENING and after == flat
    )
