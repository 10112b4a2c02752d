"""Hidden nodes, units and channels, in groups; and the layers between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nets_deap.models.layout import Layout

FIXED = -1  # in place of a node's number: an input, an output, or what else is never dropped


class Wire(NamedTuple):
    """The nodes that a layer's weights connect, by their numbers among all k, or FIXED.

    target: int[out]; source: int[in], where a flattened channel stands once for each of its pixels
    transposed: are the weights [in, out, …], as those of a transposed convolution?
    """

    target: np.ndarray
    source: np.ndarray
    transposed: bool = False

    @property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """The nodes along the first two dimensions of the weights."""
        return (self.source, self.target) if self.transposed else (self.target, self.source)


@dataclass(frozen=True, eq=False)
class Groups:
    """The hidden nodes of a network.

    nodes: layout of the nodes, k in all: name and (size,) of each group
    wires: one for each layer of the network's layout, in order
    extras: for each of its extras the nodes along the first dimension, int[·]
    order: the layers, by their place in the layout, in the order of the computation
    """

    nodes: Layout
    wires: tuple[Wire, ...]
    extras: tuple[np.ndarray, ...]
    order: tuple[int, ...]

    def kept(self, sizes: Sequence[int]) -> np.ndarray:
        """bool[k + 1]: the first nodes of each group, as many as `sizes` says; and True at FIXED."""
        parts = [np.arange(size) < kept for size, kept in zip(self.nodes.sizes, sizes, strict=True)]
        return np.concatenate([*parts, [True]])

    def of_sizes(self, sizes: Sequence[int]) -> Groups:
        """The groups of the network of these first nodes."""
        kept = self.kept(sizes)
        numbers = np.append(np.cumsum(kept[:-1]) - 1, FIXED)

        def renumbered(nodes: np.ndarray) -> np.ndarray:
            return numbers[nodes[kept[nodes]]]

        return Groups(
            Layout(self.nodes.names, tuple((size,) for size in sizes)),
            tuple(Wire(renumbered(w.target), renumbered(w.source), w.transposed) for w in self.wires),
            tuple(map(renumbered, self.extras)),
            self.order,
        )
