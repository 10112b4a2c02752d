"""nets-deap: lottery tickets by neuroevolution, on DEAP.

The names below are imported when first used, so that `import nets_deap` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "individuals.evaluation": ["Evaluation", "MinimisedFitness", "ParetoFitness"],
    "individuals.genome": ["Genome", "initGenome"],
    "individuals.halls_of_fame": ["ElitistHallOfFame", "FrontOfFame"],
    "individuals.operators": [
        "cxMask",
        "cxUniformGene",
        "mutAwaken",
        "mutDensity",
        "mutDifferential",
        "mutDormancy",
        "mutFanIn",
        "mutFlip",
        "mutGains",
        "mutGaussianNoise",
        "mutGrow",
        "mutLayers",
        "mutPrune",
        "mutRate",
        "mutReorder",
        "mutResampleWeights",
        "mutSequence",
        "mutSigns",
        "mutSwap",
        "repairDensity",
    ],
    "individuals.operators.nodes": ["cxNodes", "initNodes", "mutNodes"],
    "models": ["Layout", "initial_std"],
    "util.errors": ["NetsError"],
    "problem.problem": ["Problem"],
    "problem.recipe": ["Recipe"],
    "problem.ticket": ["Ticket", "load_ticket"],
    "parallel.processes": ["MultiprocessMap"],
    "parallel.serial": ["SerialMap"],
    "evolution.context": ["Context"],
    "evolution.evaluator": ["Evaluator"],
    "evolution.fitness": ["DensityPenalty"],
    "evolution.maps": ["BatchedMap", "map_genomes"],
    "evolution.run": ["Evolution", "make_ticket"],
    "evolution.settings": ["EvolutionSettings", "EvolveConfig", "configure"],
    "evolution.species": ["selSpecies"],
    "evolution.toolbox": ["make_toolbox"],
    "experiments.config": ["TrainConfig"],
    "search.random_ticket": ["random_ticket"],
    "training.final": ["train_ticket"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = ["__version__", *_MODULE_OF]  # noqa: PLE0604 (names, all of them)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'nets_deap' has no attribute '{name}'")
    return getattr(importlib.import_module(f"nets_deap.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
