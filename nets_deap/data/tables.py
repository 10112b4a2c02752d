"""Data sets in files: npz:FILE, csv:FILE?target=COLUMN and parquet:FILE?target=COLUMN."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from nets_deap.data import splitting
from nets_deap.data.preparation import Column
from nets_deap.util.errors import NetsError, shortened, unknown

KINDS = ("npz", "csv", "parquet")
FORMS = ("npz:FILE", "csv:FILE?target=COLUMN", "parquet:FILE?target=COLUMN")
MOST_WORDS = 1000  # in a column of words, each of which becomes a column of its own
MOST_CLASSES = 50  # different whole numbers in a target that still count as classes
NPZ = {
    "x_train": "train",
    "x": "train",
    "x_validation": "validation",
    "x_val": "validation",
    "x_test": "test",
}


class Read(NamedTuple):
    """parts: of the data, for `given.of`; columns: how a row of a table becomes a sample"""

    parts: dict[str, Any]
    columns: tuple[Column, ...] = ()


def read(name: str, split_seed: int = 0) -> Read:
    """The data of a file. Raises NetsError for one that cannot be read or lacks something."""
    kind, _, rest = name.partition(":")
    text, _, query = rest.partition("?")
    path, options = Path(text), dict(parse_qsl(query, keep_blank_values=True))
    if not path.is_file():
        raise NetsError(f"`dataset` {name}: there is no file {path}")
    if kind == "npz":
        if options:
            raise unknown("option of npz", min(options), ["none"])
        return Read(_npz(path))
    for key in options:
        if key not in ("target", "task", "test"):
            raise unknown(f"option of {kind}", key, ("target", "task", "test"))
    return _table(kind, path, options, split_seed)


def _npz(path: Path) -> dict[str, Any]:
    """x and y, or x_train, y_train, x_validation, y_validation, x_test, y_test; nothing is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise NetsError(f"{path} cannot be read as npz: {shortened(str(error), 100)}") from error
    except Exception as error:  # a damaged archive fails in many ways
        raise NetsError(f"{path} is damaged: {type(error).__name__}") from error
    named = {key.lower(): array for key, array in arrays.items()}
    parts: dict[str, Any] = {}
    for key, part in NPZ.items():
        if key not in named:
            continue
        if (targets := "y" + key.removeprefix("x")) not in named:
            raise NetsError(f"{path} has {key}, and no {targets}")
        if part in parts:
            raise NetsError(f"{path} has the {part} samples twice: leave out {key} and {targets}")
        parts[part] = (named[key], named[targets])
    if "train" not in parts:
        raise NetsError(
            f"{path} has {', '.join(sorted(arrays))[:80] or 'no arrays'}: expected x and y, or x_train, "
            "y_train, and perhaps x_validation, y_validation, x_test, y_test"
        )
    return parts


def _table(kind: str, path: Path, options: dict[str, str], split_seed: int) -> Read:
    """Columns of numbers, standardised by the training part; of words, one column of 0 and 1 for each
    word.
    """
    frame = _frame(kind, path)
    target = options.get("target", "")
    if target not in frame.columns:
        raise unknown(f"column of {path.name} for ?target=", target, map(str, frame.columns))
    y, features = frame[target], frame.drop(columns=target)
    if y.isna().any():
        raise NetsError(
            f"{path}: {int(y.isna().sum())} rows have no {target}: leave them out, or fill them in"
        )
    if not len(features.columns):
        raise NetsError(f"{path} has no column besides the target {target}")
    wanted, classes = _target(y, options.get("task", ""), path)
    try:
        share = float(options.get("test", "0.2"))
    except ValueError as error:
        raise NetsError(f"`dataset` {path}: test={options['test']} is no share") from error
    strata = np.unique(wanted, return_inverse=True)[1] if classes else np.zeros(len(y), dtype=np.int64)
    train, test = splitting.apart(strata, share, split_seed, "test")
    columns = tuple(_column(features[name], train, path) for name in features.columns)
    x = _encoded(features, columns)
    return Read({"train": (x[train], wanted[train]), "test": (x[test], wanted[test])}, columns)


def _frame(kind: str, path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
    except ImportError as error:
        raise NetsError(f"{path}: reading parquet needs pyarrow: pip install 'nets-deap[parquet]'") from error
    except Exception as error:  # pandas raises many kinds
        raise NetsError(f"{path} cannot be read as {kind}: {shortened(str(error), 100)}") from error


def _target(y: Any, task: str, path: Path) -> tuple[np.ndarray, bool]:
    """The targets, and whether they are classes: words, truth values, and whole numbers of few values are."""
    import pandas as pd

    if task not in ("", "classes", "numbers"):
        raise unknown("task", task, ("classes", "numbers"))
    numeric = pd.api.types.is_numeric_dtype(y) and not pd.api.types.is_bool_dtype(y)
    whole = pd.api.types.is_integer_dtype(y) and y.nunique() <= MOST_CLASSES
    if task == "numbers" and not numeric:
        raise NetsError(f"{path}: the target {y.name} has words, not numbers: take task=classes")
    if task == "classes" or (not task and (not numeric or whole)):
        return (y.to_numpy() if whole else y.map(str).to_numpy(dtype=str)), True
    return y.to_numpy(dtype=np.float32), False


def _column(column: Any, train: np.ndarray, path: Path) -> Column:
    """How a column becomes numbers, by its training part. Raises NetsError if it cannot."""
    import pandas as pd

    name = str(column.name)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise NetsError(
                f"{path}: column {name} has {int((~np.isfinite(numbers)).sum())} places without a finite "
                "number: fill them in, or leave the column out"
            )
        return Column(name, float(numbers[train].mean()), float(numbers[train].std()) or 1.0)
    known = sorted(column.map(str).iloc[train].unique())
    what = "dates" if pd.api.types.is_datetime64_any_dtype(column) else "words"
    if what == "dates" or len(known) > MOST_WORDS:
        raise NetsError(
            f"{path}: column {name} has {len(known):,} different {what}: turn it into numbers or "
            "fewer words, or leave it out"
        )
    return Column(name, words=tuple(known))


def _encoded(features: Any, columns: tuple[Column, ...]) -> np.ndarray:
    """float32[n, …]: the numbers that each column becomes."""
    parts = []
    for place, column in enumerate(columns):
        values = features.iloc[:, place]
        if column.words:
            part = values.map(str).to_numpy()[:, None] == np.array(column.words)[None]
        else:
            part = ((values.to_numpy(dtype=np.float64) - column.mean) / column.std)[:, None]
        parts.append(part.astype(np.float64))
    return np.hstack(parts).astype(np.float32)
