"""Dynamic sparse training, SET and RigL: references that give a trained network, not a ticket."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from nets_deap.config.fields import MOST
from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.perceptron import has_gradients
from nets_deap.problem.budget import UNLIMITED, Budget, Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.pruning.allocation import GLOBAL, allocate, keep
from nets_deap.pruning.scores import Candidate, gradient
from nets_deap.search.method import Found, Method, Stretch
from nets_deap.util.errors import NetsError

GROWTHS = ("random", "gradient")


if TYPE_CHECKING:
    _Base = MaskedModule  # or MaskedMLP, which has the same attributes
else:
    _Base = object


@dataclass(frozen=True)
class Dynamic(Method):
    """At every update of the mask, each layer drops its smallest weights and grows as many.

    What it grows is chosen among all that it has not kept, so a weight just dropped may come back at once.

    growth: "random" (SET, Mocanu et al. 2018) or "gradient" (RigL, Evci et al. 2020)
    every: steps between updates
    fraction: share of a layer's weights that the first update replaces; it decays along a cosine
    until: share of the training after which the mask is fixed. Defaults as in RigL, section 3.
    """

    fixed = frozenset({"growth"})
    gives_ticket = False
    for_perceptrons = True
    largest: ClassVar[Mapping[str, int]] = {"every": MOST}

    growth: str
    allocation: str = "erk"
    every: int = 100
    fraction: float = 0.3
    until: float = 0.75

    def plan(self, layout: Layout, density: float) -> list[np.ndarray | int]:
        """Active weights of each layer, in all of the training. Raises NetsError for impossible options."""
        if self.growth not in GROWTHS:
            raise NetsError(f"no growth '{self.growth}': {' or '.join(GROWTHS)}")
        if self.every < 1 or not (0 <= self.fraction <= 1 and 0 <= self.until <= 1):
            raise NetsError(
                f"every={self.every}, fraction={self.fraction:g}, until={self.until:g}: "
                "expected 1 or more steps, and shares from 0 to 1"
            )
        if self.allocation == GLOBAL:
            raise NetsError("a mask that moves within its layers needs their densities: uniform or erk")
        return [allocate(layout, density, self.allocation)]

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for impossible options, or a training without a step."""
        self.plan(problem.layout, density)
        if not problem.recipe.trains:
            raise NetsError("set and rigl: `epochs` 0 leaves no training in which a mask could move")

    def searches(self) -> bool:
        return False

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        return Stretch(why="its search is its training to the end")

    def __call__(self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float) -> Found:
        """Raises NetsError: there is no search, because `network` is trained to the end directly."""
        raise NetsError("SET and RigL give a trained network, not a ticket: a comparison trains them")

    def network(
        self,
        problem: Problem,
        weights: np.ndarray,
        density: float,
        rng: np.random.Generator,
        extras: np.ndarray = INITIAL,
    ) -> DynamicMLP | DynamicModule:
        """The untrained network for the problem's recipe: θ₀ under a random mask of this density.

        extras: float32[m], biases and normalisations; initial unless given
        """
        layout = problem.layout
        everything = np.ones(weights.size, dtype=bool)
        (counts,) = self.plan(layout, density)
        mask = keep(layout, rng.random(weights.size), everything, counts)
        steps = problem.recipe.steps(len(problem.data.train.y))
        architecture = problem.architecture
        kind = DynamicMLP if has_gradients(architecture) else DynamicModule
        return kind(architecture, weights, mask, problem.recipe, self, steps, rng, extras)


class _Dynamic(_Base):
    """A masked network whose mask changes during training; the density of each layer stays the same.

    A grown weight starts at zero, with its optimiser state cleared. A weight dropped and regrown in the same
    update keeps its value, as in RigL's own code. `updates` has one row per update; `moved` counts what was
    dropped, and with it what has come back at once.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        options: Dynamic,
        steps: int,
        rng: np.random.Generator,
        extras: np.ndarray = INITIAL,
    ) -> None:
        everything = np.ones_like(mask)  # nothing is left out
        super().__init__(architecture, weights, everything, recipe, extras=extras)
        self.options, self.rng = options, rng
        self.size = weights.size  # the first of `flat`; extras come after them
        self.last_update = int(options.until * steps)
        self.done = 0
        self.updates: list[dict[str, float]] = []
        # An update of SET takes no gradient; one of RigL goes forward twice.
        self.cost_aside = Cost()
        self._set_mask(mask)

    @property
    def alive(self) -> np.ndarray:
        """bool[n], the current mask."""
        return self.mask[: self.size].numpy().astype(bool)

    def _set_mask(self, mask: np.ndarray) -> None:
        self.mask[: self.size] = torch.from_numpy(mask)
        self.flat.mul_(self.mask)

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step; at an update, the mask changes instead of the weights (RigL, algorithm 1)."""
        self.done += 1
        if self.done % self.options.every == 0 and self.done < self.last_update:
            x, targets = self._gather(x, targets, chosen)
            self.outputs = self.forward(x)
            self._move(x, targets)
            random = self.options.growth == "random"
            self.cost_aside += Cost(-1, -len(x)) if random else Cost(forward_passes=len(x))
        else:
            super().step(x, targets, chosen)

    def _move(self, x: Tensor, targets: Tensor) -> None:
        layout, alive = self.architecture.layout, self.alive
        share = self.options.fraction / 2 * (1 + math.cos(math.pi * self.done / self.last_update))
        weights = self.flat[: self.size].numpy()
        if self.options.growth == "gradient":
            candidate = Candidate(self.architecture, weights, alive, x, targets, self.rng, self.extras())
            score = gradient(candidate)
        else:
            score = self.rng.random(weights.size)
        counts = np.array([int(part.sum()) for _, part in layout.split(alive)])
        moved = (share * counts).astype(int)
        kept = keep(layout, np.abs(weights), alive, counts - moved)
        mask = kept | keep(layout, score, ~kept, moved)
        stayed = torch.ones_like(self.mask, dtype=torch.bool)
        stayed[: self.size] = torch.from_numpy(mask & alive)
        self.descent.forget(stayed)
        self.flat.mul_(stayed)
        self._set_mask(mask)
        self.updates.append({"step": self.done, "moved": int(moved.sum())})


class DynamicMLP(_Dynamic, MaskedMLP):
    """A perceptron."""


class DynamicModule(_Dynamic, MaskedModule):
    """Any other network."""
