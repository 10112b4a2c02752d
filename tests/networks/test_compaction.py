from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from nets_deap.individuals.genome import initGenome
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks import narrowing
from nets_deap.networks.compaction import compact, live_units
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.optimizer import OPTIMIZERS
from nets_deap.problem.recipe import Recipe
from tests.architectures import PERCEPTRONS, drawn_extras

SHAPES = {"mlp-10": ((6,), 3), "mlp-100": ((6,), 3), "lenet-300-100": ((1, 8, 8), 10), **PERCEPTRONS}


def structured_mask(architecture: Architecture, seed: int = 0) -> np.ndarray:
    """Half the inputs, and of each hidden layer a quarter without inputs and a quarter without outputs."""
    rng = np.random.default_rng(seed)
    masks = [rng.random(shape) < 0.5 for shape in architecture.layout.shapes]
    masks[0][:, ::2] = False
    for below, above in itertools.pairwise(masks):
        below[::4] = False
        above[:, 1::4] = False
    return np.concatenate([mask.ravel() for mask in masks])


def test_a_network_worked_by_hand() -> None:
    # Input 1 leads nowhere; hidden unit 1 has no input, hidden unit 2 no way out.
    masks = [np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0]], dtype=bool), np.array([[1, 1, 0]], dtype=bool)]
    relu = live_units(masks, silent_at_zero=True)
    assert [level.tolist() for level in relu] == [[True, False, True], [True, False, False], [True]]
    sigmoid = live_units(masks, silent_at_zero=False)  # unit 1 says one half: a bias
    assert [level.tolist() for level in sigmoid] == [[True, False, True], [True, True, False], [True]]


def test_cutting_a_unit_can_orphan_those_below_it() -> None:
    # Hidden unit 0 of the second layer has no input but from a unit without inputs of its own.
    first = np.array([[0, 0], [1, 1]], dtype=bool)
    second = np.array([[1, 0], [0, 0]], dtype=bool)
    third = np.array([[1, 1]], dtype=bool)
    live = live_units([first, second, third], silent_at_zero=True)
    assert [level.any() for level in live] == [False, False, False, True]


@pytest.mark.parametrize(("model", "optimizer"), list(itertools.product(SHAPES, OPTIMIZERS)))
def test_the_smaller_network_computes_the_same(
    model: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrowing, "narrow_to_mask", lambda *whole: None)  # the reference leaves nothing out
    architecture = build(model, *SHAPES[model])
    weights = initGenome(
        initial_std(architecture.layout, "kaiming"), 1.0, rng=np.random.default_rng(1)
    ).weights
    mask = structured_mask(architecture)
    found = compact(architecture, mask)
    assert found is not None
    assert found.genes.size < 0.6 * architecture.layout.size
    arguments = (architecture, weights, mask, Recipe(optimizer, lr=0.01))
    more = {"dtype": torch.float64, "extras": drawn_extras(architecture)}
    ours, reference = (kind(*arguments, **more) for kind in (MaskedMLP, MaskedModule))
    x = torch.randn(12, *SHAPES[model][0], dtype=torch.float64)
    targets = architecture.targets(torch.arange(12) % SHAPES[model][1], torch.float64)
    for _ in range(10):
        ours.step(x, targets)
        reference.step(x, targets)
    np.testing.assert_allclose(ours.weights(), reference.weights(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.extras(), reference.extras(), rtol=1e-9, atol=1e-12)
    assert torch.allclose(ours.forward(x), reference.forward(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", SHAPES)
def test_a_dense_network_is_left_alone(model: str) -> None:
    architecture = build(model, *SHAPES[model])
    assert compact(architecture, np.ones(architecture.layout.size, dtype=bool)) is None


def test_a_layer_that_is_cut_through_leaves_a_network_that_says_the_same_to_all() -> None:
    architecture = build("lenet-300-100", (1, 8, 8), 10)
    mask = structured_mask(architecture)
    mask[300 * 64 : 300 * 64 + 100 * 300] = False
    network = MaskedMLP(architecture, np.ones(mask.size, dtype=np.float32), mask, Recipe("sgd", 0.1))
    x = torch.randn(5, 1, 8, 8)
    network.step(x, architecture.targets(torch.arange(5), torch.float32))
    assert network.forward(x).eq(0).all()
    assert (network.weights()[~mask] == 0).all()
