"""Controls: the same operators and the same cost, and no selection at all, of the ticket neither."""

from nets_deap import Evaluation, Genome


def constant(evaluation: Evaluation, genome: Genome) -> float:
    """The same for every genome: parents, and the ticket among the last population, go by chance."""
    return 0.0


def latest(evaluation: Evaluation, genome: Genome) -> float:
    """Less in each generation: a child takes the place of its parent, whatever its loss."""
    return -float(evaluation.generation)
