from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from nets_deap.data.dataset import Part
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.protocol import Network
from nets_deap.networks.scoring import Score, evaluate
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.search.random_ticket import random_ticket
from nets_deap.training import final
from nets_deap.training.final import TrainingRun, train_ticket
from nets_deap.util.errors import NetsError
from nets_deap.util.statistics import mean_interval

DIGITS = Problem("digits", "lenet-300-100", Recipe("adam", 1.2e-3, 60, epochs=4), data_limit=400)


def ticket(density: float = 0.2, seed: int = 0) -> Ticket:
    active = round(density * DIGITS.layout.size)
    return random_ticket(DIGITS, active, np.random.default_rng(seed))


def test_a_random_ticket_has_exactly_the_weights_asked_for() -> None:
    assert ticket(0.05).mask.sum() == round(0.05 * 50_200)
    assert not (ticket(0.05, 0).mask == ticket(0.05, 1).mask).all()
    assert ticket().weights.std() == pytest.approx(0.1, rel=0.02)


def test_training_learns_and_keeps_the_mask() -> None:
    found = ticket()
    run = train_ticket(found, DIGITS, seed=1)
    assert [row["epoch"] for row in run.rows] == [1, 2, 3, 4]
    assert run.final["train_loss"] < run.rows[0]["train_loss"]
    assert run.final["test_acc"] > 0.3
    for weights in (run.weights, run.early_stop_weights):
        assert (weights[~found.mask] == 0).all()
        assert (weights[found.mask] != found.weights[found.mask]).mean() > 0.9


def test_evaluations_every_so_many_iterations() -> None:
    run = train_ticket(ticket(), DIGITS, seed=1, eval_every=5)
    assert [row["iteration"] for row in run.rows] == [5, 10, 15, 20, 24]
    assert run.rows[0]["epoch"] == pytest.approx(5 / 6)


def test_how_often_it_is_evaluated_changes_nothing() -> None:
    often, seldom = (train_ticket(ticket(), DIGITS, 1, eval_every=n) for n in (1, 0))
    assert (often.weights == seldom.weights).all()
    assert often.final["test_loss"] == seldom.final["test_loss"]


def test_the_seed_decides_the_minibatches() -> None:
    a, b, c = (train_ticket(ticket(), DIGITS, seed) for seed in (1, 1, 2))
    assert (a.weights == b.weights).all()
    assert (a.weights != c.weights).any()


def test_early_stop_is_where_the_validation_loss_is_least() -> None:
    rows = [{"iteration": i, "val_loss": loss} for i, loss in enumerate([math.nan, 0.5, 0.3, 0.3, 0.4])]
    run = TrainingRun(0.2, rows, Score(0.1, 0.9, ()), np.zeros(1), np.zeros(1))
    assert run.early_stop["iteration"] == 2
    assert run.final["iteration"] == 4


def test_validation_and_test_figures_come_from_their_own_parts() -> None:
    data = DIGITS.data.to("cpu", torch.float32)
    before = train_ticket(ticket(), DIGITS, 1).final
    validation, test = data.validation, data.test
    try:
        object.__setattr__(data, "test", Part(test.x, 9 - test.y))
        spoilt = train_ticket(ticket(), DIGITS, 1).final
        assert spoilt["val_loss"] == before["val_loss"]
        assert spoilt["test_loss"] > before["test_loss"]
        object.__setattr__(data, "validation", Part(validation.x, 9 - validation.y))
        assert train_ticket(ticket(), DIGITS, 1).final["val_loss"] > before["val_loss"]
    finally:
        object.__setattr__(data, "validation", validation)
        object.__setattr__(data, "test", test)


def test_the_weights_of_early_stop_have_its_figures() -> None:
    problem = replace(DIGITS, recipe=Recipe("adam", 0.02, 60, epochs=12))  # overfits at once
    run = train_ticket(ticket(), problem, 1)
    assert run.early_stop["iteration"] < run.final["iteration"]
    network = MaskedMLP(problem.architecture, run.early_stop_weights, ticket().mask, problem.recipe)
    # Up to rounding: how the network was trained depends on the processor.
    assert evaluate(network, problem.data.test, 10).loss == pytest.approx(
        run.early_stop["test_loss"], rel=1e-5
    )


def test_an_interval_worked_by_hand() -> None:
    mean, half_width = mean_interval([1.0, 2.0, 3.0])  # t = 4.303 at two degrees of freedom
    assert mean == 2
    assert half_width == pytest.approx(4.3027 / 3**0.5, rel=1e-4)
    assert math.isnan(mean_interval([1.0]).half_width)


def test_a_ticket_of_another_architecture_is_refused() -> None:
    with pytest.raises(NetsError, match="the ticket is for lenet-300-100 with inputs"):
        train_ticket(ticket(), Problem("xor", "lenet-300-100"), 1)


def test_without_test_figures_the_test_set_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def watched(network: Network, part: Part, classes: int) -> Score:
        looked.append(part)
        return evaluate(network, part, classes)

    monkeypatch.setattr(final, "evaluate", watched)
    run = train_ticket(ticket(), DIGITS, seed=1, track_test=False)
    assert sum(part.y.equal(DIGITS.data.test.y) for part in looked) == 1
    assert "test_acc" not in run.final
    tracked = train_ticket(ticket(), DIGITS, seed=1)
    assert run.test.accuracy == tracked.test.accuracy == tracked.early_stop["test_acc"]
    assert run.test.loss == pytest.approx(tracked.early_stop["test_loss"], rel=1e-5)
    assert run.early_stop["val_loss"] == tracked.early_stop["val_loss"]


def test_a_rewound_ticket_is_trained_for_what_is_left() -> None:
    whole = DIGITS.recipe.steps(len(DIGITS.data.train.y))
    rewound = replace(ticket(), info={"rewind": 5})
    run = train_ticket(rewound, DIGITS, seed=1, eval_every=1)
    assert run.final["iteration"] == whole - 5
    assert run.summary()["early_stop_iteration"] == run.early_stop["iteration"] + 5
    with pytest.raises(NetsError, match=f"of step {whole}, which leaves nothing of a training of {whole}"):
        train_ticket(replace(ticket(), info={"rewind": whole}), DIGITS, seed=1)
