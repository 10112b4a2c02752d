"""Dropping what a mask has cut off altogether: units and inputs that can have no effect.

The smaller dense computation is exact, not an approximation: what is dropped neither changes an output nor
receives a gradient. It pays for structured masks, and at low densities, where many inputs lose their last
connection; at 20 % and random there is nothing to drop.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nets_deap.models.mlp import MLP

WORTHWHILE = 0.9  # share of weights left above which picking out the inputs costs more than it saves


@dataclass(frozen=True)
class Compaction:
    """The part of a network that a mask leaves alive.

    shapes: (out, in) of each layer, smaller
    genes:  int[k], where the smaller network's weights stand among all n
    inputs: int[i], the inputs that are looked at
    """

    shapes: tuple[tuple[int, int], ...]
    genes: np.ndarray
    inputs: np.ndarray


def live_units(masks: list[np.ndarray], silent_at_zero: bool) -> list[np.ndarray]:
    """bool per unit of every level, from the inputs to the outputs: can it have an effect?

    masks: bool[out, in] of each layer. A unit without a way to an output has none. A unit without an input
    has none if its activation is silent at zero, like ReLU's; a sigmoid's says one half, which is a bias.
    Outputs always count.
    """
    live = [np.ones(masks[0].shape[1], dtype=bool), *(np.ones(len(mask), dtype=bool) for mask in masks)]
    for level in range(len(masks) - 1, -1, -1):  # from the outputs down
        live[level] &= masks[level][live[level + 1]].any(axis=0)
    if silent_at_zero:
        for level in range(1, len(masks)):  # from the inputs up; cutting a unit may orphan those below it
            live[level] &= masks[level - 1][:, live[level - 1]].any(axis=1)
        for level in range(len(masks) - 1, -1, -1):
            live[level] &= masks[level][live[level + 1]].any(axis=0)
    return live


def compact(architecture: MLP, mask: np.ndarray) -> Compaction | None:
    """What `mask`, bool[n], leaves alive; None where that is nearly everything."""
    layout = architecture.layout
    masks = [part for _, part in layout.split(mask)]
    live = live_units(masks, silent_at_zero=architecture.activation == "relu")
    alive = [np.outer(above, below) for below, above in pairwise(live)]
    genes = np.flatnonzero(np.concatenate([part.ravel() for part in alive]))
    if genes.size > WORTHWHILE * layout.size:
        return None
    shapes = tuple((int(above.sum()), int(below.sum())) for below, above in pairwise(live))
    return Compaction(shapes, genes, np.flatnonzero(live[0]))
