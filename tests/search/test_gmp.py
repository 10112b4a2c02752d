"""Gradual magnitude pruning, and GraNet, which lets weights grow back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from nets_deap.problem.budget import Cost
from nets_deap.problem.recipe import Recipe
from nets_deap.search.gmp import GMP
from nets_deap.search.granet import GraNet
from nets_deap.search.method import initial
from nets_deap.search.moving import Course, Moving
from nets_deap.training import loop
from nets_deap.training.final import train_network
from tests.architectures import mlp
from tests.search.methods import DIGITS


def test_the_density_curve_step_by_step() -> None:
    assert list(GMP(every=100, start=0.1, until=0.7).prunings(2000)) == list(range(300, 1401, 100))
    # Ten prunings in 1,200 steps are 120 apart, not 300.
    assert list(GMP(every=300, start=0.05, until=0.65).prunings(2000)) == list(range(220, 1301, 120))
    assert list(GMP().prunings(2)) == [1]
    sparsity = [
        1 - GMP(every=100, start=0.0, until=0.5).density_at(Course(step, 2000, 1, 0.1))
        for step in (1, 99, 100, 199, 200, 500, 900, 1000, 1500)
    ]
    # 0.9 (1 − (1 − k/10)³) for k = 0, 0, 1, 1, 2, 5, 9, 10, 10
    expected = [0, 0, 0.2439, 0.2439, 0.4392, 0.7875, 0.8991, 0.9, 0.9]
    np.testing.assert_allclose(sparsity, expected, atol=1e-12)


@pytest.mark.parametrize("allocation", ["global", "uniform", "erk"])
def test_a_training_follows_the_curve(allocation: str) -> None:
    problem = replace(DIGITS, recipe=Recipe("adam", 1e-3, 60, iterations=40))
    method = GMP(every=2, until=0.5, allocation=allocation)
    network = method.network(
        problem, initial(problem, np.random.default_rng(0))[0], 0.1, np.random.default_rng(1)
    )
    assert network.alive.all()
    n, seen, masks = problem.layout.size, [], [network.alive]
    batches = np.random.default_rng(2)
    x = problem.data.train.x.float()
    targets = problem.architecture.criterion.loss.targets(problem.data.train.y, 10, torch.float32)
    for _ in range(40):
        network.step(x, targets, batches.permutation(len(x))[:60])
        seen.append(int(network.alive.sum()))
        masks.append(network.alive)
    done = [min(step // 2, 10) / 10 for step in range(1, 41)]
    assert seen == [round((0.1 + 0.9 * (1 - share) ** 3) * n) for share in done]
    assert all((later <= earlier).all() for earlier, later in pairwise(masks))
    assert len(network.updates) == 10
    assert network.cost_aside == Cost()
    if allocation == "uniform":
        np.testing.assert_allclose(list(problem.layout.densities(network.alive).values()), 0.1, atol=1e-3)


def test_the_dense_beginning_is_no_early_stop() -> None:
    problem = replace(DIGITS, recipe=Recipe("adam", 1e-3, 60, iterations=60))
    method = GMP(every=2, until=0.9)
    weights, _ = initial(problem, np.random.default_rng(0))
    network = method.network(problem, weights, 0.005, np.random.default_rng(1))
    settled = method.settled(60)
    run = train_network(network, problem, 1, eval_every=1, track_test=False, settled=settled)
    assert settled == network.updates[-1]["step"] < 60
    best = min(run.rows, key=lambda row: row["val_loss"])
    assert best["iteration"] < settled <= run.early_stop["iteration"]
    assert (run.early_stop_weights != 0).sum() <= round(0.005 * weights.size)
    assert run.test.loss > best["val_loss"]


def four(method: GMP, course: Course) -> Moving:
    """Layers [[1, −2], [3, 0.5]], all active, and [[4, −0.25], [6, 0.75]], before the step of the course."""
    architecture = mlp((2,), (2,), 2, "relu", "mse")
    weights = np.array([1, -2, 3, 0.5, 4, -0.25, 6, 0.75], dtype=np.float32)
    everything = np.ones(8, dtype=bool)
    rng = np.random.default_rng(0)
    return Moving(architecture, weights, everything, Recipe("sgd", 0.0), method, course, rng)


SAMPLE = torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 3.0]])


def test_the_smallest_of_all_layers_or_of_each_go() -> None:
    # A single pruning of a training of one step leaves half of the weights; a rate of 0 moves none of them.
    for allocation, alive in {
        "global": [0, 1, 1, 0, 1, 0, 1, 0],  # 1, 0.5, 0.25 and 0.75 are the smallest
        "uniform": [0, 1, 1, 0, 1, 0, 1, 0],
    }.items():
        network = four(GMP(allocation=allocation), Course(0, 1, 1, 0.5))
        network.step(*SAMPLE)
        assert network.alive.tolist() == alive
    network = four(GMP(), Course(0, 1, 1, 0.375))
    network.step(*SAMPLE)
    assert network.alive.tolist() == [0, 0, 1, 0, 1, 0, 1, 0]  # −2 is next, of layers together
    network = four(GMP(allocation="uniform"), Course(0, 1, 1, 0.25))
    network.step(*SAMPLE)
    assert network.alive.tolist() == [0, 0, 1, 0, 0, 0, 1, 0]
    assert network.weights().tolist() == [0, 0, 3, 0, 0, 0, 6, 0]


def test_granet_prunes_and_then_exchanges() -> None:
    # x = (2, 1): hidden (0, 6.5), outputs (−1.625, 4.875), wanted (1, 3): errors (−2.625, 1.875).
    # |gradients| of the second layer: [[0, 17.0625], [0, 12.1875]]; of the first: the first unit is silent,
    # the second gets −2.625 · −0.25 + 1.875 · 0.75 = 2.0625: [[0, 0], [4.125, 2.0625]].
    # Half of the weights stay, by magnitude −2, 3 | 4, 6. At step 5 of 10 a share of 0.5 is exchanged in each
    # layer: 1 of 2. −2 goes and 0.5 grows by its gradient (3 stays); 4 goes and −0.25 grows.
    course = Course(4, 10, 1, 0.5)
    method = GraNet(every=1, start=0.4, until=0.5, fraction=1.0)
    assert list(method.prunings(10)) == [5]
    network = four(method, course)
    network.step(*SAMPLE)
    assert network.alive.tolist() == [0, 0, 1, 1, 0, 1, 1, 0]
    # 0.5 and −0.25 were pruned a moment ago: they grow back from zero.
    assert network.weights().tolist() == [0, 0, 3, 0, 0, 0, 6, 0]
    assert network.updates == [{"step": 5, "moved": 6, "density": 0.5, "explored": 1.0}]
    assert network.cost_aside == Cost(forward_passes=1)


def test_granet_keeps_the_value_of_what_its_exchange_drops_and_grows_at_once() -> None:
    # Nothing is pruned, and all is active, so that what a layer drops is all that it can grow.
    network = four(GraNet(every=1, start=0.4, until=0.5, fraction=1.0), Course(5, 10, 1, 1.0))
    network.step(*SAMPLE)
    assert network.updates[-1]["moved"] > 0
    assert network.weights().tolist() == [1, -2, 3, 0.5, 4, -0.25, 6, 0.75]


def test_granet_goes_on_exchanging_after_the_last_pruning() -> None:
    problem = replace(DIGITS, recipe=Recipe("adam", 1e-3, 60, iterations=40))
    method = GraNet(every=2, until=0.5, init_density=0.5)
    network = method.network(
        problem, initial(problem, np.random.default_rng(0))[0], 0.1, np.random.default_rng(1)
    )
    assert network.alive.sum() == round(0.5 * problem.layout.size)
    loop.train(network, problem.data.train, problem.recipe, np.random.default_rng(2))
    assert [row["step"] for row in network.updates] == list(range(2, 39, 2))
    densities = [row["density"] for row in network.updates]
    shares = [min(k, 10) / 10 for k in range(1, 20)]
    np.testing.assert_allclose(densities, [0.1 + 0.4 * (1 - share) ** 3 for share in shares], atol=1e-5)
    assert network.updates[-1]["moved"] < network.updates[10]["moved"]
    samples = 60 * len(network.updates)
    assert network.cost_aside.gradient_steps == 0
    assert samples - 60 * 4 < network.cost_aside.forward_passes <= samples
