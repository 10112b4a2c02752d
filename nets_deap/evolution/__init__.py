"""Evolving tickets with DEAP."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "context": ["Context"],
        "evaluator": ["Evaluator"],
        "fitness": ["DensityPenalty"],
        "folder": ["evolve"],
        "maps": ["BatchedMap", "map_genomes"],
        "run": ["Evolution", "make_ticket"],
        "settings": ["EvolutionSettings", "EvolveConfig", "configure"],
        "species": ["selSpecies"],
        "toolbox": ["make_toolbox"],
    },
)
