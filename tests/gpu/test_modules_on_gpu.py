"""Single networks that a GPU trains by autograd: a recorded step is the step, and gives what a CPU gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nets_deap.models.registry import build
from nets_deap.networks import recorded
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.recipe import Recipe
from nets_deap.training.minibatches import augmented
from nets_deap.util.threads import as_usual
from tests.conftest import needs_gpu
from tests.networks import test_places

NETWORKS = ("cnn-8-16", "conv-2", "resnet-8", "wrn-10-1", "vit")
RECIPES = {
    "plain": Recipe("sgd", 0.0625),
    "decay and a schedule": Recipe("sgd:momentum=0.9,weight_decay=1e-3", 0.0625, schedule="cosine"),
    "adam, clipped": Recipe("adam", 0.0078125, clip=1.0),
}


@as_usual()
def trained(
    name: str, recipe: Recipe, device: str, dtype: torch.dtype, augment: bool = False
) -> tuple[MaskedModule, np.ndarray]:
    """A network after twelve steps on random images, and its outputs for them."""
    architecture = build(name, (3, 16, 16), 10)
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.1, architecture.layout.size).astype(np.float32)
    mask = rng.random(architecture.layout.size) < 0.3
    network = MaskedModule(architecture, weights, mask, replace(recipe, batch_size=6), device, dtype)
    x = torch.from_numpy(rng.normal(size=(24, 3, 16, 16))).to(device, dtype)
    labels = torch.from_numpy(rng.integers(10, size=24)).to(device)
    targets = architecture.criterion.loss.targets(labels, 10, dtype)
    for step, size in enumerate((6, 6, 4) * 4):
        network.descent.lr = recipe.lr / (1 + step)
        chosen = rng.permutation(len(x))[:size]
        if augment:
            network.step(augmented(x[chosen], rng), targets[chosen])
        else:
            network.step(x, targets, chosen)
    return network, network.forward(x).cpu().numpy()


@needs_gpu
@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_recorded_step_is_the_step(
    name: str, recipe: str, augment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for after in (1000, 2):
        monkeypatch.setattr(recorded, "RECORD_AFTER", after)
        network, outputs = trained(name, RECIPES[recipe], "cuda", torch.float64, augment)
        assert network._recorder is not None
        assert {source.recording is not None for source in network._recorder._sources.values()} == {
            after == 2
        }
        ends.append((outputs, network.weights(), network.extras()))
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@needs_gpu
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_equal_to_a_cpu_in_float64(name: str, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "RECORD_AFTER", 2)
    (ours, outputs), (theirs, expected) = (
        trained(name, RECIPES[recipe], device, torch.float64) for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.weights(), theirs.weights(), rtol=1e-5, atol=1e-6)
    assert not ours.weights()[theirs.weights() == 0].any()
    assert np.count_nonzero(theirs.weights()) < 0.35 * theirs.weights().size


@needs_gpu
@pytest.mark.parametrize("optimizer", ["sgd:weight_decay=0.1", "adam", "rmsprop"])
@pytest.mark.parametrize(("kind", "name"), test_places.KINDS)
def test_every_back_end_equals_a_cpu(kind: type, name: str, optimizer: str) -> None:
    """Its tensors begin at addresses that a GPU's libraries read, whatever the sizes before them."""
    ours, theirs = (test_places.trained(kind, name, optimizer, device) for device in ("cuda", "cpu"))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
