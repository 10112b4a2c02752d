"""Sparse momentum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nets_deap.models.layout import Layout
from nets_deap.problem.budget import Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.method import initial
from nets_deap.search.snfs import SNFS, redistributed, shared_out
from nets_deap.training import loop
from tests.search.methods import DIGITS


def test_layers_get_what_their_momentum_says() -> None:
    # Two layers of 8 weights, four active in each: half of each go, 2 + 2. The mean momenta of what is active
    # are 3 and 1, so of the four the first layer grows 3, the second 1: those of the largest momentum.
    layout = Layout(("a", "b"), ((2, 4), (2, 4)))
    weights = np.array([4, -3, 2, 1, 0, 0, 0, 0, 1, 2, -3, 4, 0, 0, 0, 0], dtype=np.float32)
    momentum = np.array([3, 3, 3, 3, 9, 1, 8, 2, 1, 1, 1, 1, 0, 7, 5, 6], dtype=np.float32)
    mask, dropped, _ = redistributed(layout, weights, weights != 0, momentum, 0.5)
    assert dropped == 4
    # Of the first layer's others (momenta 3, 3, 9, 1, 8, 2) 9, 8 and the first 3 grow: 2 comes back.
    assert mask.tolist() == [1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0]


def test_what_a_full_layer_cannot_take_goes_to_the_others_in_equal_parts() -> None:
    np.testing.assert_allclose(shared_out(np.array([8.0, 1, 1]), 10, np.array([4.0, 9, 9])), [4, 3, 3])
    np.testing.assert_allclose(shared_out(np.array([8.0, 1, 1]), 10, np.array([4.0, 2, 9])), [4, 2, 4])
    np.testing.assert_allclose(shared_out(np.zeros(2), 3, np.array([9.0, 9])), [1.5, 1.5])


def test_a_nearly_dense_layer_of_much_momentum_drops_no_more_than_it_lacks() -> None:
    layout = Layout(("a", "b"), ((2, 5), (2, 5)))
    alive = np.array([1] * 9 + [0] + [1] * 4 + [0] * 6, dtype=bool)
    weights = np.where(alive, np.arange(1, 21), 0).astype(np.float32)
    momentum = np.array([5] * 10 + [1] * 10, dtype=np.float32)
    _, dropped, _ = redistributed(layout, weights, alive, momentum, 0.5)
    assert dropped == 1 + 2  # a tenth of 9, rounded up, instead of 5; and half of 4


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0.05, 1))
def test_the_number_of_weights_stays(seed: int, share: float, density: float) -> None:
    layout = Layout(("a", "b", "c"), ((4, 5), (3, 7), (2, 2)))
    rng = np.random.default_rng(seed)
    alive = rng.random(layout.size) < density
    for _, part in layout.split(alive):
        part[0, 0] = True  # every layer has a weight
    momentum = rng.random(layout.size) * rng.choice([0, 1, 1000])
    mask, dropped, _ = redistributed(layout, rng.normal(size=layout.size), alive, momentum, share)
    assert mask.sum() == alive.sum()
    assert dropped >= (alive & ~mask).sum()
    assert all(part.any() for _, part in layout.split(mask))


@pytest.mark.parametrize("model", ["lenet-300-100", "cnn-8-16"])
def test_momentum_is_that_of_dense_gradients(model: str) -> None:
    problem = Problem("digits", model, Recipe("sgd", 0.1, 30, epochs=2), init="kaiming", data_limit=150)
    weights, extras = initial(problem, np.random.default_rng(0))
    network = SNFS(momentum=0.8, every=9).network(problem, weights, 0.1, np.random.default_rng(1), extras)
    architecture, data = problem.architecture, problem.data.train
    x = data.x[:30].float()
    targets = architecture.criterion.loss.targets(data.y[:30], 10, torch.float32)
    expected = np.zeros(weights.size)
    for _ in range(3):
        module = architecture.module()
        flat = torch.from_numpy(network.weights())
        module.load_state_dict(architecture.named(flat, torch.from_numpy(network.extras())), strict=False)
        functional.cross_entropy(module(x), data.y[:30]).backward()
        parameters = dict(module.named_parameters())
        slope = torch.cat([parameters[name].grad.ravel() for name in architecture.parameters]).numpy()
        assert np.abs(slope[~network.alive]).max() > 0
        expected = 0.8 * expected + 0.2 * slope
        network.step(x, targets)
    np.testing.assert_allclose(network.momentum, expected, rtol=1e-4, atol=1e-7)
    assert not network.weights()[~network.alive].any()


def test_it_moves_after_each_epoch_but_the_last_and_layers_change() -> None:
    problem = replace(DIGITS, recipe=Recipe("momentum", 0.05, 60, epochs=6))
    network = SNFS().network(
        problem, initial(problem, np.random.default_rng(0))[0], 0.1, np.random.default_rng(1)
    )
    before = problem.layout.densities(network.alive)
    loop.train(network, problem.data.train, problem.recipe, np.random.default_rng(2))
    per_epoch = problem.recipe.steps_per_epoch(len(problem.data.train.y))
    assert [row["step"] for row in network.updates] == [per_epoch * k for k in range(1, 6)]
    assert network.alive.sum() == round(0.1 * problem.layout.size)
    after = problem.layout.densities(network.alive)
    assert max(abs(after[name] - before[name]) for name in after) > 0.02
    assert network.cost_aside == Cost()
