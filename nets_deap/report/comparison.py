"""Methods compared: accuracy against density and cost, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

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
from nets_deap.report.dots import Dot, dots
from nets_deap.report.held import Compared, Held, each
from nets_deap.report.measure import measure_of
from nets_deap.report.sections import Section, Table
from nets_deap.util.tables import Row


def comparison(helds: Sequence[Held]) -> Section | None:
    found = each(helds, lambda held: held.compared)
    if not found:
        return None
    measure = measure_of(helds)
    charts: list[Chart] = []
    tables: list[Table] = []
    for prefix, compared in found:
        rows = compared.summaries
        charts.append(
            _against(rows, "density", f"{prefix}Test {measure.name} against density", "density, %", measure)
        )
        charts.append(
            _against(
                rows,
                "cost",
                f"{prefix}Test {measure.name} against cost",
                "gradient steps of search and training",
                measure,
            )
        )
        if differing := [row for row in rows if "difference" in row]:
            charts.append(_differences(differing, prefix))
        tables.append(_summary(rows, f"{prefix}Means over seeds ± 95 % interval", measure))
    intro = (
        "Every ticket is trained to the end by the same recipe, on paired seeds; test figures are those at "
        "early stop. A p-value is that of a paired t-test, and not corrected for the number of comparisons."
    )
    return Section("comparison", "Comparison", intro, charts=charts, tables=tables)


def _against(rows: Sequence[Row], of: str, title: str, x: str, measure: Measure) -> Chart:
    """Mean metric with its interval, a series for each method, against density or cost."""
    figure = new_figure(x, f"test {measure.axis}", height=380)
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    unit = 1.0 if measure.share else 0.01  # summaries have the metric times 100
    cells = []
    for i, (method, of_it) in enumerate(by_method.items()):
        xs = [100 * row["density"] if of == "density" else _steps(row) for row in of_it]
        ys = [unit * row["test_acc"] for row in of_it]
        half = [unit * _finite(row["test_acc_half_width"]) for row in of_it]
        figure.add_scatter(
            x=xs,
            y=ys,
            error_y={"type": "data", "array": half, "thickness": 1.5},
            name=plain(method),
            mode="lines+markers" if of == "density" else "markers",
            customdata=half,
            line={"color": COLORS[i % 6], "width": 1.5},
            marker={"size": 9, "symbol": SYMBOLS[i % 7], "color": COLORS[i % 6]},
            hovertemplate="%{x:.4~g}: %{y:.4~g} ± %{customdata:.2~g}",
        )
        cells += [
            [method, float(place), value, width] for place, value, width in zip(xs, ys, half, strict=True)
        ]
    logarithmic(figure, "xaxis", [cell[1] for cell in cells])
    best = max(cells, key=lambda cell: cell[2])
    says = (
        f"{title}. {len(by_method)} methods; the greatest mean is {number(best[2])}, of {best[0]} at {x} "
        f"{number(best[1])}."
    )
    return made(title, says, figure, ["method", x, f"test {measure.axis}", "± 95 %"], cells)


def _steps(row: Row) -> float:
    return float(row["search_gradient_steps"]) + float(row["train_gradient_steps"])


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _differences(rows: Sequence[Row], prefix: str) -> Chart:
    told = [
        Dot(
            f"{row['method']}, {100 * row['asked']:g} %",
            row["difference"],
            row["difference_half_width"],
            more=[row["paired_with"], row["p_value"]],
        )
        for row in rows
    ]
    title = f"{prefix}Paired difference in test metric"
    against = " or ".join(dict.fromkeys(str(row["paired_with"]) for row in rows))
    return dots(title, told, f"points better than {against}", ["against", "p"], zero=True)


def _summary(rows: Sequence[Row], title: str, measure: Measure) -> Table:
    head = [
        "method",
        f"test {measure.name}, × 100",
        "better by, points",
        "p",
        "asked, %",
        "density, %",
        "seeds",
        "search steps",
        "training steps",
    ]
    cells = [
        [
            str(row["method"]),
            _interval(row["test_acc"], row["test_acc_half_width"]),
            f"{row['difference']:+.2f} ± {row['difference_half_width']:.2f}".replace("-", "−")
            if "difference" in row
            else "",
            f"{row['p_value']:.2g}" if "p_value" in row else "",
            f"{100 * row['asked']:g}",
            f"{100 * row['density']:.3g}",
            str(row["seeds"]),
            f"{row['search_gradient_steps']:,.0f}",
            f"{row['train_gradient_steps']:,.0f}",
        ]
        for row in rows
    ]
    return Table(title, head, cells)


def _interval(mean: float, half: float) -> str:
    return f"{mean:.2f}" if math.isnan(half) else f"{mean:.2f} ± {half:.2f}"


def times(compared: Compared) -> dict[str, tuple[float, float]]:
    """Method and density -> mean seconds of search and of training."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in compared.trials:
        key = f"{row['method']}, {100 * row['asked']:g} %"
        found.setdefault(key, []).append((row["search_seconds"], row["train_seconds"]))
    return {
        key: (float(np.nanmean([s for s, _ in of_it])), float(np.nanmean([t for _, t in of_it])))
        for key, of_it in found.items()
    }
