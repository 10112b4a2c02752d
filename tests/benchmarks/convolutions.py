"""Training steps and epochs of convolutional networks: ours against torch, on one core and on two.

Masks are uniform, each layer of the same density, or by ERK, which leaves more of the multiply-adds.
Torch's is the fastest way that we know: the dense module with its channels last, and torch's fused SGD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.data.dataset import Part
from nets_deap.individuals.genome import initGenome
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.protocol import Network
from nets_deap.networks.sparse_module import SparseModule, active_share
from nets_deap.problem.recipe import Recipe
from nets_deap.pruning.allocation import allocate, keep
from nets_deap.training.loop import train
from nets_deap.util.threads import flushed_denormals

from .measure import Row, medians

CASES = (("conv-4", 60), ("resnet-20", 128))
DENSITIES = (1.0, 0.2, 0.1, 0.05, 0.02)
BY_ERK = (0.2, 0.1, 0.05, 0.02)
EPOCH = 1_280  # images
AGAINST = "times as fast as torch"


def usual_step(architecture: Architecture, batch: int) -> Callable[[Tensor, Tensor], None]:
    module = architecture.module().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, fused=True)

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x.contiguous(memory_format=torch.channels_last)), y)
        loss.backward()
        optimizer.step()

    return step


def usual_epoch(step: Callable[[Tensor, Tensor], None], x: Tensor, y: Tensor, batch: int) -> None:
    for chosen in torch.from_numpy(np.random.default_rng(0).permutation(len(x))).split(batch):
        step(x[chosen], y[chosen])


def rows() -> Iterator[Row]:
    threads = torch.get_num_threads()
    for name, batch in CASES:
        yield from _of(name, batch)
    torch.set_num_threads(threads)


def _of(name: str, batch: int) -> Iterator[Row]:
    architecture = build(name, (3, 32, 32), 10)
    recipe = Recipe("sgd:momentum=0.9", 0.01, batch)
    rng = np.random.default_rng(0)
    x = torch.randn(EPOCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    y = torch.arange(EPOCH) % 10
    few, labels = x[:batch], y[:batch]
    targets = architecture.targets(labels, torch.float32)
    genomes = [initGenome(initial_std(architecture.layout), d, rng=rng) for d in DENSITIES]
    arguments = [(architecture, genome.weights, genome.mask, recipe) for genome in genomes]
    layout, weights = architecture.layout, genomes[0].weights
    masks = [
        keep(layout, rng.random(layout.size), genomes[0].mask, allocate(layout, d, "erk")) for d in BY_ERK
    ]
    by_erk: list[Network] = [SparseModule(architecture, weights, mask, recipe) for mask in masks]
    ours: list[Network] = [SparseModule(*each) for each in arguments]
    masked = MaskedModule(*arguments[0])
    usual = usual_step(architecture, batch)

    def a_step(network: Network) -> Callable[[], None]:
        return lambda: network.step(few, targets)

    def an_epoch(network: Network) -> Callable[[], None]:
        return lambda: train(network, Part(x, y), recipe, np.random.default_rng(0))

    for cores in (1, 2):
        torch.set_num_threads(cores)
        with flushed_denormals():
            plain, by_torch, *steps = medians(
                9, lambda: usual(few, labels), a_step(masked), *map(a_step, [*ours, *by_erk])
            )
        where = f"{name}, {batch} images, {cores} core{'s' * (cores > 1)}"
        yield Row(f"{where}: torch", 1e3 * plain, "ms")
        yield Row(f"{where}: torch with a mask", 1e3 * by_torch, "ms", plain / by_torch, AGAINST)
        told = [f"{density:.0%}" for density in DENSITIES]
        for density, mask in zip(BY_ERK, masks, strict=True):
            told.append(f"{density:.0%} by ERK, {active_share(architecture, mask):.0%} of multiply-adds")
        for which, seconds in zip(told, steps, strict=True):
            yield Row(f"{where}: ours, {which}", 1e3 * seconds, "ms", plain / seconds, AGAINST)
    for cores in (1, 2):
        torch.set_num_threads(cores)
        with flushed_denormals():
            plain, *epochs = medians(3, lambda: usual_epoch(usual, x, y, batch), *map(an_epoch, ours))
        where = f"{name}, an epoch of {EPOCH:,} images, {cores} core{'s' * (cores > 1)}"
        yield Row(f"{where}: torch", plain, "s")
        for density, seconds in zip(DENSITIES, epochs, strict=True):
            yield Row(f"{where}: ours, {density:.0%}", seconds, "s", plain / seconds, AGAINST)
