"""Statistics over trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ERROR = 0.05  # the share of intervals that may miss what they estimate


class Interval(NamedTuple):
    """A mean and the half-width of its 95 % t-interval; NaN for a single value."""

    mean: float
    half_width: float


class Paired(NamedTuple):
    """The mean of paired differences, the half-width of its 95 % t-interval, and the two-sided p-value."""

    mean: float
    half_width: float
    p_value: float


def mean_interval(values: Sequence[float], *, looks: int = 1) -> Interval:
    """Mean and 95 % t-interval of independent values, or of paired differences.

    looks: how often the values may be looked at, as more of them come, before one look is the last. Each look
        gets an equal part of the 5 % (Bonferroni's inequality; as alpha spending, Lan & DeMets 1983, with a
        function of equal steps). So the intervals of all looks hold together with at least 95 %, and the one
        at the last look does, whatever rule has chosen it. This costs width: with three looks and many values
        the interval is wider by 22 %.
    """
    from scipy import stats

    quantile = 1 - ERROR / looks / 2
    half_width = stats.sem(values) * stats.t.ppf(quantile, len(values) - 1) if len(values) > 1 else np.nan
    return Interval(float(np.mean(values)), float(half_width))


def paired_difference(ours: Sequence[float], theirs: Sequence[float], *, looks: int = 1) -> Paired:
    """Paired t-test of ours − theirs. If all differences are equal, p is 1 (all are zero) or 0.

    looks: as for `mean_interval`; p is then the t-test's times their number, and at most 1
    """
    from scipy import stats

    differences = np.subtract(ours, theirs)
    mean, half_width = mean_interval(list(differences), looks=looks)
    if np.ptp(differences) == 0:
        return Paired(mean, half_width, float(mean == 0))
    return Paired(mean, half_width, min(1.0, looks * float(stats.ttest_rel(ours, theirs).pvalue)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, corrected so that the chance of any false finding stays below the
    level at which one reads them (Holm 1979, "A simple sequentially rejective multiple test procedure").

    The i-th smallest of m is multiplied by m − i + 1; none becomes smaller than one before it,
    or more than 1.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    corrected = np.minimum(1, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    return [float(p) for p in corrected[np.argsort(order)]]
