from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nets_deap.data.dataset import Part
from nets_deap.evolution.brief_training import ScoreOnTest, train_briefly
from nets_deap.evolution.context import Context, within
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.fitness import DensityPenalty, finite, load_fitness
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import configure
from nets_deap.individuals.evaluation import WORST, Evaluation
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError, warn_once

TINY = Problem("xor-corners", "mlp-10", Recipe("adam", 0.05, 0, epochs=5))


def fresh(problem: Problem = TINY, density: float = 0.5, seed: int = 0) -> Genome:
    return initGenome(problem.initial_std(), density, rng=np.random.default_rng(seed))


def test_the_penalty_worked_by_hand() -> None:
    evaluation = Evaluation(0.5, 0.9, 0.6, (), 0)
    assert DensityPenalty(0.2)(evaluation, fresh()) == pytest.approx(0.5 + (0.4 / 0.8) ** 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.3, 0.3), (math.nan, WORST), (math.inf, WORST), (-math.inf, WORST), (1e30, WORST)],
)
def test_losses_become_finite(value: float, expected: float) -> None:
    assert finite(value) == expected


def test_a_diverging_training_is_the_worst_and_not_the_best() -> None:
    problem = Problem("digits", "lenet-300-100", Recipe("sgd", lr=1e6, epochs=1))
    assert Evaluator(problem)(fresh(problem)) == (WORST,)


def test_an_evaluation_trains_and_leaves_the_genome_alone() -> None:
    genome = fresh()
    weights, mask = genome.weights.copy(), genome.mask.copy()
    (untrained,) = Evaluator(Problem("xor-corners", "mlp-10", Recipe("sgd", 1e-9, 0)))(fresh())
    (trained,) = Evaluator(TINY)(genome)
    assert trained != untrained
    assert (genome.weights == weights).all()
    assert (genome.mask == mask).all()


def test_the_same_genome_in_the_same_generation_gets_the_same_fitness() -> None:
    problem = Problem("digits", "mlp-10", Recipe("sgd", 0.1, 60))
    evaluator = Evaluator(problem, seed=3)
    genome = fresh(problem)
    first = evaluator(genome)
    assert evaluator(genome) == first
    with within(Context(generation=1)):  # other minibatches
        assert evaluator(genome) != first


def test_dormant_weights_have_no_say() -> None:
    genome, other = fresh(), fresh()
    other.weights[~other.mask] = 7
    assert Evaluator(TINY)(genome) == Evaluator(TINY)(other)


def test_an_empty_genome_is_evaluated_like_any_other() -> None:
    genome = fresh(density=0.0)
    assert math.isfinite(Evaluator(TINY)(genome)[0])
    assert genome.measured is not None
    assert genome.measured.density == 0


def test_two_objectives_are_loss_and_density() -> None:
    genome = fresh()
    values = Evaluator(TINY, objectives=2)(genome)
    assert genome.measured is not None
    assert values == (genome.measured.val_loss, genome.density)


def test_class_losses_average_to_the_loss() -> None:
    evaluation = Evaluator(TINY).evaluate(fresh())
    assert np.mean(evaluation.class_losses) == pytest.approx(evaluation.val_loss)  # two corners each


def test_the_evaluator_pickles_without_the_data() -> None:
    evaluator = Evaluator(TINY)
    evaluator(fresh())
    assert len(pickle.dumps(evaluator)) < 1500
    assert pickle.loads(pickle.dumps(evaluator))(fresh()) == evaluator(fresh())


def test_test_data_cannot_reach_an_evaluation() -> None:
    problem = Problem("digits", "mlp-10", Recipe("sgd", 0.1, 60))
    genome = fresh(problem)
    before = Evaluator(problem)(genome)
    data = problem.data.to("cpu", torch.float32)  # what evaluations use
    good = data.test
    spoilt = Part(data.test.x * 100, 9 - data.test.y)
    score = _score(problem, genome, before)
    object.__setattr__(data, "test", spoilt)
    try:
        assert Evaluator(problem)(fresh(problem)) == before
        assert _score(problem, genome, before) != score
    finally:
        object.__setattr__(data, "test", good)
    assert not any("test" in field for field in Evaluation.__dataclass_fields__)


