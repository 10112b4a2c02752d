"""Gradual pruning with neuroregeneration: while a network is pruned, what was dropped may grow back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from nets_deap.models.layout import Layout
from nets_deap.problem.budget import Cost
from nets_deap.search.gmp import GMP
from nets_deap.search.moving import Course, Moved, Moving, exchanged
from nets_deap.util.errors import NetsError


@dataclass(frozen=True)
class GraNet(GMP):
    """Liu et al. 2021, "Sparse Training via Boosting Pruning Plasticity with Neuroregeneration", section 4.

    At every update the network is pruned as by GMP; then each layer drops its smallest weights and grows as
    many, those of the largest gradients, as by RigL. The gradient is of all weights, before they are pruned.
    What was pruned grows back from zero; what the exchange drops and grows at once keeps its value. After the
    last pruning the exchange goes on to the end. All this is as in the authors' code, but there an update
    follows a step and uses its gradient. Here it takes the place of a step, as in RigL: kernels compute no
    gradient of pruned weights.

    every, start, until: of the prunings, as for GMP, in the authors' code from epoch 0 to 110 of 160; the
        exchange goes on at the same distance
    init_density: 1 is the paper's dense-to-sparse training; with 0.5 it is its sparse-to-sparse training
    fraction: share of a layer's weights that the first update exchanges; it decays along a cosine to the end
    """

    instead = True

    every: int = 1000
    fraction: float = 0.5

    def begun(self, layout: Layout, density: float) -> np.ndarray | int:
        if not 0 <= self.fraction <= 1:
            raise NetsError(f"granet: fraction={self.fraction:g}: expected a share from 0 to 1")
        return super().begun(layout, density)

    def due(self, course: Course) -> bool:
        steps = self.prunings(course.steps)
        after = course.step > steps[-1] and (course.step - steps[-1]) % steps.step == 0
        return course.step in steps or (after and course.step < course.steps)

    def moved(self, network: Moving, x: Tensor, targets: Tensor) -> Moved:
        score = network.slopes(x, targets)
        kept = self.pruned(network)
        share = network.course.cosine(self.fraction, network.course.steps)
        moved = exchanged(network.architecture.layout, network.weights(), kept, score, share)
        pruned = network.alive & ~kept
        return Moved(moved.mask, moved.dropped + int(pruned.sum()), pruned)

    def aside(self, samples: int) -> Cost:
        return Cost(forward_passes=samples)
