"""The network that is computed in place of one whose mask has cut off nodes."""

from __future__ import annotations

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import narrow_to_mask
from nets_deap.networks.compaction import expanded
from nets_deap.problem.recipe import Recipe


class Narrowing:
    """A network without the nodes that its mask has cut off; with them, if the optimiser moves weights that
    have no gradient, or if nobody can tell.

    weights: float32[n]; mask: bool[n]; extras: float32[m], initial unless given

    architecture, weights, mask, extras: those of the narrowed network, pruned weights are zero
    genes, others: places of its weights and extras among the n and m; None: it has all
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        extras: np.ndarray,
    ) -> None:
        self.architecture, self.mask = architecture, mask
        self.weights = self._all_weights = np.where(mask, weights, np.float32(0))
        self.extras = self._all_extras = architecture.or_initial(extras)
        self.genes: np.ndarray | None = None
        self.others: np.ndarray | None = None
        if found := narrow_to_mask(architecture, mask) if recipe.descent.idle_stay else None:
            self.architecture, self.genes, self.others = found.architecture, found.genes, found.extras
            self.weights, self.mask = self.weights[found.genes], mask[found.genes]
            self.extras = self.extras[found.extras]

    def all_weights(self, now: np.ndarray) -> np.ndarray:
        """All n weights; those of the narrowed network are `now`."""
        return expanded(now, self._all_weights, self.genes)

    def all_extras(self, now: np.ndarray) -> np.ndarray:
        """The same of extras, [m]."""
        return expanded(now, self._all_extras, self.others)
