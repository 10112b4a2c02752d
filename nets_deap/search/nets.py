"""Evolution through the interface of all search methods."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nets_deap.config import EvolveConfig
from nets_deap.errors import NetsError
from nets_deap.evolution import Evolution, finished
from nets_deap.presets import COMMAND_PRESETS, dataset_defaults
from nets_deap.problem import Budget, Cost, Meter, Problem
from nets_deap.pruning.methods import SEEDINGS
from nets_deap.racing import parse
from nets_deap.search.method import Found
from nets_deap.settings import DURATION_FIELDS, layered, validate
from nets_deap.traces import GRADIENTS, SAMPLES

# What the comparison decides, for all methods alike
OF_THE_TRIAL = ("seed", "target_density", "device", "map", "workers", "out", "time_limit", "track_test")
OF_THE_PROBLEM = ("dataset", "data_dir", "download", "data_limit", "validation", "split_seed", "arch", "init")


@dataclass(frozen=True)
class Nets:
    """`evolve` towards a target density, which it may miss.

    preset: "" or "paper", which is the NeTS paper's protocol, its stopping rule included
    options: any fields of EvolveConfig; `epochs` is the length of an evaluation
    track_test: put the best genome's test accuracy into the logbook; it takes trainings that are no part of
        the search or its cost

    A budget ends the run before the generation that it would not pay for.
    """

    preset: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    track_test: bool = False

    def config(self, problem: Problem, density: float, seed: int) -> EvolveConfig:
        """The settings of one search; training is as the problem has it, but for its length."""
        recipe = problem.recipe
        ours = {name: getattr(problem, name) for name in OF_THE_PROBLEM}
        ours |= {"optimizer": recipe.optimizer, "lr": recipe.lr, "batch_size": recipe.batch_size}
        preset = COMMAND_PRESETS["evolve"][self.preset](problem.dataset) if self.preset else {}
        aim = {"target_density": density, "seed": seed, "map": "serial", "track_test": self.track_test}
        defaults = dataset_defaults("evolve", problem.dataset)
        return validate(EvolveConfig, layered(defaults, preset, ours, aim, self.options))

    def check(self, problem: Problem, density: float) -> None:
        """Raise NetsError for options that do not go together."""
        if density >= 1:
            raise NetsError("nets: at a density of 1 there is nothing to look for: expected less than 1")
        if self.options.keys() >= DURATION_FIELDS:
            raise NetsError(
                "nets: epochs and iterations are two ways to say how long an evaluation is: give one"
            )
        self.config(problem, density, seed=0)

    def __call__(self, problem: Problem, budget: Budget, rng: np.random.Generator, density: float) -> Found:
        """Raises NetsError for options that do not go together, or a budget below the first population."""
        config = self.config(problem, density, int(rng.integers(2**32)))
        evolution, meter = Evolution(config), Meter(budget)
        while not finished(config, evolution.logbook):
            expected = _expected(evolution)
            if not meter.affords(expected):
                if evolution.generation < 0:
                    raise NetsError(
                        f"the budget does not pay for a first population of {config.pop}, "
                        f"{expected.gradient_steps:,} gradient steps: allow more"
                    )
                break
            evolution.advance()
            spent = sum(
                (_cost(evolution, steps) for steps in evolution.map.gradient_steps), _seeding(evolution)
            )
            meter.spend(spent.gradient_steps, spent.samples, spent.forward_passes)
        seconds = float(evolution.logbook[-1]["elapsed_s"])  # without the trainings of `track_test`
        return Found(evolution.ticket(), evolution.logbook, replace(meter.cost, seconds=seconds))


def _expected(evolution: Evolution) -> Cost:
    """What the next generation will take."""
    config, recipe = evolution.config, evolution.problem.recipe
    full = recipe.steps(len(evolution.problem.data.train.y)) + _gradients(evolution)
    first = evolution.generation < 0
    count = parse(config.race).cost(config.pop if first else config.resolved_offspring)
    again = config.elites if config.reevaluate and not first else 0
    expected = _seeding(evolution) if first else Cost()
    for _ in range(math.ceil(count) + again):
        expected += _cost(evolution, full)
    return expected


def _seeding(evolution: Evolution) -> Cost:
    """What the masks of a first population have taken, or will."""
    seeding, none = SEEDINGS[evolution.config.seeding], Cost()
    each = seeding.cost(len(evolution.problem.data.train.y))
    return sum([each] * evolution.config.pop, none) if evolution.generation <= 0 else none


def _gradients(evolution: Evolution) -> int:
    """Gradients that the traces of an evaluation take."""
    return sum(GRADIENTS.get(name, 0) for name in evolution.evaluator.traces)


def _cost(evolution: Evolution, steps: int) -> Cost:
    """Of an evaluation of so many gradient steps, traces and validation included."""
    data, gradients = evolution.problem.data, _gradients(evolution)
    available = len(data.train.y)
    samples = evolution.problem.recipe.samples_in(steps - gradients, available)
    samples += gradients * min(SAMPLES, available)
    return Cost(steps, samples, samples + len(data.validation.y))
