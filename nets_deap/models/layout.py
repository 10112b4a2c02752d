"""How a flat vector of weights maps to the tensors of layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from nets_deap.util.errors import NetsError

INITIAL = np.zeros(0, dtype=np.float32)  # placeholder for extras that have their initial values


class Extra(NamedTuple):
    """A tensor that a network has besides its prunable weights: a bias, a normalisation, an embedding.

    name: key in the module's `state_dict`
    trained: whether gradients train it; False for running statistics, and for what is frozen
    """

    name: str
    shape: tuple[int, ...]
    trained: bool = True

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Layout:
    """How the flat vector of a genome maps to the weight tensors of layers, in order.

    names:  one per layer, as in the module's `state_dict` without ".weight"
    shapes: (out, in) of a linear layer, (out, in, *kernel) of a convolution
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def size(self) -> int:
        """n, the number of prunable weights."""
        return sum(self.sizes)

    def split(self, vector: Any) -> Iterator[tuple[str, Any]]:
        """Yield (name, view in the layer's shape) for each layer of a flat array or tensor of length n."""
        start = 0
        for name, shape, size in zip(self.names, self.shapes, self.sizes, strict=True):
            yield name, vector[start : start + size].reshape(shape)
            start += size

    def densities(self, mask: np.ndarray) -> dict[str, float]:
        """Share of active weights in each layer."""
        return {name: float(np.mean(part)) for name, part in self.split(mask)}


def check_fits(layout: Layout, size: int, what: str) -> None:
    """Raise NetsError unless a vector of `size` genes fills this layout."""
    if size != layout.size:
        raise NetsError(f"{what} has {size:,} weights, but the architecture has {layout.size:,}")
