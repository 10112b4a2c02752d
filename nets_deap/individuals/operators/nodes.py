"""Variation in node space: which units and channels of a network are alive.

A genome of nodes is a `Genome` whose trait NODES says which nodes are alive; its mask follows from the trait.
The number of living nodes in each group never changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nets_deap.individuals.evaluation import MinimisedFitness
from nets_deap.individuals.genome import Genome
from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import groups, known, weight_mask
from nets_deap.util.random_streams import as_generator

NODES = "nodes"  # in a genome's traits: float64[k], 1 where a node is alive


def alive(genome: Genome) -> np.ndarray:
    """bool[k]: the genome's node mask."""
    return genome.traits[NODES] > 0


def express(genome: Genome, architecture: Architecture, nodes: np.ndarray) -> None:
    """Give a genome a node mask, bool[k], and the weight mask that follows from it."""
    genome.traits[NODES] = nodes.astype(np.float64)
    genome.mask = weight_mask(architecture, nodes)


def initNodes(
    weights: np.ndarray,
    architecture: Architecture,
    counts: Sequence[int],
    rng: np.random.Generator | None = None,
) -> Genome:
    """A genome with these weights, float32[n], and `counts` random living nodes in each group.

    These are Weedout's individuals: sub-networks of one network (Random Search as a Baseline …, 2024).
    """
    rng = as_generator(rng)
    nodes = np.zeros(known(architecture).nodes.size, dtype=bool)
    for part, count in zip(groups(architecture, nodes).values(), counts, strict=True):
        part[rng.choice(part.size, count, replace=False)] = True
    genome = Genome(weights.copy(), np.zeros(weights.size, dtype=bool), MinimisedFitness)
    express(genome, architecture, nodes)
    return genome


def mutNodes(
    individual: Genome,
    architecture: Architecture,
    indpb: float = 0.1,
    rng: np.random.Generator | None = None,
) -> tuple[Genome]:
    """With probability `indpb`, exchange each living node for a dead one of its group. Source: ours."""
    rng, nodes = as_generator(rng), alive(individual)
    for part in groups(architecture, nodes).values():
        living, dead = np.flatnonzero(part), np.flatnonzero(~part)
        swaps = min(int(rng.binomial(living.size, indpb)), dead.size)
        part[rng.choice(living, swaps, replace=False)] = False
        part[rng.choice(dead, swaps, replace=False)] = True
    express(individual, architecture, nodes)
    return (individual,)


def cxNodes(
    ind1: Genome, ind2: Genome, architecture: Architecture, rng: np.random.Generator | None = None
) -> tuple[Genome, Genome]:
    """Keep nodes alive in both parents; deal out at random those alive in one. Numbers of nodes stay.

    This is `cxMask` in node space. Both parents share the weights of one network, so weights are not crossed.
    Source: ours.
    """
    rng = as_generator(rng)
    nodes1, nodes2 = alive(ind1), alive(ind2)
    pairs = zip(groups(architecture, nodes1).values(), groups(architecture, nodes2).values(), strict=True)
    for part1, part2 in pairs:
        first = np.flatnonzero(part1 & ~part2).size
        pool = rng.permutation(np.flatnonzero(part1 ^ part2))
        for part, share in ((part1, pool[:first]), (part2, pool[first:])):
            part[pool] = False
            part[share] = True
    express(ind1, architecture, nodes1)
    express(ind2, architecture, nodes2)
    return ind1, ind2
