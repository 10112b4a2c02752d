"""Individuals from DEAP's `creator` keep their own fitness, and everything of ours goes by its weights."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import pytest
from deap import algorithms, base, creator, tools

from nets_deap.evolution.run import Evolution
from nets_deap.evolution.selection_operators import SELECTIONS
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.evaluation import MinimisedFitness, ParetoFitness
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.halls_of_fame import ElitistHallOfFame, keep_elites
from nets_deap.parallel.processes import MultiprocessMap, default_start
from nets_deap.strategies.snes import SNES
from nets_deap.strategies.strategy import Point
from nets_deap.util.errors import NetsError

Config = Callable[..., EvolveConfig]
STD = np.full(20, 0.1, dtype=np.float32)


@pytest.fixture(autouse=True)
def _created() -> Iterator[None]:
    creator.create("FitnessMax", base.Fitness, weights=(1.0,))
    creator.create("FitnessBoth", base.Fitness, weights=(1.0, -1.0))
    creator.create("Ind", Genome, fitness=creator.FitnessMax, strategy=list)
    creator.create("Both", Genome, fitness=creator.FitnessBoth)
    creator.create("MaxPoint", Point, fitness=creator.FitnessMax)
    yield
    for name in ("FitnessMax", "FitnessBoth", "Ind", "Both", "MaxPoint"):
        delattr(creator, name)


def made(value: float, kind: str = "Ind") -> Any:
    genome = getattr(creator, kind)(np.full(4, value), np.ones(4, dtype=bool))
    genome.fitness.values = (value,)
    return genome


MAKERS: dict[str, Callable[[], Genome]] = {
    "called": lambda: creator.Ind(np.ones(20), np.ones(20, dtype=bool)),
    "initGenome": lambda: initGenome(STD, 0.5, kind=creator.Ind),
    "copied": lambda: deepcopy(creator.Ind(np.ones(20), np.ones(20, dtype=bool))),
    "pickled": lambda: pickle.loads(pickle.dumps(creator.Ind(np.ones(20), np.ones(20, dtype=bool)))),
}


@pytest.mark.parametrize("how", MAKERS)
def test_a_class_from_the_creator_keeps_its_fitness_and_its_attributes(how: str) -> None:
    genome: Any = MAKERS[how]()
    assert type(genome) is creator.Ind
    assert type(genome.fitness) is creator.FitnessMax
    assert not genome.fitness.valid
    assert genome.strategy == []
    assert genome.fitness is not MAKERS[how]().fitness


def test_a_fitness_that_is_given_counts_and_a_plain_genome_is_minimised() -> None:
    weights, mask = np.ones(2), np.ones(2, dtype=bool)
    assert type(Genome(weights, mask).fitness) is MinimisedFitness
    assert type(Genome(weights, mask, ParetoFitness).fitness) is ParetoFitness
    assert type(creator.Ind(weights, mask, ParetoFitness).fitness) is ParetoFitness
    assert creator.Both(weights, mask).fitness.weights == (1.0, -1.0)
    assert type(initGenome(STD, 0.5).fitness) is MinimisedFitness


def test_the_toolbox_makes_individuals_of_a_class_of_ones_own(config: Config) -> None:
    toolbox = make_toolbox(config(mutate="noise"))
    toolbox.register("individual", toolbox.individual, kind=creator.Ind)
    assert type(toolbox.individual().fitness) is creator.FitnessMax


def test_halls_and_elites_keep_the_largest_where_large_is_good() -> None:
    hall = ElitistHallOfFame(1)
    hall.update([made(1), made(3), made(2)])
    assert hall[0].fitness.values == (3,)
    population = [made(0.5), made(0.1), made(2.5)]
    keep_elites(hall, population)
    assert sorted(one.fitness.values[0] for one in population) == [0.5, 2.5, 3]


@pytest.mark.parametrize(
    "name", [name for name, entry in SELECTIONS.items() if entry.objectives == 1 and not entry.refused]
)
def test_selections_favour_the_largest_where_large_is_good(name: str) -> None:
    if "lexicase" in name or name == "random":
        return  # by losses per class, whatever the fitness; by nothing
    genomes = [made(value) for value in np.linspace(0.3, 0.9, 12)]
    entry = SELECTIONS[name]
    chosen = [
        one.fitness.values[0] for _ in range(200) for one in entry.select(genomes, 6, **entry.arguments)
    ]
    assert np.mean(chosen) > 0.62


def large(genome: Genome) -> tuple[float]:
    return (float(np.sum(genome.weights)),)


def test_new_processes_that_lack_a_class_say_what_to_do() -> None:
    genome = initGenome(STD, 0.5, kind=creator.Ind)
    with MultiprocessMap(1, "spawn") as engine, pytest.raises(NetsError, match="at the top of your script"):
        engine(large, [genome])


@pytest.mark.skipif(default_start() == "spawn", reason="new processes do not import a module of tests")
@pytest.mark.parametrize("race", [None, "2:2"])
def test_a_search_with_a_maximised_fitness_maximises(race: str | None, config: Config) -> None:
    with MultiprocessMap(2) as engine:
        toolbox = make_toolbox(config(mutate="noise", race=race), engine)
        toolbox.register("individual", toolbox.individual, kind=creator.Ind)
        toolbox.register("population", tools.initRepeat, list, toolbox.individual)
        toolbox.register("evaluate", large)
        population, hall = toolbox.population(n=8), ElitistHallOfFame(2)
        before = max(large(one)[0] for one in population)
        algorithms.eaSimple(population, toolbox, 0.5, 1, 15, halloffame=hall, verbose=False)
    assert hall[0].fitness.values == large(hall[0])
    assert hall[0].fitness.values[0] == max(one.fitness.values[0] for one in population) > before
    assert type(population[0]) is creator.Ind


def test_an_evolution_refuses_a_fitness_to_be_maximised(config: Config) -> None:
    evolution = Evolution.of(config(mutate="noise"))
    make = partial(initGenome, evolution.problem.initial_std(), 0.5, kind=creator.Ind)
    evolution.toolbox.register("population", tools.initRepeat, list, make)
    with pytest.raises(NetsError, match="minimises"):
        evolution.advance()


@pytest.mark.parametrize(("kind", "sign"), [("MaxPoint", 1), ("plain", -1)])
def test_strategies_go_where_the_fitness_wants_them(kind: str, sign: int) -> None:
    strategy = SNES(np.zeros(3), 0.5, 20, np.random.default_rng(0))
    for _ in range(30):
        points = strategy.generate(creator.MaxPoint if kind == "MaxPoint" else Point)
        for point in points:
            point.fitness.values = (float(point.vector.sum()),)
        strategy.update(points)
    assert sign * strategy.mean.sum() > 1
