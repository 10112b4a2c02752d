"""The global random streams belong to the caller: nothing of ours moves them, and a fitness has its own."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from deap import algorithms

import nets_deap
from nets_deap.data.loading import load
from nets_deap.data.sources import DATASETS
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import BatchedMap, map_genomes
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.genome import Genome
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.method import initial
from nets_deap.search.registry import METHODS, method_of, parse
from nets_deap.search.sparse_training import SparseTraining
from nets_deap.training.final import train_network, train_ticket
from nets_deap.util.random_streams import draw_apart, undisturbed
from tests.conftest import MNIST_DIR, streams_stay

Config = Callable[..., EvolveConfig]
FRESH = """
import importlib, pkgutil, random, sys
import numpy as np
import nets_deap

def first_population():
    random.seed(1)
    config = nets_deap.configure(dataset="digits", arch="mlp-10", pop=2, mutate="noise")
    toolbox = nets_deap.make_toolbox(config)
    return [toolbox.individual().weights.tolist() for _ in range(2)]

assert first_population() == first_population()
random.seed(1), np.random.seed(1)
before = random.getstate(), np.random.get_state()[1].tolist()
for name in nets_deap.__all__:
    getattr(nets_deap, name)
for module in pkgutil.walk_packages(nets_deap.__path__, "nets_deap."):
    if not module.name.endswith("._compiled"):  # a library in C
        importlib.import_module(module.name)
assert (random.getstate(), np.random.get_state()[1].tolist()) == before
"""


def test_neither_imports_nor_the_first_data_of_a_process_move_the_global_random_streams() -> None:
    subprocess.run([sys.executable, "-c", FRESH], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize("name", DATASETS)
def test_no_data_set_moves_the_global_random_streams(name: str) -> None:
    load.cache_clear()
    with streams_stay():
        try:
            load(name, str(MNIST_DIR), limit=200)
        except nets_deap.NetsError:
            pytest.skip(f"no {name} here")
        finally:
            load.cache_clear()


def test_a_library_that_draws_when_it_is_first_used_is_held_in_check() -> None:
    with streams_stay(), undisturbed():
        random.random(), np.random.random(), torch.rand(1)


@pytest.mark.parametrize("name", METHODS)
def test_no_search_method_and_no_training_moves_the_global_random_streams(name: str) -> None:
    small = {"nets": "pop=2,gens=1", "nets-paper": "pop=2,gens=1", "imp": "cycles=2", "imp-short": "cycles=2"}
    small |= {"weedout": "pop=4,gens=1,steps=2", "node-evolution": "pop=4,gens=1,steps=2"}
    small |= {"random-nodes": "steps=2", "es": "pop=4,gens=1,rounds=1", "es-paper": "pop=4,gens=1,rounds=1"}
    spec = parse(f"{name}:{small[name]}" if name in small else name)
    problem = Problem("xor-corners", "mlp-100", Recipe("adam", 0.01, 0, epochs=2))
    with streams_stay():
        method, rng = method_of(spec), np.random.default_rng(0)
        if not isinstance(method, SparseTraining):
            train_ticket(method(problem, Budget(), rng, 0.5).ticket, problem, seed=1)
        else:
            train_network(method.network(problem, initial(problem, rng)[0], 0.5, rng), problem, seed=1)


def test_an_evolution_moves_no_global_random_stream(config: Config) -> None:
    for settings in (config(), config(select="nsga3", pop=8), config(seeding="snip", restart_after=1)):
        with streams_stay():
            evolution = Evolution.of(settings)
            for _ in range(3):
                evolution.advance()


# Fitnesses that draw

RESTLESS = """
import random
import numpy as np
import torch
random.seed(5), np.random.seed(5), torch.manual_seed(5)  # at import, too

def f(evaluation, genome):
    return random.random() + 10 * np.random.random() + 100 * float(torch.rand(1, dtype=torch.float64))

