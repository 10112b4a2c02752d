"""What a search method is: a problem, a budget and a density in; a ticket and a logbook out."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from nets_deap.data.loading import Part
from nets_deap.models.architecture import INITIAL, Architecture
from nets_deap.networks.backends import make_network
from nets_deap.networks.protocol import Network
from nets_deap.problem.budget import UNLIMITED, Budget, Cost, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.training.loop import assert_masked, train
from nets_deap.util.threads import one_thread

Row = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What a search found.

    logbook: one row per cycle, generation or update of the mask
    trained: for a method that gives a trained network and no ticket, its weights float32[n]; `ticket` then
        holds what it started from, under the mask it ended with
    """

    ticket: Ticket
    logbook: list[Row] = field(repr=False)
    cost: Cost
    trained: np.ndarray | None = field(default=None, repr=False)


class Method(Protocol):
    """A search method with its options settled; see `search.METHODS`."""

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for what can be seen to fail before anything is run, a budget too small too."""

    def __call__(
        self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float
    ) -> Found: ...


def initial_weights(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """float32[n]: θ₀. The first thing every method draws, so that one seed gives all of them the same."""
    std = problem.initial_std()
    weights = rng.standard_normal(std.size, dtype=np.float32)
    weights *= std
    return weights


STEPS_A_LOOK = 5  # between two looks at the clock


class _TimeIsUpError(Exception):
    """Carries the number of steps done."""


def train_within(
    meter: Meter,
    architecture: Architecture,
    weights: np.ndarray,
    mask: np.ndarray,
    recipe: Recipe,
    part: Part,
    rng: np.random.Generator,
    steps: int,
    seconds: float = math.inf,
    extras: np.ndarray = INITIAL,
) -> Network:
    """A network trained under its mask for so many steps, and its cost put on the meter.

    seconds: after which the training ends early, to within a few steps
    extras: float32[m], biases and normalisations; initial unless given
    """
    network = make_network(architecture, weights, mask, recipe, extras=extras)
    deadline = time.monotonic() + seconds
    done = steps

    def watch(step: int, loss: float) -> None:
        if time.monotonic() > deadline:
            raise _TimeIsUpError(step)

    report, every = (None, 0) if math.isinf(seconds) else (watch, STEPS_A_LOOK)
    try:
        with one_thread():
            train(network, part, replace(recipe, iterations=steps), rng, report, every)
    except _TimeIsUpError as over:
        done = over.args[0]
    samples = recipe.samples_in(done, len(part.y))
    meter.spend(gradient_steps=done, samples=samples, forward_passes=samples)
    assert_masked(architecture, network.weights(), mask)
    return network
