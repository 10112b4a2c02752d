"""Architectures, and the expression of a genome or ticket as a network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np

from nets_deap.errors import NetsError, unknown
from nets_deap.genome import Layout

if TYPE_CHECKING:
    from torch import Tensor, dtype, nn


@dataclass(frozen=True)
class Architecture:
    """A multilayer perceptron without biases, as in the paper's code.

    input_shape: shape of one sample, flattened by the network
    hidden:      units of each hidden layer
    outputs:     units of the output layer
    activation:  "relu" or "sigmoid" (then also on the output)
    loss:        "cross-entropy" on logits, or "mse": the mean over samples and outputs of (f(x) − y)²
    """

    name: str
    input_shape: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int
    activation: Literal["relu", "sigmoid"]
    loss: Literal["cross-entropy", "mse"]

    @property
    def widths(self) -> tuple[int, ...]:
        """Units per layer, the input's and the output's included."""
        return (prod(self.input_shape), *self.hidden, self.outputs)

    @cached_property
    def layout(self) -> Layout:
        shapes = tuple((out, in_) for in_, out in pairwise(self.widths))
        return Layout(tuple(f"fc{i}" for i in range(1, len(shapes) + 1)), shapes)

    def module(self) -> nn.Module:
        """A plain PyTorch network of this architecture, with PyTorch's own initial weights."""
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

    def targets(self, labels: Tensor, as_type: dtype) -> Tensor:
        """Labels int64[n] as what the output layer should say, [n, outputs]: one-hot, or 0 and 1."""
        from torch.nn.functional import one_hot

        if self.outputs == 1:
            return labels[:, None].to(as_type)
        return one_hot(labels, self.outputs).to(as_type)


Builder = Callable[[tuple[int, ...], int], Architecture]  # of (input_shape, classes)


def _lenet_300_100(input_shape: tuple[int, ...], classes: int) -> Architecture:
    """LeCun et al. 1998 as in the NeTS paper: 784-300-100-10, ReLU, cross-entropy; other inputs too."""
    return Architecture("lenet-300-100", input_shape, (300, 100), classes, "relu", "cross-entropy")


def _mlp(name: str, hidden: int) -> Builder:
    def build(input_shape: tuple[int, ...], classes: int) -> Architecture:
        """NeTS paper, section 4: 2-h-1, sigmoid, mean squared error; more than two classes are one-hot."""
        outputs = 1 if classes == 2 else classes
        return Architecture(name, input_shape, (hidden,), outputs, "sigmoid", "mse")

    return build


MODELS: dict[str, Builder] = {
    "mlp-10": _mlp("mlp-10", 10),
    "mlp-100": _mlp("mlp-100", 100),
    "lenet-300-100": _lenet_300_100,
}


def build(name: str, input_shape: tuple[int, ...], classes: int) -> Architecture:
    """The architecture `name` for samples of this shape and this many classes.

    Raises NetsError for a name that is not in MODELS.
    """
    if name not in MODELS:
        raise unknown("architecture", name, MODELS)
    return MODELS[name](input_shape, classes)


def state_dict(layout: Layout, weights: np.ndarray, mask: np.ndarray) -> dict[str, Tensor]:
    """θ₀ ⊙ M as the `state_dict` of the architecture's module."""
    import torch

    return {
        f"{name}.weight": torch.from_numpy(part.copy())
        for name, part in layout.split(np.where(mask, weights, np.float32(0)))
    }


def check_fits(layout: Layout, size: int, what: str) -> None:
    """Raise NetsError unless a vector of `size` genes fills this layout."""
    if size != layout.size:
        raise NetsError(f"{what} has {size:,} weights, but the architecture has {layout.size:,}")
