"""The operators of the NeTS paper (section 3.3), and awakening, which the paper lacks.

`indpb` is the probability of each gene, as in DEAP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.util.random_streams import as_generator

Mutation = Callable[[Genome], tuple[Genome]]


def _hits(size: int, indpb: float, rng: np.random.Generator) -> np.ndarray:
    """bool[size], each True with probability `indpb`."""
    return rng.random(size, dtype=np.float32) < indpb


def _normal(hits: np.ndarray, std: np.ndarray | float, rng: np.random.Generator) -> np.ndarray:
    """float32: a draw from N(0, std²) for each gene hit."""
    scale = np.float32(std) if np.ndim(std) == 0 else np.asarray(std, dtype=np.float32)[hits]
    return scale * rng.standard_normal(hits.size, dtype=np.float32)


def cxUniformGene(
    ind1: Genome, ind2: Genome, indpb: float = 0.5, rng: np.random.Generator | None = None
) -> tuple[Genome, Genome]:
    """Swap each gene, weight and mask bit together, with probability `indpb`; traces go with their genes."""
    swap = _hits(ind1.mask.size, indpb, as_generator(rng))
    for a, b in ((ind1.weights, ind2.weights), (ind1.mask, ind2.mask)):
        kept = a.copy()
        np.copyto(a, b, where=swap)
        np.copyto(b, kept, where=swap)
    ind1.exchange(ind2, swap, swap)
    return ind1, ind2


def mutGaussianNoise(
    individual: Genome,
    indpb: float = 0.1,
    sigma: np.ndarray | float = 0.1,
    rng: np.random.Generator | None = None,
) -> tuple[Genome]:
    """Add N(0, sigma²) to the weight of each gene hit.

    sigma: one number, or float32[n]; from `initial_std`, the noise is as large as the initial weights
    """
    rng = as_generator(rng)
    hits = np.flatnonzero(_hits(individual.mask.size, indpb, rng))
    individual.weights[hits] += _normal(hits, sigma, rng)
    return (individual,)


def mutResampleWeights(
    individual: Genome,
    indpb: float = 0.1,
    std: np.ndarray | float | Callable[[np.random.Generator], np.ndarray] = 0.1,
    rng: np.random.Generator | None = None,
) -> tuple[Genome]:
    """Draw the weight of each gene hit anew from its initial distribution N(0, std²).

    std: one number, float32[n] from `nets_deap.initial_std`, or a function of a Generator that returns
    weights
    """
    rng = as_generator(rng)
    hits = np.flatnonzero(_hits(individual.mask.size, indpb, rng))
    individual.weights[hits] = std(rng)[hits] if callable(std) else _normal(hits, std, rng)
    return (individual,)


def mutDormancy(
    individual: Genome, indpb: float = 0.2, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Switch each gene hit off; its weight stays in the genome, unexpressed."""
    individual.mask[_hits(individual.mask.size, indpb, as_generator(rng))] = False
    return (individual,)


def mutAwaken(
    individual: Genome, indpb: float = 0.05, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Switch each gene hit on, with the weight that it has kept. The paper has no such way back."""
    individual.mask[_hits(individual.mask.size, indpb, as_generator(rng))] = True
    return (individual,)


def mutSequence(individual: Genome, mutations: Sequence[Mutation]) -> tuple[Genome]:
    """Apply several mutations, each with its own arguments bound, one after another."""
    for mutation in mutations:
        (individual,) = mutation(individual)
    return (individual,)
