"""Populations of 1 to 1,000 LeNet-300-100 genomes on one core: one by one, and as one stack by --map batched.

Trained for a few steps of batch 60, on MNIST's shape; told as seconds per genome and epoch of 900 steps.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from nets_deap.individuals.genome import initGenome
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.protocol import Trainable
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.problem.recipe import Recipe

from .measure import Row

LENET = build("lenet-300-100", (1, 28, 28), 10)
RECIPE = Recipe("sgd", 1e-3, 60)
SIZES = (1, 10, 100, 1000)
EPOCH = 900  # steps


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    std = initial_std(LENET.layout)
    for size in SIZES:
        genomes = [initGenome(std, 0.2, rng=rng) for _ in range(size)]
        weights, masks = [g.weights for g in genomes], [g.mask for g in genomes]
        alone = [SparseMLP(LENET, w, m, RECIPE) for w, m in zip(weights, masks, strict=True)]
        yield Row(f"{size} genomes, one by one", _seconds(alone, size), "s")
        stack = StackedMLP(LENET, weights, masks, RECIPE)
        yield Row(f"{size} genomes, --map batched on cpu", _seconds([stack], size), "s")


def _seconds(networks: Sequence[Trainable], genomes: int) -> float:
    """Per genome and epoch; the median of three, after one that allocates."""
    x = torch.randn(60, 1, 28, 28)
    targets = LENET.targets(torch.arange(60) % 10, torch.float32)
    steps = max(3, 300 // genomes)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        for network in networks:
            for _ in range(steps):
                network.step(x, targets)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]) * EPOCH / steps / genomes
