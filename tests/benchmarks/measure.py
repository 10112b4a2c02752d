"""Timing in turns, and rows of a table: what is compared is measured in one run, and told as a ratio."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch


class Row(NamedTuple):
    """One measurement; `ratio` says what `of` it is compared with, or is empty."""

    what: str
    value: float
    unit: str
    ratio: float | str = ""
    of: str = ""


def medians(repeats: int, *functions: Callable[[], object]) -> list[float]:
    """Median seconds of each function, taken in turns."""

    def seconds(function: Callable[[], object]) -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    times = [[seconds(function) for function in functions] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def machine() -> dict[str, str]:
    """What the figures depend on."""
    told = dict(tuple(map(str.strip, line.split(":", 1))) for line in reversed(_cpuinfo()) if ":" in line)
    kind = ", ".join(
        f"{key} {told[key]}".removeprefix("model name ")
        for key in ("model name", "cpu family", "model")
        if key in told
    )
    return {
        "processor": kind or platform.processor(),
        "cores": str(os.cpu_count()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "numpy": np.__version__,
        "date": date.today().isoformat(),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
