"""When leaving out dead units and inputs pays: an epoch of 6,000 samples with and without it, one core.

python -m tests.benchmarks.compaction
"""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import numpy as np
import torch

from nets_deap.data.dataset import Part
from nets_deap.individuals.genome import initGenome
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.problem.recipe import Recipe
from nets_deap.training.loop import train

from .measure import Row, medians

LENET = build("lenet-300-100", (1, 28, 28), 10)
RECIPE = Recipe("sgd", 1e-3, 60, epochs=1)


def masks(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    for density in (0.2, 0.05, 0.02, 0.01, 0.005):
        yield f"random, {density:.1%} of the weights", rng.random(LENET.layout.size) < density
    for share in (0.5, 0.2):
        first, second = rng.random(300) < share, rng.random(100) < share
        layers = [np.outer(first, np.ones(784)), np.outer(second, first), np.outer(np.ones(10), second)]
        yield (
            f"structured, {share:.0%} of the units",
            np.concatenate([m.ravel() for m in layers]).astype(bool),
        )


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    part = Part(torch.randn(6000, 1, 28, 28), torch.randint(10, (6000,)))
    weights = initGenome(initial_std(LENET.layout), 1.0, rng=rng).weights

    def epoch(mask: np.ndarray) -> None:
        train(MaskedMLP(LENET, weights, mask, RECIPE), part, RECIPE, np.random.default_rng(0))

    def whole(mask: np.ndarray) -> None:
        with mock.patch("nets_deap.networks.masked_mlp.compact", return_value=None):
            epoch(mask)

    for name, mask in masks(rng):
        slow, fast = medians(7, lambda m=mask: whole(m), lambda m=mask: epoch(m))
        yield Row(f"compaction, {name}", fast, "s", slow / fast, "times the whole network's speed")
