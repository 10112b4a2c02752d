"""Iterative magnitude pruning with rewinding (Frankle & Carbin 2019; rewinding: Frankle et al. 2020)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from nets_deap.config.fields import MOST, MOST_KEPT
from nets_deap.models.layout import Layout
from nets_deap.networks.scoring import evaluate
from nets_deap.problem.budget import UNLIMITED, Budget, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.pruning.allocation import ALLOCATIONS, GLOBAL, active_weights, exact_counts, keep
from nets_deap.search.cycles import Cycles, State, too_small
from nets_deap.search.method import MOST_SPENT, Stretch, check_trains, train_within, within
from nets_deap.util.errors import NetsError
from nets_deap.util.threads import one_thread

LAYERWISE, ERK = "layerwise", "erk"
SCOPES = (LAYERWISE, GLOBAL, ERK)
RATE, OUTPUT_SHARE = 0.2, 0.5  # pruned share of the surviving weights per cycle; half for the output layer


def densities_after(
    layout: Layout, rate: float, cycles: int, output_share: float = OUTPUT_SHARE
) -> np.ndarray:
    """Density of each layer after so many cycles; a single layer is not spared as an output layer."""
    rates = np.full(len(layout.sizes), rate)
    if len(rates) > 1:
        rates[-1] *= output_share
    return (1 - rates) ** cycles


def rate_for(layout: Layout, density: float, cycles: int, output_share: float = OUTPUT_SHARE) -> float:
    """The share pruned in each cycle so that `cycles` of them reach a density. By bisection."""
    sizes = np.array(layout.sizes)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        reached = (densities_after(layout, middle, cycles, output_share) * sizes).sum() / layout.size
        low, high = (middle, high) if reached > density else (low, middle)
    return low


@dataclass(frozen=True)
class IMP(Cycles):
    """In each cycle: train, prune the smallest trained weights, rewind.

    cycles: None: as few as reach the density if each prunes at most 20 %; 1 is one-shot pruning
    exact:  reach the density exactly; if False, `cycles` must be given, and each prunes 20 %
    epochs: length of the training in a cycle; None: that of the problem's recipe
    iterations: the same in optimiser steps
    budget: the most optimiser steps of the whole search; where neither epochs nor iterations are given, its
        cycles share all of them
    rewind, rewind_epochs, rewind_share: where to rewind to, in steps or epochs of the first training, or as
        a share of the training to the end; they add up, and 0 is a reset to θ₀. Later cycles and the training
        to the end start at that step k, and so have k fewer steps to go
    scope:  "layerwise", with half the rate for the output layer; "global"; or "erk", which keeps the shares
        of Erdős–Rényi in each cycle. None: global for networks with convolutions, as published results on
        them are: layer by layer, IMP starves the small first layers of small networks

    A budget shortens the training in all cycles alike; one that leaves a cycle untrained is refused.
    """

    name: ClassVar[str] = "imp"
    rewinds_weights: ClassVar[bool] = True
    largest: ClassVar[Mapping[str, int]] = {
        "cycles": MOST_KEPT,
        **dict.fromkeys(("epochs", "iterations", "rewind", "rewind_epochs"), MOST),
        "budget": MOST_SPENT,
    }

    cycles: int | None = None
    epochs: int | None = None
    iterations: int | None = None
    rewind: int = 0
    rewind_epochs: int = 0
    rewind_share: float = 0.0
    scope: str | None = None
    exact: bool = True
    budget: int | None = None

    def plan(self, layout: Layout, density: float) -> list[np.ndarray | int]:
        """The weights left after each cycle, as `pruning.allocation.keep` takes them."""
        scope = self._scope(layout)
        given = {"cycles": self.cycles, "epochs": self.epochs, "iterations": self.iterations}
        for name, number in given.items():
            if number is not None and number < 1:
                raise NetsError(f"{self.name}: {number} {name}: expected 1 or more")
        if self.epochs is not None and self.iterations is not None:
            raise NetsError(
                f"{self.name}: epochs and iterations are two ways to say how long a cycle is: give one"
            )
        if min(self.rewind, self.rewind_epochs) < 0:
            raise NetsError(f"{self.name}: rewinding goes to step 0 or later")
        if not 0 <= self.rewind_share < 1:
            raise NetsError(
                f"{self.name}: rewind_share={self.rewind_share:g}: expected a share from 0 on, and below 1"
            )
        if self.exact:
            total = active_weights(layout, density)
            cycles = self.cycles or self._enough(layout, density)
            rate = rate_for(layout, density, cycles, self._output_share(layout))
        elif self.cycles is None:
            raise NetsError(f"{self.name}: without an exact density it needs a number of cycles")
        else:
            cycles, rate, total = self.cycles, RATE, 0
        counts: list[np.ndarray | int] = []
        most = np.array(layout.sizes)
        for cycle in range(1, cycles + 1):
            reached = densities_after(layout, rate, cycle, self._output_share(layout))
            left = max(len(most), round(float((reached * np.array(layout.sizes)).sum())))
            if self.exact and cycle == cycles:
                left = total
            if scope == ERK:
                reached = ALLOCATIONS[ERK](layout, left)
            most = exact_counts(layout, reached, left, most)
            counts.append(left if scope == GLOBAL else most)
        return counts

    def _scope(self, layout: Layout) -> str:
        """The scope, settled. Raises NetsError for an unknown one."""
        if self.scope is None:
            return GLOBAL if any(len(shape) > 2 for shape in layout.shapes) else LAYERWISE
        if self.scope not in SCOPES:
            raise NetsError(f"{self.name}: no scope '{self.scope}': {', '.join(SCOPES)}")
        return self.scope

    def _output_share(self, layout: Layout) -> float:
        """The output layer is spared only where each layer is pruned by itself."""
        return OUTPUT_SHARE if self._scope(layout) == LAYERWISE else 1.0

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for contradictory options, an impossible density, or a budget that leaves a cycle
        untrained."""
        plan = self.plan(problem.layout, density)
        check_trains(self.name, self._recipe(problem))
        steps = self._recipe(problem).steps(len(problem.data.train.y))
        if self.rewinds_to(problem) >= steps:
            raise NetsError(
                f"{self.name}: cannot rewind to step {self.rewinds_to(problem)}: a cycle has {steps}"
            )
        first = min(steps, self._affordable(problem, Meter(self.limited(budget)), len(plan)))
        if first < 1 or first <= self.rewinds_to(problem):
            raise too_small(self.name, "cycles", len(plan))

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        """The cycles share the steps. If the length of a cycle is given, by an option or by what the method
        is, there are as many cycles as the steps pay for; if these are too few for the density, they are
        shorter, as on any budget."""
        length_given = self.epochs is not None or self.iterations is not None
        if length_given and self.cycles is None:
            length = self._recipe(problem).steps(len(problem.data.train.y))
            cycles = 1 + (steps - length) // max(1, length - self.rewinds_to(problem))
            if cycles >= max(len(self.plan(problem.layout, density)) for density in densities):
                return Stretch({"budget": steps, "cycles": min(cycles, MOST_KEPT)})
        return Stretch({"budget": steps})

    def limited(self, budget: Budget) -> Budget:
        return within(budget, "gradient_steps", self.budget)

    def _affordable(self, problem: Problem, meter: Meter, cycles: int) -> float:
        """Steps that the budget allows each of the remaining cycles."""
        recipe = self._recipe(problem)
        samples = recipe.samples(len(problem.data.train.y))
        batch = min(recipe.batch_size or samples, samples)
        return meter.steps_left(batch, cycles * len(problem.data.validation.y)) // cycles

    def _enough(self, layout: Layout, density: float) -> int:
        cycles = 1
        while rate_for(layout, density, cycles, self._output_share(layout)) > RATE:
            cycles += 1
        return cycles

    def info(self, problem: Problem, state: State) -> dict[str, Any]:
        return {"method": self.name, "cycles": state.cycle, "rewind": self.rewinds_to(problem)}

    def rewinds_to(self, problem: Problem) -> int:
        """The step of the first training from which all later trainings start."""
        available = len(problem.data.train.y)
        per_epoch, whole = problem.recipe.steps_per_epoch(available), problem.recipe.steps(available)
        return self.rewind + self.rewind_epochs * per_epoch + round(self.rewind_share * whole)

    def cycle(self, state: State, problem: Problem, budget: Budget, plan: Sequence[Any]) -> State:
        data, meter = problem.data_on_device, Meter(self.limited(budget), state.cost)
        recipe, rewind = self._recipe(problem), self.rewinds_to(problem)
        available, validation = len(data.train.y), len(data.validation.y)
        remaining = len(plan) - state.cycle
        share = self._affordable(problem, meter, remaining)
        # A rewound cycle starts at step k, so it has k fewer to go (Frankle et al. 2020, section 2).
        steps = int(min(recipe.steps(available) - (rewind if state.cycle else 0), share))
        if steps < 1 or meter.seconds_left() <= 0:
            raise too_small(self.name, "cycles", len(plan))
        rngs = [np.random.default_rng([state.root, state.cycle]) for _ in range(2)]
        now = replace(recipe, begun=rewind if state.cycle else 0)
        arguments = (meter, problem.architecture, state.rewound, state.mask, now, data.train)
        rewound, extras = state.rewound, state.extras
        if self.rewinds_weights and rewind and state.cycle == 0:
            # It repeats the training's first steps, so it is not counted.
            first = replace(recipe, whole=steps)
            apart = (Meter(Budget()), *arguments[1:4], first, data.train)
            reached = train_within(*apart, rngs[1], rewind, meter.seconds_left(), extras)
            if meter.seconds_left() <= 0:
                raise too_small(self.name, "cycles", len(plan))
            rewound, extras = reached.weights(), reached.extras()
        seconds = meter.seconds_left() / remaining
        network = train_within(*arguments, rngs[0], steps, seconds, state.extras)
        with one_thread():
            score = evaluate(network, data.validation, data.cases)
        meter.spend(forward_passes=validation)
        magnitude = np.abs(network.weights())
        mask = keep(problem.layout, magnitude, state.mask, plan[state.cycle])
        told = {
            "val_loss": score.loss,
            "val_acc": score.accuracy,
            "steps": meter.cost.gradient_steps - state.cost.gradient_steps,
        }
        if not self.rewinds_weights:
            rewound, extras = network.weights(), network.extras()
        begun = replace(state, rewound=rewound, extras=extras)
        return begun.after(problem.layout, mask, told, meter.cost)

    def _recipe(self, problem: Problem) -> Recipe:
        if self.iterations is not None:
            return replace(problem.recipe, iterations=self.iterations)
        if self.epochs is not None:
            return replace(problem.recipe, epochs=self.epochs, iterations=None)
        return replace(problem.recipe, iterations=self.budget) if self.budget else problem.recipe
