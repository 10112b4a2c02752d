"""Sparse momentum: growth where gradients persist, also from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from nets_deap.models.layout import Layout
from nets_deap.problem.budget import UNLIMITED, Budget
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import GLOBAL, allocate, exact_counts, keep
from nets_deap.search.moving import Course, Moved, Moving
from nets_deap.search.sparse_training import SparseTraining, tell_that_it_stays
from nets_deap.util.errors import NetsError

NEARLY_DENSE = 0.8


@dataclass(frozen=True)
class SNFS(SparseTraining):
    """Dettmers & Zettlemoyer 2019, "Sparse Networks from Scratch", section 3.

    M is the exponentially smoothed gradient of all weights, active or not. After each epoch every layer drops
    its smallest weights; together the layers grow as many, shared out in proportion to the mean |M| of the
    weights that each had; within a layer those of the largest |M| grow. What a full layer cannot take goes
    to the others in equal parts. A layer that is nearly dense, and of more than average momentum, drops no
    larger share than it lacks.

    It wants the dense gradient at every step, so a step costs what one of the dense network does.
    A weight that grows starts without an optimiser's memory, as in RigL; in the authors' code it starts with
    the momentum of its gradients so far. Under Adam that code takes Adam's normalised momentum for M.

    allocation: layer densities to begin with
    every: steps between updates; None: an epoch
    fraction: share of a layer's weights that it drops, which decays along a cosine to the end
    momentum: of M. Defaults as in the paper and its authors' code.
    """

    watches = True

    allocation: str = "uniform"
    every: int | None = None
    fraction: float = 0.5
    momentum: float = 0.9

    def begun(self, layout: Layout, density: float) -> np.ndarray | int:
        if (self.every is not None and self.every < 1) or not (
            0 <= self.fraction <= 1 and 0 <= self.momentum < 1
        ):
            raise NetsError(
                f"snfs: every={self.every}, fraction={self.fraction:g}, momentum={self.momentum:g}: expected "
                "1 or more steps, a share from 0 to 1, and a momentum from 0 to below 1"
            )
        if self.allocation == GLOBAL:
            raise NetsError("snfs: the first layer densities must be given: uniform or erk")
        return allocate(layout, density, self.allocation)

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for impossible options; warn if the training is too short for an update."""
        super().check(problem, density, budget)
        available = len(problem.data.train.y)
        steps = problem.recipe.steps(available)
        apart = self.every or problem.recipe.steps_per_epoch(available)
        if steps <= apart and density < 1:
            tell_that_it_stays(apart, 1.0, steps)

    def due(self, course: Course) -> bool:
        return course.step % (self.every or course.epoch) == 0 and course.step < course.steps

    def watch(self, network: Moving, slope: np.ndarray) -> None:
        if network.momentum is None:
            network.momentum = np.zeros_like(slope)
        network.momentum *= self.momentum
        network.momentum += (1 - self.momentum) * slope

    def moved(self, network: Moving, x: Tensor, targets: Tensor) -> Moved:
        assert network.momentum is not None
        share = network.course.cosine(self.fraction, network.course.steps)
        return redistributed(
            network.architecture.layout, network.weights(), network.alive, np.abs(network.momentum), share
        )


def redistributed(
    layout: Layout, weights: np.ndarray, alive: np.ndarray, momentum: np.ndarray, share: float
) -> Moved:
    """The mask after each layer has dropped a share of its weights, and all have grown as many together.

    weights, momentum: float[n], of the latter the magnitudes; alive: bool[n]
    A layer keeps one weight at least.
    """
    sizes = np.array(layout.sizes)
    parts = [part.ravel() for _, part in layout.split(alive)]
    counts = np.array([int(part.sum()) for part in parts])
    split = zip(parts, layout.split(momentum), strict=True)
    mean = np.array([float(of.ravel()[part].mean()) if part.any() else 0.0 for part, (_, of) in split])
    lacking = 1 - counts / sizes
    spared = (lacking < 1 - NEARLY_DENSE) & (mean > mean.mean())
    shares = np.where(spared, np.minimum(share, lacking), share)
    dropped = np.clip(np.ceil(shares * counts).astype(int), 0, np.maximum(counts - 1, 0))
    left = counts - dropped
    grown = shared_out(mean, float(dropped.sum()), (sizes - left).astype(float))
    kept = keep(layout, np.abs(weights), alive, left)
    after = exact_counts(layout, (left + grown) / sizes, int(counts.sum()))
    return Moved(kept | keep(layout, momentum, ~kept, after - left), int(dropped.sum()))


def shared_out(wanted: np.ndarray, total: float, room: np.ndarray) -> np.ndarray:
    """A total in proportion to `wanted`, no part above its room; what does not fit goes to the others in
    equal parts. Where nothing is wanted anywhere, all get the same."""
    wanted = wanted if wanted.sum() > 0 else np.ones_like(wanted)
    parts = wanted / wanted.sum() * total
    while (over := float((parts - room).clip(min=0).sum())) > 0 and (free := parts < room).any():
        parts = np.minimum(parts, room)
        parts[free] += over / free.sum()
    return np.minimum(parts, room)
