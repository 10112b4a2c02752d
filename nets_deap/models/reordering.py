"""The hidden nodes of a network in another order, which changes nothing of what it computes."""

from __future__ import annotations

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known


def reordered(architecture: Architecture, vector: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Weights or a mask, [n], whose hidden nodes have taken other places of their groups.

    order: int[k], the place among all hidden nodes that each of them takes
    """
    places, parts = np.append(order, -1), []  # FIXED stays
    for wire, (_, part) in zip(known(architecture).wires, architecture.layout.split(vector), strict=True):
        moved = np.empty_like(part)
        moved[np.ix_(*(_taken(side, places) for side in wire.sides))] = part
        parts.append(moved.ravel())
    return np.concatenate(parts)


def reordered_extras(architecture: Architecture, extras: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The same of extras, [m]."""
    places, parts, start = np.append(order, -1), [extras[:0]], 0
    for extra, of in zip(architecture.extras, known(architecture).extras, strict=True):
        part = extras[start : start + extra.size].reshape(len(of), -1) if len(of) else extras[:0]
        moved = np.empty_like(part)
        moved[_taken(of, places)] = part
        parts.append(moved.ravel())
        start += extra.size
    return np.concatenate(parts)


def _taken(side: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where each place along a dimension goes: the i-th of a node to the i-th of the node that it becomes."""
    found = np.empty(len(side), dtype=np.int64)
    found[np.argsort(places[side], kind="stable")] = np.argsort(side, kind="stable")
    return found
