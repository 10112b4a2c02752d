"""The Pareto fronts of runs with two objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nets_deap.report.charts import (
    COLORS,
    SYMBOLS,
    logarithmic,
    made,
    new_figure,
    number,
    plain,
)
from nets_deap.report.held import Held
from nets_deap.report.measure import measure_of
from nets_deap.report.portraits import mask_charts
from nets_deap.report.sections import Group, Section


def front(helds: Sequence[Held]) -> Section | None:
    """The Pareto fronts, and the masks of the ticket at each point."""
    found = [held for held in helds if held.found and held.found.front]
    if not found:
        return None
    figure = new_figure("density, %", "validation loss", height=380)
    groups: list[Group] = []
    rows: list[list[Any]] = []
    for place, held in enumerate(found):
        assert held.found
        points = held.found.front
        names = [f"{held.label}/{name}" for name, _, _ in points]
        x, y = [100 * row["density"] for _, row, _ in points], [row["val_loss"] for _, row, _ in points]
        figure.add_scatter(
            x=x,
            y=y,
            name=plain(held.label),
            mode="lines+markers",
            customdata=[len(groups) + i for i in range(len(names))],
            line={"shape": "hv", "color": COLORS[place % 6], "width": 1.5},
            showlegend=len(found) > 1,
            marker={"size": 10, "symbol": SYMBOLS[place % 7]},
            text=[plain(name) for name in names],
            hovertemplate="%{text}<br>density %{x:.4~g} %, loss %{y:.4~g}<extra></extra>",
        )
        groups += [
            Group(name, mask_charts(ticket)) for name, (_, _, ticket) in zip(names, points, strict=True)
        ]
        rows += [
            [name, 100 * row["density"], row["val_loss"], 100 * row["val_acc"]]
            for name, (_, row, _) in zip(names, points, strict=True)
        ]
    logarithmic(figure, "xaxis", [row[1] for row in rows])
    best = min(rows, key=lambda row: row[2])
    says = (
        f"Pareto front of {len(rows)} tickets: validation loss against density. Densities from "
        f"{number(rows[0][1])} to {number(rows[-1][1])} per cent; least loss {number(best[2])} at "
        f"{number(best[1])} per cent."
    )
    head = ["ticket", "density, %", "validation loss", f"{measure_of(helds).name}, × 100"]
    chart = made(
        "Validation loss against density", says, figure, head, rows, "Choose a point to see its ticket."
    )
    intro = (
        "Each point is a ticket: none has both less density and less loss. Losses are those after the brief "
        "training."
    )
    return Section("front", "Pareto front", intro, charts=[chart], groups=groups, picks="Ticket at the point")
