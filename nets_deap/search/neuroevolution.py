"""Evolution as a search method."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from deap import tools

from nets_deap.config.base import RecipeSettings, Settings
from nets_deap.config.fields import MOST
from nets_deap.config.layers import DURATION_FIELDS, layered, validate
from nets_deap.config.presets import COMMAND_PRESETS, defaults_for
from nets_deap.evolution.checkpoint import State
from nets_deap.evolution.racing import parse
from nets_deap.evolution.rules import UNTRAINED, check, check_effect
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolutionSettings
from nets_deap.individuals.genome import Genome
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import UNLIMITED, Budget, Cost, Meter
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import active_weights
from nets_deap.pruning.at_initialisation import SEEDINGS
from nets_deap.pruning.traces import GRADIENTS, SAMPLES
from nets_deap.search.method import Found, Method, Row, Stretch, within
from nets_deap.search.timed import TimeIsUpError, make_in_time, timed
from nets_deap.util.errors import NetsError

# Settings of an evolution that are not options: the caller decides the density, and how the search runs
GIVEN = ("target_density", "track_test", "precision")
OPTIONS = {
    name: field
    for name, field in {**RecipeSettings.model_fields, **EvolutionSettings.model_fields}.items()
    if name not in GIVEN
}


@dataclass(frozen=True)
class Nets(Method):
    """`evolve` towards a target density, which it may miss.

    preset: "" or "paper", the protocol of the NeTS paper with its stopping rule
    options: any of OPTIONS; `epochs` and `iterations` are the length of an evaluation; and `budget`, the most
        gradient steps of the whole search
    track_test: record the best genome's test accuracy in the logbook; the trainings that this takes do not
        count as part of the search or its cost

    A budget ends the run before the first generation that it cannot pay for. When its seconds end, at most
    one more evaluation is finished, and the generation in progress is lost.
    """

    fixed = frozenset({"preset", "options", "track_test"})
    tracks_test = True
    own_density = True
    populations = True
    reports = True

    preset: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    track_test: bool = False

    @classmethod
    def option_types(cls) -> dict[str, Any]:
        return {name: option.annotation for name, option in OPTIONS.items()} | {"budget": int | None}

    @classmethod
    def of(cls, settled: dict[str, Any], options: dict[str, Any]) -> Nets:
        return cls(**settled, options=options)

    def settle(self, problem: Problem, density: float) -> tuple[Problem, EvolutionSettings]:
        """The problem with the recipe of an evaluation, and the settings of a search for this density.

        The recipe is the problem's own, except for its length and for the options given.
        """
        recipe = problem.recipe
        own = {name: getattr(recipe, name) for name in RecipeSettings.model_fields.keys() - DURATION_FIELDS}
        brief = validate(RecipeSettings, self._values(RecipeSettings, problem.dataset_name, own)).recipe()
        return replace(problem, recipe=brief), self.settings(problem.dataset_name, density)

    def settings(self, dataset: str, density: float) -> EvolutionSettings:
        aim = {"target_density": density, "track_test": self.track_test}
        return validate(EvolutionSettings, self._values(EvolutionSettings, dataset, aim))

    def may_miss(self, dataset: str, density: float) -> bool:
        """May its ticket have another density than asked? False for what `check` refuses."""
        try:
            settings = self.settings(dataset, density)
        except NetsError:
            return False
        return not settings.planned or settings.pipeline.evolves_density

    def _values(self, kind: type[Settings], dataset: str, given: dict[str, Any]) -> dict[str, Any]:
        """Fields of one kind: data set's defaults, preset, `given`, options; later ones override."""
        preset = COMMAND_PRESETS["evolve"][self.preset](dataset) if self.preset else {}
        values = layered(defaults_for("evolve", dataset, self.options), preset, given, self.options)
        return {name: value for name, value in values.items() if name in kind.model_fields}

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for options that do not go together, or a budget that cannot be enough."""
        if density >= 1:
            raise NetsError("nets: at a density of 1 there is nothing to look for: expected less than 1")
        if self.options.keys() >= DURATION_FIELDS:
            raise NetsError(
                "nets: epochs and iterations are two ways to say how long an evaluation is: give one"
            )
        brief, settings = self.settle(problem, density)
        check_effect(settings, set(self.options))
        check(() if brief.recipe.trains else UNTRAINED, settings)
        if settings.planned:
            active_weights(problem.layout, density)
        budget = self.limited(budget)
        if budget != UNLIMITED:
            self._check_budget(Evolution(brief, settings), Meter(budget))

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        """Evaluations are longer. The density falls over as many generations as it would without a budget.
        Equal genomes are trained once: what that saves pays for more generations, until the budget ends the
        search."""
        densities = [density for density in densities if density < 1]  # `check` refuses the others
        length_given = not DURATION_FIELDS.isdisjoint(given)
        if not densities or (length_given and "gens" in given):
            return Stretch({"budget": steps})
        if not _steps(Evolution(*self.settle(problem, densities[0])), 1.0):
            return Stretch(why="its evaluations take no gradient steps")

        def run(options: dict[str, Any]) -> list[Evolution]:
            """The evolution with these options at each density."""
            method = replace(self, options=self.options | options)
            return [Evolution(*method.settle(problem, density)) for density in densities]

        def most(options: dict[str, Any]) -> int:
            return max(map(_most_steps, run(options)))

        settings = self.settings(problem.dataset_name, densities[0])
        options: dict[str, Any] = {"gens": settings.gens}
        if length_given:
            counts = range(max(1, settings.density_gens or 0), steps + 1)
            paid = bisect_right(counts, steps, key=lambda gens: most({"gens": gens}))
            options["gens"] = counts.start + max(1, paid) - 1
        else:
            lengths = range(1, steps + 1)
            paid = bisect_right(lengths, steps, key=lambda n: most(options | {"iterations": n}))
            options["iterations"] = max(1, paid)
        if "gens" not in given:
            planned = run(options)
            if falling := max(each.settings.resolved_density_gens for each in planned):
                options["density_gens"] = falling
            options["gens"] = max(options["gens"], min(MOST, steps // _steps(planned[0], 1.0)))
        ends = f"it ends after {settings.patience} generations without improvement"
        return Stretch({"budget": steps, **options}, ends if settings.patience else "")

    def limited(self, budget: Budget) -> Budget:
        return within(budget, "gradient_steps", self.options.get("budget"))

    def __call__(
        self,
        problem: Problem,
        budget: Budget,
        rng: np.random.Generator,
        density: float,
        start: tuple[np.ndarray, np.ndarray] | None = None,
        engine: Callable[..., Any] | None = None,
        on_row: Callable[[Row], None] | None = None,
        state: State | None = None,
        on_state: Callable[[State], None] | None = None,
    ) -> Found:
        """Raises NetsError for options that do not go together, or a budget that ends too early.

        start: float32[n] and [m], initial weights and extras of all genomes, in place of random ones
        engine: the map that evaluates; by default in this process; on_row: called after each generation
        state: to go on from; on_state: called with it after each generation, before `on_row`
        """
        brief, settings = self.settle(problem, density)
        meter = Meter(self.limited(budget), (state.spent if state else None) or Cost())
        timely = timed(engine or SerialMap(), meter)
        evolution = Evolution(brief, settings, int(rng.integers(2**32)), engine=timely)
        toolbox = evolution.toolbox
        if start is not None:
            weights, evolution.evaluator.extras = start
            toolbox.register("individual", _begun_with, weights, toolbox.individual)
        toolbox.register("individual", make_in_time, toolbox.individual, meter)
        toolbox.register("population", tools.initRepeat, list, toolbox.individual)
        if state is not None:
            evolution.restore(state)
        else:
            self._check_budget(evolution, meter)
        while not evolution.over:
            if not meter.affords(_expected(evolution)):
                break
            try:
                row = evolution.advance()
            except TimeIsUpError:
                break
            spent = sum((_cost(evolution, steps) for steps in evolution.map.gradient_steps), Cost())
            if row["gen"] == 0 or row.get("restart"):
                spent += _seeding(evolution)
            meter.spend(spent.gradient_steps, spent.samples, spent.forward_passes)
            if on_state:
                on_state(replace(evolution.state(), spent=meter.cost))
            if on_row:
                on_row(row)
        if not evolution.logbook:
            raise NetsError(f"the budget ends within the first population of {settings.pop}: allow more")
        if evolution.generation < settings.resolved_density_gens:
            raise NetsError(f"the budget ends in generation {evolution.generation}, {_too_dense(settings)}")
        seconds = float(evolution.logbook[-1]["elapsed_s"])  # excludes the trainings of `track_test`
        return Found(evolution.ticket(), evolution.logbook, replace(meter.cost, seconds=seconds))

    def _check_budget(self, evolution: Evolution, meter: Meter) -> None:
        """Raise NetsError for a budget that cannot be enough, before any of it is spent."""
        settings, needed = evolution.settings, _expected(evolution)
        if not meter.affords(needed):
            raise NetsError(
                f"the budget does not pay for a first population of {settings.pop}, "
                f"{needed.gradient_steps:,} gradient steps: allow more"
            )
        each = _evaluations(evolution, settings.pop)
        falling = range(1, settings.resolved_density_gens + 1)
        paid = bisect_left(falling, True, key=lambda count: not meter.affords(needed + each * count))
        if paid < len(falling):
            raise NetsError(f"the budget pays for {paid} generations, {_too_dense(settings)}")


def _begun_with(weights: np.ndarray, make: Callable[[], Genome]) -> Genome:
    genome = make()
    genome.weights = weights.copy()
    return genome


def _too_dense(settings: EvolutionSettings) -> str:
    return (
        f"and the density is down in generation {settings.resolved_density_gens}: allow more, or ask for "
        "fewer generations, a smaller population or shorter evaluations"
    )


def _expected(evolution: Evolution) -> Cost:
    """The largest cost that the next generation can have."""
    settings = evolution.settings
    if evolution.generation < 0:
        return _evaluations(evolution, settings.pop) + _seeding(evolution)
    expected = _evaluations(evolution, settings.children(evolution.generation + 1))
    falling = evolution.generation < settings.resolved_density_gens
    if settings.reevaluate and not (falling or evolution.pareto):
        expected += sum((_cost(evolution, _steps(evolution, 1.0)) for _ in evolution.hall), Cost())
    return expected + _seeding(evolution) if settings.restart_after else expected


def _most_steps(evolution: Evolution) -> int:
    """The most gradient steps that a whole run can take."""
    settings = evolution.settings
    falling = min(settings.gens, settings.resolved_density_gens)
    total = _expected(evolution) + _evaluations(evolution, settings.pop) * falling
    total += _evaluations(evolution, settings.resolved_offspring) * (settings.gens - falling)
    if settings.restart_after:
        total += _seeding(evolution) * settings.gens
    if settings.reevaluate and not evolution.pareto:
        again = _cost(evolution, _steps(evolution, 1.0)) * evolution.hall.maxsize
        total += again * (settings.gens - falling)
    return total.gradient_steps


def _evaluations(evolution: Evolution, count: int) -> Cost:
    """Cost of evaluating so many genomes, in their race."""
    cost = Cost()
    for running, share in parse(evolution.settings.race).field(count):
        cost += _cost(evolution, _steps(evolution, share)) * running
    return cost


def _steps(evolution: Evolution, share: float) -> int:
    """Gradient steps of an evaluation, including its traces."""
    steps = evolution.problem.recipe.shortened(share, len(evolution.problem.data.train.y))
    return steps + _gradients(evolution)


def _seeding(evolution: Evolution) -> Cost:
    """Cost of the masks of a fresh population."""
    each = SEEDINGS[evolution.settings.seeding].cost(len(evolution.problem.data.train.y))
    return each * evolution.settings.pop


def _gradients(evolution: Evolution) -> int:
    """Number of gradients that the traces of an evaluation need."""
    return sum(GRADIENTS.get(name, 0) for name in evolution.evaluator.traces)


def _cost(evolution: Evolution, steps: int) -> Cost:
    """Cost of an evaluation of so many gradient steps, including traces and validation."""
    problem, gradients = evolution.problem, _gradients(evolution)
    available = len(problem.data.train.y)
    samples = problem.recipe.samples_in(steps - gradients, available) + gradients * min(SAMPLES, available)
    return Cost(steps, samples, samples + evolution.evaluator.forward_passes)
