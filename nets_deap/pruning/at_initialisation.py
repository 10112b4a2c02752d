"""Pruning at initialisation: each method is a choice of score, allocation and number of rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nets_deap.models.layout import Layout
from nets_deap.problem.budget import Cost
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import GLOBAL, allocate, keep
from nets_deap.pruning.scores import GRADIENTS, SCORES, Candidate
from nets_deap.util.errors import NetsError, unknown
from nets_deap.util.threads import one_thread


@dataclass(frozen=True)
class Pruning:
    """score: a name in SCORES; allocation: see `allocate`; rounds: 1 is one shot

    Over several rounds the density falls geometrically, and what is left is scored afresh.
    samples: training samples that a score by gradients looks at, in each round; the papers take 100 (SNIP)
        or 10 a class (GraSP)
    """

    score: str
    allocation: str | Sequence[float] = GLOBAL
    rounds: int = 1
    samples: int = 1000

    @property
    def gradients(self) -> int:
        """Gradients on the samples that each round takes."""
        return GRADIENTS.get(self.score, 0)

    def plan(self, layout: Layout, density: float) -> list[np.ndarray | int]:
        """What is left after each round, as `keep` takes it. Raises NetsError for what cannot be."""
        if self.score not in SCORES:
            raise unknown("score", self.score, SCORES)
        if self.rounds < 1:
            raise NetsError(f"{self.rounds} rounds of pruning: expected 1 or more")
        if self.samples < 1:
            raise NetsError(f"{self.samples} samples for a score: expected 1 or more")
        if self.rounds > 1 and not isinstance(self.allocation, str):
            raise NetsError("layer densities that are given go with one round: uniform or erk go with more")
        plan: list[np.ndarray | int] = []
        left: np.ndarray | None = None
        for i in range(1, self.rounds + 1):
            counts = allocate(layout, density ** (i / self.rounds), self.allocation, left)
            left = counts if isinstance(counts, np.ndarray) else None
            plan.append(counts)
        return plan

    def of(
        self, problem: Problem, weights: np.ndarray, density: float, rng: np.random.Generator
    ) -> np.ndarray:
        """The mask for these initial weights, bool[n], by samples drawn from the problem's training data."""
        import torch

        architecture, part = problem.architecture, problem.data.to("cpu", torch.float32).train
        chosen = rng.permutation(len(part.y))[: self.samples if self.gradients else 0]
        x, y = part.x[chosen], part.y[chosen]
        full = np.ones(weights.size, dtype=bool)
        with one_thread():
            targets = architecture.targets(y, x.dtype)
            return self.mask(Candidate(architecture, weights, full, x, targets, rng), density)

    def cost(self, available: int) -> Cost:
        """What `of` takes; GraSP's two gradients are of one forward pass."""
        samples = min(self.samples, available) if self.gradients else 0
        gradients = self.rounds * self.gradients
        return Cost(gradients, gradients * samples, self.rounds * samples)

    def mask(self, candidate: Candidate, density: float) -> np.ndarray:
        """The candidate's mask, pruned to the density, bool[n]."""
        layout = candidate.architecture.layout
        for left in self.plan(layout, density):
            scores = SCORES[self.score](candidate)
            candidate = replace(candidate, mask=keep(layout, scores, candidate.mask, left))
        return candidate.mask


PRUNINGS: dict[str, Pruning] = {
    "random": Pruning("random", "uniform"),
    "random-erk": Pruning("random", "erk"),
    "magnitude": Pruning("magnitude"),
    "snip": Pruning("snip"),
    "grasp": Pruning("grasp"),
    "synflow": Pruning("synflow", rounds=100),  # Tanaka et al. 2020, algorithm 1
}
# What the masks of a first population can come from
SEEDINGS = PRUNINGS | {"gradient": Pruning("gradient")}
