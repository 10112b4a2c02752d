"""Statistics over trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A mean and the half-width of its 95 % t-interval; NaN for a single value."""

    mean: float
    half_width: float


class Paired(NamedTuple):
    """The mean of paired differences, the half-width of its 95 % t-interval, and the two-sided p-value."""

    mean: float
    half_width: float
    p_value: float


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % t-interval of independent values, or of paired differences."""
    from scipy import stats

    half_width = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1) if len(values) > 1 else np.nan
    return Interval(float(np.mean(values)), float(half_width))


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Paired:
    """Paired t-test of ours − theirs. If all differences are equal, p is 1 (all are zero) or 0."""
    from scipy import stats

    differences = np.subtract(ours, theirs)
    mean, half_width = mean_interval(list(differences))
    if np.ptp(differences) == 0:
        return Paired(mean, half_width, float(mean == 0))
    return Paired(mean, half_width, float(stats.ttest_rel(ours, theirs).pvalue))
