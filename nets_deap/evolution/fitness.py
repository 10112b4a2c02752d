"""The fitness of a genome: the NeTS paper's (equation 1), or a function of the user's own."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nets_deap.individuals.evaluation import WORST, Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.util.errors import NetsError, raised
from nets_deap.util.random_streams import loading

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
    """The user's fitness function `module:function`, searched for in the working directory too.

    Raises NetsError if there is no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise NetsError(f"fitness '{name}' is not of the form module:function")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        with loading():
            module = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's module does when it is imported
        raise NetsError(f"fitness '{name}': cannot import '{module_name}': {raised(error)}") from error
    function = getattr(module, function_name, None)
    if function is None:
        raise NetsError(f"fitness '{name}': '{module_name}' has no function '{function_name}'")
    if not callable(function):
        raise NetsError(f"fitness '{name}' is not a function")
    return function
