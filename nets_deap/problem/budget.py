"""What a search may spend, and what it has spent."""

from __future__ import annotations

import math
import time
from dataclasses import astuple, dataclass, replace

from nets_deap.util.errors import DamagedError
from nets_deap.util.schema import checked


@dataclass(frozen=True)
class Cost:
    """The cost of a search or a training.

    gradient_steps: gradients of the loss on a minibatch
    samples:        training samples in these minibatches
    forward_passes: samples passed forward through a network, with or without a gradient
    seconds:        wall-clock time
    """

    gradient_steps: int = 0
    samples: int = 0
    forward_passes: int = 0
    seconds: float = 0.0

    @classmethod
    def read(cls, told: object, what: object) -> Cost:
        """The cost that `asdict` has told. Raises DamagedError, naming it as `what`, for anything else."""
        cost = checked(cls, told, what)
        if not all(0 <= spent < math.inf for spent in astuple(cost)):
            raise DamagedError(f"{what} is damaged: a cost that is no number from 0 on")
        return cost

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(ours + theirs for ours, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: int) -> Cost:
        return Cost(*(times * each for each in astuple(self)))

    def exceeds(self, budget: Budget) -> bool:
        """Is this more than the budget allows?"""
        limits = zip(astuple(self), astuple(budget), strict=True)
        return any(limit is not None and spent > limit for spent, limit in limits)


@dataclass(frozen=True)
class Budget:
    """The most that a search may spend, in each unit of `Cost`; None: no limit."""

    gradient_steps: int | None = None
    samples: int | None = None
    forward_passes: int | None = None
    seconds: float | None = None


UNLIMITED = Budget()


class Meter:
    """What a search has spent of its budget so far. The clock starts with the meter."""

    def __init__(self, budget: Budget, already: Cost = Cost()) -> None:
        self.budget = budget
        self._counted = replace(already, seconds=0.0)
        self._start = time.monotonic() - already.seconds

    @property
    def cost(self) -> Cost:
        return replace(self._counted, seconds=time.monotonic() - self._start)

    def spend(self, gradient_steps: int = 0, samples: int = 0, forward_passes: int = 0) -> None:
        self._counted += Cost(gradient_steps, samples, forward_passes)

    def affords(self, more: Cost) -> bool:
        """Is there enough left for this?"""
        return not (self.cost + more).exceeds(self.budget)

    def steps_left(self, batch: int, reserved_passes: int = 0) -> float:
        """Optimiser steps on `batch` samples that the rest of the budget allows; infinite without a limit.

        reserved_passes: forward passes to keep back for something else
        """
        cost, budget = self.cost, self.budget
        left = [
            (limit - spent) // each
            for limit, spent, each in (
                (budget.gradient_steps, cost.gradient_steps, 1),
                (budget.samples, cost.samples, batch),
                (budget.forward_passes, cost.forward_passes + reserved_passes, batch),
            )
            if limit is not None
        ]
        return max(0, min(left)) if left else math.inf

    def seconds_left(self) -> float:
        """Seconds left; infinite without a limit."""
        limit = self.budget.seconds
        return math.inf if limit is None else limit - self.cost.seconds
