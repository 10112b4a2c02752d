"""Species of similar masks, among which selection shares out the places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from deap import tools

from nets_deap.individuals.evaluation import WORST
from nets_deap.individuals.genome import Genome


def mask_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Jaccard distance 1 − |A ∩ B| / |A ∪ B| of two masks bool[n]: 0 if equal, 1 if they share no gene."""
    union = np.count_nonzero(one | other)
    return 1 - np.count_nonzero(one & other) / union if union else 0.0


def species_of(genomes: Sequence[Genome], radius: float) -> list[list[Genome]]:
    """Each genome joins the first species whose first member's mask is within `radius` of its own.

    Source: NEAT (Stanley & Miikkulainen 2002, section 3.3), with masks in place of its genes.
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
    """Give each species places by its members' mean merit, and fill them by tournaments within it.

    Merit is the worst loss minus the genome's loss. With the mean, a species gains no places by its size
    alone: the explicit fitness sharing of NEAT (Stanley & Miikkulainen 2002, section 3.3). `individuals`
    must have one objective.
    """
    species = species_of(individuals, radius)
    losses = np.array([-genome.fitness.wvalues[0] for genome in individuals])
    worst = losses[losses < WORST].max(initial=losses.min())
    floor = 0.01 * (worst - losses.min()) or 1.0
    merits = [
        np.mean([max(worst + genome.fitness.wvalues[0], 0) for genome in members]) + floor
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
