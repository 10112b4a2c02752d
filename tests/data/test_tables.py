from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nets_deap.data.loading import load
from nets_deap.util.errors import NetsError

ROWS = 40
TABLE = pd.DataFrame(
    {
        "height": np.arange(ROWS) * 1.5,
        "colour": ["red", "blue"] * (ROWS // 2),
        "kind": ["a", "b", "c", "d"] * (ROWS // 4),
        "price": np.linspace(0, 1, ROWS),
        "stars": [1, 2, 3, 4] * (ROWS // 4),
    }
)


@pytest.fixture(autouse=True)
def _table(tmp_path: Path) -> None:
    load.cache_clear()
    TABLE.to_csv("t.csv", index=False)


def test_columns_of_numbers_are_standardised_and_words_become_columns() -> None:
    data = load("csv:t.csv?target=kind")
    assert data.classes == 4
    assert data.labels == ("a", "b", "c", "d")
    assert data.input_shape == (1 + 2 + 1 + 1,)  # height, two colours, price, stars
    x = np.concatenate([data.train.x.numpy(), data.validation.x.numpy()])
    assert x[:, 0].mean() == pytest.approx(0, abs=1e-5)
    assert x[:, 0].std() == pytest.approx(1, abs=1e-5)
    assert set(x[:, 1].tolist()) == {0, 1}
    assert (x[:, 1] + x[:, 2] == 1).all()
    assert len(data.test.y) == 8


@pytest.mark.parametrize(
    ("target", "classes"),
    [("price", 0), ("stars", 4), ("stars&task=numbers", 0), ("price&task=classes", ROWS)],
)
def test_whole_numbers_of_few_values_are_classes_unless_said_otherwise(target: str, classes: int) -> None:
    if classes == ROWS:
        with pytest.raises(NetsError):  # more classes than a training part can hold
            load(f"csv:t.csv?target={target}")
        return
    assert load(f"csv:t.csv?target={target}").classes == classes


def test_arrays_in_a_file_are_read_without_unpickling() -> None:
    x, y = np.zeros((20, 3), np.float32), np.arange(20) % 2
    np.savez("whole.npz", x=x, y=y)
    np.savez("parts.npz", x_train=x, y_train=y, x_val=x[:4], y_val=y[:4], x_test=x[:6], y_test=y[:6])
    np.savez("objects.npz", x=np.array([{}, {}]), y=np.arange(2))
    assert len(load("npz:whole.npz").test.y) == 4
    parts = load("npz:parts.npz")
    assert [len(part.y) for part in (parts.train, parts.validation, parts.test)] == [20, 4, 6]
    with pytest.raises(NetsError, match="cannot be read as npz: Object arrays cannot be loaded"):
        load("npz:objects.npz")
    np.savez("capitals.npz", X_TRAIN=x, Y_train=y)
    assert len(load("npz:capitals.npz").test.y) == 4
    np.savez("twice.npz", x_train=x, y_train=y, x=x, y=y)
    with pytest.raises(NetsError, match="has the train samples twice: leave out x and y"):
        load("npz:twice.npz")
    np.savez("alone.npz", x_train=x, y_train=y, x_test=x)
    with pytest.raises(NetsError, match="has x_test, and no y_test"):
        load("npz:alone.npz")


def test_a_function_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own_data.py").write_text(
        "import numpy as np\n"
        "def good(): return np.zeros((20, 3), np.float32), np.arange(20) % 2\n"
        "def bad(): return 'nonsense'\n"
        "def raises(): raise RuntimeError('no disk')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(Path.cwd()))
    assert load("own_data:good").classes == 2
    for name, says in (
        ("bad", "the data are str: expected \\(x, y\\)"),
        ("raises", "the dataset own_data:raises raised RuntimeError: no disk"),
        ("none", "'own_data' has no function 'none'"),
    ):
        with pytest.raises(NetsError, match=says):
            load(f"own_data:{name}")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("csv:u.csv?target=kind", "there is no file u.csv"),
        ("csv:t.csv?target=kin", "did you mean 'kind'"),
        ("csv:t.csv", "unknown column of t.csv"),
        ("csv:t.csv?goal=kind", "unknown option of csv 'goal'"),
        ("csv:t.csv?target=colour&task=numbers", "has words, not numbers: take task=classes"),
        ("csv:t.csv?target=kind&test=2", "`test` 2: expected a share between 0 and 1"),
        ("npz:t.csv", "cannot be read as npz|is damaged"),
        ("parquet:t.csv?target=kind", "cannot be read as parquet|needs pyarrow"),
    ],
)
def test_a_file_that_does_not_serve_is_one_line(name: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        load(name)


def test_parquet_holds_the_same_as_csv() -> None:
    TABLE.to_parquet("t.parquet")
    ours, theirs = load("parquet:t.parquet?target=kind"), load("csv:t.csv?target=kind")
    assert ours.train.x.equal(theirs.train.x)
    assert ours.test.y.equal(theirs.test.y)
    assert ours.labels == theirs.labels


def test_columns_of_too_many_words_are_told() -> None:
    rows = 1400
    table = pd.DataFrame({"name": [f"n{i}" for i in range(rows)], "kind": ["a", "b"] * (rows // 2)})
    table.to_csv("names.csv", index=False)
    with pytest.raises(NetsError, match=r"column name has 1,\d\d\d different words: turn it into numbers"):
        load("csv:names.csv?target=kind")
    TABLE.assign(day=pd.date_range("2026-01-01", periods=ROWS)).to_parquet("days.parquet")
    with pytest.raises(NetsError, match="column day has 32 different dates: turn it into numbers"):
        load("parquet:days.parquet?target=kind")


def test_rows_without_a_number_are_told() -> None:
    TABLE.assign(height=[np.nan, *range(ROWS - 1)]).to_csv("gaps.csv", index=False)
    with pytest.raises(NetsError, match="column height has 1 places without a finite number"):
        load("csv:gaps.csv?target=kind")
    TABLE.assign(kind=[None, *["a", "b", "c"] * 13]).to_csv("gaps.csv", index=False)
    with pytest.raises(NetsError, match="1 rows have no kind"):
        load("csv:gaps.csv?target=kind")
