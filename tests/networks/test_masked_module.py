from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.node_space import known, weight_mask
from nets_deap.models.registry import build, state_dict
from nets_deap.networks import narrowing
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.optimizer import OPTIMIZERS
from nets_deap.problem.recipe import Recipe
from tests.architectures import convnet

NAMES = ("conv", "cnn-8-16", "wrn-10-1")


def architecture_of(name: str) -> Architecture:
    if name == "conv":
        return convnet((2, 8, 8), [4, 6, "M", 8, "M"], [6, 3])
    return build(name, (2, 8, 8), 3)


def drawn(architecture: Architecture, density: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    std = initial_std(architecture.layout, "kaiming")
    return rng.standard_normal(std.size, dtype=np.float32) * std, rng.random(std.size) < density


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 2, 8, 8, generator=generator, dtype=torch.float64)
    return x, torch.eye(3, dtype=torch.float64)[torch.arange(6) % 3]


def half_of_the_nodes(architecture: Architecture) -> np.ndarray:
    """bool[k]: every other node of each group."""
    return np.concatenate([np.arange(size) % 2 == 0 for size in known(architecture).nodes.sizes])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_as_plain_torch_does(name: str, optimizer: str) -> None:
    architecture = architecture_of(name)
    weights, mask = drawn(architecture)
    ours = MaskedModule(architecture, weights, mask, Recipe(optimizer, lr=0.01), dtype=torch.float64)
    plain = architecture.module()
    plain.load_state_dict(state_dict(architecture, weights, mask))
    plain.to(torch.float64)
    kind, arguments = OPTIMIZERS[optimizer]
    theirs = getattr(torch.optim, kind)(plain.parameters(), lr=0.01, **arguments)
    for step in range(4):
        x, targets = batch(step)
        ours.step(x, targets)
        theirs.zero_grad()
        nn.functional.cross_entropy(plain(x), targets).backward()
        theirs.step()
    expected = plain.state_dict()
    for key, value in architecture.named(ours.weights(), ours.extras()).items():
        np.testing.assert_allclose(value, expected[key].numpy(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ours.forward(x), plain.eval()(x).detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_pruned_stays_zero_and_all_else_moves(name: str, optimizer: str) -> None:
    architecture = architecture_of(name)
    weights, mask = drawn(architecture, 0.3)
    network = MaskedModule(architecture, weights, mask, Recipe(optimizer, lr=0.01))
    for step in range(3):
        x, targets = batch(step)
        network.step(x.float(), targets.float())
    assert (network.weights()[~mask] == 0).all()
    assert (network.weights()[mask] != weights[mask]).mean() > 0.5
    changed = network.extras() != architecture.initial_extras
    assert changed[: architecture.trained_extras].mean() > 0.5
    statistics = changed[architecture.trained_extras :]
    assert statistics.size == 0 or statistics.mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_from_its_weights_and_extras(name: str) -> None:
    architecture = architecture_of(name)
    weights, mask = drawn(architecture, 0.5)
    arguments = (mask, Recipe("sgd", lr=0.05), "cpu", torch.float64)
    whole = MaskedModule(architecture, weights.astype(np.float64), *arguments)
    whole.step(*batch(1))
    second = MaskedModule(architecture, whole.weights(), *arguments, extras=whole.extras())
    for network in (whole, second):
        network.step(*batch(2))
    np.testing.assert_allclose(second.weights(), whole.weights(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(second.extras(), whole.extras(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NAMES)
def test_the_smaller_network_computes_and_learns_the_same(
    name: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = architecture_of(name)
    mask = weight_mask(architecture, half_of_the_nodes(architecture))
    arguments = (architecture, drawn(architecture)[0], mask, Recipe(optimizer, lr=0.01), "cpu", torch.float64)
    smaller = MaskedModule(*arguments)
    monkeypatch.setattr(narrowing, "narrow_to_mask", lambda *whole: None)
    whole = MaskedModule(*arguments)
    assert smaller.flat.numel() < 0.35 * whole.flat.numel()
    for step in range(4):
        smaller.step(*batch(step))
        whole.step(*batch(step))
        torch.testing.assert_close(smaller.outputs, whole.outputs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(smaller.weights(), whole.weights(), rtol=1e-9, atol=1e-12)
    x, _ = batch(9)
    torch.testing.assert_close(smaller.forward(x), whole.forward(x), rtol=1e-9, atol=1e-12)
