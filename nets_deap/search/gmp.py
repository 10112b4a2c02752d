"""Gradual magnitude pruning: a network is pruned to its density while it trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from nets_deap.models.layout import Layout
from nets_deap.pruning.allocation import GLOBAL, allocate, keep
from nets_deap.search.moving import Course, Moved, Moving
from nets_deap.search.sparse_training import SparseTraining
from nets_deap.util.errors import NetsError

FEWEST = 10  # prunings; in a short training they come more often than `every`


@dataclass(frozen=True)
class GMP(SparseTraining):
    """Zhu & Gupta 2017, equation 1: after n prunings, one every Δt steps from step t₀ on, the sparsity is

        s = s_f + (s_i − s_f) (1 − (t − t₀) / (n Δt))³,

    so that much is pruned while much can be spared. A pruning follows the step; it drops the smallest weights
    for good.

    every: Δt; 100 to 1,000 in the paper, which sees little difference. If a training is too short for ten
        prunings at this distance, there are ten nearer to each other
    start, until: shares of the training at which it begins and ends: from the beginning to epoch 110 of 160,
        as in the baseline of Liu et al. 2021 (GraNet)
    init_density: 1 − s_i; below 1, the training starts under a random mask of Erdős–Rényi layer densities
    allocation: "global": weights of all layers compete, as in recent comparisons; or layer densities, uniform
        (which prunes each layer by the same share) or erk
    """

    every: int = 100
    start: float = 0.0
    until: float = 110 / 160
    init_density: float = 1.0
    allocation: str = GLOBAL

    def begun(self, layout: Layout, density: float) -> np.ndarray | int:
        name = type(self).__name__.lower()
        least = 2 if self.instead else 1
        if self.every < least or not 0 <= self.start < self.until <= 1:
            raise NetsError(
                f"{name}: every={self.every}, start={self.start:g}, until={self.until:g}: expected {least} "
                "or more steps, and shares from 0 to 1, the first below the second"
            )
        if not density <= self.init_density <= 1:
            raise NetsError(
                f"{name}: init_density={self.init_density:g}: expected at most 1, and no less than the "
                f"density asked for, {density:g}"
            )
        allocate(layout, density, self.allocation)
        return allocate(layout, self.init_density, "erk")

    def prunings(self, steps: int) -> range:
        """The steps at which it prunes, in a training of so many; at least one."""
        start = min(int(self.start * steps), steps - 1)
        span = max(1, int(self.until * steps) - start)
        # at least every second step trains, where a pruning takes the place of one
        nearest = min(2 if self.instead else 1, span)
        apart = max(nearest, min(self.every, span // FEWEST))
        return range(start + apart, start + span + 1, apart)

    def density_at(self, course: Course) -> float:
        """The density from this step to the next pruning."""
        steps = self.prunings(course.steps)
        done = sum(1 for step in steps if step <= course.step) / len(steps)
        return course.density + (self.init_density - course.density) * (1 - done) ** 3

    def settled(self, steps: int) -> int:
        return self.prunings(steps)[-1]

    def due(self, course: Course) -> bool:
        return course.step in self.prunings(course.steps)

    def moved(self, network: Moving, x: Tensor, targets: Tensor) -> Moved:
        mask = self.pruned(network)
        return Moved(mask, int(network.alive.sum() - mask.sum()))

    def pruned(self, network: Moving) -> np.ndarray:
        """bool[n]: the largest of the weights that are active, as many as the course has now."""
        layout, alive = network.architecture.layout, network.alive
        left = np.array([int(part.sum()) for _, part in layout.split(alive)])
        counts = allocate(layout, self.density_at(network.course), self.allocation, left)
        return keep(layout, np.abs(network.weights()), alive, counts)
