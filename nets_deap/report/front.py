"""The Pareto fronts of runs with two objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nets_deap.models.measure import Measure
from nets_deap.report.charts import (
    COLORS,
    SYMBOLS,
    Chart,
    logarithmic,
    made,
    new_figure,
    number,
    plain,
)
from nets_deap.report.held import Held
from nets_deap.report.measure import measure_of
from nets_deap.report.portraits import mask_charts
from nets_deap.report.reading import UNTRAINED
from nets_deap.report.sections import Group, Section


class Against(NamedTuple):
    """The objective of a front besides the validation loss.

    column: in front.csv, shown times `scale`; name: of the axis, and short: in a text; unit: behind a figure
    """

    column: str
    name: str
    short: str
    scale: float = 1.0
    unit: str = ""


DENSITY = Against("density", "density, %", "density", 100.0, " %")
LOSS = Against(UNTRAINED, "validation loss, untrained", "untrained loss")


def front(helds: Sequence[Held]) -> Section | None:
    """The Pareto fronts, a chart for each kind, and the masks of the ticket at each point."""
    found = [held for held in helds if held.found and held.found.front]
    if not found:
        return None
    groups: list[Group] = []
    charts = []
    for against in (DENSITY, LOSS):
        if those := [held for held in found if _against(held) == against]:
            charts.append(_chart(those, against, measure_of(helds), groups))
    intro = (
        "Each point is a ticket: none is better by both axes. The validation loss is that after the brief "
        "training."
    )
    return Section("front", "Pareto front", intro, charts=charts, groups=groups, picks="Ticket at the point")


def _against(held: Held) -> Against:
    assert held.found
    return LOSS if UNTRAINED in held.found.front[0][1] else DENSITY


def _chart(found: Sequence[Held], against: Against, measure: Measure, groups: list[Group]) -> Chart:
    """The fronts of one kind; their tickets are added to `groups`."""
    figure = new_figure(against.name, "validation loss", height=380)
    rows: list[list[Any]] = []
    for place, held in enumerate(found):
        assert held.found
        points = held.found.front
        names = [f"{held.label}/{name}" for name, _, _ in points]
        x = [against.scale * row[against.column] for _, row, _ in points]
        figure.add_scatter(
            x=x,
            y=[row["val_loss"] for _, row, _ in points],
            name=plain(held.label),
            mode="lines+markers",
            customdata=[len(groups) + i for i in range(len(names))],
            line={"shape": "hv", "color": COLORS[place % 6], "width": 1.5},
            showlegend=len(found) > 1,
            marker={"size": 10, "symbol": SYMBOLS[place % 7]},
            text=[plain(name) for name in names],
            hovertemplate=f"%{{text}}<br>{against.short} %{{x:.4~g}}{against.unit}, loss %{{y:.4~g}}"
            "<extra></extra>",
        )
        groups += [
            Group(name, mask_charts(ticket)) for name, (_, _, ticket) in zip(names, points, strict=True)
        ]
        for name, value, (_, row, _) in zip(names, x, points, strict=True):
            rows.append([name, value, row["val_loss"], measure.scale * row["val_acc"]])
            if against is LOSS:
                rows[-1] += [measure.scale * row["untrained_acc"], 100 * row["density"]]
    head = ["ticket", against.name, "validation loss", f"validation {measure.axis}"]
    if against is DENSITY:
        logarithmic(figure, "xaxis", [row[1] for row in rows])
    else:
        head += [f"untrained {measure.axis}", "density, %"]
    title = f"Validation loss against {against.short}"
    says = _says(title, rows, against)
    return made(title, says, figure, head, rows, "Choose a point to see its ticket.")


def _says(title: str, rows: Sequence[Sequence[Any]], against: Against) -> str:
    best = min(rows, key=lambda row: row[2])
    least, most = min(row[1] for row in rows), max(row[1] for row in rows)
    return (
        f"Pareto front of {len(rows)} tickets: {title[0].lower() + title[1:]}, from {number(least)} to "
        f"{number(most)}{against.unit}; least loss {number(best[2])} at {number(best[1])}{against.unit}."
    )
