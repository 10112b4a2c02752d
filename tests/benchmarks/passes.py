"""What a sparse step of ResNet-20 waits for: milliseconds of each kernel, the speed of memory, bytes moved.

The count of bytes: for each convolution, PASSES over an image of the size of its outputs.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.individuals.genome import initGenome
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks import sparse_module
from nets_deap.networks.interleaved.layout import MARGIN
from nets_deap.networks.kernels import images
from nets_deap.networks.multiply_adds import multiply_adds
from nets_deap.networks.sparse_module import SparseModule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.threads import flushed_denormals

from .measure import Row, medians

BATCH, STEPS, DENSITY = 128, 20, 0.02
NUMBERS = 2**26  # of a tensor that is copied: 256 MiB
EARLIER = 2  # steps that are not counted: they allocate
# Forward: the convolution reads its inputs and writes its sums; the normalisation reads these and writes.
# Back: the sums, their errors and what the normalisation wrote are read, and the inputs, for the gradient;
# the sums before the inputs are read, and the errors of the inputs written. What comes past a residual block
# is left out.
PASSES = 4 + 6


def rows() -> Iterator[Row]:
    threads = torch.get_num_threads()
    source = torch.randn(NUMBERS)
    target = torch.empty_like(source)
    architecture = build("resnet-20", (3, 32, 32), 10)
    genome = initGenome(initial_std(architecture.layout), DENSITY, rng=np.random.default_rng(0))
    network = SparseModule(architecture, genome.weights, genome.mask, Recipe("sgd:momentum=0.9", 0.01, BATCH))
    x = torch.randn(BATCH, 3, 32, 32)
    targets = architecture.targets(torch.arange(BATCH) % 10, torch.float32)
    moved = PASSES * _bytes_of_images(architecture.module()) / 1e9
    operations = 3 * 2 * BATCH * _active(architecture, genome.mask) / 1e9
    for cores in (1, 2):
        torch.set_num_threads(cores)
        where = f"{cores} core{'s' * (cores > 1)}"
        (seconds,) = medians(9, lambda: target.copy_(source))
        fast = 2 * source.nbytes / seconds / 1e9
        yield Row(f"a copy, read and written, {where}", fast, "GB/s")
        spent: dict[str, float] = defaultdict(float)
        with flushed_denormals(), patch.object(images, "kernel", _timed(spent)):
            for _ in range(EARLIER):
                network.step(x, targets)
            spent.clear()
            start = time.perf_counter()
            for _ in range(STEPS):
                network.step(x, targets)
            step = (time.perf_counter() - start) / STEPS
        of_a_core = {name: taken / STEPS / cores for name, taken in spent.items()}
        of_a_core["all else"] = step - sum(of_a_core.values())
        for name, taken in sorted(of_a_core.items(), key=lambda each: -each[1]):
            what = f"resnet-20, {BATCH} images, {DENSITY:.0%}, {where}: {name}"
            yield Row(what, 1e3 * taken, "ms", taken / step, "of the step")
        floor = f"resnet-20, {BATCH} images, {DENSITY:.0%}, {where}: {moved:.2f} GB at the speed of a copy"
        yield Row(floor, 1e3 * moved / fast, "ms", moved / fast / step, "of the step")
    yield Row(f"resnet-20, {BATCH} images, {DENSITY:.0%}: operations of a step", operations, "GFLOP")
    torch.set_num_threads(threads)


def _bytes_of_images(module: nn.Module) -> int:
    """Of the outputs of all convolutions, with their margins, for a minibatch."""
    sizes: list[int] = []

    def note(_module: nn.Module, _inputs: object, out: Tensor) -> None:
        _, channels, rows, cols = out.shape
        sizes.append(4 * BATCH * channels * (rows + 2 * MARGIN) * (cols + 2 * MARGIN))

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(note)
    with torch.no_grad():
        module(torch.randn(1, 3, 32, 32))
    return sum(sizes)


def _active(architecture: Architecture, mask: np.ndarray) -> float:
    """Multiply-adds of a sample that the mask leaves."""
    counted = multiply_adds(architecture.module().eval(), torch.randn(1, 3, 32, 32))
    return sparse_module.active_share(architecture, mask) * sum(counted.values())


def _timed(spent: dict[str, float]) -> Any:
    """`images.kernel`, whose functions add the seconds that they take, in each thread."""
    plain, lock = images.kernel, threading.Lock()

    def kernel(name: str, dtype: torch.dtype) -> Any:
        def call(*arguments: Any) -> None:
            start = time.perf_counter()
            plain(name, dtype)(*arguments)
            with lock:
                spent[name] += time.perf_counter() - start

        return call

    return kernel
