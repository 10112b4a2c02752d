"""Node space: masks over units and channels, as weight masks and as physically smaller dense networks.

A node mask is bool[k] over the hidden nodes of `Architecture.nodes`. A weight is alive where both nodes that
it joins are. The smaller network computes the same outputs, and trains the same: what it leaves out neither
reaches an output nor receives a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nets_deap.models.architecture import ENDS, Architecture

WORTHWHILE = 0.9  # share of weights left above which a smaller network is hardly faster


def groups(architecture: Architecture, nodes: np.ndarray) -> dict[str, np.ndarray]:
    """A node mask's part for each group of nodes: views of it."""
    return dict(architecture.nodes.split(nodes))


def weight_mask(architecture: Architecture, nodes: np.ndarray) -> np.ndarray:
    """bool[n]: the weights between nodes that are alive."""
    alive, parts = groups(architecture, nodes), []
    for wire, shape in zip(architecture.wires, architecture.layout.shapes, strict=True):
        target = np.ones(shape[0], dtype=bool) if wire.target == ENDS else alive[wire.target]
        source = np.ones(shape[1], dtype=bool)
        if wire.source != ENDS:
            source = np.repeat(alive[wire.source], wire.spread)
        joined = np.outer(target, source).reshape(*shape[:2], *(1 for _ in shape[2:]))
        parts.append(np.broadcast_to(joined, shape).ravel())
    return np.concatenate(parts)


def extras_mask(architecture: Architecture, nodes: np.ndarray) -> np.ndarray:
    """bool[m]: what training changes beside the weights, of nodes that are alive and of the outputs."""
    alive = groups(architecture, nodes)
    parts = [
        np.ones(extra.size, dtype=bool) if extra.nodes == ENDS else alive[extra.nodes]
        for extra in architecture.extras
    ]
    return np.concatenate([np.zeros(0, dtype=bool), *parts])


def live_nodes(architecture: Architecture, mask: np.ndarray) -> np.ndarray:
    """bool[k]: the nodes from which a way leads to an output under a weight mask, bool[n].

    The others have no effect. One without an input may have: its bias, or what a normalisation adds. From the
    outputs down once: what a layer adds to a residual stream matters to those that read it later.
    """
    nodes = np.zeros(architecture.nodes.size, dtype=bool)
    alive = groups(architecture, nodes)
    layers = zip(architecture.wires, architecture.layout.split(mask), strict=True)
    for wire, (_, part) in reversed(list(layers)):
        if wire.source != ENDS:
            joined = part.reshape(len(part), -1, wire.spread * part[0, 0].size).any(axis=2)
            reached = joined if wire.target == ENDS else joined[alive[wire.target]]
            alive[wire.source] |= reached.any(axis=0)
    return nodes


@dataclass(frozen=True)
class Narrowed:
    """A smaller dense network that computes what a node mask leaves of a larger one.

    genes, extras: int, where its weights stand among the n of the larger one, its extras among the m
    """

    architecture: Architecture
    genes: np.ndarray
    extras: np.ndarray


def narrow(architecture: Architecture, nodes: np.ndarray) -> Narrowed:
    """The network of the nodes that are alive. Raises ValueError where a group has none."""
    sizes = [int(part.sum()) for part in groups(architecture, nodes).values()]
    if not all(sizes):
        raise ValueError("a group of nodes is empty")
    return Narrowed(
        architecture.narrowed(sizes),
        np.flatnonzero(weight_mask(architecture, nodes)),
        np.flatnonzero(extras_mask(architecture, nodes)),
    )


def narrow_to_mask(architecture: Architecture, mask: np.ndarray) -> Narrowed | None:
    """The smaller network that a weight mask leaves; None where that is nearly everything, or cut in two."""
    nodes = live_nodes(architecture, mask)
    if nodes.all() or not all(part.any() for part in groups(architecture, nodes).values()):
        return None
    narrowed = narrow(architecture, nodes)
    return narrowed if narrowed.genes.size <= WORTHWHILE * architecture.layout.size else None
