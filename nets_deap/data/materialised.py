"""Torch data sets as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from nets_deap.util import memory, waiting
from nets_deap.util.errors import NetsError, raised
from nets_deap.util.lazy import loaded


def _torch_class(name: str) -> Any:
    """A class of `torch.utils.data`; None if nobody has imported torch, so that nothing can be one."""
    module = loaded("torch.utils.data")
    return getattr(module, name) if module else None


def is_loader(told: Any) -> bool:
    kind = _torch_class("DataLoader")
    return kind is not None and isinstance(told, kind)


def is_torch_dataset(told: Any) -> bool:
    kind = _torch_class("Dataset")
    return kind is not None and isinstance(told, kind)


def materialised(dataset: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """All samples and targets of a torch data set, as arrays.

    Raises NetsError for one without a length, for samples of different shapes, and for more than memory
    holds.
    """
    if isinstance(dataset, _torch_class("IterableDataset")) or not hasattr(dataset, "__len__"):
        raise NetsError(f"{what}: the data set has no length, so it cannot be held in memory: pass arrays")
    tensors = getattr(dataset, "tensors", None)
    if isinstance(dataset, _torch_class("TensorDataset")) and len(tensors or ()) == 2:
        return tensors[0].detach().cpu().numpy(), tensors[1].detach().cpu().numpy()  # type: ignore[index]
    count = len(dataset)
    if not count:
        raise NetsError(f"{what}: there are no samples")
    first = _item(dataset, 0, what)
    memory.check(float(count) * first[0].nbytes, f"{what}: {count:,} samples", "pass fewer, by a Subset")
    x = np.empty((count, *first[0].shape), dtype=first[0].dtype)
    y = np.empty((count, *first[1].shape), dtype=first[1].dtype)
    for i in waiting.counted("reading the data set", range(count), count):
        sample, target = first if i == 0 else _item(dataset, i, what)
        if (sample.shape, target.shape) != (first[0].shape, first[1].shape):
            raise NetsError(
                f"{what}: sample {i} is {list(sample.shape)} with target {list(target.shape)}, the "
                f"first was {list(first[0].shape)} with {list(first[1].shape)}: give all one shape"
            )
        x[i], y[i] = sample, target
    return x, y


def _item(dataset: Any, i: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        told = dataset[i]
    except Exception as error:
        raise NetsError(f"{what}: sample {i} raised {raised(error)}") from error
    if not isinstance(told, tuple | list) or len(told) != 2:
        raise NetsError(f"{what}: sample {i} is {type(told).__name__}, expected (x, y)")
    sample, target = (_plain(each) for each in told)
    return sample, target


def _plain(told: Any) -> np.ndarray:
    if hasattr(told, "detach"):
        return np.asarray(told.detach().cpu().numpy())
    array = np.asarray(told)
    if hasattr(told, "mode") and array.ndim in (2, 3):  # an image, which has its channels last
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return array
