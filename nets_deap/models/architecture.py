"""What every architecture says of itself: its weights, what else training changes, and its nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from nets_deap.models.layout import Layout

if TYPE_CHECKING:
    from torch import Tensor, dtype, nn


INITIAL = np.zeros(0, dtype=np.float32)  # stands for extras that are as they are at first
ENDS = ""  # the group of what is no hidden node: inputs, and outputs


class Extra(NamedTuple):
    """A vector that training changes beside the prunable weights: biases, or a part of a normalisation.

    name: in the module's `state_dict`; nodes: the group of nodes that it belongs to, one number for each
    initial: the value of all its numbers at first
    trained: by gradients; False for the statistics that a normalisation keeps
    """

    name: str
    nodes: str
    size: int
    initial: float
    trained: bool = True


class Wire(NamedTuple):
    """Which groups of nodes a layer joins.

    spread: columns of its weights for each node of `source`: the places of a channel that is flattened
    """

    source: str
    target: str
    spread: int = 1


class Architecture(ABC):
    """A network as data, from which its module is made. Frozen dataclasses; their fields are the data.

    input_shape: of one sample
    outputs: units of the output layer
    loss: "cross-entropy" on logits, or "mse": the mean over samples and outputs of (f(x) − y)²
    """

    name: str
    input_shape: tuple[int, ...]
    outputs: int
    loss: str = "cross-entropy"
    perceptron: ClassVar[bool] = False  # an `MLP`, whose gradients are written out

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Of the prunable weights, n in all."""

    @property
    @abstractmethod
    def nodes(self) -> Layout:
        """Of the hidden nodes, units and channels: names and (size,) of groups that live and die together."""

    @property
    @abstractmethod
    def wires(self) -> tuple[Wire, ...]:
        """One for each layer of the layout."""

    @property
    @abstractmethod
    def units(self) -> int:
        """Numbers that the forward pass of one sample leaves behind: what memory is counted by."""

    @property
    def extras(self) -> tuple[Extra, ...]:
        """What else training changes, m numbers in all; what gradients train stands first."""
        return ()

    @abstractmethod
    def module(self) -> nn.Module:
        """A plain PyTorch network of this architecture, with PyTorch's own initial weights."""

    @abstractmethod
    def narrowed(self, sizes: Sequence[int]) -> Architecture:
        """The same with so many nodes in each group."""

    @cached_property
    def initial_extras(self) -> np.ndarray:
        """float32[m]."""
        return np.repeat(
            np.array([extra.initial for extra in self.extras], dtype=np.float32),
            [extra.size for extra in self.extras],
        )

    def or_initial(self, extras: np.ndarray) -> np.ndarray:
        """`extras`, float32[m], or the initial ones where it is INITIAL."""
        return extras if extras.size else self.initial_extras

    @cached_property
    def trained_extras(self) -> int:
        """How many of the m numbers gradients train: the first ones."""
        return sum(extra.size for extra in self.extras if extra.trained)

    @property
    def keeps_statistics(self) -> bool:
        """Does it normalise by batches, and keep their statistics?"""
        return self.trained_extras < self.initial_extras.size

    def named(self, weights: Any, extras: Any) -> dict[str, Any]:
        """Views of both vectors, arrays or tensors, under their names in the module's `state_dict`."""
        parts = {f"{name}.weight": part for name, part in self.layout.split(weights)}
        start = 0
        for extra in self.extras:
            parts[extra.name] = extras[start : start + extra.size]
            start += extra.size
        return parts

    def targets(self, labels: Tensor, as_type: dtype) -> Tensor:
        """Labels int64[n] as what the output layer should say, [n, outputs]: one-hot, or 0 and 1."""
        from torch.nn.functional import one_hot

        if self.outputs == 1:
            return labels[:, None].to(as_type)
        return one_hot(labels, self.outputs).to(as_type)
