"""Training under a mask that moves; SET and RigL. References that give a trained network, not a ticket."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from nets_deap.config.fields import MOST
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.problem.budget import UNLIMITED, Budget, Cost
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import GLOBAL, allocate, keep
from nets_deap.search.method import Found, Method, Stretch
from nets_deap.search.moving import Course, Moved, Moving, Rule, exchanged
from nets_deap.util.errors import NetsError, warn_once

GROWTHS = ("random", "gradient")


class SparseTraining(Method, Rule):
    """A method whose search is its training, by the problem's recipe, under a mask that it moves."""

    gives_ticket = False
    largest: ClassVar[Mapping[str, int]] = {"every": MOST}

    @abstractmethod
    def begun(self, layout: Layout, density: float) -> np.ndarray | int:
        """Active weights before the first step, as `keep` takes them, for a training to this density.

        Raises NetsError for impossible options.
        """

    def settled(self, steps: int) -> int:
        """The step of a training of so many from which the network has the density asked for."""
        return 0

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for impossible options, or a training without a step."""
        self.begun(problem.layout, density)
        if not problem.recipe.trains:
            raise NetsError("`epochs` 0 leaves no training in which a mask could move: leave this method out")

    def searches(self) -> bool:
        return False

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        return Stretch(why="its search is its training to the end")

    def __call__(self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float) -> Found:
        """Raises NetsError: there is no search, because `network` is trained to the end directly."""
        raise NetsError("sparse training gives a trained network, not a ticket: a comparison trains it")

    def network(
        self,
        problem: Problem,
        weights: np.ndarray,
        density: float,
        rng: np.random.Generator,
        extras: np.ndarray = INITIAL,
    ) -> Moving:
        """The untrained network for the problem's recipe: θ₀ under a random mask, or under none.

        extras: float32[m], biases and normalisations; initial unless given
        """
        everything = np.ones(weights.size, dtype=bool)
        counts = self.begun(problem.layout, density)
        mask = keep(problem.layout, rng.random(weights.size), everything, counts)
        recipe, available = problem.recipe, len(problem.data.train.y)
        course = Course(0, recipe.steps(available), recipe.steps_per_epoch(available), density)
        architecture, device = problem.architecture, problem.torch_device
        return Moving(architecture, weights, mask, recipe, self, course, rng, extras, device)


def tell_that_it_stays(apart: int, until: float, steps: int) -> None:
    """Warn of a mask that would move every so many steps of a training that is too short for it."""
    when = "" if until == 1 else f" of the first {until:.0%}"
    warn_once(
        f"a mask that moves every {apart:,} steps{when} stays as it is in a training of {steps:,} steps: "
        "give it a smaller every=…"
    )


@dataclass(frozen=True)
class Dynamic(SparseTraining):
    """At every update of the mask, each layer drops its smallest weights and grows as many.

    What it grows is chosen among all that it has not kept, so a weight just dropped may come back at once.
    An update takes the place of a step (RigL, algorithm 1), also for SET and ITOP, in whose published code it
    follows a step. RigL's gradient is torch's, of all weights.

    SET is as Evci et al. have it. Mocanu et al. move the mask after each epoch, by the same share throughout,
    drop the smallest positive and the largest negative weights, and draw what grows at random.

    growth: "random" (SET, Mocanu et al. 2018) or "gradient" (RigL, Evci et al. 2020)
    every: steps between updates
    fewest: updates; in a training too short for them they come more often
    fraction: share of a layer's weights that the first update replaces; it decays along a cosine
    until: share of the training after which the mask is fixed. Defaults as in RigL, section 3.

    ITOP (Liu et al. 2021, "Do We Actually Need Dense Over-Parameterization?") moves half of the weights, to
    the end of the training, but rarely, so that what has grown is trained well before it is judged: every
    1,500 steps for SET and 4,000 for RigL, as in its authors' commands for CIFAR, whose trainings of 88,000
    steps have 58 and 21 updates. Shorter trainings have 20 all the same. Its measure R_s, the share
    of weights that have ever been active, is `explored` in the rows of updates.
    """

    fixed = frozenset({"growth"})
    largest: ClassVar[Mapping[str, int]] = {**SparseTraining.largest, "fewest": MOST}
    instead = True

    growth: str
    allocation: str = "erk"
    every: int = 100
    fewest: int = 0
    fraction: float = 0.3
    until: float = 0.75

    def begun(self, layout: Layout, density: float) -> np.ndarray | int:
        if self.growth not in GROWTHS:
            raise NetsError(f"no growth '{self.growth}': {' or '.join(GROWTHS)}")
        if self.every < 2 or self.fewest < 0 or not (0 <= self.fraction <= 1 and 0 <= self.until <= 1):
            raise NetsError(
                f"every={self.every}, fewest={self.fewest}, fraction={self.fraction:g}, "
                f"until={self.until:g}: expected 2 or more steps, as an update takes the place of one, 0 or "
                "more updates, and shares from 0 to 1"
            )
        if self.allocation == GLOBAL:
            raise NetsError("a mask that moves within its layers needs their densities: uniform or erk")
        return allocate(layout, density, self.allocation)

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for impossible options; warn if the training is too short for an update."""
        super().check(problem, density, budget)
        steps = problem.recipe.steps(len(problem.data.train.y))
        apart = self._apart(steps)
        if int(self.until * steps) <= apart and density < 1:
            tell_that_it_stays(apart, self.until, steps)

    def due(self, course: Course) -> bool:
        return course.step % self._apart(course.steps) == 0 and course.step < int(self.until * course.steps)

    def _apart(self, steps: int) -> int:
        """Steps between updates in a training of so many; every second, if need be, trains."""
        if not self.fewest:
            return self.every
        return min(self.every, max(2, int(self.until * steps) // (self.fewest + 1)))

    def moved(self, network: Moving, x: Tensor, targets: Tensor) -> Moved:
        course, weights = network.course, network.weights()
        share = course.cosine(self.fraction, int(self.until * course.steps))
        score = network.rng.random(weights.size) if self.growth == "random" else network.slopes(x, targets)
        return exchanged(network.architecture.layout, weights, network.alive, score, share)

    def aside(self, samples: int) -> Cost:
        """SET's update takes no gradient; RigL's goes forward twice."""
        return Cost(-1, -samples) if self.growth == "random" else Cost(forward_passes=samples)
