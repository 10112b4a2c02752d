from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nets_deap.individuals.genome import initGenome
from nets_deap.models.catalogue import MODELS
from nets_deap.models.criterion import Criterion
from nets_deap.models.initialisers import initial_std
from nets_deap.models.losses import Loss
from nets_deap.models.registry import build
from nets_deap.networks.kernels import library
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.perceptron import LOSSES
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.problem.optimizer import OPTIMIZERS
from nets_deap.problem.recipe import Recipe
from tests.architectures import PERCEPTRONS, drawn_extras

NAMED = {"mlp-10": ((2,), 2), "mlp-100": ((2,), 2), "lenet-300-100": ((1, 8, 8), 10)}
SHAPES = NAMED | PERCEPTRONS
# The kernels are for networks without an activation at the outputs.
OURS = [(model, MaskedMLP) for model in SHAPES]
OURS += [(model, SparseMLP) for model in ("lenet-300-100", *PERCEPTRONS)]
cases = pytest.mark.parametrize(
    ("model", "kind", "optimizer"),
    [(*ours, optimizer) for ours in OURS for optimizer in OPTIMIZERS],
)


def networks(model: str, optimizer: str, dtype: torch.dtype, kind: type, loss: str = ""):
    architecture = build(model, *SHAPES[model])
    if loss:
        architecture = replace(architecture, criterion=Criterion(Loss(loss, delta=0.3)))
    std = initial_std(architecture.layout, "kaiming")
    genome = initGenome(std, 0.5, rng=np.random.default_rng(1))
    recipe = Recipe(optimizer, lr=0.01)
    extras = drawn_extras(architecture)
    pair = [
        network(architecture, genome.weights, genome.mask, recipe, dtype=dtype, extras=extras)
        for network in (kind, MaskedModule)
    ]
    return architecture, genome, pair


def batch(architecture, size: int, dtype: torch.dtype):
    shape, classes = SHAPES[architecture.name]
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(size, *shape, generator=generator, dtype=dtype)
    if architecture.criterion.kind == "binary":
        return x, torch.randint(2, (size, classes), generator=generator).to(dtype)
    y = torch.randint(classes, (size,), generator=generator)
    return x, architecture.targets(y, dtype)


def test_every_perceptron_has_a_shape_to_be_tested_at() -> None:
    assert set(NAMED) == {name for name, named in MODELS.items() if named.module == "perceptrons"}
    assert all(build(name, *shape).perceptron for name, shape in SHAPES.items())


@pytest.mark.parametrize("size", [7, 64, 100])  # within a block of the kernels, whole ones, and more
@pytest.mark.parametrize(("model", "kind"), OURS)
def test_gradients_equal_autograd_in_float64(model: str, size: int, kind: type) -> None:
    architecture, genome, (ours, _) = networks(model, "sgd", torch.float64, kind)
    x, targets = batch(architecture, size, torch.float64)
    before = torch.tensor(np.concatenate([ours.weights(), ours.extras()]), requires_grad=True)
    module = architecture.module().to(torch.float64)
    n = architecture.layout.size
    outputs = torch.func.functional_call(module, architecture.named(before[:n], before[n:]), (x,))
    architecture.criterion.loss(outputs, targets).mean().backward()
    ours.step(x, targets)
    after = torch.tensor(np.concatenate([ours.weights(), ours.extras()]))
    step = (before.detach() - after) / ours.descent.lr
    expected = before.grad
    expected[:n] *= torch.tensor(genome.mask)
    assert (step - expected).abs().max() <= 1e-9 * expected.abs().max()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("model", "kind"), [ours for ours in OURS if SHAPES[ours[0]][1] > 2])
def test_every_loss(model: str, kind: type, loss: str) -> None:
    if kind is SparseMLP and loss not in library.LOSSES:
        pytest.skip("there are no kernels for it")
    architecture, _, (ours, reference) = networks(model, "adam", torch.float64, kind, loss)
    for _ in range(3):
        x, targets = batch(architecture, 9, torch.float64)
        ours.step(x, targets)
        reference.step(x, targets)
    np.testing.assert_allclose(ours.weights(), reference.weights(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.extras(), reference.extras(), rtol=1e-9, atol=1e-12)


@cases
def test_ours_and_the_reference_agree_in_float64(model: str, optimizer: str, kind: type) -> None:
    architecture, _, (ours, reference) = networks(model, optimizer, torch.float64, kind)
    for size in (6, 6, 6, 4) * 5:  # the last batch of an epoch is smaller
        x, targets = batch(architecture, size, torch.float64)
        ours.step(x, targets)
        reference.step(x, targets)
        assert torch.allclose(ours.outputs, reference.outputs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.weights(), reference.weights(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.extras(), reference.extras(), rtol=1e-9, atol=1e-12)
    assert torch.allclose(ours.forward(x), reference.forward(x), rtol=1e-9, atol=1e-12)


@cases
def test_pruned_weights_stay_zero_and_the_others_move(model: str, optimizer: str, kind: type) -> None:
    architecture, genome, pair = networks(model, optimizer, torch.float32, kind)
    for network in pair:
        for _ in range(5):
            x, targets = batch(architecture, 6, torch.float32)
            network.step(x, targets)
        weights = network.weights()
        assert (weights[~genome.mask] == 0).all()
        assert (weights[genome.mask] != genome.weights[genome.mask]).mean() > 0.5


@pytest.mark.parametrize(("model", "kind"), OURS)
def test_the_genome_is_left_as_it_is(model: str, kind: type) -> None:
    architecture, genome, (ours, _) = networks(model, "sgd", torch.float32, kind)
    weights, mask = genome.weights.copy(), genome.mask.copy()
    x, targets = batch(architecture, 4, torch.float32)
    ours.step(x, targets)
    assert (genome.weights == weights).all()
    assert (genome.mask == mask).all()


def test_losses_against_torchs_own() -> None:
    outputs, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    targets = torch.nn.functional.one_hot(labels, 3).float()
    ours = Loss("cross-entropy")(outputs, targets)
    assert torch.allclose(ours, torch.nn.functional.cross_entropy(outputs, labels, reduction="none"))
    mse = torch.nn.functional.mse_loss(outputs, targets)
    assert torch.allclose(Loss("mse")(outputs, targets).mean(), mse)
