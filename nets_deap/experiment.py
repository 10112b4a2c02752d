"""Statistics over trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A mean and the half-width of its 95 % t-interval; NaN for a single value."""

    mean: float
    half_width: float


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % t-interval of independent values, or of paired differences."""
    from scipy import stats

    half_width = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1) if len(values) > 1 else np.nan
    return Interval(float(np.mean(values)), float(half_width))
