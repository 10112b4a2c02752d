"""Charts for the page: Plotly draws them there, and each has its figures in words and as a table, too."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe & Ito's colours, which the colour-blind tell apart; those that show on white and on black, first the
# darker ones. Dashes and symbols tell series apart without any colour.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
SCALE = "Cividis"
MANY = 6  # series, from which on a chart is wide
MOST_POINTS, MOST_ROWS = 2000, 200  # of a line in a chart; of a table beside it
MOST_CELLS = 16  # of a picture's table, each way


@dataclass(frozen=True)
class Chart:
    """title: above it; says: its main figures in words; figure: JSON for Plotly
    head, rows: its figures as a table; note: what else to know, in a sentence
    height: in pixels; look: wide (a row of its own), square, or neither
    """

    title: str
    says: str
    figure: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    height: int = 300
    look: str = ""


@dataclass(frozen=True)
class Line:
    """A series.

    low, high: a band around it; color, dash: places in COLORS and DASHES; faint: of the background
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    color: int = 0
    dash: int = 0
    faint: bool = False


def plain(text: object) -> str:
    """Text as Plotly shows it, which reads some HTML and some TeX in it."""
    return html.escape(str(text), quote=False).replace("$", "&#36;")


def number(value: Any) -> str:
    """A cell of a table."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def thinned(length: int, most: int) -> np.ndarray:
    """At most so many of 0 … length − 1, evenly spread, with both ends."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int))


def new_figure(x: str = "", y: str = "", height: int = 300, **layout: Any) -> Figure:
    """An empty figure; the page adds the colours of its scheme."""
    from plotly.graph_objects import Figure

    axes = {"xaxis_title_text": x, "yaxis_title_text": y}
    margin = {"l": 56, "r": 12, "t": 8, "b": 44}
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    return Figure(
        layout={"template": "none", "height": height, "margin": margin, "legend": legend} | axes | layout
    )


def made(
    title: str,
    says: str,
    figure: Figure,
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    note: str = "",
    look: str = "",
) -> Chart:
    """A chart whose table is thinned to MOST_ROWS."""
    chosen = list(thinned(len(rows), MOST_ROWS)) if rows else []
    if len(chosen) < len(rows):
        note = f"{note} The table has {len(chosen)} of {len(rows):,} rows.".strip()
    cells = [[number(value) for value in rows[i]] for i in chosen]
    return Chart(title, says, figure.to_json(), list(head), cells, note, figure.layout.height, look)


def logarithmic(figure: Figure, axis: str, values: Sequence[float]) -> None:
    """Make an axis logarithmic, with labels that do not overlap: at 1, 2, 5, or if they span much at 1."""
    positive = [value for value in values if value > 0]
    span = math.log10(max(positive) / min(positive)) if positive else 0
    form = "~s" if positive and max(positive) >= 1000 else "~g"
    figure.update_layout({axis: {"type": "log", "dtick": "D2" if span < 2 else 1, "tickformat": form}})


def lines(title: str, x: str, y: str, series: Sequence[Line], log: bool = False) -> Chart:
    """Curves over the same quantity; a line of a single point has a marker."""
    wide = len(series) > MANY
    figure = new_figure(x, y, 420 if wide else 300, hovermode="x unified", hoverdistance=-1)
    if log:
        logarithmic(figure, "yaxis", [value for line in series for value in line.y])
    if all(float(place).is_integer() for line in series for place in line.x):
        figure.update_xaxes(dtick=1 if max((max(line.x) for line in series), default=0) <= 10 else None)
    note = ""
    for line in series:
        chosen = thinned(len(line.x), MOST_POINTS)
        if len(chosen) < len(line.x):
            note = f"{len(chosen):,} of {len(line.x):,} points are drawn."
        xs, ys = np.asarray(line.x, float)[chosen], np.asarray(line.y, float)[chosen]
        color = COLORS[line.color % len(COLORS)]
        if line.low is not None and line.high is not None:
            band(figure, xs, np.asarray(line.low, float)[chosen], np.asarray(line.high, float)[chosen], color)
        figure.add_scatter(
            x=xs,
            y=ys,
            name=plain(line.name),
            mode="lines" if len(xs) > 1 else "markers",
            line={
                "color": color,
                "width": 1.3 if line.faint else 2.2,
                "dash": DASHES[line.dash % len(DASHES)],
            },
            opacity=0.8 if line.faint else 1,
            hovertemplate="%{y:.5~g}",
            showlegend=len(series) > 1,
        )
    says = f"{title} against {x}. " + " ".join(map(_told, series))
    return made(
        title,
        says,
        figure,
        [x, *(line.name for line in series)],
        _joined(series),
        note,
        "wide" if wide else "",
    )


