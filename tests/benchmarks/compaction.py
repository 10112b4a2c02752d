"""When leaving out dead units and inputs pays: an epoch of 6,000 samples with and without it, one core.

python -m tests.benchmarks.compaction
"""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import numpy as np
import torch

from nets_deap.backprop import MaskedMLP
from nets_deap.compaction import compact
from nets_deap.data import Part
from nets_deap.genome import initGenome, initial_std
from nets_deap.models import build
from nets_deap.problem import Recipe
from nets_deap.training import train

from .epoch import medians

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


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    part = Part(torch.randn(6000, 1, 28, 28), torch.randint(10, (6000,)))
    weights = initGenome(initial_std(LENET.layout), 1.0, rng=rng).weights

    def epoch(mask: np.ndarray) -> None:
        train(MaskedMLP(LENET, weights, mask, RECIPE), part, RECIPE, np.random.default_rng(0))

    def whole(mask: np.ndarray) -> None:
        with mock.patch("nets_deap.backprop.compact", return_value=None):
            epoch(mask)

    print(f"{'mask':34} {'weights left':>12} {'whole':>9} {'compact':>9} {'ratio':>6}")
    for name, mask in masks(rng):
        found = compact(LENET, mask)
        left = found.genes.size / LENET.layout.size if found else 1.0
        slow, fast = medians(7, lambda m=mask: whole(m), lambda m=mask: epoch(m))
        print(f"{name:34} {left:12.0%} {slow:7.3f} s {fast:7.3f} s {slow / fast:6.2f}")


if __name__ == "__main__":
    main()
