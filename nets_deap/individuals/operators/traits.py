"""Variation of what a genome carries beside its genes, in `genome.traits`: minibatches, density, rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.density import DENSITY
from nets_deap.util.random_streams import ORDER, as_generator


def mutReorder(individual: Genome, rng: np.random.Generator | None = None) -> tuple[Genome]:
    """Let the genome's evaluations see minibatches of their own, drawn anew.

    Children of one parent by informed mutations alone would all be the same. ours; Frankle et al. 2020
    (section 3) show how far such trainings part.
    """
    individual.traits[ORDER] = np.array([float(as_generator(rng).integers(2**32))])
    return (individual,)


def mutDensity(
    individual: Genome, least: float = 0.01, sigma: float = 0.5, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Lower the density that a genome is planned to have by a factor exp(−|N(0, sigma²)|), not below `least`.

    It moves no gene: mutations that go by a plan do. With two objectives, the front then runs from dense to
    sparse. ours; pruning is informed and awakening is not, so the way leads down.
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
    """Apply a mutation at a rate that the genome has inherited and varied itself.

    mutate: (genome, rate) -> (genome,); name: of the trait that holds the rate, which begins at `start`
    tau: width of the rate's log-normal steps

    The rate is varied first, so that selection judges it by what it has done (Schwefel 1981; Bäck 1996,
    section 2.1.2). It stays within `least` and `most`.
    """
    (rate,) = individual.traits.get(name, np.array([start]))
    rate = float(np.clip(rate * math.exp(as_generator(rng).normal(0, tau)), least, most))
    individual.traits[name] = np.array([rate])
    return mutate(individual, rate)
