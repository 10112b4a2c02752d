"""On a GPU the parts of a network begin at aligned addresses. The gaps between them change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.models.registry import build
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.places import ALIGNED, Places
from nets_deap.networks.stack import Stack
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.networks.stacked_module import StackedModule
from nets_deap.problem.recipe import Recipe


def test_parts_begin_where_the_device_reads_them() -> None:
    shapes = [(2, 3), (), (5,)]
    assert Places.on("cpu", shapes).starts == (0, 6, 7, 12)
    assert Places.on("cuda", shapes).starts == (0, 64, 128, 192)
    assert ALIGNED * torch.finfo(torch.float16).bits // 8 % 16 == 0


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_laid_out_is_gathered_again(device: str) -> None:
    places = Places.on(device, [(2, 3), (), (5,)])
    vector = torch.from_numpy(places.laid_out(np.arange(1, 13)))
    assert [view.tolist() for view in places.views(vector)] == [[[1, 2, 3], [4, 5, 6]], 7, [8, 9, 10, 11, 12]]
    assert places.gathered(vector).tolist() == list(range(1, 13))
    assert vector.sum() == 78
    assert len(places.views(vector[: places.starts[2]])) == 2


KINDS = [
    (MaskedModule, "resnet-8"),
    (StackedModule, "lenet-5"),
    (StackedMLP, "mlp:768-5-10,bias=yes"),
]


def trained(kind: type, name: str, optimizer: str, device: str = "cpu") -> tuple[np.ndarray, ...]:
    """Weights, extras and outputs after three steps on random images."""
    architecture = build(name, (3, 16, 16), 10)
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.1, (3, architecture.layout.size)).astype(np.float32)
    masks = rng.random(weights.shape) < 0.3
    arguments = (weights, masks) if issubclass(kind, Stack) else (weights[0], masks[0])
    network = kind(architecture, *arguments, Recipe(optimizer, 0.05, 6, clip=0.5), device, torch.float64)
    x = torch.from_numpy(rng.normal(size=(24, 3, 16, 16))).to(device)
    targets = architecture.targets(torch.from_numpy(rng.integers(10, size=24)).to(device), torch.float64)
    for _ in range(3):
        network.step(x, targets, rng.permutation(24)[:6])
    return network.weights(), network.extras(), network.forward(x).cpu().numpy()


@pytest.mark.parametrize("optimizer", ["sgd:weight_decay=0.1", "adam", "rmsprop"])
@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_gaps_change_nothing(kind: type, name: str, optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, on = trained(kind, name, optimizer), Places.on
    monkeypatch.setattr(Places, "on", lambda device, shapes: on("cuda", shapes))
    for one, other in zip(trained(kind, name, optimizer), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)
