from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from deap import algorithms

from nets_deap.evolution.context import Clock, Context, current
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import EvaluationMap
from nets_deap.evolution.racing import Race, parse
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.halls_of_fame import ElitistHallOfFame, measured
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe

Config = Callable[..., EvolveConfig]


def test_successive_halving_of_64() -> None:
    race = parse("4:4")
    assert [race.share(rung) for rung in range(4)] == [1 / 64, 1 / 16, 1 / 4, 1]
    assert race.field(64) == [(64, 1 / 64), (16, 1 / 16), (4, 1 / 4), (1, 1)]
    assert race.field(5) == [(5, 1 / 64), (2, 1 / 16), (1, 1 / 4), (1, 1)]
    assert Race().field(5) == [(5, 1)]


def genomes(losses: Iterable[float]) -> list[Genome]:
    return [Genome([loss, 1, 1, 1], [1, 1, 0, 0]) for loss in losses]


class Counting:
    """An evaluation by the first weight, which remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []

    def __call__(self, genome: Genome) -> tuple[float]:
        loss = float(genome.weights[0])
        share = current().share
        self.asked.append((loss, share))
        steps = round(64 * share)
        values = (loss,)
        genome.measured = Evaluation(loss, 0, 0.5, (loss,), 0, loss, values, gradient_steps=steps)
        return values


def serial(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    return list(map(function, items))


def test_the_best_of_each_rung_train_longer_and_the_rest_keep_what_they_have() -> None:
    function, raced = Counting(), EvaluationMap(serial, parse("2:3"), Clock())
    population = genomes([4, 1, 3, 2])
    assert raced(function, population) == [(4.0,), (1.0,), (3.0,), (2.0,)]
    assert [loss for loss, share in function.asked if share == 0.25] == [4, 1, 3, 2]
    assert [loss for loss, share in function.asked if share == 0.5] == [1, 2]
    assert [loss for loss, share in function.asked if share == 1] == [1]
    assert raced.gradient_steps == [16, 16, 16, 16, 32, 32, 64]
    assert current().share == 1


def test_equal_genomes_train_once() -> None:
    function, once = Counting(), EvaluationMap(serial, Race(), Clock())
    population = genomes([4, 1, 4, 1, 4])
    population[4].traits["rate"] = np.array([0.1])
    assert once(function, population) == [(4.0,), (1.0,), (4.0,), (1.0,), (4.0,)]
    assert [loss for loss, _ in function.asked] == [4, 1, 4]
    assert all(genome.measured is not None for genome in population)
    assert population[2].measured is population[0].measured


def test_a_share_of_an_evaluation_takes_that_share_of_its_steps() -> None:
    evaluator = Evaluator(Problem("xor-corners", "mlp-10", Recipe(epochs=64)))
    size = evaluator.problem.layout.size
    genome = Genome(np.ones(size), np.ones(size, dtype=bool))
    for share, steps in ((1.0, 64), (0.25, 16), (0.001, 1)):
        assert evaluator.evaluate(genome, Context(share=share)).gradient_steps == steps


def test_in_a_loop_of_ones_own_every_call_of_the_map_is_a_generation(config: Config) -> None:
    falls = {"init_density": 1.0, "target_density": 0.25, "density_gens": 3, "gens": 3}
    settled = config(mutate="prune-increase", mate="none", pop=4, arch="mlp-100", **falls)
    toolbox = make_toolbox(settled)
    population = toolbox.population(n=4)
    n = population[0].mask.size
    hall = ElitistHallOfFame(1)
    for generations, densities in ((0, {1.0}), (2, {0.25 ** (2 / 3)}), (1, {0.25}), (1, {0.25})):
        hall.clear()
        population, _ = algorithms.eaSimple(population, toolbox, 0, 1, generations, None, hall, False)
        assert {len(genome) for genome in population} == {round(n * density) for density in densities}
        last = toolbox.clock.generation - 1
        assert {measured(genome).generation for genome in population} == {last}


@pytest.mark.parametrize("map_", ["serial", "multiprocess", "batched"])
def test_a_race_ends_with_one_full_training_whatever_the_map(map_: str, config: Config) -> None:
    from nets_deap.evolution.maps import make_map

    settled = config(pop=8, race="2:4", epochs=16, elites=0, gens=2)
    with make_map(map_, 2, "cpu") as engine:
        evolution = Evolution.of(settled, engine)
        for _ in range(3):
            evolution.advance()
            assert sorted(evolution.map.gradient_steps) == [2] * 8 + [4] * 4 + [8] * 2 + [16]
