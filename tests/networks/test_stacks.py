from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from nets_deap.evolution import evaluator as evaluator_module
from nets_deap.evolution.context import Context
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import BatchedMap, map_genomes
from nets_deap.individuals.evaluation import WORST, Evaluation
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.scoring import evaluate, score_all
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.networks.stacked_module import StackedModule
from nets_deap.problem.optimizer import OPTIMIZERS
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.architectures import convnet

PERCEPTRONS = ("mlp-10", "mlp-100", "lenet-300-100", "mlp:64-12-10,bias=yes,activation=tanh")
DATASETS = {"mlp-10": "xor", "mlp-100": "digits"}  # one output and many; the last batch of 60 is smaller
RATES = {"sgd": 0.05, "momentum": 0.01, "adam": 0.01}
XOR = Problem("xor", "mlp-10", Recipe("sgd", 0.1, 60))
cases = pytest.mark.parametrize(("model", "optimizer"), list(itertools.product(PERCEPTRONS, OPTIMIZERS)))


def problem_of(model: str, optimizer: str) -> Problem:
    recipe = Recipe(optimizer, RATES.get(optimizer, 0.01), batch_size=60)
    return Problem(DATASETS.get(model, "digits"), model, recipe, init="kaiming")


def population(problem: Problem, densities: Sequence[float] = (1.0, 0.5, 0.2, 0.0)) -> list[Genome]:
    rng = np.random.default_rng(1)
    return [initGenome(problem.initial_std(), density, rng=rng) for density in densities]


def stack(
    problem: Problem, genomes: list[Genome], dtype: torch.dtype = torch.float64, kind: type = StackedMLP
) -> Any:
    weights, masks = np.stack([g.weights for g in genomes]), np.stack([g.mask for g in genomes])
    return kind(problem.architecture, weights, masks, problem.recipe, dtype=dtype)


def assert_close(ours: list[Evaluation], theirs: list[Evaluation], rtol: float) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.density, one.generation) == (other.density, other.generation)
        numbers = [(e.val_loss, e.fitness, *e.values, *e.class_losses) for e in (one, other)]
        np.testing.assert_allclose(*numbers, rtol=rtol)


@cases
def test_equal_to_one_by_one_in_float64(model: str, optimizer: str) -> None:
    problem = problem_of(model, optimizer)
    assert len(problem.data.train.y) % 60
    evaluator, genomes = Evaluator(problem, seed=3, dtype=torch.float64), population(problem)
    third = Context(generation=2)
    ours = evaluator.evaluate_all(genomes, third)
    theirs = [evaluator.evaluate(genome, third) for genome in genomes]
    assert_close(ours, theirs, rtol=1e-9)
    assert [e.val_acc for e in ours] == [e.val_acc for e in theirs]
    assert len({e.val_loss for e in ours}) == len(genomes)


@pytest.mark.parametrize("kind", [StackedMLP, StackedModule])
@cases
def test_every_step_is_that_of_the_single_network(model: str, optimizer: str, kind: type) -> None:
    problem = problem_of(model, optimizer)
    genomes, data = population(problem), problem.data.to("cpu", torch.float64)
    together = stack(problem, genomes, kind=kind)
    alone = [
        MaskedMLP(problem.architecture, g.weights, g.mask, problem.recipe, dtype=torch.float64)
        for g in genomes
    ]
    targets = problem.architecture.targets(data.train.y, torch.float64)
    for start, size in ((0, 6), (6, 6), (12, 4)) * 3:
        x, y = data.train.x[start : start + size], targets[start : start + size]
        together.step(x, y)
        for network in alone:
            network.step(x, y)
        for outputs, network in zip(together.outputs, alone, strict=True):
            assert torch.allclose(outputs, network.outputs, rtol=1e-9, atol=1e-12)
    expected = np.stack([network.weights() for network in alone])
    np.testing.assert_allclose(together.weights(), expected, rtol=1e-9, atol=1e-12)
    forward = torch.stack([network.forward(data.validation.x) for network in alone])
    assert torch.allclose(together.forward(data.validation.x), forward, rtol=1e-9, atol=1e-12)
    for score, network in zip(score_all(together, data.validation, data.classes), alone, strict=True):
        other = evaluate(network, data.validation, data.classes)
        assert score.accuracy == other.accuracy
        np.testing.assert_allclose(score.class_losses, other.class_losses, rtol=1e-9)


def test_a_stack_is_freed_at_once() -> None:
    # Its memory is what the size of a chunk is reckoned by; the garbage collector may come late.
    problem = problem_of("lenet-300-100", "sgd")
    together = stack(problem, population(problem))
    data = problem.data.to("cpu", torch.float64)
    together.step(data.train.x, problem.architecture.targets(data.train.y, torch.float64))
    left = weakref.ref(together.flat)
    gc.disable()
    try:
        del together
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_convolutions_side_by_side_equal_one_by_one(optimizer: str) -> None:
    architecture, recipe = convnet((1, 8, 8), [3, "M"], [5, 4]), Recipe(optimizer, lr=0.05)
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.3, (3, architecture.layout.size)).astype(np.float32)
    masks = rng.random(weights.shape) < 0.5
    together = StackedModule(architecture, weights, masks, recipe, dtype=torch.float64)
    alone = [
        MaskedModule(architecture, w, m, recipe, dtype=torch.float64)
        for w, m in zip(weights, masks, strict=True)
    ]
    x = torch.from_numpy(rng.normal(size=(7, 1, 8, 8)))
    targets = torch.nn.functional.one_hot(torch.arange(7) % 4, 4).double()
    for _ in range(5):
        together.step(x, targets)
        for network in alone:
            network.step(x, targets)
    expected = np.stack([network.weights() for network in alone])
    np.testing.assert_allclose(together.weights(), expected, rtol=1e-9, atol=1e-12)
    assert (together.weights()[~masks] == 0).all()
    biases = np.stack([network.extras() for network in alone])
    np.testing.assert_allclose(together.extras(), biases, rtol=1e-9, atol=1e-12)
    assert (biases != 0).any()


