"""Targets: classes and what they are called, numbers, and the cases that samples belong to."""

from __future__ import annotations

from typing import Any

import numpy as np

from nets_deap.util.errors import NetsError

CASES = 10  # bins of the targets, where these are numbers
IGNORED = -100  # the label of a place that has none


def as_numbers(y: np.ndarray) -> np.ndarray:
    if y.dtype.kind not in "iufb":
        raise NetsError(f"the targets are of type {y.dtype}: expected numbers, for this `loss`")
    return y.astype(np.float32)


def _missing(label: Any) -> bool:
    return label is None or (isinstance(label, float) and np.isnan(label))


def labels(ys: list[np.ndarray]) -> tuple[Any, ...]:
    """What the classes are called, if they are not just 0, 1, …"""
    y = ys[0]
    if y.ndim > 1 or y.dtype.kind == "f":
        return ()
    if y.dtype.kind not in "iubOUS":
        raise NetsError(f"the targets are of type {y.dtype}: expected classes or numbers")
    if y.dtype == object and any(map(_missing, np.concatenate(ys))):
        raise NetsError("some samples have no target: leave them out")
    known = np.unique(np.concatenate([y.astype(str) if y.dtype == object else y for y in ys]))
    if known.dtype.kind in "iu" and known[0] == 0 and known[-1] == len(known) - 1:
        return ()
    return tuple(known.tolist())


def encoded(y: np.ndarray, labels: tuple[Any, ...]) -> np.ndarray:
    if y.ndim > 1 and y.dtype.kind not in "iufb":
        raise NetsError("the classes of places are words: number them 0, 1, … first")
    if labels:
        return np.searchsorted(np.array(labels), y.astype(str) if y.dtype == object else y).astype(np.int64)
    return y if y.dtype.kind == "f" else y.astype(np.int64)


def classes(ys: list[np.ndarray], labels: tuple[Any, ...]) -> int:
    """How many classes there are; 0 for numbers. Raises NetsError for labels that cannot be."""
    y = ys[0]
    if y.dtype.kind == "f":
        return 0
    least = min(int(np.where(y == IGNORED, 0, y).min()) for y in ys)
    if not labels and least < 0:
        raise NetsError(f"a target is {least}: expected classes 0, 1, …, or {IGNORED} for places without one")
    return len(labels) or max(int(y.max()) for y in ys) + 1


def edges(y: np.ndarray) -> np.ndarray:
    """Between the bins of the targets, so that each has as many training samples."""
    level = y.reshape(len(y), -1).mean(axis=1)
    if set(np.unique(level)) == {0.0, 1.0}:
        return np.array([0.5])  # no and yes
    return np.unique(np.quantile(level, np.linspace(0, 1, CASES + 1)[1:-1]))


def cases(y: np.ndarray, edges: np.ndarray | None) -> np.ndarray:
    """int64[n]: the class of each sample, its most frequent one if it has many, or the bin of its numbers."""
    if edges is not None:
        return np.searchsorted(edges, y.reshape(len(y), -1).mean(axis=1), side="right").astype(np.int64)
    if y.ndim == 1:
        return y
    rows = (row[row >= 0] for row in y.reshape(len(y), -1))
    return np.array([np.bincount(row, minlength=1).argmax() for row in rows], dtype=np.int64)
