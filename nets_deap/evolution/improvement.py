"""When an evolution last became better. It imports nothing, so that a run can be looked at in a moment."""

from __future__ import annotations

from nets_deap.util.tables import Row


def last_improvement(logbook: list[Row], since: int = 0) -> int:
    """The last generation that improved the best fitness; generations before `since` do not count."""
    best, when = float("inf"), since
    for row in logbook[since:]:
        if row["fitness_min"] < best:
            best, when = row["fitness_min"], int(row["gen"])
    return when
