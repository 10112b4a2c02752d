"""How many networks train side by side: as many as the device's memory holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from nets_deap.data.loading import Data
from nets_deap.models.architecture import Architecture
from nets_deap.networks.scoring import STACK_BATCH
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError

Item = TypeVar("Item")
Result = TypeVar("Result")
DEVICE_SHARE = 0.8  # of a GPU's memory; the rest is for its libraries and for fragmentation
HOST_MEMORY = 2**30  # bytes; on a CPU larger stacks are no faster


def usable_memory(device: str) -> int:
    """Bytes that a stack and the data set may take.

    Of what the device has, not of what is free: so chunks, and with them rounding, stay the same.
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
    """How many networks fit into `memory` bytes beside the data set while they train and are scored; ≥ 1."""
    samples = recipe.samples(len(data.train.y))
    batch = recipe.batch_size or samples
    batches = batch + samples % batch if batch < samples else samples  # the smaller last one has its own
    units, validation = architecture.units, len(data.validation.y)
    states = {"sgd": 0, "momentum": 2}.get(recipe.optimizer, 3)  # the gradient, and what torch keeps
    numbers = (
        (2 + states) * architecture.layout.size
        + 2 * units * batches
        + (units + 4 * architecture.outputs) * min(STACK_BATCH, validation)
        + validation
    )
    if precision == "bf16":
        numbers += architecture.layout.size  # weights and gradients again, at half the size or less
    checked = (dtype.itemsize + 4) * architecture.layout.size  # `assert_masked`
    losses = 2 * torch.double.itemsize * validation
    parts = (data.train, data.validation, data.test)
    data_set = sum(part.x.numel() * dtype.itemsize + part.y.nbytes for part in parts)
    targets = len(data.train.y) * architecture.outputs * dtype.itemsize
    return max(1, (memory - data_set - targets) // (numbers * dtype.itemsize + checked + losses))


def in_chunks(
    function: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], size: int
) -> list[Result]:
    """`function` over at most `size` items at a time; a chunk that runs out of memory is halved.

    Raises NetsError where one item alone is too much.
    """
    results: list[Result] = []
    while len(results) < len(items):
        chunk = items[len(results) : len(results) + size]
        try:
            results += function(chunk)
        except torch.cuda.OutOfMemoryError as error:
            if len(chunk) == 1:
                raise NetsError(
                    "the device's memory does not hold the training of one genome: "
                    "try a smaller `batch_size`, or `device` cpu"
                ) from error
            size = len(chunk) // 2
    return results
