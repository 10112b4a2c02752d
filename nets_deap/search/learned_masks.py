"""What methods that learn a mask by gradients share: scores of weights are trained, weights are not."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from nets_deap.config.fields import MOST
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.networks.backends import make_network
from nets_deap.networks.scored_module import ScoredModule
from nets_deap.networks.scoring import evaluate
from nets_deap.problem import schedule as schedules
from nets_deap.problem.budget import UNLIMITED, Budget, Cost, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.search.method import (
    MOST_SPENT,
    Found,
    Method,
    Row,
    Stretch,
    check_trains,
    initial,
    run_within,
    within,
)
from nets_deap.training.draws import Draws
from nets_deap.training.standing import Standing
from nets_deap.util import inside
from nets_deap.util.errors import NetsError
from nets_deap.util.threads import as_usual, one_thread


class Beginning(NamedTuple):
    """What a network of scores is made of.

    weights, extras: float32[n] and [m], which stay
    recipe: of the scores, with its `iterations` set; density: of the ticket; rng: for the scores
    device: where the scores are trained
    """

    architecture: Architecture
    weights: np.ndarray
    extras: np.ndarray
    recipe: Recipe
    density: float
    rng: np.random.Generator
    device: str = "cpu"


@dataclass(frozen=True)
class LearnedMask(Method):
    """A score of each weight is trained on minibatches; the scores make the mask, and the weights stay.

    optimizer, lr, schedule: of the scores; all else, such as the size of minibatches, is the problem's recipe
    epochs: length of the search; None: that of the problem's recipe; iterations: the same in optimiser steps
    budget: the most optimiser steps of the search

    The last row of the logbook scores the ticket as it is, untrained, on the validation set. Biases and
    normalisations stay initial; the running statistics of the ticket's are those of the masked network.
    """

    one_training = True
    called: ClassVar[str]
    largest: ClassVar[Mapping[str, int]] = {"epochs": MOST, "iterations": MOST, "budget": MOST_SPENT}

    optimizer: str = "momentum"
    lr: float = 0.1
    schedule: str = "cosine"
    epochs: int | None = None
    iterations: int | None = None
    budget: int | None = None

    @property
    def passes(self) -> int:
        """Forward passes of each sample in a step."""
        return 1

    def steps(self, problem: Problem, budget: Budget) -> int:
        """Optimiser steps of the scores within a budget."""
        return self._steps(problem, Meter(self.limited(budget)))

    @abstractmethod
    def plan(self, layout: Layout, density: float) -> Any:
        """What `network` needs of a density. Raises NetsError for impossible options."""

    @abstractmethod
    def network(self, given: Beginning) -> ScoredModule:
        """The network whose scores are trained."""

    @abstractmethod
    def ticket_mask(self, network: ScoredModule, density: float) -> np.ndarray:
        """bool[n]: the mask of exactly this density that the scores make."""

    def start(
        self, problem: Problem, meter: Meter, density: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The weights and extras of the ticket, float32[n] and [m]; θ₀ unless a method takes others."""
        return initial(problem, rng)

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for impossible options or density, or a budget that pays for no step."""
        self._check_options()
        self.plan(problem.layout, density)
        check_trains(self.called, self._recipe(problem))
        if self.steps(problem, budget) < 1:
            raise self._too_small()

    def _check_options(self) -> None:
        for name in ("epochs", "iterations", "budget"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise NetsError(f"{self.called}: {name}={number}: expected 1 or more")
        if self.epochs is not None and self.iterations is not None:
            raise NetsError(
                f"{self.called}: epochs and iterations are two ways to say how long the search is: give one"
            )
        if not 0 < self.lr < math.inf:
            raise NetsError(f"{self.called}: lr={self.lr:g}: expected a number above 0")
        _ = Recipe(self.optimizer).descent, schedules.parsed(self.schedule)  # raise NetsError

    def limited(self, budget: Budget) -> Budget:
        return within(budget, "gradient_steps", self.budget)

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        """The search takes all of the steps. One whose length is given stays as long, or becomes shorter."""
        if {"epochs", "iterations"} & set(given):
            return Stretch({"budget": steps}, "its length is given")
        return Stretch({"budget": steps, "iterations": min(MOST, max(1, steps - self.rewinds_to(problem)))})

    def _recipe(self, problem: Problem) -> Recipe:
        """How the scores are trained."""
        own = replace(
            problem.recipe, optimizer=self.optimizer, lr=self.lr, schedule=self.schedule, begun=0, whole=None
        )
        if self.iterations is not None:
            return replace(own, iterations=self.iterations)
        return own if self.epochs is None else replace(own, epochs=self.epochs, iterations=None)

    def _steps(self, problem: Problem, meter: Meter) -> int:
        """Steps that the budget allows the search, after those before it."""
        available, validation = len(problem.data.train.y), len(problem.data.validation.y)
        recipe, before = self._recipe(problem), self.rewinds_to(problem)
        samples = recipe.samples(available)
        batch = min(recipe.batch_size or samples, samples)
        left = meter.steps_left(batch, validation) - before
        if (limit := meter.budget.forward_passes) is not None:
            passes = limit - meter.cost.forward_passes - validation - before * batch
            left = min(left, passes // (batch * self.passes))
        return int(min(recipe.steps(available), left))

    def _too_small(self) -> NetsError:
        return NetsError(f"{self.called}: the budget is too small for a step of the search: allow more")

    @as_usual()
    def __call__(
        self,
        problem: Problem,
        budget: Budget,
        rng: np.random.Generator,
        density: float,
        begun: Standing | None = None,
        on_standing: Callable[[Standing], None] | None = None,
        due: Callable[[], bool] | None = None,
    ) -> Found:
        """Raises NetsError as `check` does. begun, on_standing, due: see `Method.one_training`"""
        self.check(problem, density, budget)
        limits, data = self.limited(budget), problem.data_on_device
        meter = Meter(limits, Cost(**begun.told["cost"]) if begun else Cost())
        if begun:
            weights, extras = (begun.arrays[name] for name in ("weights", "extras"))
        else:
            with inside.heard(None):  # whoever listens hears the steps of the scores
                weights, extras = self.start(problem, meter, density, rng)
        recipe = replace(self._recipe(problem), iterations=self.steps(problem, budget))
        network = self.network(
            Beginning(problem.architecture, weights, extras, recipe, density, rng, problem.torch_device)
        )
        if begun:
            begun.restore(network)
            rng.bit_generator.state = begun.told["order"]
            if meter.seconds_left() <= 0:
                recipe = replace(recipe, iterations=begun.step)
        elif meter.seconds_left() <= 0:
            raise self._too_small()
        before, order = meter.cost, deepcopy(rng.bit_generator.state)
        goes_on = (begun.step, begun.draws) if begun else ()
        draws = Draws(rng, recipe, problem.architecture.template, *goes_on)

        def tell(step: int, at_the_end: bool = False) -> None:
            if on_standing and (at_the_end or due is None or due()):
                spent = asdict(replace(before, seconds=meter.cost.seconds))
                now = Standing.of(network, step, [], (INITIAL, INITIAL), draws.standing())
                on_standing(replace(now, told=now.told | {"cost": spent, "order": order}))

        look = tell if on_standing else None
        done = run_within(meter, network, recipe, data.train, draws, meter.seconds_left(), look)
        if not (begun and begun.step == done):
            tell(done, at_the_end=True)
        if self.passes > 1:
            meter.spend(forward_passes=(self.passes - 1) * recipe.samples_in(done, len(data.train.y)))
        mask, extras = self.ticket_mask(network, density), network.extras()
        with one_thread():
            judged = make_network(
                problem.architecture, weights, mask, problem.recipe, problem.torch_device, extras=extras
            )
            score = evaluate(judged, data.validation, data.cases)
        meter.spend(forward_passes=len(data.validation.y))
        ticket = Ticket(weights, mask, problem.architecture, info=self.info(problem), extras=extras)
        row = {"step": done, "val_loss": score.loss, "val_acc": score.accuracy, "density": ticket.density}
        row |= {f"density_{name}": share for name, share in problem.layout.densities(mask).items()}
        return Found(ticket, [*self.rows(network), row | {"elapsed_s": meter.cost.seconds}], meter.cost)

    def rows(self, network: ScoredModule) -> list[Row]:
        """What the logbook tells before its last row."""
        return []

    def info(self, problem: Problem) -> dict[str, Any]:
        """What the ticket records of its search."""
        return {"method": self.called}


@dataclass(frozen=True)
class StrongTickets(LearnedMask):
    """Methods whose tickets are to be good as they are, untrained.

    signed: the weights are ± a constant of each layer, with the signs of θ₀; if False, θ₀ itself
    """

    signed: bool = True

    def start(
        self, problem: Problem, meter: Meter, density: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        weights, extras = initial(problem, rng)
        if self.signed:
            weights = signed_constant(problem.layout, weights, self.expected_density(density))
        return weights, extras

    def expected_density(self, density: float) -> float:
        """The density at which the constants give the masked network the variance of a dense one."""
        return 1.0


def signed_constant(layout: Layout, weights: np.ndarray, density: float = 1.0) -> np.ndarray:
    """float32[n]: the signs of the weights, times √(2 / (density · inputs)) of each layer.

    The "signed Kaiming constant" of Ramanujan et al. 2020, section 4.5. A weight of 0 counts as positive.
    """
    size = initial_std(layout, "kaiming") / math.sqrt(density)
    return np.where(weights < 0, -size, size).astype(np.float32)
