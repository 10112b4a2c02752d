"""Data sets of a user's own: arrays, tensors and torch data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nets_deap.data import splitting, targets
from nets_deap.data.materialised import is_loader, is_torch_dataset, materialised
from nets_deap.data.preparation import Preparation
from nets_deap.util import memory
from nets_deap.util.checksums import crc32
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import loading

KEYS = ("train", "validation", "test")


class Given(NamedTuple):
    """The fields of a `Data`, with arrays in place of tensors: samples, targets and cases of each part."""

    parts: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]]
    classes: int
    checksum: str
    cases: int
    labels: tuple[Any, ...]
    name: str
    normalisation: Preparation


class _Pair(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    scale: float = 1.0  # that the raw samples were divided by


def is_part(told: Any) -> bool:
    """Is this one set of samples with their targets?"""
    if is_torch_dataset(told):
        return True
    return (
        isinstance(told, tuple | list)
        and len(told) == 2
        and all(hasattr(each, "__len__") and not isinstance(each, str | Mapping) for each in told)
        and not any(isinstance(each, tuple) or is_torch_dataset(each) for each in told)
    )


@loading()
def of(
    data: Any,
    test: Any = None,
    validation: Any = 0.1,
    split_seed: int = 0,
    normalise: bool = False,
    limit: int | None = None,
    name: str = "the data",
    test_share: float = 0.2,
    numbers: bool = False,
) -> Given:
    """A data set of a user's own, as arrays; see `Data.of`.

    data: (x, y), arrays or tensors; a torch data set; a pair of these, (train, test); or a dictionary of
        train, perhaps validation, and test
    test: the test samples, likewise. Without any, a share `test_share` of the samples is set apart; 0 takes
        the validation samples for a test
    validation: samples, or the share of the training samples that is set apart
    normalise: subtract the mean and divide by the standard deviation of the training samples, of each channel
        or column. Floats are otherwise taken as they are; bytes of images are divided by 255
    limit: train and validate on so many of the samples only
    numbers: whole numbers that are targets are numbers, too

    Classes may have any names; whole numbers that are targets are classes, floats are numbers. Whole numbers
    that are samples are token ids. Splits keep the share of each class, or of each tenth of the targets.
    Raises NetsError, in one line, for whatever does not fit together.
    """
    parts = _parts(data, test)
    if is_part(validation):
        parts["validation"] = validation
    train = _pair(parts["train"], f"{name}, train")
    rest = None if parts.get("validation") is None else _pair(parts["validation"], f"{name}, validation")
    tested = None if parts.get("test") is None else _pair(parts["test"], f"{name}, test")
    pairs = [pair for pair in (train, rest, tested) if pair is not None]
    if numbers:
        pairs = [pair._replace(y=targets.as_numbers(pair.y)) for pair in pairs]
    _check_alike(pairs, name)
    labels = targets.labels([pair.y for pair in pairs])
    pairs = [pair._replace(y=targets.encoded(pair.y, labels)) for pair in pairs]
    train, others = pairs[0], pairs[1:]
    classes = targets.classes([pair.y for pair in pairs], labels)
    edges = targets.edges(train.y) if not classes else None
    named = splitting.CLASSES if classes and train.y.ndim == 1 else splitting.PARTS
    if tested is None and test_share:
        cases = targets.cases(train.y, edges)
        kept, chosen = splitting.apart(cases, test_share, split_seed, "test_share", named)
        tested_pair, train = _chosen(train, chosen), _chosen(train, kept)
    else:
        tested_pair = others.pop() if tested is not None else None  # type: ignore[assignment]
    if classes and train.y.ndim == 1:
        _check_classes(train.y, [*others, *([tested_pair] if tested_pair else [])], labels, name)
    if limit is not None and limit < len(train.y):
        train = _chosen(train, splitting.subset(targets.cases(train.y, edges), limit, split_seed, named))
    if rest is None:
        share = _share(validation)
        kept, chosen = splitting.for_validation(targets.cases(train.y, edges), share, split_seed, named)
        validating, train = _chosen(train, chosen), _chosen(train, kept)
    else:
        validating = others[0]
    return _finished(train, validating, tested_pair or validating, classes, edges, labels, normalise, name)


def _share(told: Any) -> float:
    if not isinstance(told, int | float) or not 0 < told < 1:
        raise NetsError(f"`validation` {told!r}: expected a share between 0 and 1, or (x, y)")
    return float(told)


def _parts(data: Any, test: Any) -> dict[str, Any]:
    several = data if isinstance(data, tuple | list) and len(data) == 2 else (data,)
    for told in (*several, test):
        if is_loader(told):
            raise NetsError("a DataLoader hides its samples: pass the data set it loads, `loader.dataset`")
    if isinstance(data, Mapping):
        if "train" not in data or (extra := set(data) - set(KEYS)):
            wrong = f"has '{min(extra, key=str)}'" if "train" in data else "has no 'train'"
            raise NetsError(f"the data {wrong}: expected train, and perhaps validation and test")
        return dict(data) | ({} if test is None else {"test": test})
    if is_part(data):
        return {"train": data, "test": test}
    if isinstance(data, tuple | list) and len(data) == 2 and all(map(is_part, data)):
        return {"train": data[0], "test": data[1]}
    raise NetsError(
        f"the data are {type(data).__name__}: expected (x, y), a torch data set, a pair (train, test) of "
        "these, or a dictionary with train, validation and test"
    )


@memory.told("take fewer samples, by `limit`")
def _pair(told: Any, what: str) -> _Pair:
    """Arrays of samples and targets. Raises NetsError for what is neither, and for numbers that are none."""
    if not is_part(told):
        raise NetsError(f"{what}: {type(told).__name__}, expected (x, y) or a torch data set")
    x, y = materialised(told, what) if is_torch_dataset(told) else map(_array, told, ("samples", "targets"))
    if not len(x):
        raise NetsError(f"{what}: there are no samples")
    if len(x) != len(y):
        raise NetsError(f"{what}: {len(x):,} samples with {len(y):,} targets: give one target for each")
    scale = 255.0 if x.dtype == np.uint8 and x.ndim > 2 else 1.0
    if scale != 1:
        x = x.astype(np.float32) / np.float32(scale)
    x = _numbers(x, f"{what}: the samples")
    if y.dtype.kind == "f":
        y = _numbers(y, f"{what}: the targets")
    return _Pair(x, y, scale)


def _array(told: Any, what: str) -> np.ndarray:
    if hasattr(told, "detach"):  # a tensor
        told = told.detach().cpu().numpy()
    if hasattr(told, "toarray"):
        raise NetsError(f"the {what} are a sparse matrix: pass a dense one, by `.toarray()`")
    try:
        array = np.asarray(told)
    except ValueError as error:
        raise NetsError(f"the {what} have different shapes: pad them to one first") from error
    if array.dtype == object and what == "samples":
        try:
            array = array.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise NetsError(f"the {what} are no numbers: encode them first") from error
    if not array.ndim:
        raise NetsError(f"the {what} are a single {type(told).__name__}: expected an array")
    return array


def _numbers(array: np.ndarray, what: str) -> np.ndarray:
    """float32, or int64 for whole numbers. Raises NetsError for NaN, infinity, and what are no numbers."""
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind not in "fb":
        raise NetsError(f"{what} are of type {array.dtype}: expected numbers")
    numbers = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(numbers).all():
        places = np.argwhere(~np.isfinite(numbers))
        raise NetsError(
            f"{what} have {len(places):,} numbers that are NaN or infinite, the first in sample "
            f"{places[0][0]}: fill them in, or leave those samples out"
        )
    return numbers


def _check_alike(pairs: list[_Pair], name: str) -> None:
    first = pairs[0]
    for pair in pairs[1:]:
        for what, ours, theirs in (("samples", first.x, pair.x), ("targets", first.y, pair.y)):
            if ours.shape[1:] != theirs.shape[1:] or (ours.dtype.kind != theirs.dtype.kind):
                raise NetsError(
                    f"{name}: the {what} differ from part to part: {list(ours.shape)} of {ours.dtype}, and "
                    f"{list(theirs.shape)} of {theirs.dtype}"
                )


def _check_classes(y: np.ndarray, others: list[_Pair], labels: tuple[Any, ...], name: str) -> None:
    for pair in others:
        if (untrained := np.setdiff1d(pair.y, y)).size:
            label = labels[untrained[0]] if labels else untrained[0]
            raise NetsError(f"{name}: no training sample has the label {label}, which other samples have")
    if len(np.unique(y)) < 2:
        raise NetsError(f"{name}: all training samples are of one class: there is nothing to tell apart")


def _chosen(pair: _Pair, places: np.ndarray) -> _Pair:
    return pair._replace(x=pair.x[places], y=pair.y[places])


def _finished(
    train: _Pair,
    validation: _Pair,
    test: _Pair,
    classes: int,
    edges: np.ndarray | None,
    labels: tuple[Any, ...],
    normalise: bool,
    name: str,
) -> Given:
    preparation = Preparation(train.scale)
    if normalise:
        if train.x.dtype.kind != "f":
            raise NetsError(f"{name}: whole numbers are token ids, which are not normalised: pass floats")
        axes = (0, *range(2, train.x.ndim))
        mean, std = (
            train.x.mean(axes, np.float64, keepdims=True),
            train.x.std(axes, np.float64, keepdims=True),
        )
        std = np.where(std < 1e-6, 1, std)
        train, validation, test = (
            pair._replace(x=((pair.x - mean) / std).astype(np.float32)) for pair in (train, validation, test)
        )
        preparation = preparation._replace(mean=tuple(mean.ravel().tolist()), std=tuple(std.ravel().tolist()))
    plain = classes and train.y.ndim == 1

    def part(pair: _Pair) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        cases = None if plain else targets.cases(pair.y, edges)
        return np.ascontiguousarray(pair.x), np.ascontiguousarray(pair.y), cases

    pairs = (train, validation, test)
    parts = dict(zip(KEYS, map(part, pairs), strict=True))
    cases = classes if edges is None else len(edges) + 1
    checksum = crc32(*(array for pair in pairs for array in (pair.x, pair.y)))
    return Given(parts, classes, checksum, cases, labels, name, preparation)
