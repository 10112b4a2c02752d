"""A LeNet-300-100 epoch on MNIST: ours against the usual way and against the machine's floor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import map_genomes
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.protocol import Network
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.training.loop import train

from .measure import Row, medians

DATA = os.environ.get("NETS_DATA_DIR", "data")
PROBLEM = Problem("mnist", "lenet-300-100", Recipe("sgd", 1e-3, 60, epochs=1), data_dir=DATA)
SAMPLES = 54_000
DENSITIES = (1.0, 0.6, 0.3, 0.2, 0.05, 0.02, 0.01)
# Per weight 2 forward and 2 for its gradient; 2 more for the errors below all layers but the first.
EPOCH_FLOP = SAMPLES * (2 * 266_200 + 2 * 266_200 + 2 * 31_000)


class MaskedLinear(nn.Linear):
    """What people write: the mask is a buffer, applied in every forward pass."""

    mask: Tensor

    def __init__(self, in_features: int, out_features: int, mask: Tensor) -> None:
        super().__init__(in_features, out_features, bias=False)
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight * self.mask)


def usual_way(genome: Genome, train: Subset, threads: int) -> None:
    """An epoch by DataLoader, transforms, nn.Module, autograd and torch.optim.SGD."""
    torch.set_num_threads(threads)
    masks = [torch.from_numpy(part) for _, part in PROBLEM.layout.split(genome.mask)]
    layers = [MaskedLinear(*reversed(mask.shape), mask) for mask in masks]
    net = nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for x, y in DataLoader(train, batch_size=60, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    torch.set_num_threads(1)


def matrix_products() -> None:
    """Four products of 1,024 × 1,024 matrices: 8.6 GFLOP."""
    a = torch.ones(1024, 1024)
    out = torch.empty_like(a)
    for _ in range(4):
        torch.mm(a, a, out=out)


def an_epoch(kind: Callable[..., Network], genome: Genome) -> Callable[[], None]:
    """Training alone, one core."""
    data, recipe = PROBLEM.data, PROBLEM.recipe

    def run() -> None:
        network = kind(PROBLEM.architecture, genome.weights, genome.mask, recipe)
        train(network, data.train, recipe, np.random.default_rng(0))

    return run


def rows() -> Iterator[Row]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_set = Subset(datasets.MNIST(DATA, train=True, transform=transform), range(SAMPLES))
    genomes = [initGenome(PROBLEM.initial_std(), 0.2, rng=np.random.default_rng(i)) for i in range(8)]
    evaluator = Evaluator(PROBLEM)
    evaluator(genomes[0])  # load the data, warm up
    at = {d: initGenome(PROBLEM.initial_std(), d, rng=np.random.default_rng(0)) for d in DENSITIES}

    products, usual, usual_threads, by_torch, *ours, evaluation = medians(
        5,
        matrix_products,
        lambda: usual_way(genomes[0], train_set, 1),
        lambda: usual_way(genomes[0], train_set, threads),
        an_epoch(MaskedMLP, at[1.0]),
        *(an_epoch(SparseMLP, genome) for genome in at.values()),
        lambda: evaluator(genomes[0]),
    )
    rate = 4 * 2 * 1024**3 / products
    floor = EPOCH_FLOP / rate
    of_floor = "of the dense floor's speed"
    yield Row("matrix products, 1,024³ float32, one core", rate / 1e9, "GFLOP/s")
    yield Row(f"floor of a dense epoch, {EPOCH_FLOP / 1e9:.1f} GFLOP at that rate", floor, "s")
    yield Row("the usual way, one thread", usual, "s")
    yield Row(f"the usual way, torch's default of {threads} threads", usual_threads, "s")
    yield Row("torch, hand-written gradients, any density", by_torch, "s", floor / by_torch, of_floor)
    for density, seconds in zip(DENSITIES, ours, strict=True):
        yield Row(f"ours, density {density:.0%}", seconds, "s", floor / seconds, of_floor)
    against = "times the usual way's speed, one thread"
    yield Row("ours, 20 %, with set-up and validation", evaluation, "s", usual / evaluation, against)

    with MultiprocessMap(1) as one, MultiprocessMap(2) as two:
        runs = [lambda m=m: map_genomes(m, evaluator, genomes) for m in (one, two)]
        for run in runs:
            run()  # start the workers
        single, double = (seconds / len(genomes) for seconds in medians(5, *runs))
    against = f"times the usual way's speed, {threads} threads"
    yield Row("a genome of 20 %, one worker", single, "s", usual_threads / single, against)
    yield Row("a genome of 20 %, two workers", double, "s", usual_threads / double, against)
    yield Row("two workers against one", single / double, "times")
