"""Strong tickets: with 0 epochs, networks are judged as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nets_deap_cli.commands import run

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.settings import configure
from nets_deap.experiments.verdict import verify
from nets_deap.individuals.genome import Genome
from nets_deap.networks.backends import make_network
from nets_deap.networks.scoring import evaluate
from nets_deap.networks.statistics import recompute
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget, Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.search.method import initial
from nets_deap.search.registry import method_of, parse, stretched
from nets_deap.training.final import train_ticket
from nets_deap.util.errors import NetsError
from nets_deap.util.tables import read_csv


def problem(arch: str = "mlp-10", **recipe: int) -> Problem:
    return Problem("digits", arch, replace(Recipe("adam", 1e-2, 30), **recipe), data_limit=200)


def genome(of: Problem) -> Genome:
    weights, _ = initial(of, np.random.default_rng(0))
    return Genome(weights, np.random.default_rng(1).random(weights.size) < 0.5)


@pytest.mark.parametrize("arch", ["mlp-10", "cnn-8-16", "resnet-8"])
@pytest.mark.parametrize("recipe", [{"epochs": 0}, {"iterations": 0}])
def test_fitness_is_the_validation_loss_of_the_initial_network(arch: str, recipe: dict[str, int]) -> None:
    untrained = problem(arch, **recipe)
    one, evaluator = genome(untrained), Evaluator(untrained, fitness=lambda told, _: told.val_loss)
    network = make_network(untrained.architecture, one.weights, one.mask, untrained.recipe)
    recompute(network, untrained.data.train.x, untrained.recipe.batch_size)
    score = evaluate(network, untrained.data.validation, untrained.data.cases)
    told = evaluator.evaluate(one)
    assert (told.val_loss, told.val_acc, told.gradient_steps) == (score.loss, score.accuracy, 0)
    assert told.fitness == told.val_loss
    if not untrained.architecture.known().keeps_statistics:  # such networks do not stack
        (stacked,) = evaluator.evaluate_all([one])
        assert stacked.val_loss == pytest.approx(score.loss, rel=1e-5)
    trained = Evaluator(problem(arch, iterations=1)).evaluate(one)
    assert (trained.gradient_steps, trained.val_loss == score.loss) == (1, False)


def test_a_ticket_is_judged_untrained_by_a_recipe_of_no_step() -> None:
    untrained = problem(epochs=0)
    one = genome(untrained)
    run = train_ticket(Ticket(one.weights, one.mask, untrained.architecture), untrained, 1)
    assert (run.weights == one.weights * one.mask).all()
    assert [row["iteration"] for row in run.rows] == [0]
    network = make_network(untrained.architecture, one.weights, one.mask, untrained.recipe)
    data = untrained.data
    scores = [evaluate(network, part, data.cases) for part in (data.train, data.validation, data.test)]
    row = run.rows[0]
    assert [row["train_loss"], row["val_loss"], row["test_loss"]] == [score.loss for score in scores]
    assert run.test.loss == scores[2].loss
    assert not run.diverged
    with pytest.raises(NetsError, match="Definition 3 is of networks that are trained"):
        verify(Ticket(one.weights, one.mask, untrained.architecture), untrained, [1, 2], SerialMap())


def test_an_evolution_of_untrained_networks_takes_no_step_and_gets_better() -> None:
    of = problem(epochs=3)
    method = method_of(parse("nets:epochs=0,pop=4,gens=40"))
    method.check(of, 0.3)
    found = method(of, Budget(gradient_steps=1), np.random.default_rng(0), 0.3)
    assert replace(found.cost, seconds=0.0, forward_passes=0) == Cost()
    assert found.cost.forward_passes % len(of.data.validation.y) == 0
    losses = [row["val_loss_best"] for row in found.logbook]
    assert losses[-1] < losses[0] - 0.02
    untrained = problem(epochs=0)
    ticket = found.ticket
    network = make_network(untrained.architecture, ticket.weights, ticket.mask, untrained.recipe)
    score = evaluate(network, untrained.data.validation, untrained.data.cases)
    assert ticket.info["val_loss"] == score.loss
    assert ticket.mask.sum() == round(0.3 * ticket.mask.size)
    spec, why = stretched(parse("nets:epochs=0"), of, [0.3], 100)
    assert (str(spec), why) == ("nets:epochs=0", "its evaluations take no gradient steps")


def test_commands_judge_untrained_networks_or_say_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("--dataset", "digits", "--arch", "mlp-10", "--data-limit", "200", "--map", "serial")
    evolved, compared = str(tmp_path / "evolved"), tmp_path / "compared"
    assert run(["evolve", *small, "--epochs", "0", "--pop", "2", "--gens", "1", "--out", evolved]) == 0
    assert "untrained: validation loss" in capsys.readouterr().out
    methods = "random,edge-popup:epochs=1,nets:epochs=0,gens=1,imp:epochs=1,cycles=1"
    arguments = ("compare", *small, "--epochs", "0", "--methods", methods, "--seeds", "1")
    assert run([*arguments, "--out", str(compared)]) == 0
    rows = read_csv(compared / "trials.csv")
    assert [row["train_gradient_steps"] for row in rows] == [0] * 4
    assert [row["early_stop_iteration"] for row in rows] == [0] * 4
    refused = {
        ("verify", evolved): "this trains networks, for 1 or more",
        ("train", evolved): "this trains networks",
        ("search", "nets"): "this trains networks",
        (
            "compare",
            "--methods",
            "imp",
        ): "imp: --epochs 0 leaves its own trainings no step: give",
        ("compare", "--methods", "cts"): "cts: --epochs 0 leaves",
        ("compare", "--methods", "rigl"): "no training in which a mask could move",
        ("evolve", "--mutate", "flip,prune-increase"): "--mutate flip,prune-increase: these look at training",
        ("evolve", "--mutate", "reorder,repair"): "these look at training",
        ("evolve", "--race", "2:2"): "its rungs train longer and longer",
    }
    for command, why in refused.items():
        capsys.readouterr()
        assert run([*command, "--epochs", "0", "--out", str(tmp_path / "none")]) == 2
        told = capsys.readouterr().err
        assert (why in told, told.count("\n")) == (True, 1), (command, told)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("given", [{}, {"mutate": "signs,repair"}])
def test_an_untrained_evolution_has_mutations_that_need_no_training(
    given: dict[str, str],
) -> None:
    settled = configure(epochs=0, **given)
    assert settled.mutate == given.get("mutate", "signs:0.003,swap:0.003,repair")
    assert settled.resolved_density_gens == 0  # it begins at the density that is asked for
    with pytest.raises(NetsError, match="these look at training"):
        method_of(parse("nets:epochs=0,mutate=flip/prune-increase")).check(problem(), 0.3)
