from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nets_deap.experiments.connectivity import barrier, connectivity, line
from nets_deap.experiments.transfer import NAMES, OWN, RANDOM, TICKET, accuracies, check, target, transfer
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget
from nets_deap.problem.optimizer import OPTIMIZERS
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.search.registry import method_of, parse
from nets_deap.strategies import STRATEGIES
from nets_deap.util.errors import NetsError

DIGITS = Problem("digits", "mlp-10", Recipe("adam", 0.01, 60, epochs=3), init="glorot", data_limit=300)
FEW = "pop=8,gens=2,batch=50,rounds=2"


def ticket_of(problem: Problem = DIGITS, method: str = "imp:cycles=1") -> Ticket:
    return method_of(parse(method))(problem, Budget(), np.random.default_rng(0), 0.3).ticket


@pytest.mark.parametrize("to", [*OPTIMIZERS, *STRATEGIES])
def test_every_target_trains_the_ticket_a_random_one_and_its_own(to: str) -> None:
    ticket = ticket_of()
    rows = transfer(ticket, target(DIGITS, to, FEW if to in STRATEGIES else ""), [1, 2], SerialMap())
    assert [(row["ticket"], row["seed"]) for row in rows] == [
        (name, seed) for seed in (1, 2) for name in NAMES
    ]
    assert {row["density"] for row in rows} == {ticket.density}
    assert all(0 < row["test_acc"] < 1 for row in rows)
    assert accuracies(rows, TICKET).tolist() == [100 * r["test_acc"] for r in rows if r["ticket"] == TICKET]


def test_it_is_the_target_that_trains() -> None:
    ticket = ticket_of()
    by = {to: transfer(ticket, target(DIGITS, to), [1], SerialMap()) for to in ("sgd", "adam")}
    assert by["sgd"][0]["test_acc"] != by["adam"][0]["test_acc"]
    again = replace(DIGITS, recipe=replace(DIGITS.recipe, optimizer="sgd"))
    assert transfer(ticket, target(again, "adam"), [1], SerialMap()) == by["adam"]


def test_what_is_known_is_not_trained_again_and_maps_agree() -> None:
    ticket, aim = ticket_of(), target(DIGITS, "momentum")
    told: list[object] = []
    rows = transfer(ticket, aim, [1], SerialMap())
    with MultiprocessMap(2) as engine:
        more = transfer(ticket, aim, [1, 2], engine, told.append, rows)
    assert len(told) == 3
    assert more[:3] == rows
    assert {row["ticket"] for row in more} == {TICKET, RANDOM, OWN}


