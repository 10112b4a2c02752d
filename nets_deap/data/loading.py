"""Load a data set by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nets_deap.data import splitting, tables
from nets_deap.data.dataset import Data, Part
from nets_deap.data.preparation import AS_GIVEN, Preparation
from nets_deap.data.sources import DATASETS, Raw, check_name, from_folder, is_own
from nets_deap.util import agreed, imports, memory
from nets_deap.util.checksums import crc32
from nets_deap.util.errors import NetsError, raised
from nets_deap.util.random_streams import loading
from nets_deap.util.threads import as_usual

if TYPE_CHECKING:
    import torch

AT_ONCE = 1024  # samples


@imports.cached(2, lambda name, *_, **__: {"dataset": name} if is_own(name) else {})
@memory.told("take fewer samples, by `data_limit`, or smaller ones")
@as_usual()
@loading()  # libraries draw from `random` when they are imported
def load(
    name: str,
    data_dir: str = "data",
    download: bool = False,
    limit: int | None = None,
    validation: float = 0.1,
    split_seed: int = 0,
) -> Data:
    """Load a data set, once per process.

    limit: train (and validate) on a stratified subset of this many training samples
    validation: the share of the training samples that becomes the validation set, stratified and drawn
        with `split_seed`, which is independent of the run's seed: every method sees the same split
    Every class is in the training part; a warning (NetsWarning) tells of classes that validation lacks.
    Raises NetsError if the data is missing, and the message says how to get it; and for too few samples.
    """
    found = _loaded(name, agreed.folder(data_dir), download, limit, validation, split_seed)
    call = (__name__, "load", (name, data_dir, download, limit, validation, split_seed))
    agreed.agree(call, found.checksum, f"the data set {name}")
    return found


def _loaded(
    name: str, data_dir: str, download: bool, limit: int | None, validation: float, split_seed: int
) -> Data:
    import torch

    check_name(name)
    if name.startswith(tuple(f"{kind}:" for kind in tables.KINDS)):
        table = tables.read(name, split_seed)
        given = Data.of(table.parts, validation=validation, split_seed=split_seed, limit=limit, name=name)
        return replace(given, normalisation=given.normalisation._replace(columns=table.columns))
    if is_own(name):
        own = _own(name)
        if isinstance(own, Data) and limit is not None:
            raise NetsError(f"{name} returns data that are split already: leave `data_limit` out")
        if isinstance(own, Data):
            return own
        return Data.of(own, validation=validation, split_seed=split_seed, limit=limit, name=name)
    raw = (
        from_folder(name.removeprefix("folder:"))
        if name.startswith("folder:")
        else DATASETS[name](Path(data_dir), download)
    )
    train_x, train_y = raw.train_x, raw.train_y
    if (untrained := np.setdiff1d(raw.test_y, train_y)).size:
        raise NetsError(f"{name}: no training sample has the label {untrained[0]}, which test samples have")
    if limit is not None and limit < len(train_y):
        chosen = splitting.subset(train_y, limit, split_seed)
        train_x, train_y = train_x[chosen], train_y[chosen]
    if raw.validation is not None:
        val_x, val_y = raw.validation
    else:
        rest, chosen = splitting.for_validation(train_y, validation, split_seed)
        val_x, val_y = train_x[chosen], train_y[chosen]
        train_x, train_y = train_x[rest], train_y[rest]

    shape = (1, -1) + (1,) * (train_x.ndim - 2)
    mean, std = _statistics(raw, train_x)

    def part(x: np.ndarray, y: np.ndarray) -> Part:
        samples = torch.from_numpy(np.array(x, dtype=np.float32, order="C"))  # contiguous, for the kernels
        if raw.normalise:
            samples.div_(raw.scale).sub_(mean.reshape(shape)).div_(std.reshape(shape))
        return Part(samples, torch.from_numpy(np.array(y, dtype=np.int64)))

    return Data(
        part(train_x, train_y),
        part(val_x, val_y),
        part(raw.test_x, raw.test_y),
        classes=int(max(raw.train_y.max(), raw.test_y.max())) + 1,
        checksum=crc32(train_x, train_y, val_x, val_y, raw.test_x, raw.test_y),
        name=name,
        normalisation=_preparation(name, raw, mean, std),
    )


def _preparation(name: str, raw: Raw, mean: torch.Tensor, std: torch.Tensor) -> Preparation:
    if not raw.normalise:
        return AS_GIVEN
    bits = 0 if not name.startswith("folder:") else 8 if raw.scale == 255 else 16
    return Preparation(raw.scale, tuple(mean.tolist()), tuple(std.tolist()), bits)


def _own(name: str) -> Any:
    """What a user's function returns."""
    try:
        return imports.function(name, "dataset")()
    except (NetsError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # it may call sys.exit
        raise NetsError(f"the dataset {name} raised {raised(error)}") from error


def _statistics(raw: Raw, train_x: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation per channel, for pixels scaled to [0, 1]."""
    import torch

    if raw.mean is not None and raw.std is not None:
        return torch.tensor([raw.mean]), torch.tensor([raw.std])
    channels = np.moveaxis(train_x, 1, 0)
    mean, std = zip(*map(_moments, channels), strict=True)
    return (
        torch.tensor(np.array(mean) / raw.scale, dtype=torch.float32),
        torch.tensor(np.maximum(np.array(std) / raw.scale, 1e-6), dtype=torch.float32),
    )


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation. Those of bytes follow from their counts, in less time and memory."""
    if values.dtype != np.uint8:
        return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    counts = np.zeros(256, dtype=np.int64)
    for first in range(0, len(values), AT_ONCE):
        counts += np.bincount(values[first : first + AT_ONCE].ravel(), minlength=256)
    mean = float(counts @ np.arange(256) / values.size)
    return mean, float(counts @ (np.arange(256) - mean) ** 2 / values.size) ** 0.5
