"""What IMP and ES share: cycles of training and pruning from the same weights, resumable between cycles."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nets_deap.models.layout import INITIAL, Layout
from nets_deap.problem.budget import UNLIMITED, Budget, Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search.method import Found, Method, Row, initial
from nets_deap.util.errors import NetsError


@dataclass(frozen=True)
class State:
    """The state of a search between two cycles: all that it needs to continue.

    rewound, extras: float32[n] and [m], where every cycle starts; extras are initial unless given
    mask: bool[n]
    root: seed of the cycles' random streams
    """

    cycle: int
    rewound: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)
    root: int
    logbook: list[Row] = field(repr=False)
    cost: Cost
    extras: np.ndarray = field(default_factory=lambda: INITIAL, repr=False)

    def after(self, layout: Layout, mask: np.ndarray, told: Row, cost: Cost) -> State:
        """The state after one more cycle: its new mask, `told` of its training, and the total cost so far."""
        densities = {f"density_{name}": share for name, share in layout.densities(mask).items()}
        row = {
            "cycle": self.cycle + 1,
            "trained_density": float(self.mask.mean()),
            **told,
            "density": float(mask.mean()),
            **densities,
            "elapsed_s": cost.seconds,
        }
        return replace(self, cycle=self.cycle + 1, mask=mask, logbook=[*self.logbook, row], cost=cost)


class Cycles(Method):
    """A search method in cycles: train, prune, and rewind to the starting weights."""

    resumable = True
    reports = True

    @abstractmethod
    def plan(self, layout: Layout, density: float) -> Sequence[Any]:
        """The weights left after each cycle, as `pruning.allocation.keep` takes them."""

    @abstractmethod
    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError, before anything runs, for a search that is sure to fail or a budget too small."""

    @abstractmethod
    def cycle(self, state: State, problem: Problem, budget: Budget, plan: Sequence[Any]) -> State:
        """Run one cycle and return the next state. Raises NetsError for a budget too small."""

    @abstractmethod
    def info(self, problem: Problem, state: State) -> dict[str, Any]:
        """What the ticket records of its search."""

    def start(self, problem: Problem, rng: np.random.Generator) -> State:
        """The state before the first cycle: nothing is pruned."""
        weights, extras = initial(problem, rng)
        mask = np.ones(weights.size, dtype=bool)
        return State(0, weights, mask, int(rng.integers(2**63)), [], Cost(), extras)

    def __call__(
        self,
        problem: Problem,
        budget: Budget,
        rng: np.random.Generator,
        density: float,
        state: State | None = None,
        on_state: Callable[[State], None] | None = None,
        on_row: Callable[[Row], None] | None = None,
    ) -> Found:
        """Search from the beginning, or from `state`; `on_state` and `on_row` are called after each cycle.

        Raises NetsError as `check` and `cycle` do.
        """
        self.check(problem, density, budget)
        state = state or self.start(problem, rng)
        plan = self.plan(problem.layout, density)
        while state.cycle < len(plan):
            state = self.cycle(state, problem, budget, plan)
            if on_state:
                on_state(state)
            if on_row:
                on_row(state.logbook[-1])
        info = self.info(problem, state)
        ticket = Ticket(state.rewound, state.mask, problem.architecture, {}, info, state.extras)
        return Found(ticket, state.logbook, state.cost)


def too_small(name: str, what: str, number: int) -> NetsError:
    """The error for a budget too small for so many cycles."""
    return NetsError(f"{name}: the budget is too small for {number} {what}: allow more, or ask for fewer")
