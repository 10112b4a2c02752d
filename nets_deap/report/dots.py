"""A chart of means with their intervals, one below another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nets_deap.report.charts import COLORS, Chart, made, new_figure, plain


@dataclass(frozen=True)
class Dot:
    """A row of `dots`: a mean with the half-width of its interval, and the single values behind it."""

    name: str
    mean: float
    half_width: float
    values: Sequence[float] = ()
    more: Sequence[Any] = field(default_factory=tuple)


def dots(title: str, rows: Sequence[Dot], unit: str, head: Sequence[str] = (), zero: bool = False) -> Chart:
    """Means with intervals, one below another.

    head: of what each row tells besides; zero: draw a line at 0
    """
    figure = new_figure(unit, "", height=90 + 34 * len(rows))
    names = [plain(row.name) for row in rows]
    single = [(name, value) for name, row in zip(names, rows, strict=True) for value in row.values]
    if single:
        figure.add_scatter(
            y=[name for name, _ in single],
            x=[value for _, value in single],
            mode="markers",
            name="one seed",
            marker={"color": COLORS[5], "size": 7, "opacity": 0.6},
            hovertemplate="%{x:.5~g}<extra>%{y}</extra>",
        )
    half = [0 if math.isnan(row.half_width) else row.half_width for row in rows]
    figure.add_scatter(
        y=names,
        x=[row.mean for row in rows],
        error_x={"type": "data", "array": half, "thickness": 2, "width": 5},
        mode="markers",
        name="mean and 95 % interval",
        marker={"color": COLORS[0], "size": 10, "symbol": "diamond"},
        customdata=half,
        hovertemplate="%{x:.5~g} ± %{customdata:.3~g}<extra>%{y}</extra>",
    )
    figure.update_layout(showlegend=bool(single))
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    if zero:
        figure.add_vline(x=0, line={"color": "#888888", "width": 1.5, "dash": "dot"})
    cells = [[row.name, row.mean, row.half_width, *row.more] for row in rows]
    told = "; ".join(f"{row.name}: {row.mean:.4g} ± {row.half_width:.2g}" for row in rows[:12])
    return made(title, f"{title}, {unit}. {told}.", figure, ["", f"mean, {unit}", "± 95 %", *head], cells)