@pytest.mark.parametrize(
    ("to", "es", "says"),
    [
        ("sdg", "", "unknown target 'sdg': did you mean 'sgd'"),
        ("pgpe", "pop=7", "its points come in pairs"),
        ("snes", "generations=7", "unknown option of es 'generations'"),
    ],
)
def test_targets_that_cannot_be(to: str, es: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        target(DIGITS, to, es)


def test_another_shape_is_refused() -> None:
    other = replace(DIGITS, dataset="xor", data_limit=None)
    for function in (
        lambda: transfer(ticket_of(), target(other, "sgd"), [1], SerialMap()),
        lambda: connectivity([ticket_of()], other, [1], SerialMap()),
    ):
        with pytest.raises(NetsError, match="the ticket is for mlp-10 with inputs"):
            function()


# Connectivity


def test_a_barrier_written_out() -> None:
    errors = [0.1, 0.4, 0.2, 0.3]
    rows = [{"alpha": i / 3, "test_error": error} for i, error in enumerate(errors)]
    assert barrier(rows[::-1]) == pytest.approx(0.4 - 0.2)
    assert barrier([rows[0], rows[2], rows[3]]) == pytest.approx(0.3 - 0.2)


def test_the_ends_of_a_line_are_the_networks_and_the_same_network_has_no_barrier() -> None:
    architecture = DIGITS.architecture
    rng = np.random.default_rng(0)
    first, second = (rng.normal(0, 0.3, architecture.layout.size).astype(np.float32) for _ in range(2))
    nothing = architecture.initial_extras
    rows, back = (line(DIGITS, (a, nothing), (b, nothing), 5) for a, b in ((first, second), (second, first)))
    assert [row["alpha"] for row in rows] == [0, 0.25, 0.5, 0.75, 1]
    for key in ("test_error", "val_error"):
        assert [row[key] for row in rows] == [row[key] for row in back[::-1]]
    assert barrier(line(DIGITS, (first, nothing), (first, nothing), 5)) == 0


@pytest.mark.parametrize("arch", ["mlp-10", "wrn-10-1"])
def test_one_ticket_is_trained_on_two_orders_and_two_tickets_on_one(arch: str) -> None:
    problem = replace(DIGITS, arch=arch)
    one, other = ticket_of(problem, "random"), ticket_of(problem, "magnitude")
    told: list[object] = []
    rows = connectivity([one], problem, [1, 2], SerialMap(), 5, told.append)
    assert [row["seed"] for row in rows] == [1] * 5 + [2] * 5
    assert len(told) == 2
    assert rows[0]["test_loss"] != rows[4]["test_loss"]  # two orders
    same = connectivity([one, one], problem, [1], SerialMap(), 5)
    assert same[0]["test_loss"] == pytest.approx(same[4]["test_loss"])
    assert same[4]["test_loss"] == pytest.approx(rows[4]["test_loss"])  # the first ticket, order 1, is α = 1
    two = connectivity([one, other], problem, [1], SerialMap(), 5)
    assert two[4]["test_loss"] == pytest.approx(same[4]["test_loss"])
    assert two[0]["test_loss"] != two[4]["test_loss"]


def test_biases_lie_on_the_line_too() -> None:
    problem = replace(DIGITS, arch="cnn-8-16")
    architecture, rng = problem.architecture, np.random.default_rng(0)
    weights = rng.normal(0, 0.3, architecture.layout.size).astype(np.float32)
    biases = [rng.normal(0, 1, architecture.initial_extras.size).astype(np.float32) for _ in range(2)]
    middle = line(problem, (weights, biases[0]), (weights, biases[1]), 3)[1]
    between = (weights, (biases[0] + biases[1]) / 2)
    (whole, *_) = line(problem, between, between, 3)
    assert middle["test_loss"] == pytest.approx(whole["test_loss"])
    (*_, end) = line(problem, (weights, biases[0]), between, 3)
    assert middle["test_loss"] != pytest.approx(end["test_loss"])


def test_thirty_points_unless_said() -> None:
    nothing = np.zeros(DIGITS.layout.size, dtype=np.float32), DIGITS.architecture.initial_extras
    assert len(line(DIGITS, nothing, nothing)) == 30


# A strategy as the target


def test_a_strategy_begins_with_the_tickets_biases_and_has_the_generations_given() -> None:
    problem = replace(DIGITS, arch="cnn-8-16")
    ticket = ticket_of(problem, "random")
    biased = replace(ticket, extras=ticket.extras + np.arange(ticket.extras.size, dtype=np.float32))
    started = target(problem, "snes", "pop=4,gens=1,batch=20,sigma=1e-9")
    rng = np.random.default_rng(0)
    assert started.es is not None
    arguments = (problem, biased.weights, biased.mask)
    strategy, searched, gens = started.es.train(*arguments, started.es.gens, rng, biased.extras)
    assert gens == 1
    np.testing.assert_allclose(strategy.mean[searched.active :], biased.extras, atol=1e-6)
    # Moved by next to nothing, it has the figures of where it began.
    weights, extras = biased.weights * biased.mask, biased.extras
    (begun, *_) = line(problem, (weights, extras), (weights, extras), 3)
    assert started.train(biased, 1)["test_acc"] == pytest.approx(1 - begun["test_error"], abs=0.01)
    calls = []
    for given in (2, 5):
        aim = target(problem, "snes", f"pop=4,gens={given},batch=20")
        assert aim.es is not None
        calls.append(aim.es.train(*arguments, aim.es.gens, np.random.default_rng(0), biased.extras)[2])
    assert calls == [2, 5]


def test_each_seed_has_a_ticket_of_its_own() -> None:
    aim = target(DIGITS, "adam")
    one, again, other = (aim.own(0.3, seed) for seed in (1, 1, 2))
    assert (one.mask == again.mask).all()
    assert (one.mask != other.mask).any()
    assert (one.weights != other.weights).any()


def test_a_ticket_rewound_too_far_is_refused_but_by_a_strategy() -> None:
    rewound = replace(ticket_of(), info={"rewind": 10_000})
    with pytest.raises(NetsError, match="leaves nothing of a training"):
        check(rewound, target(DIGITS, "sgd"))
    with pytest.raises(NetsError, match="leaves nothing of a training"):
        connectivity([rewound], DIGITS, [1], SerialMap())
    check(rewound, target(DIGITS, "snes", FEW))
