from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nets_deap.problem.budget import Cost
from nets_deap.problem.recipe import Recipe
from nets_deap.search.method import initial
from nets_deap.search.moving import Course, Moving
from nets_deap.search.registry import method_of, parse
from nets_deap.search.sparse_training import Dynamic
from nets_deap.training.final import train_network
from tests.architectures import mlp
from tests.search.methods import DIGITS


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("name", ["set", "rigl"])
def test_a_mask_that_moves_keeps_its_density(name: str, optimizer: str) -> None:
    problem = replace(DIGITS, recipe=Recipe(optimizer, 1e-2, 54, epochs=10))
    method = Dynamic(method_of(parse(name)).growth, every=4)
    network = method.network(
        problem, initial(problem, np.random.default_rng(0))[0], 0.1, np.random.default_rng(1)
    )
    before = network.alive
    run = train_network(network, problem, seed=1, track_test=False)
    after = network.alive
    assert len(network.updates) > 3
    assert (before != after).any()
    layout = problem.layout
    assert layout.densities(before) == layout.densities(after)
    moves = len(network.updates)
    assert network.cost_aside == (Cost(-moves, -54 * moves) if name == "set" else Cost(0, 0, 54 * moves))
    assert (run.weights[~after] == 0).all()
    assert run.density <= 0.1


def test_the_first_update_worked_out() -> None:
    problem = replace(DIGITS, recipe=Recipe("sgd", 1e-2, 60, iterations=100))
    method = Dynamic("gradient", every=2, fraction=0.5)
    network = method.network(
        problem, initial(problem, np.random.default_rng(0))[0], 0.1, np.random.default_rng(1)
    )
    train, targets = (
        problem.data.train,
        problem.architecture.targets(problem.data.train.y, problem.data.train.x.dtype),
    )
    network.step(train.x[:60], targets[:60])
    before, weights = network.alive, network.weights()
    network.step(train.x[60:120], targets[60:120])
    after = network.alive
    stayed = before & after
    assert (network.weights()[stayed] == weights[stayed]).all()  # an update moves no weight, …
    assert (weights[stayed] != 0).all()
    assert (network.weights()[after & ~before] == 0).all()  # … and what is new starts at zero
    share = 0.25 * (1 + np.cos(np.pi * 2 / 75))
    counts = np.array([part.sum() for _, part in problem.layout.split(before)])
    moved = [int(share * c) for c in counts]
    assert network.updates[0]["moved"] == sum(moved)
    for (_, places), many in zip(problem.layout.split(np.arange(weights.size)), moved, strict=True):
        size = np.sort(np.abs(weights[places])[before[places]])
        gone = (before & ~after)[places]
        assert gone.any()
        assert np.abs(weights[places][gone]).max() <= size[many - 1]  # of the smallest, as many as move, …
        assert gone.sum() <= many  # … but for those that came back at once


def four_weights(growth: str, fraction: float, rng: np.random.Generator) -> Moving:
    """W = [[1, −2], [3, 0]], whose last weight is dormant, before its first update."""
    architecture = mlp((2,), (), 2, "relu", "mse")
    method = Dynamic(growth, every=1, fraction=fraction, until=1.0)
    weights, mask = np.array([1, -2, 3, 9], dtype=np.float32), np.array([1, 1, 1, 0], dtype=bool)
    course = Course(0, 10**9, 1, 0.75)
    return Moving(architecture, weights, mask, Recipe("sgd", 0.1), method, course, rng)


# x = (2, 1) gives (0, 6) where (1, 3) is wanted: errors (−1, 3), and |gradients| [[2, 1], [6, 3]].
@pytest.mark.parametrize(
    ("fraction", "alive", "values"),
    [
        (0.3, [1, 1, 1, 0], [1, -2, 3, 0]),  # 0.3 of three weights is none
        (0.4, [0, 1, 1, 1], [0, -2, 3, 0]),  # 1 is dropped; of 1 (2) and the dormant one (3) the latter grows
        (0.7, [1, 0, 1, 1], [1, 0, 3, 0]),  # 1 and −2 are dropped; the dormant one grows, and 1 comes back
        (1.0, [1, 0, 1, 1], [1, 0, 3, 0]),  # all are dropped; the three of the largest gradients grow
    ],
)
def test_rigl_drops_the_share_of_what_is_active_and_may_regrow_it(
    fraction: float, alive: list[int], values: list[float]
) -> None:
    network = four_weights("gradient", fraction, np.random.default_rng(0))
    network.step(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 3.0]]))
    assert network.alive.tolist() == alive
    assert network.weights().tolist() == values
    ever = 1.0 if alive[3] else 0.75
    row = {"step": 1, "moved": int(np.float64(fraction) * 3), "density": 0.75, "explored": ever}
    assert network.updates == [row]


def test_set_drops_the_share_of_what_is_active_and_grows_anything_else() -> None:
    seen = set()
    for seed in range(20):
        network = four_weights("random", 0.7, np.random.default_rng(seed))
        network.step(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 3.0]]))
        score = np.random.default_rng(seed).random(4)
        gone = min((0, 1, 3), key=lambda place: score[place])  # two of the three that are not kept grow
        assert network.alive.tolist() == [place != gone for place in range(4)]
        seen.add(gone)
    assert seen == {0, 1, 3}


@pytest.mark.parametrize("name", ["set", "rigl"])
@pytest.mark.parametrize("density", [0.05, 0.5, 0.9, 1.0])
def test_every_layer_moves_the_published_share_however_dense_it_is(name: str, density: float) -> None:
    problem = replace(DIGITS, recipe=Recipe("sgd", 1e-2, 60, iterations=100))
    method = Dynamic(method_of(parse(name)).growth, every=2, fraction=0.5, until=1.0)
    weights = initial(problem, np.random.default_rng(0))[0]
    network = method.network(problem, weights, density, np.random.default_rng(1))
    counts = np.array([part.sum() for _, part in problem.layout.split(network.alive)])
    x = problem.data.train.x[:60]
    for _ in range(2):
        network.step(x, problem.architecture.targets(problem.data.train.y[:60], x.dtype))
    assert network.updates[0]["moved"] == sum(
        int(0.25 * (1 + np.cos(np.pi * 2 / 100)) * count) for count in counts
    )
    assert [part.sum() for _, part in problem.layout.split(network.alive)] == counts.tolist()
