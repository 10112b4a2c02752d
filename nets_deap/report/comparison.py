"""Methods compared: accuracy against density and cost, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nets_deap.models.measure import Measure
from nets_deap.report.charts import (
    COLORS,
    MANY,
    SYMBOLS,
    Chart,
    band,
    logarithmic,
    made,
    new_figure,
    number,
    plain,
)
from nets_deap.report.dots import Dot, dots
from nets_deap.report.held import Compared, Held, each
from nets_deap.report.sections import Section, Table
from nets_deap.util.labels import labels
from nets_deap.util.tables import Row

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

APART, MOST_APART = 0.02, 0.16  # how far methods are drawn apart, so that their intervals do not overlap
LEGEND_ROW = 20  # pixels


def comparison(helds: Sequence[Held]) -> Section | None:
    found = each(helds, lambda held: (held.compared, held.measure) if held.compared else None)
    if not found:
        return None
    charts: list[Chart] = []
    tables: list[Table] = []
    short = False
    for prefix, (compared, measure) in found:
        metric = f"Test {measure.name} against"
        rows = compared.summaries
        named = labels(str(row["method"]) for row in rows)
        short = short or any(label != method for method, label in named.items())
        charts += [
            _against(rows, "density", f"{prefix}{metric} density", "density, %", measure, named),
            _against(
                rows,
                "cost",
                f"{prefix}{metric} cost",
                "gradient steps of search and training",
                measure,
                named,
            ),
        ]
        if differing := [row for row in rows if "difference" in row]:
            charts.append(_differences(differing, prefix, named, measure))
        tables.append(_summary(rows, f"{prefix}Means over seeds ± 95 % interval", measure))
    intro = (
        "Every ticket is trained to the end by the same recipe, on paired seeds; test figures are those at "
        "early stop. p is that of a paired t-test, and p (Holm) is corrected for all tests of the comparison."
        + (" Charts have the names of the methods shortened; the table has all of their options." * short)
    )
    return Section("comparison", "Comparison", intro, charts=charts, tables=tables)


def _against(
    rows: Sequence[Row], of: str, title: str, x: str, measure: Measure, named: Mapping[str, str]
) -> Chart:
    """Mean metric with its interval, a series for each method, against density or cost.

    Against density, a method that prunes nothing is a line across, unless there are no others, or its figures
    differ with the density of the ticket that it is made from.
    """
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    many = len(by_method) > MANY
    figure = new_figure(x, f"test {measure.axis}", height=380 + many * LEGEND_ROW * len(by_method))
    figure.update_layout(legend_maxheight=LEGEND_ROW * (1 + len(by_method)))
    pruned = [100 * row["density"] for row in rows if row["density"] < 1 and of == "density"]
    cells: list[list[Any]] = []
    across: list[list[Any]] = []
    for i, (method, of_it) in enumerate(by_method.items()):
        xs = [100 * row["density"] if of == "density" else _steps(row) for row in of_it]
        ys = [measure.hundredths * row["test_acc"] for row in of_it]
        half = [measure.hundredths * _finite(row["test_acc_half_width"]) for row in of_it]
        if pruned and set(xs) == {100} and len(set(ys)) == 1:
            _across(figure, pruned, ys[0], half[0], plain(named[method]), COLORS[i % 6])
            across.append([method, 100.0, ys[0], half[0]])
            continue
        aside = 1 + min(APART, MOST_APART / len(by_method)) * (i - (len(by_method) - 1) / 2)
        figure.add_scatter(
            x=[aside * place for place in xs],
            y=ys,
            error_y={"type": "data", "array": half, "thickness": 1.5},
            name=plain(named[method]),
            mode="lines+markers" if of == "density" else "markers",
            customdata=list(zip(xs, half, strict=True)),
            line={"color": COLORS[i % 6], "width": 1.5},
            marker={"size": 9, "symbol": SYMBOLS[i % 7], "color": COLORS[i % 6]},
            hovertemplate="%{customdata[0]:.4~g}: %{y:.4~g} ± %{customdata[1]:.2~g}",
        )
        cells += [
            [method, float(place), value, width] for place, value, width in zip(xs, ys, half, strict=True)
        ]
    logarithmic(figure, "xaxis", [cell[1] for cell in cells])
    cells += across
    best = measure.best(cells, lambda cell: float(cell[2]))
    which = (
        f"the best mean is {number(best[2])}, of {best[0]} at {x} {number(best[1])}"
        if best
        else "all diverged"
    )
    says = f"{title}. {len(by_method)} methods; {which}."
    head = ["method", x, f"test {measure.axis}", "± 95 %"]
    note = (
        "Methods are drawn a little apart" + "; one that prunes nothing is a line across" * bool(across) + "."
    )
    return made(title, says, figure, head, cells, note, look="wide" if many else "")


def _across(figure: Figure, xs: Sequence[float], y: float, half_width: float, name: str, color: str) -> None:
    """A line over a little more than these places, with its interval as a band."""
    places = np.geomspace(0.8 * min(xs), 1.2 * max(xs), 25)  # to point at
    band(figure, places, np.full(25, y - half_width), np.full(25, y + half_width), color)
    figure.add_scatter(
        x=places,
        y=np.full(25, y),
        name=name,
        mode="lines",
        line={"color": color, "width": 1.5, "dash": "dash"},
        hovertemplate=f"nothing pruned: %{{y:.4~g}} ± {half_width:.2g}",
    )


def _steps(row: Row) -> float:
    return float(row["search_gradient_steps"]) + float(row["train_gradient_steps"])


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _differences(rows: Sequence[Row], prefix: str, named: Mapping[str, str], measure: Measure) -> Chart:
    told = [
        Dot(
            f"{named[row['method']]}, {100 * row['asked']:g} %",
            measure.hundredths * measure.better(row["difference"]),
            measure.hundredths * row["difference_half_width"],
            more=[row["paired_with"], row["p_value"]],
        )
        for row in rows
    ]
    title = f"{prefix}Paired difference in test metric"
    against = " or ".join(
        dict.fromkeys(named.get(str(row["paired_with"]), str(row["paired_with"])) for row in rows)
    )
    return dots(title, told, f"{measure.points} better than {against}", ["against", "p"], zero=True)


def _summary(rows: Sequence[Row], title: str, measure: Measure) -> Table:
    head = [
        "method",
        f"test {measure.axis}",
        f"better by, {measure.points}",
        "p",
        "p (Holm)",
        "asked, %",
        "density, %",
        "seeds",
        "search steps",
        "training steps",
    ]
    cells = [
        [
            str(row["method"]),
            measure.between(row["test_acc"], row["test_acc_half_width"]).replace("-", "−"),
            _better(row, measure),
            _p(row, "p_value"),
            _p(row, "p_holm"),
            f"{100 * row['asked']:g}",
            f"{100 * row['density']:.3g}",
            str(row["seeds"]),
            f"{row['search_gradient_steps']:,.0f}",
            f"{row['train_gradient_steps']:,.0f}",
        ]
        for row in rows
    ]
    return Table(title, head, cells)


def _better(row: Row, measure: Measure) -> str:
    if "difference" not in row:
        return ""
    told = measure.between(measure.better(row["difference"]), row["difference_half_width"], "+")
    return told.replace("-", "−")


def _p(row: Row, column: str) -> str:
    return f"{row[column]:.2g}" if column in row else ""


def times(compared: Compared) -> dict[str, tuple[float, float]]:
    """A method's short name and density -> mean seconds of search and of training."""
    found: dict[str, list[tuple[float, float]]] = {}
    named = labels(str(row["method"]) for row in compared.trials)
    for row in compared.trials:
        key = f"{named[row['method']]}, {100 * row['asked']:g} %"
        found.setdefault(key, []).append((row["search_seconds"], row["train_seconds"]))
    return {
        key: (float(np.nanmean([s for s, _ in of_it])), float(np.nanmean([t for _, t in of_it])))
        for key, of_it in found.items()
    }
