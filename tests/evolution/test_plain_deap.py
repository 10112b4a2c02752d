"""Genomes, toolbox and evaluator under DEAP's own tools, without an Evolution."""

from __future__ import annotations

import multiprocessing
from copy import deepcopy

import numpy as np
import pytest
from deap import algorithms, tools

from nets_deap.evolution.maps import map_genomes
from nets_deap.evolution.run import Evolution, make_ticket
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.paper import mutDormancy
from nets_deap.parallel.serial import SerialMap
from tests.evolution.small import Config


def test_deaps_own_tools_work_with_our_genomes(config: Config) -> None:
    toolbox = make_toolbox(config(), SerialMap())
    history = tools.History()
    toolbox.decorate("mate", history.decorator)
    toolbox.decorate("mutate", history.decorator)
    toolbox.decorate("evaluate", tools.DeltaPenalty(lambda genome: len(genome) > 0, 9.0))
    population = toolbox.population(n=4)
    history.update(population)
    stats = tools.MultiStatistics(
        loss=tools.Statistics(lambda g: g.fitness.values[0]), size=tools.Statistics(len)
    )
    stats.register("mean", np.mean)
    _, log = algorithms.eaSimple(population, toolbox, 0.5, 0.5, 3, stats=stats, verbose=False)
    assert len(log.chapters["size"]) == 4
    assert len(history.genealogy_history) > 4
    mutant = toolbox.clone(population[0])
    toolbox.register("mutate", mutDormancy, indpb=1.0)
    assert len(toolbox.mutate(mutant)[0]) == 0


def test_a_pool_of_ones_own_brings_evaluations_home(config: Config) -> None:
    settings = config()
    toolbox = make_toolbox(settings)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        toolbox.register("map", map_genomes, pool.map)
        population = toolbox.population(n=4)
        algorithms.eaSimple(population, toolbox, 1, 1, 2, verbose=False)
    assert all(g.evaluation is not None and g.evaluation.values == g.fitness.values for g in population)
    assert make_ticket(settings, population[0]).density == population[0].density


def test_a_bare_pool_leaves_no_false_evaluations_behind(config: Config) -> None:
    toolbox = make_toolbox(config())
    population = toolbox.population(n=4)
    algorithms.eaSimple(population, toolbox, 1, 1, 0, verbose=False)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        toolbox.register("map", pool.map)
        algorithms.eaSimple(population, toolbox, 1, 1, 1, verbose=False)
    evaluator = Evolution.of(config()).evaluator
    assert all(g.evaluation in (None, evaluator.evaluate(g)) for g in population)
    unmeasured = next(g for g in population if g.evaluation is None)
    with pytest.raises(ValueError, match="map_genomes"):
        make_ticket(config(), unmeasured)


def test_a_toolbox_of_ours_runs_under_plain_deap(config: Config) -> None:
    def select_sparsest(individuals: list[Genome], k: int) -> list[Genome]:
        return sorted(individuals, key=len)[: k // 2] * 2

    toolbox = make_toolbox(config())
    toolbox.register("select", select_sparsest)
    population = toolbox.population(n=6)
    before = np.mean([g.density for g in population])
    for algorithm in (algorithms.eaSimple, algorithms.eaMuPlusLambda, algorithms.eaMuCommaLambda):
        sizes = {} if algorithm is algorithms.eaSimple else {"mu": 6, "lambda_": 8}
        population, _ = algorithm(
            population,
            toolbox,
            **sizes,
            cxpb=0.5,
            mutpb=0.5,
            ngen=3,
            halloffame=tools.HallOfFame(1, Genome.same_genes),
            verbose=False,
        )
    assert np.mean([g.density for g in population]) < before
    assert all(g.evaluation is not None for g in population)


def test_the_builtin_map_will_do(config: Config) -> None:
    toolbox = make_toolbox(config())
    toolbox.register("map", map)
    population = toolbox.population(n=4)
    algorithms.eaSimple(population, toolbox, 0.5, 0.5, 2, verbose=False)
    assert all(g.evaluation is not None for g in population)


def test_a_clone_varied_and_put_back_keeps_its_parent_untouched(config: Config) -> None:
    toolbox = make_toolbox(config(noise=1.0, dormancy=0.5))
    parent = toolbox.individual()
    before = deepcopy(parent)
    toolbox.mutate(toolbox.clone(parent))
    assert parent.same_genes(before)
