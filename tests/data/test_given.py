from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from typing import Any

import dill
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from nets_deap import Data
from nets_deap.util.errors import NetsError

X = np.random.default_rng(0).standard_normal((60, 5), dtype=np.float32)
Y = np.arange(60) % 3


class Items(Dataset):
    """A data set of items."""

    def __init__(self, change: Callable[[int], Any] | None = None) -> None:
        self.change = change or (lambda i: (X[i], int(Y[i])))

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> Any:
        return self.change(i)


class Endless(IterableDataset):
    def __iter__(self) -> Any:
        return iter(())


FORMS: dict[str, Any] = {
    "arrays": (X, Y),
    "lists": [X.tolist(), Y.tolist()],
    "tensors": (torch.from_numpy(X), torch.from_numpy(Y)),
    "a torch data set": Items(),
    "tensors in a data set": TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
    "a pair": ((X[:48], Y[:48]), (X[48:], Y[48:])),
    "a dictionary": {"train": (X[:48], Y[:48]), "test": Items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_a_user_has_becomes_data(form: str) -> None:
    data = Data.of(FORMS[form])
    assert data.classes == data.cases == 3
    assert data.input_shape == (5,)
    assert data.train.x.dtype == torch.float32
    assert (
        set(data.train.y.tolist())
        == set(data.validation.y.tolist())
        == set(data.test.y.tolist())
        == {0, 1, 2}
    )
    assert len(data.train.y) + len(data.validation.y) == 48
    assert Data.of(FORMS[form]).checksum == data.checksum


def test_parts_that_are_given_stay_as_they_are() -> None:
    data = Data.of({"train": (X[:30], Y[:30]), "validation": (X[30:40], Y[30:40]), "test": (X[40:], Y[40:])})
    for part, at in ((data.train, slice(30)), (data.validation, slice(30, 40)), (data.test, slice(40, None))):
        assert (part.x.numpy() == X[at]).all()
        assert (part.y.numpy() == Y[at]).all()


def test_classes_may_have_any_names() -> None:
    named = Data.of((X, np.array(["ash", "oak", "elm"])[Y]))
    assert named.labels == ("ash", "elm", "oak")
    gaps = Data.of((X, np.array([2, 5, 9])[Y]))
    assert gaps.labels == (2, 5, 9)
    assert named.classes == gaps.classes == 3
    assert Data.of((X, Y)).labels == ()


def test_numbers_are_split_and_judged_by_tenths() -> None:
    y = np.arange(600, dtype=np.float32)
    data = Data.of((np.zeros((600, 2), np.float32), y), test_share=0)
    assert (data.classes, data.cases) == (0, 10)
    counts = torch.bincount(data.train.of_case)
    assert counts.tolist() == pytest.approx([54] * 10, abs=1)
    order = data.train.y.argsort()
    assert (data.train.of_case[order].diff() >= 0).all()  # the greater the number, the higher its bin


def test_classes_of_places_have_the_commonest_as_their_case() -> None:
    y = np.tile([[0, 1, 1, -100]], (20, 1))
    y[:10] = [2, 2, 2, 0]
    data = Data.of((np.zeros((20, 4), np.int64), y), test_share=0)
    assert data.train.x.dtype == torch.int64
    assert data.classes == 3
    assert set(data.train.of_case.tolist()) == {1, 2}


def test_normalisation_is_optional_and_said() -> None:
    raw, normal = Data.of((X + 5, Y)), Data.of((X + 5, Y), normalise=True)
    assert str(raw.normalisation) == "none"
    assert float(raw.train.x.mean()) > 4
    assert normal.train.x.mean(dim=0).abs().max() < 1e-5
    assert normal.train.x.std(dim=0, correction=0).numpy() == pytest.approx(np.ones(5), abs=1e-4)
    assert "divided by" in str(normal.normalisation)


def test_bytes_of_images_are_shares() -> None:
    images = np.full((20, 1, 2, 2), 255, dtype=np.uint8)
    assert float(Data.of((images, np.arange(20) % 2)).train.x.max()) == 1


def test_in_a_pickle_data_are_a_reference() -> None:
    data = Data.of((np.zeros((2000, 100), np.float32), np.arange(2000) % 2))
    told = dill.dumps(data)
    assert len(told) < 1000
    assert pickle.loads(told) is data
    assert len(dill.dumps({"of": data, "and": data})) < 1500


BAD: dict[str, tuple[Any, str]] = {
    "a loader": (DataLoader(Items()), "a DataLoader hides its samples: pass the data set it loads"),
    "a loader in a pair": ((DataLoader(Items()), DataLoader(Items())), "a DataLoader hides its samples"),
    "no length": (Endless(), "the data set has no length, so it cannot be held in memory"),
    "a number": (7, "the data are int: expected \\(x, y\\), a torch data set"),
    "no train": ({"test": (X, Y)}, "the data has no 'train'"),
    "another key": ({"train": (X, Y), "tests": (X, Y)}, "the data has 'tests'"),
    "nothing": ((X[:0], Y[:0]), "there are no samples"),
    "lengths": ((X, Y[:50]), "60 samples with 50 targets"),
    "NaN": (
        (np.where(X[7, 1] == X, np.nan, X), Y),
        "1 numbers that are NaN or infinite, the first in sample 7",
    ),
    "infinite targets": ((X, np.full(60, np.inf)), "the targets have 60 numbers that are NaN or infinite"),
    "words": ((X.astype(str), Y), "the samples are of type <U"),
    "ragged": (([[1.0], [1.0, 2.0]], [0, 1]), "the samples have different shapes: pad them"),
    "one class": ((X, 0 * Y), "all training samples are of one class"),
    "a class that is not trained": (((X[Y < 2], Y[Y < 2]), (X, Y)), "no training sample has the label 2"),
    "fewer samples than classes": ((X[:5], np.arange(5)), "leaves 4 samples for 5 classes: give more"),
    "other shapes": (((X, Y), (X[:, :2], Y)), "the samples differ from part to part"),
    "a negative class": ((X, np.tile(Y[:, None] - 7, 2)), "a target is -7: expected classes 0, 1"),
    "items that are none": (Items(lambda i: X[i]), "sample 0 is ndarray, expected \\(x, y\\)"),
    "items of several shapes": (Items(lambda i: (X[i, : 1 + i % 2], 0)), "sample 1 is \\[2\\] with target"),
    "an item that raises": (Items(lambda i: 1 / 0), "sample 0 raised ZeroDivisionError"),
}


@pytest.mark.parametrize("name", BAD)
def test_data_that_cannot_be_are_refused_in_one_line(name: str) -> None:
    given, says = BAD[name]
    with pytest.raises(NetsError, match=says) as raised:
        Data.of(given)
    assert not re.search("\n", str(raised.value))
