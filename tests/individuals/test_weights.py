from __future__ import annotations

import numpy as np
import pytest

from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.operators.weights import mutDifferential, mutFanIn, mutGains, mutSigns
from nets_deap.models.initialisers import initial_std
from nets_deap.models.layout import Layout

LAYOUT = Layout(("a", "b"), ((2, 2), (1, 2)))


def six(weights: list[float], mask: list[int]) -> Genome:
    return Genome(np.array(weights), np.array(mask, dtype=bool))


def test_gains_scale_a_layer_as_a_whole(rng: np.random.Generator) -> None:
    genome = six([1, 2, 3, 4, 5, 6], [1, 1, 0, 0, 1, 1])
    mutGains(genome, LAYOUT, 0.5, rng)
    first, second = genome.weights[:4] / [1, 2, 3, 4], genome.weights[4:] / [5, 6]
    assert np.ptp(first) < 1e-6
    assert np.ptp(second) < 1e-6
    assert first[0] != pytest.approx(second[0])
    assert (genome.weights > 0).all()


def test_fan_in_worked_by_hand() -> None:
    # Units of two inputs at std 1: their active weights' squares should add up to 2.
    genome = six([1, 7, 3, 4, 0, 5], [1, 0, 1, 1, 0, 0])
    mutFanIn(genome, LAYOUT, np.ones(6, dtype=np.float32))
    assert genome.weights[0] == pytest.approx(2**0.5)
    assert genome.weights[2:4].tolist() == pytest.approx([3 * 2**0.5 / 5, 4 * 2**0.5 / 5])
    assert genome.weights[4:].tolist() == [0, 5]  # no active weight: left alone


def test_fan_in_gives_what_arrives_the_variance_of_the_dense_network(rng: np.random.Generator) -> None:
    layout = Layout(("a",), ((50, 400),))
    std = initial_std(layout, "glorot")
    genome = initGenome(std, 0.05, rng=rng)
    mutFanIn(genome, layout, std)
    x = rng.standard_normal((400, 5000))
    arriving = (genome.weights * genome.mask).reshape(50, 400) @ x
    assert arriving.var() == pytest.approx(400 * std[0] ** 2, rel=0.05)


def test_signs_flip_and_magnitudes_stay(genome: Genome, rng: np.random.Generator) -> None:
    before = genome.weights.copy()
    mutSigns(genome, 0.3, rng)
    assert (np.abs(genome.weights) == np.abs(before)).all()
    assert (genome.weights != before).mean() == pytest.approx(0.3, abs=0.05)


def test_a_differential_step_on_four_genes(rng: np.random.Generator) -> None:
    population = [
        Genome(np.array([1.0, 2, 3, 4]), np.ones(4, dtype=bool)),
        Genome(np.zeros(4), np.ones(4, dtype=bool)),
    ]
    genome = Genome(np.full(4, 10.0), np.ones(4, dtype=bool))
    mutDifferential(genome, population, 0.5, rng)
    assert genome.weights.tolist() in ([10.5, 11, 11.5, 12], [9.5, 9, 8.5, 8])
    mutDifferential(genome, population[:1], 0.5, rng)  # nothing to take a difference of
    assert genome.weights.tolist() in ([10.5, 11, 11.5, 12], [9.5, 9, 8.5, 8])
