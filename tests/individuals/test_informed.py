from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.density import planned_counts
from nets_deap.individuals.operators.informed import mutGlobal, mutGrow, mutPrune
from nets_deap.individuals.operators.weights import mutFlip
from nets_deap.models.layout import Layout
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.pruning.allocation import keep
from nets_deap.pruning.traces import GRADIENTS, TRACES
from nets_deap.util.errors import NetsError

LAYOUT = Layout(("a", "b"), ((1, 4), (2, 2)))
PROBLEM = Problem("digits", "lenet-300-100", Recipe("adam", 1e-2, 60, 1))


def told(mask: list[int], **traces: list[float]) -> Genome:
    """Eight genes, whose parent's evaluation has left these traces."""
    genome = Genome(np.arange(1.0, 9.0), np.array(mask, dtype=bool))
    left = {name: np.array(values, dtype=np.float32) for name, values in traces.items()}
    genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,), left)
    return genome


def planned(*counts: int) -> partial:
    return partial(lambda genome, counts: counts, counts=np.array(counts))


def test_pruning_drops_the_smallest_of_each_layer() -> None:
    genome = told([1, 1, 1, 1, 1, 1, 1, 0], magnitude=[4, 1, 3, 2, 9, 7, 8, 0])
    mutPrune(genome, LAYOUT, planned(2, 2))
    assert genome.mask.astype(int).tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
    assert genome.weights.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_pruning_leaves_room_to_grow() -> None:
    genome = told([1] * 8, magnitude=[4, 1, 3, 2, 9, 7, 8, 1], gradient=[0, 5, 0, 9, 0, 1, 0, 2])
    mutPrune(genome, LAYOUT, planned(2, 2), spare=0.5)
    assert genome.mask.astype(int).tolist() == [1, 0, 0, 0, 1, 0, 0, 0]
    mutGrow(genome, LAYOUT, planned(2, 2))
    assert genome.mask.astype(int).tolist() == [1, 0, 0, 1, 1, 0, 0, 1]


def test_pruning_a_layer_that_is_sparser_than_planned_leaves_it() -> None:
    genome = told([1, 0, 0, 0, 1, 1, 1, 1], magnitude=[1] * 8)
    mutPrune(genome, LAYOUT, planned(3, 4))
    assert genome.mask.astype(int).tolist() == [1, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("magnitude", "counts", "mask"),
    [
        ([9, 8, 7, 1, 6, 2, 3, 4], [3, 1], [1, 1, 1, 0, 1, 0, 0, 0]),
        ([4, 1, 3, 2, 9, 7, 8, 6], [1, 3], [1, 0, 0, 0, 1, 1, 1, 0]),  # a layer keeps one gene at least
    ],
)
def test_a_global_plan_of_four_genes(magnitude: list[float], counts: list[int], mask: list[int]) -> None:
    genome = told([1] * 8, magnitude=magnitude)

    def plan(genome: Genome) -> np.ndarray:
        return planned_counts(LAYOUT, 4, genome)

    assert plan(genome).tolist() == [2, 2]
    mutGlobal(genome, LAYOUT, plan)
    assert genome.mask.all()  # only the plan has changed
    assert plan(genome).tolist() == counts
    mutPrune(genome, LAYOUT, plan)
    assert genome.mask.astype(int).tolist() == mask


def test_a_global_plan_and_pruning_are_global_pruning(rng: np.random.Generator) -> None:
    layout = Layout(("a", "b", "c"), ((30, 40), (20, 30), (10, 20)))
    genome = Genome(np.ones(layout.size), np.ones(layout.size, dtype=bool))
    for total in (1500, 700, 200, 60):
        scale = np.repeat([1.0, 1.1, 1.2], layout.sizes)
        trace = (rng.random(layout.size) * scale).astype(np.float32)
        genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,), {"magnitude": trace})
        expected = keep(layout, trace, genome.mask, total)
        plan = partial(planned_counts, layout, total)
        mutGlobal(genome, layout, plan)
        mutPrune(genome, layout, plan)
        np.testing.assert_array_equal(genome.mask, expected)


@pytest.mark.parametrize(
    ("mask", "counts"),
    [
        ([1, 0, 0, 0, 1, 1, 1, 0], [2, 6]),  # as many as are planned are not active: 1 to 3 stays 1 to 3
        ([0, 0, 0, 0, 1, 1, 1, 1], [2, 6]),  # a layer without any is planned one to the others' four
        ([0] * 16, [4, 4]),  # nothing competes: the plan stays
    ],
)
def test_a_global_plan_for_more_than_is_active(mask: list[int], counts: list[int]) -> None:
    layout = Layout(("a", "b"), ((2, 4), (2, 4)))
    genome = Genome(np.ones(16), np.array([*mask[:4], 0, 0, 0, 0, *mask[4:8], 0, 0, 0, 0], dtype=bool))
    trace = {"magnitude": np.arange(16, dtype=np.float32)}
    genome.measured = Evaluation(0.4, 0.9, 0.5, (0.4,), 3, 0.5, (0.5,), trace)
    plan = partial(planned_counts, layout, 8)
    mutGlobal(genome, layout, plan)
    assert plan(genome).tolist() == counts


def test_flipping_keeps_magnitudes() -> None:
    genome = told([1] * 8, flipped=[1, 0, 0, 0, 0, 0, 0, 1])
    mutFlip(genome)
    assert genome.weights.tolist() == [-1, 2, 3, 4, 5, 6, 7, -8]


@pytest.mark.parametrize(
    "mutate", [*(partial(f, layout=LAYOUT, plan=planned(1, 1)) for f in (mutPrune, mutGlobal)), mutFlip]
)
def test_without_the_trace_it_says_what_to_do(mutate) -> None:
    with pytest.raises(NetsError, match=r"has no trace .* give the Evaluator traces="):
        mutate(told([1] * 8))


def evaluated(traces: tuple[str, ...], problem: Problem = PROBLEM) -> tuple[Genome, Evaluation]:
    rng = np.random.default_rng(0)
    genome = Genome(rng.standard_normal(problem.layout.size) * 0.1, rng.random(problem.layout.size) < 0.3)
    return genome, Evaluator(problem, traces=traces).evaluate(genome)


def test_every_trace_has_a_number_for_every_gene() -> None:
    genome, evaluation = evaluated(tuple(TRACES))
    for name in TRACES:
        trace = evaluation.traces[name]
        assert trace.shape == genome.weights.shape, name
        assert trace.dtype == np.float32, name
        assert np.isfinite(trace).all(), name
        assert trace.any(), name


def test_traces_cost_nothing_but_what_they_say() -> None:
    _, plain = evaluated(())
    _, traced = evaluated(tuple(TRACES))
    gradients = sum(GRADIENTS.values())
    assert traced.gradient_steps == plain.gradient_steps + gradients
    assert replace(traced, gradient_steps=plain.gradient_steps) == plain
    assert plain.traces == {}
    assert GRADIENTS.keys() <= TRACES.keys()
