"""Hidden nodes, units and channels, in groups; and the layers between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from nets_deap.models.layout import Layout

ENDS = ""  # the group of the inputs and outputs, which are not hidden nodes


class Wire(NamedTuple):
    """The groups of nodes that a layer connects.

    spread: columns of the weight matrix per node of `source`: 1, or the pixels of a flattened channel
    """

    source: str
    target: str
    spread: int = 1


@dataclass(frozen=True)
class Groups:
    """The hidden nodes of a network.

    nodes: layout of the nodes, k in all: name and (size,) of each group
    wires: one for each layer of the network's layout, in order; extras: the group of each of its extras
    order: the layers, by their place in the layout, in the order of the computation
    """

    nodes: Layout
    wires: tuple[Wire, ...]
    extras: tuple[str, ...]
    order: tuple[int, ...]

    def of_sizes(self, sizes: Sequence[int]) -> Groups:
        return replace(self, nodes=Layout(self.nodes.names, tuple((size,) for size in sizes)))
