"""Hidden nodes in another order: the same network, and found again by their activations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known
from nets_deap.models.registry import build
from nets_deap.models.reordering import reordered, reordered_extras
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.matching import matched
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.architectures import drawn_extras, mlp

MODELS = ["mlp:64-12-9-10,bias=yes", "cnn-8-16", "wrn-10-1"]  # none has a unit that is never on


def in_any_order(architecture: Architecture, rng: np.random.Generator) -> np.ndarray:
    sizes = known(architecture).nodes.sizes
    starts = np.cumsum([0, *sizes[:-1]])
    return np.concatenate([s + rng.permutation(size) for s, size in zip(starts, sizes, strict=True)])


def test_three_units_worked_out() -> None:
    """Units 0, 1, 2 move to the places 2, 0, 1: rows of the first layer, columns of the second."""
    architecture = mlp((2,), (3,), 1, bias=True)
    order = np.array([2, 0, 1])
    weights = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert reordered(architecture, weights, order).tolist() == [3, 4, 5, 6, 1, 2, 8, 9, 7]
    assert reordered_extras(architecture, np.array([1, 2, 3, 4]), order).tolist() == [2, 3, 1, 4]


def test_units_are_matched_by_what_they_say_not_by_their_place() -> None:
    """Unit i of one network reads input i, unit i of the other reads input 2, 0, 1."""
    architecture = mlp((3,), (3,), 1)
    one = np.concatenate([np.eye(3).ravel(), np.ones(3)]).astype(np.float32)
    other = np.concatenate([2 * np.eye(3)[[2, 0, 1]].ravel(), np.zeros(3)]).astype(np.float32)
    x = torch.eye(3)
    nothing = architecture.initial_extras
    assert matched(architecture, (one, nothing), (other, nothing), x).tolist() == [1, 2, 0]


@pytest.mark.parametrize("size", [np.nan, np.inf, 1e38])
def test_units_of_a_diverged_network_are_not_matched(size: float) -> None:
    architecture = mlp((3,), (3,), 1)
    one = np.ones(12, dtype=np.float32)
    other = np.full(12, size, dtype=np.float32)
    for pair in ((one, other), (other, one)):
        ours, theirs = ((weights, architecture.initial_extras) for weights in pair)
        with pytest.raises(NetsError, match="a dense training has diverged"), np.errstate(all="ignore"):
            matched(architecture, ours, theirs, torch.eye(3) + 9)


@pytest.mark.parametrize("model", MODELS)
def test_another_order_computes_the_same_and_is_found_again(model: str) -> None:
    architecture, rng = build(model, (1, 8, 8), 10), np.random.default_rng(0)
    weights = rng.normal(0, 0.3, architecture.layout.size).astype(np.float32)
    mask, extras = rng.random(weights.size) < 0.5, np.abs(drawn_extras(architecture))
    order = in_any_order(architecture, rng)
    x = torch.from_numpy(rng.normal(size=(50, 1, 8, 8)).astype(np.float32))
    moved = reordered(architecture, weights, order), reordered_extras(architecture, extras, order)
    ours = MaskedModule(architecture, weights, mask, Recipe(), extras=extras).forward(x)
    others = reordered(architecture, mask, order)
    theirs = MaskedModule(architecture, moved[0], others, Recipe(), extras=moved[1]).forward(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert architecture.layout.densities(others) == architecture.layout.densities(mask)
    assert (matched(architecture, (weights, extras), moved, x) == order).all()
