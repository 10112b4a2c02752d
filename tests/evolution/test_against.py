"""Two objectives: the validation loss after the brief training, and before it ("rare gems")."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets_deap_cli.commands import run as command

from nets_deap.evolution import checkpoint
from nets_deap.evolution.brief_training import passes_to_judge
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.folder import evolve
from nets_deap.evolution.maps import BatchedMap
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig, configure
from nets_deap.individuals.evaluation import Evaluation, ParetoFitness
from nets_deap.individuals.genome import Genome
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import UNLIMITED
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import load_ticket
from nets_deap.search.method import initial
from nets_deap.search.registry import method_of, parse
from nets_deap.util.errors import NetsError
from nets_deap.util.tables import read_csv
from tests.evolution.small import run

TARGET = 0.3


def problem(arch: str = "mlp:64-12-10", **recipe: Any) -> Problem:
    return Problem("digits", arch, replace(Recipe("adam", 1e-2, 30, iterations=6), **recipe), data_limit=200)


def config(**options: Any) -> EvolveConfig:
    ours = {
        "dataset": "digits", "arch": "mlp:64-12-10", "data_limit": 200, "epochs": 2, "select": "nsga2",
        "against": "untrained", "pop": 6, "gens": 6, "density_gens": 3, "target_density": TARGET,
        "mutate": "flip,prune-increase:0.1,grow-initial-snip",
    }  # fmt: skip
    return configure(**{**ours, **options})


def genome(of: Problem, seed: int = 0) -> Genome:
    weights, _ = initial(of, np.random.default_rng(seed))
    return Genome(weights, np.random.default_rng(seed + 1).random(weights.size) < 0.5)


def told(one: Genome) -> Evaluation:
    assert one.evaluation is not None
    return one.evaluation


@pytest.mark.parametrize("arch", ["mlp-10", "cnn-8-16", "resnet-8"])
def test_the_untrained_network_is_scored_and_the_training_is_as_without(arch: str) -> None:
    of = problem(arch, input_dropout=0.2)
    one = genome(of)
    plain = Evaluator(of).evaluate(one)
    both = Evaluator(of, objectives=2, against="untrained").evaluate(one)
    zero = Evaluator(problem(arch, iterations=0)).evaluate(one)
    assert (both.untrained_loss, both.untrained_acc) == (zero.val_loss, zero.val_acc)
    assert both.values == (plain.val_loss, zero.val_loss)
    same = replace(both, values=plain.values, untrained_loss=None, untrained_acc=None)
    assert same == plain
    assert (plain.untrained_loss, plain.untrained_acc) == (None, None)


def test_stacks_score_the_untrained_network_too() -> None:
    of = problem("mlp:64-12-10")
    genomes = [genome(of, seed) for seed in range(3)]
    evaluator = Evaluator(of, objectives=2, against="untrained")
    for one, stacked in zip(genomes, evaluator.evaluate_all(genomes), strict=True):
        alone = evaluator.evaluate(one)
        assert stacked.values == pytest.approx(alone.values, rel=1e-4)
        assert stacked.untrained_loss == pytest.approx(alone.untrained_loss, rel=1e-5)
        assert stacked.untrained_acc == alone.untrained_acc


@pytest.mark.parametrize("select", ["nsga2", "nsga3", "spea2", "tournament-dcd"])
def test_the_front_lies_at_the_target_density(select: str) -> None:
    evolution = run(config(select=select, pop=8))
    size = evolution.problem.layout.size
    assert {len(one) for one in (*evolution.population, *evolution.hall, evolution.best)} == {
        round(TARGET * size)
    }
    points = [one.fitness.values for one in evolution.hall]
    assert not any(a[0] <= b[0] and a[1] <= b[1] for a in points for b in points if a is not b)
    densities = [row["density_best"] for row in evolution.logbook]
    assert densities[0] == 1.0
    assert densities[2] > densities[3] == densities[-1]
    last = evolution.logbook[-1]["untrained_loss_min"]
    assert last == min(one.fitness.values[1] for one in evolution.population)


def test_selection_lowers_the_untrained_loss() -> None:
    evolution = run(config(gens=20, density_gens=0, init_density=TARGET))
    losses = [row["untrained_loss_min"] for row in evolution.logbook]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.05


def test_a_front_in_its_folder(tmp_path: Path) -> None:
    settled = config()
    evolution = evolve(settled, tmp_path, SerialMap()).evolution
    rows = read_csv(tmp_path / "front.csv")
    assert list(rows[0]) == [
        "ticket", "density", "val_loss", "val_acc", "fitness", "untrained_loss", "untrained_acc",
    ]  # fmt: skip
    losses = [row["untrained_loss"] for row in rows]
    assert (len(losses), losses) == (len(evolution.hall), sorted(losses))
    zero = Evaluator(config(against="density", epochs=0, mutate="signs,repair").problem())
    for row in rows:
        ticket = load_ticket(tmp_path / row["ticket"])
        score = zero.evaluate(Genome(ticket.weights, ticket.mask))
        assert (row["untrained_loss"], row["untrained_acc"]) == (score.val_loss, score.val_acc)
        assert ticket.info["untrained_acc"] == row["untrained_acc"]
    assert "untrained_acc" in repr(evolution.ticket())


def test_any_map_gives_the_same_run() -> None:
    serial = run(config())
    with MultiprocessMap(2) as engine:
        parallel = run(config(), engine)
    assert all(a.identical(b) for a, b in zip(serial.population, parallel.population, strict=True))
    assert [told(a) for a in serial.hall] == [told(b) for b in parallel.hall]
    one, stacked = (
        run(config(gens=0, density_gens=None), engine).population for engine in (SerialMap(), BatchedMap())
    )
    for a, b in zip(one, stacked, strict=True):
        assert a.fitness.values == pytest.approx(b.fitness.values, rel=1e-4)


@pytest.mark.parametrize("select", ["nsga2", "tournament-dcd"])
@pytest.mark.parametrize("after", [2, 5])  # while the density falls, and later
def test_a_resumed_run_equals_an_uninterrupted_one(select: str, after: int, tmp_path: Path) -> None:
    settled = config(select=select, pop=8)
    whole, first, second = run(settled), Evolution.of(settled), Evolution.of(settled)
    for _ in range(after + 1):
        first.advance()
    checkpoint.save_state(tmp_path / "c", first.state())
    second.restore(checkpoint.load_state(tmp_path / "c", ParetoFitness))
    while not second.over:
        second.advance()
    for ours, theirs in ((whole.population, second.population), (whole.hall, second.hall)):
        assert all(a.identical(b) for a, b in zip(ours, theirs, strict=True))
    assert whole.best.identical(second.best)


@pytest.mark.parametrize("algorithm", ["mu-plus-lambda", "mu-comma-lambda"])
def test_while_the_density_falls_any_algorithm_has_one_child_a_genome(algorithm: str) -> None:
    own = {"against": None, "select": "best", "mutate": "flip,prune-increase", "reevaluate": False}
    settled = config(algorithm=algorithm, **own)
    evolution, families = Evolution.of(settled), []
    for _ in range(settled.gens + 1):
        evolution.advance()
        families.append(len({np.abs(one.weights).tobytes() for one in evolution.population}))
    assert families[:4] == [6] * 4
    assert families[-1] < 6
    assert {len(one) for one in evolution.population} == {round(TARGET * evolution.problem.layout.size)}
    expected = [6] * 4 + [6 if algorithm == "mu-plus-lambda" else 12] * 3
    assert [row["nevals"] for row in evolution.logbook] == expected


def test_the_passes_before_the_training_are_counted() -> None:
    of = problem()
    costs = []
    for more in ("", ",against=untrained"):
        found = method_of(parse(f"nets:pop=4,gens=0,iterations=6,select=nsga2{more}"))
        found.check(of, TARGET)
        costs.append(found(of, UNLIMITED, np.random.default_rng(0), TARGET).cost)
    assert costs[0].gradient_steps == costs[1].gradient_steps == 4 * 6
    assert costs[1].forward_passes - costs[0].forward_passes == 4 * passes_to_judge(of)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"select": "best", "algorithm": "mu-plus-lambda"}, "`against` untrained: it needs a selection"),
        ({"mutate": "noise"}, "density is no objective then, and these mutations go by no planned one"),
        ({"mutate": "density,prune"}, "density is no objective then, and is to follow the plan"),
        ({"epochs": 0, "mutate": "signs,repair"}, "both objectives would be the same"),
        ({"against": "untrainde"}, "unknown objective 'untrainde': did you mean 'untrained'"),
    ],
)
def test_what_it_does_not_go_with_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(NetsError, match=message) as raised:
        config(**options)
    assert "\n" not in str(raised.value)


def test_without_effect_it_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["evolve", "--against", "density"]) == 2
    assert "--against has no effect: it needs a selection with two objectives" in capsys.readouterr().err
    with pytest.raises(NetsError, match="unknown objective"):
        Evaluator(problem(), against="fitness")
