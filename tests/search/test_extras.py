"""What a ticket stores beside its weights, biases and the like, is what its search has trained from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nets_deap import problem_of
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.networks.stack import Stack
from nets_deap.problem.budget import Budget
from nets_deap.problem.ticket import Ticket
from nets_deap.pruning.scores import Candidate
from nets_deap.search.controls import CONTROLS
from nets_deap.search.method import initial
from nets_deap.search.registry import METHODS, gives_ticket, method_of, parse
from nets_deap.strategies.population_loss import PopulationLoss, Searched
from tests.search.methods import BRIEF, MOVING

X = np.random.default_rng(0).standard_normal((60, 8), dtype=np.float32)
Y = np.arange(60) % 3
SMALL = BRIEF | {"nets seeded": "nets:pop=2,gens=1,iterations=2,seeding=snip"}
NODES = ["weedout", "node-evolution", "random-nodes"]
TICKETS = ["nets seeded", *(name for name in METHODS if gives_ticket(parse(name)) and name not in NODES)]
WITHOUT_DATA = {"synflow"}  # it scores with biases of zero, which carry no flow


class Drawn(nn.Module):
    """Its biases and a buffer are drawn at random, as torch draws biases."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 12), nn.Linear(12, 3)
        self.register_buffer("frequencies", torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x * self.frequencies).relu())


def make_plain() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3))


PROBLEM = problem_of(Drawn, (X, Y), recipe={"batch_size": 20, "epochs": 1})


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The extras from which each network, stack, score and strategy has begun."""
    seen: list[np.ndarray] = []

    def spy(kind: type, read: Any) -> None:
        made = kind.__init__  # type: ignore[misc]

        def init(self: Any, *arguments: Any, **more: Any) -> None:
            made(self, *arguments, **more)
            seen.append(PROBLEM.architecture.or_initial(read(self)))

        monkeypatch.setattr(kind, "__init__", init)

    for kind in (MaskedModule, MaskedMLP, SparseMLP):
        spy(kind, lambda network: network.extras())
    spy(Stack, lambda stack: stack.extras()[0])
    spy(Candidate, lambda candidate: candidate.extras)
    spy(Searched, lambda searched: searched.extras)
    return seen


@pytest.mark.parametrize("name", TICKETS)
def test_a_search_trains_from_the_extras_of_its_ticket(name: str, begun: list[np.ndarray]) -> None:
    method = method_of(parse(SMALL.get(name, name)))
    ticket = method(PROBLEM, Budget(), np.random.default_rng(0), 0.3).ticket
    assert (ticket.extras != PROBLEM.architecture.initial_extras).all()
    if name not in WITHOUT_DATA:
        assert all(of_one_draw(extras, ticket) for extras in begun)


@pytest.mark.parametrize("name", NODES)
def test_a_search_of_nodes_does_too(name: str, begun: list[np.ndarray]) -> None:
    problem = problem_of(make_plain, (X, Y), recipe={"batch_size": 20, "epochs": 1})
    ticket = method_of(parse(SMALL[name]))(problem, Budget(), np.random.default_rng(0), 0.3).ticket
    assert (ticket.extras != problem.architecture.initial_extras).all()
    assert (begun[0] == ticket.extras).all()  # of the first evaluation


def of_one_draw(extras: np.ndarray, ticket: Ticket) -> bool:
    """Were these drawn with the ticket's? Training changes biases; the buffer, which stays, tells."""
    trained = PROBLEM.architecture.trained_extras
    return bool((extras[trained:] == ticket.extras[trained:]).all())


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_trains_from_the_extras_of_its_ticket(name: str, begun: list[np.ndarray]) -> None:
    ticket = method_of(parse("snip"))(PROBLEM, Budget(), np.random.default_rng(0), 0.3).ticket
    begun.clear()
    control = CONTROLS[name](ticket, PROBLEM, np.random.default_rng(1))
    fresh = name in ("reinit", "random", "signs", "permuted")
    assert (control.extras == ticket.extras).all() == (not fresh)
    if name == "permuted":  # it trains the ticket's weights first
        assert of_one_draw(begun.pop(0), ticket)
    assert all(of_one_draw(extras, control) for extras in begun)


@pytest.mark.parametrize("name", MOVING)
def test_sparse_training_starts_from_the_extras_that_all_methods_draw(name: str) -> None:
    rng = np.random.default_rng(0)
    weights, extras = initial(PROBLEM, rng)
    network = method_of(parse(name)).network(PROBLEM, weights, 0.3, rng, extras)
    assert (network.extras() == extras).all()


def test_a_strategy_scores_its_points_with_the_tickets_buffers() -> None:
    _, extras = initial(PROBLEM, np.random.default_rng(0))
    mask = np.ones(PROBLEM.layout.size, dtype=bool)
    searched = Searched(PROBLEM.architecture, mask, extras)
    weights, _ = initial(PROBLEM, np.random.default_rng(0))
    loss = PopulationLoss(searched, PROBLEM.data.train, 0, np.random.default_rng(0))
    network = MaskedModule(PROBLEM.architecture, weights, mask, PROBLEM.recipe, extras=extras)
    y, train = PROBLEM.data.train.y, PROBLEM.data.train.x
    expected = nn.functional.cross_entropy(network.forward(train), y)
    found = loss.losses(searched.read(weights)[None].astype(np.float32))
    assert found[0] == pytest.approx(float(expected), rel=1e-5)
