"""Selection on islands, at the planned density, and the generation in which selection begins."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from deap import tools

from nets_deap.evolution.context import Clock
from nets_deap.evolution.density_schedule import SharedPlan
from nets_deap.individuals.genome import Genome
from nets_deap.util.errors import NetsError


@dataclass
class Mating:
    """`toolbox.select`: a selection that begins in a given generation, and acts within islands.

    It takes genomes that are no denser than planned: while the density falls, no parent survives its children
    in a mu-plus-lambda.

    islands: number of consecutive parts of the population, all of the same size
    every: generations between migrations, 0 for none. In a migration, each island's best genome replaces
        the worst of the next island (ring; Cantú-Paz 1998)
    first: the first generation with selection. Before it, every genome has one child; or, where k is not the
        number of genomes, they are drawn by lot, whatever their fitness
    plan: of the density; None: no plan
    """

    select: Callable[[list[Genome], int], list[Genome]]
    islands: int
    every: int
    first: int
    clock: Clock
    plan: SharedPlan | None = None

    def __call__(self, individuals: Sequence[Genome], k: int) -> list[Genome]:
        """k of these genomes.

        Raises NetsError on islands unless k is their number, as in `eaSimple`, and if none has come down to
        the planned density in the end.
        """
        count = len(individuals)
        self.clock.generation += self.clock.idle and k != count
        self.clock.bred, self.clock.idle = k == count, False
        generation = self.clock.generation
        if self.islands > 1 and (k != count or k % self.islands):
            raise NetsError(
                f"`islands` {self.islands}: {k} of {count} genomes cannot be selected by islands: take "
                "eaSimple and a population that divides evenly, or one island"
            )
        size, whole = k // self.islands, count // self.islands
        parts = [list(individuals[i * whole : (i + 1) * whole]) for i in range(self.islands)]
        parts = [self._on_plan(part, size) for part in parts]
        if 0 < generation < self.first:
            return [genome for part in parts for genome in _drawn(part, size)]
        if self.islands > 1 and self.every and generation % self.every == 0:
            tools.migRing(parts, 1, tools.selBest, tools.selWorst)
        return [genome for part in parts for genome in self.select(part, size)]

    def _on_plan(self, individuals: list[Genome], k: int) -> list[Genome]:
        """Those no denser than was planned for the generation just evaluated, repeated if they are too few.

        While the density falls, and none has come down that far, the sparsest.
        """
        if self.plan is None or not individuals:
            return individuals
        before = max(self.clock.generation - 1, 0)
        least, most = min(map(len, individuals)), self.plan.active(before)
        if least > most and not self.plan.falls(before):
            raise NetsError(
                f"no genome has come down to the planned {most:,} weights: mutate all children by the "
                "toolbox's `mutate`, with mutpb=1 in eaSimple, or take mutations without a plan, as "
                "noise,dormancy,awaken"
            )
        sparse = [genome for genome in individuals if len(genome) <= max(least, most)]
        if len(sparse) == len(individuals):
            return individuals
        return list(islice(cycle(sparse), max(k, len(sparse))))


def _drawn(individuals: list[Genome], k: int) -> list[Genome]:
    """k genomes: each as often as any other, and the places left over by lot."""
    times, rest = divmod(k, len(individuals)) if individuals else (0, 0)
    return individuals * times + random.sample(individuals, rest)
