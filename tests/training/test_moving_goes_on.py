"""A training under a mask that moves, interrupted anywhere, ends as in one piece, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from nets_deap.front.problems import problem_of
from nets_deap.networks.counters import counters
from nets_deap.networks.kernels import library
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.method import initial
from nets_deap.search.moving import Moving
from nets_deap.search.registry import method_of, parse
from nets_deap.search.sparse_training import SparseTraining
from nets_deap.training.final import TrainingRun, train_network
from nets_deap.training.standing import Kept, Standing
from tests.search.methods import MOVING
from tests.training.test_standing import assert_same

HERE, STEPS, DENSITY = Path("where-it-stands"), 12, 0.05  # so few weights that nodes are cut off
MODELS = ("lenet-300-100", "cnn-8-16", "wrn-10-1")


def sparse(text: str) -> SparseTraining:
    method = method_of(parse(text))
    assert isinstance(method, SparseTraining)
    return method


def trained(
    text: str, problem: Problem, begun: Standing | None = None, stop_at: int = 0
) -> tuple[TrainingRun, Moving]:
    """With a new network; stop_at: the step after which it is interrupted."""
    rng = np.random.default_rng(0)
    weights, extras = initial(problem, rng)
    method = sparse(text)
    network = method.network(problem, weights, DENSITY, rng, extras)

    def on_standing(standing: Standing) -> None:
        kept.note(standing)
        if standing.step == stop_at:
            raise KeyboardInterrupt

    with Kept(HERE, text) as kept:
        settled = method.settled(STEPS)
        run = train_network(
            network, problem, 1, eval_every=1, begun=begun, on_standing=on_standing, settled=settled
        )
    return run, network


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize(
    ("model", "optimizer"), [*((model, "momentum") for model in MODELS), ("cnn-8-16", "rmsprop")]
)
def test_the_same_in_pieces(name: str, model: str, optimizer: str) -> None:
    recipe = Recipe(optimizer, 0.01, 30, iterations=STEPS, schedule="cosine", augment=model != MODELS[0])
    assert_goes_on(name, Problem("digits", model, recipe, init="kaiming", data_limit=150))


def averaging() -> nn.Module:
    """Its normalisation averages over all minibatches so far, so that it counts them."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, momentum=None), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)
    )


@pytest.mark.parametrize("name", MOVING)
def test_what_a_module_counts_goes_on(name: str) -> None:
    recipe = Recipe("momentum", 0.01, 30, iterations=STEPS)
    assert_goes_on(name, problem_of(averaging, "digits", recipe=recipe))


@pytest.mark.parametrize("kernels", [True, False])
def test_a_mask_that_moves_does_not_set_back_what_a_module_counts(
    kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(library, "available", lambda: False)
    recipe = Recipe("momentum", 0.01, 30, iterations=STEPS)
    problem = problem_of(averaging, "digits", recipe=recipe)
    for name in MOVING:
        _, network = trained(f"{name}:every=3", problem)
        instead = len(network.updates) if network.rule.instead else 0
        assert counters(network)["1.num_batches_tracked"] == STEPS - instead


def assert_goes_on(name: str, problem: Problem) -> None:
    text = f"{name}:every=3"
    whole, moved = trained(text, problem)
    begun = None
    for stop_at in (3, 7):  # just after an update, and between two
        with pytest.raises(KeyboardInterrupt):
            trained(text, problem, begun, stop_at)
        begun = Kept(HERE, text).load()
        assert begun is not None
        assert begun.step == stop_at
    again, network = trained(text, problem, begun)
    assert_same(whole, again)
    assert network.updates == moved.updates
    assert network.cost_aside == moved.cost_aside
    for each in ("alive", "explored"):
        np.testing.assert_array_equal(getattr(network, each), getattr(moved, each))


def test_the_early_stop_is_one_at_the_density_also_after_an_interruption() -> None:
    recipe = Recipe("adam", 0.01, 30, iterations=STEPS)  # the best is dense; sparse, the last is the best
    problem = Problem("digits", "lenet-300-100", recipe, data_limit=150)
    text = "gmp:until=0.8"
    whole, _ = trained(text, problem)
    settled = sparse(text).settled(STEPS)
    losses = [row["val_loss"] for row in whole.rows]
    assert min(losses[: settled - 1]) < min(losses[settled - 1 :])
    with pytest.raises(KeyboardInterrupt):
        trained(text, problem, stop_at=settled + 1)
    again, _ = trained(text, problem, Kept(HERE, text).load())
    assert_same(whole, again)
