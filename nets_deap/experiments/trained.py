"""The summary that a training of a ticket leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nets_deap.util import digests
from nets_deap.util.schema import Number, checked


class _Figures(BaseModel):
    density: Number
    early_stop_iteration: Number
    test_loss: Number | None  # None: the training diverged
    test_acc: Number
    final_test_acc: Number


class _Summary(BaseModel):
    training: str
    ticket: _Figures
    random: list[_Figures] = []


def read_summary(path: Path) -> dict[str, Any]:
    """The values in a training's summary.json. Raises NetsError if it cannot be read, DamagedError if they
    are not what was written."""
    values = digests.opened(path)
    checked(_Summary, values, path)
    return values
