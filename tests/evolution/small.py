"""What several tests of evolutions use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.genome import Genome

Config = Callable[..., EvolveConfig]


def run(config: EvolveConfig, engine=None) -> Evolution:
    evolution = Evolution.of(config, engine)
    for _ in range(config.gens + 1):
        evolution.advance()
    return evolution


def genome(value: float, marker: int) -> Genome:
    individual = Genome(np.full(4, marker), np.ones(4, dtype=bool))
    individual.fitness.values = (value,)
    return individual
