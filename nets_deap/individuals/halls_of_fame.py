"""Halls of fame whose members take part in the evolution."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace

from deap import tools

from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome


class ElitistHallOfFame(tools.HallOfFame):
    """A hall of fame with elitism: its members stay in the population.

    After an update, clones of the elites missing from `population` replace its worst genomes. `eaSimple`
    updates the hall with the offspring before these replace the population, so the elites survive.

    Under a planned density, a genome denser than now planned is no elite: its fitness does not compare.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize, similar=Genome.identical)

    def update(self, population: list[Genome]) -> None:
        """Update the hall, and put missing elites back into `population`."""
        evaluations = [genome.evaluation for genome in population]
        planned = [e.planned for e in evaluations if e is not None and e.planned is not None]
        most = min(planned, default=1.0)
        for place in reversed(range(len(self))):
            if self[place].density > most:
                self.remove(place)
        super().update([genome for genome in population if genome.density <= most])
        keep_elites(self, population)


class FrontOfFame(tools.ParetoFront):
    """A Pareto front that also keeps the genome of least scalar fitness, which may not lie on the front."""

    def __init__(self) -> None:
        super().__init__(similar=Genome.identical)
        self.best: Genome | None = None

    def update(self, population: list[Genome]) -> None:
        """Update the front; `population` does not change."""
        super().update(population)
        best = best_of(population)
        if self.best is None or measured(best).fitness < measured(self.best).fitness:
            self.best = copy.deepcopy(best)

    def clear(self) -> None:
        """Forget the front and the best genome."""
        super().clear()
        self.best = None


def keep_elites(elites: Iterable[Genome], population: list[Genome]) -> None:
    """Replace the worst of `population` by clones of the elites that are not in it."""
    missing, others = [], list(range(len(population)))
    for elite in elites:
        place = next((i for i in others if elite.identical(population[i])), None)
        if place is None:
            missing.append(elite)
        else:
            others.remove(place)
    others.sort(key=lambda i: population[i].fitness)  # DEAP's order: the worst first
    for place, elite in zip(others, missing, strict=False):
        population[place] = copy.deepcopy(elite)


def averaged(before: Evaluation, now: Evaluation) -> Evaluation:
    """The mean over all evaluations of one genome; `before` may already be a mean of several.

    Traces and generation are those of `now`. An elite, as the best of many noisy evaluations, has a fitness
    that is too good: averaging corrects this bias.
    """
    share = 1 / (before.times + 1)

    def mean(old: float, new: float) -> float:
        return old + share * (new - old)

    return replace(
        now,
        times=before.times + 1,
        val_loss=mean(before.val_loss, now.val_loss),
        val_acc=mean(before.val_acc, now.val_acc),
        fitness=mean(before.fitness, now.fitness),
        class_losses=tuple(map(mean, before.class_losses, now.class_losses)),
        values=tuple(map(mean, before.values, now.values)),
    )


def reevaluate(hall: tools.HallOfFame, evaluated: Sequence[Evaluation], population: list[Genome]) -> None:
    """Average one more evaluation into each member of a hall, and into its clones in the population."""
    members = list(hall)
    for genome, now in zip(members, evaluated, strict=True):
        clones = [other for other in population if genome.identical(other)]
        for known in (genome, *clones):
            known.measured = averaged(measured(known), now)
            known.fitness.values = known.measured.values
    hall.clear()
    tools.HallOfFame.update(hall, members)


def best_of(genomes: Iterable[Genome]) -> Genome:
    """The genome of least scalar fitness, also in Pareto runs; of equals, the first."""
    return min(genomes, key=lambda genome: measured(genome).fitness)


def measured(genome: Genome) -> Evaluation:
    """The evaluation of a genome that has one."""
    if genome.evaluation is None:
        raise ValueError(
            "the genome has no evaluation of its own: evaluate it by nets_deap's Evaluator, and if that runs "
            'in other processes, toolbox.register("map", map_genomes, pool.map)'
        )
    return genome.evaluation