def _score(problem: Problem, genome: Genome, values: tuple[float, ...]) -> float:
    genome.fitness.values = values
    return ScoreOnTest(problem, seed=0)(genome).loss


def test_genomes_are_trained_on_one_part_and_judged_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("digits", "mlp-10", Recipe("sgd", 0.1, 60))
    before = Evaluator(problem).evaluate(fresh(problem))
    data = problem.data.to("cpu", torch.float32)
    weights = train_briefly(problem, fresh(problem), 0, 0, torch.float32)[0].weights()
    validation, train = data.validation, data.train
    try:
        object.__setattr__(data, "validation", Part(validation.x, 9 - validation.y))
        assert Evaluator(problem).evaluate(fresh(problem)).val_loss > before.val_loss
        assert (train_briefly(problem, fresh(problem), 0, 0, torch.float32)[0].weights() == weights).all()
        object.__setattr__(data, "train", Part(train.x, 9 - train.y))
        assert (train_briefly(problem, fresh(problem), 0, 0, torch.float32)[0].weights() != weights).any()
    finally:
        object.__setattr__(data, "validation", validation)
        object.__setattr__(data, "train", train)


def test_a_genome_of_another_architecture_is_refused() -> None:
    with pytest.raises(NetsError, match="7 weights, but the architecture has 30"):
        Evaluator(TINY)(Genome(np.zeros(7), np.ones(7, dtype=bool)))


def test_a_fitness_function_cannot_change_its_genome() -> None:
    def greedy(evaluation: Evaluation, genome: Genome) -> float:
        genome.mask[:] = True
        genome.weights[:] = 0
        return genome.density

    genome = fresh()
    before = genome.content()
    assert Evaluator(TINY, greedy)(genome) == (1.0,)
    assert genome.content() == before


def test_a_fitness_function_of_ones_own() -> None:
    Path("mine.py").write_text("def sparse(evaluation, genome):\n    return len(genome)\n", encoding="utf-8")
    genome = fresh()
    assert Evaluator(TINY, load_fitness("mine:sparse"))(genome) == (float(len(genome)),)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nomodule:f", "cannot import 'nomodule'"),
        ("wrongsyntax:f", "cannot import 'wrongsyntax': SyntaxError"),
        ("raises:f", "cannot import 'raises': ValueError: boom"),
        ("leaves:f", "cannot import 'leaves': SystemExit"),
        ("..:f", "cannot import '..'"),
        ("", "not of the form module:function"),
        ("math:nothing", "has no function 'nothing'"),
        ("math:pi", "not a function"),
        ("math", "not of the form module:function"),
    ],
)
def test_fitness_functions_that_cannot_be_loaded(name: str, message: str) -> None:
    Path("wrongsyntax.py").write_text("def f(:\n", encoding="utf-8")
    Path("raises.py").write_text("raise ValueError('boom')\n", encoding="utf-8")
    Path("leaves.py").write_text("import sys; sys.exit(0)\n", encoding="utf-8")
    with pytest.raises(NetsError, match=message):
        load_fitness(name)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("'x'", "expected a number"),
        ("None", "expected a number"),
        ("10**400", "expected a number"),
        ("1/0", "raised ZeroDivisionError"),
        ("exit(3)", "raised SystemExit"),
    ],
)
def test_fitness_functions_that_misbehave(result: str, message: str) -> None:
    function = eval(f"lambda evaluation, genome: {result}")
    with pytest.raises(NetsError, match=message):
        Evaluator(TINY, function)(fresh())


def test_first_evaluations_that_learn_nothing_are_told(recwarn: pytest.WarningsRecorder) -> None:
    def told(**options: Any) -> bool:
        warn_once.cache_clear()
        recwarn.clear()
        digits = {"dataset": "digits", "arch": "mlp-10", "pop": 1, "data_limit": 600, "epochs": 10}
        evolution = Evolution.of(configure(**{**digits, "map": "serial", "gens": 1, **options}))
        evolution.advance()
        return any("have learned nothing" in str(each.message) for each in recwarn)

    broken = 1e4  # a learning rate of which no network learns
    assert told(lr=broken)
    assert told(lr=broken, metric="balanced-accuracy")
    assert not told()
    assert not told(lr=broken, lr_factor=1, input_dropout=0)  # the training itself: `train` shows that
    assert not told(lr=broken, epochs=1)  # few steps teach little in any case
