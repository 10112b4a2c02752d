"""The DEAP individual, and its halls of fame."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "evaluation": ["Evaluation", "MinimisedFitness", "ParetoFitness"],
        "genome": ["Genome", "initGenome"],
        "halls_of_fame": ["ElitistHallOfFame", "FrontOfFame"],
    },
)
