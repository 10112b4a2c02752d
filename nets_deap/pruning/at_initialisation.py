"""Pruning at initialisation: each method is a choice of score, allocation and number of rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nets_deap.data.dataset import Part
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.problem.budget import Cost
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import GLOBAL, allocate, keep
from nets_deap.pruning.scores import GRADIENTS, SCORES, Candidate
from nets_deap.util.errors import NetsError, unknown
from nets_deap.util.threads import one_thread


@dataclass(frozen=True)
class Pruning:
    """A pruning method: a score, an allocation over layers, and a number of rounds.

    score: a name in SCORES; allocation: see `allocate`; rounds: 1 is one shot
    samples: training samples per round, for a score that uses gradients; the papers take 100 (SNIP) or 10
        per class (GraSP)

    Over several rounds the density falls geometrically, and each round scores the remaining weights again.
    """

    score: str
    allocation: str | Sequence[float] = GLOBAL
    rounds: int = 1
    samples: int = 1000

    @property
    def gradients(self) -> int:
        """How many gradients on the samples each round computes."""
        return GRADIENTS.get(self.score, 0)

    @property
    def passes(self) -> int:
        """How often each round passes the samples forward; GraSP's two gradients share one pass."""
        return 1 if self.gradients else 0

    def scores(self, candidate: Candidate) -> np.ndarray:
        """float[n], higher for weights that matter more."""
        return SCORES[self.score](candidate)

    def plan(self, layout: Layout, density: float) -> list[np.ndarray | int]:
        """How many weights each round keeps, as `keep` takes it. Raises NetsError for invalid settings."""
        if type(self) is Pruning and self.score not in SCORES:
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

    @one_thread()
    def of(
        self,
        problem: Problem,
        weights: np.ndarray,
        density: float,
        rng: np.random.Generator,
        each_round: Callable[[int], None] | None = None,
        extras: np.ndarray = INITIAL,
    ) -> np.ndarray:
        """The mask for these initial weights, bool[n]; samples are drawn from the problem's training data.

        each_round: called before each round with the number of rounds done
        """
        import torch

        architecture, part = problem.architecture, problem.data.train
        chosen = rng.permutation(len(part.y))[: self.samples if self.gradients else 0]
        device = problem.torch_device if self.gradients else "cpu"
        x, y, _ = Part(part.x[chosen], part.y[chosen]).to(device, torch.float32)
        full = np.ones(weights.size, dtype=bool)
        targets = architecture.targets(y, torch.float32)
        return self.mask(Candidate(architecture, weights, full, x, targets, rng, extras), density, each_round)

    def cost(self, available: int) -> Cost:
        """The cost of `of`."""
        samples = min(self.samples, available) if self.gradients else 0
        gradients = self.rounds * self.gradients
        return Cost(gradients, gradients * samples, self.rounds * self.passes * samples)

    def mask(
        self, candidate: Candidate, density: float, each_round: Callable[[int], None] | None = None
    ) -> np.ndarray:
        """The candidate's mask, pruned to the density, bool[n]."""
        layout = candidate.architecture.layout
        for done, left in enumerate(self.plan(layout, density)):
            if each_round:
                each_round(done)
            kept = keep(layout, self.scores(candidate), candidate.mask, left)
            candidate = replace(candidate, mask=kept)
        return candidate.mask


PRUNINGS: dict[str, Pruning] = {
    "random": Pruning("random", "uniform"),
    "random-erk": Pruning("random", "erk"),
    "magnitude": Pruning("magnitude"),
    "snip": Pruning("snip"),
    "grasp": Pruning("grasp"),
    "synflow": Pruning("synflow", rounds=100),  # Tanaka et al. 2020, algorithm 1
}
# Methods that can make the masks of an initial population
SEEDINGS = PRUNINGS | {"gradient": Pruning("gradient")}
