"""The metric of folders."""

from __future__ import annotations

from collections.abc import Sequence

from nets_deap.models.measure import Measure
from nets_deap.report.held import Held


def measure_of(helds: Sequence[Held]) -> Measure:
    """The metric that the tickets were measured by; "metric" if they differ."""
    names = dict.fromkeys(
        str(ticket.architecture.criterion.metric) for held in helds for ticket in held.tickets.values()
    )
    names |= {
        str(held.config["metric"]): None for held in helds if not held.tickets and held.config.get("metric")
    }
    return Measure(next(iter(names), "accuracy") if len(names) <= 1 else "metric")
