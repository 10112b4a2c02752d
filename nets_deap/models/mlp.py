"""Multilayer perceptrons without biases."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal, TypeGuard

from nets_deap.models.architecture import ENDS, Architecture, Wire
from nets_deap.models.layout import Layout

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class MLP(Architecture):
    """A multilayer perceptron without biases, as in the NeTS paper's code; it flattens its inputs.

    hidden:     units of each hidden layer
    activation: "relu", or "sigmoid", which then also applies to the output
    """

    name: str
    input_shape: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int
    activation: Literal["relu", "sigmoid"]
    loss: Literal["cross-entropy", "mse"]
    perceptron: ClassVar[bool] = True

    @property
    def widths(self) -> tuple[int, ...]:
        """Units per layer, inputs and outputs included."""
        return (prod(self.input_shape), *self.hidden, self.outputs)

    @cached_property
    def layout(self) -> Layout:
        shapes = tuple((out, in_) for in_, out in pairwise(self.widths))
        return Layout(tuple(f"fc{i}" for i in range(1, len(shapes) + 1)), shapes)

    @cached_property
    def nodes(self) -> Layout:
        return Layout(self.layout.names[:-1], tuple((units,) for units in self.hidden))

    @cached_property
    def wires(self) -> tuple[Wire, ...]:
        return tuple(Wire(*pair) for pair in pairwise((ENDS, *self.nodes.names, ENDS)))

    @property
    def units(self) -> int:
        return sum(self.widths[1:])

    def narrowed(self, sizes: Sequence[int]) -> MLP:
        return replace(self, hidden=tuple(sizes))

    def module(self) -> nn.Module:
        from torch import nn

        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        last = len(self.layout.names)
        for i, (out, in_) in enumerate(self.layout.shapes, start=1):
            layers[f"fc{i}"] = nn.Linear(in_, out, bias=False)
            if self.activation == "sigmoid":
                layers[f"sigmoid{i}"] = nn.Sigmoid()
            elif i < last:
                layers[f"relu{i}"] = nn.ReLU()
        return nn.Sequential(layers)


def is_perceptron(architecture: Architecture) -> TypeGuard[MLP]:
    """Whether this is an `MLP`, so that the back ends for perceptrons can train it."""
    return architecture.perceptron


def lenet_300_100(input_shape: tuple[int, ...], classes: int) -> MLP:
    """LeCun et al. 1998 as in the NeTS paper: 784-300-100-10, ReLU, cross-entropy; other inputs work too."""
    return MLP("lenet-300-100", input_shape, (300, 100), classes, "relu", "cross-entropy")


def _of_the_paper(name: str, hidden: int, input_shape: tuple[int, ...], classes: int) -> MLP:
    outputs = 1 if classes == 2 else classes
    return MLP(name, input_shape, (hidden,), outputs, "sigmoid", "mse")


def mlp_10(input_shape: tuple[int, ...], classes: int) -> MLP:
    """NeTS paper, section 4: 2-10-1, sigmoid, mean squared error; one-hot for more than two classes."""
    return _of_the_paper("mlp-10", 10, input_shape, classes)


def mlp_100(input_shape: tuple[int, ...], classes: int) -> MLP:
    """`mlp_10` with 100 hidden units."""
    return _of_the_paper("mlp-100", 100, input_shape, classes)
