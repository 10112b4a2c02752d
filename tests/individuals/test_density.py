from __future__ import annotations

import numpy as np
import pytest

from nets_deap.evolution.density_schedule import DensitySchedule
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.operators.density import (
    LAYERS,
    cxMask,
    mutLayers,
    mutSwap,
    planned_counts,
    repairDensity,
)
from nets_deap.models.layout import Layout

LAYOUT = Layout(("a", "b", "c"), ((300, 784), (100, 300), (10, 100)))


def small(mask: list[int], weights: list[float] | None = None) -> Genome:
    return Genome(np.array(weights or [1.0] * len(mask)), np.array(mask, dtype=bool))


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_a_swap_keeps_the_density_exactly(share: float, genome: Genome, rng: np.random.Generator) -> None:
    before = genome.mask.copy()
    active = len(genome)
    mutSwap(genome, share, rng)
    assert len(genome) == active
    assert (genome.mask != before).sum() == 2 * min(round(share * active), 1000 - active)


def test_a_swap_on_four_genes(rng: np.random.Generator) -> None:
    genome = small([1, 1, 0, 0])
    mutSwap(genome, 1.0, rng)
    assert genome.mask.tolist() == [False, False, True, True]


def test_crossing_masks_keeps_what_both_express_and_both_densities(rng: np.random.Generator) -> None:
    for _ in range(20):
        a, b = initGenome(np.ones(1000), 0.3, rng=rng), initGenome(np.ones(1000), 0.1, rng=rng)
        both, either, sizes = a.mask & b.mask, a.mask | b.mask, (len(a), len(b))
        cxMask(a, b, rng)
        assert (len(a), len(b)) == sizes
        assert (a.mask & b.mask)[both].all()
        assert not ((a.mask | b.mask) & ~either).any()


def test_crossing_masks_moves_weights_with_their_genes(rng: np.random.Generator) -> None:
    # Each weight says whose it was: the first's are below 5.
    a, b = small([1, 1, 0, 0], [1, 2, 3, 4]), small([1, 0, 1, 0], [5, 6, 7, 8])
    cxMask(a, b, rng)
    assert (a.weights[0], b.weights[0]) == (1, 5)  # both express it, and keep their own
    for child in (a, b):
        assert len(child) == 2
        expressed = child.weights[1:3][child.mask[1:3]]
        assert expressed.tolist() in ([2], [7])


def test_repair_reaches_the_plan_layer_by_layer(rng: np.random.Generator) -> None:
    genome = initGenome(np.ones(LAYOUT.size), 0.1, rng=rng)
    plan = np.array([1000, 20_000, 1000])
    before = genome.mask.copy()
    repairDensity(genome, LAYOUT, lambda genome: plan, rng)
    parts = list(zip(LAYOUT.split(genome.mask), LAYOUT.split(before), plan, strict=True))
    for (_, after), (_, had), wanted in parts:
        assert after.sum() == wanted
        assert not (had & ~after).any() or not (after & ~had).any()  # it thins or it fills


@pytest.mark.parametrize("density", [1.0, 0.5, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("factors", [[0, 0, 0], [0, 5, -5], [-9, 0, 9], [3, -30, 3]])
def test_a_plan_is_exact_and_empties_no_layer(density: float, factors: list[float]) -> None:
    genome = small([1])
    genome.traits[LAYERS] = np.array(factors, dtype=float)
    active = round(density * LAYOUT.size)
    counts = planned_counts(LAYOUT, active, genome)
    assert counts.sum() == active
    assert (counts >= 1).all()
    assert (counts <= LAYOUT.sizes).all()


def test_a_plan_worked_by_hand() -> None:
    # ERK densities go as (rows + columns)/(rows · columns): 3/2 to 5/6 of what 8 genes allow.
    layout = Layout(("a", "b"), ((2, 1), (2, 3)))
    genome = small([1])
    assert planned_counts(layout, 4, genome).tolist() == [2, 2]  # 1.5 · 2 : 5/6 · 6 is 3 : 5
    genome.traits[LAYERS] = np.log([1.0, 9.0])
    assert planned_counts(layout, 4, genome).tolist() == [1, 3]


def test_layers_factors_are_relative_and_accumulate(rng: np.random.Generator) -> None:
    genome = small([1])
    steps = []
    for _ in range(2000):
        before = genome.traits.get(LAYERS, np.zeros(3))
        mutLayers(genome, 3, 0.2, rng)
        steps.append(genome.traits[LAYERS] - before)
        assert genome.traits[LAYERS].sum() == pytest.approx(0, abs=1e-9)
    assert np.std(steps) == pytest.approx(0.2 * (2 / 3) ** 0.5, rel=0.05)  # the mean of three is taken off


def test_a_schedule_falls_by_the_same_share_each_generation() -> None:
    schedule = DensitySchedule(1.0, 0.01, 4)
    assert [round(schedule(generation), 9) for generation in range(6)] == [
        1.0, 0.316227766, 0.1, 0.031622777, 0.01, 0.01,
    ]  # fmt: skip
    assert DensitySchedule(0.6, 0.2)(0) == 0.2
