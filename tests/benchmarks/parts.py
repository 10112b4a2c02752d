"""Where a training step's time goes: LeNet-300-100 at batch 60 on MNIST's size, one core.

Told in µs, and in the MFLOP that the machine's matrix-product rate would do in that time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch

from nets_deap.individuals.genome import initGenome
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.problem.recipe import Recipe

from .measure import Row, medians

LENET = build("lenet-300-100", (1, 28, 28), 10)
RECIPE = Recipe("sgd", 1e-3, 60)
REPEATS = 30
DENSITIES = (1.0, 0.2, 0.05, 0.01)


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    square = torch.ones(1024, 1024)
    product = torch.empty_like(square)
    parts: dict[str, Callable[[], object]] = {}
    x, targets = torch.randn(60, 1, 28, 28), LENET.targets(torch.arange(60) % 10, torch.float32)
    many = torch.randn(54_000, 784), torch.eye(10).repeat(5_400, 1)
    gather, order = Gatherer(), iter(np.random.default_rng(0).integers(54_000, size=(100_000, 60)))
    parts["gather of a minibatch, torch"] = lambda: gather(*many, next(order))
    for density in DENSITIES:
        genome = initGenome(initial_std(LENET.layout), density, rng=np.random.default_rng(0))
        network = SparseMLP(LENET, genome.weights, genome.mask, RECIPE)
        parts[f"forward, {density:.0%}"] = lambda n=network: n.forward(x)  # type: ignore[misc]
        parts[f"whole step, {density:.0%}"] = lambda n=network: n.step(x, targets)  # type: ignore[misc]
        parts[f"… with its gather, {density:.0%}"] = lambda n=network: n.step(*many, next(order))  # type: ignore[misc]
    parts |= _torch_sparse()

    def repeated(part: Callable[[], object]) -> Callable[[], None]:
        return lambda: [part() for _ in range(REPEATS)] and None

    reference, *seconds = medians(
        15, lambda: torch.mm(square, square, out=product), *map(repeated, parts.values())
    )
    for name, taken in zip(parts, seconds, strict=True):
        each = taken / REPEATS
        yield Row(name, 1e6 * each, "µs", each / reference * 2 * 1024**3 / 1e6, "MFLOP at the matrix rate")


def _torch_sparse() -> dict[str, Callable[[], object]]:
    """The first layer's products by torch: dense, and CSR at 5 % and 20 %."""
    x, error, weights = torch.randn(60, 784), torch.randn(300, 60), torch.randn(300, 784)
    x_t, gradient = x.t().contiguous(), torch.empty_like(weights)
    parts: dict[str, Callable[[], object]] = {
        "torch, first layer forward, dense": lambda: torch.mm(x, weights.t()),
        "torch, first layer gradient, dense": lambda: torch.mm(error, x, out=gradient),
    }
    for density in (0.2, 0.05):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CSR is in beta
            sparse = (weights * (torch.rand_like(weights) < density)).to_sparse_csr()
        parts[f"torch, first layer forward, CSR {density:.0%}"] = lambda s=sparse: torch.mm(s, x_t)  # type: ignore[misc]
        parts[f"torch, first layer gradient, CSR {density:.0%}"] = lambda s=sparse: (  # type: ignore[misc]
            torch.sparse.sampled_addmm(s, error, x)
        )
    return parts
