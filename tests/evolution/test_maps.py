"""`toolbox.map` evaluates where it maps the toolbox's evaluation; everything else passes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pytest
from deap import algorithms, base, tools

from nets_deap.evolution.context import Clock, current
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import BatchedMap, EvaluationMap
from nets_deap.evolution.racing import parse
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.genome import Genome
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import NetsWarning, warn_once

Config = Callable[..., EvolveConfig]
ENGINES = [SerialMap, BatchedMap, partial(MultiprocessMap, 2)]
engines = pytest.mark.parametrize("kind", ENGINES, ids=["serial", "batched", "multiprocess"])


@engines
@pytest.mark.parametrize(
    ("function", "items"),
    [(str, [1, 2, 3]), (abs, []), (lambda pair: pair[0], [("a", 1)]), (len, "genomes"), (len, "islands")],
)
def test_what_is_no_evaluation_passes_through(
    kind: Callable[[], Any], function: Callable[[Any], Any], items: Any, config: Config
) -> None:
    with kind() as engine:
        toolbox = make_toolbox(config(), engine)
        population = toolbox.population(n=4)
        if isinstance(items, str):
            items = {"genomes": population, "islands": [population, population]}[items]
        toolbox.clock.generation = 7
        assert toolbox.map(function, items) == [function(item) for item in items]
        assert toolbox.map(function, iter(items)) == [function(item) for item in items]
    assert toolbox.clock.generation == 7
    assert not any(genome.fitness.valid or genome.measured for genome in population)


def test_an_evaluation_that_the_toolbox_does_not_know_is_told(config: Config) -> None:
    def wrapped(genome: Genome) -> Any:
        return toolbox.evaluate(genome)

    warn_once.cache_clear()
    toolbox = make_toolbox(config(), SerialMap())
    with pytest.warns(NetsWarning, match="takes wrapped for no evaluation"):
        toolbox.map(wrapped, toolbox.population(n=2))


@engines
def test_deaps_algorithm_on_islands_goes_through_the_map(kind: Callable[[], Any], config: Config) -> None:
    planned = config(arch="mlp-100", mutate="repair", init_density=0.8, target_density=0.2, gens=4)
    with kind() as engine:
        toolbox = make_toolbox(planned, engine)
        toolbox.register(
            "algorithm", algorithms.eaSimple, toolbox=toolbox, cxpb=0.5, mutpb=1, ngen=2, verbose=False
        )
        islands = [toolbox.population(n=4) for _ in range(3)]
        for generation in (3, 5):  # the initial evaluation, and twice two generations
            islands = [population for population, _ in toolbox.map(toolbox.algorithm, islands)]
            assert toolbox.clock.generation == generation
            tools.migRing(islands, 1, tools.selBest)
    assert [len(population) for population in islands] == [4, 4, 4]
    assert {round(one.density, 2) for population in islands for one in population} == {0.2}
    assert all(one.evaluation is not None for population in islands for one in population)


def doubled(evaluate: Callable[[Genome], tuple[float]], genome: Genome) -> tuple[float]:
    return (2 * evaluate(genome)[0] + current().generation,)


def decorated(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    return partial(doubled, evaluate)


def around(evaluate: Callable[[Genome], tuple[float]], genome: Genome) -> tuple[float]:
    return evaluate(genome)


class Own(Evaluator):
    """A subclass."""


def variants(config: EvolveConfig, toolbox: base.Toolbox) -> dict[str, Callable[[Genome], Any]]:
    """Evaluations that a user may put in the place of ours."""
    own = Own(config.problem())
    return {
        "ours": toolbox.evaluate,
        "decorated": decorated(toolbox.evaluate),
        "a function": partial(doubled, lambda genome: (genome.density,)),
        "a subclass": own,
        "a function around an evaluator": partial(around, own),
    }


@engines
@pytest.mark.parametrize(
    "name", ["ours", "decorated", "a function", "a subclass", "a function around an evaluator"]
)
def test_whatever_is_registered_as_evaluation_is_one(
    name: str, kind: Callable[[], Any], config: Config
) -> None:
    with kind() as engine:
        toolbox = make_toolbox(config(), engine)
        toolbox.register("evaluate", variants(config(), toolbox)[name])
        population = toolbox.population(n=3)
        toolbox.clock.generation = 5
        values = toolbox.map(toolbox.evaluate, population)
        assert toolbox.clock.generation == 6
    assert len(values) == 3
    if name != "a function":
        assert {genome.measured.generation for genome in population} == {5}
    if name in ("decorated", "a function"):
        assert all(value >= 5 for (value,) in values)  # it has got the context


def test_deaps_own_decoration_and_a_bare_evaluator_are_evaluations_too(config: Config) -> None:
    toolbox = make_toolbox(config())
    evaluator, population = toolbox.evaluate.func, toolbox.population(n=2)
    toolbox.decorate("evaluate", tools.DeltaPenalty(lambda genome: True, 9.0))
    toolbox.map(toolbox.evaluate, population)
    toolbox.map(evaluator, population)
    toolbox.map(partial(evaluator), population)
    assert toolbox.clock.generation == 3


def test_nothing_to_evaluate_is_no_generation(config: Config) -> None:
    toolbox = make_toolbox(config())
    assert toolbox.map(toolbox.evaluate, []) == []
    assert toolbox.clock.generation == 0


@pytest.mark.parametrize(("weight", "finalists"), [(-1.0, [1.0]), (1.0, [4.0])])
def test_a_race_lets_the_better_run_on_whether_small_or_large_is_good(
    weight: float, finalists: list[float]
) -> None:
    fitness = type("Fitness", (base.Fitness,), {"weights": (weight,)})
    asked: list[tuple[float, float]] = []

    def function(genome: Genome) -> tuple[float]:
        asked.append((float(genome.weights[0]), current().share))
        return (float(genome.weights[0]),)

    def serial(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return list(map(function, items))

    genomes = [Genome(np.array([loss, 1]), np.ones(2, dtype=bool), fitness) for loss in (3.0, 1.0, 4.0, 2.0)]
    EvaluationMap(serial, parse("4:2"), Clock())(function, genomes)
    assert [loss for loss, share in asked if share == 1] == finalists
