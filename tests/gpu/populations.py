"""Populations of 1 to 1,000 genomes: an epoch's seconds, beside their floor.

They train as one stack, or, "one by one", as networks of their own that take turns.

The floor of a step is the larger of two times, at the ceilings measured on the same device:
  bytes: each weight is read in the forward pass, read and written in the update, with a byte of its mask;
         momentum reads and writes one more number a weight, Adam two; and of a convolutional network, each
         output of a layer is written once and read once for the gradients
  operations: those of direct products, two for each multiplication, forward, for the gradient of the weights
         and, but for the first layer, of the inputs
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.registry import build
from nets_deap.networks.backends import make_network, make_stack
from nets_deap.networks.fused_mlp import FusedMLP
from nets_deap.networks.protocol import Network
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from nets_deap.util.threads import as_usual

from .limits import Ceilings, operations_of_a_step, step_seconds

BATCH, EPOCH = 60, 900  # samples; steps of an epoch of MNIST's 54,000 training samples
TIMED = 300  # steps
SHAPES = {"resnet-20": (3, 32, 32)}  # of samples; others take MNIST's
BYTES = {"sgd": 13, "momentum": 21, "adam": 29}  # that a step moves, a weight
CASES = [  # network, genomes, optimizer, precision, how
    *(("lenet-300-100", size, "sgd", precision, "as chosen")
      for size in (1, 8, 64, 256, 1000) for precision in ("float32", "tf32", "bf16")),
    *(("lenet-300-100", size, "sgd", precision, how)
      for size in (1, 64, 1000) for precision in ("float32", "tf32", "bf16")
      for how in ("torch's products", "torch's products, not recorded")),
    *(("lenet-300-100", size, optimizer, "float32", "as chosen")
      for size in (64, 1000) for optimizer in ("momentum", "adam")),
    *(("conv-2", size, "adam", "float32", how)
      for size in (1, 8, 64) for how in ("as chosen", "torch's products, not recorded")),
    *(("cnn-8-16", size, "sgd", "float32", "as chosen") for size in (8, 256)),
    *(("resnet-20", size, "momentum", "float32", "one by one") for size in (1, 8, 64)),
    ("resnet-20", 8, "momentum", "float32", "as chosen"),
]  # fmt: skip


def rows(ceilings: Ceilings) -> Iterator[dict[str, object]]:
    data = torch.rand(1, 1)
    labels = torch.randint(10, (54_000,), device="cuda")
    for name, size, optimizer, precision, how in CASES:
        architecture = build(name, SHAPES.get(name, (1, 28, 28)), 10)
        if data.shape[1:] != architecture.input_shape:
            data = torch.rand(len(labels), *architecture.input_shape, device="cuda")
        row: dict[str, object] = {
            "network": name, "genomes": size, "optimizer": optimizer, "precision": precision, "how": how,
        }  # fmt: skip
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        rng = np.random.default_rng(0)
        weights = [
            rng.normal(0, 0.05, architecture.layout.size).astype(np.float32) for _ in range(min(size, 8))
        ]
        masks = [rng.random(architecture.layout.size) < 0.2 for _ in weights]
        these = [i % len(weights) for i in range(size)]
        try:
            population = _population(
                how, architecture, [weights[i] for i in these], [masks[i] for i in these],
                Recipe(optimizer, 1e-3, BATCH), precision,
            )  # fmt: skip
        except NetsError as error:
            yield row | {"remark": str(error)}
            continue
        if how.endswith("not recorded"):
            population._recorder = None
        targets = architecture.targets(labels, torch.float32)
        timed = TIMED if architecture.perceptron else TIMED // 5
        with as_usual():  # convolutions in float32
            step_seconds(population, data, targets, BATCH, 60)  # compiles, warms up, records
            taken = sorted(step_seconds(population, data, targets, BATCH, timed) for _ in range(3))[1] * EPOCH
        row |= {"back_end": type(population).__name__, "seconds": taken, "ms_a_genome": 1000 * taken / size}
        row["peak_gb"] = (torch.cuda.max_memory_allocated() - before) / 1e9
        # The fused kernels' float32 is three products of TF32.
        fused = isinstance(population, FusedMLP) and precision == "float32"
        of_operations = ceilings["tf32"] / 3 if fused else ceilings[precision]
        n = sum(architecture.layout.sizes)
        outputs = 0 if architecture.perceptron else 8 * BATCH * architecture.known().units
        floors = (BYTES[optimizer] * n + outputs) * size * EPOCH / ceilings["bytes"]
        operations = operations_of_a_step(architecture, data[:BATCH], targets[:BATCH]) * size * EPOCH
        row |= {"floor_bytes": floors, "floor_operations": operations / of_operations}
        row["times_the_floor"] = taken / max(floors, operations / of_operations)
        yield row
        del population


class OneByOne:
    """Networks that take turns, step by step."""

    def __init__(self, networks: list[Network]) -> None:
        self.networks = networks

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray) -> None:
        for network in self.networks:
            network.step(x, targets, chosen)


def _population(
    how: str,
    architecture: Architecture,
    weights: list[np.ndarray],
    masks: list[np.ndarray],
    recipe: Recipe,
    precision: str,
) -> Any:
    if how == "one by one":
        pairs = zip(weights, masks, strict=True)
        return OneByOne([make_network(architecture, *pair, recipe, "cuda") for pair in pairs])
    make = StackedMLP if how != "as chosen" and architecture.perceptron else make_stack
    return make(architecture, weights, masks, recipe, "cuda", precision=precision)
