"""Tables as CSV: lists of rows with the same keys."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nets_deap.util import files
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.schema import is_plain

Row = dict[str, Any]
# Column that counts the rows of a logbook -> what it counts
COUNTED = {"gen": "generation", "cycle": "cycle", "step": "gradient step"}


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows with the same keys; floats in full precision.

    Raises NetsError for a text that a spreadsheet or a terminal would do more with than show it.
    """
    files.write_text(path, as_csv(rows))


def in_words(row: Mapping[str, object]) -> str:
    """A row in a line of text, with rounded numbers."""
    told = (f"{value:.6g}" if isinstance(value, float) else str(value) for value in row.values())
    return ", ".join(f"{key} {value}" for key, value in zip(row, told, strict=True))


def as_csv(rows: Sequence[Row]) -> str:
    """The text that `write_csv` writes."""
    import pandas as pd

    for row in rows:
        for cell in (*row, *row.values()):
            if isinstance(cell, str):
                _check(cell)
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def _check(text: str) -> None:
    if not is_plain(text):
        raise NetsError(f"a table cannot hold {text[:60]!r}: expected plain text, and no formula")


def read_csv(path: Path) -> list[Row]:
    """The rows that `write_csv` wrote, with exactly the same numbers; missing values are NaN.

    Raises NetsError for a file that cannot be read, DamagedError for one that ends in mid-row, whose rows
    differ in length, or which holds other text than `write_csv` writes.
    """
    try:
        text = files.read_text(path)
    except DamagedError:
        raise
    except NetsError as error:
        raise NetsError(f"{path} cannot be read: {error}") from error
    return parse(text, path)


def parse(text: str, path: Path) -> list[Row]:
    """`read_csv` for the text of the file."""
    if text.strip() and not text.endswith("\n"):
        raise DamagedError(f"{path} ends within a row: it is cut")
    try:
        head, *lines = list(csv.reader(io.StringIO(text, newline=""), strict=True)) or [[]]
        if len(set(head)) < len(head):
            raise ValueError("two columns have one name")
        for name in head:
            _check(name)
        return [dict(zip(head, map(_value, line), strict=True)) for line in lines if line]
    except (csv.Error, ValueError, NetsError) as error:
        raise DamagedError(f"{path} is damaged ({error})") from error


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    _check(text)
    return text or math.nan
