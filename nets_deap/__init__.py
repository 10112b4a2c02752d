"""nets-deap: lottery tickets by neuroevolution, on DEAP.

The names below are imported when first used, so that `import nets_deap` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "genome": [
        "Evaluation",
        "Genome",
        "Layout",
        "MinimisedFitness",
        "ParetoFitness",
        "initGenome",
        "initial_std",
    ],
    "operators": [
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
    "operators.nodes": ["cxNodes", "initNodes", "mutNodes"],
    "config": ["TrainConfig"],
    "evolve_config": ["EvolveConfig"],
    "settings": ["configure"],
    "errors": ["NetsError"],
    "problem": ["Problem", "Recipe"],
    "fitness": ["DensityPenalty", "Evaluator"],
    "parallel": ["BatchedMap", "MultiprocessMap", "SerialMap", "map_genomes"],
    "elites": ["ElitistHallOfFame", "FrontOfFame"],
    "toolbox": ["make_toolbox"],
    "evolution": ["Evolution", "make_ticket"],
    "structure": ["selSpecies"],
    "ticket": ["Ticket", "load_ticket"],
    "final_training": ["train_ticket"],
    "search.random": ["random_ticket"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = ["__version__", *_MODULE_OF]  # noqa: PLE0604 (names, all of them)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'nets_deap' has no attribute '{name}'")
    return getattr(importlib.import_module(f"nets_deap.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
