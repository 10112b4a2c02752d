"""nets-deap: lottery tickets by neuroevolution, on DEAP.

The names below are imported when first used, so that `import nets_deap` costs nothing.
"""

from __future__ import annotations

from nets_deap.util.lazy import exported

__version__ = "0.2.0"

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
        "mutGlobal",
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
    "models": ["Layout", "Loss", "Metric", "Model", "initial_std"],
    "util.errors": ["NetsError"],
    "problem.problem": ["Problem"],
    "problem.recipe": ["Recipe"],
    "problem.ticket": ["Ticket", "load_ticket"],
    "parallel.dask_map": ["DaskMap"],
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
    "front": [
        "TicketClassifier",
        "TicketRegressor",
        "compare",
        "find_ticket",
        "keep_sparse",
        "merge",
        "problem_of",
        "train_ticket",
        "verify",
    ],
    "data.dataset": ["Data"],
    "problem.budget": ["Budget"],
}
__getattr__, __dir__, _names = exported(__name__, _HOME)
__all__ = ["__version__", *_names]  # noqa: PLE0604 (names, all of them)
