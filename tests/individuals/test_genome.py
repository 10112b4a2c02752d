from __future__ import annotations

import pickle
from copy import deepcopy

import numpy as np
import pytest

from nets_deap.individuals.evaluation import Evaluation, ParetoFitness
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.models.initialisers import INITIALISERS, MODULE, initial_std
from nets_deap.models.layout import Layout
from nets_deap.models.registry import build
from nets_deap.util.errors import NetsError

LENET = build("lenet-300-100", (1, 28, 28), 10).layout


def test_length_and_density_count_active_genes() -> None:
    genome = Genome(np.ones(4), np.array([True, False, False, True]))
    assert len(genome) == 2
    assert genome.density == 0.5


def test_density_is_over_all_weights_together_not_a_mean_of_layers() -> None:
    layout = Layout(("a", "b"), ((1, 2), (1, 6)))
    mask = np.array([True, True, False, False, False, False, False, False])
    assert layout.densities(mask) == {"a": 1.0, "b": 0.0}
    assert Genome(np.zeros(8), mask).density == 2 / 8


def test_layout_splits_a_vector_in_order() -> None:
    layout = Layout(("a", "b"), ((2, 1), (1, 2)))
    parts = dict(layout.split(np.arange(4)))
    assert parts["a"].tolist() == [[0], [1]]
    assert parts["b"].tolist() == [[2, 3]]


def test_lenet_300_100_has_266_200_genes() -> None:
    assert LENET.sizes == (235_200, 30_000, 1_000)
    assert LENET.size == 266_200


def test_weights_and_mask_must_match() -> None:
    with pytest.raises(ValueError, match="one length"):
        Genome(np.zeros(3), np.zeros(4, dtype=bool))


@pytest.mark.parametrize("copy", [deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_are_equal_and_independent(copy, genome: Genome) -> None:
    genome.fitness.values = (0.5,)
    genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,))
    other = copy(genome)
    assert other.same_genes(genome)
    assert other.fitness.values == (0.5,)
    assert other.evaluation == genome.evaluation
    other.weights[0] += 1
    other.mask[:] = False
    assert not other.same_genes(genome)
    assert len(genome) > 0


def test_a_lenet_genome_pickles_into_less_than_1_4_megabytes() -> None:
    assert len(pickle.dumps(initGenome(initial_std(LENET), 0.5))) < 1_400_000


def test_the_kind_of_fitness_survives_copying() -> None:
    genome = Genome(np.zeros(2), np.ones(2, dtype=bool), ParetoFitness)
    genome.fitness.values = (1.0, 0.5)
    assert deepcopy(genome).fitness.values == (1.0, 0.5)
    assert pickle.loads(pickle.dumps(genome)).fitness.weights == (-1.0, -1.0)


def test_an_evaluation_does_not_outlive_its_fitness(genome: Genome) -> None:
    genome.fitness.values = (0.5,)
    genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,))
    assert genome.evaluation is not None
    del genome.fitness.values  # what DEAP does after mating and mutation
    assert genome.evaluation is None
    assert deepcopy(genome).measured is None


def test_an_evaluation_is_not_that_of_a_fitness_somebody_else_set(genome: Genome) -> None:
    genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,))
    genome.fitness.values = (9.0,)  # a penalty's
    assert genome.evaluation is None


def test_what_others_put_on_a_genome_is_copied_with_it(genome: Genome) -> None:
    genome.strategy = [1, 2]  # type: ignore[attr-defined]
    other = deepcopy(genome)
    other.strategy.append(3)  # type: ignore[attr-defined]
    assert genome.strategy == [1, 2]  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(other)).strategy == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("normal", 0.1), ("glorot", (2 / 1084) ** 0.5), ("kaiming", (2 / 784) ** 0.5)],
)
def test_initialisers_have_the_standard_deviation_of_their_paper(name: str, expected: float) -> None:
    std = initial_std(LENET, name)
    assert std.dtype == np.float32
    assert std[0] == pytest.approx(expected)
    weights = initGenome(std, 0.5, rng=np.random.default_rng(0)).weights[: 300 * 784]
    assert weights.std() == pytest.approx(expected, rel=0.01)
    assert abs(weights.mean()) < 0.01 * expected


def test_every_initialiser_is_tested_above() -> None:
    assert set(INITIALISERS) == {"normal", "glorot", "kaiming", MODULE}


def test_an_unknown_initialiser_names_the_nearest() -> None:
    with pytest.raises(NetsError, match="did you mean 'glorot'"):
        initial_std(LENET, "gloro")


def test_every_genome_draws_its_own_mask(rng: np.random.Generator) -> None:
    std = np.ones(1000, dtype=np.float32)
    a, b = initGenome(std, 0.3, rng=rng), initGenome(std, 0.3, rng=rng)
    assert a.density == pytest.approx(0.3, abs=0.05)
    assert (a.mask != b.mask).mean() == pytest.approx(2 * 0.3 * 0.7, abs=0.07)
