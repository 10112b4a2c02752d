"""Variation of the initial weights: their scales, signs and differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.informed import trace
from nets_deap.models.layout import Layout
from nets_deap.util.random_streams import as_generator


def mutGains(
    individual: Genome, layout: Layout, sigma: float = 0.1, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Multiply each layer's weights, dormant ones too, by its own factor exp(N(0, sigma²)). Source: ours."""
    gains = np.exp(as_generator(rng).normal(0, sigma, len(layout.sizes)))
    individual.weights *= np.repeat(gains.astype(np.float32), layout.sizes)
    return (individual,)


def mutFanIn(individual: Genome, layout: Layout, std: np.ndarray) -> tuple[Genome]:
    """Scale each unit's active weights to the root mean square that fits its active fan-in.

    std: float32[n], of the dense network's initialiser; a unit with k of its K inputs alive gets std·√(K/k),
        so that its input has the same variance as in the dense network (Evci et al. 2022, section 3.1)

    Dormant weights stay as they are.
    """
    scales, masks = layout.split(std), layout.split(individual.mask)
    for (_, layer), (_, alive), (_, scale) in zip(
        layout.split(individual.weights), masks, scales, strict=True
    ):
        units = len(layer)
        weights, mask = layer.reshape(units, -1), alive.reshape(units, -1)
        power = np.square(np.where(mask, weights, 0), dtype=np.float64).sum(axis=1)
        wanted = mask.shape[1] * np.square(scale.reshape(units, -1)[:, 0], dtype=np.float64)
        factor = np.sqrt(np.divide(wanted, power, out=np.ones(units), where=power > 0))
        np.multiply(weights, factor.astype(np.float32)[:, None], out=weights, where=mask)
    return (individual,)


def mutSigns(
    individual: Genome, indpb: float = 0.01, rng: np.random.Generator | None = None
) -> tuple[Genome]:
    """Flip the sign of each weight with probability `indpb`.

    Of θ₀, little more than the signs matters (Zhou et al. 2019, section 4).
    """
    flipped = as_generator(rng).random(individual.weights.size, dtype=np.float32) < indpb
    np.negative(individual.weights, out=individual.weights, where=flipped)
    return (individual,)


def mutFlip(individual: Genome, by: str = "flipped") -> tuple[Genome]:
    """Flip the sign of each weight whose sign changed during the training of the parent's evaluation.

    by: a name in `pruning.traces.TRACES`; genes with a trace above 0 are flipped

    The magnitudes of θ₀ stay. A ticket needs the signs of θ₀ (Zhou et al. 2019, section 4).
    Raises NetsError if the parent's evaluation has no such trace.
    """
    np.negative(individual.weights, out=individual.weights, where=trace(individual, by) > 0)
    return (individual,)


def mutDifferential(
    individual: Genome,
    population: Sequence[Genome],
    scale: float = 0.5,
    rng: np.random.Generator | None = None,
) -> tuple[Genome]:
    """Add `scale` times the difference of the weights of two genomes drawn from `population`.

    This is the difference vector of differential evolution (Storn & Price 1997, section 2), here added to the
    genome itself and without a crossover. With fewer than two genomes in `population`, nothing changes.
    """
    if len(population) >= 2:
        first, second = as_generator(rng).choice(len(population), 2, replace=False)
        individual.weights += np.float32(scale) * (population[first].weights - population[second].weights)
    return (individual,)