@cases
def test_bfloat16_trains_as_float32_does_but_for_its_rounding(model: str, optimizer: str) -> None:
    problem = problem_of(model, optimizer)
    genomes = population(problem, (1.0, 0.5, 0.2))
    exact = Evaluator(problem).evaluate_all(genomes)
    rounded = Evaluator(problem, precision="bf16").evaluate_all(genomes)
    for one, other in zip(exact, rounded, strict=True):
        assert one.val_loss != other.val_loss
        assert one.val_loss == pytest.approx(other.val_loss, rel=0.1)


def test_tf32_changes_nothing_on_a_cpu_and_is_put_back() -> None:
    genomes = population(XOR)
    before = torch.backends.cuda.matmul.allow_tf32
    exact, tf32 = (Evaluator(XOR, precision=p).evaluate_all(genomes) for p in ("float32", "tf32"))
    assert exact == tf32
    assert torch.backends.cuda.matmul.allow_tf32 == before


@pytest.mark.parametrize("model", PERCEPTRONS)
def test_close_to_one_by_one_in_float32(model: str) -> None:
    evaluator = Evaluator(problem_of(model, "sgd"))
    genomes = population(evaluator.problem)
    assert_close(evaluator.evaluate_all(genomes), [evaluator.evaluate(g) for g in genomes], rtol=1e-4)


@cases
def test_pruned_weights_stay_zero_and_the_others_move(model: str, optimizer: str) -> None:
    problem = problem_of(model, optimizer)
    genomes, data = population(problem, (0.5, 0.2)), problem.data
    before = [genome.weights.copy() for genome in genomes]
    network = stack(problem, genomes, torch.float32)
    targets = problem.architecture.targets(data.train.y, torch.float32)
    for _ in range(5):
        network.step(data.train.x[:6], targets[:6])
    for weights, genome, initial in zip(network.weights(), genomes, before, strict=True):
        assert (weights[~genome.mask] == 0).all()
        assert (weights[genome.mask] != initial[genome.mask]).mean() > 0.1
        assert (genome.weights == initial).all()


def test_a_pruned_weight_that_came_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    genomes = population(XOR)
    step = StackedMLP.step

    def spoil(self: StackedMLP, *minibatch: torch.Tensor) -> None:
        step(self, *minibatch)
        self.flat.add_(1)

    monkeypatch.setattr(StackedMLP, "step", spoil)
    with pytest.raises(AssertionError, match="came back to life"):
        Evaluator(XOR).evaluate_all(genomes)


def test_it_computes_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    step = StackedMLP.step

    def watched(self: StackedMLP, *minibatch: torch.Tensor) -> None:
        seen.append(torch.get_num_threads())
        step(self, *minibatch)

    monkeypatch.setattr(StackedMLP, "step", watched)
    Evaluator(XOR).evaluate_all(population(XOR))
    assert set(seen) == {1}


def test_an_empty_population() -> None:
    evaluator = Evaluator(XOR)
    assert evaluator.evaluate_all([]) == []
    assert map_genomes(BatchedMap(), evaluator, []) == []


def test_a_genome_that_diverges_leaves_the_others_alone() -> None:
    problem = problem_of("lenet-300-100", "sgd")
    evaluator, (healthy, wild) = Evaluator(problem), population(problem, (0.5, 0.5))
    (alone,) = evaluator.evaluate_all([healthy])
    wild.weights *= 1e30
    beside, worst = evaluator.evaluate_all([healthy, wild])
    assert_close([beside], [alone], rtol=1e-5)
    assert worst.values == (WORST,)


def test_a_genome_of_another_architecture_is_refused() -> None:
    stranger = Genome(np.zeros(7), np.ones(7, dtype=bool))
    with pytest.raises(NetsError, match="7 weights, but the architecture has 30"):
        Evaluator(XOR).evaluate_all([*population(XOR), stranger])


def test_two_objectives_and_a_fitness_of_ones_own() -> None:
    genomes = population(XOR)
    assert [e.values for e in Evaluator(XOR, objectives=2).evaluate_all(genomes)] == [
        (e.val_loss, g.density) for e, g in zip(Evaluator(XOR).evaluate_all(genomes), genomes, strict=True)
    ]
    sparse = Evaluator(XOR, lambda evaluation, genome: len(genome))
    assert [e.fitness for e in sparse.evaluate_all(genomes)] == [len(g) for g in genomes]


# Chunks and memory


@pytest.mark.parametrize("size", [1, 2, 3])
def test_chunks_do_not_change_the_result(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator, genomes = Evaluator(XOR, dtype=torch.float64), population(XOR)
    whole = evaluator.evaluate_all(genomes)
    monkeypatch.setattr(evaluator_module, "chunk_size", lambda *_: size)
    assert_close(evaluator.evaluate_all(genomes), whole, rtol=1e-9)


# The map
