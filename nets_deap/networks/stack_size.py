"""How many networks form one stack: as many as the device's memory holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from nets_deap.data.dataset import Data
from nets_deap.models.architecture import Architecture
from nets_deap.networks.scoring import STACK_BATCH
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from nets_deap.util.memory import OutOfMemoryError

Item = TypeVar("Item")
Result = TypeVar("Result")
DEVICE_SHARE = 0.8  # of a GPU's memory; the rest is for its libraries and for fragmentation
HOST_MEMORY = 2**30  # bytes; on a CPU larger stacks are no faster


def usable_memory(device: str) -> int:
    """Bytes that a stack and the data set may take.

    It is a share of the device's total memory, not of its free memory. So the chunks, and with them the
    rounding, are the same in every run.
    """
    if torch.device(device).type == "cuda":
        return int(DEVICE_SHARE * torch.cuda.get_device_properties(device).total_memory)
    return HOST_MEMORY


def chunk_size(
    memory: int,
    architecture: Architecture,
    recipe: Recipe,
    data: Data,
    dtype: torch.dtype,
    precision: str = "float32",
) -> int:
    """How many networks fit into `memory` bytes next to the data set, in training and scoring; at least 1."""
    samples = recipe.samples(len(data.train.y))
    batch = recipe.batch_size or samples
    batches = batch + samples % batch if batch < samples else samples  # a smaller last one has buffers too
    units, validation = architecture.known().units, len(data.validation.y)
    descent = (
        recipe.descent
    )  # gradient, and optimiser state: a number a weight for momentum, else two or more
    states = 0 if descent.plain and not recipe.clip else 2 if descent.kind == "SGD" else 4
    numbers = (
        (2 + states) * architecture.layout.size
        + 2 * units * batches
        + (units + 4 * architecture.outputs) * min(STACK_BATCH, validation)
        + validation
    )
    if precision == "bf16":
        numbers += architecture.layout.size  # copies of weights and gradients, at half the size or less
    checked = (dtype.itemsize + 4) * architecture.layout.size  # memory that `assert_masked` needs
    losses = 2 * torch.double.itemsize * validation
    parts = (data.train, data.validation, data.test)
    data_set = sum(part.x.numel() * dtype.itemsize + part.y.nbytes for part in parts)
    targets = len(data.train.y) * architecture.outputs * dtype.itemsize
    return max(1, (memory - data_set - targets) // (numbers * dtype.itemsize + checked + losses))


def in_chunks(
    function: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], size: int
) -> list[Result]:
    """Apply `function` to at most `size` items at a time; a chunk that runs out of memory is halved.

    Raises NetsError if a single item runs out of memory.
    """
    results: list[Result] = []
    while len(results) < len(items):
        chunk = items[len(results) : len(results) + size]
        try:
            results += function(chunk)
        except (torch.cuda.OutOfMemoryError, OutOfMemoryError) as error:
            if len(chunk) == 1:
                raise NetsError(
                    "the device's memory does not hold the training of one genome: "
                    "try a smaller `batch_size`, or `device` cpu"
                ) from error
            size = len(chunk) // 2
    return results
