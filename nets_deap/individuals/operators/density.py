"""Variation that controls the density exactly: it keeps the density, or brings it to a planned one.

A mutation that only switches genes off would let the density drift down, whatever selection does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.models.layout import Layout
from nets_deap.pruning.allocation import erk, exact_counts, filled, keep
from nets_deap.util.random_streams import as_generator

# In a genome's traits
LAYERS = "layers"  # float64[layers], logarithms of factors on ERK densities
DENSITY = "density"  # a genome's own planned density, if that evolves
Plan = Callable[[Genome], np.ndarray]  # how many active genes each layer should have, int64[layers]


def planned_counts(layout: Layout, active: int, genome: Genome) -> np.ndarray:
    """int64[layers] that sum to `active`: ERK densities times the genome's own factors, none above 1.

    Each layer is planned at least one gene, and keeps its factor, so that no layer is ever lost.
    """
    factors = np.exp(genome.traits.get(LAYERS, np.zeros(len(layout.sizes))))
    return exact_counts(layout, filled(layout, erk(layout, active) * factors, active), active)


def factors_of(layout: Layout, shares: np.ndarray, active: int) -> np.ndarray:
    """The trait LAYERS, float64[layers], with which `planned_counts` plans these layer densities.

    shares: float[layers], above 0; active: genes in all
    """
    factors: np.ndarray = np.log(shares / erk(layout, active))
    return factors - factors.mean()  # only their ratios count


def mutLayers(
    individual: Genome, layers: int, sigma: float = 0.2, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Multiply each layer's share of the density by exp(N(0, sigma²)); the factors are kept in `traits`.

    This changes only the plan. Mutations that follow the plan, at least `repairDensity`, then switch genes.
    Source: ours; the log-normal steps are those of evolution strategies (Schwefel 1981).
    """
    factors = individual.traits.get(LAYERS, np.zeros(layers))
    factors = factors + as_generator(rng).normal(0, sigma, layers)
    individual.traits[LAYERS] = factors - factors.mean()
    return (individual,)


def mutSwap(individual: Genome, indpb: float = 0.02, rng: np.random.Generator | None = None) -> tuple[Genome]:
    """Switch a share `indpb` of the active genes off and as many dormant ones on.

    A swap as in SET (Mocanu et al. 2018, algorithm 2), but with both choices at random.
    """
    rng = as_generator(rng)
    active, dormant = np.flatnonzero(individual.mask), np.flatnonzero(~individual.mask)
    swaps = min(round(indpb * len(active)), len(dormant))
    individual.mask[rng.choice(active, swaps, replace=False, shuffle=False)] = False
    individual.mask[rng.choice(dormant, swaps, replace=False, shuffle=False)] = True
    return (individual,)


def cxMask(ind1: Genome, ind2: Genome, rng: np.random.Generator | None = None) -> tuple[Genome, Genome]:
    """Keep genes that both parents express; deal out at random those that only one does. Densities stay.

    A gene moves with its weight and its traces. Where both parents express a gene, each keeps its own.
    Source: ours.
    """
    rng = as_generator(rng)
    only1, only2 = np.flatnonzero(ind1.mask & ~ind2.mask), np.flatnonzero(ind2.mask & ~ind1.mask)
    expressed = np.where(ind2.mask, ind2.weights, ind1.weights)  # of genes that only one expresses
    pool = rng.permutation(np.concatenate([only1, only2]))
    came = []
    for child, share in ((ind1, pool[: len(only1)]), (ind2, pool[len(only1) :])):
        before = child.mask.copy()
        child.mask[pool] = False
        child.mask[share] = True
        child.weights[share] = expressed[share]
        came.append(child.mask & ~before)
    ind1.exchange(ind2, *came)
    return ind1, ind2


def repairDensity(
    individual: Genome, layout: Layout, plan: Plan, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Switch genes on or off at random until every layer has its planned number of active genes."""
    chance = as_generator(rng).random(individual.mask.size)
    return fill(*thin(individual, layout, plan(individual), chance), layout, plan(individual), chance)


def _active(layout: Layout, mask: np.ndarray) -> np.ndarray:
    return np.array([np.count_nonzero(part) for _, part in layout.split(mask)])


def thin(genome: Genome, layout: Layout, most: np.ndarray, score: np.ndarray) -> tuple[Genome]:
    """In each layer, switch off the genes of lowest score until at most `most` are active."""
    counts = np.minimum(_active(layout, genome.mask), most)
    genome.mask = keep(layout, score, genome.mask, counts)
    return (genome,)


def fill(genome: Genome, layout: Layout, least: np.ndarray, score: np.ndarray) -> tuple[Genome]:
    """In each layer, switch on the dormant genes of highest score until at least `least` are active."""
    missing = np.maximum(least - _active(layout, genome.mask), 0)
    genome.mask |= keep(layout, score, ~genome.mask, missing)
    return (genome,)
