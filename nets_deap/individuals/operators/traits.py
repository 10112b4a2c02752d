"""Variation of what a genome carries besides its genes, in `genome.traits`: minibatches, density, rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.density import DENSITY
from nets_deap.util.random_streams import ORDER, as_generator


def mutReorder(individual: Genome, rng: np.random.Generator | None = None) -> tuple[Genome]:
    """Give the genome a new seed, which decides the minibatches of its future evaluations.

    Without it, informed mutations alone make all children of a parent the same. Source: ours; Frankle et al.
    2020 (section 3) show how far trainings on different minibatches diverge.
    """
    individual.traits[ORDER] = np.array([float(as_generator(rng).integers(2**32))])
    return (individual,)


def mutDensity(
    individual: Genome, least: float = 0.01, sigma: float = 0.5, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Multiply the genome's planned density by exp(−|N(0, sigma²)|), but keep it at `least` or above.

    This changes only the plan; mutations that follow the plan switch genes. With two objectives, the front
    then spans dense to sparse. Source: ours. It only lowers the density, because pruning is informed and
    awakening is not.
    """
    (planned,) = individual.traits.get(DENSITY, np.array([individual.density]))
    step = math.exp(-abs(as_generator(rng).normal(0, sigma)))
    individual.traits[DENSITY] = np.array([max(least, planned * step)])
    return (individual,)


def mutRate(
    individual: Genome,
    mutate: Callable[[Genome, float], tuple[Genome]],
    name: str,
    start: float,
    least: float,
    most: float = 1.0,
    tau: float = 0.3,
    rng: np.random.Generator | None = None,
) -> tuple[Genome]:
    """Apply a mutation at a self-adapting rate, which the genome inherits and varies.

    mutate: (genome, rate) -> (genome,)
    name: the trait that holds the rate; start: the rate's first value
    tau: width of the rate's log-normal steps

    The rate changes before the mutation, so that selection judges it by its effect (Schwefel 1981; Bäck 1996,
    section 2.1.2). It stays between `least` and `most`.
    """
    (rate,) = individual.traits.get(name, np.array([start]))
    rate = float(np.clip(rate * math.exp(as_generator(rng).normal(0, tau)), least, most))
    individual.traits[name] = np.array([rate])
    return mutate(individual, rate)
