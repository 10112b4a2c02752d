"""The fitness of a genome: the NeTS paper's (equation 1), or a function of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nets_deap.individuals.evaluation import WORST, Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.util import imports

FitnessFunction = Callable[[Evaluation, Genome], float]


def finite(value: float) -> float:
    """`value`, or WORST if it is NaN, infinite or worse than WORST."""
    return min(value, WORST) if math.isfinite(value) else WORST


@dataclass(frozen=True)
class DensityPenalty:
    """Validation loss + ((d − τ)/(1 − τ))² (NeTS paper, equation 1). τ = 1 would divide by zero."""

    target: float

    def __call__(self, evaluation: Evaluation, genome: Genome) -> float:
        return evaluation.val_loss + ((evaluation.density - self.target) / (1 - self.target)) ** 2


def load_fitness(name: str) -> FitnessFunction:
    """The user's fitness function `module:function`. Raises NetsError as `imports.function` does."""
    return imports.function(name, "fitness")
