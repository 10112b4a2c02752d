"""How fast a LeNet-300-100 epoch on MNIST is: ours against the usual way, and two workers against one.

    NETS_DATA_DIR=… python -m tests.benchmarks.epoch

Everything is timed in one run, in turns, and reported as a ratio: machines are noisy, ratios hold.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from pickle import dumps

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from nets_deap.fitness import Evaluator
from nets_deap.genome import Genome, initGenome
from nets_deap.parallel import MultiprocessMap, map_genomes
from nets_deap.problem import Problem, Recipe

DATA = os.environ.get("NETS_DATA_DIR", "data")
PROBLEM = Problem("mnist", "lenet-300-100", Recipe("sgd", 1e-3, 60, epochs=1), data_dir=DATA)


class MaskedLinear(nn.Linear):
    """What people write: the mask is a buffer, applied in every forward pass."""

    mask: Tensor

    def __init__(self, in_features: int, out_features: int, mask: Tensor) -> None:
        super().__init__(in_features, out_features, bias=False)
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight * self.mask)


def usual_way(genome: Genome, train: Subset) -> None:
    """An epoch by DataLoader, transforms, nn.Module, autograd and torch.optim.SGD."""
    masks = [torch.from_numpy(part) for _, part in PROBLEM.layout.split(genome.mask)]
    layers = [MaskedLinear(*reversed(mask.shape), mask) for mask in masks]
    net = nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for x, y in DataLoader(train, batch_size=60, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def medians(repeats: int, *functions: Callable[[], object]) -> list[float]:
    """Median seconds of each, taken in turns."""
    times = [[seconds(function) for function in functions] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def main() -> None:
    torch.set_num_threads(1)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train = Subset(datasets.MNIST(DATA, train=True, transform=transform), range(54_000))
    genomes = [initGenome(PROBLEM.initial_std(), 0.2, rng=np.random.default_rng(i)) for i in range(4)]
    evaluator = Evaluator(PROBLEM)
    evaluator(genomes[0])  # load the data, warm up

    usual, ours = medians(5, lambda: usual_way(genomes[0], train), lambda: evaluator(genomes[0]))
    print("one epoch of 54,000 samples and a validation on 6,000, one core, median of 5 in turns")
    print(f"  the usual way      {usual:6.2f} s")
    print(f"  nets-deap          {ours:6.2f} s   {usual / ours:.1f} times as fast")

    with MultiprocessMap(1) as one, MultiprocessMap(2) as two:
        runs = [lambda m=m: map_genomes(m, evaluator, genomes) for m in (one, two)]
        for run in runs:
            run()  # start the workers
        single, double = medians(5, *runs)
    print("four evaluations over worker processes, median of 5 in turns")
    print(f"  one worker         {single:6.2f} s")
    print(f"  two workers        {double:6.2f} s   {single / double:.2f} times as fast")

    copy, pickle = medians(51, lambda: deepcopy(genomes[0]), lambda: dumps(genomes[0]))
    print("one genome of 266,200 genes")
    print(f"  deepcopy           {1e3 * copy:6.2f} ms")
    print(f"  pickle             {1e3 * pickle:6.2f} ms   {len(dumps(genomes[0])) / 1e6:.2f} MB")
    print(f"torch {torch.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
