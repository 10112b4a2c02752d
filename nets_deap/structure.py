"""Populations that do not mix freely: species, islands, lineages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from deap import tools

from nets_deap.genome import WORST, Genome

if TYPE_CHECKING:
    from nets_deap.fitness import Evaluator


def mask_distance(one: np.ndarray, other: np.ndarray) -> float:
    """1 − |A ∩ B| / |A ∪ B| of two masks bool[n] (Jaccard): 0 for the same, 1 where they share no gene."""
    union = np.count_nonzero(one | other)
    return 1 - np.count_nonzero(one & other) / union if union else 0.0


def species_of(genomes: Sequence[Genome], radius: float) -> list[list[Genome]]:
    """Each genome joins the first species whose first member's mask is no farther than `radius`.

    Source: NEAT (Stanley & Miikkulainen 2002, section 3.3), with masks for its genes.
    """
    species: list[list[Genome]] = []
    for genome in genomes:
        home = next((s for s in species if mask_distance(s[0].mask, genome.mask) <= radius), None)
        if home is None:
            species.append([genome])
        else:
            home.append(genome)
    return species


def selSpecies(
    individuals: Sequence[Genome], k: int, radius: float = 0.5, tournsize: int = 3
) -> list[Genome]:
    """Each species gets places by its members' mean merit, and a tournament of its own for them.

    Merit is worst − loss, so a crowded species does not outnumber the others by its size alone: the explicit
    fitness sharing of NEAT (Stanley & Miikkulainen 2002, section 3.3). `individuals` have one objective.
    """
    species = species_of(individuals, radius)
    losses = np.array([genome.fitness.values[0] for genome in individuals])
    worst = losses[losses < WORST].max(initial=losses.min())
    floor = 0.01 * (worst - losses.min()) or 1.0
    merits = [
        np.mean([max(worst - genome.fitness.values[0], 0) for genome in members]) + floor
        for members in species
    ]
    wanted = k * np.array(merits) / sum(merits)
    places = np.floor(wanted).astype(int)
    for i in np.argsort(places - wanted, kind="stable")[: k - places.sum()]:
        places[i] += 1
    return [
        genome
        for members, count in zip(species, places, strict=True)
        for genome in tools.selTournament(members, int(count), tournsize)
    ]


@dataclass
class Mating:
    """`toolbox.select`: a selection that waits until it has something to go by, and keeps to islands.

    islands: consecutive parts of the population, all of one size
    every: generations from one migration to the next, 0 for none. Each island's best then takes the place of
        the next one's worst (ring; Cantú-Paz 1998)
    first: the generation from which selection has a say; before it every genome has one child
    clock: what knows the generation
    """

    select: Callable[[list[Genome], int], list[Genome]]
    islands: int
    every: int
    first: int
    clock: Evaluator

    def __call__(self, individuals: Sequence[Genome], k: int) -> list[Genome]:
        """With islands, or before `first`, k = len(individuals), as in `eaSimple`."""
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
