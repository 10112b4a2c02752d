"""Drop the units and inputs that a mask has cut off and that therefore have no effect.

The smaller dense computation is exact, not an approximation: what it drops neither changes an output nor
receives a gradient. It pays for structured masks, and at low densities, where many inputs lose their last
connection. A random mask of density 20 % leaves nothing to drop.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nets_deap.models.architecture import Architecture

WORTHWHILE = 0.9  # above this share of remaining weights, selecting the inputs costs more than it saves


@dataclass(frozen=True)
class Compaction:
    """The part of a network that a mask leaves alive.

    shapes: (out, in) of each layer of the smaller network
    genes:  int[k], positions of the smaller network's weights among all n
    inputs: int[i], positions of the inputs that it uses
    units: int[u], positions of its units among those of all layers, where their biases are, too
    """

    shapes: tuple[tuple[int, int], ...]
    genes: np.ndarray
    inputs: np.ndarray
    units: np.ndarray


def live_units(masks: list[np.ndarray], silent_at_zero: bool) -> list[np.ndarray]:
    """bool per unit of every level, from the inputs to the outputs: can it have an effect?

    masks: bool[out, in] of each layer
    silent_at_zero: whether a unit without inputs puts out 0, as with ReLU

    A unit without a path to an output has no effect. Neither has a unit without inputs if it is silent at
    zero; a sigmoid gives one half there, and a bias something else. Outputs always count as live.
    """
    live = [np.ones(masks[0].shape[1], dtype=bool), *(np.ones(len(mask), dtype=bool) for mask in masks)]
    for level in range(len(masks) - 1, -1, -1):  # from the outputs down
        live[level] &= masks[level][live[level + 1]].any(axis=0)
    if silent_at_zero:
        for level in range(1, len(masks)):  # from the inputs up; dropping a unit may cut off those below it
            live[level] &= masks[level - 1][:, live[level - 1]].any(axis=1)
        for level in range(len(masks) - 1, -1, -1):
            live[level] &= masks[level][live[level + 1]].any(axis=0)
    return live


def compact(architecture: Architecture, mask: np.ndarray) -> Compaction | None:
    """The part of a network that `mask`, bool[n], leaves alive; None if that is nearly everything."""
    assert architecture.perceptron
    layout = architecture.layout
    masks = [part for _, part in layout.split(mask)]
    live = live_units(masks, architecture.perceptron.silent_at_zero)
    alive = [np.outer(above, below) for below, above in pairwise(live)]
    genes = np.flatnonzero(np.concatenate([part.ravel() for part in alive]))
    if genes.size > WORTHWHILE * layout.size:
        return None
    shapes = tuple((int(above.sum()), int(below.sum())) for below, above in pairwise(live))
    return Compaction(shapes, genes, np.flatnonzero(live[0]), np.flatnonzero(np.concatenate(live[1:])))


def expanded(now: np.ndarray, before: np.ndarray, places: np.ndarray | None) -> np.ndarray:
    """All values: those of the smaller network (`now`) at their positions, the others as `before`."""
    if places is None:
        return now.copy()
    whole = before.astype(now.dtype)
    whole[places] = now
    return whole
