"""Which weights belong to which hidden nodes: units and channels, followed through a module's graph.

Torch traces the module symbolically. Layers that add to the same channels, as in a residual stream, share one
group of nodes. A module with a step that is not listed here has no groups, and is used as a whole.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, fx, nn

from nets_deap.models.graph import FLATTENING, NUMBERS, shape_of, traced
from nets_deap.models.groups import FIXED, Groups, Wire
from nets_deap.models.layout import Extra, Layout
from nets_deap.models.zoo.pooling import MaxPool2d

# What treats each channel by itself, and leaves the number of channels as it is
_POINTWISE = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh,
    nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Identity,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
_POINTWISE_CALLS = {
    "relu", "relu_", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "hardtanh", "dropout",
    "dropout2d",
    "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool2d", "contiguous",
    "boolean_dispatch",  # what torch calls its max_pool functions
}  # fmt: skip
ENDS = ""  # the name of the group of inputs and outputs
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.PReLU)
_ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_"}


class _UnknownError(Exception):
    """A step of the graph that is not listed here."""


class _Channels(NamedTuple):
    """The channels of a tensor: dimension 1. spread: numbers in it for each node, after flattening."""

    group: int
    spread: int = 1


class _Follower:
    """Follows the channels through a graph; groups are numbers, 0 that of inputs and outputs."""

    def __init__(self, module: fx.GraphModule) -> None:
        self.module, self.graph = module, module.graph
        self.parents, self.names = [0], [ENDS]
        self.wires: dict[str, tuple[_Channels, int]] = {}  # layer -> its source, and the group of its target
        self.norms: dict[str, int] = {}
        self.of: dict[fx.Node, _Channels] = {}

    def root(self, group: int) -> int:
        while self.parents[group] != group:
            group = self.parents[group]
        return group

    def join(self, one: int, other: int) -> None:
        """Make two groups one, which keeps the name of the earlier."""
        first, second = sorted((self.root(one), self.root(other)))
        self.parents[second] = first

    def follow(self) -> None:
        """Raises _UnknownError for a step that is not listed."""
        given = 0
        for node in self.graph.nodes:
            if node.op == "placeholder":
                given += 1
                self.of[node] = _Channels(0)
            elif node.op == "output":
                self.join(self._input(node).group, 0)
            elif node.op == "call_module":
                self.of[node] = self._through(node, self.module.get_submodule(node.target))
            elif node.op in ("call_function", "call_method"):
                self._call(node)
            else:
                raise _UnknownError
        if given != 1:
            raise _UnknownError

    def _input(self, node: fx.Node, place: int = 0) -> _Channels:
        if len(node.args) <= place or not isinstance(node.args[place], fx.Node):
            raise _UnknownError
        found = self.of.get(node.args[place])  # type: ignore[arg-type]
        if found is None:
            raise _UnknownError
        return found

    def _through(self, node: fx.Node, step: Any) -> _Channels:
        source = self._input(node)
        name, shape = str(node.target), shape_of(node.args[0])
        kind = type(step)  # a subclass may compute something else
        if kind is nn.Linear and len(shape) == 2:
            return self._layer(name, source)
        if (
            kind in _CONVOLUTIONS
            and step.groups == 1
            and source.spread == 1
            and len(shape) == step.weight.ndim
        ):
            return self._layer(name, source)
        if kind is nn.PReLU and step.num_parameters == 1:
            self.norms.setdefault(name, 0)  # its one number belongs to no channel
            return source
        if kind in _NORMS and source.spread == 1:
            if self.norms.setdefault(name, source.group) != source.group:
                self.join(self.norms[name], source.group)
            return source
        if kind is nn.Flatten and (step.start_dim, step.end_dim) == (1, -1):
            return _Channels(source.group, source.spread * prod(shape[2:]))
        if (kind in _POINTWISE or kind is MaxPool2d) and _each_channel(node, kind.__name__, shape):
            return source
        raise _UnknownError

    def _layer(self, name: str, source: _Channels) -> _Channels:
        if name in self.wires:
            raise _UnknownError  # it is called once more
        self.parents.append(len(self.parents))
        self.names.append(name)
        self.wires[name] = source, len(self.parents) - 1
        return _Channels(len(self.parents) - 1)

    def _call(self, node: fx.Node) -> None:
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        if name in NUMBERS and not isinstance(shape_of(node, None), tuple):
            return  # a number, not a tensor
        source, shape = self._input(node), shape_of(node.args[0])
        if node.target in _ADDITIONS:
            other = self._input(node, 1)
            if other.spread != source.spread or shape_of(node.args[1])[1] != shape[1]:
                raise _UnknownError
            self.join(source.group, other.group)
        elif name in FLATTENING and len(shape_of(node)) == 2 and self._flattens(node, name):
            source = _Channels(source.group, source.spread * prod(shape[2:]))
        elif name == "mean" and _dims(node, len(shape)).isdisjoint((0, 1)):
            pass
        elif name not in _POINTWISE_CALLS or not _each_channel(node, name, shape):
            raise _UnknownError
        self.of[node] = source

    @staticmethod
    def _flattens(node: fx.Node, name: str) -> bool:
        """Does a call flatten everything but the samples, whatever the number of channels?"""
        if name == "flatten":
            given = {**dict(zip(("start_dim", "end_dim"), node.args[1:], strict=False)), **node.kwargs}
            return (given.get("start_dim"), given.get("end_dim", -1)) == (1, -1)
        return len(node.args) == 3 and node.args[2:] == (-1,) and not isinstance(node.args[1], int)


def _each_channel(node: fx.Node, name: str, shape: tuple[int, ...]) -> bool:
    """Does a step keep samples and channels? Pooling takes a tensor of too few dimensions for one sample."""
    dims = next((int(c) for c in name if c.isdigit()), 0) if "pool" in name.lower() else 0
    return shape_of(node)[:2] == shape[:2] and (not dims or len(shape) == dims + 2)


def _dims(node: fx.Node, ndim: int) -> set[int]:
    dims: Any = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    if dims is None:
        return {0}
    return {dim % ndim for dim in (dims if isinstance(dims, list | tuple) else [dims])}


def trace(module: nn.Module, x: Tensor, parameters: Sequence[str], extras: Sequence[Extra]) -> Groups | None:
    """The groups of a module's hidden nodes; None for a module that cannot be followed.

    x: two samples; parameters: its prunable weights
    """
    whole = traced(module, x)
    if whole is None:
        return None
    try:
        follower = _Follower(whole)
        follower.follow()
        return _groups(follower, whole, parameters, extras)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception:  # a step in a form that is not foreseen here
        return None


def _groups(
    follower: _Follower, module: nn.Module, parameters: Sequence[str], extras: Sequence[Extra]
) -> Groups:
    wires, norms = follower.wires, follower.norms
    if {f"{layer}.weight" for layer in wires} != set(parameters):
        raise _UnknownError  # a weight that is frozen or shared, or that nothing calls

    def name(group: int) -> str:
        return follower.names[follower.root(group)]

    sizes: dict[str, int] = {}
    for layer, (_, target) in wires.items():
        if name(target) != ENDS:
            sizes[name(target)] = len(module.get_parameter(f"{layer}.weight"))
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))

    def nodes(group: int, count: int) -> np.ndarray:
        start = starts.get(name(group))
        return np.full(count, FIXED) if start is None else start + np.arange(count)

    def wire(parameter: str) -> Wire:
        source, target = wires[parameter.removesuffix(".weight")]
        out, in_ = module.get_parameter(parameter).shape[:2]
        return Wire(nodes(target, out), nodes(source.group, in_ // source.spread).repeat(source.spread))

    def of_extra(extra: Extra) -> np.ndarray:
        layer = extra.name.rpartition(".")[0]
        found = wires[layer][1] if layer in wires else norms.get(layer)
        if found is None:
            raise _UnknownError  # a parameter of another kind
        return nodes(found, extra.shape[0])

    return Groups(
        Layout(tuple(sizes), tuple((size,) for size in sizes.values())),
        tuple(map(wire, parameters)),
        tuple(map(of_extra, extras)),
        tuple(parameters.index(f"{layer}.weight") for layer in wires),
    )
