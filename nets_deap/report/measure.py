"""The metric of folders: what it is called, and its unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nets_deap.report.held import Held


@dataclass(frozen=True)
class Measure:
    """name: of the metric. Accuracies are shown in per cent, others as they are."""

    name: str

    @property
    def share(self) -> bool:
        return self.name in ("accuracy", "balanced-accuracy")

    @property
    def title(self) -> str:
        return self.name[:1].upper() + self.name[1:]

    @property
    def scale(self) -> float:
        return 100.0 if self.share else 1.0

    @property
    def axis(self) -> str:
        return f"{self.name}, %" if self.share else self.name

    def shown(self, value: float) -> str:
        return f"{100 * value:.2f} %" if self.share else f"{value:.4g}"


def measure_of(helds: Sequence[Held]) -> Measure:
    """The metric that the tickets were measured by; "metric" if they differ."""
    names = dict.fromkeys(
        str(ticket.architecture.criterion.metric) for held in helds for ticket in held.tickets.values()
    )
    names |= {
        str(held.config["metric"]): None for held in helds if not held.tickets and held.config.get("metric")
    }
    return Measure(next(iter(names), "accuracy") if len(names) <= 1 else "metric")
