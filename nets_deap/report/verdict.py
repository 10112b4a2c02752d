"""A ticket beside its dense network and controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nets_deap.experiments.verdict import TICKET
from nets_deap.models.measure import Measure
from nets_deap.report.charts import (
    Chart,
)
from nets_deap.report.dots import Dot, dots
from nets_deap.report.held import Held, Judged, each
from nets_deap.report.sections import Section, Table
from nets_deap.util.statistics import mean_interval, paired_difference
from nets_deap.util.tables import Row

HELD = {True: "yes", False: "no", None: "undecided"}


def verdict(helds: Sequence[Held]) -> Section | None:
    """The ticket beside its dense network and controls, and what follows."""
    found = each(helds, lambda held: (held.judged, held.measure) if held.judged else None)
    if not found:
        return None
    charts: list[Chart] = []
    tables: list[Table] = []
    for prefix, (judged, measure) in found:
        charts += _of_verdict(judged, prefix, measure)
        if judged.told:
            rows = [[name, HELD[holds]] for name, holds in judged.told["conditions"].items()]
            rows.append(["verdict", str(judged.told["verdict"])])
            tables.append(Table(f"{prefix}Is it a winning ticket?", ["The ticket …", ""], rows))
    intro = (
        "The ticket, its dense network and controls are trained identically, with several seeds. Each "
        "condition is judged by the 95 % interval of the paired differences."
    )
    return Section("verdict", "Verdict", intro, charts=charts, tables=tables)


def _of_verdict(judged: Judged, prefix: str, measure: Measure) -> list[Chart]:
    names = dict.fromkeys(str(row["network"]) for row in judged.rows)
    by_name = {name: {row["seed"]: row for row in judged.rows if row["network"] == name} for name in names}

    def dot(name: str, key: str, scale: float) -> Dot:
        values = [scale * row[key] for row in by_name[name].values()]
        told = mean_interval(values)
        return Dot(name, told.mean, told.half_width, values)

    charts = [
        dots(
            f"{prefix}Test {measure.name} at early stop",
            [dot(name, "test_acc", measure.scale) for name in names],
            measure.axis,
        ),
        dots(f"{prefix}Early stop", [dot(name, "early_stop_iteration", 1) for name in names], "iterations"),
    ]
    differences = _beside(by_name, measure)
    if differences:
        title = f"{prefix}Ticket compared with each"
        charts.append(dots(title, differences, f"{measure.points} better than it", ["p"], zero=True))
    return charts


def _beside(by_name: Mapping[str, Mapping[int, Row]], measure: Measure) -> list[Dot]:
    """The ticket's paired difference to every other network, on common seeds."""
    ours, told = by_name.get(TICKET, {}), []
    for name, theirs in by_name.items():
        seeds = sorted(ours.keys() & theirs.keys())
        if name != TICKET and len(seeds) >= 2:
            values = ([measure.scale * part[seed]["test_acc"] for seed in seeds] for part in (ours, theirs))
            difference = paired_difference(*values)
            better = measure.better(difference.mean)
            told.append(Dot(name, better, difference.half_width, more=[difference.p_value]))
    return told
