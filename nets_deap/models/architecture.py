"""The interface of every architecture: prunable weights, extras (other parameters) and hidden nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from nets_deap.models.layout import Layout

if TYPE_CHECKING:
    from torch import Tensor, dtype, nn


INITIAL = np.zeros(0, dtype=np.float32)  # placeholder for extras that have their initial values
ENDS = ""  # the group of the inputs and outputs, which are not hidden nodes


class Extra(NamedTuple):
    """A vector that training changes besides the prunable weights: biases, or part of a normalisation.

    name: key in the module's `state_dict`
    nodes: the group of nodes that it belongs to, with one number per node; size: how many numbers
    initial: the value that all its numbers start with
    trained: whether gradients train it; False for the running statistics of a normalisation
    """

    name: str
    nodes: str
    size: int
    initial: float
    trained: bool = True


class Wire(NamedTuple):
    """The groups of nodes that a layer connects.

    spread: columns of the weight matrix per node of `source`: 1, or the pixels of a flattened channel
    """

    source: str
    target: str
    spread: int = 1


class Architecture(ABC):
    """A network described as data. Subclasses are frozen dataclasses, and their fields are the data.

    input_shape: of one sample
    outputs: units of the output layer
    loss: "cross-entropy" on logits, or "mse": the mean over samples and outputs of (f(x) − y)²
    """

    name: str
    input_shape: tuple[int, ...]
    outputs: int
    loss: str = "cross-entropy"
    perceptron: ClassVar[bool] = False  # True for `MLP`, which has hand-derived gradients

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Layout of the prunable weights, n in all."""

    @property
    @abstractmethod
    def nodes(self) -> Layout:
        """Layout of the hidden nodes (units and channels): name and (size,) of each group.

        Layers that add to the same channels, as in a residual stream, share one group.
        """

    @property
    @abstractmethod
    def wires(self) -> tuple[Wire, ...]:
        """One `Wire` for each layer of the layout, in order."""

    @property
    @abstractmethod
    def units(self) -> int:
        """Numbers that the forward pass stores for one sample; memory estimates use it."""

    @property
    def extras(self) -> tuple[Extra, ...]:
        """What training changes besides the weights, m numbers; those that gradients train come first."""
        return ()

    @abstractmethod
    def module(self) -> nn.Module:
        """A plain PyTorch network of this architecture, with PyTorch's own initial weights."""

    @abstractmethod
    def narrowed(self, sizes: Sequence[int]) -> Architecture:
        """The same architecture with these numbers of nodes, one per group."""

    @cached_property
    def initial_extras(self) -> np.ndarray:
        """float32[m]: the initial values of all extras."""
        return np.repeat(
            np.array([extra.initial for extra in self.extras], dtype=np.float32),
            [extra.size for extra in self.extras],
        )

    def or_initial(self, extras: np.ndarray) -> np.ndarray:
        """`extras`, float32[m]; the initial values if `extras` is the placeholder INITIAL."""
        return extras if extras.size else self.initial_extras

    @cached_property
    def trained_extras(self) -> int:
        """How many of the m extras gradients train; these come first."""
        return sum(extra.size for extra in self.extras if extra.trained)

    @property
    def keeps_statistics(self) -> bool:
        """Does it have batch normalisation, which keeps running statistics?"""
        return self.trained_extras < self.initial_extras.size

    @property
    def needs_two(self) -> bool:
        """Does a training need two samples or more in every minibatch?"""
        return False

    def named(self, weights: Any, extras: Any) -> dict[str, Any]:
        """Views of both vectors (arrays or tensors) by their names in the module's `state_dict`."""
        parts = {f"{name}.weight": part for name, part in self.layout.split(weights)}
        start = 0
        for extra in self.extras:
            parts[extra.name] = extras[start : start + extra.size]
            start += extra.size
        return parts

    def targets(self, labels: Tensor, as_type: dtype) -> Tensor:
        """Targets [n, outputs] for labels int64[n]: one-hot, or 0 and 1 for a single output."""
        from torch.nn.functional import one_hot

        if self.outputs == 1:
            return labels[:, None].to(as_type)
        return one_hot(labels, self.outputs).to(as_type)
