"""The metric of folders that share a chart."""

from __future__ import annotations

from collections.abc import Sequence

from nets_deap.models.measure import ACCURACY, Measure
from nets_deap.report.held import Held


def measure_of(helds: Sequence[Held]) -> Measure:
    """Their metric; "metric" if they differ."""
    names = {held.measure.name for held in helds}
    return Measure(min(names, default=ACCURACY) if len(names) <= 1 else "metric")
