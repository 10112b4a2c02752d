"""Pruning at initialisation, and random tickets: a mask for θ₀ before any training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import numpy as np

from nets_deap.config.fields import MOST, MOST_KEPT
from nets_deap.models.layout import Layout
from nets_deap.problem.budget import UNLIMITED, Budget, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.pruning.at_initialisation import PRUNINGS, Pruning
from nets_deap.search.method import Found, Method, Stretch, initial
from nets_deap.util.errors import NetsError


class OneShot(Method):
    """A method without trainings that could be longer, or more."""

    def needs(self) -> frozenset[str]:
        return frozenset()

    def searches(self) -> bool:
        return False

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        return Stretch(why="it trains nothing")


@dataclass(frozen=True)
class Pruned(OneShot):
    """θ₀ under the mask of a method in PRUNINGS, whose parts can be replaced.

    score, allocation, rounds, samples: as in `pruning.at_initialisation.Pruning`; None: the method's own
    """

    fixed = frozenset({"name"})
    largest: ClassVar[Mapping[str, int]] = {"rounds": MOST_KEPT, "samples": MOST}

    name: str
    score: str | None = None
    allocation: str | Sequence[float] | None = None
    rounds: int | None = None
    samples: int | None = None

    def pruning(self) -> Pruning:
        """The named method with its parts replaced."""
        parts = {key: value for key, value in asdict(self).items() if key != "name" and value is not None}
        return replace(PRUNINGS[self.name], **parts)

    def needs(self) -> frozenset[str]:
        return frozenset({"labels", "gradients"} if self.pruning().gradients else ())

    def plan(self, layout: Layout, density: float) -> list[np.ndarray | int]:
        """Weights left after each round, as `keep` takes them. Raises NetsError for an impossible plan."""
        return self.pruning().plan(layout, density)

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for a density that the layers cannot hold, an unknown part, or a budget too
        small for the gradients."""
        self.plan(problem.layout, density)
        if problem.architecture.known().needs_two and self.pruning().gradients and self.pruning().samples < 2:
            raise NetsError(
                f"{self.name}: samples=1, which {problem.arch_name} cannot normalise: take 2 or more"
            )
        cost = self.pruning().cost(len(problem.data.train.y))
        if cost.gradient_steps and not Meter(budget).affords(cost):
            raise NetsError(
                f"the budget does not pay for {self.name}, {cost.gradient_steps:,} gradients on "
                f"{cost.samples // cost.gradient_steps:,} samples: allow more, or ask for fewer"
            )

    def __call__(self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float) -> Found:
        """Raises NetsError as `check` does."""
        self.check(problem, density, budget)
        meter, pruning = Meter(budget), self.pruning()
        weights, extras = initial(problem, rng)
        cost = pruning.cost(len(problem.data.train.y))

        def look(done: int) -> None:
            if done and meter.seconds_left() <= 0:
                raise NetsError(
                    f"{self.name}: the seconds of the budget end after {done} of {pruning.rounds} rounds: "
                    "allow more, or ask for fewer"
                )

        mask = pruning.of(problem, weights, density, rng, look, extras)
        meter.spend(cost.gradient_steps, cost.samples, cost.forward_passes)
        ticket = Ticket(weights, mask, problem.architecture, info={"method": self.name}, extras=extras)
        row = {"density": ticket.density}
        row |= {f"density_{name}": share for name, share in problem.layout.densities(mask).items()}
        return Found(ticket, [row], meter.cost)


@dataclass(frozen=True)
class PaperRandom(OneShot):
    """The NeTS paper's random tickets: density from N(0.2, 0.05²), clipped to (0, 1] (section 3.3).

    The mean is the density asked for, in place of 0.2. Each weight is expressed with the drawn density as
    probability.
    """

    spread: float = 0.05

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for a spread below 0."""
        if not 0 <= self.spread < np.inf:
            raise NetsError(f"random-paper: a spread of {self.spread:g}: expected 0 or more")

    def __call__(self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float) -> Found:
        self.check(problem, density)
        meter = Meter(budget)
        weights, extras = initial(problem, rng)
        drawn = float(np.clip(rng.normal(density, self.spread), 1 / weights.size, 1))
        mask = rng.random(weights.size) < drawn
        mask[rng.integers(weights.size)] |= not mask.any()
        ticket = Ticket(weights, mask, problem.architecture, info={"method": "random-paper"}, extras=extras)
        return Found(ticket, [{"density": ticket.density}], meter.cost)


@dataclass(frozen=True)
class Dense(OneShot):
    """θ₀ with nothing pruned, whatever density is asked for: the baseline for tickets."""

    any_density: ClassVar[bool] = True

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """There is nothing to refuse."""

    def __call__(self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float) -> Found:
        meter = Meter(budget)
        weights, extras = initial(problem, rng)
        mask = np.ones(weights.size, dtype=bool)
        ticket = Ticket(weights, mask, problem.architecture, info={"method": "dense"}, extras=extras)
        return Found(ticket, [{"density": 1.0}], meter.cost)
