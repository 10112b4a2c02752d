"""The record of each generation, and when a run is over."""

from __future__ import annotations

import numpy as np
from deap import tools

from nets_deap.evolution.improvement import last_improvement
from nets_deap.evolution.settings import EvolutionSettings
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.halls_of_fame import best_of, measured
from nets_deap.util.tables import Row


def make_statistics(untrained: bool = False) -> tools.Statistics:
    """The columns of the logbook that describe a population.

    untrained: are networks scored untrained, too?
    """

    def fitness(population: tuple[Genome, ...]) -> np.ndarray:
        return np.array([measured(genome).fitness for genome in population])

    statistics = tools.Statistics()
    statistics.register("fitness_min", lambda population: float(fitness(population).min()))
    statistics.register("fitness_avg", lambda population: float(fitness(population).mean()))
    statistics.register("fitness_std", lambda population: float(fitness(population).std()))
    statistics.register("fitness_max", lambda population: float(fitness(population).max()))
    statistics.register("density_best", lambda population: best_of(population).density)
    statistics.register(
        "density_avg", lambda population: float(np.mean([genome.density for genome in population]))
    )
    statistics.register("val_loss_best", lambda population: measured(best_of(population)).val_loss)
    statistics.register("val_acc_best", lambda population: measured(best_of(population)).val_acc)
    if untrained:
        statistics.register("untrained_loss_min", _least_untrained_loss)
    return statistics


def _least_untrained_loss(population: tuple[Genome, ...]) -> float:
    return min(loss for genome in population if (loss := measured(genome).untrained_loss) is not None)


def finished(settings: EvolutionSettings, logbook: list[Row]) -> str:
    """Why a run is over, or "" if it is not."""
    if not logbook:
        return ""
    generation = int(logbook[-1]["gen"])
    # Denser genomes have better fitness: generations in which the density still falls do not count.
    stalled = generation - last_improvement(logbook, settings.resolved_density_gens)
    if settings.patience and stalled > settings.patience:
        return f"no improvement for {stalled} generations"
    return f"{generation} generation{'s' * (generation != 1)}" if generation >= settings.gens else ""
