"""Tables as CSV: lists of rows with the same keys."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nets_deap.util import files
from nets_deap.util.errors import NetsError

Row = dict[str, Any]


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows with the same keys; floats in full precision."""
    import pandas as pd

    files.write_text(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def read_csv(path: Path) -> list[Row]:
    """The rows that `write_csv` wrote, with exactly the same numbers; missing values are NaN.

    Raises NetsError for a file that cannot be read.
    """
    try:
        with path.open(newline="") as file:
            return [
                {key: _value(text) for key, text in row.items()} for row in csv.DictReader(file, strict=True)
            ]
    except (OSError, TypeError, csv.Error, UnicodeDecodeError) as error:
        raise NetsError(f"{path} cannot be read: {error}") from error


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or math.nan
