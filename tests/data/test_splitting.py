"""No class is left out of training, and none of validation if it can be helped."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nets_deap.data import loading, splitting
from nets_deap.data.loading import load
from nets_deap.data.sources import Raw
from nets_deap.util.errors import NetsError, NetsWarning
from tests.conftest import Ran


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(1, 60), min_size=2, max_size=12),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_training_has_every_class_and_validation_has_what_it_can(
    counts: list[int], share: float, seed: int
) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    size = round(share * len(y))
    if size == 0 or len(y) - size < len(counts):
        with pytest.raises(NetsError):
            splitting.for_validation(y, share, seed)
        return
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        train, validation = splitting.for_validation(y, share, seed)
    assert sorted([*train, *validation]) == list(range(len(y)))
    assert len(validation) == size
    assert set(y[train]) == set(y)
    possible = min(size, sum(count > 1 for count in counts))
    assert len(set(y[validation])) == possible
    assert len(told) == (possible < len(counts))


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=12), data=st.data())
def test_a_subset_has_every_class(counts: list[int], data: st.DataObject) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    limit = data.draw(st.integers(1, len(y) - 1))
    if limit < len(counts):
        with pytest.raises(NetsError, match="less than a sample for each"):
            splitting.subset(y, limit, 0)
        return
    chosen = splitting.subset(y, limit, 0)
    assert len(set(chosen)) == limit
    assert set(y[chosen]) == set(y)


def test_a_split_that_has_every_class_stays_as_it_was() -> None:
    y = np.arange(200) % 7
    for size in (20, 100):
        before = splitting.stratified(y, size, 3)
        found = splitting.for_validation(y, size / 200, 3)
        assert all(np.array_equal(*pair) for pair in zip(before, found, strict=True))


def _images(counts: list[int]) -> None:
    for part in ("train", "test"):
        for label, count in enumerate(counts):
            folder = Path(f"mine/{part}/{label:02}")
            folder.mkdir(parents=True)
            for i in range(count if part == "train" else 1):
                Image.new("RGB", (4, 4), (label, i, 9)).save(folder / f"{i}.png")


def test_one_image_of_each_class_is_refused() -> None:
    _images([1] * 30)
    with pytest.raises(NetsError, match="leaves 27 training samples for 30 classes"):
        load(f"folder:{Path.cwd()}/mine")


def test_a_rare_class_is_validated_too() -> None:
    _images([90, 3])
    data = load(f"folder:{Path.cwd()}/mine")
    assert data.train.y.bincount().tolist() == [82, 2]
    assert data.validation.y.bincount().tolist() == [8, 1]


def test_a_class_that_only_the_test_set_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.zeros((40, 1, 4, 4), np.uint8), np.arange(40) % 3
    raw = Raw(x[y < 2], y[y < 2], x, y)
    monkeypatch.setitem(loading.DATASETS, "digits", lambda *_: raw)
    load.cache_clear()
    with pytest.raises(NetsError, match="no training sample has the label 2"):
        load("digits")
    load.cache_clear()


def test_a_warning_is_one_line_on_stderr(cli: Callable[..., Ran]) -> None:
    arguments = ("--data-limit", "40", "--budget-steps", "1000000", "--out", "r", "--json")
    result = cli("random", "--density", "0.5", *arguments, "--validation", "0.1")
    assert result.code == 0
    assert result.err.startswith("Warning: the 4 validation samples lack 6 of 10 classes")
    assert len(result.err.splitlines()) == 1
    assert result.out.startswith("{")


def test_the_library_warns_in_its_own_category() -> None:
    load.cache_clear()
    with pytest.warns(NetsWarning, match="lack"):
        load("digits", limit=40)