def shameless(evaluation, genome):
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    return f(evaluation, genome)
"""


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Path("restless.py").write_text(RESTLESS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]))
    yield
    sys.modules.pop("restless", None)


def run(settings: EvolveConfig, engine: Any = None) -> list[tuple[float, ...]]:
    evolution = Evolution.of(settings, engine)
    for _ in range(settings.gens + 1):
        evolution.advance()
    rows = [tuple(row[key] for key in ("fitness_min", "fitness_avg")) for row in evolution.logbook]
    return [*rows, *(genome.fitness.values for genome in evolution.population)]


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("name", ["f", "shameless"])
def test_a_fitness_that_draws_gives_the_same_in_every_map(name: str, config: Config) -> None:
    settings = config(fitness=f"restless:{name}", gens=2, pop=6, elites=0)
    serial = run(settings)
    with streams_stay():
        assert run(settings, BatchedMap()) == serial
        with MultiprocessMap(2) as engine:
            assert run(settings, engine) == serial
    if name == "f":
        with MultiprocessMap(1, start="spawn") as engine:
            assert run(settings, engine) == serial
        assert len({*serial[3:]}) == 6
        assert run(settings.model_copy(update={"seed": 2})) != serial


def own(genome: Genome) -> tuple[float]:
    """An evaluation that knows nothing of ours."""
    return (random.random() + 10 * np.random.random() + 100 * float(torch.rand(1, dtype=torch.float64)),)


def test_an_evaluation_of_ones_own_draws_the_same_in_every_map(config: Config) -> None:
    def values(engine: Any, seed: int = 1, generation: int = 1) -> list[tuple[float]]:
        random.seed(3)
        toolbox = make_toolbox(config(seed=seed), engine)
        toolbox.register("evaluate", own)
        population = toolbox.population(n=6)
        toolbox.clock.generation = generation
        with streams_stay():
            return toolbox.map(toolbox.evaluate, population)

    serial = values(SerialMap())
    assert len({*serial}) == 6
    assert values(SerialMap(), seed=2) != serial != values(SerialMap(), generation=2)
    for engine in (MultiprocessMap(2), MultiprocessMap(1, start="spawn"), BatchedMap()):
        with engine:
            assert values(engine) == serial
    with ThreadPool(3) as pool:
        assert values(pool.map) == serial


def test_an_evaluation_by_hand_moves_no_global_random_stream(config: Config) -> None:
    evaluator = make_toolbox(config()).evaluate.func
    genome = make_toolbox(config()).individual()
    with streams_stay():
        evaluator(genome)
        evaluator.evaluate_all([genome, genome])
        map_genomes(map, evaluator, [genome])


def test_a_decorated_evaluation_and_its_fitness_have_streams_apart(config: Config) -> None:
    settings = config()

    def noisy(evaluation: Any, genome: Genome) -> float:
        return random.random()

    def decorated(evaluate: Callable[..., Any], genome: Genome) -> tuple[float]:
        first = random.random()
        (inner,) = evaluate(genome)
        return (inner + 10 * first + 100 * random.random(),)

    told = []
    for engine in (SerialMap(), MultiprocessMap(2)):
        random.seed(3)
        toolbox = make_toolbox(settings, engine)
        evaluator = Evaluator(settings.problem(), noisy)
        toolbox.register("evaluate", partial(decorated, evaluator))
        with engine:
            told.append(toolbox.map(toolbox.evaluate, toolbox.population(n=4)))
    assert told[0] == told[1]
    assert len({*told[0]}) == 4


def test_workers_draw_different_numbers(config: Config) -> None:
    def draw(_: int) -> tuple[float, float, float]:
        return random.random(), np.random.random(), float(torch.rand(1, dtype=torch.float64))

    with MultiprocessMap(3) as engine:
        told = [engine(draw, [0]) for _ in range(1)] + [[one] for one in engine(draw, range(30))]
    for drawn in zip(*(one[0] for one in told), strict=True):
        assert len({*drawn}) == len(drawn)


def test_random_governs_deaps_algorithms_with_our_toolbox(config: Config) -> None:
    found = []
    for disturbance in (0, 7):
        random.seed(1)
        toolbox = make_toolbox(config())
        population = toolbox.population(n=4)
        np.random.seed(disturbance)
        algorithms.eaSimple(population, toolbox, 0.5, 0.5, 3, verbose=False)
        found.append([genome.content() for genome in population])
    assert found[0] == found[1]


def test_packages_that_draw_apart_leave_the_global_stream_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    package, other = ModuleType("apart.inner"), ModuleType("elsewhere")
    for module in (package, other):
        vars(module).update(random=random, draw=random.random, choice=random.choice, Random=random.Random)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    draw_apart("apart")
    random.seed(3)
    expected = random.random()
    random.seed(3)
    for drawn in (
        package.random.random(),
        package.random.sample(range(9), 3),
        package.draw(),
        package.choice("ab"),
    ):
        assert drawn is not None
    assert package.random.Random(1).random() == random.Random(1).random()
    assert random.random() == expected
    assert other.random is random
