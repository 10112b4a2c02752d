"""Where the numbers of a network lie, in every back end; masks that cut nodes off."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.models.registry import build
from nets_deap.networks.carried import carry, places
from nets_deap.networks.kernels import library
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.networks.sparse_module import SparseModule
from nets_deap.problem.recipe import Recipe
from tests.architectures import mlp

KINDS = [(MaskedMLP, "mlp"), (SparseMLP, "mlp"), (MaskedModule, "mlp")]
KINDS += [(kind, model) for kind in (MaskedModule, SparseModule) for model in ("cnn-8-16", "wrn-10-1")]
kinds = pytest.mark.parametrize(
    ("kind", "model"),
    [
        pytest.param(k, m, id=f"{k.__name__}-{m}")
        for k, m in KINDS
        if k.__name__[0] == "M" or library.available()
    ],
)


def made(kind, model: str, density: float, seed: int, optimizer: str = "adam"):
    """A network of random numbers whose mask has cut off half of what can be cut off, and its mask."""
    small = mlp((6, 6), (40, 20), 4, bias=True)
    architecture = small if model == "mlp" else build(model, (1, 8, 8), 10)
    rng = np.random.default_rng(seed)
    mask = rng.random(architecture.layout.size) < density
    for _, part in architecture.layout.split(mask):
        part[: len(part) // 2], part[:, : part.shape[1] // 2] = False, False
    m = sum(extra.size for extra in architecture.extras)
    weights, extras = rng.random(mask.size, dtype=np.float32), rng.random(m, dtype=np.float32)
    return kind(architecture, weights, mask, Recipe(optimizer, 0.1, 8), extras=extras), mask


@kinds
@pytest.mark.parametrize("density", [0.05, 0.5, 1.0])
def test_flat_is_what_lies_at_its_places(kind, model: str, density: float) -> None:
    network, _ = made(kind, model, density, 0)
    both = np.concatenate([network.weights(), network.extras()])
    np.testing.assert_array_equal(both[places(network)], network.flat.numpy())


@kinds
def test_memory_goes_with_what_is_kept(kind, model: str) -> None:
    old, mask = made(kind, model, 0.5, 0)
    new, other = made(kind, model, 0.3, 1)
    rng = np.random.default_rng(2)
    for name, memory in old.descent.memory().items():
        if name != "steps":
            memory.copy_(torch.from_numpy(rng.random(len(memory), dtype=np.float32)) + 1)
    old.descent.memory()["steps"].fill_(7)
    carry(old, new, mask & other)
    before, after = places(old), places(new)
    assert new.descent.memory()["steps"] == 7
    for name in ("mean", "square"):
        whole = np.zeros(mask.size + old.extras().size, dtype=np.float32)
        whole[before] = old.descent.memory()[name]
        whole[: mask.size] *= mask & other
        np.testing.assert_array_equal(new.descent.memory()[name], whole[after])
        assert new.descent.memory()[name].any()
