"""The lineage of the best genome, and how often the children of each operator lasted."""

from __future__ import annotations

from collections.abc import Sequence

from nets_deap.evolution.lineage import COPIED, DRAWN
from nets_deap.report.charts import COLORS, SYMBOLS, Chart, bars, made, new_figure, number, plain
from nets_deap.report.held import Held, each
from nets_deap.report.sections import Section
from nets_deap.util.tables import Row


def lineage(helds: Sequence[Held]) -> Section | None:
    charts: list[Chart] = []
    for prefix, found in each(helds, lambda held: held.found if held.found and held.found.births else None):
        charts.append(_line(found.births, f"{prefix}Ancestors of the best genome"))
        if found.survival:
            charts.append(_survival(found.survival, f"{prefix}Children that survived"))
    intro = (
        "From the genome that was drawn to the best one, clone by clone, each with the operators that "
        "changed it and its loss when it was born. A child has survived if it or a child of its own is in "
        "the population one generation later."
    )
    return Section("lineage", "Lineage", intro, charts=charts) if charts else None


def _line(births: Sequence[Row], title: str) -> Chart:
    """A point for each ancestor, with a symbol and a colour for each set of operators."""
    figure = new_figure("generation", "validation loss")
    ways = list(dict.fromkeys(str(row["by"]) for row in births))
    figure.add_scatter(
        x=[row["generation"] for row in births],
        y=[row["val_loss"] for row in births],
        mode="lines",
        line={"color": "#888888", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    for i, way in enumerate(ways):
        rows = [row for row in births if str(row["by"]) == way]
        figure.add_scatter(
            x=[row["generation"] for row in rows],
            y=[row["val_loss"] for row in rows],
            mode="markers",
            name=plain(way),
            marker={"color": COLORS[i % len(COLORS)], "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
            customdata=[[100 * row["density"], row["fitness"]] for row in rows],
            hovertemplate="generation %{x}: loss %{y:.4~g}<br>density %{customdata[0]:.4~g} %, "
            f"fitness %{{customdata[1]:.4~g}}<br>{plain(way)}<extra></extra>",
        )
    first, last = births[0], births[-1]
    changed = sum(row["by"] not in (DRAWN, COPIED) for row in births)
    says = (
        f"{title}: {len(births)} births from generation {first['generation']} to {last['generation']}, of "
        f"which operators changed {changed}. Validation loss from {number(first['val_loss'])} to "
        f"{number(last['val_loss'])}, density from {number(100 * first['density'])} to "
        f"{number(100 * last['density'])} per cent."
    )
    head = ["generation", "by", "validation loss", "density, %", "fitness", "number", "parent", "mate"]
    cells = [
        [row["generation"], row["by"], row["val_loss"], 100 * row["density"], row["fitness"]]
        + [row[key] for key in ("number", "parent", "mate")]
        for row in births
    ]
    return made(title, says, figure, head, cells, look="wide" if len(ways) > len(COLORS) else "")


def _survival(rows: Sequence[Row], title: str) -> Chart:
    names = [f"{row['operator']} ({row['survived']:,} of {row['born']:,})" for row in rows]
    shares = [100 * row["survived"] / row["born"] for row in rows]
    return bars(title, names, {"survived, %": shares}, "share of the children that it changed, %")
