from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import numpy as np
import pytest

from nets_deap.individuals import operators
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.operators import density, weights
from nets_deap.individuals.operators.paper import (
    cxUniformGene,
    mutAwaken,
    mutDormancy,
    mutGaussianNoise,
    mutResampleWeights,
    mutSequence,
)
from nets_deap.models.layout import Layout
from tests.conftest import streams_stay

LAYOUT = Layout(("a", "b"), ((30, 20), (10, 40)))  # of 1,000 genes, as the fixture's genome
STD = np.full(1000, 0.1, dtype=np.float32)
BOUND = {  # what an operator needs beside a rate
    "mutLayers": {"layers": 2},
    "mutGlobal": {"layout": LAYOUT, "plan": lambda genome: np.array([60, 40])},
    "mutPrune": {"layout": LAYOUT, "plan": lambda genome: np.array([60, 40])},
    "mutGrow": {"layout": LAYOUT, "plan": lambda genome: np.array([500, 300])},
    "mutFanIn": {"layout": LAYOUT, "std": STD},
    "mutGains": {"layout": LAYOUT},
    "mutRate": {
        "mutate": lambda genome, rate: weights.mutSigns(genome, rate, np.random.default_rng(0)),
        "name": "rate of signs",
        "start": 0.5,
        "least": 0.1,
    },
    "mutDifferential": {
        "population": [initGenome(STD, 0.5, rng=np.random.default_rng(i)) for i in range(10)]
    },
}
ALL = {
    name: partial(getattr(operators, name), **BOUND.get(name, {}))
    for name in operators.__all__
    if name.startswith("mut") and name != "mutSequence"
}
# Those that hit each gene with a probability
MUTATIONS = {name: f for name, f in ALL.items() if "indpb" in inspect.signature(f).parameters}
DRAWING = {name: f for name, f in ALL.items() if "rng" in inspect.signature(f).parameters}
mutations = pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
everything = pytest.mark.parametrize("mutate", ALL.values(), ids=ALL)
drawing = pytest.mark.parametrize("mutate", DRAWING.values(), ids=DRAWING)


@pytest.fixture
def informed(genome: Genome, rng: np.random.Generator) -> Genome:
    """A genome as a mutation gets it: its parent's evaluation there, with traces, and its fitness gone."""
    left = {name: rng.random(1000, dtype=np.float32) for name in ("magnitude", "gradient")}
    left["flipped"] = (rng.random(1000) < 0.1).astype(np.float32)
    genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,), left)
    return genome


def four(weights: list[float], mask: list[int]) -> Genome:
    return Genome(np.array(weights), np.array(mask, dtype=bool))


@drawing
def test_an_operator_with_a_generator_moves_no_global_random_stream(
    mutate, informed: Genome, rng: np.random.Generator
) -> None:
    with streams_stay():
        mutate(informed, rng=rng)


@pytest.mark.parametrize("cross", [cxUniformGene, density.cxMask])
def test_a_crossover_with_a_generator_moves_no_global_random_stream(
    cross, genome: Genome, rng: np.random.Generator
) -> None:
    with streams_stay():
        cross(genome, initGenome(STD, 0.5, rng=rng), rng=rng)


def test_crossover_swaps_weight_and_mask_bit_together(rng: np.random.Generator) -> None:
    # The mask bit follows the sign of the weight, so that a gene torn apart would show.
    a = four([1, -2, 3, -4], [1, 0, 1, 0])
    b = four([-5, 6, 7, -8], [0, 1, 1, 0])
    for _ in range(20):
        cxUniformGene(a, b, 0.5, rng)
        assert ((a.weights > 0) == a.mask).all()
        assert ((b.weights > 0) == b.mask).all()
        assert sorted(abs(a.weights).tolist() + abs(b.weights).tolist()) == [1, 2, 3, 4, 5, 6, 7, 8]
        assert {abs(a.weights[0]), abs(b.weights[0])} == {1, 5}


def told(genome: Genome, trace: list[float]) -> Genome:
    left = {"increase": np.array(trace, dtype=np.float32)}
    genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,), left)
    return genome


def test_traces_go_with_their_genes(rng: np.random.Generator) -> None:
    for _ in range(20):
        a = told(four([1, 2, 3, 4], [1, 1, 0, 0]), [1, 2, 3, 4])
        b = told(four([5, 6, 7, 8], [0, 0, 1, 1]), [5, 6, 7, 8])
        cxUniformGene(a, b, 0.5, rng)
        for genome in (a, b):
            assert genome.measured is not None
            assert genome.measured.traces["increase"].tolist() == genome.weights.tolist()
        a = told(four([1, 2, 3, 4], [1, 1, 0, 0]), [1, 2, 3, 4])
        b = told(four([5, 6, 7, 8], [0, 0, 1, 1]), [5, 6, 7, 8])
        density.cxMask(a, b, rng)
        for genome in (a, b):
            assert genome.measured is not None
            active = genome.mask
            assert genome.measured.traces["increase"][active].tolist() == genome.weights[active].tolist()


@pytest.mark.parametrize(("indpb", "first"), [(0, [1, 2, 3, 4]), (1, [5, 6, 7, 8])])
def test_crossover_at_the_extremes(indpb: float, first: list[float]) -> None:
    a, b = four([1, 2, 3, 4], [1, 1, 1, 1]), four([5, 6, 7, 8], [0, 0, 0, 0])
    cxUniformGene(a, b, indpb)
    assert a.weights.tolist() == first
    assert a.mask.all() == (indpb == 0)


