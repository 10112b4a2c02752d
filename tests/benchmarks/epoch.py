"""A LeNet-300-100 epoch on MNIST: ours against the usual way and against the machine's floor."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from nets_deap.fitness import Evaluator
from nets_deap.genome import Genome, initGenome
from nets_deap.parallel import MultiprocessMap, map_genomes
from nets_deap.problem import Problem, Recipe

from .measure import Row, medians

DATA = os.environ.get("NETS_DATA_DIR", "data")
PROBLEM = Problem("mnist", "lenet-300-100", Recipe("sgd", 1e-3, 60, epochs=1), data_dir=DATA)
SAMPLES = 54_000
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


def rows() -> Iterator[Row]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train = Subset(datasets.MNIST(DATA, train=True, transform=transform), range(SAMPLES))
    genomes = [initGenome(PROBLEM.initial_std(), 0.2, rng=np.random.default_rng(i)) for i in range(8)]
    evaluator = Evaluator(PROBLEM)
    evaluator(genomes[0])  # load the data, warm up

    products, usual, usual_threads, ours = medians(
        5,
        matrix_products,
        lambda: usual_way(genomes[0], train, 1),
        lambda: usual_way(genomes[0], train, threads),
        lambda: evaluator(genomes[0]),
    )
    rate = 4 * 2 * 1024**3 / products
    floor = EPOCH_FLOP / rate
    yield Row("matrix products, 1,024³ float32, one core", rate / 1e9, "GFLOP/s")
    yield Row(f"floor of an epoch, {EPOCH_FLOP / 1e9:.1f} GFLOP at that rate", floor, "s")
    yield Row("the usual way, one thread", usual, "s")
    yield Row(f"the usual way, torch's default of {threads} threads", usual_threads, "s")
    yield Row("ours with validation, one core", ours, "s", usual / ours, "times the usual way's speed")
    yield Row("share of the matrix-product rate", floor / ours, "", floor / ours, "of the floor's speed")

    with MultiprocessMap(1) as one, MultiprocessMap(2) as two:
        runs = [lambda m=m: map_genomes(m, evaluator, genomes) for m in (one, two)]
        for run in runs:
            run()  # start the workers
        single, double = (seconds / len(genomes) for seconds in medians(3, *runs))
    yield Row("a genome, one worker", single, "s", usual_threads / single, "times the usual way, all threads")
    yield Row(
        "a genome, two workers", double, "s", usual_threads / double, "times the usual way, all threads"
    )
    yield Row("two workers against one", single / double, "times")
