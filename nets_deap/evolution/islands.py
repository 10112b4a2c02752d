"""Selection on islands, and the generation in which selection begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deap import tools

from nets_deap.evolution.context import Clock
from nets_deap.individuals.genome import Genome


@dataclass
class Mating:
    """`toolbox.select`: a selection that begins in a given generation, and acts within islands.

    islands: number of consecutive parts of the population, all of the same size
    every: generations between migrations, 0 for none. In a migration, each island's best genome replaces
        the worst of the next island (ring; Cantú-Paz 1998)
    first: the first generation with selection; before it, every genome has one child
    """

    select: Callable[[list[Genome], int], list[Genome]]
    islands: int
    every: int
    first: int
    clock: Clock

    def __call__(self, individuals: Sequence[Genome], k: int) -> list[Genome]:
        """With islands, or before `first`, k must be len(individuals), as in `eaSimple`."""
        generation = self.clock.generation
        if 0 < generation < self.first:
            return list(individuals)
        if self.islands == 1:
            return self.select(list(individuals), k)
        size = len(individuals) // self.islands
        parts = [list(individuals[i * size : (i + 1) * size]) for i in range(self.islands)]
        if self.every and generation % self.every == 0:
            tools.migRing(parts, 1, tools.selBest, tools.selWorst)
        return [genome for part in parts for genome in self.select(part, size)]
