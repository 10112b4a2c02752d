"""A training step of perceptrons with biases and other activations: our kernels and autograd, one core."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from nets_deap.individuals.genome import initGenome
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.protocol import Network
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.problem.recipe import Recipe

from .measure import Row, medians

RECIPE = Recipe("adam", 1e-3, 60)
STEPS = 60


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    x, labels = torch.randn(60 * STEPS, 1, 28, 28), torch.arange(60 * STEPS) % 10
    for form in ("", ",bias=yes", ",bias=yes,activation=tanh", ",bias=yes,activation=sigmoid"):
        architecture = build(f"mlp:784-300-100-10{form}", (1, 28, 28), 10)
        targets = architecture.targets(labels, torch.float32)

        def steps(network: Network, targets: torch.Tensor = targets) -> Callable[[], None]:
            def run() -> None:
                for step in range(STEPS):
                    network.step(x, targets, np.arange(60 * step, 60 * (step + 1)))

            return run

        for density in (0.2, 0.05):
            genome = initGenome(initial_std(architecture.layout), density, rng=np.random.default_rng(0))
            arguments = (architecture, genome.weights, genome.mask, RECIPE)
            slow, fast = medians(9, steps(MaskedModule(*arguments)), steps(SparseMLP(*arguments)))
            what = f"a step of {architecture.name}, Adam, {density:.0%}"
            yield Row(what, 1e6 * fast / STEPS, "µs", slow / fast, "times autograd's speed")
