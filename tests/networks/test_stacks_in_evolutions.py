"""Populations that train as stacks: evolutions with the batched map."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import BatchedMap, make_map, map_genomes
from nets_deap.evolution.run import Evolution
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe

XOR = Problem("xor", "mlp-10", Recipe("sgd", 0.1, 60))


def population(problem: Problem, densities: Sequence[float] = (1.0, 0.5, 0.2, 0.0)) -> list[Genome]:
    rng = np.random.default_rng(1)
    return [initGenome(problem.initial_std(), density, rng=rng) for density in densities]


def close_rows(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for column in one.keys() - {"elapsed_s"}:
            assert one[column] == pytest.approx(other[column], rel=1e-4, abs=1e-6), column


@pytest.mark.parametrize("options", [{}, {"select": "nsga2"}, {"track_test": True}])
def test_an_evolution_like_the_serial_one(config, options: dict[str, Any]) -> None:
    ours, theirs = (Evolution.of(config(**options), engine) for engine in (BatchedMap(), SerialMap()))
    for _ in range(4):
        ours.advance()
        theirs.advance()
    close_rows(ours.logbook, theirs.logbook)
    assert ours.best.evaluation is not None


def test_the_same_again_gives_the_same_bits(config) -> None:
    def logbook() -> list[dict[str, Any]]:
        evolution = Evolution.of(config(dataset="digits", epochs=1, batch_size=60), BatchedMap())
        return [{**evolution.advance(), "elapsed_s": 0} for _ in range(2)]

    assert logbook() == logbook()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many genomes each stack held."""
    sizes: list[int] = []
    make = StackedMLP.__init__

    def count(self: StackedMLP, architecture: Any, weights: Any, *arguments: Any, **named: Any) -> None:
        sizes.append(len(weights))
        make(self, architecture, weights, *arguments, **named)

    monkeypatch.setattr(StackedMLP, "__init__", count)
    return sizes


def test_a_generation_is_one_stack(config, counted: list[int]) -> None:
    evolution = Evolution.of(config(pop=6), BatchedMap())
    assert evolution.advance()["nevals"] == 6
    assert counted == [6]
    genomes = population(XOR)
    map_genomes(BatchedMap(), Evaluator(XOR), genomes)
    assert counted == [6, 4]
    assert all(genome.measured is not None for genome in genomes)


class OwnEvaluator(Evaluator):
    def evaluate(self, genome: Genome) -> Evaluation:
        return replace(super().evaluate(genome), values=(7.0,))


def draws(genome: Genome) -> tuple[float]:
    return (random.random(),)


def test_other_functions_are_called_one_by_one(config, counted: list[int]) -> None:
    genomes = population(XOR)
    assert map_genomes(BatchedMap(), lambda genome: (len(genome),), genomes) == [(len(g),) for g in genomes]
    assert map_genomes(BatchedMap(), OwnEvaluator(XOR), genomes) == [(7.0,)] * 4
    assert BatchedMap()(len, genomes) == [len(g) for g in genomes]
    state = random.getstate()
    map_genomes(BatchedMap(), draws, genomes)
    assert random.getstate() == state

    evolution = Evolution.of(config(), BatchedMap())
    evolution.toolbox.decorate("evaluate", lambda function: lambda genome: (2 * function(genome)[0],))
    (doubled,) = evolution.toolbox.map(evolution.toolbox.evaluate, evolution.toolbox.population(n=1))
    assert doubled[0] > 0
    assert counted == []


def test_the_map_is_made_by_its_name() -> None:
    assert isinstance(make_map("batched", None, "cpu"), BatchedMap)
    assert isinstance(make_map("batched", 2, "cuda"), BatchedMap)
    assert not isinstance(make_map("serial", 2, "cpu"), BatchedMap)
    assert isinstance(make_map("multiprocess", 2, "cpu"), MultiprocessMap)


def test_the_command_line_takes_it(cli) -> None:
    tiny = (
        "evolve",
        "--dataset",
        "xor-corners",
        "--pop",
        "4",
        "--gens",
        "1",
        "--epochs",
        "5",
        "--out",
        "run",
    )
    assert cli(*tiny, "--map", "batched", "--device", "auto").code == 0
    assert "is finished" in cli(*tiny, "--map", "serial").out
    assert cli(*tiny[:-1], "again", "--map", "batched", "--gens", "3").code == 0
    assert cli(*tiny, "--map", "batched", "--resume", "--gens", "3").code == 0
    resumed, straight = (pd.read_csv(f"{folder}/logbook.csv") for folder in ("run", "again"))
    assert len(resumed) == 4
    assert resumed.drop(columns="elapsed_s").equals(straight.drop(columns="elapsed_s"))
    assert "batched" in cli("evolve", "--help-all").out
    unknown = cli(*tiny, "--map", "batch")
    assert unknown.code == 2
    assert "did you mean 'batched'" in unknown.err
