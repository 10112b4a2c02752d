"""What a search method is: a problem, a budget and a density in; a ticket and a logbook out."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple, get_type_hints

import numpy as np

from nets_deap.data.dataset import Part
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import Drawing, draw
from nets_deap.models.layout import INITIAL
from nets_deap.networks.backends import make_network
from nets_deap.networks.protocol import Network, Trainable
from nets_deap.problem.budget import UNLIMITED, Budget, Cost, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.training.draws import Draws
from nets_deap.training.loop import assert_masked, train
from nets_deap.util.errors import NetsError
from nets_deap.util.threads import one_thread

Row = dict[str, Any]
# What a method may need besides a network
NEEDS = {
    "labels": "it looks at the training data and their labels",
    "gradients": "it takes gradients of the loss",
    "training": "it trains networks, be it for a few steps",
}
MOST_SPENT = 10**18  # of a budget


@dataclass(frozen=True)
class Found:
    """What a search found.

    logbook: one row per cycle, generation or update of the mask
    """

    ticket: Ticket
    logbook: list[Row] = field(repr=False)
    cost: Cost


class Stretch(NamedTuple):
    """How a search is lengthened to a budget.

    options: to give beside those that are given; none: it stays as it is
    why: why its search takes less than the budget, where it does
    """

    options: Mapping[str, Any] = {}
    why: str = ""


class Method(ABC):
    """A search method with its options settled; see `registry.METHODS`.

    A frozen dataclass: its fields are its options, except those named in `fixed`.

    gives_ticket: False if it gives a trained network: its mask moves (`sparse_training.SparseTraining`), or
        what is trained to the end has been trained before (`learning_rate_rewinding`)
    resumable:    it works in cycles that can be saved (`cycles.Cycles`)
    limited_by:   what a budget limits besides seconds: gradient "steps", or forward "passes"
    populations:  it evaluates populations by a map, which may stack them (`weedout.Weedout`)
    reports:      it works in cycles or generations: it tells of each row of its logbook as it comes, by
        `on_row`, and where it stands, by `on_state`; given that as `state`, it goes on from there
    one_training: its search is one training, which goes on from `begun`, a `training.standing.Standing`; with
        `on_standing` it tells where it stands, where `due` says so and at its end
    tracks_test:  it can record test accuracies in its logbook
    largest:      its options that are refused above a number, before anything is allocated
    any_density:  it gives the same whatever density is asked for
    own_density:  its random control has the density that it reached, and is paired with it, not the reference
    """

    fixed: ClassVar[frozenset[str]] = frozenset()
    gives_ticket: ClassVar[bool] = True
    resumable: ClassVar[bool] = False
    limited_by: ClassVar[str] = "steps"
    populations: ClassVar[bool] = False
    reports: ClassVar[bool] = False
    one_training: ClassVar[bool] = False
    tracks_test: ClassVar[bool] = False
    largest: ClassVar[Mapping[str, int]] = {}
    any_density: ClassVar[bool] = False
    own_density: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name, most in self.largest.items():
            number = getattr(self, name)
            if number is not None and number > most:
                raise NetsError(f"{type(self).__name__.lower()}: {name}={number}: expected {most:,} at most")

    @classmethod
    def option_types(cls) -> dict[str, Any]:
        """Name -> type of every option."""
        return {name: kind for name, kind in get_type_hints(cls).items() if name in _fields(cls) - cls.fixed}

    @classmethod
    def of(cls, settled: dict[str, Any], options: dict[str, Any]) -> Method:
        """A method with these settled fields and these options."""
        return cls(**{**settled, **options})

    @abstractmethod
    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError, before anything runs, for a search that is sure to fail or a budget too small."""

    @abstractmethod
    def __call__(self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float) -> Found:
        """Search. Raises NetsError as `check` does."""

    def may_miss(self, dataset: str, density: float) -> bool:
        """May its ticket have another density than asked? Then a comparison adds a random ticket of the same
        density. False for options that `check` refuses, because they give no ticket."""
        return False

    def needs(self) -> frozenset[str]:
        """Of NEEDS, what it cannot do without."""
        return frozenset(NEEDS)

    def searches(self) -> bool:
        """Could it make use of a larger budget? False for what looks once, or draws at random."""
        return True

    @abstractmethod
    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        """The options with which the search takes nearly this many gradient steps, and no more.

        given: options that were given, which stay; where both the length and the number of trainings are
            among them, nothing is free. Otherwise the number stays and the length is stretched; if the length
            is given, the number is.
        densities: all of those that it is to be used at
        """

    def limited(self, budget: Budget) -> Budget:
        """The budget, and within it the one that is among the method's own options."""
        return budget

    def rewinds_to(self, problem: Problem) -> int:
        """The training step from which its ticket has its weights; 0 for initial weights."""
        return 0

    def tracking(self, track_test: bool) -> Method:
        """The same method, with test accuracies in its logbook if it can record them."""
        return replace(self, track_test=track_test) if self.tracks_test else self  # type: ignore[type-var]


def within(budget: Budget, unit: str, limit: int | None) -> Budget:
    """The budget with a limit of one unit, if that is the tighter one."""
    limits = [each for each in (getattr(budget, unit), limit) if each is not None]
    return replace(budget, **{unit: min(limits, default=None)})


def _fields(kind: type[Method]) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))  # type: ignore[arg-type]


def initial(problem: Problem, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """θ₀, float32[n], and the initial extras, float32[m] or INITIAL.

    Every method draws them first, so that one seed gives all methods the same.
    """
    source = problem.drawing()
    return source.both(rng) if isinstance(source, Drawing) else (draw(source, rng), INITIAL)


def check_trains(name: str, recipe: Recipe) -> None:
    """Raise NetsError for a training without a step, of a method that trains by the problem's recipe."""
    if not recipe.trains:
        raise NetsError(f"{name}: `epochs` 0 leaves its own trainings no step: give it epochs=1 or more")


STEPS_A_LOOK = 5  # steps between two checks of the time


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
    """Train a network under its mask for so many steps, and add the cost to the meter.

    part: on the device where it is trained
    seconds: time limit, kept to within a few steps
    extras: float32[m], biases and normalisations; initial unless given
    """
    network = make_network(architecture, weights, mask, recipe, str(part.x.device), extras=extras)
    run_within(meter, network, replace(recipe, iterations=steps), part, rng, seconds)
    assert_masked(architecture, network.weights(), mask)
    return network


def run_within(
    meter: Meter,
    network: Trainable,
    recipe: Recipe,
    part: Part,
    draws: np.random.Generator | Draws,
    seconds: float = math.inf,
    look: Callable[[int], None] | None = None,
) -> int:
    """Train a network that is built, and add the cost to the meter. Returns the number of steps done.

    draws: as for `train`; the steps of a training that goes on are counted from its beginning
    seconds: time limit, kept to within a few steps
    look: called every few steps, with the number of steps done
    """
    deadline = time.monotonic() + seconds
    done = recipe.steps(len(part.y))

    def watch(step: int, loss: float) -> None:
        if look:
            look(step)
        if time.monotonic() > deadline:
            raise _TimeIsUpError(step)

    report, every = (None, 0) if math.isinf(seconds) and look is None else (watch, STEPS_A_LOOK)
    try:
        with one_thread():
            train(network, part, recipe, draws, report, every)
    except _TimeIsUpError as over:
        done = over.args[0]
    samples = recipe.samples_in(done, len(part.y))
    meter.spend(gradient_steps=done, samples=samples, forward_passes=samples)
    return done