def test_crossover_swaps_the_share_asked_for(rng: np.random.Generator) -> None:
    a = Genome(np.zeros(10_000), np.zeros(10_000, dtype=bool))
    b = Genome(np.ones(10_000), np.ones(10_000, dtype=bool))
    cxUniformGene(a, b, 0.3, rng)
    assert a.weights.mean() == pytest.approx(0.3, abs=0.02)
    assert (a.mask == (a.weights == 1)).all()


def test_noise_is_added_once_to_the_genes_hit(rng: np.random.Generator) -> None:
    genome = Genome(np.ones(100_000), np.ones(100_000, dtype=bool))
    mutGaussianNoise(genome, 0.1, 0.1, rng)
    change = genome.weights - 1
    hit = change != 0
    assert hit.mean() == pytest.approx(0.1, abs=0.01)
    assert change[hit].std() == pytest.approx(0.1, rel=0.03)
    assert abs(change[hit].mean()) < 0.01


def test_resampled_weights_follow_their_initial_distribution(rng: np.random.Generator) -> None:
    std = np.repeat(np.array([0.1, 2.0], dtype=np.float32), 50_000)
    genome = Genome(np.full(100_000, 9.0), np.ones(100_000, dtype=bool))
    mutResampleWeights(genome, 0.1, std, rng)
    hit = genome.weights != 9
    assert hit.mean() == pytest.approx(0.1, abs=0.01)
    assert genome.weights[:50_000][hit[:50_000]].std() == pytest.approx(0.1, rel=0.05)
    assert genome.weights[50_000:][hit[50_000:]].std() == pytest.approx(2.0, rel=0.05)


def test_dormancy_only_switches_off_and_keeps_the_weight(rng: np.random.Generator) -> None:
    genome = four([1, 2, 3, 4], [1, 0, 1, 0])
    mutDormancy(genome, 1.0, rng)
    assert genome.mask.tolist() == [False] * 4
    assert genome.weights.tolist() == [1, 2, 3, 4]


def test_awaken_only_switches_on_with_the_weight_kept(rng: np.random.Generator) -> None:
    genome = four([1, 2, 3, 4], [1, 0, 1, 0])
    mutAwaken(genome, 1.0, rng)
    assert genome.mask.tolist() == [True] * 4
    assert genome.weights.tolist() == [1, 2, 3, 4]


def test_dormancy_never_regrows_a_mask(genome: Genome, rng: np.random.Generator) -> None:
    before = genome.mask.copy()
    for _ in range(5):
        mutDormancy(genome, 0.2, rng)
        assert not (genome.mask & ~before).any()
        before = genome.mask.copy()
    assert genome.density == pytest.approx(0.5 * 0.8**5, abs=0.05)


def test_awaken_balances_dormancy_at_the_target(rng: np.random.Generator) -> None:
    target, dormancy = 0.05, 0.1
    genome = Genome(np.zeros(100_000), rng.random(100_000) < target)
    for _ in range(50):
        mutDormancy(genome, dormancy, rng)
        mutAwaken(genome, dormancy * target / (1 - target * (1 - dormancy)), rng)
    assert genome.density == pytest.approx(target, abs=0.005)


@everything
def test_mutations_return_the_individual_in_a_tuple(
    mutate: Callable[..., tuple[Genome]], informed: Genome
) -> None:
    assert mutate(informed)[0] is informed


@mutations
def test_a_rate_of_zero_changes_nothing(mutate: Callable[..., tuple[Genome]], genome: Genome) -> None:
    before = deepcopy(genome)
    mutate(genome, indpb=0)
    assert genome.same_genes(before)


@everything
def test_mutations_change_something_and_keep_the_types(
    mutate: Callable[..., tuple[Genome]], informed: Genome
) -> None:
    before = deepcopy(informed)
    mutate(informed)
    assert (informed.weights.dtype, informed.mask.dtype) == (np.float32, bool)
    assert not informed.same_genes(before) or informed.traits.keys() != before.traits.keys()


def twins(a: Genome, b: Genome) -> bool:
    return a.same_genes(b) and all(np.array_equal(a.traits[k], b.traits[k]) for k in a.traits)


@drawing
def test_the_same_generator_gives_the_same_mutant(
    mutate: Callable[..., tuple[Genome]], genome: Genome
) -> None:
    other = deepcopy(genome)
    mutate(genome, rng=np.random.default_rng(5))
    mutate(other, rng=np.random.default_rng(5))
    assert twins(genome, other)


@drawing
def test_without_a_generator_python_random_decides(
    mutate: Callable[..., tuple[Genome]], genome: Genome
) -> None:
    mutants = []
    for seed in (1, 1, 2):
        random.seed(seed)
        mutants.append(mutate(deepcopy(genome))[0])
    assert twins(mutants[0], mutants[1])
    assert not twins(mutants[0], mutants[2])


def test_a_sequence_applies_all_in_order(rng: np.random.Generator) -> None:
    genome = four([1, 2, 3, 4], [1, 0, 1, 0])
    mutSequence(genome, [partial(mutAwaken, indpb=1, rng=rng), partial(mutDormancy, indpb=1, rng=rng)])
    assert not genome.mask.any()


def test_variation_makes_no_temporaries_larger_than_the_weights() -> None:
    import tracemalloc

    genome = initGenome(np.full(100_000, 0.1, dtype=np.float32), 0.5)
    for name in ("mutGaussianNoise", "mutResampleWeights", "mutDormancy", "mutAwaken"):
        mutate = MUTATIONS[name]
        tracemalloc.start()
        mutate(genome, rng=np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 100_000, name  # a float64 copy would be as large