def band(figure: Figure, x: np.ndarray, low: np.ndarray, high: np.ndarray, color: str) -> None:
    """The area between two curves. color: #rrggbb"""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        mode="none",
        fillcolor=f"rgba({red},{green},{blue},0.18)",
        hoverinfo="skip",
        showlegend=False,
    )


def _told(line: Line) -> str:
    values = np.asarray(line.y, float)
    values = values[np.isfinite(values)]
    if not values.size:
        return f"{line.name}: no values."
    first, last = number(float(values[0])), number(float(values[-1]))
    span = f"least {number(float(values.min()))}, greatest {number(float(values.max()))}"
    return f"{line.name}: from {first} to {last}, {span}."


def _joined(series: Sequence[Line]) -> list[list[Any]]:
    """x, and each line's value there."""
    found: dict[float, list[Any]] = {}
    for i, line in enumerate(series):
        for x, y in zip(line.x, line.y, strict=True):
            found.setdefault(x, [""] * len(series))[i] = y
    return [[x, *found[x]] for x in sorted(found)]


def heatmap(
    title: str,
    matrix: np.ndarray,
    what: str,
    axes: tuple[str, str],
    shape: tuple[int, int],
    says: str,
    square: bool = False,
) -> Chart:
    """A picture of a matrix float[rows, columns]; what: the quantity and its unit.

    axes: what columns and rows are; shape: how many of these there are, which may share a row or a column
    """
    (x, y), (height, width) = axes, matrix.shape
    figure = new_figure(x, y, height=360 if square else 300)
    figure.add_heatmap(
        z=matrix.astype(np.float32),
        x0=(shape[1] / width - 1) / 2,
        dx=shape[1] / width,
        y0=(shape[0] / height - 1) / 2,
        dy=shape[0] / height,
        colorscale=SCALE,
        zmin=0,
        zmax=float(matrix.max()) or 1.0,
        colorbar={"title": {"text": what, "side": "right"}, "thickness": 12},
        hovertemplate=f"{x} %{{x:.0f}}, {y} %{{y:.0f}}<br>{what}: %{{z:.4~g}}<extra></extra>",
    )
    axis = {"showgrid": False, "zeroline": False}
    figure.update_xaxes(**axis, constrain="domain")
    figure.update_yaxes(
        **axis, autorange="reversed", **({"scaleanchor": "x", "constrain": "domain"} if square else {})
    )
    lines, columns = thinned(len(matrix), MOST_CELLS), thinned(matrix.shape[1], MOST_CELLS)
    note = ""
    if matrix.size > lines.size * columns.size:
        note = f"The table has {lines.size} × {columns.size} of {len(matrix)} × {matrix.shape[1]} cells."
    rows = [[str(i), *(round(float(matrix[i, j]), 3) for j in columns)] for i in lines]
    return made(
        title, says, figure, [f"{y} \\ {x}", *map(str, columns)], rows, note, "square" if square else ""
    )


def bars(title: str, names: Sequence[str], values: Mapping[str, Sequence[float]], unit: str) -> Chart:
    """Horizontal bars, name by name; those of several kinds of values are stacked."""
    figure = new_figure(unit, "", height=90 + 30 * len(names), barmode="stack", bargap=0.4)
    for i, (kind, of_it) in enumerate(values.items()):
        figure.add_bar(
            y=[plain(name) for name in names],
            x=list(of_it),
            name=plain(kind),
            orientation="h",
            marker_color=COLORS[i % len(COLORS)],
            hovertemplate="%{y}: %{x:.4~g}",
            showlegend=len(values) > 1,
            texttemplate="%{x:.3~g}" if len(values) == 1 else None,
            textposition="outside",
            cliponaxis=False,
        )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    if len(values) == 1:  # room for the figures beside the bars
        figure.update_xaxes(range=[0, 1.18 * max((max(of_it) for of_it in values.values()), default=1) or 1])
    rows = [[name, *(of_it[i] for of_it in values.values())] for i, name in enumerate(names)]
    listed = "; ".join(f"{row[0]}: {', '.join(number(value) for value in row[1:])}" for row in rows[:12])
    return made(title, f"{title}, {unit}. {listed}.", figure, ["", *values], rows)
