"""Node space: turn masks over units and channels into weight masks and physically smaller dense networks.

A node mask is bool[k] over the hidden nodes, `Groups.nodes`. A weight is alive if both nodes that it
connects are alive. The smaller network computes the same outputs and trains in the same way, but for what
dropout draws: the weights that it drops neither reach an output nor receive a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.groups import Groups
from nets_deap.util.errors import NetsError

WORTHWHILE = 0.9  # above this share of remaining weights, a smaller network is hardly faster


def known(architecture: Architecture) -> Groups:
    """The hidden nodes of a network. Raises NetsError where they cannot be told."""
    found = architecture.known().nodes
    if found is None:
        from nets_deap.models.structured import available

        why = "" if available() else ", or install nets-deap[structured], which may"
        raise NetsError(
            f"the units and channels of {architecture.name} cannot be followed from layer to layer, so there "
            f"are none to search or to drop: take a method that prunes weights{why}"
        )
    return found


def groups(architecture: Architecture, nodes: np.ndarray) -> dict[str, np.ndarray]:
    """The part of a node mask that belongs to each group of nodes, as views."""
    return dict(known(architecture).nodes.split(nodes))


def weight_mask(architecture: Architecture, nodes: np.ndarray) -> np.ndarray:
    """bool[n]: the weights that connect two live nodes; inputs and outputs count as alive."""
    alive, parts = np.append(nodes, True), []  # True at FIXED
    for wire, shape in zip(known(architecture).wires, architecture.layout.shapes, strict=True):
        joined = np.logical_and.outer(*(alive[side] for side in wire.sides))
        parts.append(np.broadcast_to(joined.reshape(*joined.shape, *(1 for _ in shape[2:])), shape).ravel())
    return np.concatenate(parts)


def extras_mask(architecture: Architecture, nodes: np.ndarray) -> np.ndarray:
    """bool[m]: the extras of live nodes, and those of no node."""
    alive = np.append(nodes, True)
    parts = [
        np.repeat(alive[of], extra.size // max(1, len(of)))
        for extra, of in zip(architecture.extras, known(architecture).extras, strict=True)
    ]
    return np.concatenate([np.zeros(0, dtype=bool), *parts])


def live_nodes(architecture: Architecture, mask: np.ndarray) -> np.ndarray:
    """bool[k]: the nodes that have a path to an output under a weight mask, bool[n].

    All other nodes have no effect. A node without inputs can have one, through its bias or its normalisation.
    One pass from the outputs down is enough: what a layer adds to a residual stream matters only to
    the layers that read it later.
    """
    alive = np.append(np.zeros(known(architecture).nodes.size, dtype=bool), True)  # True at FIXED
    layers = list(zip(known(architecture).wires, architecture.layout.split(mask), strict=True))
    for place in reversed(known(architecture).order):
        wire, (_, part) = layers[place]
        joined = part.reshape(*part.shape[:2], -1).any(axis=2)
        reached = (joined.T if wire.transposed else joined)[alive[wire.target]].any(axis=0)
        np.logical_or.at(alive, wire.source, reached)
    return alive[:-1]


@dataclass(frozen=True)
class Narrowed:
    """A smaller dense network that computes the same as a larger one under a node mask.

    genes, extras: int, positions of its weights and extras among the n and m of the larger network
    """

    architecture: Architecture
    genes: np.ndarray
    extras: np.ndarray


def narrowed(architecture: Architecture, sizes: Sequence[int]) -> Architecture:
    """The same architecture with these numbers of nodes, one per group."""
    if tuple(sizes) == known(architecture).nodes.sizes:
        return architecture
    template = architecture.known().narrowed(sizes)
    return replace(
        architecture, sizes=tuple(sizes), layout=template.layout, extras=template.extras, template=template
    )


def narrow(architecture: Architecture, nodes: np.ndarray) -> Narrowed:
    """The network of the live nodes alone. Raises ValueError if a group has none."""
    sizes = [int(part.sum()) for part in groups(architecture, nodes).values()]
    if not all(sizes):
        raise ValueError("a group of nodes is empty")
    return Narrowed(
        narrowed(architecture, sizes),
        np.flatnonzero(weight_mask(architecture, nodes)),
        np.flatnonzero(extras_mask(architecture, nodes)),
    )


def narrow_to_mask(architecture: Architecture, mask: np.ndarray) -> Narrowed | None:
    """The smaller network that a weight mask leaves.

    None if it keeps nearly all weights, if some group has no live node, which cuts the network in two, or if
    nobody can tell its nodes.
    """
    if architecture.known().groups is None:
        return None
    nodes = live_nodes(architecture, mask)
    if nodes.all() or not all(part.any() for part in groups(architecture, nodes).values()):
        return None
    smaller = narrow(architecture, nodes)
    return smaller if smaller.genes.size <= WORTHWHILE * architecture.layout.size else None
