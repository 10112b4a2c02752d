"""A training step of LeNet-300-100 at batch 60 and 20 % density, one core, in every way that was tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from nets_deap.individuals.genome import initGenome
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.networks.stacked_module import StackedModule
from nets_deap.problem.recipe import Recipe

from .measure import Row, medians

LENET = build("lenet-300-100", (1, 28, 28), 10)
RECIPE = Recipe("sgd", 1e-3, 60)
STEPS = 100


@torch.compile
def _compiled_step(weights: list[Tensor], masks: list[Tensor], x: Tensor, targets: Tensor) -> None:
    """Loss, gradients and update, with torch.compile."""

    def loss(weights: list[Tensor]) -> Tensor:
        a = x.flatten(1)
        for weight in weights[:-1]:
            a = torch.relu(a @ weight.t())
        return LENET.criterion.loss(a @ weights[-1].t(), targets).mean()

    for weight, gradient, mask in zip(weights, torch.func.grad(loss)(weights), masks, strict=True):
        weight.sub_(RECIPE.lr * gradient * mask)


class TorchCompiled:
    """Enough of a network for this benchmark."""

    def __init__(self, weights: np.ndarray, mask: np.ndarray) -> None:
        self.weights = [torch.tensor(part) for _, part in LENET.layout.split(weights * mask)]
        self.masks = [torch.tensor(part).float() for _, part in LENET.layout.split(mask)]

    def step(self, x: Tensor, targets: Tensor) -> None:
        _compiled_step(self.weights, self.masks, x, targets)


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    genome = initGenome(initial_std(LENET.layout), 0.2, rng=np.random.default_rng(0))
    x, targets = torch.randn(60, 1, 28, 28), LENET.targets(torch.arange(60) % 10, torch.float32)

    def steps(step: Callable[[Tensor, Tensor], None]) -> Callable[[], None]:
        step(x, targets)  # compile, allocate

        def run() -> None:
            for _ in range(STEPS):
                step(x, targets)

        return run

    arguments = (LENET, genome.weights, genome.mask, RECIPE)
    ways = {
        "nn.Module, autograd": MaskedModule(*arguments),
        "torch.func, vmap over one network": StackedModule(LENET, [genome.weights], [genome.mask], RECIPE),
        "torch.compile over loss, gradients and update": TorchCompiled(genome.weights, genome.mask),
        "torch, hand-written gradients": MaskedMLP(*arguments),
        "our kernels": SparseMLP(*arguments),
    }
    seconds = medians(9, *(steps(network.step) for network in ways.values()))
    for name, taken in zip(ways, seconds, strict=True):
        yield Row(f"a step: {name}", 1e6 * taken / STEPS, "µs", seconds[0] / taken, "times autograd's speed")
