"""The record of where genomes come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nets_deap.evolution.folder import evolve
from nets_deap.evolution.lineage import CROSSOVER, DRAWN, Birth, Count, Lineage, noted
from nets_deap.evolution.run import Evolution
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome, Origin
from nets_deap.individuals.operators import mutDormancy
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import DamagedError
from nets_deap.util.tables import read_csv

WAYS: dict[str, dict[str, Any]] = {
    "simple": {},
    "without crossover": {"mate": "none"},
    "plus": {"algorithm": "mu-plus-lambda", "select": "best"},
    "comma": {"algorithm": "mu-comma-lambda", "select": "best"},
    "front": {"select": "nsga2"},
    "islands": {"islands": 2, "migrate_every": 1},
    "afresh": {"restart_after": 1},
    "planned": {"mutate": "flip,prune-increase", "reevaluate": True},
}


def advanced(config: Any, generations: int = 4) -> Evolution:
    evolution = Evolution.of(config)
    for _ in range(generations + 1):
        evolution.advance()
    return evolution


@pytest.mark.parametrize("way", WAYS)
def test_the_line_of_the_best_leads_from_a_drawn_genome_to_it(config: Any, way: str) -> None:
    evolution = advanced(config(gens=4, **WAYS[way]))
    rows = evolution.lineage.rows(evolution.best)
    assert (rows[0]["by"], rows[0]["parent"]) == (DRAWN, "")
    assert [row["parent"] for row in rows[1:]] == [row["number"] for row in rows[:-1]]
    generations = [row["generation"] for row in rows]
    assert generations == sorted(set(generations))
    assert rows[-1]["density"] == evolution.best.density
    if not evolution.settings.reevaluate:
        assert rows[-1]["fitness"] == evolution.best.evaluation.fitness
    born = sum(row["nevals"] for row in evolution.logbook)
    if not evolution.settings.reevaluate:
        assert evolution.lineage.born == born


@pytest.mark.parametrize("way", WAYS)
def test_no_more_survive_than_are_born(config: Any, way: str) -> None:
    evolution = advanced(config(gens=4, **WAYS[way]))
    names = dict(evolution.lineage.counts)
    assert names
    assert all(0 <= count.survived <= count.born for count in names.values())
    assert any(count.survived for count in names.values())
    mates = evolution.settings.mates
    assert (CROSSOVER in names) == mates


def test_a_resumed_run_has_the_record_of_one_that_went_through(config: Any, tmp_path: Path) -> None:
    evolve(config(gens=4), tmp_path / "whole", SerialMap())
    evolve(config(gens=2), tmp_path / "parts", SerialMap())
    evolve(config(gens=4, density_gens=0), tmp_path / "parts", SerialMap())
    for name in ("lineage.csv", "survival.csv", "logbook.csv"):
        told = [read_csv(tmp_path / run / name) for run in ("whole", "parts")]
        for rows in told:
            for row in rows:
                row.pop("elapsed_s", None)
        assert repr(told[0]) == repr(told[1]), name


def test_survivors_are_counted_by_the_operators_that_made_them() -> None:
    def child(number: int, generation: int, parent: int | None, mate: int | None, *by: str) -> Genome:
        genome = Genome(np.ones(3, np.float32), np.ones(3, bool))
        genome.measured = Evaluation(0.5, 0.5, 1.0, (), generation, 0.5, (0.5,))
        genome.fitness.values = (0.5,)
        genome.origin = Origin(parent, by, mate)
        lineage.evaluated([genome], generation)
        assert genome.origin == Origin(number)
        return genome

    lineage = Lineage()
    first = child(0, 0, None, None)
    lineage.settle([first], [])
    kept, crossed, lost = child(1, 1, 0, None, "a"), child(2, 1, 0, 0, "a", "b"), child(3, 1, 0, None, "b")
    lineage.settle([kept, crossed, lost], [])
    assert lineage.counts == {}
    son = child(4, 2, 0, 2, "a")
    lineage.settle([kept, son], [])
    assert lineage.counts == {"a": Count(2, 2), "b": Count(2, 1)}
    assert set(lineage.births) == {0, 1, 4}  # those alive, and whom they were cloned from


def test_an_operator_is_noted_if_it_changes_something(genome: Genome, rng: np.random.Generator) -> None:
    noted("idle", lambda one: mutDormancy(one, 0.0, rng), genome)
    assert genome.origin.by == ()
    noted("busy", lambda one: mutDormancy(one, 0.5, rng), genome)
    assert genome.origin.by == ("busy",)


@pytest.mark.parametrize(
    "told",
    [
        [1, [], []],
        [1, [Birth(1, 0, None, None, (), 0.5, 0.5, 0.5)], [], {}],
        [9, [Birth(3, 0, 3, None, (), 0.5, 0.5, 0.5)], [], {}],
        [1, [], [], {"a": [1, -1]}],
    ],
    ids=["short", "unborn", "its own parent", "fewer than none"],
)
def test_a_record_that_cannot_be_is_refused(told: Any) -> None:
    with pytest.raises(DamagedError):
        Lineage.of(told, "it")
